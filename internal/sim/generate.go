package sim

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// Generate makes a world from a seed.
func Generate(seed uint64) *Plan {
	g := &generator{rng: rand.New(rand.NewPCG(seed, 0xfeed)), p: &Plan{Seed: seed}}
	g.network()
	g.machines()
	g.p.Delay = g.delay()
	g.health.begin(&world{plan: g.p})
	g.on = make([]bool, len(g.p.Routers))
	g.plugged = make([][]bool, len(g.p.Routers))
	for i := range g.plugged {
		g.plugged[i] = make([]bool, g.p.LANs)
		for l := range g.plugged[i] {
			g.plugged[i][l] = true
		}
	}
	g.specs = make([][]*fsm.Spec, len(g.p.Routers))
	for i := range g.specs {
		g.specs[i] = append(g.specs[i], g.p.Routers[i].Specs...)
	}
	if g.p.Gentle {
		g.gentle()
	} else {
		g.stormy()
	}
	g.p.End = g.now
	return g.p
}

type generator struct {
	rng     *rand.Rand
	p       *Plan
	version uint8
	v6      bool
	taken   map[uint8]bool // priorities, in a gentle world
	now     time.Duration
	health  health // for its times

	// What the steps so far have come to.
	on      []bool
	plugged [][]bool
	specs   [][]*fsm.Spec
	parted  bool
}

func (g *generator) chance(percent int) bool { return g.rng.IntN(100) < percent }

func pick[T any](g *generator, list ...T) T { return list[g.rng.IntN(len(list))] }

func (g *generator) network() {
	p := g.p
	g.version, g.taken = 3, map[uint8]bool{}
	if g.chance(35) {
		g.version = 2
	} else {
		g.v6 = g.chance(40)
	}
	p.LANs = 1
	if g.chance(30) {
		p.LANs = 2
		p.Sync = g.chance(60)
	}
	p.Gentle = g.chance(50)
	p.Unicast = g.chance(25)
	p.Auth = g.version == 2 && g.chance(50)
	if !p.Gentle && g.chance(50) {
		p.Late = time.Duration(1+g.rng.IntN(3000)) * time.Microsecond
	}
}

// machines makes the routers. Those of a gentle world have priorities so far
// apart that only one of them takes over from a MASTER that is gone.
func (g *generator) machines() {
	p := g.p
	n := 2 + g.rng.IntN(8)
	interval := g.interval()
	owner := -1
	if g.chance(15) {
		owner = g.rng.IntN(n)
	}
	weighted := g.rng.IntN(n)
	hosts := g.rng.Perm(100)
	down := 3
	if g.chance(15) {
		down = 2 + g.rng.IntN(4)
	}
	// Routers of version 3 may have intervals of their own, but not everywhere:
	// a BACKUP that last heard a short one takes over from a MASTER with a long
	// one. In a gentle world that is a change too many, and where a MASTER does
	// not answer and one that yields has the last word it has no end.
	uneven := g.version == 3 && !p.Gentle && g.chance(30)
	for i := range n {
		r := Router{Name: fmt.Sprintf("r%d", i+1), Clock: time.Duration(g.rng.Int64N(int64(1000 * time.Hour)))}
		priority := g.priority()
		if i == owner {
			priority = fsm.Owner
		}
		own := interval
		if uneven && g.chance(40) {
			own = g.interval()
		}
		base := fsm.Spec{
			Version: g.version, IPv6: g.v6, Unicast: p.Unicast, Priority: priority, AdvertInterval: own, DownTimerAdverts: down,
			Addresses: 1, StrictCompat: g.chance(30), LowerPrioNoAdvert: !uneven && g.chance(15), HigherPrioSendAdvert: !uneven && g.chance(15),
			GARP: fsm.GARP{Repeat: 5, Delay: 5 * time.Second, RefreshRepeat: 1, LowerRepeat: 5, LowerDelay: 5 * time.Second},
		}
		if g.chance(20) {
			base.GARP.Refresh = time.Duration(1+g.rng.IntN(5)) * time.Second
		}
		switch {
		case priority == fsm.Owner:
			base.StartMaster = g.chance(70)
		case g.chance(25):
			base.NoPreempt = true
		case g.chance(20):
			base.PreemptDelay = time.Duration(1+g.rng.IntN(20)) * own / 2
		}
		for l := range p.LANs {
			s := base
			s.Name, s.VRID = fmt.Sprintf("VI_%d", l), uint8(51+l)
			if s.IPv6 {
				s.Addresses = 2
			}
			s.Trackers = g.trackers(priority, i == weighted)
			r.Specs = append(r.Specs, &s)
			r.Sources = append(r.Sources, g.source(l, hosts[i]))
		}
		p.Routers = append(p.Routers, r)
	}
}

