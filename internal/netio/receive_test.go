package netio

import (
	"context"
	"net/netip"
	"slices"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// pair is a sender at node 1 and a listener at node 2, which hears nothing yet.
func pair(tb testing.TB, ipv6 bool) (lan *nettest.LAN, a, b *Conn, src netip.Addr) {
	tb.Helper()
	lan = nettest.NewLANT(tb, 2, nettest.Options{})
	a = openT(tb, lan.Node(1), Spec{Interface: lan.Iface(), IPv6: ipv6})
	b = openT(tb, lan.Node(2), Spec{Index: ifIndex(tb, lan.Node(2), lan.Iface()), IPv6: ipv6})
	src = lan.Prefix4(1).Addr()
	if ipv6 {
		src = lan.LinkLocal(1)
	}
	return lan, a, b, src
}

// families runs the test for both.
func families(t *testing.T, f func(t *testing.T, ipv6 bool)) {
	t.Run("IPv4", func(t *testing.T) { f(t, false) })
	t.Run("IPv6", func(t *testing.T) { f(t, true) })
}

func TestReceive(t *testing.T) {
	payload := unhex(t, v2Payload)
	t.Run("IPv4", func(t *testing.T) {
		_, a, b, src := pair(t, false)
		setVRIDs(t, a, false, 1)
		setVRIDs(t, b, false, 1)
		atA, atB := runT(t, a), runT(t, b)
		sendT(t, a, src, 1)
		want := []advert.Packet{{
			Src: src, Dst: advert.GroupIPv4, TTL: 255, Proto: advert.ProtoVRRP,
			IPHeader: 20, IPTotal: 40, ID: 1, Payload: payload,
		}}
		if diff := cmp.Diff(want, atB.wait(t, 1), equatePackets); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got := atA.all(); len(got) != 0 {
			t.Errorf("the sender hears itself: %v", got)
		}
	})
	t.Run("IPv6", func(t *testing.T) {
		_, a, b, src := pair(t, true)
		setVRIDs(t, a, false, 1)
		setVRIDs(t, b, false, 1)
		atA, atB := runT(t, a), runT(t, b)
		sendT(t, a, src, 1)
		got := atB.wait(t, 1)
		want := []advert.Packet{{
			Src: src, Dst: advert.GroupIPv6, TTL: 255, Proto: advert.ProtoVRRP,
			IPHeader: 40, Payload: slices.Clone(payload),
		}}
		copy(want[0].Payload[6:8], got[0].Payload[6:8]) // the kernel's checksum
		if diff := cmp.Diff(want, got, equatePackets); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if got := atA.all(); len(got) != 0 {
			t.Errorf("the sender hears itself: %v", got)
		}
	})
}

// What the filter does on a socket is what it does in the virtual machine: the
// packet begins where the program thinks.
func TestFilterOnSocket(t *testing.T) {
	families(t, func(t *testing.T, ipv6 bool) {
		_, a, b, src := pair(t, ipv6)
		h := runT(t, b)

		sendT(t, a, src, 1, 2, 3) // deaf
		setVRIDs(t, b, false, 2, marker)
		sendT(t, a, src, 1, 2, 3, marker)
		if got, want := vrids(h.wait(t, 2)), []uint8{2, marker}; !slices.Equal(got, want) {
			t.Fatalf("heard %d, want %d", got, want)
		}

		setVRIDs(t, b, true, 2, marker)
		sendT(t, a, src, 1, 2, 200, marker)
		if got, want := vrids(h.wait(t, 6)[2:]), []uint8{1, 2, 200, marker}; !slices.Equal(got, want) {
			t.Fatalf("with unknown ones heard %d, want %d", got, want)
		}

		setVRIDs(t, b, false, 3, marker)
		sendT(t, a, src, 1, 2, 3, marker)
		if got, want := vrids(h.wait(t, 8)[6:]), []uint8{3, marker}; !slices.Equal(got, want) {
			t.Fatalf("after the change heard %d, want %d", got, want)
		}
		if n := b.Malformed(); n != 0 {
			t.Errorf("%d malformed packets", n)
		}
	})
}

// However busy the segment is, a new Conn holds nothing until it is told what
// to hear: neither from before its filter nor from before it was bound.
func TestOpenDeaf(t *testing.T) {
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	a := openT(t, lan.Node(1), Spec{Interface: lan.Iface()})
	openT(t, lan.Node(2), Spec{Interface: lan.Iface()}) // for whom adverts pass IP
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		for ctx.Err() == nil {
			sendT(t, a, addrA, 1)
		}
	})
	for range 500 {
		c := openT(t, lan.Node(2), Spec{Interface: lan.Iface()})
		n, err := c.Drain(1, func(*advert.Packet) {})
		if err != nil || n != 0 {
			t.Errorf("Drain = %d, %v, want 0", n, err)
			break
		}
		c.Close()
	}
	cancel()
	wg.Wait()
}

