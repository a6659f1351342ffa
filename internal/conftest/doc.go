// Package conftest checks that a configuration gets the verdict here that it
// gets from keepalived: it writes configurations from a description of the
// language, gives each to the installed keepalived and to package config, and
// compares the status with which the configuration test ends.
//
// It holds tests only. Guarantees:
//
//   - A configuration depends on its seed alone, so a seed is a full report.
//   - Both programs see the same network namespace, the same files and the
//     same configuration id.
//   - A difference between the two is either named in the table of exceptions,
//     with its reason and an example that shows it, or named in the table of
//     known disagreements, or a failure of the test.
//
// Flags: -conf.n and -conf.seed choose the generated configurations,
// -conf.rounds how often each published one is mutated, -conf.show how many
// disagreements are minimised, and -conf.lines compares line by line.
package conftest
