package daemon

import (
	"log/slog"

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

// state writes a line of the state machine.
func (l *logger) state(detail bool, instance, text string) {
	level := logs.LevelInfo
	if detail {
		level = logs.LevelDetail
	}
	l.LogAttrs(nil, level, text, slog.String("VRRP_INSTANCE", instance)) //nolint:staticcheck // the handler has no use for a context
}

// cause writes why something happened: keepalived says only that it did.
func (l *logger) cause(instance, what, why string) {
	if why == "" {
		return
	}
	logs.Printf(l.Logger, logs.LevelInfo, "(%s) %s because: %s", instance, what, why)
}
