package trace

import (
	"errors"
	"fmt"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// version is in the first line of every trace.
const version = "holdfast-trace 1"

// Trace is what happened to one group, from its beginning.
type Trace struct {
	Group string // name of the sync group; empty: an instance alone
	Specs []*fsm.Spec
	Lines []Line
}

// String returns the trace as text, without the comments it was read with.
func (t *Trace) String() string {
	b := appendHeader(nil, t.Group, t.Specs)
	for _, l := range t.Lines {
		b = append(l.appendTo(b), '\n')
	}
	return string(b)
}

func appendHeader(b []byte, group string, specs []*fsm.Spec) []byte {
	f := fields{}
	f.text("group", &group)
	b = append(b, version...)
	b = append(append(b, f.out...), '\n')
	for _, s := range specs {
		f = fields{}
		f.spec(s)
		b = append(b, "instance"...)
		b = append(append(b, f.out...), '\n')
	}
	return b
}

// Parse reads a trace. What it returns can be given to [Replay]: it speaks only
// of instances and trackers that are there.
func Parse(text string) (*Trace, error) {
	p := parser{t: &Trace{}}
	n := 0
	for line := range strings.Lines(text) {
		n++
		line = strings.TrimRight(line, "\r\n")
		if s := strings.TrimLeft(line, " \t"); s == "" || s[0] == '#' {
			continue
		}
		if err := p.line(line, n); err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
	}
	if err := p.headerDone(); err != nil {
		return nil, fmt.Errorf("line %d: %w", n, err)
	}
	return p.t, nil
}

type parser struct {
	t        *Trace
	begun    bool  // the first line has been read
	trackers []int // of each instance, as now configured
}

func (p *parser) line(s string, n int) error {
	if !p.begun {
		return p.first(s)
	}
	if rest, ok := strings.CutPrefix(s+" ", "instance "); ok && len(p.t.Lines) == 0 {
		return p.instance(rest)
	}
	if err := p.headerDone(); err != nil {
		return err
	}
	l, err := ParseLine(s)
	if err != nil {
		return err
	}
	l.N = n
	if err := p.check(l); err != nil {
		return err
	}
	p.t.Lines = append(p.t.Lines, l)
	return nil
}

func (p *parser) first(s string) (err error) {
	rest, ok := strings.CutPrefix(s+" ", version+" ")
	if !ok {
		return fmt.Errorf("a trace begins with %q", version)
	}
	p.begun = true
	f := fields{reading: true}
	if f.in, err = split(rest); err != nil {
		return err
	}
	f.text("group", &p.t.Group)
	return f.done()
}

func (p *parser) instance(s string) (err error) {
	f := fields{reading: true}
	if f.in, err = split(s); err != nil {
		return err
	}
	spec := &fsm.Spec{}
	f.spec(spec)
	p.t.Specs = append(p.t.Specs, spec)
	p.trackers = append(p.trackers, len(spec.Trackers))
	return f.done()
}

func (p *parser) headerDone() error {
	switch {
	case !p.begun:
		return fmt.Errorf("a trace begins with %q", version)
	case len(p.t.Specs) == 0:
		return errors.New("no instance")
	case len(p.t.Specs) > 1 && p.t.Group == "":
		return errors.New("several instances, but no name for their group")
	}
	return nil
}

// check tells whether a line fits what came before it.
func (p *parser) check(l Line) error {
	if l.Event == nil {
		if len(p.t.Lines) == 0 {
			return errors.New("an action before the first event")
		}
		return nil
	}
	if l.ID != fsm.All && int(l.ID) >= len(p.trackers) {
		return fmt.Errorf("there is no instance %d", l.ID)
	}
	for id := range p.trackers {
		if l.ID != fsm.All && int(l.ID) != id {
			continue
		}
		switch e := l.Event.(type) {
		case fsm.Reconfigured:
			p.trackers[id] = len(e.Spec.Trackers)
		case fsm.TrackChanged:
			if e.Index < 0 || e.Index >= p.trackers[id] {
				return fmt.Errorf("instance %d has no tracker %d", id, e.Index)
			}
		}
	}
	return nil
}
