package kernel

import (
	"fmt"
	"net/netip"
	"strings"
)

// Rule is a routing rule that is wanted, and a rule as the kernel reports it.
type Rule struct {
	IPv6     bool
	Priority uint32
	Invert   bool         // for packets that do not fit
	From, To netip.Prefix // without host bits; invalid: any
	TOS      uint8
	Mark     uint32
	MarkMask uint32 // 0: the mark does not matter
	In, Out  string // interfaces; empty: any
	TunnelID uint64 // 0: any
	UsersSet bool
	Users    [2]uint32 // user ids from, to
	IPProto  uint8     // 0: any
	// Source and destination ports from, to; 0, 0: any.
	SourcePorts, DestPorts [2]uint16

	Action Action
	Table  uint32 // of ActionTable
	Goto   uint32 // of ActionGoto
	L3MDev bool   // ActionTable with the table of the interface's VRF
	Realms uint32 // IPv4: source realm << 16 | destination realm
	// SuppressPrefix refuses routes whose prefix is not longer, SuppressGroup
	// those to interfaces of the group; both are one more than that, 0 none.
	SuppressPrefix, SuppressGroup int64

	Protocol uint8 // who made it; 18 see [Protocol], 0 nobody says

	// NoTrack: it is not put back when somebody removes it.
	NoTrack bool
}

// Action is what a rule does, FR_ACT_*.
type Action uint8

// Actions.
const (
	ActionTable       Action = 1
	ActionGoto        Action = 2
	ActionNop         Action = 3
	ActionBlackhole   Action = 6
	ActionUnreachable Action = 7
	ActionProhibit    Action = 8
)

var actionNames = map[Action]string{
	ActionGoto: "goto", ActionNop: "nop", ActionBlackhole: "blackhole", ActionUnreachable: "unreachable", ActionProhibit: "prohibit",
}

// String returns the rule much as the usual tool shows it.
func (r Rule) String() string {
	var b strings.Builder
	add := func(cond bool, format string, args ...any) {
		if cond {
			fmt.Fprintf(&b, format, args...)
		}
	}
	add(r.IPv6, "inet6 ")
	fmt.Fprintf(&b, "%d:", r.Priority)
	add(r.Invert, " not")
	add(r.From.IsValid(), " from %v", r.From)
	add(!r.From.IsValid(), " from all")
	add(r.To.IsValid(), " to %v", r.To)
	add(r.TOS != 0, " tos 0x%x", r.TOS)
	add(r.MarkMask != 0, " fwmark 0x%x/0x%x", r.Mark, r.MarkMask)
	add(r.In != "", " iif %s", r.In)
	add(r.Out != "", " oif %s", r.Out)
	add(r.TunnelID != 0, " tunnel-id %d", r.TunnelID)
	add(r.UsersSet, " uidrange %d-%d", r.Users[0], r.Users[1])
	add(r.IPProto != 0, " ipproto %d", r.IPProto)
	add(r.SourcePorts[1] != 0, " sport %d-%d", r.SourcePorts[0], r.SourcePorts[1])
	add(r.DestPorts[1] != 0, " dport %d-%d", r.DestPorts[0], r.DestPorts[1])
	add(r.SuppressPrefix != 0, " suppress_prefixlength %d", r.SuppressPrefix-1)
	add(r.SuppressGroup != 0, " suppress_ifgroup %d", r.SuppressGroup-1)
	add(r.Realms != 0, " realms %d/%d", r.Realms>>16, r.Realms&0xffff)
	switch {
	case r.L3MDev:
		b.WriteString(" l3mdev")
	case r.Action == ActionTable:
		fmt.Fprintf(&b, " lookup %d", r.Table)
	case r.Action == ActionGoto:
		fmt.Fprintf(&b, " goto %d", r.Goto)
	default:
		b.WriteString(" " + actionNames[r.Action])
	}
	add(r.Protocol != Protocol, " proto %d", r.Protocol)
	return b.String()
}

// Kind implements [Object].
func (r Rule) Kind() Kind { return KindRule }

// Guarded implements [Object].
func (r Rule) Guarded() bool { return !r.NoTrack }

func (Rule) report() {}

func (r Rule) key() any {
	r.NoTrack = false
	return r
}

func (r Rule) place() any { return r.key() }

func (r Rule) shelf() Shelf { return Shelf{Kind: KindRule, IPv6: r.IPv6, Protocol: r.Protocol} }

// compare knows no altered rules: what differs is another rule.
func (r Rule) compare(now, set Report) likeness {
	k, ok := now.(Rule)
	if !ok {
		return another
	}
	s, known := set.(Rule)
	if k.key() == r.key() || known && k == s {
		return alike
	}
	return another
}
