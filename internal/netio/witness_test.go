package netio

import (
	"context"
	"net"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// claims collects what a Witness hears.
type claims struct {
	mu  sync.Mutex
	all []Claim
}

func (c *claims) add(x Claim) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.all = append(c.all, x)
}

func (c *claims) list() []Claim {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.all)
}

func witness(t *testing.T, lan *nettest.LAN, ipv6 bool, addrs ...netip.Addr) (*Witness, *claims) {
	t.Helper()
	var w *Witness
	index := ifIndex(t, lan.Node(1), lan.Iface())
	err := lan.Node(1).Do(func() (err error) {
		w, err = OpenWitness(index, lan.Iface(), lan.MAC(1), ipv6)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := w.Watch(addrs); err != nil {
		t.Fatal(err)
	}
	heard := &claims{}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- w.Run(ctx, heard.add) }()
	t.Cleanup(func() {
		cancel()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return w, heard
}

func holdAddr(t *testing.T, lan *nettest.LAN, node int, p string) {
	t.Helper()
	h := lan.Node(node).Handle()
	l, err := h.LinkByName(lan.Iface())
	if err == nil {
		var a *netlink.Addr
		if a, err = netlink.ParseAddr(p); err == nil {
			a.Flags = 0x02 // IFA_F_NODAD
			err = h.AddrAdd(l, a)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
}

// TestWitness asks for an address that we and another node hold: the other
// answers with its own hardware address, and what the kernels know of their
// neighbours does not change.
func TestWitness(t *testing.T) {
	families(t, func(t *testing.T, ipv6 bool) {
		lan := nettest.NewLANT(t, 3, nettest.Options{})
		vip, prefix, alone := netip.MustParseAddr("192.0.2.100"), "192.0.2.100/32", netip.MustParseAddr("192.0.2.101")
		src := lan.Prefix4(1).Addr()
		if ipv6 {
			vip, prefix, alone = netip.MustParseAddr("2001:db8::100"), "2001:db8::100/128", netip.MustParseAddr("2001:db8::101")
			src = lan.LinkLocal(1)
		}
		w, heard := witness(t, lan, ipv6, vip, alone)
		holdAddr(t, lan, 1, prefix)
		ask := func() {
			t.Helper()
			for _, a := range []netip.Addr{alone, vip} {
				if err := w.Ask(a, src); err != nil {
					t.Fatal(err)
				}
			}
		}
		ask()
		holdAddr(t, lan, 2, prefix)
		nettest.WaitFor(t, patience, func() bool {
			ask()
			return len(heard.list()) > 0
		}, "an answer")
		want := Claim{Addr: vip, MAC: [6]byte(lan.MAC(2)), Asked: true}
		for _, c := range heard.list() {
			if c != want {
				t.Errorf("heard %+v, want %+v", c, want)
			}
		}
		if !ipv6 { // nobody has learned anything from a probe
			for _, n := range neighbours(t, lan, 3) {
				if n.IP.Equal(vip.AsSlice()) {
					t.Errorf("node 3 has learned %v", n)
				}
			}
		}
	})
}

func neighbours(t *testing.T, lan *nettest.LAN, node int) []netlink.Neigh {
	t.Helper()
	list, err := lan.Node(node).Handle().NeighList(ifIndex(t, lan.Node(node), lan.Iface()), netlink.FAMILY_V4)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// TestWitnessAnnouncement hears another node announce an address, and not what
// this node announces itself.
func TestWitnessAnnouncement(t *testing.T) {
	families(t, func(t *testing.T, ipv6 bool) {
		lan := nettest.NewLANT(t, 2, nettest.Options{})
		vip, other := netip.MustParseAddr("192.0.2.100"), netip.MustParseAddr("192.0.2.102")
		if ipv6 {
			vip, other = netip.MustParseAddr("2001:db8::100"), netip.MustParseAddr("2001:db8::102")
		}
		_, heard := witness(t, lan, ipv6, vip)
		announce := func(node int, addr netip.Addr) {
			t.Helper()
			var a Announcer
			defer a.Close()
			index := ifIndex(t, lan.Node(node), lan.Iface())
			if err := lan.Node(node).Do(func() error { return a.Announce(index, addr) }); err != nil {
				t.Fatal(err)
			}
		}
		announce(1, vip)
		announce(2, other)
		announce(2, vip)
		nettest.WaitFor(t, patience, func() bool { return len(heard.list()) > 0 }, "the announcement")
		want := Claim{Addr: vip, MAC: [6]byte(lan.MAC(2))}
		if got := heard.list(); len(got) != 1 || got[0] != want {
			t.Errorf("heard %+v, want %+v", got, want)
		}
	})
}

func TestWitnessWithoutHardwareAddress(t *testing.T) {
	if _, err := OpenWitness(1, "lo", net.HardwareAddr{}, false); err == nil {
		t.Error("opened on an interface without hardware address")
	}
}

// What we ask with is what others would read.
func TestQuestions(t *testing.T) {
	mac := [6]byte{2, 0, 0, 0, 0, 1}
	if _, ok := parseARP(arpProbe(mac, netip.MustParseAddr("192.0.2.100"))); ok {
		t.Error("a probe claims something")
	}
	b, group := solicitation(mac, netip.MustParseAddr("2001:db8::aa:bbcc"))
	if want := netip.MustParseAddr("ff02::1:ffaa:bbcc"); group != want || len(b) != 32 {
		t.Errorf("asks %v with %d bytes, want %v and 32", group, len(b), want)
	}
	if _, ok := parseNA(b); ok {
		t.Error("a solicitation claims something")
	}
}

// FuzzParseARP and FuzzParseNA: whatever comes is a claim with an address and a
// hardware address, or none.
func FuzzParseARP(f *testing.F) {
	for _, s := range []string{
		"0001080006040002 020000000002 c0000264 020000000001 00000000", // answer to a probe
		"0001080006040001 020000000002 c0000264 ffffffffffff c0000264", // gratuitous
		"0001080006040001 020000000002 00000000 000000000000 c0000264", // probe
		"0001080006040009 020000000002 c0000264 ffffffffffff c0000264",
		"0006080006040002 020000000002 c0000264",
		"",
	} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, ok := parseARP(b)
		if ok && (!c.Addr.Is4() || c.Addr.IsUnspecified() || c.MAC == [6]byte{}) {
			t.Errorf("%x claims %+v", b, c)
		}
	})
}

func FuzzParseNA(f *testing.F) {
	for _, s := range []string{
		"88000000 60000000 20010db8000000000000000000000100 0201020000000002",
		"88000000 20000000 20010db8000000000000000000000100 0201020000000002",
		"88000000 20000000 20010db8000000000000000000000100 0100020000000002",
		"88000000 20000000 20010db8000000000000000000000100 01010200000000020201020000000002",
		"88000000 20000000 ff020000000000000000000000000001 0201020000000002",
		"87000000 00000000 20010db8000000000000000000000100 0101020000000002",
		"",
	} {
		f.Add(unhex(f, s))
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		c, ok := parseNA(b)
		if ok && (!c.Addr.Is6() || c.Addr.IsUnspecified() || c.Addr.IsMulticast() || c.MAC == [6]byte{}) {
			t.Errorf("%x claims %+v", b, c)
		}
	})
}
