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
	Rejected                     [advert.Reasons]uint64
}

func (s *Stats) count(r advert.Reason) { s.Rejected[r]++ }

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
// event Reconfigured brings the new one.
func (g *Group) Adopt(id ID, c Carry) {
	m := c.m
	m.g, m.id = g, id
	g.instances[id] = m
	g.state = g.startState()
}

// refusals remembers which complaints were made, so that each kind and sender
// is logged once and then once a minute with a count, however many come.
type refusals struct {
	notes   advert.Note
	entries [8]refusal
	used    int
	others  uint64 // of senders for which there was no entry
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
	for i := range r.entries[:r.used] {
		e := &r.entries[i]
		if e.reason != j.Reason || e.from != from {
			continue
		}
		e.since++
		if now.Sub(e.logged) < refusalPause {
			return "", false
		}
		n := e.since
		e.since, e.logged = 0, now
		return fmt.Sprintf("%s (%d more of them)", j.Text(from), n), true
	}
	if r.used == len(r.entries) {
		r.others++
		return "", false
	}
	r.entries[r.used] = refusal{reason: j.Reason, from: from, logged: now}
	r.used++
	return j.Text(from), true
}
