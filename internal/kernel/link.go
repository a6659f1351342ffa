package kernel

import (
	"bytes"
	"net"
	"slices"
)

// Link is a network interface with its addresses. One that was handed out is
// never changed: a change makes a new one.
type Link struct {
	Index int
	Name  string
	MTU   int
	Flags uint32 // IFF_* as reported
	Group uint32 // IFLA_GROUP

	Kind   string // "macvlan", "vrf", …; empty for a plain device
	Mode   uint32 // of a macvlan MACVLAN_MODE_*, of an ipvlan IPVLAN_F_*
	Lower  int    // index of the link that it sits on, 0: none in this namespace
	Master int    // index of the bridge, VRF or the like that it is part of, 0: none

	Up           bool // IFF_UP and IFF_RUNNING: packets can pass
	AdminUp      bool // IFF_UP
	Running      bool // IFF_RUNNING
	Loopback     bool
	Multicast    bool
	NoARP        bool
	PointToPoint bool

	HWType            uint16 // ARPHRD_*
	HardwareAddr      net.HardwareAddr
	HardwareBroadcast net.HardwareAddr

	// Addrs are in the order in which the kernel reported them; the last one
	// is the most recent.
	Addrs []AddrState
}

// Interface flags (linux/if.h).
const (
	flagUp           = 0x1
	flagLoopback     = 0x8
	flagPointToPoint = 0x10
	flagRunning      = 0x40
	flagNoARP        = 0x80
	flagMulticast    = 0x1000
)

// setFlags sets Flags and all that follows from them.
func (l *Link) setFlags(flags uint32) {
	l.Flags = flags
	l.AdminUp = flags&flagUp != 0
	l.Running = flags&flagRunning != 0
	l.Up = l.AdminUp && l.Running
	l.Loopback = flags&flagLoopback != 0
	l.Multicast = flags&flagMulticast != 0
	l.NoARP = flags&flagNoARP != 0
	l.PointToPoint = flags&flagPointToPoint != 0
}

// same reports whether two states of a link differ in nothing but addresses.
func (l *Link) same(o *Link) bool {
	return l.Index == o.Index && l.Name == o.Name && l.MTU == o.MTU && l.Flags == o.Flags && l.Group == o.Group &&
		l.Kind == o.Kind && l.Mode == o.Mode && l.Lower == o.Lower && l.Master == o.Master && l.HWType == o.HWType && bytes.Equal(l.HardwareAddr, o.HardwareAddr) &&
		bytes.Equal(l.HardwareBroadcast, o.HardwareBroadcast)
}

// find returns the position of an address in l.Addrs, -1 if it is not there.
func (l *Link) find(id identity) int {
	for i := range l.Addrs { // a thousand of them: nothing is copied, little computed
		if a := &l.Addrs[i]; a.Prefix.Addr() == id.addr && a.identity() == id {
			return i
		}
	}
	return -1
}

// with returns the link with other addresses.
func (l *Link) with(addrs []AddrState) *Link {
	c := *l
	c.Addrs = addrs
	return &c
}

// Picture is all links at one moment. It is never changed once handed out.
type Picture struct {
	Links []*Link // sorted by index
}

// Link returns the link with the index, nil if there is none.
func (p *Picture) Link(index int) *Link {
	i, ok := p.search(index)
	if !ok {
		return nil
	}
	return p.Links[i]
}

// LinkByName returns the link with the name, nil if there is none.
func (p *Picture) LinkByName(name string) *Link {
	for _, l := range p.Links {
		if l.Name == name {
			return l
		}
	}
	return nil
}

func (p *Picture) search(index int) (int, bool) {
	return slices.BinarySearchFunc(p.Links, index, func(l *Link, index int) int { return l.Index - index })
}

// set returns the picture with the link in it, or in place of the one that had
// its index.
func (p *Picture) set(l *Link) *Picture {
	i, ok := p.search(l.Index)
	if ok {
		links := slices.Clone(p.Links)
		links[i] = l
		return &Picture{Links: links}
	}
	links := make([]*Link, 0, len(p.Links)+1)
	links = append(links, p.Links[:i]...)
	links = append(links, l)
	return &Picture{Links: append(links, p.Links[i:]...)}
}

// remove returns the picture without the link.
func (p *Picture) remove(index int) *Picture {
	i, ok := p.search(index)
	if !ok {
		return p
	}
	return &Picture{Links: slices.Delete(slices.Clone(p.Links), i, i+1)}
}
