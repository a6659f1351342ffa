package fsm

import (
	"fmt"
	"net/netip"
	"time"
)

// What follows makes a group live on in another process. Nothing in it is left to
// the types by which the group works, so that these may change from one release to
// the next: fields that are not known are left out, and those that are not there
// are as at a start.

// Moment is a time as nanoseconds after the one at which a group was saved, since
// no clock of a process means anything to another one. 0: no time.
type Moment int64

// sameMoment is the moment of saving itself.
const sameMoment Moment = -1 << 63

// MomentOf is how much later than now a time is.
func MomentOf(t, now time.Time) Moment {
	switch {
	case t.IsZero():
		return 0
	case t.Equal(now):
		return sameMoment
	}
	return Moment(t.Sub(now))
}

// Time is the time when the group was saved at then.
func (m Moment) Time(then time.Time) time.Time {
	switch m {
	case 0:
		return time.Time{}
	case sameMoment:
		return then
	}
	return then.Add(time.Duration(m))
}

// SavedGroup is all that a group knows but its specification.
type SavedGroup struct {
	Name        string          `json:"name,omitempty"`
	State       State           `json:"state"`
	Said        State           `json:"said"`
	Started     bool            `json:"started"`
	Mixed       bool            `json:"mixed,omitempty"`
	SilentUntil Moment          `json:"silent_until,omitempty"`
	Instances   []SavedInstance `json:"instances"`
}

// SavedInstance is all that an instance knows. Which complaints were logged is not
// part of it: they begin afresh.
type SavedInstance struct {
	State   State  `json:"state"`
	Said    State  `json:"said"`
	Started bool   `json:"started"`
	Wants   bool   `json:"wants,omitempty"`
	Since   Moment `json:"since,omitempty"`
	Cause   string `json:"cause,omitempty"`

	LinkDown bool           `json:"link_down,omitempty"`
	Link     string         `json:"link,omitempty"`
	Source   netip.Addr     `json:"source,omitzero"`
	OldSrc   netip.Addr     `json:"old_source,omitzero"`
	Trackers []SavedTracker `json:"trackers,omitempty"`
	Total    int            `json:"total"`
	Priority uint8          `json:"priority"`

	Interval    time.Duration `json:"interval"`
	Learned     bool          `json:"learned,omitempty"`
	Peer        netip.Addr    `json:"peer,omitzero"`
	PeerPrio    uint8         `json:"peer_priority,omitempty"`
	Discarded   bool          `json:"discarded,omitempty"`
	Found       string        `json:"found,omitempty"`
	Quiet       Moment        `json:"quiet,omitempty"`
	LastSrc     netip.Addr    `json:"last_source,omitzero"`
	HighestPrio uint8         `json:"highest_priority,omitempty"`

	Deadline Moment    `json:"deadline,omitempty"`
	Preempt  Moment    `json:"preempt,omitempty"`
	Announce [4]Moment `json:"announce"` // second block, refresh, after a lower priority, extra interfaces

	Restore SavedRestore    `json:"restore,omitzero"`
	Rival   SavedRival      `json:"rival,omitzero"`
	Late    SavedLate       `json:"late,omitzero"`
	Crowd   SavedCrowd      `json:"crowd,omitzero"`
	Changes []SavedPriority `json:"changes,omitempty"`
	Stats   Stats           `json:"stats"`
}

// SavedTracker is what a tracker has found.
type SavedTracker struct {
	Kind    TrackKind `json:"kind"`
	Name    string    `json:"name"`
	Verdict Verdict   `json:"verdict,omitempty"`
	Value   int       `json:"value,omitempty"`
	Why     string    `json:"why,omitempty"`
	Adds    int       `json:"adds,omitempty"`
}

// SavedRestore is how what was lost is being put back.
type SavedRestore struct {
	Recent   [fightLimit]Moment `json:"recent"`
	Next     int                `json:"next,omitempty"`
	Last     Moment             `json:"last,omitempty"`
	Lost     Moment             `json:"lost,omitempty"`
	Pause    time.Duration      `json:"pause,omitempty"`
	Count    uint64             `json:"count,omitempty"`
	At       Moment             `json:"at,omitempty"`
	Taken    bool               `json:"taken,omitempty"`
	Announce bool               `json:"announce,omitempty"`
}

