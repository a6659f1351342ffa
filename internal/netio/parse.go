package netio

import (
	"encoding/binary"
	"errors"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

// ipv6HeaderLen is the length of the IPv6 header (RFC 8200 section 3).
const ipv6HeaderLen = 40

// errIPv4Header: not an IPv4 packet with a whole header.
var errIPv4Header = errors.New("not a whole IPv4 header")

// parseIPv4 fills p from a packet that begins with its IPv4 header (RFC 791
// section 3.1), as raw sockets deliver it: reassembled, with its options. The
// payload is a view into b and is all that was received, whatever the total
// length field says, because their difference is one of the codec's checks.
func parseIPv4(b []byte, p *advert.Packet) error {
	if len(b) < 20 || b[0]>>4 != 4 {
		return errIPv4Header
	}
	header := int(b[0]&0x0f) * 4
	if header < 20 || header > len(b) {
		return errIPv4Header
	}
	*p = advert.Packet{
		Src:      netip.AddrFrom4([4]byte(b[12:16])),
		Dst:      netip.AddrFrom4([4]byte(b[16:20])),
		TTL:      int(b[8]),
		Proto:    int(b[9]),
		IPHeader: header,
		IPTotal:  int(binary.BigEndian.Uint16(b[2:4])),
		ID:       binary.BigEndian.Uint16(b[4:6]),
		Payload:  b[header:],
	}
	return nil
}

// parseControl6 fills destination and hop limit of p from the control messages
// of a raw IPv6 socket (RFC 3542 section 6). What they do not tell, it leaves.
func parseControl6(oob []byte, p *advert.Packet) {
	for len(oob) >= unix.SizeofCmsghdr {
		hdr, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return
		}
		oob = rest
		if hdr.Level != unix.IPPROTO_IPV6 {
			continue
		}
		switch {
		case hdr.Type == unix.IPV6_HOPLIMIT && len(data) >= 4:
			if limit := int32(binary.NativeEndian.Uint32(data)); limit >= 0 && limit <= 255 {
				p.TTL = int(limit)
			}
		case hdr.Type == unix.IPV6_PKTINFO && len(data) >= 16:
			p.Dst = netip.AddrFrom16([16]byte(data[:16]))
		}
	}
}

// trusted is how far back the kernel's time of arrival is believed. What is
// older was kept waiting by a pause of ours, in which later packets may have
// been lost: then only now is certain.
const trusted = 5 * time.Millisecond

// arrival returns when the packet arrived, from the time stamp among its control
// messages; now, if there is none or the clock has been set meanwhile.
func arrival(oob []byte, now time.Time) time.Time {
	for len(oob) >= unix.SizeofCmsghdr {
		hdr, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			break
		}
		oob = rest
		if hdr.Level != unix.SOL_SOCKET || hdr.Type != unix.SO_TIMESTAMPNS_NEW || len(data) < 16 {
			continue
		}
		sec, nsec := binary.NativeEndian.Uint64(data), binary.NativeEndian.Uint64(data[8:])
		// Through the wall clock to an age, and from that to the monotonic clock.
		if age := time.Duration(now.UnixNano() - int64(sec)*1e9 - int64(nsec)); age > 0 && age < trusted {
			return now.Add(-age)
		}
	}
	return now
}
