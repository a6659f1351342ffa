package daemon

import (
	"context"
	"log/slog"

	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/logs"
)

// logger writes the daemon's lines. No method waits for anything.
type logger struct{ *slog.Logger }

func (l *logger) infof(format string, args ...any) {
	logs.Printf(l.Logger, logs.LevelInfo, format, args...)
}

func (l *logger) detailf(format string, args ...any) {
	logs.Printf(l.Logger, logs.LevelDetail, format, args...)
}

func (l *logger) alertf(format string, args ...any) {
	logs.Printf(l.Logger, logs.LevelAlert, format, args...)
}

// Fields of lines about an instance, in outputs that keep fields.
const (
	fieldInstance = "VRRP_INSTANCE"
	fieldState    = "VRRP_STATE" // in which the instance is after what the line tells of
	fieldCause    = "CAUSE"      // of a change of state or priority
)

// about writes a line about an instance; why is left out when it is empty.
func (l *logger) about(detail bool, instance string, s fsm.State, why, text string) {
	level := logs.LevelInfo
	if detail {
		level = logs.LevelDetail
	}
	attrs := [3]slog.Attr{slog.String(fieldInstance, instance), slog.String(fieldState, s.String()), slog.String(fieldCause, why)}
	n := len(attrs)
	if why == "" {
		n--
	}
	l.LogAttrs(context.Background(), level, text, attrs[:n]...)
}

// cause writes why something happened: keepalived says only that it did.
func (l *logger) cause(instance string, s fsm.State, why string) {
	switch why {
	case "", fsm.CauseStart, fsm.CauseStop:
		return // everybody knows
	}
	l.about(false, instance, s, why, "("+instance+") cause: "+why)
}

// outcome is the state that the instance of a log line has after what the line
// tells of, and why, if that is a change: the last line before a change is the one
// that tells of it.
func outcome(outs []fsm.Out, i int, now fsm.State) (s fsm.State, why string) {
	for _, o := range outs[i+1:] {
		if o.ID != outs[i].ID {
			continue
		}
		switch a := o.Action.(type) {
		case fsm.StateChanged:
			return a.To, a.Cause
		case fsm.Log:
			return now, ""
		}
	}
	return now, ""
}
