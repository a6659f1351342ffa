package main

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/daemon"
	"github.com/holdfast-ha/holdfast/internal/handover"
	"github.com/holdfast-ha/holdfast/internal/privilege"
	"github.com/holdfast-ha/holdfast/internal/process"
	"github.com/holdfast-ha/holdfast/internal/sched"
)

const (
	// rehearsalTime is how long a program may take to say that it would come up.
	rehearsalTime = 10 * time.Second
	// takeOverTime is how long it may take to come up; then the one before is
	// executed again.
	takeOverTime = 2 * time.Second
)

// comingUp is where tests have a program fail that goes on in place of another.
var comingUp = func() {}

// handed is what this program has been given by the one in whose place it goes on.
type handed struct {
	*process.Inherited
	state *handover.State
	later []byte
	rest  *handover.State // with what state begins with
	whole chan error      // gets one when that is there
	late  *time.Timer
	isUp  atomic.Bool
	// restarted: the service manager has kept it, for a start of the service.
	restarted bool
	why       string // this program does not come up; only if restarted
}

// waiting tells whether this program may still go back.
func (h *handed) waiting() bool { return h != nil && !h.isUp.Load() }

// takeOver finds out whether this program goes on in place of another one.
func takeOver(opts *options) *handed {
	in := process.TakeOver()
	h := &handed{Inherited: in}
	if in != nil {
		h.late = time.AfterFunc(takeOverTime, func() { h.back(fmt.Sprintf("it did not come up within %v", takeOverTime)) })
	} else if in = process.FromManager(); in != nil {
		h.Inherited, h.restarted = in, true
	} else {
		return nil
	}
	// Adverts wait: no collection of garbage until they leave. That this program runs
	// before others, if that is allowed, has the one before seen to; it lasts until
	// the daemon has found out how it is to run.
	debug.SetGCPercent(-1)
	err := in.Err
	if h.restarted && !opts.dontFork {
		err = errors.New("this program is to go to the background")
	}
	if err == nil {
		h.state, err = handover.Begin(in.State)
	}
	if err == nil && !h.restarted {
		sched.Inherit(h.state.Program.Sched)
	}
	if err != nil {
		h.back(err.Error())
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitFailure)
	}
	h.whole = make(chan error, 1)
	go func() { // while the configuration is read
		var err error
		h.rest, h.later, err = handover.Decode(in.State)
		h.whole <- err
	}()
	return h
}

// understand waits until all of the state has been read.
func (h *handed) understand() error {
	if h == nil {
		return nil
	}
	if err := <-h.whole; err != nil {
		return err
	}
	h.state = h.rest
	comingUp()
	if h.restarted {
		return h.fits()
	}
	return nil
}

// back executes the program before again, since this one does not come up. It
// returns if that is not possible.
func (h *handed) back(why string) {
	instead := h.Return
	if h.restarted {
		instead = h.StartAnew // there is no program before
	}
	if err := instead(why); err != nil {
		fmt.Fprintf(os.Stderr, "%s; going back: %v\n", why, err)
	}
}

// leftBy goes back if this program ends before it is up.
func (h *handed) leftBy() {
	if h == nil {
		return
	}
	if x := recover(); x != nil {
		if h.ends() {
			h.back(fmt.Sprintf("panic: %v", x))
		}
		panic(x)
	}
	if h.ends() {
		h.back(cmp.Or(h.why, "it ended at once, for the reason that its log tells"))
	}
}

// ends tells whether this program ends before it is up.
func (h *handed) ends() bool {
	if h.restarted {
		return h.waiting()
	}
	return h.late.Stop()
}

// toDaemon is what the daemon needs of it.
func (h *handed) toDaemon() *daemon.Handed {
	if h == nil {
		return nil
	}
	return &daemon.Handed{State: h.state, Later: h.later, Returned: h.Returned, Restarted: h.restarted, Up: h.up, Settled: h.settled}
}

// up says that there is no way back any more.
func (h *handed) up() {
	h.isUp.Store(true)
	if h.restarted {
		h.Taken()
		return
	}
	h.late.Stop()
}

// settled ends what is special about a program that goes on in place of another.
func (h *handed) settled() {
	daemon.KeepSmall()
	h.Done()
}

