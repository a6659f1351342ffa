package daemon

import (
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

// guard is what an instance remembers of the numbers in authenticated adverts.
// The lock is there because a socket checks on its own goroutine or on that of
// a runner that drains, runners send, and the keeper copies. It is held for
// the time of one check at most. Sending with the trailer needs another one: a
// socket that checks a flood holds the first nearly all the time, and may lose its
// processor with it.
type guard struct {
	mu     sync.Mutex
	sent   sync.Mutex // held for marks.Sent, after mu if both are needed
	marks  advert.Marks
	sealer *advert.Sealer // for checking
	of     *advert.Expect // what the sealer was made for
	dirty  atomic.Bool    // changed since the last copy
}

// authenticated tells whether an instance needs a guard.
func authenticated(e *advert.Expect) bool { return e.HMAC != nil || e.Auth == advert.AuthAH }

// check decides about a packet.
func (g *guard) check(e *advert.Expect, p *advert.Packet) (advert.Advert, advert.Reject) {
	if !authenticated(e) {
		return e.Check(p)
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.of != e { // a reload may have changed the keys
		g.sealer, g.of = advert.NewSealer(e), e
	}
	a, j := e.CheckSealed(p, g.sealer, &g.marks)
	if j.OK() {
		g.dirty.Store(true)
	}
	return a, j
}

// restore gives an instance that has seen nothing the marks of an earlier run.
func (g *guard) restore(m advert.Marks) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sent.Lock()
	defer g.sent.Unlock()
	if g.marks.AH == 0 && g.marks.Sent == 0 && len(g.marks.Seen) == 0 {
		g.marks = m
	}
}

// copy returns the marks and whether they have changed since the last call.
func (g *guard) copy() (advert.Marks, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.sent.Lock()
	defer g.sent.Unlock()
	dirty := g.dirty.Swap(false)
	m := g.marks
	m.Seen = slices.Clone(m.Seen)
	return m, dirty
}

// seal gives the adverts of a member what its authentication wants. It belongs
// to the runner's goroutine.
type seal struct {
	sealer *advert.Sealer
	of     *advert.Expect // what the sealer was made for

	// Of the advert being sent, which may go to several peers.
	number   uint32          // with AH
	sequence advert.Sequence // with the trailer
	trailer  []byte          // empty: not made yet
}

// begin takes the number for one advert.
func (s *seal) begin(g *guard, e *advert.Expect, now time.Time) {
	if !authenticated(e) {
		return
	}
	if s.of != e {
		s.sealer, s.of = advert.NewSealer(e), e
	}
	s.trailer = s.trailer[:0]
	switch {
	case e.HMAC == nil: // one counter for both directions
		g.mu.Lock()
		s.number = g.marks.NextAH()
		g.mu.Unlock()
	case e.HMAC.Signs():
		g.sent.Lock()
		s.sequence = g.marks.NextSequence(e.HMAC, now)
		g.sent.Unlock()
	}
	g.dirty.Store(true)
}

// payload appends what follows the IP header.
func (s *seal) payload(b []byte, e *advert.Expect, msg *advert.Message, ip advert.IPv4) []byte {
	switch {
	case e.HMAC != nil && e.HMAC.Signs():
		b = msg.AppendTo(b)
		if len(s.trailer) == 0 {
			s.trailer = s.sealer.AppendTrailer(s.trailer, b, msg.Src, s.sequence)
		}
		return append(b, s.trailer...)
	case e.HMAC == nil && e.Auth == advert.AuthAH:
		var room [advert.AHLen]byte
		b = msg.AppendTo(append(b, room[:]...))
		s.sealer.SealAH(b, ip, s.number)
		return b
	}
	return msg.AppendTo(b)
}
