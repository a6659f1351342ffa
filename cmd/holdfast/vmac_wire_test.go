package main

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

const (
	virtualMAC = "00:00:5e:00:01:33"
	vip6       = "2001:db8::100"
)

// neighbour is the MAC that a node knows for an address.
func neighbour(t *testing.T, ns *nettest.NS, addr string) string {
	t.Helper()
	eth, err := ns.Handle().LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	all, err := ns.Handle().NeighList(eth.Attrs().Index, netlink.FAMILY_ALL)
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range all {
		if n.IP.Equal(net.ParseIP(addr)) {
			return n.HardwareAddr.String()
		}
	}
	return ""
}

// TestVMACServes: a client that asks who has the address hears of the virtual MAC
// and of no other, reaches a service there, and, with the address as its gateway,
// somebody behind it; and still does after the address has moved.
func TestVMACServes(t *testing.T) {
	needNFT(t)
	lan := nettest.NewLANT(t, 4, nettest.Options{})
	client, far := lan.Node(3), lan.Node(4)
	run := func(ns *nettest.NS, args ...string) {
		t.Helper()
		if out, err := tool(ns, "ip", args...); err != nil {
			t.Fatalf("ip %v: %v\n%s", args, err, out)
		}
	}
	run(far, "addr", "add", "203.0.113.1/32", "dev", "lo")
	for i := 1; i <= 2; i++ {
		run(lan.Node(i), "route", "add", "203.0.113.1", "via", "192.0.2.4")
		if err := lan.Node(i).Sysctl("net.ipv4.ip_forward", "1"); err != nil {
			t.Fatal(err)
		}
		serve(t, lan.Node(i))
	}
	serve(t, far)
	conf := func(priority int) string {
		return fast("VI_1", 51, priority, "use_vmac", vip+"/24") + fast("VI_6", 51, priority, "use_vmac", "fe80::100/64", vip6+"/64")
	}
	a := newNode(t, lan.Node(1), conf(150)).start()
	a.waitAddr(vip, true)
	a.waitAddr(vip6, true)
	b := newNode(t, lan.Node(2), conf(100)).start()
	b.waitLogs("Entering BACKUP STATE", 2)
	run(client, "route", "add", "203.0.113.1", "via", vip)
	asks := func(when string) {
		t.Helper()
		for _, addr := range []string{vip, "203.0.113.1"} {
			nettest.WaitFor(t, 5*time.Second, func() bool { return dial(client, addr) == nil }, when+": an answer from "+addr)
		}
		refused := func() bool { // nobody listens there, and the kernel says so
			err := client.Do(func() error {
				c, err := net.DialTimeout("tcp6", net.JoinHostPort(vip6, "9"), 300*time.Millisecond)
				if err == nil {
					c.Close()
				}
				return err
			})
			return errors.Is(err, syscall.ECONNREFUSED)
		}
		nettest.WaitFor(t, 5*time.Second, refused, when+": an answer from "+vip6)
		for addr, want := range map[string]string{vip: virtualMAC, vip6: "00:00:5e:00:02:33"} {
			if mac := neighbour(t, client, addr); mac != want {
				t.Errorf("%s: the client knows %s for %s", when, mac, addr)
			}
		}
	}
	asks("at first")
	run(client, "neigh", "flush", "all")
	asks("asked anew")
	a.stop()
	b.waitLogs("Entering MASTER STATE", 2)
	asks("after it has moved")
}

// tool runs a program in a namespace and returns what it prints.
func tool(ns *nettest.NS, name string, args ...string) (string, error) {
	var b strings.Builder
	c := exec.Command(name, args...)
	c.Stdout, c.Stderr = &b, &b
	p, err := ns.Start(c)
	if err == nil {
		err = p.Wait()
	}
	return b.String(), err
}

