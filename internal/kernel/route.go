package kernel

import (
	"fmt"
	"net/netip"
	"strings"
)

// Route is a route that is wanted, and a route as the kernel reports it. The
// zero value of a field leaves it to the kernel unless it says otherwise.
type Route struct {
	IPv6     bool
	Type     RouteType
	Dest     netip.Prefix // without host bits; length 0: the default route
	From     netip.Prefix // IPv6: only packets from there. Invalid: any
	Table    uint32
	Protocol uint8 // who made it; 18 see [Protocol]
	Scope    uint8 // IPv4, rtnetlink scope, 0 global
	TOS      uint8
	Metric   uint32 // IPv6: 0 becomes 1024
	Source   netip.Addr
	Hop            // where it leads, without Hops
	Hops     []Hop // several ways, by weight
	Metrics  Metrics
	// Congestion names the algorithm for TCP connections.
	Congestion string
	Pref       uint8 // IPv6 router preference, RFC 4191 section 2.1: 0 medium, 1 high, 3 low
	// Expires is after how many seconds the kernel removes an IPv6 route, 0
	// never. In a report it is 1 for a route that expires.
	Expires      uint32
	TTLPropagate Switch // of MPLS

	// Mode says how it is set beside others; no part of a report.
	Mode RouteMode
	// NoTrack: it is not put back when somebody removes it.
	NoTrack bool
}

// Hop is one way on which a route leads.
type Hop struct {
	Via    netip.Addr
	Link   string // name of the interface; empty: the kernel finds it from Via
	OnLink bool   // Via needs no route of its own
	Realms uint32 // IPv4: source realm << 16 | destination realm
	Encap  Encap
	Weight int // 1 to 256 in Route.Hops, 0 in Route.Hop
}

// RouteType is the type of a route, RTN_*.
type RouteType uint8

// Types that are treated apart.
const (
	RouteUnicast RouteType = 1
	RouteLocal   RouteType = 2
)

var routeTypeNames = [...]string{
	"unspec", "unicast", "local", "broadcast", "anycast", "multicast", "blackhole", "unreachable", "prohibit",
	"throw", "nat", "xresolve",
}

// String returns the name that tools use.
func (t RouteType) String() string {
	if int(t) < len(routeTypeNames) {
		return routeTypeNames[t]
	}
	return fmt.Sprint(uint8(t))
}

// RouteMode says how a route is set beside others to the same destination.
type RouteMode uint8

// Modes. All but RouteAdd let several routes be side by side that differ only in
// where they lead.
const (
	RoutePrepend RouteMode = iota // before the others
	RouteAppend                   // after the others
	RouteAdd                      // only if there are none
)

// MainTable is the table of routes that have no other.
const MainTable uint32 = 254

// Switch is a choice that may be left to the kernel.
type Switch uint8

// Choices.
const (
	Unset Switch = iota
	On
	Off
)

// Metric is a metric of a route, RTAX_*.
type Metric uint8

// Metrics, by the numbers of the kernel.
const (
	MetricLock Metric = iota + 1 // bits of those that the kernel may not change
	MetricMTU
	MetricWindow
	MetricRTT // in eighths of a millisecond
	MetricRTTVar
	MetricSSThresh
	MetricCwnd
	MetricAdvMSS
	MetricReordering
	MetricHopLimit
	MetricInitCwnd
	MetricFeatures // bits: 1 ECN
	MetricRTOMin   // in milliseconds
	MetricInitRwnd
	MetricQuickAck
	MetricCongestion // in Route.Congestion
	MetricFastOpenNoCookie
	metricEnd
)

var metricNames = [metricEnd]string{
	"", "lock", "mtu", "window", "rtt", "rttvar", "ssthresh", "cwnd", "advmss", "reordering", "hoplimit", "initcwnd",
	"features", "rto_min", "initrwnd", "quickack", "congctl", "fastopen_no_cookie",
}

// Metrics are the metrics of a route, 0 for those that are not set.
type Metrics [metricEnd]uint32

// Set sets a metric; a locked one is not changed by what the kernel learns.
func (m *Metrics) Set(i Metric, v uint32, lock bool) {
	m[i] = v
	if lock {
		m[MetricLock] |= 1 << i
	}
}

// EncapKind is how packets on a route are wrapped, LWTUNNEL_ENCAP_*.
type EncapKind uint16

// Kinds of encapsulation.
const (
	EncapNone EncapKind = 0
	EncapMPLS EncapKind = 1
	EncapIP   EncapKind = 2
	EncapILA  EncapKind = 3
	EncapIP6  EncapKind = 4
)

// Encap wraps the packets of a route.
type Encap struct {
	Kind     EncapKind
	Labels   []uint32   // MPLS, outermost first
	ID       uint64     // IP
	Src, Dst netip.Addr // IP
	TOS, TTL uint8      // IP
	Flags    uint16     // IP
	Locator  uint64     // ILA

	raw string // attributes of a kind that is not known
}

// String returns the words for messages, empty for none.
func (e Encap) String() string {
	var b strings.Builder
	switch e.Kind {
	case EncapNone:
		return ""
	case EncapMPLS:
		b.WriteString("mpls ")
		for i, l := range e.Labels {
			if i > 0 {
				b.WriteByte('/')
			}
			fmt.Fprint(&b, l)
		}
		return b.String()
	case EncapILA:
		return fmt.Sprintf("ila %x", e.Locator)
	case EncapIP:
		b.WriteString("ip")
	case EncapIP6:
		b.WriteString("ip6")
	default:
		return fmt.Sprintf("type %d %x", uint16(e.Kind), e.raw)
	}
	fmt.Fprintf(&b, " id %d", e.ID)
	if e.Src.IsValid() {
		fmt.Fprintf(&b, " src %v", e.Src)
	}
	if e.Dst.IsValid() {
		fmt.Fprintf(&b, " dst %v", e.Dst)
	}
	fmt.Fprintf(&b, " ttl %d tos %d flags %d", e.TTL, e.TOS, e.Flags)
	return b.String()
}

