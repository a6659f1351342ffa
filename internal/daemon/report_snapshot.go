package daemon

import (
	"cmp"
	"slices"
	"time"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/dump"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/kernel"
	"github.com/holdfast-ha/holdfast/internal/track"
)

// snapshot copies the state of the daemon. What it returns shares nothing with
// the daemon but what never changes.
func (d *Daemon) snapshot(clearAfter bool) *dump.Data {
	p := &picture{d: d, views: d.views(clearAfter), members: map[*config.Instance]*member{}}
	for _, m := range d.members {
		p.members[m.set.Load().cfg] = m
	}
	return p.data()
}

// picture is the state of a daemon while it is copied, on the manager's
// goroutine.
type picture struct {
	d       *Daemon
	views   map[*member]fsm.View
	members map[*config.Instance]*member
}

func (p *picture) data() *dump.Data {
	cfg := p.d.cfg
	data := &dump.Data{Global: globalOf(cfg, p.d.opt.Umask), Static: p.addresses(cfg.Static, true)}
	for _, c := range cfg.Instances {
		if m := p.members[c]; m != nil {
			data.Instances = append(data.Instances, p.instance(m))
		}
	}
	for _, s := range p.d.sockets.sorted() {
		data.Sockets = append(data.Sockets, p.socket(s))
	}
	for _, g := range cfg.Groups {
		data.Groups = append(data.Groups, p.group(g))
	}
	for _, s := range cfg.Scripts {
		data.Scripts = append(data.Scripts, p.script(s))
	}
	states := p.processStates()
	for _, c := range cfg.Processes {
		data.Processes = append(data.Processes, p.process(c, states[c.Name]))
	}
	for _, l := range p.links() {
		data.Interfaces = append(data.Interfaces, p.iface(l))
	}
	return data
}

func (p *picture) links() []*kernel.Link {
	var all []*kernel.Link
	for _, l := range p.d.links {
		all = append(all, l)
	}
	slices.SortFunc(all, func(a, b *kernel.Link) int { return cmp.Compare(a.Index, b.Index) })
	return all
}

// isSet tells whether the address is on its interface.
func (p *picture) isSet(a config.Address) bool {
	l := p.d.links[a.Dev]
	return l != nil && slices.ContainsFunc(l.Addrs, kernelAddress(a).Is)
}

// addresses copies a list; held tells whether those that are there are ours.
func (p *picture) addresses(list []config.Address, held bool) []dump.Address {
	var out []dump.Address
	for _, a := range list {
		out = append(out, dump.Address{
			Prefix: a.Prefix, Broadcast: a.Broadcast, Interface: a.Dev, UseVMAC: a.UseVMAC, Scope: a.Scope,
			Label: a.Label, Peer: a.Peer, Home: a.Home, DAD: a.DAD, MngTmpAddr: a.MngTmpAddr,
			NoPrefixRoute: a.NoPrefixRoute, AutoJoin: a.AutoJoin, NoTrack: a.NoTrack, TrackGroup: a.TrackGroup,
			PreferredLft: a.PreferredLft, Set: held && p.isSet(a),
		})
	}
	return out
}

func (p *picture) socket(s *socket) dump.Socket {
	in, out := s.conn.FDs()
	k := dump.Socket{
		FDIn: in, FDOut: out, Interface: s.spec.Interface, IPv6: s.spec.IPv6,
		Unicast: s.spec.Unicast, Address: s.spec.Source, ReceiveBuffer: s.spec.RcvBuf,
	}
	for _, c := range p.d.cfg.Instances {
		if m := p.members[c]; m != nil && m.sock.Load() == s {
			k.Instances = append(k.Instances, dump.VRID{Name: c.Name, VRID: c.VRID})
		}
	}
	return k
}

