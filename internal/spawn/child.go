package spawn

import (
	"bytes"
	"errors"
	"math"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/privilege"
	"github.com/holdfast-ha/holdfast/internal/sched"
)

const shell = "/bin/sh"

// phase is where a child stands.
type phase uint8

const (
	preparing phase = iota // nothing started; can still be called off
	forking                // the process id is not known yet
	alive                  // may be signalled
	over                   // reaped, or never started
)

// child is one run of a command. main runs on its own goroutine, locked to a
// thread; supervise runs on the caller's.
type child struct {
	cmd    *Cmd
	done   chan struct{} // closed when result is final
	result Result        // written by main before done is closed

	mu       sync.Mutex
	phase    phase
	id       int            // process id, from alive on; may be signalled in alive only
	sent     syscall.Signal // the last signal sent for time limit or context
	termSent bool
	killSent bool
}

func newChild(c *Cmd) *child {
	return &child{cmd: c, done: make(chan struct{})}
}

// pid returns the process id, 0 before there is one. A child that was just
// told to end may be over by now: the number is for reports.
func (p *child) pid() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.id
}

// end asks the group to end by a signal, at once or as soon as there is one.
// It reports false when nothing has been started, and then nothing will be.
func (p *child) end(sig syscall.Signal) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent = sig
	if p.phase == alive {
		p.signal()
	}
	return p.phase != preparing
}

// signal sends what end asked for. The caller holds the lock.
func (p *child) signal() {
	if p.sent == syscall.SIGKILL {
		p.killSent = true
	} else {
		p.termSent = true
	}
	signalGroup(p.id, p.sent)
}

// signalGroup signals the group led by pid, which must not have been reaped. A
// leader may have moved to another group; then it is signalled alone.
func signalGroup(pid int, sig syscall.Signal) {
	_ = privilege.With(privilege.Kill, func() error { // it may run as another user
		if unix.Kill(-pid, sig) == nil {
			return nil
		}
		return unix.Kill(pid, sig)
	})
}

// main starts the child, waits for it and reaps it.
func (p *child) main() {
	defer close(p.done)
	// The parent-death signal is tied to this thread; see the package comment.
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()

	prog, err := p.cmd.program()
	if err == nil && p.cmd.Check != nil {
		if why := p.cmd.Check.Check(); why != nil {
			err = &refusal{why}
		}
	}
	if err == nil {
		warm(prog.path)
		var out *output
		if p.cmd.Capture {
			out, err = newOutput()
		}
		if err == nil {
			err = p.start(prog, out)
			out.started()
			if err == nil {
				p.wait()
			}
			p.result.Output = out.finish()
		}
	}
	switch {
	case err == nil:
	case errors.Is(err, errGiven):
		p.result.TimedOut = true
		p.result.Signal = syscall.SIGTERM
	default:
		p.result.Err = &ExecError{Path: prog.path, Err: err}
	}
}

// errGiven: the time was up before the program could be started.
var errGiven = errors.New("given up before the start")

