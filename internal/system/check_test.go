package system

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// Only what the machine refuses is a reason to skip.
func TestCheckBlamesTheMachineOnly(t *testing.T) {
	for _, c := range []struct {
		err  error
		want bool
	}{
		{unix.EPERM, true},
		{fmt.Errorf("mount /mnt: %w", unix.ENODEV), true},
		{unix.ENOENT, false},
		{unix.ENOTDIR, false},
		{errors.New("anything"), false},
	} {
		if err := blame("x", c.err); errors.Is(err, ErrImpossible) != c.want || !errors.Is(err, c.err) {
			t.Errorf("%v becomes %v", c.err, err)
		}
	}
}

// Where nodes boot the check passes; a root that lacks what a node needs is no reason
// to skip, and no check leaves a control group behind.
func TestCheck(t *testing.T) {
	root := Require(t)
	for _, root := range []string{"", root} {
		if err := Check(root); err != nil {
			t.Errorf("of %q it says %v", root, err)
		}
	}
	empty := Overlay(t, nil)
	if err := Check(empty); err == nil || errors.Is(err, ErrImpossible) {
		t.Errorf("of an empty root it says %v", err)
	}
	half := Overlay(t, map[string]string{systemd: "#!/bin/true\n"})
	if err := Check(half); err == nil || errors.Is(err, ErrImpossible) {
		t.Errorf("of a root without a directory to mount on it says %v", err)
	}
	groups, err := cgroupRoot()
	if err != nil {
		t.Fatal(err)
	}
	if left, _ := filepath.Glob(fmt.Sprintf("%s/%s%d-*", groups, groupPrefix, os.Getpid())); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}
