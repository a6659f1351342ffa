package daemon

import (
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

const (
	// floodLimit is how many packets of a second may be plainly wrong before the
	// kernel is to drop most of them.
	floodLimit = 20_000

	// floodTime is how long it does so, and longer while there is a flood.
	floodTime = 10 * time.Second
)

// flooding notices a flood on a socket.
type flooding struct {
	mu    sync.Mutex
	since time.Time // the second that is counted
	count int
	on    bool
}

// note counts a packet that was plainly wrong and tells whether a flood begins.
func (f *flooding) note(now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if now.Sub(f.since) >= time.Second {
		f.since, f.count = now, 0
	}
	f.count++
	if f.on || f.count < floodLimit {
		return false
	}
	f.on = true
	return true
}

// over tells that the kernel passes everything again: a flood that goes on will
// be noticed within a second.
func (f *flooding) over() {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.on, f.count, f.since = false, 0, time.Time{}
}

func (f *flooding) isOn() bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.on
}

// plainlyWrong tells whether the kernel can see what is wrong with a packet.
func plainlyWrong(r advert.Reason) bool {
	switch r {
	case advert.ReasonTooShort, advert.ReasonTTL, advert.ReasonVersion, advert.ReasonType:
		return true
	}
	return false
}

// wrong takes a packet that was rejected.
func (s *socket) wrong(r advert.Reason) {
	if plainlyWrong(r) {
		s.bad()
	}
}

// bad takes a packet that the kernel can drop as well.
func (s *socket) bad() {
	if !s.flood.note(time.Now()) {
		return
	}
	if err := s.filter(); err != nil {
		s.log.infof("packet filter on %s: %v", s.spec.Interface, err)
		return
	}
	s.log.infof("more than %d bad packets in a second on %s: for %v the kernel drops all but a sample of what has a wrong length, TTL, version or type",
		floodLimit, s.spec.Interface, floodTime)
	time.AfterFunc(floodTime, func() {
		s.flood.over()
		_ = s.filter() // the socket may be closed by now
	})
}
