// Package notify runs the scripts that hear of the states of instances and sync
// groups.
//
// Guarantees, for each object (an instance or a group) by itself:
//
//   - Events are told in the order in which they were posted, and what runs for
//     one event has ended before anything runs for the next: when a node goes
//     from BACKUP to MASTER and back, the BACKUP script is the last to run.
//     keepalived starts all of them at once.
//   - The script of the state runs first, then the generic one.
//   - A state that waits is dropped when a newer one is posted: its script would
//     tell of something that is over. STOP and DELETED are never dropped; of
//     MASTER_RX_LOWER_PRI at most one waits. So the queue is short by nature.
//   - A script may run for as long as it likes while nothing waits behind it.
//     When a newer state waits, a script that has run for a minute is ended,
//     but not before the newer state has waited five seconds. The generic
//     script of the same event waits for a minute and then runs beside the
//     script of the state: neither is ended for the other.
//
// Objects do not wait for each other. Post never blocks. Log lines come from
// goroutines of this package.
//
// A Pipe is beside that: lines for a FIFO are written at once, in the order in
// which they come, and no state makes another one void.
package notify

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/spawn"
)

// Kind says what an event is about.
type Kind uint8

// Kinds of objects.
const (
	Instance Kind = iota
	Group
)

// String returns the word that generic scripts get.
func (k Kind) String() string {
	if k == Group {
		return "GROUP"
	}
	return "INSTANCE"
}

// States with a meaning of their own here; every other one is a state that a
// newer one replaces.
const (
	Stop    = "STOP"
	Deleted = "DELETED"
	RxLower = "MASTER_RX_LOWER_PRI"
)

// Event is a new state of an object.
type Event struct {
	Kind     Kind
	Name     string
	State    string // "MASTER", "BACKUP", "FAULT", Stop, Deleted or RxLower
	Priority int    // the effective priority; a group has none

	// Specific is the script for this state, run as it is. Generic gets
	// INSTANCE|GROUP, the name, the state and the priority appended. nil:
	// none. An event without scripts still replaces a state that waits.
	Specific, Generic *spawn.Cmd
}

// isState reports whether a newer state makes the event obsolete.
func (e *Event) isState() bool {
	return e.State != Stop && e.State != Deleted && e.State != RxLower
}

// scripts returns what to run, in order.
func (e *Event) scripts() []spawn.Cmd {
	var cmds []spawn.Cmd
	if e.Specific != nil {
		cmds = append(cmds, *e.Specific)
	}
	if e.Generic != nil {
		c := *e.Generic
		prio := e.Priority
		if e.Kind == Group {
			prio = 0
		}
		extra := append([]string(nil), c.ExtraArgs...)
		c.ExtraArgs = append(extra, e.Kind.String(), e.Name, e.State, strconv.Itoa(prio))
		cmds = append(cmds, c)
	}
	return cmds
}

// Options are the options of a Notifier.
type Options struct {
	// StrictCompat counts a script that cannot be executed as successful, as
	// keepalived does. It is logged all the same.
	StrictCompat bool
	// Ended, when set, hears of every script that has ended, and of the lines
	// that one that failed has printed, if its Cmd asks for that (Capture). It
	// is called from the goroutine of the script and must not block.
	Ended func(kind Kind, name string, run Run, said []string)
	// Launch runs a script; nil: spawn.Run.
	Launch func(context.Context, spawn.Cmd) spawn.Result
}

const (
	// limit is how long a script may run while a newer state waits, and how
	// long the generic script waits for the one of the state.
	limit = 60 * time.Second
	// patience is how long a newer state waits in any case.
	patience = 5 * time.Second
	// grace is what a script gets to end when its time is up.
	grace = 2 * time.Second

	// At shutdown everything is faster: a STOP script that waits behind
	// another one has to run within the time that Drain is given.
	drainPatience = 300 * time.Millisecond
	drainGrace    = 100 * time.Millisecond
)

// Notifier runs scripts.
type Notifier struct {
	logf  spawn.LogFunc
	opt   Options
	abort context.CancelCauseFunc
	ctx   context.Context

	mu       sync.Mutex
	objects  []*object // in the order of their first event
	index    map[key]*object
	draining chan struct{} // closed when Drain begins
	over     bool          // Drain has ended: nothing runs any more
	busy     int           // objects with a worker
	idle     chan struct{} // closed when busy becomes 0 while draining
	warned   map[string]bool
}

type key struct {
	kind Kind
	name string
}

// object is the queue of one instance or group. All fields but newer are
// guarded by the Notifier.
type object struct {
	key
	waiting []Event
	busy    bool
	// newer says that a state waits behind the event that is being told.
	newer chan struct{}
	state ObjectState
}

