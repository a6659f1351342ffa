package sim

import (
	"time"

	"github.com/holdfast-ha/holdfast/internal/fsm"
)

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
	g.at[i].on = true
	g.add(Step{Kind: Start, Router: i, For: delay})
	g.now += time.Microsecond
}

// disturb adds one step that makes sense where the world has come to.
func (g *generator) disturb() {
	i, l := g.rng.IntN(len(g.p.Routers)), g.rng.IntN(g.p.LANs)
	m := &g.at[i]
	if g.heal() {
		return
	}
	if !m.on {
		var delay time.Duration
		if g.chance(20) {
			delay = time.Duration(1+g.rng.IntN(10)) * g.longest() / 2
		}
		g.begin(i, delay)
		switch {
		case g.p.Gentle:
			g.now += delay
		case delay > 0 && g.p.Sync && g.chance(50):
			g.now += delay / 2
			g.regroup(i)
		}
		return
	}
	g.disturbRunning(i, l)
}

// disturbRunning does something to a router that runs, or around it.
func (g *generator) disturbRunning(i, l int) {
	m := &g.at[i]
	if g.rivals != nil && g.chance(10) {
		g.feud(l)
		return
	}
	if g.p.Sync && !g.p.Gentle && !m.unplugged[l] && g.chance(8) {
		g.join(i, l)
		return
	}
	switch g.rng.IntN(16) {
	case 0, 1:
		m.on = false
		g.add(Step{Kind: Crash, Router: i})
	case 2:
		m.on = false
		g.add(Step{Kind: Stop, Router: i})
	case 3, 4:
		g.toggle(&m.unplugged[l], Step{Kind: LinkDown, Router: i, LAN: l}, LinkUp)
	case 5:
		g.partition(l)
	case 6:
		g.oneWay(i, l)
	case 7:
		g.toggle(&m.nameless[l], Step{Kind: SourceLost, Router: i, LAN: l}, SourceBack)
	case 8:
		g.pause(i, Pause)
	case 9:
		g.pause(i, Suspend)
	case 10:
		g.add(Step{Kind: SetClock, Router: i, For: time.Duration(g.rng.Int64N(int64(8*time.Millisecond))) - 4*time.Millisecond})
		if g.chance(50) {
			g.p.Steps[len(g.p.Steps)-1].For *= 100000
		}
	case 11, 12:
		g.reload(i)
	case 13:
		g.steal(i, l)
	case 14:
		g.add(Step{Kind: Stray, LAN: l, Packet: g.stray()})
	default:
		g.track(i, l)
	}
}

// join lets another router take over from one that loses one of its networks,
// and then all the others become sync groups, or no longer are.
func (g *generator) join(i, l int) {
	g.toggle(&g.at[i].unplugged[l], Step{Kind: LinkDown, Router: i, LAN: l}, LinkUp)
	g.now += 5 * g.longest()
	for j := range g.at {
		if j != i && g.at[j].on {
			g.regroup(j)
		}
	}
}

// regroup makes the instances of a router a sync group, or no longer.
func (g *generator) regroup(i int) {
	m := &g.at[i]
	m.sync = !m.sync
	g.add(Step{Kind: Reload, Router: i, Specs: m.specs, Sync: m.sync})
}

// toggle does the step, or undoes it when it has been done.
func (g *generator) toggle(is *bool, s Step, undo Kind) {
	if *is = !*is; !*is {
		s.Kind = undo
	}
	g.add(s)
}

func (g *generator) partition(l int) {
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
}

// oneWay makes a router deaf to some of the others, or lets it hear again.
func (g *generator) oneWay(i, l int) {
	not := make([]int, len(g.p.Routers))
	some := false
	for r := range not {
		if r != i && !g.at[i].deaf[l] && g.chance(60) {
			not[r], some = 1, true
		}
	}
	if some || g.at[i].deaf[l] {
		g.at[i].deaf[l] = some
		g.add(Step{Kind: OneWay, Router: i, LAN: l, Parts: not})
	}
}

// heal ends a one-way network more often than others begin: as long as it lasts
// not much can be checked.
func (g *generator) heal() bool {
	for i := range g.at {
		for l, deaf := range g.at[i].deaf {
			if deaf && g.chance(40) {
				g.oneWay(i, l)
				return true
			}
		}
	}
	return false
}

