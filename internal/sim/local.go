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

// local checks one instance, step by step.
type local struct {
	state fsm.State // as reported
	held  bool      // by the simulated kernel
	lost  bool      // somebody else removed the address

	lastSent  time.Duration
	defence   defence
	announced announced
	rival     rival
	reduced   bool // an owner that another owner does not give way to
	wake      deadline
	model     model
	delayed   bool // a start delay has not been seen to end
	absence   absence
	partings  partings
	answers   int // adverts since the last regular one

	step struct {
		at              time.Duration // as of when
		from            fsm.State
		silent          bool // as a MASTER that has answered often enough
		listened        bool // as a MASTER that was away
		late            bool // a MASTER that was away, and has not listened yet
		priority        uint8
		lastSent        time.Duration
		announces       [announceKinds]int
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
func (c *local) loses() { c.held, c.lost = false, true }

// regrouped is a reload that takes the instance from its group to another.
func (c *local) regrouped(p *port) {
	c.model = model{spec: p.spec, priority: c.model.priority, interval: p.spec.AdvertInterval, sure: p.spec.Version == 2, vague: true, anybody: true}
}

// before begins a step.
func (c *local) before(p *port, at time.Duration) {
	c.step.silent = c.answers >= 16
	c.step.at, c.step.priority, c.step.listened = at, p.priority(), c.absence.listens
	c.absence.unsure, c.step.late = false, c.state == fsm.Master && c.absence.late(p, at)
	c.step.from, c.step.lastSent, c.step.announces = c.state, c.lastSent, [announceKinds]int{}
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
	c.lastSent, c.absence.sent, c.absence.listens = c.step.at, c.step.at, false
	if want := p.priority(); a.Priority != want {
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
	if a.Cause == "" || a.Priority != p.priority() {
		p.r.w.fail("%s reports %v to %v with priority %d and cause %q", p, a.From, a.To, a.Priority, a.Cause)
	}
	if (a.Reason != fsm.ReasonNone) != (a.To == fsm.Master) {
		p.r.w.fail("%s reports %v to %v with the reason %v", p, a.From, a.To, a.Reason)
	}
	c.state = a.To
}

// after checks what a step has come to.
func (c *local) after(p *port, at time.Duration, id fsm.ID, ev fsm.Event, wake deadline) {
	if _, tick := ev.(fsm.Tick); tick && p.r.w.now >= p.r.silent {
		c.delayed = false
	}
	yields := c.away(p, at, id, ev)
	c.checkRival(p, at, ev, id == p.id)
	c.checkAddresses(p, ev, id == p.id)
	c.checkAdverts(p, ev, id == p.id)
	c.checkAnnouncements(p, at, ev, id)
	c.checkState(p, ev)
	if e, ok := ev.(*fsm.AdvertReceived); ok && c.step.from == fsm.Master && id == p.id {
		c.checkHeard(p, &e.Advert, yields)
	}
	c.checkTimers(p, ev, wake)
	c.checkModel(p, at, ev, id == p.id || id == fsm.All, wake, yields)
	c.wake = wake
}

// away works out what comes of not having run for a while; it tells whether a
// MASTER is to yield because of it to the advert that it hears.
func (c *local) away(p *port, at time.Duration, id fsm.ID, ev fsm.Event) (yields bool) {
	if e, ok := ev.(*fsm.AdvertReceived); ok && id == p.id {
		yields = c.absence.hears(p, &e.Advert)
	}
	if _, tick := ev.(fsm.Tick); tick && c.step.late {
		c.absence.listens = true
		if c.step.adverts > 0 {
			p.r.w.fail("%s was away and advertises before it has listened", p)
		}
	}
	if c.state != fsm.Master {
		c.absence.listens = false
	}
	return yields
}

// checkAddresses: held if and only if MASTER, asked for once, and put back when
// somebody removes them.
func (c *local) checkAddresses(p *port, ev fsm.Event, ours bool) {
	w, s := p.r.w, &c.step
	adds, removes := 0, 0
	switch {
	case s.from != fsm.Master && c.state == fsm.Master:
		adds = 1
		c.defence = defence{}
	case s.from == fsm.Master && c.state != fsm.Master:
		removes = 1
	case c.state == fsm.Master:
		adds = c.putsBack(w.now, ev, ours)
	}
	if s.adds != adds || s.removes != removes {
		w.fail("%s goes from %v to %v with %d additions and %d removals of its addresses", p, s.from, c.state, s.adds, s.removes)
	}
	if c.held != (c.state == fsm.Master) && !c.defence.owed.set {
		w.fail("%s is %v, addresses held: %v", p, c.state, c.held)
	}
}

// putsBack tells how often a MASTER that stays one is to ask for its addresses:
// for lost ones when its defence wants it, and for those of a new configuration.
func (c *local) putsBack(now time.Duration, ev fsm.Event, ours bool) int {
	switch ev.(type) {
	case fsm.Reconfigured:
		if ours {
			return 1
		}
	case fsm.AddressLost:
		if !ours {
			return 0
		}
		c.defence.stolen(now)
		if !c.absence.listens && c.defence.due(now) { // otherwise they may not be ours any more
			return 1
		}
	case fsm.Tick:
		c.defence.calm(now)
		if !c.absence.listens && c.defence.due(now) {
			return 1
		}
	}
	return 0
}

// checkAdverts: only a MASTER advertises, and says so when it goes.
func (c *local) checkAdverts(p *port, ev fsm.Event, ours bool) {
	w, s := p.r.w, &c.step
	if s.adverts > 0 && s.from != fsm.Master && c.state != fsm.Master {
		w.fail("%s advertises and is %v", p, c.state)
	}
	want := 0
	if s.from == fsm.Master && c.state != fsm.Master {
		_, lost := ev.(fsm.AddressLost)
		switch {
		case c.state == fsm.Fault && p.spec.IPv6 && !p.hasSource:
			want = 0 // there is nothing to say it from
		case c.state == fsm.Fault && ours:
			want = 2
		case c.state == fsm.Fault:
			want = 1 // it follows another of its group
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
	if !fault && !unknown {
		c.checkOwner(p)
	}
	ok := c.state == fsm.Backup || c.state == fsm.Master || p.pendingOwner()
	switch {
	case fault:
		ok = c.state == fsm.Fault
	case unknown:
		// In a group that a reload has formed, whose script has yet to report
		// does not stop the others.
		ok = c.state == fsm.Fault || c.state == fsm.Init || ok && p.group.formed
	}
	if !ok {
		w.fail("%s is %v; a reason for FAULT: %v; a script has yet to report: %v; after %T", p, c.state, fault, unknown, ev)
	}
}

// checkOwner: who owns the addresses is MASTER as soon as it has started.
func (c *local) checkOwner(p *port) {
	late := p.r.w.now > max(p.r.silent, p.r.resumed)+p.r.w.plan.Late+slack
	if p.spec.Priority == fsm.Owner && p.spec.StartMaster && !p.group.formed && c.step.from == fsm.Init &&
		(c.state == fsm.Backup || c.state == fsm.Init && late) {
		p.r.w.fail("%s owns the addresses, has just started and is %v", p, c.state)
	}
}

// pendingOwner tells that the instance has yet to become MASTER at the end of
// a start delay, without having been anything before.
func (p *port) pendingOwner() bool {
	return p.spec.Priority == fsm.Owner && p.local.state == fsm.Init
}

// checkHeard: a MASTER yields to a higher priority, or the same from a higher
// address, and to nothing else; everybody else is answered at once (RFC 9568
// section 6.4.3). One that was away yields to everybody and answers nobody.
func (c *local) checkHeard(p *port, a *advert.Advert, away bool) {
	ours := c.step.priority
	yields := away || a.Priority > ours || a.Priority == ours && p.r.plan.Sources[p.lan].Less(a.Src)
	if yields != (c.state != fsm.Master) {
		p.r.w.fail("%s with priority %d hears %v with priority %d and is %v", p, ours, a.Src, a.Priority, c.state)
	}
	answers := 0
	switch {
	case c.absence.unsure:
	case p.hearsOwner(a): // which gives way when it hears the next advert
	case a.Priority == 0, p.hearsLower(a) && !p.spec.LowerPrioNoAdvert, a.Priority > ours && p.spec.HigherPrioSendAdvert:
		answers = 1
	}
	switch {
	case c.state != fsm.Master:
	case c.step.silent:
		answers = 0
	case a.Priority == 0 || p.hearsLower(a): // with lower_prio_no_advert it counts too
		c.answers++
	}
	if c.step.adverts != answers {
		p.r.w.fail("%s with priority %d hears %v with priority %d and answers %d times, want %d", p, ours, a.Src, a.Priority, c.step.adverts, answers)
	}
}

// hearsLower tells whether an advert comes from somebody who is to give way.
func (p *port) hearsLower(a *advert.Advert) bool {
	ours := p.local.step.priority
	return a.Priority > 0 && !p.hearsOwner(a) && (a.Priority < ours || a.Priority == ours && a.Src.Less(p.r.plan.Sources[p.lan]))
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
	if s.from == fsm.Master && tick && (s.adverts > 1 || s.adverts == 1 && w.now-s.lastSent < interval-tolerance) {
		w.fail("%s advertises %d times, %v after the last time", p, s.adverts, w.now-s.lastSent)
	}
	if s.from != fsm.Master || tick && s.adverts > 0 {
		c.answers = 0
	}
	latest := c.lastSent + interval
	if c.absence.listens {
		latest = w.now + interval + skewTime(p.spec, 1, interval)
	} else if next := c.announced.next(); next.set && wake.at > next.at {
		w.fail("%s has to announce its addresses at %v and wants to be woken at %v", p, next.at, wake.at)
	}
	if !wake.set || wake.at > latest+tolerance {
		w.fail("%s advertised at %v and wants to be woken at %v", p, c.lastSent, wake.at)
	}
}

// checkModel compares the instance with an independent reckoning. That gives the
// moment of its takeover when it is alone, and in a sync group, where members
// wait for each other, the earliest.
func (c *local) checkModel(p *port, at time.Duration, ev fsm.Event, ours bool, wake deadline, yields bool) {
	w, m, from := p.r.w, &c.model, c.step.from
	var learnable time.Duration
	if ours {
		learnable = c.learns(p, at, ev)
	}
	if _, tick := ev.(fsm.Tick); tick && from == fsm.Backup && m.known && w.now >= m.down && len(p.group.ports) == 1 {
		m.late(w.now)
	}
	m.priority = p.priority()
	if from != c.state {
		c.checkTakeover(p, ev)
		var by *advert.Advert
		if e, ok := ev.(*fsm.AdvertReceived); ok && ours && from == fsm.Master {
			by = &e.Advert
		}
		m.entered(max(at, p.r.silent), c.state, learnable, by)
		c.partings.entered(c.state, by)
		if _, lost := ev.(fsm.AddressLost); lost {
			m.down = w.now + skewTime(m.spec, m.priority, m.interval)
		}
		if yields {
			m.down, m.back = at, true
		}
	}
	if c.state != fsm.Backup || !m.known || len(p.group.ports) > 1 {
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

// learns tells the reckoning what the instance has been told, and returns the
// interval in it.
func (c *local) learns(p *port, at time.Duration, ev fsm.Event) (interval time.Duration) {
	m, backup := &c.model, c.step.from == fsm.Backup && c.state == fsm.Backup
	switch e := ev.(type) {
	case fsm.Reconfigured:
		m.reconfigured(max(at, p.r.silent), e.Spec, p.priority(), backup)
	case *fsm.AdvertReceived:
		// A member that only waits for the others of its group has done its own
		// waiting: nobody who gives up makes it begin again.
		waits := len(p.group.ports) > 1 && m.known && m.down <= at && e.Advert.Priority == 0
		if backup && !c.delayed {
			c.partings.hears(m, at, &e.Advert, !waits)
		}
		return e.Advert.Interval
	case fsm.TrackChanged:
		if backup {
			m.reprioritised(p.priority())
		}
	}
	return 0
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
// together. Those that a reload brings together may differ, until they have
// heard or not heard of a better one.
func checkTogether(g *group) {
	mixed := false
	for _, p := range g.ports[1:] {
		a, b := g.ports[0].local.state, p.local.state
		mixed = mixed || a != b
		switch {
		case a == b || a != fsm.Master && b != fsm.Master && a != fsm.Fault && b != fsm.Fault:
		case g.mixed && a != fsm.Fault && b != fsm.Fault, !p.r.started:
		default:
			p.r.w.fail("%s is in a sync group, with a member that is %v, and is %v", p, a, b)
		}
	}
	g.mixed = g.mixed && mixed
}
