package main

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// TestIPVLAN runs an instance of each family on an ipvlan interface: adverts come from
// its address and the base's MAC, addresses are on it, and nothing is left behind.
// It skips where the kernel has no ipvlan.
func TestIPVLAN(t *testing.T) {
	needNFT(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	ns := lan.Node(1)
	eth, err := ns.Handle().LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	probe := &netlink.IPVlan{LinkAttrs: netlink.LinkAttrs{Name: "probe", ParentIndex: eth.Attrs().Index}, Mode: netlink.IPVLAN_MODE_L2}
	if err := ns.Handle().LinkAdd(probe); errors.Is(err, unix.EOPNOTSUPP) {
		t.Skip("this kernel has no ipvlan")
	} else if err != nil {
		t.Fatal(err)
	}
	if err := ns.Handle().LinkDel(probe); err != nil {
		t.Fatal(err)
	}
	was := settled(t, ns)
	cap := lan.CaptureT(t)
	n := newNode(t, ns, fast("VI_1", 51, 100, "use_ipvlan ipv4 192.0.2.9/24 private", vip+"/24")+
		fast("VI_6", 51, 100, "use_ipvlan ipv6 fe80::9/64", "fe80::100/64", vip6+"/64")).start()
	n.onLink(vip, "ipv4")
	n.onLink("192.0.2.9", "ipv4")
	n.onLink(vip6, "ipv6")
	for _, src := range []string{"192.0.2.9", "fe80::9"} {
		nettest.WaitFor(t, 10*time.Second, func() bool {
			for _, a := range cap.Adverts() {
				if a.Src == netip.MustParseAddr(src) {
					return a.SrcMAC.String() == lan.MAC(1).String()
				}
			}
			return false
		}, "adverts from "+src)
	}
	if rules := ruleset(t, ns); strings.Contains(rules, "vmac") {
		t.Errorf("rules:\n%s", rules)
	}
	n.stop()
	sameSystem(t, ns, was, "after a stop")
}
