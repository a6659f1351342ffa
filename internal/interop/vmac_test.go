package interop_test

import (
	"bytes"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// virtualMAC is the MAC of the virtual router (RFC 9568 section 7.3).
func virtualMAC(ipv6 bool) string {
	m := net.HardwareAddr{0, 0, 0x5e, 0, 1, interop.VRID}
	if ipv6 {
		m[4] = 2
	}
	return m.String()
}

// vmacProtocols are the forms that the tests with virtual MACs try.
func vmacProtocols() []interop.Protocol {
	var out []interop.Protocol
	for _, p := range interop.Protocols {
		if p.Name == "v2" || p.Name == "v3" || p.Name == "v3ipv6" {
			out = append(out, p)
		}
	}
	return out
}

// TestVMACFailover is TestFailover where both nodes have use_vmac.
func TestVMACFailover(t *testing.T) {
	for _, proto := range vmacProtocols() {
		for _, who := range lineups() {
			t.Run(proto.Name+"/"+who.name, func(t *testing.T) {
				t.Parallel()
				p := newPair(t, proto, who, func(c *interop.Conf) { c.Inside = "\tuse_vmac" })
				p.life()
				p.checkMACs(virtualMAC(proto.IPv6))
			})
		}
	}
}

// TestVMACTransmitBase is the same with adverts that leave by the base.
func TestVMACTransmitBase(t *testing.T) {
	for _, proto := range interop.Protocols {
		if proto.Name != "v3" && proto.Name != "v3ipv6" && proto.Name != "v3unicast" {
			continue
		}
		for _, who := range lineups() {
			t.Run(proto.Name+"/"+who.name, func(t *testing.T) {
				t.Parallel()
				p := newPair(t, proto, who, func(c *interop.Conf) { c.Inside = "\tuse_vmac\n\tvmac_xmit_base" })
				p.start(high)
				p.start(low)
				p.awaitMaster(high)
				p.checkSteady()
				p.stop(high)
				p.awaitMaster(low)
				p.start(high)
				p.awaitMaster(high)
				p.stop(low)
				p.stop(high)
				for _, a := range p.cap.Adverts() {
					if m := a.SrcMAC.String(); m != p.lan.MAC(high).String() && m != p.lan.MAC(low).String() {
						t.Fatalf("an advert from %s", m)
					}
				}
				p.checkAnnounced(virtualMAC(proto.IPv6))
			})
		}
	}
}

// checkMACs checks that all adverts and all announcements of virtual addresses
// came from the virtual MAC, and nothing about multicast groups did, which
// switches would take for its place.
func (p *pair) checkMACs(virtual string) {
	p.t.Helper()
	adverts := p.cap.Adverts()
	for _, a := range adverts {
		if a.SrcMAC.String() != virtual {
			p.t.Fatalf("an advert of priority %d from %v, want %s", a.Priority, a.SrcMAC, virtual)
		}
	}
	p.checkAnnounced(virtual)
	if p.program[high] != ours || p.program[low] != ours {
		return
	}
	for _, f := range p.cap.Packets() {
		if src := net.HardwareAddr(f.Data[6:12]).String(); src == virtual && membership(f.Data) {
			p.t.Errorf("a report about groups from the virtual MAC: %x", f.Data)
		}
	}
}

func (p *pair) checkAnnounced(virtual string) {
	p.t.Helper()
	seen := 0
	for _, f := range p.cap.Packets() {
		addr, ok := f.Announced()
		if !ok || !isVIP(p.proto, addr) {
			continue
		}
		seen++
		if src := net.HardwareAddr(f.Data[6:12]).String(); src != virtual {
			p.t.Errorf("%v announced from %s, want %s", addr, src, virtual)
		}
	}
	if seen == 0 {
		p.t.Error("no address was announced")
	}
}

func isVIP(proto interop.Protocol, addr netip.Addr) bool {
	for _, vip := range proto.VIPs() {
		if vip.Addr() == addr {
			return true
		}
	}
	return false
}

// membership tells whether a frame is an IGMP or MLD report.
func membership(frame []byte) bool {
	const eth = 14
	ip := frame[eth:]
	switch {
	case len(ip) > 20 && frame[12] == 8 && frame[13] == 0:
		return ip[9] == 2
	case len(ip) > 48 && frame[12] == 0x86 && frame[13] == 0xdd:
		// Behind a hop-by-hop header with the router alert.
		return ip[6] == 0 && ip[40] == 58 && (ip[48] == 131 || ip[48] == 143)
	}
	return false
}

// TestVMACReports: our node's reports about the group of the adverts, which it has
// joined on the virtual interface, leave by the base, from its MAC.
func TestVMACReports(t *testing.T) {
	for _, proto := range vmacProtocols() {
		t.Run(proto.Name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, proto, lineup{"", ours, ours}, func(c *interop.Conf) { c.Inside = "\tuse_vmac" })
			p.start(high)
			p.awaitMaster(high)
			base, group := p.lan.MAC(high).String(), netip.MustParseAddr("224.0.0.18")
			if proto.IPv6 {
				group = netip.MustParseAddr("ff02::12")
			}
			reported := func() bool {
				for _, f := range p.cap.Packets() {
					if net.HardwareAddr(f.Data[6:12]).String() == base && membership(f.Data) && bytes.Contains(f.Data, group.AsSlice()) {
						return true
					}
				}
				return false
			}
			nettest.WaitFor(t, patience, reported, "a report about the group of the adverts from the base")
			p.stop(high)
			p.checkMACs(virtualMAC(proto.IPv6))
		})
	}
}

