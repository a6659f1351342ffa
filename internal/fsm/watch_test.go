package fsm

import (
	"fmt"
	"strings"
	"time"
)

// watcher looks at everything that a group says from outside and finds what
// cannot be, whatever happened.
type watcher struct {
	of     []watched
	group  State     // what was last reported
	strict bool      // a hand-over is not reported by the group
	gone   bool      // a member was stopped alone: the others have yet to notice
	joined bool      // some were single before: one may wait in FAULT for its script
	silent time.Time // the latest end of a start delay so far
	errs   []string
}

// watched is what the actions of an instance have told so far.
type watched struct {
	state    State
	priority uint8
	held     bool // its addresses
	left     bool // stopped with its addresses kept
	stats    Stats
}

func newWatcher(g *Group) *watcher {
	w := &watcher{}
	for i := range g.Len() {
		v := g.View(ID(i))
		w.of = append(w.of, watched{priority: v.Priority})
		w.strict = w.strict || v.Spec.StrictCompat
	}
	return w
}

func (w *watcher) errorf(format string, args ...any) {
	w.errs = append(w.errs, fmt.Sprintf(format, args...))
}

// begin tells that an event Start is about to be given.
func (w *watcher) begin(g *Group) {
	if !g.started && (w.group == Stopped || w.group == Deleted) {
		w.group = Init
	}
	w.gone = false
	for i, m := range g.instances {
		if !m.started {
			w.of[i].state, w.of[i].priority, w.of[i].held, w.of[i].left = Init, m.spec.Priority, false, false
		}
	}
}

// saw checks the actions of one step, in their order.
func (w *watcher) saw(g *Group, ev Event, outs []Out) {
	sent := make([]bool, len(w.of)) // an advert of more than priority 0
	added := make([]int, len(w.of))
	for _, o := range outs {
		if o.ID < 0 || int(o.ID) >= len(w.of) {
			w.errorf("action %s of no instance: %d", action(o.Action), o.ID)
			continue
		}
		m, name := &w.of[o.ID], g.instances[o.ID].spec.Name
		switch a := o.Action.(type) {
		case *SendAdvert:
			sent[o.ID] = sent[o.ID] || a.Priority > 0
			if !a.Source.IsValid() {
				w.errorf("%s sends from nowhere", name)
			}
			if a.Priority != 0 && a.Priority != m.priority {
				w.errorf("%s sends priority %d and has %d", name, a.Priority, m.priority)
			}
			if a.Priority == 0 && m.state != Master {
				w.errorf("%s sends priority 0 in %s", name, m.state)
			}
		case AddAddresses:
			if !m.held {
				added[o.ID]++
				if !sent[o.ID] {
					w.errorf("%s adds addresses before it has sent an advert", name)
				}
			}
			m.held = true
		case RemoveAddresses:
			if !m.held {
				w.errorf("%s removes addresses that it does not hold", name)
			}
			m.held = false
		case Announce:
			if !m.held || a.Rounds <= 0 {
				w.errorf("%s announces %d rounds, addresses held: %v", name, a.Rounds, m.held)
			}
		case StateChanged:
			if a.From != m.state || a.From == a.To {
				w.errorf("%s goes from %s to %s and was in %s", name, a.From, a.To, m.state)
			}
			if a.Priority != m.priority {
				w.errorf("%s reports priority %d with its state and has %d", name, a.Priority, m.priority)
			}
			if a.Cause == "" {
				w.errorf("%s goes from %s to %s for no reason", name, a.From, a.To)
			}
			if (a.Reason != ReasonNone) != (a.To == Master) {
				w.errorf("%s goes from %s to %s with the reason %s", name, a.From, a.To, a.Reason)
			}
			if a.To == Master && added[o.ID] != 1 {
				w.errorf("%s becomes Master and adds addresses %d times", name, added[o.ID])
			}
			if s, ok := ev.(Stop); ok && s.Keep && m.held {
				m.left = true
			}
			m.state = a.To
		case PriorityChanged:
			if a.From != m.priority || a.From == a.To {
				w.errorf("%s changes its priority from %d to %d and had %d", name, a.From, a.To, m.priority)
			}
			m.priority = a.To
		case GroupChanged:
			if a.From == a.To || a.From != w.group && !w.strict {
				w.errorf("the group goes from %s to %s and was in %s", a.From, a.To, w.group)
			}
			w.group = a.To
		case Log:
			if !strings.HasPrefix(a.Text, "(") && !strings.HasPrefix(a.Text, "VRRP_Group(") && !strings.HasPrefix(a.Text, "VRRP thread timer expired ") && a.Text != "Delayed start completed" {
				w.errorf("odd line %q", a.Text)
			}
		}
	}
}

