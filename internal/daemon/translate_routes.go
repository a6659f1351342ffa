package daemon

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/kernel"
)

// objectsOf is what an instance holds while it is Master, in the order in which
// it is set: addresses, excluded ones, routes, rules.
func objectsOf(c *config.Instance, st *seat) []kernel.Object {
	addresses := slices.Concat(c.Addresses, c.Excluded)
	for i := range addresses {
		addresses[i].Dev = st.dev(c, addresses[i])
	}
	return objects(addresses, c.More.Routes, c.More.Rules)
}

// staticObjects is what is held while the daemon runs.
func staticObjects(cfg *config.Config) []kernel.Object {
	return objects(cfg.Static, cfg.StaticRoutes, cfg.StaticRules)
}

func objects(addresses []config.Address, routes []config.Route, rules []config.Rule) []kernel.Object {
	all := make([]kernel.Object, 0, len(addresses)+len(routes)+len(rules))
	for i := range addresses {
		all = append(all, kernelAddress(addresses[i]))
	}
	for i := range routes {
		all = append(all, kernelRoute(&routes[i]))
	}
	for i := range rules {
		all = append(all, kernelRule(&rules[i]))
	}
	return all
}

var metricsByName = map[string]kernel.Metric{
	"mtu": kernel.MetricMTU, "window": kernel.MetricWindow, "rtt": kernel.MetricRTT, "rttvar": kernel.MetricRTTVar,
	"ssthresh": kernel.MetricSSThresh, "cwnd": kernel.MetricCwnd, "advmss": kernel.MetricAdvMSS,
	"reordering": kernel.MetricReordering, "hoplimit": kernel.MetricHopLimit, "initcwnd": kernel.MetricInitCwnd,
	"rto_min": kernel.MetricRTOMin, "initrwnd": kernel.MetricInitRwnd, "quickack": kernel.MetricQuickAck,
	"fastopen_no_cookie": kernel.MetricFastOpenNoCookie,
}

func kernelRoute(c *config.Route) kernel.Route {
	r := kernel.Route{
		IPv6: c.IPv6, Type: kernel.RouteType(c.Type), Dest: c.Dest, Table: c.Table, Protocol: c.Protocol,
		Scope: routeScope(c), TOS: value(c.TOS), Metric: value(c.Metric), Source: c.Source,
		Congestion: c.Congestion, Pref: value(c.Pref), Expires: value(c.Expires), Mode: routeMode(c), NoTrack: c.NoTrack,
	}
	r.Hop = kernel.Hop{Via: c.Via, Link: c.Dev, OnLink: c.OnLink, Realms: realms(c.Realms), Encap: encap(c.Encap)}
	if r.Dest = r.Dest.Masked(); !r.Dest.IsValid() {
		r.Dest = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		if c.IPv6 {
			r.Dest = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		}
	}
	if r.Table == 0 {
		r.Table = kernel.MainTable
	}
	if c.From.IsValid() && c.From.Bits() > 0 {
		r.From = c.From.Masked()
	}
	for _, m := range c.Metrics {
		r.Metrics.Set(metricsByName[m.Name], m.Value, m.Lock)
	}
	if c.ECN {
		r.Metrics[kernel.MetricFeatures] |= 1
	}
	if c.CCLock {
		r.Metrics[kernel.MetricLock] |= 1 << kernel.MetricCongestion
	}
	if c.TTLProp != nil {
		r.TTLPropagate = kernel.Off
		if *c.TTLProp {
			r.TTLPropagate = kernel.On
		}
	}
	for _, h := range c.NextHops {
		r.Hops = append(r.Hops, kernel.Hop{
			Via: h.Via, Link: h.Dev, OnLink: h.OnLink, Realms: realms(h.Realms), Encap: encap(h.Encap), Weight: h.Weight,
		})
	}
	return r
}

// value is what a pointer points to, or zero.
func value[T any](p *T) T {
	if p == nil {
		var zero T
		return zero
	}
	return *p
}

// routeScope is global unless configured, even for routes without gateway. A
// local route of that scope the kernel would refuse.
func routeScope(c *config.Route) uint8 {
	const host = 254
	if c.Scope == nil && !c.IPv6 && kernel.RouteType(c.Type) == kernel.RouteLocal {
		return host
	}
	return value(c.Scope)
}

