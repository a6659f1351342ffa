package main

import (
	"syscall"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// A signal that asks for nothing does not end the daemon.
func TestStraySignals(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), fast("VI_1", 51, 100, "", vip)).start()
	n.waitAddr(vip, true)
	means := map[syscall.Signal]bool{
		syscall.SIGHUP: true, syscall.SIGUSR1: true, syscall.SIGUSR2: true, syscall.SIGTERM: true, syscall.SIGINT: true, 36: true, 63: true,
		syscall.SIGILL: true, syscall.SIGFPE: true, syscall.SIGSEGV: true, syscall.SIGBUS: true, syscall.SIGABRT: true,
		syscall.SIGKILL: true, syscall.SIGSTOP: true,
	}
	for s := syscall.Signal(1); s <= 64; s++ {
		if !means[s] {
			n.signal(s)
		}
	}
	// It is there, and does what it is asked to.
	n.reload(fast("VI_1", 51, 100, "", vip, "192.0.2.101"))
	n.waitAddr("192.0.2.101", true)
	mustHold(t, n, vip)
	if _, status := n.stop(); status != 0 {
		t.Errorf("status %d", status)
	}
}
