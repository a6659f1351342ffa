package main

import (
	"fmt"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

const vip = "192.0.2.100"

func mustHold(t *testing.T, n *node, addr string) {
	t.Helper()
	if !n.ns.HasAddr(netip.MustParseAddr(addr)) {
		t.Errorf("%s does not hold %s", n.ns.Name(), addr)
	}
}

// longestSilence is the longest time between two adverts of a router.
func longestSilence(adverts []nettest.Advert, from, to time.Time, src netip.Addr) time.Duration {
	last, longest := from, time.Duration(0)
	for _, a := range adverts {
		if a.Src != src || a.Time.Before(from) || a.Time.After(to) {
			continue
		}
		longest = max(longest, a.Time.Sub(last))
		last = a.Time
	}
	return max(longest, to.Sub(last))
}

func TestReloadWithBrokenFileKeepsTheAddress(t *testing.T) {
	nettest.Require(t)
	good := fast("VI_1", 51, 100, "", vip)
	for _, c := range []struct {
		name, conf, says string
		missing          bool
	}{
		{name: "missing file", missing: true, says: "keepalived.conf"},
		{name: "interface that does not exist", conf: strings.Replace(good, "eth0", "eth7", 1), says: "eth7"},
		{name: "duplicate VRID", conf: good + fast("VI_2", 51, 100, "", "192.0.2.101"), says: "both use VRID 51"},
		{name: "no VIP", conf: strings.Replace(good, vip, "", 1), says: "at least one is required"},
		{name: "a brace too few", conf: "global_defs {\n" + good, says: "Braces do not match in the new configuration, and it would remove 1 instances that run (VI_1)"},
		{name: "a file that ends in the middle", conf: strings.TrimRight(fast("VI_2", 52, 100, "", "192.0.2.101"), " }\n"), says: "Braces do not match"},
		{name: "missing parameter", conf: good + "\nvrrp_instance VI_3 {\n  interface\n}\n", says: "interface"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lan := nettest.NewLANT(t, 1, nettest.Options{})
			n := newNode(t, lan.Node(1), good).start()
			n.waitLog("Entering MASTER STATE")
			n.waitAddr(vip, true)
			cap := lan.CaptureT(t)
			begun := time.Now()
			if c.missing {
				if err := os.Remove(n.path("keepalived.conf")); err != nil {
					t.Fatal(err)
				}
			} else {
				n.configure(c.conf)
			}
			n.signal(syscall.SIGHUP)
			n.waitLog("Reload complete")
			n.waitLog("keeping the one that runs")
			if !strings.Contains(n.out.String(), c.says) {
				t.Errorf("the log does not say what is wrong: %q", c.says)
			}
			nettest.WaitFor(t, 5*time.Second, func() bool { return len(cap.Adverts()) >= 3 }, "adverts after the reload")
			mustHold(t, n, vip)
			if got := longestSilence(cap.Adverts(), begun, time.Now(), lan.Prefix4(1).Addr()); got > 300*time.Millisecond {
				t.Errorf("silent for %v", got)
			}
			if got := n.out.count("Entering"); got != 2 {
				t.Errorf("%d transitions, want BACKUP and MASTER only", got)
			}
			// The file mended, a reload takes it.
			n.reload(fast("VI_1", 51, 100, "", vip, "192.0.2.102"))
			n.waitAddr("192.0.2.102", true)
			mustHold(t, n, vip)
		})
	}
}

