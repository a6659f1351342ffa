package snmp

import (
	"net/netip"
	"strconv"

	"github.com/holdfast-ha/holdfast/internal/agentx"
)

// Route is a route of virtual_routes or static_routes.
type Route struct {
	IPv6       bool
	Type       uint8 // rtnetlink's
	Dest       netip.Prefix
	Via        netip.Addr
	Source     netip.Addr
	Interface  string
	Table      uint32
	Scope      uint8
	TOS        *uint8
	Metric     uint32
	Metrics    []Metric
	Realms     *Realms
	ECN        bool
	Congestion string
	Preference *uint8
	Expires    *uint32
	Encap      *Encap
	Hops       []Hop
	Set        bool
}

// Metric is a number of a route, under the name that the configuration has for it;
// of rtt and rttvar in the kernel's units, eighths and quarters of a millisecond.
type Metric struct {
	Name  string
	Value uint32
	Lock  bool
}

// Realms are those of a route or a rule; From 0: none.
type Realms struct{ From, To uint32 }

// Hop is a next hop.
type Hop struct {
	Via       netip.Addr
	Interface string
	Weight    int // 1 to 256
	OnLink    bool
	Realms    *Realms
	Encap     *Encap
}

// Rule is a rule of virtual_rules or static_rules.
type Rule struct {
	From, To       netip.Prefix // not valid: any
	Invert         bool
	TOS            uint8
	Mark, Mask     *uint32
	Realms         *Realms
	In, Out        string
	Goto           uint32
	Action         int // the kernel's
	Table          uint32
	Priority       uint32
	SuppressPrefix *int32
	SuppressGroup  *uint32
	UIDs           *[2]uint32
	L3MDev         bool
	Set            bool
}

// ToTable and the others are actions of rules (FR_ACT_*).
const (
	ToTable     = 1
	ToRule      = 2
	ToNothing   = 3
	Blackhole   = 6
	Unreachable = 7
	Prohibit    = 8
)

// routes adds all routes and their next hops; those that are static belong to an
// instance 0.
func (b *builder) routes() {
	t, hops := b.table(entry(7)), b.table(entry(11))
	for i, list := range b.Routes {
		for j := range list {
			x := &list[j]
			b.route(t.row(uint32(i), number(j)), x)
			for k := range x.Hops {
				b.hop(hops.row(uint32(i), number(j), number(k)), x, &x.Hops[k])
			}
		}
	}
}

// routeTypes number the kernel's types of routes as KEEPALIVED-MIB does; one with
// several next hops is another.
var routeTypes = map[uint8]int{1: 1, 2: 1, 3: 6, 4: 4, 5: 5, 6: 3, 7: 7, 8: 8, 9: 9}

const (
	typeMultipath = 2
	mainTable     = 254
	protocol      = 19 // that of keepalived, and one more: 0 stands for none
)

func (b *builder) route(r row, x *Route) {
	kind, table := routeTypes[x.Type], x.Table
	if len(x.Hops) > 0 {
		kind = typeMultipath
	}
	if table == 0 {
		table = mainTable
	}
	r.put(2, agentx.Int(typeOf(x.IPv6)))
	r.put(3, octets(x.Dest.Addr(), x.IPv6))
	r.put(4, count(max(x.Dest.Bits(), 0)))
	if x.Via.IsValid() {
		r.put(5, octets(x.Via, x.IPv6))
	}
	if x.Source.IsValid() {
		r.put(7, octets(x.Source, x.IPv6))
	}
	r.put(8, agentx.Gauge(x.Metric))
	r.put(9, agentx.Int(scopes[x.Scope]))
	r.put(10, agentx.Int(kind))
	b.link(r, 11, x.Interface)
	r.put(13, agentx.Gauge(table))
	r.put(14, truth(x.Set))
	if x.TOS != nil {
		r.put(17, count(*x.TOS))
	}
	r.put(18, agentx.Int(protocol))
	metrics(r, x)
	realms(r, 44, x.Realms)
	if x.Encap != nil {
		r.put(46, agentx.Int(x.Encap.Kind))
		x.Encap.options(r, 47)
	}
}

// link adds the number and the name of an interface, if there is one.
func (b *builder) link(r row, column uint32, name string) {
	if name != "" {
		r.put(column, agentx.Int(b.index[name]))
		r.put(column+1, agentx.Text(name))
	}
}

// metricColumns are where metrics are, and where it is whether they are locked; 0:
// nowhere.
var metricColumns = map[string]struct{ value, lock uint32 }{
	"mtu": {22, 23}, "hoplimit": {24, 0}, "advmss": {25, 26}, "rtt": {27, 28}, "rttvar": {29, 30},
	"reordering": {31, 32}, "window": {33, 0}, "cwnd": {34, 35}, "ssthresh": {36, 37}, "rto_min": {38, 39},
	"initcwnd": {40, 0}, "initrwnd": {41, 0},
}

