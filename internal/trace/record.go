package trace

import (
	"io"
	"time"

	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// Recorder writes the trace of one group while it runs. Like the group it
// belongs to one goroutine. Each step is one Write; after the first that fails
// the recorder is silent and the group goes on.
type Recorder struct {
	w     io.Writer
	begun bool
	start time.Time
	wake  Wake
	buf   []byte
	err   error
}

// NewRecorder returns a recorder for a group that is about to be made of the
// same name and specifications. The header is written with the first step.
func NewRecorder(w io.Writer, group string, specs ...*fsm.Spec) *Recorder {
	return &Recorder{w: w, buf: appendHeader(nil, group, specs)}
}

// Step is [fsm.Group.Step], recorded.
func (r *Recorder) Step(g *fsm.Group, now time.Time, id fsm.ID, ev fsm.Event) []fsm.Out {
	if r.err != nil {
		return g.Step(now, id, ev)
	}
	if !r.begun {
		r.begun, r.start = true, now
	}
	at := now.Sub(r.start)
	// Before the step: the event may be a pointer to what the step changes.
	r.line(Line{At: at, ID: id, Event: ev})
	outs := g.Step(now, id, ev)
	for _, o := range outs {
		r.line(Line{At: at, ID: o.ID, Action: o.Action})
	}
	wake := Wake{}
	if w, ok := g.Wake(); ok {
		wake = Wake{Set: true, At: w.Sub(r.start)}
	}
	if wake != r.wake {
		r.wake = wake
		r.line(Line{At: at, ID: fsm.All, Wake: &wake})
	}
	_, r.err = r.w.Write(r.buf)
	r.buf = r.buf[:0]
	return outs
}

func (r *Recorder) line(l Line) { r.buf = append(l.appendTo(r.buf), '\n') }

// Err returns why recording has ended; nil while it goes on.
func (r *Recorder) Err() error { return r.err }
