// Package spawn runs one child process at a time limit, as another user, and
// ends it together with its process group.
//
// Guarantees:
//
//   - The child leads its own process group; its standard input, output and
//     error are /dev/null and it inherits no other descriptor; every signal has
//     its default action and none is blocked; it runs at the priority and on the
//     processors that the daemon was started with; it gets SIGTERM when the daemon
//     dies without having ended it.
//   - The child is always reaped, also when Run has returned before its end
//     (which happens only for a child that not even SIGKILL ends).
//   - A signal goes to the group only while its leader has not been reaped, so
//     a recycled process id is never hit.
//   - A file system that does not answer holds up the children on it and nobody
//     else: files are opened once before the fork, because a Go program that
//     forks cannot run its garbage collector until the exec is through.
//
// Run is safe for concurrent use. Each running child occupies one goroutine
// locked to one operating system thread: the kernel sends the parent-death
// signal when the thread that forked ends, not when the process does.
//
// Every descriptor of the daemon is marked close-on-exec before each fork. A
// program that replaces itself by exec has to end its children first and mark
// the descriptors it hands over after that.
//
// Differences from keepalived: a program that cannot be executed is a failure
// with a reason, where keepalived counts it as a success; see Result.Compat.
package spawn

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"syscall"
	"time"
)

// Level says how important a log line is.
type Level uint8

// Levels of log lines.
const (
	Info   Level = iota // always
	Detail              // only with detailed logging
	Alert               // a fault that needs somebody to look
)

// String returns the name of the level.
func (l Level) String() string {
	switch l {
	case Info:
		return "info"
	case Detail:
		return "detail"
	case Alert:
		return "alert"
	}
	return fmt.Sprintf("level(%d)", uint8(l))
}

// LogFunc takes one log line without a newline. It is called from the
// goroutines that run children and must not block.
type LogFunc func(level Level, text string)

// Cmd says what to run and how.
type Cmd struct {
	// Argv is the program and its arguments; Argv[0] is what the child sees
	// as its own name.
	Argv []string
	// Path is the file to execute; empty: Argv[0].
	Path string

	// Shell runs /bin/sh -c Raw in place of Argv.
	Shell bool
	Raw   string

	// FileTest succeeds when Path can be opened for reading by the user; with
	// an empty Path the file is what follows the "<" of Argv. ExtraArgs are
	// not used.
	FileTest bool

	// ExtraArgs are appended to Argv, or quoted to the end of Raw.
	ExtraArgs []string

	// SetUser runs the child as UID and GID with GID as its only
	// supplementary group. A daemon that is not root and is already this user
	// and group leaves its groups as they are.
	SetUser  bool
	UID, GID uint32

	// Check is asked right before the start. Commands are compared with
	// reflect.DeepEqual, so it is a value and not a function. nil: none.
	Check Checker

	Env []string // nil: the daemon's; see Environ for what is left out
	Dir string   // empty: the daemon's

	// Timeout ends the group with SIGTERM, two seconds later with SIGKILL.
	// 0: no limit.
	Timeout time.Duration

	// Capture keeps the last 4 KiB of the output in Result.Output. What the
	// child leaves running in the background loses its output when the child
	// ends.
	Capture bool

	// OnStep is called on the goroutine of Run for each step of ending the
	// child. pid is 0 when the child could not even be started because the
	// file system does not answer.
	OnStep func(step Step, pid int)
}

// Checker has the last word about a command. The error is why nothing is run. It
// may take as long as a file system takes.
type Checker interface{ Check() error }

// Step is a step on the way to the end of a child.
type Step uint8

// Steps, in their order.
const (
	Termed Step = iota + 1 // SIGTERM was sent
	Killed                 // SIGKILL was sent
	Stuck                  // two seconds after SIGKILL it is still there
)

// Name returns the program as configured, for messages.
func (c *Cmd) Name() string {
	switch {
	case c.Shell:
		return c.Raw
	case c.FileTest:
		return "<" + c.testedFile()
	case len(c.Argv) > 0:
		return c.Argv[0]
	}
	return c.Path
}

// Result is how a child ended.
type Result struct {
	PID    int            // 0: nothing was started
	Exit   int            // exit status; meaningful when Signal is 0 and Err is nil
	Signal syscall.Signal // the signal that ended it; 0: it exited by itself
	// TimedOut: the child was ended for its time limit. A child that exits by
	// itself after the SIGTERM did not time out.
	TimedOut bool
	// Err is an *ExecError when nothing could be run, the error of the context
	// when that ended the child, else nil, ErrLost or ErrUnkillable.
	Err error
	// NoShebang: the file has no "#!" line and was run by /bin/sh.
	NoShebang bool
	Duration  time.Duration
	Output    []byte // with Cmd.Capture
}

// Stop is a cause for which a context may be cancelled: it sets the time between
// SIGTERM and SIGKILL. For any other cause that is one second.
type Stop struct{ Grace time.Duration }

// Error implements error.
func (s Stop) Error() string { return "stopped" }

// ErrLost is the error of a child that somebody else has waited for.
var ErrLost = errors.New("the child is gone and its exit status is lost: does another part of the program wait for all children?")

