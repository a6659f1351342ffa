package daemon

import (
	"sync/atomic"
	"time"

	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// Watchdog says how the daemon shows that it works. A sign of life means that
// the manager and the loop of every group have answered since the one before: a
// loop that is stuck is as good as dead to its instances, and only a new start
// mends it.
type Watchdog struct {
	// Within is the time in which a sign of life is expected; 0: none is.
	Within time.Duration
	// Alive gives the sign. The manager calls it, so it must not wait.
	Alive func()
}

// beats are the signs of life in the time in which one is expected: one that is
// late on a busy machine must not cost a restart.
const beats = 4

// watchdog asks the runners whether they turn. It belongs to the manager.
type watchdog struct {
	Watchdog
	rounds uint64
	stuck  bool // the last round had no answer from somebody, and the log says so
}

// pulse is what a runner was last asked, and has answered.
type pulse struct {
	asked    uint64 // the manager's
	answered atomic.Uint64
}

// ticks begins the rounds; without a watchdog the channel never delivers.
func (w *watchdog) ticks() (c <-chan time.Time, stop func()) {
	if w.Within <= 0 {
		return nil, func() {}
	}
	t := time.NewTicker(max(w.Within/beats, time.Millisecond))
	return t.C, t.Stop
}

// round gives a sign of life if every runner has answered the last question, and
// asks anew. Whoever still owes an answer is asked nothing more.
func (w *watchdog) round(runners []*runner, log *logger) {
	w.rounds++
	var late *runner
	for _, r := range runners {
		if r.pulse.answered.Load() != r.pulse.asked {
			late = r
			continue
		}
		round := w.rounds
		r.pulse.asked = round
		r.ctl.push(errand{do: func(time.Time, *fsm.Group) { r.pulse.answered.Store(round) }})
	}
	switch {
	case late == nil:
		w.stuck = false
		w.Alive()
	case !w.stuck:
		w.stuck = true
		log.alertf("%s: no answer for %v, no sign of life until there is one", late.title(), w.Within/beats)
	}
}
