// Package fsm is the Virtual Router Redundancy Protocol as a pure function.
//
// A [Group] is a sync group of instances; an instance alone is a group of one.
// [Group.Step] takes the time and one event and returns, in the order in which
// they are to be done, the actions that follow. [Group.Wake] tells when the
// group next wants a [Tick]. That is all: the package reads no clock, opens
// nothing, starts nothing and prints nothing, so that the daemon, the
// simulator and recorded traces run the same code.
//
// Guarantees:
//   - One goroutine owns a Group. Nothing in it is safe for concurrent use.
//   - The slice that Step returns, and what its pointers point to, are valid
//     until the next call of Step.
//   - A Step in a steady state (an advert heard while Backup, an advert due
//     while Master) allocates nothing.
//   - Addresses are held if and only if the instance is Master: every change to
//     Master carries exactly one [AddAddresses], every change from it exactly
//     one [RemoveAddresses]; only [Stop] with Keep leaves them. A Master may ask
//     for them again, to put back what was lost or to bring what a reload added.
//   - The states that [StateChanged] reports form a chain: each From is the To
//     before it, and Init at the start. The same holds for [PriorityChanged],
//     from the configured priority at the start, and for [GroupChanged], with
//     two exceptions taken from keepalived: a group that a reload forms of
//     Masters is Master without a report, and a hand-over under
//     Spec.StrictCompat is not reported by the group but for its end.
//   - After a Tick, Wake is later than the time of that Tick.
//   - An advert that was rejected changes counters and nothing else. In
//     particular it never restarts a Master's advert timer.
//
// Sources: RFC 9568 (version 3), RFC 3768 (version 2). In interfaces the state
// names are keepalived's MASTER and BACKUP; RFC 9568 calls them Active and
// Backup.
package fsm
