package netio

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

var (
	vip4 = netip.MustParseAddr("192.0.2.100")
	vip6 = netip.MustParseAddr("2001:db8::205")
)

// isAnnouncement matches gratuitous ARP and unsolicited advertisements of the
// two addresses above. Interfaces that come up make some of their own.
func isAnnouncement(frame []byte) bool {
	switch binary.BigEndian.Uint16(frame[12:]) {
	case unix.ETH_P_ARP:
		return true
	case unix.ETH_P_IPV6:
		return len(frame) > 54 && frame[54] == 136
	}
	return false
}

// announceT announces on the interface of the namespace.
func announceT(tb testing.TB, a *Announcer, ns *nettest.NS, index int, addrs ...netip.Addr) error {
	tb.Helper()
	return ns.Do(func() error { return a.Announce(index, addrs...) })
}

func newAnnouncer(tb testing.TB) *Announcer {
	a := new(Announcer)
	tb.Cleanup(func() {
		if err := a.Close(); err != nil {
			tb.Error(err)
		}
	})
	return a
}

// Whole frames, in the order of the addresses.
func TestAnnounce(t *testing.T) {
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	capture := lan.CaptureT(t)
	index := ifIndex(t, lan.Node(1), lan.Iface())
	a := newAnnouncer(t)
	if err := announceT(t, a, lan.Node(1), index, vip4, vip6, vip4.Next()); err != nil {
		t.Fatal(err)
	}

	mac := hex.EncodeToString(lan.MAC(1))
	arp := func(addr string) string {
		return "ffffffffffff" + mac + "0806" +
			"0001 0800 06 04 0001" + mac + addr + "ffffffffffff" + addr
	}
	const addr6 = "20010db8000000000000000000000205"
	want := []string{
		arp("c0000264"),
		"333300000001" + mac + "86dd" +
			"60000000 0020 3a ff" + addr6 + "ff020000000000000000000000000001" +
			"8800 f522 20000000" + addr6 + "0201" + mac,
		arp("c0000265"),
	}
	for i, frame := range frames(t, capture, 3, isAnnouncement) {
		if got, want := hex.EncodeToString(frame), strings.ReplaceAll(want[i], " ", ""); got != want {
			t.Errorf("frame %d\ngot  %s\nwant %s", i, got, want)
		}
	}
}

