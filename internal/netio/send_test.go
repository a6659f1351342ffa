package netio

import (
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// frames waits for n captured frames that match and returns them.
func frames(tb testing.TB, c *nettest.Capture, n int, match func(frame []byte) bool) [][]byte {
	tb.Helper()
	var got [][]byte
	nettest.WaitFor(tb, patience, func() bool {
		got = nil
		for _, p := range c.Packets() {
			if len(p.Data) >= 14 && match(p.Data) {
				got = append(got, p.Data)
			}
		}
		return len(got) >= n
	}, fmt.Sprintf("%d frames", n))
	return got
}

// isAdvert matches adverts over either family.
func isAdvert(frame []byte) bool {
	switch binary.BigEndian.Uint16(frame[12:]) {
	case unix.ETH_P_IP:
		return frame[14+9] == advert.ProtoVRRP || frame[14+9] == advert.ProtoAH
	case unix.ETH_P_IPV6:
		return frame[14+6] == advert.ProtoVRRP
	}
	return false
}

// Whole IP packets as keepalived sends them.
func TestSendVectors(t *testing.T) {
	const (
		srcA6 = "fe80000000000000000000fffe000a01"
		all6  = "ff020000000000000000000000000012"
	)
	tests := []struct {
		name string
		spec Spec
		id   uint16
		want string // without link header; the payload is what is sent
		zero bool   // the checksum is left to the kernel
	}{
		{
			"v2",
			Spec{},
			1,
			"45c0002800010000ff701891c0000201e0000012 2101c80100015432c00002c90000000000000000", false,
		},
		{
			"v2, priority 0",
			Spec{},
			4,
			"45c0002800040000ff70188ec0000201e0000012 2101000100011c33c00002c90000000000000000", false,
		},
		{
			"v2, AH",
			Spec{Proto: advert.ProtoAH},
			1,
			"45c0004000010000ff3318b6c0000201e0000012 70040000c00002010000000189d35c3dc8eae116c6fdb26e" +
				"2103c8010201522ec00002cb0000000000000000", false,
		},
		{
			"v3",
			Spec{},
			1,
			"45c0002400010000ff701895c0000201e0000012 3104c8020064de65c00002ccc00002cd", false,
		},
		{
			"v3 over IPv6",
			Spec{IPv6: true},
			0,
			"6c000000002870ff" + srcA6 + all6 + " 3105c8020064cf20" +
				"fe80000000000000000000000000020520010db8000000000000000000000205", true,
		},
		{
			"v3 over IPv6, authenticated",
			Spec{IPv6: true},
			0,
			"6c000000004470ff" + srcA6 + all6 + " 310dc802006440f7" +
				"fe80000000000000000000000000021320010db8000000000000000000000213" +
				"010100006b00f0a352890000f4cab35c231836480ae832aebfa7dff4", true,
		},
		{
			"v2 unicast",
			Spec{Unicast: true, Source: addrA},
			1,
			"45c0002800010000ff7036a1c0000201c0000202 210fc80100015416c00002d70000000000000000", false,
		},
		{
			"v3 unicast",
			Spec{Unicast: true, Source: addrA},
			1,
			"45c0002000010000ff7036a9c0000201c0000202 3110c8010064bf30c00002d8", false,
		},
		{
			"v3 unicast, authenticated",
			Spec{Unicast: true, Source: addrA},
			1,
			"45c0003c00010000ff70368dc0000201c0000202 310ec8010064bf34c00002d6" +
				"010100006b00f0a3526b000047362e4c234f012275205e5b18d2e3ef", false,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			lan := nettest.NewLANT(t, 2, nettest.Options{})
			capture := lan.CaptureT(t)
			tt.spec.Interface = lan.Iface()
			c := openT(t, lan.Node(1), tt.spec)

			header, payload, _ := strings.Cut(tt.want, " ")
			h := unhex(t, header)
			o := Out{ID: tt.id, Payload: unhex(t, payload)}
			if tt.spec.IPv6 {
				o.Src, o.Dst = netip.AddrFrom16([16]byte(h[8:24])), netip.AddrFrom16([16]byte(h[24:40]))
			} else {
				o.Src, o.Dst = netip.AddrFrom4([4]byte(h[12:16])), netip.AddrFrom4([4]byte(h[16:20]))
			}
			if tt.zero {
				copy(o.Payload[6:8], []byte{0, 0})
			}
			if err := c.Send(o); err != nil {
				t.Fatal(err)
			}

			frame := frames(t, capture, 1, isAdvert)[0]
			got := frame[14:]
			if tt.spec.IPv6 {
				copy(got[1:4], []byte{got[1] & 0xf0, 0, 0}) // the kernel's flow label
			}
			if want := h; hex.EncodeToString(got) != hex.EncodeToString(append(want, unhex(t, payload)...)) {
				t.Errorf("got  %x\nwant %s", got, tt.want)
			}
			wantMAC := map[bool]string{false: "01005e000012", true: "333300000012"}[tt.spec.IPv6]
			if tt.spec.Unicast {
				wantMAC = hex.EncodeToString(lan.MAC(2))
			}
			if got := hex.EncodeToString(frame[:6]); got != wantMAC {
				t.Errorf("sent to %s, want %s", got, wantMAC)
			}
		})
	}
}

