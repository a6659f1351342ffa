package sim

import (
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// absence reckons whether a MASTER was silent for so long that another may be
// MASTER by its right.
type absence struct {
	sent    time.Duration // as of when the last advert was sent
	highest uint8         // priority heard of anybody
	listens bool          // before it says anything
	unsure  bool          // in this step it has heard an advert while that was so
}

// goesOn tells of a step whether it says something again after it has listened.
func (b *absence) goesOn(c *local) bool {
	return c.step.listened && c.step.adverts > 0 && c.state == fsm.Master
}

// late tells whether at a moment it would be.
func (b *absence) late(p *port, at time.Duration) bool {
	s := p.spec
	if b.listens {
		return false // one that sleeps again while it listens only listens again
	}
	best := max(b.highest, p.local.step.priority)
	silent := at - b.sent
	return silent > downInterval(s, best, s.AdvertInterval)+tolerance && silent > 2*s.AdvertInterval
}

// hears is told of every advert and tells whether a MASTER is to yield to it
// although it has less priority.
func (b *absence) hears(p *port, a *advert.Advert) bool {
	c := &p.local
	unsure := c.step.from == fsm.Master && (b.listens || b.late(p, c.step.at))
	if c.step.from == fsm.Master || c.step.from == fsm.Backup && !c.delayed {
		b.highest = max(b.highest, a.Priority)
	}
	ours := c.step.priority
	below := a.Priority < ours || a.Priority == ours && ours != fsm.Owner && a.Src.Less(p.r.plan.Sources[p.lan])
	b.unsure = unsure
	return unsure && a.Priority > 0 && below
}
