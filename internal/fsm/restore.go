package fsm

import (
	"fmt"
	"time"
)

// Figures of a [Pace].
const (
	// fightLimit is how often in a minute what is lost is put back at once. Who
	// takes it away more often than that does so on purpose.
	fightLimit = 10
	fightTime  = time.Minute
	// gather is the least time between two restorations: what is flushed goes
	// one after the other, and is put back together.
	gather = 20 * time.Millisecond
	// firstPause and lastPause are the pauses before restorations of what is
	// fought over; each is twice the one before.
	firstPause = time.Second
	lastPause  = 8 * time.Second
)

// Pace tells when to put back what somebody else takes away: at once, and after
// growing pauses once it is fought over. Then nothing must be lost for a minute
// until it counts as over. The zero value is ready.
type Pace struct {
	recent [fightLimit]time.Time // the last restorations, a ring
	next   int
	last   time.Time     // the last restoration
	lost   time.Time     // the last loss
	pause  time.Duration // before the next restoration; 0: no fight
	count  uint64        // restorations of this fight, with those before it
}

// Lost takes a loss and returns when to put back. Began says that from now on it
// counts as fought over.
func (p *Pace) Lost(now time.Time) (at time.Time, began bool) {
	p.lost = now
	oldest := p.recent[p.next]
	if p.pause == 0 && !oldest.IsZero() && now.Sub(oldest) < fightTime {
		p.pause, p.count, began = firstPause, fightLimit, true
	}
	wait := max(p.pause, gather)
	if at = p.last.Add(wait); p.last.IsZero() || at.Before(now) {
		at = now
	}
	return at, began
}

// PutBack takes a restoration.
func (p *Pace) PutBack(now time.Time) {
	p.last = now
	p.recent[p.next] = now
	p.next = (p.next + 1) % fightLimit
	if p.pause > 0 {
		p.pause = min(2*p.pause, lastPause)
		p.count++
	}
}

// slept moves everything nearer by a time in which the clock stood still.
func (p *Pace) slept(d time.Duration) {
	for i := range p.recent {
		p.recent[i] = sooner(p.recent[i], d)
	}
	p.last, p.lost = sooner(p.last, d), sooner(p.lost, d)
}

// Fighting tells whether it is fought over.
func (p *Pace) Fighting() bool { return p.pause > 0 }

// Quiet is when the fight will be over if nothing is lost until then; the zero
// time without a fight.
func (p *Pace) Quiet() time.Time {
	if p.pause == 0 {
		return time.Time{}
	}
	return p.lost.Add(fightTime)
}

// Over ends a fight that is over, and returns how often was put back.
func (p *Pace) Over(now time.Time) (times uint64, over bool) {
	if p.pause == 0 || now.Before(p.Quiet()) {
		return 0, false
	}
	times = p.count
	*p = Pace{}
	return times, true
}

// Began and ended in the words of the log.
var (
	// FightBegan says what follows from a fight.
	FightBegan = fmt.Sprintf("put back %d times within a minute: somebody else wants it gone; from now on it is put back after pauses of %v to %v",
		fightLimit, firstPause, lastPause)
	// FightOver says that one has ended, behind the number of restorations.
	FightOver = "put back %d times; nothing was taken away for a minute: no longer fought over"
)

// restoring is how an instance puts back what it has lost.
type restoring struct {
	pace     Pace
	at       time.Time // when to put back; zero: nothing to do
	lost     bool      // somebody took it; otherwise it could not be set
	announce bool      // an address is concerned
}

func (r *restoring) wake() time.Time { return earlier(r.at, r.pace.Quiet()) }

// addressLost puts back what is lost, or hands over.
func (m *instance) addressLost(now time.Time, ev AddressLost) {
	if m.state != Master {
		return
	}
	r := &m.restore
	if ev.Unset {
		if !m.spec.StrictCompat {
			m.restoreAt(now.Add(firstPause), false, ev.What == HeldAddress)
		}
		return
	}
	cause := ev.words()
	if m.spec.StrictCompat {
		m.logf(true, "%s", cause)
		m.g.handOver(now, m, cause)
		return
	}
	at, began := r.pace.Lost(now)
	m.logf(r.pace.Fighting() && !began, "%s", cause)
	if began {
		m.logf(false, "%s", FightBegan)
	}
	m.restoreAt(at, true, ev.What == HeldAddress)
	if !m.late.listening { // otherwise they may not be ours any more
		m.restoreTick(now)
	}
}

// words says what is lost and why.
func (ev *AddressLost) words() string {
	text := fmt.Sprintf("%s %s", ev.What, ev.Addr)
	if ev.What == HeldAddress {
		text += " on " + ev.Link
	}
	if text += " " + ev.Why; ev.More > 0 {
		text += fmt.Sprintf(" (and %d more)", ev.More)
	}
	return text
}

// restoreAt plans a restoration, with one that is planned already.
func (m *instance) restoreAt(at time.Time, lost, announce bool) {
	r := &m.restore
	r.at = earlier(r.at, at)
	r.lost = r.lost || lost
	r.announce = r.announce || announce
}

// restoreTick puts back what is due.
func (m *instance) restoreTick(now time.Time) {
	r := &m.restore
	if times, over := r.pace.Over(now); over {
		m.logf(false, FightOver, times)
	}
	if !due(r.at, now) {
		return
	}
	m.emit(AddAddresses{})
	if r.lost {
		r.pace.PutBack(now)
		m.stats.Restored++
	}
	if r.announce {
		m.emit(Announce{Rounds: 1, Why: AnnounceRestored})
	}
	r.at, r.lost, r.announce = time.Time{}, false, false
}
