package sim

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// pair is a world of two routers that start together.
func pair(change func(a, b *Router)) *Plan {
	p := &Plan{Seed: 1, LANs: 1, Delay: time.Millisecond, End: 30 * time.Second}
	for i, priority := range []uint8{200, 100} {
		p.Routers = append(p.Routers, Router{
			Name:    []string{"a", "b"}[i],
			Sources: []netip.Addr{netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + i)})},
			Specs: []*fsm.Spec{{
				Name: "VI", Version: 3, VRID: 1, Priority: priority, AdvertInterval: time.Second, DownTimerAdverts: 3, Addresses: 1,
			}},
		})
		p.Steps = append(p.Steps, Step{Kind: Start, Router: i})
	}
	change(&p.Routers[0], &p.Routers[1])
	return p
}

func TestHealthyPair(t *testing.T) {
	p := pair(func(_, _ *Router) {})
	r := Run(p, nil)
	if r.Violation != nil {
		t.Fatal(r.Violation)
	}
	if r.Masters != 1 || r.Adverts != 27 {
		t.Errorf("%d masters, %d adverts; want 1 and 27: from 3.2 s to 30 s", r.Masters, r.Adverts)
	}
}

// Routers of two versions do not hear each other: each has a MASTER of its own.
func TestTwoVersions(t *testing.T) {
	r := Run(pair(func(a, _ *Router) { a.Specs[0].Version = 2 }), nil)
	if r.Violation != nil || r.Masters != 2 {
		t.Errorf("%d masters, violation %v; want 2 and none", r.Masters, r.Violation)
	}
}

// Worlds in which a promise must be broken: the checks have to see it.
func TestViolations(t *testing.T) {
	tests := []struct {
		name   string
		change func(a, b *Router)
		want   string
	}{
		{"two routers of another VRID", func(a, _ *Router) { a.Specs[0].VRID = 2 }, "lan0 has more than one MASTER since"},
		{"two routers with the same address and priority", func(a, b *Router) {
			a.Sources[0], a.Specs[0].Priority = b.Sources[0], b.Specs[0].Priority
		}, "lan0 has more than one MASTER since"},
		{"a router that is broken by its configuration", func(a, _ *Router) { a.Specs[0].ConfigFault = "no such thing" }, "a on lan0 is FAULT"},
		{"two owners", func(a, b *Router) {
			a.Specs[0].Priority, b.Specs[0].Priority = fsm.Owner, fsm.Owner
			a.Sources[0] = netip.MustParseAddr("192.0.2.9")
			a.Specs[0].VRID = 2
		}, "lan0 has more than one MASTER since"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			v := Run(pair(test.change), nil).Violation
			if v == nil || !strings.Contains(v.What, test.want) {
				t.Errorf("violation %v, want %q", v, test.want)
			}
		})
	}
}

func TestShrink(t *testing.T) {
	p := pair(func(a, _ *Router) { a.Specs[0].VRID = 2 })
	for i := range 6 {
		at := time.Duration(i+1) * time.Millisecond
		p.Steps = append(p.Steps,
			Step{At: at, Kind: Stray, Packet: Packet{Cut: 3}},
			Step{At: at, Kind: LoseAddr, Router: i % 2},
		)
	}
	before := slices.Clone(p.Steps)
	small := Shrink(p)
	if Run(small, nil).Violation == nil {
		t.Error("the smaller world keeps its promises")
	}
	if diff := cmp.Diff(p.Steps[:2], small.Steps, cmp.AllowUnexported(netip.Addr{})); diff != "" {
		t.Errorf("steps that matter (-want +got):\n%s", diff)
	}
	if !slices.EqualFunc(before, p.Steps, func(a, b Step) bool { return a.Kind == b.Kind && a.At == b.At }) {
		t.Error("the plan itself was changed")
	}
	healthy := pair(func(_, _ *Router) {})
	if Shrink(healthy) != healthy {
		t.Error("a world without violation was changed")
	}
}

// A run is a function of the seed, event for event.
func TestSameSeedSameRun(t *testing.T) {
	for seed := uint64(1); seed <= 5; seed++ {
		var runs [2][]string
		for i := range runs {
			p := Generate(seed)
			runs[i] = append(runs[i], p.String())
			Run(p, func(s string) { runs[i] = append(runs[i], s) })
		}
		if !slices.Equal(runs[0], runs[1]) {
			t.Errorf("world %d: %s", seed, cmp.Diff(runs[0], runs[1]))
		}
		if len(runs[0]) < 10 {
			t.Errorf("world %d: nothing much happens: %v", seed, runs[0])
		}
	}
}

// What may happen does happen, in enough worlds to matter.
func TestGenerateIsVaried(t *testing.T) {
	const n = 400
	seen := map[string]int{}
	count := func(name string, yes bool) {
		if yes {
			seen[name]++
		}
	}
	for seed := uint64(1); seed <= n; seed++ {
		p := Generate(seed)
		s := p.Routers[0].Specs[0]
		count("gentle", p.Gentle)
		count("stormy", !p.Gentle)
		count("sync groups", p.Sync)
		count("unicast", p.Unicast)
		count("password", p.Auth)
		count("late timers", p.Late > 0)
		count("version 2", s.Version == 2)
		count("reloads of intervals", p.Slowest > s.AdvertInterval)
		count("version 3 over IPv4", s.Version == 3 && !s.IPv6)
		count("version 3 over IPv6", s.Version == 3 && s.IPv6)
		count("nine routers", len(p.Routers) == 9)
		kinds := map[Kind]bool{}
		versions, groups := map[uint8]bool{}, map[bool]bool{}
		for _, r := range p.Routers {
			versions[r.Specs[0].Version], groups[r.Sync] = true, true
		}
		count("both versions", len(versions) == 2)
		count("some sync groups", len(groups) == 2)
		for i := range p.Steps {
			kinds[p.Steps[i].Kind] = true
			count("start delay", p.Steps[i].Kind == Start && p.Steps[i].For > 0)
			count("noise", p.Steps[i].Noise.Loss > 0)
			if p.Steps[i].Kind == Reload {
				countReload(p, &p.Steps[i], count)
			}
		}
		for k := range Kind(len(kindNames)) {
			count(k.String(), kinds[k])
		}
		for _, r := range p.Routers {
			countSpec(r.Specs[0], count)
		}
	}
	want := []string{
		"reloads of intervals", "both versions", "some sync groups", "reload of addresses", "reload of the version", "reload of a sync group",
		"gentle", "stormy", "sync groups", "unicast", "password", "late timers", "version 2", "version 3 over IPv4",
		"version 3 over IPv6", "nine routers", "start delay", "noise", "owner", "nopreempt", "preempt delay",
		"lost addresses as keepalived", "script vital", "script weighty",
	}
	for _, name := range append(want, kindNames[:]...) {
		if seen[name] < n/40 {
			t.Errorf("%s: in %d of %d worlds", name, seen[name], n)
		}
	}
}

func countReload(p *Plan, s *Step, count func(string, bool)) {
	old, now := p.Routers[s.Router], s.Specs[0]
	count("reload of addresses", old.Specs[0].Addresses != now.Addresses)
	count("reload of the version", old.Specs[0].Version != now.Version)
	count("reload of a sync group", old.Sync != s.Sync)
}

func countSpec(s *fsm.Spec, count func(string, bool)) {
	count("owner", s.Priority == fsm.Owner)
	count("nopreempt", s.NoPreempt)
	count("preempt delay", s.PreemptDelay > 0)
	count("lost addresses as keepalived", s.StrictCompat)
	for _, t := range s.Trackers {
		count("script "+t.Name, true)
	}
}
