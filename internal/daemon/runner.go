package daemon

import (
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// heard is an advert on its way from a socket to a group.
type heard struct {
	id fsm.ID
	at time.Time // when it arrived
	ev fsm.AdvertReceived
}

// refused is a packet on that way that failed a check.
type refused struct {
	id fsm.ID
	ev fsm.AdvertRejected
}

// errand is an event of any other kind, or a function to be run on the
// runner's goroutine between two steps.
type errand struct {
	id fsm.ID
	ev fsm.Event
	do func(now time.Time, g *fsm.Group)
}

// Mailbox sizes. An advert that finds its box full replaces the oldest. Rejected
// packets have a box of their own, so that a flood of them cannot crowd out the
// adverts.
const (
	advertBox  = 32
	refusalBox = 32
)

// lowerBox is how many answers to adverts of lower priority wait for the hands: a
// flood of such adverts must not stand in the way of a release. What the hands
// have not come to yet stands for what is left out.
const lowerBox = 16

// runner owns one group.
type runner struct {
	group   *fsm.Group
	members []*member // by fsm.ID
	log     *logger

	ctl     *queue[errand]
	adverts chan heard
	refused chan refused
	hands   *hands

	// drain reads what waits in the kernel for this group's sockets.
	drain func(drainage)
	// nap waits the last part of the way to a takeover.
	nap func(time.Duration)
	// rec records what the group does; nil: nothing.
	rec *recorder
	// late is told of timers later than lateLimit; it does not wait.
	late func(time.Duration)
	// refusal is told of packets that were rejected; it does not wait.
	refusal   func(m *member, from netip.Addr, why advert.Reason)
	lateLimit atomic.Int64 // of a time.Duration
	timers    lateness
	clockGap  func() time.Duration
	gap       time.Duration // as last seen

	handled uint64        // errands that were done
	mirror  mirror        // what others see of it
	current heard         // the advert being heard: one place for all, so that hearing allocates nothing
	dropped atomic.Uint64 // adverts that found the box full
	lowers  atomic.Int32  // notes of adverts of lower priority that wait for the hands
	fresh   bool          // not started yet; the manager's
	pulse   pulse
	quit    chan struct{}
	done    chan struct{}
}

func newRunner(g *fsm.Group, members []*member, log *logger, h *hands) *runner {
	return &runner{
		group: g, members: members, log: log, hands: h,
		ctl:     newQueue[errand](),
		adverts: make(chan heard, advertBox),
		refused: make(chan refused, refusalBox),
		quit:    make(chan struct{}),
		done:    make(chan struct{}),
		drain:   func(drainage) {},
		nap:     nap,
		refusal: func(*member, netip.Addr, advert.Reason) {},
		late:    func(time.Duration) {}, clockGap: clockGap, gap: clockGap(),
	}
}

// post offers an event that must not be lost.
func (r *runner) post(id fsm.ID, ev fsm.Event) { r.ctl.push(errand{id: id, ev: ev}) }

// call runs f between two steps and waits for it; it returns false when the
// runner has ended or does not answer in time.
func (r *runner) call(timeout time.Duration, f func(now time.Time, g *fsm.Group)) bool {
	ran := make(chan struct{})
	r.ctl.push(errand{do: func(now time.Time, g *fsm.Group) {
		f(now, g)
		close(ran)
	}})
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case <-ran:
		return true
	case <-r.done:
		return false
	case <-t.C:
		return false
	}
}

// offerAdvert is called by sockets; it never blocks. When the box is full the
// oldest advert makes room: the newest tells who is alive.
func (r *runner) offerAdvert(h heard) {
	// Who goes says so twice: goodbyes by the dozen must not crowd out those who
	// stay.
	if h.ev.Advert.Priority == 0 && len(r.adverts) >= advertBox/2 {
		r.dropped.Add(1)
		return
	}
	for {
		select {
		case r.adverts <- h:
			return
		default:
		}
		select {
		case <-r.adverts:
			r.dropped.Add(1)
		default:
		}
	}
}

// offerRefusal is called by sockets; it never blocks. What does not fit is
// still counted, beside the state machine, and so is what comes too fast: to wake
// the runner for each would cost more than all the rest.
func (r *runner) offerRefusal(id fsm.ID, from *advert.Packet, j advert.Reject) {
	if !r.members[id].refusals.admit(from.At) {
		r.members[id].overflow[j.Reason].Add(1)
		return
	}
	select {
	case r.refused <- refused{id, fsm.AdvertRejected{From: from.Src, Reject: j}}:
	default:
		r.members[id].overflow[j.Reason].Add(1)
	}
}

