package daemon

import (
	"cmp"
	"maps"
	"net/netip"
	"runtime"
	"slices"
	"sync"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/dump"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/kernel"
	"github.com/holdfast-ha/holdfast/internal/sched"
)

// survey is the state of the daemon while the manager copies it. The copies
// share nothing with the daemon but what never changes. There may be a thousand of
// everything: whatever has to be found is in a map.
type survey struct {
	d        *Daemon
	views    map[*member]*view
	timers   []dump.Timers
	members  []*member // in the order of the configuration
	grouped  []*member // those of sync groups, in the order of the groups
	groups   map[*config.SyncGroup][]*member
	there    map[place][]kernel.AddrState
	links    map[int]*kernel.Link // by index
	virtuals map[string]*virtual  // by name
	resets   map[string]int       // of ARP settings of links below virtual ones, by name
	// own and their are who tracks something, in the orders of members and grouped.
	own, their map[trackKey][]*member
}

// place is an address on an interface: there may be several that differ in
// their networks.
type place struct {
	link string
	addr netip.Addr
}

// survey asks the runners and looks at the interfaces.
func (d *Daemon) survey(q question) *survey {
	sv := &survey{
		d: d, groups: map[*config.SyncGroup][]*member{}, there: map[place][]kernel.AddrState{},
		links: make(map[int]*kernel.Link, len(d.links)), virtuals: map[string]*virtual{}, resets: map[string]int{},
	}
	sv.views, sv.timers = d.views(q)
	for _, m := range d.members { // the members of a group stand together, in its order
		if set := m.set.Load(); set.group != nil {
			sv.groups[set.group] = append(sv.groups[set.group], m)
		}
	}
	sv.members = d.ordered
	for _, c := range d.cfg.Groups {
		sv.grouped = append(sv.grouped, sv.groups[c]...)
	}
	for name, l := range d.links {
		sv.links[l.Index] = l
		for _, a := range l.Addrs {
			k := place{name, a.Prefix.Addr()}
			sv.there[k] = append(sv.there[k], a)
		}
	}
	for _, v := range d.layout.all() {
		sv.virtuals[v.Name] = v
		if v.IPv4 && !v.IPVLAN {
			sv.resets[v.Base]++
		}
	}
	return sv
}

// base is what a virtual link of ours sits on; "": it is none.
func (sv *survey) base(name string) string {
	if v := sv.virtuals[name]; v != nil {
		return v.Base
	}
	return ""
}

// nothing is what is known of an instance whose runner does not answer.
var nothing view

func (sv *survey) view(m *member) *view {
	if v := sv.views[m]; v != nil {
		return v
	}
	return &nothing
}

func (sv *survey) data() *dump.Data {
	cfg := sv.d.cfg
	data := &dump.Data{
		Global: globalOf(cfg, sv.d.opt.Umask, sv.d.reloadAt()), Static: sv.addresses(cfg.Static, true),
		StaticRoutes: routeTexts(cfg.StaticRoutes), StaticRules: ruleTexts(cfg.StaticRules), TrackGroups: trackGroups(cfg.TrackGroups),
		Instances: sv.instances(), Sockets: sv.sockets(),
		Scripts: sv.scripts(), Files: sv.trackFiles(), Processes: sv.processes(), BFDs: sv.bfds(), Interfaces: sv.interfaces(),
	}
	mibs := sv.d.snmpSettings()
	data.Global.SNMP = dump.SNMP{VRRP: mibs.VRRP, RFCv2: mibs.RFCv2, RFCv3: mibs.RFCv3, Traps: mibs.Traps, Socket: mibs.Socket}
	if p := &data.Global.Process; sched.Realtime() > 0 {
		p.CurrentRealtime, p.CurrentLimit = sched.Realtime(), sv.d.applied.Limit
	}
	for _, g := range cfg.Groups {
		data.Groups = append(data.Groups, sv.group(g))
	}
	return data
}

// instances are copied on all processors: the manager waits, so nothing changes
// meanwhile.
func (sv *survey) instances() []dump.Instance {
	all := make([]dump.Instance, len(sv.members))
	const few = 64
	parts := max(1, min(runtime.GOMAXPROCS(0), len(all)/few))
	var wait sync.WaitGroup
	for part := range parts {
		wait.Go(func() {
			for i := part * len(all) / parts; i < (part+1)*len(all)/parts; i++ {
				sv.instance(&all[i], sv.members[i])
			}
		})
	}
	wait.Wait()
	return all
}

// isSet tells whether the address is on its interface.
func (sv *survey) isSet(a config.Address) bool {
	return slices.ContainsFunc(sv.there[place{a.Dev, a.Prefix.Addr()}], kernelAddress(a).Is)
}

// addresses copies a list; held tells whether those that are there are ours.
func (sv *survey) addresses(list []config.Address, held bool) []dump.Address {
	if len(list) == 0 {
		return nil
	}
	out := make([]dump.Address, 0, len(list))
	for i := range list {
		a := &list[i]
		out = append(out, dump.Address{
			Prefix: a.Prefix, Broadcast: a.Broadcast, Interface: a.Dev, Base: sv.base(a.Dev), UseVMAC: a.UseVMAC, Scope: a.Scope,
			Label: a.Label, Peer: a.Peer, Home: a.Home, DAD: a.DAD, MngTmpAddr: a.MngTmpAddr,
			NoPrefixRoute: a.NoPrefixRoute, AutoJoin: a.AutoJoin, NoTrack: a.NoTrack, TrackGroup: a.TrackGroup,
			PreferredLft: a.PreferredLft, Set: held && sv.isSet(*a),
		})
	}
	return out
}

