package main

import (
	"bytes"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// asDaemon, in the environment, makes the test binary be the daemon: what is
// tested is what was compiled with the tests, the race detector included.
const asDaemon = "HOLDFAST_TEST_AS_DAEMON"

func TestMain(m *testing.M) {
	if os.Getenv(asDaemon) != "" {
		if err := enterRoot(os.Getenv(inRoot)); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(99)
		}
		main()
		return
	}
	status := m.Run()
	if toolDir != "" {
		os.RemoveAll(toolDir)
	}
	os.Exit(status)
}

// output collects what a daemon prints.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func (o *output) count(text string) int { return strings.Count(o.String(), text) }

// node is a daemon on a node of a LAN.
type node struct {
	t    *testing.T
	ns   *nettest.NS
	dir  string
	args []string
	env  []string
	out  *output
	proc *nettest.Process
	// before is a shell command that is run first, in a mount namespace that the
	// daemon is in, too.
	before string
	files  []*os.File // from descriptor 3 on
	// program is run in place of the test binary.
	program string
}

// newNode prepares a daemon with the configuration; start starts it.
func newNode(t *testing.T, ns *nettest.NS, conf string, args ...string) *node {
	t.Helper()
	n := &node{t: t, ns: ns, dir: t.TempDir(), out: &output{}}
	n.configure(conf)
	n.args = append([]string{
		"-n", "-l", "-G", "-f", n.path("keepalived.conf"),
		"-p", n.path("pid"), "-r", n.path("vrrp.pid"),
	}, args...)
	return n
}

func (n *node) path(name string) string { return filepath.Join(n.dir, name) }

func (n *node) configure(conf string) {
	n.t.Helper()
	if err := os.WriteFile(n.path("keepalived.conf"), []byte(conf), 0o644); err != nil {
		n.t.Fatal(err)
	}
}

func (n *node) cmd() *exec.Cmd {
	exe, err := os.Executable()
	if err != nil {
		n.t.Fatal(err)
	}
	if n.program != "" {
		exe = n.program
	}
	c := exec.Command(exe, n.args...)
	if n.before != "" {
		c = exec.Command("unshare", append([]string{"-m", "sh", "-c", n.before + ` && exec "$@"`, "sh", exe}, n.args...)...)
	}
	c.Env = append(os.Environ(), asDaemon+"=1", "TMPDIR="+n.dir)
	c.Env = append(c.Env, n.env...)
	c.Stderr, c.Stdout, c.ExtraFiles = n.out, n.out, n.files
	return c
}

func (n *node) start() *node {
	n.t.Helper()
	p, err := n.ns.Start(n.cmd())
	if err != nil {
		n.t.Fatal(err)
	}
	n.proc = p
	n.t.Cleanup(func() {
		// Before the directory goes, in which it makes files.
		p.Kill()
		<-p.Done()
		if n.t.Failed() {
			n.t.Logf("log of %s:\n%s", n.ns.Name(), n.out)
		}
	})
	return n
}

func (n *node) signal(s syscall.Signal) {
	n.t.Helper()
	if err := n.proc.Signal(s); err != nil {
		n.t.Fatal(err)
	}
}

// stop ends the daemon and returns how long that took and its exit status.
func (n *node) stop() (time.Duration, int) {
	n.t.Helper()
	begun := time.Now()
	n.signal(syscall.SIGTERM)
	return n.ended(begun)
}

func (n *node) ended(since time.Time) (time.Duration, int) {
	n.t.Helper()
	select {
	case <-n.proc.Done():
	case <-time.After(10 * time.Second):
		n.t.Fatalf("the daemon did not end")
	}
	took := time.Since(since)
	var exit *exec.ExitError
	if err := n.proc.Wait(); err != nil {
		if !asExit(err, &exit) {
			n.t.Fatal(err)
		}
		return took, exit.ExitCode()
	}
	return took, 0
}

func asExit(err error, target **exec.ExitError) bool {
	e, ok := err.(*exec.ExitError)
	*target = e
	return ok
}

// waitLog waits until the log holds the text.
func (n *node) waitLog(text string) {
	n.t.Helper()
	n.waitLogs(text, 1)
}

// waitLogs waits until the log holds the text that many times.
func (n *node) waitLogs(text string, times int) {
	n.t.Helper()
	nettest.WaitFor(n.t, 15*time.Second, func() bool { return n.out.count(text) >= times },
		fmt.Sprintf("%q in the log, %d times", text, times))
}

func (n *node) waitAddr(addr string, there bool) {
	n.t.Helper()
	a := netip.MustParseAddr(addr)
	nettest.WaitFor(n.t, 15*time.Second, func() bool { return n.ns.HasAddr(a) == there },
		fmt.Sprintf("%s on %s: %v", addr, n.ns.Name(), there))
}

func (n *node) reload(conf string) {
	n.t.Helper()
	before := n.out.count("Reload complete")
	n.configure(conf)
	n.signal(syscall.SIGHUP)
	n.waitLogs("Reload complete", before+1)
}

// fast is a version 3 instance with adverts every 100 ms.
func fast(name string, vrid, priority int, more string, vips ...string) string {
	return fmt.Sprintf(`
vrrp_instance %s {
    version 3
    interface eth0
    virtual_router_id %d
    priority %d
    advert_int 0.1
    virtual_ipaddress {
        %s
    }
    %s
}
`, name, vrid, priority, strings.Join(vips, "\n        "), more)
}
