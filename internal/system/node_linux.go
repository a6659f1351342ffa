package system

import (
	"bytes"
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// RootEnv is the environment variable that names the root made by scripts/rootfs.
const RootEnv = "HOLDFAST_ROOTFS"

// environment is what programs on a node have.
var environment = []string{
	"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME=/root", "TERM=dumb",
	"DEBIAN_FRONTEND=noninteractive", "SYSTEMD_PAGER=", "SYSTEMD_COLORS=0",
}

// Require skips the test, with the reason, where no root is named, and gives the one
// that is. Whoever names one wants nodes to be booted: where they cannot be, the test
// fails ([Check] finds out beforehand).
func Require(tb testing.TB) string {
	tb.Helper()
	root := os.Getenv(RootEnv)
	if root == "" {
		tb.Skipf("needs a root to boot (%s): run make test-system", RootEnv)
	}
	if err := checked(); err != nil {
		tb.Fatal(err)
	}
	return root
}

// checked checks once.
var checked = sync.OnceValue(func() error { return Check(os.Getenv(RootEnv)) })

// Node is a machine that runs systemd.
type Node struct {
	tb    testing.TB
	ns    *nettest.NS
	proc  *nettest.Process
	group *group
	close sync.Once
}

// Overlay makes a directory of files that are to lie over those of the root; their
// names are paths on the node.
func Overlay(tb testing.TB, files map[string]string) string {
	tb.Helper()
	over := tb.TempDir()
	// Its mode becomes that of the node's root directory.
	if err := os.Chmod(over, 0o755); err != nil {
		tb.Fatal(err)
	}
	for path, content := range files {
		write(tb, filepath.Join(over, path), content)
	}
	return over
}

func write(tb testing.TB, path, content string) {
	tb.Helper()
	if err := cmp.Or(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
		tb.Fatal(err)
	}
}

// Boot boots a node in the network namespace, with what [Overlay] has made over the
// root, and waits until systemd has nothing more to start. The node is closed at
// the end of the test.
func Boot(tb testing.TB, ns *nettest.NS, over string) *Node {
	tb.Helper()
	root := Require(tb)
	g, err := newGroup()
	if err != nil {
		tb.Fatal(err)
	}
	n := &Node{tb: tb, ns: ns, group: g}
	tb.Cleanup(n.Close)
	cmd, err := first(g, over+":"+root, ns.Name())
	if err != nil {
		tb.Fatal(err)
	}
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	if n.proc, err = ns.Start(cmd); err != nil {
		tb.Fatal(err)
	}
	state := ""
	up := nettest.Poll(60*time.Second, func() bool {
		// Until the manager answers this ends at once; then it waits.
		out, _ := n.Try("systemctl", "is-system-running", "--wait")
		state = strings.TrimSpace(out)
		select {
		case <-n.proc.Done():
			return true
		default:
			return state == "running" || state == "degraded"
		}
	})
	select {
	case <-n.proc.Done():
		tb.Fatalf("%s did not boot: %v, %s", ns.Name(), n.proc.Wait(), said.String())
	default:
	}
	if !up {
		tb.Fatalf("%s did not come up: %s", ns.Name(), state)
	}
	return n
}

// first is the command that becomes process 1 of a node: this program, which calls
// [Main]. The directories, with colons between them, are its root.
func first(g *group, directories, name string) (*exec.Cmd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(self)
	cmd.Env = []string{initRoot + "=" + directories, initName + "=" + name}
	cmd.SysProcAttr = &syscall.SysProcAttr{
		Cloneflags:  unix.CLONE_NEWNS | unix.CLONE_NEWPID | unix.CLONE_NEWUTS | unix.CLONE_NEWIPC,
		UseCgroupFD: true, CgroupFD: int(g.node.Fd()),
	}
	return cmd, nil
}

// Close ends the node as a power cut would.
func (n *Node) Close() {
	n.close.Do(func() {
		if n.tb.Failed() && n.proc != nil {
			out, _ := n.Try("journalctl", "--no-pager", "-o", "short-precise", "-n", "150")
			n.tb.Logf("journal of %s:\n%s", n.ns.Name(), out)
		}
		n.group.kill()
		if n.proc != nil {
			<-n.proc.Done()
		}
		n.group.remove()
	})
}

// commandTime is the longest that a command on a node may take.
const commandTime = 90 * time.Second

// Try runs a program on the node and returns what it printed.
func (n *Node) Try(name string, args ...string) (string, error) {
	return n.TryFor(commandTime, name, args...)
}

// TryFor is [Node.Try] of a program that may take another time.
func (n *Node) TryFor(limit time.Duration, name string, args ...string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	enter := append([]string{"-t", strconv.Itoa(n.proc.PID()), "-m", "-u", "-i", "-n", "-p", "-C", "-r", "-w", "--", "env", "-i"}, environment...)
	cmd := exec.CommandContext(ctx, "nsenter", append(append(enter, name), args...)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{UseCgroupFD: true, CgroupFD: int(n.group.outer.Fd())}
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// Run runs a program on the node, and the test fails if it does.
func (n *Node) Run(name string, args ...string) string {
	n.tb.Helper()
	out, err := n.Try(name, args...)
	if err != nil {
		n.tb.Fatalf("%s: %s %s: %v\n%s", n.ns.Name(), name, strings.Join(args, " "), err, out)
	}
	return out
}

// Path is where a file of the node is found from outside.
func (n *Node) Path(path string) string {
	return filepath.Join(fmt.Sprintf("/proc/%d/root", n.proc.PID()), path)
}

// Write makes a file on the node, with the directories above it.
func (n *Node) Write(path, content string) {
	n.tb.Helper()
	write(n.tb, n.Path(path), content)
}

// Read gives the content of a file of the node; "" if there is none.
func (n *Node) Read(path string) string {
	b, _ := os.ReadFile(n.Path(path))
	return string(b)
}

// Exists reports whether the node has a file; a symbolic link counts whatever it
// leads to.
func (n *Node) Exists(path string) bool {
	_, err := os.Lstat(n.Path(path))
	return err == nil
}

// Show gives properties of a unit, each on a line of its own.
func (n *Node) Show(unit string, properties ...string) string {
	n.tb.Helper()
	return strings.TrimSpace(n.Run("systemctl", "show", unit, "--value", "-p", strings.Join(properties, ",")))
}

// MainPID is the main process of a unit as this process sees it; 0: there is none.
func (n *Node) MainPID(unit string) int {
	n.tb.Helper()
	inside := n.Show(unit, "MainPID")
	for _, pid := range n.ns.PIDs() {
		status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		for l := range strings.Lines(string(status)) {
			if f := strings.Fields(l); len(f) > 2 && f[0] == "NSpid:" && f[len(f)-1] == inside {
				return pid
			}
		}
	}
	return 0
}
