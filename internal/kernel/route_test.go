package kernel

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// route is a route on eth0 with the usual properties; no gateway for "".
func route(dest, via string, change ...func(*Route)) Route {
	p := netip.MustParsePrefix(dest)
	r := Route{IPv6: p.Addr().Is6(), Type: RouteUnicast, Dest: p, Table: MainTable, Protocol: Protocol}
	r.Link = "eth0"
	if via != "" {
		r.Via = netip.MustParseAddr(via)
	}
	for _, c := range change {
		c(&r)
	}
	return r
}

// rule is a rule that looks from a source into a table.
func rule(priority uint32, from string, table uint32) Rule {
	r := Rule{Priority: priority, From: netip.MustParsePrefix(from), Action: ActionTable, Table: table, Protocol: Protocol}
	r.IPv6 = r.From.Addr().Is6()
	return r
}

func metric(n uint32) func(*Route)  { return func(r *Route) { r.Metric = n } }
func source(a string) func(*Route)  { return func(r *Route) { r.Source = netip.MustParseAddr(a) } }
func mode(m RouteMode) func(*Route) { return func(r *Route) { r.Mode = m } }
func mtu(n uint32) func(*Route)     { return func(r *Route) { r.Metrics.Set(MetricMTU, n, false) } }

// routeTests run like holderTests.
var routeTests = []struct {
	name  string
	steps []step
}{
	{
		name: "order",
		steps: []step{{
			// Addresses first, whatever the order: the route needs one as its source.
			wanted: []Object{
				rule(100, "192.0.2.0/24", 200), route("10.0.0.0/8", "192.0.2.1", source("192.0.2.10")), eth0("192.0.2.10/24"),
			},
			result: `
added 192.0.2.10/24 dev eth0
added 10.0.0.0/8 src 192.0.2.10 via 192.0.2.1 dev eth0
added 100: from 192.0.2.0/24 lookup 200
`,
			table: `
eth0 192.0.2.10/24 label eth0 proto 18
route 10.0.0.0/8 src 192.0.2.10 via 192.0.2.1 dev eth0
rule 100: from 192.0.2.0/24 lookup 200
`,
		}, {
			result: `
removed 100: from 192.0.2.0/24 lookup 200
removed 10.0.0.0/8 src 192.0.2.10 via 192.0.2.1 dev eth0
removed 192.0.2.10/24 dev eth0
`,
		}},
	},
	{
		name: "difference",
		steps: []step{{
			wanted: []Object{
				eth0("192.0.2.10/24"), route("10.0.0.0/8", "192.0.2.1"), route("10.1.0.0/16", "192.0.2.1"),
				rule(100, "192.0.2.0/24", 200), rule(101, "2001:db8::/32", 200),
			},
			result: `
added 192.0.2.10/24 dev eth0
added 10.0.0.0/8 via 192.0.2.1 dev eth0
added 10.1.0.0/16 via 192.0.2.1 dev eth0
added 100: from 192.0.2.0/24 lookup 200
added inet6 101: from 2001:db8::/32 lookup 200
`,
			table: `
eth0 192.0.2.10/24 label eth0 proto 18
route 10.0.0.0/8 via 192.0.2.1 dev eth0
route 10.1.0.0/16 via 192.0.2.1 dev eth0
rule 100: from 192.0.2.0/24 lookup 200
rule inet6 101: from 2001:db8::/32 lookup 200
`,
		}, {
			wanted: []Object{
				eth0("192.0.2.10/24"), route("10.0.0.0/8", "192.0.2.1"), route("10.1.0.0/16", "192.0.2.2"),
				rule(100, "192.0.2.0/24", 201), rule(101, "2001:db8::/32", 200),
			},
			result: `
removed 100: from 192.0.2.0/24 lookup 200
removed 10.1.0.0/16 via 192.0.2.1 dev eth0
added 10.1.0.0/16 via 192.0.2.2 dev eth0
added 100: from 192.0.2.0/24 lookup 201
`,
			table: `
eth0 192.0.2.10/24 label eth0 proto 18
route 10.0.0.0/8 via 192.0.2.1 dev eth0
route 10.1.0.0/16 via 192.0.2.2 dev eth0
rule 100: from 192.0.2.0/24 lookup 201
rule inet6 101: from 2001:db8::/32 lookup 200
`,
		}},
	},
	{
		name: "an address takes a route with it",
		steps: []step{{
			wanted: []Object{eth0("192.0.2.10/24"), eth0("192.0.2.11/25"), route("10.0.0.0/8", "192.0.2.1", source("192.0.2.11"))},
			result: `
added 192.0.2.10/24 dev eth0
added 192.0.2.11/25 dev eth0
added 10.0.0.0/8 src 192.0.2.11 via 192.0.2.1 dev eth0
`,
			table: `
eth0 192.0.2.10/24 label eth0 proto 18
eth0 192.0.2.11/25 label eth0 proto 18
route 10.0.0.0/8 src 192.0.2.11 via 192.0.2.1 dev eth0
`,
		}, {
			wanted: []Object{eth0("192.0.2.10/24"), eth0("192.0.2.11/26"), route("10.0.0.0/8", "192.0.2.1", source("192.0.2.11"))},
			result: `
removed 192.0.2.11/25 dev eth0
added 192.0.2.11/26 dev eth0
restored 10.0.0.0/8 src 192.0.2.11 via 192.0.2.1 dev eth0
`,
			table: `
eth0 192.0.2.10/24 label eth0 proto 18
eth0 192.0.2.11/26 label eth0 proto 18
route 10.0.0.0/8 src 192.0.2.11 via 192.0.2.1 dev eth0
`,
		}},
	},
	{
		name: "what is there is adopted, what is in the way is not",
		steps: []step{{
			other: func(t *testing.T, table Table) {
				// Without any address the kernel would drop the routes too.
				change(t, table, OpAdd, eth0("198.51.100.1/24"))
				change(t, table, OpAdd, eth0("192.0.2.10/24"))
				change(t, table, OpAdd, route("10.0.0.0/8", "192.0.2.1"))
				change(t, table, OpAdd, route("10.1.0.0/16", "192.0.2.1"))
				change(t, table, OpAdd, rule(100, "192.0.2.0/24", 200))
			},
			wanted: []Object{
				eth0("192.0.2.10/24"), route("10.0.0.0/8", "192.0.2.1"), route("10.1.0.0/16", "192.0.2.2", mode(RouteAdd)),
				route("10.2.0.0/16", "192.0.2.2", mode(RouteAdd)), rule(100, "192.0.2.0/24", 200),
			},
			result: `
added 10.2.0.0/16 via 192.0.2.2 dev eth0
adopted 192.0.2.10/24 dev eth0
adopted 10.0.0.0/8 via 192.0.2.1 dev eth0
adopted 100: from 192.0.2.0/24 lookup 200
failed to add route 10.1.0.0/16 via 192.0.2.2 dev eth0: REASON
`,
			table: `
eth0 192.0.2.10/24 label eth0 proto 18
eth0 198.51.100.1/24 label eth0 proto 18
route 10.0.0.0/8 via 192.0.2.1 dev eth0
route 10.1.0.0/16 via 192.0.2.1 dev eth0
route 10.2.0.0/16 via 192.0.2.2 dev eth0
rule 100: from 192.0.2.0/24 lookup 200
`,
		}, {
			result: `
removed 100: from 192.0.2.0/24 lookup 200
removed 10.0.0.0/8 via 192.0.2.1 dev eth0
removed 10.2.0.0/16 via 192.0.2.2 dev eth0
removed 192.0.2.10/24 dev eth0
`,
			table: "eth0 198.51.100.1/24 label eth0 proto 18\nroute 10.1.0.0/16 via 192.0.2.1 dev eth0\n",
		}},
	},
	{
		name: "side by side",
		steps: []step{{
			wanted: []Object{
				eth0("192.0.2.10/24"), route("10.0.0.0/8", "192.0.2.1", mode(RouteAppend)), route("10.0.0.0/8", "192.0.2.2", mode(RouteAppend)),
				route("10.0.0.0/8", "192.0.2.1", metric(5)),
			},
			result: `
added 192.0.2.10/24 dev eth0
added 10.0.0.0/8 via 192.0.2.1 dev eth0
added 10.0.0.0/8 via 192.0.2.2 dev eth0
added 10.0.0.0/8 via 192.0.2.1 dev eth0 metric 5
`,
			table: `
eth0 192.0.2.10/24 label eth0 proto 18
route 10.0.0.0/8 via 192.0.2.1 dev eth0
route 10.0.0.0/8 via 192.0.2.2 dev eth0
route 10.0.0.0/8 via 192.0.2.1 dev eth0 metric 5
`,
		}, {
			wanted: []Object{eth0("192.0.2.10/24")},
			result: `
removed 10.0.0.0/8 via 192.0.2.1 dev eth0
removed 10.0.0.0/8 via 192.0.2.2 dev eth0
removed 10.0.0.0/8 via 192.0.2.1 dev eth0 metric 5
`,
			table: "eth0 192.0.2.10/24 label eth0 proto 18\n",
		}},
	},
	{
		name: "IPv6, with and without a metric",
		steps: []step{{
			wanted: []Object{
				eth0("2001:db8::10/64"), route("2001:db8:1::/48", "2001:db8::1", metric(5)), route("2001:db8:1::/48", "2001:db8::1"),
			},
			result: `
added 2001:db8::10/64 dev eth0
added 2001:db8:1::/48 via 2001:db8::1 dev eth0 metric 5
added 2001:db8:1::/48 via 2001:db8::1 dev eth0
`,
			table: `
eth0 2001:db8::10/64 nodad proto 18
route 2001:db8:1::/48 via 2001:db8::1 dev eth0 metric 5
route 2001:db8:1::/48 via 2001:db8::1 dev eth0 metric 1024
`,
		}, {
			wanted: []Object{eth0("2001:db8::10/64"), route("2001:db8:1::/48", "2001:db8::1", metric(5))},
			result: "removed 2001:db8:1::/48 via 2001:db8::1 dev eth0\n",
			table: `
eth0 2001:db8::10/64 nodad proto 18
route 2001:db8:1::/48 via 2001:db8::1 dev eth0 metric 5
`,
		}},
	},
	{
		name: "refused",
		steps: []step{{
			wanted: []Object{
				eth0("192.0.2.10/24"), route("10.0.0.0/8", "192.0.2.1", func(r *Route) { r.Link = "eth9" }), route("10.1.0.0/16", "192.0.2.1"),
			},
			result: `
added 192.0.2.10/24 dev eth0
added 10.1.0.0/16 via 192.0.2.1 dev eth0
failed to add route 10.0.0.0/8 via 192.0.2.1 dev eth9: REASON
`,
			table: `
eth0 192.0.2.10/24 label eth0 proto 18
route 10.1.0.0/16 via 192.0.2.1 dev eth0
`,
		}},
	},
}

