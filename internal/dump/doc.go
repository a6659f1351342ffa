// Package dump turns a snapshot of the daemon into the files that operators and
// scripts know: keepalived.data, keepalived.stats and keepalived.json, line by
// line as keepalived 2.4 lays them out.
//
// A snapshot is plain data made by the caller and never changed here. Making the
// bytes and writing them may be done on any goroutine; a slow disk delays only
// the one that writes. Lists are printed in the order in which they are given.
// Lines of features that Holdfast does not have (LVS, health checkers, BFD,
// nftables) are left out, as by a keepalived built without them.
package dump
