package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
	"github.com/holdfast-ha/holdfast/internal/process"
)

// breaks is a program that rehearses well and then does not come up, or not in time.
func breaks(how string) string {
	return fmt.Sprintf("#!/bin/sh\nln -f %[1]s \"$TMPDIR/%[2]s\" 2>/dev/null || cp %[1]s \"$TMPDIR/%[2]s\"\nexec \"$TMPDIR/%[2]s\" \"$@\"\n", testBinary(), how)
}

// Names of programs that break, and how they do.
const (
	thatPanics = "holdfast-panics"
	thatHangs  = "holdfast-hangs"
)

func init() {
	exe, _ := os.Readlink("/proc/self/exe")
	switch filepath.Base(exe) {
	case thatPanics:
		comingUp = func() { panic("out of order") }
	case thatHangs:
		comingUp = func() { select {} }
	}
}

func testBinary() string {
	self, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return self
}

func TestUpgradeThatFails(t *testing.T) {
	nettest.Require(t)
	for _, c := range []struct {
		name, program string
		mode          os.FileMode
		says          string
	}{
		{"ends", "#!/bin/sh\necho out of order >&2\nexit 1\n", 0o755, "out of order"},
		{"says nothing", "#!/bin/sh\nexit 0\n", 0o755, "no program that can take over"},
		{"hangs", "#!/bin/sh\nexec sleep 1000\n", 0o755, "did not say within"},
		{"not executable", "#!/bin/sh\n", 0o644, "permission denied"},
		{"garbage", "\x7fELF and no more", 0o755, "exec format error"},
		{"another daemon", "#!/bin/sh\nexec keepalived \"$@\"\n", 0o755, "keepalived"},
		{"panics", breaks(thatPanics), 0o755, "did not come up: panic: out of order"},
		{"does not come up", breaks(thatHangs), 0o755, "did not come up: it did not come up within"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lan := nettest.NewLANT(t, 1, nettest.Options{})
			n := upgradable(t, newNode(t, lan.Node(1), fast("VI_1", 51, 100, "", vip))).start()
			n.waitAddr(vip, true)
			capture := lan.CaptureT(t)
			n.replaceBy(c.program, c.mode)
			n.signal(process.UpgradeSignal)
			n.waitLog(c.says)
			if strings.HasPrefix(c.says, "did not come up") {
				n.waitLog(upgraded)
			} else {
				n.waitLog(notUpgraded)
			}
			mustHold(t, n, vip)
			spoken(t, capture, 3, time.Now(), 51)
			if n.out.count("Entering MASTER STATE") != 1 || n.out.count("Entering BACKUP STATE") != 1 {
				t.Error("there was a change of state")
			}
			for _, a := range capture.Adverts() {
				if a.Priority == 0 {
					t.Error("an advert of priority 0")
				}
			}
			if !n.runs(testBinary()) {
				t.Error("another program runs")
			}
			nettest.WaitFor(t, 10*time.Second, func() bool { return !n.hasOpen("memfd:") && !n.hasOpen("holdfast") }, "nothing left open")
			// It can still be upgraded, and ended.
			n.replaceBySelf()
			n.upgrade()
			n.stop()
			n.waitAddr(vip, false)
		})
	}
}

// TestUpgradeThatCannotBeExecuted takes the program away after its rehearsal.
func TestUpgradeThatCannotBeExecuted(t *testing.T) {
	_, n := oneUpgradable(t, fast("VI_1", 51, 100, "", vip))
	n.replaceBy(fmt.Sprintf("#!/bin/sh\nrm %s\nexec %s \"$@\"\n", n.program, testBinary()), 0o755)
	n.signal(process.UpgradeSignal)
	n.waitLog(notUpgraded)
	mustHold(t, n, vip)
	n.reload(fast("VI_1", 51, 100, "", vip, "192.0.2.101")) // signals are heard
	n.waitAddr("192.0.2.101", true)
	n.replaceBySelf()
	n.upgrade()
	mustHold(t, n, vip)
}

// oneUpgradable is a daemon that is MASTER of the addresses of VI_1.
func oneUpgradable(t *testing.T, conf string) (*nettest.LAN, *node) {
	t.Helper()
	nettest.Require(t)
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	n := upgradable(t, newNode(t, lan.Node(1), conf)).start()
	n.waitAddr(vip, true)
	return lan, n
}

func TestUpgradeFiveTimesAndTwiceAtOnce(t *testing.T) {
	lan, n := oneUpgradable(t, fast("VI_1", 51, 100, "", vip+"/24"))
	p := probing(t, lan.Node(2), lan.Node(1), vip)
	var files []int
	for range 5 {
		n.upgrade()
		n.waitLogs("Upgrade: going on", len(files)+1)
		nettest.Poll(time.Second, func() bool { return len(files) > 0 && n.descriptors() <= files[0] })
		files = append(files, n.descriptors())
	}
	if files[4] > files[0] {
		t.Errorf("open files after each upgrade: %v", files)
	}
	n.signal(process.UpgradeSignal)
	n.signal(process.UpgradeSignal)
	n.waitLogs(upgraded, 6)
	n.reload(fast("VI_1", 51, 100, "", vip+"/24", "192.0.2.101"))
	n.waitAddr("192.0.2.101", true)
	p.stop()
	if lost := p.lost.Load(); lost > 0 || p.sent.Load() < 10 {
		t.Errorf("%d of %d probes lost", lost, p.sent.Load())
	}
	if n.out.count("Entering MASTER STATE") != 1 {
		t.Error("there was a change of state")
	}
}

func TestUpgradeOfABackup(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	master := newNode(t, lan.Node(1), fast("VI_1", 51, 200, "", vip)).start()
	master.waitAddr(vip, true)
	n := upgradable(t, newNode(t, lan.Node(2), fast("VI_1", 51, 100, "", vip))).start()
	n.waitLog("Entering BACKUP STATE")
	n.upgrade()
	n.configure(fast("VI_1", 51, 100, "", vip, "192.0.2.101")) // what has changed on disk comes too
	n.upgrade()
	n.waitLog("Reload complete")
	if n.ns.HasAddr(netip.MustParseAddr(vip)) || n.out.count("Entering MASTER STATE") != 0 || master.out.count("Entering BACKUP") != 1 {
		t.Error("there was a hand-over")
	}
	master.stop()
	n.waitAddr(vip, true)
	n.waitAddr("192.0.2.101", true)
	if !strings.Contains(n.out.String(), "gave up mastership (priority 0)") {
		t.Error("the Backup did not know its Master")
	}
}
