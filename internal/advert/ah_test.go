package advert

import (
	"bytes"
	"encoding/binary"
	"testing"
	"time"
)

// ahVectors were captured from keepalived.
var ahVectors = []struct {
	name, packet string
	expect       Expect
}{
	{
		"12345678", "45c000400001 0000 ff33 18b6 c0000201 e0000012 7004 0000 c0000201 00000001 c99868773cb560a2dbb16f9f" +
			"2147 6401 0201 b646 c000026f 0000000000000000",
		Expect{Version: 2, VRID: 71, Auth: AuthAH, Password: Password([]byte("12345678")), Interval: time.Second, Addresses: addrs("192.0.2.111")},
	},
	{
		"s3cret", "45c0004000010000ff3318b6c0000201e0000012 70040000 c0000201 00000001 89d35c3dc8eae116c6fdb26e" +
			"2103c8010201522e c00002cb 0000000000000000",
		Expect{Version: 2, VRID: 3, Auth: AuthAH, Password: Password{'s', '3', 'c', 'r', 'e', 't'}, Interval: time.Second, Addresses: addrs("192.0.2.203")},
	},
}

// sealAH makes the packet that is sent for a message.
func sealAH(s *Sealer, msg Message, id uint16, seq uint32) *Packet {
	ip := IPv4{Src: msg.Src, Dst: msg.Dst, ID: id, TTL: TTL}
	b := msg.AppendTo(make([]byte, AHLen))
	s.SealAH(b, ip, seq)
	return &Packet{Src: ip.Src, Dst: ip.Dst, TTL: TTL, Proto: ProtoAH, IPHeader: 20, IPTotal: 20 + len(b), ID: id, Payload: b}
}

func TestAHVectors(t *testing.T) {
	for _, v := range ahVectors {
		t.Run(v.name, func(t *testing.T) {
			p := wirePacket(wireHex(t, v.packet), time.Time{})
			e := &v.expect
			s, m := NewSealer(e), &Marks{}
			if _, r := e.CheckSealed(p, s, m); !r.OK() {
				t.Fatal(r.Text(p.Src))
			}
			if got := sealAH(s, message(p, e), p.ID, 1); !bytes.Equal(got.Payload, p.Payload) {
				t.Errorf("sent\n% x, want\n% x", got.Payload, p.Payload)
			}
			if _, r := e.CheckSealed(p, s, m); r.Reason != ReasonAHSequence ||
				r.Text(p.Src) != "IPSEC-AH : sequence number 1 already processed. Packet dropped. Local(1)" {
				t.Errorf("again: %s", r.Text(p.Src))
			}
			if _, r := e.Check(p); r.Reason != ReasonAH {
				t.Errorf("without password: %v", r.Reason)
			}
		})
	}
}

// Every bit of the packet is covered, but for those that routers change.
func TestAHEveryBit(t *testing.T) {
	v := ahVectors[0]
	whole := wireHex(t, v.packet)
	e := &v.expect
	s := NewSealer(e)
	covered := func(at int) bool {
		switch at {
		case 1, 6, 7, 10, 11: // type of service, fragments, header checksum
			return false
		}
		return true
	}
	for i := range len(whole) * 8 {
		at := i / 8
		if at == 0 {
			continue // another version or header length is another packet
		}
		b := bytes.Clone(whole)
		b[at] ^= 1 << (i % 8)
		m := &Marks{}
		_, r := e.CheckSealed(wirePacket(b, time.Time{}), s, m)
		if r.OK() == covered(at) || !r.OK() && m.AH != 0 {
			t.Fatalf("byte %d bit %d changed: %v", at, i%8, r.Reason)
		}
	}
}

