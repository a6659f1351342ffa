package advert

import (
	"crypto/hmac"
	"encoding/binary"
	"net/netip"
)

// The authentication header of VRRPv2 (RFC 2402 section 2, RFC 2403): what
// follows, its length in words less two, two reserved bytes, SPI, sequence
// number and check value. The SPI is the source address.
const (
	ahWords    = ahLen/4 - 2
	ahSPI      = 4
	ahSequence = 8
	ahICV      = 12
)

// IPv4 is what the check value of an authentication header covers of the
// IP header.
type IPv4 struct {
	Src, Dst netip.Addr
	ID       uint16
	TTL      uint8
	header   int // length in bytes; 0: without options
}

// AHLen is the length in bytes of the authentication header. Who sends with
// AH leaves so much room in front of the PDU.
const AHLen = ahLen

// SealAH writes the authentication header into the first [AHLen] bytes of what
// follows the IP header; the PDU behind them is complete.
func (s *Sealer) SealAH(b []byte, ip IPv4, seq uint32) {
	src := ip.Src.As4()
	b[0], b[1], b[2], b[3] = ProtoVRRP, ahWords, 0, 0
	copy(b[ahSPI:], src[:])
	binary.BigEndian.PutUint32(b[ahSequence:], seq)
	copy(b[ahICV:ahLen], s.checkValue(b, ip, uint16(20+len(b))))
}

// checkValue is the HMAC over the IP header, with zeros for what routers may
// change, the authentication header with zeros for the check value, and the PDU.
// The TTL counts for multicast, which nobody may forward. It is valid until the
// next use of the Sealer.
func (s *Sealer) checkValue(b []byte, ip IPv4, total uint16) []byte {
	h := s.head[:20]
	clear(h)
	h[0] = 4<<4 | uint8(max(ip.header, 20)/4)
	binary.BigEndian.PutUint16(h[2:], total)
	binary.BigEndian.PutUint16(h[4:], ip.ID)
	if ip.Dst.IsMulticast() {
		h[8] = ip.TTL
	}
	h[9] = ProtoAH
	src, dst := ip.Src.As4(), ip.Dst.As4()
	copy(h[12:], src[:])
	copy(h[16:], dst[:])
	s.md5.Reset()
	s.md5.Write(h)
	s.md5.Write(b[:ahICV])
	clear(h)
	s.md5.Write(h[:ahLen-ahICV])
	s.md5.Write(b[ahLen:])
	return s.md5.Sum(s.sum[:0])[:ahLen-ahICV]
}

// checkAH verifies the authentication header: check value, SPI, sequence number.
func (e *Expect) checkAH(p *Packet, s *Sealer, m *Marks) Reject {
	if s == nil || s.md5 == nil || m == nil || !p.Src.Is4() || !p.Dst.Is4() {
		return Reject{Reason: ReasonAH}
	}
	b := p.Payload
	ip := IPv4{Src: p.Src, Dst: p.Dst, ID: p.ID, TTL: uint8(p.TTL), header: p.IPHeader}
	if b[0] != ProtoVRRP || b[1] != ahWords || !hmac.Equal(s.checkValue(b, ip, uint16(p.IPTotal)), b[ahICV:ahLen]) {
		return Reject{Reason: ReasonAH}
	}
	src := p.Src.As4()
	if spi, want := binary.BigEndian.Uint32(b[ahSPI:]), binary.BigEndian.Uint32(src[:]); spi != want {
		return Reject{Reason: ReasonAHSPI, Got: int(spi), Want: int(want)}
	}
	seq := binary.BigEndian.Uint32(b[ahSequence:])
	if seq <= m.AH {
		return Reject{Reason: ReasonAHSequence, Got: int(seq), Want: int(m.AH)}
	}
	m.AH = seq
	return Reject{}
}