// TestVMACExtra: with garp_extra_if an interface that has addresses and carries no
// adverts is announced again and again, one address each time.
func TestVMACExtra(t *testing.T) {
	needNFT(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	cap := lan.CaptureT(t)
	n := newNode(t, lan.Node(1), fast("VI_1", 51, 100,
		"use_vmac\nvmac_xmit_base\ngarp_extra_if 1\ngarp_master_repeat 1\ngarp_master_delay 0\nvirtual_ipaddress_excluded {\n192.0.2.101/24\n}", vip+"/24")).start()
	count := func(addr string) (all int) {
		for _, p := range cap.Packets() {
			if a, ok := p.Announced(); ok && a == netip.MustParseAddr(addr) && net.HardwareAddr(p.Data[6:12]).String() == virtualMAC {
				all++
			}
		}
		return all
	}
	n.waitAddr("192.0.2.101", true)
	nettest.WaitFor(t, 10*time.Second, func() bool { return count(vip) >= 3 }, "two announcements after the first")
	if got := count("192.0.2.101"); got != 1 {
		t.Errorf("the second address was announced %d times", got)
	}
	n.stop()
}

// TestVMACStays: with --dont-release-vrrp everything stays, and the next run takes
// it over.
func TestVMACStays(t *testing.T) {
	needNFT(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	was := settled(t, lan.Node(1))
	n := newNode(t, lan.Node(1), vmacConf("use_vmac"), "--dont-release-vrrp").start()
	n.onLink(vip, "vrrp.51")
	n.stop()
	n.onLink(vip, "vrrp.51")
	if rules := ruleset(t, n.ns); !strings.Contains(rules, "vmac_map") {
		t.Errorf("rules:\n%s", rules)
	}
	n.args = slices.DeleteFunc(n.args, func(a string) bool { return a == "--dont-release-vrrp" })
	n.start()
	n.waitLog("took over the VMAC interface vrrp.51")
	n.waitLogs("Entering MASTER STATE", 2)
	n.stop()
	sameSystem(t, n.ns, was, "after the second run")
}

// TestVMACBaseComesAndGoes: a base that is not there at the start, one that goes,
// and one that comes back.
func TestVMACBaseComesAndGoes(t *testing.T) {
	needNFT(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	ns := lan.Node(1)
	plug := func() {
		t.Helper()
		v := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "late0", Flags: net.FlagUp}, PeerName: "late1"}
		own, err := netlink.ParseAddr("198.51.100.1/24")
		if err == nil {
			err = ns.Handle().LinkAdd(v)
		}
		if err == nil {
			err = ns.Handle().AddrAdd(v, own)
		}
		if err != nil {
			t.Fatal(err)
		}
		peer, err := ns.Handle().LinkByName("late1")
		if err == nil {
			err = ns.Handle().LinkSetUp(peer)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	conf := "global_defs {\ndynamic_interfaces\n}\n" + strings.Replace(fast("VI_1", 51, 100, "use_vmac", "198.51.100.100/24"), "eth0", "late0", 1)
	n := newNode(t, ns, conf).start()
	n.waitLog("entering FAULT state")
	for round := range 2 {
		plug()
		n.onLink("198.51.100.100", "vrrp.51")
		if got, _ := ns.Addrs("vrrp.51"); len(got) != 1 {
			t.Errorf("the interface has %v", got)
		}
		if err := ns.Handle().LinkDel(n.link("late0")); err != nil {
			t.Fatal(err)
		}
		n.waitLogs("Entering FAULT STATE", 1+round)
		nettest.WaitFor(t, 5*time.Second, func() bool { return n.link("vrrp.51") == nil }, "the interface to go with its base")
	}
	n.stop()
}

// TestVMACAcceptReloads: with a virtual MAC, packets for the addresses are dropped
// or let through as the configuration says, through reloads both ways.
func TestVMACAcceptReloads(t *testing.T) {
	needNFT(t)
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	serve(t, lan.Node(1))
	answers := func(want bool) {
		t.Helper()
		nettest.WaitFor(t, 10*time.Second, func() bool { return (dial(lan.Node(2), vip) == nil) == want }, fmt.Sprintf("an answer: %v", want))
	}
	n := newNode(t, lan.Node(1), vmacConf("use_vmac\nno_accept")).start()
	n.onLink(vip, "vrrp.51")
	answers(false)
	n.reload(vmacConf("use_vmac\naccept"))
	answers(true)
	n.reload(vmacConf("use_vmac\nno_accept"))
	answers(false)
	rules := ruleset(t, n.ns)
	if out, in := strings.Index(rules, "ip protocol igmp"), strings.Index(rules, "ip saddr @vips"); out < 0 || in < out {
		t.Errorf("rules:\n%s", rules)
	}
	n.stop()
	if rules := ruleset(t, n.ns); rules != "" {
		t.Errorf("left behind:\n%s", rules)
	}
}

// TestVMACUnicast: unicast adverts leave by the base, and a base that goes down
// with dont_track_primary costs nothing.
func TestVMACUnicast(t *testing.T) {
	needNFT(t)
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	cap := lan.CaptureT(t)
	n := newNode(t, lan.Node(1), vmacConf("use_vmac\ndont_track_primary\nunicast_src_ip 192.0.2.1\nunicast_peer {\n192.0.2.2\n}")).start()
	n.onLink(vip, "vrrp.51")
	nettest.WaitFor(t, 5*time.Second, func() bool { return len(cap.Adverts()) > 3 }, "adverts")
	for _, a := range cap.Adverts() {
		if a.SrcMAC.String() != lan.MAC(1).String() {
			t.Errorf("an advert from %v", a.SrcMAC)
		}
	}
	h := lan.Node(1).Handle()
	if err := h.LinkSetDown(n.link("eth0")); err != nil {
		t.Fatal(err)
	}
	nettest.WaitFor(t, 5*time.Second, func() bool { return n.link("vrrp.51").Attrs().Flags&net.FlagRunning == 0 }, "the interface without carrier")
	if err := h.LinkSetUp(n.link("eth0")); err != nil {
		t.Fatal(err)
	}
	n.waitLog("Entering MASTER STATE")
	n.signal(syscall.SIGTERM)
	<-n.proc.Done()
	if n.out.count("Entering FAULT STATE") > 0 || n.out.count("Entering MASTER STATE") != 1 {
		t.Error("the base counted although it is not tracked")
	}
}

// TestVMACBaseAddressComesLate: the rules know the link-local address of the base as
// soon as there is one, and no other address in its place (sheet 2.3).
func TestVMACBaseAddressComesLate(t *testing.T) {
	needNFT(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	ns := lan.Node(1)
	run := func(args ...string) {
		t.Helper()
		if out, err := tool(ns, "ip", args...); err != nil {
			t.Fatalf("ip %v: %v\n%s", args, err, out)
		}
	}
	settled(t, ns)
	ll := lan.LinkLocal(1).String()
	run("addr", "del", ll+"/64", "dev", "eth0")
	n := newNode(t, ns, fast("VI_1", 51, 100, "virtual_ipaddress_excluded {\n2001:db8::7/64 use_vmac\n}", vip+"/24")).start()
	n.onLink("2001:db8::7", "vrrp.51")
	_, parents, _ := strings.Cut(ruleset(t, ns), "set parent_link_local {")
	parents, _, _ = strings.Cut(parents, "}\n")
	if strings.Contains(parents, "elements") {
		t.Errorf("without an address there is %s", parents)
	}
	run("addr", "add", ll+"/64", "dev", "eth0")
	nettest.WaitFor(t, 5*time.Second, func() bool { return strings.Contains(ruleset(t, ns), ll+` . "vrrp.51"`) }, "the address in the rules")
	n.stop()
	if rules := ruleset(t, ns); rules != "" {
		t.Errorf("left behind:\n%s", rules)
	}
}
