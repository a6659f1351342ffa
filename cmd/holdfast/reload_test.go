package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// oneNode is a daemon that is MASTER of the addresses of VI_1.
func oneNode(t *testing.T, conf string) (*nettest.LAN, *node) {
	t.Helper()
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), conf).start()
	n.waitAddr(vip, true)
	return lan, n
}

// globalDefs is a block of global_defs.
func globalDefs(lines ...string) string {
	return "global_defs {\n  " + strings.Join(lines, "\n  ") + "\n}\n"
}

func TestReloadCheckConfig(t *testing.T) {
	check := filepath.Join(t.TempDir(), "check.log")
	head := globalDefs("reload_check_config " + check)
	_, n := oneNode(t, head+fast("VI_1", 51, 100, "", vip))

	n.reload(head + fast("VI_1", 51, 100, "prioritty 5", vip, "192.0.2.101"))
	n.waitLog("New config failed validation, see " + check + " for details")
	if n.ns.HasAddr(netip.MustParseAddr("192.0.2.101")) {
		t.Error("a configuration that failed its test came to run")
	}
	mustHold(t, n, vip)
	if text, err := os.ReadFile(check); err != nil || !strings.Contains(string(text), "Unknown keyword 'prioritty'") {
		t.Errorf("the findings are not in the file: %q, %v", text, err)
	}

	n.reload(head + fast("VI_1", 51, 100, "", vip, "192.0.2.101"))
	n.waitAddr("192.0.2.101", true)
	if text, err := os.ReadFile(check); err != nil || len(text) > 0 {
		t.Errorf("findings of a good configuration: %q, %v", text, err)
	}
}

// TestReloadWhileWriting signals in the middle of the writing of a file: what
// is there at that moment is a configuration too, with one instance less.
func TestReloadWhileWriting(t *testing.T) {
	mark := filepath.Join(t.TempDir(), "reloading")
	first := globalDefs("reload_file "+mark) + fast("VI_1", 51, 100, "", vip)
	second := fast("VI_2", 52, 100, "", "192.0.2.101")
	_, n := oneNode(t, first+second)
	n.waitAddr("192.0.2.101", true)

	f, err := os.Create(n.path("keepalived.conf"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if _, err := f.WriteString(first); err != nil {
		t.Fatal(err)
	}
	n.signal(syscall.SIGHUP)
	nettest.WaitFor(t, 10*time.Second, func() bool { return exists(mark) }, "the mark of a reload")
	if _, err := f.WriteString(second); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	n.waitLog("Reload complete")
	n.waitLog("2 instances unchanged")
	mustHold(t, n, "192.0.2.101")
	if exists(mark) {
		t.Error("the mark of the reload is still there")
	}
}

func TestReloadAtATime(t *testing.T) {
	file := filepath.Join(t.TempDir(), "reload.time")
	head := globalDefs("reload_time_file " + file)
	_, n := oneNode(t, head+fast("VI_1", 51, 100, "", vip))
	n.configure(head + fast("VI_1", 51, 100, "", vip, "192.0.2.101"))
	at := time.Now().Add(2 * time.Second)
	if err := os.WriteFile(file, []byte(at.Format(time.DateTime)+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	n.waitLog("Scheduling reload for " + at.Format(time.DateTime))
	n.waitLog("Reload complete")
	if early := time.Until(at.Truncate(time.Second)); early > 0 {
		t.Errorf("reloaded %v early", early)
	}
	n.waitAddr("192.0.2.101", true)
	nettest.WaitFor(t, 10*time.Second, func() bool { return !exists(file) }, "the file is removed")
}

// TestReloadThatCannotBePutInPlace leaves the daemon no descriptor for the
// socket that the new configuration needs.
func TestReloadThatCannotBePutInPlace(t *testing.T) {
	nettest.Require(t)
	one := fast("VI_1", 51, 100, "", vip)
	group := "mcast_dst_ip 224.0.0.77"
	lan, n := oneNode(t, one+fast("VI_3", 53, 100, "", "192.0.2.103"))
	n.waitAddr("192.0.2.103", true)
	capture := lan.CaptureT(t)
	begun := time.Now()

	var was unix.Rlimit
	pid := n.proc.PID()
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, nil, &was); err != nil {
		t.Fatal(err)
	}
	n.configure(one + fast("VI_2", 52, 100, group, "192.0.2.102"))
	// Reading the configuration takes one descriptor, sockets take two.
	free := 0
	for exists(fmt.Sprintf("/proc/%d/fd/%d", pid, free)) {
		free++
	}
	limit := unix.Rlimit{Cur: uint64(free) + 1, Max: was.Max}
	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &limit, nil); err != nil {
		t.Fatal(err)
	}
	n.signal(syscall.SIGHUP)
	n.waitLog("cannot be put in place")
	n.waitLog("Reload complete")
	mustHold(t, n, vip)
	mustHold(t, n, "192.0.2.103")
	if got := n.out.count("Entering MASTER STATE"); got != 2 {
		t.Errorf("%d times MASTER, want 2", got)
	}

	if err := unix.Prlimit(pid, unix.RLIMIT_NOFILE, &was, nil); err != nil {
		t.Fatal(err)
	}
	n.signal(syscall.SIGHUP)
	n.waitAddr("192.0.2.102", true)
	n.waitAddr("192.0.2.103", false)
	if got := longestSilence(advertsOf(capture.Adverts(), 51), begun, time.Now(), lan.Prefix4(1).Addr()); got > 300*time.Millisecond {
		t.Errorf("VI_1 was silent for %v", got)
	}
}

func TestReloadThatNeedsARestart(t *testing.T) {
	one := fast("VI_1", 51, 100, "", vip)
	_, n := oneNode(t, one)
	n.reload("instance other\n" + one + fast("VI_2", 52, 100, "", "192.0.2.102"))
	n.waitLog("Cannot change instance name at a reload - please restart keepalived")
	mustHold(t, n, vip)
	if strings.Contains(n.out.String(), "1 added") {
		t.Error("the configuration came to run all the same")
	}
}

// TestSignalsBeforeTheStart come while the configuration is read for the first
// time: they wait, and none of them ends the daemon.
func TestSignalsBeforeTheStart(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	long := strings.Repeat("# a comment that takes its time to be read\n", 300_000)
	n := newNode(t, lan.Node(1), long+fast("VI_1", 51, 100, "", vip)).start()
	n.waitLog("Command line")
	for _, s := range []syscall.Signal{syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGPIPE} {
		n.signal(s)
	}
	if n.out.count("Configuration file") > 0 {
		t.Log("the configuration was read before the signals came: this run shows nothing")
	}
	n.waitLog("Reload complete")
	n.waitLog("Printing VRRP stats")
	n.waitAddr(vip, true)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}

// advertsOf are the adverts of one VRID.
func advertsOf(all []nettest.Advert, vrid uint8) []nettest.Advert {
	return slices.DeleteFunc(slices.Clone(all), func(a nettest.Advert) bool { return a.VRID != vrid })
}