func TestSendTTL(t *testing.T) {
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	if err := lan.Node(1).Sysctl("net/ipv6/conf/"+lan.Iface()+"/hop_limit", "77"); err != nil {
		t.Fatal(err)
	}
	multi4 := openT(t, lan.Node(1), Spec{Interface: lan.Iface()})
	multi6 := openT(t, lan.Node(1), Spec{Interface: lan.Iface(), IPv6: true})
	uni4 := openT(t, lan.Node(1), Spec{Unicast: true, Source: lan.Prefix4(1).Addr()})
	uni6 := openT(t, lan.Node(1), Spec{Unicast: true, Source: lan.Prefix6(1).Addr(), IPv6: true})
	tests := []struct {
		name      string
		c         *Conn
		src, dst  netip.Addr
		ttl, want int
	}{
		{"IPv4 multicast", multi4, lan.Prefix4(1).Addr(), advert.GroupIPv4, 0, 255},
		{"IPv4 multicast, given", multi4, lan.Prefix4(1).Addr(), advert.GroupIPv4, 1, 1},
		{"IPv4 unicast", uni4, lan.Prefix4(1).Addr(), lan.Prefix4(2).Addr(), 0, 255},
		{"IPv4 unicast, given", uni4, lan.Prefix4(1).Addr(), lan.Prefix4(2).Addr(), 33, 33},
		{"IPv6 multicast", multi6, lan.LinkLocal(1), advert.GroupIPv6, 0, 255},
		{"IPv6 multicast, given", multi6, lan.LinkLocal(1), advert.GroupIPv6, 1, 1},
		{"IPv6 unicast", uni6, lan.Prefix6(1).Addr(), lan.Prefix6(2).Addr(), 0, 77},
		{"IPv6 unicast, given", uni6, lan.Prefix6(1).Addr(), lan.Prefix6(2).Addr(), 33, 33},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			capture := lan.CaptureT(t)
			if err := tt.c.Send(Out{Src: tt.src, Dst: tt.dst, TTL: tt.ttl, Payload: unhex(t, v2Payload)}); err != nil {
				t.Fatal(err)
			}
			frame := frames(t, capture, 1, isAdvert)[0]
			got := frame[14+8]
			if tt.src.Is6() {
				got = frame[14+7]
			}
			if int(got) != tt.want {
				t.Errorf("TTL %d, want %d", got, tt.want)
			}
		})
	}
}

