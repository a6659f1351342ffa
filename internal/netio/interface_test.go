package netio

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

func TestInterfaceGone(t *testing.T) {
	families(t, func(t *testing.T, ipv6 bool) {
		lan := nettest.NewLANT(t, 1, nettest.Options{})
		h := lan.Node(1).Handle()
		open := func(spec Spec) (c *Conn, err error) {
			err = lan.Node(1).Do(func() error { c, err = Open(spec); return err })
			return c, err
		}

		for _, spec := range []Spec{{Interface: "gone0"}, {Index: 4711}, {Interface: strings.Repeat("x", 16)}} {
			spec.IPv6 = ipv6
			if _, err := open(spec); !errors.Is(err, ErrNoInterface) {
				t.Errorf("open %s: %v, want %v", spec, err, ErrNoInterface)
			}
		}

		addVeth(t, lan.Node(1), "gone0", 4711)
		src, group := addrA, advert.GroupIPv4
		if ipv6 {
			src, group = llA, advert.GroupIPv6
		}
		out := Out{Src: src, Dst: group, Payload: unhex(t, v2Payload)}
		c := openT(t, lan.Node(1), Spec{Interface: "gone0", IPv6: ipv6})
		if got := c.Spec().Index; got != 4711 {
			t.Errorf("index %d, want 4711", got)
		}
		sendOnceReady(t, c, out)
		l, err := h.LinkByName("gone0")
		if err == nil {
			err = h.LinkDel(l)
		}
		if err != nil {
			t.Fatal(err)
		}
		if err := c.Send(out); !errors.Is(err, ErrNoInterface) {
			t.Errorf("send: %v, want %v", err, ErrNoInterface)
		}
		// The old Conn stands in nobody's way.
		addVeth(t, lan.Node(1), "gone0", 4712)
		c = openT(t, lan.Node(1), Spec{Interface: "gone0", IPv6: ipv6})
		sendOnceReady(t, c, out)
	})
}

// sendOnceReady sends on an interface that has just been set up: the kernel
// makes its IPv6 multicast route a moment later.
func sendOnceReady(tb testing.TB, c *Conn, o Out) {
	tb.Helper()
	nettest.WaitFor(tb, patience, func() bool {
		err := c.Send(o)
		if err != nil && !errors.Is(err, unix.ENETUNREACH) {
			tb.Fatal(err)
		}
		return err == nil
	}, "a packet sent")
}

func TestInterfaceDown(t *testing.T) {
	families(t, func(t *testing.T, ipv6 bool) {
		lan, a, b, src := pair(t, ipv6)
		setVRIDs(t, b, false, 1)
		heard := runT(t, b)
		h := lan.Node(1).Handle()
		l, err := h.LinkByName(lan.Iface())
		if err != nil {
			t.Fatal(err)
		}
		if err := h.LinkSetDown(l); err != nil {
			t.Fatal(err)
		}
		group := b.Spec().Group
		err = a.Send(Out{Src: src, Dst: group, Payload: unhex(t, v2Payload)})
		if !errors.Is(err, unix.ENETDOWN) && !errors.Is(err, unix.ENETUNREACH) {
			t.Errorf("send: %v, want that the network is down or unreachable", err)
		}
		if err := h.LinkSetUp(l); err != nil {
			t.Fatal(err)
		}
		// The same sockets send and hear again once the link is ready.
		nettest.WaitFor(t, patience, func() bool {
			err := a.Send(Out{Src: src, Dst: group, Payload: unhex(t, v2Payload)})
			return err == nil && len(heard.all()) > 0
		}, "an advert after the interface came up")
	})
}

