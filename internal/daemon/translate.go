package daemon

import (
	"net/netip"
	"slices"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/kernel"
)

// translate gives an instance of the configuration the forms in which the
// other rooms know it: they do not know the configuration.
func translate(c *config.Instance, g *config.SyncGroup, st *seat, strict bool) *settings {
	s := &settings{cfg: c, group: g, seat: st, spec: specOf(c, g, strict), expect: expectOf(c), vips: map[netip.Addr]bool{}, ttl: advert.TTL}
	s.objects = objectsOf(c, st)
	s.track(st.trackers(c))
	if s.spec.ConfigFault == "" {
		s.spec.ConfigFault = st.fault
	}
	if s.extra = st.extraLinks(addressesOf(s.objects), c.More.GARPExtraAll); len(s.extra) > 0 {
		s.spec.GARP.Extra = c.More.GARPExtra
	}
	for _, a := range slices.Concat(c.Addresses, c.Excluded) {
		s.vips[a.Prefix.Addr()] = true
	}
	if !c.Unicast {
		s.dests = []netip.Addr{c.Group}
		return s
	}
	for _, p := range c.Peers {
		s.dests = append(s.dests, p.Addr)
	}
	switch {
	case c.UnicastTTL >= 0:
		s.ttl = c.UnicastTTL
	case c.IPv6:
		s.ttl = -1
	}
	return s
}

func specOf(c *config.Instance, g *config.SyncGroup, strict bool) *fsm.Spec {
	s := &fsm.Spec{
		Name: c.Name, Version: uint8(c.Version), VRID: c.VRID, IPv6: c.IPv6, Unicast: c.Unicast,
		Priority: c.Priority, StartMaster: c.StateMaster,
		AdvertInterval: c.AdvertInt, DownTimerAdverts: c.DownTimerAdverts,
		NoPreempt: c.NoPreempt, PreemptDelay: c.PreemptDelay,
		LowerPrioNoAdvert: c.LowerPrioNoAdvert, HigherPrioSendAdvert: c.HigherPrioSendAdvert,
		SkipAddressCheck: c.SkipCheckAdvAddr, DontTrackPrimary: c.DontTrackPrimary,
		GARP: fsm.GARP{
			Repeat: c.GARP.MasterRepeat, Delay: c.GARP.MasterDelay,
			Refresh: c.GARP.Refresh, RefreshRepeat: c.GARP.RefreshRepeat,
			LowerRepeat: c.GARP.LowerPrioRepeat, LowerDelay: c.GARP.LowerPrioDelay,
		},
		LatePriority: uint8(c.More.TimerExpiredBackup),
		Addresses:    len(c.Addresses),
		Trackers:     trackersOf(c, g),
		StrictCompat: strict,
	}
	if len(c.Faults) > 0 {
		s.ConfigFault = c.Faults[0]
	}
	return s
}

// trackersOf joins what the instance tracks, what its sync group tracks, and
// the interfaces that its addresses and routes live on.
func trackersOf(c *config.Instance, g *config.SyncGroup) []fsm.Tracker {
	var all []fsm.Tracker
	add := func(kind fsm.TrackKind, tracks []config.Track) {
		for _, t := range tracks {
			same := func(o fsm.Tracker) bool { return o.Kind == kind && o.Name == t.Name }
			if !slices.ContainsFunc(all, same) {
				all = append(all, fsm.Tracker{Kind: kind, Name: t.Name, Weight: t.Weight, Reverse: t.Reverse})
			}
		}
	}
	if g != nil { // first: its weights win over those of the instance
		add(fsm.TrackInterface, g.TrackInterfaces)
		add(fsm.TrackScript, g.TrackScripts)
		add(fsm.TrackProcess, g.TrackProcesses)
		add(fsm.TrackBFD, g.TrackBFD)
		add(fsm.TrackFile, g.TrackFiles)
	}
	add(fsm.TrackInterface, c.TrackInterfaces)
	add(fsm.TrackScript, c.TrackScripts)
	add(fsm.TrackProcess, c.TrackProcesses)
	add(fsm.TrackBFD, c.More.TrackBFD)
	add(fsm.TrackFile, c.More.TrackFiles)
	for _, a := range slices.Concat(c.Addresses, c.Excluded) {
		if a.Dev != c.Interface && a.Dev != "" && !a.NoTrack {
			add(fsm.TrackInterface, []config.Track{{Name: a.Dev}})
		}
	}
	for i := range c.More.Routes {
		if r := &c.More.Routes[i]; r.Dev != c.Interface && r.Dev != "" && !r.NoTrack {
			add(fsm.TrackInterface, []config.Track{{Name: r.Dev}})
		}
	}
	return all
}