// run is the goroutine that owns the group. It ends after stop.
func (r *runner) run() {
	defer close(r.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		r.wakeUp()
		r.takeControl()
		r.takeAdverts()
		r.takeRefusals()
		r.takeTimer()
		r.show()

		var fire <-chan time.Time
		if at, ok := r.group.Wake(); ok {
			timer.Reset(time.Until(at) - r.margin())
			fire = timer.C
		}
		select {
		case <-r.ctl.ready:
		case h := <-r.adverts:
			r.wakeUp()
			r.takeControl()
			r.hear(h)
		case j := <-r.refused:
			r.takeControl()
			r.reject(j)
		case <-fire:
		case <-r.quit:
			r.takeControl()
			return
		}
	}
}

func (r *runner) step(id fsm.ID, ev fsm.Event) { r.stepAt(time.Now(), id, ev) }

func (r *runner) stepAt(now time.Time, id fsm.ID, ev fsm.Event) {
	if r.rec != nil {
		r.act(now, r.rec.Step(r.group, now, id, ev))
		return
	}
	r.act(now, r.group.Step(now, id, ev))
}

func (r *runner) hear(h heard) {
	r.current = h
	r.members[h.id].markLosses()
	r.stepAt(h.at, h.id, &r.current.ev)
}

// reject takes a packet that failed a check. One for an instance that hears
// nothing anyway is not worth remembering.
func (r *runner) reject(j refused) {
	m := r.members[j.id]
	if s := fsm.State(m.published.Load()); s == fsm.Master || s == fsm.Backup {
		m.journal.Rejected(time.Now(), j.ev.From, j.ev.Reject)
	}
	r.refusal(m, j.ev.From, j.ev.Reject.Reason)
	r.step(j.id, j.ev)
}

func (r *runner) takeControl() {
	for _, c := range r.ctl.take() {
		r.handled++
		if c.do != nil {
			c.do(time.Now(), r.group)
			continue
		}
		r.step(c.id, c.ev)
	}
}

func (r *runner) takeAdverts() {
	for range advertBox {
		select {
		case h := <-r.adverts:
			r.hear(h)
		default:
			return
		}
	}
}

func (r *runner) takeRefusals() {
	for range refusalBox {
		select {
		case j := <-r.refused:
			r.reject(j)
		default:
			return
		}
	}
}

// The runtime's timers fire up to a millisecond late, since it polls the network
// in whole milliseconds. A takeover is worth more than that: its timer is set
// early and the rest is slept by the kernel's own clock. That costs a thread for
// a millisecond, but only when a master has really fallen silent.
const early = 1200 * time.Microsecond

// margin is how much earlier than the deadline the timer is to fire.
func (r *runner) margin() time.Duration {
	for _, m := range r.members {
		if fsm.State(m.published.Load()) == fsm.Backup {
			return early
		}
	}
	return 0
}

// spin is the last part of that way, which is not slept: waking up takes about
// as long.
const spin = 80 * time.Microsecond

// nap waits for a time too short for the runtime's timers.
func nap(d time.Duration) {
	end := time.Now().Add(d)
	if d > spin {
		// By default the kernel may add 50 µs to a sleep, to wake several at once.
		_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0)
		ts := unix.NsecToTimespec(int64(d - spin))
		_ = unix.Nanosleep(&ts, nil) // a signal ends it early: the clock decides
	}
	if time.Until(end) <= spin {
		for time.Now().Before(end) {
		}
	}
}

// takeTimer lets an expired timer count, but not before what waits in the
// kernel has been heard: a scheduler that let us sleep too long must not look
// like a master that has died.
func (r *runner) takeTimer() {
	if at, ok := r.group.Wake(); ok {
		if rest := time.Until(at); rest > 0 && rest <= r.margin() {
			r.nap(rest)
		}
	}
	late, expired := r.expired()
	if !expired {
		return
	}
	backup := r.margin() > 0
	switch {
	case backup:
		r.drain(drainAll)
	case late < r.punctual():
		r.drain(drainIdle)
	default:
		r.drain(drainSome)
	}
	r.takeControl()
	r.takeAdverts()
	if _, expired = r.expired(); expired {
		if backup {
			r.tellLosses()
		}
		r.timers.note(late)
		if late > time.Duration(r.lateLimit.Load()) {
			r.late(late)
		}
		r.step(fsm.All, fsm.Tick{})
	}
}

