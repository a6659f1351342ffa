// Package journal remembers what happened to one instance and why: its
// transitions, its changes of priority, and the adverts that were rejected.
//
// A journal is bounded whatever happens. Of transitions and changes of priority
// it keeps the last ones; rejected adverts are counted for each sender and
// reason in a list of their own, so that a flood of them crowds out nothing.
// What is repeated allocates nothing. A journal belongs to one goroutine;
// [Journal.Entries] makes a copy for others.
package journal

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

// Kind is what an entry tells of.
type Kind uint8

// Kinds of entries.
const (
	State Kind = iota
	Priority
	Rejected
)

var kindNames = [...]string{"state", "priority", "rejected"}

func (k Kind) String() string { return kindNames[k] }

// Entry is something that happened, or the same several times.
type Entry struct {
	At   time.Time
	Last time.Time // Rejected: the last time; else as At
	Kind Kind
	// From and To are states or priorities. Rejected: From is the sender, empty
	// for several, To the name of the reason.
	From, To string
	Cause    string // in words
	Count    uint64 // Rejected: how many; else 1
}

// String returns the entry as a line without its time.
func (e Entry) String() string {
	if e.Kind != Rejected {
		return fmt.Sprintf("%s %s -> %s: %s", e.Kind, e.From, e.To, e.Cause)
	}
	return fmt.Sprintf("rejected %d until %s: %s", e.Count, e.Last.Format(time.RFC3339), e.Cause)
}

const (
	keep    = 128 // transitions and changes of priority
	senders = 32  // pairs of sender and reason
)

// Journal is that of one instance. The zero Journal is empty.
type Journal struct {
	list     []Entry // a ring once it is full
	next     int     // where the next one goes, then
	rejected []rejection
	others   Entry // those for whom there was no place
}

type rejection struct {
	from   netip.Addr
	reason advert.Reason
	entry  Entry
}

// State notes a transition.
func (j *Journal) State(at time.Time, from, to, cause string) {
	j.add(Entry{At: at, Last: at, Kind: State, From: from, To: to, Cause: cause, Count: 1})
}

// Priority notes a change of the effective priority.
func (j *Journal) Priority(at time.Time, from, to uint8, cause string) {
	j.add(Entry{At: at, Last: at, Kind: Priority, From: fmt.Sprint(from), To: fmt.Sprint(to), Cause: cause, Count: 1})
}

func (j *Journal) add(e Entry) {
	if len(j.list) < keep {
		j.list = append(j.list, e)
		return
	}
	j.list[j.next] = e
	j.next = (j.next + 1) % keep
}

// Rejected counts an advert that failed a check.
func (j *Journal) Rejected(at time.Time, from netip.Addr, r advert.Reject) {
	for i := range j.rejected {
		if e := &j.rejected[i]; e.from == from && e.reason == r.Reason {
			e.entry.Last = at
			e.entry.Count++
			return
		}
	}
	sender, cause := from.WithZone("").String(), r.Text(from)
	if !strings.Contains(cause, sender) { // keepalived's words are not always enough
		cause += " (from " + sender + ")"
	}
	e := rejection{from, r.Reason, Entry{At: at, Last: at, Kind: Rejected, From: sender, To: r.Reason.String(), Cause: cause, Count: 1}}
	if len(j.rejected) < senders {
		j.rejected = append(j.rejected, e)
		return
	}
	// Whoever has not been heard for the longest makes room, but not for a
	// stream of invented senders.
	oldest := slices.MinFunc(j.rejected, func(a, b rejection) int { return a.entry.Last.Compare(b.entry.Last) })
	if at.Sub(oldest.entry.Last) >= time.Minute {
		i := slices.IndexFunc(j.rejected, func(o rejection) bool { return o.from == oldest.from && o.reason == oldest.reason })
		j.rejected[i] = e
		return
	}
	j.Overflow(at, 1)
}

// Overflow counts rejected adverts of which nothing more is known.
func (j *Journal) Overflow(at time.Time, count uint64) {
	o := &j.others
	if o.Count == 0 {
		*o = Entry{At: at, Kind: Rejected, Cause: "too many senders to tell them apart"}
	}
	o.Last = at
	o.Count += count
}

// Entries copies the journal in the order of time; a count has its place where
// it began.
func (j *Journal) Entries() []Entry {
	var all []Entry
	if len(j.list) == keep {
		all = append(all, j.list[j.next:]...)
		all = append(all, j.list[:j.next]...)
	} else {
		all = append(all, j.list...)
	}
	for i := range j.rejected {
		all = append(all, j.rejected[i].entry)
	}
	if j.others.Count > 0 {
		all = append(all, j.others)
	}
	slices.SortStableFunc(all, func(a, b Entry) int { return a.At.Compare(b.At) })
	return all
}
