package fsm

import (
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

// lateness is what an instance remembers of having been away: its process was
// stopped, its machine suspended, or too busy to let it run. That shows in an
// event that comes long after a deadline. Silence that nobody listened to is no
// silence, and who was silent for longer than the others wait is no longer the
// only Master for sure. What waits in the kernel is heard first, each advert as
// of its arrival; then a Tick tells how late it is.
type lateness struct {
	listening bool // as Master: nothing is sent until the deadline
	back      bool // as Backup: the wait begins with the next Tick, not in the past
	deaf      bool // as Backup: what it has not heard may have been lost on the way to it
	waits     int  // as Backup: how often in a row it has listened once more
}

// once is how long to listen for one more advert. The skew lets one that is on
// its way arrive, and the best of several that were away be the first.
func (m *instance) once() time.Duration { return m.interval + m.skew() }

// listensOn is asked when the time for a takeover has come; true: it has not,
// since the instance was away for longer than an advert takes, or could not hear
// all that came. It does not put
// off a takeover for ever: where every timer is late, after as many waits as
// adverts may be missed the Master is dead.
func (m *instance) listensOn(now time.Time) bool {
	if m.late.back {
		m.late.back = false
		m.deadline = m.countdown(now)
		return true
	}
	late, deaf := now.Sub(m.deadline), m.late.deaf
	m.late.deaf = false
	if m.pending() || late <= m.interval && !deaf || m.late.waits >= m.spec.DownTimerAdverts {
		return false
	}
	m.late.waits++
	m.deadline = now.Add(m.once())
	if deaf {
		m.logf(false, "more packets came than could be heard - listening for one more advert before taking over")
		return true
	}
	m.logf(false, "timer ran %v late - listening for one more advert before taking over", round(late))
	return true
}

// away tells how late a Master's next advert is when that is so late that
// another may have taken over by its right: after down_timer_adverts intervals
// and the Skew_Time of the best other router there is. 0: it is not.
func (m *instance) away(now time.Time) time.Duration {
	late, limit := now.Sub(m.deadline), m.spec.AdvertInterval
	if !m.late.listening {
		best := m.spec.LatePriority
		if best == 0 {
			best = max(m.downPriority(), m.highestPrio)
		}
		// The deadline is one interval after the last advert.
		limit = max(limit, masterDown(m.spec.Version, best, m.spec.AdvertInterval, m.spec.DownTimerAdverts)-m.spec.AdvertInterval)
	}
	if late <= limit {
		return 0
	}
	return late
}

// beat is the moment of a Master's next advert.
func (m *instance) beat(now time.Time) {
	late := m.away(now)
	switch {
	case late > 0 && m.spec.LatePriority > 0:
		m.sayExpired(late)
		m.yield(now, fmt.Sprintf("did not run for %v", round(late)))
	case late > 0:
		m.late.listening = true
		m.deadline = now.Add(m.once())
		m.logf(false, "timer ran %v late - listening for another master before advertising", round(late))
	case m.late.listening:
		m.late.listening = false
		m.logf(false, "no other master that stays has been heard - going on")
		m.readvertise(now)
		// Switches and neighbours may have been told otherwise meanwhile.
		m.announceBlock(now)
	default:
		m.crowd.answers = 0
		m.advertise()
		m.rivalTick(now)
		// From now, (690): an advert that left late is not made up for by
		// one that comes early.
		m.deadline = now.Add(m.spec.AdvertInterval)
	}
}

// sayExpired is keepalived's line for a master that gives up for being late.
func (m *instance) sayExpired(late time.Duration) {
	m.emit(Log{Text: fmt.Sprintf("VRRP thread timer expired %d.%06d seconds ago", late/time.Second, late%time.Second/time.Microsecond)})
}

// unsure tells whether a Master does not know whether there is another.
func (m *instance) unsure(now time.Time) bool { return m.late.listening || m.away(now) > 0 }

// unsureHeard takes an advert that says that there is, or was, a newer Master
// with less priority. It is not fought: it became Master by its right. The
// election that follows is an ordinary one.
func (m *instance) unsureHeard(now time.Time, a *advert.Advert) {
	if a.Priority == 0 {
		m.logf(true, "Master received priority 0 message")
		if m.late.listening { // what gave up was the newer Master
			m.deadline = earlier(m.deadline, now.Add(m.skew()))
		}
		return
	}
	if m.spec.LatePriority > 0 && !m.late.listening {
		m.sayExpired(m.away(now))
	}
	m.logf(false, "Master received advert from %s with priority %d, which took over meanwhile", a.Src, a.Priority)
	m.giveWay(now, a, fmt.Sprintf("did not run for a while; advert from %s with priority %d, which took over meanwhile", a.Src, a.Priority))
	for _, o := range m.g.instances {
		if o.started && o.state == Backup {
			o.late.back, o.deadline = true, now
		}
	}
}

// slept moves everything that is to happen nearer by a time in which the clock
// of the group stood still: a machine that was suspended is merely late.
func (g *Group) slept(d time.Duration) {
	g.silentUntil = sooner(g.silentUntil, d)
	for _, m := range g.instances {
		for _, t := range []*time.Time{
			&m.deadline, &m.preempt, &m.quiet, &m.announce.delayed, &m.announce.refresh, &m.announce.lower, &m.announce.extra,
			&m.restore.at, &m.rival.last, &m.rival.second, &m.crowd.deadline,
		} {
			*t = sooner(*t, d)
		}
		m.restore.pace.slept(d)
	}
}

// sooner moves a time, if it is set.
func sooner(t time.Time, d time.Duration) time.Time {
	if t.IsZero() {
		return t
	}
	return t.Add(-d)
}

// round makes a duration short enough to be read.
func round(d time.Duration) time.Duration {
	if d > time.Second {
		return d.Round(10 * time.Millisecond)
	}
	return d.Round(100 * time.Microsecond)
}
