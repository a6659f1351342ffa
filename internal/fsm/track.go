package fsm

import (
	"fmt"
	"time"
)

// fileFault is the contribution of a tracked file that means FAULT, like its
// being worth nothing with weight 0.
const fileFault = -254

func (m *instance) trackChanged(now time.Time, ev TrackChanged) {
	t := &m.trackers[ev.Index]
	t.verdict, t.value, t.why = ev.Verdict, ev.Value, ev.Why
	m.reckon(now, ev.Why)
	m.judge(now, ev.Why)
}

// trackerFaults tells whether the tracker keeps the instance in FAULT.
func (m *instance) trackerFaults(i int) bool {
	s, t := &m.spec.Trackers[i], &m.trackers[i]
	if s.Kind == TrackFile {
		if s.Weight == 0 {
			return (t.value != 0) != s.Reverse
		}
		return m.contribution(i) <= fileFault
	}
	if s.Weight != 0 || t.verdict == Unknown {
		return false
	}
	return (t.verdict == Bad) != s.Reverse
}

func (m *instance) trackerWords(i int) string {
	s, t := &m.spec.Trackers[i], &m.trackers[i]
	if t.why != "" {
		return t.why
	}
	if s.Kind == TrackFile {
		return fmt.Sprintf("tracked file %s has status %d", s.Name, t.value)
	}
	return fmt.Sprintf("%s %s is %s", s.Kind, s.Name, t.verdict)
}

// contribution is what the tracker adds to the priority.
func (m *instance) contribution(i int) int {
	s, t := &m.spec.Trackers[i], &m.trackers[i]
	w := s.Weight
	if s.Kind == TrackFile {
		if s.Reverse {
			w = -w
		}
		return min(t.value*w, 253)
	}
	sign := 1
	if s.Reverse {
		sign = -1
	}
	switch {
	case w > 0 && t.verdict == Good:
		return sign * w
	case w < 0 && t.verdict == Bad:
		return sign * w
	}
	return 0
}

// reckon works out the effective priority: the base and every contribution,
// kept within 1 to 254; an owner's never changes.
func (m *instance) reckon(now time.Time, cause string) {
	m.total = int(m.spec.Priority)
	if m.owner() {
		if !m.rival.reduced {
			m.priority = Owner
		}
		return
	}
	for i := range m.trackers {
		m.total += m.contribution(i)
	}
	m.setPriority(now, uint8(min(max(m.total, 1), Owner-1)), cause)
}

func (m *instance) setPriority(now time.Time, p uint8, cause string) {
	if p == m.priority {
		return
	}
	before, from := m.masterDown(), m.priority
	m.priority = p
	m.logf(false, "Changing effective priority from %d to %d", from, p)
	m.emit(PriorityChanged{From: from, To: p, Cause: cause})
	if m.started && m.state == Backup && !m.deadline.IsZero() {
		// The skew is part of the deadline; the silence heard so far counts.
		m.deadline = m.deadline.Add(m.masterDown() - before)
	}
}

// reconfigure takes a new specification without leaving the state that the
// instance is in.
func (m *instance) reconfigure(now time.Time, ev Reconfigured) {
	old, trackers := m.spec, m.trackers
	m.spec = ev.Spec
	m.trackers = make([]tracker, len(m.spec.Trackers))
	for i, s := range m.spec.Trackers {
		for j, o := range old.Trackers {
			if o.Kind == s.Kind && o.Name == s.Name {
				m.trackers[i] = trackers[j]
			}
		}
	}
	if m.spec.Version == 2 || m.state != Backup || old.AdvertInterval != m.spec.AdvertInterval {
		m.interval = m.spec.AdvertInterval
	}
	if old.Priority == Owner || m.owner() {
		m.rival = rival{}
		m.priority = m.spec.Priority
	}
	m.reckon(now, "configuration changed")
	m.judge(now, "")
	switch m.state {
	case Master:
		m.readvertise(now)
		m.emit(AddAddresses{})
		if ev.AddressesAdded {
			m.announceBlock(now)
		}
	case Backup:
		m.deadline = now.Add(m.masterDown())
	}
}
