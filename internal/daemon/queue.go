package daemon

import "sync"

// queue hands values from any number of goroutines to one. It never blocks the
// sender and never drops: it is for events that must not be lost and that
// arrive at a human pace.
type queue[T any] struct {
	mu    sync.Mutex
	items []T
	spare []T
	given uint64        // how many were pushed, ever
	ready chan struct{} // holds one token when there may be items
}

func newQueue[T any]() *queue[T] { return &queue[T]{ready: make(chan struct{}, 1)} }

func (q *queue[T]) push(v T) {
	q.mu.Lock()
	q.items = append(q.items, v)
	q.given++
	q.mu.Unlock()
	select {
	case q.ready <- struct{}{}:
	default:
	}
}

// count tells how many values were pushed, ever.
func (q *queue[T]) count() uint64 {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.given
}

// take returns everything that waits, oldest first. The slice is valid until
// the next take.
func (q *queue[T]) take() []T {
	q.mu.Lock()
	defer q.mu.Unlock()
	got := q.items
	clear(q.spare[:cap(q.spare)])
	q.items, q.spare = q.spare[:0], got
	return got
}
