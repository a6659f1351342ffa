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
	g := &generator{rng: rand.New(rand.NewPCG(seed, 0xfeed)), p: &Plan{Seed: seed}} // #nosec G404 -- to be repeated
	g.network()
	g.machines()
	g.p.Delay = g.delay()
	g.health.begin(&world{plan: g.p})
	for _, r := range g.p.Routers {
		g.at = append(g.at, machine{
			specs: r.Specs, sync: r.Sync,
			unplugged: make([]bool, g.p.LANs), nameless: make([]bool, g.p.LANs), deaf: make([]bool, g.p.LANs),
		})
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
	version uint8 // of all, or of the first
	mixed   bool  // routers of both versions
	paces   bool  // reloads change intervals
	rivals  []int // two routers that own the same addresses
	v6      bool
	taken   map[uint8]bool // priorities, in a gentle world
	now     time.Duration
	health  health // for its times

	// What the steps so far have come to.
	at     []machine
	parted bool
}

// machine is what the steps so far have come to for a router.
type machine struct {
	on, sync                  bool
	specs                     []*fsm.Spec
	unplugged, nameless, deaf []bool // on each network
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
	g.mixed = !g.v6 && g.chance(12)
	g.paces = g.chance(25)
	p.LANs = 1
	if g.chance(30) {
		p.LANs = 2
		p.Sync = g.chance(60)
	}
	p.Gentle = g.chance(50)
	p.Unicast = g.chance(25)
	p.Auth = (g.version == 2 || g.mixed) && g.chance(50)
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
	owner, rival := -1, -1
	if g.chance(15) {
		owner = g.rng.IntN(n)
		if !p.Gentle && g.chance(40) {
			rival = (owner + 1) % n
			g.rivals = []int{owner, rival}
		}
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
	uneven := g.version == 3 && !g.mixed && !p.Gentle && g.chance(30)
	answers := !uneven && !g.paces
	if g.paces {
		p.Slowest = max(interval, min(g.interval(), 20*interval)) // or nothing else happens in a world
	}
	together := g.chance(70)
	for i := range n {
		r := Router{Name: fmt.Sprintf("r%d", i+1), Clock: time.Duration(g.rng.Int64N(int64(1000 * time.Hour)))}
		r.Sync = p.Sync && (together || g.chance(50))
		priority := g.priority()
		if i == owner || i == rival {
			priority = fsm.Owner
		}
		own := interval
		if uneven && g.chance(40) {
			own = g.interval()
		}
		base := g.base(own, answers, priority, down)
		for l := range p.LANs {
			s := base
			s.Name, s.VRID = fmt.Sprintf("VI_%d", l), uint8(51+l)
			if s.IPv6 || g.chance(20) {
				s.Addresses = 2
			}
			s.Trackers = g.trackers(priority, i == weighted)
			r.Specs = append(r.Specs, &s)
			r.Sources = append(r.Sources, g.source(l, hosts[i]))
		}
		p.Routers = append(p.Routers, r)
	}
}

// base is what the instances of a router have in common.
func (g *generator) base(interval time.Duration, answers bool, priority uint8, down int) fsm.Spec {
	version := g.version
	if g.mixed {
		version = 2 + uint8(g.rng.IntN(2))
	}
	s := fsm.Spec{
		Version: version, IPv6: g.v6, Unicast: g.p.Unicast, Priority: priority, AdvertInterval: interval, DownTimerAdverts: down,
		Addresses: 1, StrictCompat: g.chance(30), LowerPrioNoAdvert: answers && g.chance(15), HigherPrioSendAdvert: answers && g.chance(15),
		GARP: g.garp(),
	}
	switch {
	case priority == fsm.Owner:
		s.StartMaster = g.chance(70)
	case g.chance(25):
		s.NoPreempt = true
	case g.chance(20):
		s.PreemptDelay = time.Duration(1+g.rng.IntN(20)) * interval / 2
	default:
		s.StartMaster = g.chance(20) // which says nothing without owning them
	}
	return s
}

func (g *generator) garp() fsm.GARP {
	c := fsm.GARP{Repeat: 5, Delay: 5 * time.Second, RefreshRepeat: 1, LowerRepeat: 5, LowerDelay: 5 * time.Second}
	if g.chance(20) {
		c.Refresh = time.Duration(1+g.rng.IntN(5)) * time.Second
	}
	if g.chance(20) {
		c.Repeat, c.LowerRepeat = g.rng.IntN(3), g.rng.IntN(3)
		c.Delay, c.LowerDelay = time.Duration(g.rng.IntN(4))*time.Second, time.Duration(g.rng.IntN(4))*time.Second
	}
	if g.chance(10) {
		c.Extra = time.Duration(1+g.rng.IntN(5)) * time.Second
	}
	return c
}

func (g *generator) interval() time.Duration {
	if g.version == 2 || g.mixed {
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
			if s.Version == 2 {
				of = time.Second
			}
			limit = min(limit, of*(gap/2)/256/4)
		}
	}
	return max(limit, 4)
}
