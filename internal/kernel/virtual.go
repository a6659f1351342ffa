package kernel

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
)

// Kinds of links, as the kernel calls them.
const (
	kindMacvlan = "macvlan"
	kindIPVLAN  = "ipvlan"
	kindVRF     = "vrf"
)

// Modes of a macvlan and of an ipvlan in L2 mode (linux/if_link.h).
const (
	macvlanPrivate = 1
	IPVLANBridge   = 0
	IPVLANPrivate  = 1
	IPVLANVEPA     = 2
)

// MAC is an Ethernet address.
type MAC [6]byte

// String returns the usual notation.
func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// Virtual is a link that is wanted on top of another one, its base: a macvlan in
// private mode, which has a MAC of its own, or an ipvlan, which has its base's.
type Virtual struct {
	Name string
	Base string // name of the interface below

	IPVLAN bool
	Mode   uint32 // of an ipvlan: IPVLANBridge, IPVLANPrivate or IPVLANVEPA
	MAC    MAC    // of a macvlan; of an ipvlan its last octet tells it from others on its base

	Grouped bool // Group counts; otherwise it has the group of its base
	Group   uint32
	Notify  bool // have the kernel tell of the base when the link is made or removed

	// IPv4 makes it answer for its IPv4 addresses, and its base not answer for
	// them. IPv6 turns IPv6 on.
	IPv4, IPv6 bool
	// Shy makes its base ask for neighbours in its own name only, with IPv4: from an
	// address of the link it would tell them its own MAC for that.
	Shy bool

	// Own is an address that the link has as long as it is there. Without it,
	// ShareLinkLocal gives it the link-local address of its base, or, if that has
	// none, the one that would follow from the base's MAC. It is deprecated at
	// once, so that nothing but who asks for it has it as a source. An ipvlan gets
	// one of its own: what is for an address of it never reaches its base.
	Own            netip.Prefix
	ShareLinkLocal bool
}

// kind is the kernel's word.
func (v Virtual) kind() string {
	if v.IPVLAN {
		return kindIPVLAN
	}
	return kindMacvlan
}

// String returns the words for messages.
func (v Virtual) String() string { return fmt.Sprintf("%s %s on %s", v.kind(), v.Name, v.Base) }

// linkLocal is the address that follows from the base's MAC (RFC 4291, appendix A).
// For an ipvlan the middle of it is another one. It is not valid if there is no such
// MAC.
func (v Virtual) linkLocal(base net.HardwareAddr) netip.Addr {
	if len(base) != 6 {
		return netip.Addr{}
	}
	middle := [2]byte{0xff, 0xfe}
	if v.IPVLAN {
		middle = [2]byte{0xfd, v.MAC[5]}
	}
	return netip.AddrFrom16([16]byte{
		0: 0xfe, 1: 0x80,
		8: base[0] ^ 2, 9: base[1], 10: base[2], 11: middle[0], 12: middle[1], 13: base[3], 14: base[4], 15: base[5],
	})
}

// Is tells whether a link could be this one: of its kind, on the link below and,
// a macvlan, in private mode. Its MAC and its name may be others.
func (v Virtual) Is(l *Link, below int) bool {
	if l.Kind != v.kind() || l.Lower == 0 || l.Lower != below {
		return false
	}
	return v.IPVLAN || l.Mode == macvlanPrivate
}

// HasMAC tells whether the link has the MAC that is wanted.
func (v Virtual) HasMAC(l *Link) bool {
	return v.IPVLAN || bytes.Equal(l.HardwareAddr, v.MAC[:])
}

// Private tells whether a link is a macvlan in private mode.
func (l *Link) Private() bool { return l.Kind == kindMacvlan && l.Mode == macvlanPrivate }

// Below is the index of the link on which the kernel puts what is wanted on top
// of this one: of a macvlan or an ipvlan the one that it sits on itself.
func (l *Link) Below() int {
	if (l.Kind == kindMacvlan || l.Kind == kindIPVLAN) && l.Lower != 0 {
		return l.Lower
	}
	return l.Index
}

// LinkPlace is where a link is made.
type LinkPlace struct {
	Base   int // index of the base
	Group  uint32
	Master int // index of the VRF; 0: none
}

// LinkChange says what is to be changed of a link: what is not nil or false.
type LinkChange struct {
	MAC     *MAC
	MTU     *int
	Group   *uint32
	Master  *int
	Mode    *uint32 // of an ipvlan
	Up      bool
	NoAutoL bool // make no link-local address by itself (addr_gen_mode none)
}

// LinkTable is the kernel's links, their settings and addresses; [Handle] is the
// real one.
type LinkTable interface {
	Table
	SettingTable
	// Links lists all links, without addresses, sorted by index.
	Links(ctx context.Context) ([]*Link, error)
	// AddLink makes a link, which is down, and returns it.
	AddLink(ctx context.Context, v Virtual, at LinkPlace) (*Link, error)
	// ChangeLink changes the link with the index.
	ChangeLink(ctx context.Context, index int, c LinkChange) error
	// DeleteLink removes it; that it is not there is no error.
	DeleteLink(ctx context.Context, index int) error
}

// Standing is a virtual link that is there.
type Standing struct {
	Virtual
	Index int
	Below int // index of the link it sits on
	// LinkLocal is the address that it has, or will have when it is up, or what its
	// base has; not valid if neither is known.
	LinkLocal netip.Addr
}

