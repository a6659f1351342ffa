package track

import (
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/spawn"
)

// riseFall decides from the results of a script whether it is good. It counts
// from 0 to rise+fall-1 and is good from rise on, so that it takes rise
// successes to become good and fall failures to become bad; the very first
// result decides alone.
type riseFall struct {
	name       string
	rise, fall int
	count      int
	known      bool // there has been a result
	status     int  // the last exit status
}

func (c *riseFall) good() bool { return c.count >= c.rise }

func (c *riseFall) top() int { return c.rise + c.fall - 1 }

// report takes a result. It returns the lines to log and whether the verdict
// is new.
func (c *riseFall) report(r *spawn.Result) (lines []string, changed bool) {
	if r.Err == nil && !r.TimedOut && r.Signal == 0 && r.Exit != c.status {
		c.status = r.Exit
		lines = append(lines, fmt.Sprintf("Script `%s` now returning %d", c.name, r.Exit))
	}
	first := !c.known
	if first {
		c.known = true
		c.count = c.rise - 1
	}
	if r.OK() {
		if c.count < c.rise-1 {
			c.count++
			return lines, false
		}
		changed = !c.good()
		c.count = c.top()
		if changed {
			lines = append(lines, fmt.Sprintf("VRRP_Script(%s) succeeded", c.name))
		}
		return lines, changed
	}
	if c.count > c.rise {
		c.count--
		return lines, false
	}
	changed = c.good() || first
	c.count = 0
	if changed {
		lines = append(lines, fmt.Sprintf("VRRP_Script(%s) %s", c.name, failure(r)))
	}
	return lines, changed
}

func failure(r *spawn.Result) string {
	switch {
	case r.TimedOut:
		return "timed_out"
	case r.Err != nil:
		return fmt.Sprintf("failed (%v)", r.Err)
	case r.Signal != 0:
		return fmt.Sprintf("failed (due to signal %d)", int(r.Signal))
	}
	return fmt.Sprintf("failed (exited with status %d)", r.Exit)
}

// why is the verdict's cause in words.
func (c *riseFall) why(r *spawn.Result) string {
	if c.good() {
		return "script " + c.name + " succeeded"
	}
	return fmt.Sprintf("script %s failed (%s)", c.name, r.Reason())
}

// restore takes over the state of an earlier counter, which may have had other
// limits: it stays good or bad, and keeps as many of the failures or successes
// it has already seen as the new limits leave room for.
func (c *riseFall) restore(s *ScriptState) {
	if !s.Known {
		return
	}
	c.known, c.status = true, s.Status
	if s.Good {
		failures := s.Rise + s.Fall - 1 - s.Count
		c.count = max(c.rise, c.top()-failures)
		return
	}
	c.count = min(s.Count, c.rise-1)
}
