package main

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// A backup that gets to run only now and then, for a few milliseconds, does not
// take its own absence for its master's; and when the master does die, it is
// there all the same.
func TestStarvedBackup(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	one := newNode(t, lan.Node(1), fast("VI_1", 51, 150, "", vip)).start()
	two := newNode(t, lan.Node(2), fast("VI_1", 51, 100, "", vip)).start()
	one.waitLog("Entering MASTER STATE")
	two.waitLog("Entering BACKUP STATE")
	cap := lan.CaptureT(t)
	own := func() int {
		n := 0
		for _, a := range cap.Adverts() {
			if a.Src == lan.Prefix4(2).Addr() {
				n++
			}
		}
		return n
	}
	starve := func(end func() bool) {
		for !end() {
			two.signal(syscall.SIGSTOP)
			stopped(t, two.proc.PID(), time.Duration(100+rand.IntN(900))*time.Millisecond)
			two.signal(syscall.SIGCONT)
			time.Sleep(time.Duration(1+rand.IntN(20)) * time.Millisecond) // what it gets to run
		}
	}
	begun := time.Now()
	starve(func() bool { return time.Since(begun) > 6*time.Second })
	checkTakeovers(t, cap, lan.Prefix4(1).Addr(), begun)
	one.signal(syscall.SIGKILL)
	before := own()
	starve(func() bool { return own() > before })
	two.waitAddr(vip, true)
	t.Logf("it listened once more %d times", two.out.count("listening for one more advert"))
}

// The causes stand in the log and at the end of keepalived.data, and outlive a
// reload; rejected adverts are counted by sender and reason.
func TestCausesAreRemembered(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	script := t.TempDir() + "/chk"
	write := func(text string) {
		if err := nettest.WriteProgram(script+".new", []byte("#!/bin/sh\n"+text+"\n")); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(script+".new", script); err != nil {
			t.Fatal(err)
		}
	}
	write("exit 0")
	chk := "global_defs {\n enable_script_security\n script_user root\n}\nvrrp_script chk_haproxy {\n script \"" + script + "\"\n interval 1\n weight 4\n}\n"
	conf := chk + fast("VI_1", 51, 97, "track_script {\n chk_haproxy\n }", vip)
	one := newNode(t, lan.Node(1), conf).start()
	one.waitLog("Entering MASTER STATE")
	two := newNode(t, lan.Node(2), fast("VI_1", 51, 100, "", vip)).start()
	two.waitLog("Entering BACKUP STATE")
	one.waitLog("Changing effective priority from 97 to 101")
	write("exit 1")
	cause := "script chk_haproxy failed (exit 1): priority 101 -> 97; advert from 192.0.2.2 with priority 100, ours 97"
	one.waitLog("(VI_1) cause: " + cause)
	// A stranger of another version.
	two.stop()
	older := strings.NewReplacer("advert_int 0.1", "advert_int 1", "version 3", "version 2").Replace(fast("VI_1", 51, 100, "", vip))
	three := newNode(t, lan.Node(2), older).start()
	three.waitLog("Entering MASTER STATE")
	one.waitLog("wrong VRRP version from 192.0.2.2. Received 2 and expect 3")
	one.reload(strings.Replace(conf, "priority 97", "priority 98", 1))
	want := []string{
		"------< Holdfast: what happened and why >------\n VI_1\n",
		" state INIT -> BACKUP: start\n",
		" priority 101 -> 97: script chk_haproxy failed (exit 1)\n",
		" state MASTER -> BACKUP: " + cause + "\n",
		": wrong VRRP version from 192.0.2.2. Received 2 and expect 3\n",
		" priority 97 -> 98: configuration changed\n",
		"------< Holdfast: how late timers were >------\n VI_1: ",
	}
	var data string
	nettest.WaitFor(t, 10*time.Second, func() bool {
		_ = os.Remove(one.path("keepalived.data"))
		one.signal(syscall.SIGUSR1)
		return nettest.Poll(time.Second, func() bool {
			b, err := os.ReadFile(one.path("keepalived.data"))
			data = string(b)
			return err == nil
		}) && containsAll(data, want)
	}, fmt.Sprintf("%q in the data file", want))
	if strings.Count(data, "rejected ") != 1 {
		t.Errorf("rejected adverts are not counted together:\n%s", data)
	}
	one.stop()
	three.stop()
}

// frozen stops a node's daemon with its network, as a hypervisor stops a machine:
// nothing waits in its sockets afterwards.
func frozen(t *testing.T, lan *nettest.LAN, n *node, node int, until func()) {
	t.Helper()
	if err := lan.Deaf(node); err != nil {
		t.Fatal(err)
	}
	n.signal(syscall.SIGSTOP)
	until()
	if err := lan.Loss(node, 0); err != nil {
		t.Fatal(err)
	}
	n.signal(syscall.SIGCONT)
}

// advertsSince returns the adverts of a node since a moment.
func advertsSince(cap *nettest.Capture, src netip.Addr, since time.Time) []nettest.Advert {
	var all []nettest.Advert
	for _, a := range cap.Adverts() {
		if a.Src == src && !a.Time.Before(since) {
			all = append(all, a)
		}
	}
	return all
}

