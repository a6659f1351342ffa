package daemon

import (
	"sync"
	"time"
)

// fileWriter makes files on goroutines of their own: neither a long text nor a
// slow disk delays whoever asks for one. A file is made by one goroutine at a
// time. While that is going on, of those that follow only the last waits: it
// would take the place of the others anyway.
type fileWriter struct {
	mu     sync.Mutex
	next   map[string]func() // for each path at work what follows; nil: nothing
	atWork sync.WaitGroup
}

func (w *fileWriter) write(path string, work func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	_, busy := w.next[path]
	if busy {
		w.next[path] = work
		return
	}
	if w.next == nil {
		w.next = map[string]func(){}
	}
	w.next[path] = nil
	w.atWork.Go(func() {
		for work != nil {
			work()
			work = w.following(path)
		}
	})
}

// following returns what is to be done next for a path; nil: it is done with.
func (w *fileWriter) following(path string) func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	work := w.next[path]
	if work == nil {
		delete(w.next, path)
	} else {
		w.next[path] = nil
	}
	return work
}

// wait waits until every file is written; false: that takes longer. Nothing may
// be asked for meanwhile.
func (w *fileWriter) wait(limit time.Duration) bool {
	done := make(chan struct{})
	go func() {
		w.atWork.Wait()
		close(done)
	}()
	select {
	case <-done:
		return true
	case <-time.After(limit):
		return false
	}
}
