package logs

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"time"
)

// Levels of a log line. All but the two lowest are always written; their names
// are those of syslog, and so are their priorities there.
const (
	LevelExtra  = slog.LevelDebug - 4 // written when -D was given twice; syslog priority info
	LevelDetail = slog.LevelDebug     // written with -D; syslog priority info
	LevelInfo   = slog.LevelInfo
	LevelNotice = slog.LevelInfo + 2
	LevelWarn   = slog.LevelWarn
	LevelErr    = slog.LevelError
	LevelAlert  = slog.LevelError + 4
)

// severity gives the syslog severity of a level (RFC 5424 section 6.2.1).
// Detailed lines are info, not debug: syslog daemons commonly throw debug away,
// and who asks for details wants to find them.
func severity(l slog.Level) int {
	switch {
	case l >= LevelAlert:
		return 1
	case l >= LevelErr:
		return 3
	case l >= LevelWarn:
		return 4
	case l >= LevelNotice:
		return 5
	default:
		return 6
	}
}

// Printf logs one line in the manner of fmt.Sprintf. Nothing is formatted when
// the level is not written.
func Printf(log *slog.Logger, level slog.Level, format string, args ...any) {
	ctx := context.Background()
	if !log.Enabled(ctx, level) {
		return
	}
	msg := format
	if len(args) > 0 {
		msg = fmt.Sprintf(format, args...)
	}
	// Losing the line is all that can happen, and the Log counts it.
	_ = log.Handler().Handle(ctx, slog.NewRecord(time.Now(), level, msg, 0))
}

// Facility is a syslog facility (RFC 5424 section 6.2.1).
type Facility int

// Facilities that may be chosen. The zero value means [Daemon], so that an
// unset field does what an unset option does.
const (
	User   Facility = 1
	Daemon Facility = 3
	Local0 Facility = 16
	Local7 Facility = 23
)

// ParseFacility reads the argument of --log-facility: 0 to 7, local0 to local7,
// user or daemon.
func ParseFacility(s string) (Facility, bool) {
	switch s {
	case "user":
		return User, true
	case "daemon":
		return Daemon, true
	}
	s = strings.TrimPrefix(s, "local")
	if len(s) != 1 || s[0] < '0' || s[0] > '7' {
		return 0, false
	}
	return Local0 + Facility(s[0]-'0'), true
}

func (f Facility) String() string {
	switch {
	case f == User:
		return "user"
	case f == 0, f == Daemon:
		return "daemon"
	default:
		return fmt.Sprintf("local%d", int(f-Local0))
	}
}