func TestHolderRoutes(t *testing.T) {
	for _, tt := range routeTests {
		t.Run(tt.name, func(t *testing.T) {
			table := newFakeTable("eth0", "eth1")
			runSteps(t, table, table.render, tt.steps)
		})
	}
}

// theftTests are what others do to what is held, what Check then says, and what
// the next Apply does. They run against the table in memory and a real one.
var theftTests = []struct {
	name   string
	wanted []Object
	theft  func(t *testing.T, table Table)
	lost   string
	result string
	table  string // if not as before
}{
	{
		name:   "all is taken",
		wanted: []Object{eth0("192.0.2.10/24"), route("10.0.0.0/8", "192.0.2.1"), rule(100, "192.0.2.0/24", 200)},
		theft: func(t *testing.T, table Table) {
			change(t, table, OpDelete, rule(100, "192.0.2.0/24", 200))
			change(t, table, OpDelete, route("10.0.0.0/8", "192.0.2.1"))
			change(t, table, OpDelete, eth0("192.0.2.10/24"))
		},
		lost:   "lost 192.0.2.10/24 dev eth0\nlost 10.0.0.0/8 via 192.0.2.1 dev eth0\nlost 100: from 192.0.2.0/24 lookup 200\n",
		result: "restored 192.0.2.10/24 dev eth0\nrestored 10.0.0.0/8 via 192.0.2.1 dev eth0\nrestored 100: from 192.0.2.0/24 lookup 200\n",
	},
	{
		name:   "an IPv6 route without a metric",
		wanted: []Object{eth0("2001:db8::10/64"), route("2001:db8:1::/48", "2001:db8::1")},
		theft: func(t *testing.T, table Table) {
			change(t, table, OpDelete, route("2001:db8:1::/48", "2001:db8::1"))
		},
		lost:   "lost 2001:db8:1::/48 via 2001:db8::1 dev eth0\n",
		result: "restored 2001:db8:1::/48 via 2001:db8::1 dev eth0\n",
	},
	{
		name:   "a lifetime",
		wanted: []Object{eth0("192.0.2.10/24"), eth0("2001:db8::10/64")},
		theft: func(t *testing.T, table Table) {
			change(t, table, OpReplace, eth0("2001:db8::10/64").but(func(a *Address) { a.PreferredLft = 0 }))
		},
		lost:   "changed 2001:db8::10/64 dev eth0\n",
		result: "restored 2001:db8::10/64 dev eth0\n",
	},
	{
		name:   "a label",
		wanted: []Object{eth0("192.0.2.10/24")},
		theft: func(t *testing.T, table Table) {
			change(t, table, OpDelete, eth0("192.0.2.10/24"))
			change(t, table, OpAdd, eth0("192.0.2.10/24").but(func(a *Address) { a.Label = "eth0:7" }))
		},
		lost:   "changed 192.0.2.10/24 dev eth0\n",
		result: "restored 192.0.2.10/24 dev eth0\n",
	},
	{
		name:   "properties of a route",
		wanted: []Object{eth0("192.0.2.10/24"), route("10.0.0.0/8", "192.0.2.1", mtu(1400))},
		theft: func(t *testing.T, table Table) {
			change(t, table, OpDelete, route("10.0.0.0/8", "192.0.2.1"))
			change(t, table, OpAdd, route("10.0.0.0/8", "192.0.2.1", mtu(1300)))
		},
		lost:   "changed 10.0.0.0/8 via 192.0.2.1 dev eth0 mtu 1400\n",
		result: "restored 10.0.0.0/8 via 192.0.2.1 dev eth0 mtu 1400\n",
	},
	{
		// Somebody else's route stays, but comes after ours.
		name:   "another route in its place",
		wanted: []Object{eth0("192.0.2.10/24"), route("10.0.0.0/8", "192.0.2.1", mode(RouteAdd))},
		theft: func(t *testing.T, table Table) {
			change(t, table, OpDelete, route("10.0.0.0/8", "192.0.2.1"))
			change(t, table, OpAdd, route("10.0.0.0/8", "192.0.2.2"))
		},
		lost:   "lost 10.0.0.0/8 via 192.0.2.1 dev eth0\n",
		result: "restored 10.0.0.0/8 via 192.0.2.1 dev eth0\n",
		table: `
eth0 192.0.2.10/24 label eth0 proto 18
route 10.0.0.0/8 via 192.0.2.1 dev eth0
route 10.0.0.0/8 via 192.0.2.2 dev eth0
`,
	},
	{
		name: "what is not guarded",
		wanted: []Object{
			eth0("192.0.2.10/24"), eth0("192.0.2.11/24").but(func(a *Address) { a.NoTrack = true }),
			route("10.0.0.0/8", "192.0.2.1", func(r *Route) { r.NoTrack = true }),
		},
		theft: func(t *testing.T, table Table) {
			change(t, table, OpDelete, eth0("192.0.2.11/24"))
			change(t, table, OpDelete, route("10.0.0.0/8", "192.0.2.1"))
		},
		table: "eth0 192.0.2.10/24 label eth0 proto 18\n",
	},
}

