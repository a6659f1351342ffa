// Package findings tells what a configuration test found, for people and for
// programs, and describes the machine a configuration is tested for.
//
// A [Report] is made once from the diagnostics and from the text of the files,
// and is not changed after that; its methods may be called at the same time.
// Everything it writes has a defined order: that of the diagnostics, which is
// the order in which keepalived would meet the problems. It writes no control
// character, no invisible character and no broken UTF-8 of a configuration,
// except as the plain text format, which is keepalived's own, and it shows no
// password.
//
// A [Description] stands for another machine, or for any machine: with it a
// configuration test gives the same result wherever it runs. Only the files of
// the configuration and the environment are taken from where it runs.
package findings
