package daemon

import (
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// lateness is how late the timers of a runner have fired: what is due and what
// has come of it. It belongs to the runner's goroutine.
type lateness struct {
	fired           uint64
	latest, longest time.Duration
	over            [len(lateOver)]uint64
}

// lateOver are the limits above which late timers are counted.
var lateOver = [...]time.Duration{time.Millisecond, 10 * time.Millisecond, 100 * time.Millisecond, time.Second}

func (l *lateness) note(late time.Duration) {
	l.fired++
	l.latest, l.longest = late, max(l.longest, late)
	for i, limit := range lateOver {
		if late > limit {
			l.over[i]++
		}
	}
}

// uptime is how long the machine has run, suspended or not.
func uptime() time.Duration {
	var ts unix.Timespec
	if unix.ClockGettime(unix.CLOCK_BOOTTIME, &ts) != nil {
		return 0
	}
	return time.Duration(ts.Nano())
}

// beginning is since when the monotonic clock is reckoned here.
var beginning = time.Now()

// gapAge is for how long a reading of the clocks is good enough: to stop and to
// wake up again takes a machine longer than that.
const gapAge = 5 * time.Millisecond

// gapSeen is the last reading, and when it was made; all runners share it.
var gapSeen struct{ at, gap atomic.Int64 }

// clockGap is how much further CLOCK_BOOTTIME is than Go's monotonic clock,
// which stands still while the machine is suspended. Only its changes matter.
func clockGap() time.Duration {
	seen := time.Duration(gapSeen.at.Load())
	if seen != 0 && time.Since(beginning)-seen < gapAge {
		return time.Duration(gapSeen.gap.Load())
	}
	// A pause between two clocks that are read one after the other would look
	// like a difference of the clocks.
	for try := 0; try < 3 || seen == 0; try++ {
		before := time.Since(beginning)
		up := uptime()
		if time.Since(beginning)-before > gapError {
			continue
		}
		gapSeen.gap.Store(int64(up - before))
		gapSeen.at.Store(int64(before))
		break
	}
	return time.Duration(gapSeen.gap.Load())
}

// gapError is by how much a reading may be wrong.
const gapError = time.Millisecond

// suspendedFor is the shortest suspension that is one; it is well above what two
// readings may be wrong by.
const suspendedFor = 20 * time.Millisecond

// wakeUp tells the state machine of time that its clock has missed, before
// anything that has happened since.
func (r *runner) wakeUp() {
	gap := r.clockGap()
	slept := gap - r.gap
	r.gap = gap
	if slept > suspendedFor {
		r.log.infof("%s: the machine was suspended for %v", r.title(), slept.Round(time.Millisecond))
		r.step(fsm.All, fsm.Slept{For: slept})
	}
}

// title names the runner's group in log lines.
func (r *runner) title() string {
	if name := r.group.Name(); name != "" {
		return "VRRP_Group(" + name + ")"
	}
	return "(" + r.members[0].name() + ")"
}

// timersLate is told of a timer that was later than min_auto_priority_delay. Many
// runners are late together: the first of them speaks for all.
func (d *Daemon) timersLate(late time.Duration) {
	now := time.Now()
	if now.Sub(d.lateSaid) < time.Second {
		return
	}
	d.lateSaid = now
	d.log.infof("A thread timer expired %d.%06d seconds ago", late/time.Second, late%time.Second/time.Microsecond)
	if d.auto < d.cfg.Global.More.MaxAutoPriority {
		d.auto++
		d.tune()
	}
}
