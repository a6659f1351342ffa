// Package schedule watches the file that tells when to reload
// (reload_time_file): whoever writes a time into it gets a reload at that time.
//
// One goroutine runs a schedule and makes all calls out of it. The wall clock
// counts: a clock that is set, a suspended machine or the change to summer time
// moves the reload with it. The folder is watched, and the file read twice a
// minute all the same, for file systems that tell nothing.
package schedule

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/fsnotify/fsnotify"
)

// Options of a schedule.
type Options struct {
	Path   string
	Repeat bool                  // a time without date is for every day
	Log    func(text string)     // gets whole lines
	Due    func()                // the time has come
	read   func() (string, bool) // for tests; nil: the file
}

const (
	look = 30 * time.Second // between two looks at the file and at the clock
	// rest is how long after an event the file is read: a file that is written
	// in pieces, or emptied and then written, is not read in between.
	rest = 100 * time.Millisecond
)

// Schedule is what a file says of the next reload.
type Schedule struct {
	Options
	text string // what was last read
	when When
	set  bool
	next atomic.Pointer[time.Time]
}

// New makes a schedule, which does nothing until it runs.
func New(o Options) *Schedule { return &Schedule{Options: o} }

// Next is the time of the next reload; the zero Time: none is planned. Any
// goroutine may ask.
func (s *Schedule) Next() time.Time {
	if t := s.next.Load(); t != nil {
		return *t
	}
	return time.Time{}
}

// plan notes the next reload; false: none.
func (s *Schedule) plan(w When, set bool) {
	s.when, s.set = w, set
	s.next.Store(&w.At)
}

// Run follows the file until the context ends.
func (s *Schedule) Run(ctx context.Context) {
	var events <-chan string
	if s.read == nil {
		s.read = s.readFile
		var end func()
		events, end = s.watch()
		defer end()
	}
	s.update()
	for {
		timer := time.NewTimer(s.wait())
		select {
		case <-ctx.Done():
			timer.Stop()
			return
		case <-timer.C:
			s.update()
		case name := <-events:
			timer.Stop()
			if filepath.Base(name) != filepath.Base(s.Path) {
				continue
			}
			select {
			case <-time.After(rest):
			case <-ctx.Done():
				return
			}
			s.update()
		}
		s.check()
	}
}

// watch gives the names of files in the folder with which something happened.
func (s *Schedule) watch() (<-chan string, func()) {
	names := make(chan string)
	w, err := fsnotify.NewWatcher()
	if err == nil {
		if err = w.Add(filepath.Dir(s.Path)); err != nil {
			_ = w.Close()
		}
	}
	if err != nil {
		s.Log(fmt.Sprintf("reload_time_file %s: %v; looking at it every %v", s.Path, err, look))
		return names, func() {}
	}
	done := make(chan struct{})
	go func() {
		for e := range w.Events {
			select {
			case names <- e.Name:
			case <-done:
				return
			}
		}
	}()
	go func() {
		for range w.Errors {
			// An overflow loses events, which the next look makes good.
		}
	}()
	return names, func() {
		close(done)
		_ = w.Close()
	}
}

// wait is how long there is nothing to do, if nothing happens to the file.
func (s *Schedule) wait() time.Duration {
	if !s.set {
		return look
	}
	return max(0, min(look, s.when.At.Sub(time.Now().Round(0))))
}

func (s *Schedule) readFile() (string, bool) {
	st, err := os.Stat(s.Path)
	if err != nil || !st.Mode().IsRegular() || st.Size() > 1024 {
		return "", false
	}
	data, err := os.ReadFile(s.Path)
	return string(data), err == nil && len(data) > 0
}

// update takes what is in the file now.
func (s *Schedule) update() {
	text, there := s.read()
	if text == s.text {
		return
	}
	s.text = text
	old, was := s.when, s.set
	s.plan(When{}, false)
	if there {
		w, err := Parse(text, time.Now())
		if err != nil {
			s.Log(fmt.Sprintf("Reload time %v - ignoring", err))
		}
		s.plan(w, err == nil)
	}
	switch {
	case s.set && !was:
		s.Log(fmt.Sprintf("Scheduling reload for %s", s.when))
	case s.set && !s.when.At.Equal(old.At):
		s.Log(fmt.Sprintf("Reload time updated from %s to %s", old, s.when))
	case !s.set && was:
		s.Log(fmt.Sprintf("Cancelling reload scheduled for %s", old))
	}
}

// check reloads if it is time.
func (s *Schedule) check() {
	if !s.set || s.when.At.After(time.Now().Round(0)) {
		return
	}
	daily := s.when.Daily && s.Repeat
	s.plan(When{}, false)
	s.Due()
	if daily {
		s.text = "" // the same line stands for tomorrow
		s.update()
		return
	}
	s.text = ""
	if err := os.Remove(s.Path); err != nil && !os.IsNotExist(err) {
		// Not to be taken for a new wish.
		s.text, _ = s.read()
		s.Log(fmt.Sprintf("reload_time_file: %v", err))
	}
}