func (g *generator) interval() time.Duration {
	if g.version == 2 {
		return pick[time.Duration](g, 1, 1, 1, 2, 3) * time.Second
	}
	return pick[time.Duration](g, 10, 50, 100, 250, 1000, 1000, 1000, 2500, 7010) * time.Millisecond
}

// gap is how far the base priorities of a gentle world are apart at least.
const gap = 8

func (g *generator) priority() uint8 {
	if !g.p.Gentle {
		if g.chance(40) {
			return pick[uint8](g, 50, 100, 150, 200) // to have equal ones
		}
		return uint8(1 + g.rng.IntN(254))
	}
	for {
		p := uint8(gap * (1 + g.rng.IntN(31)))
		if !g.taken[p] {
			g.taken[p] = true
			return p
		}
	}
}

// trackers gives an instance scripts that decide about running at all, or about
// the priority. Members of sync groups have no weights: their priorities would
// pull in different directions.
func (g *generator) trackers(priority uint8, weighted bool) []fsm.Tracker {
	var list []fsm.Tracker
	if g.chance(25) {
		list = append(list, fsm.Tracker{Kind: fsm.TrackScript, Name: "vital"})
	}
	if priority == fsm.Owner || g.p.Sync || g.p.Gentle && !weighted || g.chance(50) {
		return list
	}
	weight := gap*(1+g.rng.IntN(8)) + gap/2 // never makes two priorities equal
	if g.chance(50) {
		weight = -weight
	}
	return append(list, fsm.Tracker{Kind: fsm.TrackScript, Name: "weighty", Weight: weight})
}

func (g *generator) source(l, host int) netip.Addr {
	if g.v6 {
		return netip.MustParseAddr(fmt.Sprintf("fe80::%d:%x", l+1, 0x1000+host))
	}
	return netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + 100*l + host)})
}

// delay is how long packets take: little compared with the shortest interval,
// and in a gentle world with what tells the priorities apart.
func (g *generator) delay() time.Duration {
	limit := 3 * time.Millisecond
	for _, s := range g.p.allSpecs() {
		limit = min(limit, s.AdvertInterval/20)
		if g.p.Gentle {
			of := s.AdvertInterval
			if g.version == 2 {
				of = time.Second
			}
			limit = min(limit, of*(gap/2)/256/4)
		}
	}
	return max(limit, 4)
}

func (g *generator) add(s Step) {
	s.At = g.now
	g.p.Steps = append(g.p.Steps, s)
}

// rest lets the world settle.
func (g *generator) rest() {
	g.add(Step{Kind: Calm})
	g.now += g.health.settle + g.longest() + time.Duration(g.rng.Int64N(int64(g.longest()))) + 10*slack
}

func (g *generator) longest() time.Duration { return g.p.longestInterval() }

// gentle is one disturbance at a time, with rest in between.
func (g *generator) gentle() {
	for i := range g.p.Routers {
		g.begin(i, 0)
		if g.chance(30) {
			g.now += time.Duration(g.rng.Int64N(int64(g.longest())))
		}
	}
	g.rest()
	for range 3 + g.rng.IntN(6) {
		g.disturb()
		g.rest()
	}
}

// stormy is many disturbances at once, with noise, and rest only after that.
func (g *generator) stormy() {
	for i := range g.p.Routers {
		if g.chance(85) {
			g.begin(i, 0)
		}
	}
	for range 1 + g.rng.IntN(3) {
		if g.chance(70) {
			g.add(Step{Kind: SetNoise, Noise: Noise{
				Loss: g.rng.Float64() * 0.5, Duplicate: g.rng.Float64() * 0.3, Corrupt: g.rng.Float64() * 0.1,
				Delay: time.Duration(1 + g.rng.Int64N(int64(g.longest()))),
			}})
		}
		for range 2 + g.rng.IntN(14) {
			g.now += time.Duration(g.rng.Int64N(int64(4 * g.longest())))
			g.disturb()
		}
		g.now += time.Duration(g.rng.Int64N(int64(4 * g.longest())))
		g.add(Step{Kind: SetNoise})
		if g.parted && g.chance(70) {
			g.parted = false
			g.add(Step{Kind: Partition, LAN: Everywhere, Parts: make([]int, len(g.p.Routers))})
		}
		g.now += g.longest() // what the noise held up arrives
		g.rest()
	}
}

