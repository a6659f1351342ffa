package netio

import (
	"net/netip"
	"strconv"
	"testing"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

func bothFamilies(b *testing.B, f func(b *testing.B, ipv6 bool)) {
	b.Run("IPv4", func(b *testing.B) { f(b, false) })
	b.Run("IPv6", func(b *testing.B) { f(b, true) })
}

func BenchmarkSend(b *testing.B) {
	bothFamilies(b, func(b *testing.B, ipv6 bool) {
		lan := nettest.NewLANT(b, 1, nettest.Options{})
		c := openT(b, lan.Node(1), Spec{Interface: lan.Iface(), IPv6: ipv6})
		src := lan.Prefix4(1).Addr()
		if ipv6 {
			src = lan.LinkLocal(1)
		}
		o := Out{Src: src, Dst: c.Spec().Group, Payload: unhex(b, v2Payload)}
		b.ReportAllocs()
		for b.Loop() {
			if err := c.Send(o); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkReceive measures a packet from the kernel's queue to the handler,
// against golang.org/x/net with batches of the same size.
func BenchmarkReceive(b *testing.B) {
	bothFamilies(b, func(b *testing.B, v6 bool) {
		lan, a, c, src := pair(b, v6)
		if err := c.SetReceiveBuffer(8 << 20); err != nil {
			b.Fatal(err)
		}
		handled := 0
		handle := func(*advert.Packet) { handled++ }
		ours := func() int {
			n, err := c.Drain(batchLen, handle)
			if err != nil {
				b.Fatal(err)
			}
			return n
		}
		b.Run("netio", func(b *testing.B) { receive(b, lan, a, c, src, ours) })

		ms := make([]ipv4.Message, batchLen)
		for i := range ms {
			ms[i] = ipv4.Message{Buffers: [][]byte{make([]byte, packetLen)}, OOB: make([]byte, controlLen)}
		}
		read := ipv4.NewPacketConn(c.recv).ReadBatch
		if v6 {
			read = ipv6.NewPacketConn(c.recv).ReadBatch
		}
		theirs := func() int {
			n, err := read(ms, 0)
			if err != nil {
				b.Fatal(err)
			}
			return n
		}
		b.Run("x-net", func(b *testing.B) { receive(b, lan, a, c, src, theirs) })
	})
}

// receive measures read, which returns how many packets it took from a queue
// that is filled outside of the measurement.
func receive(b *testing.B, lan *nettest.LAN, a, c *Conn, src netip.Addr, read func() int) {
	const fill = 64 * batchLen
	b.ReportAllocs()
	for done := 0; done < b.N; {
		b.StopTimer()
		queue(b, lan, a, c, src, fill)
		b.StartTimer()
		for left := fill; left > 0; {
			n := read()
			left -= n
			done += n
		}
	}
}

// BenchmarkReceiveBeside measures an advert from Send to the handler beside
// other Conns on the same interface, which do not hear it.
func BenchmarkReceiveBeside(b *testing.B) {
	bothFamilies(b, func(b *testing.B, v6 bool) {
		for _, others := range []int{0, 100} {
			b.Run(strconv.Itoa(others), func(b *testing.B) {
				lan, a, c, src := pair(b, v6)
				setVRIDs(b, c, false, 1)
				if err := lan.Node(2).Sysctl("net/ipv4/igmp_max_memberships", "1000"); err != nil {
					b.Fatal(err)
				}
				for i := range others {
					group := netip.AddrFrom4([4]byte{239, 192, 1, byte(i)})
					if v6 {
						group = netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 14: 1, 15: byte(i)})
					}
					openT(b, lan.Node(2), Spec{Interface: lan.Iface(), IPv6: v6, Group: group})
				}
				o := Out{Src: src, Dst: c.Spec().Group, Payload: unhex(b, v2Payload)}
				for b.Loop() {
					if err := a.Send(o); err != nil {
						b.Fatal(err)
					}
					for n := 0; n == 0; {
						var err error
						if n, err = c.Drain(1, func(*advert.Packet) {}); err != nil {
							b.Fatal(err)
						}
					}
				}
			})
		}
	})
}

// BenchmarkSetVRIDs measures a change of the filter.
func BenchmarkSetVRIDs(b *testing.B) {
	_, _, c, _ := pair(b, false)
	vrids := []uint8{1, 51, 100, 200, 255}
	b.ReportAllocs()
	for b.Loop() {
		if err := c.SetVRIDs(vrids, false); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFilterOnSocket measures an advert from Send to the end of the
// kernel's work for a listener that filters it out or takes it.
func BenchmarkFilterOnSocket(b *testing.B) {
	for _, bm := range []struct {
		name  string
		vrids []uint8
	}{{"dropped", []uint8{51}}, {"passed", []uint8{1}}} {
		b.Run(bm.name, func(b *testing.B) {
			_, a, c, src := pair(b, false)
			setVRIDs(b, c, false, bm.vrids...)
			o := Out{Src: src, Dst: advert.GroupIPv4, Payload: unhex(b, v2Payload)}
			for b.Loop() {
				if err := a.Send(o); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkAnnounce measures one address of a thousand.
func BenchmarkAnnounce(b *testing.B) {
	bothFamilies(b, func(b *testing.B, ipv6 bool) {
		ns := nettest.NewT(b, "bench")
		addVeth(b, ns, "eth0", 0)
		index, addrs := ifIndex(b, ns, "eth0"), manyAddrs(1000, ipv6)
		a := new(Announcer)
		defer a.Close()
		b.ReportAllocs()
		for done := 0; done < b.N; done += len(addrs) {
			if err := announceT(b, a, ns, index, addrs...); err != nil {
				b.Fatal(err)
			}
		}
	})
}

// BenchmarkAnnounceOne measures the same, an address at a time.
func BenchmarkAnnounceOne(b *testing.B) {
	bothFamilies(b, func(b *testing.B, ipv6 bool) {
		ns := nettest.NewT(b, "bench")
		addVeth(b, ns, "eth0", 0)
		index, addrs := ifIndex(b, ns, "eth0"), manyAddrs(1, ipv6)
		a := new(Announcer)
		defer a.Close()
		b.ReportAllocs()
		err := ns.Do(func() error {
			for b.Loop() {
				if err := a.Announce(index, addrs...); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			b.Fatal(err)
		}
	})
}