func TestReloadTouchesOnlyWhatChanged(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	one, two := fast("VI_1", 51, 100, "", vip), fast("VI_2", 52, 100, "", "192.0.2.101/24", "192.0.2.102/24")
	n := newNode(t, lan.Node(1), one+two).start()
	n.waitLogs("Entering MASTER STATE", 2)
	n.waitAddr("192.0.2.102", true)

	t.Run("nothing", func(t *testing.T) {
		cap := lan.CaptureT(t)
		n.reload("# a comment\n" + one + two)
		n.waitLog("2 instances unchanged, 0 changed, 0 added, 0 removed")
		nettest.WaitFor(t, 5*time.Second, func() bool { return len(cap.Adverts()) >= 6 }, "adverts")
		for _, a := range cap.Adverts() {
			if a.Priority != 100 {
				t.Errorf("advert with priority %d", a.Priority)
			}
		}
	})
	t.Run("an address moves from one instance to the other", func(t *testing.T) {
		n.reload(fast("VI_1", 51, 100, "", vip, "192.0.2.102/24") + fast("VI_2", 52, 100, "", "192.0.2.101/24"))
		n.waitLog("0 instances unchanged, 2 changed (VI_1: +192.0.2.102/24; VI_2: -192.0.2.102/24), 0 added, 0 removed")
		for _, a := range []string{vip, "192.0.2.101", "192.0.2.102"} {
			n.waitAddr(a, true)
		}
		n.reload(fast("VI_1", 51, 100, "", "192.0.2.102/24") + fast("VI_2", 52, 100, "", "192.0.2.101/24"))
		n.waitAddr(vip, false)
		mustHold(t, n, "192.0.2.101")
		mustHold(t, n, "192.0.2.102")
	})
	t.Run("an instance goes and another comes", func(t *testing.T) {
		n.reload(fast("VI_1", 51, 100, "", "192.0.2.102/24") + fast("VI_3", 53, 100, "", "192.0.2.103/24"))
		n.waitAddr("192.0.2.101", false)
		n.waitAddr("192.0.2.103", true)
		mustHold(t, n, "192.0.2.102")
	})
	t.Run("a new priority", func(t *testing.T) {
		cap := lan.CaptureT(t)
		n.reload(fast("VI_1", 51, 120, "", "192.0.2.102/24") + fast("VI_3", 53, 100, "", "192.0.2.103/24"))
		nettest.WaitFor(t, 5*time.Second, func() bool {
			for _, a := range cap.Adverts() {
				if a.VRID == 51 && a.Priority == 120 {
					return true
				}
			}
			return false
		}, "an advert with the new priority")
	})
	t.Run("a sync group joins them", func(t *testing.T) {
		n.reload("vrrp_sync_group G {\n group {\n VI_1\n VI_3\n }\n}\n" +
			fast("VI_1", 51, 120, "", "192.0.2.102/24") + fast("VI_3", 53, 100, "", "192.0.2.103/24"))
		mustHold(t, n, "192.0.2.102")
		mustHold(t, n, "192.0.2.103")
	})
	if got := n.out.count("Entering BACKUP STATE"); got != 3 {
		t.Errorf("BACKUP was entered %d times, want once for each of three instances", got)
	}
	took, code := n.stop()
	if code != 0 || took > 1500*time.Millisecond {
		t.Errorf("stopped with %d after %v", code, took)
	}
	n.waitAddr("192.0.2.102", false)
	n.waitAddr("192.0.2.103", false)
}

func TestStopReleasesAtOnce(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), fast("VI_1", 51, 100, "", vip, "192.0.2.101"), "-D").start()
	n.waitLog("Entering MASTER STATE")
	n.waitAddr("192.0.2.101", true)
	cap := lan.CaptureT(t)
	took, code := n.stop()
	if code != 0 || took > 1500*time.Millisecond {
		t.Errorf("stopped with %d after %v", code, took)
	}
	n.waitAddr(vip, false)
	n.waitAddr("192.0.2.101", false)
	all := cap.Adverts()
	if len(all) == 0 || all[len(all)-1].Priority != 0 {
		t.Errorf("the last of %d adverts has not priority 0", len(all))
	}
	for _, f := range []string{"pid", "vrrp.pid"} {
		if _, err := os.Stat(n.path(f)); err == nil {
			t.Errorf("%s is still there", f)
		}
	}
}

func TestSecondDaemonDoesNotStart(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), fast("VI_1", 51, 100, "", vip)).start()
	n.waitLog("Entering MASTER STATE")
	second := &node{t: t, ns: n.ns, dir: n.dir, args: n.args, out: &output{}}
	second.start()
	if _, code := second.ended(time.Now()); code != 0 {
		t.Errorf("exit status %d, want 0 as keepalived has it", code)
	}
	if !strings.Contains(second.out.String(), "daemon is already running") {
		t.Errorf("said %q", second.out)
	}
	mustHold(t, n, vip)
}

func TestStartRemovesWhatACrashLeft(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	conf := fast("VI_1", 51, 100, "", vip+"/24", "192.0.2.101")
	n := newNode(t, lan.Node(1), conf).start()
	n.waitAddr("192.0.2.101", true)
	n.signal(syscall.SIGKILL)
	<-n.proc.Done()
	mustHold(t, n, vip)
	// Now it may only be Backup: somebody better is there.
	again := newNode(t, lan.Node(1), strings.Replace(conf, "advert_int 0.1", "advert_int 30", 1)).start()
	again.waitAddr(vip, false)
	again.waitAddr("192.0.2.101", false)
	again.waitLog("Entering BACKUP STATE (init)")
}

