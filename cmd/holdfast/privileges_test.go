package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/daemon"
	"github.com/holdfast-ha/holdfast/internal/nettest"
	"github.com/holdfast-ha/holdfast/internal/privilege"
)

const somebody = 65534 // nobody

// needPrivileges skips where capabilities cannot be changed.
func needPrivileges(t *testing.T) {
	t.Helper()
	nettest.Require(t)
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become somebody else")
	}
	if raceDetector {
		t.Skip("a program linked with C cannot change the capabilities of its threads")
	}
}

// openDir makes a directory that every user may enter, and that belongs to one.
func openDir(t *testing.T, uid int) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "holdfast")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(dir, uid, uid); err != nil {
		t.Fatal(err)
	}
	return dir
}

// ordinary prepares a daemon of an ordinary user with some capabilities.
func ordinary(t *testing.T, ns *nettest.NS, conf string, caps []uintptr, args ...string) (*node, *exec.Cmd) {
	t.Helper()
	n := newNode(t, ns, "", args...)
	old := n.dir
	n.dir = openDir(t, somebody)
	for i, a := range n.args {
		n.args[i] = strings.ReplaceAll(a, old, n.dir)
	}
	n.configure(conf)
	c := n.cmd()
	self, err := os.ReadFile(c.Path)
	if err != nil {
		t.Fatal(err)
	}
	c.Path = n.path("holdfast")
	if err := nettest.WriteProgram(c.Path, self); err != nil {
		t.Fatal(err)
	}
	c.Dir = n.dir
	c.SysProcAttr = &syscall.SysProcAttr{
		Credential: &syscall.Credential{Uid: somebody, Gid: somebody}, AmbientCaps: caps,
	}
	return n, c
}

func (n *node) begin(c *exec.Cmd) *node {
	n.t.Helper()
	p, err := n.ns.Start(c)
	if err != nil {
		n.t.Fatal(err)
	}
	n.proc = p
	n.t.Cleanup(func() {
		if n.t.Failed() {
			n.t.Logf("log of %s:\n%s", n.ns.Name(), n.out)
		}
	})
	return n
}

// hasSets compares the capabilities of every thread of a daemon. What is effective
// is more for the moment in which a thread starts a script: it must be as wanted
// between such moments.
func (n *node) hasSets(permitted, effective privilege.Set) {
	n.t.Helper()
	var wrong string
	defer func() {
		if n.t.Failed() && wrong != "" {
			n.t.Log(wrong)
		}
	}()
	nettest.WaitFor(n.t, 5*time.Second, func() bool {
		wrong = n.otherSets(permitted, effective)
		return wrong == ""
	}, "the capabilities that are wanted")
}

// otherSets tells which thread has other capabilities.
func (n *node) otherSets(permitted, effective privilege.Set) string {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", n.proc.PID()))
	want := map[string]privilege.Set{"CapInh": 0, "CapPrm": permitted, "CapEff": effective, "CapAmb": 0}
	seen := 0
	for _, task := range tasks {
		text, _ := os.ReadFile(task)
		for line := range strings.Lines(string(text)) {
			key, value, _ := strings.Cut(strings.TrimSpace(line), ":\t")
			if set, ok := want[key]; ok {
				seen++
				if got, _ := strconv.ParseUint(value, 16, 64); privilege.Set(got) != set {
					return fmt.Sprintf("%s %s: %v, want %v", task, key, privilege.Set(got), set)
				}
			}
		}
	}
	if seen < 4*4 {
		return fmt.Sprintf("only %d sets of %d threads seen", seen, len(tasks))
	}
	return ""
}

// network are the capabilities that an ordinary user needs.
var network = []uintptr{unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_NET_BROADCAST}

const telling = "#!/bin/sh\ngrep -E '^(Uid|Groups|Cap|NoNewPrivs)' /proc/self/status >%[1]s.new; mv %[1]s.new %[1]s\n"

