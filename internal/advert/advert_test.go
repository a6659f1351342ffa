package advert

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
)

var equateAddr = cmpopts.EquateComparable(netip.Addr{})

func addrs(list ...string) []netip.Addr {
	var out []netip.Addr
	for _, s := range list {
		out = append(out, netip.MustParseAddr(s))
	}
	return out
}

// vector is one captured packet with the message that makes it.
type vector struct {
	file    string
	message Message
}

var (
	srcA   = netip.MustParseAddr("192.0.2.1")
	dstB   = netip.MustParseAddr("192.0.2.2")
	srcA6  = netip.MustParseAddr("fe80::ff:fe00:a01")
	secret = [8]byte{'s', '3', 'c', 'r', 'e', 't'}

	vectors = []vector{
		{"v2", Message{
			Version: 2, VRID: 1, Priority: 200, Interval: time.Second, Src: srcA, Dst: GroupIPv4, Addresses: addrs("192.0.2.201"),
		}},
		{"v2-stop", Message{
			Version: 2, VRID: 1, Priority: 0, Interval: time.Second, Src: srcA, Dst: GroupIPv4, Addresses: addrs("192.0.2.201"),
		}},
		{"v2-pass", Message{
			Version: 2, VRID: 2, Priority: 200, Interval: time.Second, Src: srcA, Dst: GroupIPv4, Addresses: addrs("192.0.2.202"),
			Auth: AuthPass, Password: secret,
		}},
		{"v3", Message{
			Version: 3, VRID: 4, Priority: 200, Interval: time.Second, Src: srcA, Dst: GroupIPv4,
			Addresses: addrs("192.0.2.204", "192.0.2.205"),
		}},
		{"v3-checksum-as-v2", Message{
			Version: 3, VRID: 6, Priority: 200, Interval: time.Second, Src: srcA, Dst: GroupIPv4, Addresses: addrs("192.0.2.206"),
			ChecksumAsV2: true,
		}},
		{"v3-ipv6", Message{
			Version: 3, VRID: 5, Priority: 200, Interval: time.Second, Src: srcA6, Dst: GroupIPv6,
			Addresses: addrs("fe80::205", "2001:db8::205"),
		}},
		{"v2-unicast", Message{
			Version: 2, VRID: 15, Priority: 200, Interval: time.Second, Src: srcA, Dst: dstB, Addresses: addrs("192.0.2.215"),
		}},
		{"v3-unicast", Message{
			Version: 3, VRID: 16, Priority: 200, Interval: time.Second, Src: srcA, Dst: dstB, Addresses: addrs("192.0.2.216"),
		}},
	}
)

// expect is what a router with the same configuration expects.
func (m *Message) expect() *Expect {
	e := &Expect{
		Version: m.Version, VRID: m.VRID, IPv6: m.ipv6(), Unicast: !m.Dst.IsMulticast(), Auth: m.Auth, Password: m.Password,
		Interval: m.Interval, Addresses: m.Addresses, ChecksumAsV2: m.ChecksumAsV2,
	}
	if e.Unicast {
		e.Peers = []Peer{{Addr: m.Src, MaxTTL: 255}}
		e.CheckSource = true
	}
	return e
}

// packet is what a router receives of the message.
func (m *Message) packet() *Packet {
	p := &Packet{Src: m.Src, Dst: m.Dst, TTL: TTL, Proto: ProtoVRRP, Payload: m.AppendTo(nil)}
	p.IPHeader, p.IPTotal = 20, 20+len(p.Payload)
	if m.ipv6() {
		p.IPHeader, p.IPTotal = 40, 0
	}
	return p
}

// readWire reads a file of hexadecimal bytes with comments.
func readWire(t testing.TB, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "wire", name+".hex"))
	if err != nil {
		t.Fatal(err)
	}
	var packet []byte
	for line := range strings.Lines(string(text)) {
		digits, _, _ := strings.Cut(line, "#")
		b, err := hex.DecodeString(strings.TrimSpace(digits))
		if err != nil {
			t.Fatalf("%s: %q: %v", name, line, err)
		}
		packet = append(packet, b...)
	}
	return packet
}

// parseIP takes a whole IP packet apart as a raw socket does.
func parseIP(t testing.TB, b []byte) *Packet {
	t.Helper()
	switch b[0] >> 4 {
	case 4:
		head := int(b[0]&0xf) * 4
		return &Packet{
			Src: netip.AddrFrom4([4]byte(b[12:16])), Dst: netip.AddrFrom4([4]byte(b[16:20])), TTL: int(b[8]), Proto: int(b[9]),
			IPHeader: head, IPTotal: int(binary.BigEndian.Uint16(b[2:])), Payload: b[head:],
		}
	case 6:
		return &Packet{
			Src: netip.AddrFrom16([16]byte(b[8:24])), Dst: netip.AddrFrom16([16]byte(b[24:40])), TTL: int(b[7]), Proto: int(b[6]),
			IPHeader: 40, Payload: b[40:],
		}
	}
	t.Fatalf("neither IPv4 nor IPv6: % x", b)
	return nil
}

