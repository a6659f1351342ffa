package advert

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// genMessage draws any message that a router may send.
func genMessage(t *rapid.T) Message {
	m := Message{
		Version:  rapid.SampledFrom([]uint8{2, 3}).Draw(t, "version"),
		VRID:     rapid.Uint8Min(1).Draw(t, "vrid"),
		Priority: rapid.Uint8().Draw(t, "priority"),
	}
	v6 := rapid.Bool().Draw(t, "IPv6")
	unicast := rapid.Bool().Draw(t, "unicast")
	addr := rapid.Custom(func(t *rapid.T) netip.Addr {
		b := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "address")
		if v6 {
			b[0], b[1] = 0xfe, 0x80
			return netip.AddrFrom16([16]byte(b))
		}
		b[0] = 192
		return netip.AddrFrom4([4]byte(b))
	})
	m.Src, m.Dst = addr.Draw(t, "source"), addr.Draw(t, "destination")
	if !unicast {
		m.Dst = GroupIPv4
		if v6 {
			m.Dst = GroupIPv6
		}
	}
	m.Addresses = rapid.SliceOfN(addr, 0, MaxAddresses).Draw(t, "addresses")
	if m.Version == 2 {
		m.Interval = time.Duration(rapid.IntRange(1, 255).Draw(t, "seconds")) * time.Second
		if !v6 && rapid.Bool().Draw(t, "authentication") {
			m.Auth = AuthPass
			copy(m.Password[:], rapid.SliceOfN(rapid.Byte(), 0, 8).Draw(t, "password"))
		}
	} else {
		m.Interval = time.Duration(rapid.IntRange(1, maxCentis).Draw(t, "centiseconds")) * centisecond
		m.ChecksumAsV2 = !v6 && rapid.Bool().Draw(t, "checksum as v2")
	}
	return m
}

// checkRoundTrip says that what a router sends, one with the same configuration
// accepts as it was meant.
func checkRoundTrip(t *rapid.T) {
	m := genMessage(t)
	p, e := m.packet(), m.expect()
	got, r := e.Check(p)
	if !r.OK() {
		t.Fatalf("rejected: %s", r.Text(p.Src))
	}
	want := Advert{Src: m.Src, Version: m.Version, VRID: m.VRID, Priority: m.Priority, Interval: m.Interval}
	if diff := cmp.Diff(want, got, equateAddr); diff != "" {
		t.Fatalf("advert (-want +got):\n%s", diff)
	}
	if vrid, r := VRID(p); vrid != m.VRID || !r.OK() {
		t.Fatalf("VRID = %d, %v", vrid, r.Reason)
	}
	if p.Count() != len(m.Addresses) {
		t.Fatalf("Count = %d, want %d", p.Count(), len(m.Addresses))
	}
}

func TestRoundTrip(t *testing.T) { rapid.Check(t, checkRoundTrip) }

func FuzzRoundTrip(f *testing.F) {
	for _, n := range []int{16, 64, 512, 8192} {
		f.Add(bytes.Repeat([]byte{0x5a, 0x01, 0xff, 0x00}, n/4))
	}
	f.Fuzz(rapid.MakeFuzz(checkRoundTrip))
}

// Whatever is accepted can be taken apart and put together again to the same
// bytes, apart from those that are ignored by rule.
func FuzzCheck(f *testing.F) {
	for i, v := range vectors {
		f.Add(readWire(f, v.file), uint8(i), v.message.ipv6())
	}
	f.Add([]byte{}, uint8(0), false)
	f.Fuzz(func(t *testing.T, raw []byte, which uint8, v6 bool) {
		p := &Packet{TTL: TTL, Proto: ProtoVRRP}
		switch {
		case v6 && len(raw) >= 40:
			p.Src, p.Dst = netip.AddrFrom16([16]byte(raw[8:24])), netip.AddrFrom16([16]byte(raw[24:40]))
			p.IPHeader, p.Payload = 40, raw[40:]
		case !v6 && len(raw) >= 20:
			p.Src, p.Dst = netip.AddrFrom4([4]byte(raw[12:16])), netip.AddrFrom4([4]byte(raw[16:20]))
			p.IPHeader, p.IPTotal = 20, int(binary.BigEndian.Uint16(raw[2:]))
			p.TTL, p.Proto, p.Payload = int(raw[8]), int(raw[9]), raw[20:]
		default:
			p.Payload = raw
		}
		whole := bytes.Clone(p.Payload)
		vrid, short := VRID(p)
		e := vectors[int(which)%len(vectors)].message.expect()
		a, r := e.Check(p)
		if !bytes.Equal(p.Payload, whole) {
			t.Fatal("the packet was written to")
		}
		if r.OK() != (r.Text(p.Src) == "") || r.OK() && !short.OK() {
			t.Fatalf("reject %+v, short %+v", r, short)
		}
		if !r.OK() {
			return
		}
		if a.VRID != vrid {
			t.Fatalf("VRID %d, peeked %d", a.VRID, vrid)
		}
		checkEncodesAgain(t, e, p, a)
	})
}