// What is to be counted gets through: too short, and a version of its own.
func TestFilterPassesBroken(t *testing.T) {
	_, a, b, src := pair(t, false)
	setVRIDs(t, b, false, 1, marker)
	h := runT(t, b)
	wrongVersion := unhex(t, "f1"+v2Payload[2:])
	for _, payload := range [][]byte{{0x31}, unhex(t, v2Payload)[:7], wrongVersion} {
		if err := a.Send(Out{Src: src, Dst: advert.GroupIPv4, Payload: payload}); err != nil {
			t.Fatal(err)
		}
	}
	got := h.wait(t, 3)
	for i, want := range []int{1, 7, len(wrongVersion)} {
		if n := len(got[i].Payload); n != want {
			t.Errorf("packet %d: %d bytes, want %d", i, n, want)
		}
	}
}

// An advert for one address does not reach the socket of another.
func TestReceiveNothingElse(t *testing.T) {
	families(t, func(t *testing.T, ipv6 bool) {
		lan := nettest.NewLANT(t, 2, nettest.Options{})
		other := nettest.NewLANT(t, 2, nettest.Options{Join: lan, Segment: 1})
		addr := func(l *nettest.LAN, i int) netip.Addr {
			if ipv6 {
				return l.Prefix6(i).Addr()
			}
			return l.Prefix4(i).Addr()
		}
		group, otherGroup := advert.GroupIPv4, netip.MustParseAddr("224.0.0.99")
		if ipv6 {
			group, otherGroup = advert.GroupIPv6, netip.MustParseAddr("ff02::99")
		}

		listeners := []struct {
			name string
			spec Spec
			h    *heard
		}{
			{name: "group", spec: Spec{Interface: lan.Iface()}},
			{name: "other group", spec: Spec{Interface: lan.Iface(), Group: otherGroup}},
			{name: "group on the other interface", spec: Spec{Interface: other.Iface()}},
			{name: "unicast", spec: Spec{Interface: lan.Iface(), Unicast: true, Source: addr(lan, 2)}},
			{name: "unicast anywhere", spec: Spec{Unicast: true, Source: addr(lan, 2)}},
			{name: "unicast on the other interface", spec: Spec{Interface: other.Iface(), Unicast: true, Source: addr(other, 2)}},
		}
		for i := range listeners {
			l := &listeners[i]
			l.spec.IPv6 = ipv6
			c := openT(t, lan.Node(2), l.spec)
			setVRIDs(t, c, true)
			l.h = runT(t, c)
		}
		a := openT(t, lan.Node(1), Spec{Interface: lan.Iface(), IPv6: ipv6})
		a2 := openT(t, lan.Node(1), Spec{Interface: other.Iface(), IPv6: ipv6})

		send := func(c *Conn, src, dst netip.Addr, id byte) {
			t.Helper()
			payload := unhex(t, v2Payload)
			payload[1] = id
			if err := c.Send(Out{Src: src, Dst: dst, Payload: payload}); err != nil {
				t.Fatal(err)
			}
		}
		send(a, addr(lan, 1), group, 1)
		send(a, addr(lan, 1), otherGroup, 2)
		send(a2, addr(other, 1), group, 3)
		send(a, addr(lan, 1), addr(lan, 2), 4)
		send(a2, addr(other, 1), addr(other, 2), 5)
		// Each again: when the second ones have come, nothing of the first
		// round is under way.
		send(a, addr(lan, 1), group, 1)
		send(a, addr(lan, 1), otherGroup, 2)
		send(a2, addr(other, 1), group, 3)
		send(a, addr(lan, 1), addr(lan, 2), 4)
		send(a2, addr(other, 1), addr(other, 2), 5)

		want := map[string][]uint8{
			"group": {1, 1}, "other group": {2, 2}, "group on the other interface": {3, 3},
			"unicast": {4, 4}, "unicast anywhere": {4, 4}, "unicast on the other interface": {5, 5},
		}
		for _, l := range listeners {
			if got := vrids(l.h.wait(t, 2)); !slices.Equal(got, want[l.name]) {
				t.Errorf("%s heard %d, want %d", l.name, got, want[l.name])
			}
		}
	})
}

