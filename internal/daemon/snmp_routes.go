package daemon

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/kernel"
	"github.com/holdfast-ha/holdfast/internal/snmp"
)

func snmpRoutes(list []config.Route, set bool) []snmp.Route {
	var out []snmp.Route
	for i := range list {
		c := &list[i]
		r := snmp.Route{
			IPv6: c.IPv6, Type: c.Type, Dest: c.Dest, Via: c.Via, Source: c.Source, Interface: c.Dev, Table: c.Table,
			TOS: c.TOS, Realms: snmpRealms(c.Realms), ECN: c.ECN, Congestion: c.Congestion, Preference: c.Pref,
			Expires: c.Expires, Encap: snmpEncap(c.Encap), Set: set,
		}
		if c.Scope != nil {
			r.Scope = *c.Scope
		}
		if c.Metric != nil {
			r.Metric = *c.Metric
		}
		for _, m := range c.Metrics {
			r.Metrics = append(r.Metrics, snmp.Metric(m))
		}
		for _, h := range c.NextHops {
			r.Hops = append(r.Hops, snmp.Hop{
				Via: h.Via, Interface: h.Dev, Weight: h.Weight, OnLink: h.OnLink, Realms: snmpRealms(h.Realms), Encap: snmpEncap(h.Encap),
			})
		}
		out = append(out, r)
	}
	return out
}

// snmpRealms reads realms as the configuration has them: where packets go to, or
// where they come from and where they go to; nil: none.
func snmpRealms(text string) *snmp.Realms {
	var r snmp.Realms
	if n, _ := fmt.Sscanf(text, "%d/%d", &r.From, &r.To); n == 2 {
		return &r
	}
	if n, _ := fmt.Sscanf(text, "%d", &r.To); n == 1 {
		return &snmp.Realms{To: r.To}
	}
	return nil
}

// snmpEncap reads the words of an encapsulation; nil: there is none.
func snmpEncap(words []string) *snmp.Encap {
	e := encap(words)
	x := snmp.Encap{Kind: int(e.Kind), Dst: e.Dst, Src: e.Src}
	switch e.Kind {
	case kernel.EncapNone:
		return nil
	case kernel.EncapMPLS:
		var labels []string
		for _, l := range e.Labels {
			labels = append(labels, strconv.FormatUint(uint64(l), 10))
		}
		x.Labels = strings.Join(labels, "/")
		return &x
	case kernel.EncapILA:
		x.Locator = &e.Locator
		return &x
	}
	for i := 1; i+1 < len(words); i += 2 {
		switch words[i] {
		case "id":
			x.ID = &e.ID
		case "tos", "tc":
			x.TOS = &e.TOS
		case "ttl", "hoplimit":
			x.TTL = &e.TTL
		case "flags":
			x.Flags = &e.Flags
		}
	}
	return &x
}

var snmpActions = map[config.RuleAction]int{
	config.RuleNone: snmp.ToTable, config.RuleTable: snmp.ToTable, config.RuleGoto: snmp.ToRule, config.RuleNop: snmp.ToNothing,
	config.RuleBlackhole: snmp.Blackhole, config.RuleUnreachable: snmp.Unreachable, config.RuleProhibit: snmp.Prohibit,
}

func snmpRules(list []config.Rule, set bool) []snmp.Rule {
	var out []snmp.Rule
	for i := range list {
		c := &list[i]
		r := snmp.Rule{
			From: c.From, To: c.To, Invert: c.Invert, Mark: c.Mark, Mask: c.MarkMask, Realms: snmpRealms(c.Realms),
			In: c.In, Out: c.Out, Goto: c.Goto, Action: snmpActions[c.Action], Table: c.Table, Priority: c.Priority,
			SuppressPrefix: c.SuppressPrefix, SuppressGroup: c.SuppressGroup, UIDs: c.UIDRange, L3MDev: c.L3MDev, Set: set,
		}
		if c.TOS != nil {
			r.TOS = *c.TOS
		}
		out = append(out, r)
	}
	return out
}
