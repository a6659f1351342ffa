package daemon

import (
	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/dump"
	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// state is the state of an instance as the files have it.
func (p *picture) state(m *member) dump.State {
	v, ok := p.views[m]
	if !ok {
		v.State = fsm.State(m.published.Load())
	}
	switch v.State {
	case fsm.Backup:
		return dump.Backup
	case fsm.Master:
		return dump.Master
	case fsm.Fault:
		return dump.Fault
	}
	if v.Held {
		return dump.Fault
	}
	return dump.Init
}

func (p *picture) instance(m *member) dump.Instance {
	set := m.set.Load()
	c, v := set.cfg, p.views[m]
	i := dump.Instance{
		Name: c.Name, Version: c.Version, IPv6: c.IPv6, State: p.state(m),
		Unicast: c.Unicast, ConfigFaults: len(c.Faults),
		Interface: c.Interface, DontTrackPrimary: c.DontTrackPrimary, SkipCheckAdvAddr: c.SkipCheckAdvAddr,
		NoVirtualIPAddress: c.NoVirtualIPAddress, Strict: c.Strict,
		SourceConfigured: c.SourceIP.IsValid(), Multicast: set.expect.Group,
		GARP: garpOf(&c.GARP), GARPExtra: c.More.GARPExtra, GARPExtraAll: c.More.GARPExtraAll,
		DownTimerAdverts: c.DownTimerAdverts, LowerPrioNoAdvert: c.LowerPrioNoAdvert,
		HigherPrioSendAdvert: c.HigherPrioSendAdvert, OwnerIgnoreAdverts: c.OwnerIgnoreAdverts,
		VRID: c.VRID, Priority: c.Priority, AdvertInterval: c.AdvertInt, Accept: c.Accept,
		NoPreempt: c.NoPreempt, PreemptDelay: c.PreemptDelay, PromoteSecondaries: c.PromoteSecondaries,
		Auth: dump.Auth(c.Auth), V3ChecksumAsV2: c.V3ChecksumAsV2, ReceiveBuffer: int(c.More.KernelRxBuf), Debug: c.Debug,
		UnicastTTL: c.UnicastTTL, CheckUnicastSrc: c.CheckUnicastSrc,
		SMTPAlert: c.SMTPAlert, NotifyDelete: c.Notify.DeletedSet, Notify: notifyOf(&c.Notify),
		PriorityChanges: c.More.PriorityChanges,
		LastAdvert:      timeOf(m.lastSent.Load()),
	}
	if set.group != nil {
		i.Group = set.group.Name
	}
	if l := p.d.links[c.Interface]; l != nil {
		i.MulticastIndex = l.Index
	}
	held := i.State == dump.Master
	i.Addresses, i.Excluded = p.addresses(c.Addresses, held), p.addresses(c.Excluded, held)
	p.instanceView(&i, set, &v)
	p.instanceUnicast(&i, c)
	p.instanceTracked(&i, set)
	if s := m.sock.Load(); s != nil {
		i.HasSockets = true
		i.FDIn, i.FDOut = s.conn.FDs()
	}
	return i
}

// instanceView adds what the state machine knows.
func (p *picture) instanceView(i *dump.Instance, set *settings, v *fsm.View) {
	i.Wants = i.State
	if v.Wants {
		i.Wants = dump.Master
	}
	i.Master, i.MasterPriority, i.MasterInterval = v.Master, v.MasterPriority, v.Interval
	i.TrackerFaults = len(v.Faults)
	if v.LinkDown && !set.cfg.DontTrackPrimary {
		i.InterfaceFaults |= dump.FaultInterfaceDown
	}
	if v.NoSource {
		i.InterfaceFaults |= dump.FaultNoSource
	}
	if len(set.cfg.Faults) > 0 {
		i.InterfaceFaults |= dump.FaultConfig
	}
	i.LastTransition, i.ReadTimeout, i.MasterDown = v.Since, v.Deadline, v.MasterDown
	i.Source = v.Source
	i.EffectivePriority, i.TotalPriority, i.HighestOther = v.Priority, v.Total, v.Highest
	i.Stats = statsOf(&v.Stats)
}

func (p *picture) instanceUnicast(i *dump.Instance, c *config.Instance) {
	if c.Unicast && len(c.Peers) == 0 {
		i.Unicast, i.UnicastFault = false, true
	}
	for _, peer := range c.Peers {
		i.Peers = append(i.Peers, dump.Peer{Addr: peer.Addr, MinTTL: peer.MinTTL, MaxTTL: peer.MaxTTL})
	}
	if c.OldUnicastChecksum {
		i.ChecksumCompat = "config"
	}
}

func (p *picture) instanceTracked(i *dump.Instance, set *settings) {
	c := set.cfg
	i.Tracked = dump.Tracked{
		Interfaces: tracks(c.TrackInterfaces), Scripts: tracks(c.TrackScripts), Processes: tracks(c.TrackProcesses),
	}
	for _, t := range c.TrackScripts {
		for _, s := range p.d.cfg.Scripts {
			if s.Name == t.Name {
				i.ScriptCommands = append(i.ScriptCommands, *commandText(&s.Command))
				break
			}
		}
	}
	for _, t := range set.spec.Trackers {
		if t.Kind == fsm.TrackScript && p.d.verdicts[trackKey{t.Kind, t.Name}].verdict == fsm.Unknown {
			i.ScriptsInit++
		}
	}
}

// statsOf sums the reasons for which packets were rejected into the counters
// that keepalived has.
func statsOf(s *fsm.Stats) dump.Stats {
	var n [advert.Counters]uint64
	for reason, count := range s.Rejected {
		n[advert.Reason(reason).Counter()] += count
	}
	return dump.Stats{
		AdvertsReceived: s.AdvertsReceived, AdvertsSent: s.AdvertsSent,
		BecameMaster: s.BecameMaster, ReleasedMaster: s.ReleasedMaster,
		PacketLength: n[advert.CounterLength], TTL: n[advert.CounterTTL], InvalidType: n[advert.CounterType],
		AdvertInterval: n[advert.CounterInterval], AddressList: s.AddressList + n[advert.CounterAddressList],
		AuthInvalidType: n[advert.CounterAuthType], AuthTypeMismatch: n[advert.CounterAuthMismatch],
		AuthFailure:  n[advert.CounterAuthFailure],
		ZeroReceived: s.ZeroReceived, ZeroSent: s.ZeroSent,
	}
}

func garpOf(g *config.GARP) dump.GARP {
	return dump.GARP{
		Delay: g.MasterDelay, Repeat: g.MasterRepeat, Refresh: g.Refresh, RefreshRepeat: g.RefreshRepeat,
		LowerDelay: g.LowerPrioDelay, LowerRepeat: g.LowerPrioRepeat,
	}
}

func notifyOf(n *config.Notify) dump.Notify {
	return dump.Notify{
		Backup: commandText(n.Backup), Master: commandText(n.Master), Fault: commandText(n.Fault),
		Stop: commandText(n.Stop), Deleted: commandText(n.Deleted), Any: commandText(n.Any),
		RxLowerPri: commandText(n.MasterRxLowerPri),
	}
}

// commandText is a command as the files show it; nil for none.
func commandText(c *config.Command) *dump.Command {
	if c == nil {
		return nil
	}
	x := &dump.Command{Argv: c.Argv, Path: c.Path, UID: c.User.UID, GID: c.User.GID}
	if c.FileTest {
		x.FileTest = c.Raw
	}
	return x
}
