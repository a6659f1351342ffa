package dump

import (
	"fmt"
	"strings"
	"time"
)

// Entry is something that happened to an instance, and why.
type Entry struct {
	At, Last time.Time // Last is later than At where Count is more than 1
	Kind     string    // state, priority or rejected
	// From and To are states or priorities; of a rejected advert the sender and
	// the reason.
	From, To string
	Cause    string // in words
	Count    uint64
}

// Timers is how late the timers of a sync group, or of an instance alone, fired.
type Timers struct {
	Name            string
	Fired           uint64
	Latest, Longest time.Duration // late
	Over            []TimersOver
}

// TimersOver counts timers that were later than a limit.
type TimersOver struct {
	Limit time.Duration
	Count uint64
}

// past prints what keepalived does not know. It stands at the end, and no line
// looks like one of keepalived's: its readers look for " = ".
func (p *printer) past(d *Data) {
	p.head("Holdfast: what happened and why")
	for i := range d.Instances {
		p.line(1, "%s", d.Instances[i].Name)
		for _, e := range d.Instances[i].Journal {
			p.line(3, "%s", e)
		}
	}
	p.section("Holdfast: how late timers were", len(d.Timers), func(i int) {
		p.line(1, "%s", &d.Timers[i])
	})
}

// String returns the entry as a line.
func (e Entry) String() string {
	const layout = "2006-01-02 15:04:05.000000"
	what := fmt.Sprintf("%s %s -> %s", e.Kind, e.From, e.To)
	switch e.Kind {
	case "script":
		what = "script for " + e.To
	case "split-brain":
		what = fmt.Sprintf("%s %s (%s)", e.Kind, e.To, e.From)
	case "rejected":
		what = fmt.Sprintf("rejected %d", e.Count)
		if e.Count > 1 {
			what += " until " + e.Last.Format(layout)
		}
	}
	return fmt.Sprintf("%s %s: %s", e.At.Format(layout), what, strings.ReplaceAll(e.Cause, " = ", " "))
}

// String returns the figures as a line.
func (t *Timers) String() string {
	s := fmt.Sprintf("%s: %d fired, the last %s s late, the latest %s s", t.Name, t.Fired, micro(t.Latest), micro(t.Longest))
	for _, o := range t.Over {
		s += fmt.Sprintf(", more than %v: %d", o.Limit, o.Count)
	}
	return s
}

func micro(d time.Duration) string {
	return fmt.Sprintf("%d.%06d", d/time.Second, d%time.Second/time.Microsecond)
}
