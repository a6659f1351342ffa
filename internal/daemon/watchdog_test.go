package daemon

import (
	"context"
	"log/slog"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// A sign of life needs every loop: one that is stuck, the manager's included, and
// there is none until it turns again.
func TestWatchdog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const within = 4 * time.Second
		var signs atomic.Int64
		var log strings.Builder
		a, b := newTestRunner(t), newTestRunner(t)
		a.start()
		b.start()
		d := New(&config.Config{}, Options{
			Log:      slog.New(slog.NewTextHandler(&log, nil)),
			Watchdog: Watchdog{Within: within, Alive: func() { signs.Add(1) }},
		})
		d.runners = []*runner{a.runner, b.runner}
		ctx, cancel := context.WithCancel(context.Background())
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			d.serve(ctx, &Signals{})
		}()
		given := func(during time.Duration) int {
			before := signs.Load()
			time.Sleep(during) // virtual
			synctest.Wait()
			return int(signs.Load() - before)
		}
		if n := given(10 * within); n != 10*beats {
			t.Errorf("%d signs of life, want %d", n, 10*beats)
		}
		stuck, free := make(chan struct{}), make(chan struct{})
		b.ctl.push(errand{do: func(time.Time, *fsm.Group) { close(stuck); <-free }})
		<-stuck
		given(within / beats) // what was answered before still counts
		if n := given(10 * within); n != 0 {
			t.Errorf("%d signs of life although a loop is stuck", n)
		}
		if a.state() != fsm.Master {
			t.Errorf("the other loop does not turn")
		}
		b.ctl.mu.Lock()
		if n := len(b.ctl.items); n > 1 {
			t.Errorf("%d questions wait for a stuck loop", n)
		}
		b.ctl.mu.Unlock()
		close(free)
		given(within / beats)
		if n := given(within); n != beats {
			t.Errorf("%d signs of life after the loop turns again, want %d", n, beats)
		}
		if n := strings.Count(log.String(), "(VI): no answer for 1s"); n != 1 {
			t.Errorf("the log tells of it %d times:\n%s", n, log.String())
		}
		d.do(func() { <-ctx.Done() })
		if n := given(within); n != 0 {
			t.Errorf("%d signs of life although the manager is stuck", n)
		}
		cancel()
		<-ended
		a.end(t)
		b.end(t)
	})
}

// A reload replaces runners: those that are gone owe no answer.
func TestWatchdogForgetsRunners(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		signs := 0
		w := watchdog{Watchdog: Watchdog{Within: time.Second, Alive: func() { signs++ }}}
		a, b := newTestRunner(t), newTestRunner(t)
		b.start()
		log := &logger{slog.New(slog.DiscardHandler)}
		w.round([]*runner{a.runner}, log) // a never turns
		w.round([]*runner{b.runner}, log)
		synctest.Wait()
		w.round([]*runner{b.runner}, log)
		if signs != 3 {
			t.Errorf("%d signs of life, want 3", signs)
		}
		b.end(t)
	})
}

// The line that tells of a change carries the new state and why, the others the
// state that is.
func TestOutcome(t *testing.T) {
	outs := []fsm.Out{
		{ID: 0, Action: fsm.Log{Text: "before"}},
		{ID: 0, Action: fsm.Log{Text: "Entering MASTER STATE"}},
		{ID: 1, Action: fsm.Log{Text: "of another"}},
		{ID: 0, Action: fsm.AddAddresses{}},
		{ID: 0, Action: fsm.StateChanged{From: fsm.Backup, To: fsm.Master, Cause: "silence"}},
		{ID: 0, Action: fsm.Log{Text: "after"}},
	}
	for i, want := range map[int]string{0: "BACKUP ", 1: "MASTER silence", 2: "BACKUP ", 5: "BACKUP "} {
		s, why := outcome(outs, i, fsm.Backup)
		if got := s.String() + " " + why; got != want {
			t.Errorf("line %d: %q, want %q", i, got, want)
		}
	}
}
