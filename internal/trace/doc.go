// Package trace writes what happens to a group of the state machine as text,
// one line for each event and each action, reads it back, and runs it again.
//
// A trace is the header, the specification of each instance, and then the
// lines in the order of what was done:
//
//	holdfast-trace 1
//	instance name=VI_1 version=3 vrid=51 priority=100 interval=1s down-adverts=3
//	   0.000000 0 < link name=eth0 state=up
//	   0.000000 0 < source addr=192.0.2.1
//	   0.000000 * < start
//	   0.000000 0 > log text="(VI_1) Entering BACKUP STATE (init)"
//	   0.000000 0 > state from=INIT to=BACKUP priority=100 cause=start
//	   0.000000 * = wake at=3.609375
//	   3.609375 * < tick
//	   3.609375 0 > log detail text="(VI_1) Receive advertisement timeout"
//	   3.609375 0 > send priority=100 source=192.0.2.1
//
// The columns are seconds since the first event, to the microsecond or, where
// that is not exact, to the nanosecond, and not always in order: an advert
// counts from its arrival, even if it had to wait; the place of the instance in its
// group, or * for all of them; < for what happened, > for what is to be done,
// = for the group's next deadline if that has changed; and a word with its
// fields. Fields that are zero are left out. Blank lines and lines that begin
// with # are comments.
//
// Guarantees: printing and parsing are inverses, byte for byte after the first
// printing. Nothing here reads a clock. A trace begins with a group that has
// not started, so that [Replay] needs nothing else. A group that took over
// instances from another ([fsm.Group.Adopt]) can be recorded only together with
// it: [ReplayRecording] reads what a daemon has recorded of all its groups.
package trace
