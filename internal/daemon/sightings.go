package daemon

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/splitbrain"
)

// sightings are what a member has seen of other routers since the last look of
// the lookout. Sockets write it, whose goroutines do nothing but count here.
type sightings struct {
	heard atomic.Bool // anybody, ever

	mu       sync.Mutex
	from     netip.Addr
	priority uint8
	reject   advert.Reject // of the last packet; OK: it was accepted
	count    uint64
	last     time.Time
}

// note takes an advert for the member, or a packet that was to be one.
func (s *sightings) note(m *member, from netip.Addr, priority uint8, j advert.Reject, at time.Time) {
	if j.OK() && !s.heard.Load() {
		s.heard.Store(true)
	}
	switch {
	case fsm.State(m.published.Load()) != fsm.Master:
		return
	case j.OK() && priority == 0, !j.OK() && !j.FromRouter():
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from, s.priority, s.reject, s.last = from, priority, j, at
	s.count++
}

// take returns what was seen, and begins anew.
func (s *sightings) take() splitbrain.Advert {
	s.mu.Lock()
	defer s.mu.Unlock()
	a := splitbrain.Advert{From: s.from.WithZone(""), Priority: s.priority, Count: s.count, Last: s.last}
	if s.count > 0 && !s.reject.OK() {
		a.Rejected = s.reject.Text(s.from)
	}
	s.count = 0
	return a
}
