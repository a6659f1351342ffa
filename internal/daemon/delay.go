package daemon

import (
	"time"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// startupDelay is how long the instances wait before they take part: as long as
// it says, and until the machine has run for long enough.
func startupDelay(g *config.Global, uptime time.Duration) time.Duration {
	return max(g.StartupDelay, (g.More.DelayAfterBoot - uptime).Truncate(time.Millisecond))
}

// adjustDelay returns what a reload leaves of a start delay that is still under
// way, and tells those who wait for its end already. A delay that is over is not
// begun again.
func (d *Daemon) adjustDelay(old, now *config.Global) time.Duration {
	left := time.Until(d.delayed)
	if left <= 0 {
		return 0
	}
	if old.StartupDelay != now.StartupDelay || old.More.DelayAfterBoot != now.More.DelayAfterBoot {
		d.delayed = d.started.Add(startupDelay(now, uptime()-time.Since(d.started)))
		left = time.Until(d.delayed)
		for _, r := range d.runners {
			r.post(fsm.All, fsm.Delayed{Left: left})
		}
	}
	if left <= 0 {
		d.log.infof("Reduced delayed start passed")
		return 0
	}
	d.log.infof("Delaying startup for a further %g seconds", left.Truncate(time.Microsecond).Seconds())
	return left
}
