package trace

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// Line is one line of a trace. Exactly one of Event, Action and Wake is set.
type Line struct {
	At     time.Duration // since the first event
	ID     fsm.ID
	Event  fsm.Event
	Action fsm.Action
	Wake   *Wake
	N      int // where it was read, from 1; 0: it was not
}

// Wake is the next deadline of a group.
type Wake struct {
	Set bool
	At  time.Duration
}

// Directions.
const (
	into  = '<'
	outOf = '>'
	timer = '='
)

// String returns the line as it stands in a trace.
func (l Line) String() string { return string(l.appendTo(nil)) }

func (l Line) appendTo(b []byte) []byte {
	f := fields{}
	var dir byte
	var word string
	switch {
	case l.Event != nil:
		dir, word = into, f.writeEvent(l.Event)
	case l.Action != nil:
		dir, word = outOf, f.writeAction(l.Action)
	case l.Wake != nil:
		dir, word = timer, "wake"
		if l.Wake.Set {
			f.put("at", string(appendOffset(nil, l.Wake.At)))
		}
	default:
		panic("trace: a line of nothing")
	}
	b = appendPadded(b, appendOffset(nil, l.At), 11)
	b = append(b, ' ')
	b = appendID(b, l.ID)
	b = append(b, ' ', dir, ' ')
	b = append(b, word...)
	return append(b, f.out...)
}

func appendPadded(b, s []byte, width int) []byte {
	for range width - len(s) {
		b = append(b, ' ')
	}
	return append(b, s...)
}

func appendID(b []byte, id fsm.ID) []byte {
	if id == fsm.All {
		return append(b, '*')
	}
	return strconv.AppendInt(b, int64(id), 10)
}

// appendOffset writes seconds with six decimals, or nine where six would not
// be exact: a replay has to see the very times that the recording saw.
func appendOffset(b []byte, d time.Duration) []byte {
	u := uint64(d)
	if d < 0 {
		b, u = append(b, '-'), -u
	}
	b = strconv.AppendUint(b, u/uint64(time.Second), 10)
	rest := fmt.Sprintf(".%09d", u%uint64(time.Second))
	return append(b, strings.TrimSuffix(rest, "000")...)
}

func parseOffset(s string) (time.Duration, error) {
	whole, rest, found := strings.Cut(s, ".")
	if !found || len(rest) != 6 && len(rest) != 9 || len(rest) == 9 && strings.HasSuffix(rest, "000") {
		return 0, fmt.Errorf("time %q: want seconds with 6 decimals, or 9 if need be", s)
	}
	d, err := time.ParseDuration(s + "s")
	if err != nil {
		return 0, fmt.Errorf("time %q: %w", s, err)
	}
	if got := string(appendOffset(nil, d)); got != s {
		return 0, fmt.Errorf("time %q: want %q", whole+"."+rest, got)
	}
	return d, nil
}

// ParseLine is the inverse of [Line.String]. Spaces in front are ignored.
func ParseLine(s string) (Line, error) {
	l, err := parseLine(s)
	if err != nil {
		return Line{}, fmt.Errorf("trace line %q: %w", s, err)
	}
	return l, nil
}

func parseLine(s string) (l Line, err error) {
	offset, rest, _ := strings.Cut(strings.TrimLeft(s, " "), " ")
	id, rest, _ := strings.Cut(rest, " ")
	dir, rest, _ := strings.Cut(rest, " ")
	word, rest, _ := strings.Cut(rest, " ")
	if l.At, err = parseOffset(offset); err != nil {
		return l, err
	}
	if l.ID, err = parseID(id); err != nil {
		return l, err
	}
	f := fields{reading: true}
	if f.in, err = split(rest); err != nil {
		return l, err
	}
	switch dir {
	case string(into):
		l.Event = f.readEvent(word)
	case string(outOf):
		l.Action = f.readAction(word)
	case string(timer):
		l.Wake = f.readWake(word)
	default:
		return l, fmt.Errorf("direction %q: want one of < > =", dir)
	}
	return l, f.done()
}

func parseID(s string) (fsm.ID, error) {
	if s == "*" {
		return fsm.All, nil
	}
	n, err := strconv.ParseUint(s, 10, 16)
	if err != nil || strconv.FormatUint(n, 10) != s {
		return 0, fmt.Errorf("instance %q: want a number or *", s)
	}
	return fsm.ID(n), nil
}

func (f *fields) readWake(word string) *Wake {
	w := &Wake{}
	if word != "wake" {
		f.err = fmt.Errorf("unknown word %q", word)
		return w
	}
	s, ok := f.take("at")
	if !ok {
		return w
	}
	at, err := parseOffset(s)
	if err != nil {
		f.err = err
	}
	return &Wake{Set: true, At: at}
}

var errWord = errors.New("unknown word")
