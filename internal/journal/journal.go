// Package journal remembers what happened to one instance and why: its
// transitions, its changes of priority, the adverts that were rejected, the
// scripts that failed and when a second master was suspected.
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
	Script
	Suspicion
)

var kindNames = [...]string{"state", "priority", "rejected", "script", "split-brain"}

func (k Kind) String() string { return kindNames[k] }

// Entry is something that happened, or the same several times.
type Entry struct {
	At   time.Time
	Last time.Time // Rejected: the last time; else as At
	Kind Kind
	// From and To are states or priorities. Rejected: From is the sender, empty
	// for several, To the name of the reason. Script: To is the state that it
	// was to tell of. Suspicion: From is its kind, To whether it begins or ends.
	From, To string
	Cause    string // in words
	Count    uint64 // Rejected: how many; else 1
}

// String returns the entry as a line without its time.
func (e Entry) String() string {
	switch e.Kind {
	case Script:
		return fmt.Sprintf("%s for %s: %s", e.Kind, e.To, e.Cause)
	case Suspicion:
		return fmt.Sprintf("%s %s (%s): %s", e.Kind, e.To, e.From, e.Cause)
	case State, Priority:
		return fmt.Sprintf("%s %s -> %s: %s", e.Kind, e.From, e.To, e.Cause)
	}
	return fmt.Sprintf("rejected %d until %s: %s", e.Count, e.Last.Format(time.RFC3339), e.Cause)
}

const (
	keep    = 128 // transitions and changes of priority
	scripts = 32  // scripts that failed
	senders = 32  // pairs of sender and reason
	rivals  = 32  // suspicions of a second master
)

// Journal is that of one instance. The zero Journal is empty.
type Journal struct {
	changes  ring // transitions and changes of priority
	failed   ring // scripts
	rivals   ring // suspicions
	rejected []rejection
	others   Entry  // those for whom there was no place
	version  uint64 // changes with everything that is noted
}

// Version tells whether anything was noted between two looks. It is 0 for an empty
// journal.
func (j *Journal) Version() uint64 { return j.version }

type rejection struct {
	from   netip.Addr
	reason advert.Reason
	entry  Entry
}

// State notes a transition.
func (j *Journal) State(at time.Time, from, to, cause string) {
	j.version++
	j.changes.add(Entry{At: at, Last: at, Kind: State, From: from, To: to, Cause: cause, Count: 1}, keep)
}

// Priority notes a change of the effective priority.
func (j *Journal) Priority(at time.Time, from, to uint8, cause string) {
	j.version++
	j.changes.add(Entry{At: at, Last: at, Kind: Priority, From: fmt.Sprint(from), To: fmt.Sprint(to), Cause: cause, Count: 1}, keep)
}

// Script notes that a notify script failed: how, and what it said. Such entries
// have a list of their own: a script that fails each second crowds out nothing.
func (j *Journal) Script(at time.Time, state, how string) {
	j.version++
	j.failed.add(Entry{At: at, Last: at, Kind: Script, To: state, Cause: how, Count: 1}, scripts)
}

// Suspicion notes that a second master begins or ceases to be suspected. What
// leads to it may be forged, so such entries have a list of their own too.
func (j *Journal) Suspicion(at time.Time, kind string, ended bool, evidence string) {
	j.version++
	to := "suspected"
	if ended {
		to = "over"
	}
	j.rivals.add(Entry{At: at, Last: at, Kind: Suspicion, From: kind, To: to, Cause: evidence, Count: 1}, rivals)
}

// ring keeps the last entries.
type ring struct {
	list []Entry
	next int // where the next one goes once the list is full
}

func (r *ring) add(e Entry, size int) {
	if len(r.list) < size {
		r.list = append(r.list, e)
		return
	}
	r.list[r.next] = e
	r.next = (r.next + 1) % size
}

// appendTo appends the entries, the oldest first.
func (r *ring) appendTo(all []Entry) []Entry {
	return append(append(all, r.list[r.next:]...), r.list[:r.next]...)
}

// Rejected counts an advert that failed a check.
func (j *Journal) Rejected(at time.Time, from netip.Addr, r advert.Reject) {
	j.version++
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
	j.version++
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
	all := make([]Entry, 0, len(j.changes.list)+len(j.failed.list)+len(j.rivals.list)+len(j.rejected)+1)
	all = j.rivals.appendTo(j.failed.appendTo(j.changes.appendTo(all)))
	for i := range j.rejected {
		all = append(all, j.rejected[i].entry)
	}
	if j.others.Count > 0 {
		all = append(all, j.others)
	}
	earlier := func(a, b Entry) int { return a.At.Compare(b.At) }
	if !slices.IsSortedFunc(all, earlier) { // as it mostly is, and sorting takes a large stack
		slices.SortStableFunc(all, earlier)
	}
	return all
}

// Restore puts entries that another journal had into an empty one, but for the
// rejected adverts.
func (j *Journal) Restore(entries []Entry) {
	j.version++
	for _, e := range entries {
		switch e.Kind {
		case State, Priority:
			j.changes.add(e, keep)
		case Script:
			j.failed.add(e, scripts)
		case Suspicion:
			j.rivals.add(e, rivals)
		}
	}
}
