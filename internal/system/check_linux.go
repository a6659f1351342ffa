package system

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// ErrImpossible is in the chain of what [Check] returns where the machine is the
// reason: its kernel, or what this process may do on it.
var ErrImpossible = errors.New("no node can be booted here")

// initCheck in the environment of a process that becomes process 1: it ends once it
// is where it would execute systemd.
const initCheck = "HOLDFAST_SYSTEM_CHECK"

// StatusImpossible is how a program ends that would say [ErrImpossible].
const StatusImpossible = 77

// refusals are the errors of a kernel that lacks something or forbids it. Anything
// else is a defect, of these tests or of the root, and nothing to skip for.
var refusals = []error{
	unix.EPERM, unix.EACCES, unix.EROFS, // forbidden, as in most containers
	unix.ENOSYS, unix.ENODEV, unix.EINVAL, // no such call, file system, kind of namespace
	unix.ENOSPC, unix.EUSERS, // no more namespaces, by a limit
}

func refused(err error) bool {
	return slices.ContainsFunc(refusals, func(r error) bool { return errors.Is(err, r) })
}

// Check goes the whole way to a node that is made of the root, up to the start of
// systemd, and says what is in the way; [ErrImpossible] if it is the machine. "" stands
// for a root that has what is needed, to ask before there is one. The program that
// calls it calls [Main] first.
func Check(root string) error {
	if os.Getuid() != 0 {
		return fmt.Errorf("%w: only root can", ErrImpossible)
	}
	// The root of a user namespace may do all this, but not make the root of a node.
	if ids, err := os.ReadFile("/proc/self/uid_map"); err == nil && strings.Join(strings.Fields(string(ids)), " ") != "0 0 4294967295" {
		return fmt.Errorf("%w: only root of the whole machine can, not of a user namespace", ErrImpossible)
	}
	for _, tool := range []string{"nsenter", "env"} {
		if _, err := exec.LookPath(tool); err != nil {
			return fmt.Errorf("%w: %w", ErrImpossible, err)
		}
	}
	if err := nettest.Available(); err != nil {
		return blame("network namespaces", err)
	}
	if root == "" {
		dir, err := skeleton()
		if err != nil {
			return err
		}
		defer os.RemoveAll(dir)
		root = dir
	}
	if _, err := os.Stat(filepath.Join(root, systemd)); err != nil {
		return fmt.Errorf("the root has no systemd: %w", err)
	}
	if _, err := cgroupRoot(); err != nil {
		return fmt.Errorf("%w: %w", ErrImpossible, err)
	}
	return try(root)
}

// skeleton makes a root that no node could go on from.
func skeleton() (string, error) {
	dir, err := os.MkdirTemp("", "holdfast-check-")
	if err != nil {
		return "", err
	}
	for _, d := range []string{"proc", "sys", "dev", "run", "tmp", filepath.Dir(systemd)} {
		err = cmp.Or(err, os.MkdirAll(filepath.Join(dir, d), 0o755))
	}
	err = cmp.Or(err, os.WriteFile(filepath.Join(dir, systemd), nil, 0o755))
	if err != nil {
		os.RemoveAll(dir)
	}
	return dir, err
}

// try makes a process 1 that does not become systemd.
func try(root string) error {
	g, err := newGroup()
	if err != nil {
		return blame("control groups", err)
	}
	defer g.remove()
	defer g.kill()
	cmd, err := first(g, root, "check")
	if err != nil {
		return err
	}
	cmd.Env = append(cmd.Env, initCheck+"=1")
	cmd.SysProcAttr.Cloneflags |= unix.CLONE_NEWNET
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	err = cmd.Run()
	var status *exec.ExitError
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &status):
		return blame("namespaces", err)
	}
	err = fmt.Errorf("%s (%w)", strings.TrimSpace(said.String()), err)
	if status.ExitCode() == StatusImpossible {
		return fmt.Errorf("%w: %w", ErrImpossible, err)
	}
	return err
}

func blame(what string, err error) error {
	if refused(err) {
		return fmt.Errorf("%w: %s: %w", ErrImpossible, what, err)
	}
	return fmt.Errorf("%s: %w", what, err)
}
