// Package mail tells of things by electronic mail, through one SMTP server.
//
// Guarantees:
//
//   - Post never blocks: what is posted waits in a queue of at most 200 mails, of
//     which the oldest is dropped for one too many.
//   - Mails leave in the order in which they were posted, each over a connection
//     of its own, as keepalived's do. A goroutine of this package sends them,
//     and looks up names; it is the only one that waits for the network.
//   - A server that does not answer, or says "later", is tried again after 5
//     seconds, then after twice as long each time, up to 5 minutes; a mail that
//     is an hour old is given up. The log hears of such a server once, and once
//     more when it answers again.
//   - A mail that the server refuses for good is dropped, with a log line. That
//     it refuses some of the recipients does not keep it from the others.
package mail

import (
	"context"
	"fmt"
	"net"
	"strconv"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/spawn"
)

// Settings say how mails are sent.
type Settings struct {
	Server  string // name or address
	Port    uint16
	Helo    string // what to call ourselves; "": the full name of the host
	From    string // "": the daemon's user at the full name of the host
	To      []string
	Timeout time.Duration // for the connection, and for each answer
}

// usable reports whether there is anywhere to send to.
func (s *Settings) usable() bool { return s.Server != "" && len(s.To) > 0 }

// server is how log lines call it.
func (s *Settings) server() string { return fmt.Sprintf("[%s]:%d", s.Server, s.Port) }

// address is what to connect to.
func (s *Settings) address() string { return net.JoinHostPort(s.Server, strconv.Itoa(int(s.Port))) }

// Mail is a mail to all recipients.
type Mail struct {
	Subject string
	Body    string // one line, without its end
	When    time.Time
}

const (
	queueSize  = 200
	firstPause = 5 * time.Second
	lastPause  = 5 * time.Minute
	oldest     = time.Hour
)

// Mailer sends mails.
type Mailer struct {
	log  spawn.LogFunc
	dial func(ctx context.Context, network, address string) (net.Conn, error)
	host func(context.Context) string // full name of this host

	mu      sync.Mutex
	set     Settings
	queue   []Mail
	running bool // there is a sender
	closed  bool
	dropped int

	ctx    context.Context // of the sender
	cancel context.CancelFunc
	idle   chan struct{} // closed when the sender has ended
	ending chan struct{} // closed by Drain
}

// New makes a Mailer, which starts nothing before the first mail. Without
// settings that name a server and a recipient it drops what is posted.
func New(log spawn.LogFunc) *Mailer {
	ctx, cancel := context.WithCancel(context.Background())
	return &Mailer{
		log: log, dial: new(net.Dialer).DialContext, host: fullName,
		ctx: ctx, cancel: cancel, ending: make(chan struct{}),
	}
}

// Configure sets how mails are sent, those too that wait already.
func (m *Mailer) Configure(s Settings) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.set = s
}

// Post queues a mail.
func (m *Mailer) Post(x Mail) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.closed || !m.set.usable() {
		return
	}
	if len(m.queue) == queueSize {
		m.queue = m.queue[1:]
		m.dropped++
	}
	m.queue = append(m.queue, x)
	if !m.running {
		m.running = true
		m.idle = make(chan struct{})
		go m.send(m.idle)
	}
}

// Waiting returns how many mails have not been sent yet. It may be called at
// any time.
func (m *Mailer) Waiting() int {
	m.mu.Lock()
	defer m.mu.Unlock()
	return len(m.queue)
}

// Drain sends what waits until ctx ends, unless the server is known not to
// answer. After it nothing is sent any more. It is to be called once.
func (m *Mailer) Drain(ctx context.Context) {
	m.mu.Lock()
	m.closed = true
	idle := m.idle
	running := m.running
	m.mu.Unlock()
	close(m.ending)
	if running {
		select {
		case <-idle:
		case <-ctx.Done():
		}
	}
	m.cancel()
	if running {
		<-idle // at once: every wait of the sender ends with its context
	}
	if n := m.Waiting(); n > 0 {
		m.sayf(spawn.Info, "%d mails were not sent", n)
	}
}

// send is the goroutine that sends what waits and ends when nothing does.
func (m *Mailer) send(idle chan struct{}) {
	defer close(idle)
	var pause time.Duration
	for {
		x, set, ok := m.head()
		if !ok {
			return
		}
		err := m.deliver(m.ctx, &set, &x)
		switch {
		case m.ctx.Err() != nil:
			m.halt()
			return
		case err == nil:
			if pause > 0 {
				m.sayf(spawn.Info, "SMTP server %s answers again, %d mails wait", set.server(), m.Waiting()-1)
			}
			pause = 0
			m.sayf(spawn.Detail, "SMTP alert successfully sent.")
			m.done(&x)
			continue
		case !later(err):
			m.sayf(spawn.Info, "%s; dropping the mail \"%s\"", text(err, &set), x.Subject)
			m.done(&x)
			continue
		case pause == 0:
			m.sayf(spawn.Info, "%s; trying again for an hour", text(err, &set))
		}
		if pause = min(max(firstPause, 2*pause), lastPause); !m.wait(pause) {
			m.halt()
			return
		}
	}
}

// wait waits before another try; false: the end has come, and the server is not
// worth waiting for.
func (m *Mailer) wait(pause time.Duration) bool {
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-m.ending:
		return false
	}
}

func (m *Mailer) halt() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.running = false
}

// head returns the mail to be sent next, after giving up those too old. When
// there is none the sender has ended.
func (m *Mailer) head() (Mail, Settings, bool) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for len(m.queue) > 0 && time.Since(m.queue[0].When) > oldest {
		m.queue = m.queue[1:]
		m.dropped++
	}
	if m.dropped > 0 {
		m.sayf(spawn.Info, "SMTP server %s: %d mails were given up, too old or too many", m.set.server(), m.dropped)
		m.dropped = 0
	}
	if len(m.queue) == 0 || !m.set.usable() {
		m.queue, m.running = nil, false
		return Mail{}, Settings{}, false
	}
	return m.queue[0], m.set, true
}

// done takes a mail off the queue, unless it was dropped meanwhile.
func (m *Mailer) done(x *Mail) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.queue) > 0 && m.queue[0] == *x {
		m.queue = m.queue[1:]
	}
}

func (m *Mailer) sayf(l spawn.Level, format string, args ...any) {
	m.log(l, fmt.Sprintf(format, args...))
}
