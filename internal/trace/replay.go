package trace

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// Difference is the first event of a trace to which the state machine now
// answers otherwise than it did when the trace was recorded.
type Difference struct {
	Line      int // of the event, from 1
	Event     string
	Want, Got []string // lines of actions and deadline: recorded, and now
}

// Error shows what both have in common once, what only the recording has with
// a minus sign and what only the replay has with a plus sign.
func (d *Difference) Error() string {
	var b strings.Builder
	fmt.Fprintf(&b, "line %d: %s\n", d.Line, strings.TrimSpace(d.Event))
	head := 0
	for head < min(len(d.Want), len(d.Got)) && d.Want[head] == d.Got[head] {
		fmt.Fprintf(&b, "  %s\n", d.Want[head])
		head++
	}
	want, got := d.Want[head:], d.Got[head:]
	tail := 0
	for tail < min(len(want), len(got)) && want[len(want)-1-tail] == got[len(got)-1-tail] {
		tail++
	}
	for _, s := range want[:len(want)-tail] {
		fmt.Fprintf(&b, "- %s\n", s)
	}
	for _, s := range got[:len(got)-tail] {
		fmt.Fprintf(&b, "+ %s\n", s)
	}
	for _, s := range want[len(want)-tail:] {
		fmt.Fprintf(&b, "  %s\n", s)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

// epoch is when replays take place. Only differences of time matter.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// Replay gives the events of a trace to a new group and compares what it does,
// and when it wants to be woken, with the trace. The error is a [*Difference].
func Replay(t *Trace) error {
	var now bytes.Buffer
	g := fsm.NewGroup(t.Group, t.Specs...)
	r := NewRecorder(&now, t.Group, t.Specs...)
	r.buf = r.buf[:0] // the header would be the same
	// Offsets are the trace's own, whatever its first one is.
	r.begun, r.start = true, epoch
	for i := 0; i < len(t.Lines); {
		ev := t.Lines[i]
		i++
		var want []string
		for ; i < len(t.Lines) && t.Lines[i].Event == nil; i++ {
			want = append(want, t.Lines[i].String())
		}
		now.Reset()
		r.Step(g, epoch.Add(ev.At), ev.ID, ev.Event)
		if err := difference(ev, want, now.String()); err != nil {
			return err
		}
	}
	return nil
}

// difference compares what was recorded after an event with what a recorder has
// written of it now.
func difference(ev Line, want []string, now string) error {
	got := strings.Split(strings.TrimSuffix(now, "\n"), "\n")[1:]
	if slices.EqualFunc(want, got, sameLine) {
		return nil
	}
	return &Difference{Line: ev.N, Event: ev.String(), Want: want, Got: got}
}

// reasonField is the last one of a state; recordings of earlier releases have none.
const reasonField = "reason"

// sameLine tells whether a line is what was recorded, perhaps before there were
// reasons.
func sameLine(want, got string) bool {
	if want == got {
		return true
	}
	i := strings.LastIndex(got, " "+reasonField+"=")
	return i >= 0 && got[:i] == want && plain(got[i+len(reasonField)+2:])
}
