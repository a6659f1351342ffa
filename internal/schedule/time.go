package schedule

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// When is a point in time as a reload_time_file gives it.
type When struct {
	At    time.Time // without monotonic reading: it is the wall clock that counts
	Daily bool      // no date was given
}

// String is the form in which the log names a time.
func (w When) String() string {
	text := w.At.Format(time.DateTime)
	if w.At.Location() == time.UTC && time.Local != time.UTC {
		text += "Z"
	}
	return text
}

// Reasons not to take a time.
var (
	errFormat = errors.New("format is incorrect")
	errPast   = errors.New("is in the past")
)

// Parse reads HH:MM:SS, YY-MM-DD HH:MM:SS or YYYY-MM-DD HH:MM:SS, in local time
// or, with a Z behind it, in UTC. A time without date is the next one; a date
// that has passed is an error.
func Parse(text string, now time.Time) (When, error) {
	text = strings.TrimSpace(text)
	place := now.Location()
	clock, utc := strings.CutSuffix(text, "Z")
	if utc {
		place = time.UTC
	}
	now = now.Round(0).In(place)
	if t, err := time.ParseInLocation(time.TimeOnly, clock, place); err == nil {
		return When{next(t, now), true}, nil
	}
	for _, layout := range []string{time.DateTime, "06-01-02 15:04:05"} {
		t, err := time.ParseInLocation(layout, clock, place)
		switch {
		case err != nil:
		case !t.After(now):
			return When{}, fmt.Errorf("%s %w", text, errPast)
		default:
			return When{At: t}, nil
		}
	}
	return When{}, fmt.Errorf("%s %w", text, errFormat)
}

// next is the first time of that clock reading after now. Days are counted by
// the calendar: one with a change of clocks has not 24 hours.
func next(clock, now time.Time) time.Time {
	h, m, s := clock.Clock()
	at := time.Date(now.Year(), now.Month(), now.Day(), h, m, s, 0, now.Location())
	if !at.After(now) {
		at = time.Date(now.Year(), now.Month(), now.Day()+1, h, m, s, 0, now.Location())
	}
	return at
}
