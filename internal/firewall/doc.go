// Package firewall keeps the nftables rules that a VRRP router needs: packets
// to and from addresses that a Master holds for others without being their
// owner are dropped (Accept_Mode, RFC 9568 section 6.1), and a virtual MAC
// interface is kept from speaking where only its base may.
//
// A [Firewall] takes the whole wanted state and applies the difference in one
// transaction, so that no packet ever meets half of it; asked twice for the same
// it does nothing. Its two tables, one for each family, are its own: what a run
// that crashed has left in them is replaced, and what somebody else did to them
// is repaired with the next change. [Firewall.Close] leaves nothing behind.
//
// [Image] is the pure part: what is to be in which set, as text for tests and
// logs. A Firewall belongs to one goroutine at a time; its netlink sockets belong
// to the network namespace of the calling thread.
package firewall
