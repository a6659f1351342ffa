package daemon

import (
	"time"

	"github.com/holdfast-ha/holdfast/internal/dump"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/journal"
)

// past is what the runners remember.
type past struct {
	entries map[*member][]journal.Entry
	timers  []dump.Timers // in the order of the runners
}

// past asks every runner what it remembers, all of them at the same time. What
// one that does not answer remembers is left out.
func (d *Daemon) past() past {
	type answer struct {
		entries [][]journal.Entry
		timers  lateness
	}
	runners := d.runners
	answers := make([]answer, len(runners))
	answered := ask(runners, func(i int, now time.Time, _ *fsm.Group) {
		answers[i].timers = runners[i].timers
		for _, m := range runners[i].members {
			answers[i].entries = append(answers[i].entries, remembered(m, now))
		}
	})
	p := past{entries: make(map[*member][]journal.Entry, len(d.members))}
	for i, r := range runners {
		if !answered[i] {
			continue
		}
		for j, m := range r.members {
			p.entries[m] = answers[i].entries[j]
		}
		p.timers = append(p.timers, timersOf(r, &answers[i].timers))
	}
	return p
}

// remembered copies the journal of a member, with the rejected packets that were
// too many to be looked at.
func remembered(m *member, now time.Time) []journal.Entry {
	entries := m.journal.Entries()
	var lost uint64
	for i := range m.overflow {
		lost += m.overflow[i].Load()
	}
	if lost > 0 {
		entries = append(entries, journal.Entry{
			At: now, Last: now, Kind: journal.Rejected, Count: lost, Cause: "too many at a time to be looked at one by one",
		})
	}
	return entries
}

func timersOf(r *runner, l *lateness) dump.Timers {
	t := dump.Timers{Name: r.group.Name(), Fired: l.fired, Latest: l.latest, Longest: l.longest}
	if t.Name == "" {
		t.Name = r.members[0].name()
	}
	for i, limit := range lateOver {
		t.Over = append(t.Over, dump.TimersOver{Limit: limit, Count: l.over[i]})
	}
	return t
}

// addPast adds to the instances what happened to them.
func (sv *survey) addPast(data *dump.Data) {
	p := sv.d.past()
	data.Past, data.Timers = true, p.timers
	for i, m := range sv.members {
		for _, e := range p.entries[m] {
			data.Instances[i].Journal = append(data.Instances[i].Journal, dump.Entry{
				At: e.At, Last: e.Last, Kind: e.Kind.String(), From: e.From, To: e.To, Cause: e.Cause, Count: e.Count,
			})
		}
	}
}
