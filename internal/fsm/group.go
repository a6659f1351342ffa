package fsm

import (
	"fmt"
	"time"
)

// Group is a sync group, or a single instance.
type Group struct {
	name      string // "": a single instance, which has no group notifications
	instances []*instance
	state     State
	said      State // what GroupChanged last reported
	started   bool
	// arranging is set while a start or a reload is being worked on:
	// keepalived has other words then for going to FAULT.
	arranging bool
	// mixed is set when a reload has brought a Master and a Backup together,
	// until they have found out which of the two they are.
	mixed bool
	// silentUntil ends vrrp_startup_delay.
	silentUntil time.Time
	// out and sends are reused from Step to Step: sending allocates nothing.
	out   []Out
	sends []SendAdvert
}

// NewGroup returns a group whose instances are in Init. The name is that of the
// vrrp_sync_group, or empty for an instance on its own.
func NewGroup(name string, specs ...*Spec) *Group {
	g := &Group{name: name}
	for i, s := range specs {
		g.instances = append(g.instances, newInstance(g, ID(i), s))
	}
	return g
}

// Name is the name of the sync group; empty for a single instance.
func (g *Group) Name() string { return g.name }

// Len is the number of instances.
func (g *Group) Len() int { return len(g.instances) }

// State is the state of the group as a whole.
func (g *Group) State() State {
	if g.name == "" {
		return g.instances[0].state
	}
	return g.state
}

// Step takes what happened and returns what is to be done, in order.
func (g *Group) Step(now time.Time, id ID, ev Event) []Out {
	g.out, g.sends = g.out[:0], g.sends[:0]
	switch ev := ev.(type) {
	case Tick:
		g.tick(now)
	case Start:
		g.start(now, ev)
	case Stop:
		g.stop(now, id, ev)
	case Delayed:
		g.delay(now, ev.Left)
	case Slept:
		g.slept(ev.For)
	default:
		if id == All {
			for _, m := range g.instances {
				m.handle(now, ev)
			}
			break
		}
		g.instances[id].handle(now, ev)
	}
	return g.out
}

// Wake returns the earliest deadline of the group. After a Tick at some time
// it is later than that time.
func (g *Group) Wake() (time.Time, bool) {
	at := g.silentUntil
	for _, m := range g.instances {
		at = earlier(at, m.wake())
	}
	return at, !at.IsZero()
}

func (g *Group) emit(id ID, a Action) { g.out = append(g.out, Out{id, a}) }

// send emits an advert; the action points into g.sends.
func (g *Group) send(id ID, a SendAdvert) {
	g.sends = append(g.sends, a)
	g.emit(id, &g.sends[len(g.sends)-1])
}

func (g *Group) logf(detail bool, format string, args ...any) {
	g.emit(0, Log{Detail: detail, Text: fmt.Sprintf(format, args...)})
}

// report tells of the state of the group when it is not what was told last.
func (g *Group) report() {
	if g.name == "" || g.said == g.state {
		return
	}
	g.emit(0, GroupChanged{From: g.said, To: g.state})
	g.said = g.state
}

func (g *Group) tick(now time.Time) {
	if due(g.silentUntil, now) {
		g.silentUntil = time.Time{}
		g.logf(false, "Delayed start completed")
	}
	for _, m := range g.instances {
		m.tick(now)
	}
}

// owners tells whether every member becomes Master without waiting.
func (g *Group) owners() bool {
	for _, m := range g.instances {
		if !m.owner() || !m.spec.StartMaster {
			return false
		}
	}
	return true
}

// mayLead tells whether the member whose timer expired may become Master: every
// other member is that already, or waits for it too.
func (g *Group) mayLead(m *instance) bool {
	for _, o := range g.instances {
		if o != m && o.started && o.state != Master && !(o.state == Backup && o.wants) {
			return false
		}
	}
	return true
}

// follow brings the other members to the state that one of them has entered; the
// reason is that of Master.
func (g *Group) follow(now time.Time, first *instance, to State, cause string, reason MasterReason) {
	if g.name == "" || g.state == to {
		return
	}
	g.state, g.mixed = to, false
	why := g.sync(first, to, cause)
	for _, m := range g.instances {
		if m == first || !m.started {
			continue
		}
		switch {
		case to == Master && m.state == Backup:
			m.lead(now, why, reason)
		case to == Backup && m.state == Master:
			m.yield(now, why)
		case to == Fault:
			m.fail(now, why)
		}
	}
	g.report()
}

// unmix takes the members that are still Master to Backup, when a reload has
// given them a member that has somebody better to obey.
func (g *Group) unmix(now time.Time, first *instance) {
	if !g.mixed {
		return
	}
	g.mixed = false
	why := g.sync(first, Backup, fmt.Sprintf("advert from %s with priority %d", first.peer, first.peerPrio))
	for _, m := range g.instances {
		if m.state == Master {
			m.yield(now, why)
		}
	}
}

// sync logs that the members come together and returns the cause in words.
func (g *Group) sync(first *instance, to State, cause string) string {
	g.logf(false, "VRRP_Group(%s) Syncing instances to %s state", g.name, to)
	return fmt.Sprintf("sync group %s follows %s: %s", g.name, first.spec.Name, cause)
}

// ready tells whether nothing keeps any member in FAULT or held back: members
// of a sync group wait for each other.
func (g *Group) ready() bool {
	for _, m := range g.instances {
		if m.started && m.blocked() {
			return false
		}
	}
	return true
}

// rise takes the members that are in FAULT or held back to Backup, once
// nothing keeps any of them: first the one whose obstacle was the last.
func (g *Group) rise(now time.Time, first *instance, cause string) {
	first.enter(now, "", cause)
	why := cause
	if g.name != "" && g.state != Backup && !first.pending() {
		why = g.sync(first, Backup, cause)
	}
	g.state = Backup
	for _, m := range g.instances {
		if m.started {
			m.enter(now, "", why)
		}
	}
	if !first.pending() {
		g.report()
	}
	g.leadAtOnce(now)
}

// leadAtOnce makes owners Master when their time has come: at once, or at the
// end of a start delay.
func (g *Group) leadAtOnce(now time.Time) {
	for _, m := range g.instances {
		if m.pending() && due(m.deadline, now) {
			m.timeout(now)
		}
	}
}
