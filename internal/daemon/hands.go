package daemon

import (
	"context"
	"net/netip"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// job is one slow thing to be done for a member. Exactly one of its parts is
// set.
type job struct {
	m       *member
	apply   bool
	greet   bool // an announcement follows: what was set may have its first round at once
	release bool
	prune   *pruning
	look    *clue // whether all is there
	rounds  int
	why     fsm.AnnounceWhy
	epoch   uint64 // of an announcement: void once addresses were released
	source  netip.Addr
	notify  *stateNote
	reached chan struct{} // closed when all before it has been done
	until   chan struct{} // what comes after that waits for it; nil: for nothing
}

// kernelTimeout bounds one request to the kernel: a stuck one must not stay in
// the way of releasing addresses for ever.
const kernelTimeout = 5 * time.Second

// hands does the slow work of one runner, one job after the other.
type hands struct {
	jobs *queue[job]
	quit chan struct{}
	done chan struct{}
	once sync.Once
	do   func(job)
}

func newHands(do func(job)) *hands {
	return &hands{jobs: newQueue[job](), quit: make(chan struct{}), done: make(chan struct{}), do: do}
}

func (h *hands) push(j job) { h.jobs.push(j) }

func (h *hands) run() {
	defer close(h.done)
	for {
		for _, j := range h.jobs.take() {
			h.do(j)
		}
		select {
		case <-h.jobs.ready:
		case <-h.quit:
			for jobs := h.jobs.take(); len(jobs) > 0; jobs = h.jobs.take() {
				for _, j := range jobs {
					h.do(j)
				}
			}
			return
		}
	}
}

// stop does what is left and ends.
func (h *hands) stop(timeout <-chan time.Time) bool {
	h.once.Do(func() { close(h.quit) })
	select {
	case <-h.done:
		return true
	case <-timeout:
		return false
	}
}

// work does one job.
func (d *Daemon) work(j job) {
	switch {
	case j.apply:
		d.applyAddresses(j)
	case j.release:
		ctx, cancel := context.WithTimeout(context.Background(), kernelTimeout)
		defer cancel()
		d.releaseAddresses(ctx, j.m)
	case j.prune != nil:
		d.pruneAddresses(j.m, j.prune)
	case j.look != nil:
		d.look(j.m, j.look)
	case j.rounds > 0:
		d.announce(j)
	case j.source.IsValid():
		d.announceSource(j.m, j.source)
	case j.notify != nil:
		d.notifyState(j.m, j.notify)
	case j.reached != nil:
		close(j.reached)
		if j.until != nil {
			<-j.until
		}
	}
}
