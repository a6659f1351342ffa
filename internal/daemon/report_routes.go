package daemon

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/dump"
	"github.com/holdfast-ha/holdfast/internal/kernel"
)

// words collects the words of a line.
type words struct{ strings.Builder }

func (w *words) add(cond bool, format string, args ...any) {
	if !cond {
		return
	}
	if w.Len() > 0 {
		w.WriteByte(' ')
	}
	fmt.Fprintf(w, format, args...)
}

// routeTexts are routes as the data file shows them.
func routeTexts(list []config.Route) []string {
	var out []string
	for i := range list {
		out = append(out, routeText(&list[i]))
	}
	return out
}

var modeWords = map[kernel.RouteMode]string{
	kernel.RouteAdd: "add", kernel.RouteAppend: "append", kernel.RoutePrepend: "prepend",
}

func routeText(c *config.Route) string {
	r := kernelRoute(c)
	var w words
	w.add(true, "%s", modeWords[r.Mode])
	w.add(r.Type != kernel.RouteUnicast, "%v", r.Type)
	w.add(true, "%s", plainPrefix(r.Dest))
	w.add(r.From.IsValid(), "from %s", plainPrefix(r.From))
	w.add(r.Source.IsValid(), "src %v", r.Source)
	w.add(c.TOS != nil, "tos %d", r.TOS)
	w.add(len(c.Encap) > 0, "encap %s", encapText(c.Encap))
	w.add(r.Via.IsValid(), "via %s %v", inet(r.Via), r.Via)
	w.add(c.Dev != "", "dev %s", c.Dev)
	w.add(r.Table != kernel.MainTable, "table %d", r.Table)
	w.add(!c.NoTrack || r.Protocol != kernel.Protocol, "proto %d", r.Protocol)
	w.add(c.Scope != nil, "scope %d", r.Scope)
	w.add(c.Metric != nil, "metric %d", r.Metric)
	w.add(c.OnLink, "onlink")
	w.add(c.Realms != "", "%s", realmText(c.Realms))
	w.add(c.Expires != nil, "expires %dsec", r.Expires)
	w.add(c.Congestion != "", "congctl %s%s", lock(c.CCLock), c.Congestion)
	for _, name := range []string{"rtt", "rttvar", "rto_min"} {
		w.metric(c, name)
	}
	w.add(c.ECN, "features ecn")
	for _, name := range []string{
		"mtu", "window", "ssthresh", "cwnd", "advmss", "reordering", "hoplimit", "initcwnd", "initrwnd", "quickack", "fastopen_no_cookie",
	} {
		w.metric(c, name)
	}
	w.add(c.Pref != nil, "pref %s", prefText(r.Pref))
	w.add(r.TTLPropagate == kernel.On, "ttl-propagate enabled")
	w.add(r.TTLPropagate == kernel.Off, "ttl-propagate disabled")
	for _, h := range c.NextHops {
		w.add(true, "nexthop")
		w.add(h.Via.IsValid(), "via %s %v", inet(h.Via), h.Via)
		w.add(h.Dev != "", "dev %s", h.Dev)
		w.add(h.WeightSet, "weight %d", h.Weight)
		w.add(h.OnLink, "onlink")
		w.add(h.Realms != "", "%s", realmText(h.Realms))
		w.add(len(h.Encap) > 0, "encap %s", encapText(h.Encap))
	}
	w.add(c.NoTrack, "no_track")
	w.add(c.TrackGroup != "", "track_group %s", c.TrackGroup)
	return w.String()
}

func lock(on bool) string {
	if on {
		return "lock "
	}
	return ""
}

// metric adds the last value given for a metric.
func (w *words) metric(c *config.Route, name string) {
	for i := len(c.Metrics) - 1; i >= 0; i-- {
		m := c.Metrics[i]
		if m.Name != name {
			continue
		}
		value := fmt.Sprint(m.Value)
		switch name {
		case "rtt":
			value = timeText(float64(m.Value) / 8)
		case "rttvar":
			value = timeText(float64(m.Value) / 4)
		case "rto_min":
			value = timeText(float64(m.Value))
		}
		w.add(true, "%s %s%s", name, lock(m.Lock), value)
		return
	}
}

func timeText(millis float64) string {
	if millis >= 1000 {
		return fmt.Sprintf("%gs", millis/1000)
	}
	return fmt.Sprintf("%gms", millis)
}

