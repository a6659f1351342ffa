package advert

import (
	"encoding/binary"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// Standard senders: what the tests below change by one thing at a time.
func v2Pass() Message {
	return Message{
		Version: 2, VRID: 51, Priority: 100, Interval: time.Second, Src: srcA, Dst: GroupIPv4,
		Addresses: addrs("192.0.2.100", "192.0.2.101"), Auth: AuthPass, Password: secret,
	}
}

func v3Mcast() Message {
	return Message{
		Version: 3, VRID: 51, Priority: 100, Interval: time.Second, Src: srcA, Dst: GroupIPv4,
		Addresses: addrs("192.0.2.100", "192.0.2.101"),
	}
}

func v3Unicast() Message {
	m := v3Mcast()
	m.Dst = dstB
	return m
}

func v3IPv6() Message {
	return Message{
		Version: 3, VRID: 52, Priority: 100, Interval: time.Second, Src: srcA6, Dst: GroupIPv6,
		Addresses: addrs("fe80::100", "2001:db8::100"),
	}
}

// resum makes the checksum of a changed packet right again.
func resum(p *Packet) {
	b := p.Payload
	b[6], b[7] = 0, 0
	n := min(pduLen(b[0]>>4, is6(p.Src), int(b[3])), len(b))
	sum := sumBytes(0, b[:n])
	if hasPseudoHeader(b[0]>>4, is6(p.Src), false) {
		sum = sumPseudo(sum, p.Src, p.Dst, n)
	}
	binary.BigEndian.PutUint16(b[6:], fold(sum))
}

// set makes a change to one byte of a packet, with the checksum right again.
func set(at int, value byte) func(*Packet, *Expect) {
	return func(p *Packet, _ *Expect) {
		p.Payload[at] = value
		resum(p)
	}
}

// grow makes a packet longer or shorter, header field included.
func grow(by int) func(*Packet, *Expect) {
	return func(p *Packet, _ *Expect) {
		if by < 0 {
			p.Payload = p.Payload[:len(p.Payload)+by]
		} else {
			p.Payload = append(p.Payload, make([]byte, by)...)
		}
		if p.IPTotal != 0 {
			p.IPTotal += by
		}
	}
}

func both(f, g func(*Packet, *Expect)) func(*Packet, *Expect) {
	return func(p *Packet, e *Expect) { f(p, e); g(p, e) }
}

// The rows are those of the table of receive checks in the behaviour sheet;
// each case is an accepted packet with one change.
func TestCheckRows(t *testing.T) {
	withAH := func(p *Packet, e *Expect) {
		p.Proto = ProtoAH
		p.Payload = append(make([]byte, ahLen), p.Payload...)
		p.IPTotal += ahLen
	}
	expectAH := func(_ *Packet, e *Expect) { e.Auth = AuthAH }
	noPeers := func(_ *Packet, e *Expect) { e.Peers = nil }
	tests := []struct {
		name    string
		from    Message
		change  func(*Packet, *Expect)
		want    Reject
		text    string
		counter Counter
	}{
		{
			"row 0: too short", v3Mcast(), grow(-9),
			Reject{Reason: ReasonTooShort, Got: 27, Want: 4},
			"IPv4 VRRP packet too short - 27 bytes", CounterNone,
		},
		{
			"row 0: too short for the authentication header", v2Pass(), func(p *Packet, e *Expect) { p.Proto = ProtoAH },
			Reject{Reason: ReasonTooShort, Got: 44, Want: 4},
			"IPv4 VRRP packet too short - 44 bytes", CounterNone,
		},
		{
			"row 0: too short over IPv6", v3IPv6(), grow(-33),
			Reject{Reason: ReasonTooShort, Got: 7, Want: 6},
			"IPv6 VRRP packet too short - 7 bytes", CounterNone,
		},
		{
			"row 1: authentication header unwanted", v2Pass(), withAH,
			Reject{Reason: ReasonUnwantedAH},
			"Received AH header but auth type not AH from 192.0.2.1", CounterAuthMismatch,
		},
		{
			"row 1: authentication header missing", v2Pass(), expectAH,
			Reject{Reason: ReasonMissingAH},
			"No AH header but auth type is AH from 192.0.2.1", CounterAuthMismatch,
		},
		{
			"row 2: too long", v3Mcast(), grow(1),
			Reject{Reason: ReasonLength, Got: 37, Want: 36},
			"vrrp packet from 192.0.2.1 too long, length 37 and expect 36", CounterLength,
		},
		{
			"row 2: too short", v2Pass(), grow(-4),
			Reject{Reason: ReasonLength, Got: 40, Want: 44},
			"vrrp packet from 192.0.2.1 too short, length 40 and expect 44", CounterLength,
		},
		{
			"row 2: no room for the authentication field", v2Pass(), set(3, 3),
			Reject{Reason: ReasonLength, Got: 44, Want: 48},
			"vrrp packet from 192.0.2.1 too short, length 44 and expect 48", CounterLength,
		},
		{
			"row 2: over IPv6 the IP header does not count", v3IPv6(), grow(4),
			Reject{Reason: ReasonLength, Got: 44, Want: 40},
			"vrrp packet from fe80::ff:fe00:a01 too long, length 44 and expect 40", CounterLength,
		},
		{"row 2: padding", v3Mcast(), grow(8), Reject{}, "", CounterNone},
		{
			"row 2: padding that is not of whole words", v3Mcast(), grow(10),
			Reject{Reason: ReasonLength, Got: 46, Want: 36},
			"vrrp packet from 192.0.2.1 too long, length 46 and expect 36", CounterLength,
		},
		{
			"row 2: more than padding", v3Mcast(), grow(12),
			Reject{Reason: ReasonLength, Got: 48, Want: 36},
			"vrrp packet from 192.0.2.1 too long, length 48 and expect 36", CounterLength,
		},
		{
			"row 2: a trailer that was not agreed on", v3Mcast(), grow(28),
			Reject{Reason: ReasonLength, Got: 64, Want: 36},
			"vrrp packet from 192.0.2.1 too long, length 64 and expect 36", CounterLength,
		},
		{
			"row 3: TTL", v3Mcast(), func(p *Packet, _ *Expect) { p.TTL = 64 },
			Reject{Reason: ReasonTTL, Got: 64, Want: 255},
			"invalid TTL/HL from 192.0.2.1. Received 64 and expect 255", CounterTTL,
		},
		{
			"row 3: hop limit", v3IPv6(), func(p *Packet, _ *Expect) { p.TTL = 254 },
			Reject{Reason: ReasonTTL, Got: 254, Want: 255},
			"invalid TTL/HL from fe80::ff:fe00:a01. Received 254 and expect 255", CounterTTL,
		},
		{"row 3: any TTL for unicast", v3Unicast(), func(p *Packet, _ *Expect) { p.TTL = 3 }, Reject{}, "", CounterNone},
		{
			"row 4: version 2 to a version 3 router", v2Pass(), func(_ *Packet, e *Expect) { e.Version, e.Auth = 3, AuthNone },
			Reject{Reason: ReasonVersion, Got: 2, Want: 3},
			"wrong VRRP version from 192.0.2.1. Received 2 and expect 3", CounterNone,
		},
		{
			"row 4: version 3 to a version 2 router", v3Mcast(), func(_ *Packet, e *Expect) { e.Version = 2 },
			Reject{Reason: ReasonVersion, Got: 3, Want: 2},
			"wrong VRRP version from 192.0.2.1. Received 3 and expect 2", CounterNone,
		},
		{
			"row 6: no such authentication", v2Pass(), set(4, 3),
			Reject{Reason: ReasonAuthUnknown, Got: 3},
			"Invalid auth type from 192.0.2.1: 3", CounterAuthType,
		},
		{
			"row 7: no authentication", v2Pass(), set(4, 0),
			Reject{Reason: ReasonAuthType, Got: 0, Want: 1},
			"received a 0 auth from 192.0.2.1, expecting 1!", CounterAuthMismatch,
		},
		{
			"row 7: type 2 without its header", v2Pass(), set(4, 2),
			Reject{Reason: ReasonAuthType, Got: 2, Want: 1},
			"received a 2 auth from 192.0.2.1, expecting 1!", CounterAuthMismatch,
		},
		{
			"row 8: first byte of the password", v2Pass(), set(16, 'S'),
			Reject{Reason: ReasonPassword},
			"received an invalid passwd from 192.0.2.1!", CounterAuthFailure,
		},
		{
			"row 8: bytes after the password", v2Pass(), set(23, 1),
			Reject{Reason: ReasonPassword},
			"received an invalid passwd from 192.0.2.1!", CounterAuthFailure,
		},
		{
			"row 8: without authentication the field does not matter", v2Pass(), func(p *Packet, e *Expect) {
				e.Auth = AuthNone
				set(4, 0)(p, e)
			},
			Reject{},
			"",
			CounterNone,
		},
		{
			"row 8': authentication header that is not verified", v2Pass(), both(both(expectAH, set(4, 2)), withAH),
			Reject{Reason: ReasonAH},
			"IPSEC-AH : invalid IPSEC HMAC-MD5 value. Due to fields mutation or bad password !", CounterAuthFailure,
		},
		{
			"row 9: interval", v2Pass(), set(5, 3),
			Reject{Reason: ReasonInterval, Got: 3, Want: 1},
			"advertisement interval mismatch with 192.0.2.1 mine=1 sec rcv'd=3 sec", CounterNone,
		},
		{
			"row 10: type", v3Mcast(), set(0, 0x32),
			Reject{Reason: ReasonType, Got: 2, Want: 1},
			"Invalid packet type from 192.0.2.1. 2 and expect 1", CounterType,
		},
		{
			"row 11: IP total length", v3Mcast(), func(p *Packet, _ *Expect) { p.IPTotal = 40 },
			Reject{Reason: ReasonTotalLength, Got: 36, Want: 40},
			"ip_tot_len mismatch against received length from 192.0.2.1. 40 and received 36", CounterLength,
		},
		{
			"row 13: checksum of version 2", v2Pass(), func(p *Packet, _ *Expect) { p.Payload[2]++ },
			Reject{Reason: ReasonChecksum, Want: 2},
			"Invalid VRRPv2 checksum from 192.0.2.1", CounterNone,
		},
		{
			"row 13: checksum of version 3", v3Mcast(), func(p *Packet, _ *Expect) { p.Payload[7]++ },
			Reject{Reason: ReasonChecksum, Want: 3},
			"Invalid VRRPv3 checksum from 192.0.2.1", CounterNone,
		},
		{
			"row 13: the checksum covers the addresses of the packet", v3Mcast(), func(p *Packet, _ *Expect) { p.Src = netip.MustParseAddr("192.0.2.3") },
			Reject{Reason: ReasonChecksum, Want: 3},
			"Invalid VRRPv3 checksum from 192.0.2.3", CounterNone,
		},
		{"row 13: not enforced with v3_checksum_as_v2", v3Mcast(), func(p *Packet, e *Expect) {
			e.ChecksumAsV2 = true
			p.Payload[7]++
		}, Reject{}, "", CounterNone},
		{"row 13: left to the kernel over IPv6", v3IPv6(), func(p *Packet, _ *Expect) { p.Payload[7]++ }, Reject{}, "", CounterNone},
		{
			"row 14: unicast to a multicast router", v3Unicast(), func(_ *Packet, e *Expect) { e.Unicast = false },
			Reject{Reason: ReasonCast, Got: 1, Want: 0},
			"Expected multicast packet but received unicast packet from 192.0.2.1", CounterAddressList,
		},
		{
			"row 14: multicast to a unicast router", v3Mcast(), func(_ *Packet, e *Expect) { e.Unicast = true },
			Reject{Reason: ReasonCast, Got: 0, Want: 1},
			"Expected unicast packet but received multicast packet from 192.0.2.1", CounterAddressList,
		},
		{
			"row 15: owner", v3Mcast(), func(_ *Packet, e *Expect) { e.OwnerIgnores = true },
			Reject{Reason: ReasonOwner},
			"Dropping packet(s) from 192.0.2.1 since we are address owner", CounterNone,
		},
		{
			"row 18: not a peer", v3Unicast(), func(_ *Packet, e *Expect) { e.Peers[0].Addr = netip.MustParseAddr("192.0.2.7") },
			Reject{Reason: ReasonSource},
			"unicast source address 192.0.2.1 not a unicast peer", CounterNone,
		},
		{
			"row 18: not a peer where a peer has a range of TTLs", v3Unicast(), func(_ *Packet, e *Expect) {
				e.CheckSource = false
				e.Peers = []Peer{{Addr: netip.MustParseAddr("192.0.2.7"), MinTTL: 255, MaxTTL: 255, CheckTTL: true}}
			},
			Reject{Reason: ReasonSource},
			"unicast source address 192.0.2.1 not a unicast peer",
			CounterNone,
		},
		{"row 18: peers are not checked", v3Unicast(), both(noPeers, func(_ *Packet, e *Expect) { e.CheckSource = false }), Reject{}, "", CounterNone},
		{
			"row 18: TTL below the range", v3Unicast(), func(p *Packet, e *Expect) {
				e.Peers[0] = Peer{Addr: srcA, MinTTL: 250, MaxTTL: 254, CheckTTL: true}
				p.TTL = 249
			},
			Reject{Reason: ReasonPeerTTL, Got: 249, Want: 250, Max: 254},
			"TTL/HL 249 from 192.0.2.1 not in range [250, 254]", CounterTTL,
		},
		{
			"row 18: TTL above the range", v3Unicast(), func(_ *Packet, e *Expect) {
				e.Peers[0] = Peer{Addr: srcA, MinTTL: 250, MaxTTL: 254, CheckTTL: true}
			},
			Reject{Reason: ReasonPeerTTL, Got: 255, Want: 250, Max: 254},
			"TTL/HL 255 from 192.0.2.1 not in range [250, 254]", CounterTTL,
		},
		{"row 18: lowest TTL in the range", v3Unicast(), func(p *Packet, e *Expect) {
			e.Peers[0] = Peer{Addr: srcA, MinTTL: 250, MaxTTL: 254, CheckTTL: true}
			p.TTL = 250
		}, Reject{}, "", CounterNone},
		{"row 18: highest TTL in the range", v3Unicast(), func(p *Packet, e *Expect) {
			e.Peers[0] = Peer{Addr: srcA, MinTTL: 250, MaxTTL: 254, CheckTTL: true}
			p.TTL = 254
		}, Reject{}, "", CounterNone},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, e := test.from.packet(), test.from.expect()
			test.change(p, e)
			a, r := e.Check(p)
			if diff := cmp.Diff(test.want, r); diff != "" {
				t.Errorf("reject (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(test.text, r.Text(p.Src)); diff != "" {
				t.Errorf("text (-want +got):\n%s", diff)
			}
			if r.Reason.Counter() != test.counter {
				t.Errorf("counter = %d, want %d", r.Reason.Counter(), test.counter)
			}
			if filled := a.Src == p.Src; filled != r.Received() {
				t.Errorf("advert %+v with reject %v", a, r.Reason)
			}
		})
	}
}

