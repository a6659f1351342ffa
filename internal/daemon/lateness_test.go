package daemon

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// A timer that is later than an advert takes gives the master the time of one
// more; how late timers are is counted.
func TestVeryLateTimerListensOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestRunner(t)
		var told []time.Duration
		r.late = func(d time.Duration) { told = append(told, d) }
		r.lateLimit.Store(int64(500 * time.Millisecond))
		r.start()
		synctest.Wait()
		r.oversleep(time.Second)
		time.Sleep(time.Second + 160*time.Millisecond)
		if got := r.state(); got != fsm.Backup {
			t.Errorf("while it listens: %v", got)
		}
		time.Sleep(time.Millisecond)
		if got := r.state(); got != fsm.Master {
			t.Errorf("after that: %v", got)
		}
		time.Sleep(time.Second)
		r.end(t)
		const late = time.Second - 360937*time.Microsecond
		if l := r.timers; l.longest != late || l.fired != 12 || l.latest != 0 || l.over != [4]uint64{1, 1, 1, 0} {
			t.Errorf("timers: %+v", l)
		}
		if len(told) != 1 || told[0] != late {
			t.Errorf("told of %v, want once %v", told, late)
		}
	})
}

// A suspended machine shows only in the difference of two clocks.
func TestSuspensionIsNoticed(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestRunner(t)
		var asleep time.Duration
		r.clockGap = func() time.Duration { return asleep }
		r.gap = 0
		r.start()
		time.Sleep(100 * time.Millisecond)
		for _, d := range []time.Duration{time.Millisecond, time.Minute} {
			r.call(time.Hour, func(time.Time, *fsm.Group) { asleep += d })
		}
		// 360.9 ms by its clock; but an advert was not listened for.
		time.Sleep(261 * time.Millisecond)
		if got := r.state(); got != fsm.Backup {
			t.Errorf("right after it: %v", got)
		}
		time.Sleep(200 * time.Millisecond)
		if got := r.state(); got != fsm.Master {
			t.Errorf("later: %v", got)
		}
		r.end(t)
	})
}

// Instances wait for as long as they are told, and until the machine has run for
// long enough.
func TestStartupDelay(t *testing.T) {
	for _, c := range []struct{ delay, afterBoot, uptime, want time.Duration }{
		{0, 0, time.Hour, 0},
		{5 * time.Second, 0, time.Hour, 5 * time.Second},
		{0, time.Minute, 20 * time.Second, 40 * time.Second},
		{5 * time.Second, time.Minute, 58 * time.Second, 5 * time.Second},
		{0, time.Minute, time.Hour, 0},
	} {
		g := &config.Global{StartupDelay: c.delay, More: config.GlobalMore{DelayAfterBoot: c.afterBoot}}
		if got := startupDelay(g, c.uptime); got != c.want {
			t.Errorf("%+v: %v", c, got)
		}
	}
	if up := uptime(); up <= 0 {
		t.Errorf("the machine has run for %v", up)
	}
}

func BenchmarkClockGap(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		clockGap()
	}
}
