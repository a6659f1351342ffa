package mail

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/textproto"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/spawn"
)

// refusal is an answer of the server that is not the one hoped for.
type refusal struct {
	cmd  string
	code int
}

func (r *refusal) Error() string { return fmt.Sprintf("SMTP status code = %d to %s", r.code, r.cmd) }

// later reports whether a delivery is worth another try (RFC 5321 section
// 4.2.1): everything but a lasting refusal is.
func later(err error) bool {
	var r *refusal
	return !errors.As(err, &r) || r.code < 500
}

// text says in keepalived's words what went wrong.
func text(err error, s *Settings) string {
	var r *refusal
	var timeout net.Error
	switch {
	case errors.As(err, &r):
		return fmt.Sprintf("Error processing %s cmd on SMTP server %s. SMTP status code = %d", r.cmd, s.server(), r.code)
	case errors.As(err, &timeout) && timeout.Timeout():
		return fmt.Sprintf("Timeout connecting SMTP server %s.", s.server())
	}
	return fmt.Sprintf("SMTP connection ERROR to %s. (%v)", s.server(), err)
}

// session is one conversation with the server.
type session struct {
	conn    net.Conn
	r       *textproto.Reader
	w       *textproto.Writer
	timeout time.Duration
}

// deliver sends one mail.
func (m *Mailer) deliver(ctx context.Context, set *Settings, x *Mail) error {
	dialing, cancel := context.WithTimeout(ctx, set.Timeout)
	defer cancel()
	conn, err := m.dial(dialing, "tcp", set.address())
	if err != nil {
		return err
	}
	defer conn.Close()
	// A conversation ends with the context, whatever it waits for.
	stop := context.AfterFunc(ctx, func() { conn.Close() })
	defer stop()
	m.sayf(spawn.Detail, "Remote SMTP server %s connected.", set.server())

	host := m.host(dialing)
	helo, from := set.Helo, set.From
	if helo == "" {
		helo = host
	}
	if from == "" {
		from = userName() + "@" + host
	}
	s := &session{
		conn: conn, timeout: set.Timeout,
		r: textproto.NewReader(bufio.NewReader(io.LimitReader(conn, 1<<20))), w: textproto.NewWriter(bufio.NewWriter(conn)),
	}
	if err := s.expect("connection", 220); err != nil {
		return err
	}
	if err := s.command("HELO", 250, "HELO %s", helo); err != nil {
		return err
	}
	if err := s.command("MAIL", 250, "MAIL FROM:<%s>", path(from)); err != nil {
		return err
	}
	if err := m.recipients(s, set); err != nil {
		return err
	}
	if err := s.command("DATA", 354, "DATA"); err != nil {
		return err
	}
	if err := s.data(message(set, x, from)); err != nil {
		return err
	}
	_ = s.command("QUIT", 221, "QUIT") // the mail is accepted already
	return nil
}

// recipients names them all. It is an error only when none is accepted.
func (m *Mailer) recipients(s *session, set *Settings) error {
	var first error
	accepted := false
	for _, to := range set.To {
		err := s.command("RCPT", 25, "RCPT TO:<%s>", path(to)) // 250, or 251: it will be forwarded
		var r *refusal
		switch {
		case err == nil:
			accepted = true
		case !errors.As(err, &r):
			return err
		default:
			if first == nil {
				first = err
			}
			m.sayf(spawn.Info, "SMTP server %s does not take mail for %s. SMTP status code = %d", set.server(), to, r.code)
		}
	}
	if accepted {
		return nil
	}
	return first
}

// command sends one line and waits for an answer that begins with want.
func (s *session) command(cmd string, want int, format string, args ...any) error {
	_ = s.conn.SetDeadline(time.Now().Add(s.timeout))
	if err := s.w.PrintfLine(format, args...); err != nil {
		return err
	}
	return s.expect(cmd, want)
}

// expect reads an answer, of any number of lines.
func (s *session) expect(cmd string, want int) error {
	_ = s.conn.SetDeadline(time.Now().Add(s.timeout))
	_, _, err := s.r.ReadResponse(want)
	if bad, ok := errors.AsType[*textproto.Error](err); ok {
		return &refusal{cmd, bad.Code}
	}
	return err
}

// data sends the message itself.
func (s *session) data(msg string) error {
	_ = s.conn.SetDeadline(time.Now().Add(s.timeout))
	w := s.w.DotWriter()
	if _, err := io.WriteString(w, msg); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	return s.expect("body", 250)
}

// message is the mail as keepalived writes it.
func message(set *Settings, x *Mail, from string) string {
	return fmt.Sprintf("Date: %s\nFrom: %s\nSubject: %s\nX-Mailer: Keepalived\nTo: %s\n\n%s\n\n",
		x.When.Format("Mon, 02 Jan 2006 15:04:05 -0700"), from, oneLine(x.Subject), strings.Join(set.To, ",\n "), oneLine(x.Body))
}

// oneLine keeps a name with a line break in it from becoming a header.
func oneLine(s string) string { return strings.NewReplacer("\r", " ", "\n", " ").Replace(s) }

// path is an address as the commands want it: what is in the brackets of
// "<a@example.com>", for that is how a word of the configuration may be written.
func path(address string) string {
	if inner, ok := strings.CutPrefix(address, "<"); ok {
		return strings.TrimSuffix(inner, ">")
	}
	return address
}

// userName is whom the daemon runs as.
func userName() string {
	if u, err := user.Current(); err == nil {
		return u.Username
	}
	return "root"
}

// fullName looks up the name of this host with its domain.
func fullName(ctx context.Context) string {
	host, err := os.Hostname()
	if err != nil || host == "" {
		return "localhost"
	}
	if strings.Contains(host, ".") {
		return host
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	if full, err := net.DefaultResolver.LookupCNAME(ctx, host); err == nil && strings.HasPrefix(full, host+".") {
		return strings.TrimSuffix(full, ".")
	}
	return host
}
