package daemon

import (
	"sync"
	"time"
)

// gate lets so many through in a while, and no more.
type gate struct {
	mu    sync.Mutex
	since time.Time
	count int
}

// Sixteen hundred rejected packets a second are looked at one by one.
const (
	gateWidth = 16
	gateTime  = 10 * time.Millisecond
)

// admit counts one that comes at a moment, and tells whether it may pass.
func (g *gate) admit(at time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if d := at.Sub(g.since); d >= gateTime || d < 0 {
		g.since, g.count = at, 0
	}
	g.count++
	return g.count <= gateWidth
}
