package kernel

import (
	"context"
	"net/netip"
	"slices"
)

// stacking is one run of [Stack.Apply].
type stacking struct {
	s      *Stack
	ctx    context.Context
	pic    *Picture // the links as they are
	wanted []Virtual
	res    StackResult
}

func (a *stacking) failed(v Virtual, what string, err error) {
	a.res.Failed = append(a.res.Failed, LinkFailure{v, what, err})
}

// change changes a link and keeps count of it.
func (a *stacking) change(v Virtual, index int, what string, c LinkChange) bool {
	err := a.s.table.ChangeLink(a.ctx, index, c)
	if err != nil {
		a.failed(v, what, err)
	}
	return err == nil
}

// base is the index of the link below a wanted one; 0: it is not there.
func (a *stacking) base(v Virtual) (*Link, int) {
	l := a.pic.LinkByName(v.Base)
	if l == nil {
		return nil, 0
	}
	return l, l.Below()
}

// holds are the links that are held, and plans those that are wanted besides.
func (a *stacking) holds() []Left {
	var all []Left
	for _, x := range a.s.held {
		all = append(all, x.left(x.below))
	}
	return all
}

func (a *stacking) plans() []Left {
	var all []Left
	for _, v := range a.wanted {
		held := slices.ContainsFunc(a.s.held, func(x *stacked) bool { return x.Name == v.Name })
		if _, below := a.base(v); below != 0 && !held {
			all = append(all, v.left(below))
		}
	}
	return all
}

// sweep removes what an earlier run has left and nobody wants.
func (a *stacking) sweep() {
	for _, x := range a.s.left {
		l := a.pic.LinkByName(x.Name)
		wanted := slices.ContainsFunc(a.wanted, func(v Virtual) bool { return v.Name == x.Name })
		if l == nil || wanted || !x.is(l) {
			continue
		}
		v := Virtual{Name: x.Name, IPVLAN: x.IPVLAN}
		if below := a.pic.Link(x.Below); below != nil {
			v.Base = below.Name
		}
		if err := a.s.table.DeleteLink(a.ctx, l.Index); err != nil {
			a.failed(v, "remove", err)
			continue
		}
		a.pic = a.pic.remove(l.Index)
		a.res.Swept = append(a.res.Swept, v)
	}
	a.s.left = nil
}

// remove gives up links that are wanted no more, or not under the name that they
// have now. A link that others have removed is forgotten.
func (a *stacking) remove() {
	var stay []*stacked
	for _, x := range a.s.held {
		l := a.pic.Link(x.index)
		if l == nil || !x.Is(l, x.below) {
			continue // it went, and something else may have its index
		}
		i := slices.IndexFunc(a.wanted, func(v Virtual) bool {
			_, below := a.base(v)
			return v.Name == x.Name && v.IPVLAN == x.IPVLAN && (below == x.below || below == 0)
		})
		if i >= 0 && l.Name == x.Name {
			stay = append(stay, x)
			continue
		}
		if err := a.s.table.DeleteLink(a.ctx, x.index); err != nil {
			a.failed(x.Virtual, "remove", err)
			if i < 0 {
				stay = append(stay, x)
			}
			continue
		}
		a.pic = a.pic.remove(x.index)
		a.res.Removed = append(a.res.Removed, x.Virtual)
		a.notify(x.Virtual)
	}
	a.s.held = stay
}

// notify has the kernel tell of the base, for drivers that do not say when they
// begin or cease to hear another MAC.
func (a *stacking) notify(v Virtual) {
	if base, _ := a.base(v); v.Notify && base != nil {
		a.change(v, base.Index, "notify of", LinkChange{Group: &base.Group})
	}
}

// provide sees to it that a wanted link is there.
func (a *stacking) provide(v Virtual) {
	base, below := a.base(v)
	if base == nil {
		return
	}
	if i := slices.IndexFunc(a.s.held, func(x *stacked) bool { return x.Name == v.Name }); i >= 0 {
		x := a.s.held[i]
		x.Virtual = v
		a.follow(x, base)
		return
	}
	l := a.pic.LinkByName(v.Name)
	switch {
	case l == nil:
	case v.Is(l, below):
		a.adopt(v, l, base)
		return
	case l.Kind == v.kind() && (v.IPVLAN || l.Private()):
		if err := a.s.table.DeleteLink(a.ctx, l.Index); err != nil {
			a.failed(v, "replace", err)
			return
		}
	default:
		a.failed(v, "make", ErrOccupied)
		return
	}
	a.make(v, base, below)
}

func (a *stacking) make(v Virtual, base *Link, below int) {
	at := LinkPlace{Base: base.Index, Group: v.group(base), Master: a.vrf(base)}
	l, err := a.s.table.AddLink(a.ctx, v, at)
	if err != nil {
		a.failed(v, "make", err)
		return
	}
	a.pic = a.pic.set(l)
	a.s.held = append(a.s.held, &stacked{Virtual: v, index: l.Index, below: below, fresh: true})
	a.res.Made = append(a.res.Made, v)
	a.notify(v)
}

