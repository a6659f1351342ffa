package netio

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"testing"
	"time"
	"unsafe"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

func TestParseIPv4(t *testing.T) {
	payload := unhex(t, v2Payload)
	with := func(change func(b []byte) []byte) []byte { return change(unhex(t, v2Header+v2Payload)) }
	want := advert.Packet{
		Src: addrA, Dst: advert.GroupIPv4, TTL: 255, Proto: 112,
		IPHeader: 20, IPTotal: 40, ID: 1, Payload: payload,
	}
	changed := func(change func(p *advert.Packet)) *advert.Packet {
		p := want
		change(&p)
		return &p
	}
	tests := []struct {
		name string
		pkt  []byte
		want *advert.Packet // nil: refused
	}{
		{"plain", with(func(b []byte) []byte { return b }), &want},
		{
			"TTL and protocol", with(func(b []byte) []byte { b[8], b[9] = 1, 51; return b }),
			changed(func(p *advert.Packet) { p.TTL, p.Proto = 1, 51 }),
		},
		{"options", with(func(b []byte) []byte {
			b[0] = 0x46
			return append(append(b[:20:20], 0x94, 4, 0, 0), payload...)
		}), changed(func(p *advert.Packet) { p.IPHeader = 24 })},
		{"all options", with(func(b []byte) []byte {
			b[0] = 0x4f
			return append(append(b[:20:20], make([]byte, 40)...), payload...)
		}), changed(func(p *advert.Packet) { p.IPHeader = 60 })},
		{
			"total length larger than the packet", with(func(b []byte) []byte { b[2], b[3] = 0xff, 0xff; return b }),
			changed(func(p *advert.Packet) { p.IPTotal = 65535 }),
		},
		{
			"total length smaller than the packet", with(func(b []byte) []byte { b[3] = 21; return b }),
			changed(func(p *advert.Packet) { p.IPTotal = 21 }),
		},
		{
			"nothing behind the header", with(func(b []byte) []byte { return b[:20] }),
			changed(func(p *advert.Packet) { p.Payload = []byte{} }),
		},

		{"empty", nil, nil},
		{"header cut off", with(func(b []byte) []byte { return b[:19] }), nil},
		{"options cut off", with(func(b []byte) []byte { b[0] = 0x46; return b[:23] }), nil},
		{"header length of 4 words", with(func(b []byte) []byte { b[0] = 0x44; return b }), nil},
		{"header length 0", with(func(b []byte) []byte { b[0] = 0x40; return b }), nil},
		{"version 6", with(func(b []byte) []byte { b[0] = 0x65; return b }), nil},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := advert.Packet{TTL: 99, Payload: []byte("of the packet before")}
			err := parseIPv4(tt.pkt, &got)
			if tt.want == nil {
				if !errors.Is(err, errIPv4Header) {
					t.Errorf("error %v, want %v", err, errIPv4Header)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(*tt.want, got, equatePackets); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The payload is a view: nothing of the packet is copied.
func TestParseIPv4Aliases(t *testing.T) {
	pkt := unhex(t, v2Header+v2Payload)
	var p advert.Packet
	if err := parseIPv4(pkt, &p); err != nil {
		t.Fatal(err)
	}
	if &p.Payload[0] != &pkt[20] {
		t.Error("payload is a copy")
	}
}

// control6 returns what the kernel sends along with a packet.
func control6(tb testing.TB, limit int32, dst netip.Addr) []byte {
	tb.Helper()
	cm := ipv6.ControlMessage{Src: dst.AsSlice(), HopLimit: 1, IfIndex: 3}
	oob := cm.Marshal()
	// The kernel and the library write the same two messages; only the hop
	// limit's number is ours to choose, to have impossible ones.
	for rest := oob; len(rest) > 0; {
		hdr, data, next, err := unix.ParseOneSocketControlMessage(rest)
		if err != nil {
			tb.Fatal(err)
		}
		if hdr.Type == unix.IPV6_HOPLIMIT {
			binary.NativeEndian.PutUint32(data, uint32(limit))
		}
		rest = next
	}
	return oob
}

func TestParseControl6(t *testing.T) {
	peer := netip.MustParseAddr("2001:db8::2")
	first := unix.CmsgSpace(4)
	full := control6(t, 255, peer)
	if len(full) != first+unix.CmsgSpace(20) {
		t.Fatalf("%d bytes of control messages, want %d", len(full), first+unix.CmsgSpace(20))
	}
	tests := []struct {
		name    string
		oob     []byte
		wantTTL int
		wantDst netip.Addr
	}{
		{"both", full, 255, peer},
		{"limit 0", control6(t, 0, peer), 0, peer},
		{"impossible limit", control6(t, 256, peer), -1, peer},
		{"negative limit", control6(t, -1, peer), -1, peer},
		{"none", nil, -1, advert.GroupIPv6},
		{"cut off in the header", full[:8], -1, advert.GroupIPv6},
		{"second cut off in the data", full[:len(full)-12], 255, advert.GroupIPv6},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			p := advert.Packet{TTL: -1, Dst: advert.GroupIPv6}
			parseControl6(tt.oob, &p)
			want := advert.Packet{TTL: tt.wantTTL, Dst: tt.wantDst}
			if diff := cmp.Diff(want, p, equatePackets); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestParseAllocates(t *testing.T) {
	pkt, oob := unhex(t, v2Header+v2Payload), control6(t, 255, advert.GroupIPv6)
	var p advert.Packet
	got := testing.AllocsPerRun(100, func() {
		if err := parseIPv4(pkt, &p); err != nil {
			t.Fatal(err)
		}
		parseControl6(oob, &p)
	})
	if got != 0 {
		t.Errorf("%v allocations, want 0", got)
	}
}

func FuzzParseIPv4(f *testing.F) {
	f.Add([]byte{})
	f.Add(unhex(f, v2Header))
	f.Add(unhex(f, v2Header+v2Payload))
	f.Add(append(unhex(f, "46"+v2Header[2:]+"94040000"), unhex(f, v2Payload)...))
	f.Fuzz(func(t *testing.T, pkt []byte) {
		var p advert.Packet
		if parseIPv4(pkt, &p) != nil {
			return
		}
		switch {
		case p.IPHeader < 20 || p.IPHeader > 60 || p.IPHeader%4 != 0:
			t.Errorf("header of %d bytes", p.IPHeader)
		case p.IPHeader+len(p.Payload) != len(pkt):
			t.Errorf("header of %d and payload of %d bytes in a packet of %d", p.IPHeader, len(p.Payload), len(pkt))
		case p.TTL < 0 || p.TTL > 255 || p.Proto < 0 || p.Proto > 255 || p.IPTotal < 0 || p.IPTotal > 65535:
			t.Errorf("out of range: %+v", p)
		case !p.Src.Is4() || !p.Dst.Is4():
			t.Errorf("addresses %s and %s", p.Src, p.Dst)
		}
	})
}

func FuzzParseControl6(f *testing.F) {
	full := control6(f, 255, advert.GroupIPv6)
	f.Add([]byte{})
	f.Add(full)
	f.Add(full[:len(full)-1])
	f.Add(append(make([]byte, 16), full...))
	f.Fuzz(func(t *testing.T, oob []byte) {
		p := advert.Packet{TTL: -1}
		parseControl6(oob, &p)
		if p.TTL < -1 || p.TTL > 255 {
			t.Errorf("hop limit %d", p.TTL)
		}
		if p.Dst.IsValid() && !p.Dst.Is6() {
			t.Errorf("destination %s", p.Dst)
		}
	})
}

// stamp is a time stamp as the kernel gives it with a packet.
func stamp(sec, nsec int64) []byte {
	b := make([]byte, unix.CmsgSpace(16))
	hdr := (*unix.Cmsghdr)(unsafe.Pointer(&b[0]))
	hdr.Level, hdr.Type = unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW
	hdr.SetLen(unix.CmsgLen(16))
	binary.NativeEndian.PutUint64(b[unix.CmsgLen(0):], uint64(sec))
	binary.NativeEndian.PutUint64(b[unix.CmsgLen(0)+8:], uint64(nsec))
	return b
}

func TestArrival(t *testing.T) {
	now := time.Now()
	at := func(age time.Duration) []byte {
		then := now.Add(-age)
		return stamp(then.Unix(), int64(then.Nanosecond()))
	}
	for _, tt := range []struct {
		name string
		oob  []byte
		want time.Duration // before now
	}{
		{"none", nil, 0},
		{"a millisecond ago", at(time.Millisecond), time.Millisecond},
		{"behind another message", append(control6(t, 255, advert.GroupIPv6), at(time.Millisecond)...), time.Millisecond},
		{"too long ago to be the last one", at(time.Second), 0},
		{"in the future: the clock was set", at(-time.Second), 0},
		{"cut off", at(time.Millisecond)[:20], 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := now.Sub(arrival(tt.oob, now)); got != tt.want {
				t.Errorf("%v before now, want %v", got, tt.want)
			}
		})
	}
}

func BenchmarkParse(b *testing.B) {
	b.Run("IPv4", func(b *testing.B) {
		pkt := unhex(b, v2Header+v2Payload)
		var p advert.Packet
		b.ReportAllocs()
		for b.Loop() {
			if err := parseIPv4(pkt, &p); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("IPv6", func(b *testing.B) {
		oob := control6(b, 255, advert.GroupIPv6)
		var p advert.Packet
		b.ReportAllocs()
		for b.Loop() {
			parseControl6(oob, &p)
		}
	})
}
