package fsm

import (
	"fmt"
	"strings"
	"time"
)

// fileFault is the contribution of a tracked file that means FAULT, like its
// being worth nothing with weight 0.
const fileFault = -254

func (m *instance) trackChanged(now time.Time, ev TrackChanged) {
	if ev.Index < 0 || ev.Index >= len(m.trackers) {
		return // on its way when a reload took the tracker away
	}
	t := &m.trackers[ev.Index]
	bad := m.trackerFaults(ev.Index)
	t.verdict, t.value, t.why = ev.Verdict, ev.Value, ev.Why
	if !m.started {
		return
	}
	s, faulty := &m.spec.Trackers[ev.Index], m.trackerFaults(ev.Index)
	turned := s.Kind == TrackFile && bad != faulty
	if turned {
		m.emit(Log{Detail: true, Text: fmt.Sprintf("(%s): tracked file %s %s FAULT state", m.spec.Name, s.Name, turns(faulty))})
	}
	m.reckon(ev.Why)
	if turned && bad && s.Weight != 0 {
		m.logf(true, "Setting effective priority to %d", m.priority)
	}
	m.judge(now, ev.Why)
}

func turns(bad bool) string {
	if bad {
		return "now"
	}
	return "leaving"
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
		// In 64 bits: a value of 32 bits may be anything. Below FAULT it does
		// not matter how far.
		return int(max(min(int64(t.value)*int64(w), 253), 2*fileFault))
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
// kept within 1 to 254; an owner's never changes. A file that means FAULT adds
// what it added before.
func (m *instance) reckon(cause string) {
	m.total = int(m.spec.Priority)
	if m.owner() {
		if !m.rival.reduced {
			m.setPriority(Owner, cause)
		}
		return
	}
	for i := range m.trackers {
		if t := &m.trackers[i]; m.spec.Trackers[i].Kind != TrackFile || !m.trackerFaults(i) {
			t.adds = m.contribution(i)
		}
		m.total += m.trackers[i].adds
	}
	if cause == CauseStart {
		cause = m.contributors()
	}
	m.setPriority(uint8(min(max(m.total, 1), Owner-1)), cause)
}

// contributors says in words what makes the priority another than the base.
func (m *instance) contributors() string {
	var words []string
	for i := range m.trackers {
		if m.trackers[i].adds != 0 {
			words = append(words, m.trackerWords(i))
		}
	}
	if len(words) == 0 {
		return CauseStart
	}
	return strings.Join(words, ", ")
}

func (m *instance) setPriority(p uint8, cause string) {
	if p == m.priority {
		return
	}
	m.logf(false, "Changing effective priority from %d to %d", m.priority, p)
	m.changePriority(p, cause)
}

func (m *instance) changePriority(p uint8, cause string) {
	before, from := m.masterDown(), m.priority
	m.priority = p
	changed := PriorityChanged{From: from, To: p, Cause: cause}
	if cause != CauseStart {
		m.changes.add(changed)
	}
	m.emit(changed)
	if m.state == Backup && !m.deadline.IsZero() {
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
	if !m.started {
		m.interval, m.priority, m.total = m.spec.AdvertInterval, m.spec.Priority, int(m.spec.Priority)
		return
	}
	if m.spec.Version == 2 || m.state != Backup || !m.learned {
		m.ownInterval() // what a Master has told holds on: it still sends as often
	}
	if !m.owner() {
		m.rival = rival{}
	}
	if old.PreemptDelay != m.spec.PreemptDelay {
		m.preempt = time.Time{}
	}
	m.reckon("configuration changed")
	was := m.state
	m.g.arranging = true
	m.judge(now, "configuration changed")
	m.g.arranging = false
	if m.state != was {
		return
	}
	for _, o := range m.g.instances {
		if o.pending() { // still, or no longer, to become Master at once
			o.begin(now, "", "configuration changed")
		}
	}
	switch {
	case m.state == Backup && !m.pending():
		m.wants = false
		m.deadline = m.countdown(now)
	case m.state == Master && m.late.listening:
		m.deadline = earlier(m.deadline, now.Add(m.once()))
		m.emit(AddAddresses{})
	case m.state == Master:
		m.readvertise(now)
		m.emit(AddAddresses{})
		m.replanAnnouncements(now, ev.AddressesAdded)
	}
}
