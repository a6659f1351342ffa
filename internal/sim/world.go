package sim

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/trace"
)

// Violation is a promise that was not kept.
type Violation struct {
	At   time.Duration
	What string

	promise string // which one, without names and numbers
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
	w := &world{plan: p, rng: rand.New(rand.NewPCG(p.Seed, 0x5eed)), say: timeline} // #nosec G404 -- to be repeated
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
		w.result.Violation = &Violation{At: w.now, What: fmt.Sprintf(format, args...), promise: format}
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
				r.resume(it.pause)
			} else {
				r.control(fsm.ID(it.lan), it.event)
			}
			w.health.look(w, true)
		}
	case classPacket:
		w.routers[it.router].arrives(it.lan, &it.packet, it.life)
	case classTimer:
		if r := w.routers[it.router]; it.life == r.life {
			r.timer(it.group)
		}
	}
}

// step lets a step of the plan happen.
func (w *world) step(s *Step) {
	w.note("%s", s.describe(w.plan))
	r := w.routers[s.Router]
	if s.Kind == SetClock {
		r.wall += s.For
		return // which is nobody's business
	}
	w.health.disturbed(w, w.causes(s))
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
			for l, q := range w.routers[i].ports {
				if s.LAN == l || s.LAN == Everywhere {
					q.part = part
				}
			}
		}
	case OneWay:
		for i := range w.routers {
			r.ports[s.LAN].deaf[i] = s.Parts[i] != 0
		}
	case SourceLost, SourceBack:
		r.address(s.LAN, s.Kind == SourceBack)
	case Track:
		r.verdict(s.LAN, s.Tracker, s.Verdict)
	case Pause:
		r.pause(s.For)
	case Suspend:
		r.suspend(s.For)
	case Reload:
		r.reload(s.Specs, s.Sync)
	case LoseAddr:
		r.loseAddress(s.LAN)
	case Stray:
		w.stray(s.LAN, &s.Packet)
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
		if to == from || to.ports[l].part != from.ports[l].part || to.ports[l].deaf[from.index] {
			continue
		}
		msg := *m
		if w.plan.Unicast {
			msg.Dst = to.plan.Sources[l]
		}
		w.deliver(packet{src: msg.Src, dst: msg.Dst, ttl: advert.TTL, payload: msg.AppendTo(nil)}, i, l)
	}
}

// stray sends a packet in the name of the first router, or with multicast in
// the name of nobody, to all that are plugged in.
func (w *world) stray(l int, s *Packet) {
	spec := w.plan.Routers[0].Specs[l]
	e := w.routers[0].ports[l].expect
	m := advert.Message{
		Version: spec.Version + s.Version, VRID: spec.VRID + s.VRID, Priority: s.Priority, Interval: spec.AdvertInterval,
		Auth: e.Auth, Password: e.Password, Src: w.plan.Routers[0].Sources[l], Dst: advert.GroupIPv4, Addresses: e.Addresses,
	}
	if spec.IPv6 {
		m.Dst = advert.GroupIPv6
	}
	if !w.plan.Unicast {
		m.Src = m.Src.Next()
	}
	if s.Password {
		m.Password[7]++
	}
	if s.Count {
		m.Addresses = append(slices.Clone(m.Addresses), m.Addresses...)
	}
	for i, to := range w.routers {
		msg := m
		if w.plan.Unicast {
			msg.Dst = to.plan.Sources[l]
		}
		b := msg.AppendTo(nil)
		if s.Hurry && msg.Version == 3 {
			hurry(b)
		}
		w.deliver(packet{src: msg.Src, dst: msg.Dst, ttl: advert.TTL - s.TTL, payload: b[:len(b)-s.Cut]}, i, l)
	}
}

// hurry makes the interval of a packet 0, which AppendTo does not do, and its
// checksum right again: the complement grows by what the data lose.
func hurry(b []byte) {
	sum := uint32(binary.BigEndian.Uint16(b[6:])) + uint32(binary.BigEndian.Uint16(b[4:]))
	b[4], b[5] = 0, 0
	binary.BigEndian.PutUint16(b[6:], uint16(sum&0xffff+sum>>16))
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
		if w.rng.Float64() < w.noise.Corrupt && len(p.payload) > 0 {
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
