package daemon

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-ha/holdfast/internal/kernel"
)

// An address that cannot be set is tried each second, and said once a minute.
func TestFailureIsSaidOnceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestRunner(t)
		var out bytes.Buffer
		r.log = &logger{slog.New(slog.NewTextHandler(&out, nil))}
		m := r.members[0]
		fail := func(why string) []kernel.Failure { return []kernel.Failure{{Err: errors.New(why)}} }
		for range 120 {
			m.sayFailed(fail("no such device"))
			time.Sleep(time.Second)
		}
		if got := strings.Count(out.String(), "no such device"); got != 2 {
			t.Errorf("said %d times in two minutes, want 2", got)
		}
		m.sayFailed(fail("permission denied"))
		m.sayFailed(nil)
		m.sayFailed(fail("permission denied"))
		if got := strings.Count(out.String(), "permission denied"); got != 2 {
			t.Errorf("another failure was said %d times, want at once and again after it had gone", got)
		}
	})
}