// sockets are listed in the order of their first instances.
func (sv *survey) sockets() []dump.Socket {
	members := map[*socket][]*member{}
	var list []*socket
	for _, m := range sv.members {
		s := m.sock.Load()
		if s == nil {
			continue
		}
		if members[s] == nil {
			list = append(list, s)
		}
		members[s] = append(members[s], m)
	}
	var unused []dump.Socket
	for _, s := range sv.d.sockets.sorted() {
		if members[s] == nil {
			unused = append(unused, sv.socket(s, nil))
		}
	}
	out := unused
	for _, s := range list {
		out = append(out, sv.socket(s, members[s]))
	}
	return out
}

func (sv *survey) socket(s *socket, members []*member) dump.Socket {
	in, out := s.conn.FDs()
	k := dump.Socket{
		FDIn: in, FDOut: out, Interface: s.spec.Interface, IPv6: s.spec.IPv6, AH: s.spec.Proto == advert.ProtoAH,
		Unicast: s.spec.Unicast, Address: s.spec.Source, ReceiveBuffer: s.asked,
	}
	for _, m := range members {
		c := m.set.Load().cfg
		k.Instances = append(k.Instances, dump.VRID{Name: c.Name, VRID: c.VRID})
	}
	slices.SortFunc(k.Instances, func(a, b dump.VRID) int { return cmp.Compare(a.VRID, b.VRID) })
	return k
}

func (sv *survey) group(c *config.SyncGroup) dump.Group {
	g := dump.Group{
		Name: c.Name, Members: c.Members, TrackingWeight: c.TrackingWeight, SMTPAlert: c.SMTPAlert,
		Tracked: tracked(c.TrackInterfaces, c.TrackScripts, c.TrackFiles, c.TrackProcesses, c.TrackBFD), Notify: notifyOf(&c.Notify),
	}
	if c.PriorityChanges {
		g.PriorityChanges = &c.PriorityChanges
	}
	states := map[dump.State]int{}
	members := len(sv.groups[c])
	for _, m := range sv.groups[c] {
		set, v := m.set.Load(), sv.view(m)
		switch {
		case faulty(set, v): // not one that only follows the others
			g.Faults++
		case v.Held:
			g.Inits++
			continue
		}
		states[sv.state(m)]++
	}
	switch {
	case states[dump.Fault] > 0:
		g.State = dump.Fault
	case g.Inits > 0:
		g.State = dump.Init
	case states[dump.Master] == members:
		g.State = dump.Master
	default:
		g.State = dump.Backup
	}
	return g
}

func (sv *survey) interfaces() []dump.Interface {
	var links []*kernel.Link
	for _, l := range sv.d.links {
		links = append(links, l)
	}
	slices.SortFunc(links, func(a, b *kernel.Link) int { return cmp.Compare(a.Index, b.Index) })
	own := maps.Clone(sv.d.vips)
	for _, a := range sv.d.cfg.Static {
		own[a.Prefix.Addr()] = true
	}
	var methods map[string]kernel.LinkMethod
	if p := sv.d.poller; p != nil {
		methods = p.poll.Methods()
	}
	var out []dump.Interface
	for _, l := range links {
		i := sv.iface(l, own)
		i.Linkbeat = string(methods[l.Name])
		out = append(out, i)
	}
	for _, name := range sv.d.usedLinks() { // that may come, or come back
		if sv.d.links[name] == nil {
			out = append(out, sv.iface(&kernel.Link{Name: name}, nil))
		}
	}
	return out
}

// Interface flags (linux/if.h).
const (
	flagUp        = 0x1
	flagBroadcast = 0x2
	flagRunning   = 0x40
)

// iface lists of the addresses those that could be the source of adverts: not
// our own, and of IPv6 only link-local ones.
func (sv *survey) iface(l *kernel.Link, own map[netip.Addr]bool) dump.Interface {
	c := sv.d.carrierOf(l.Name)
	i := dump.Interface{
		Name: l.Name, Index: l.Index,
		Up: c.flags&flagUp != 0, Running: c.flags&flagRunning != 0, SeenUp: c.seen,
		UpDelay: c.up, DownDelay: c.down, DelayRunning: c.pending != nil, Group: l.Group,
		BroadcastCapable: l.Flags&flagBroadcast != 0,
		Loopback:         l.Loopback, PointToPoint: l.PointToPoint, NoARP: l.NoARP, Multicast: l.Multicast,
		MTU: l.MTU, HardwareType: int(l.HWType), TrackedBy: sv.trackedBy(fsm.TrackInterface, l.Name),
	}
	if n := sv.d.promoted[l.Name]; n > 0 {
		i.PromoteSecondaries, i.PromoteResets = 1, n // as keepalived has it: not what was there before
	}
	if slices.ContainsFunc(l.HardwareAddr, func(b byte) bool { return b != 0 }) {
		i.MAC, i.Broadcast = l.HardwareAddr, l.HardwareBroadcast
	}
	sv.virtualLink(&i, l)
	for _, a := range l.Addrs {
		switch ip := a.Prefix.Addr(); {
		case own[ip]:
		case ip.Is4():
			i.IPv4 = append(i.IPv4, ip)
		case ip.IsLinkLocalUnicast():
			i.IPv6 = append(i.IPv6, ip)
		}
	}
	return i
}
