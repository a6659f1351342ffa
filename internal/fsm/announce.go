package fsm

import "time"

// announceTimers are the announcements still to come.
type announceTimers struct {
	delayed, refresh, lower time.Time
}

func (t *announceTimers) wake() time.Time {
	return earlier(t.delayed, earlier(t.refresh, t.lower))
}

// announceBlock announces now and plans the second block and the refreshes.
func (m *instance) announceBlock(now time.Time) {
	c := &m.spec.GARP
	m.announce = announceTimers{}
	if c.Repeat > 0 {
		m.emit(Announce{Rounds: c.Repeat, Why: AnnounceMaster})
		if c.Delay > 0 {
			m.announce.delayed = now.Add(c.Delay)
		}
	}
	if c.Refresh > 0 {
		m.announce.refresh = now.Add(c.Delay + c.Refresh)
	}
}

// replanAnnouncements is for a Master that has been reconfigured: new addresses
// have to be made known, and the refreshes may begin or end.
func (m *instance) replanAnnouncements(now time.Time, added bool) {
	t, c := &m.announce, &m.spec.GARP
	switch {
	case added:
		m.announceBlock(now)
	case c.Refresh <= 0:
		t.refresh = time.Time{}
	case t.refresh.IsZero() || t.refresh.After(now.Add(c.Delay+c.Refresh)):
		t.refresh = now.Add(c.Refresh)
	}
}

// announceLower tells the segment again who holds the addresses after somebody
// else claimed them.
func (m *instance) announceLower(now time.Time) {
	c := &m.spec.GARP
	if c.LowerRepeat == 0 {
		return
	}
	m.emit(Announce{Rounds: c.LowerRepeat, Why: AnnounceLower})
	if c.LowerDelay > 0 {
		m.announce.lower = now.Add(c.LowerDelay)
	}
}

func (m *instance) announceTick(now time.Time) {
	t, c := &m.announce, &m.spec.GARP
	if due(t.delayed, now) {
		t.delayed = time.Time{}
		m.announceAgain(c.Repeat, AnnounceDelayed)
	}
	if due(t.lower, now) {
		t.lower = time.Time{}
		m.announceAgain(c.LowerRepeat, AnnounceLower)
	}
	if due(t.refresh, now) {
		t.refresh = now.Add(c.Refresh)
		m.announceAgain(c.RefreshRepeat, AnnounceRefresh)
	}
}

// announceAgain announces what was planned; a reload may have set the rounds
// to none since then.
func (m *instance) announceAgain(rounds int, why AnnounceWhy) {
	if rounds > 0 {
		m.emit(Announce{Rounds: rounds, Why: why})
	}
}
