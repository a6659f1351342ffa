package sim

import (
	"net/netip"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// model reckons, from RFC 9568 section 6.4.2 and independently of the state
// machine, when a Backup is to take over. It knows instances that are alone,
// not sync groups.
type model struct {
	spec     *fsm.Spec
	priority uint8
	interval time.Duration // the Master's
	sure     bool          // interval is valid
	down     time.Duration // when the instance takes over, in world time
	preempt  deadline      // end of the preempt delay, if it is armed
	known    bool          // down is valid
	back     bool          // has yielded for having been away: it waits from the next tick on
	waits    int           // how often in a row it has listened once more
	learned  bool          // interval is that of an advert
	vague    bool          // a preempt delay may be armed or not
	obeyed   netip.Addr    // who is Master
	rank     uint8         // with which priority, 0 after a goodbye
	anybody  bool          // obeyed and rank are not known
}

// tolerance is what integer arithmetic may cut off.
const tolerance = 5 * time.Microsecond

// skewTime is Skew_Time of RFC 9568 section 6.1, and RFC 3768 section 6.1.
func skewTime(s *fsm.Spec, priority uint8, interval time.Duration) time.Duration {
	if s.Priority == fsm.Owner {
		priority = fsm.Owner
	}
	of := interval
	if s.Version == 2 {
		of = time.Second
	}
	return time.Duration(float64(of) * float64(256-int(priority)) / 256)
}

// downInterval is Active_Down_Interval of the same sections.
func downInterval(s *fsm.Spec, priority uint8, interval time.Duration) time.Duration {
	return time.Duration(s.DownTimerAdverts)*interval + skewTime(s, priority, interval)
}

func (m *model) wait(now time.Duration) {
	m.down, m.known = now+downInterval(m.spec, m.priority, m.interval), m.sure
}

// entered is told of every transition; interval is that of the advert that
// caused it, 0 if none did. A Master gives way to by.
func (m *model) entered(now time.Duration, to fsm.State, interval time.Duration, by *advert.Advert) {
	m.known, m.preempt, m.learned, m.vague, m.back, m.waits = false, deadline{}, false, false, false, 0
	m.interval, m.sure = m.spec.AdvertInterval, true
	m.obeyed, m.rank, m.anybody = netip.Addr{}, 0, false
	if by != nil {
		m.obeyed, m.rank = by.Src, by.Priority
	}
	if to == fsm.Backup {
		m.learn(interval)
		m.wait(now)
	}
}

func (m *model) learn(interval time.Duration) {
	if m.spec.Version == 3 && interval > 0 {
		m.interval, m.sure, m.learned = interval, true, true
	}
}

// heard is told of every advert that is accepted by the checks while Backup, and
// tells whether it puts off the takeover.
func (m *model) heard(now time.Duration, a *advert.Advert) bool {
	switch {
	case m.vague && m.spec.PreemptDelay > 0 && a.Priority > 0 && a.Priority < m.priority:
		m.known, m.anybody = false, true
	case a.Priority == 0:
		m.down, m.back = now+skewTime(m.spec, m.priority, m.interval), false
		m.rank, m.anybody = 0, false
	case m.obeys(now, a.Priority):
		m.back, m.waits = false, 0
		m.obey(now, a)
		return true
	}
	return false
}

// obey begins to wait anew. Somebody of lower priority than the Master's, which
// is about to give way, makes neither the interval nor the wait shorter.
func (m *model) obey(now time.Duration, a *advert.Advert) {
	src := a.Src.WithZone("")
	passing := m.spec.Version == 3 && (m.anybody || m.obeyed.IsValid() && src != m.obeyed && a.Priority < m.rank)
	before, knew, interval, sure := m.down, m.known, m.interval, m.sure
	m.learn(a.Interval)
	m.wait(now)
	if passing {
		m.down, m.known = max(before, m.down), knew && m.known && !m.anybody
		m.interval, m.sure = max(interval, m.interval), sure && m.sure && !m.anybody
	}
	m.obeyed, m.rank, m.anybody = src, a.Priority, false
}

// late is told of the tick at which it would take over. One that comes more than
// an interval late gives others the time of one more advert.
func (m *model) late(now time.Duration) {
	switch {
	case m.back:
		m.back = false
		m.wait(now)
	case now-m.down > m.interval && m.waits < m.spec.DownTimerAdverts:
		m.waits++
		m.down = now + m.interval + skewTime(m.spec, m.priority, m.interval)
	}
}

func (m *model) obeys(now time.Duration, priority uint8) bool {
	if m.spec.NoPreempt {
		return true
	}
	if priority >= m.priority {
		m.preempt, m.vague = deadline{}, false
		return true
	}
	if m.spec.PreemptDelay == 0 {
		return false
	}
	if !m.preempt.set {
		m.preempt = deadline{true, now + m.spec.PreemptDelay}
	}
	return now < m.preempt.at
}

// reprioritised is told when trackers change the effective priority.
func (m *model) reprioritised(to uint8) {
	before := downInterval(m.spec, m.priority, m.interval)
	m.priority = to
	if m.known {
		m.down += downInterval(m.spec, to, m.interval) - before
	}
}

// reconfigured takes over a new specification. A Backup waits anew, for the
// interval that its Master has told, if it has.
func (m *model) reconfigured(now time.Duration, s *fsm.Spec, priority uint8, backup bool) {
	if s.PreemptDelay != m.spec.PreemptDelay {
		m.preempt, m.vague = deadline{}, false
	}
	m.spec, m.priority, m.known = s, priority, false
	if s.Version == 2 || !m.learned {
		m.interval, m.learned = s.AdvertInterval, false
		m.sure = m.sure || s.Version == 2
	}
	if backup {
		m.wait(now)
	}
}

// priority is what the instance has to advertise.
func (p *port) priority() uint8 {
	if p.local.reduced && p.spec.Priority == fsm.Owner {
		return fsm.Owner - 1
	}
	return effective(p.spec, p.told)
}

// effective is the priority that a configuration and its trackers give.
func effective(s *fsm.Spec, verdicts []fsm.Verdict) uint8 {
	if s.Priority == fsm.Owner {
		return fsm.Owner
	}
	sum := int(s.Priority)
	for i, t := range s.Trackers {
		if t.Weight > 0 && verdicts[i] == fsm.Good || t.Weight < 0 && verdicts[i] == fsm.Bad {
			sum += t.Weight
		}
	}
	return uint8(max(1, min(254, sum)))
}
