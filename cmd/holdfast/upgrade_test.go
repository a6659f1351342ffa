package main

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
	"github.com/holdfast-ha/holdfast/internal/process"
)

// upgradable puts the program of a daemon where the test can replace it.
func upgradable(t *testing.T, n *node) *node {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	n.program = n.path("holdfast")
	if err := os.Link(self, n.program); err != nil {
		copyFile(t, self, n.program)
	}
	return n
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	text, err := os.ReadFile(from)
	if err != nil {
		t.Fatal(err)
	}
	if err := nettest.WriteProgram(to, text); err != nil {
		t.Fatal(err)
	}
}

// replaceBy puts another program in the place of a daemon's, as packages do.
func (n *node) replaceBy(text string, mode os.FileMode) {
	n.t.Helper()
	next := n.path("holdfast.new")
	if err := nettest.WriteProgramMode(next, []byte(text), mode); err != nil {
		n.t.Fatal(err)
	}
	if err := os.Rename(next, n.program); err != nil {
		n.t.Fatal(err)
	}
}

// replaceBySelf puts a copy of the program in its own place: another file.
func (n *node) replaceBySelf() {
	n.t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		n.t.Fatal(err)
	}
	n.replaceBy(string(self), 0o755)
}

const (
	upgraded    = "Upgrade: going on as"
	notUpgraded = "nothing has changed"
)

// upgrade has the daemon replaced and waits until it has been.
func (n *node) upgrade() {
	n.t.Helper()
	before := n.out.count(upgraded)
	n.signal(process.UpgradeSignal)
	n.waitLogs(upgraded, before+1)
}

// runs tells whether the program of a daemon is the one at a path.
func (n *node) runs(path string) bool {
	a, errA := os.Stat(fmt.Sprintf("/proc/%d/exe", n.proc.PID()))
	b, errB := os.Stat(path)
	return errA == nil && errB == nil && os.SameFile(a, b)
}

// probe asks a node for an address all the time, and counts what is not answered.
type probe struct {
	sent, lost atomic.Int64
	stop       func()
}

// probing sends datagrams from one node to an address of another, every 10 ms, which
// sends them back.
func probing(t *testing.T, from, at *nettest.NS, to string) *probe {
	t.Helper()
	p := &probe{}
	addr := net.UDPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(to), 7))
	var conn, echo *net.UDPConn
	err := at.Do(func() (err error) { echo, err = net.ListenUDP("udp4", addr); return err })
	if err == nil {
		err = from.Do(func() (err error) { conn, err = net.DialUDP("udp4", nil, addr); return err })
	}
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		b := make([]byte, 8)
		for {
			n, from, err := echo.ReadFromUDPAddrPort(b)
			if err != nil {
				return
			}
			_, _ = echo.WriteToUDPAddrPort(b[:n], from)
		}
	}()
	quit, done := make(chan struct{}), make(chan struct{})
	p.stop = func() { close(quit); <-done; conn.Close(); echo.Close() }
	go func() {
		defer close(done)
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
			case <-quit:
				return
			}
			p.sent.Add(1)
			_, err := conn.Write([]byte("x"))
			if err == nil {
				_ = conn.SetReadDeadline(time.Now().Add(time.Second))
				_, err = conn.Read(make([]byte, 1))
			}
			if err != nil {
				p.lost.Add(1)
			}
		}
	}()
	return p
}

// descriptors counts the open files of a daemon.
func (n *node) descriptors() int {
	names, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", n.proc.PID()))
	return len(names)
}

// hasOpen tells whether a daemon has a file open whose name contains the text.
func (n *node) hasOpen(text string) bool { return hasOpen(n.proc.PID(), text) }

func hasOpen(pid int, text string) bool {
	names, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	for _, name := range names {
		if to, err := os.Readlink(name); err == nil && strings.Contains(filepath.Base(to), text) {
			return true
		}
	}
	return false
}

// many are so many instances on one interface, with adverts every 100 ms.
func many(count, priority int) string {
	var b strings.Builder
	for i := range count {
		fmt.Fprintf(&b, "%s\n", fast(fmt.Sprintf("VI_%d", i+1), i+1, priority, "", fmt.Sprintf("198.18.%d.%d", i/200, i%200+1)))
	}
	return b.String()
}

// slowly is a configuration with an advert a second: what is not about time holds on a
// busy machine, too.
func slowly(conf string) string { return strings.ReplaceAll(conf, "advert_int 0.1", "advert_int 1") }