// checkTakeovers finds adverts of somebody else that follow those of the master
// in less than the time that a backup with adverts of 100 ms waits. On a busy
// machine the master itself may be silent for longer.
func checkTakeovers(t *testing.T, cap *nettest.Capture, master netip.Addr, since time.Time) {
	t.Helper()
	var last time.Time
	for _, a := range cap.Adverts() {
		switch {
		case a.Src == master:
			last = a.Time
		case a.Time.After(since) && a.Time.Sub(last) < 300*time.Millisecond:
			t.Errorf("%v takes over %v after an advert of the master", a.Src, a.Time.Sub(last))
			return
		}
	}
}

// A machine that was moved or paused has heard nothing of what happened, and
// takes nothing for granted.
func TestFrozenMachine(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	one := newNode(t, lan.Node(1), fast("VI_1", 51, 150, "", vip)).start()
	one.waitLog("Entering MASTER STATE")
	cap := lan.CaptureT(t)
	first, second := lan.Prefix4(1).Addr(), lan.Prefix4(2).Addr()

	// Alone: it goes on, and the switches hear of it.
	frozen(t, lan, one, 1, func() { stopped(t, one.proc.PID(), time.Second) })
	since := time.Now()
	one.waitLog("no other master that stays has been heard - going on")
	mustHold(t, one, vip)
	nettest.WaitFor(t, 5*time.Second, func() bool {
		for _, p := range cap.Packets() {
			if a, ok := p.Announced(); ok && a.String() == vip && p.Time.After(since) {
				return true
			}
		}
		return false
	}, "an announcement of the address")
	if n := one.out.count("Entering"); n != 2 {
		t.Errorf("it has changed its state: %d times", n)
	}

	// As backup: the silence was its own.
	two := newNode(t, lan.Node(2), fast("VI_1", 51, 100, "", vip)).start()
	two.waitLog("Entering BACKUP STATE")
	for range 3 {
		frozen(t, lan, two, 2, func() { stopped(t, two.proc.PID(), time.Second) })
		again := time.Now()
		nettest.WaitFor(t, 5*time.Second, func() bool { return len(advertsSince(cap, first, again)) > 5 }, "adverts of the master")
	}
	checkTakeovers(t, cap, first, since)

	// An advert may have come in the moment before it ran again.
	t.Logf("it listened once more %d times", two.out.count("listening for one more advert"))

	// As master, when the other has taken over.
	var back time.Time
	frozen(t, lan, one, 1, func() {
		two.waitAddr(vip, true)
		nettest.WaitFor(t, 5*time.Second, func() bool { return len(advertsSince(cap, second, since)) > 3 }, "adverts of the other")
		back = time.Now()
	})
	one.waitLog("(VI_1) cause: did not run for a while; advert from " + second.String() + " with priority 100, which took over meanwhile")
	nettest.WaitFor(t, 10*time.Second, func() bool {
		return len(advertsSince(cap, first, back)) > 0 && one.ns.HasAddr(netip.MustParseAddr(vip)) && !two.ns.HasAddr(netip.MustParseAddr(vip))
	}, "an election, which it wins")
	if got := advertsSince(cap, first, back); len(got) == 0 || got[0].Time.Sub(back) < 340*time.Millisecond {
		t.Errorf("it has advertised before the election was over: %v", got)
	}
	one.stop()
	two.stop()
}

// Instances that a reload adds wait for the end of the start delay too.
func TestReloadInStartDelay(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	delay := "global_defs {\n vrrp_startup_delay 3\n}\n"
	n := newNode(t, lan.Node(1), delay+fast("VI_1", 51, 100, "", vip)).start()
	n.waitLog("Delaying startup for 3 seconds")
	n.waitLog("Startup complete")
	n.reload(delay + fast("VI_1", 51, 100, "", vip) + fast("VI_2", 52, 100, "", "192.0.2.101"))
	n.waitLog("Delaying startup for a further ")
	n.waitLogs("Entering MASTER STATE", 2)
	if before, _, _ := strings.Cut(n.out.String(), "Delayed start completed"); strings.Contains(before, "Entering MASTER STATE") {
		t.Error("somebody has not waited")
	}
	n.stop()
}

// A reload with another start delay makes what is left of it longer or shorter.
func TestReloadChangesStartDelay(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	with := func(delay string) string {
		return "global_defs {\n vrrp_startup_delay " + delay + "\n}\n" + fast("VI_1", 51, 100, "", vip)
	}
	n := newNode(t, lan.Node(1), with("3000")).start()
	n.waitLog("Startup complete")
	n.reload(with("2000"))
	n.waitLog("Delaying startup for a further 199")
	n.reload(fast("VI_1", 51, 100, "", vip))
	n.waitLog("Reduced delayed start passed")
	n.waitLog("Entering MASTER STATE")
	n.waitLog("cause: no advert heard for ")
	if strings.Contains(n.out.String(), "heard for -") { // as if time counted from the end that was taken back
		t.Error("a negative time of silence")
	}
	n.stop()
}
