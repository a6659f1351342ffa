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

// state writes a line of the state machine.
func (l *logger) state(detail bool, instance, text string) {
	level := logs.LevelInfo
	if detail {
		level = logs.LevelDetail
	}
	l.LogAttrs(context.Background(), level, text, slog.String("VRRP_INSTANCE", instance))
}

// cause writes why something happened: keepalived says only that it did.
func (l *logger) cause(instance, why string) {
	switch why {
	case "", fsm.CauseStart, fsm.CauseStop:
		return // everybody knows
	}
	logs.Printf(l.Logger, logs.LevelInfo, "(%s) cause: %s", instance, why)
}
