package main

import (
	"os"
	"syscall"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// A disk that is full keeps the daemon from nothing but writing: it starts, has
// its address, is reloaded and stops as ever.
func TestFullDisk(t *testing.T) {
	nettest.Require(t)
	if os.Geteuid() != 0 {
		t.Skip("needs root, to mount a small file system")
	}
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), fast("VI_1", 51, 100, "use_vmac", vip))
	if err := os.Mkdir(n.path("full"), 0o755); err != nil {
		t.Fatal(err)
	}
	full := n.path("full")
	n.before = "mount -t tmpfs -o size=4k full " + full + " && dd if=/dev/zero of=" + full + "/rest bs=4096 count=1 2>/dev/null"
	n.args = append(n.args, "-p", full+"/pid", "-r", full+"/vrrp.pid")
	n.env = append(n.env, "TMPDIR="+full)
	n.start()
	n.waitLog("no space left on device; pid file: write " + full + "/vrrp.pid: no space left on device - going on")
	n.waitLog("after a crash, settings would not be put back")
	n.waitAddr(vip, true)
	n.signal(syscall.SIGUSR1)
	n.waitLog("keepalived.data")
	n.reload(fast("VI_1", 51, 100, "use_vmac", vip, "192.0.2.101"))
	n.waitAddr("192.0.2.101", true)
	mustHold(t, n, vip)
	if _, status := n.stop(); status != 0 {
		t.Errorf("status %d", status)
	}
	n.waitAddr(vip, false)
}
