package interop_test

import (
	"slices"
	"sync"
	"time"
)

// machine watches how late this machine is, so that a test can tell a slow
// daemon from a daemon on a slow machine.
var machine lateness

// lateness records when timers of this process fired late.
type lateness struct {
	mu   sync.Mutex
	seen []lateTimer // ascending by time
}

type lateTimer struct {
	at time.Time
	by time.Duration
}

// watch measures until the process ends. It sleeps most of the time, as a
// daemon does.
func (l *lateness) watch() {
	const every, noteworthy = 5 * time.Millisecond, 2 * time.Millisecond
	timer := time.NewTimer(every)
	for start := time.Now(); ; start = time.Now() {
		timer.Reset(every)
		<-timer.C
		now := time.Now()
		if by := now.Sub(start) - every; by > noteworthy {
			l.mu.Lock()
			l.seen = append(l.seen, lateTimer{now, by})
			l.mu.Unlock()
		}
	}
}

// worst returns by how much the latest timer since a moment was late.
func (l *lateness) worst(since time.Time) time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	worst := time.Duration(0)
	for _, s := range slices.Backward(l.seen) {
		if s.at.Before(since) {
			break
		}
		worst = max(worst, s.by)
	}
	return worst
}