func (g *generator) begin(i int, delay time.Duration) {
	g.on[i] = true
	g.add(Step{Kind: Start, Router: i, For: delay})
	g.now += time.Microsecond
}

// disturb adds one step that makes sense where the world has come to.
func (g *generator) disturb() {
	i, l := g.rng.IntN(len(g.p.Routers)), g.rng.IntN(g.p.LANs)
	if !g.on[i] {
		var delay time.Duration
		if g.chance(20) {
			delay = time.Duration(1+g.rng.IntN(10)) * g.longest() / 2
		}
		g.begin(i, delay)
		if g.p.Gentle {
			g.now += delay
		}
		return
	}
	switch g.rng.IntN(11) {
	case 0, 1:
		g.on[i] = false
		g.add(Step{Kind: Crash, Router: i})
	case 2:
		g.on[i] = false
		g.add(Step{Kind: Stop, Router: i})
	case 3, 4:
		g.plugged[i][l] = !g.plugged[i][l]
		kind := LinkUp
		if !g.plugged[i][l] {
			kind = LinkDown
		}
		g.add(Step{Kind: kind, Router: i, LAN: l})
	case 5:
		g.parted = !g.parted
		parts := make([]int, len(g.p.Routers))
		for r := range parts {
			if g.parted {
				parts[r] = g.rng.IntN(2 + g.rng.IntN(2))
			}
		}
		if g.chance(70) {
			l = Everywhere
		}
		g.add(Step{Kind: Partition, LAN: l, Parts: compact(parts)})
	case 6:
		d := time.Duration(1+g.rng.Int64N(100)) * g.longest() / 16
		g.add(Step{Kind: Pause, Router: i, For: d, Asleep: g.chance(30)})
		if g.p.Gentle {
			g.now += d
		}
	case 7:
		g.reload(i)
	case 8:
		g.add(Step{Kind: LoseAddr, Router: i, LAN: l})
	case 9:
		g.add(Step{Kind: Stray, LAN: l, Packet: g.stray()})
	default:
		g.track(i, l)
	}
}

// stray makes a packet that is either to be obeyed, or to be ignored for one
// reason.
func (g *generator) stray() Packet {
	s := Packet{Priority: uint8(g.rng.IntN(255)), Hurry: g.chance(50), Count: g.chance(20)}
	if g.chance(40) {
		s.Priority = 0
	}
	switch g.rng.IntN(10) {
	case 0:
		s.VRID = 100
	case 1:
		s.Version = 1
	case 2:
		if !g.p.Unicast {
			s.TTL = 1 + g.rng.IntN(254)
		}
	case 3:
		s.Cut = 1 + g.rng.IntN(12)
	case 4:
		s.Password = true
	}
	return s
}

// compact numbers parts from 0 without gaps.
func compact(parts []int) []int {
	numbers := map[int]int{}
	for i, p := range parts {
		n, ok := numbers[p]
		if !ok {
			n = len(numbers)
			numbers[p] = n
		}
		parts[i] = n
	}
	return parts
}

func (g *generator) reload(i int) {
	old := g.specs[i][0]
	priority := old.Priority
	if priority != fsm.Owner {
		priority = g.priority()
	}
	nopreempt := priority != fsm.Owner && g.chance(25)
	var specs []*fsm.Spec
	for l := range g.p.LANs {
		s := *g.specs[i][l]
		s.Priority, s.NoPreempt = priority, nopreempt
		specs = append(specs, &s)
	}
	g.specs[i] = specs
	g.add(Step{Kind: Reload, Router: i, Specs: specs})
}

func (g *generator) track(i, l int) {
	list := g.specs[i][l].Trackers
	if len(list) == 0 {
		g.reload(i)
		return
	}
	g.add(Step{Kind: Track, Router: i, LAN: l, Tracker: g.rng.IntN(len(list)), Verdict: pick(g, fsm.Good, fsm.Bad)})
}
