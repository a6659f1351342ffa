package nettest

import (
	"errors"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Process is a program that runs inside a namespace, in a process group of its
// own.
type Process struct {
	cmd  *exec.Cmd
	done chan struct{}
	err  error
}

// Start starts the command inside the namespace. It is killed when the
// namespace is closed or this process dies, and reaped in either case; the
// caller must not call cmd.Wait. SysProcAttr may be preset, its process group
// and parent death signal are overwritten.
func (ns *NS) Start(cmd *exec.Cmd) (*Process, error) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Setpgid = true
	cmd.SysProcAttr.Pgid = 0
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	if cmd.WaitDelay == 0 {
		// A grandchild that keeps the output open must not hold up the end.
		cmd.WaitDelay = time.Second
	}
	p := &Process{cmd: cmd, done: make(chan struct{})}

	ns.mu.Lock()
	defer ns.mu.Unlock()
	if ns.closed {
		return nil, errors.New("network namespace " + ns.name + " is closed")
	}
	started := make(chan error)
	ns.work <- func() { started <- cmd.Start() }
	if err := <-started; err != nil {
		return nil, err
	}
	ns.procs = append(ns.procs, p)
	go func() {
		p.err = cmd.Wait()
		close(p.done)
	}()
	return p, nil
}

// PID returns the process id. It is not used again before Done is closed.
func (p *Process) PID() int { return p.cmd.Process.Pid }

// Done is closed when the process has ended and was reaped.
func (p *Process) Done() <-chan struct{} { return p.done }

// Wait waits for the end and returns the error of [exec.Cmd.Wait].
func (p *Process) Wait() error {
	<-p.done
	return p.err
}

// Signal sends a signal to the process alone.
func (p *Process) Signal(sig syscall.Signal) error { return p.cmd.Process.Signal(sig) }

// Kill kills the process group at once. It does not wait. What survives the
// leader of the group is left for [NS.Close].
func (p *Process) Kill() {
	select {
	case <-p.done:
		// The number may belong to somebody else by now.
	default:
		_ = unix.Kill(-p.cmd.Process.Pid, unix.SIGKILL)
	}
}
