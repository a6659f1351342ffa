package daemon

import (
	"slices"
	"time"

	"github.com/holdfast-ha/holdfast/internal/dump"
	"github.com/holdfast-ha/holdfast/internal/journal"
)

// remembered is the journal of a member as it is shown, with the rejected packets that
// were too many to be looked at.
func remembered(m *member, entries []journal.Entry, now time.Time) []dump.Entry {
	var lost uint64
	for i := range m.overflow {
		lost += m.overflow[i].Load()
	}
	if lost > 0 {
		entries = append(slices.Clip(entries), journal.Entry{
			At: now, Last: now, Kind: journal.Rejected, Count: lost, Cause: "too many at a time to be looked at one by one",
		})
	}
	list := make([]dump.Entry, len(entries))
	for i := range entries {
		e := &entries[i]
		list[i] = dump.Entry{At: e.At, Last: e.Last, Kind: e.Kind.String(), From: e.From, To: e.To, Cause: e.Cause, Count: e.Count}
	}
	return list
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
	data.Past, data.Timers = true, sv.timers
	for i, m := range sv.members {
		data.Instances[i].Journal = sv.view(m).journal
	}
}