// units are how many of the kernel's are one of the MIB's.
var units = map[string]uint32{"rtt": 8, "rttvar": 4}

func metrics(r row, x *Route) {
	quick := false
	for _, m := range x.Metrics {
		c := metricColumns[m.Name]
		switch {
		case m.Name == "quickack":
			quick = m.Value != 0
		case m.Name == "fastopen_no_cookie":
			r.put(55, truth(m.Value != 0))
		case c.value != 0:
			r.put(c.value, agentx.Gauge(m.Value/max(units[m.Name], 1)))
			if c.lock != 0 {
				r.put(c.lock, truth(m.Lock))
			}
		}
	}
	r.put(19, truth(x.ECN))
	r.put(20, truth(quick))
	if x.Expires != nil {
		r.put(21, agentx.Int(int(*x.Expires)))
	}
	r.text(42, x.Congestion)
	if x.Preference != nil {
		r.put(43, agentx.Int(preferences[*x.Preference]))
	}
}

// preferences number medium, high and low, which are 0, 1 and 3 to the kernel.
var preferences = map[uint8]int{3: 1, 0: 2, 1: 3}

// realms adds where packets go, and where they come from.
func realms(r row, column uint32, x *Realms) {
	if x == nil {
		return
	}
	r.put(column, agentx.Gauge(x.To))
	if x.From != 0 {
		r.put(column+1, agentx.Gauge(x.From))
	}
}

func (b *builder) hop(r row, of *Route, x *Hop) {
	r.put(2, agentx.Int(typeOf(of.IPv6)))
	if x.Via.IsValid() {
		r.put(3, octets(x.Via, of.IPv6))
	}
	b.link(r, 4, x.Interface)
	if x.Weight > 1 {
		r.put(6, count(x.Weight))
	}
	r.put(7, truth(x.OnLink))
	realms(r, 8, x.Realms)
	if x.Encap != nil { // its type is not accessible, says the MIB
		x.Encap.options(r, 11)
	}
}

// rules adds all rules, those that are static as of an instance 0.
func (b *builder) rules() {
	t := b.table(entry(8))
	for i, list := range b.Rules {
		for j := range list {
			rule(t.row(uint32(i), number(j)), &list[j])
		}
	}
}

func rule(r row, x *Rule) {
	direction, main := "", x.To
	switch {
	case x.To.IsValid() && x.From.IsValid():
		direction = "both"
	case x.To.IsValid():
		direction = "to"
	case x.From.IsValid():
		direction, main = "from", x.From
	}
	r.put(2, agentx.Text(direction))
	prefix(r, 3, main)
	r.put(7, truth(x.Set))
	r.put(8, truth(x.Invert))
	prefix(r, 9, x.To)
	prefix(r, 12, x.From)
	r.put(15, count(x.TOS))
	number32(r, 16, x.Mark)
	number32(r, 17, x.Mask)
	realms(r, 18, x.Realms)
	r.text(20, x.In)
	r.text(21, x.Out)
	if x.Action == ToRule {
		r.put(22, agentx.Gauge(x.Goto))
	}
	r.put(23, agentx.Int(x.Action))
	if x.Action == ToTable {
		r.put(6, agentx.Gauge(x.Table))
		r.put(24, agentx.Gauge(x.Table))
	}
	r.put(25, agentx.Gauge(x.Priority))
	if x.SuppressPrefix != nil {
		r.put(26, agentx.Gauge(uint32(*x.SuppressPrefix)))
	}
	if x.SuppressGroup != nil {
		r.text(27, strconv.FormatUint(uint64(*x.SuppressGroup), 10))
	}
	if x.UIDs != nil {
		r.put(30, agentx.Gauge(x.UIDs[0]))
		r.put(31, agentx.Gauge(x.UIDs[1]))
	}
	if x.L3MDev {
		r.put(32, truth(true))
	}
}

func number32(r row, column uint32, n *uint32) {
	if n != nil {
		r.put(column, agentx.Gauge(*n))
	}
}

// prefix adds the type, the address and the length of one, if it is there.
func prefix(r row, column uint32, p netip.Prefix) {
	if !p.IsValid() {
		return
	}
	ipv6 := p.Addr().Is6()
	r.put(column, agentx.Int(typeOf(ipv6)))
	r.put(column+1, octets(p.Addr(), ipv6))
	r.put(column+2, count(p.Bits()))
}