// drainage says how much of what waits in the kernel is to be read.
type drainage uint8

const (
	drainAll  drainage = iota // before a takeover
	drainSome                 // before an advert that is late
	drainIdle                 // before one on time, unless it is being read anyway
)

// punctual is how late a Master's timer may be so that nobody else can have
// become Master meanwhile: its advert waits for nothing then.
func (r *runner) punctual() time.Duration {
	shortest := time.Duration(1<<63 - 1)
	for _, m := range r.members {
		shortest = min(shortest, m.set.Load().spec.AdvertInterval)
	}
	return shortest
}

// tellLosses tells members that wait for an advert that they may have missed one.
func (r *runner) tellLosses() {
	for _, m := range r.members {
		if m.state() == fsm.Backup && m.newLosses() {
			r.step(m.id, fsm.Overrun{})
		}
	}
}

// expired tells whether the group wants a Tick, and for how long it has.
func (r *runner) expired() (time.Duration, bool) {
	at, ok := r.group.Wake()
	late := time.Since(at)
	return late, ok && late >= 0
}

// act does what the state machine asked for, in its order: adverts at once,
// everything that may be slow through the hands.
func (r *runner) act(now time.Time, outs []fsm.Out) {
	for i, o := range outs {
		m := r.members[o.ID]
		switch a := o.Action.(type) {
		case *fsm.SendAdvert:
			m.send(a)
		case fsm.Log:
			s, why := outcome(outs, i, m.state())
			r.log.about(a.Detail, m.name(), s, why, a.Text)
		case fsm.PriorityChanged:
			m.priority = a.To
			m.journal.Priority(now, a.From, a.To, a.Cause)
			r.log.cause(m.name(), m.state(), a.Cause)
			if m.set.Load().cfg.More.PriorityChanges {
				r.note(m, ofPriority, m.state())
			}
		case fsm.StateChanged:
			m.published.Store(uint32(a.To))
			m.priority = a.Priority
			m.journal.State(now, a.From.String(), a.To.String(), a.Cause)
			r.log.cause(m.name(), a.To, a.Cause)
			r.noteState(o.ID, a)
		case fsm.GroupChanged:
			r.note(m, ofGroup, a.To)
		case fsm.LowerPriorityHeard:
			m.saySynced()
			if r.lowers.Load() < lowerBox {
				r.lowers.Add(1)
				r.note(m, ofLower, m.state())
			}
		case fsm.AddAddresses:
			r.hands.push(job{m: m, apply: true, greet: announces(outs[i+1:], o.ID), epoch: m.epoch.Load()})
		case fsm.RemoveAddresses:
			m.epoch.Add(1)
			r.hands.push(job{m: m, release: true})
		case fsm.Announce:
			if a.Why == fsm.AnnounceLower && r.lowers.Load() >= lowerBox {
				break
			}
			r.hands.push(job{m: m, rounds: a.Rounds, why: a.Why, epoch: m.epoch.Load()})
		case fsm.AnnounceSource:
			r.hands.push(job{m: m, source: a.Addr})
		}
	}
}

// announces tells whether all that is held will be announced.
func announces(outs []fsm.Out, id fsm.ID) bool {
	return slices.ContainsFunc(outs, func(o fsm.Out) bool {
		a, ok := o.Action.(fsm.Announce)
		return ok && o.ID == id && a.Why == fsm.AnnounceMaster && a.Rounds > 0
	})
}

// note has the world told of something, after what was asked of the hands before.
func (r *runner) note(m *member, about topic, to fsm.State) {
	r.hands.push(job{m: m, notify: &stateNote{topic: about, to: to, priority: m.priority}})
}

// noteState has the world told of a new state.
func (r *runner) noteState(id fsm.ID, a fsm.StateChanged) {
	m := r.members[id]
	n := &stateNote{topic: ofInstance, to: a.To, priority: m.priority}
	if a.To == fsm.Master {
		n.reason, n.source = a.Reason, r.group.View(id).Source
	}
	r.hands.push(job{m: m, notify: n})
}

// stop ends the runner after everything that was posted before has been done,
// the slow part included; false: it took longer than the time given.
func (r *runner) stop(deadline time.Time) bool {
	close(r.quit)
	t := time.NewTimer(time.Until(deadline))
	defer t.Stop()
	select {
	case <-r.done:
	case <-t.C:
		return false
	}
	return r.hands.stop(t.C)
}