// A packet that fails two checks is rejected for the one that comes first:
// each row here breaks a check in a packet that all rows after it break too.
func TestCheckOrder(t *testing.T) {
	p, e := ptr(v2Pass()).packet(), ptr(v2Pass()).expect()
	e.Unicast, e.Group = false, GroupIPv4
	steps := []struct {
		want  Reason
		wreck func()
	}{
		{ReasonOwner, func() { e.OwnerIgnores = true }},
		{ReasonCast, func() { p.Dst = dstB }},
		{ReasonChecksum, func() { p.Payload[6]++ }},
		{ReasonTotalLength, func() { p.IPTotal++ }},
		{ReasonType, func() { p.Payload[0] = 0x22 }},
		{ReasonInterval, func() { p.Payload[5]++ }},
		{ReasonPassword, func() { p.Payload[20] ^= 1 }},
		{ReasonAuthType, func() { p.Payload[4] = 0 }},
		{ReasonAuthUnknown, func() { p.Payload[4] = 9 }},
		{ReasonVersion, func() { e.Version = 3 }},
		{ReasonTTL, func() { p.TTL = 1 }},
		{ReasonLength, func() { p.Payload = append(p.Payload, make([]byte, 40)...) }},
		{ReasonMissingAH, func() { e.Auth = AuthAH }},
		{ReasonTooShort, func() { p.Payload = p.Payload[:7] }},
	}
	if _, r := e.Check(p); !r.OK() {
		t.Fatalf("before any change: %s", r.Text(p.Src))
	}
	for _, s := range steps {
		s.wreck()
		if _, r := e.Check(p); r.Reason != s.want {
			t.Errorf("got %v, want %v", r.Reason, s.want)
		}
	}
}