// SavedRival is another owner of the addresses.
type SavedRival struct {
	Addr    netip.Addr    `json:"addr,omitzero"`
	Last    Moment        `json:"last,omitempty"`
	Every   time.Duration `json:"every,omitempty"`
	Sent    int           `json:"sent,omitempty"`
	Second  Moment        `json:"second,omitempty"`
	Reduced bool          `json:"reduced,omitempty"`
}

// SavedLate is what an instance remembers of having been away.
type SavedLate struct {
	Listening bool `json:"listening,omitempty"`
	Back      bool `json:"back,omitempty"`
	Deaf      bool `json:"deaf,omitempty"`
	Waits     int  `json:"waits,omitempty"`
}

// SavedCrowd is what bounds what strangers may cost.
type SavedCrowd struct {
	Answers  int        `json:"answers,omitempty"`
	Obeyed   netip.Addr `json:"obeyed,omitzero"`
	Rank     uint8      `json:"rank,omitempty"` // of the one that is obeyed
	Goodbyes int        `json:"goodbyes,omitempty"`
	Deadline Moment     `json:"deadline,omitempty"`
	Priority uint8      `json:"priority,omitempty"`
}

// SavedPriority is a change of priority.
type SavedPriority struct {
	From  uint8  `json:"from"`
	To    uint8  `json:"to"`
	Cause string `json:"cause,omitempty"`
}

// Save copies all that the group knows, as of now.
func (g *Group) Save(now time.Time) SavedGroup {
	s := SavedGroup{
		Name: g.name, State: g.state, Said: g.said, Started: g.started, Mixed: g.mixed,
		SilentUntil: MomentOf(g.silentUntil, now),
	}
	for _, m := range g.instances {
		s.Instances = append(s.Instances, m.save(now))
	}
	return s
}

func (m *instance) save(now time.Time) SavedInstance {
	at := func(t time.Time) Moment { return MomentOf(t, now) }
	a := &m.announce
	s := SavedInstance{
		State: m.state, Said: m.said, Started: m.started, Wants: m.wants, Since: at(m.since), Cause: m.cause,
		LinkDown: m.linkDown, Link: m.link, Source: m.source, OldSrc: m.oldSrc, Total: m.total, Priority: m.priority,
		Interval: m.interval, Learned: m.learned, Peer: m.peer, PeerPrio: m.peerPrio, Discarded: m.discarded,
		Found: m.found, Quiet: at(m.quiet), LastSrc: m.lastSrc, HighestPrio: m.highestPrio,
		Deadline: at(m.deadline), Preempt: at(m.preempt),
		Announce: [4]Moment{at(a.delayed), at(a.refresh), at(a.lower), at(a.extra)},
		Restore:  m.restore.save(now),
		Rival: SavedRival{
			Addr: m.rival.addr, Last: at(m.rival.last), Every: m.rival.every, Sent: m.rival.sent,
			Second: at(m.rival.second), Reduced: m.rival.reduced,
		},
		Late: SavedLate{Listening: m.late.listening, Back: m.late.back, Deaf: m.late.deaf, Waits: m.late.waits},
		Crowd: SavedCrowd{
			Answers: m.crowd.answers, Obeyed: m.crowd.obeyed, Rank: m.crowd.rank, Goodbyes: m.crowd.goodbyes,
			Deadline: at(m.crowd.deadline), Priority: m.crowd.priority,
		},
		Stats: m.stats,
	}
	for i, t := range m.trackers {
		x := &m.spec.Trackers[i]
		s.Trackers = append(s.Trackers, SavedTracker{x.Kind, x.Name, t.verdict, t.value, t.why, t.adds})
	}
	for _, c := range m.changes.list[:m.changes.used] {
		s.Changes = append(s.Changes, SavedPriority(c))
	}
	return s
}

func (r *restoring) save(now time.Time) SavedRestore {
	p := &r.pace
	s := SavedRestore{
		Next: p.next, Last: MomentOf(p.last, now), Lost: MomentOf(p.lost, now), Pause: p.pause, Count: p.count,
		At: MomentOf(r.at, now), Taken: r.lost, Announce: r.announce,
	}
	for i, t := range p.recent {
		s.Recent[i] = MomentOf(t, now)
	}
	return s
}