// More interfaces than one socket may join groups on by default.
func TestManyInterfaces(t *testing.T) {
	ns, peer := nettest.NewT(t, "many"), nettest.NewT(t, "peer")
	const n = 21
	var conns []*Conn
	for i := range n {
		name := fmt.Sprintf("m%d", i)
		l := addVeth(t, ns, name, 0)
		other, err := ns.Handle().LinkByName(l.PeerName)
		if err == nil {
			err = ns.Handle().LinkSetNsFd(other, peer.FD())
		}
		if err == nil {
			err = peer.Handle().LinkSetUp(other)
		}
		if err != nil {
			t.Fatal(err)
		}
		c := openT(t, ns, Spec{Interface: name})
		setVRIDs(t, c, false, uint8(i+1))
		conns = append(conns, c)
	}
	for i, c := range conns {
		h := runT(t, c)
		sender := openT(t, peer, Spec{Interface: fmt.Sprintf("m%dp", i)})
		sendT(t, sender, addrB, uint8(i+1))
		if got := h.wait(t, 1); len(got) != 1 || got[0].Payload[1] != uint8(i+1) {
			t.Errorf("interface %d heard %d", i, vrids(got))
		}
	}
}

func TestSocketOptions(t *testing.T) {
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	index := ifIndex(t, lan.Node(1), lan.Iface())
	c4 := openT(t, lan.Node(1), Spec{Interface: lan.Iface()})
	c6 := openT(t, lan.Node(1), Spec{Interface: lan.Iface(), IPv6: true})
	anywhere := openT(t, lan.Node(1), Spec{Unicast: true, Source: lan.Prefix4(1).Addr()})
	recv4, send4 := c4.FDs()
	recv6, send6 := c6.FDs()
	recvAny, sendAny := anywhere.FDs()
	tests := []struct {
		name       string
		fd         int
		level, opt int
		want       int
	}{
		{"IPv4 receive: device", recv4, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, index},
		{"IPv4 receive: other groups", recv4, unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0},
		{"IPv4 receive: protocol", recv4, unix.SOL_SOCKET, unix.SO_PROTOCOL, 112},
		{"IPv4 send: device", send4, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, index},
		{"IPv4 send: own header", send4, unix.IPPROTO_IP, unix.IP_HDRINCL, 1},
		{"IPv4 send: loop", send4, unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 0},
		{"IPv4 send: other groups", send4, unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0},
		{"IPv4 send: type of service", send4, unix.IPPROTO_IP, unix.IP_TOS, 0xc0},
		{"IPv4 send: priority", send4, unix.SOL_SOCKET, unix.SO_PRIORITY, 7},
		{"IPv4 send: protocol", send4, unix.SOL_SOCKET, unix.SO_PROTOCOL, unix.IPPROTO_RAW},
		{"IPv6 receive: device", recv6, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, index},
		{"IPv6 receive: other groups", recv6, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL, 0},
		{"IPv6 receive: checksum", recv6, unix.IPPROTO_IPV6, unix.IPV6_CHECKSUM, 6},
		{"IPv6 send: device", send6, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, index},
		{"IPv6 send: other groups", send6, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL, 0},
		{"IPv6 send: checksum", send6, unix.IPPROTO_IPV6, unix.IPV6_CHECKSUM, 6},
		{"IPv6 send: hops", send6, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, 255},
		{"IPv6 send: loop", send6, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP, 0},
		{"IPv6 send: interface", send6, unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, index},
		{"IPv6 send: traffic class", send6, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, 0xc0},
		{"IPv6 send: priority", send6, unix.SOL_SOCKET, unix.SO_PRIORITY, 7},
		{"anywhere, receive: device", recvAny, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, 0},
		{"anywhere, send: device", sendAny, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, 0},
	}
	for _, tt := range tests {
		got, err := unix.GetsockoptInt(tt.fd, tt.level, tt.opt)
		if err != nil || got != tt.want {
			t.Errorf("%s: %d, %v, want %d", tt.name, got, err, tt.want)
		}
	}
	sa, err := unix.Getsockname(send6)
	if err != nil {
		t.Fatal(err)
	}
	if got, want := sa.(*unix.SockaddrInet6).Addr, netip.MustParseAddr("ff00::").As16(); got != want {
		t.Errorf("IPv6 send: bound to %x, want %x", got, want)
	}
	for _, fd := range []int{send4, send6, sendAny} {
		if n, _, err := unix.Recvfrom(fd, make([]byte, 1), unix.MSG_DONTWAIT); err != unix.EAGAIN {
			t.Errorf("a send socket holds a packet: %d, %v", n, err)
		}
	}
}

