package sim

import (
	"time"

	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// health checks the network as a whole, cell by cell; those whose cable is
// pulled are in no cell.
type health struct {
	lans    []lanHealth
	changed time.Duration // when something was last disturbed
	settle  time.Duration // how long it may take after that until all is well
	dual    time.Duration // how long there may be two MASTERs
	none    time.Duration // how long there may be none, above the wait of the best
	settled bool
}

type lanHealth struct {
	wrong   map[cell]*wrong
	causes  int // for an instance becoming MASTER, since all was well
	masters int // times that one did
}

// wrong is what is wrong in a cell, and since when.
type wrong struct {
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
		h.lans[l].wrong = map[cell]*wrong{}
	}
}

// causes is how many routers may have to become MASTER because of a step. One
// with a preempt delay comes late, when another may have done so before it.
func (w *world) causes(s *Step) int {
	n := s.causes()
	switch s.Kind {
	case Stray: // it is seen in every cell
		n = len(w.cells(s.LAN))
		if w.plan.Unicast {
			n *= 2 // but not by the router in whose name it comes, which then may be early
		}
	case Partition: // routers of another version are another network
		n *= len(w.kinds())
	case OneWay: // who hears nobody is MASTER
		n = len(w.routers)
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

// kinds lists the cells there would be if no network had fallen apart.
func (w *world) kinds() map[cell]bool {
	all := map[cell]bool{}
	for _, r := range w.routers {
		for _, p := range r.ports {
			c := p.cell()
			c.part = 0
			all[c] = true
		}
	}
	return all
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
	case Pause, Suspend:
		return 2 // somebody takes over meanwhile, and gives it back
	case Reload:
		return 2 // it may leave one cell and come to another
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
		for _, c := range w.cells(l) {
			p := h.lans[l].wrong[c]
			if p == nil {
				continue
			}
			if p.two && w.now-p.twoSince > h.dual {
				w.fail("%s has more than one MASTER since %v: %s", lanName(l), p.twoSince, w.mastersOf(l, c))
			}
			if p.none && w.now-p.noneSince > p.limit {
				w.fail("%s has no MASTER since %v in the part of %s", lanName(l), p.noneSince, w.ableOf(l, c))
			}
		}
	}
	if !h.settled && w.now-max(h.changed, w.echo) > h.settle {
		h.settled = true
		for l := range h.lans {
			h.lans[l].causes, h.lans[l].masters = 0, 0
			if !w.oneWay(l) {
				w.checkSettled(l)
			}
		}
		for _, r := range w.routers {
			for _, g := range r.groups {
				if g.mixed && r.on && !r.paused {
					w.fail("the sync group of %s is still as mixed as when a reload formed it", r.plan.Name)
				}
			}
		}
	}
}

// look works out anew what is wrong, after something has changed. A
// disturbance gives every fault its time again.
func (h *health) look(w *world, disturbance bool) {
	even := w.even()
	for l := range h.lans {
		oneWay := w.oneWay(l)
		for _, c := range w.cells(l) {
			p := h.lans[l].wrong[c]
			if p == nil {
				p = &wrong{}
				h.lans[l].wrong[c] = p
			}
			masters, able, limit := w.count(l, c, even)
			p.limit = limit + h.none
			two, none := masters > 1 && !oneWay, masters == 0 && able > 0
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

// count counts who is and who could be MASTER in a cell, and tells how long the
// first of these may take.
func (w *world) count(l int, c cell, even bool) (masters, able int, limit time.Duration) {
	for _, r := range w.routers {
		q := r.ports[l]
		if q.cell() != c || !q.plugged || r.paused {
			continue
		}
		if q.master() {
			masters++
		}
		if !q.able() || !even && !q.free() {
			continue
		}
		wait := downInterval(q.spec, q.priority(), w.plan.longestInterval())
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
	return masters, able, limit
}

// stateChanged is told of every transition.
func (h *health) stateChanged(w *world, p *port, a fsm.StateChanged) {
	if h.settled && h.quiet(w) && !w.anyOneWay() {
		w.fail("%s goes from %v to %v although nothing has happened since %v: %s", p, a.From, a.To, h.changed, a.Cause)
	}
	if a.To == fsm.Master {
		w.result.Masters++
		lan := &h.lans[p.lan]
		lan.masters++
		if w.plan.Gentle && w.even() && !w.oneWay(p.lan) && lan.masters > lan.causes {
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
		if r.sync != w.routers[0].sync {
			return false
		}
		for _, p := range r.ports {
			if p.cell() != r.ports[0].cell() {
				return false
			}
		}
	}
	return !w.anyOneWay()
}

// anyOneWay tells whether any network is one-way.
func (w *world) anyOneWay() bool {
	for l := range w.plan.LANs {
		if w.oneWay(l) {
			return true
		}
	}
	return false
}

// checkSettled: one MASTER in each cell, and nobody who would have to take over
// from it.
func (w *world) checkSettled(l int) {
	even := w.even()
	for _, c := range w.cells(l) {
		var master *port
		var able []*port
		for _, r := range w.routers {
			q := r.ports[l]
			if q.cell() != c || !q.plugged || r.paused {
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
			w.fail("nobody is MASTER among %s", w.ableOf(l, c))
		}
		if master == nil {
			continue
		}
		have := master.priority()
		for _, q := range able {
			if p := q.priority(); p > have && !q.spec.NoPreempt {
				w.fail("%s is MASTER with priority %d, and %s has %d", master, have, q, p)
			}
		}
	}
}

func (w *world) mastersOf(l int, c cell) string {
	return w.names(l, c, (*port).master)
}

func (w *world) ableOf(l int, c cell) string {
	return w.names(l, c, (*port).able)
}

func (w *world) names(l int, c cell, which func(*port) bool) string {
	text := ""
	for _, r := range w.routers {
		if r.ports[l].cell() == c && which(r.ports[l]) {
			text += " " + r.plan.Name
		}
	}
	return text
}
