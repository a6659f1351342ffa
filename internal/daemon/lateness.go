package daemon

import (
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

// clockGap is how much further CLOCK_BOOTTIME is than Go's monotonic clock,
// which stands still while the machine is suspended. Only its changes matter.
func clockGap() time.Duration { return uptime() - time.Since(beginning) }

// suspendedFor is the shortest suspension that is one: between two clocks that
// are read one after the other the scheduler may come.
const suspendedFor = 20 * time.Millisecond

// wakeUp tells the state machine of time that its clock has missed, before
// anything that has happened since.
func (r *runner) wakeUp() {
	gap := r.clockGap()
	slept := gap - r.gap
	if slept > suspendedFor { // perhaps it was the scheduler: once more
		slept = min(slept, r.clockGap()-r.gap)
	}
	r.gap += slept
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