// check compares what is told with what is, after a step at now.
func (w *watcher) check(now time.Time, g *Group, ev Event) {
	w.silent = later(w.silent, g.silentUntil)
	if _, ok := ev.(Delayed); ok && !g.silentUntil.IsZero() {
		w.silent = g.silentUntil
	}
	if _, start := ev.(Start); start && w.joined && w.group == Init && g.state == Master {
		w.group = Master // formed of Masters: nothing to report
	}
	at, ok := g.Wake()
	if _, tick := ev.(Tick); tick && ok && !at.After(now) {
		w.errorf("after a Tick at %v wakes at %v", now.Sub(epoch), at.Sub(epoch))
	}
	for i := range w.of {
		w.checkInstance(now, g, &w.of[i], g.instances[i], g.View(ID(i)))
	}
	if g.name == "" {
		return
	}
	for _, m := range g.instances {
		if m.started && (m.state == Fault) != (g.state == Fault) && !(w.joined && m.state == Fault) {
			w.errorf("%s is in %s and the group in %s", m.spec.Name, m.state, g.state)
		}
		if m.started && g.state == Master && m.state != Master {
			w.errorf("the group is Master and %s in %s", m.spec.Name, m.state)
		}
	}
}

func (w *watcher) checkInstance(now time.Time, g *Group, o *watched, m *instance, v View) {
	name := v.Spec.Name
	if m.started && v.State != o.state && !(o.state == Init && v.State == Backup && m.immediate()) {
		w.errorf("%s has told %s and is in %s", name, o.state, v.State)
	}
	if o.held != (v.State == Master) && !o.left {
		w.errorf("%s is in %s, its addresses held: %v", name, v.State, o.held)
	}
	if v.Priority != o.priority && m.started {
		w.errorf("%s has told priority %d and has %d", name, o.priority, v.Priority)
	}
	owner := v.Spec.Priority == Owner
	if v.Priority < 1 || owner && v.Priority < Owner-1 || !owner && v.Priority == Owner {
		w.errorf("%s has priority %d, configured is %d", name, v.Priority, v.Spec.Priority)
	}
	if !owner && m.started && int(v.Priority) != min(max(v.Total, 1), 254) {
		w.errorf("%s has priority %d and the total %d", name, v.Priority, v.Total)
	}
	bad, _ := m.faulty()
	runs := v.State == Backup || v.State == Master
	if runs && (bad || !m.started) {
		w.errorf("%s is in %s: faulty %v, started %v", name, v.State, bad, m.started)
	}
	if m.started && !runs && g.ready() && !w.gone {
		w.errorf("%s is in %s for no reason", name, v.State)
	}
	latest := later(now, w.silent)
	switch v.State {
	case Master:
		latest = now.Add(v.Spec.AdvertInterval)
		if m.late.listening {
			latest = latest.Add(skew(m.spec.Version, 1, m.interval))
		}
	case Backup:
		latest = latest.Add(v.MasterDown)
	}
	if runs && (v.Deadline.IsZero() || v.Deadline.After(latest)) || !runs && !v.Deadline.IsZero() {
		w.errorf("%s is in %s and has the deadline %v, at the latest it is %v", name, v.State, v.Deadline, latest)
	}
	if v.MasterDown <= 0 || v.Interval <= 0 {
		w.errorf("%s waits %v, interval %v", name, v.MasterDown, v.Interval)
	}
	s, was := v.Stats, o.stats
	if s.AdvertsReceived < was.AdvertsReceived || s.AdvertsSent < was.AdvertsSent || s.BecameMaster < was.BecameMaster || s.ZeroSent < was.ZeroSent {
		w.errorf("%s counts backwards: %+v, before %+v", name, s, was)
	}
	if s.ReleasedMaster > s.BecameMaster || s.ZeroSent > s.AdvertsSent || s.ZeroReceived > s.AdvertsReceived || s.AddressList > s.AdvertsReceived {
		w.errorf("%s counts what cannot be: %+v", name, s)
	}
	o.stats = s
}
