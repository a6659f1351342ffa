package sim

import (
	"container/heap"
	"net/netip"
	"time"

	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// class orders what happens at the same moment: a packet that has arrived is
// heard before a timer that expires, as in the daemon.
type class uint8

const (
	classStep class = iota
	classControl
	classPacket
	classTimer
)

// item is something that will happen.
type item struct {
	at     time.Duration
	class  class
	seq    uint64 // the order of equals is that of planning
	step   int    // classStep
	router int
	life   int // of the router: what was meant for an earlier one is void
	lan    int
	event  fsm.Event     // classControl
	resume bool          // classControl: a pause ends
	pause  time.Duration // how long it has been
	packet packet        // classPacket
	group  *group        // classTimer
}

// packet is what travels.
type packet struct {
	src, dst netip.Addr
	ttl      int
	payload  []byte
}

type queue struct {
	items []*item
	seq   uint64
}

func (q *queue) Len() int { return len(q.items) }

func (q *queue) Less(i, j int) bool {
	a, b := q.items[i], q.items[j]
	if a.at != b.at {
		return a.at < b.at
	}
	if a.class != b.class {
		return a.class < b.class
	}
	return a.seq < b.seq
}

func (q *queue) Swap(i, j int) { q.items[i], q.items[j] = q.items[j], q.items[i] }
func (q *queue) Push(x any)    { q.items = append(q.items, x.(*item)) }

func (q *queue) Pop() any {
	last := len(q.items) - 1
	it := q.items[last]
	q.items[last] = nil
	q.items = q.items[:last]
	return it
}

func (q *queue) add(it *item) {
	q.seq++
	it.seq = q.seq
	heap.Push(q, it)
}

func (q *queue) next() *item { return heap.Pop(q).(*item) }
