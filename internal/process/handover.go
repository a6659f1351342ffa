package process

import (
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/privilege"
)

// A program may be executed anew in its own process: what it knows goes through a
// file in memory, and its sockets and other descriptors stay open.

const (
	// handoverVariable tells a program that it goes on in place of another one: the
	// descriptor of the state and that of the program before.
	handoverVariable = "HOLDFAST_HANDOVER"
	// returnedVariable tells one that it goes on again since its successor did not
	// come up, and why.
	returnedVariable = "HOLDFAST_RETURNED"
)

// stateLimit bounds what is read of a state, in bytes.
const stateLimit = 256 << 20

// Program returns the path by which this program was started, also when by now
// another file is there or none. It has to be called before the working directory
// changes.
func Program() (string, error) { return executable() }

// Inherited is what the program before has left to this one.
type Inherited struct {
	// State is what it has said; an error says why there is nothing.
	State []byte
	Err   error
	// Returned is not empty if this one was there before, and its successor did not
	// come up: it says why.
	Returned string
	// Entered is the network namespace that this process has entered, which matters
	// to StartAnew.
	Entered string

	state, program int          // descriptors
	fds            []int        // all that were left
	kept           map[File]int // those that the service manager has kept; nil: this was none
	names          []string     // of all that it has passed
}

// TakesOver tells whether TakeOver is going to return something.
func TakesOver() bool { return os.Getenv(handoverVariable) != "" }

// TakeOver returns what a program before has left; nil: there was none. It has to
// be called early and once: it also takes the traces out of what children inherit.
func TakeOver() *Inherited {
	value, ok := os.LookupEnv(handoverVariable)
	if !ok {
		return nil
	}
	h := &Inherited{Returned: os.Getenv(returnedVariable), state: -1, program: -1}
	os.Unsetenv(handoverVariable)
	os.Unsetenv(returnedVariable)
	h.fds = leftOpen()
	state, program, _ := strings.Cut(value, ",")
	var err error
	if h.program, err = strconv.Atoi(program); err != nil {
		h.program = -1
	}
	if h.state, err = strconv.Atoi(state); err != nil || h.state < 3 {
		h.state, h.Err = -1, fmt.Errorf("%s is %q", handoverVariable, value)
		return h
	}
	h.State, h.Err = readAll(h.state)
	return h
}

// openDescriptors lists those of this process beyond the standard ones.
func openDescriptors() []int {
	dir, err := os.Open("/proc/self/fd")
	if err != nil {
		return nil
	}
	defer dir.Close()
	names, _ := dir.Readdirnames(-1)
	var fds []int
	for _, name := range names {
		if fd, err := strconv.Atoi(name); err == nil && fd > 2 {
			fds = append(fds, fd)
		}
	}
	return fds
}

// leftOpen lists the descriptors that were left to this program, and keeps them
// from its children.
func leftOpen() []int {
	var fds []int
	for _, fd := range openDescriptors() {
		if flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0); err == nil && flags&unix.FD_CLOEXEC == 0 {
			unix.CloseOnExec(fd)
			fds = append(fds, fd)
		}
	}
	return fds
}

// readAll reads a file from its beginning and leaves its descriptor as it is.
func readAll(fd int) ([]byte, error) {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	f := os.NewFile(uintptr(dup), "state")
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if !st.Mode().IsRegular() || st.Size() > stateLimit {
		return nil, errors.New("what was handed over is no state")
	}
	b := make([]byte, st.Size())
	if _, err := f.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	return b, nil
}

// Return executes the program before in place of this one, with all that it has
// left. It returns only if that failed. One that has returned itself is executed
// no second time.
func (h *Inherited) Return(why string) error {
	if h.Returned != "" {
		return errors.New("the program before has come back already")
	}
	if h.program < 0 {
		return errors.New("the program before is not known")
	}
	env := append(os.Environ(), fmt.Sprintf("%s=%d,%d", handoverVariable, h.state, h.program), returnedVariable+"="+why)
	return execute("/proc/self/fd/"+strconv.Itoa(h.program), env, h.fds, func() {})
}

// Done closes what was left, once this program has its own of it. It does not wait.
func (h *Inherited) Done() {
	fds := h.fds
	h.fds = nil
	if h.kept != nil {
		go h.release(fds)
		return
	}
	go func() {
		for _, fd := range fds {
			_ = unix.Close(fd)
		}
	}()
}

// Become executes the program at the path in place of this one: the process goes
// on with the same number, the descriptors and the state. It returns only if that
// failed, and then all is as it was, but that SIGHUP has to be listened for again.
// Last is called at the last moment before.
func Become(path string, state []byte, fds []int, last func()) error {
	memory, err := inMemory(state)
	if err != nil {
		return err
	}
	defer memory.Close()
	self, err := os.Open("/proc/self/exe")
	if err != nil {
		return err
	}
	defer self.Close()
	m, s := int(memory.Fd()), int(self.Fd())
	env := append(os.Environ(), fmt.Sprintf("%s=%d,%d", handoverVariable, m, s))
	fds = append([]int{m, s}, fds...)
	return execute(path, env, append(fds, slow()...), last)
}

