package main

import (
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// A unicast instance without interface that names a VRF speaks through it: it is in
// FAULT while the VRF is not there or down. Not every kernel has VRFs; to the daemon
// one is an interface that sockets are bound to, and so a cable stands in for it.
func TestVRF(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	conf := func(self, peer, vip string) string {
		return strings.NewReplacer("SELF", self, "PEER", peer, "VIP", vip).Replace(`
global_defs {
    dynamic_interfaces
}
vrrp_instance VI_1 {
    version 3
    vrf red
    virtual_router_id 51
    priority 200
    advert_int 0.1
    unicast_src_ip SELF
    unicast_peer {
        PEER
    }
    virtual_ipaddress {
        VIP dev red
    }
}
`)
	}
	one := lan.Prefix4(1).Addr().String()
	n := newNode(t, lan.Node(1), conf(one, lan.Prefix4(2).Addr().String(), vip), "-D").start()
	n.waitLog("entering FAULT state (interface red down)")
	ip := func(args string) {
		t.Helper()
		var out []byte
		if err := n.ns.Do(func() (err error) {
			out, err = exec.Command("ip", strings.Fields(args)...).CombinedOutput()
			return err
		}); err != nil {
			t.Fatalf("ip %s: %v: %s", args, err, out)
		}
	}
	cap := lan.CaptureT(t)
	ip("link set eth0 down")
	ip("link set eth0 name red")
	ip("link set red up")
	n.waitLog("Entering MASTER STATE")
	n.waitAddr(vip, true)
	nettest.WaitFor(t, 5*time.Second, func() bool { return len(cap.Adverts()) >= 3 }, "adverts through the VRF")
	n.waitLog("VRRP sockpool: [ifindex(")
	ip("link set red down")
	n.waitLog("Entering FAULT STATE")
	n.waitAddr(vip, false)
	ip("link set red up")
	n.waitLogs("Entering MASTER STATE", 2)
	n.waitAddr(vip, true)
}