func TestStolenAddressComesBack(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	conf := fast("VI_1", 51, 100, "", vip+"/24")
	for _, strict := range []bool{false, true} {
		t.Run(fmt.Sprintf("strict=%v", strict), func(t *testing.T) {
			var args []string
			if strict {
				args = []string{"--strict-compat"}
			}
			n := newNode(t, lan.Node(1), conf, args...).start()
			n.waitAddr(vip, true)
			n.waitLog("Entering MASTER STATE")
			link, err := n.ns.Handle().LinkByName("eth0")
			if err != nil {
				t.Fatal(err)
			}
			addr := &netlink.Addr{IPNet: netlink.NewIPNet(netip.MustParseAddr(vip).AsSlice())}
			addr.Mask = []byte{255, 255, 255, 0}
			begun := time.Now()
			if err := n.ns.Handle().AddrDel(link, addr); err != nil {
				t.Fatal(err)
			}
			n.waitAddr(vip, true)
			back := time.Since(begun)
			want := 1
			if strict {
				want = 2
			}
			if strict {
				n.waitLogs("Entering MASTER STATE", 2)
			} else if back > 50*time.Millisecond {
				// The bound is generous on an idle machine: 1 ms is usual.
				t.Logf("back after %v", back)
			}
			if got := n.out.count("Entering MASTER STATE"); got != want {
				t.Errorf("MASTER entered %d times, want %d", got, want)
			}
			n.stop()
		})
	}
}

// A console that nobody reads must not delay an advert.
func TestBlockedConsoleDelaysNoAdvert(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), fast("VI_1", 51, 100, "garp_master_refresh 1\ngarp_master_refresh_repeat 200", vip, "192.0.2.101"), "-D")
	cmd := n.cmd()
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd.Stderr, cmd.Stdout = w, w
	fill(t, w)
	cap := lan.CaptureT(t)
	p, err := n.ns.Start(cmd)
	w.Close()
	if err != nil {
		t.Fatal(err)
	}
	n.proc = p
	n.waitAddr(vip, true)
	begun := time.Now()
	nettest.WaitFor(t, 15*time.Second, func() bool { return time.Since(begun) > 4*time.Second }, "four seconds of adverts")
	if got := longestSilence(cap.Adverts(), begun, time.Now(), lan.Prefix4(1).Addr()); got > 300*time.Millisecond {
		t.Errorf("silent for %v", got)
	}
	if took, code := n.stop(); code != 0 || took > 2500*time.Millisecond {
		t.Errorf("stopped with %d after %v", code, took)
	}
	n.waitAddr(vip, false)
}

// fill makes a pipe full.
func fill(t *testing.T, w *os.File) {
	t.Helper()
	if err := w.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := w.Write(make([]byte, 4096)); err != nil {
			break
		}
	}
	if err := w.SetWriteDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
}

// A script that is told MASTER finds the address there, and one that is told
// BACKUP or STOP finds it gone.
func TestNotifyFollowsTheAddress(t *testing.T) {
	nettest.Require(t)
	if _, err := exec.LookPath("ip"); err != nil {
		t.Skip("needs the ip program (package iproute2)")
	}
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), "")
	script := n.path("notify.sh")
	text := fmt.Sprintf("#!/bin/sh\nif ip -4 addr show dev eth0 | grep -q %s; then there=yes; else there=no; fi\necho \"$* $there\" >> %s\n", vip, n.path("told"))
	if err := nettest.WriteProgram(script, []byte(text)); err != nil {
		t.Fatal(err)
	}
	n.configure("global_defs {\n script_user root\n}\n" + fast("VI_1", 51, 100, "notify "+script+"\nnotify_master \""+script+" 'to master'\"", vip))
	n.start()
	told := func() string {
		b, _ := os.ReadFile(n.path("told"))
		return string(b)
	}
	nettest.WaitFor(t, 10*time.Second, func() bool { return strings.Count(told(), "\n") >= 3 }, "three notifications")
	n.stop()
	want := "INSTANCE VI_1 BACKUP 100 no\nto master yes\nINSTANCE VI_1 MASTER 100 yes\nINSTANCE VI_1 STOP 100 no\n"
	if got := told(); got != want {
		t.Errorf("got:\n%swant:\n%s", got, want)
	}
}

func TestDumpsOnSignals(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), fast("VI_1", 51, 100, "", vip)).start()
	n.waitLog("Entering MASTER STATE")
	read := func(name string) string {
		b, err := os.ReadFile(n.path(name))
		if err != nil {
			return ""
		}
		return string(b)
	}
	for _, c := range []struct {
		signal     syscall.Signal
		file, want string
	}{
		{syscall.SIGUSR1, "keepalived.data", "State = MASTER"},
		{syscall.SIGUSR2, "keepalived.stats", "Became master: 1"},
		{syscall.Signal(36), "keepalived.json", `"iname":"VI_1"`},
	} {
		n.signal(c.signal)
		nettest.WaitFor(t, 5*time.Second, func() bool { return strings.Contains(read(c.file), c.want) }, c.want+" in "+c.file)
	}
	n.signal(syscall.Signal(63))
	n.waitLog("Printing and clearing VRRP stats")
	n.signal(syscall.SIGUSR2)
	nettest.WaitFor(t, 5*time.Second, func() bool { return strings.Contains(read("keepalived.stats"), "Became master: 0") }, "cleared statistics")
}