// A pair of ordinary users elects, takes over and releases; nobody has more than
// it was given, and scripts have nothing.
func TestOrdinaryUser(t *testing.T) {
	needPrivileges(t)
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	conf := func(priority int, more string) string {
		return "global_defs {\n enable_script_security\n script_user nobody nogroup\n vrrp_version 3\n}\n" + fast("VI_1", 51, priority, more, vip)
	}
	b, cb := ordinary(t, lan.Node(2), conf(100, ""), network)
	b.begin(cb)
	b.waitAddr(vip, true)
	a, ca := ordinary(t, lan.Node(1), "", network)
	script := a.path("tell")
	if err := nettest.WriteProgram(script, fmt.Appendf(nil, telling, a.path("told"))); err != nil {
		t.Fatal(err)
	}
	a.configure(conf(200, "notify_master "+script))
	a.begin(ca)
	a.waitAddr(vip, true)
	b.waitAddr(vip, false)
	for _, n := range []*node{a, b} {
		n.hasSets(daemon.Network, daemon.Network)
		n.waitLog("Running as 65534:65534 with CAP_NET_BROADCAST CAP_NET_ADMIN CAP_NET_RAW")
	}
	nettest.WaitFor(t, 5*time.Second, func() bool { _, err := os.Stat(a.path("told")); return err == nil }, "a run of the script")
	told, _ := os.ReadFile(a.path("told"))
	for _, want := range []string{"Uid:\t65534", "CapPrm:\t0000000000000000", "CapEff:\t0000000000000000", "CapAmb:\t0000000000000000"} {
		if !strings.Contains(string(told), want) {
			t.Errorf("the script has not %q:\n%s", want, told)
		}
	}
	for _, s := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGHUP} {
		a.signal(s)
	}
	a.waitLog("Reload complete")
	nettest.WaitFor(t, 5*time.Second, func() bool { _, err := os.Stat(a.path("keepalived.data")); return err == nil }, "a dump")
	if _, status := a.stop(); status != 0 {
		t.Errorf("status %d", status)
	}
	a.waitAddr(vip, false)
	b.waitAddr(vip, true)
	if _, status := b.stop(); status != 0 {
		t.Errorf("status %d", status)
	}
	b.waitAddr(vip, false)
}

