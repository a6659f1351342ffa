package daemon

import (
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/logs"
)

// logger writes the daemon's lines. No method waits for anything.
type logger struct{ *slog.Logger }

func (l *logger) infof(format string, args ...any) { l.printf(logs.LevelInfo, format, args...) }

func (l *logger) detailf(format string, args ...any) { l.printf(logs.LevelDetail, format, args...) }

func (l *logger) alertf(format string, args ...any) { l.printf(logs.LevelAlert, format, args...) }

// printf writes a line. One whose format begins with "(%s)" is about the instance
// whose name comes first, as all of keepalived's that begin so.
func (l *logger) printf(level slog.Level, format string, args ...any) {
	if strings.HasPrefix(format, "(%s)") && l.Enabled(context.Background(), level) {
		if name, ok := args[0].(string); ok {
			l.LogAttrs(context.Background(), level, fmt.Sprintf(format, args...), slog.String(fieldInstance, name))
			return
		}
	}
	logs.Printf(l.Logger, level, format, args...)
}

// Fields of lines about an instance, in outputs that keep fields.
const (
	fieldInstance = "VRRP_INSTANCE"
	fieldState    = "VRRP_STATE" // in which the instance is after what the line tells of
	fieldCause    = "CAUSE"      // of a change of state or priority
)

// groupLine is how lines begin that are about a sync group.
const groupLine = "VRRP_Group("

// about writes a line about an instance, or about its sync group; why is left out
// when it is empty.
func (l *logger) about(detail bool, instance string, s fsm.State, why, text string) {
	level := logs.LevelInfo
	if detail {
		level = logs.LevelDetail
	}
	if strings.HasPrefix(text, groupLine) {
		logs.Printf(l.Logger, level, "%s", text)
		return
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
