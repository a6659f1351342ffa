// Holdfast is a VRRP daemon that takes keepalived's place: the same command
// line, configuration, signals, dumps and log lines, under the names holdfast,
// keepalived and hapee-vrrp alike.
package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/control"
	"github.com/holdfast-ha/holdfast/internal/daemon"
	"github.com/holdfast-ha/holdfast/internal/logs"
	"github.com/holdfast-ha/holdfast/internal/privilege"
	"github.com/holdfast-ha/holdfast/internal/process"
)

// Exit statuses (keepalived's, see docs/compatibility.md).
const (
	exitOK         = 0
	exitFailure    = 1
	exitConfig     = 2 // the configuration cannot be run
	exitPermission = 4 // no raw sockets for us
	exitNoConfig   = 6 // the configuration cannot be read
)

func main() {
	opts, exit, done := parseFlags(os.Args, os.Stdout, os.Stderr)
	if done {
		os.Exit(exit)
	}
	if opts.rehearse {
		os.Exit(rehearse(&opts))
	}
	if opts.testHostDump {
		os.Exit(dumpHost(&opts))
	}
	if opts.diffNew != "" {
		os.Exit(configDiff(&opts, os.Stdout, os.Stderr))
	}
	if opts.configTest {
		os.Exit(configTest(&opts))
	}
	os.Exit(run(&opts))
}

// run starts the daemon and returns its exit status.
func run(opts *options) int {
	daemon.KeepSmall()
	var signals *daemon.Signals
	if process.TakesOver() || process.HasKept() {
		signals = daemon.Listen() // who is told to end must not die of it
	}
	h := takeOver(opts)
	defer h.leftBy()
	back := process.Started()
	if !opts.dontFork && back == nil && h == nil {
		status, err := process.Detach()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		return status
	}
	dir, _ := os.Getwd()
	path, _ := process.Program()
	entered := process.Entered()
	if h != nil && !h.restarted {
		dir, path, entered = h.state.Program.Dir, h.state.Program.Path, h.state.Program.Namespace
	} else if h != nil {
		h.Entered = entered
	}
	if !opts.dontFork {
		absolute(opts, dir)
	}
	crashLoudly(opts.coreDump)
	p := newProgram(opts)
	p.handed, p.dir, p.path = h, dir, path
	p.back, p.entered, p.signals = back, entered, signals
	if signals == nil {
		p.signals = daemon.Listen()
	}
	defer p.lines.Close(time.Second)
	return p.hold()
}

// program is a run of the daemon.
type program struct {
	opts  *options
	log   *slog.Logger
	lines *logs.Log           // what log writes to; started when its name is known
	back  *process.Background // nil: in the foreground
	// entered is the network namespace that this process was made to be in.
	entered string

	signals *daemon.Signals
	given   privilege.Set // capabilities that were given up

	path, dir string  // of the program, as it was started
	handed    *handed // nil: this is a start

	corePattern string // the kernel's, before this daemon has set another
}

// fail logs why the daemon does not start, and tells whoever started it from a
// terminal: with syslog alone they would see nothing.
func (p *program) fail(text string) {
	if p.kept() && p.handed.waiting() {
		p.handed.why = cmp.Or(p.handed.why, text) // said by the start that follows
		return
	}
	p.log.Error(text)
	if !p.opts.logConsole || !p.opts.dontFork {
		fmt.Fprintln(os.Stderr, text)
	}
}

// absolute makes the names of files independent of the working directory, which
// a daemon in the background leaves.
func absolute(opts *options, dir string) {
	for _, name := range []*string{&opts.configFile, &opts.pidFile, &opts.vrrpPID, &opts.record} {
		if *name != "" && !filepath.IsAbs(*name) {
			*name = filepath.Join(dir, *name)
		}
	}
}

// newProgram makes a program with its log.
func newProgram(opts *options) *program {
	o := logs.Options{Ident: process.Ident("", ""), Facility: opts.facility, Detail: opts.detail, Syslog: !opts.noSyslog}
	if opts.logConsole && opts.dontFork {
		o.Console = os.Stderr
	}
	if (o.Syslog || o.Console != nil) && logs.ToJournal(os.Stderr) {
		// Both would end there: once, with fields, is better.
		o.Journal, o.Syslog, o.Console = true, false, nil
	}
	l := logs.New(o)
	return &program{opts: opts, lines: l, log: slog.New(l)}
}

// hold loads the configuration, locks the pid files and runs the daemon.
func (p *program) hold() int {
	opts, log := p.opts, p.log
	if !p.replaces() {
		banner(log)
		for _, note := range opts.notes {
			log.Info(note)
		}
	}
	if err := p.shrink(); err != nil {
		p.fail(err.Error())
		return exitFailure
	}
	first := p.first()
	if err := p.handed.understand(); err != nil {
		p.fail(err.Error())
		return exitFailure
	}
	cfg, diags := first.Config, first.Diagnostics
	if p.handed == nil {
		log.Info("Configuration file " + opts.configFile)
	}
	if err := p.settle(cfg); err != nil {
		return p.outside(err)
	}
	defer p.putBack(p.dumpCores())
	if p.handed == nil {
		daemon.LogDiagnostics(log, diags) // otherwise they were logged before
	}
	if first.Moving != "" {
		log.Warn(first.Moving + " is still being written: starting with what it holds now")
	}
	if diags.Fatal() {
		return p.refused(diags)
	}
	if exit, err := p.lock(cfg); err != nil {
		p.fail(err.Error())
		return exit
	}
	paths := pidPaths(opts, cfg)
	pids, err := p.pidFiles(paths)
	if err != nil {
		return p.notLocked(err)
	}
	defer p.unlock(pids)
	if err := pids.Write(os.Getpid()); err != nil {
		// They are locked, so nobody else runs; a full disk must cost no address.
		p.log.Error(strings.ReplaceAll(err.Error(), "\n", "; ") + " - going on, those who look for the daemon there do not find it")
	}
	d := daemon.New(cfg, p.options(cfg, first, pids, paths[0]))
	err = d.Run(context.Background())
	switch {
	case errors.Is(err, daemon.ErrPermission):
		p.fail(err.Error())
		return exitPermission
	case err != nil:
		p.fail(err.Error())
		return exitFailure
	}
	log.Info(fmt.Sprintf("Stopped Keepalived v%s (Holdfast %s)", compatVersion, version))
	return exitOK
}

