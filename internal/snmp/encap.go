package snmp

import (
	"net/netip"

	"github.com/holdfast-ha/holdfast/internal/agentx"
)

// Encap is how the packets of a route are wrapped. What was not said is not there.
type Encap struct {
	Kind     int    // the kernel's, and EncapType's
	Labels   string // of MPLS, outermost first, with slashes in between
	ID       *uint64
	Dst, Src netip.Addr
	TOS, TTL *uint8
	Flags    *uint16
	Locator  *uint64 // of ILA
}

// options adds all but the kind, from a column on.
func (e *Encap) options(r row, column uint32) {
	r.text(column, e.Labels)
	if e.ID != nil {
		r.put(column+1, agentx.BigCount(*e.ID))
	}
	for i, a := range []netip.Addr{e.Dst, e.Src} {
		if a.IsValid() {
			r.put(column+2+uint32(i), agentx.Octets(a.AsSlice()))
		}
	}
	for i, n := range []*uint8{e.TOS, e.TTL} {
		if n != nil {
			r.put(column+4+uint32(i), count(*n))
		}
	}
	if e.Flags != nil {
		r.put(column+6, count(*e.Flags))
	}
	if e.Locator != nil {
		r.put(column+7, agentx.BigCount(*e.Locator))
	}
}
