package track

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/spawn"
)

// ProcessOptions are the options of a ProcessSet.
type ProcessOptions struct {
	// Verdict is told of the first verdict of each process and of each change.
	// why fits into a sentence.
	Verdict func(name string, good bool, why string)
	Log     spawn.LogFunc

	// Poll is how often /proc is looked at where there are no process events.
	// 0: one second.
	Poll time.Duration
	// Buffer is for the process events.
	Buffer Buffer
	// PollOnly does without process events.
	PollOnly bool
}

// ProcessState is a tracked process at one moment.
type ProcessState struct {
	Name             string
	Count            int // processes that match
	Known            bool
	Good             bool
	ForkPending      bool // a change waits for the fork delay
	TerminatePending bool // a change waits for the terminate delay
}

const (
	// rescan is how often everything is looked at although there are events.
	rescan = 30 * time.Second
	// relook is how soon everything is looked at after events were lost.
	relook = 200 * time.Millisecond
	// confirm is how soon a process is looked at again that no event told of:
	// it may have been on its way out.
	confirm = 100 * time.Millisecond
)

// ProcessSet counts processes. It looks at all of them when it starts, then
// follows the process events of the kernel, looking at the process of an event
// only, and at all every 30 seconds in case something was missed. Process events
// are those of the initial network namespace, wherever this process is. Where
// they cannot be had (another process namespace than the initial one, a
// container, no CAP_NET_ADMIN) it looks at all every second. It logs which of
// these it does.
type ProcessSet struct {
	opt    ProcessOptions
	census *census
	procs  []*proc
	ready  chan struct{}
	listen func(context.Context, Buffer) (events <-chan []procEvent, elsewhere bool, err error)
	blind  bool // /proc could not be read the last time

	mu     sync.Mutex // guards states and mode
	states []ProcessState
	mode   string
}

// proc is what is known of one tracked process.
type proc struct {
	cfg   *ProcessConfig
	known bool
	good  bool
	// due is when a change that waits is to be delivered; zero: none waits.
	due   time.Time
	after cause
}

// NewProcessSet makes a set ready to run. The order of cfgs is the order of
// verdicts that come about together.
func NewProcessSet(cfgs []ProcessConfig, opt ProcessOptions) *ProcessSet {
	if opt.Poll <= 0 {
		opt.Poll = time.Second
	}
	s := &ProcessSet{opt: opt, ready: make(chan struct{}), listen: listen}
	ptrs := make([]*ProcessConfig, len(cfgs))
	for i := range cfgs {
		c := cfgs[i]
		ptrs[i] = &c
		s.procs = append(s.procs, &proc{cfg: &c})
	}
	s.census = newCensus(newProcFS("/proc"), ptrs)
	s.publish()
	return s
}

// Ready is closed after the first look at the processes, when the first
// verdicts have been delivered.
func (s *ProcessSet) Ready() <-chan struct{} { return s.ready }

// State returns the processes in the order of their configuration. It may be
// called at any time.
func (s *ProcessSet) State() []ProcessState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]ProcessState(nil), s.states...)
}

// Mode says how processes are followed: "process events", "process events of the
// initial network namespace", "polling", or nothing before Run.
func (s *ProcessSet) Mode() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.mode
}

// Run follows the processes until ctx ends. It is to be called once; it
// returns nil.
func (s *ProcessSet) Run(ctx context.Context) error {
	if len(s.procs) == 0 {
		close(s.ready)
		<-ctx.Done()
		return nil
	}
	// Subscribed before the first look, so that nothing falls between.
	var events <-chan []procEvent
	mode := polling
	if !s.opt.PollOnly {
		var elsewhere bool
		var err error
		events, elsewhere, err = s.listen(ctx, s.opt.Buffer)
		switch {
		case ctx.Err() != nil:
		case err != nil:
			s.log(spawn.Info, "Looking for tracked processes every %v: %v", s.opt.Poll, err)
		default:
			mode = "process events"
			if elsewhere {
				mode += " of the initial network namespace"
			}
			s.log(spawn.Info, "Following tracked processes by %s", mode)
		}
	}
	s.setMode(mode)
	if s.scan() != nil {
		s.settle(time.Now(), false)
	}
	close(s.ready)
	s.follow(ctx, events)
	if events != nil {
		for range events { // until the socket is closed
		}
	}
	return nil
}

// scan looks at every process. It returns those that were not known to match,
// nil when /proc cannot be read: then what is known stays.
func (s *ProcessSet) scan() []int {
	found, err := s.census.scan()
	if failed := err != nil; failed != s.blind {
		s.blind = failed
		if failed {
			s.log(spawn.Alert, "Tracked processes: %v", err)
		}
	}
	if err != nil {
		return nil
	}
	return append([]int{}, found...)
}

// polling is the mode without process events.
const polling = "polling"

func (s *ProcessSet) setMode(mode string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.mode = mode
}

// period is the time between two looks at everything.
func (s *ProcessSet) period(events <-chan []procEvent) time.Duration {
	if events == nil {
		return s.opt.Poll
	}
	return rescan
}

// alarm is a timer that only ever moves to an earlier time until it has fired.
type alarm struct {
	*time.Timer
	at time.Time // zero: not set
}

