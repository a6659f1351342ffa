package process

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// statusVariable tells the program that Detach started it, and on which
// descriptor the one in the foreground waits.
const statusVariable = "HOLDFAST_STATUS_FD"

// ready is what the background process writes when the foreground may go.
const ready = 'R'

// Detach starts the program again in the background, with the same arguments
// and in a session of its own, and waits until it calls [Background.Ready] or
// ends. It returns the status with which the foreground process is to exit.
//
// A Go program cannot fork, so the new process begins at main; [Started] tells
// it what it is. Until it is ready it has the terminal for its messages and the
// working directory for relative file names.
func Detach() (exit int, err error) {
	r, w, err := os.Pipe()
	if err != nil {
		return 1, fmt.Errorf("go to the background: %w", err)
	}
	defer r.Close()
	self, err := executable()
	if err != nil {
		w.Close()
		return 1, fmt.Errorf("go to the background: %w", err)
	}
	cmd := &exec.Cmd{
		Path: self, Args: os.Args,
		Env:    append(os.Environ(), statusVariable+"=3"),
		Stdout: os.Stdout, Stderr: os.Stderr,
		ExtraFiles:  []*os.File{w}, // becomes descriptor 3
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
	}
	// In a session of its own the new process does not get Ctrl-C.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP, unix.SIGQUIT)
	defer signal.Stop(signals)
	err = cmd.Start()
	w.Close()
	if err != nil {
		return 1, fmt.Errorf("go to the background: %w", err)
	}
	done := make(chan struct{})
	defer close(done)
	go func() {
		for {
			select {
			case <-signals:
				_ = cmd.Process.Signal(unix.SIGTERM)
			case <-done:
				return
			}
		}
	}()
	b := make([]byte, 1)
	if n, _ := r.Read(b); n == 1 && b[0] == ready {
		return 0, nil
	}
	return statusOf(cmd.Wait())
}

// statusOf turns the end of the background process into an exit status.
func statusOf(err error) (int, error) {
	var exit *exec.ExitError
	switch {
	case err == nil:
		return 0, nil
	case errors.As(err, &exit) && exit.Exited():
		return exit.ExitCode(), nil
	default:
		return 1, fmt.Errorf("the process in the background died: %w", err)
	}
}

// executable gives the path of this program, by the name it was called with
// where that still leads to it: ps and pgrep show that name.
func executable() (string, error) {
	self, err := os.Executable()
	if err != nil {
		return "", err
	}
	called, err := exec.LookPath(os.Args[0])
	if err != nil {
		return self, nil
	}
	a, errA := os.Stat(self)
	b, errB := os.Stat(called)
	if errA != nil || errB != nil || !os.SameFile(a, b) {
		return self, nil
	}
	if called, err = filepath.Abs(called); err != nil {
		return self, nil
	}
	return called, nil
}

// Background is this process when [Detach] started it.
type Background struct{ status *os.File }

// Started gives the background process its means to report; nil: this process
// was not started by [Detach]. It has to be called early and once, since it also
// takes the traces of [Detach] out of what children inherit.
func Started() *Background {
	value, ok := os.LookupEnv(statusVariable)
	if !ok {
		return nil
	}
	os.Unsetenv(statusVariable)
	inheritWatchdog()
	fd, err := strconv.Atoi(value)
	var st unix.Stat_t
	if err != nil || fd < 3 || unix.Fstat(fd, &st) != nil || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		return nil
	}
	unix.CloseOnExec(fd)
	return &Background{os.NewFile(uintptr(fd), "status")}
}

// watchdogPID names the process that is to give the service manager signs of life.
const watchdogPID = "WATCHDOG_PID"

// inheritWatchdog makes that this process where it was the one in the foreground,
// which is about to end.
func inheritWatchdog() {
	if os.Getenv(watchdogPID) == strconv.Itoa(os.Getppid()) {
		os.Setenv(watchdogPID, strconv.Itoa(os.Getpid()))
	}
}

// Ready leaves the terminal and the working directory and lets the foreground
// process exit with status 0. Only the first call on a non-nil receiver does
// anything.
func (b *Background) Ready() error {
	if b == nil || b.status == nil {
		return nil
	}
	defer func() {
		b.status.Close()
		b.status = nil
	}()
	if err := os.Chdir("/"); err != nil {
		return fmt.Errorf("go to the background: %w", err)
	}
	null, err := os.OpenFile(os.DevNull, os.O_RDWR, 0)
	if err != nil {
		return fmt.Errorf("go to the background: %w", err)
	}
	defer null.Close()
	for fd := range 3 {
		if err := unix.Dup3(int(null.Fd()), fd, 0); err != nil {
			return fmt.Errorf("go to the background: %w", err)
		}
	}
	_, _ = b.status.Write([]byte{ready}) // the foreground may have been killed
	return nil
}
