// Demo shows on one machine what Holdfast does on three: two routers share an
// address, a client asks it a hundred times a second, and the router that holds
// it is killed, comes back and is stopped. For each hand-over it prints how long
// the client was without an answer, beside what the protocol allows.
//
//	make demo
//
// The machines are network namespaces. The demo works as root and, where the
// kernel allows user namespaces, as an ordinary user. It changes nothing outside
// of its namespaces and leaves nothing behind, however it ends: its files are in
// a file system of memory that only it sees, its processes die with it.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

// insideVariable, in the environment, tells the demo that it is in namespaces of
// its own.
const insideVariable = "HOLDFAST_DEMO_INSIDE"

// filesDir is where the demo mounts a file system of memory that only it sees: a
// directory that is on every machine, so that none has to be made and removed.
const filesDir = "/dev/shm"

func main() {
	binary := flag.String("holdfast", "bin/holdfast", "the daemon; keepalived will do, too")
	configs := flag.String("configs", "configs/demo", "directory of the configuration files")
	fast := flag.Bool("fast", false, "only the second half, with ten adverts a second")
	flag.Parse()
	_, inside := os.LookupEnv(insideVariable)
	var err error
	status := 0
	if inside {
		err = play(*binary, *configs, *fast)
	} else {
		status, err = enclose()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "demo:", err)
		status = 1
	}
	os.Exit(status)
}

// enclose runs the demo again in namespaces of its own and returns its status.
func enclose() (int, error) {
	// The parent death signal is bound to this thread.
	runtime.LockOSThread()
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Args[0] = os.Args[0]
	cmd.Env = append(os.Environ(), insideVariable+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: unix.CLONE_NEWNS, Pdeathsig: unix.SIGKILL}
	if os.Geteuid() != 0 {
		cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWUSER | unix.CLONE_NEWNET
		cmd.SysProcAttr.UidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Geteuid(), Size: 1}}
		cmd.SysProcAttr.GidMappings = []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getegid(), Size: 1}}
	}
	// Ctrl-C reaches the demo from the terminal; what was sent to this process
	// alone is handed on. Either way the demo cleans up and then this ends.
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	if err := cmd.Start(); err != nil {
		return 1, notAllowed(err)
	}
	go func() {
		for range signals {
			_ = cmd.Process.Signal(unix.SIGTERM)
		}
	}()
	err := cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return exit.ExitCode(), nil
	}
	if err != nil {
		return 1, err
	}
	return 0, nil
}

// notAllowed says what can be done where namespaces cannot be made.
func notAllowed(err error) error {
	if !errors.Is(err, unix.EPERM) && !errors.Is(err, unix.ENOSPC) && !errors.Is(err, unix.EACCES) {
		return err
	}
	if os.Geteuid() == 0 {
		return fmt.Errorf("this root may not make namespaces (%w): in a container, start it with --privileged", err)
	}
	return fmt.Errorf("this kernel gives ordinary users no namespaces (%w): run it as root", err)
}

// play is the demo, inside of its namespaces.
func play(binary, configs string, fast bool) error {
	if err := privateFiles(); err != nil {
		return notAllowed(err)
	}
	for _, path := range []*string{&binary, &configs} {
		abs, err := filepath.Abs(*path)
		if err != nil {
			return err
		}
		*path = abs
	}
	if _, err := os.Stat(binary); err != nil {
		return fmt.Errorf("%w: build it with make build", err)
	}
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGINT, unix.SIGTERM, unix.SIGHUP)
	defer stop()
	s := newScreen(os.Stdout)
	w, err := newWorld(s, filesDir, binary, configs)
	if err != nil {
		return notAllowed(err)
	}
	defer w.close()
	err = w.show(ctx, fast)
	s.clear()
	if errors.Is(err, context.Canceled) {
		fmt.Println("\nStopped. Nothing is left behind.")
		return nil
	}
	return err
}

// privateFiles gives the demo a directory that nobody else sees and that is gone
// when its last process is.
func privateFiles() error {
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("separate the mounts: %w", err)
	}
	if err := unix.Mount("demo", filesDir, "tmpfs", unix.MS_NOSUID|unix.MS_NODEV, "mode=0755,size=16m"); err != nil {
		return fmt.Errorf("mount a file system of memory: %w", err)
	}
	return nil
}
