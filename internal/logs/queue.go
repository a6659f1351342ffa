package logs

import (
	"log/slog"
	"sync"
	"time"
)

// line is one log line; lost counts the lines dropped just before it.
type line struct {
	at    time.Time
	level slog.Level
	text  string
	// fields are what the line is about, for outputs that keep it apart.
	fields []slog.Attr
	lost   uint64
}

// queue is a bounded first-in-first-out queue of lines whose put never waits.
// The lock is held for a few instructions only, never while writing.
type queue struct {
	wake chan struct{} // holds a token when something was put

	mu     sync.Mutex
	ring   []line
	head   int // index of the oldest line
	n      int
	lost   uint64 // dropped since the newest line was put
	closed bool
}

func newQueue(limit int) *queue {
	return &queue{wake: make(chan struct{}, 1), ring: make([]line, limit)}
}

// put appends a line, or counts it as lost when the queue is full.
func (q *queue) put(l line) {
	q.mu.Lock()
	switch {
	case q.closed:
		q.mu.Unlock()
		return
	case q.n == len(q.ring):
		q.lost++
	default:
		l.lost, q.lost = q.lost, 0
		q.ring[(q.head+q.n)%len(q.ring)] = l
		q.n++
	}
	q.mu.Unlock()
	select {
	case q.wake <- struct{}{}:
	default:
	}
}

// take removes the oldest line. Losses after the newest line come as a last line
// with no time.
func (q *queue) take() (line, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.n == 0 {
		l := line{lost: q.lost}
		q.lost = 0
		return l, l.lost > 0
	}
	l := q.ring[q.head]
	q.ring[q.head] = line{} // let the text go
	q.head, q.n = (q.head+1)%len(q.ring), q.n-1
	if q.n == 0 {
		q.head = 0 // a quiet queue uses only the first pages of its memory
	}
	return l, true
}

// shut discards what waits, and every later line, and says how much it was.
func (q *queue) shut() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	n := uint64(q.n) + q.lost
	for i := range q.n {
		n += q.ring[(q.head+i)%len(q.ring)].lost
	}
	q.closed, q.ring, q.n, q.head, q.lost = true, nil, 0, 0, 0
	return n
}