// routeMode says how a route is set beside others: unless configured, a route
// to somewhere before them, and one that refuses packets only if it is alone.
func routeMode(c *config.Route) kernel.RouteMode {
	switch {
	case c.Mode == config.RouteAppend:
		return kernel.RouteAppend
	case c.Mode == config.RouteAdd, c.Mode == config.RouteReplace && kernel.RouteType(c.Type) != kernel.RouteUnicast:
		return kernel.RouteAdd
	}
	return kernel.RoutePrepend
}

// realms reads DESTINATION or SOURCE/DESTINATION, which the reader has checked.
func realms(text string) uint32 {
	var v uint64
	for part := range strings.SplitSeq(text, "/") {
		n, _ := strconv.ParseUint(part, 0, 16)
		v = v<<16 | n
	}
	return uint32(v)
}

// encap reads the words of an encapsulation, which the reader has checked.
func encap(words []string) kernel.Encap {
	if len(words) < 2 {
		return kernel.Encap{}
	}
	number := func(w string, bits int) uint64 {
		n, _ := strconv.ParseUint(w, 0, bits)
		return n
	}
	var e kernel.Encap
	switch words[0] {
	case "mpls":
		e.Kind = kernel.EncapMPLS
		for l := range strings.SplitSeq(words[1], "/") {
			e.Labels = append(e.Labels, uint32(number(l, 20)))
		}
		return e
	case "ila":
		e.Kind = kernel.EncapILA
		for part := range strings.SplitSeq(words[1], ":") {
			n, _ := strconv.ParseUint(part, 16, 16)
			e.Locator = e.Locator<<16 | n
		}
		return e
	case "ip6":
		e.Kind = kernel.EncapIP6
	default:
		e.Kind = kernel.EncapIP
	}
	for i := 1; i+1 < len(words); i += 2 {
		w := words[i+1]
		switch words[i] {
		case "id":
			e.ID = number(w, 64)
		case "dst":
			e.Dst, _ = netip.ParseAddr(w)
		case "src":
			e.Src, _ = netip.ParseAddr(w)
		case "tos", "tc":
			e.TOS = uint8(number(w, 8))
		case "ttl", "hoplimit":
			e.TTL = uint8(number(w, 8))
		case "flags":
			e.Flags = uint16(number(w, 16))
		}
	}
	return e
}

var ruleActions = map[config.RuleAction]kernel.Action{
	config.RuleNone: kernel.ActionTable, config.RuleTable: kernel.ActionTable, config.RuleGoto: kernel.ActionGoto,
	config.RuleNop: kernel.ActionNop, config.RuleBlackhole: kernel.ActionBlackhole,
	config.RuleUnreachable: kernel.ActionUnreachable, config.RuleProhibit: kernel.ActionProhibit,
}

func kernelRule(c *config.Rule) kernel.Rule {
	r := kernel.Rule{
		IPv6: c.IPv6, Priority: c.Priority, Invert: c.Invert, TOS: value(c.TOS), In: c.In, Out: c.Out,
		TunnelID: value(c.TunnelID), IPProto: value(c.IPProto),
		SourcePorts: value(c.SourcePorts), DestPorts: value(c.DestPorts),
		Action: ruleActions[c.Action], Table: c.Table, Goto: c.Goto, L3MDev: c.L3MDev, Realms: realms(c.Realms),
		Protocol: c.Protocol, NoTrack: c.NoTrack,
	}
	if c.From.IsValid() && c.From.Bits() > 0 {
		r.From = c.From.Masked()
	}
	if c.To.IsValid() && c.To.Bits() > 0 {
		r.To = c.To.Masked()
	}
	if c.Mark != nil {
		r.Mark, r.MarkMask = *c.Mark, 1<<32-1
		if c.MarkMask != nil {
			r.MarkMask = *c.MarkMask
		}
	}
	if c.UIDRange != nil {
		r.UsersSet, r.Users = true, *c.UIDRange
	}
	if c.SuppressPrefix != nil {
		r.SuppressPrefix = int64(*c.SuppressPrefix) + 1
	}
	if c.SuppressGroup != nil {
		r.SuppressGroup = int64(*c.SuppressGroup) + 1
	}
	return r
}