func (g *generator) pause(i int, kind Kind) {
	d := time.Duration(1+g.rng.Int64N(100)) * g.longest() / 16
	if kind == Pause && g.chance(20) {
		d = time.Duration(1+g.rng.IntN(9)) * time.Millisecond // a busy machine
	}
	g.add(Step{Kind: kind, Router: i, For: d})
	if g.p.Gentle {
		g.now += d
	}
}

// feud makes one of two owners deaf to the other, to whom it should give way, for
// long enough that the other does; then it is gone.
func (g *generator) feud(l int) {
	deaf, other := g.rivals[0], g.rivals[1]
	if g.p.Routers[other].Sources[l].Less(g.p.Routers[deaf].Sources[l]) {
		deaf, other = other, deaf
	}
	not := make([]int, len(g.p.Routers))
	not[other] = 1
	g.add(Step{Kind: OneWay, Router: deaf, LAN: l, Parts: not})
	g.at[deaf].deaf[l] = true
	g.now += 12 * g.longest()
	if g.at[deaf].on {
		g.at[deaf].on = false
		g.add(Step{Kind: Crash, Router: deaf})
	}
	g.now += 6 * g.longest()
}

// steal takes an address away, perhaps again and again, or again when the
// router has lost and regained it.
func (g *generator) steal(i, l int) {
	if !g.p.Gentle && !g.at[i].unplugged[l] && g.chance(25) {
		g.add(Step{Kind: LoseAddr, Router: i, LAN: l})
		g.add(Step{Kind: LinkDown, Router: i, LAN: l})
		g.now += 2 * detection
		g.add(Step{Kind: LinkUp, Router: i, LAN: l})
		g.now += 5 * g.longest()
	}
	times := 1
	if g.chance(40) {
		times += g.rng.IntN(4)
	}
	for range times {
		g.add(Step{Kind: LoseAddr, Router: i, LAN: l})
		g.now += time.Duration(g.rng.IntN(700)) * time.Millisecond
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

// reload gives a router another configuration.
func (g *generator) reload(i int) {
	m := &g.at[i]
	if g.p.Sync && g.chance(40) {
		m.sync = !m.sync
	}
	change := *m.specs[0]
	if change.Priority != fsm.Owner && g.chance(60) {
		change.Priority = g.priority()
		change.NoPreempt = g.chance(25)
	}
	if g.paces && g.chance(60) {
		// In a gentle world it only grows: what tells the priorities apart
		// must stay longer than a packet takes.
		if change.AdvertInterval = g.p.Slowest; !g.p.Gentle && g.chance(50) {
			change.AdvertInterval = g.p.Routers[i].Specs[0].AdvertInterval
		}
	}
	if g.mixed && g.chance(50) {
		change.Version = 5 - change.Version
	}
	if g.chance(30) {
		change.Addresses = 1 + g.rng.IntN(3)
	}
	if change.PreemptDelay > 0 && g.chance(40) {
		if !g.p.Gentle && !m.unplugged[0] && g.chance(50) {
			g.comesBack(i, change.PreemptDelay)
		}
		change.PreemptDelay = pick(g, 0, change.PreemptDelay/2, change.PreemptDelay/2)
	}
	var specs []*fsm.Spec
	for l := range g.p.LANs {
		s := *m.specs[l]
		s.Priority, s.NoPreempt, s.PreemptDelay = change.Priority, change.NoPreempt, change.PreemptDelay
		s.AdvertInterval, s.Version, s.Addresses = change.AdvertInterval, change.Version, change.Addresses
		specs = append(specs, &s)
	}
	m.specs = specs
	g.add(Step{Kind: Reload, Router: i, Specs: specs, Sync: m.sync})
}

// comesBack lets a router that waits before it preempts come back to others
// that have taken over, some time before it does.
func (g *generator) comesBack(i int, wait time.Duration) {
	g.add(Step{Kind: LinkDown, Router: i})
	g.now += 5 * g.longest()
	g.add(Step{Kind: LinkUp, Router: i})
	g.now += g.longest() + wait/2
}

func (g *generator) track(i, l int) {
	list := g.at[i].specs[l].Trackers
	if len(list) == 0 {
		g.reload(i)
		return
	}
	g.add(Step{Kind: Track, Router: i, LAN: l, Tracker: g.rng.IntN(len(list)), Verdict: pick(g, fsm.Good, fsm.Bad)})
}