func ptr[T any](v T) *T { return &v }

func TestCheckNotes(t *testing.T) {
	oldChecksum := func(p *Packet, _ *Expect) {
		m := v3Mcast() // summed with the group, sent to a peer
		p.Payload = m.AppendTo(nil)
	}
	tests := []struct {
		name    string
		from    Message
		change  func(*Packet, *Expect)
		want    Note
		missing string
		reason  Reason
	}{
		{"as configured", v3Mcast(), func(*Packet, *Expect) {}, 0, "", ReasonNone},
		{"row 12: another interval", v3Mcast(), set(5, 200), NoteInterval, "", ReasonNone},
		{"row 12: no interval", v3Mcast(), set(5, 0), NoteInterval, "", ReasonNone},
		{"row 12: reserved bits are ignored", v3Mcast(), set(4, 0xf0), 0, "", ReasonNone},
		{"row 16: one address more", v3Mcast(), func(_ *Packet, e *Expect) {
			e.Addresses = e.Addresses[:1]
		}, NoteCount, "", ReasonNone},
		{"row 16: the addresses are not compared when their number differs", v3Mcast(), func(_ *Packet, e *Expect) {
			e.Addresses = addrs("192.0.2.77")
		}, NoteCount | NoteForeign, "192.0.2.77", ReasonNone},
		{"row 17: another order", v3Mcast(), func(_ *Packet, e *Expect) {
			e.Addresses = addrs("192.0.2.101", "192.0.2.100")
		}, 0, "", ReasonNone},
		{"row 17: one other", v3Mcast(), func(_ *Packet, e *Expect) {
			e.Addresses = addrs("192.0.2.101", "192.0.2.77")
		}, NoteAddresses, "192.0.2.77", ReasonNone},
		{"row 17: over IPv6", v3IPv6(), func(_ *Packet, e *Expect) {
			e.Addresses = addrs("2001:db8::100", "2001:db8::101")
		}, NoteAddresses, "2001:db8::101", ReasonNone},
		{"both intervals and addresses", v3Mcast(), both(set(5, 50), func(_ *Packet, e *Expect) {
			e.Addresses = addrs("192.0.2.76", "192.0.2.77")
		}), NoteInterval | NoteAddresses | NoteForeign, "192.0.2.76", ReasonNone},
		{"unicast from nobody's peer, which nothing forbids", v3Unicast(), func(_ *Packet, e *Expect) {
			e.Peers, e.CheckSource = []Peer{{Addr: netip.MustParseAddr("192.0.2.77")}}, false
		}, NoteStranger, "", ReasonNone},
		{"old unicast checksum, noticed", v3Unicast(), oldChecksum, NoteOldChecksum, "", ReasonNone},
		{"old unicast checksum, expected", v3Unicast(), both(oldChecksum, func(_ *Packet, e *Expect) {
			e.OldUnicast = true
		}), 0, "", ReasonNone},
		{"new unicast checksum where the old is expected", v3Unicast(), func(_ *Packet, e *Expect) {
			e.OldUnicast = true
		}, 0, "", ReasonNone},
		{"old unicast checksum, refused", v3Unicast(), both(oldChecksum, func(_ *Packet, e *Expect) {
			e.OldUnicastNever = true
		}), 0, "", ReasonChecksum},
		{"old unicast checksum of another group", v3Unicast(), both(oldChecksum, func(_ *Packet, e *Expect) {
			e.Group = netip.MustParseAddr("224.0.0.19")
		}), 0, "", ReasonChecksum},
		{"old checksum is for unicast only", v3Mcast(), func(p *Packet, e *Expect) {
			p.Dst = netip.MustParseAddr("224.0.0.19")
		}, 0, "", ReasonChecksum},
		{"row 18 comes after the notes", v3Unicast(), func(_ *Packet, e *Expect) {
			e.Peers, e.Addresses = nil, nil
		}, NoteCount, "", ReasonSource},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			p, e := test.from.packet(), test.from.expect()
			test.change(p, e)
			a, r := e.Check(p)
			if r.Reason != test.reason {
				t.Fatalf("reason = %v, want %v", r.Reason, test.reason)
			}
			if a.Notes != test.want {
				t.Errorf("notes = %04b, want %04b", a.Notes, test.want)
			}
			var want netip.Addr
			if test.missing != "" {
				want = netip.MustParseAddr(test.missing)
			}
			if got := e.Missing(p); got != want {
				t.Errorf("Missing = %v, want %v", got, want)
			}
		})
	}
}