// LinkFailure is something that could not be done for a link.
type LinkFailure struct {
	Virtual Virtual
	What    string // "make", "remove", ...
	Err     error
}

func (f LinkFailure) Error() string {
	return fmt.Sprintf("cannot %s %v: %v", f.What, f.Virtual, f.Err)
}

// Unwrap returns the reason.
func (f LinkFailure) Unwrap() error { return f.Err }

// StackResult tells what was done.
type StackResult struct {
	Made    []Virtual
	Adopted []Virtual // were there already, and are now as wanted
	Removed []Virtual
	Swept   []Virtual // that an earlier run had left
	Moved   []Moved   // settings of others that were changed or put back
	Failed  []LinkFailure
	// Standing are all that are there, in the order in which they are wanted.
	Standing []Standing
}

// Left is a virtual link that was made, or is about to be.
type Left struct {
	Name   string `json:"name"`
	Below  int    `json:"below"` // index of the link it sits on
	IPVLAN bool   `json:"ipvlan,omitempty"`
	MAC    string `json:"mac,omitempty"` // of a macvlan
}

// left is how the link is remembered.
func (v Virtual) left(below int) Left {
	l := Left{Name: v.Name, Below: below, IPVLAN: v.IPVLAN}
	if !v.IPVLAN {
		l.MAC = v.MAC.String()
	}
	return l
}

// is tells whether a link is the one that was made.
func (x Left) is(l *Link) bool {
	return (Virtual{IPVLAN: x.IPVLAN}).Is(l, x.Below) && (x.IPVLAN || l.HardwareAddr.String() == x.MAC)
}

// Undo is what has to be put back when a stack is no more.
type Undo struct {
	Settings []Kept `json:"settings,omitempty"`
	Links    []Left `json:"links,omitempty"`
}

// Empty tells that there is nothing to be put back.
func (u Undo) Empty() bool { return len(u.Settings) == 0 && len(u.Links) == 0 }

// Check tells whether it can be what a stack has saved: it names nothing but what a
// stack changes.
func (u Undo) Check() error {
	known := []string{arpIgnore, arpFilter, arpAnnounce, rpFilter, promoteSecondary, LinkLocalIGMP.Name}
	for _, k := range u.Settings {
		if !slices.Contains(known, k.Name) || strings.ContainsAny(k.Link, "/\x00") || k.Link == "." || k.Link == ".." {
			return fmt.Errorf("%v is no setting of a virtual interface", k.Setting)
		}
	}
	return nil
}

// Stack keeps virtual links, and the settings that these need of other links. It
// remembers what it made and touches nothing else. It belongs to one goroutine.
type Stack struct {
	table    LinkTable
	settings *Settings
	save     func(Undo)
	undo     Undo // as last saved
	left     []Left
	held     []*stacked
}

// stacked is a link that is held.
type stacked struct {
	Virtual
	index int
	below int // index of the link it sits on
	up    bool
	own   netip.Prefix // that was set on it; not valid: none
	fresh bool         // not set up yet
}

// NewStack returns a stack that holds nothing. Save is told of what is to be put
// back before anything is changed, and again when that changes.
func NewStack(table LinkTable, save func(Undo)) *Stack {
	s := &Stack{table: table, save: save}
	s.settings = NewSettings(table, func(k []Kept) {
		s.undo.Settings = k
		save(s.undo)
	})
	return s
}

// Recall takes over what an earlier run could not put back. Links that it has left
// and that are not wanted go with the next Apply.
func (s *Stack) Recall(u Undo) {
	s.settings.Recall(u.Settings)
	s.left = u.Links
	s.undo = Undo{s.settings.kept, u.Links}
	s.save(s.undo)
}

// record remembers the links that are there, or about to be.
func (s *Stack) record(links []Left) {
	if !slices.Equal(s.undo.Links, links) {
		s.undo.Links = links
		s.save(s.undo)
	}
}

// Forget makes the stack leave everything as it is, for good.
func (s *Stack) Forget() { s.held, s.left, s.settings.kept = nil, nil, nil }

// Apply makes the wanted links be there as they are wanted, and removes those
// that it made for an earlier wish. A link that exists under the name on the same
// base is adopted: whatever addresses it has are removed, and it is configured as
// a new one would be. One of the same kind on another base is replaced, anything
// else stands in the way ([ErrOccupied]). A link whose base is not there is left out.
//
// Other are settings that are wanted besides; those of a link have no index, and
// count when there is such a link. Ready is called when all links are
// there, and before any that is new can send or receive a packet.
//
// A link that somebody has removed is made again, and one that somebody has
// renamed is removed and made again; one that somebody has set down stays down.
// Twice the same changes nothing.
func (s *Stack) Apply(ctx context.Context, wanted []Virtual, other []SettingValue, ready func([]Standing)) (StackResult, error) {
	links, err := s.table.Links(ctx)
	if err != nil {
		return StackResult{}, fmt.Errorf("list links: %w", err)
	}
	a := &stacking{s: s, ctx: ctx, pic: &Picture{Links: links}, wanted: wanted}
	filter := a.filter()
	s.record(append(a.holds(), a.plans()...))
	a.sweep()
	a.remove()
	a.prepare(append(filter, a.indexed(other)...))
	for _, v := range wanted {
		a.provide(v)
	}
	for _, x := range s.held {
		a.configure(x)
	}
	a.res.Standing = a.standing()
	ready(a.res.Standing)
	for _, x := range s.held {
		a.start(x)
	}
	s.record(a.holds())
	return a.res, nil
}
