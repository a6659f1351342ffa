package notify

import (
	"context"
	"errors"
	"time"

	"github.com/holdfast-ha/holdfast/internal/spawn"
)

// ObjectState is what is known of the scripts of an object.
type ObjectState struct {
	Kind    Kind
	Name    string
	State   string // of the last event that was told
	Running []string
	Waiting int // events
	Last    Run
}

// Run is a script that has ended.
type Run struct {
	State  string // what it told; empty: none has ended
	Script string
	OK     bool
	Reason string // "exit 0"
	Took   time.Duration
}

// State returns every object there has been an event for, in the order of the
// first. It may be called at any time.
func (n *Notifier) State() []ObjectState {
	n.mu.Lock()
	defer n.mu.Unlock()
	states := make([]ObjectState, len(n.objects))
	for i, o := range n.objects {
		s := o.state
		s.Running = append([]string(nil), s.Running...)
		s.Waiting = len(o.waiting)
		states[i] = s
	}
	return states
}

// telling is one event on its way through its scripts.
type telling struct {
	n       *Notifier
	o       *object
	e       *Event
	todo    []spawn.Cmd
	running int
	started time.Time // of the last script
	ended   chan struct{}
	ctx     context.Context
	cancel  context.CancelCauseFunc
}

// tell runs the scripts of an event and returns when they have ended.
func (n *Notifier) tell(o *object, e *Event) {
	t := &telling{n: n, o: o, e: e, todo: e.scripts(), ended: make(chan struct{}, 2)}
	t.renew()
	defer func() { t.cancel(nil) }()

	beside := time.NewTimer(limit) // the next script runs beside this one
	defer beside.Stop()
	room := time.NewTimer(limit) // this script makes room for the next event
	room.Stop()
	defer room.Stop()
	draining := n.draining
	newer := false
	for t.running > 0 || len(t.todo) > 0 {
		if t.running == 0 {
			if n.ctx.Err() != nil {
				return
			}
			t.start()
			beside.Reset(limit)
			if newer {
				room.Reset(t.room())
			}
		}
		select {
		case <-t.ended:
			t.running--
		case <-beside.C:
			if len(t.todo) > 0 && !newer {
				n.log(spawn.Info, e, "the script still runs after %v: starting the generic one beside it", limit)
				t.start()
			}
		case <-o.newer:
			newer = true
			room.Reset(t.room())
		case <-draining:
			draining = nil
			if newer {
				room.Reset(t.room())
			}
		case <-room.C:
			t.makeRoom()
		}
	}
}

// renew makes the context of the scripts started from now on.
func (t *telling) renew() {
	t.ctx, t.cancel = context.WithCancelCause(t.n.ctx)
}

// start runs the next script.
func (t *telling) start() {
	cmd := t.todo[0]
	t.todo = t.todo[1:]
	t.running++
	t.started = time.Now()
	t.n.mu.Lock()
	t.o.state.Running = append(t.o.state.Running, cmd.Name())
	t.n.mu.Unlock()
	ctx := t.ctx
	go func() {
		r := t.n.opt.Launch(ctx, cmd)
		t.n.finished(t.o, t.e, &cmd, r, context.Cause(ctx))
		t.ended <- struct{}{}
	}()
}

// room is how long the running script may go on now that a newer state waits.
func (t *telling) room() time.Duration {
	select {
	case <-t.n.draining:
		return drainPatience
	default:
		return max(patience, limit-time.Since(t.started))
	}
}

// makeRoom ends what runs, for the event that waits behind it.
func (t *telling) makeRoom() {
	d := grace
	select {
	case <-t.n.draining:
		d = drainGrace
	default:
	}
	if t.e.isState() {
		// What the generic script would tell of is over.
		t.todo = nil
	}
	t.cancel(spawn.Stop{Grace: d})
	t.renew()
}

// finished records and logs how a script has ended.
func (n *Notifier) finished(o *object, e *Event, cmd *spawn.Cmd, r spawn.Result, cause error) {
	name := cmd.Name()
	n.mu.Lock()
	for i, running := range o.state.Running {
		if running == name {
			o.state.Running = append(o.state.Running[:i], o.state.Running[i+1:]...)
			break
		}
	}
	warn := r.NoShebang && !n.warned[name]
	if warn {
		n.warned[name] = true
	}
	failed := r
	if n.opt.StrictCompat {
		r = r.Compat()
	}
	run := Run{State: e.State, Script: name, OK: r.OK(), Reason: r.Reason(), Took: r.Duration}
	o.state.Last = run
	n.mu.Unlock()

	if warn {
		n.logf(spawn.Info, "Please add a #! shebang to script "+name)
	}
	exec, notRun := errors.AsType[*spawn.ExecError](failed.Err)
	switch {
	case notRun:
		n.logf(spawn.Alert, exec.Line()+" ("+e.Kind.String()+" "+e.Name+" "+e.State+")")
	case r.OK():
	case cause != nil && n.ctx.Err() != nil:
		n.log(spawn.Info, e, "script %s was ended: shutting down", name)
	case cause != nil:
		n.log(spawn.Info, e, "script %s was ended after %v: a newer state waits", name, r.Duration.Round(time.Millisecond))
	default:
		n.log(spawn.Info, e, "script %s failed (%s)", name, r.Reason())
	}
	var said []string
	if !failed.OK() {
		said = failed.Said()
	}
	for _, line := range said {
		n.log(spawn.Info, e, "script %s said: %s", name, line)
	}
	if n.opt.Ended != nil {
		n.opt.Ended(e.Kind, e.Name, run, said)
	}
}