// A source address may come after the socket that is bound to it.
func TestUnicastBeforeItsAddress(t *testing.T) {
	families(t, func(t *testing.T, ipv6 bool) {
		lan := nettest.NewLANT(t, 2, nettest.Options{})
		vip, prefix, src := "192.0.2.77", "192.0.2.77/24", lan.Prefix4(1).Addr()
		if ipv6 {
			vip, prefix, src = "2001:db8::77", "2001:db8::77/64", lan.Prefix6(1).Addr()
		}
		b := openT(t, lan.Node(2), Spec{Interface: lan.Iface(), IPv6: ipv6, Unicast: true, Source: netip.MustParseAddr(vip)})
		setVRIDs(t, b, false, 1)
		h := runT(t, b)
		addAddr(t, lan.Node(2), lan.Iface(), prefix)

		a := openT(t, lan.Node(1), Spec{IPv6: ipv6, Unicast: true, Source: src})
		err := a.Send(Out{Src: src, Dst: netip.MustParseAddr(vip), TTL: 7, Payload: unhex(t, v2Payload)})
		if err != nil {
			t.Fatal(err)
		}
		got := h.wait(t, 1)[0]
		if got.Src != src || got.Dst != netip.MustParseAddr(vip) || got.TTL != 7 {
			t.Errorf("from %s to %s with TTL %d, want from %s to %s with 7", got.Src, got.Dst, got.TTL, src, vip)
		}
	})
}

func TestReceiveIPOptions(t *testing.T) {
	_, a, b, src := pair(t, false)
	setVRIDs(t, b, false, 1)
	h := runT(t, b)
	// Router alert (RFC 2113), by way of the descriptor: Send makes no options.
	pkt := append(append(appendIPv4(nil, &Out{Src: src, Dst: advert.GroupIPv4, Proto: 112}), 0x94, 4, 0, 0),
		unhex(t, v2Payload)...)
	pkt[0], pkt[3] = 0x46, byte(len(pkt))
	err := control(a.sendRaw, func(fd int) error {
		return unix.Sendto(fd, pkt, 0, &unix.SockaddrInet4{Addr: advert.GroupIPv4.As4()})
	})
	if err != nil {
		t.Fatal(err)
	}
	got := h.wait(t, 1)[0]
	if got.IPHeader != 24 || got.IPTotal != 44 || len(got.Payload) != 20 {
		t.Errorf("header %d, total %d, payload %d bytes, want 24, 44, 20", got.IPHeader, got.IPTotal, len(got.Payload))
	}
}

// The longest advert is in pieces on the wire and whole here; what is longer
// than any is cut, and stays longer than any.
func TestReceiveLong(t *testing.T) {
	_, a, b, src := pair(t, true)
	setVRIDs(t, b, false, 1)
	h := runT(t, b)
	for i, tt := range []struct{ sent, want int }{
		{8 + 255*16 + 28, 8 + 255*16 + 28},
		{packetLen, packetLen},
		{packetLen + 1, packetLen},
		{60000, packetLen},
	} {
		payload := make([]byte, tt.sent)
		for j := range payload {
			payload[j] = byte(j * 7)
		}
		payload[0], payload[1] = 0x31, 1
		if err := a.Send(Out{Src: src, Dst: advert.GroupIPv6, Payload: payload}); err != nil {
			t.Fatal(err)
		}
		got := h.wait(t, i+1)[i].Payload
		copy(payload[6:8], got[6:8])
		if diff := cmp.Diff(payload[:tt.want], got); diff != "" {
			t.Errorf("%d bytes sent (-want +got):\n%s", tt.sent, diff)
		}
	}
}

// Over IPv6 the kernel drops what has a wrong checksum.
func TestReceiveChecksumIPv6(t *testing.T) {
	_, a, b, src := pair(t, true)
	setVRIDs(t, b, false, 1, marker)
	h := runT(t, b)
	err := control(a.sendRaw, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_CHECKSUM, -1)
	})
	if err != nil {
		t.Fatal(err)
	}
	sendT(t, a, src, 1)
	err = control(a.sendRaw, func(fd int) error {
		return unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_CHECKSUM, checksumOffset)
	})
	if err != nil {
		t.Fatal(err)
	}
	sendT(t, a, src, marker)
	if got, want := vrids(h.wait(t, 1)), []uint8{marker}; !slices.Equal(got, want) {
		t.Errorf("heard %d, want %d", got, want)
	}
}

func TestReceiveAllocates(t *testing.T) {
	if raceEnabled {
		t.Skip("the race detector allocates")
	}
	families(t, func(t *testing.T, ipv6 bool) {
		lan, a, b, src := pair(t, ipv6)
		const rounds, each = 20, 10
		queue(t, lan, a, b, src, (rounds+2)*each)
		total := 0
		handle := func(*advert.Packet) { total++ }
		got := testing.AllocsPerRun(rounds, func() {
			err := control(b.recvRaw, func(fd int) error {
				_, err := b.read(fd, each, handle)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
		})
		// Two are of the closure above, however many packets there are.
		if got > 3 {
			t.Errorf("%v allocations for %d packets", got, each)
		}
		if total < rounds*each {
			t.Fatalf("only %d packets were read", total)
		}
	})
}
