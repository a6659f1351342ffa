package main

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/vishvananda/netlink"

	"github.com/holdfast-ha/holdfast/internal/nettest"
	"github.com/holdfast-ha/holdfast/internal/process"
)

// Scripts, FIFOs and what was told: nothing is said twice, nothing is forgotten.
func TestUpgradeKeepsWhatIsTracked(t *testing.T) {
	nettest.Require(t)
	dir := t.TempDir()
	notes, pipe := filepath.Join(dir, "notes"), filepath.Join(dir, "fifo")
	script := filepath.Join(dir, "notify")
	if err := nettest.WriteProgram(script, []byte("#!/bin/sh\necho \"$@\" >> "+notes+"\n")); err != nil {
		t.Fatal(err)
	}
	head := globalDefs("notify_fifo "+pipe, "script_user root") +
		"vrrp_script chk {\n  script /bin/true\n  interval 1\n  weight 30\n  fall 1\n}\n" +
		"vrrp_track_file tf {\n  file " + filepath.Join(dir, "value") + "\n  weight 1\n}\n"
	if err := os.WriteFile(filepath.Join(dir, "value"), []byte("7\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	conf := head + fast("VI_1", 51, 100, "notify_priority_changes\n notify "+script+"\n track_script {\n chk\n }\n track_file {\n tf\n }", vip)
	_, n := oneUpgradable(t, conf)
	n.waitLog("Changing effective priority from 100 to 107")
	n.waitLog("from 107 to 137")
	f, err := os.OpenFile(pipe, os.O_RDONLY|unix.O_NONBLOCK, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	told := func() string { text, _ := os.ReadFile(notes); return string(text) }
	nettest.WaitFor(t, 10*time.Second, func() bool { return strings.Contains(told(), "MASTER") }, "a notification")
	before := told()
	n.upgrade()
	n.waitLog("VRRP_Script(chk) considered successful")
	n.upgrade()
	n.waitLogs("VRRP_Script(chk) considered successful", 2)
	if got := n.out.count("Changing effective priority"); got != 2 {
		t.Errorf("the priority has changed %d times, want 2", got)
	}
	if got := told(); got != before {
		t.Errorf("told again: %q", strings.TrimPrefix(got, before))
	}
	// The tracked file is still followed, and the FIFO written, with what was not read.
	if err := os.WriteFile(filepath.Join(dir, "value"), []byte("9\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	n.waitLog("from 137 to 139")
	var lines strings.Builder
	nettest.WaitFor(t, 10*time.Second, func() bool {
		b := make([]byte, 4096)
		_ = f.SetReadDeadline(time.Now().Add(10 * time.Millisecond))
		k, _ := f.Read(b)
		lines.Write(b[:max(k, 0)])
		return strings.Contains(lines.String(), "MASTER_PRIORITY 139")
	}, "a line in the FIFO")
	if got := strings.Count(lines.String(), `"VI_1" MASTER 1`); got != 1 {
		t.Errorf("the FIFO has MASTER %d times:\n%s", got, &lines)
	}
	n.stop()
	if exists(pipe) {
		t.Error("the FIFO is still there")
	}
	if got := told(); strings.Count(got, "STOP") != 1 {
		t.Errorf("told at the end: %q", got)
	}
}

// A virtual MAC interface stays the one that it is, with its addresses.
func TestUpgradeKeepsVirtualLinks(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := upgradable(t, newNode(t, lan.Node(1), fast("VI_1", 51, 100, "use_vmac", vip+"/24"))).start()
	n.waitAddr(vip, true)
	link := func() netlink.Link {
		l, err := n.ns.Handle().LinkByName("vrrp.51")
		if err != nil {
			t.Fatal(err)
		}
		return l
	}
	was, lost := link().Attrs(), lossOf(t, n, netip.MustParseAddr(vip))
	for range 2 {
		n.upgrade()
	}
	n.reload(fast("VI_1", 51, 100, "use_vmac", vip+"/24", "192.0.2.101")) // comes after all that is left to do
	n.waitAddr("192.0.2.101", true)
	if now := link().Attrs(); now.Index != was.Index || now.HardwareAddr.String() != was.HardwareAddr.String() {
		t.Errorf("the interface is another one: %v %v", now.Index, now.HardwareAddr)
	}
	if lost.Load() {
		t.Error("the address was gone for a moment")
	}
	if got := n.out.count("Entering MASTER STATE"); got != 1 {
		t.Errorf("%d times MASTER", got)
	}
	n.stop()
	if _, err := n.ns.Handle().LinkByName("vrrp.51"); err == nil {
		t.Error("the interface is still there")
	}
}

// Sync groups, IPv6, unicast and authenticated adverts go on, and so does a Backup
// that checks their numbers.
func TestUpgradeOfAllKinds(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	conf := func(priority, self, peer int) string {
		return slowly("vrrp_sync_group G {\n group {\n VI_1\n VI_2\n }\n}\n" +
			fast("VI_1", 51, priority, "", vip) +
			fast("VI_2", 52, priority, "", "fe80::51", "2001:db8::51") +
			fast("VI_3", 53, priority, fmt.Sprintf("unicast_src_ip %s\n unicast_peer {\n %s\n }", lan.Prefix4(self).Addr(), lan.Prefix4(peer).Addr()), "192.0.2.103") +
			fast("VI_4", 54, priority, "no_accept", "192.0.2.104") +
			"vrrp_instance VI_5 {\n version 2\n interface eth0\n virtual_router_id 55\n" +
			fmt.Sprintf(" priority %d\n advert_int 1\n authentication {\n auth_type AH\n auth_pass secret\n }\n virtual_ipaddress {\n 192.0.2.105\n }\n}\n", priority))
	}
	a := upgradable(t, newNode(t, lan.Node(1), conf(200, 1, 2))).start()
	a.waitLogs("Entering MASTER STATE", 5)
	b := upgradable(t, newNode(t, lan.Node(2), conf(100, 2, 1))).start()
	b.waitLogs("Entering BACKUP STATE", 5)
	capture := lan.CaptureT(t)
	a.upgrade()
	b.upgrade()
	a.upgrade()
	spoken(t, capture, 4, time.Now(), upTo(51, 55)...)
	for _, n := range []*node{a, b} {
		if strings.Contains(n.out.String(), "replay") || n.out.count("Entering MASTER STATE") != map[*node]int{a: 5, b: 0}[n] {
			t.Errorf("%s has changed or refused something", n.ns.Name())
		}
	}
	for _, x := range capture.Adverts() {
		if x.Priority == 0 {
			t.Error("an advert of priority 0")
		}
	}
	a.stop()
	b.waitLogs("Entering MASTER STATE", 5)
}

// An ordinary user with capabilities has them afterwards too, and no more.
func TestUpgradeAsOrdinaryUser(t *testing.T) {
	needPrivileges(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	caps := []uintptr{unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_NET_BROADCAST}
	n, c := ordinary(t, lan.Node(1), fast("VI_1", 51, 100, "", vip), caps)
	n.begin(c)
	n.waitAddr(vip, true)
	sets := func() string {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", n.proc.PID()))
		var all []string
		for line := range strings.Lines(string(text)) {
			if strings.HasPrefix(line, "Cap") || strings.HasPrefix(line, "Uid") {
				all = append(all, strings.TrimSpace(line))
			}
		}
		return strings.Join(all, "\n")
	}
	before := sets()
	n.upgrade()
	n.upgrade()
	if after := sets(); after != before {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	mustHold(t, n, vip)
	if _, status := n.stop(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	n.waitAddr(vip, false)
}

// In the background the pid files stay locked, and the process ends as it should.
func TestUpgradeInTheBackground(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := upgradable(t, newNode(t, lan.Node(1), fast("VI_1", 51, 100, "", vip)))
	n.args = append([]string{"-G"}, n.args[3:]...)
	n.start()
	<-n.proc.Done() // the one in the foreground
	n.waitAddr(vip, true)
	pid := pidIn(t, n.path("pid"))
	t.Cleanup(func() { _ = syscall.Kill(pid, syscall.SIGKILL) })
	exe := func() string { to, _ := os.Readlink(fmt.Sprintf("/proc/%d/exe", pid)); return to }
	n.replaceBySelf()
	if !strings.HasSuffix(exe(), "(deleted)") {
		t.Fatal(exe())
	}
	if err := syscall.Kill(pid, process.UpgradeSignal); err != nil {
		t.Fatal(err)
	}
	nettest.WaitFor(t, 10*time.Second, func() bool { return exe() == n.program && !hasOpen(pid, "memfd:") }, "the new program")
	if held, err := process.Held(n.path("pid")); !held || err != nil || pidIn(t, n.path("pid")) != pid {
		t.Errorf("the pid file is not held: %v", err)
	}
	mustHold(t, n, vip)
	_ = syscall.Kill(pid, syscall.SIGTERM)
	n.waitAddr(vip, false)
	nettest.WaitFor(t, 10*time.Second, func() bool { return !exists(n.path("pid")) }, "the pid file is removed")
}

func pidIn(t *testing.T, path string) (pid int) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err == nil {
		_, err = fmt.Sscan(string(text), &pid)
	}
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// A signal that comes at any moment of an upgrade is not lost, and ends nobody.
func TestUpgradeLosesNoSignal(t *testing.T) {
	_, n := oneUpgradable(t, fast("VI_1", 51, 100, "", vip))
	n.signal(process.UpgradeSignal)
	n.waitLog("and would come up")
	nettest.WaitFor(t, 10*time.Second, func() bool {
		n.signal(syscall.SIGUSR2)
		return n.out.count(upgraded) > 0
	}, "the new program")
	n.signal(syscall.SIGHUP)
	n.waitLog("Reload complete")
	mustHold(t, n, vip)
	if _, status := n.stop(); status != 0 {
		t.Errorf("exit status %d", status)
	}
	n.waitAddr(vip, false)
}
