package daemon

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/kernel"
)

// layout is where the instances of a configuration speak and where their
// addresses are, and the virtual links that this takes. It is immutable.
type layout struct {
	seats map[*config.Instance]*seat
	links []*virtual // in the order of the configuration
	notes []string   // for the log
}

// seat is the place of one instance.
type seat struct {
	virtual string // its own virtual link; "": none
	iface   string // where adverts leave and arrive; "": as routed
	extra   map[ground]string
	others  bool // addresses of the other family are on its own link too
	fault   string
}

// ground is what addresses of a family stand on.
type ground struct {
	dev  string
	ipv6 bool
}

// virtual is a virtual link that is wanted, and by whom.
type virtual struct {
	kernel.Virtual
	key        virtualKey
	configured string // the name in the configuration; "": none
	owner      *config.Instance
	users      []*config.Instance
	own        bool // the owner's, for adverts: not only for addresses
}

// virtualKey is what makes a virtual link the same one, whatever its name.
type virtualKey struct {
	base   string
	ipvlan bool
	mac    kernel.MAC // of an ipvlan: a number that stands for the instance
}

// vmacOf is the MAC of a virtual router (RFC 9568 section 7.3).
func vmacOf(vrid uint8, ipv6 bool) kernel.MAC {
	m := kernel.MAC{0, 0, 0x5e, 0, 1, vrid}
	if ipv6 {
		m[4] = 2
	}
	return m
}

// planner makes a layout.
type planner struct {
	cfg    *config.Config
	pic    *kernel.Picture
	old    *layout // of the configuration that runs; nil: there is none
	strict bool
	lay    *layout
	taken  map[string]bool // names of links of this layout
	group  map[string]*config.SyncGroup
}

// plan works out where everything belongs. Names of virtual links that the
// configuration leaves open are chosen with regard to the links that there are.
func plan(cfg *config.Config, pic *kernel.Picture, old *layout, strict bool) *layout {
	p := &planner{
		cfg: cfg, pic: pic, old: old, strict: strict, taken: map[string]bool{}, group: map[string]*config.SyncGroup{},
		lay: &layout{seats: map[*config.Instance]*seat{}},
	}
	for _, g := range cfg.Groups {
		for _, name := range g.Members {
			if p.group[name] == nil {
				p.group[name] = g
			}
		}
	}
	for _, c := range cfg.Instances {
		p.lay.seats[c] = &seat{iface: cmp.Or(c.Interface, c.More.VRF), extra: map[ground]string{}}
	}
	for _, c := range cfg.Instances { // first: others may share them
		if c.UseVMAC || c.More.IPVLAN {
			p.ownLink(c)
		}
	}
	for _, c := range cfg.Instances {
		for _, a := range slices.Concat(c.Addresses, c.Excluded) {
			p.settle(c, a)
		}
	}
	place := map[*config.Instance]int{}
	for i, c := range cfg.Instances {
		place[c] = i
	}
	slices.SortStableFunc(p.lay.links, func(a, b *virtual) int { return place[a.owner] - place[b.owner] })
	for _, v := range p.lay.links {
		v.Shy = v.IPv4 && !p.strict
	}
	return p.lay
}

// ownLink gives an instance the link that use_vmac or use_ipvlan ask for.
func (p *planner) ownLink(c *config.Instance) {
	if c.Interface == "" || slices.Contains(c.Faults, "use_ipvlan has no address") {
		return
	}
	v := &virtual{owner: c, own: true, configured: c.VMACName, users: []*config.Instance{c}}
	v.Base, v.Notify, v.IPv4, v.IPv6 = c.Interface, c.More.VMACNetlinkNotify, !c.IPv6, c.IPv6
	v.MAC = vmacOf(c.VRID, c.IPv6)
	if mac := c.More.VMACMAC; len(mac) >= 5 {
		copy(v.MAC[:], append(slices.Clone(mac), c.VRID))
	}
	group := c.More.VMACGroup
	if c.More.IPVLAN {
		v.IPVLAN, v.Mode, v.configured, group = true, ipvlanModes[c.More.IPVLANMode], c.More.IPVLANName, c.More.IPVLANGroup
		v.Own = c.More.IPVLANAddr
	}
	if group != nil {
		v.Grouped, v.Group = true, *group
	}
	if c.IPv6 && !c.VMACXmitBase && !v.Own.IsValid() {
		if v.ShareLinkLocal = !c.SourceIP.IsValid(); !v.ShareLinkLocal {
			v.Own = netip.PrefixFrom(c.SourceIP, 64)
		}
	}
	v.key = virtualKey{v.Base, v.IPVLAN, v.MAC}
	i := slices.IndexFunc(p.lay.links, func(o *virtual) bool { return o.key == v.key })
	if i >= 0 { // two with one VRID, of which one is in FAULT
		v = p.lay.links[i]
	} else {
		p.add(v, p.cfg.Global.More.VMACPrefix, c.VRID, c.IPv6)
	}
	st := p.lay.seats[c]
	st.virtual, st.others = v.Name, c.UseVMAC && !p.strict
	if !c.VMACXmitBase {
		st.iface = v.Name
	}
}

