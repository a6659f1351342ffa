package sim

import (
	"net/netip"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// partings reckons what a BACKUP believes of adverts of priority 0: only the
// Master gives up, and it says so four times at most.
type partings struct {
	last   netip.Addr // whose advert counted last
	obeyed netip.Addr // whose advert put off the takeover last
	said   int        // since then
	down   time.Duration
	known  bool // down is valid: the takeover before the first goodbye
}

// hears is told of every advert that a BACKUP hears and tells the model.
func (b *partings) hears(m *model, now time.Duration, a *advert.Advert, told bool) {
	switch {
	case a.Priority > 0:
		b.last = a.Src
		if m.spec.NoPreempt || a.Priority >= m.priority {
			b.obeyed, b.said = a.Src, 0
		} else if m.spec.PreemptDelay > 0 && told { // the model knows whether it is over
			if m.heard(now, a) {
				b.obeyed, b.said = a.Src, 0
			}
			return
		}
	case m.spec.StrictCompat:
		b.last = a.Src
		b.said++
	case b.last.IsValid() && a.Src != b.last && a.Src != b.obeyed:
		return
	default:
		if b.said++; b.said == 1 {
			b.down, b.known = m.down, m.known
		}
		if b.said > 4 {
			if b.said == 5 {
				m.down, m.known = max(m.down, b.down), m.known && b.known
			}
			return
		}
		b.last = a.Src
	}
	if told {
		m.heard(now, a)
	}
}

// entered is told of every transition, and of the advert that led to it, if one
// did.
func (b *partings) entered(to fsm.State, by *advert.Advert) {
	switch {
	case to != fsm.Backup:
		*b = partings{}
	case by != nil:
		*b = partings{last: by.Src, obeyed: by.Src}
	}
}
