package main

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// needNFT skips where the rules cannot be listed.
func needNFT(t *testing.T) {
	t.Helper()
	nettest.Require(t)
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("needs Debian's nftables, see scripts/setup")
	}
}

// settled is system once the kernel has done what it does itself to new interfaces.
func settled(t *testing.T, ns *nettest.NS) (all string) {
	t.Helper()
	nettest.WaitFor(t, 10*time.Second, func() bool {
		all = system(t, ns)
		return !strings.Contains(all, "tentative")
	}, "the addresses to be usable")
	return all
}

// system is all that a daemon could leave behind in a namespace, in words.
func system(t *testing.T, ns *nettest.NS) string {
	t.Helper()
	var b strings.Builder
	for _, cmd := range []string{
		"ip -d link", "ip addr", "ip -4 route show table all", "ip -6 route show table all", "ip -4 rule", "ip -6 rule", "nft list ruleset",
	} {
		c := exec.Command("sh", "-c", cmd)
		c.Stdout, c.Stderr = &b, &b
		p, err := ns.Start(c)
		if err == nil {
			err = p.Wait()
		}
		if err != nil {
			t.Fatalf("%s: %v\n%s", cmd, err, &b)
		}
	}
	err := ns.Do(func() error {
		files, err := filepath.Glob("/proc/sys/net/ipv[46]/conf/*/*")
		for _, f := range append(files, "/proc/sys/net/ipv4/igmp_link_local_mcast_reports") {
			if text, err := os.ReadFile(f); err == nil { // a secret that is not set cannot be read
				fmt.Fprintf(&b, "%s = %s", f, text)
			}
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// sameSystem waits until the system is as it was: some of what the kernel does
// itself takes a moment.
func sameSystem(t *testing.T, ns *nettest.NS, was, when string) {
	t.Helper()
	now := ""
	if !nettest.Poll(5*time.Second, func() bool {
		now = system(t, ns)
		return now == was
	}) {
		t.Errorf("%s: before (-) and after (+):\n%s", when, cmp.Diff(strings.Split(was, "\n"), strings.Split(now, "\n")))
	}
}

// twoNets is a node on two segments, with rp_filter as the distributions have it.
func twoNets(t *testing.T) *nettest.LAN {
	t.Helper()
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	nettest.NewLANT(t, 2, nettest.Options{Join: lan, Segment: 1})
	for _, key := range []string{"net.ipv4.conf.all.rp_filter", "net.ipv4.conf.eth1.arp_ignore"} {
		if err := lan.Node(1).Sysctl(key, "2"); err != nil {
			t.Fatal(err)
		}
	}
	return lan
}

const plainP = `
vrrp_instance P {
    version 3
    interface eth1
    virtual_router_id 70
    priority 150
    advert_int 0.1
    promote_secondaries
    virtual_ipaddress {
        198.51.100.170/24
    }
}
`

const everyVMAC = plainP + `
global_defs {
    disable_local_igmp
    vmac_prefix vv
    vmac_addr_prefix va
}
vrrp_sync_group G {
    group {
        V4
        V6
    }
}

vrrp_instance V4 {
    version 3
    interface eth0
    virtual_router_id 51
    priority 150
    advert_int 0.1
    use_vmac
    use_vmac_addr
    no_accept
    virtual_ipaddress {
        192.0.2.100/24
        198.51.100.7/24 dev eth1
    }
    virtual_ipaddress_excluded {
        2001:db8::7/64
    }
}
vrrp_instance V6 {
    version 3
    interface eth0
    virtual_router_id 51
    priority 150
    advert_int 0.1
    use_vmac six 02:00:01:02:03
    virtual_ipaddress {
        fe80::100/64
        2001:db8::100/64
    }
    virtual_ipaddress_excluded {
        192.0.2.101/24
    }
}
vrrp_instance X {
    version 3
    interface eth1
    virtual_router_id 60
    priority 150
    advert_int 0.1
    use_vmac
    vmac_xmit_base
    virtual_ipaddress {
        198.51.100.100/24
    }
}
`

// TestVMACLeavesNothing: what the system was before is what it is after a stop,
// and after a crash, a start and a stop; also if the second run has no virtual
// MAC at all. keepalived leaves arp_ignore and arp_filter changed (sheet 1.4).
func TestVMACLeavesNothing(t *testing.T) {
	needNFT(t)
	lan := twoNets(t)
	ns := lan.Node(1)
	was := settled(t, ns)
	n := newNode(t, ns, everyVMAC).start()
	held := func(n *node) {
		t.Helper()
		for _, a := range []string{"192.0.2.100", "198.51.100.7", "2001:db8::7", "fe80::100", "2001:db8::100", "192.0.2.101", "198.51.100.100", "198.51.100.170"} {
			n.waitAddr(a, true)
		}
	}
	held(n)
	where := map[string]string{
		"192.0.2.100": "vv.51", "2001:db8::100": "six", "192.0.2.101": "six", "198.51.100.100": "vv.60",
		"198.51.100.7": "va.51", "2001:db8::7": "va6.51",
	}
	for a, link := range where {
		addrs, err := ns.Addrs(link)
		if err != nil || !slices.ContainsFunc(addrs, func(p netip.Prefix) bool { return p.Addr() == netip.MustParseAddr(a) }) {
			t.Errorf("%s is not on %s, which has %v (%v)", a, link, addrs, err)
		}
	}
	n.stop()
	sameSystem(t, ns, was, "after a stop")

	n = newNode(t, ns, everyVMAC).start()
	held(n)
	n.signal(syscall.SIGKILL)
	<-n.proc.Done()
	again := newNode(t, ns, everyVMAC)
	again.dir, again.args = n.dir, n.args
	again.start()
	again.waitLog("took over the VMAC interface six")
	again.waitLogs("Entering MASTER STATE", 4)
	held(again)
	again.stop()
	sameSystem(t, ns, was, "after a crash, a start and a stop")

	n.start()
	held(n)
	n.signal(syscall.SIGKILL)
	<-n.proc.Done()
	n.configure(plainP)
	masters := n.out.count("Entering MASTER STATE")
	n.start()
	n.waitLogs("Entering MASTER STATE", masters+1)
	if _, err := ns.Handle().LinkByName("vv.51"); err == nil {
		t.Error("a link of the crashed run is still there")
	}
	n.stop()
	sameSystem(t, ns, was, "after a crash, and a run without virtual MACs")
}

// vmacConf is an instance on a virtual MAC interface.
func vmacConf(more string) string {
	return fast("VI_1", 51, 100, more, "192.0.2.100/24")
}

// link is an interface of a node; nil: there is none.
func (n *node) link(name string) netlink.Link {
	l, err := n.ns.Handle().LinkByName(name)
	if err != nil {
		return nil
	}
	return l
}

// onLink waits until the address is on the interface.
func (n *node) onLink(addr, link string) {
	n.t.Helper()
	nettest.WaitFor(n.t, 15*time.Second, func() bool {
		addrs, _ := n.ns.Addrs(link)
		return slices.ContainsFunc(addrs, func(p netip.Prefix) bool { return p.Addr() == netip.MustParseAddr(addr) })
	}, addr+" on "+link)
}

// TestVMACEvents does to a virtual MAC interface, and to its base, what others
// may do while the instance is MASTER.
func TestVMACEvents(t *testing.T) {
	needNFT(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), vmacConf("use_vmac")).start()
	h := lan.Node(1).Handle()
	own, err := netlink.ParseAddr("192.0.2.1/24")
	if err != nil {
		t.Fatal(err)
	}
	masters := 0
	master := func(what string) {
		t.Helper()
		masters++
		n.waitLogs("Entering MASTER STATE", masters)
		n.onLink(vip, "vrrp.51")
		if l := n.link("vrrp.51"); l == nil || l.Attrs().HardwareAddr.String() != "00:00:5e:00:01:33" {
			t.Fatalf("%s: the interface is %v", what, l)
		}
		if rules := ruleset(t, n.ns); !strings.Contains(rules, `elements = { "vrrp.51" : `) {
			t.Errorf("%s: rules:\n%s", what, rules)
		}
	}
	check := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	master("at first")
	check(h.LinkDel(n.link("vrrp.51")))
	master("deleted")
	check(h.LinkSetName(n.link("vrrp.51"), "mine"))
	master("renamed")
	nettest.WaitFor(t, 5*time.Second, func() bool { return n.link("mine") == nil }, "the renamed interface to go")

	check(h.LinkSetDown(n.link("vrrp.51")))
	n.waitLogs("Entering FAULT STATE", 3)
	n.waitAddr(vip, false)
	if n.link("vrrp.51").Attrs().OperState == netlink.OperUp {
		t.Error("it was set up again")
	}
	check(h.LinkSetUp(n.link("vrrp.51")))
	master("down and up")

	check(h.LinkSetDown(n.link("eth0")))
	n.waitLogs("Entering FAULT STATE", 4)
	check(h.LinkSetUp(n.link("eth0")))
	master("base down and up")

	n.followsMTU()

	check(h.AddrDel(n.link("eth0"), own))
	n.waitLogs("Entering FAULT STATE", 5)
	if n.link("vrrp.51") == nil {
		t.Error("without a source the interface has gone")
	}
	check(h.AddrAdd(n.link("eth0"), own))
	master("source back")
	n.stop()
}

// followsMTU changes the MTU of the base, and waits for that of the virtual interface.
func (n *node) followsMTU() {
	n.t.Helper()
	for _, mtu := range []int{1400, 1500} {
		if err := n.ns.Handle().LinkSetMTU(n.link("eth0"), mtu); err != nil {
			n.t.Fatal(err)
		}
		nettest.WaitFor(n.t, 5*time.Second, func() bool { return n.link("vrrp.51").Attrs().MTU == mtu }, fmt.Sprint("the MTU to become ", mtu))
	}
}

// TestVMACReload: a reload may add and remove virtual MACs, rename them, and move
// the adverts to the base and back.
func TestVMACReload(t *testing.T) {
	needNFT(t)
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	cap := lan.CaptureT(t)
	n := newNode(t, lan.Node(1), vmacConf("")).start()
	n.onLink(vip, "eth0")
	from := func(mac string) {
		t.Helper()
		since := time.Now()
		nettest.WaitFor(t, 15*time.Second, func() bool {
			for _, a := range cap.Adverts() {
				if a.Time.After(since) && a.Priority == 100 {
					return a.SrcMAC.String() == mac
				}
			}
			return false
		}, "adverts from "+mac)
	}
	const virtual = "00:00:5e:00:01:33"
	base := lan.MAC(1).String()
	from(base)
	n.reload(vmacConf("use_vmac"))
	n.onLink(vip, "vrrp.51")
	from(virtual)
	n.reload(vmacConf("use_vmac\nvmac_xmit_base"))
	n.onLink(vip, "vrrp.51")
	from(base)
	n.reload(vmacConf("use_vmac other"))
	n.onLink(vip, "other")
	from(virtual)
	if n.link("vrrp.51") != nil {
		t.Error("the old interface is still there")
	}
	if got := n.out.count("Entering MASTER STATE"); got != 2 {
		t.Errorf("MASTER %d times, want 2: moving the adverts or the name costs no state", got)
	}
	six := func(more string) string { return fast("VI_6", 51, 100, more, "fe80::100/64", "2001:db8::100/64") }
	n.reload(vmacConf("use_vmac other") + six("use_vmac\nvmac_xmit_base"))
	n.onLink("2001:db8::100", "vrrp.51")
	n.reload(vmacConf("use_vmac other") + six("use_vmac"))
	n.onLink(lan.LinkLocal(1).String(), "vrrp.51")
	n.reload(vmacConf("use_vmac other") + six("use_vmac\nvmac_xmit_base"))
	if got := n.out.count("(VI_6) Entering MASTER STATE"); got != 1 || n.out.count("FAULT STATE") > 0 {
		t.Errorf("VI_6 was MASTER %d times, want 1", got)
	}
	n.reload(vmacConf("use_vmac other 02:11:22:33:44"))
	from("02:11:22:33:44:33")
	n.reload(vmacConf(""))
	n.onLink(vip, "eth0")
	from(base)
	if n.link("other") != nil {
		t.Error("the interface is still there")
	}
	if rules := ruleset(t, n.ns); regexp.MustCompile(`type iface_index.*\n\s*elements`).MatchString(rules) {
		t.Errorf("rules that belong to nobody:\n%s", rules)
	}
	n.stop()
	if rules := ruleset(t, n.ns); rules != "" {
		t.Errorf("left behind:\n%s", rules)
	}
}