// A source that is nobody's is sent from all the same, and what was different
// in the packet before is nothing to the next.
func TestSendForeignSource(t *testing.T) {
	families(t, func(t *testing.T, ipv6 bool) {
		_, a, b, src := pair(t, ipv6)
		setVRIDs(t, b, false, 1)
		h := runT(t, b)
		foreign := netip.MustParseAddr("198.51.100.9")
		if ipv6 {
			foreign = netip.MustParseAddr("2001:db8:99::9")
		}
		want := []struct {
			src netip.Addr
			ttl int
		}{
			{foreign, 255},
			{src, 255},
			{src, 3},
			{foreign, 3},
			{foreign, 3},
			{src, 255},
		}
		for _, w := range want {
			err := a.Send(Out{Src: w.src, Dst: b.Spec().Group, TTL: w.ttl % 255, Payload: unhex(t, v2Payload)})
			if err != nil {
				t.Fatal(err)
			}
		}
		for i, p := range h.wait(t, len(want)) {
			if p.Src != want[i].src || p.TTL != want[i].ttl {
				t.Errorf("packet %d from %s with TTL %d, want %v", i, p.Src, p.TTL, want[i])
			}
		}
	})
}

// A gateway for multicast, which some hosts have a route to, gets no adverts.
func TestSendNotByGateway(t *testing.T) {
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	_, all, err := net.ParseCIDR("224.0.0.0/4")
	if err != nil {
		t.Fatal(err)
	}
	err = lan.Node(1).Handle().RouteAdd(&netlink.Route{
		LinkIndex: ifIndex(t, lan.Node(1), lan.Iface()), Dst: all, Gw: lan.Prefix4(2).Addr().AsSlice(),
	})
	if err != nil {
		t.Fatal(err)
	}
	capture := lan.CaptureT(t)
	// The kernel looks up no route for 224.0.0.x.
	group := netip.MustParseAddr("239.192.0.18")
	c := openT(t, lan.Node(1), Spec{Interface: lan.Iface(), Group: group})
	if err := c.Send(Out{Src: addrA, Dst: group, Payload: unhex(t, v2Payload)}); err != nil {
		t.Fatal(err)
	}
	frame := frames(t, capture, 1, isAdvert)[0]
	if got, want := hex.EncodeToString(frame[:6]), "01005e400012"; got != want {
		t.Errorf("sent to %s, want %s", got, want)
	}
}

// Multicast goes out on the Conn's interface whatever the routes say, and
// without any route or address there.
func TestSendWithoutRoute(t *testing.T) {
	families(t, func(t *testing.T, ipv6 bool) {
		ns := nettest.NewT(t, "bare")
		for _, name := range []string{"d0", "d1"} {
			addVeth(t, ns, name, 0)
		}
		addAddr(t, ns, "d0", "192.0.2.1/24")
		addAddr(t, ns, "d0", "2001:db8::1/64")
		c := openT(t, ns, Spec{Interface: "d1", IPv6: ipv6})
		src := netip.MustParseAddr("192.0.2.1")
		if ipv6 {
			src = netip.MustParseAddr("fe80::1")
		}
		sendOnceReady(t, c, Out{Src: src, Dst: c.Spec().Group, Payload: unhex(t, v2Payload)})
		before := txPackets(t, ns, "d1")
		sendT(t, c, src, 1, 2, 3)
		nettest.WaitFor(t, patience, func() bool { return txPackets(t, ns, "d1") >= before+3 }, "3 packets on d1")
	})
}

// txPackets returns how many packets the interface has sent.
func txPackets(tb testing.TB, ns *nettest.NS, ifname string) uint64 {
	tb.Helper()
	l, err := ns.Handle().LinkByName(ifname)
	if err != nil {
		tb.Fatal(err)
	}
	return l.Attrs().Statistics.TxPackets
}

