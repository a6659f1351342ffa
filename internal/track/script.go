package track

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/spawn"
)

// Launcher runs a command and returns when it has ended; spawn.Run is one. It
// is the seam at which tests put something that needs no process.
type Launcher func(context.Context, spawn.Cmd) spawn.Result

// ScriptConfig says which script to run and how to judge it.
type ScriptConfig struct {
	Name     string
	Cmd      spawn.Cmd     // its Timeout and OnStep are set here
	Interval time.Duration // from start to start; 0: one second
	Timeout  time.Duration // 0: Interval
	Rise     int           // successes to become good; less than 1: 1
	Fall     int           // failures to become bad; less than 1: 1

	// StrictCompat counts a script that cannot be executed as successful, as
	// keepalived does.
	StrictCompat bool

	// Restore is the state before a reload; nil: none. The verdict in it is
	// kept and not delivered again.
	Restore *ScriptState

	// Verdict is told of the first verdict and of each change. why fits into
	// a sentence: "script chk failed (exit 1)".
	Verdict func(name string, good bool, why string)
	// Said, when set, hears what a run that failed has printed, if Cmd asks for
	// that, each time that the log does.
	Said   func(name string, lines []string)
	Log    spawn.LogFunc
	Launch Launcher // nil: spawn.Run
}

// ScriptPhase says what a script is doing.
type ScriptPhase uint8

// Phases, named as in a dump.
const (
	Idle        ScriptPhase = iota // "idle"
	Running                        // "running"
	Terminating                    // "requested termination": SIGTERM was sent
	Killing                        // "forcing termination": SIGKILL was sent
)

// String returns the phase as a dump shows it.
func (p ScriptPhase) String() string {
	switch p {
	case Idle:
		return "idle"
	case Running:
		return "running"
	case Terminating:
		return "requested termination"
	case Killing:
		return "forcing termination"
	}
	return fmt.Sprintf("phase(%d)", uint8(p))
}

// ScriptState is a script at one moment.
type ScriptState struct {
	Known      bool // there is a verdict
	Good       bool
	Count      int // 0 to Rise+Fall-1, good from Rise on
	Rise, Fall int
	Status     int  // the last exit status
	Restored   bool // the verdict is from before a reload
	Phase      ScriptPhase
	PID        int           // of the child being ended; 0: none
	Started    time.Time     // the last start; zero: never
	Took       time.Duration // how long the last finished run took
	Last       string        // how the last finished run ended: "exit 0"; empty: none
}

// Script runs one script again and again.
type Script struct {
	cfg    ScriptConfig
	launch Launcher

	mu    sync.Mutex // guards state; everything else belongs to Run
	state ScriptState

	counter  riseFall
	warned   bool // about the missing #!
	execFail bool // the last run could not be executed
}

// NewScript makes a script ready to run.
func NewScript(cfg ScriptConfig) *Script {
	cfg.Rise, cfg.Fall = max(cfg.Rise, 1), max(cfg.Fall, 1)
	if cfg.Interval <= 0 {
		cfg.Interval = time.Second
	}
	if cfg.Timeout <= 0 {
		cfg.Timeout = cfg.Interval
	}
	if cfg.Launch == nil {
		cfg.Launch = spawn.Run
	}
	s := &Script{cfg: cfg, launch: cfg.Launch, counter: riseFall{name: cfg.Name, rise: cfg.Rise, fall: cfg.Fall}}
	if cfg.Restore != nil {
		s.counter.restore(cfg.Restore)
		s.state.Restored = s.counter.known
	}
	s.publish(func(*ScriptState) {})
	return s
}

// String returns the name.
func (s *Script) String() string { return s.cfg.Name }

// State returns the script as it is now. It may be called at any time.
func (s *Script) State() ScriptState {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.state
}

// publish changes what State returns.
func (s *Script) publish(f func(*ScriptState)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	f(&s.state)
	c := &s.counter
	s.state.Known, s.state.Good, s.state.Count = c.known, c.known && c.good(), c.count
	s.state.Rise, s.state.Fall, s.state.Status = c.rise, c.fall, c.status
}

// flight is one run of the script under way.
type flight struct {
	done  chan spawn.Result
	steps chan step
	// judged: it has been counted as failed though it is still there.
	judged bool
	end    spawn.Step
}

type step struct {
	step spawn.Step
	pid  int
}

