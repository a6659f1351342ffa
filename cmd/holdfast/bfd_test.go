package main

import (
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
	"github.com/holdfast-ha/holdfast/internal/process"
)

// bfdConf is an instance that tracks a BFD session with the other one of two nodes:
// 100 ms, three times.
func bfdConf(lan *nettest.LAN, node, priority int) string {
	return fmt.Sprintf("bfd_instance b {\n neighbor_ip %v\n source_ip %v\n min_rx 100\n min_tx 100\n multiplier 3\n}\n",
		lan.Prefix4(3-node).Addr(), lan.Prefix4(node).Addr()) +
		fast("VI_1", 51, priority, "track_bfd {\n b weight -10\n }", vip)
}

// A BFD session goes on: neither end sees anything, and both see what happens later.
func TestUpgradeKeepsBFDSessions(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	n := upgradable(t, newNode(t, lan.Node(1), bfdConf(lan, 1, 200), "-D")).start()
	n.waitAddr(vip, true)
	peer := newNode(t, lan.Node(2), bfdConf(lan, 2, 100), "-D").start()
	for _, x := range []*node{n, peer} {
		x.waitLog("Tracked BFD instance b is UP")
	}
	downs := func(x *node) int { return x.out.count("BFD instance b: Up -> ") }
	before, pid, capture, begun := [2]int{downs(n), downs(peer)}, n.proc.PID(), lan.CaptureT(t), time.Now()
	for range 4 {
		n.replaceBySelf()
		n.upgrade()
		spoken(t, capture, 10, time.Now(), 51) // more than three detection times
	}
	n.replaceBy(breaks(thatPanics), 0o755) // nor does it when the program before comes back
	n.signal(process.UpgradeSignal)
	n.waitLog("the new program did not come up: panic")
	spoken(t, capture, 10, time.Now(), 51)
	n.replaceBySelf()
	n.upgrade()
	if now := [2]int{downs(n), downs(peer)}; now != before {
		t.Errorf("the session went down: %v, before %v", now, before)
	}
	unmoved(t, n, pid, capture, begun, 51)
	if err := lan.Loss(1, 100); err != nil {
		t.Fatal(err)
	}
	n.waitLogs("BFD session b is down: nothing heard for", 1)
	peer.waitLogs("BFD session b is down: nothing heard for", 1)
	n.upgrade() // also while it is down
	if err := lan.Loss(1, 0); err != nil {
		t.Fatal(err)
	}
	n.waitLogs("Tracked BFD instance b is UP", 2)
	peer.waitLogs("Tracked BFD instance b is UP", 2)
	n.stop()
	peer.waitLog("the neighbour is administratively down")
}

// It goes on over a restart of the service that leaves everything in place, too.
func TestRestartKeepsBFDSessions(t *testing.T) {
	nettest.Require(t)
	lan, k := nettest.NewLANT(t, 2, nettest.Options{}), newKeeper(t)
	n := k.service(newNode(t, lan.Node(1), bfdConf(lan, 1, 200), "-D"), "64").start()
	n.waitAddr(vip, true)
	peer := newNode(t, lan.Node(2), bfdConf(lan, 2, 100), "-D").start()
	for _, x := range []*node{n, peer} {
		x.waitLog("Tracked BFD instance b is UP")
	}
	before, capture := peer.out.count("BFD instance b: Up -> "), lan.CaptureT(t)
	for range 3 {
		n.stop()
		n = k.next(n)
		n.waitLog(restarted)
		nettest.WaitFor(t, 10*time.Second, func() bool { return k.kept() == 0 }, "nothing kept any more")
		spoken(t, capture, 10, time.Now(), 51)
		if n.out.count("BFD instance b: Up -> ") != 0 {
			t.Error("the session went down")
		}
	}
	if now := peer.out.count("BFD instance b: Up -> "); now != before {
		t.Errorf("the session went down %d times for the peer, %d before", now, before)
	}
	mustHold(t, n, vip)
	peer.stop()
	n.waitLog("the neighbour is administratively down")
}

// A port that somebody else has is tried again until it is free.
func TestBFDPortIsTaken(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	var other *net.UDPConn
	err := lan.Node(1).Do(func() (err error) {
		other, err = net.ListenUDP("udp4", &net.UDPAddr{Port: 3784})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	n := newNode(t, lan.Node(1), bfdConf(lan, 1, 200), "-D").start()
	n.waitLog("its sessions stay down, trying again")
	newNode(t, lan.Node(2), bfdConf(lan, 2, 100), "-D").start()
	other.Close()
	n.waitLog("Tracked BFD instance b is UP")
	if n.out.count("trying again") != 1 {
		t.Error("said more than once")
	}
	n.stop()
}
