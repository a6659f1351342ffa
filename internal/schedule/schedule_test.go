package schedule

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"
)

func TestParse(t *testing.T) {
	zone, err := time.LoadLocation("Europe/Berlin")
	if err != nil {
		zone = time.FixedZone("CET", 3600)
	}
	now := time.Date(2026, 3, 28, 12, 0, 0, 0, zone) // the night after it has 23 hours in Berlin
	for _, tt := range []struct {
		text, want string
		daily      bool
		err        error
	}{
		{text: "12:00:01", want: "2026-03-28 12:00:01", daily: true},
		{text: "12:00:00\n", want: "2026-03-29 12:00:00", daily: true},
		{text: "11:00:00", want: "2026-03-29 11:00:00", daily: true},
		{text: "12:30:00Z", want: "2026-03-28 12:30:00Z", daily: true},
		{text: "10:30:00Z", want: "2026-03-29 10:30:00Z", daily: true},
		{text: "26-12-24 10:00:00", want: "2026-12-24 10:00:00"},
		{text: "2026-12-24 10:00:00", want: "2026-12-24 10:00:00"},
		{text: "2027-01-02 03:04:05Z", want: "2027-01-02 03:04:05Z"},
		{text: "2026-03-28 12:00:00", err: errPast},
		{text: "2020-01-01 00:00:00", err: errPast},
		{text: "25:00:00", err: errFormat},
		{text: "12:00", err: errFormat},
		{text: "2026-13-24 10:00:00", err: errFormat},
		{text: "tomorrow", err: errFormat},
		{text: "", err: errFormat},
	} {
		w, err := Parse(tt.text, now)
		if !errors.Is(err, tt.err) || err == nil && (w.String() != tt.want || w.Daily != tt.daily) {
			t.Errorf("Parse(%q) = %s, daily %v, %v; want %s, %v, %v", tt.text, w, w.Daily, err, tt.want, tt.daily, tt.err)
		}
	}
}

// TestRun writes times into a file of the mind, at a clock of its own.
func TestRun(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var said []string
		var due atomic.Int32
		var text atomic.Value
		text.Store("")
		ctx, cancel := context.WithCancel(context.Background())
		go New(Options{
			Path: "none", Repeat: true,
			Log: func(s string) { said = append(said, s) },
			Due: func() {
				if due.Add(1) == 3 {
					text.Store("") // the file of a date is removed
				}
			},
			read: func() (string, bool) { return text.Load().(string), text.Load() != "" },
		}).Run(ctx)
		start := time.Now().UTC() // midnight of the first of January 2000
		step := func(d time.Duration, wantDue int32) {
			t.Helper()
			time.Sleep(d)
			synctest.Wait()
			if got := due.Load(); got != wantDue {
				t.Errorf("at %v: %d reloads, want %d", time.Since(start), got, wantDue)
			}
		}
		step(time.Minute, 0)
		text.Store("00:03:00Z\n")
		step(2*time.Minute-time.Second, 0)
		step(time.Second+time.Millisecond, 1)
		step(24*time.Hour-time.Second, 1)
		step(time.Second, 2)
		text.Store("nonsense")
		step(24*time.Hour, 2)
		text.Store("2000-01-04 00:00:00Z")
		step(24*time.Hour, 3)
		step(time.Hour, 3)
		cancel()
		synctest.Wait()
		want := []string{
			"Scheduling reload for 2000-01-01 00:03:00", "Scheduling reload for 2000-01-02 00:03:00", "Scheduling reload for 2000-01-03 00:03:00",
			"Reload time nonsense format is incorrect - ignoring", "Cancelling reload scheduled for 2000-01-03 00:03:00",
			"Scheduling reload for 2000-01-04 00:00:00",
		}
		for i := range said {
			said[i] = strings.TrimSuffix(said[i], "Z")
		}
		if !slices.Equal(said, want) {
			t.Errorf("said %q\nwant %q", said, want)
		}
	})
}

// TestRealFile has a time written into a real file.
func TestRealFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "reload.time")
	due := make(chan struct{}, 1)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan struct{})
	said := make(chan string, 10)
	go func() {
		defer close(ended)
		New(Options{Path: path, Log: func(s string) { said <- s }, Due: func() { due <- struct{}{} }}).Run(ctx)
	}()
	at := time.Now().Add(2 * time.Second).Format(time.DateTime)
	if err := os.WriteFile(path, []byte(at), 0o644); err != nil {
		t.Fatal(err)
	}
	select {
	case <-due:
	case <-time.After(20 * time.Second):
		t.Fatal("no reload")
	}
	cancel()
	<-ended
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("the file is still there: %v", err)
	}
	if got := <-said; got != "Scheduling reload for "+at {
		t.Errorf("said %q", got)
	}
}
