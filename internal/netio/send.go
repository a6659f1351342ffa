package netio

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

// Out is one packet to be sent.
type Out struct {
	// Src may be an address that this host does not have. It is not optional:
	// the sums of adverts cover it.
	Src netip.Addr
	// Dst is a multicast group or a peer.
	Dst netip.Addr
	// TTL is the TTL or hop limit. 0 stands for 255 or, for unicast over
	// IPv6, the kernel's default.
	TTL int
	// ID is the identification of the IPv4 header. The kernel replaces 0.
	ID uint16
	// Proto is the IP protocol, 0 for that of the Conn. IPv6 has no other.
	Proto int
	// Payload is what follows the IP header. Over IPv6 the kernel fills in
	// the checksum on its way out; the slice itself is not changed.
	Payload []byte
}

// outgoing is the memory of one Send, so that sending allocates nothing.
type outgoing struct {
	ipv6 bool
	o    Out
	err  error

	do  func(fd uintptr) // transmit, as a value that is made once
	buf []byte
	to4 unix.SockaddrInet4
	to6 unix.SockaddrInet6

	// The control messages and what they were made for: the next advert on
	// the interface has the same source.
	oob    []byte
	oobSrc netip.Addr
	oobTTL int
}

func newOutgoing(spec Spec) *outgoing {
	out := &outgoing{ipv6: spec.IPv6}
	out.do = func(fd uintptr) { out.err = out.transmit(int(fd)) }
	return out
}

// Send sends one packet. It never waits: [ErrBusy] if there is no room in a
// queue. [ErrNoInterface] if the interface is gone. A firewall that drops the
// packet shows as EPERM, an interface that is down as ENETDOWN or, over IPv6,
// ENETUNREACH, as does no route. An interface that has just come up may answer
// so too for a moment, until the kernel has made its IPv6 multicast route.
func (c *Conn) Send(o Out) error {
	if err := c.check(&o); err != nil {
		return fmt.Errorf("send to %s: %w", o.Dst, err)
	}
	out := c.out.Get().(*outgoing)
	defer c.out.Put(out)
	out.o = o
	err := c.sendRaw.Control(out.do)
	if err == nil {
		err = out.err
	}
	out.o.Payload = nil // the caller's
	if err != nil {
		return fmt.Errorf("send to %s: %w", o.Dst, ioError(err))
	}
	return nil
}

// check refuses what the kernel would misunderstand, and fills in the protocol.
func (c *Conn) check(o *Out) error {
	switch {
	case !o.Src.IsValid() || o.Src.Is6() != c.spec.IPv6:
		return fmt.Errorf("%s is not an %s source address", o.Src, c.spec.family())
	case !o.Dst.IsValid() || o.Dst.Is6() != c.spec.IPv6:
		return fmt.Errorf("it is not an %s address", c.spec.family())
	case o.TTL < 0 || o.TTL > 255:
		return fmt.Errorf("TTL %d is not in 0 to 255", o.TTL)
	case len(o.Payload) == 0 || len(o.Payload) > 65535-20:
		return fmt.Errorf("payload of %d bytes", len(o.Payload))
	}
	if o.Proto == 0 {
		o.Proto = c.spec.Proto
	}
	if c.spec.IPv6 && o.Proto != c.spec.Proto {
		return fmt.Errorf("protocol %d on a socket for protocol %d", o.Proto, c.spec.Proto)
	}
	return nil
}

func (out *outgoing) transmit(fd int) error {
	flags := unix.MSG_DONTWAIT
	if out.o.Dst.IsMulticast() {
		flags |= unix.MSG_DONTROUTE // never by way of a gateway
	}
	if out.ipv6 {
		return out.transmit6(fd, flags)
	}
	out.buf = appendIPv4(out.buf[:0], &out.o)
	out.to4.Addr = out.o.Dst.As4()
	return unix.Sendto(fd, out.buf, flags, &out.to4)
}

// appendIPv4 appends header and payload of o (RFC 791 section 3.1). The header
// checksum stays zero: the kernel computes it, whatever is there.
func appendIPv4(b []byte, o *Out) []byte {
	ttl := o.TTL
	if ttl == 0 {
		ttl = advert.TTL
	}
	src, dst := o.Src.As4(), o.Dst.As4()
	b = append(b, 0x45, trafficClass)
	b = binary.BigEndian.AppendUint16(b, uint16(20+len(o.Payload)))
	b = binary.BigEndian.AppendUint16(b, o.ID)
	b = append(b, 0, 0) // may be fragmented, is not a fragment
	b = append(b, uint8(ttl), uint8(o.Proto))
	b = append(b, 0, 0)
	b = append(b, src[:]...)
	b = append(b, dst[:]...)
	return append(b, o.Payload...)
}

func (out *outgoing) transmit6(fd, flags int) error {
	o := &out.o
	if out.oob == nil || out.oobSrc != o.Src || out.oobTTL != o.TTL {
		// No interface here: the socket is bound to one, or sends as routed.
		cm := ipv6.ControlMessage{Src: o.Src.AsSlice(), HopLimit: o.TTL}
		out.oob, out.oobSrc, out.oobTTL = cm.Marshal(), o.Src, o.TTL
	}
	out.to6.Addr = o.Dst.As16()
	_, err := unix.SendmsgN(fd, o.Payload, out.oob, &out.to6, flags)
	return err
}