func TestFaults(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), fast("VI_1", 51, 100, "", vip)).start()
	n.waitAddr(vip, true)
	link, err := n.ns.Handle().LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	t.Run("carrier", func(t *testing.T) {
		if err := lan.Cut(1); err != nil {
			t.Fatal(err)
		}
		n.waitLogs("Entering FAULT STATE", 1)
		n.waitAddr(vip, false)
		if err := lan.Join(1); err != nil {
			t.Fatal(err)
		}
		n.waitLogs("Entering MASTER STATE", 2)
		n.waitAddr(vip, true)
	})
	t.Run("the interface's own address", func(t *testing.T) {
		own := &netlink.Addr{IPNet: netlink.NewIPNet(lan.Prefix4(1).Addr().AsSlice())}
		own.Mask = []byte{255, 255, 255, 0}
		if err := n.ns.Handle().AddrDel(link, own); err != nil {
			t.Fatal(err)
		}
		n.waitLogs("Entering FAULT STATE", 2)
		n.waitAddr(vip, false)
		if err := n.ns.Handle().AddrAdd(link, own); err != nil {
			t.Fatal(err)
		}
		n.waitLogs("Entering MASTER STATE", 3)
		n.waitAddr(vip, true)
	})
	t.Run("set down", func(t *testing.T) {
		if err := n.ns.Handle().LinkSetDown(link); err != nil {
			t.Fatal(err)
		}
		n.waitLogs("Entering FAULT STATE", 3)
		if err := n.ns.Handle().LinkSetUp(link); err != nil {
			t.Fatal(err)
		}
		n.waitLogs("Entering MASTER STATE", 4)
		n.waitAddr(vip, true)
	})
	n.stop()
}

func TestCommandLine(t *testing.T) {
	run := func(args ...string) (string, string, int) {
		exe, err := os.Executable()
		if err != nil {
			t.Fatal(err)
		}
		c := exec.Command(exe, args...)
		c.Env = append(os.Environ(), asDaemon+"=1")
		var stdout, stderr strings.Builder
		c.Stdout, c.Stderr = io.Writer(&stdout), &stderr
		err = c.Run()
		var exit *exec.ExitError
		if err != nil && !asExit(err, &exit) {
			t.Fatal(err)
		}
		return stdout.String(), stderr.String(), c.ProcessState.ExitCode()
	}
	if out, errs, code := run("-v"); code != 0 || out != "" || !strings.HasPrefix(errs, "Keepalived v") {
		t.Errorf("-v: %d, stdout %q, stderr %q", code, out, errs)
	}
	if out, _, code := run("--signum=JSON"); code != 0 || out != "36\n" {
		t.Errorf("--signum: %d, %q", code, out)
	}
	if _, errs, code := run("--bogus"); code != 1 || !strings.Contains(errs, "Unknown option --bogus") {
		t.Errorf("--bogus: %d, %q", code, errs)
	}
	if _, errs, code := run("-t", "-f", "/nonexistent.conf"); code != 4 || !strings.Contains(errs, "/nonexistent.conf") {
		t.Errorf("-t without a file: %d, %q", code, errs)
	}
	conf := filepath.Join(t.TempDir(), "keepalived.conf")
	if err := os.WriteFile(conf, []byte(fast("VI_1", 51, 100, "prority 5", vip)), 0o644); err != nil {
		t.Fatal(err)
	}
	for format, want := range map[string]string{
		"text": "Unknown keyword 'prority'\n  Did you mean 'priority'?", "pretty": "^^^^^^^",
		"json": `"hint": "Did you mean 'priority'?"`, "sarif": `"version": "2.1.0"`,
	} {
		out, errs, code := run("-f", conf, "--config-test-host=none", "--config-test-format="+format)
		if code != 5 || !strings.Contains(out+errs, want) {
			t.Errorf("%s: %d, %q is not in %q %q", format, code, want, out, errs)
		}
	}
	if _, errs, code := run("-n", "-l", "-G", "-f", "/nonexistent.conf"); code != 6 || !strings.Contains(errs, "/nonexistent.conf") {
		t.Errorf("start without a file: %d, %q", code, errs)
	}
}