// String returns the route much as the usual tool shows it.
func (r Route) String() string {
	var b strings.Builder
	add := func(cond bool, format string, args ...any) {
		if cond {
			fmt.Fprintf(&b, format, args...)
		}
	}
	add(r.Type != RouteUnicast, "%v ", r.Type)
	switch {
	case r.Dest.Bits() > 0 && r.Dest.IsSingleIP():
		b.WriteString(r.Dest.Addr().String())
	case r.Dest.Bits() > 0:
		b.WriteString(r.Dest.String())
	case r.IPv6:
		b.WriteString("default6")
	default:
		b.WriteString("default")
	}
	add(r.From.IsValid(), " from %v", r.From)
	add(r.Source.IsValid(), " src %v", r.Source)
	add(r.TOS != 0, " tos %d", r.TOS)
	b.WriteString(r.Hop.String())
	add(r.Table != MainTable, " table %d", r.Table)
	add(r.Protocol != Protocol, " proto %d", r.Protocol)
	add(r.Scope != 0, " scope %d", r.Scope)
	add(r.Metric != 0, " metric %d", r.Metric)
	for i, v := range r.Metrics {
		add(v != 0, " %s %d", metricNames[i], v)
	}
	add(r.Congestion != "", " congctl %s", r.Congestion)
	add(r.Pref != 0, " pref %d", r.Pref)
	add(r.Expires != 0, " expires %d", r.Expires)
	add(r.TTLPropagate != Unset, " ttl-propagate %d", r.TTLPropagate)
	for _, h := range r.Hops {
		b.WriteString(" nexthop" + h.String())
	}
	return b.String()
}

// String returns the words of the hop, each behind a blank.
func (h Hop) String() string {
	var b strings.Builder
	add := func(cond bool, format string, args ...any) {
		if cond {
			fmt.Fprintf(&b, format, args...)
		}
	}
	add(h.Encap.Kind != EncapNone, " encap %v", h.Encap)
	add(h.Via.IsValid(), " via %v", h.Via)
	add(h.Link != "", " dev %s", h.Link)
	add(h.Weight != 0, " weight %d", h.Weight)
	add(h.OnLink, " onlink")
	add(h.Realms != 0, " realms %d/%d", h.Realms>>16, h.Realms&0xffff)
	return b.String()
}

// Kind implements [Object].
func (r Route) Kind() Kind { return KindRoute }

// Guarded implements [Object].
func (r Route) Guarded() bool { return !r.NoTrack }

func (Route) report() {}

// key relies on String, which shows every field but these.
func (r Route) key() any { return routeKey{r.String(), r.IPv6, r.Mode} }

type routeKey struct {
	text string
	ipv6 bool
	mode RouteMode
}

// place is where the kernel takes two routes for one: what [Route.compare] looks
// at first. Those that only differ in where they lead stand side by side.
func (r Route) place() any {
	r.Metric = r.metric()
	return routePlace(fmt.Sprint(r.IPv6, r.Table, r.Dest.Masked(), r.From, r.TOS, r.Metric, r.ways()))
}

type routePlace string

func (r Route) shelf() Shelf { return Shelf{Kind: KindRoute, IPv6: r.IPv6, Protocol: r.Protocol} }

// defaultMetric6 is what the kernel gives an IPv6 route without a metric.
const defaultMetric6 = 1024

// metric is the metric as the kernel shows it.
func (r Route) metric() uint32 {
	if r.IPv6 && r.Metric == 0 {
		return defaultMetric6
	}
	return r.Metric
}

// ways are where the route leads, one or several.
func (r Route) ways() []Hop {
	if len(r.Hops) > 0 {
		return r.Hops
	}
	return []Hop{r.Hop}
}

// compare takes for the same route what has the same destination, table, type of
// service, metric and hops. Of an IPv6 route the kernel shows the hops together
// with those of others that differ in nothing else. All the rest is compared
// with the first report: the kernel rounds, completes and reorders.
func (r Route) compare(now, set Report) likeness {
	k, ok := now.(Route)
	if !ok || r.IPv6 != k.IPv6 || r.Type != k.Type || r.Dest.Masked() != k.Dest.Masked() || r.From != k.From ||
		r.Table != k.Table || r.Protocol != k.Protocol || r.TOS != k.TOS || r.metric() != k.metric() {
		return another
	}
	if !leads(r, k) {
		return another
	}
	s, ok := set.(Route)
	if !ok {
		return alike
	}
	if r.IPv6 {
		k.Hop, k.Hops, s.Hop, s.Hops = Hop{}, nil, Hop{}, nil
	}
	if k.key() != s.key() {
		return altered
	}
	return alike
}

// leads tells whether the kernel's route leads where the wanted one does.
func leads(r, k Route) bool {
	want, have := r.ways(), k.ways()
	if !r.IPv6 && len(want) != len(have) {
		return false
	}
	for _, w := range want {
		found := false
		for _, h := range have {
			found = found || w.Via == h.Via && (w.Link == "" || w.Link == h.Link)
		}
		if !found {
			return false
		}
	}
	return true
}

// Uses tells whether the route needs the interface, or an interface that is not
// known.
func (r Route) Uses(link string) bool {
	for _, h := range r.ways() {
		if h.Link == link || h.Link == "" && h.Via.IsValid() {
			return true
		}
	}
	return false
}