// The neighbours believe it: their caches change.
func TestAnnounceMovesNeighbours(t *testing.T) {
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	client := lan.Node(2)
	index := ifIndex(t, client, lan.Iface())
	old := net.HardwareAddr{2, 0, 0, 0, 0, 0x77}
	for _, addr := range []netip.Addr{vip4, vip6} {
		err := client.Handle().NeighSet(&netlink.Neigh{
			LinkIndex: index, IP: addr.AsSlice(), HardwareAddr: old, State: netlink.NUD_STALE,
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	a := newAnnouncer(t)
	err := announceT(t, a, lan.Node(1), ifIndex(t, lan.Node(1), lan.Iface()), vip4, vip6)
	if err != nil {
		t.Fatal(err)
	}
	for _, addr := range []netip.Addr{vip4, vip6} {
		nettest.WaitFor(t, patience, func() bool {
			list, err := client.Handle().NeighList(index, 0)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range list {
				if n.IP.Equal(addr.AsSlice()) && n.HardwareAddr.String() == lan.MAC(1).String() {
					return true
				}
			}
			return false
		}, fmt.Sprintf("the new neighbour %s", addr))
	}
}

func TestAnnounceRouterFlag(t *testing.T) {
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	node, index := lan.Node(1), ifIndex(t, lan.Node(1), lan.Iface())
	capture := lan.CaptureT(t)
	a := newAnnouncer(t)
	forward := func(value string) {
		t.Helper()
		if err := node.Sysctl("net/ipv6/conf/"+lan.Iface()+"/forwarding", value); err != nil {
			t.Fatal(err)
		}
	}
	sent := 0
	flags := func() byte {
		t.Helper()
		if err := announceT(t, a, node, index, vip6); err != nil {
			t.Fatal(err)
		}
		sent++
		return frames(t, capture, sent, isAnnouncement)[sent-1][58]
	}
	age := func(d time.Duration) { a.ports[index].forwardedAt = time.Now().Add(-d) }

	const host, router = 0x20, 0xa0
	if got := flags(); got != host {
		t.Errorf("flags %#x, want %#x", got, host)
	}
	forward("1")
	if got := flags(); got != host {
		t.Errorf("flags %#x, want %#x: the sysctl was just read", got, host)
	}
	age(forwardingAge + time.Millisecond)
	if got := flags(); got != router {
		t.Errorf("flags %#x, want %#x", got, router)
	}
	forward("0")
	age(forwardingAge + time.Millisecond)
	if got := flags(); got != host {
		t.Errorf("flags %#x, want %#x", got, host)
	}
}

// The MAC is that of the moment.
func TestAnnounceNewMAC(t *testing.T) {
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	node, index := lan.Node(1), ifIndex(t, lan.Node(1), lan.Iface())
	capture := lan.CaptureT(t)
	a := newAnnouncer(t)
	if err := announceT(t, a, node, index, vip4, vip6); err != nil {
		t.Fatal(err)
	}
	l, err := node.Handle().LinkByIndex(index)
	if err != nil {
		t.Fatal(err)
	}
	vrrp := net.HardwareAddr{0, 0, 0x5e, 0, 1, 0x33}
	if err := node.Handle().LinkSetHardwareAddr(l, vrrp); err != nil {
		t.Fatal(err)
	}
	if err := announceT(t, a, node, index, vip4, vip6); err != nil {
		t.Fatal(err)
	}
	for _, frame := range frames(t, capture, 4, func(f []byte) bool {
		// The kernel announces the new MAC for its own address.
		return isAnnouncement(f) && strings.Contains(hex.EncodeToString(f), "c0000264") ||
			isAnnouncement(f) && strings.Contains(hex.EncodeToString(f), hex.EncodeToString(vip6.AsSlice()))
	})[2:] {
		if n := strings.Count(hex.EncodeToString(frame), hex.EncodeToString(vrrp)); n != 2 {
			t.Errorf("the new MAC is there %d times, want 2:\n%x", n, frame)
		}
	}
}

// On a virtual MAC's interface the frames bear the virtual MAC.
func TestAnnounceMacvlan(t *testing.T) {
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	node := lan.Node(1)
	vrrp := net.HardwareAddr{0, 0, 0x5e, 0, 1, 0x33}
	l := &netlink.Macvlan{LinkAttrs: netlink.LinkAttrs{
		Name: "vrrp.51", ParentIndex: ifIndex(t, node, lan.Iface()), HardwareAddr: vrrp,
	}, Mode: netlink.MACVLAN_MODE_PRIVATE}
	if err := node.Handle().LinkAdd(l); err != nil {
		if errors.Is(err, unix.EOPNOTSUPP) {
			t.Skip("the kernel has no macvlan")
		}
		t.Fatal(err)
	}
	if err := node.Handle().LinkSetUp(l); err != nil {
		t.Fatal(err)
	}
	capture := lan.CaptureT(t)
	a := newAnnouncer(t)
	if err := announceT(t, a, node, ifIndex(t, node, "vrrp.51"), vip4); err != nil {
		t.Fatal(err)
	}
	frame := frames(t, capture, 1, isAnnouncement)[0]
	want := "ffffffffffff00005e00013308060001080006040001" + "00005e000133c0000264ffffffffffffc0000264"
	if got := hex.EncodeToString(frame); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// Where nobody listens nothing is sent, and that is not an error.
func TestAnnounceNoNeighbours(t *testing.T) {
	ns := nettest.NewT(t, "quiet")
	// Or the kernel sends reports of its own about the groups that IPv6 joins.
	if err := ns.Sysctl("net.ipv6.conf.default.disable_ipv6", "1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	addVeth(t, ns, "noarp0", 0)
	l, err := ns.Handle().LinkByName("noarp0")
	if err == nil {
		err = ns.Handle().LinkSetARPOff(l)
	}
	if err != nil {
		t.Fatal(err)
	}
	a := newAnnouncer(t)
	for _, name := range []string{"lo", "noarp0"} {
		before := txPackets(t, ns, name)
		if err := announceT(t, a, ns, ifIndex(t, ns, name), vip4, vip6); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if got := txPackets(t, ns, name) - before; got != 0 {
			t.Errorf("%s: sent %d packets", name, got)
		}
	}
}

func TestNeighbours(t *testing.T) {
	mac := net.HardwareAddr{2, 0, 0, 0, 0, 1}
	tests := []struct {
		name    string
		l       link
		want    bool
		wantErr error
	}{
		{"Ethernet", link{kind: unix.ARPHRD_ETHER, flags: unix.IFF_UP, mac: mac}, true, nil},
		{"without ARP", link{kind: unix.ARPHRD_ETHER, flags: unix.IFF_UP | unix.IFF_NOARP, mac: mac}, false, nil},
		{"loopback", link{kind: unix.ARPHRD_LOOPBACK, flags: unix.IFF_LOOPBACK, mac: mac}, false, nil},
		{"PPP", link{kind: unix.ARPHRD_PPP, flags: unix.IFF_UP}, false, nil},
		{"InfiniBand", link{kind: unix.ARPHRD_INFINIBAND, mac: make([]byte, 8)}, false, ErrLinkType},
		{"InfiniBand without ARP", link{kind: unix.ARPHRD_INFINIBAND, flags: unix.IFF_NOARP}, false, nil},
	}
	for _, tt := range tests {
		got, err := tt.l.neighbours()
		if got != tt.want || !errors.Is(err, tt.wantErr) {
			t.Errorf("%s: %t, %v, want %t, %v", tt.name, got, err, tt.want, tt.wantErr)
		}
	}
}

// One address that cannot be announced does not keep the others back.
func TestAnnounceBadAddress(t *testing.T) {
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	capture := lan.CaptureT(t)
	a := newAnnouncer(t)
	err := announceT(t, a, lan.Node(1), ifIndex(t, lan.Node(1), lan.Iface()),
		vip4, netip.MustParseAddr("::ffff:192.0.2.1"), netip.Addr{}, vip6)
	if err == nil || !strings.Contains(err.Error(), "::ffff:192.0.2.1") {
		t.Errorf("error %v, want one about ::ffff:192.0.2.1", err)
	}
	if got := len(frames(t, capture, 2, isAnnouncement)); got != 2 {
		t.Errorf("%d frames, want 2", got)
	}
}

func TestAnnounceInterfaceDown(t *testing.T) {
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	node, index := lan.Node(1), ifIndex(t, lan.Node(1), lan.Iface())
	l, err := node.Handle().LinkByIndex(index)
	if err != nil {
		t.Fatal(err)
	}
	a := newAnnouncer(t)
	announce := func() error { return announceT(t, a, node, index, vip4, vip6) }
	if err := announce(); err != nil {
		t.Fatal(err)
	}
	if err := node.Handle().LinkSetDown(l); err != nil {
		t.Fatal(err)
	}
	if err := announce(); !errors.Is(err, unix.ENETDOWN) {
		t.Errorf("down: %v, want %v", err, unix.ENETDOWN)
	}
	if err := node.Handle().LinkSetUp(l); err != nil {
		t.Fatal(err)
	}
	if err := announce(); err != nil {
		t.Errorf("up again: %v", err)
	}
}

// A socket does not outlive its interface, but the Announcer does, even if the
// interface returns with its old index and another MAC.
func TestAnnounceInterfaceGone(t *testing.T) {
	ns := nettest.NewT(t, "gone")
	const index = 4711
	a := newAnnouncer(t)
	announce := func() error { return announceT(t, a, ns, index, vip4) }
	if err := announce(); !errors.Is(err, ErrNoInterface) {
		t.Errorf("before: %v, want %v", err, ErrNoInterface)
	}
	for range 2 {
		l := addVeth(t, ns, "gone0", index)
		if err := announce(); err != nil {
			t.Error(err)
		}
		if err := ns.Handle().LinkSetName(l, "renamed0"); err != nil {
			t.Fatal(err)
		}
		if err := announce(); err != nil {
			t.Errorf("renamed: %v", err)
		}
		if err := ns.Handle().LinkDel(l); err != nil {
			t.Fatal(err)
		}
		if err := announce(); !errors.Is(err, ErrNoInterface) {
			t.Errorf("after: %v, want %v", err, ErrNoInterface)
		}
		if n := len(a.ports); n != 0 {
			t.Errorf("%d sockets are left over", n)
		}
	}
	// And straight from one interface to the next, with nothing in between.
	l := addVeth(t, ns, "gone0", index)
	if err := announce(); err != nil {
		t.Error(err)
	}
	if err := ns.Handle().LinkDel(l); err != nil {
		t.Fatal(err)
	}
	addVeth(t, ns, "gone1", index)
	// So that it sends nothing of its own.
	if err := ns.Sysctl("net/ipv6/conf/gone1/disable_ipv6", "1"); err != nil {
		t.Fatal(err)
	}
	before := txPackets(t, ns, "gone1")
	if err := announce(); err != nil {
		t.Errorf("on the next: %v", err)
	}
	if got := txPackets(t, ns, "gone1") - before; got != 1 {
		t.Errorf("on the next: sent %d packets, want 1", got)
	}
}

// The sockets hear nothing: they are bound to no protocol.
func TestAnnounceHearsNothing(t *testing.T) {
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	a, b := newAnnouncer(t), newAnnouncer(t)
	for i, ann := range []*Announcer{a, b} {
		node := lan.Node(i + 1)
		for range 3 {
			if err := announceT(t, ann, node, ifIndex(t, node, lan.Iface()), vip4, vip6); err != nil {
				t.Fatal(err)
			}
		}
	}
	var table string
	err := lan.Node(1).Do(func() error {
		b, err := os.ReadFile("/proc/thread-self/net/packet")
		table = string(b)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	// sk RefCnt Type Proto Iface R Rmem User Inode
	lines := strings.Split(strings.TrimSpace(table), "\n")
	if len(lines) != 2 {
		t.Fatalf("want one packet socket:\n%s", table)
	}
	if f := strings.Fields(lines[1]); f[3] != "0000" || f[5] != "0" || f[6] != "0" {
		t.Errorf("protocol %s, running %s, %s bytes received; want 0000, 0, 0", f[3], f[5], f[6])
	}
}

// Announcing for an interface while it is forgotten, by many at once, neither
// fails nor races.
func TestAnnounceConcurrently(t *testing.T) {
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	node, index := lan.Node(1), ifIndex(t, lan.Node(1), lan.Iface())
	a := newAnnouncer(t)
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			err := node.Do(func() error {
				for range 50 {
					if err := a.Announce(index, vip4, vip6); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
		wg.Go(func() {
			for range 50 {
				a.Forget(index)
			}
		})
	}
	wg.Wait()
}

// A thousand addresses five times over: every frame leaves, and soon.
func TestAnnounceMany(t *testing.T) {
	ns := nettest.NewT(t, "many")
	addVeth(t, ns, "eth0", 0)
	index := ifIndex(t, ns, "eth0")
	for _, family := range []string{"IPv4", "IPv6"} {
		t.Run(family, func(t *testing.T) {
			addrs := manyAddrs(1000, family == "IPv6")
			a := newAnnouncer(t)
			before := txPackets(t, ns, "eth0")
			start := time.Now()
			for range 5 {
				if err := announceT(t, a, ns, index, addrs...); err != nil {
					t.Fatal(err)
				}
			}
			if took := time.Since(start); took > time.Second {
				t.Errorf("took %s", took)
			}
			if got := txPackets(t, ns, "eth0") - before; got < 5000 {
				t.Errorf("%d frames, want 5000", got)
			}
		})
	}
}

func manyAddrs(n int, ipv6 bool) []netip.Addr {
	addr := netip.MustParseAddr("198.51.100.0")
	if ipv6 {
		addr = netip.MustParseAddr("2001:db8::")
	}
	addrs := make([]netip.Addr, n)
	for i := range addrs {
		addr = addr.Next()
		addrs[i] = addr
	}
	return addrs
}
