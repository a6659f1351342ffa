package process

import (
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/privilege"
)

// A network namespace belongs to a thread, and the Go runtime starts threads as
// it likes. So the program is executed anew by a thread that has entered it:
// then the one thread that there is has it, and all that come inherit it.

// enteredVariable tells the program which network namespace [EnterNetNS] has
// entered.
const enteredVariable = "HOLDFAST_ENTERED_NETNS"

// nsDir is where iproute2 keeps network namespaces by name.
const nsDir = "/run/netns"

// EnterNetNS makes the named network namespace that of the process, and
// /run/keepalived/NAME its /run/keepalived, in a mount namespace of its own. As
// that begins the program again, with the same process id and arguments, it does
// not return unless it failed. It has to come before there is anything to lose:
// files that are to be closed on exec are, and requests by signals are forgotten.
func EnterNetNS(name string, b *Background) error {
	if strings.Contains(name, "/") || name == "." || name == ".." {
		return fmt.Errorf("network namespace %q: not a name", name)
	}
	self, err := executable()
	if err != nil {
		return err
	}
	ns, err := os.Open(filepath.Join(nsDir, name))
	if err != nil {
		return fmt.Errorf("network namespace %s: %w", name, err)
	}
	defer ns.Close()
	env, err := b.handOver(append(os.Environ(), enteredVariable+"="+name))
	if err != nil {
		return err
	}
	// Never unlocked: no other goroutine may run on this thread any more.
	runtime.LockOSThread()
	// Until the program listens again they would end it.
	signal.Ignore(unix.SIGHUP, unix.SIGUSR1, unix.SIGUSR2, JSONSignal, StatsClearSignal)
	return privilege.With(privilege.SysAdmin, func() error {
		if err := unix.Setns(int(ns.Fd()), unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("network namespace %s: %w", name, os.NewSyscallError("setns", err))
		}
		if err := ownRunDir(name); err != nil {
			return fmt.Errorf("network namespace %s: directory for its pid files: %w", name, err)
		}
		return fmt.Errorf("network namespace %s: %w", name, os.NewSyscallError("execve", unix.Exec(self, os.Args, env)))
	})
}

// Entered returns the network namespace that [EnterNetNS] has entered; "": none.
// It has to be called early and once: children do not inherit what tells it.
func Entered() string {
	name := os.Getenv(enteredVariable)
	os.Unsetenv(enteredVariable)
	if name == "" || !sameFile("/proc/self/ns/net", filepath.Join(nsDir, name)) {
		return "" // somebody's environment, not ours
	}
	return name
}

func sameFile(a, b string) bool {
	x, errX := os.Stat(a)
	y, errY := os.Stat(b)
	return errX == nil && errY == nil && os.SameFile(x, y)
}

// ownRunDir makes /run/keepalived of this thread a directory of the namespace.
func ownRunDir(name string) error {
	dir := filepath.Join(runDir, name)
	if _, err := makeDirs(dir); err != nil {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return os.NewSyscallError("unshare", err)
	}
	// What others mount is still seen here, and the other way round nothing is.
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return os.NewSyscallError("mount", err)
	}
	return os.NewSyscallError("mount", unix.Mount(dir, runDir, "", unix.MS_BIND, ""))
}

// LeaveNetNS removes at the end the directory that [EnterNetNS] made, if it is
// empty. The network namespace itself is left by ending.
func LeaveNetNS(name string) error {
	err := privilege.With(privilege.SysAdmin, func() error { return unix.Unmount(runDir, unix.MNT_DETACH) })
	if err != nil {
		return fmt.Errorf("%s of network namespace %s: %w", runDir, name, os.NewSyscallError("umount", err))
	}
	for _, dir := range []string{filepath.Join(runDir, name), runDir} {
		if err := os.Remove(dir); errors.Is(err, unix.ENOTEMPTY) || errors.Is(err, os.ErrNotExist) {
			return nil // another daemon keeps files there
		} else if err != nil {
			return err
		}
	}
	return nil
}

// handOver adds to the environment what makes the program the same background
// process when it is executed anew.
func (b *Background) handOver(env []string) ([]string, error) {
	if b == nil || b.status == nil {
		return env, nil
	}
	fd := b.status.Fd()
	if _, err := unix.FcntlInt(fd, unix.F_SETFD, 0); err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	return append(env, statusVariable+"="+strconv.Itoa(int(fd))), nil
}
