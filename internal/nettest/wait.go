package nettest

import (
	"testing"
	"time"
)

// pollEvery is short beside any protocol timer and long beside a system call.
const pollEvery = 2 * time.Millisecond

// WaitFor fails the test if cond does not become true within the timeout. It
// asks at once and then every 2 ms.
func WaitFor(tb testing.TB, timeout time.Duration, cond func() bool, what string) {
	tb.Helper()
	if !Poll(timeout, cond) {
		tb.Fatalf("waited %v in vain: %s", timeout, what)
	}
}

// Poll reports whether cond became true within the timeout. It asks at once and
// then every 2 ms, and a last time when the timeout is over.
func Poll(timeout time.Duration, cond func() bool) bool {
	if cond() {
		return true
	}
	end := time.NewTimer(timeout)
	defer end.Stop()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		select {
		case <-end.C:
			return cond()
		case <-tick.C:
			if cond() {
				return true
			}
		}
	}
}