func TestVectors(t *testing.T) {
	for _, v := range vectors {
		t.Run(v.file, func(t *testing.T) {
			p := parseIP(t, readWire(t, v.file))

			got := v.message.AppendTo(nil)
			if diff := cmp.Diff(hex.EncodeToString(p.Payload), hex.EncodeToString(got)); diff != "" {
				t.Errorf("encoding (-want +got):\n%s", diff)
			}
			if n := v.message.Len(len(v.message.Addresses)); n != len(got) {
				t.Errorf("Len = %d, want %d", n, len(got))
			}

			if vrid, r := VRID(p); vrid != v.message.VRID || !r.OK() {
				t.Errorf("VRID = %d, %+v, want %d", vrid, r, v.message.VRID)
			}
			a, r := v.message.expect().Check(p)
			if !r.OK() {
				t.Fatalf("rejected: %s", r.Text(p.Src))
			}
			want := Advert{
				Src: v.message.Src, Version: v.message.Version, VRID: v.message.VRID,
				Priority: v.message.Priority, Interval: v.message.Interval,
			}
			if diff := cmp.Diff(want, a, equateAddr); diff != "" {
				t.Errorf("advert (-want +got):\n%s", diff)
			}
		})
	}
}

// Every bit of a packet over IPv4 is covered: by a check or by the checksum.
// The exceptions are named.
func TestVectorsFlippedBits(t *testing.T) {
	for _, v := range vectors {
		p := parseIP(t, readWire(t, v.file))
		if v.message.ipv6() || v.message.ChecksumAsV2 {
			continue // not our checksum, and not enforced
		}
		for bit := range len(p.Payload) * 8 {
			q := *p
			q.Payload = bytes.Clone(p.Payload)
			q.Payload[bit/8] ^= 1 << (bit % 8)
			if _, r := v.message.expect().Check(&q); r.OK() {
				t.Errorf("%s: accepted with bit %d of byte %d flipped", v.file, bit%8, bit/8)
			}
		}
	}
}

func TestAppendToKeepsPrefix(t *testing.T) {
	for _, v := range vectors {
		want := v.message.AppendTo(nil)
		got := v.message.AppendTo([]byte("header"))
		if string(got[:6]) != "header" || !bytes.Equal(got[6:], want) {
			t.Errorf("%s: got % x", v.file, got)
		}
	}
}

// A password that is configured but not in use stays at home.
func TestAppendToWithoutPassword(t *testing.T) {
	for _, auth := range []AuthType{AuthNone, AuthAH} {
		m := Message{Version: 2, VRID: 1, Interval: time.Second, Src: srcA, Dst: GroupIPv4, Auth: auth, Password: secret}
		if got := m.AppendTo(nil); !bytes.Equal(got[8:], make([]byte, 8)) {
			t.Errorf("authentication type %d: data % x, want zeros", auth, got[8:])
		}
	}
}

func TestAppendToLimits(t *testing.T) {
	var many []netip.Addr
	for i := range 300 {
		many = append(many, netip.AddrFrom4([4]byte{198, 51, 100 + byte(i>>8), byte(i)}))
	}
	base := Message{Version: 3, VRID: 1, Priority: 100, Interval: time.Second, Src: srcA, Dst: GroupIPv4}
	tests := []struct {
		name         string
		change       func(*Message)
		length       int
		count        byte
		byte4, byte5 byte
	}{
		{"no addresses", func(m *Message) {}, 8, 0, 0, 100},
		{"more addresses than the count field holds", func(m *Message) { m.Addresses = many }, 8 + 4*255, 255, 0, 100},
		{"addresses of the other family", func(m *Message) { m.Addresses = addrs("2001:db8::1", "192.0.2.9") }, 12, 1, 0, 100},
		{"mapped source is IPv4", func(m *Message) { m.Src = netip.AddrFrom16(srcA.As16()) }, 8, 0, 0, 100},
		{"longest interval", func(m *Message) { m.Interval = 40950 * time.Millisecond }, 8, 0, 0x0f, 0xff},
		{"interval too long", func(m *Message) { m.Interval = time.Hour }, 8, 0, 0x0f, 0xff},
		{"interval of nothing", func(m *Message) { m.Interval = 0 }, 8, 0, 0, 1},
		{"v2 interval too long", func(m *Message) { m.Version, m.Interval = 2, time.Hour }, 16, 0, 0, 255},
		{"v2 interval below a second", func(m *Message) { m.Version, m.Interval = 2, 10*time.Millisecond }, 16, 0, 0, 1},
		{"v2 over IPv6 has no authentication field", func(m *Message) {
			m.Version, m.Src, m.Dst, m.Addresses = 2, srcA6, GroupIPv6, addrs("2001:db8::1")
		}, 24, 1, 0, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			m := base
			test.change(&m)
			got := m.AppendTo(nil)
			if len(got) != test.length || got[3] != test.count || got[4] != test.byte4 || got[5] != test.byte5 {
				t.Errorf("length %d, count %d, bytes 4 and 5 %d %d; want %d, %d, %d %d",
					len(got), got[3], got[4], got[5], test.length, test.count, test.byte4, test.byte5)
			}
		})
	}
}
