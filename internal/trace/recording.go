package trace

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// A recording is the traces of all groups of a daemon in one text, each line
// with the number of its trace and a bar in front, in the order in which things
// were done:
//
//	# comment
//	1| holdfast-trace 1
//	1| instance name=VI_1 version=3 …
//	1|    0.000000 0 < link name=eth0 state=up
//	2| adopt instance=0 from=1 as=0
//	2| holdfast-trace 1 group=G
//	2| gap steps=12
//
// Times count from the beginning of the recording. A group that a reload builds
// around instances of older ones says with "adopt" which they are: its instance
// 0 was instance 0 of trace 1. "gap" says that steps of this group are missing;
// what comes after it can be read and not replayed.

// NewStream returns a recorder for one of several groups that are recorded
// together; their times count from start. Nothing of it is written before the
// first step.
func NewStream(w Stream, start time.Time, group string, specs ...*fsm.Spec) *Recorder {
	r := NewRecorder(w, group, specs...)
	r.begun, r.start = true, start
	return r
}

// Stream writes one trace of a recording: every call of Write is whole lines
// that belong together.
type Stream interface {
	Write(lines []byte) (int, error)
}

// Prefixed puts the number of a trace in front of every line.
func Prefixed(number int, lines []byte) []byte {
	prefix := fmt.Sprintf("%d| ", number)
	out := make([]byte, 0, len(lines)+len(lines)/16+len(prefix))
	for line := range strings.Lines(string(lines)) {
		out = append(append(out, prefix...), line...)
	}
	return out
}

// AdoptLine says that an instance of the group to be recorded was one of
// another trace.
func AdoptLine(id fsm.ID, from int, as fsm.ID) string {
	return fmt.Sprintf("adopt instance=%d from=%d as=%d\n", id, from, as)
}

// GapLine says that so many steps are missing.
func GapLine(steps uint64) string { return fmt.Sprintf("gap steps=%d\n", steps) }

// Replayed counts what was done with a recording.
type Replayed struct {
	Traces  int // groups
	Events  int // that were replayed
	Skipped int // events after a gap
}

// ReplayRecording gives the events of a recording to new groups, in their order,
// and compares what they do with what was recorded. A [*Difference] is the
// first that is not the same. Of a last line that was not finished, as a daemon
// leaves it that is killed, everything that belongs to its event is left out.
func ReplayRecording(text string) (Replayed, error) {
	p := player{streams: map[int]*stream{}}
	whole := strings.HasSuffix(text, "\n")
	n := 0
	for line := range strings.Lines(text) {
		n++
		if err := p.line(strings.TrimRight(line, "\r\n"), n); err != nil && (whole || n <= strings.Count(text, "\n")) {
			var d *Difference
			if errors.As(err, &d) {
				return p.done, err
			}
			return p.done, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if !whole {
		return p.done, nil
	}
	return p.done, p.finish()
}

// player replays a recording.
type player struct {
	streams map[int]*stream
	last    *stream // whose event waits for all that belongs to it
	done    Replayed
}

// stream is one trace of a recording.
type stream struct {
	parser parser
	group  *fsm.Group
	rec    *Recorder
	now    strings.Builder
	adopt  []adoption
	carry  []fsm.Carry
	gap    bool
	event  Line
	want   []string
}

type adoption struct{ instance, from, as int }

func (p *player) line(s string, n int) error {
	if s == "" || s[0] == '#' {
		return nil
	}
	number, rest, ok := strings.Cut(s, "| ")
	id, err := parseID(number)
	if !ok || err != nil {
		return fmt.Errorf("want the number of a trace and a bar in front of %q", s)
	}
	t := p.streams[int(id)]
	if t == nil {
		t = &stream{parser: parser{t: &Trace{}}}
		p.streams[int(id)] = t
		p.done.Traces++
	}
	switch word, fields, _ := strings.Cut(rest, " "); word {
	case "adopt":
		a, err := parseAdoption(fields)
		t.adopt = append(t.adopt, a)
		return err
	case "gap":
		err := p.finish()
		t.gap = true
		return err
	}
	before := len(t.parser.t.Lines)
	if err := t.parser.line(rest, n); err != nil {
		return err
	}
	if len(t.parser.t.Lines) == before {
		return nil
	}
	l := t.parser.t.Lines[before]
	if l.Event != nil {
		err := p.finish()
		t.event, t.want, p.last = l, nil, t
		return err
	}
	if t != p.last {
		return fmt.Errorf("trace %d goes on in the middle of another", id)
	}
	t.want = append(t.want, l.String())
	return nil
}

func parseAdoption(s string) (a adoption, err error) {
	f := fields{reading: true}
	if f.in, err = split(s); err != nil {
		return a, err
	}
	f.number("instance", &a.instance)
	f.number("from", &a.from)
	f.number("as", &a.as)
	return a, f.done()
}

// finish replays the last event, now that all that belongs to it is known.
func (p *player) finish() error {
	t := p.last
	p.last = nil
	if t == nil {
		return nil
	}
	if err := p.begin(t); err != nil {
		return err
	}
	if t.gap {
		p.done.Skipped++
		return nil
	}
	p.done.Events++
	t.now.Reset()
	t.rec.Step(t.group, epoch.Add(t.event.At), t.event.ID, t.event.Event)
	return difference(t.event, t.want, t.now.String())
}

// begin makes the group of a trace when its first event is replayed.
func (p *player) begin(t *stream) error {
	if t.group != nil || t.gap {
		return nil
	}
	tr := t.parser.t
	t.group = fsm.NewGroup(tr.Group, tr.Specs...)
	for _, a := range t.adopt {
		from := p.streams[a.from]
		if from == nil || from.group == nil || a.instance >= len(tr.Specs) || a.as >= from.group.Len() {
			return fmt.Errorf("there is no instance %d of trace %d to adopt", a.as, a.from)
		}
		if from.gap {
			t.gap = true // what it knows is not known
			return nil
		}
		if from.carry == nil {
			from.carry = from.group.Carry()
		}
		t.group.Adopt(fsm.ID(a.instance), from.carry[a.as])
	}
	t.rec = NewStream(&t.now, epoch, tr.Group, tr.Specs...)
	t.rec.buf = t.rec.buf[:0] // the header would be the same
	return nil
}