func (a *alarm) within(d time.Duration) {
	if at := time.Now().Add(d); a.at.IsZero() || at.Before(a.at) {
		a.at = at
		a.Reset(d)
	}
}

// follow takes events and looks at /proc, until ctx ends.
func (s *ProcessSet) follow(ctx context.Context, events <-chan []procEvent) {
	var (
		look  = time.NewTimer(s.period(events))
		judge = alarm{Timer: time.NewTimer(time.Hour)} // the end of a delay
		check = time.NewTimer(time.Hour)               // of what no event told of
		found []int
	)
	judge.Stop()
	check.Stop()
	defer look.Stop()
	defer judge.Stop()
	defer check.Stop()
	for {
		polled := false
		select {
		case <-ctx.Done():
			return

		case batch, ok := <-events:
			if !ok {
				if ctx.Err() != nil {
					return
				}
				events = nil
				s.log(spawn.Alert, "Process events have failed: looking for tracked processes every %v", s.opt.Poll)
				s.setMode(polling)
				look.Reset(0)
				continue
			}
			if !s.take(batch) {
				s.log(spawn.Detail, "Process events were lost: looking for tracked processes again")
				look.Reset(relook)
			}

		case <-look.C:
			look.Reset(s.period(events))
			found = s.scan()
			if found == nil {
				continue
			}
			polled = events == nil
			if !polled && len(found) > 0 {
				check.Reset(confirm)
			}

		case <-check.C:
			for _, pid := range found {
				s.census.set(pid, s.census.look(pid), byName)
			}

		case <-judge.C:
			judge.at = time.Time{}
		}
		if wait := s.settle(time.Now(), polled); wait > 0 {
			judge.within(wait)
		}
	}
}

// take notes what events tell. It reports false when some are missing.
func (s *ProcessSet) take(batch []procEvent) (complete bool) {
	c := s.census
	complete = true
	// A process that has executed or renamed itself is looked at when the
	// whole batch is known: most are gone by then.
	changed := map[int]bool{}
	for _, ev := range batch {
		switch ev.kind {
		case lost:
			complete = false
			if ev.size > 0 {
				s.log(spawn.Info, "Setting global_def process_monitor_rcv_bufs to %d - recommend updating configuration file", ev.size)
			}
		case forked:
			// The child is what its parent is until it executes something else.
			if match := c.pids[ev.parent]; match != nil {
				c.set(ev.pid, match, byFork)
			}
		case exited:
			delete(changed, ev.pid)
			if c.pids[ev.pid] != nil {
				c.set(ev.pid, nil, byExit)
			}
		case execed, renamed:
			changed[ev.pid] = true
		}
	}
	for pid := range changed {
		c.set(pid, c.look(pid), byName)
	}
	return complete
}

// settle compares the counts with the verdicts and delivers what has changed,
// unless it has to wait. It returns how long until there is something to
// deliver; 0: nothing waits.
func (s *ProcessSet) settle(now time.Time, polled bool) (wait time.Duration) {
	for i, p := range s.procs {
		n, why := s.census.counts[i], s.census.causes[i]
		s.census.causes[i] = 0
		good := p.cfg.good(n)
		if p.known && good == p.good {
			p.due = time.Time{}
			continue
		}
		if p.known && p.due.IsZero() {
			if polled {
				why = byExit
				if good {
					why = byFork
				}
			}
			p.due, p.after = now.Add(p.cfg.delay(why)), why
		} else if why&byName != 0 && !polled {
			p.due = now
		}
		if d := p.due.Sub(now); d > 0 {
			if wait == 0 || d < wait {
				wait = d
			}
			continue
		}
		p.due = time.Time{}
		s.deliver(p, good, n)
	}
	s.publish()
	return wait
}

// delay is how long a change is held back.
func (c *ProcessConfig) delay(why cause) time.Duration {
	switch {
	case why&byName != 0:
		return 0
	case why&byExit != 0:
		return c.TerminateDelay
	case why&byFork != 0:
		return c.ForkDelay
	}
	return 0
}

func (s *ProcessSet) deliver(p *proc, good bool, n int) {
	if p.known {
		what := "lost"
		if good {
			what = "gained"
		}
		s.log(spawn.Info, "Quorum %s for tracked process %s", what, p.cfg.Name)
	}
	p.known, p.good = true, good
	if s.opt.Verdict != nil {
		s.opt.Verdict(p.cfg.Name, good, p.cfg.why(n))
	}
}

// publish changes what State returns.
func (s *ProcessSet) publish() {
	states := make([]ProcessState, len(s.procs))
	for i, p := range s.procs {
		waits := !p.due.IsZero()
		states[i] = ProcessState{
			Name: p.cfg.Name, Count: s.census.counts[i], Known: p.known, Good: p.good,
			ForkPending: waits && p.after&byExit == 0, TerminatePending: waits && p.after&byExit != 0,
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.states = states
}

func (s *ProcessSet) log(l spawn.Level, format string, args ...any) {
	if s.opt.Log != nil {
		s.opt.Log(l, fmt.Sprintf(format, args...))
	}
}