// slow lists the packet sockets. When one is closed the kernel waits until every
// processor has passed by, tens of milliseconds; so that execve does not, they stay
// open, and the successor closes them when it has time.
func slow() []int {
	var fds []int
	for _, fd := range openDescriptors() {
		if domain, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_DOMAIN); err == nil && domain == unix.AF_PACKET {
			fds = append(fds, fd)
		}
	}
	return fds
}

// execute executes a program that inherits the descriptors.
func execute(path string, env []string, fds []int, last func()) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	undo, err := privilege.Bequeath()
	if err != nil {
		return err
	}
	defer undo()
	restore, err := holdSignals()
	if err != nil {
		return err
	}
	defer restore()
	// Whoever forks meanwhile would give the descriptors away.
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	for _, fd := range fds {
		if _, err = unix.FcntlInt(uintptr(fd), unix.F_SETFD, 0); err != nil {
			err = os.NewSyscallError("fcntl", err)
			break
		}
	}
	if err == nil {
		last()
		err = &os.PathError{Op: "execve", Path: path, Err: unix.Exec(path, os.Args, env)}
	}
	for _, fd := range fds {
		unix.CloseOnExec(fd)
	}
	return err
}

// holdSignals keeps those that ask for something waiting, on this thread and in what
// it executes, until the program listens. The Go runtime takes them then on a thread
// of its own, and package spawn frees the children, which inherit what is held. The
// runtime lets nobody hold what ends programs: SIGHUP is ignored meanwhile, since who
// takes over compares the configuration anyway, and of SIGTERM and SIGINT the program
// dies in the few milliseconds until it listens.
func holdSignals() (restore func(), err error) {
	var held, old unix.Sigset_t
	signal.Ignore(unix.SIGHUP)
	for _, s := range []unix.Signal{
		unix.SIGUSR1, unix.SIGUSR2, JSONSignal, StatsClearSignal, UpgradeSignal,
	} {
		bit := uint(s) - 1
		word := uint(unsafe.Sizeof(held.Val[0])) * 8
		held.Val[bit/word] |= 1 << (bit % word)
	}
	if err := unix.PthreadSigmask(unix.SIG_BLOCK, &held, &old); err != nil {
		return nil, os.NewSyscallError("sigprocmask", err)
	}
	return func() { _ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil) }, nil
}

// inMemory is a file in memory that holds the state.
func inMemory(state []byte) (*os.File, error) {
	fd, err := unix.MemfdCreate("holdfast", unix.MFD_CLOEXEC)
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	f := os.NewFile(uintptr(fd), "state")
	if _, err := f.Write(state); err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// rehearsed begins the line by which a program that rehearses says that it would
// come up; its version follows.
const rehearsed = "holdfast rehearsal: "

// SayRehearsed says that this program would come up.
func SayRehearsed(version string) { fmt.Println(rehearsed + version) }

// RehearseFlag makes a program only try whether it would come up.
const RehearseFlag = "rehearse"

// Rehearse runs the program at the path as a child, with the arguments of this one
// and --rehearse, and returns the version that it says it has. It has to do so, and
// to end, within the limit. The error is one line.
func Rehearse(path string, state []byte, limit time.Duration) (version string, err error) {
	memory, err := inMemory(state)
	if err != nil {
		return "", err
	}
	defer memory.Close()
	out := &head{limit: 4096}
	args := append([]string{os.Args[0], "--" + RehearseFlag}, os.Args[1:]...)
	cmd := &exec.Cmd{
		Path: path, Args: args, Env: append(os.Environ(), handoverVariable+"=3,-1"), Dir: "/",
		Stdout: out, Stderr: out, ExtraFiles: []*os.File{memory},
		SysProcAttr: &syscall.SysProcAttr{Setpgid: true},
		WaitDelay:   time.Second, // for others that have its output
	}
	if err := plainStart(cmd); err != nil {
		return "", err
	}
	_ = unix.Setpriority(unix.PRIO_PROCESS, cmd.Process.Pid, 10) // it has time
	late := time.AfterFunc(limit, func() { _ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL) })
	err = cmd.Wait()
	if !late.Stop() {
		return "", fmt.Errorf("%s did not say within %v that it would come up", path, limit)
	}
	text := out.text()
	if err != nil {
		return "", fmt.Errorf("%s: %w%s", filepath.Base(path), err, said(text))
	}
	for line := range strings.Lines(text) {
		if version, ok := strings.CutPrefix(strings.TrimSpace(line), rehearsed); ok {
			return version, nil
		}
	}
	return "", fmt.Errorf("%s is no program that can take over%s", path, said(text))
}

// plainStart starts a child from which no signal is held.
func plainStart(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var none, old unix.Sigset_t
	if err := unix.PthreadSigmask(unix.SIG_SETMASK, &none, &old); err != nil {
		return os.NewSyscallError("sigprocmask", err)
	}
	defer func() { _ = unix.PthreadSigmask(unix.SIG_SETMASK, &old, nil) }()
	return cmd.Start()
}

// said is the last line of what was printed.
func said(text string) string {
	text = strings.TrimSpace(text)
	if text == "" {
		return ""
	}
	return ": " + text[strings.LastIndexByte(text, '\n')+1:]
}

// head keeps the beginning of what is written to it.
type head struct {
	limit int
	b     []byte
}

func (h *head) Write(p []byte) (int, error) {
	h.b = append(h.b, p[:min(len(p), h.limit-len(h.b))]...)
	return len(p), nil
}

func (h *head) text() string { return string(h.b) }
