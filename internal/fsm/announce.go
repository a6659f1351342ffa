package fsm

import "time"

// announceTimers are the announcements still to come.
type announceTimers struct {
	delayed, refresh, lower, extra time.Time
}

func (t *announceTimers) wake() time.Time {
	return earlier(earlier(t.delayed, t.extra), earlier(t.refresh, t.lower))
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
	if c.Extra > 0 {
		m.announce.extra = now.Add(c.Delay + c.Extra)
	}
}

// replanAnnouncements is for a Master that has been reconfigured: new addresses
// have to be made known, and the refreshes may begin or end.
func (m *instance) replanAnnouncements(now time.Time, added bool) {
	t, c := &m.announce, &m.spec.GARP
	if added {
		m.announceBlock(now)
		return
	}
	replan := func(next *time.Time, every time.Duration) {
		switch {
		case every <= 0:
			*next = time.Time{}
		case next.IsZero() || next.After(now.Add(c.Delay+every)):
			*next = now.Add(every)
		}
	}
	replan(&t.refresh, c.Refresh)
	replan(&t.extra, c.Extra)
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
	if due(t.extra, now) {
		t.extra = now.Add(c.Extra)
		m.announceAgain(1, AnnounceExtra)
	}
}

// announceAgain announces what was planned; a reload may have set the rounds
// to none since then.
func (m *instance) announceAgain(rounds int, why AnnounceWhy) {
	if rounds > 0 {
		m.emit(Announce{Rounds: rounds, Why: why})
	}
}
