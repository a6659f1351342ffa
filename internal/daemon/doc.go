// Package daemon joins the rooms of the house: it is the only place that knows
// the configuration, the protocol, the sockets, the kernel and the scripts.
//
// Who owns what:
//
//   - The manager goroutine ([Daemon.Run]) owns the wiring: which instances
//     there are, their sockets, trackers and source addresses. Signals, the
//     events of the kernel and the ends of reloads reach it through one queue
//     that never drops and are handled one after the other.
//   - A runner goroutine owns one fsm.Group. It takes control events first,
//     then adverts, then packets that were rejected, then its timer; before an
//     expired timer counts, it takes the adverts that already wait in the
//     kernel, so that being late ourselves never looks like a dead master.
//     Adverts are sent from this goroutine and from nowhere else.
//   - A hands goroutine for each runner does what may be slow, in the order in
//     which the state machine asked for it: addresses, then their
//     announcement, then the notification that tells of it. It reports back
//     through the runner's control queue.
//   - The keeper's goroutine writes what is remembered of authenticated adverts
//     to a file. Beside a small lock of each instance it touches nothing.
//   - The lookout's goroutine looks once a second for signs of a second master in
//     what sockets and witnesses have counted. It tells, and changes nothing.
//   - One goroutine for each socket reads packets, checks them and offers the
//     result to a runner; what does not fit the runner's mailbox is dropped and
//     counted.
//
// Nothing on the way of an advert waits for the log, a script, a dump or the
// kernel's address tables.
package daemon
