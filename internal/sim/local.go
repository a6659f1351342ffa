package sim

import (
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// deadline is a moment in world time, or none.
type deadline struct {
	set bool
	at  time.Duration
}

// restoreTime is how long an address that somebody removed may be missing.
const restoreTime = 1100 * time.Millisecond

// local checks one instance, step by step.
type local struct {
	state fsm.State // as reported
	held  bool      // by the simulated kernel
	taken time.Duration
	lost  bool // somebody else removed the address, at taken

	since    time.Duration // of being MASTER
	lastSent time.Duration
	ticked   int64 // adverts sent since then because time had passed
	wake     deadline
	model    model
	delayed  bool // a start delay has not been seen to end
	absence  absence

	step struct {
		at              time.Duration // as of when it was taken
		from            fsm.State
		adds, removes   int
		adverts, zeros  int
		zeroBeforeGoing bool
	}
}

func (p *port) String() string { return fmt.Sprintf("%s on %s", p.r.plan.Name, lanName(p.lan)) }

// begin is a start of the daemon.
func (c *local) begin(p *port) {
	*c = local{model: model{spec: p.spec, interval: p.spec.AdvertInterval}, delayed: p.r.silent > p.r.w.now}
}

// gone is the end of the daemon or of its machine. What a daemon that is
// stopped in good order does before that has been checked by then.
func (c *local) gone() { *c = local{} }

// loses is somebody else removing the address.
func (c *local) loses(now time.Duration) { c.held, c.lost, c.taken = false, true, now }

// before begins a step.
func (c *local) before(at time.Duration) {
	c.step.at, c.step.from = at, c.state
	c.step.adds, c.step.removes, c.step.adverts, c.step.zeros, c.step.zeroBeforeGoing = 0, 0, 0, 0, false
}

// sends checks an advert that the instance wants to be sent.
func (c *local) sends(p *port, a *fsm.SendAdvert) {
	w := p.r.w
	if a.Source != p.r.plan.Sources[p.lan] {
		w.fail("%s advertises from %v", p, a.Source)
	}
	if a.Priority == 0 {
		c.step.zeros++
		return
	}
	c.step.adverts++
	c.lastSent, c.absence.sent, c.absence.listens = w.now, c.step.at, false
	if want := effective(p.spec, p.told); a.Priority != want {
		w.fail("%s advertises priority %d; its configuration and trackers give %d", p, a.Priority, want)
	}
}

func (c *local) adds(p *port) {
	c.step.adds++
	if c.step.from != fsm.Master && c.step.adverts == 0 {
		p.r.w.fail("%s takes the addresses before it has advertised", p)
	}
	c.held, c.lost = true, false
}

func (c *local) removes(p *port) {
	c.step.removes++
	c.step.zeroBeforeGoing = c.step.zeros > 0
	if !c.held && !c.lost {
		p.r.w.fail("%s removes addresses that it does not hold", p)
	}
	c.held, c.lost = false, false
}

// changes checks a transition that the instance reports.
func (c *local) changes(p *port, a fsm.StateChanged) {
	if a.From != c.state {
		p.r.w.fail("%s reports %v to %v, but was %v", p, a.From, a.To, c.state)
	}
	if a.Cause == "" || a.Priority != effective(p.spec, p.told) {
		p.r.w.fail("%s reports %v to %v with priority %d and cause %q", p, a.From, a.To, a.Priority, a.Cause)
	}
	c.state = a.To
}

// after checks what a step has come to.
func (c *local) after(p *port, at time.Duration, id fsm.ID, ev fsm.Event, wake deadline) {
	if _, tick := ev.(fsm.Tick); tick && p.r.w.now >= p.r.silent {
		c.delayed = false
	}
	yields := false
	if e, ok := ev.(*fsm.AdvertReceived); ok && id == p.id {
		yields = c.absence.hears(p, &e.Advert)
	}
	if _, tick := ev.(fsm.Tick); tick && c.step.from == fsm.Master && c.absence.late(p, at) {
		c.absence.listens = true
	}
	if c.state != fsm.Master {
		c.absence.listens = false
	}
	c.checkAddresses(p, ev)
	c.checkAdverts(p, ev)
	c.checkState(p, ev)
	if e, ok := ev.(*fsm.AdvertReceived); ok && c.step.from == fsm.Master && id == p.id {
		c.checkYield(p, &e.Advert, yields)
	}
	c.checkTimers(p, ev, wake)
	if len(p.group.ports) == 1 {
		c.checkModel(p, at, ev, wake, yields)
	}
	c.wake = wake
}

// checkAddresses: held if and only if MASTER, and asked for once.
func (c *local) checkAddresses(p *port, ev fsm.Event) {
	w, s := p.r.w, &c.step
	adds, removes := 0, 0
	switch {
	case s.from != fsm.Master && c.state == fsm.Master:
		adds = 1
	case s.from == fsm.Master && c.state != fsm.Master:
		removes = 1
	case c.state == fsm.Master:
		switch ev.(type) {
		case fsm.Reconfigured, fsm.AddressLost, fsm.Tick:
			adds = min(s.adds, 1) // to be put back, or new ones
		}
	}
	if s.adds != adds || s.removes != removes {
		w.fail("%s goes from %v to %v with %d additions and %d removals of its addresses", p, s.from, c.state, s.adds, s.removes)
	}
	missing := c.lost && w.now-c.taken < restoreTime
	if c.held != (c.state == fsm.Master) && !missing {
		w.fail("%s is %v, addresses held: %v", p, c.state, c.held)
	}
}

// checkAdverts: only a MASTER advertises, and says so when it goes.
func (c *local) checkAdverts(p *port, ev fsm.Event) {
	w, s := p.r.w, &c.step
	if s.adverts > 0 && s.from != fsm.Master && c.state != fsm.Master {
		w.fail("%s advertises and is %v", p, c.state)
	}
	want := 0
	if s.from == fsm.Master && c.state != fsm.Master {
		_, lost := ev.(fsm.AddressLost)
		switch {
		case c.state == fsm.Fault:
			want = min(max(s.zeros, 1), 2)
		case c.state == fsm.Stopped, lost:
			want = 1
		}
	}
	if s.zeros != want {
		w.fail("%s goes from %v to %v and sends priority 0 %d times, want %d", p, s.from, c.state, s.zeros, want)
	}
	if s.zeros > 0 && !s.zeroBeforeGoing {
		w.fail("%s removes its addresses before it says priority 0", p)
	}
}

// checkState: FAULT if and only if there is a reason, and what is reported is
// what is.
func (c *local) checkState(p *port, ev fsm.Event) {
	w := p.r.w
	if is := p.group.g.View(p.id).State; is != c.state && c.state != fsm.Stopped && !p.pendingOwner() {
		w.fail("%s is %v and has reported %v", p, is, c.state)
	}
	if !p.r.started || c.state == fsm.Stopped {
		return
	}
	fault, unknown := p.obstacles()
	ok := c.state == fsm.Backup || c.state == fsm.Master || p.pendingOwner()
	switch {
	case fault:
		ok = c.state == fsm.Fault
	case unknown:
		ok = c.state == fsm.Fault || c.state == fsm.Init
	}
	if !ok {
		w.fail("%s is %v; a reason for FAULT: %v; a script has yet to report: %v; after %T", p, c.state, fault, unknown, ev)
	}
}

// pendingOwner tells that the instance has yet to become MASTER at the end of
// a start delay, without having been anything before.
func (p *port) pendingOwner() bool {
	return p.spec.Priority == fsm.Owner && p.local.state == fsm.Init
}

// checkYield: a MASTER yields to a higher priority, or the same from a higher
// address, and to nothing else (RFC 9568 section 6.4.3), unless it was away.
func (c *local) checkYield(p *port, a *advert.Advert, away bool) {
	ours := effective(p.spec, p.told)
	yields := away || a.Priority > ours || a.Priority == ours && p.r.plan.Sources[p.lan].Less(a.Src)
	if yields != (c.state != fsm.Master) {
		p.r.w.fail("%s with priority %d hears %v with priority %d and is %v", p, ours, a.Src, a.Priority, c.state)
	}
}

// checkTimers: a MASTER is never late and never early.
func (c *local) checkTimers(p *port, ev fsm.Event, wake deadline) {
	w, s := p.r.w, &c.step
	_, tick := ev.(fsm.Tick)
	if tick && wake.set && wake.at <= w.now {
		w.fail("%s wants to be woken at %v, which has just been done", p, wake.at)
	}
	if _, rejected := ev.(fsm.AdvertRejected); rejected && (wake != c.wake || c.state != s.from || s.adverts > 0) {
		w.fail("%s does something about a packet that was rejected", p)
	}
	if c.state != fsm.Master {
		return
	}
	interval := p.spec.AdvertInterval
	if s.from != fsm.Master {
		c.since, c.ticked = w.now, 0
	} else if tick {
		c.ticked += int64(s.adverts)
		if most := int64((w.now - c.since + tolerance) / interval); c.ticked > most {
			w.fail("%s has advertised %d times in %v", p, c.ticked, w.now-c.since)
		}
	}
	latest := c.lastSent + interval
	if c.absence.listens {
		latest = w.now + interval + skewTime(p.spec, 1, interval)
	}
	if !wake.set || wake.at > latest+tolerance {
		w.fail("%s advertised at %v and wants to be woken at %v", p, c.lastSent, wake.at)
	}
}

// checkModel compares an instance that is alone with an independent reckoning.
func (c *local) checkModel(p *port, at time.Duration, ev fsm.Event, wake deadline, yields bool) {
	w, m, from := p.r.w, &c.model, c.step.from
	priority := effective(p.spec, p.told)
	var learnable time.Duration
	switch e := ev.(type) {
	case fsm.Reconfigured:
		m.reconfigured(e.Spec, priority)
	case *fsm.AdvertReceived:
		learnable = e.Advert.Interval
		if from == fsm.Backup && c.state == fsm.Backup && !c.delayed {
			m.heard(at, &e.Advert)
		}
	case fsm.TrackChanged:
		if from == fsm.Backup && c.state == fsm.Backup {
			m.reprioritised(priority)
		}
	case fsm.Tick:
		if from == fsm.Backup && m.known && w.now >= m.down {
			m.late(w.now)
		}
	}
	m.priority = priority
	if from != c.state {
		c.checkTakeover(p, ev)
		m.entered(max(at, p.r.silent), c.state, learnable)
		if _, lost := ev.(fsm.AddressLost); lost {
			m.down = w.now + skewTime(m.spec, m.priority, m.interval)
		}
		if yields {
			m.down, m.back = at, true
		}
	}
	if c.state != fsm.Backup || !m.known {
		return
	}
	want := m.down
	if c.delayed { // its end is a deadline too
		want = min(want, p.r.silent)
	}
	if d := wake.at - want; !wake.set || d > tolerance || d < -tolerance {
		w.fail("%s wants to take over at %v, by the book at %v", p, wake.at, want)
	}
}

// checkTakeover: nobody becomes MASTER before its time.
func (c *local) checkTakeover(p *port, ev fsm.Event) {
	w, m, from := p.r.w, &c.model, c.step.from
	if c.state != fsm.Master {
		return
	}
	owner := p.spec.Priority == fsm.Owner && p.spec.StartMaster
	_, tick := ev.(fsm.Tick)
	switch {
	case from == fsm.Init && owner:
	case from != fsm.Backup || !tick:
		w.fail("%s goes from %v to %v because of %T", p, from, c.state, ev)
	case m.known && w.now < m.down-tolerance:
		w.fail("%s takes over at %v, by the book at %v", p, w.now, m.down)
	}
}

// checkTogether: the members of a sync group are MASTER together, and in FAULT
// together.
func checkTogether(g *group) {
	for _, p := range g.ports[1:] {
		a, b := g.ports[0].local.state, p.local.state
		if a != b && (a == fsm.Master || b == fsm.Master || a == fsm.Fault || b == fsm.Fault) {
			p.r.w.fail("%s is in a sync group, with a member that is %v, and is %v", p, a, b)
		}
	}
}