// New makes a Notifier. It starts nothing until the first event.
func New(log spawn.LogFunc, opt Options) *Notifier {
	if opt.Launch == nil {
		opt.Launch = spawn.Run
	}
	if log == nil {
		log = func(spawn.Level, string) {}
	}
	ctx, abort := context.WithCancelCause(context.Background())
	return &Notifier{
		logf: log, opt: opt, ctx: ctx, abort: abort,
		index: map[key]*object{}, draining: make(chan struct{}), idle: make(chan struct{}), warned: map[string]bool{},
	}
}

// Post queues an event. It returns at once. After Drain it does nothing.
func (n *Notifier) Post(e Event) {
	n.mu.Lock()
	dropped, refused := n.queue(e)
	n.mu.Unlock()
	for _, d := range dropped {
		n.log(spawn.Detail, &d, "not told: %s came before its turn", e.State)
	}
	if refused {
		n.log(spawn.Detail, &e, "not told: shutting down")
	}
}

// queue adds an event and returns those it has replaced.
func (n *Notifier) queue(e Event) (dropped []Event, refused bool) {
	if n.over {
		return nil, true
	}
	o := n.index[key{e.Kind, e.Name}]
	if o == nil {
		o = &object{key: key{e.Kind, e.Name}, newer: make(chan struct{}, 1)}
		o.state = ObjectState{Kind: e.Kind, Name: e.Name}
		n.index[o.key] = o
		n.objects = append(n.objects, o)
	}
	var kept []Event
	for _, w := range o.waiting {
		if replaces(&e, &w) {
			dropped = append(dropped, w)
		} else {
			kept = append(kept, w)
		}
	}
	o.waiting = append(kept, e)
	if o.busy {
		if e.State != RxLower {
			o.wake()
		}
		return dropped, false
	}
	o.busy = true
	n.busy++
	go n.work(o)
	return dropped, false
}

// replaces reports whether a new event makes one that waits obsolete.
func replaces(e, waiting *Event) bool {
	switch waiting.State {
	case Stop, Deleted:
		return false
	case RxLower:
		return e.State == RxLower || e.State == Stop
	}
	return e.State != RxLower
}

// wake tells the worker that a state waits.
func (o *object) wake() {
	select {
	case o.newer <- struct{}{}:
	default:
	}
}

// work tells the events of an object until none is left.
func (n *Notifier) work(o *object) {
	for {
		n.mu.Lock()
		if len(o.waiting) == 0 || n.ctx.Err() != nil {
			dropped := o.waiting
			o.waiting = nil
			o.busy = false
			n.busy--
			n.checkIdle()
			n.mu.Unlock()
			for _, d := range dropped {
				n.log(spawn.Info, &d, "not told: no time left at shutdown")
			}
			return
		}
		e := o.waiting[0]
		o.waiting = o.waiting[1:]
		o.state.State = e.State
		select { // what waits now is looked at below
		case <-o.newer:
		default:
		}
		for _, w := range o.waiting {
			if w.State != RxLower {
				o.wake()
			}
		}
		n.mu.Unlock()
		n.tell(o, &e)
	}
}

// checkIdle ends the wait of Drain. The caller holds the lock.
func (n *Notifier) checkIdle() {
	select {
	case <-n.draining:
	default:
		return
	}
	if n.busy == 0 && !n.over {
		n.over = true
		close(n.idle)
	}
}

// Drain lets what runs and what waits come to its end. When ctx ends, what
// still runs is ended by SIGTERM and 100 ms later by SIGKILL, and the rest is
// dropped. A script of an earlier state that is in the way of a STOP gets a
// third of a second. Drain is to be called once, after the STOP events have
// been posted; it returns at the latest half a second after ctx has ended.
func (n *Notifier) Drain(ctx context.Context) {
	n.mu.Lock()
	close(n.draining)
	n.checkIdle()
	n.mu.Unlock()
	select {
	case <-n.idle:
		return
	case <-ctx.Done():
	}
	n.abort(spawn.Stop{Grace: drainGrace})
	last := time.NewTimer(drainGrace + 400*time.Millisecond)
	defer last.Stop()
	select {
	case <-n.idle:
	case <-last.C:
		n.mu.Lock()
		n.over = true
		n.mu.Unlock()
	}
}

func (n *Notifier) log(l spawn.Level, e *Event, format string, args ...any) {
	object := "(" + e.Name + ")"
	if e.Kind == Group {
		object = "VRRP_Group(" + e.Name + ")"
	}
	n.logf(l, fmt.Sprintf("%s notify %s: ", object, e.State)+fmt.Sprintf(format, args...))
}
