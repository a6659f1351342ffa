package sim

import (
	"time"

	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// health checks the network as a whole. A part of a network is what its
// routers can hear of each other; those whose cable is pulled are in no part.
type health struct {
	lans    []lanHealth
	changed time.Duration // when something was last disturbed
	settle  time.Duration // how long it may take after that until all is well
	dual    time.Duration // how long there may be two MASTERs
	none    time.Duration // how long there may be none, above the wait of the best
	settled bool
}

type lanHealth struct {
	parts   []part // by number
	causes  int    // for an instance becoming MASTER, since all was well
	masters int    // times that one did
}

// part is what is wrong in a part of a network, and since when.
type part struct {
	two, none           bool
	twoSince, noneSince time.Duration
	limit               time.Duration // for none
}

// slack is for what takes no time worth modelling.
const slack = 10 * time.Millisecond

func (h *health) begin(w *world) {
	p := w.plan
	interval := p.longestInterval()
	var down time.Duration
	for _, s := range p.allSpecs() {
		down = max(down, downInterval(s, 1, interval))
	}
	travel := 2*p.Delay + p.Late + slack
	h.dual = interval + travel
	h.none = travel
	h.settle = 2*down + p.longestPreemptDelay() + 2*interval + travel
	if p.Sync {
		h.settle += 2 * down
	}
	h.lans = make([]lanHealth, p.LANs)
	for l := range h.lans {
		h.lans[l].parts = make([]part, len(p.Routers))
	}
}

// causes is how many routers may have to become MASTER because of a step. One
// with a preempt delay comes late, when another may have done so before it.
func (w *world) causes(s *Step) int {
	n := s.causes()
	if s.Kind == Stray {
		for _, r := range w.routers { // it is seen in every part
			n = max(n, r.ports[s.LAN].part+1)
		}
		if w.plan.Unicast {
			n *= 2 // but not by the router in whose name it comes, which then may be early
		}
	}
	if n == 0 {
		return 0
	}
	for _, r := range w.routers {
		if r.ports[0].spec.PreemptDelay > 0 {
			n++
		}
	}
	return n
}

func (s *Step) causes() int {
	switch s.Kind {
	case Partition:
		// Each part but the one with the MASTER needs a new one; coming
		// together needs none.
		most := 0
		for _, part := range s.Parts {
			most = max(most, part)
		}
		return most
	case SetNoise, Calm:
		return 0
	case LoseAddr:
		return 1 // only of those who do it as keepalived does
	case Pause:
		return 2 // somebody takes over meanwhile, and gives it back
	}
	return 1
}

// disturbed is told of everything that happens to the world.
func (h *health) disturbed(w *world, causes int) {
	h.changed, h.settled = w.now, false
	for l := range h.lans {
		h.lans[l].causes += causes
	}
}

// quiet tells whether the networks do to packets what the plan says and no
// more. What noise held up may still be on its way for a while.
func (h *health) quiet(w *world) bool { return w.noise == Noise{} && w.now >= w.echo }

// passed is called when time has gone on to w.now and nothing has happened in
// between.
func (h *health) passed(w *world) {
	if !h.quiet(w) {
		return
	}
	for l := range h.lans {
		for i := range h.lans[l].parts {
			p := &h.lans[l].parts[i]
			if p.two && w.now-p.twoSince > h.dual {
				w.fail("%s has more than one MASTER since %v: %s", lanName(l), p.twoSince, w.mastersOf(l, i))
			}
			if p.none && w.now-p.noneSince > p.limit {
				w.fail("%s has no MASTER since %v in the part of %s", lanName(l), p.noneSince, w.ableOf(l, i))
			}
		}
	}
	if !h.settled && w.now-max(h.changed, w.echo) > h.settle {
		h.settled = true
		for l := range h.lans {
			h.lans[l].causes, h.lans[l].masters = 0, 0
			w.checkSettled(l)
		}
	}
}

// look works out anew what is wrong, after something has changed. A
// disturbance gives every fault its time again.
func (h *health) look(w *world, disturbance bool) {
	even := w.even()
	for l := range h.lans {
		for i := range h.lans[l].parts {
			p := &h.lans[l].parts[i]
			masters, able, limit := 0, 0, time.Duration(0)
			for _, r := range w.routers {
				q := r.ports[l]
				if q.part != i || !q.plugged || r.paused {
					continue
				}
				if q.master() {
					masters++
				}
				if q.able() && (even || q.free()) {
					wait := downInterval(q.spec, effective(q.spec, q.told), w.plan.longestInterval())
					if w.plan.Sync {
						wait *= 2 // may have to wait for the other members once more
						if !even {
							// and obeys elsewhere, during a preempt delay
							wait += q.spec.PreemptDelay
						}
					}
					if able == 0 || wait < limit {
						limit = wait
					}
					able++
				}
			}
			p.limit = limit + h.none
			two, none := masters > 1, masters == 0 && able > 0
			if two && (!p.two || disturbance) {
				p.twoSince = max(w.now, w.echo)
			}
			if none && (!p.none || disturbance) {
				p.noneSince = max(w.now, w.echo)
			}
			p.two, p.none = two, none
		}
	}
}

// stateChanged is told of every transition.
func (h *health) stateChanged(w *world, p *port, a fsm.StateChanged) {
	if h.settled && h.quiet(w) {
		w.fail("%s goes from %v to %v although nothing has happened since %v: %s", p, a.From, a.To, h.changed, a.Cause)
	}
	if a.To == fsm.Master {
		w.result.Masters++
		lan := &h.lans[p.lan]
		lan.masters++
		if w.plan.Gentle && w.even() && lan.masters > lan.causes {
			w.fail("%s becomes MASTER: that is number %d for %d causes", p, lan.masters, lan.causes)
		}
	}
	h.look(w, false)
}

// even tells whether every instance can lead for itself, or at least hears the
// same routers as the rest of its sync group. Where it does not, somebody may
// be held back by an instance that hears a better router, and only who is the
// best everywhere has to lead.
func (w *world) even() bool {
	if !w.plan.Sync {
		return true
	}
	for _, r := range w.routers {
		for _, p := range r.ports {
			if p.part != r.ports[0].part {
				return false
			}
		}
	}
	return true
}

// checkSettled: one MASTER in each part, and nobody who would have to take over
// from it.
func (w *world) checkSettled(l int) {
	even := w.even()
	for i := range w.routers {
		var master *port
		var able []*port
		for _, r := range w.routers {
			q := r.ports[l]
			if q.part != i || !q.plugged || r.paused {
				continue
			}
			if q.able() && (even || q.free()) {
				able = append(able, q)
			}
			if q.master() {
				if master != nil {
					w.fail("%s and %s are both MASTER", master, q)
				}
				master = q
			}
		}
		if len(able) > 0 && master == nil {
			w.fail("nobody is MASTER among %s", w.ableOf(l, i))
		}
		if master == nil {
			continue
		}
		have := effective(master.spec, master.told)
		for _, q := range able {
			if p := effective(q.spec, q.told); p > have && !q.spec.NoPreempt {
				w.fail("%s is MASTER with priority %d, and %s has %d", master, have, q, p)
			}
		}
	}
}

func (w *world) mastersOf(l, part int) string {
	return w.names(l, part, (*port).master)
}

func (w *world) ableOf(l, part int) string {
	return w.names(l, part, (*port).able)
}

func (w *world) names(l, part int, which func(*port) bool) string {
	text := ""
	for _, r := range w.routers {
		if r.ports[l].part == part && which(r.ports[l]) {
			text += " " + r.plan.Name
		}
	}
	return text
}
