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
	mu   sync.Mutex
	next map[string]func() // for each path at work what follows; nil: nothing
	idle chan struct{}     // closed when the last path is done with; nil: none is at work
}

func (w *fileWriter) write(path string, work func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, busy := w.next[path]; busy {
		w.next[path] = work
		return
	}
	if len(w.next) == 0 {
		w.next, w.idle = map[string]func(){}, make(chan struct{})
	}
	w.next[path] = nil
	go func() {
		for work != nil {
			work()
			work = w.following(path)
		}
	}()
}

// following returns what is to be done next for a path; nil: it is done with.
func (w *fileWriter) following(path string) func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	work := w.next[path]
	if work != nil {
		w.next[path] = nil
		return work
	}
	delete(w.next, path)
	if len(w.next) == 0 {
		close(w.idle)
		w.idle = nil
	}
	return nil
}

// wait waits until no file is being made; false: that takes longer.
func (w *fileWriter) wait(limit time.Duration) bool {
	w.mu.Lock()
	idle := w.idle
	w.mu.Unlock()
	if idle == nil {
		return true
	}
	select {
	case <-idle:
		return true
	case <-time.After(limit):
		return false
	}
}
