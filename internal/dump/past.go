package dump

import (
	"strconv"
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

// past prints what keepalived does not know of an instance. It stands at the end,
// and no line looks like one of keepalived's: its readers look for " = ".
func (p *printer) past(v *Instance) {
	p.put(1, v.Name)
	for i := range v.Journal {
		p.begin(3, "")
		p.b = v.Journal[i].appendTo(p.b)
		p.end()
	}
}

func (p *printer) lateness(list []Timers) {
	p.section("Holdfast: how late timers were", len(list), func(i int) {
		p.begin(1, "")
		p.b = list[i].appendTo(p.b)
		p.end()
	})
}

const pastLayout = "2006-01-02 15:04:05.000000"

// appendTo appends the entry as a line.
func (e *Entry) appendTo(b []byte) []byte {
	add := func(words ...string) {
		for _, w := range words {
			b = append(b, w...)
		}
	}
	b = append(e.At.AppendFormat(b, pastLayout), ' ')
	switch e.Kind {
	case "script":
		add("script for ", e.To)
	case "split-brain":
		add(e.Kind, " ", e.To, " (", e.From, ")")
	case "rejected":
		b = strconv.AppendUint(append(b, "rejected "...), e.Count, 10)
		if e.Count > 1 {
			b = e.Last.AppendFormat(append(b, " until "...), pastLayout)
		}
	default:
		add(e.Kind, " ", e.From, " -> ", e.To)
	}
	add(": ", strings.ReplaceAll(e.Cause, " = ", " "))
	return b
}

// appendTo appends the figures as a line.
func (t *Timers) appendTo(b []byte) []byte {
	b = append(append(b, t.Name...), ": "...)
	b = strconv.AppendUint(b, t.Fired, 10)
	b = appendSeconds(append(b, " fired, the last "...), t.Latest)
	b = append(appendSeconds(append(b, " s late, the latest "...), t.Longest), " s"...)
	for _, o := range t.Over {
		b = append(append(b, ", more than "...), o.Limit.String()...)
		b = strconv.AppendUint(append(b, ": "...), o.Count, 10)
	}
	return b
}

func appendSeconds(b []byte, d time.Duration) []byte {
	b = append(strconv.AppendInt(b, seconds(d), 10), '.')
	return appendMicro(b, int(d%time.Second/time.Microsecond))
}
