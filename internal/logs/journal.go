package logs

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// journalSocket is where journald takes messages in its own form.
const journalSocket = "/run/systemd/journal/socket"

// ToJournal reports whether what is written to the file ends up in systemd's
// journal (JOURNAL_STREAM in the environment) and journald can be reached: lines
// may then be sent to it with their fields.
func ToJournal(f *os.File) bool { return toJournal(f, journalSocket) }

func toJournal(f *os.File, socket string) bool {
	dev, inode, ok := strings.Cut(os.Getenv("JOURNAL_STREAM"), ":")
	var st unix.Stat_t
	if !ok || unix.Fstat(int(f.Fd()), &st) != nil ||
		dev != strconv.FormatUint(st.Dev, 10) || inode != strconv.FormatUint(st.Ino, 10) {
		return false
	}
	conn, err := dialJournal(socket)
	if err != nil {
		return false
	}
	_ = conn.Close()
	return true
}

func dialJournal(path string) (net.Conn, error) { return net.Dial("unixgram", path) }

// journal sends lines to journald with their fields. Only its sink's goroutine
// uses it.
type journal struct {
	facility Facility
	ident    func() string
	pid      int
	dial     func() (net.Conn, error)

	conn net.Conn
}

func newJournal(f Facility, ident func() string) *journal {
	if f == 0 {
		f = Daemon
	}
	return &journal{
		facility: f, ident: ident, pid: os.Getpid(),
		dial: func() (net.Conn, error) { return dialJournal(journalSocket) },
	}
}

func (j *journal) write(l line) error {
	// An old connection fails when journald's socket was made anew: then a new
	// one is tried at once.
	if j.conn != nil {
		if j.send(l) == nil {
			return nil
		}
		j.conn.Close()
	}
	conn, err := j.dial()
	if err != nil {
		j.conn = nil
		return err
	}
	j.conn = conn
	return j.send(l)
}

func (j *journal) send(l line) error {
	return sendFitting(l, func(l line) error {
		_, err := j.conn.Write(j.message(l))
		return err
	})
}

// message is a line in journald's own form: one field a line. No value has line
// breaks, since [clean] has replaced them.
func (j *journal) message(l line) []byte {
	msg := fmt.Appendf(nil, "MESSAGE=%s\nPRIORITY=%d\nSYSLOG_FACILITY=%d\nSYSLOG_IDENTIFIER=%s\nSYSLOG_PID=%d\nSYSLOG_TIMESTAMP=%s\n",
		l.text, severity(l.level), j.facility, clean(j.ident()), j.pid, l.at.Format(time.Stamp))
	for _, f := range l.fields {
		if fieldName(f.Key) {
			msg = fmt.Appendf(msg, "%s=%s\n", f.Key, clean(value(f)))
		}
	}
	return msg
}

func value(f slog.Attr) string { return f.Value.Resolve().String() }

// fieldName reports whether journald takes the name of a field from a program;
// it drops others.
func fieldName(s string) bool {
	if s == "" || len(s) > 64 || s[0] < 'A' || s[0] > 'Z' {
		return false
	}
	return strings.Trim(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_") == ""
}