func expectOf(c *config.Instance) *advert.Expect {
	e := &advert.Expect{
		Version: uint8(c.Version), VRID: c.VRID, IPv6: c.IPv6, Unicast: c.Unicast,
		Interval: c.AdvertInt, CheckSource: c.CheckUnicastSrc,
		OwnerIgnores: c.OwnerIgnoreAdverts && c.Priority == fsm.Owner,
		ChecksumAsV2: c.V3ChecksumAsV2, OldUnicast: c.OldUnicastChecksum, Group: c.Group,
	}
	if !e.Group.IsValid() {
		e.Group = advert.GroupIPv4
		if c.IPv6 {
			e.Group = advert.GroupIPv6
		}
	}
	switch c.Auth {
	case config.AuthPass:
		e.Auth = advert.AuthPass
	case config.AuthAH:
		e.Auth = advert.AuthAH
	}
	copy(e.Password[:], c.AuthPass)
	e.HMAC = hmacOf(c.More.HMAC)
	for _, a := range c.Addresses {
		e.Addresses = append(e.Addresses, a.Prefix.Addr())
	}
	for _, p := range c.Peers {
		e.Peers = append(e.Peers, advert.Peer{Addr: p.Addr, MinTTL: p.MinTTL, MaxTTL: p.MaxTTL, CheckTTL: p.CheckTTL})
		e.CheckSource = e.CheckSource || p.CheckTTL
	}
	return e
}

var hmacModes = map[config.HMACMode]advert.Mode{
	config.HMACEnforce: advert.Enforce, config.HMACPermissive: advert.Permissive, config.HMACReceiveOnly: advert.ReceiveOnly,
}

// hmacOf is nil for nil.
func hmacOf(c *config.HMAC) *advert.HMAC {
	if c == nil {
		return nil
	}
	h := &advert.HMAC{Active: c.ActiveKey, Mode: hmacModes[c.Mode], Monotonic: c.Monotonic, Window: c.TimeWindow}
	for _, k := range c.Keys {
		h.Keys = append(h.Keys, advert.NumberedKey{ID: k.ID, Value: advert.Key(k.Value)})
	}
	return h
}

func kernelAddress(a config.Address) kernel.Address {
	return kernel.Address{
		Prefix: a.Prefix, Link: a.Dev, Broadcast: a.Broadcast, Label: a.Label, Scope: a.Scope, Peer: a.Peer,
		DAD: a.DAD, Home: a.Home, MngTmpAddr: a.MngTmpAddr, NoPrefixRoute: a.NoPrefixRoute, AutoJoin: a.AutoJoin,
		PreferredLft: a.PreferredLft, NoTrack: a.NoTrack,
	}
}

// track adds trackers, save those that are there already.
func (s *settings) track(more []fsm.Tracker) {
	for _, t := range more {
		same := func(o fsm.Tracker) bool { return o.Kind == t.Kind && o.Name == t.Name }
		if !slices.ContainsFunc(s.spec.Trackers, same) {
			s.spec.Trackers = append(s.spec.Trackers, t)
		}
	}
}