func TestCheckFields(t *testing.T) {
	m := v3IPv6()
	m.Priority, m.Interval = 0, 40950*time.Millisecond
	p, e := m.packet(), m.expect()
	p.Src = p.Src.WithZone("eth0")
	got, r := e.Check(p)
	if !r.OK() {
		t.Fatal(r.Text(p.Src))
	}
	want := Advert{Src: srcA6, Version: 3, VRID: 52, Priority: 0, Interval: 40950 * time.Millisecond}
	if diff := cmp.Diff(want, got, equateAddr); diff != "" {
		t.Errorf("advert (-want +got):\n%s", diff)
	}
	if p.Count() != 2 {
		t.Errorf("Count = %d, want 2", p.Count())
	}
	short := &Packet{Payload: p.Payload[:5]}
	if short.Count() != 0 || e.Missing(short).IsValid() {
		t.Error("a packet without header has addresses")
	}
}

// Version 2 over IPv6 has no authentication field; a configured password is
// the type alone.
func TestCheckV2OverIPv6(t *testing.T) {
	m := v3IPv6()
	m.Version, m.Auth, m.Password = 2, AuthPass, secret
	p, e := m.packet(), m.expect()
	if len(p.Payload) != 40 {
		t.Errorf("length %d, want 40", len(p.Payload))
	}
	if _, r := e.Check(p); !r.OK() {
		t.Errorf("rejected: %s", r.Text(p.Src))
	}
	p.Payload[4] = 0
	if _, r := e.Check(p); r.Reason != ReasonAuthType {
		t.Errorf("without a type: %v, want %v", r.Reason, ReasonAuthType)
	}
}
