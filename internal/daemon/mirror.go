package daemon

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/journal"
)

// mirror is what a runner shows of its group after each round of work, so that who
// wants to know need not wake it: to wake a thousand runners takes longer than all
// the rest of a dump. The runner never waits for those who look: it leaves the mirror
// as it is then, and says so.
type mirror struct {
	stale atomic.Bool // the group has gone on and is not to be seen here
	mu    sync.Mutex
	// handled is the number of errands that had been done; 0: nothing was shown yet.
	handled uint64
	timers  lateness
	faces   []face // of the members
}

// face is what is seen of a member.
type face struct {
	view fsm.View
	// entries are its journal as it was at copied, in the version of it that had
	// then; now is the version that it has.
	entries   []journal.Entry
	then, now uint64
	copied    time.Time
}

// copyPause is the shortest time between two copies of a journal. Who wants one that
// has changed since has to ask: a flood of rejected packets would have it copied for
// each of them.
const copyPause = time.Second

// show brings the mirror up to date. It is the runner's.
func (r *runner) show() {
	s := &r.mirror
	if !s.mu.TryLock() {
		s.stale.Store(true)
		return
	}
	defer s.mu.Unlock()
	if s.faces == nil {
		s.faces = make([]face, len(r.members))
	}
	for i, m := range r.members {
		f := &s.faces[i]
		f.view, f.now = r.group.View(fsm.ID(i)), m.journal.Version()
		if f.then == f.now {
			continue
		}
		if now := time.Now(); now.Sub(f.copied) >= copyPause {
			f.entries, f.then, f.copied = m.journal.Entries(), f.now, now
		}
	}
	s.timers, s.handled = r.timers, r.handled+1
	s.stale.Store(false)
}

// mirrored tells what the mirror shows, unless it is out of date: all that was given to
// the runner before must have been done. entries is called for each member; nil: they
// are not wanted. It may be called by anybody.
func (r *runner) mirrored(seen func(i int, v *fsm.View), entries func(i int, e []journal.Entry), timers *lateness) bool {
	given := r.ctl.count() + 1
	s := &r.mirror
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.handled != given || s.stale.Load() {
		return false
	}
	for i := range s.faces {
		f := &s.faces[i]
		if entries == nil {
			seen(i, &f.view)
			continue
		}
		if f.then != f.now {
			return false
		}
		seen(i, &f.view)
		entries(i, f.entries)
	}
	*timers = s.timers
	return true
}
