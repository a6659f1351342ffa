package advert

import (
	"bytes"
	"crypto/subtle"
	"encoding/binary"
	"net/netip"
	"time"
)

// minPayload is what an Ethernet frame carries at least: a shorter packet may
// arrive with padding up to it, if its sender counted that as its own.
const minPayload = 46

// pdu returns what follows the IP header and, if there is one, the
// authentication header; nil when that is shorter than a VRRP header.
func (p *Packet) pdu() []byte {
	b := p.Payload
	if p.Proto == ProtoAH {
		if len(b) < ahLen {
			return nil
		}
		b = b[ahLen:]
	}
	if len(b) < headerLen {
		return nil
	}
	return b
}

// length is the length of the packet as operators know it from keepalived's
// log: over IPv4 with the IP header, over IPv6 without.
func (p *Packet) length() int {
	if is6(p.Src) {
		return len(p.Payload)
	}
	return p.IPHeader + len(p.Payload)
}

func (p *Packet) tooShort() Reject {
	family := 4
	if is6(p.Src) {
		family = 6
	}
	return Reject{Reason: ReasonTooShort, Got: p.length(), Want: family}
}

// VRID tells which virtual router a packet is for, or that it is too short to
// tell.
func VRID(p *Packet) (uint8, Reject) {
	b := p.pdu()
	if b == nil {
		return 0, p.tooShort()
	}
	return b[1], Reject{}
}

// Count is the number of addresses that the packet says it has.
func (p *Packet) Count() int {
	b := p.pdu()
	if b == nil {
		return 0
	}
	return int(b[3])
}

// addresses returns the address list of a packet of the family of e, as far as
// it has arrived.
func (e *Expect) addresses(b []byte) []byte {
	n := min(int(b[3])*addrLen(e.IPv6), len(b)-headerLen)
	return b[headerLen : headerLen+n]
}

// Check decides whether the instance may act on a packet that was received for
// it. The checks and their order are keepalived's: the first that fails gives
// the Reject. Oddities that do not matter to the protocol are notes of the
// Advert, which is also complete when Reject.Received tells that only the
// sender is wrong. Check allocates nothing.
//
// Over IPv6 the kernel has verified the checksum (RFC 3542 section 3.1).
//
// An instance with AH or the trailer lets in nothing that way: see CheckSealed.
func (e *Expect) Check(p *Packet) (Advert, Reject) { return e.CheckSealed(p, nil, nil) }

// CheckSealed is Check for an instance that expects AH or the trailer. The Sealer
// was made for e. The Marks are those of the instance: what is accepted is
// entered into them.
func (e *Expect) CheckSealed(p *Packet, s *Sealer, m *Marks) (Advert, Reject) {
	b := p.pdu()
	if b == nil {
		return Advert{}, p.tooShort()
	}
	if r := e.checkFrame(p, b); !r.OK() {
		return Advert{}, r
	}
	ahead := 0
	if e.HMAC != nil {
		var r Reject
		if ahead, r = e.authenticate(p, b, s, m); !r.OK() {
			return Advert{}, r
		}
	}
	if e.Version == 2 {
		if r := e.checkV2(p, b, s, m); !r.OK() {
			return Advert{}, r
		}
	}
	if t := int(b[0] & 0xf); t != typeAdvertisement {
		return Advert{}, Reject{Reason: ReasonType, Got: t, Want: typeAdvertisement}
	}
	if got := p.IPHeader + len(p.Payload); !e.IPv6 && p.IPTotal != got {
		return Advert{}, Reject{Reason: ReasonTotalLength, Got: got, Want: p.IPTotal}
	}
	a := Advert{Src: p.Src.WithZone(""), Version: e.Version, VRID: b[1], Priority: b[2], Interval: interval(e.Version, b)}
	if e.Version != 2 && a.Interval != e.Interval {
		a.Notes |= NoteInterval
	}
	if ahead != 0 {
		a.Notes |= NoteClock
		a.Ahead, a.Window = ahead, int(e.HMAC.window())
	}
	if !e.IPv6 {
		ok, old := e.checksum(p, b)
		if !ok {
			return Advert{}, Reject{Reason: ReasonChecksum, Want: int(e.Version), Max: int(e.hintSum(p, b))}
		}
		if old {
			a.Notes |= NoteOldChecksum
		}
	}
	if unicast := !p.Dst.IsMulticast(); unicast != e.Unicast {
		return Advert{}, Reject{Reason: ReasonCast, Got: flag(unicast), Want: flag(e.Unicast)}
	}
	if e.OwnerIgnores {
		return Advert{}, Reject{Reason: ReasonOwner}
	}
	a.Notes |= e.noteAddresses(b)
	stranger, r := e.checkSender(p)
	if stranger {
		a.Notes |= NoteStranger
	}
	return a, r
}

