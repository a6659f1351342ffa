package advert

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// Sizes in bytes. A VRRPv2 PDU over IPv4 always ends in an authentication
// field, used or not (RFC 3768 section 5.3.10).
const (
	headerLen = 8
	authLen   = 8
	ahLen     = 24
)

// MaxAddresses is how many addresses the count field can tell.
const MaxAddresses = 255

// typeAdvertisement is the only packet type there is (RFC 9568 section 5.2.2).
const typeAdvertisement = 1

const centisecond = 10 * time.Millisecond

// maxCentis is the largest value of the 12-bit interval field of VRRPv3
// (RFC 9568 section 5.2.7).
const maxCentis = 0xfff

// is6 tells the family of an address; an IPv4 address mapped into IPv6 is IPv4.
func is6(a netip.Addr) bool { return a.Is6() && !a.Is4In6() }

// ipv6 tells the family the message is sent over, which is that of its source.
func (m *Message) ipv6() bool { return is6(m.Src) }

// AppendTo appends the VRRP PDU of m to b, checksum included, and returns the
// result. It allocates nothing when b has room; what follows the PDU in the
// packet, such as an authentication trailer, is appended by the caller.
//
// The checksum covers m.Src and m.Dst in VRRPv3 (RFC 9568 section 5.2.8) and
// over IPv6, so each unicast peer gets a PDU of its own. A sender that has to
// please peers with the old unicast checksum puts the multicast group into
// m.Dst for this call. Over IPv6 the kernel computes the checksum again when
// the packet leaves.
//
// Addresses of the other family and those after the first [MaxAddresses] are
// left out. An interval the field cannot hold becomes the nearest one it can,
// but never 0: a receiver computes its timers from it.
func (m *Message) AppendTo(b []byte) []byte {
	v6 := m.ipv6()
	start := len(b)
	b = append(b, m.Version<<4|typeAdvertisement, m.VRID, m.Priority, 0, 0, 0, 0, 0)
	count := 0
	for _, a := range m.Addresses {
		if is6(a) != v6 || !a.IsValid() || count == MaxAddresses {
			continue
		}
		if v6 {
			a16 := a.As16()
			b = append(b, a16[:]...)
		} else {
			a4 := a.As4()
			b = append(b, a4[:]...)
		}
		count++
	}
	if hasAuthField(m.Version, v6) {
		var auth Password
		if m.Auth == AuthPass {
			auth = m.Password
		}
		b = append(b, auth[:]...)
	}

	pdu := b[start:]
	pdu[3] = uint8(count)
	if m.Version == 2 {
		pdu[4] = uint8(m.Auth)
		pdu[5] = uint8(clampUnits(m.Interval, time.Second, 255))
	} else {
		binary.BigEndian.PutUint16(pdu[4:], uint16(clampUnits(m.Interval, centisecond, maxCentis)))
	}
	sum := sumBytes(0, pdu)
	if hasPseudoHeader(m.Version, v6, m.ChecksumAsV2) {
		sum = sumPseudo(sum, m.Src, m.Dst, len(pdu))
	}
	binary.BigEndian.PutUint16(pdu[6:], fold(sum))
	return b
}

// Len is the number of bytes AppendTo appends for n addresses.
func (m *Message) Len(n int) int { return pduLen(m.Version, m.ipv6(), n) }

func pduLen(version uint8, v6 bool, addresses int) int {
	n := headerLen + addresses*addrLen(v6)
	if hasAuthField(version, v6) {
		n += authLen
	}
	return n
}

func addrLen(v6 bool) int {
	if v6 {
		return 16
	}
	return 4
}

func hasAuthField(version uint8, v6 bool) bool { return version == 2 && !v6 }

// hasPseudoHeader tells whether the checksum covers the addresses of the
// packet: VRRPv3 says so, and over IPv6 the kernel does it for either version.
func hasPseudoHeader(version uint8, v6, asV2 bool) bool {
	return v6 || version != 2 && !asV2
}

func clampUnits(d, unit time.Duration, limit int64) int64 {
	return min(max(int64((d+unit/2)/unit), 1), limit)
}

// sumBytes adds b to a one's complement sum (RFC 1071). A packet has at most
// 64 KiB, so the carries fit and are folded once at the end.
func sumBytes(sum uint32, b []byte) uint32 {
	for ; len(b) >= 2; b = b[2:] {
		sum += uint32(b[0])<<8 | uint32(b[1])
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	return sum
}

// sumPseudo adds the pseudo header to a one's complement sum. That of IPv4
// (RFC 9568 section 5.2.8) and that of IPv6 (RFC 8200 section 8.1) add up to
// the same numbers once the addresses are in.
func sumPseudo(sum uint32, src, dst netip.Addr, length int) uint32 {
	sum = sumAddr(sumAddr(sum, src), dst)
	return sum + ProtoVRRP + uint32(length)
}

func sumAddr(sum uint32, a netip.Addr) uint32 {
	switch {
	case !a.IsValid():
		return sum
	case is6(a):
		a16 := a.As16()
		return sumBytes(sum, a16[:])
	default:
		a4 := a.As4()
		return sumBytes(sum, a4[:])
	}
}

func fold(sum uint32) uint16 {
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}
