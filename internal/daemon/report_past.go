package daemon

import (
	"sync"
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
	answers := make([]*answer, len(d.runners))
	var wait sync.WaitGroup
	for i, r := range d.runners {
		wait.Go(func() {
			// A runner that answers too late writes into what nobody reads.
			got := &answer{}
			if r.call(viewTimeout, func(now time.Time, _ *fsm.Group) {
				got.timers = r.timers
				for _, m := range r.members {
					got.entries = append(got.entries, remembered(m, now))
				}
			}) {
				answers[i] = got
			}
		})
	}
	wait.Wait()
	p := past{entries: map[*member][]journal.Entry{}}
	for i, r := range d.runners {
		if answers[i] == nil {
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
