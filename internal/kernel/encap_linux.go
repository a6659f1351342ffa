package kernel

import (
	"encoding/binary"
	"net/netip"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Attributes of encapsulations (linux/lwtunnel.h, linux/ila.h). Those of IPv4
// and IPv6 have the same numbers.
const (
	tunnelID    = 1
	tunnelDst   = 2
	tunnelSrc   = 3
	tunnelTTL   = 4
	tunnelTOS   = 5
	tunnelFlags = 6

	ilaLocator = 1
)

// labelBottom marks the last label of a stack (RFC 3032 section 2.1).
const labelBottom = 1 << 8

// parts are the attributes inside RTA_ENCAP.
func (e *Encap) parts() []*nl.RtAttr {
	var parts []*nl.RtAttr
	add := func(typ int, b []byte) { parts = append(parts, nl.NewRtAttr(typ, b)) }
	switch e.Kind {
	case EncapMPLS:
		var stack []byte
		for i, l := range e.Labels {
			entry := l << 12
			if i == len(e.Labels)-1 {
				entry |= labelBottom
			}
			stack = binary.BigEndian.AppendUint32(stack, entry)
		}
		add(unix.MPLS_IPTUNNEL_DST, stack)
	case EncapILA:
		add(ilaLocator, binary.BigEndian.AppendUint64(nil, e.Locator))
	case EncapIP, EncapIP6:
		add(tunnelID, binary.BigEndian.AppendUint64(nil, e.ID))
		if e.Dst.IsValid() {
			add(tunnelDst, e.Dst.AsSlice())
		}
		if e.Src.IsValid() {
			add(tunnelSrc, e.Src.AsSlice())
		}
		add(tunnelTTL, []byte{e.TTL})
		add(tunnelTOS, []byte{e.TOS})
		if e.Flags != 0 {
			add(tunnelFlags, binary.BigEndian.AppendUint16(nil, e.Flags))
		}
	}
	return parts
}

// read reads the attributes inside RTA_ENCAP; of kinds that are not known it
// keeps the bytes.
func (e *Encap) read(raw string) error {
	attrs, err := attributes([]byte(raw))
	if err != nil {
		return err
	}
	if e.Kind == EncapNone {
		return nil
	}
	known := e.Kind == EncapMPLS || e.Kind == EncapIP || e.Kind == EncapIP6 || e.Kind == EncapILA
	if known {
		e.raw = ""
	}
	for _, a := range attrs {
		v, tunnel := a.Value, e.Kind == EncapIP || e.Kind == EncapIP6
		switch t := a.Attr.Type & attrType; {
		case e.Kind == EncapMPLS && t == unix.MPLS_IPTUNNEL_DST:
			for ; len(v) >= 4; v = v[4:] {
				e.Labels = append(e.Labels, binary.BigEndian.Uint32(v)>>12)
			}
		case e.Kind == EncapILA && t == ilaLocator && len(v) >= 8:
			e.Locator = binary.BigEndian.Uint64(v)
		case tunnel && t == tunnelID && len(v) >= 8:
			e.ID = binary.BigEndian.Uint64(v)
		case tunnel && t == tunnelDst:
			e.Dst = specified(v)
		case tunnel && t == tunnelSrc:
			e.Src = specified(v)
		case tunnel && t == tunnelTTL && len(v) >= 1:
			e.TTL = v[0]
		case tunnel && t == tunnelTOS && len(v) >= 1:
			e.TOS = v[0]
		case tunnel && t == tunnelFlags && len(v) >= 2:
			e.Flags = binary.BigEndian.Uint16(v)
		}
	}
	return nil
}

// specified reads an address; the one of zeros is none.
func specified(b []byte) netip.Addr {
	a, _ := netip.AddrFromSlice(b)
	if a.IsUnspecified() {
		return netip.Addr{}
	}
	return a
}
