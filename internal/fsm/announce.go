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
	m.emit(Announce{Rounds: c.Repeat, Why: AnnounceMaster})
	m.announce = announceTimers{}
	if c.Delay > 0 {
		m.announce.delayed = now.Add(c.Delay)
	}
	if c.Refresh > 0 {
		m.announce.refresh = now.Add(c.Delay + c.Refresh)
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
		m.emit(Announce{Rounds: c.Repeat, Why: AnnounceDelayed})
	}
	if due(t.lower, now) {
		t.lower = time.Time{}
		m.emit(Announce{Rounds: c.LowerRepeat, Why: AnnounceLower})
	}
	if due(t.refresh, now) {
		t.refresh = now.Add(c.Refresh)
		if c.Refresh <= 0 { // switched off by a reload
			t.refresh = time.Time{}
			return
		}
		m.emit(Announce{Rounds: c.RefreshRepeat, Why: AnnounceRefresh})
	}
}

// restoreTimer paces putting back addresses that somebody else removes.
type restoreTimer struct {
	at   time.Time // when to put back; zero: nothing to do
	last time.Time // when that was last done
}

// restorePause is how long a second restoration waits: against a program that
// removes the address each time, at once would be a busy loop.
const restorePause = time.Second

// restoreSoon puts a lost address back at once, or after a pause when that has
// just been done.
func (m *instance) restoreSoon(now time.Time) {
	if at := m.restore.last.Add(restorePause); !m.restore.last.IsZero() && at.After(now) {
		m.restore.at = at
		return
	}
	m.putBack(now)
}

func (m *instance) restoreTick(now time.Time) {
	if due(m.restore.at, now) {
		m.putBack(now)
	}
}

func (m *instance) putBack(now time.Time) {
	m.restore = restoreTimer{last: now}
	m.emit(AddAddresses{})
	m.emit(Announce{Rounds: 1, Why: AnnounceRestored})
}
