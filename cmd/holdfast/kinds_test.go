package main

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// kindAddr is the address of node i on a link of a kind, and kindVIP the one that moves.
func kindAddr(i int) string { return fmt.Sprintf("203.0.113.%d/24", i) }

const kindVIP = "203.0.113.100"

// linkKind is a kind of interface that an instance may run on.
type linkKind struct {
	name, iface string
	make        func(h *netlink.Handle, under netlink.Link) error
	more        string // after the virtual address
	instance    string // the interface of the instance, if it is another
}

var linkKinds = []linkKind{
	{name: "vlan", iface: "eth0.7", make: func(h *netlink.Handle, under netlink.Link) error {
		return h.LinkAdd(&netlink.Vlan{LinkAttrs: attrs("eth0.7", under), VlanId: 7, VlanProtocol: netlink.VLAN_PROTOCOL_8021Q})
	}},
	{name: "vrf", iface: "eth0", make: func(h *netlink.Handle, under netlink.Link) error {
		return intoVRF(h, under)
	}},
	{name: "vlan in a vrf", iface: "eth0.7", make: func(h *netlink.Handle, under netlink.Link) error {
		vlan := &netlink.Vlan{LinkAttrs: attrs("eth0.7", under), VlanId: 7, VlanProtocol: netlink.VLAN_PROTOCOL_8021Q}
		if err := h.LinkAdd(vlan); err != nil {
			return err
		}
		return intoVRF(h, vlan)
	}},
	{name: "bond", iface: "bond0", make: func(h *netlink.Handle, under netlink.Link) error {
		bond := netlink.NewLinkBond(attrs("bond0", nil))
		bond.Mode, bond.Miimon = netlink.BOND_MODE_ACTIVE_BACKUP, 20
		if err := h.LinkAdd(bond); err != nil {
			return err
		}
		return errors.Join(h.LinkSetDown(under), h.LinkSetMaster(under, bond), h.LinkSetUp(under))
	}},
	{name: "macvlan", iface: "mv0", make: func(h *netlink.Handle, under netlink.Link) error {
		return h.LinkAdd(&netlink.Macvlan{LinkAttrs: attrs("mv0", under), Mode: netlink.MACVLAN_MODE_BRIDGE})
	}},
	{name: "ipvlan", iface: "ipv0", make: func(h *netlink.Handle, under netlink.Link) error {
		return h.LinkAdd(&netlink.IPVlan{LinkAttrs: attrs("ipv0", under), Mode: netlink.IPVLAN_MODE_L2})
	}},
	// Nobody is reached through it: addresses are kept there, and advertised on eth0.
	{name: "dummy", iface: "dummy0", more: " dev dummy0", instance: "eth0", make: func(h *netlink.Handle, _ netlink.Link) error {
		return h.LinkAdd(&netlink.Dummy{LinkAttrs: attrs("dummy0", nil)})
	}},
}

func attrs(name string, under netlink.Link) netlink.LinkAttrs {
	a := netlink.NewLinkAttrs()
	a.Name = name
	if under != nil {
		a.ParentIndex = under.Attrs().Index
	}
	return a
}

// intoVRF makes a VRF and puts the link into it.
func intoVRF(h *netlink.Handle, l netlink.Link) error {
	vrf := &netlink.Vrf{LinkAttrs: attrs("blue", nil), Table: 10}
	if err := h.LinkAdd(vrf); err != nil {
		return err
	}
	return errors.Join(h.LinkSetUp(vrf), h.LinkSetMaster(l, vrf))
}

