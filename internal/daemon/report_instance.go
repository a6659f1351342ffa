package daemon

import (
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/dump"
	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// state is the state of an instance as the files have it.
func (sv *survey) state(m *member) dump.State {
	v, state := sv.views[m], fsm.State(m.published.Load())
	if v != nil {
		state = v.State
	}
	switch state {
	case fsm.Backup:
		return dump.Backup
	case fsm.Master:
		return dump.Master
	case fsm.Fault:
		return dump.Fault
	}
	if v != nil && v.Held {
		return dump.Fault
	}
	return dump.Init
}

// faulty tells whether an instance has a reason of its own to be in FAULT.
func faulty(set *settings, v *view) bool {
	return interfaceFaults(set, v) != 0 || len(v.Faults) > 0
}

// interfaceFaults are the reasons that are not those of trackers.
func interfaceFaults(set *settings, v *view) dump.InterfaceFault {
	var f dump.InterfaceFault
	if v.LinkDown && !set.cfg.DontTrackPrimary {
		f |= dump.FaultInterfaceDown
	}
	if v.NoSource {
		f |= dump.FaultNoSource
	}
	if set.spec.ConfigFault != "" {
		f |= dump.FaultConfig
	}
	return f
}

// wants is the state that the instance is after: one that cannot run for want of
// a script's first result or because of its configuration would still begin.
func (sv *survey) wants(m *member, set *settings, v *view) dump.State {
	begin := dump.Backup
	if set.cfg.StateMaster {
		begin = dump.Master
	}
	switch f := interfaceFaults(set, v); {
	case v.Wants:
		return dump.Master
	case v.State == fsm.Init && !faulty(set, v), f == dump.FaultConfig && len(v.Faults) == 0:
		return begin
	}
	return sv.state(m)
}

func (sv *survey) instance(i *dump.Instance, m *member) {
	set, v := m.set.Load(), sv.view(m)
	c := set.cfg
	*i = dump.Instance{
		Name: c.Name, Version: c.Version, IPv6: c.IPv6, State: sv.state(m), Wants: sv.wants(m, set, v),
		Interface: c.Interface, VRF: c.More.VRF, DontTrackPrimary: c.DontTrackPrimary, SkipCheckAdvAddr: c.SkipCheckAdvAddr,
		NoVirtualIPAddress: c.NoVirtualIPAddress, Strict: c.Strict,
		SourceConfigured: c.SourceIP.IsValid(), Multicast: set.expect.Group,
		GARP: garpOf(&c.GARP), GARPExtra: c.More.GARPExtra, GARPExtraAll: c.More.GARPExtraAll,
		DownTimerAdverts: c.DownTimerAdverts, LowerPrioNoAdvert: c.LowerPrioNoAdvert,
		HigherPrioSendAdvert: c.HigherPrioSendAdvert, OwnerIgnoreAdverts: c.OwnerIgnoreAdverts,
		VRID: c.VRID, Priority: c.Priority, AdvertInterval: c.AdvertInt, LastAdvert: timeOf(m.lastSent.Load()),
		Accept: c.Accept, NoPreempt: c.NoPreempt, PreemptDelay: c.PreemptDelay, PromoteSecondaries: c.PromoteSecondaries,
		Auth: auths[c.Auth], V3ChecksumAsV2: c.V3ChecksumAsV2, ReceiveBuffer: int(c.More.KernelRxBuf), Debug: c.Debug,
		Tracked:   tracked(c.TrackInterfaces, c.TrackScripts, c.More.TrackFiles, c.TrackProcesses, c.More.TrackBFD),
		SMTPAlert: c.SMTPAlert, NotifyDelete: c.Notify.DeletedSet, Notify: notifyOf(&c.Notify),
		PriorityChanges: c.More.PriorityChanges,
	}
	if set.group != nil {
		i.Group = set.group.Name
	}
	if l := sv.d.links[set.seat.iface]; l != nil {
		i.MulticastIndex = l.Index
	}
	if s := m.sock.Load(); s != nil {
		i.HasSockets = true
		i.FDIn, i.FDOut = s.conn.FDs()
	}
	held := i.State == dump.Master
	i.Addresses, i.Excluded = sv.seated(set, c.Addresses, held), sv.seated(set, c.Excluded, held)
	sv.virtual(i, set)
	i.Routes, i.Rules = routeTexts(c.More.Routes), ruleTexts(c.More.Rules)
	sv.running(i, set, v)
	i.Extension = extensionOf(c.More.HMAC)
	unicast(i, c)
	sv.instanceScripts(i, set)
}

var auths = map[config.AuthType]dump.Auth{config.AuthPass: dump.AuthPass, config.AuthAH: dump.AuthAH}

var modeNames = map[config.HMACMode]string{
	config.HMACEnforce: "enforce", config.HMACPermissive: "permissive", config.HMACReceiveOnly: "receive-only",
}

// extensionOf is nil for nil.
func extensionOf(h *config.HMAC) *dump.Extension {
	if h == nil {
		return nil
	}
	x := &dump.Extension{Keys: len(h.Keys), Active: h.ActiveKey, Mode: modeNames[h.Mode]}
	if !h.Monotonic {
		x.Window = h.TimeWindow
	}
	return x
}

// running adds what the state machine knows.
func (sv *survey) running(i *dump.Instance, set *settings, v *view) {
	i.Master, i.MasterPriority, i.MasterInterval = v.Master, v.MasterPriority, v.Interval
	i.TrackerFaults, i.InterfaceFaults = len(v.Faults), sv.refined(set, interfaceFaults(set, v))
	i.ConfigFaults = len(set.cfg.Faults)
	if set.spec.ConfigFault != "" {
		i.ConfigFaults = max(i.ConfigFaults, 1)
	}
	i.LastTransition, i.ReadTimeout, i.MasterDown = v.Since, v.Deadline, v.MasterDown
	i.Source = v.Source
	i.EffectivePriority, i.TotalPriority, i.HighestOther = v.Priority, v.Total, v.Highest
	i.Stats = statsOf(&v.Stats)
	i.Stats.SplitBrain = v.suspected
}

func unicast(i *dump.Instance, c *config.Instance) {
	i.Unicast, i.UnicastTTL, i.CheckUnicastSrc = c.Unicast, c.UnicastTTL, c.CheckUnicastSrc
	if c.UnicastTTL < 0 && !c.IPv6 {
		i.UnicastTTL = advert.TTL
	}
	if c.Unicast && len(c.Peers) == 0 { // it is in FAULT for that
		i.Unicast, i.UnicastFallback, i.UnicastFault = false, true, true
	}
	for _, peer := range c.Peers {
		i.Peers = append(i.Peers, dump.Peer{Addr: peer.Addr, MinTTL: peer.MinTTL, MaxTTL: peer.MaxTTL})
	}
	if c.OldUnicastChecksum {
		i.ChecksumCompat = "config"
	}
}

// instanceScripts adds the commands of the tracked scripts and how many of those
// that can cause FAULT have not reported yet.
func (sv *survey) instanceScripts(i *dump.Instance, set *settings) {
	for _, t := range set.cfg.TrackScripts {
		if s := sv.d.scripts[t.Name]; s != nil {
			i.ScriptCommands = append(i.ScriptCommands, *commandText(&s.cfg.Command))
		}
	}
	for _, t := range set.spec.Trackers {
		k := trackKey{t.Kind, t.Name}
		if t.Kind == fsm.TrackScript && t.Weight == 0 && sv.d.verdicts[k].verdict == fsm.Unknown {
			i.ScriptsInit++
		}
	}
}

// timeOf is the inverse of [time.Time.UnixMicro] with 0 for never.
func timeOf(micro int64) time.Time {
	if micro == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micro)
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
		AuthFailure: n[advert.CounterAuthFailure],
		ExtMissing:  n[advert.CounterHMACMissing], ExtMalformed: n[advert.CounterHMACMalformed],
		ExtUnknownKey: n[advert.CounterHMACKey], ExtInvalidHMAC: n[advert.CounterHMAC],
		ExtStale: n[advert.CounterHMACStale], ExtReplay: n[advert.CounterHMACReplay],
		ZeroReceived: s.ZeroReceived, ZeroSent: s.ZeroSent, Restored: s.Restored,
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