func (p *picture) group(c *config.SyncGroup) dump.Group {
	g := dump.Group{
		Name: c.Name, Members: c.Members, TrackingWeight: c.TrackingWeight, SMTPAlert: c.SMTPAlert,
		Tracked: dump.Tracked{
			Interfaces: tracks(c.TrackInterfaces), Scripts: tracks(c.TrackScripts), Processes: tracks(c.TrackProcesses),
		},
		Notify: notifyOf(&c.Notify),
	}
	if c.PriorityChanges {
		g.PriorityChanges = &c.PriorityChanges
	}
	masters, members := 0, 0
	for _, m := range p.d.members {
		set := m.set.Load()
		if set.group != c {
			continue
		}
		members++
		switch p.state(m) {
		case dump.Master:
			masters++
		case dump.Fault:
			g.Faults++
		case dump.Init:
			g.Inits++
		}
	}
	switch {
	case g.Faults > 0:
		g.State = dump.Fault
	case g.Inits > 0:
		g.State = dump.Init
	case masters == members:
		g.State = dump.Master
	default:
		g.State = dump.Backup
	}
	return g
}

func (p *picture) script(c *config.Script) dump.Script {
	s := dump.Script{
		Name: c.Name, Command: *commandText(&c.Command), Interval: c.Interval, Timeout: c.Timeout,
		Weight: c.Weight, Reverse: c.Reverse, Rise: c.Rise, Fall: c.Fall, Insecure: c.Insecure,
		Init: "INIT", TrackedBy: p.trackedBy(fsm.TrackScript, c.Name),
	}
	t := p.d.scripts[c.Name]
	if t == nil {
		return s
	}
	state := t.script.State()
	s.Result, s.Good, s.State = state.Count, state.Good, state.Phase.String()
	if state.Known {
		s.Init = ""
	}
	return s
}

func (p *picture) processStates() map[string]track.ProcessState {
	all := map[string]track.ProcessState{}
	if p.d.processes != nil {
		for _, s := range p.d.processes.set.State() {
			all[s.Name] = s
		}
	}
	return all
}

func (p *picture) process(c *config.Process, s track.ProcessState) dump.Process {
	match := map[config.ParamMatch]string{
		config.ParamsExact: "exact", config.ParamsInitial: "initial", config.ParamsPartial: "partial",
	}
	return dump.Process{
		Name: c.Name, Process: c.Process, Params: c.Params, ParamMatch: match[c.ParamMatch],
		Min: c.Quorum, Max: c.QuorumMax, Current: s.Count, HaveQuorum: s.Good, Weight: c.Weight, Reverse: c.Reverse,
		TerminateDelay: c.TerminateDelay, ForkDelay: c.ForkDelay,
		ForkTimer: s.ForkPending, TerminateTimer: s.TerminatePending, FullCommand: c.FullCommand,
		TrackedBy: p.trackedBy(fsm.TrackProcess, c.Name),
	}
}

// flagBroadcast is IFF_BROADCAST (linux/if.h).
const flagBroadcast = 0x2

func (p *picture) iface(l *kernel.Link) dump.Interface {
	i := dump.Interface{
		Name: l.Name, Index: l.Index, MAC: l.HardwareAddr, Broadcast: l.HardwareBroadcast,
		Up: l.AdminUp, Running: l.Running, SeenUp: l.Up, BroadcastCapable: l.Flags&flagBroadcast != 0,
		Loopback: l.Loopback, PointToPoint: l.PointToPoint, NoARP: l.NoARP, Multicast: l.Multicast,
		MTU: l.MTU, HardwareType: int(l.HWType), TrackedBy: p.trackedBy(fsm.TrackInterface, l.Name),
	}
	for _, a := range l.Addrs {
		if ip := a.Prefix.Addr(); ip.Is4() {
			i.IPv4 = append(i.IPv4, ip)
		} else {
			i.IPv6 = append(i.IPv6, ip)
		}
	}
	return i
}

// trackedBy lists the instances that track something.
func (p *picture) trackedBy(kind fsm.TrackKind, name string) []dump.Track {
	var all []dump.Track
	for _, w := range p.d.watchers[trackKey{kind, name}] {
		set := w.m.set.Load()
		t := set.spec.Trackers[w.index]
		all = append(all, dump.Track{Name: set.cfg.Name, Weight: t.Weight, Reverse: t.Reverse})
	}
	return all
}

func tracks(list []config.Track) []dump.Track {
	var out []dump.Track
	for _, t := range list {
		out = append(out, dump.Track{Name: t.Name, Weight: t.Weight, Reverse: t.Reverse})
	}
	return out
}

// timeOf is the inverse of [time.Time.UnixMicro], with 0 for never.
func timeOf(micro int64) time.Time {
	if micro == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micro)
}