// TestVMACBothFamilies: a pair of instances, one for each family, with one number
// on one interface.
func TestVMACBothFamilies(t *testing.T) {
	six := interop.Protocol{Name: "v3ipv6", Version: 3, IPv6: true, Interval: 100 * time.Millisecond}
	four := interop.Protocol{Name: "v3", Version: 3, Interval: 100 * time.Millisecond}
	for _, who := range lineups() {
		t.Run(who.name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, four, who, func(c *interop.Conf) {
				c.Inside = "\tuse_vmac"
				c.Before = fmt.Sprintf("vrrp_instance SIX {\n\tinterface %s\n\tvirtual_router_id %d\n\tpriority %d\n\tadvert_int 0.1\n\tuse_vmac\n\tvirtual_ipaddress {\n",
					c.LAN.Iface(), interop.VRID, c.Priority)
				for _, vip := range six.VIPs() {
					c.Before += fmt.Sprintf("\t\t%v\n", vip)
				}
				c.Before += "\t}\n}\n"
			})
			holds := func(node int) func() bool {
				return func() bool {
					for _, vip := range six.VIPs() {
						if h := p.lan.Holders(vip.Addr()); len(h) != 1 || h[0] != node {
							return false
						}
					}
					return true
				}
			}
			p.start(high)
			p.start(low)
			p.awaitMaster(high)
			nettest.WaitFor(t, patience, holds(high), "IPv6 addresses at the high node")
			p.stop(high)
			p.awaitMaster(low)
			nettest.WaitFor(t, patience, holds(low), "IPv6 addresses at the low node")
			p.start(high)
			p.awaitMaster(high)
			nettest.WaitFor(t, patience, holds(high), "IPv6 addresses back at the high node")
			p.stop(high)
			p.stop(low)
			for _, a := range p.cap.Adverts() {
				if a.SrcMAC.String() != virtualMAC(a.Src.Is6()) {
					t.Fatalf("an advert for %v from %v", a.Dst, a.SrcMAC)
				}
			}
			if links := linkNames(t, p.lan.Node(high)) + linkNames(t, p.lan.Node(low)); strings.Contains(links, "vrrp") {
				t.Errorf("left behind: %s", links)
			}
		})
	}
}

// linkNames lists the interfaces of a node.
func linkNames(t *testing.T, ns *nettest.NS) string {
	t.Helper()
	links, err := ns.Handle().LinkList()
	if err != nil {
		t.Fatal(err)
	}
	out := ""
	for _, l := range links {
		out += " " + l.Attrs().Name
	}
	return out
}