// start forks and executes. A file without "#!" is handed to the shell.
func (p *child) start(prog program, out *output) error {
	null, err := unix.Open("/dev/null", unix.O_RDWR|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(null)
	files := []uintptr{uintptr(null), uintptr(null), uintptr(null)}
	if out != nil {
		files[1], files[2] = uintptr(out.w), uintptr(out.w)
	}
	attr := &syscall.ProcAttr{
		Dir:   p.cmd.Dir,
		Env:   Environ(p.cmd.Env),
		Files: files,
		Sys: &syscall.SysProcAttr{
			Setpgid:    true,
			Pdeathsig:  syscall.SIGTERM,
			Credential: p.cmd.credential(),
		},
	}
	err = p.fork(prog, attr)
	if !errors.Is(err, syscall.ENOEXEC) {
		return err
	}
	if isBinary(prog.path) {
		return err
	}
	// The arguments go to the shell as they are: nothing to quote.
	p.result.NoShebang = true
	script := prog.path
	if strings.HasPrefix(script, "-") {
		script = "./" + script
	}
	prog.argv = append([]string{shell, script}, prog.argv[1:]...)
	prog.path = shell
	return p.fork(prog, attr)
}

func (p *child) fork(prog program, attr *syscall.ProcAttr) error {
	p.mu.Lock()
	if p.sent != 0 {
		p.mu.Unlock()
		return errGiven
	}
	p.phase = forking
	p.mu.Unlock()

	restore := defaultSignals()
	closeOnExec()
	aboutToFork()
	back := sched.Plain()
	pid, err := p.forkExec(prog, attr)
	back()
	forkedOwn(pid)
	restore()

	p.mu.Lock()
	defer p.mu.Unlock()
	if err != nil {
		p.phase = preparing
		return err
	}
	p.phase, p.id = alive, pid
	p.result.PID = pid
	if p.sent != 0 {
		p.signal()
	}
	return nil
}

// forkExec forks with what it takes to become another user, if that is wanted.
func (p *child) forkExec(prog program, attr *syscall.ProcAttr) (pid int, err error) {
	var needs privilege.Set
	if attr.Sys.Credential != nil {
		needs = privilege.SetUID | privilege.SetGID
	}
	err = privilege.With(needs, func() (err error) {
		pid, err = syscall.ForkExec(prog.path, prog.argv, attr) // #nosec G204 -- the configuration says what to run
		return err
	})
	return pid, err
}

// wait waits for the child, ends what is left of its group if it was ended
// from here, and reaps it. Only the last step frees the process id, so the
// group cannot be somebody else's.
func (p *child) wait() {
	pid := p.result.PID
	var info unix.Siginfo
	err := retryEINTR(func() error {
		return unix.Waitid(unix.P_PID, pid, &info, unix.WEXITED|unix.WNOWAIT, nil)
	})
	p.mu.Lock()
	defer p.mu.Unlock()
	p.phase = over
	const exited = 1 // CLD_EXITED
	if err == nil && info.Code != exited && (p.termSent || p.killSent) {
		signalGroup(pid, syscall.SIGKILL)
	}
	var ws unix.WaitStatus
	defer reapedOwn(pid)
	if err == nil {
		err = retryEINTR(func() error {
			_, err := unix.Wait4(pid, &ws, 0, nil)
			return err
		})
	}
	switch {
	case err != nil:
		p.result.Err = ErrLost
	case ws.Signaled():
		p.result.Signal = ws.Signal()
		p.result.TimedOut = p.termSent && ws.Signal() == syscall.SIGTERM ||
			p.killSent && ws.Signal() == syscall.SIGKILL
	default:
		p.result.Exit = ws.ExitStatus()
	}
}

// retryEINTR calls f again when a signal interrupted it.
func retryEINTR(f func() error) error {
	for {
		if err := f(); !errors.Is(err, unix.EINTR) {
			return err
		}
	}
}

// program is what to execute.
type program struct {
	path string
	argv []string
}

// program works out what to execute.
func (c *Cmd) program() (program, error) {
	switch {
	case c.FileTest:
		file := c.testedFile()
		if file == "" {
			return program{path: "<"}, errors.New("no file to test")
		}
		return program{shell, []string{shell, "-c", `< "$1"`, shell, file}}, nil
	case c.Shell:
		line := c.Raw
		for _, a := range c.ExtraArgs {
			line += " " + quote(a)
		}
		return program{shell, []string{shell, "-c", line}}, nil
	}
	p := program{c.Path, slices.Concat(c.Argv, c.ExtraArgs)}
	if p.path == "" && len(c.Argv) > 0 {
		p.path = c.Argv[0]
	}
	if p.path == "" {
		return p, errors.New("no program given")
	}
	if len(c.Argv) == 0 {
		p.argv = append([]string{p.path}, c.ExtraArgs...)
	}
	return p, nil
}

// testedFile is the file of the "<FILE" form.
func (c *Cmd) testedFile() string {
	if c.Path != "" {
		return c.Path
	}
	return strings.TrimSpace(strings.TrimPrefix(strings.TrimSpace(strings.Join(c.Argv, " ")), "<"))
}

// quote quotes a word for the shell.
func quote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

// groupsDenied tells whether this user namespace, in which we may well be root,
// forbids setting supplementary groups (user_namespaces(7)).
func groupsDenied() bool {
	b, err := os.ReadFile("/proc/self/setgroups")
	return err == nil && strings.TrimSpace(string(b)) == "deny"
}

// credential returns who the child is to be; nil: the daemon's own user.
func (c *Cmd) credential() *syscall.Credential {
	if !c.SetUser {
		return nil
	}
	uid, gid := uint32(os.Geteuid()), uint32(os.Getegid())
	if uid == c.UID && gid == c.GID && (uid != 0 || groupsDenied()) {
		// Setting the groups needs a privilege; without it nothing has to
		// change either.
		return nil
	}
	return &syscall.Credential{Uid: c.UID, Gid: c.GID, Groups: []uint32{c.GID}}
}

// removed are the variables a child does not see: those that change what a
// shell or the dynamic linker does, and those by which the service manager
// speaks to the daemon.
var removed = []string{
	"IFS", "ENV", "BASH_ENV", "SHELLOPTS", "BASHOPTS", "PS4", "GLIBC_TUNABLES", "GCONV_PATH", "NOTIFY_SOCKET",
	"WATCHDOG_USEC", "WATCHDOG_PID", "LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "LISTEN_PIDFDID",
}

// removedKinds are the beginnings of the names of more of them: LD_PRELOAD and
// its like, and functions for bash.
var removedKinds = []string{"LD_", "BASH_FUNC_"}

// Environ returns the environment of a child made from env; nil: the daemon's.
// What changes the meaning of a program for the dynamic linker, the C library or
// a shell, and NOTIFY_SOCKET, WATCHDOG_* and LISTEN_* of the service manager, are
// left out; nothing is added.
func Environ(env []string) []string {
	if env == nil {
		env = os.Environ()
	}
	kept := make([]string, 0, len(env))
	for _, e := range env {
		name, _, _ := strings.Cut(e, "=")
		kind := func(prefix string) bool { return strings.HasPrefix(name, prefix) }
		if !slices.Contains(removed, name) && !slices.ContainsFunc(removedKinds, kind) {
			kept = append(kept, e)
		}
	}
	return kept
}

// warm opens a program and its interpreter once. The fork holds a processor of
// the Go scheduler until the exec is through; if that had to wait for a disk or
// a server, the next garbage collection would stop the whole daemon. Here the
// wait is an ordinary system call. Errors are left to the exec.
func warm(path string) {
	for range 2 {
		head := readHead(path)
		if !bytes.HasPrefix(head, []byte("#!")) {
			return
		}
		line, _, _ := bytes.Cut(head[2:], []byte("\n"))
		words := bytes.Fields(line)
		if len(words) == 0 || !filepath.IsAbs(string(words[0])) {
			return
		}
		path = string(words[0])
	}
}

// isBinary reports whether a file the kernel does not execute is no text
// either: a program for another machine, say. A shell would make nonsense of it.
func isBinary(path string) bool {
	head := readHead(path)
	return bytes.HasPrefix(head, []byte("\x7fELF")) || bytes.IndexByte(head, 0) >= 0
}

// readHead returns the beginning of a regular file, nil if it cannot be read.
func readHead(path string) []byte {
	// O_NONBLOCK: a FIFO in place of the file must not hold us up.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	var st unix.Stat_t
	if unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil
	}
	head := make([]byte, 256)
	n, err := unix.Read(fd, head)
	if err != nil {
		return nil
	}
	return head[:n]
}

