package config

import (
	"fmt"
	"math"
	"net/netip"
	"slices"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// addressUse says which kind of block an address line stands in.
type addressUse uint8

const (
	addressVirtual addressUse = iota
	addressStatic
)

// forever is the preferred lifetime of an address that never ends.
const forever = math.MaxUint32

// addressLine is an address while its line is read.
type addressLine struct {
	Address
	scopeSet, lifetimeSet bool
	dropped               bool
}

// address reads ADDRESS[/LENGTH] and its options.
func (l *loader) address(a *syntax.Args, use addressUse) (Address, bool) {
	w, _ := a.Next()
	prefix, ok := l.prefix(a, w)
	if !ok {
		return Address{}, false
	}
	x := &addressLine{Address: Address{Prefix: prefix, PreferredLft: forever, Pos: a.Line.Pos}}
	if prefix.Addr().Is6() && prefix.Bits() == 128 {
		x.PreferredLft = 0
	}
	for option, ok := a.Next(); ok && !x.dropped; option, ok = a.Next() {
		if !l.addressFlag(x, option, use) && !l.addressOption(a, x, option, use) {
			break
		}
	}
	if x.dropped {
		return Address{}, false
	}
	x.settle(a)
	return x.Address, true
}

// settle drops what the family does not have.
func (x *addressLine) settle(a *syntax.Args) {
	if !x.Prefix.Addr().Is6() {
		if x.Peer.IsValid() && x.Broadcast.IsValid() {
			a.Report(syntax.General, "Cannot specify broadcast and peer addresses - ignoring broadcast address")
			x.Broadcast = netip.Addr{}
		}
		return
	}
	if x.scopeSet {
		a.Report(syntax.General, "Cannot specify scope for IPv6 addresses (%s) - ignoring scope", x.Prefix.Addr())
		x.Scope = 0
	}
	if x.Label != "" {
		a.Report(syntax.General, "Cannot specify label for IPv6 addresses (%s) - ignoring label", x.Prefix.Addr())
		x.Label = ""
	}
}

// addressFlags are the options without argument.
var addressFlags = map[string]func(*Address){
	"home":          func(x *Address) { x.Home = true },
	"-nodad":        func(x *Address) { x.DAD = true },
	"mngtmpaddr":    func(x *Address) { x.MngTmpAddr = true },
	"noprefixroute": func(x *Address) { x.NoPrefixRoute = true },
	"autojoin":      func(x *Address) { x.AutoJoin = true },
	"no_track":      func(x *Address) { x.NoTrack = true },
	"use_vmac":      func(x *Address) { x.UseVMAC = true },
}

// addressWords are the options with an argument.
var addressWords = []string{"dev", "scope", "brd", "broadcast", "label", "peer", "preferred_lft", "track_group"}

// addressOnly are the options that not every kind of address has.
var addressOnly = map[string]addressUse{"use_vmac": addressVirtual, "track_group": addressStatic}

// addressHas says whether an option exists for a kind of address.
func addressHas(option string, use addressUse) bool {
	only, limited := addressOnly[option]
	return !limited || only == use
}

// addressFlag handles the options without argument.
func (l *loader) addressFlag(x *addressLine, option string, use addressUse) bool {
	set, known := addressFlags[option]
	if !known || !addressHas(option, use) {
		return false
	}
	set(&x.Address)
	return true
}

// addressOption handles the options with an argument, and unknown words;
// false ends the line.
func (l *loader) addressOption(a *syntax.Args, x *addressLine, option string, use addressUse) bool {
	if !slices.Contains(addressWords, option) || !addressHas(option, use) {
		d := Diagnostic{Code: syntax.General, Text: fmt.Sprintf("Unknown configuration entry '%s' for ip address - ignoring", option)}
		if _, ok := address(strings.SplitN(option, "/", 2)[0]); ok {
			d.Hint = "One address a line."
		}
		a.Send(d)
		return true
	}
	w, ok := a.Next()
	if !ok {
		a.Report(syntax.General, "No %s parameter specified for %s", option, x.Prefix.Addr())
		x.dropped = true
		return false
	}
	switch option {
	case "dev":
		switch {
		case x.DevSet:
			a.Report(syntax.General, "Cannot specify ipaddress device more than once for %s", x.Prefix.Addr())
			x.dropped = true
		case !l.exists(a, w, fmt.Sprintf("WARNING - interface %s for ip address %s doesn't exist", w, x.Prefix.Addr())):
			x.dropped = true
		default:
			x.Dev, x.DevSet = w, true
		}
	case "scope":
		v, ok := l.namedNumber(w, scopeNames, 255)
		if !ok {
			a.Report(syntax.General, "Invalid scope '%s' specified for %s - ignoring", w, x.Prefix.Addr())
			break
		}
		x.Scope, x.scopeSet = uint8(v), v != 0
	case "brd", "broadcast":
		x.broadcast(a, w)
	case "label":
		if len(w) > maxInterfaceName {
			a.Report(syntax.General, "Address label %s is longer than maximum length %d - removing address", w, maxInterfaceName)
			x.dropped = true
			break
		}
		x.Label = w
	case "peer":
		return l.peer(a, x, w)
	case "preferred_lft":
		x.lifetime(a, w)
	case "track_group":
		return l.addressGroup(a, x, w)
	}
	return true
}

func (x *addressLine) broadcast(a *syntax.Args, w string) {
	ip := x.Prefix.Addr()
	if w == "+" || w == "-" {
		if ip.Is6() {
			a.Report(syntax.General, "VRRP is trying to assign a broadcast %s to the IPv6 address %s. skipping VIP...", w, ip)
			x.dropped = true
			return
		}
		if x.Prefix.Bits() > 30 {
			a.Report(syntax.General, "Address prefix length %d too long for broadcast", x.Prefix.Bits())
			return
		}
		x.Broadcast = hostBits(x.Prefix, w == "+")
		return
	}
	brd, ok := address(w)
	if !ok || !brd.Is4() {
		a.Report(syntax.General, "VRRP is trying to assign invalid broadcast %s. skipping VIP...", w)
		x.dropped = true
		return
	}
	if ip.Is6() {
		a.Report(syntax.General, "VRRP is trying to assign a broadcast %s to the IPv6 address %s. skipping VIP...", w, ip)
		x.dropped = true
		return
	}
	x.Broadcast = brd
}

// hostBits is the IPv4 address of a network with all host bits set or clear.
func hostBits(p netip.Prefix, set bool) netip.Addr {
	b := p.Addr().As4()
	for i := p.Bits(); i < 32; i++ {
		bit := byte(0x80) >> (i % 8)
		if set {
			b[i/8] |= bit
		} else {
			b[i/8] &^= bit
		}
	}
	return netip.AddrFrom4(b)
}

// peer takes the address at the other end.
func (l *loader) peer(a *syntax.Args, x *addressLine, w string) bool {
	if x.Peer.IsValid() {
		a.Report(syntax.General, "Peer %s - another peer has already been specified", w)
		// The word is looked at once more, as an option, which it is not.
		a.Report(syntax.General, "Unknown configuration entry '%s' for ip address - ignoring", w)
		return true
	}
	ip, ok := address(w)
	switch {
	case !ok:
		a.Report(syntax.General, "VRRP parsed invalid IP %s. skipping IP...", w)
		a.Report(syntax.General, "Invalid peer address %s", w)
	case ip.Is4() != x.Prefix.Addr().Is4():
		a.Report(syntax.General, "Peer address %s does not match address family", w)
	default:
		if !x.Prefix.IsSingleIP() {
			a.Report(syntax.General, "Cannot specify address prefix when specifying peer address - ignoring")
			x.Prefix = netip.PrefixFrom(x.Prefix.Addr(), ip.BitLen())
		}
		x.Peer = netip.PrefixFrom(ip, ip.BitLen())
	}
	return true
}

func (x *addressLine) lifetime(a *syntax.Args, w string) {
	if w == "forever" {
		x.PreferredLft, x.lifetimeSet = forever, true
		return
	}
	n := syntax.ParseUint(w, 10, 0, forever)
	if n.Problem != "" {
		a.Report(syntax.InvalidNumber, "%s", n.Problem)
		a.Report(syntax.General, "preferred_lft %s is invalid", w)
		return
	}
	x.PreferredLft, x.lifetimeSet = uint32(n.Value), true
}

func (l *loader) addressGroup(a *syntax.Args, x *addressLine, w string) bool {
	switch {
	case x.TrackGroup != "":
		a.Report(syntax.General, "track_group %s - another group has already been specified", w)
		return false
	case !l.draft.trackGroups[w]:
		a.Report(syntax.General, "track_group %s not found", w)
	default:
		x.TrackGroup = w
	}
	return true
}

// prefix reads ADDRESS[/LENGTH]. A length out of range is reported and the
// full length taken; an empty one is 0.
func (l *loader) prefix(a *syntax.Args, w string) (netip.Prefix, bool) {
	text, length, given := strings.Cut(w, "/")
	bits := 32
	if strings.Contains(w, ":") {
		bits = 128
	}
	if given {
		n := syntax.ParseUint(length, 10, 0, uint64(bits))
		if n.Problem != "" {
			a.Report(syntax.InvalidNumber, "%s", n.Problem)
			a.Report(syntax.General, "Invalid address prefix len %s for address %s - using %d", length, w, bits)
		} else {
			bits = int(n.Value)
		}
	}
	ip, ok := address(text)
	if !ok {
		a.Report(syntax.General, "VRRP parsed invalid IP %s. skipping IP...", w)
		return netip.Prefix{}, false
	}
	return netip.PrefixFrom(ip, bits), true
}

// addVIP takes an address of virtual_ipaddress.
func (l *loader) addVIP(d *instanceDraft, a *syntax.Args, v Address) {
	text := a.Line.Words[0].Text
	switch {
	case !d.joins(v.Prefix.Addr()):
		a.Report(syntax.General, "(%s): address family must match VRRP instance [%s] - ignoring", d.Name, text)
	case d.vips[addressKey{v.Prefix.Addr(), ""}]:
		a.Report(syntax.General, "(%s): VIP duplicates a VIP %s - ignoring", d.Name, v.Prefix.Addr())
	case d.excluded[addressKey{v.Prefix.Addr(), v.Dev}]:
		a.Report(syntax.General, "(%s): VIP duplicates an eVIP %s - ignoring", d.Name, v.Prefix.Addr())
	default:
		// Two addresses are the same whatever their interface, an address and
		// an excluded one only on the same interface.
		d.vips[addressKey{v.Prefix.Addr(), ""}], d.vips[addressKey{v.Prefix.Addr(), "dev " + v.Dev}] = true, true
		d.Addresses = append(d.Addresses, v)
	}
}

// addExcluded takes an address of virtual_ipaddress_excluded.
func (l *loader) addExcluded(d *instanceDraft, a *syntax.Args, v Address) {
	key := addressKey{v.Prefix.Addr(), v.Dev}
	switch {
	case d.vips[addressKey{key.ip, "dev " + key.dev}]:
		a.Report(syntax.General, "(%s): eVIP duplicates a VIP %s - ignoring", d.Name, v.Prefix.Addr())
	case d.excluded[key]:
		a.Report(syntax.General, "(%s): eVIP duplicates an eVIP %s - ignoring", d.Name, v.Prefix.Addr())
	default:
		d.excluded[key] = true
		d.Excluded = append(d.Excluded, v)
	}
}

// addressKey is what makes an address of an instance a duplicate.
type addressKey struct {
	ip  netip.Addr
	dev string
}