// Run runs the script at once and then every interval, counted from start to
// start, until ctx ends; then it ends the running child and ignores its
// result. A run that is due while the last one has not ended is left out. Run
// is to be called once; it returns nil.
func (s *Script) Run(ctx context.Context) error {
	if s.counter.known {
		verdict := "unsuccessful"
		if s.counter.good() {
			verdict = "successful"
		}
		s.log(spawn.Info, "VRRP_Script(%s) considered %s on reload", s.cfg.Name, verdict)
	}
	var (
		next  = time.Now()
		timer = time.NewTimer(0)
		f     *flight
	)
	defer timer.Stop()
	for {
		var done chan spawn.Result
		var steps chan step
		if f != nil {
			done, steps = f.done, f.steps
		}
		select {
		case <-ctx.Done():
			if f != nil {
				<-f.done
				s.publish(func(st *ScriptState) { st.Phase, st.PID = Idle, 0 })
			}
			return nil
		case <-timer.C:
			if f == nil {
				f = s.start(ctx)
			} else {
				s.log(spawn.Info, "Track script %s is %s, expect idle - skipping run", s.cfg.Name, f.excuse())
			}
			next = next.Add(s.cfg.Interval)
			if now := time.Now(); next.Before(now) {
				// Late by more than an interval: do not catch up.
				next = now.Add(s.cfg.Interval)
			}
			timer.Reset(time.Until(next))
		case st := <-steps:
			if ctx.Err() == nil {
				s.ending(f, st)
			}
		case r := <-done:
			if ctx.Err() != nil {
				f.done <- r // for the branch above
				continue
			}
			s.finished(f, r)
			f = nil
		}
	}
}

// excuse says why a run that is due cannot start.
func (f *flight) excuse() string {
	if f.end != 0 {
		return "being timed out"
	}
	return "already running"
}

func (s *Script) start(ctx context.Context) *flight {
	// Room for every step, so that the launcher never waits for us: three for
	// the time limit, three for the end of ctx.
	f := &flight{done: make(chan spawn.Result, 1), steps: make(chan step, 6)}
	c := s.cfg.Cmd
	c.Timeout = s.cfg.Timeout
	c.OnStep = func(st spawn.Step, pid int) { f.steps <- step{st, pid} }
	s.publish(func(st *ScriptState) { st.Phase, st.Started = Running, time.Now() })
	go func() { f.done <- s.launch(ctx, c) }()
	return f
}

// ending hears of a step of ending the child.
func (s *Script) ending(f *flight, st step) {
	f.end = st.step
	phase := Killing
	if st.step == spawn.Termed {
		phase = Terminating
	}
	s.publish(func(state *ScriptState) { state.Phase, state.PID = phase, st.pid })
	if st.step != spawn.Stuck {
		return
	}
	if st.pid == 0 {
		s.log(spawn.Info, "Script %s could not be started: the file system of %s does not answer", s.cfg.Name, s.cfg.Cmd.Name())
	} else {
		s.log(spawn.Info, "Script %s child (PID %d) failed to terminate after kill", s.cfg.Name, st.pid)
	}
	// Nobody knows when it will end, if ever. What does not answer is bad now.
	f.judged = true
	s.judge(spawn.Result{TimedOut: true, PID: st.pid})
}

// finished takes the result of a run.
func (s *Script) finished(f *flight, r spawn.Result) {
	if r.NoShebang && !s.warned {
		s.warned = true
		s.log(spawn.Info, "Please add a #! shebang to script %s", s.cfg.Cmd.Name())
	}
	var e *spawn.ExecError
	if failed := errors.As(r.Err, &e); failed != s.execFail {
		s.execFail = failed
		if failed {
			s.log(spawn.Alert, "%s", e.Line())
		}
	}
	if errors.Is(r.Err, spawn.ErrLost) {
		// Nobody knows how it ended: this run does not count.
		s.log(spawn.Alert, "Script %s child (PID %d) lost", s.cfg.Name, r.PID)
		f.judged = true
	}
	if s.cfg.StrictCompat {
		r = r.Compat()
	}
	s.publish(func(st *ScriptState) {
		st.Phase, st.PID, st.Took, st.Last = Idle, 0, r.Duration, r.Reason()
	})
	if !f.judged {
		s.judge(r)
	}
}

// judge counts a result and delivers the verdict if it is new.
func (s *Script) judge(r spawn.Result) {
	lines, changed := s.counter.report(&r)
	s.publish(func(st *ScriptState) { st.Restored = false })
	for _, line := range lines {
		s.log(spawn.Info, "%s", line)
	}
	if len(lines) > 0 && !r.OK() { // once, not at each run that fails alike
		said := r.Said()
		for _, line := range said {
			s.log(spawn.Info, "Script %s said: %s", s.cfg.Name, line)
		}
		if len(said) > 0 && s.cfg.Said != nil {
			s.cfg.Said(s.cfg.Name, said)
		}
	}
	if changed && s.cfg.Verdict != nil {
		s.cfg.Verdict(s.cfg.Name, s.counter.good(), s.counter.why(&r))
	}
}

func (s *Script) log(l spawn.Level, format string, args ...any) {
	if s.cfg.Log != nil {
		s.cfg.Log(l, fmt.Sprintf(format, args...))
	}
}
