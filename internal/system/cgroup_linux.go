package system

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// group is the control group of a node. systemd has a part of its own as the root
// of its tree; commands that enter from outside are beside it, since systemd does
// not know what it has not started.
type group struct {
	dir         string
	node, outer *os.File
}

const groupPrefix = "holdfast-test-"

var groups atomic.Int64

// cgroupRoot is where control groups of version 2 are mounted.
func cgroupRoot() (string, error) {
	mounts, err := os.ReadFile("/proc/self/mounts")
	if err != nil {
		return "", err
	}
	for l := range strings.Lines(string(mounts)) {
		if f := strings.Fields(l); len(f) > 2 && f[2] == "cgroup2" {
			return f[1], nil
		}
	}
	return "", errors.New("no control groups of version 2 are mounted")
}

func newGroup() (g *group, err error) {
	root, err := cgroupRoot()
	if err != nil {
		return nil, err
	}
	sweepGroups(root)
	made := &group{dir: filepath.Join(root, fmt.Sprintf("%s%d-%d", groupPrefix, os.Getpid(), groups.Add(1)))}
	defer func() {
		if err != nil {
			made.remove()
		}
	}()
	for _, dir := range []string{made.dir, made.dir + "/node", made.dir + "/outer"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return nil, err
		}
	}
	if made.node, err = os.Open(made.dir + "/node"); err != nil {
		return nil, err
	}
	made.outer, err = os.Open(made.dir + "/outer")
	return made, err
}

// sweepGroups removes the groups of tests that are no more.
func sweepGroups(root string) {
	dirs, _ := filepath.Glob(filepath.Join(root, groupPrefix+"*"))
	for _, dir := range dirs {
		owner, _, _ := strings.Cut(strings.TrimPrefix(filepath.Base(dir), groupPrefix), "-")
		if pid, err := strconv.Atoi(owner); err == nil && unix.Kill(pid, 0) == unix.ESRCH {
			removeGroup(dir)
		}
	}
}

// kill ends all processes of the node at once, and those that entered it.
func (g *group) kill() {
	_ = os.WriteFile(g.dir+"/cgroup.kill", []byte("1"), 0)
	nettest.Poll(10*time.Second, func() bool {
		b, err := os.ReadFile(g.dir + "/cgroup.events")
		return err != nil || strings.Contains(string(b), "populated 0")
	})
}

func (g *group) remove() {
	g.node.Close()
	g.outer.Close()
	removeGroup(g.dir)
}

// removeGroup removes a group that has no processes, with those below it.
func removeGroup(dir string) {
	var dirs []string
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.IsDir() {
			dirs = append(dirs, path)
		}
		return nil
	})
	for i := len(dirs) - 1; i >= 0; i-- {
		_ = unix.Rmdir(dirs[i])
	}
}