func TestAHRejects(t *testing.T) {
	e := &ahVectors[1].expect
	s := NewSealer(e)
	send := func(seq uint32) *Packet {
		p := wirePacket(wireHex(t, ahVectors[1].packet), time.Time{})
		return sealAH(s, message(p, e), 7, seq)
	}
	m := &Marks{AH: 41}
	for _, test := range []struct {
		name string
		p    *Packet
		want Reason
	}{
		{"old", send(41), ReasonAHSequence},
		{"next", send(42), ReasonNone},
		{"twice", send(42), ReasonAHSequence},
		{"far ahead", send(1000), ReasonNone},
		{"between", send(999), ReasonAHSequence},
	} {
		if _, r := e.CheckSealed(test.p, s, m); r.Reason != test.want {
			t.Errorf("%s: %v, want %v", test.name, r.Reason, test.want)
		}
	}
	if got := m.NextAH(); got != 1001 {
		t.Errorf("our next number is %d, want one above what was heard", got)
	}

	other := *e
	other.Password = Password{'o', 't', 'h', 'e', 'r'}
	if _, r := other.CheckSealed(send(2000), NewSealer(&other), &Marks{}); r.Reason != ReasonAH {
		t.Errorf("another password: %v", r.Reason)
	}
	spi := send(3000) // signed with an SPI that is not its source
	spi.Payload[7]++
	ip := IPv4{Src: spi.Src, Dst: spi.Dst, ID: spi.ID, TTL: TTL}
	copy(spi.Payload[ahICV:], s.checkValue(spi.Payload, ip, uint16(spi.IPTotal)))
	if _, r := e.CheckSealed(spi, s, m); r.Reason != ReasonAHSPI || r.Text(spi.Src) == "" || m.AH != 1001 {
		t.Errorf("another SPI: %v", r.Reason)
	}
	plain := *send(4000)
	plain.Proto, plain.Payload = ProtoVRRP, plain.Payload[AHLen:]
	plain.IPTotal -= AHLen
	if _, r := e.CheckSealed(&plain, s, m); r.Reason != ReasonMissingAH {
		t.Errorf("without header: %v", r.Reason)
	}
}

// The TTL of a unicast advert changes on its way.
func TestAHUnicastTTL(t *testing.T) {
	e := ahVectors[1].expect
	e.Unicast = true
	s := NewSealer(&e)
	msg := Message{
		Version: 2, VRID: 3, Priority: 200, Interval: time.Second, Auth: AuthAH,
		Src: addrs("192.0.2.1")[0], Dst: addrs("198.51.100.2")[0], Addresses: e.Addresses,
	}
	p := sealAH(s, msg, 9, 5)
	p.TTL = 63
	if _, r := e.CheckSealed(p, s, &Marks{}); !r.OK() {
		t.Error(r.Text(p.Src))
	}
}

func TestNextAHDoesNotBeginAgain(t *testing.T) {
	m := Marks{AH: 1<<32 - 2}
	if a, b := m.NextAH(), m.NextAH(); a != 1<<32-1 || b != 1<<32-1 {
		t.Error(a, b)
	}
}

// Whatever comes, an accepted packet is one that the secret was used for: there is
// only one check value that fits.
func FuzzAH(f *testing.F) {
	for _, v := range ahVectors {
		f.Add(wireHex(f, v.packet), uint32(0))
	}
	e := &ahVectors[0].expect
	known := wireHex(f, ahVectors[0].packet)
	f.Fuzz(func(t *testing.T, b []byte, high uint32) {
		if len(b) < 20 || b[0]>>4 != 4 {
			return
		}
		p := wirePacket(b, time.Time{})
		whole := bytes.Clone(p.Payload)
		m := &Marks{AH: high}
		_, r := e.CheckSealed(p, NewSealer(e), m)
		if !bytes.Equal(p.Payload, whole) {
			t.Fatal("the packet was written to")
		}
		if !r.OK() && m.AH != high && r.Reason != ReasonInterval {
			t.Fatalf("%v, and the number %d was taken", r.Reason, m.AH)
		}
		if r.OK() && (!bytes.Equal(p.Payload, known[20:]) || m.AH != binary.BigEndian.Uint32(whole[ahSequence:])) {
			t.Fatalf("forged: % x", b)
		}
	})
}