// noteAddresses tells what is odd about the addresses of an advert.
func (e *Expect) noteAddresses(b []byte) (n Note) {
	switch {
	case int(b[3]) != len(e.Addresses):
		n = NoteCount
	case !e.sameAddresses(b) && e.missing(b) >= 0:
		n = NoteAddresses
	default:
		return 0
	}
	if b[3] > 0 && len(e.Addresses) > 0 && !e.common(b) {
		n |= NoteForeign
	}
	return n
}

// checkFrame makes the checks that do not depend on the version.
func (e *Expect) checkFrame(p *Packet, b []byte) Reject {
	switch {
	case p.Proto == ProtoAH && e.Auth != AuthAH:
		return Reject{Reason: ReasonUnwantedAH}
	case p.Proto != ProtoAH && e.Auth == AuthAH:
		return Reject{Reason: ReasonMissingAH}
	}
	// The length is judged by the packet's own version, so that another
	// version is called by its name and not a wrong length.
	got := p.length()
	want := got - len(b) + pduLen(b[0]>>4, e.IPv6, int(b[3]))
	trailer := 0
	if e.HMAC != nil {
		trailer = TrailerLen
	}
	if got != want && got != want+trailer && (e.IPv6 || !padding(got, want)) {
		if e.HMAC != nil && e.HMAC.Mode == Enforce {
			want += trailer
		}
		return Reject{Reason: ReasonLength, Got: got, Want: want, Max: int(e.hintLength(b, got-want))}
	}
	if !e.Unicast && p.TTL != TTL {
		return Reject{Reason: ReasonTTL, Got: p.TTL, Want: TTL}
	}
	if v := b[0] >> 4; v != e.Version {
		return Reject{Reason: ReasonVersion, Got: int(v), Want: int(e.Version)}
	}
	return Reject{}
}

// padding tells whether what is too much may be padding of a short frame; over
// IPv6 no packet is that short.
func padding(got, want int) bool {
	return got > want && got <= minPayload && (got-want)%4 == 0
}

// checkV2 makes the checks of authentication (RFC 2338 section 5.3.6) and of
// the interval, which version 2 routers have to agree on (RFC 3768 section
// 5.3.7).
func (e *Expect) checkV2(p *Packet, b []byte, s *Sealer, m *Marks) Reject {
	auth := AuthType(b[4])
	if auth > AuthAH {
		return Reject{Reason: ReasonAuthUnknown, Got: int(auth)}
	}
	if auth != e.Auth {
		return Reject{Reason: ReasonAuthType, Got: int(auth), Want: int(e.Auth)}
	}
	switch auth {
	case AuthPass:
		// Over IPv6 the type is all there is: no field holds the password.
		at := pduLen(2, e.IPv6, int(b[3])) - authLen
		if !e.IPv6 && subtle.ConstantTimeCompare(b[at:at+authLen], e.Password[:]) == 0 {
			return Reject{Reason: ReasonPassword}
		}
	case AuthAH:
		if r := e.checkAH(p, s, m); !r.OK() {
			return r
		}
	}
	if want := int(e.Interval / time.Second); int(b[5]) != want {
		return Reject{Reason: ReasonInterval, Got: int(b[5]), Want: want}
	}
	return Reject{}
}

