package sim

import (
	"time"

	"github.com/holdfast-ha/holdfast/internal/fsm"
)

const announceKinds = int(fsm.AnnounceExtra) + 1

// announced reckons, independently of the state machine, when a MASTER has to
// tell the network again who holds the addresses.
type announced struct {
	delayed, refresh, lower, extra deadline
	want                           [announceKinds]int // in this step
}

// announces takes note of an announcement.
func (c *local) announces(p *port, a fsm.Announce) {
	if !c.held && !c.defence.owed.set { // as long as one of several is missing the others are still announced
		p.r.w.fail("%s announces addresses that it does not hold", p)
	}
	c.step.announces[a.Why]++
	rounds := map[fsm.AnnounceWhy]int{
		fsm.AnnounceMaster: p.spec.GARP.Repeat, fsm.AnnounceDelayed: p.spec.GARP.Repeat, fsm.AnnounceRefresh: p.spec.GARP.RefreshRepeat,
		fsm.AnnounceLower: p.spec.GARP.LowerRepeat, fsm.AnnounceRestored: 1, fsm.AnnounceExtra: 1,
	}
	if a.Rounds != rounds[a.Why] {
		p.r.w.fail("%s announces its addresses %d times (%v), want %d", p, a.Rounds, a.Why, rounds[a.Why])
	}
}

// checkAnnouncements: whoever becomes MASTER says so at once and again after a
// while, and answers whoever else claims the addresses.
func (c *local) checkAnnouncements(p *port, at time.Duration, ev fsm.Event, id fsm.ID) {
	n := &c.announced
	n.want = [announceKinds]int{}
	switch {
	case c.state != fsm.Master:
		*n = announced{}
	case c.step.from != fsm.Master:
		n.block(at, &p.spec.GARP)
	default:
		c.announceAgain(p, at, ev, id)
	}
	if c.step.announces != n.want {
		p.r.w.fail("%s announces %v, want %v, after %T", p, c.step.announces, n.want, ev)
	}
}

// block is the announcement of a new MASTER, or of new addresses.
func (n *announced) block(now time.Duration, g *fsm.GARP) {
	*n = announced{want: n.want}
	if g.Repeat > 0 {
		n.want[fsm.AnnounceMaster]++
		n.delayed = deadline{g.Delay > 0, now + g.Delay}
	}
	n.refresh = deadline{g.Refresh > 0, now + g.Delay + g.Refresh}
	n.extra = deadline{g.Extra > 0, now + g.Delay + g.Extra}
}

func (c *local) announceAgain(p *port, at time.Duration, ev fsm.Event, id fsm.ID) {
	n, g := &c.announced, &p.spec.GARP
	switch e := ev.(type) {
	case *fsm.AdvertReceived:
		if by := p.group.ports[id]; by.local.step.from == fsm.Master && by.hearsLower(&e.Advert) && !by.local.step.silent && g.LowerRepeat > 0 && !by.local.absence.unsure && !c.absence.listens {
			n.want[fsm.AnnounceLower]++
			n.lower = deadline{g.LowerDelay > 0, at + g.LowerDelay}
		}
	case fsm.Reconfigured:
		if id == p.id && e.AddressesAdded && !c.absence.listens {
			n.block(at, g)
		}
	case fsm.AddressLost:
		n.want[fsm.AnnounceRestored] = c.step.adds
	case fsm.Tick:
		if c.absence.listens {
			return
		}
		if c.absence.goesOn(c) {
			n.block(at, g)
		}
		n.want[fsm.AnnounceRestored] = c.step.adds
		n.due(&n.delayed, at, fsm.AnnounceDelayed)
		n.due(&n.lower, at, fsm.AnnounceLower)
		if n.due(&n.refresh, at, fsm.AnnounceRefresh) {
			n.refresh = deadline{true, at + g.Refresh}
		}
		if n.due(&n.extra, at, fsm.AnnounceExtra) {
			n.extra = deadline{true, at + g.Extra}
		}
	}
}

func (n *announced) due(d *deadline, now time.Duration, why fsm.AnnounceWhy) bool {
	if !d.set || d.at > now {
		return false
	}
	*d = deadline{}
	n.want[why]++
	return true
}

// next is when the next announcement is due.
func (n *announced) next() deadline {
	var first deadline
	for _, d := range []deadline{n.delayed, n.refresh, n.lower, n.extra} {
		if d.set && (!first.set || d.at < first.at) {
			first = d
		}
	}
	return first
}
