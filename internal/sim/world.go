package sim

import (
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/trace"
)

// Violation is a promise that was not kept.
type Violation struct {
	At   time.Duration
	What string
}

func (v *Violation) Error() string { return fmt.Sprintf("%.6f: %s", v.At.Seconds(), v.What) }

// Result is what a run was like.
type Result struct {
	Violation *Violation // nil: none
	Events    int        // that state machines were given
	Adverts   int        // that were sent
	Masters   int        // times that an instance became MASTER
}

// world is a plan while it happens.
type world struct {
	plan    *Plan
	now     time.Duration
	q       queue
	rng     *rand.Rand
	routers []*router
	noise   Noise
	echo    time.Duration // until then packets may be on their way that noise held up
	health  health
	result  Result
	say     func(string) // the timeline; nil: not wanted
}

// epoch is the beginning of every world.
var epoch = time.Date(2000, 1, 1, 0, 0, 0, 0, time.UTC)

// Run lets a plan happen. If timeline is not nil it is called with each line of
// what happens.
func Run(p *Plan, timeline func(string)) Result {
	w := &world{plan: p, rng: rand.New(rand.NewPCG(p.Seed, 0x5eed)), say: timeline}
	for i := range p.Routers {
		w.routers = append(w.routers, newRouter(w, i))
	}
	w.health.begin(w)
	for i := range p.Steps {
		w.q.add(&item{at: p.Steps[i].At, class: classStep, step: i})
	}
	for w.q.Len() > 0 && w.result.Violation == nil {
		it := w.q.next()
		if it.at > p.End {
			break
		}
		w.now = it.at
		w.health.passed(w)
		w.do(it)
	}
	if w.result.Violation == nil {
		w.now = p.End
		w.health.passed(w)
	}
	if v := w.result.Violation; v != nil {
		w.note("VIOLATION: %s", v.What)
	}
	return w.result
}

func (w *world) fail(format string, args ...any) {
	if w.result.Violation == nil {
		w.result.Violation = &Violation{At: w.now, What: fmt.Sprintf(format, args...)}
	}
}

// note adds a line to the timeline.
func (w *world) note(format string, args ...any) {
	if w.say != nil {
		w.say(fmt.Sprintf("%11.6f    # %s", w.now.Seconds(), fmt.Sprintf(format, args...)))
	}
}

// record adds a line of a router's trace to the timeline.
func (w *world) record(r *router, l trace.Line) {
	if w.say != nil {
		l.At = w.now
		w.say(fmt.Sprintf("%s  %s", l, r.plan.Name))
	}
}

func (w *world) do(it *item) {
	switch it.class {
	case classStep:
		w.step(&w.plan.Steps[it.step])
		return
	case classControl:
		r := w.routers[it.router]
		if it.life == r.life {
			w.health.disturbed(w, 0)
			if it.resume {
				r.resume()
			} else {
				r.control(fsm.ID(it.lan), it.event)
			}
			w.health.look(w, true)
		}
	case classPacket:
		w.routers[it.router].arrives(it.lan, &it.packet, it.life)
	case classTimer:
		if r := w.routers[it.router]; it.life == r.life {
			r.timer(it.lan)
		}
	}
}

// step lets a step of the plan happen.
func (w *world) step(s *Step) {
	w.note("%s", s.describe(w.plan))
	w.health.disturbed(w, w.causes(s))
	r := w.routers[s.Router]
	switch s.Kind {
	case Start:
		r.start(s.For)
	case Crash:
		r.crash()
	case Stop:
		r.stop()
	case LinkDown, LinkUp:
		r.plug(s.LAN, s.Kind == LinkUp)
	case Partition:
		for i, part := range s.Parts {
			w.routers[i].part = part
		}
	case Track:
		r.verdict(s.LAN, s.Tracker, s.Verdict)
	case Pause:
		r.pause(s.For)
	case Reload:
		r.reload(s.LAN, s.Spec)
	case LoseAddr:
		r.loseAddress(s.LAN)
	case SetNoise:
		w.echo = w.now + w.noise.Delay + w.plan.Delay
		w.noise = s.Noise
	}
	w.health.look(w, true)
}

// transmit carries a packet to every router that can hear it: all of the
// network, or with unicast the one it is for.
func (w *world) transmit(from *router, l int, m *advert.Message) {
	if !from.ports[l].plugged {
		return
	}
	w.result.Adverts++
	for i, to := range w.routers {
		if to == from || to.part != from.part {
			continue
		}
		msg := *m
		if w.plan.Unicast {
			msg.Dst = to.plan.Sources[l]
		}
		w.deliver(packet{src: msg.Src, dst: msg.Dst, payload: msg.AppendTo(nil)}, i, l)
	}
}

// deliver puts a packet on its way to one router.
func (w *world) deliver(p packet, to, l int) {
	if w.rng.Float64() < w.noise.Loss {
		return
	}
	copies := 1
	if w.rng.Float64() < w.noise.Duplicate {
		copies = 2
	}
	for range copies {
		q := p
		if w.rng.Float64() < w.noise.Corrupt {
			if w.plan.Routers[0].Specs[0].IPv6 {
				continue // the kernel drops it: it verifies that checksum
			}
			q.payload = append([]byte(nil), p.payload...)
			q.payload[w.rng.IntN(len(q.payload))] ^= 1 << w.rng.IntN(8)
		}
		delay := w.plan.Delay/4 + time.Duration(w.rng.Int64N(int64(w.plan.Delay*3/4)+1))
		if w.noise.Delay > 0 {
			delay += time.Duration(w.rng.Int64N(int64(w.noise.Delay)))
		}
		w.q.add(&item{at: w.now + delay, class: classPacket, router: to, lan: l, life: w.routers[to].life, packet: q})
	}
}
