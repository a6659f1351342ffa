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
	// silentUntil ends vrrp_startup_delay.
	silentUntil time.Time
	// out and sends are reused from Step to Step: sending allocates nothing.
	out   []Out
	sends []SendAdvert
}

// NewGroup returns a group whose instances are in Init. The name is that of the
// vrrp_sync_group, or empty for an instance on its own.
func NewGroup(name string, specs ...*Spec) *Group {
	g := &Group{name: name, state: Backup}
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

// Wake returns the earliest deadline of any instance.
func (g *Group) Wake() (time.Time, bool) {
	var at time.Time
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

// start gives every instance that is not running yet its first state. The
// group reports before its members do.
func (g *Group) start(now time.Time, ev Start) {
	if ev.Delay > 0 {
		g.silentUntil = now.Add(ev.Delay)
	}
	if g.name != "" {
		g.state = g.startState()
		if g.state == Fault {
			for _, m := range g.instances {
				if bad, _ := m.faulty(); bad {
					g.logf(false, "VRRP_Group(%s): Syncing %s to FAULT state", g.name, m.spec.Name)
				}
			}
		}
		if g.state != Master {
			g.emit(0, GroupChanged{From: Init, To: g.state})
		}
	}
	for _, m := range g.instances {
		if !m.started {
			m.start(now)
		}
	}
}

// startState is FAULT when any member is, else BACKUP. Groups of owners report
// nothing until they are MASTER.
func (g *Group) startState() State {
	owners, masters := true, true
	for _, m := range g.instances {
		if bad, _ := m.faulty(); bad {
			return Fault
		}
		owners = owners && m.immediate()
		masters = masters && m.state == Master
	}
	if owners || masters {
		return Master
	}
	return Backup
}

func (g *Group) stop(now time.Time, id ID, ev Stop) {
	if id != All {
		g.instances[id].stop(now, ev)
		return
	}
	// Priority 0 leaves for every instance before any address is touched.
	for _, m := range g.instances {
		if m.state == Master && !ev.Keep {
			m.sendZero(1)
		}
	}
	for _, m := range g.instances {
		m.stop(now, ev)
	}
	if g.name != "" {
		g.emit(0, GroupChanged{From: g.state, To: ev.As})
		g.state = Init
	}
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

// mayLead tells whether the member whose timer expired may become Master: the
// group is Master already, or every other member waits for it too.
func (g *Group) mayLead(m *instance) bool {
	if g.state == Master {
		return true
	}
	for _, o := range g.instances {
		if o != m && o.state != Master && !(o.state == Backup && o.wants) {
			return false
		}
	}
	return true
}

// follow brings the other members to the state that one of them has entered.
func (g *Group) follow(now time.Time, lead *instance, to State, cause string) {
	if g.name == "" || g.state == to {
		return
	}
	from := g.state
	g.state = to
	if len(g.instances) > 1 {
		g.logf(false, "VRRP_Group(%s) Syncing instances to %s state", g.name, to)
	}
	why := fmt.Sprintf("sync group %s follows %s: %s", g.name, lead.spec.Name, cause)
	for _, m := range g.instances {
		if m == lead || m.state == to || !m.started {
			continue
		}
		switch to {
		case Master:
			m.lead(now, why)
		case Backup:
			if m.state == Master {
				m.yield(now, why)
			} else {
				m.recover(now, why)
			}
		case Fault:
			m.fail(now, why)
		}
	}
	g.emit(0, GroupChanged{From: from, To: to})
}

// clear tells whether no member has a reason to be in FAULT.
func (g *Group) clear() bool {
	for _, m := range g.instances {
		if bad, _ := m.faulty(); bad {
			return false
		}
	}
	return true
}
