package logs

import (
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"
	"time"
)

// syslogSocket is where syslog daemons and journald listen.
const syslogSocket = "/dev/log"

// syslogLimit is the length to which a message is cut when the socket refuses it
// as too long.
const syslogLimit = 8192

// syslog sends lines to the local syslog daemon in the form that libc uses
// (RFC 3164 without the host name). Only its sink's goroutine uses it.
type syslog struct {
	facility Facility
	ident    func() string
	pid      int
	dial     func() (net.Conn, bool, error) // the bool: a stream, messages end in NUL

	conn   net.Conn
	stream bool
}

func newSyslog(f Facility, ident func() string) *syslog {
	if f == 0 {
		f = Daemon
	}
	return &syslog{facility: f, ident: ident, pid: os.Getpid(), dial: dialSyslog(syslogSocket)}
}

func dialSyslog(path string) func() (net.Conn, bool, error) {
	return func() (net.Conn, bool, error) {
		c, err := net.Dial("unixgram", path)
		if errors.Is(err, syscall.EPROTOTYPE) {
			c, err = net.Dial("unix", path)
			return c, true, err
		}
		return c, false, err
	}
}

func (s *syslog) write(l line) error {
	// An old connection fails when syslogd was restarted: then a new one is tried
	// at once.
	if s.conn != nil {
		if s.send(l) == nil {
			return nil
		}
		s.conn.Close()
	}
	conn, stream, err := s.dial()
	if err != nil {
		s.conn = nil
		return err
	}
	s.conn, s.stream = conn, stream
	return s.send(l)
}

func (s *syslog) send(l line) error { return sendFitting(l, s.sendOnce) }

// sendFitting sends a line, cut when the socket refuses it as too long.
func sendFitting(l line, send func(line) error) error {
	err := send(l)
	if errors.Is(err, syscall.EMSGSIZE) && len(l.text) > syslogLimit {
		l.text = l.text[:syslogLimit]
		err = send(l)
	}
	if errors.Is(err, syscall.EMSGSIZE) {
		return nil // it will never fit: do not hold up the others
	}
	return err
}

func (s *syslog) sendOnce(l line) error {
	msg := fmt.Appendf(nil, "<%d>%s %s[%d]: %s", int(s.facility)<<3|severity(l.level), l.at.Format(time.Stamp), s.ident(), s.pid, l.text)
	if s.stream {
		msg = append(msg, 0)
	}
	_, err := s.conn.Write(msg)
	return err
}