// unheard takes the signals that the daemon ignores; see defaultSignals.
var unheard = make(chan os.Signal, 1)

// defaultSignals makes the next fork start with default signal actions. A
// caught signal has its default action after the exec, an ignored one stays
// ignored, also one that was ignored when the daemon was started. So ignored
// signals become caught ones that nobody listens to. The job control signals
// are left out: a caught SIGTTOU makes a write to a terminal fail for ever.
//
// The signal mask of this thread is emptied too; the caller gives it back.
func defaultSignals() (restore func()) {
	for n := syscall.Signal(1); n <= 64; n++ {
		switch n {
		case syscall.SIGKILL, syscall.SIGSTOP, syscall.SIGTTIN, syscall.SIGTTOU, syscall.SIGTSTP:
			continue
		}
		if signal.Ignored(n) {
			signal.Notify(unheard, n)
		}
	}
	var none, old unix.Sigset_t
	if unix.PthreadSigmask(unix.SIG_SETMASK, &none, &old) != nil {
		return func() {}
	}
	return func() { _ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil) }
}

// closeOnExec marks every descriptor above standard error. What Go opens is
// marked already; this is for what the daemon was started with and for
// libraries that forget it.
func closeOnExec() {
	if unix.CloseRange(3, math.MaxUint32, unix.CLOSE_RANGE_CLOEXEC) == nil {
		return
	}
	// Linux before 5.11.
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	for _, name := range names {
		if fd, err := strconv.Atoi(name); err == nil && fd > 2 {
			unix.CloseOnExec(fd)
		}
	}
}
