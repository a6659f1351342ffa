package fsm

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

// Stats counts what happened to an instance since the daemon started. The
// fields are those of keepalived's statistics file; Rejected has one counter
// for each check.
type Stats struct {
	AdvertsReceived, AdvertsSent uint64
	BecameMaster, ReleasedMaster uint64
	AddressList                  uint64 // accepted adverts with other addresses than ours
	ZeroReceived, ZeroSent       uint64
	Restored                     uint64 // times that something lost was put back
	Rejected                     [advert.Reasons]uint64
}

// count counts a rejected packet. One of which only the sender is wrong counts
// as received too.
func (s *Stats) count(r advert.Reject) {
	if int(r.Reason) < len(s.Rejected) {
		s.Rejected[r.Reason]++
	}
	if r.Received() {
		s.AdvertsReceived++
	}
}

// View is a copy of everything that is known of an instance.
type View struct {
	Spec                     *Spec
	State                    State
	Wants                    bool // its timer expired and it waits for its group
	Since                    time.Time
	Cause                    string // of the last transition
	Priority                 uint8  // effective
	Total                    int    // before it was kept within 1 to 254
	Interval                 time.Duration
	MasterDown               time.Duration
	Master                   netip.Addr // the Master last heard while Backup
	MasterPriority, Highest  uint8
	Source                   netip.Addr
	Deadline                 time.Time
	Faults                   []string // why it is in FAULT
	LinkDown, NoSource, Held bool
	Stats                    Stats
}

// View copies what is known of an instance.
func (g *Group) View(id ID) View {
	m := g.instances[id]
	v := View{
		Spec: m.spec, State: m.state, Wants: m.wants || m.state == Master, Since: m.since, Cause: m.cause,
		Priority: m.priority, Total: m.total, Interval: m.interval, MasterDown: m.masterDown(),
		Master: m.peer, MasterPriority: m.peerPrio, Highest: m.highestPrio, Source: m.source, Deadline: m.deadline,
		LinkDown: m.linkDown, NoSource: !m.source.IsValid(), Held: m.started && m.state == Init, Stats: m.stats,
	}
	for i := range m.trackers {
		if m.trackerFaults(i) {
			v.Faults = append(v.Faults, m.trackerWords(i))
		}
	}
	return v
}

// ClearStats sets every counter of every instance to zero.
func (g *Group) ClearStats() {
	for _, m := range g.instances {
		m.stats = Stats{}
	}
}

// Carry is an instance taken out of its group, to live on in another.
type Carry struct{ m *instance }

// Carry takes the instances out of the group, which is not to be used again.
func (g *Group) Carry() []Carry {
	var all []Carry
	for _, m := range g.instances {
		all = append(all, Carry{m})
	}
	return all
}

// Adopt gives the place of an instance that has not started to one that has
// lived in another group. It goes on under its old specification until an
// event Reconfigured brings the new one. The group needs an event Start like
// any other: it fits the instance into the group without taking it from its
// state, unless a fault of another member forces that.
func (g *Group) Adopt(id ID, c Carry) {
	m, old := c.m, c.m.g
	if old.name == g.name {
		g.said = old.said // a group that is what it was reports nothing
	}
	g.silentUntil = later(g.silentUntil, old.silentUntil)
	m.g, m.id = g, id
	g.instances[id] = m
}

// refusals remembers which complaints were made, so that each kind and sender
// is logged once and then once a minute with a count, however many come.
type refusals struct {
	notes   advert.Note
	entries [8]refusal
	used    int
	crowd   [advert.Reasons]refusal // of senders for whom there was no place
}

type refusal struct {
	reason advert.Reason
	from   netip.Addr
	logged time.Time
	since  uint64 // counted since the last line
}

// refusalPause is the time between two lines about one kind and sender.
const refusalPause = time.Minute

func (r *refusals) reset() { *r = refusals{} }

// remark returns which of the notes have not been made before.
func (r *refusals) remark(n advert.Note) advert.Note {
	fresh := n &^ r.notes
	r.notes |= n
	return fresh
}

// note counts a rejected advert and returns the line to be logged, if any.
func (r *refusals) note(now time.Time, from netip.Addr, j advert.Reject) (string, bool) {
	e := r.entry(now, from, j.Reason)
	if e == nil {
		return r.crowded(now, from, j)
	}
	if e.since++; now.Sub(e.logged) < refusalPause {
		return "", false
	}
	text := j.Text(from)
	if e.since > 1 {
		text = fmt.Sprintf("%s (%d more of them)", text, e.since-1)
	}
	e.since, e.logged = 0, now
	return text, true
}

// crowded is note for senders that are too many to be told apart: a line a minute
// for each kind.
func (r *refusals) crowded(now time.Time, from netip.Addr, j advert.Reject) (string, bool) {
	if int(j.Reason) >= len(r.crowd) {
		return "", false
	}
	e := &r.crowd[j.Reason]
	if e.since++; now.Sub(e.logged) < refusalPause {
		return "", false
	}
	text := j.Text(from)
	if e.since > 1 {
		text = fmt.Sprintf("%s (%d more of the kind, from several senders)", text, e.since-1)
	}
	e.since, e.logged = 0, now
	return text, true
}

// entry finds the place for a kind and sender. When all are taken by others, a
// place is free again a minute after its last line; until then the rest is
// counted together, so that invented senders cannot fill the log.
func (r *refusals) entry(now time.Time, from netip.Addr, reason advert.Reason) *refusal {
	var free *refusal
	for i := range r.entries[:r.used] {
		e := &r.entries[i]
		if e.reason == reason && e.from == from {
			return e
		}
		if free == nil && now.Sub(e.logged) >= refusalPause {
			free = e
		}
	}
	if r.used < len(r.entries) {
		free = &r.entries[r.used]
		r.used++
	}
	if free != nil {
		*free = refusal{reason: reason, from: from}
	}
	return free
}