func checkEncodesAgain(t *testing.T, e *Expect, p *Packet, a Advert) {
	if v6 := is6(p.Src); v6 != e.IPv6 {
		return // the socket of one family does not hand over the other
	}
	m := Message{
		Version: a.Version, VRID: a.VRID, Priority: a.Priority, Interval: a.Interval, Auth: e.Auth, Password: e.Password,
		Src: p.Src, Dst: p.Dst, ChecksumAsV2: e.ChecksumAsV2,
	}
	if a.Notes&NoteOldChecksum != 0 {
		m.Dst = GroupIPv4
	}
	list, n := e.addresses(p.Payload), addrLen(e.IPv6)
	for ; len(list) > 0; list = list[n:] {
		addr, _ := netip.AddrFromSlice(list[:n])
		m.Addresses = append(m.Addresses, addr)
		if is6(addr) != e.IPv6 {
			return // an IPv4 address mapped into IPv6 is never sent
		}
	}
	got := m.AppendTo(nil)
	want := bytes.Clone(p.Payload[:min(len(got), len(p.Payload))]) // without padding
	if a.Interval == 0 {
		return // accepted, and never sent
	}
	ignore := func(b []byte) {
		if a.Version == 3 {
			b[4] &= 0xf // reserved bits
		}
		if a.Version == 2 && e.Auth == AuthNone && !e.IPv6 {
			clear(b[len(b)-authLen:]) // authentication data without authentication
		}
		// Both change the checksum; over IPv6 it is the kernel's, and with
		// ChecksumAsV2 nobody's.
		b[6], b[7] = 0, 0
	}
	if a.Version == 3 && p.Payload[4]&0xf0 == 0 && !e.IPv6 && !e.ChecksumAsV2 {
		ignore = func([]byte) {} // every byte counts
	}
	ignore(want)
	ignore(got)
	// 0 has two forms in one's complement, and we send only one of them.
	if bytes.Equal(want[6:8], []byte{0xff, 0xff}) && bytes.Equal(got[6:8], []byte{0, 0}) {
		want[6], want[7] = 0, 0
	}
	if !bytes.Equal(got, want) {
		t.Fatalf("encoded again:\n got % x\nwant % x", got, want)
	}
}

func TestAllocations(t *testing.T) {
	accepted, rejected := ptr(v3Unicast()), ptr(v2Pass())
	p, e := accepted.packet(), accepted.expect()
	q, f := rejected.packet(), rejected.expect()
	q.Payload[20] ^= 1
	buf := make([]byte, 0, 1500)
	tests := []struct {
		name string
		f    func()
	}{
		{"encode", func() { buf = accepted.AppendTo(buf[:0]) }},
		{"accept", func() { e.Check(p) }},
		{"reject", func() { f.Check(q) }},
		{"peek", func() { VRID(p) }},
	}
	for _, test := range tests {
		if n := testing.AllocsPerRun(100, test.f); n != 0 {
			t.Errorf("%s: %v allocations, want none", test.name, n)
		}
	}
}

func BenchmarkAppendTo(b *testing.B) {
	m := v3Mcast()
	buf := make([]byte, 0, 1500)
	b.ReportAllocs()
	for b.Loop() {
		buf = m.AppendTo(buf[:0])
	}
}

func BenchmarkCheck(b *testing.B) {
	for _, bench := range []struct {
		name string
		m    Message
	}{{"v2", v2Pass()}, {"v3", v3Mcast()}, {"v3-ipv6", v3IPv6()}, {"v3-255-addresses", fullMessage()}} {
		b.Run(bench.name, func(b *testing.B) {
			p, e := bench.m.packet(), bench.m.expect()
			b.ReportAllocs()
			for b.Loop() {
				if _, r := e.Check(p); !r.OK() {
					b.Fatal(r.Text(p.Src))
				}
			}
		})
	}
}

// fullMessage has as many addresses as there can be.
func fullMessage() Message {
	m := v3Mcast()
	m.Addresses = nil
	for i := range MaxAddresses {
		m.Addresses = append(m.Addresses, netip.AddrFrom4([4]byte{198, 51, 100, byte(i)}))
	}
	return m
}

func BenchmarkReject(b *testing.B) {
	m := v3Mcast()
	p, e := m.packet(), m.expect()
	p.Payload[7]++
	b.ReportAllocs()
	for b.Loop() {
		if _, r := e.Check(p); r.OK() {
			b.Fatal("accepted")
		}
	}
}
