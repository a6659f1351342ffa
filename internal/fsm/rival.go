package fsm

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

// rival is another router that says it owns the addresses as well: that is a
// configuration error. The one with the lower address gives way. A rival that
// should and does not gets what it wants: with priority 254 we become its
// Backup, since two Masters are worse than the wrong one.
type rival struct {
	addr    netip.Addr
	last    time.Time // when it was last heard
	every   time.Duration
	sent    int       // adverts of ours since it was first heard
	second  time.Time // when the second of them was sent
	reduced bool      // we have priority 254 because of it
}

// rivalHeard takes an advert of priority 255 while we are Master and have that
// too.
func (m *instance) rivalHeard(now time.Time, a *advert.Advert, order int) {
	r := &m.rival
	if r.addr != a.Src {
		m.logf(false, "CONFIGURATION ERROR: local instance and %s are both configured as address owner, please resolve", a.Src)
		*r = rival{addr: a.Src}
	}
	r.last, r.every = now, max(a.Interval, m.spec.AdvertInterval)
	if order > 0 {
		*r = rival{}
		m.giveWay(now, a, fmt.Sprintf("%s owns the addresses too and has a higher address than %s", a.Src, m.source))
		return
	}
	// Two adverts of ours tell it who has the higher address; then it has the
	// time of one more advert of its own.
	if r.sent >= 2 && now.Sub(r.second) > r.every*6/5 {
		m.logf(false, "%s is still advertising as address owner, please resolve - reducing our priority", a.Src)
		r.reduced = true
		m.changePriority(Owner-1, fmt.Sprintf("%s is advertising as address owner too", a.Src))
	} else if m.late.listening { // it gives way as soon as it hears us: to listen on settles nothing
		m.deadline = now
	}
}

// rivalTick counts our own adverts and notices that the rival has gone.
func (m *instance) rivalTick(now time.Time) {
	r := &m.rival
	if !r.addr.IsValid() {
		return
	}
	r.sent++
	if r.sent == 2 {
		r.second = now
	}
	if now.Sub(r.last) <= 3*r.every {
		return
	}
	if !r.reduced {
		m.emit(Log{Text: "(" + m.spec.Name + "): rogue address owner appears to have stopped advertising"})
	}
	m.rivalGone()
}

// rivalGone gives us back our priority when nobody disputes it any more.
func (m *instance) rivalGone() {
	if m.rival.reduced {
		m.logf(false, "Restoring our priority to 255 since %s appears to have stopped advertising", m.rival.addr)
	}
	m.rivalForgotten()
}

func (m *instance) rivalForgotten() {
	was := m.rival.reduced
	m.rival = rival{}
	if was && m.owner() {
		m.changePriority(Owner, "no other address owner is advertising")
	}
}