func TestSendRefuses(t *testing.T) {
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	c4 := openT(t, lan.Node(1), Spec{Interface: lan.Iface()})
	c6 := openT(t, lan.Node(1), Spec{Interface: lan.Iface(), IPv6: true})
	ok4 := Out{Src: addrA, Dst: advert.GroupIPv4, Payload: []byte{1}}
	ok6 := Out{Src: llA, Dst: advert.GroupIPv6, Payload: unhex(t, v2Payload)}
	tests := []struct {
		name   string
		c      *Conn
		o      Out
		change func(o *Out)
		want   string // part of the error; empty: none
	}{
		{"IPv4", c4, ok4, func(*Out) {}, ""},
		{"IPv6", c6, ok6, func(*Out) {}, ""},
		{"no source", c4, ok4, func(o *Out) { o.Src = netip.Addr{} }, "source"},
		{"source of the other family", c6, ok6, func(o *Out) { o.Src = addrA }, "source"},
		{"no destination", c4, ok4, func(o *Out) { o.Dst = netip.Addr{} }, "not an IPv4 address"},
		{"destination of the other family", c4, ok4, func(o *Out) { o.Dst = llA }, "not an IPv4 address"},
		{"TTL", c4, ok4, func(o *Out) { o.TTL = 256 }, "TTL 256"},
		{"negative TTL", c6, ok6, func(o *Out) { o.TTL = -1 }, "TTL -1"},
		{"nothing", c4, ok4, func(o *Out) { o.Payload = nil }, "0 bytes"},
		{"too much", c4, ok4, func(o *Out) { o.Payload = make([]byte, 65516) }, "65516 bytes"},
		{"longer than the MTU", c4, ok4, func(o *Out) { o.Payload = make([]byte, 1481) }, "message too long"},
		{"AH over IPv6", c6, ok6, func(o *Out) { o.Proto = advert.ProtoAH }, "protocol 51"},
		{"no room for the checksum", c6, ok6, func(o *Out) { o.Payload = []byte{1} }, "invalid argument"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			o := tt.o
			tt.change(&o)
			err := tt.c.Send(o)
			switch {
			case tt.want == "" && err != nil:
				t.Error(err)
			case tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("error %v, want %q", err, tt.want)
			}
		})
	}
}

// A queue that does not drain makes Send fail, not wait.
func TestSendNeverWaits(t *testing.T) {
	families(t, func(t *testing.T, ipv6 bool) {
		lan, a, _, src := pair(t, ipv6)
		h := lan.Node(1).Handle()
		l, err := h.LinkByName(lan.Iface())
		if err != nil {
			t.Fatal(err)
		}
		// 1,000 bytes a second after the first 2,000, and room for more than
		// the socket may have under way.
		err = h.QdiscAdd(&netlink.Tbf{
			QdiscAttrs: netlink.QdiscAttrs{LinkIndex: l.Attrs().Index, Parent: netlink.HANDLE_ROOT},
			Rate:       1000, Limit: 64 << 20, Buffer: 2e9 / 64, // two seconds in ticks of 64 ns
		})
		if err != nil {
			t.Fatal(err)
		}
		dst := advert.GroupIPv4
		if ipv6 {
			dst = advert.GroupIPv6
		}
		for range 100000 {
			if err = a.Send(Out{Src: src, Dst: dst, Payload: unhex(t, v2Payload)}); err != nil {
				break
			}
		}
		if !errors.Is(err, ErrBusy) {
			t.Errorf("error %v, want %v", err, ErrBusy)
		}
	})
}

func TestSendAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	families(t, func(t *testing.T, ipv6 bool) {
		_, a, _, src := pair(t, ipv6)
		o := Out{Src: src, Dst: a.Spec().Group, Payload: unhex(t, v2Payload)}
		got := testing.AllocsPerRun(200, func() {
			if err := a.Send(o); err != nil {
				t.Fatal(err)
			}
		})
		if got != 0 {
			t.Errorf("%v allocations, want 0", got)
		}
	})
}
