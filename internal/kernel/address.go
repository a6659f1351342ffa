package kernel

import (
	"fmt"
	"net/netip"
	"strings"
)

// Forever is the preferred lifetime that never ends.
const Forever uint32 = 0xffffffff

// Protocol marks the addresses set by this program (IFA_PROTO). The number is
// the one keepalived uses, so that either program's addresses are recognised.
const Protocol uint8 = 18

// Address is an address that is wanted on a link. Two of them are the same
// wanted address only if they are equal in every field but NoTrack.
type Address struct {
	Prefix    netip.Prefix // with the host bits: the address and its length
	Link      string       // name of the interface
	Broadcast netip.Addr   // IPv4; invalid: none
	Label     string       // IPv4; empty: the kernel uses the name of the link
	Scope     uint8        // rtnetlink scope, 0 global; the kernel derives it for IPv6
	Peer      netip.Prefix // other end of a point-to-point address; its length takes the place of Prefix's. Invalid: none

	DAD           bool // IPv6: let the kernel do duplicate address detection; it is off otherwise
	Home          bool // IPv6
	MngTmpAddr    bool // IPv6
	NoPrefixRoute bool
	AutoJoin      bool // multicast addresses: join the group

	// PreferredLft is how long an IPv6 address is preferred as a source, in
	// seconds: 0 makes it deprecated at once, [Forever] never. IPv4 addresses
	// are always preferred. The valid lifetime is always infinite.
	PreferredLft uint32

	// NoTrack: it is not put back when somebody removes it.
	NoTrack bool
}

// Kind implements [Object].
func (a Address) Kind() Kind { return KindAddress }

// Guarded implements [Object].
func (a Address) Guarded() bool { return !a.NoTrack }

func (a Address) key() any {
	a.NoTrack = false
	return a
}

func (a Address) place() any { return onLink{a.Link, a.identity()} }

func (a Address) shelf() Shelf { return Shelf{Kind: KindAddress, Link: a.Link} }

// compare judges by what the kernel showed of an address that was there before,
// which may have been set otherwise, or else by what was asked for.
func (a Address) compare(now, set Report) likeness {
	k, ok := now.(AddrState)
	if !ok || !a.Is(k) {
		return another
	}
	same := a.asSet(k)
	if s, ok := set.(AddrState); ok {
		same = s.sameSetting(k)
	}
	if !same {
		return altered
	}
	return alike
}

// asSet tells whether the kernel's address has the properties that were asked
// for. Nobody can change those that are not looked at.
func (a Address) asSet(k AddrState) bool {
	const kept = FlagHomeAddress | FlagManageTemp | FlagNoPrefixRoute | FlagMCAutoJoin
	if k.ValidLft != Forever || (k.Flags^a.flags())&kept != 0 {
		return false
	}
	if a.Prefix.Addr().Is4() {
		label := a.Label
		if label == "" {
			label = a.Link
		}
		return k.Label == label && k.Scope == a.Scope && k.Broadcast == a.Broadcast && k.PreferredLft == Forever
	}
	// A lifetime runs down by itself.
	return k.Peer == a.Peer && (k.PreferredLft == a.PreferredLft || k.PreferredLft < a.PreferredLft && a.PreferredLft != Forever)
}

// String returns the address as messages show it: 192.0.2.10/24 dev eth0.
func (a Address) String() string {
	var b strings.Builder
	if a.Peer.IsValid() {
		fmt.Fprintf(&b, "%s peer %s", a.Prefix.Addr(), a.Peer)
	} else {
		b.WriteString(a.Prefix.String())
	}
	b.WriteString(" dev ")
	b.WriteString(a.Link)
	if a.Label != "" {
		b.WriteString(" label ")
		b.WriteString(a.Label)
	}
	return b.String()
}

// Is reports whether the kernel would take s, on the same link, for this
// address: it would refuse to add it a second time.
func (a Address) Is(s AddrState) bool { return a.identity() == s.identity() }

func (a Address) identity() identity { return identify(a.Prefix, a.Peer) }

// AddrState is an address as the kernel reports it.
type AddrState struct {
	Prefix    netip.Prefix // with the host bits; with Peer the single address
	Peer      netip.Prefix // invalid: none
	Broadcast netip.Addr   // IPv4; invalid: none
	Label     string       // IPv4
	Scope     uint8        // rtnetlink scope
	Flags     AddrFlags
	Proto     uint8 // IFA_PROTO, 0 unknown; 18 see [Protocol]
	// PreferredLft and ValidLft are in seconds, as of the last report.
	PreferredLft, ValidLft uint32
}

// Usable reports whether packets can be sent from the address: duplicate
// address detection is over and has found none.
func (s AddrState) Usable() bool { return s.Flags&(FlagTentative|FlagDADFailed) == 0 }

// String returns the address as messages show it.
func (s AddrState) String() string {
	var b strings.Builder
	if s.Peer.IsValid() {
		fmt.Fprintf(&b, "%s peer %s", s.Prefix.Addr(), s.Peer)
	} else {
		b.WriteString(s.Prefix.String())
	}
	if s.Flags&FlagTentative != 0 {
		b.WriteString(" tentative")
	}
	if s.Flags&FlagDADFailed != 0 {
		b.WriteString(" dadfailed")
	}
	return b.String()
}

func (s AddrState) identity() identity { return identify(s.Prefix, s.Peer) }

func (AddrState) report() {}

// sameReport reports whether two reports differ in nothing but lifetimes that
// run down by themselves.
func (s AddrState) sameReport(o AddrState) bool {
	s.PreferredLft, s.ValidLft = sameLife(s.PreferredLft, o.PreferredLft), sameLife(s.ValidLft, o.ValidLft)
	return s == o
}

// sameLife returns was if a lifetime may have become that, else now.
func sameLife(now, was uint32) uint32 {
	if (now == Forever) == (was == Forever) {
		return was
	}
	return now
}

// sameSetting is sameReport without what the kernel changes of its own accord.
func (s AddrState) sameSetting(o AddrState) bool {
	const itself = FlagSecondary | FlagTentative | FlagDADFailed
	s.Flags, o.Flags = s.Flags&^itself, o.Flags&^itself
	return s.sameReport(o)
}

// AddrFlags are the IFA_F_* flags of an address.
type AddrFlags uint32

// Flags of an address (linux/if_addr.h).
const (
	FlagSecondary     AddrFlags = 0x01 // IPv4: deleted together with its primary; IPv6: temporary
	FlagNoDAD         AddrFlags = 0x02
	FlagDADFailed     AddrFlags = 0x08
	FlagHomeAddress   AddrFlags = 0x10
	FlagDeprecated    AddrFlags = 0x20
	FlagTentative     AddrFlags = 0x40
	FlagPermanent     AddrFlags = 0x80
	FlagManageTemp    AddrFlags = 0x100
	FlagNoPrefixRoute AddrFlags = 0x200
	FlagMCAutoJoin    AddrFlags = 0x400
)

// identity is what tells addresses on one link apart for the kernel: an IPv6
// address alone; an IPv4 address together with the network it is put in, which
// is the peer's if there is one. Label, scope and flags are no part of it.
type identity struct {
	addr netip.Addr
	net  netip.Prefix // zero for IPv6
}

func identify(p, peer netip.Prefix) identity {
	id := identity{addr: p.Addr()}
	if !id.addr.Is4() {
		return id
	}
	if peer.IsValid() {
		p = peer
	}
	id.net = p.Masked()
	return id
}
