// Package reference makes the reference of the configuration and of the
// command line out of the tables that the program itself works with: pages
// for the repository, manual pages in mdoc, text for a terminal, completion
// for shells.
//
// Every function depends on its arguments and on the tables alone and writes
// to nothing but the writer it is given. The generated files are checked in;
// tests compare them, and rewrite them with -update.
package reference