// handedSource reads the configuration that ran, as it was read then: what has
// changed since comes by a reload.
func (p *program) handedSource(files map[string][]byte) daemon.Source {
	return func(_ func(string) ([]byte, error), test bool) (*config.Config, config.Diagnostics) {
		opt := testOptions(p.opts)
		opt.Test = test
		opt.Host.ReadFile = func(path string) ([]byte, error) {
			if text, ok := files[path]; ok {
				return text, nil
			}
			return nil, &fs.PathError{Op: "open", Path: path, Err: fs.ErrNotExist}
		}
		opt.Host.Glob = func(pattern string) []string {
			var all []string
			for path := range files {
				if ok, err := filepath.Match(pattern, path); ok && err == nil {
					all = append(all, path)
				}
			}
			slices.Sort(all)
			return all
		}
		return config.Load(p.opts.configFile, opt)
	}
}

// first reads the configuration to begin with.
func (p *program) first() *daemon.Candidate {
	if p.handed == nil {
		return p.source().Read(false)
	}
	c := &daemon.Candidate{Files: p.handed.state.Config}
	c.Config, c.Diagnostics = p.handedSource(c.Files)(nil, false)
	return c
}

// rehearse is what a program does that is only to try whether it would come up. It
// gives up all privileges first, but for those to read files, and changes nothing.
func rehearse(opts *options) int {
	in := process.TakeOver()
	reading := privilege.DACOverride | privilege.DACReadSearch
	if _, err := privilege.Shrink(reading, 0); err != nil && !errors.Is(err, privilege.ErrUnable) {
		fmt.Fprintln(os.Stderr, err)
		return exitFailure
	}
	if err := rehearsal(opts, in); err != nil {
		fmt.Fprintln(os.Stderr, strings.ReplaceAll(err.Error(), "\n", "; "))
		return exitFailure
	}
	process.SayRehearsed(version)
	return exitOK
}

func rehearsal(opts *options, in *process.Inherited) error {
	if in == nil {
		return errors.New("nothing was handed over")
	}
	if in.Err != nil {
		return in.Err
	}
	st, later, err := handover.Decode(in.State)
	if err != nil {
		return err
	}
	if _, err := handover.DecodeLater(later); err != nil {
		return err
	}
	if !opts.dontFork {
		absolute(opts, st.Program.Dir)
	}
	p := &program{opts: opts}
	cfg, diags := p.handedSource(st.Config)(nil, false)
	if diags.Fatal() || cfg == nil {
		var text strings.Builder
		_ = diags.Write(&text)
		return fmt.Errorf("the configuration that runs cannot be run: %s", strings.TrimSpace(text.String()))
	}
	return daemon.Understands(cfg, st, opts.strictCompat)
}

// successor is the program at the path by which this one was started.
type successor struct {
	p    *program
	path string
	dir  string
	pids process.PIDFiles
}

// Rehearse implements [daemon.Successor].
func (s *successor) Rehearse(st *handover.State) (try func() (version string, err error)) {
	st.Program = s.program()
	return func() (string, error) {
		text, err := handover.Encode(st, &handover.Later{})
		if err != nil {
			return "", err
		}
		// A child runs as this program was started.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer sched.Plain()()
		return process.Rehearse(s.path, text, rehearsalTime)
	}
}

// Become implements [daemon.Successor].
func (s *successor) Become(st *handover.State, later *handover.Later, fds []int, last func()) error {
	st.Program = s.program()
	for _, f := range st.Program.PIDFiles {
		fds = append(fds, f.FD)
	}
	text, err := handover.Encode(st, later)
	if err != nil {
		return err
	}
	return process.Become(s.path, text, fds, last)
}

func (s *successor) program() handover.Program {
	prog := handover.Program{Path: s.path, Dir: s.dir, Namespace: s.p.entered, Given: uint64(s.p.given), Sched: sched.Started(), CorePattern: s.p.corePattern}
	for _, f := range s.pids {
		path, fd, dirs := f.Leave()
		prog.PIDFiles = append(prog.PIDFiles, handover.PIDFile{Path: path, FD: fd, Dirs: dirs})
	}
	return prog
}

// pidFiles locks the pid files, or takes over those that are locked.
func (p *program) pidFiles(paths []string) (process.PIDFiles, error) {
	if !p.replaces() {
		return process.LockPIDFiles(paths...)
	}
	var files process.PIDFiles
	for _, f := range p.handed.state.Program.PIDFiles {
		file, err := process.InheritPIDFile(f.Path, f.FD, f.Dirs)
		if err != nil {
			return nil, err
		}
		files = append(files, file)
	}
	return files, nil
}
