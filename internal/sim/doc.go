// Package sim runs many routers on a simulated network with a virtual clock,
// disturbs them in every way it knows, and checks that the protocol keeps its
// promises.
//
// A [Plan] is a world as data: the routers, the network, and what is going to
// happen to them. [Generate] makes one from a seed; [Run] lets it happen. The
// routers are real [fsm.Group]s, and what they say to each other are real
// packets, encoded and checked by package advert. A run is a function of its
// plan: the same plan gives the same run, event for event, so a seed is all
// that is needed to see a failure again.
//
// What is checked, all the time unless it says otherwise:
//
//   - addresses are held if and only if the router is MASTER, each change is
//     asked for once, and what somebody removes is put back (local.go);
//   - a MASTER announces them when it takes them, again after a while, and
//     against whoever else claims them (announce.go);
//   - only a MASTER advertises, never early and never late, with the priority
//     that its configuration and trackers give it, and it answers whom it has to
//     (local.go);
//   - a BACKUP takes over at the moment that an independent reckoning of
//     RFC 9568 section 6.4.2 gives, and not before or after, except that one
//     that was away listens once more (model.go);
//   - a MASTER that was away for longer than others wait says nothing before it
//     has listened, and yields to a newer one (absence.go);
//   - members of a sync group are MASTER together (local.go);
//   - in a healthy cell of a network two MASTERs do not last longer than an
//     advert takes, and having none not longer than a takeover takes (health.go).
//     A cell is what routers can hear of each other: the same part of a network,
//     the same version, and in version 2 the same interval;
//   - when nothing has been disturbed for long enough there is one MASTER in
//     each part, the right one, and nothing changes any more (health.go);
//   - in a world without noise a disturbance causes no more changes of MASTER
//     than it has to (health.go).
//
// Where a router does not hear another that hears it, no promise holds for the
// network as a whole; those to a single router do, and those to all hold again
// when it has healed.
//
// One goroutine runs a world. Nothing here reads a clock or shares state, so
// worlds may run side by side.
package sim
