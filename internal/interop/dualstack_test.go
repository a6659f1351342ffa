package interop_test

import (
	"net"
	"net/netip"
	"slices"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// An instance may have addresses of both families: those of its own
// are advertised, the others, which are excluded, moved and announced all the same. Both daemons agree
// on which is which, and neither has anything to complain of.
func TestDualStack(t *testing.T) {
	other := map[bool]string{false: "2001:db8::200/64", true: "192.0.2.200/24"} // by whether IPv6 comes first
	for _, proto := range interop.Protocols {
		if proto.Name != "v3" && proto.Name != "v3ipv6" {
			continue
		}
		for _, who := range lineups() {
			t.Run(proto.Name+"/"+who.name, func(t *testing.T) {
				t.Parallel()
				add := netip.MustParsePrefix(other[proto.IPv6])
				p := newPair(t, proto, who, func(c *interop.Conf) {
					c.Inside = "\tvirtual_ipaddress_excluded {\n\t\t" + add.String() + "\n\t}"
				})
				p.start(high)
				p.awaitMaster(high)
				p.start(low)
				for _, a := range p.awaitAdverts(high, 5) {
					if a.Src.Is4() == proto.IPv6 || slices.Contains(a.Addrs, add.Addr()) {
						t.Errorf("advert %+v", a)
					}
				}
				holds := func(node int) func() bool {
					return func() bool { return slices.Equal(p.lan.Holders(add.Addr()), []int{node}) }
				}
				nettest.WaitFor(t, patience, holds(high), "the address of the other family at the master")
				nettest.WaitFor(t, patience, func() bool { return p.announced(high, add.Addr()) }, "its announcement")
				p.stop(high)
				p.awaitMaster(low)
				nettest.WaitFor(t, patience, holds(low), "the address of the other family at the new master")
				nettest.WaitFor(t, patience, func() bool { return p.announced(low, add.Addr()) }, "its announcement by the new master")
				for _, d := range p.all {
					for _, complaint := range []string{"unexpected ip number", "not present in advert", "checksum"} {
						if d.LogLines(complaint) > 0 {
							t.Errorf("%s complains: %s", d.Node.Name(), complaint)
						}
					}
				}
			})
		}
	}
}

// announced tells whether the node has announced the address.
func (p *pair) announced(node int, addr netip.Addr) bool {
	return slices.ContainsFunc(p.cap.Packets(), func(packet nettest.Packet) bool {
		a, ok := packet.Announced()
		return ok && a == addr && net.HardwareAddr(packet.Data[6:12]).String() == p.lan.MAC(node).String()
	})
}

// usable tells whether the node has the address and may use it.
func usable(ns *nettest.NS, vip netip.Prefix) bool {
	addrs, err := ns.Handle().AddrList(nil, netlink.FAMILY_V6)
	return err == nil && slices.ContainsFunc(addrs, func(a netlink.Addr) bool {
		ip, _ := netip.AddrFromSlice(a.IP)
		return ip.Unmap() == vip.Addr() && a.Flags&unix.IFA_F_TENTATIVE == 0
	})
}

// With duplicate address detection on, an interface's link-local address counts
// once it has been found to be unique; until then the instance is in FAULT, as
// nothing can be sent. (keepalived 2.2.7 becomes MASTER, and its adverts fail.)
// The virtual addresses do not wait for it.
func TestDualStackDetection(t *testing.T) {
	inputs()
	lan := nettest.NewLANT(t, 1, nettest.Options{DAD: true})
	proto := interop.Protocols[slices.IndexFunc(interop.Protocols, func(p interop.Protocol) bool { return p.Name == "v3ipv6" })]
	conf := interop.Conf{Protocol: proto, LAN: lan, Node: 1, Priority: highPriority}
	d, err := interop.Start(lan.Node(1), ours, t.TempDir(), conf.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Log(d.Log())
		}
	})
	nettest.WaitFor(t, patience, func() bool { return d.State(interop.Instance) == "MASTER" }, "the election")
	if d.LogLines("no IPv6 address for interface") == 0 || d.LogLines("send advert error") > 0 {
		t.Error("it did not wait for its address")
	}
	for _, vip := range proto.VIPs() {
		nettest.WaitFor(t, patience, func() bool { return usable(lan.Node(1), vip) }, vip.String())
	}
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
}
