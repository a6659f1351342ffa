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

// Run follows the file until the context ends.
func Run(ctx context.Context, o Options) {
	s := &schedule{Options: o}
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

type schedule struct {
	Options
	text string // what was last read
	when When
	set  bool
}

// watch gives the names of files in the folder with which something happened.
func (s *schedule) watch() (<-chan string, func()) {
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
func (s *schedule) wait() time.Duration {
	if !s.set {
		return look
	}
	return max(0, min(look, s.when.At.Sub(time.Now().Round(0))))
}

func (s *schedule) readFile() (string, bool) {
	st, err := os.Stat(s.Path)
	if err != nil || !st.Mode().IsRegular() || st.Size() > 1024 {
		return "", false
	}
	data, err := os.ReadFile(s.Path)
	return string(data), err == nil && len(data) > 0
}

// update takes what is in the file now.
func (s *schedule) update() {
	text, there := s.read()
	if text == s.text {
		return
	}
	s.text = text
	old, was := s.when, s.set
	s.when, s.set = When{}, false
	if there {
		w, err := Parse(text, time.Now())
		if err != nil {
			s.Log(err.Error() + " - ignoring")
		}
		s.when, s.set = w, err == nil
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
func (s *schedule) check() {
	if !s.set || s.when.At.After(time.Now().Round(0)) {
		return
	}
	daily := s.when.Daily && s.Repeat
	s.when, s.set = When{}, false
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
