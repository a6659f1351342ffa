package kernel

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

func TestHolderRoutesReal(t *testing.T) {
	nettest.Require(t)
	for _, tt := range routeTests {
		t.Run(tt.name, func(t *testing.T) {
			_, h := newSpace(t, "eth0", "eth1")
			runSteps(t, h, func() string { return showReal(t, h, "eth0", "eth1") }, tt.steps)
		})
	}
}

func TestHolderTheftReal(t *testing.T) {
	nettest.Require(t)
	for _, tt := range theftTests {
		t.Run(tt.name, func(t *testing.T) {
			_, h := newSpace(t, "eth0")
			runTheft(t, h, func() string { return showReal(t, h, "eth0") }, tt.wanted, tt.theft, tt.lost, tt.result, tt.table)
		})
	}
}

// every is a route and a rule with everything that can be set on most kernels.
func every() []Object {
	hop := Hop{Via: netip.MustParseAddr("192.0.2.1"), Link: "eth0", OnLink: true, Realms: 5<<16 | 6}
	full := route("10.1.0.0/16", "192.0.2.1", metric(7), source("192.0.2.10"), func(r *Route) {
		r.Hop, r.Table, r.TOS, r.Scope = hop, 1000, 0x10, 0
		for i := MetricMTU; i <= MetricFastOpenNoCookie; i++ {
			if i != MetricFeatures && i != MetricCongestion {
				r.Metrics.Set(i, 1, i%2 == 0)
			}
		}
		r.Metrics.Set(MetricMTU, 1400, true)
		r.Metrics.Set(MetricFeatures, 1, false)
	})
	several := route("10.2.0.0/16", "", func(r *Route) {
		r.Hop = Hop{}
		for i := range 40 {
			r.Hops = append(r.Hops, Hop{Via: netip.AddrFrom4([4]byte{192, 0, 2, byte(100 + i)}), Link: "eth0", Weight: 1 + i})
		}
		r.Hops[3].Encap = Encap{Kind: EncapIP, ID: 7, Dst: netip.MustParseAddr("203.0.113.9"), TTL: 9, TOS: 4}
	})
	six := route("2001:db8:1::/48", "2001:db8::1", metric(9), source("2001:db8::10"), func(r *Route) {
		r.From, r.Pref, r.Expires = netip.MustParsePrefix("2001:db8:9::/48"), 1, 3600
		r.Encap = Encap{Kind: EncapIP6, ID: 7, Dst: netip.MustParseAddr("2001:db8::9"), Src: netip.MustParseAddr("2001:db8::10"), TTL: 9, TOS: 4}
	})
	odd := rule(500, "10.0.0.0/8", 1000)
	odd.To, odd.TOS, odd.Mark, odd.MarkMask, odd.In, odd.Out = netip.MustParsePrefix("10.1.0.0/16"), 8, 5, 7, "lo", "eth0"
	odd.Invert, odd.TunnelID, odd.UsersSet, odd.Users = true, 77, true, [2]uint32{10, 20}
	odd.IPProto, odd.SourcePorts, odd.DestPorts = 6, [2]uint16{53, 53}, [2]uint16{100, 200}
	odd.SuppressPrefix, odd.SuppressGroup, odd.Realms = 9, 6, 3<<16|4
	jump := rule(501, "10.0.0.0/8", 0)
	jump.Action, jump.Goto = ActionGoto, 600
	return []Object{eth0("192.0.2.10/24"), eth0("2001:db8::10/64"), full, several, six, odd, jump}
}

// What the kernel reports of an object is what was asked for.
func TestRoutesAndRulesComeBackAsAsked(t *testing.T) {
	_, h := newSpace(t, "eth0")
	holder := NewHolder(h)
	if _, err := holder.Apply(t.Context(), every()); err != nil {
		t.Fatal(err)
	}
	for _, x := range holder.held {
		if x.Kind() == KindAddress {
			continue
		}
		if x.set == nil {
			t.Errorf("%v: the kernel did not say what it made of it", x)
			continue
		}
		want := x.Object
		if r, ok := want.(Route); ok && r.Expires > 0 {
			r.Expires = 1
			want = r
		}
		if diff := cmp.Diff(want.String(), x.set.String()); diff != "" {
			t.Errorf("%v (-asked +reported):\n%s", x.Kind(), diff)
		}
	}
	if lost, err := holder.Check(t.Context()); len(lost) > 0 || err != nil {
		t.Errorf("Check = %v, %v", lost, err)
	}
	if _, err := holder.Release(t.Context()); err != nil {
		t.Error(err)
	}
	if got := showReal(t, h, "eth0"); got != "" {
		t.Errorf("left behind:\n%s", got)
	}
}

// The tool of the distribution sees them as they are meant.
func TestRoutesAgreeWithTool(t *testing.T) {
	ns, h := newSpace(t, "eth0")
	if _, err := NewHolder(h).Apply(t.Context(), every()); err != nil {
		t.Fatal(err)
	}
	var routes []struct {
		Dst, Gateway, Dev, Prefsrc, From, Pref, Protocol string
		Table                                            any
		Metric                                           int
		Flags                                            []string
		Nexthops                                         []struct {
			Gateway string
			Weight  int
		}
	}
	for _, list := range []string{"-4", "-6"} {
		_, out := command(t, ns, "ip -j "+list+" route show table all proto 18")
		must(t, json.Unmarshal([]byte(out), &routes))
		for _, r := range routes {
			line := fmt.Sprint(r.Dst, " ", r.Gateway, " ", r.Dev, " ", r.Prefsrc, " ", r.From, " ", r.Pref, " ", r.Table, " ", r.Metric, " ", r.Flags, " ", len(r.Nexthops))
			if !slices.Contains([]string{
				"10.1.0.0/16 192.0.2.1 eth0 192.0.2.10   1000 7 [onlink] 0",
				"10.2.0.0/16      <nil> 0 [] 40",
				// The tool gives the key dst to the encapsulation too, which comes later.
				"2001:db8::9 2001:db8::1 eth0 2001:db8::10 2001:db8:9::/48 high <nil> 9 [] 0",
			}, line) {
				t.Errorf("the tool shows %q", line)
			}
		}
		if want := map[string]int{"-4": 2, "-6": 1}[list]; len(routes) != want {
			t.Errorf("the tool shows %d routes, want %d:\n%s", len(routes), want, out)
		}
		routes = nil
	}
	_, out := command(t, ns, "ip -j rule")
	var rules []map[string]any
	must(t, json.Unmarshal([]byte(out), &rules))
	want := map[string]any{
		"priority": 500.0, "not": nil, "src": "10.0.0.0", "srclen": 8.0, "dst": "10.1.0.0", "dstlen": 16.0, "tos": "0x08",
		"fwmark": "0x5", "fwmask": "0x7", "iif": "lo", "oif": "eth0", "table": "1000", "suppress_prefixlen": 8.0,
		"ipproto": "tcp", "sport": 53.0, "protocol": "keepalived",
	}
	for _, r := range rules {
		if r["priority"] != 500.0 {
			continue
		}
		for key, value := range want {
			if got, ok := r[key]; !ok || got != value {
				t.Errorf("rule: %s is %v, want %v", key, got, value)
			}
		}
		return
	}
	t.Errorf("the tool does not show the rule:\n%s", out)
}