// plainPrefix leaves out the length of a single address.
func plainPrefix(p netip.Prefix) string {
	if p.IsSingleIP() {
		return p.Addr().String()
	}
	return p.String()
}

func inet(a netip.Addr) string {
	if a.Is6() {
		return "inet6"
	}
	return "inet"
}

func realmText(text string) string {
	if strings.Contains(text, "/") {
		return "realms " + text
	}
	return "realm " + text
}

var prefNames = map[uint8]string{0: "medium", 1: "high", 3: "low"}

func prefText(p uint8) string {
	if name, ok := prefNames[p]; ok {
		return name
	}
	return fmt.Sprint(p)
}

// encapText is an encapsulation with its options in a fixed order.
func encapText(list []string) string {
	if len(list) < 3 { // mpls and ila have one value
		return strings.Join(list, " ")
	}
	out := list[:1:1]
	for _, name := range []string{"id", "dst", "src", "tos", "tc", "ttl", "hoplimit", "flags"} {
		for i := len(list) - 2; i > 0; i -= 2 { // the last one given counts
			if list[i] != name {
				continue
			}
			value := list[i+1]
			if name == "flags" {
				value = fmt.Sprintf("0x%x", encap(list).Flags)
			}
			out = append(out, name, value)
			break
		}
	}
	return strings.Join(out, " ")
}

// ruleTexts are rules as the data file shows them.
func ruleTexts(list []config.Rule) []string {
	var out []string
	for i := range list {
		out = append(out, ruleText(&list[i]))
	}
	return out
}

func ruleText(c *config.Rule) string {
	r := kernelRule(c)
	var w words
	w.add(r.IPv6 && !r.From.IsValid() && !r.To.IsValid(), "inet6")
	w.add(r.Invert, "not")
	w.add(!r.From.IsValid(), "from all")
	w.add(r.From.IsValid(), "from %s", plainPrefix(r.From))
	w.add(r.To.IsValid(), "to %s", plainPrefix(r.To))
	w.add(true, "priority %d tos 0x%x", r.Priority, r.TOS)
	w.add(c.Mark != nil && c.MarkMask == nil, "fwmark 0x%x", r.Mark)
	w.add(c.MarkMask != nil, "fwmark 0x%x/0x%x", r.Mark, r.MarkMask)
	w.add(r.In != "", "iif %s", r.In)
	w.add(r.Out != "", "oif %s", r.Out)
	w.add(c.SuppressPrefix != nil, "suppress_prefixlen %d", r.SuppressPrefix-1)
	w.add(c.SuppressGroup != nil, "suppress_ifgroup %d", r.SuppressGroup-1)
	w.add(c.TunnelID != nil, "tunnel-id %d", r.TunnelID)
	w.add(r.UsersSet, "uidrange %d-%d", r.Users[0], r.Users[1])
	w.add(r.L3MDev, "l3mdev")
	w.add(r.Protocol != 0, "protocol %d", r.Protocol)
	w.add(c.IPProto != nil, "ipproto %d", r.IPProto)
	w.add(c.SourcePorts != nil, "sport %d-%d", r.SourcePorts[0], r.SourcePorts[1])
	w.add(c.DestPorts != nil, "dport %d-%d", r.DestPorts[0], r.DestPorts[1])
	w.add(c.Realms != "", "realms %d/%d", r.Realms>>16, r.Realms&0xffff)
	switch c.Action {
	case config.RuleGoto:
		w.add(true, "goto %d", r.Goto)
	case config.RuleNop:
		w.add(true, "nop")
	case config.RuleBlackhole:
		w.add(true, "type blackhole")
	case config.RuleUnreachable:
		w.add(true, "type unreachable")
	case config.RuleProhibit:
		w.add(true, "type prohibit")
	default:
		w.add(true, "lookup %d", r.Table)
	}
	w.add(c.NoTrack, "no_track")
	w.add(c.TrackGroup != "", "track_group %s", c.TrackGroup)
	return w.String()
}

func trackGroups(list []*config.TrackGroup) []dump.TrackGroup {
	var out []dump.TrackGroup
	for _, g := range list {
		out = append(out, dump.TrackGroup{Name: g.Name, Members: g.Members})
	}
	return out
}
