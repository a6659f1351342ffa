package main

import (
	"bufio"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// split makes a pair of which node 2 does not hear node 1, so that both are
// MASTER; node 1 hears that.
func split(t *testing.T, more string, ipv6 bool, args ...string) (lan *nettest.LAN, a, b *node) {
	t.Helper()
	nettest.Require(t)
	lan = nettest.NewLANT(t, 2, nettest.Options{})
	addr := vip
	if ipv6 {
		addr = "fe80::100"
	}
	a = newNode(t, lan.Node(1), fast("VI_1", 51, 200, more, addr), args...).start()
	a.waitAddr(addr, true)
	b = newNode(t, lan.Node(2), fast("VI_1", 51, 100, more, addr), args...).start()
	b.waitLog("Entering BACKUP STATE")
	if err := lan.MuteVRRP(1); err != nil {
		t.Fatal(err)
	}
	b.waitLog("Entering MASTER STATE")
	return lan, a, b
}

// TestSplitBrain: the one hears the other, and the other finds its address
// answered for; both say so, neither does anything about it, and both say when
// it is over.
func TestSplitBrain(t *testing.T) {
	for name, ipv6 := range map[string]bool{"IPv4": false, "IPv6": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lan, a, b := split(t, "", ipv6)
			a.waitLog("(VI_1) SPLIT BRAIN suspected (second master): ")
			b.waitLog("(VI_1) SPLIT BRAIN suspected (address taken): ")
			if want := "from 192.0.2.2 with priority 100"; !ipv6 && a.out.count(want) == 0 {
				t.Errorf("node 1 does not say %q", want)
			}
			if want := "is held here, and 02:00:00:00:00:01 on eth0 "; b.out.count(want) == 0 {
				t.Errorf("node 2 does not say %q", want)
			}
			if a.out.count("Entering MASTER") != 1 || b.out.count("Entering MASTER") != 1 || a.out.count("Entering BACKUP") != 1 {
				t.Error("a suspicion has changed a state")
			}
			for _, n := range []*node{a, b} {
				text := n.dumped(syscall.SIGUSR2, "keepalived.stats")
				if !strings.Contains(text, "  Split brain suspected: 1\n") {
					t.Errorf("the statistics of %s:\n%s", n.ns.Name(), text)
				}
				if text := n.dumped(syscall.SIGUSR1, "keepalived.data"); !strings.Contains(text, "split-brain suspected (") {
					t.Errorf("the journal of %s:\n%s", n.ns.Name(), text)
				}
			}
			if err := lan.Loss(1, 0); err != nil {
				t.Fatal(err)
			}
			b.waitLog("split brain no longer suspected (address taken): not MASTER any more")
			a.waitLog("split brain no longer suspected (second master): nothing of it for")
		})
	}
}

// dumped asks the daemon for one of its files and returns it.
func (n *node) dumped(s syscall.Signal, file string) string {
	n.t.Helper()
	_ = os.Remove(n.path(file))
	n.signal(s)
	var text []byte
	nettest.WaitFor(n.t, 5*time.Second, func() bool {
		var err error
		text, err = os.ReadFile(n.path(file))
		return err == nil && len(text) > 0
	}, file)
	return string(text)
}

// TestSplitBrainFIFO: the beginning and the end are lines of their own, and no
// script hears of them.
func TestSplitBrainFIFO(t *testing.T) {
	nettest.Require(t)
	t.Parallel()
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	a := newNode(t, lan.Node(1), "")
	a.configure(fmt.Sprintf("global_defs {\n vrrp_notify_fifo %s\n}\n", a.path("fifo")) +
		fast("VI_1", 51, 200, "notify "+a.path("script")+" root", vip))
	if err := nettest.WriteProgram(a.path("script"), []byte("#!/bin/sh\necho \"$@\" >> "+a.path("said")+"\n")); err != nil {
		t.Fatal(err)
	}
	a.start()
	a.waitAddr(vip, true)
	fifo, err := os.OpenFile(a.path("fifo"), os.O_RDWR, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer fifo.Close()
	next := reads(t, fifo)
	next(`INSTANCE "VI_1" MASTER 200`)

	// Somebody sets the address by hand.
	set := func(verb string) {
		t.Helper()
		cmd := exec.Command("ip", "address", verb, vip+"/32", "dev", "eth0")
		p, err := lan.Node(2).Start(cmd)
		if err == nil {
			err = p.Wait()
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	set("add")
	next(`INSTANCE "VI_1" SPLIT_BRAIN 200`)
	a.waitLog("SPLIT BRAIN suspected (address taken): " + vip + " is held here, and 02:00:00:00:00:02 on eth0 answers for it")
	set("del")
	next(`INSTANCE "VI_1" SPLIT_BRAIN_END 200`)
	said, err := os.ReadFile(a.path("said"))
	if err != nil || strings.Contains(string(said), "SPLIT") {
		t.Errorf("scripts were told %q, %v", said, err)
	}
	if !lan.Node(1).HasAddr(netip.MustParseAddr(vip)) {
		t.Error("the address has gone")
	}
}

// reads returns a function that reads up to a line; in front of it there may be
// only lines about states.
func reads(t *testing.T, fifo *os.File) func(want string) {
	lines := make(chan string, 100)
	go func() {
		for s := bufio.NewScanner(fifo); s.Scan(); {
			lines <- s.Text()
		}
	}()
	return func(want string) {
		t.Helper()
		late := time.After(30 * time.Second)
		for {
			select {
			case l := <-lines:
				if l == want {
					return
				}
				if !strings.Contains(l, "MASTER") && !strings.Contains(l, "BACKUP") {
					t.Fatalf("read %q, want %q", l, want)
				}
			case <-late:
				t.Fatalf("never read %q", want)
			}
		}
	}
}

// TestSplitBrainStrictCompat: keepalived has nothing of the kind.
func TestSplitBrainStrictCompat(t *testing.T) {
	t.Parallel()
	lan, a, b := split(t, "", false, "--strict-compat")
	cap := lan.CaptureT(t)
	a.waitLogs("Received advert from 192.0.2.2 with lower priority", 50)
	if a.out.count("SPLIT") != 0 || b.out.count("SPLIT") != 0 {
		t.Error("a suspicion")
	}
	if n := probes(cap); n != 0 {
		t.Errorf("%d probes", n)
	}
}

// TestPairIsNoSuspicion: a healthy pair, its hand-overs included, raises none.
func TestPairIsNoSuspicion(t *testing.T) {
	nettest.Require(t)
	t.Parallel()
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	a := newNode(t, lan.Node(1), fast("VI_1", 51, 200, "", vip)).start()
	b := newNode(t, lan.Node(2), fast("VI_1", 51, 100, "", vip)).start()
	a.waitAddr(vip, true)
	b.waitLog("Entering BACKUP STATE")
	cap := lan.CaptureT(t)
	for range 2 {
		a.stop()
		b.waitAddr(vip, true)
		a.start()
		a.waitAddr(vip, true)
		b.waitAddr(vip, false)
	}
	nettest.WaitFor(t, 20*time.Second, func() bool { return probes(cap) >= 2 }, "two probes of the master")
	if a.out.count("SPLIT") != 0 || b.out.count("SPLIT") != 0 {
		t.Error("a suspicion")
	}
}

func probes(c *nettest.Capture) (n int) {
	for _, p := range c.Packets() {
		if d := p.Data; len(d) >= 42 && d[12] == 8 && d[13] == 6 && d[21] == 1 && string(d[28:32]) == "\x00\x00\x00\x00" {
			n++
		}
	}
	return n
}