var ipvlanModes = map[string]uint32{
	"bridge": kernel.IPVLANBridge, "private": kernel.IPVLANPrivate, "vepa": kernel.IPVLANVEPA,
}

// add gives a link its name and its place in the layout.
func (p *planner) add(v *virtual, prefix string, vrid uint8, ipv6 bool) {
	v.Name = p.name(v, prefix, vrid, ipv6)
	p.taken[v.Name] = true
	p.lay.links = append(p.lay.links, v)
}

// settle finds the link for an address.
func (p *planner) settle(c *config.Instance, a config.Address) {
	g := groundOf(a)
	switch st := p.lay.seats[c]; st.site(c, a) {
	case onExtra:
		p.extraLink(c, g)
	case onOwn:
		v := p.named(st.virtual)
		v.IPv4, v.IPv6 = v.IPv4 || !g.ipv6, v.IPv6 || g.ipv6
	}
}

// site is on which kind of interface an address belongs.
type site uint8

const (
	onDev   site = iota // the one it is configured for
	onOwn               // the instance's own virtual link
	onExtra             // a virtual link for addresses
)

// site tells where an address belongs. keepalived leaves addresses of the other
// family on the base of a virtual MAC, although its manual says otherwise.
func (s *seat) site(c *config.Instance, a config.Address) site {
	g := groundOf(a)
	own := g.dev == c.Interface && g.ipv6 == c.IPv6
	switch {
	case g.dev == "":
		return onDev
	case own && s.virtual != "":
		return onOwn
	case a.UseVMAC || c.More.VMACAddr && !own:
		return onExtra
	case g.dev == c.Interface && s.others:
		return onOwn
	}
	return onDev
}

func groundOf(a config.Address) ground { return ground{a.Dev, a.Prefix.Addr().Is6()} }

func (p *planner) named(name string) *virtual {
	for _, v := range p.lay.links {
		if v.Name == name {
			return v
		}
	}
	return nil
}

// extraLink gives an instance a link for addresses.
func (p *planner) extraLink(c *config.Instance, g ground) {
	st := p.lay.seats[c]
	if st.extra[g] != "" {
		return
	}
	key := virtualKey{base: g.dev, mac: vmacOf(c.VRID, g.ipv6)}
	for _, v := range p.lay.links {
		if v.key != key {
			continue
		}
		st.extra[g] = v.Name
		for _, o := range v.users {
			if o != c && (p.group[o.Name] == nil || p.group[o.Name] != p.group[c.Name]) {
				st.fault = fmt.Sprintf("its addresses would be on the VMAC %s of %s, with which it is in no sync group", v.Name, o.Name)
			}
		}
		v.users = append(v.users, c)
		return
	}
	v := &virtual{owner: c, key: key, users: []*config.Instance{c}}
	v.Base, v.MAC, v.IPv4, v.IPv6 = g.dev, key.mac, !g.ipv6, g.ipv6
	p.add(v, cmp.Or(p.cfg.Global.More.VMACAddrPrefix, p.cfg.Global.More.VMACPrefix), c.VRID, g.ipv6)
	st.extra[g] = v.Name
}

// dev is the interface that an address of the instance is on.
func (s *seat) dev(c *config.Instance, a config.Address) string {
	switch s.site(c, a) {
	case onOwn:
		return s.virtual
	case onExtra:
		return s.extra[groundOf(a)]
	}
	return a.Dev
}

// has tells whether a link is a virtual one of the instance.
func (s *seat) has(link string) bool {
	return link != "" && (link == s.virtual || slices.Contains(slices.Collect(maps.Values(s.extra)), link))
}

// trackers are for the links that the instance has for addresses: without one of
// them it cannot do its work.
func (s *seat) trackers(c *config.Instance) []fsm.Tracker {
	var all []fsm.Tracker
	for _, a := range slices.Concat(c.Addresses, c.Excluded) {
		if s.site(c, a) == onExtra && !a.NoTrack {
			all = append(all, fsm.Tracker{Kind: fsm.TrackInterface, Name: s.extra[groundOf(a)]})
		}
	}
	return all
}

// extraLinks are the interfaces of addresses that carry no adverts: virtual ones,
// or all.
func (s *seat) extraLinks(addresses []kernel.Address, all bool) []string {
	var links []string
	for _, a := range addresses {
		if a.Link != s.iface && (all || s.has(a.Link)) && !slices.Contains(links, a.Link) {
			links = append(links, a.Link)
		}
	}
	return links
}

// concerns tells whether the state of an interface matters to the instance.
func (s *seat) concerns(c *config.Instance, link string) bool {
	return link != "" && (link == c.Interface || link == s.virtual || link == s.iface)
}

// all are the virtual links; none without a layout.
func (l *layout) all() []*virtual {
	if l == nil {
		return nil
	}
	return l.links
}

// base is what a virtual link of the layout sits on; "": it is none.
func (l *layout) base(name string) string {
	for _, v := range l.all() {
		if v.Name == name {
			return v.Base
		}
	}
	return ""
}

// touches tells whether a link is one of the virtual ones, or below one.
func (l *layout) touches(name string) bool {
	return slices.ContainsFunc(l.all(), func(v *virtual) bool { return v.Name == name || v.Base == name })
}
