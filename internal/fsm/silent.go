package fsm

import (
	"fmt"
	"slices"
	"time"
)

// silentUnit is what a Backup waits for each step of priority below 256 before
// it follows a Master that BFD found silent: 16 ms at most. As with Skew_Time,
// of several Backups the one with the highest priority is first.
const silentUnit = time.Second / 16 / 1000

// peerSilent takes over from a Master that another protocol knows to be gone,
// without waiting for the adverts that it will not send. The members of a sync
// group have one Master, under several addresses perhaps. Whoever is not the
// Master may fall silent without consequence; and a Master that is heard again
// meanwhile keeps its place.
func (g *Group) peerSilent(now time.Time, ev PeerSilent) {
	addr := ev.Addr.WithZone("")
	if !slices.ContainsFunc(g.instances, func(m *instance) bool { return m.state == Backup && m.peer == addr }) {
		return
	}
	for _, m := range g.instances {
		m.peerSilent(now, ev)
	}
}

func (m *instance) peerSilent(now time.Time, ev PeerSilent) {
	switch {
	case m.spec.StrictCompat, !m.started, m.state != Backup, !m.g.silentUntil.IsZero():
		return
	case !m.peer.IsValid() || m.deadline.IsZero():
		return
	}
	at := now.Add((Owner + 1 - time.Duration(m.downPriority())) * silentUnit)
	if m.deadline.After(at) {
		m.deadline = at
	}
	m.found = ev.Why
	m.logf(false, "Master %s: %s", m.peer, ev.Why)
}

// foundSilent is the cause of a takeover that did not wait for Master_Down.
func (m *instance) foundSilent() string {
	return fmt.Sprintf("%s (priority %d): %s", m.peer, m.peerPrio, m.found)
}
