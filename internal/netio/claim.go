package netio

import (
	"encoding/binary"
	"net/netip"
)

// Claim is somebody on the segment saying that an address is at a hardware
// address: an ARP packet with it as its sender (RFC 826), or a neighbour
// advertisement for it (RFC 4861 section 4.4).
type Claim struct {
	Addr netip.Addr
	MAC  [6]byte
	// Asked: in answer to a question; otherwise announced to everybody, or
	// while asking for somebody else.
	Asked bool
}

// Numbers of ARP for IPv4 over Ethernet (RFC 826), and of neighbour
// advertisements (RFC 4861 sections 4.4 and 4.6.1).
const (
	arpLen      = 28
	arpReply    = 2
	arpRequest  = 1
	arpEthernet = 1
	arpIPv4     = 0x0800

	naType       = 136
	naLen        = 24
	naSolicited  = 0x40
	naTargetAddr = 2 // target link-layer address option
)

// parseARP reads an ARP packet, without link header, and reports whether it
// claims an address. A probe (RFC 5227 section 2.1.1) claims none.
func parseARP(b []byte) (Claim, bool) {
	if len(b) < arpLen || binary.BigEndian.Uint16(b) != arpEthernet || binary.BigEndian.Uint16(b[2:]) != arpIPv4 ||
		b[4] != 6 || b[5] != 4 {
		return Claim{}, false
	}
	op := binary.BigEndian.Uint16(b[6:])
	c := Claim{Addr: netip.AddrFrom4([4]byte(b[14:18])), MAC: [6]byte(b[8:14])}
	target := netip.AddrFrom4([4]byte(b[24:28]))
	c.Asked = op == arpReply && target != c.Addr
	return c, (op == arpRequest || op == arpReply) && !c.Addr.IsUnspecified() && c.MAC != [6]byte{}
}

// parseNA reads an ICMPv6 message, whose checksum has been verified, and reports
// whether it is a neighbour advertisement with a hardware address.
func parseNA(b []byte) (Claim, bool) {
	if len(b) < naLen || b[0] != naType || b[1] != 0 {
		return Claim{}, false
	}
	c := Claim{Addr: netip.AddrFrom16([16]byte(b[8:24])), Asked: b[4]&naSolicited != 0}
	if c.Addr.IsMulticast() || c.Addr.IsUnspecified() {
		return Claim{}, false
	}
	for opts := b[naLen:]; len(opts) >= 8; {
		size := int(opts[1]) * 8
		if size == 0 || size > len(opts) {
			return Claim{}, false
		}
		if opts[0] == naTargetAddr && size == 8 {
			c.MAC = [6]byte(opts[2:8])
			return c, c.MAC != [6]byte{}
		}
		opts = opts[size:]
	}
	return Claim{}, false
}

// arpProbe returns the ARP packet that asks who has an address without saying
// anything about ourselves (RFC 5227 section 1.1): no cache changes by it.
func arpProbe(mac [6]byte, addr netip.Addr) []byte {
	b := []byte{0, arpEthernet, 0x08, 0, 6, 4, 0, arpRequest}
	b = append(b, mac[:]...)
	b = append(b, 0, 0, 0, 0)
	b = append(b, 0, 0, 0, 0, 0, 0)
	return append(b, addr.AsSlice()...)
}

// solicitation returns the ICMPv6 message, its checksum left to the kernel, that
// asks who has an address (RFC 4861 section 4.3), and the group to be asked.
// It comes from an address of ours: one without would look like duplicate
// address detection, which makes a router that is about to take over give up
// the address.
func solicitation(mac [6]byte, addr netip.Addr) (b []byte, group netip.Addr) {
	a := addr.As16()
	b = append([]byte{135, 0, 0, 0, 0, 0, 0, 0}, a[:]...)
	b = append(b, 1, 1) // source link-layer address option
	b = append(b, mac[:]...)
	g := [16]byte{0xff, 0x02, 11: 1, 12: 0xff}
	copy(g[13:], a[13:])
	return b, netip.AddrFrom16(g)
}
