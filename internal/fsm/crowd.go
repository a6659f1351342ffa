package fsm

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

// Without authentication anybody on the segment can send adverts that nothing
// distinguishes from good ones. What they may cost is bounded here: how often a
// Master answers, how much is logged, and what a Backup believes of priority 0.
const (
	// answersMax is how many adverts a Master sends beside the regular one in
	// an interval because of what it hears.
	answersMax = 16

	// linesMax lines about adverts are logged at once, and then one for each
	// linePause.
	linesMax  = 64
	linePause = 200 * time.Millisecond

	// afreshMax times complaints may start afresh because of somebody new, and
	// then once in each afreshPause.
	afreshMax   = 8
	afreshPause = 10 * time.Second

	// goodbyesMax is how often a router says priority 0 when it stops: twice,
	// and a network may double that.
	goodbyesMax = 4
)

// crowd is what an instance remembers for that.
type crowd struct {
	answers int // since the last regular advert

	lines  credit
	silent uint64 // lines left out since the last one

	afresh credit // of complaints that start afresh

	obeyed   netip.Addr // whose advert was accepted last while Backup
	rank     uint8      // and with which priority, 0 after a goodbye
	goodbyes int        // since then
	deadline time.Time  // what it was before them
	priority uint8      // and what the priority of the Master was
}

// credit is something that may be done so many times at once, and then at
// intervals.
type credit struct {
	used  int
	since time.Time // when that was reckoned last
}

// take tells whether it may be done now, and counts it.
func (c *credit) take(now time.Time, most int, every time.Duration) bool {
	if back := int(now.Sub(c.since) / every); back > 0 || c.since.IsZero() {
		c.used, c.since = max(c.used-back, 0), now
	}
	if c.used >= most {
		return false
	}
	c.used++
	return true
}

// mayAnswer tells whether the Master may send once more before the next regular
// advert, and counts it.
func (m *instance) mayAnswer() bool {
	if m.crowd.answers >= answersMax {
		return false
	}
	m.crowd.answers++
	return true
}

// chatf is logf for a line that an advert causes each time.
func (m *instance) chatf(now time.Time, detail bool, format string, args ...any) {
	c := &m.crowd
	if !c.lines.take(now, linesMax, linePause) {
		c.silent++
		return
	}
	text := fmt.Sprintf(format, args...)
	if c.silent > 0 {
		text += fmt.Sprintf(" (%d more lines about adverts left out)", c.silent)
		c.silent = 0
	}
	m.logf(detail, "%s", text)
}

// outranks tells whether the router that is obeyed is better than the sender of
// an advert.
func (c *crowd) outranks(a *advert.Advert) bool {
	return c.obeyed.IsValid() && a.Src != c.obeyed && a.Priority < c.rank
}

// startAfresh makes complaints be heard again, as somebody new advertises; not
// each time, where several take turns.
func (m *instance) startAfresh(now time.Time) {
	if m.crowd.afresh.take(now, afreshMax, afreshPause) {
		m.refusals.reset()
	}
}

// goodbye takes priority 0 as Backup: the Master stops, take over after
// Skew_Time (RFC 9568 section 6.4.2, (430)), whether or not we preempt. One that
// somebody else sends ends nothing, and one that comes again and again is no
// goodbye: who stops is silent then.
func (m *instance) goodbye(now time.Time, a *advert.Advert) {
	c, strict := &m.crowd, m.spec.StrictCompat
	if !strict && m.peer.IsValid() && a.Src != m.peer && a.Src != c.obeyed {
		m.chatf(now, true, "priority 0 from %s, which is not the master - ignored", a.Src)
		return
	}
	if c.goodbyes++; c.goodbyes == 1 {
		c.deadline, c.priority = m.deadline, m.peerPrio
	}
	if !strict && c.goodbyes > goodbyesMax {
		if c.goodbyes == goodbyesMax+1 {
			m.deadline, m.peerPrio = later(c.deadline, m.deadline), c.priority
			m.chatf(now, false, "more adverts of priority 0 from %s than a router sends that stops - ignored", a.Src)
		}
		return
	}
	c.rank = 0
	m.hear(now, a)
	m.found = ""
	m.chatf(now, true, "Backup received priority 0 advertisement")
	m.deadline, m.late.back = now.Add(m.skew()), false
}