// putBack puts back at the end what dumpCores has changed, and leaves the network
// namespace.
func (p *program) putBack(restore func()) {
	if !p.handed.waiting() || p.kept() { // otherwise the program before goes on
		restore()
	}
	if !p.handed.waiting() { // otherwise a program goes on here
		p.leave()
	}
}

// unlock gives up the pid files at the end.
func (p *program) unlock(pids process.PIDFiles) {
	if !p.handed.waiting() || p.kept() {
		_ = pids.Remove()
	}
}

// options are what the daemon is told; pidFile is the first of its pid files, beside
// which it keeps others.
func (p *program) options(cfg *config.Config, first *daemon.Candidate, pids process.PIDFiles, pidFile string) daemon.Options {
	opts, next := p.opts, successor{p: p, path: p.path, dir: p.dir, pids: pids}
	return daemon.Options{
		ConfigFile: opts.configFile, Load: p.source(), Text: first.Files, Log: p.log, Detail: opts.detail > 0,
		StrictCompat: opts.strictCompat, KeepOnStop: opts.keepVRRP, LogAddresses: opts.addressMonitoring,
		IgnoreInterrupt: opts.ignoreSigint, DumpConfig: opts.dumpConf, Umask: umask(opts, cfg), Version: version,
		LogScriptOutput: opts.logScriptOutput, LeastPrivilege: opts.leastPrivilege,
		SNMP: opts.snmp, SNMPSocket: opts.snmpSocket,
		Product: fmt.Sprintf("Keepalived v%s (Holdfast %s)", compatVersion, version),
		Record:  opts.record, Started: p.back.Ready, Signals: p.signals,
		Watchdog:    watchdog(pids),
		ReplayFile:  strings.TrimSuffix(pidFile, ".pid") + ".replay",
		UndoFile:    strings.TrimSuffix(pidFile, ".pid") + ".undo",
		ControlFile: control.Path(pidFile),
		Successor:   &next, ProgramFile: p.path,
		Handed: p.handed.toDaemon(), Store: newStore(next),
	}
}

// watchdog gives the service manager its signs of life. Where it cannot be told,
// as in a container, WATCHDOG_USEC makes the pid file show them.
func watchdog(pids process.PIDFiles) daemon.Watchdog {
	w := daemon.Watchdog{Within: process.WatchdogInterval(), Alive: process.Alive}
	if os.Getenv("NOTIFY_SOCKET") == "" {
		w.Alive = pids.Touch
	}
	return w
}

// source reads the configuration that the command line names.
func (p *program) source() daemon.Source {
	return func(read func(string) ([]byte, error), test bool) (*config.Config, config.Diagnostics) {
		opt := testOptions(p.opts)
		opt.Test, opt.Host.ReadFile = test, read
		return config.Load(p.opts.configFile, opt)
	}
}

// banner says at the start what runs, and on what.
func banner(log *slog.Logger) {
	log.Info(fmt.Sprintf("Starting Keepalived v%s (Holdfast %s)", compatVersion, version))
	var u syscall.Utsname
	if syscall.Uname(&u) == nil {
		log.Info(fmt.Sprintf("Running on %s %s %s", text(u.Sysname[:]), text(u.Release[:]), text(u.Version[:])))
	}
	log.Info("Command line: '" + strings.Join(os.Args, "' '") + "'")
}

func text(c []int8) string {
	var b strings.Builder
	for _, x := range c {
		if x == 0 {
			break
		}
		b.WriteByte(byte(x))
	}
	return b.String()
}

// refused says that the daemon does not start, and gives the status that
// service managers know.
func (p *program) refused(diags config.Diagnostics) int {
	if p.kept() {
		p.fail("the configuration that ran cannot be run")
		return exitFailure
	}
	if !p.opts.logConsole || !p.opts.dontFork {
		_ = diags.Write(os.Stderr)
	}
	p.fail("The configuration cannot be run: mend what is said above, " + p.opts.configFile + " is not in use")
	process.Errno(int(syscall.EINVAL))
	if diags.Missing() {
		return exitNoConfig
	}
	return exitConfig
}

func umask(opts *options, cfg *config.Config) int {
	if !opts.umaskSet && cfg.Global.Umask != nil {
		return *cfg.Global.Umask
	}
	return opts.umask
}

// notLocked says why the pid files cannot be had. That another daemon has them
// is no failure to keepalived, and so to the scripts that start it.
func (p *program) notLocked(err error) int {
	p.fail(err.Error())
	var locked *process.LockedError
	if !errors.As(err, &locked) {
		return exitFailure
	}
	p.fail("daemon is already running")
	return exitOK
}

// pidPaths are the two pid files that keepalived's parent and its VRRP process
// have; here both hold the number of the one process.
func pidPaths(opts *options, cfg *config.Config) []string {
	g := &cfg.Global
	p := process.DefaultPaths(g.UsePidDir, g.InstanceName)
	return []string{cmp.Or(opts.pidFile, p.PID), cmp.Or(opts.vrrpPID, p.VRRPPID)}
}