func (v Virtual) group(base *Link) uint32 {
	if v.Grouped {
		return v.Group
	}
	return base.Group
}

// vrf is the index of the VRF that a link belongs to, or 0.
func (a *stacking) vrf(l *Link) int {
	if m := a.pic.Link(l.Master); m != nil && m.Kind == kindVRF {
		return m.Index
	}
	return 0
}

// adopt takes over a link that was there before.
func (a *stacking) adopt(v Virtual, l, base *Link) {
	x := &stacked{Virtual: v, index: l.Index, below: l.Lower, fresh: true}
	a.s.held = append(a.s.held, x)
	a.res.Adopted = append(a.res.Adopted, v)
	list, err := a.s.table.List(a.ctx, Shelf{Kind: KindAddress, Link: v.Name})
	if err != nil {
		a.failed(v, "look at", err)
	}
	for _, r := range list {
		if s, ok := r.(AddrState); ok {
			_, _, err = a.s.table.Change(a.ctx, OpDelete, Address{Prefix: s.Prefix, Peer: s.Peer, Link: v.Name})
			if err != nil {
				a.failed(v, "clean", err)
			}
		}
	}
	a.follow(x, base)
}

// follow makes a link that is there go with its base, and with a wish that has
// changed.
func (a *stacking) follow(x *stacked, base *Link) {
	l := a.pic.Link(x.index)
	if !x.HasMAC(l) {
		a.change(x.Virtual, x.index, "set the MAC of", LinkChange{MAC: &x.MAC})
	}
	if x.IPVLAN && l.Mode != x.Mode {
		a.change(x.Virtual, x.index, "set the mode of", LinkChange{Mode: &x.Mode})
	}
	// The group of the base was that of the moment.
	if g := x.group(base); l.Group != g && (x.fresh || x.Grouped) {
		a.change(x.Virtual, x.index, "set the group of", LinkChange{Group: &g})
	}
	vrf := a.vrf(base)
	if l.Master != vrf && (vrf != 0 || a.vrf(l) != 0) {
		a.change(x.Virtual, x.index, "move", LinkChange{Master: &vrf})
	}
	// The kernel takes it down with its base, and not up again.
	if base.MTU > l.MTU {
		a.change(x.Virtual, x.index, "set the MTU of", LinkChange{MTU: &base.MTU})
	}
}

// Names of settings.
const (
	arpIgnore         = "ipv4/arp_ignore"
	arpFilter         = "ipv4/arp_filter"
	arpAnnounce       = "ipv4/arp_announce"
	rpFilter          = "ipv4/rp_filter"
	acceptLocal       = "ipv4/accept_local"
	promoteSecondary  = "ipv4/promote_secondaries"
	disableIPv6       = "ipv6/disable_ipv6"
	noLinkLocalBySelf = "ipv6/addr_gen_mode"
)

// filter is what becomes of rp_filter, of which the kernel takes the higher value
// of "all" and of an interface. A virtual MAC needs 0, so what "all" says goes to
// every interface by itself, and to those that are still to come.
func (a *stacking) filter() []SettingValue {
	if !slices.ContainsFunc(a.wanted, func(v Virtual) bool { return v.IPv4 && !v.IPVLAN }) {
		return nil
	}
	if kept := a.s.settings.named(rpFilter); len(kept) > 0 {
		return kept
	}
	everywhere := Setting{Link: allLinks, Name: rpFilter}
	all, err := a.s.table.Setting(everywhere)
	if err != nil || all == 0 {
		return nil
	}
	var out []SettingValue
	raise := func(s Setting) {
		if have, err := a.s.table.Setting(s); err == nil && have < all {
			out = append(out, SettingValue{s, all})
		}
	}
	raise(Setting{Link: defaultLink, Name: rpFilter})
	for _, l := range a.pic.Links {
		if !slices.ContainsFunc(a.wanted, func(v Virtual) bool { return v.Name == l.Name }) {
			raise(Setting{Link: l.Name, Index: l.Index, Name: rpFilter})
		}
	}
	return append(out, SettingValue{everywhere, 0})
}

// indexed gives settings of links the index of the link that is there.
func (a *stacking) indexed(wanted []SettingValue) []SettingValue {
	var all []SettingValue
	for _, w := range wanted {
		if w.Link != "" && w.Link != allLinks && w.Link != defaultLink {
			l := a.pic.LinkByName(w.Link)
			if l == nil {
				continue
			}
			w.Index = l.Index
		}
		all = append(all, w)
	}
	return all
}