// build makes the link of the kind on node i, up and with an address. It skips
// the test where the kernel has no such links: `make test-vm` has them.
func (k *linkKind) build(t *testing.T, lan *nettest.LAN, i int) {
	t.Helper()
	h := lan.Node(i).Handle()
	under, err := h.LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	err = k.make(h, under)
	if errors.Is(err, unix.EOPNOTSUPP) {
		t.Skipf("this kernel has no such links; `make test-vm` has: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	l, err := h.LinkByName(k.iface)
	if err != nil {
		t.Fatal(err)
	}
	ip, prefix, err := net.ParseCIDR(kindAddr(i))
	if err != nil {
		t.Fatal(err)
	}
	prefix.IP = ip
	if err := errors.Join(h.LinkSetUp(l), h.AddrAdd(l, &netlink.Addr{IPNet: prefix})); err != nil {
		t.Fatal(err)
	}
}

// conf is an instance on the kind of link. Its clock is slow enough for a
// machine that is emulated.
func (k *linkKind) conf(priority int) string {
	s := fast("VI_1", 51, priority, "", kindVIP+"/24"+k.more)
	s = strings.Replace(s, "interface eth0", "interface "+cmp.Or(k.instance, k.iface), 1)
	return strings.Replace(s, "advert_int 0.1", "advert_int 0.5", 1)
}

// On every kind of interface a pair elects one, hands over when it stops, and the
// address is on that interface and nowhere else.
func TestKinds(t *testing.T) {
	nettest.Require(t)
	for _, k := range linkKinds {
		t.Run(k.name, func(t *testing.T) {
			lan := nettest.NewLANT(t, 2, nettest.Options{})
			k.build(t, lan, 1)
			one := newNode(t, lan.Node(1), k.conf(200)).start()
			k.build(t, lan, 2)
			one.waitKindAddr(k.iface, true)
			two := newNode(t, lan.Node(2), k.conf(100), "-D").start()
			two.waitLog("master set to ")
			one.stop()
			two.waitKindAddr(k.iface, true)
			one.waitKindAddr(k.iface, false)
			two.stop()
			two.waitKindAddr(k.iface, false)
		})
	}
}

func (n *node) waitKindAddr(iface string, there bool) {
	n.t.Helper()
	nettest.WaitFor(n.t, 30*time.Second, func() bool {
		addrs, err := n.ns.Addrs(iface)
		if err != nil {
			return false
		}
		for _, a := range addrs {
			if a.Addr() == netip.MustParseAddr(kindVIP) {
				return there
			}
		}
		return !there
	}, fmt.Sprintf("%s on %s of %s: %v", kindVIP, iface, n.ns.Name(), there))
}

// An interface that is moved into a VRF, or out of it, is down for a moment: the
// instance is in FAULT, is elected again, and advertises from where it is now.
func TestKindsMovedIntoVRF(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	k := linkKind{iface: "eth0", make: func(*netlink.Handle, netlink.Link) error { return nil }}
	k.build(t, lan, 1)
	capture := lan.CaptureT(t)
	n := newNode(t, lan.Node(1), k.conf(200)).start()
	n.waitLog("Entering MASTER STATE")
	h := n.ns.Handle()
	eth0, err := h.LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	if err := intoVRF(h, eth0); errors.Is(err, unix.EOPNOTSUPP) {
		t.Skipf("this kernel has no such links; `make test-vm` has: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	n.waitLogs("Entering MASTER STATE", 2)
	n.waitKindAddr("eth0", true)
	before := len(capture.Adverts())
	nettest.WaitFor(t, 10*time.Second, func() bool { return len(capture.Adverts()) > before }, "adverts from within the VRF")
	if err := h.LinkSetNoMaster(eth0); err != nil {
		t.Fatal(err)
	}
	n.waitLogs("Entering MASTER STATE", 3)
	n.waitKindAddr("eth0", true)
	n.stop()
	n.waitKindAddr("eth0", false)
}

// With a virtual MAC the addresses are on a link of their own, which is where its
// base is: in the VRF too, and moves with it.
func TestKindsVirtualMAC(t *testing.T) {
	nettest.Require(t)
	for _, k := range linkKinds {
		if k.instance != "" || k.name == "macvlan" || k.name == "ipvlan" {
			continue // nothing new, or no link above them that could have a MAC of its own
		}
		t.Run(k.name, func(t *testing.T) {
			lan := nettest.NewLANT(t, 2, nettest.Options{})
			k.build(t, lan, 1)
			k.build(t, lan, 2)
			conf := func(priority int) string {
				return strings.Replace(k.conf(priority), "advert_int", "use_vmac\n    advert_int", 1)
			}
			one := newNode(t, lan.Node(1), conf(200)).start()
			one.waitKindAddr("vrrp.51", true)
			if one.masterOf("vrrp.51") != one.masterOf(k.iface) {
				t.Errorf("vrrp.51 is in %q and its base in %q", one.masterOf("vrrp.51"), one.masterOf(k.iface))
			}
			two := newNode(t, lan.Node(2), conf(100), "-D").start()
			two.waitLog("master set to ")
			one.stop()
			two.waitKindAddr("vrrp.51", true)
			one.waitNoLink("vrrp.51")
			two.stop()
			two.waitNoLink("vrrp.51")
		})
	}
}

// A base that is moved into a VRF takes the link of the virtual MAC with it.
func TestKindsVirtualMACMoved(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	k := linkKind{iface: "eth0", make: func(*netlink.Handle, netlink.Link) error { return nil }}
	k.build(t, lan, 1)
	n := newNode(t, lan.Node(1), strings.Replace(k.conf(200), "advert_int", "use_vmac\n    advert_int", 1)).start()
	n.waitKindAddr("vrrp.51", true)
	h := n.ns.Handle()
	eth0, err := h.LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	if err := intoVRF(h, eth0); errors.Is(err, unix.EOPNOTSUPP) {
		t.Skipf("this kernel has no such links; `make test-vm` has: %v", err)
	} else if err != nil {
		t.Fatal(err)
	}
	nettest.WaitFor(t, 20*time.Second, func() bool { return n.masterOf("vrrp.51") == "blue" }, "the virtual link in the VRF")
	n.waitKindAddr("vrrp.51", true)
	n.stop()
	n.waitNoLink("vrrp.51")
}

// An ipvlan link has the MAC of its base and an address of its own, which adverts
// come from.
func TestKindsIPVLAN(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	for i := 1; i <= 2; i++ {
		k := linkKinds[slices.IndexFunc(linkKinds, func(k linkKind) bool { return k.name == "ipvlan" })]
		k.build(t, lan, i) // to see whether there are such links
		if l, err := lan.Node(i).Handle().LinkByName(k.iface); err != nil {
			t.Fatal(err)
		} else if err := lan.Node(i).Handle().LinkDel(l); err != nil {
			t.Fatal(err)
		}
	}
	conf := func(node, priority int) string {
		s := strings.Replace(fast("VI_1", 51, priority, "", kindVIP+"/24"), "advert_int 0.1", "advert_int 0.5", 1)
		return strings.Replace(s, "advert_int", fmt.Sprintf("use_ipvlan ipv51 192.0.2.%d/24\n    advert_int", 50+node), 1)
	}
	one := newNode(t, lan.Node(1), conf(1, 200)).start()
	one.waitKindAddr("ipv51", true)
	two := newNode(t, lan.Node(2), conf(2, 100), "-D").start()
	two.waitLog("master set to 192.0.2.51")
	one.stop()
	two.waitKindAddr("ipv51", true)
	one.waitNoLink("ipv51")
	two.stop()
	two.waitNoLink("ipv51")
}

// masterOf is the name of the VRF, bond or bridge that the link belongs to.
func (n *node) masterOf(link string) string {
	l, err := n.ns.Handle().LinkByName(link)
	if err != nil || l.Attrs().MasterIndex == 0 {
		return ""
	}
	m, err := n.ns.Handle().LinkByIndex(l.Attrs().MasterIndex)
	if err != nil {
		return ""
	}
	return m.Attrs().Name
}

func (n *node) waitNoLink(name string) {
	n.t.Helper()
	nettest.WaitFor(n.t, 10*time.Second, func() bool {
		_, err := n.ns.Handle().LinkByName(name)
		return err != nil
	}, "the end of "+name)
}

// A VLAN interface that is deleted and made anew under dynamic_interfaces is
// taken up again.
func TestKindsMadeAnew(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	k := linkKinds[0]
	k.build(t, lan, 1)
	n := newNode(t, lan.Node(1), "global_defs {\n dynamic_interfaces\n}\n"+k.conf(200)).start()
	n.waitKindAddr(k.iface, true)
	h := n.ns.Handle()
	l, err := h.LinkByName(k.iface)
	if err != nil {
		t.Fatal(err)
	}
	if err := h.LinkDel(l); err != nil {
		t.Fatal(err)
	}
	n.waitLog("Entering FAULT STATE")
	k.build(t, lan, 1)
	n.waitLogs("Entering MASTER STATE", 2)
	n.waitKindAddr(k.iface, true)
	n.stop()
}