func TestTolerant(t *testing.T) {
	for _, tt := range []struct{ err, want error }{
		{nil, nil},
		{unix.ENOPROTOOPT, nil},
		{unix.EPERM, unix.EPERM},
	} {
		o := tolerant(unix.ENOPROTOOPT, option{"option", func(int) error { return tt.err }})
		if got := o.set(-1); got != tt.want {
			t.Errorf("%v becomes %v, want %v", tt.err, got, tt.want)
		}
	}
}

// The buffer is as large as asked for, where we may go beyond the limit of the
// system, and as large as that allows elsewhere: in user namespaces.
func TestReceiveBuffer(t *testing.T) {
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	size := func(c *Conn) int {
		t.Helper()
		fd, _ := c.FDs()
		n, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	byDefault := size(openT(t, lan.Node(1), Spec{Interface: lan.Iface()}))
	c := openT(t, lan.Node(1), Spec{Interface: lan.Iface(), RcvBuf: byDefault / 4})
	if got, want := size(c), byDefault/4*2; got != want {
		t.Errorf("%d bytes, want %d", got, want)
	}

	const large = 64 << 20
	if err := c.SetReceiveBuffer(large); err != nil {
		t.Fatal(err)
	}
	_, probe := c.FDs()
	if unix.SetsockoptInt(probe, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, large) == nil {
		if got := size(c); got != 2*large {
			t.Errorf("%d bytes, want %d", got, 2*large)
		}
	} else if got := size(c); got <= byDefault {
		t.Errorf("%d bytes, want more than the default of %d", got, byDefault)
	}
}

func TestConnString(t *testing.T) {
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	index := ifIndex(t, lan.Node(1), lan.Iface())
	tests := []struct {
		spec Spec
		want string // with the index and the descriptors to be filled in
	}{
		{Spec{Interface: lan.Iface()}, "ifindex(%3d), family(IPv4), proto(112), fd(%d,%d) multicast, address(224.0.0.18)"},
		{Spec{Interface: lan.Iface(), IPv6: true}, "ifindex(%3d), family(IPv6), proto(112), fd(%d,%d) multicast, address(ff02::12)"},
		{Spec{Interface: lan.Iface(), Proto: 51}, "ifindex(%3d), family(IPv4), proto(51), fd(%d,%d) multicast, address(224.0.0.18)"},
		{Spec{Interface: lan.Iface(), Unicast: true, Source: addrA}, "ifindex(%3d), family(IPv4), proto(112), fd(%d,%d) , unicast, address(192.0.2.1)"},
	}
	for _, tt := range tests {
		c := openT(t, lan.Node(1), tt.spec)
		recv, send := c.FDs()
		if want := fmt.Sprintf(tt.want, index, recv, send); c.String() != want {
			t.Errorf("got  %q\nwant %q", c, want)
		}
	}
}

// Without the capability it says so: the daemon's exit status depends on it.
func TestPermission(t *testing.T) {
	nettest.Require(t)
	type result struct{ conn, announce error }
	done := make(chan result)
	go func() {
		runtime.LockOSThread() // for good: the thread ends with the goroutine
		hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
		var r result
		var data [2]unix.CapUserData
		if r.conn = os.NewSyscallError("capset", unix.Capset(&hdr, &data[0])); r.conn == nil {
			_, r.conn = Open(Spec{Unicast: true, Source: addrA})
			r.announce = new(Announcer).Announce(1, addrA)
		}
		done <- r
	}()
	r := <-done
	if !errors.Is(r.conn, ErrPermission) {
		t.Errorf("open: %v, want %v", r.conn, ErrPermission)
	}
	if !errors.Is(r.announce, ErrPermission) {
		t.Errorf("announce: %v, want %v", r.announce, ErrPermission)
	}
}