// prepare sets what the links need of others, before they are there.
func (a *stacking) prepare(keep []SettingValue) {
	for _, v := range a.wanted {
		base, _ := a.base(v)
		if base == nil || !v.IPv4 || v.IPVLAN {
			continue
		}
		at := func(name string) Setting { return Setting{base.Name, base.Index, name} }
		keep = append(keep, SettingValue{at(arpIgnore), 1}, SettingValue{at(arpFilter), 1})
		if v.Shy {
			keep = append(keep, SettingValue{at(arpAnnounce), 2})
		}
	}
	moved, err := a.s.settings.Apply(a.ctx, keep)
	a.res.Moved = moved
	if err != nil {
		a.failed(Virtual{}, "change settings of interfaces", err)
	}
}

// configure sets what the link itself is to be like.
func (a *stacking) configure(x *stacked) {
	for _, w := range x.settings() {
		have, err := a.s.table.Setting(w.Setting)
		switch {
		case err != nil || have == w.Value:
		case w.Name == noLinkLocalBySelf:
			err = a.s.table.ChangeLink(a.ctx, x.index, LinkChange{NoAutoL: true})
		default:
			err = a.s.table.SetSetting(a.ctx, w.Setting, w.Value)
		}
		// IPv6 may be missing altogether, and with it what is to be turned off.
		if err != nil && (x.IPv6 || w.Name != noLinkLocalBySelf && w.Name != disableIPv6) {
			a.failed(x.Virtual, "set "+w.Name+" of", err)
		}
	}
}

// settings are those of the link itself.
func (x *stacked) settings() []SettingValue {
	at := func(name string) Setting { return Setting{x.Name, x.index, name} }
	var all []SettingValue
	if !x.IPVLAN {
		all = append(all, SettingValue{at(arpIgnore), 1})
		if x.IPv4 {
			all = append(all, SettingValue{at(acceptLocal), 1}, SettingValue{at(rpFilter), 0}, SettingValue{at(promoteSecondary), 1})
		}
	}
	off := 1
	if x.IPv6 {
		off = 0
	}
	return append(all, SettingValue{at(noLinkLocalBySelf), 1}, SettingValue{at(disableIPv6), off})
}

// standing are the links that are there, in the order in which they are wanted.
func (a *stacking) standing() []Standing {
	var all []Standing
	for _, v := range a.wanted {
		for _, x := range a.s.held {
			if x.Name != v.Name {
				continue
			}
			st := Standing{Virtual: x.Virtual, Index: x.index, Below: x.below, LinkLocal: a.address(x).Addr()}
			if !st.LinkLocal.Is6() || !st.LinkLocal.IsLinkLocalUnicast() {
				st.LinkLocal = a.shared(x.Virtual)
			}
			all = append(all, st)
		}
	}
	return all
}

// shared is the link-local address of the base; not valid: it has none.
func (a *stacking) shared(v Virtual) netip.Addr {
	if base, _ := a.base(v); base == nil || !v.IPv6 || v.IPVLAN {
		return netip.Addr{}
	}
	list, _ := a.s.table.List(a.ctx, Shelf{Kind: KindAddress, Link: v.Base})
	for _, r := range list {
		s, ok := r.(AddrState)
		if addr := s.Prefix.Addr(); ok && addr.Is6() && addr.IsLinkLocalUnicast() && s.Flags&FlagDADFailed == 0 {
			return addr
		}
	}
	return netip.Addr{}
}

// address is what the link is to have of its own.
func (a *stacking) address(x *stacked) netip.Prefix {
	switch {
	case x.Own.IsValid():
		return x.Own
	case !x.ShareLinkLocal:
		return netip.Prefix{}
	case x.own.IsValid() && x.own.Addr().IsLinkLocalUnicast():
		return x.own // whatever has become of the base's
	}
	addr := a.shared(x.Virtual)
	if base, _ := a.base(x.Virtual); base != nil && !addr.IsValid() {
		addr = x.linkLocal(base.HardwareAddr)
	}
	if !addr.IsValid() {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(addr, 64)
}

// start sets a new link up, and gives it its address.
func (a *stacking) start(x *stacked) {
	if !x.up {
		// Setting it up would make a link-local address of the MAC if it came
		// before the settings.
		l := a.pic.Link(x.index)
		x.up = l != nil && l.AdminUp || a.change(x.Virtual, x.index, "set up", LinkChange{Up: true})
	}
	own := a.address(x)
	x.fresh = false
	if own == x.own {
		return
	}
	set := func(op Op, p netip.Prefix) bool {
		addr := Address{Prefix: p, Link: x.Name}
		if p.Addr().Is4() {
			addr.PreferredLft = Forever
		}
		_, _, err := a.s.table.Change(a.ctx, op, addr)
		if err != nil {
			a.failed(x.Virtual, op.String()+" "+p.String()+" of", err)
		}
		return err == nil
	}
	if x.own.IsValid() && set(OpDelete, x.own) {
		x.own = netip.Prefix{}
	}
	if own.IsValid() && set(OpAdd, own) {
		x.own = own
	}
}
