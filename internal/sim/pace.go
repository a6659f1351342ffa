package sim

import "time"

// Figures of how a MASTER defends its addresses, as docs/compatibility.md has them.
const (
	thefts     = 10 // in a minute are made good at once
	theftTime  = time.Minute
	gathered   = 20 * time.Millisecond // at least, between two restorations
	firstPause = time.Second           // and of those of a fight at least this,
	lastPause  = 8 * time.Second       // doubled each time up to this
)

// defence is an independent reckoning of when a MASTER is to put back what
// somebody else takes: from all that happened, and not step by step.
type defence struct {
	restored []time.Duration // the times of all restorations since it is MASTER
	fought   int             // how many of them came before the fight, from 1; 0: none
	theft    time.Duration   // the last one
	owed     deadline        // when to put back
}

// wait is the least time between the last restoration and the next.
func (d *defence) wait() time.Duration {
	if d.fought == 0 {
		return gathered
	}
	return min(firstPause<<min(len(d.restored)-d.fought, 10), lastPause)
}

// stolen takes a loss.
func (d *defence) stolen(now time.Duration) {
	d.theft = now
	n := len(d.restored)
	if d.fought == 0 && n >= thefts && now-d.restored[n-thefts] < theftTime {
		d.fought = n
	}
	at := now
	if n > 0 {
		at = max(at, d.restored[n-1]+d.wait())
	}
	if !d.owed.set || at < d.owed.at {
		d.owed = deadline{true, at}
	}
}

// due tells whether to put back now, and takes it as done.
func (d *defence) due(now time.Duration) bool {
	if !d.owed.set || d.owed.at > now {
		return false
	}
	d.owed = deadline{}
	d.restored = append(d.restored, now)
	return true
}

// calm ends a fight in which nothing was taken for a minute.
func (d *defence) calm(now time.Duration) {
	if d.fought > 0 && now >= d.theft+theftTime {
		*d = defence{owed: d.owed}
	}
}
