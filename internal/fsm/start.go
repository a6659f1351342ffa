package fsm

import (
	"fmt"
	"slices"
	"time"
)

// start gives every instance that is not running its first state and judges
// the others anew. The group reports Backup before its members and FAULT after
// them, as keepalived does.
func (g *Group) start(now time.Time, ev Start) {
	switch {
	case ev.Delay <= 0:
	case g.silentUntil.IsZero() || due(g.silentUntil, now):
		g.silentUntil = now.Add(ev.Delay)
	default:
		g.delay(now, ev.Delay)
	}
	if !g.started && (g.said == Stopped || g.said == Deleted) {
		g.said = Init
	}
	g.started, g.arranging = true, true
	for _, m := range g.instances {
		if !m.started {
			m.prepare(now)
		}
		if m.state != Fault {
			m.sayFaults()
		}
	}
	to := g.firstState()
	g.state = to
	if to == Fault && g.name != "" {
		for _, m := range g.instances {
			if bad, _ := m.faulty(); bad {
				g.logf(false, "VRRP_Group(%s): Syncing %s to FAULT state", g.name, m.spec.Name)
			}
		}
	}
	switch {
	case to == Backup && !g.owners():
		g.report()
	case to == Master: // all were it before they were a group
		g.said = Master
	}
	for _, m := range g.instances {
		m.settle(now, to)
	}
	if to == Fault {
		g.report()
	}
	g.arranging = false
	g.mixed = to == Backup && slices.ContainsFunc(g.instances, func(m *instance) bool { return m.state == Master })
	g.leadAtOnce(now)
}

// delay makes a start delay end sooner or later. All that waits for its end moves
// with it.
func (g *Group) delay(now time.Time, left time.Duration) {
	if g.silentUntil.IsZero() || due(g.silentUntil, now) {
		return
	}
	end := now.Add(max(left, 0))
	shift := end.Sub(g.silentUntil)
	for _, m := range g.instances {
		if m.state != Backup || m.deadline.IsZero() {
			continue
		}
		m.deadline = later(now, m.deadline.Add(shift))
		if m.quiet.Equal(g.silentUntil) {
			m.quiet = end
		}
	}
	g.silentUntil = end
	if left <= 0 {
		g.silentUntil = time.Time{}
		g.leadAtOnce(now)
	}
}

// firstState is FAULT when any member has a reason to be there, MASTER when all
// are that already. While all wait for a script that has to report it is INIT,
// or FAULT for those that were there before.
func (g *Group) firstState() State {
	masters, running, waiting := true, false, Init
	for _, m := range g.instances {
		if bad, _ := m.faulty(); bad {
			return Fault
		}
		masters = masters && m.state == Master
		running = running || m.state == Master || m.state == Backup
		if m.state == Fault {
			waiting = Fault
		}
	}
	switch {
	case masters:
		return Master
	case !running && !g.ready():
		return waiting
	}
	return Backup
}

func (g *Group) stop(now time.Time, id ID, ev Stop) {
	if id != All {
		m := g.instances[id]
		if m.state == Master && !ev.Keep {
			m.sendZero(1)
			m.emit(RemoveAddresses{})
		}
		m.leave(now, ev)
		return
	}
	// Priority 0 leaves for every instance before any address is touched, and
	// all addresses are gone before anybody is told.
	live := false
	for _, m := range g.instances {
		live = live || m.started
		if m.state == Master && !ev.Keep {
			m.sendZero(1)
		}
	}
	for _, m := range g.instances {
		if m.state == Master && !ev.Keep {
			m.emit(RemoveAddresses{})
		}
	}
	for _, m := range g.instances {
		m.leave(now, ev)
	}
	g.started, g.silentUntil = false, time.Time{}
	if live {
		g.state = ev.As
		g.report()
	}
	g.state = Init
}

// prepare brings an instance that does not run to the beginning of its life.
func (m *instance) prepare(now time.Time) {
	facts := instance{
		g: m.g, id: m.id, spec: m.spec, stats: m.stats,
		linkDown: m.linkDown, link: m.link, source: m.source, oldSrc: m.oldSrc, trackers: m.trackers,
	}
	*m = facts
	m.started, m.since = true, now
	m.ownInterval()
	m.priority = m.spec.Priority
	m.reckon(CauseStart)
}

// settle is the part of a member in the start of its group, which goes to the
// state to.
func (m *instance) settle(now time.Time, to State) {
	switch {
	case to == Fault && m.state != Fault:
		bad, why := m.faulty()
		if !bad {
			why = m.g.faultWords()
		}
		m.fail(now, why)
	case m.pending():
		m.begin(now, " (init)", CauseStart)
	case m.state == Backup && !m.g.silentUntil.IsZero():
		// Carried over into a start delay: what it cannot hear it must not
		// take for silence.
		m.deadline = later(m.deadline, m.countdown(now))
	case to != Fault && m.g.ready():
		m.enter(now, " (init)", CauseStart)
	}
}

// faultWords says why the group is in FAULT: the reason of the first member that
// has one.
func (g *Group) faultWords() string {
	for _, m := range g.instances {
		if bad, why := m.faulty(); bad {
			return fmt.Sprintf("sync group %s is in FAULT: %s: %s", g.name, m.spec.Name, why)
		}
	}
	return "sync group " + g.name + " is in FAULT"
}

// enter leaves FAULT, or Init where a script held the instance back.
func (m *instance) enter(now time.Time, suffix, cause string) {
	switch m.state {
	case Init:
		m.begin(now, suffix, cause)
	case Fault:
		m.recover(now, cause)
	}
}

// begin is the first entry to Backup, or for an owner to Master, which the
// caller completes with leadAtOnce.
func (m *instance) begin(now time.Time, suffix, cause string) {
	if m.immediate() {
		m.state, m.wants, m.deadline = Backup, true, m.from(now)
		return
	}
	m.logf(false, "Entering BACKUP STATE%s", suffix)
	m.become(now, Backup, cause)
	m.deadline = m.countdown(now)
}

// pending tells whether the instance is an owner that has yet to become Master
// for the first time. That it is Backup until then is not reported.
func (m *instance) pending() bool { return m.state == Backup && m.said == Init }

// leave is the end of an instance; its addresses have been seen to.
func (m *instance) leave(now time.Time, ev Stop) {
	if !m.started {
		return
	}
	if ev.As != Fault || m.state != Fault {
		cause := "removed from the configuration"
		if ev.As == Stopped {
			cause = CauseStop
		}
		m.become(now, ev.As, cause)
	}
	m.state, m.started, m.wants, m.deadline = Init, false, false, time.Time{}
}

// from is when timers begin to run: now, or at the end of a start delay.
func (m *instance) from(now time.Time) time.Time { return later(now, m.g.silentUntil) }

// countdown is when a Backup that hears nothing from now on takes over.
func (m *instance) countdown(now time.Time) time.Time { return m.from(now).Add(m.masterDown()) }
