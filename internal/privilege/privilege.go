package privilege

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"sync/atomic"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// ErrUnable is returned by Shrink and Lock in a program that was linked with C.
var ErrUnable = errors.New("this program was linked with C and cannot change the capabilities of all its threads")

// raised says that effective sets are smaller than permitted ones: that With has
// something to do.
var raised atomic.Bool

// sets are what capget(2) and capset(2) take: the lower half first.
type sets [2]unix.CapUserData

func (s *sets) get() error {
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	return os.NewSyscallError("capget", unix.Capget(&h, &s[0]))
}

func (s *sets) set() error {
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	return os.NewSyscallError("capset", unix.Capset(&h, &s[0]))
}

func (s *sets) effective() Set { return Set(s[0].Effective) | Set(s[1].Effective)<<32 }
func (s *sets) permitted() Set { return Set(s[0].Permitted) | Set(s[1].Permitted)<<32 }

func (s *sets) setEffective(e Set) {
	s[0].Effective, s[1].Effective = uint32(e), uint32(e>>32) // #nosec G115 -- the two halves
}

func (s *sets) setPermitted(p Set) {
	s[0].Permitted, s[1].Permitted = uint32(p), uint32(p>>32) // #nosec G115 -- the two halves
}

// Permitted is what the calling thread may make effective.
func Permitted() (Set, error) {
	var s sets
	err := s.get()
	return s.permitted(), err
}

// Shrink leaves to all threads for good, of what they have, the two sets: base is
// effective all the time, and what is in raise only With makes effective. Nothing
// is inherited by children. It returns what was given up.
func Shrink(base, raise Set) (given Set, err error) {
	var s sets
	if err := s.get(); err != nil {
		return 0, err
	}
	has := s.permitted()
	s.setPermitted(has & (base | raise))
	s.setEffective(has & base)
	s[0].Inheritable, s[1].Inheritable = 0, 0
	// Kernels before 4.3 have no ambient set: there is nothing to clear then.
	err = onAll("clear the ambient set", unix.SYS_PRCTL, unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0)
	if err != nil && !errors.Is(err, unix.EINVAL) {
		return 0, err
	}
	if err := capsetAll(&s); err != nil {
		return 0, err
	}
	raised.Store(true)
	return has &^ (base | raise), nil
}

// capsetAll sets the sets of all threads.
func capsetAll(s *sets) error {
	h := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	// #nosec G103 -- a system call for all threads takes its arguments as numbers
	_, _, errno := syscall.AllThreadsSyscall(unix.SYS_CAPSET, uintptr(unsafe.Pointer(&h)), uintptr(unsafe.Pointer(&s[0])), 0)
	runtime.KeepAlive(s)
	return failure("capset", errno)
}

func onAll(what string, trap, a1, a2, a3 uintptr) error {
	_, _, errno := syscall.AllThreadsSyscall(trap, a1, a2, a3)
	return failure(what, errno)
}

func failure(what string, errno syscall.Errno) error {
	switch errno {
	case 0:
		return nil
	case syscall.ENOTSUP:
		return ErrUnable
	}
	return fmt.Errorf("%s: %w", what, errno)
}

// Bound takes from the bounding set everything but keep: no program that is
// executed from now on can have the rest, whoever it runs as. It has to be called
// before Shrink, which gives up the capability for it.
func Bound(keep Set) error {
	for i := range uintptr(64) {
		in, err := unix.PrctlRetInt(unix.PR_CAPBSET_READ, i, 0, 0, 0)
		if errors.Is(err, unix.EINVAL) {
			return nil // the kernel knows no more
		}
		if err != nil {
			return os.NewSyscallError("prctl", err)
		}
		if in == 0 || keep&(1<<i) != 0 {
			continue
		}
		if err := onAll("bounding set", unix.SYS_PRCTL, unix.PR_CAPBSET_DROP, i, 0); err != nil {
			return err
		}
	}
	return nil
}

// NoNewPrivileges makes sure that no program that is executed from now on has more
// than the process has: neither by a set-user-ID bit nor by being root's.
func NoNewPrivileges() error {
	return onAll("no_new_privs", unix.SYS_PRCTL, unix.PR_SET_NO_NEW_PRIVS, 1, 0)
}

// With runs f, and while it does so, its thread has the capabilities of the set
// too, as far as they are permitted. f must not start goroutines that count on
// them.
func With(set Set, f func() error) error {
	if !raised.Load() {
		return f()
	}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var before sets
	if before.get() != nil || before.effective()&set == set {
		return f()
	}
	more := before
	more.setEffective(before.effective() | set&before.permitted())
	if more.set() != nil {
		return f()
	}
	defer func() {
		if err := before.set(); err != nil {
			// It takes no privilege to give something up; a thread that keeps
			// what it should not have must not go on.
			panic(err)
		}
	}()
	return f()
}

// Bequeath makes the calling thread, which must be locked, leave what it is
// permitted to the program that it executes next; undo takes that back. To a
// program of root nothing has to be left: the kernel gives it what it may have at
// most, and it has to give up again itself what this one has given up, unless
// NoNewPrivileges or Bound has seen to that.
func Bequeath() (undo func(), err error) {
	undo = func() {}
	if os.Geteuid() == 0 {
		return undo, nil
	}
	var before sets
	if err := before.get(); err != nil {
		return undo, err
	}
	if before.permitted() == 0 {
		return undo, nil
	}
	more := before
	more[0].Inheritable, more[1].Inheritable = before[0].Permitted, before[1].Permitted
	if err := more.set(); err != nil {
		return undo, fmt.Errorf("leave capabilities to the next program: %w", err)
	}
	undo = func() {
		_ = unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
		_ = before.set() // it takes no privilege to give something up
	}
	for i := range uintptr(64) {
		if before.permitted()&(1<<i) == 0 {
			continue
		}
		if err := unix.Prctl(unix.PR_CAP_AMBIENT, unix.PR_CAP_AMBIENT_RAISE, i, 0, 0); err != nil {
			undo()
			return func() {}, fmt.Errorf("leave capabilities to the next program: %w", os.NewSyscallError("prctl", err))
		}
	}
	return undo, nil
}
