package config

import (
	"fmt"
	"net/netip"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// keepalivedProtocol is the routing protocol number that marks our routes and rules.
const keepalivedProtocol = 18

// routeLine is a route while its line is read.
type routeLine struct {
	Route
	l       *loader
	a       *syntax.Args
	static  bool
	family  family
	destSet bool
	typeSet bool
	dropped bool
}

// drop reports why the whole route is left out.
func (r *routeLine) drop(format string, args ...any) {
	if !r.dropped {
		r.a.Report(syntax.General, format, args...)
	}
	r.dropped = true
}

// route reads a line of virtual_routes or static_routes.
func (l *loader) route(a *syntax.Args, static bool) (Route, bool) {
	r := &routeLine{Route: Route{Text: a.Line.Text, Type: 1, Protocol: keepalivedProtocol, Pos: a.Line.Pos}, l: l, a: a, static: static}
	for w, ok := a.Next(); ok && !r.dropped; w, ok = a.Next() {
		if w == "nexthop" {
			r.nexthops()
			break
		}
		switch handle, known := routeWords[w]; {
		case known:
			handle(r, w)
		case routeMetrics[w]:
			r.metric(w)
		default:
			r.destination(w)
		}
	}
	if r.dropped {
		return Route{}, false
	}
	if !r.destSet {
		r.drop("Route must have a destination")
		return Route{}, false
	}
	r.settle()
	return r.Route, !r.dropped
}

func (r *routeLine) settle() {
	r.IPv6 = r.family == family6
	if r.Protocol != keepalivedProtocol && !r.NoTrack {
		r.a.Report(syntax.General, "Route cannot be tracked if protocol is not RTPROT_KEEPALIVED(%d), resetting protocol", keepalivedProtocol)
		r.Protocol = keepalivedProtocol
	}
	if r.TrackGroup != "" && r.Dev == "" {
		r.a.Report(syntax.General, "Static route cannot have track group if no oif specified")
		r.TrackGroup = ""
	}
}

// fits fixes the family with the first address that has one.
func (r *routeLine) fits(f family, w string) bool {
	if r.family == familyUnset {
		r.family = f
	}
	if r.family != f {
		r.drop("Cannot mix IPv4 and IPv6 addresses for route")
		return false
	}
	return true
}

// only fixes the family with a word that is for one of them alone.
func (r *routeLine) only(f family, w string) bool {
	if r.family == familyUnset {
		r.family = f
	}
	if r.family != f {
		r.drop("%s is only valid for IPv%d", w, map[family]int{family4: 4, family6: 6}[f])
		return false
	}
	return true
}

func familyOf(ip netip.Addr) family {
	if ip.Is6() {
		return family6
	}
	return family4
}

// need takes the argument of a word of the line.
func (r *routeLine) need() (string, bool) {
	w, ok := r.a.Need()
	r.dropped = r.dropped || !ok
	return w, ok
}

// number takes a number or drops the route.
func (r *routeLine) number(what string, base int, high uint64) (uint64, bool) {
	w, ok := r.need()
	if !ok {
		return 0, false
	}
	n := syntax.ParseUint(w, base, 0, high)
	if n.Problem != "" {
		r.a.Report(syntax.InvalidNumber, "%s", n.Problem)
		r.drop("Invalid %s %s specified for route", what, w)
		return 0, false
	}
	return uint64(n.Value), true
}

// named takes a number or a name or drops the route.
func (r *routeLine) named(what string, t nameTable, high uint64) (uint64, bool) {
	w, ok := r.need()
	if !ok {
		return 0, false
	}
	v, ok := r.l.namedNumber(w, t, high)
	switch {
	case ok:
	case what == "tos":
		r.drop("TOS value %s is invalid", w)
	case what == "table":
		r.drop("Routing table %s not found for route", w)
	default:
		r.drop("%s %s not found or invalid for route", capital(what), w)
	}
	return v, ok
}

// routeTypes are the words that may stand before a destination.
var routeTypes = map[string]uint8{
	"unicast": 1, "local": 2, "broadcast": 3, "brd": 3, "anycast": 4, "multicast": 5, "blackhole": 6,
	"unreachable": 7, "prohibit": 8, "throw": 9, "nat": 10, "xresolve": 11,
}

// destination takes [TYPE] DEST.
func (r *routeLine) destination(w string) {
	if t, ok := routeTypes[w]; ok {
		r.Type, r.typeSet = t, true
		if w, ok = r.need(); !ok {
			return
		}
		if w == "to" {
			if w, ok = r.need(); !ok {
				return
			}
		}
	} else if n := syntax.ParseUint(w, 10, 0, 255); n.Problem == "" {
		r.Type, r.typeSet = uint8(n.Value), true
		if w, ok = r.need(); !ok {
			return
		}
	}
	switch w {
	case "default", "any", "all":
		// Once there is a family these do not fit it any more.
		if r.family != familyUnset {
			r.drop("Cannot mix IPv4 and IPv6 addresses for route (%s)", w)
		}
		r.destSet = true
		return
	case "default6":
		r.a.Report(syntax.Log, "\"default6\" is deprecated, please use \"inet6 default\"")
		r.destSet = r.fits(family6, w)
		return
	}
	p, ok := r.l.prefix(r.a, w)
	if !ok {
		r.drop("unknown route keyword %s", w)
		return
	}
	if r.fits(familyOf(p.Addr()), w) {
		r.Dest, r.destSet = p, true
	}
}

// address takes the address of a word or drops the route.
func (r *routeLine) address(what string) (netip.Addr, bool) {
	w, ok := r.need()
	if !ok {
		return netip.Addr{}, false
	}
	if w == "inet" || w == "inet6" {
		want, word := family4, w
		if w == "inet6" {
			want = family6
		}
		if w, ok = r.need(); !ok || !r.fits(want, word) {
			return netip.Addr{}, false
		}
	}
	ip, ok := address(w)
	if !ok {
		r.a.Report(syntax.General, "VRRP parsed invalid IP %s. skipping IP...", w)
		r.drop("invalid route %s address %s", what, w)
		return netip.Addr{}, false
	}
	return ip, r.fits(familyOf(ip), w)
}

// device takes an interface or drops the route.
func (r *routeLine) device() (string, bool) {
	w, ok := r.need()
	if !ok {
		return "", false
	}
	if !r.l.exists(r.a, w, fmt.Sprintf("WARNING - interface %s for VROUTE nexthop doesn't exist", w)) {
		r.dropped = true
		return "", false
	}
	return w, true
}

func (r *routeLine) gateway(string) {
	r.a.Report(syntax.General, "\"gw\" for routes is deprecated. Please use \"via\"")
	r.Via, _ = r.address("gw")
}

func (r *routeLine) from(string) {
	w, ok := r.need()
	if !ok {
		return
	}
	p, ok := r.l.prefix(r.a, w)
	if !ok || !p.Addr().Is6() {
		r.drop("route from address only supported with IPv6 (%s)", w)
	} else if r.fits(family6, w) {
		r.From = p
	}
}

func (r *routeLine) table(string) {
	if v, ok := r.named("table", tableNames, 1<<32-1); ok {
		r.Table = uint32(v)
	}
}

func (r *routeLine) vrf(string) {
	if w, ok := r.need(); ok {
		if link := r.l.machine.link(w); link == nil || link.Kind != "vrf" {
			r.drop("Route specified VRF %s is not a VRF", w)
		} else {
			r.Table = link.Table
		}
	}
}

func (r *routeLine) congestion(string) {
	if r.a.Peek() == "lock" {
		r.a.Next()
		r.CCLock = true
	}
	r.Congestion, _ = r.need()
}

func (r *routeLine) expires(w string) {
	if v, ok := r.number(w, 10, 1<<32-1); ok && r.only(family6, w) {
		r.Expires = new(uint32(v))
	}
}

func (r *routeLine) as(string) {
	w, ok := r.need()
	if ok && w == "to" {
		_, ok = r.need()
	}
	if ok {
		r.a.Report(syntax.General, "\"as to\" for MPLS only - ignoring")
	}
}

func (r *routeLine) setRealms(w string) {
	if v, ok := r.realms(); ok && r.only(family4, w) {
		r.Realms = v
	}
}

var routeWords map[string]func(r *routeLine, w string)

func init() {
	routeWords = map[string]func(r *routeLine, w string){
		"to": func(r *routeLine, _ string) {
			if w, ok := r.need(); ok {
				r.destination(w)
			}
		},
		"inet": swallow(family4), "inet6": swallow(family6),
		"via":   func(r *routeLine, _ string) { r.Via, _ = r.address("via") },
		"gw":    (*routeLine).gateway,
		"src":   func(r *routeLine, _ string) { r.Source, _ = r.address("src") },
		"from":  (*routeLine).from,
		"dev":   func(r *routeLine, _ string) { r.Dev, _ = r.device() },
		"oif":   func(r *routeLine, _ string) { r.Dev, _ = r.device() },
		"table": (*routeLine).table,
		"vrf":   (*routeLine).vrf,
		"protocol": func(r *routeLine, _ string) {
			if v, ok := r.named("protocol", protoNames, 255); ok {
				r.Protocol = uint8(v)
			}
		},
		"scope": func(r *routeLine, _ string) { r.small("scope", scopeNames, &r.Scope) },
		"tos":   func(r *routeLine, _ string) { r.small("tos", tosNames, &r.TOS) }, "dsfield": func(r *routeLine, _ string) { r.small("dsfield", tosNames, &r.TOS) },
		"metric": (*routeLine).setMetric, "priority": (*routeLine).setMetric, "preference": (*routeLine).setMetric,
		"realms":        (*routeLine).setRealms,
		"features":      (*routeLine).features,
		"congctl":       (*routeLine).congestion,
		"pref":          (*routeLine).preference,
		"expires":       (*routeLine).expires,
		"ttl-propagate": (*routeLine).propagate,
		"onlink":        func(r *routeLine, _ string) { r.OnLink = true },
		"encap":         func(r *routeLine, _ string) { r.Encap = r.encap() },
		"as":            (*routeLine).as,
		"add":           func(r *routeLine, _ string) { r.Mode = RouteAdd },
		"append":        func(r *routeLine, _ string) { r.Mode = RouteAppend },
		"prepend":       func(r *routeLine, _ string) { r.Mode = RoutePrepend },
		"or":            (*routeLine).alternative,
		"no_track": func(r *routeLine, _ string) {
			r.NoTrack = true
		},
		"track_group": (*routeLine).group,
	}
}

// swallow fixes the family. keepalived takes the next word with it, which is
// lost; so do we, as a file that works has nothing there.
func swallow(f family) func(*routeLine, string) {
	return func(r *routeLine, w string) {
		if r.fits(f, w) {
			r.a.Next()
		}
	}
}

func (r *routeLine) small(what string, t nameTable, field **uint8) {
	if v, ok := r.named(what, t, 255); ok {
		*field = new(uint8(v))
	}
}

func (r *routeLine) setMetric(w string) {
	if v, ok := r.number(w, 10, 1<<32-1); ok {
		r.Metric = new(uint32(v))
	}
}

func (r *routeLine) features(string) {
	if w, ok := r.need(); ok {
		if w == "ecn" {
			r.ECN = true
		} else {
			r.a.Report(syntax.General, "feature %s not supported", w)
		}
	}
}

func (r *routeLine) preference(word string) {
	w, ok := r.need()
	if !ok || !r.only(family6, word) {
		return
	}
	// RFC 4191 section 2.1.
	switch w {
	case "low":
		r.Pref = new(uint8(3))
	case "medium":
		r.Pref = new(uint8(0))
	case "high":
		r.Pref = new(uint8(1))
	default:
		n := syntax.ParseUint(w, 10, 0, 255)
		if n.Problem != "" {
			r.drop("Invalid pref '%s' specified for route", w)
			return
		}
		r.Pref = new(uint8(n.Value))
	}
}

func (r *routeLine) propagate(string) {
	w, ok := r.need()
	switch {
	case !ok:
	case w == "enabled" || w == "disabled":
		r.TTLProp = new(w == "enabled")
	default:
		r.a.Report(syntax.General, "ttl-propagate value %s not recognised", w)
	}
}

// alternative takes the deprecated second gateway.
func (r *routeLine) alternative(string) {
	r.a.Report(syntax.General, "\"or\" for routes is deprecated. Please use \"nexthop\"")
	if len(r.NextHops) > 0 {
		r.a.Report(syntax.General, "\"or\" has been given before - ignoring")
		r.a.Next()
		return
	}
	if ip, ok := r.address("or"); ok {
		r.NextHops = append(r.NextHops, NextHop{Via: r.Via, Weight: 1}, NextHop{Via: ip, Weight: 1})
		r.Via = netip.Addr{}
	}
}

func (r *routeLine) group(w string) {
	if !r.static {
		r.destination(w)
		return
	}
	name, ok := r.need()
	switch {
	case !ok:
	case !r.l.draft.trackGroups[name]:
		r.a.Report(syntax.General, "track_group %s not found", name)
	default:
		r.TrackGroup = name
	}
}
