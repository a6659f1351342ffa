// Package logs carries the daemon's log lines to syslog or systemd's journal and
// to the console, without ever delaying the goroutine that logs.
//
// A [Log] is a [slog.Handler]. The message of a record is the line, word for
// word; attributes become fields in the journal and are not printed elsewhere.
//
// What is guaranteed:
//
//   - A logging goroutine puts its line into a bounded queue and goes on. It
//     never waits for a terminal, a pipe, syslogd, journald or a disk, and a line
//     costs it no allocation besides its text and its fields for the journal.
//   - Each output has its own queue and its own goroutine, so a stopped terminal
//     does not hold back syslog. Lines of one output keep their order.
//   - When a queue is full its new lines are dropped and counted, and the count
//     is written at the place where they are missing.
//   - A syslogd that restarts or starts late gets the waiting lines, with the
//     times at which they were logged.
//   - [Log.Close] writes what it can within its time limit and then gives up: a
//     reader that hangs cannot keep the daemon from exiting.
package logs

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"
)

// Options say where the lines go. With none of Console, Syslog and Journal all
// lines are discarded.
type Options struct {
	Ident    string    // program name in syslog, e.g. "Keepalived_vrrp"
	Facility Facility  // 0: daemon
	Detail   int       // how often -D was given
	Console  io.Writer // nil: none; else each line is one Write with the time in front
	Syslog   bool      // send to the local syslog daemon
	Journal  bool      // send to systemd's journal, with fields
}

const (
	// queueLimit is the number of lines that may wait for one output: enough for
	// the hand-over of a thousand instances, and a megabyte.
	queueLimit = 16384
	// retryAfter is the pause after a failed write before the same line is tried
	// again.
	retryAfter = time.Second
)

// Log is a [slog.Handler] with its outputs. Its methods may be called from any
// goroutine.
type Log struct {
	min    slog.Level
	sinks  []*sink
	fields bool // an output keeps them
	ident  atomic.Pointer[string]
	start  sync.Once
	stop   sync.Once
}

// New makes a Log. Lines logged before [Log.Start] wait in the queue.
func New(o Options) *Log {
	l := &Log{min: LevelInfo}
	switch {
	case o.Detail >= 2:
		l.min = LevelExtra
	case o.Detail == 1:
		l.min = LevelDetail
	}
	l.SetIdent(o.Ident)
	if o.Console != nil {
		l.sinks = append(l.sinks, newSink("console", console{o.Console}))
	}
	if o.Syslog {
		l.sinks = append(l.sinks, newSink("syslog", newSyslog(o.Facility, l.name)))
	}
	if o.Journal {
		l.fields = true
		l.sinks = append(l.sinks, newSink("journal", newJournal(o.Facility, l.name)))
	}
	return l
}

func (l *Log) name() string { return *l.ident.Load() }

// SetIdent changes the program name for the lines not yet sent to syslog.
func (l *Log) SetIdent(ident string) { l.ident.Store(&ident) }

// Start begins to write. Further calls do nothing.
func (l *Log) Start() {
	l.start.Do(func() {
		for _, s := range l.sinks {
			go s.run()
		}
	})
}

// Close writes the waiting lines and stops. It returns when all outputs are
// done, or after limit with an error that says what was left unwritten; an
// output that hangs is abandoned. Lines logged afterwards are discarded.
func (l *Log) Close(limit time.Duration) error {
	l.Start()
	l.stop.Do(func() {
		for _, s := range l.sinks {
			close(s.closing)
		}
	})
	late := time.NewTimer(limit)
	defer late.Stop()
	over := false
	var errs []error
	for _, s := range l.sinks {
		if over {
			select { // it may have ended all the same
			case <-s.ended:
			default:
			}
		} else {
			select {
			case <-s.ended:
			case <-late.C:
				over = true
			}
		}
		if n := s.queue.shut(); n > 0 {
			errs = append(errs, fmt.Errorf("%s: %d log lines not written", s.name, n))
		}
	}
	return errors.Join(errs...)
}

// Enabled implements [slog.Handler].
func (l *Log) Enabled(_ context.Context, level slog.Level) bool { return level >= l.min }

// Handle implements [slog.Handler]. It never waits and never fails.
func (l *Log) Handle(_ context.Context, r slog.Record) error {
	x := line{at: r.Time, level: r.Level, text: r.Message}
	if n := r.NumAttrs(); l.fields && n > 0 {
		x.fields = make([]slog.Attr, 0, n)
		r.Attrs(func(a slog.Attr) bool {
			x.fields = append(x.fields, a)
			return true
		})
	}
	for _, s := range l.sinks {
		s.queue.put(x)
	}
	return nil
}

// WithAttrs implements [slog.Handler]: only those of a record itself are kept.
func (l *Log) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup implements [slog.Handler]: fields have no groups.
func (l *Log) WithGroup(string) slog.Handler { return l }