// Restore gives a group that has had no event what another one, of the same name
// and with as many instances, knew at the time then. It needs no event Start: it
// goes on where that one was, late by as much as has passed. After an error it is
// not to be used.
func (g *Group) Restore(then time.Time, s *SavedGroup) error {
	switch {
	case s.Name != g.name:
		return fmt.Errorf("the group is %q, and not %q", s.Name, g.name)
	case len(s.Instances) != len(g.instances):
		return fmt.Errorf("group %q has %d instances, and not %d", g.name, len(s.Instances), len(g.instances))
	case s.State > Fault || s.Said > Deleted:
		return fmt.Errorf("group %q: there are no states %d and %d", g.name, s.State, s.Said)
	}
	g.state, g.said, g.started, g.mixed = s.State, s.Said, s.Started, s.Mixed
	g.silentUntil = s.SilentUntil.Time(then)
	for i, m := range g.instances {
		if err := m.restoreFrom(then, &s.Instances[i]); err != nil {
			return fmt.Errorf("(%s) %w", m.spec.Name, err)
		}
	}
	return nil
}

// check refuses what no instance can have saved.
func (s *SavedInstance) check() error {
	switch {
	case s.State > Fault || s.Said > Deleted:
		return fmt.Errorf("there are no states %d and %d", s.State, s.Said)
	case s.Priority == 0 || s.Interval <= 0:
		return fmt.Errorf("priority %d with adverts every %v", s.Priority, s.Interval)
	case s.Restore.Next < 0 || s.Restore.Next >= fightLimit || s.Restore.Pause < 0:
		return fmt.Errorf("restoration %d of %d", s.Restore.Next, fightLimit)
	case s.Started && (s.State == Backup || s.State == Master) && s.Deadline == 0:
		return fmt.Errorf("%v without a timer", s.State)
	}
	for _, t := range s.Trackers {
		if t.Verdict > Bad {
			return fmt.Errorf("there is no verdict %d", t.Verdict)
		}
	}
	return nil
}

func (m *instance) restoreFrom(then time.Time, s *SavedInstance) error {
	if err := s.check(); err != nil {
		return err
	}
	m.state, m.said, m.started, m.wants, m.cause = s.State, s.Said, s.Started, s.Wants, s.Cause
	m.since = s.Since.Time(then)
	m.linkDown, m.link, m.source, m.oldSrc = s.LinkDown, s.Link, s.Source, s.OldSrc
	m.total, m.priority = s.Total, s.Priority
	m.interval, m.learned = s.Interval, s.Learned
	m.peer, m.peerPrio, m.discarded, m.found = s.Peer, s.PeerPrio, s.Discarded, s.Found
	m.lastSrc, m.highestPrio = s.LastSrc, s.HighestPrio
	m.quiet, m.deadline, m.preempt = s.Quiet.Time(then), s.Deadline.Time(then), s.Preempt.Time(then)
	m.announce = announceTimers{
		delayed: s.Announce[0].Time(then), refresh: s.Announce[1].Time(then),
		lower: s.Announce[2].Time(then), extra: s.Announce[3].Time(then),
	}
	m.restore = s.Restore.restoring(then)
	m.rival = rival{
		addr: s.Rival.Addr, last: s.Rival.Last.Time(then), every: s.Rival.Every, sent: s.Rival.Sent,
		second: s.Rival.Second.Time(then), reduced: s.Rival.Reduced,
	}
	m.late = lateness{listening: s.Late.Listening, back: s.Late.Back, deaf: s.Late.Deaf, waits: s.Late.Waits}
	m.crowd = crowd{
		answers: s.Crowd.Answers, obeyed: s.Crowd.Obeyed, rank: s.Crowd.Rank, goodbyes: s.Crowd.Goodbyes,
		deadline: s.Crowd.Deadline.Time(then), priority: s.Crowd.Priority,
	}
	for _, c := range s.Changes {
		m.changes.add(PriorityChanged(c))
	}
	m.stats = s.Stats
	for i, t := range m.spec.Trackers {
		for _, x := range s.Trackers {
			if x.Kind == t.Kind && x.Name == t.Name {
				m.trackers[i] = tracker{verdict: x.Verdict, value: x.Value, why: x.Why, adds: x.Adds}
			}
		}
	}
	return nil
}

func (s *SavedRestore) restoring(then time.Time) restoring {
	r := restoring{
		pace: Pace{next: s.Next, last: s.Last.Time(then), lost: s.Lost.Time(then), pause: s.Pause, count: s.Count},
		at:   s.At.Time(then), lost: s.Taken, announce: s.Announce,
	}
	for i, t := range s.Recent {
		r.pace.recent[i] = t.Time(then)
	}
	return r
}
