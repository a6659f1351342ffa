package nettest

import (
	"bytes"
	"encoding/binary"
	"net"
	"net/netip"
	"time"
)

// The decoders here are for judging a daemon from outside. They share no code
// with the one under test and check nothing but lengths; what must be right on
// the wire is the business of the test that looks.

// Advert is a captured VRRP advertisement.
type Advert struct {
	Time           time.Time
	SrcMAC, DstMAC net.HardwareAddr
	Src, Dst       netip.Addr
	TTL, TOS       uint8 // over IPv6 hop limit and traffic class
	AH             bool  // behind an authentication header

	Version  uint8
	VRID     uint8
	Priority uint8
	Interval time.Duration
	Addrs    []netip.Addr
	PDU      []byte // from the version on, with what follows the addresses
}

// Advert decodes the frame as an advertisement (RFC 3768 section 5.1, RFC 5798
// section 5.1) and reports whether it is one.
func (p Packet) Advert() (Advert, bool) {
	a := Advert{Time: p.Time}
	proto, body, ok := a.header(p.Data)
	if ok && proto == protoAH && len(body) >= 12 {
		a.AH = true
		size := (int(body[1]) + 2) * 4 // RFC 4302 section 2.2
		if len(body) < size {
			return Advert{}, false
		}
		proto, body = body[0], body[size:]
	}
	if !ok || proto != protoVRRP || len(body) < 8 {
		return Advert{}, false
	}
	a.PDU = body
	a.Version, a.VRID, a.Priority = body[0]>>4, body[1], body[2]
	if a.Version == 2 {
		a.Interval = time.Duration(body[5]) * time.Second
	} else {
		const centisecond = 10 * time.Millisecond
		a.Interval = time.Duration(binary.BigEndian.Uint16(body[4:])&0xfff) * centisecond
	}
	size := a.Src.BitLen() / 8
	for rest := body[8:]; len(a.Addrs) < int(body[3]) && len(rest) >= size; rest = rest[size:] {
		addr, _ := netip.AddrFromSlice(rest[:size])
		a.Addrs = append(a.Addrs, addr)
	}
	return a, len(a.Addrs) == int(body[3])
}

// header reads the headers down to the IP payload.
func (a *Advert) header(frame []byte) (proto uint8, body []byte, ok bool) {
	const eth = 14
	if len(frame) < eth {
		return 0, nil, false
	}
	a.DstMAC, a.SrcMAC = net.HardwareAddr(frame[:6]), net.HardwareAddr(frame[6:12])
	ip := frame[eth:]
	switch binary.BigEndian.Uint16(frame[12:]) {
	case etherIPv4:
		if len(ip) < 20 {
			return 0, nil, false
		}
		head, total := int(ip[0]&0xf)*4, int(binary.BigEndian.Uint16(ip[2:]))
		if head < 20 || total < head || len(ip) < total {
			return 0, nil, false
		}
		a.TOS, a.TTL = ip[1], ip[8]
		a.Src, a.Dst = netip.AddrFrom4([4]byte(ip[12:])), netip.AddrFrom4([4]byte(ip[16:]))
		return ip[9], ip[head:total], true
	case etherIPv6:
		const head = 40
		if len(ip) < head {
			return 0, nil, false
		}
		total := head + int(binary.BigEndian.Uint16(ip[4:]))
		if len(ip) < total {
			return 0, nil, false
		}
		a.TOS, a.TTL = uint8(binary.BigEndian.Uint16(ip)>>4), ip[7]
		a.Src, a.Dst = netip.AddrFrom16([16]byte(ip[8:])), netip.AddrFrom16([16]byte(ip[24:]))
		return ip[6], ip[head:total], true
	}
	return 0, nil, false
}

// Adverts returns the captured advertisements in the order of their arrival.
func (c *Capture) Adverts() []Advert {
	var out []Advert
	for _, p := range c.Packets() {
		if a, ok := p.Advert(); ok {
			out = append(out, a)
		}
	}
	return out
}

// Announced returns the address that the frame claims for its sender: that of a
// gratuitous ARP (RFC 5944 section 4.6) or an unsolicited neighbour
// advertisement (RFC 4861 section 7.2.6).
func (p Packet) Announced() (netip.Addr, bool) {
	const eth, ip6, icmp6, na = 14, 40, 8, 136
	if len(p.Data) < eth {
		return netip.Addr{}, false
	}
	body := p.Data[eth:]
	switch binary.BigEndian.Uint16(p.Data[12:]) {
	case etherARP:
		if len(body) < 28 || !bytes.Equal(body[14:18], body[24:28]) {
			return netip.Addr{}, false
		}
		return netip.AddrFrom4([4]byte(body[14:])), true
	case etherIPv6:
		if len(body) < ip6+icmp6+16 || body[6] != protoICMPv6 || body[ip6] != na {
			return netip.Addr{}, false
		}
		const solicited = 0x40
		if body[ip6+4]&solicited != 0 {
			return netip.Addr{}, false
		}
		return netip.AddrFrom16([16]byte(body[ip6+icmp6:])), true
	}
	return netip.Addr{}, false
}
