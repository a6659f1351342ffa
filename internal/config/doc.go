// Package config reads a keepalived configuration: the lines of package
// syntax become a [Config] in which every default is filled in and every
// range and relation checked.
//
// A keyword is a row in the table of its block: name, arguments, release,
// whether Holdfast serves it, a line of documentation, an example and the
// function that sets it. There is one file per block. What else an operator
// has to know stands in the directory manual; [Keywords] and [Topics] join the
// two, and the reference pages (package reference) and the hints for misspelt
// words come from there.
//
// [Load] goes through the text the way keepalived does, because what a file
// means depends on it: first the globals of the whole file, then everything
// else, then the checks that need all of it, in a fixed order. Problems are
// collected as [Diagnostics]; they decide the status of a configuration test
// and whether the daemon may start. Load keeps no state, starts nothing and
// changes nothing; what it needs of the machine comes through [Host].
package config