// ErrUnkillable is the error of a child that outlived SIGKILL after the
// context of Run had ended. It is reaped when it ends.
var ErrUnkillable = errors.New("the child does not end after SIGKILL: a file system or device may not answer")

// OK reports whether the child exited with status 0.
func (r *Result) OK() bool {
	return r.Err == nil && r.Signal == 0 && r.Exit == 0 && !r.TimedOut
}

// Compat returns the result as keepalived sees it: what could not be executed
// counts as exited with status 0. What Cmd.Check has refused does not: keepalived
// would have run it.
func (r Result) Compat() Result {
	var e *ExecError
	if errors.As(r.Err, &e) && !e.refused() {
		r.Err, r.Exit = nil, 0
	}
	return r
}

// Reason says in a few words how the child ended, fit to stand in brackets
// after "failed": "exit 1", "signal 9", "timed out", "cannot run /x: …".
func (r *Result) Reason() string {
	switch {
	case r.TimedOut:
		return "timed out"
	case r.Err != nil:
		return r.Err.Error()
	case r.Signal != 0:
		return fmt.Sprintf("signal %d", int(r.Signal))
	}
	return fmt.Sprintf("exit %d", r.Exit)
}

// ExecError is the error of a program that could not be started.
type ExecError struct {
	Path string
	Err  error
}

// Error implements error.
func (e *ExecError) Error() string { return fmt.Sprintf("cannot run %s: %v", e.Path, e.Err) }

// Unwrap returns the reason, as a rule a syscall.Errno.
func (e *ExecError) Unwrap() error { return e.Err }

// refusal is what Cmd.Check has to say.
type refusal struct{ error }

func (e *ExecError) refused() bool {
	_, is := errors.AsType[*refusal](e.Err)
	return is
}

// Line returns the line keepalived logs for it.
func (e *ExecError) Line() string {
	if e.refused() {
		return fmt.Sprintf("Not running command '%s': %v", e.Path, e.Err)
	}
	var no syscall.Errno
	errors.As(e.Err, &no)
	text := e.Err.Error()
	if text != "" {
		text = strings.ToUpper(text[:1]) + text[1:]
	}
	return fmt.Sprintf("Error exec-ing command '%s', error %d: %s", e.Path, int(no), text)
}

// schedule holds the delays between the steps of ending a child.
type schedule struct {
	kill  time.Duration // SIGTERM for the time limit to SIGKILL
	stuck time.Duration // SIGKILL to Stuck, or for the context to giving up
	again time.Duration // between further SIGKILLs
	stop  time.Duration // SIGTERM for the context to SIGKILL, unless a Stop says otherwise
}

var defaultSchedule = schedule{
	kill:  2 * time.Second,
	stuck: 2 * time.Second,
	again: 10 * time.Second,
	stop:  time.Second,
}

// Run runs the command and returns when it has ended. When ctx ends first, the
// group gets SIGTERM and a second later SIGKILL (see Stop); Run returns at most
// two seconds after that.
//
// What the child left running in its group is not touched, unless the child
// was ended by a signal from here.
func Run(ctx context.Context, c Cmd) Result {
	return run(ctx, &c, defaultSchedule)
}

func run(ctx context.Context, c *Cmd, s schedule) Result {
	if err := ctx.Err(); err != nil {
		return Result{Err: err}
	}
	begin := time.Now()
	p := newChild(c)
	go p.main()
	r := p.supervise(ctx, s)
	r.Duration = time.Since(begin)
	return r
}

// supervise waits for the child and ends it when its time is up.
func (p *child) supervise(ctx context.Context, s schedule) Result {
	var step Step
	timer := time.NewTimer(p.cmd.Timeout)
	defer timer.Stop()
	if p.cmd.Timeout <= 0 {
		timer.Stop()
	}
	cancelled := ctx.Done()
	for {
		select {
		case <-p.done:
			r := p.result
			if ctx.Err() != nil && r.Err == nil && r.Signal != 0 {
				r.Err, r.TimedOut = ctx.Err(), false
			}
			return r

		case <-cancelled:
			cancelled = nil
			if !p.end(syscall.SIGTERM) {
				return Result{Err: ctx.Err()}
			}
			step = Termed
			p.report(step)
			grace := s.stop
			if stop, ok := errors.AsType[Stop](context.Cause(ctx)); ok {
				grace = stop.Grace
			}
			timer.Reset(grace)

		case <-timer.C:
			switch {
			case step == 0:
				p.end(syscall.SIGTERM)
				timer.Reset(s.kill)
			case step == Termed:
				p.end(syscall.SIGKILL)
				timer.Reset(s.stuck)
			case cancelled == nil:
				return Result{PID: p.pid(), Err: ErrUnkillable}
			default:
				p.end(syscall.SIGKILL)
				timer.Reset(s.again)
			}
			if step < Stuck {
				step++
				p.report(step)
			}
		}
	}
}

// report tells of a step.
func (p *child) report(step Step) {
	if p.cmd.OnStep != nil {
		p.cmd.OnStep(step, p.pid())
	}
}