// interval reads the interval field. The four bits above that of version 3 are
// reserved and ignored (RFC 9568 section 5.2.6).
func interval(version uint8, b []byte) time.Duration {
	if version == 2 {
		return time.Duration(b[5]) * time.Second
	}
	return time.Duration(binary.BigEndian.Uint16(b[4:])&maxCentis) * centisecond
}

// checksum verifies the checksum of a packet over IPv4; old tells that it is
// right only as senders with the old unicast checksum make it.
func (e *Expect) checksum(p *Packet, b []byte) (ok, old bool) {
	if e.Version != 2 && e.ChecksumAsV2 {
		return true, false
	}
	n := pduLen(e.Version, false, int(b[3]))
	sum := sumBytes(0, b[:n])
	if e.Version == 2 {
		return fold(sum) == 0, false
	}
	right := fold(sumPseudo(sum, p.Src, p.Dst, n)) == 0
	if !e.Unicast || e.OldUnicastNever {
		return right, false
	}
	group := e.Group
	if !group.IsValid() {
		group = GroupIPv4
	}
	if right {
		return true, false
	}
	return fold(sumPseudo(sum, p.Src, group, n)) == 0, !e.OldUnicast
}

// sameAddresses tells the common case, that a packet lists exactly our
// addresses in our order.
func (e *Expect) sameAddresses(b []byte) bool {
	list := e.addresses(b)
	if len(list) != len(e.Addresses)*addrLen(e.IPv6) {
		return false
	}
	for _, a := range e.Addresses {
		n := addrLen(e.IPv6)
		a16 := a.As16()
		if !bytes.Equal(list[:n], a16[16-n:]) {
			return false
		}
		list = list[n:]
	}
	return true
}

// missing returns the place of the first of our addresses that a packet lacks,
// -1 when it has them all.
func (e *Expect) missing(b []byte) int {
	list, n := e.addresses(b), addrLen(e.IPv6)
next:
	for i, a := range e.Addresses {
		a16 := a.As16()
		for at := 0; at+n <= len(list); at += n {
			if bytes.Equal(list[at:at+n], a16[16-n:]) {
				continue next
			}
		}
		return i
	}
	return -1
}

// Missing returns the first of the instance's addresses that an accepted
// packet with NoteAddresses lacks, for the log; the zero Addr if it has all.
func (e *Expect) Missing(p *Packet) netip.Addr {
	b := p.pdu()
	if b == nil {
		return netip.Addr{}
	}
	if i := e.missing(b); i >= 0 {
		return e.Addresses[i]
	}
	return netip.Addr{}
}

// checkSender compares the sender of a unicast advert with the peers; stranger
// tells that it is none of them and accepted all the same.
func (e *Expect) checkSender(p *Packet) (stranger bool, r Reject) {
	if !e.Unicast {
		return false, Reject{}
	}
	ranges := false
	for i := range e.Peers {
		q := &e.Peers[i]
		ranges = ranges || q.CheckTTL
		if q.Addr.WithZone("") != p.Src.WithZone("") {
			continue
		}
		if q.CheckTTL && (p.TTL < int(q.MinTTL) || p.TTL > int(q.MaxTTL)) {
			return false, Reject{Reason: ReasonPeerTTL, Got: p.TTL, Want: int(q.MinTTL), Max: int(q.MaxTTL)}
		}
		return false, Reject{}
	}
	if e.CheckSource || ranges {
		return false, Reject{Reason: ReasonSource}
	}
	return len(e.Peers) > 0, Reject{}
}

func flag(b bool) int {
	if b {
		return 1
	}
	return 0
}
