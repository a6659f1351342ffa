package kernel

import (
	"fmt"
	"net/netip"
)

// Requester is who asked the kernel for a change, as far as it tells. Nothing is
// known of changes that the kernel made by itself, nor of those through the
// older interface (ioctl), nor for IPv6 addresses.
type Requester struct {
	Port    uint32 // netlink address of the socket, 0 not known
	PID     int    // process, 0 not known
	Program string // its name, empty if it has ended
	Own     bool   // the change was made by this program
}

// String returns the words for messages, empty if nothing is known.
func (r Requester) String() string {
	switch {
	case r.Program != "":
		return fmt.Sprintf("%s (process %d)", r.Program, r.PID)
	case r.PID != 0:
		return fmt.Sprintf("process %d, which has ended", r.PID)
	case r.Port != 0:
		return fmt.Sprintf("the program with netlink port %d", r.Port)
	}
	return ""
}

// Spot is where an object is, as precisely as notifications are matched.
type Spot struct {
	Kind     Kind
	IPv6     bool
	Table    uint32       // of a route
	Dest     netip.Prefix // of a route; of an address itself
	Priority uint32       // of a rule
}

// SpotOf returns the spot of an object or a report.
func SpotOf(o fmt.Stringer) Spot {
	switch o := o.(type) {
	case Address:
		return addressSpot(o.Prefix.Addr())
	case AddrState:
		return addressSpot(o.Prefix.Addr())
	case Route:
		return Spot{Kind: KindRoute, IPv6: o.IPv6, Table: o.Table, Dest: o.Dest.Masked()}
	case Rule:
		return Spot{Kind: KindRule, IPv6: o.IPv6, Priority: o.Priority}
	}
	return Spot{}
}

func addressSpot(a netip.Addr) Spot {
	return Spot{Kind: KindAddress, IPv6: a.Is6(), Dest: netip.PrefixFrom(a, a.BitLen())}
}

// Watch is a set of spots of which the [Monitor] is to tell. It is never changed
// once made.
type Watch struct {
	spots  map[Spot]bool
	routes [2]bool // any, of IPv4 and IPv6
	rules  [2]bool
}

// NewWatch makes the set of the spots of those objects that are guarded.
func NewWatch(objects []Object) *Watch {
	w := &Watch{spots: map[Spot]bool{}}
	for _, o := range objects {
		if !o.Guarded() {
			continue
		}
		s := SpotOf(o)
		w.spots[s] = true
		family := 0
		if s.IPv6 {
			family = 1
		}
		switch s.Kind {
		case KindRoute:
			w.routes[family] = true
		case KindRule:
			w.rules[family] = true
		}
	}
	return w
}