func TestHolderTheft(t *testing.T) {
	for _, tt := range theftTests {
		t.Run(tt.name, func(t *testing.T) {
			f := newFakeTable("eth0")
			runTheft(t, f, f.render, tt.wanted, tt.theft, tt.lost, tt.result, tt.table)
		})
	}
}

func runTheft(t *testing.T, table Table, show func() string, wanted []Object, theft func(*testing.T, Table), lost, result, after string) {
	t.Helper()
	h := NewHolder(table)
	if _, err := h.Apply(t.Context(), wanted); err != nil {
		t.Fatal(err)
	}
	before := show()
	theft(t, table)
	losses, err := h.Check(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(lost, renderLosses(losses)); diff != "" {
		t.Errorf("Check (-want +got):\n%s", diff)
	}
	res, err := h.Apply(t.Context(), wanted)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(result, renderResult(res)); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	if after = strings.TrimPrefix(after, "\n"); after == "" {
		after = before
	}
	if diff := cmp.Diff(after, show()); diff != "" {
		t.Errorf("tables (-want +got):\n%s", diff)
	}
	if losses, err := h.Check(t.Context()); len(losses) > 0 || err != nil {
		t.Errorf("Check afterwards = %v, %v", losses, err)
	}
	if res, err := h.Apply(t.Context(), wanted); err != nil || renderResult(res) != "" {
		t.Errorf("Apply again: %q, %v", renderResult(res), err)
	}
}

func renderLosses(losses []Loss) string {
	var b strings.Builder
	for _, l := range losses {
		word := "lost "
		if l.Changed {
			word = "changed "
		}
		b.WriteString(word + l.Object.String() + "\n")
	}
	return b.String()
}

func TestSame(t *testing.T) {
	a := []Object{eth0("192.0.2.10/24"), route("10.0.0.0/8", "192.0.2.1"), rule(1, "10.0.0.0/8", 5)}
	b := []Object{a[0], route("10.0.0.0/8", "192.0.2.1", metric(2)), a[2]}
	if !Same(a, a) || Same(a, b) || Same(a, a[:2]) {
		t.Error("Same is wrong")
	}
	if got := Without(a, b); len(got) != 1 || got[0].String() != a[1].String() {
		t.Errorf("Without = %v", got)
	}
	if got := Common(a, b); len(got) != 2 {
		t.Errorf("Common = %v", got)
	}
}
