package sim

import (
	"net/netip"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// rival reckons, independently of the state machine, when one of two routers
// that both own the addresses lets the other have them: the lower address gives
// way, and when it does not the higher one takes a lower priority, until it no
// longer hears the other.
type rival struct {
	addr         netip.Addr
	last, second deadline // when it was last heard, and our second advert since then was sent
	every        time.Duration
	sent         int
	reduces      bool // in this step
}

// hearsOwner tells whether a MASTER that owns the addresses hears another such
// router, with a lower address.
func (p *port) hearsOwner(a *advert.Advert) bool {
	return a.Priority == fsm.Owner && p.local.step.priority == fsm.Owner && a.Src.Less(p.r.plan.Sources[p.lan])
}

// prioritises checks a change of priority that the instance reports.
func (c *local) prioritises(p *port, a fsm.PriorityChanged) {
	if p.spec.Priority == fsm.Owner {
		c.rival.reduces = a.To == fsm.Owner-1
		c.reduced = c.rival.reduces
	}
	if want := p.priority(); a.To != want {
		p.r.w.fail("%s changes its priority to %d; its configuration and trackers give %d", p, a.To, want)
	}
}

// checkRival: an owner reduces its priority if and only if it has to.
func (c *local) checkRival(p *port, at time.Duration, ev fsm.Event, ours bool) {
	r := &c.rival
	want := false
	e, heard := ev.(*fsm.AdvertReceived)
	switch {
	case c.state != fsm.Master || p.spec.Priority != fsm.Owner:
		*r = rival{reduces: r.reduces}
		if c.state == fsm.Fault || c.state == fsm.Stopped || p.spec.Priority != fsm.Owner {
			c.reduced = false
		}
	case c.step.from != fsm.Master:
		*r, c.reduced = rival{reduces: r.reduces}, false
	case heard && ours && p.hearsOwner(&e.Advert):
		if r.addr != e.Advert.Src {
			*r = rival{addr: e.Advert.Src, reduces: r.reduces}
		}
		r.last, r.every = deadline{true, at}, max(e.Advert.Interval, p.spec.AdvertInterval)
		want = r.second.set && at-r.second.at > r.every*6/5
	case r.addr.IsValid() && c.step.adverts > 0:
		if _, tick := ev.(fsm.Tick); !tick || c.absence.goesOn(c) {
			break
		}
		if r.sent++; r.sent == 2 {
			r.second = deadline{true, at}
		}
		if at-r.last.at > 3*r.every {
			*r = rival{}
			if c.reduced {
				p.r.w.fail("%s has a lower priority because of another owner that is gone", p)
			}
		}
	}
	if r.reduces != want {
		p.r.w.fail("%s lowers its priority because of another owner: %v, want %v", p, r.reduces, want)
	}
	r.reduces = false
}
