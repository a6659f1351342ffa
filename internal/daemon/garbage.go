package daemon

import (
	"runtime/debug"
	"sync"
)

// smallHeap is the usual setting of the garbage collector: a daemon sleeps most of
// the time, and then a small heap is worth more than the few collections that it
// costs. roomyHeap is for the moments in which much is to be done at once: the
// collector would take a part of a processor from them again and again.
const (
	smallHeap = 50
	roomyHeap = 400
)

// manyObjects is how many addresses, routes and rules make such a moment.
const manyObjects = 64

// roominess counts those who are at such a moment.
var roominess struct {
	sync.Mutex
	users int
}

// KeepSmall makes the heap a small one. It belongs to the beginning of a program.
func KeepSmall() { debug.SetGCPercent(smallHeap) }

// roomy gives the heap room until what it returns is called.
func roomy() (done func()) {
	roominess.Lock()
	defer roominess.Unlock()
	if roominess.users++; roominess.users == 1 {
		debug.SetGCPercent(roomyHeap)
	}
	return func() {
		roominess.Lock()
		defer roominess.Unlock()
		if roominess.users--; roominess.users == 0 {
			debug.SetGCPercent(smallHeap)
		}
	}
}
