package main

import (
	"net/netip"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// The owner of addresses that is killed and started again is Master at once: its
// addresses have been there all the time, and its first advert leaves within 100 ms
// of the start.
func TestOwnerIsBackAtOnce(t *testing.T) {
	nettest.Require(t)
	limit := 100 * time.Millisecond
	if raceDetector {
		limit *= 5
	}
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	conf := strings.Replace(fast("VI_1", 51, 255, "", vip+"/24", "192.0.2.101"), "interface", "state MASTER\n interface", 1)
	n := newNode(t, lan.Node(1), conf).start()
	n.waitAddr("192.0.2.101", true)
	lost := lossOf(t, n, netip.MustParseAddr(vip), netip.MustParseAddr("192.0.2.101"))
	best := time.Hour
	for range 5 {
		n.signal(syscall.SIGKILL)
		<-n.proc.Done()
		cap := lan.CaptureT(t)
		begun := time.Now()
		n.start()
		nettest.WaitFor(t, 10*time.Second, func() bool { return len(cap.Adverts()) > 0 }, "an advert")
		best = min(best, cap.Adverts()[0].Time.Sub(begun))
	}
	t.Logf("first advert %v after the start", best)
	if best > limit {
		t.Errorf("the first advert came %v after the start", best)
	}
	if lost.Load() {
		t.Error("an address was gone for a moment")
	}
	n.stop()
	n.waitAddr(vip, false)
	n.waitAddr("192.0.2.101", false)
}

// lossOf tells whether any of the addresses goes away from now on.
func lossOf(t *testing.T, n *node, addrs ...netip.Addr) *atomic.Bool {
	t.Helper()
	var lost atomic.Bool
	ns := netns.NsHandle(n.ns.FD())
	events, done := make(chan netlink.AddrUpdate, 64), make(chan struct{})
	if err := netlink.AddrSubscribeAt(ns, events, done); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { close(done) })
	go func() {
		for e := range events {
			for _, a := range addrs {
				if !e.NewAddr && e.LinkAddress.IP.String() == a.String() {
					lost.Store(true)
				}
			}
		}
	}()
	return &lost
}