// Without what it takes there is one clear message and no master that holds
// nothing.
func TestOrdinaryUserWithoutCapabilities(t *testing.T) {
	needPrivileges(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	for missing, caps := range map[string][]uintptr{
		"CAP_NET_RAW":   {unix.CAP_NET_ADMIN},
		"CAP_NET_ADMIN": {unix.CAP_NET_RAW},
	} {
		n, c := ordinary(t, lan.Node(1), fast("VI_1", 51, 100, "", vip), caps)
		n.begin(c)
		if _, status := n.ended(time.Now()); status != exitPermission {
			t.Errorf("without %s: status %d, want %d", missing, status, exitPermission)
		}
		if got := n.out.count("missing: " + missing + " ("); got != 1 {
			t.Errorf("without %s it was said %d times:\n%s", missing, got, n.out)
		}
	}
	// A script of another user is no reason to hold nothing.
	n, c := ordinary(t, lan.Node(1), fast("VI_1", 51, 100, "notify_master \"/bin/true\" daemon", vip), network)
	n.begin(c)
	n.waitLog("Missing: CAP_KILL CAP_SETGID CAP_SETUID (script /bin/true runs as daemon (1:1))")
	n.waitAddr(vip, true)
	n.waitLog("Error exec-ing command '/usr/bin/true', error 1: Operation not permitted")
	n.stop()
}

// Root gives up what no configuration needs, has the rest at hand, and a reload
// that adds a script of another user works: it runs as that user, and root's own
// scripts can do all that root can.
func TestRootKeepsWhatAReloadMayNeed(t *testing.T) {
	needPrivileges(t)
	full, err := privilege.Permitted()
	if err != nil {
		t.Fatal(err)
	}
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), fast("VI_1", 51, 100, "", vip)).start()
	n.waitAddr(vip, true)
	n.hasSets(full&(daemon.Base|daemon.Raised), full&daemon.Base)
	n.waitLog("At the moments that need them: CAP_CHOWN CAP_KILL")
	n.waitLog("Given up for good")
	dir := openDir(t, somebody)
	told, root := filepath.Join(dir, "told"), filepath.Join(dir, "root")
	for _, f := range []string{told, root} {
		if err := nettest.WriteProgram(f+".sh", fmt.Appendf(nil, telling, f)); err != nil {
			t.Fatal(err)
		}
	}
	n.reload(fmt.Sprintf(`global_defs {
    vrrp_notify_fifo %[1]s/fifo nobody nogroup
}
vrrp_script other {
    script "%[1]s/told.sh"
    user nobody nogroup
    interval 1
    weight 1
}
vrrp_script own {
    script "%[1]s/root.sh"
    user root
    interval 1
    weight 1
}
vrrp_script endless {
    script "/bin/sleep 1000"
    user nobody nogroup
    timeout 1
    weight 1
}
`, dir) + fast("VI_1", 51, 100, "track_script {\n other\n own\n endless\n}", vip))
	for file, want := range map[string]string{
		told: "Uid:\t65534\t65534\t65534\t65534\nGroups:\t65534 \nCapInh:\t0000000000000000\nCapPrm:\t0000000000000000\nCapEff:\t0000000000000000\n",
		root: fmt.Sprintf("CapEff:\t%016x\n", uint64(full)),
	} {
		nettest.WaitFor(t, 5*time.Second, func() bool { _, err := os.Stat(file); return err == nil }, "a run of the script")
		if got, _ := os.ReadFile(file); !strings.Contains(string(got), want) {
			t.Errorf("%s:\n%s\nwant\n%s", file, got, want)
		}
	}
	n.waitLog("VRRP_Script(endless) timed_out") // another user's process was ended
	var st unix.Stat_t
	if err := unix.Stat(filepath.Join(dir, "fifo"), &st); err != nil || st.Uid != somebody || st.Mode&unix.S_IFMT != unix.S_IFIFO {
		t.Errorf("FIFO of %d, mode %o, %v", st.Uid, st.Mode, err)
	}
	n.hasSets(full&(daemon.Base|daemon.Raised), full&daemon.Base)
	mustHold(t, n, vip)
	if n.out.count("Entering") != 2 {
		t.Error("the reload has changed its state")
	}
	n.stop()
}

// With --least-privilege only what the configuration needs is left, for good, and
// a reload that needs more is refused in words.
func TestLeastPrivilege(t *testing.T) {
	needPrivileges(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	conf := fast("VI_1", 51, 100, "", vip)
	n := newNode(t, lan.Node(1), conf, "--least-privilege").start()
	n.waitAddr(vip, true)
	base := daemon.Network | privilege.DACOverride | privilege.DACReadSearch | privilege.FOwner | privilege.Lease
	n.hasSets(base, base)
	if got := procField(n.proc.PID(), "status", "CapBnd:"); got != fmt.Sprintf("%016x", uint64(base)) {
		t.Errorf("bounding set %s", got)
	}
	if got := procField(n.proc.PID(), "status", "NoNewPrivs:"); got != "1" {
		t.Errorf("no_new_privs %s", got)
	}
	n.reload(strings.Replace(conf, "priority 100", "priority 100\n notify_master \"/bin/true\" nobody", 1))
	n.waitLog("CAP_KILL CAP_SETGID CAP_SETUID (script /bin/true runs as nobody")
	n.waitLog("were given up at the start (--least-privilege)")
	mustHold(t, n, vip)
	n.reload(strings.Replace(conf, "priority 100", "priority 120", 1))
	if got := n.out.count("keeping the one that runs"); got != 1 {
		t.Errorf("%d configurations were refused, want 1", got)
	}
	n.stop()
}