// spoken waits until so many adverts of each VRID have left since then.
func spoken(t *testing.T, capture *nettest.Capture, count int, since time.Time, vrids ...uint8) {
	t.Helper()
	nettest.WaitFor(t, 30*time.Second, func() bool {
		left := map[uint8]int{}
		for _, a := range capture.Adverts() {
			if a.Time.After(since) {
				left[a.VRID]++
			}
		}
		return !slices.ContainsFunc(vrids, func(v uint8) bool { return left[v] < count })
	}, fmt.Sprintf("%d adverts of each of %v", count, vrids))
}

// upTo are the VRIDs from one to the last.
func upTo(first, last int) (all []uint8) {
	for v := first; v <= last; v++ {
		all = append(all, uint8(v))
	}
	return all
}

// overloaded finds out, until the test ends, for how long this machine lets a process
// wait that wants to run.
func overloaded(t *testing.T) (longest func() time.Duration) {
	var worst atomic.Int64
	quit := make(chan struct{})
	t.Cleanup(func() { close(quit) })
	go func() {
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for last := time.Now(); ; {
			select {
			case <-tick.C:
			case <-quit:
				return
			}
			now := time.Now()
			worst.Store(max(worst.Load(), int64(now.Sub(last)-5*time.Millisecond)))
			last = now
		}
	}()
	return func() time.Duration { return time.Duration(worst.Swap(0)) }
}

// busy is how long a process waits on a machine on which nothing can be measured.
const busy = 30 * time.Millisecond

func TestUpgradeOfManyInstances(t *testing.T) {
	nettest.Require(t)
	if raceDetector {
		t.Skip("needs a program without the race detector: it measures time")
	}
	waited := overloaded(t)
	const count = 250
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	master := upgradable(t, newNode(t, lan.Node(1), globalDefs("vrrp_garp_master_repeat 1")+many(count, 200))).start()
	master.waitLogs("Entering MASTER STATE", count)
	backup := newNode(t, lan.Node(2), many(count, 100)).start()
	backup.waitLogs("Entering BACKUP STATE", count)
	if err := lan.Node(2).Do(func() error { return exec.Command("ip", "route", "add", "198.18.0.0/16", "dev", "eth0").Run() }); err != nil {
		t.Fatal(err)
	}
	pid, p := master.proc.PID(), probing(t, lan.Node(2), lan.Node(1), "198.18.1.50")
	for i := range 3 {
		master.replaceBySelf()
		waited()
		capture := lan.CaptureT(t)
		begun := time.Now()
		spoken(t, capture, 1, begun, upTo(1, count)...)
		master.upgrade()
		spoken(t, capture, 8, time.Now(), upTo(1, count)...)
		adverts, end := capture.Adverts(), time.Now()
		var worst time.Duration
		for vrid := 1; vrid <= count; vrid++ {
			worst = max(worst, longestSilence(advertsOf(adverts, uint8(vrid)), begun.Add(150*time.Millisecond), end, lan.Prefix4(1).Addr()))
		}
		for _, line := range strings.Split(master.out.String(), "\n") {
			if strings.Contains(line, upgraded) {
				t.Log(line)
			}
		}
		late := waited()
		t.Logf("upgrade %d: longest gap %v; this test was held up for %v", i+1, worst, late)
		if late > busy {
			t.Skipf("needs a machine on which a process waits no longer than %v, not %v", busy, late)
		}
		if worst > 200*time.Millisecond {
			t.Errorf("no advert of an instance for %v", worst)
		}
		for _, a := range adverts {
			if a.Priority == 0 || a.Src != lan.Prefix4(1).Addr() {
				t.Fatalf("an advert of priority %d from %v", a.Priority, a.Src)
			}
		}
		if !master.runs(master.program) {
			t.Error("the program that runs is not the new one")
		}
	}
	if master.out.count("Entering MASTER STATE") != count || backup.out.count("Entering MASTER STATE") != 0 {
		t.Error("there was a hand-over")
	}
	p.stop()
	if lost := p.lost.Load(); lost > 0 || p.sent.Load() < 100 {
		t.Errorf("%d of %d probes lost", lost, p.sent.Load())
	}
	if master.proc.PID() != pid || syscall.Kill(pid, 0) != nil || !master.ns.HasAddr(netip.MustParseAddr("198.18.1.50")) {
		t.Error("the addresses are gone")
	}
}
