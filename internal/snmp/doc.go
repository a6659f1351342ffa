// Package snmp shows VRRP instances to a master agent: the part of KEEPALIVED-MIB
// that is about VRRP, VRRP-MIB (RFC 2787) and VRRPV3-MIB (RFC 6527), with their
// notifications.
//
// Guarantees:
//
//   - The methods of [Service] never wait, except Stop, which is given a limit.
//   - What is shown is made of a [Snapshot], which the service asks for when somebody
//     wants to know something and the last one is a second old, or something has
//     been told since; but no more than a fifth of the time goes into that. It asks on a goroutine of its own; a daemon that does not
//     answer in time is shown as it was.
//   - All that is known of the wire is in package agentx.
//   - Three things of an instance can be set, as with keepalived: base priority,
//     preemption and Accept_Mode. What the master agent lets through is checked, and
//     then the daemon's to do.
package snmp
