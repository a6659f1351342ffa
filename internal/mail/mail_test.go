package mail

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/internal/spawn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// sink is a mail server that keeps what it hears, word by word.
type sink struct {
	// answer gives the answer to a command; "": the usual one. "hang": none.
	answer func(cmd string) string

	mu    sync.Mutex
	heard []string
	log   []string
	wg    sync.WaitGroup
}

func (s *sink) hear(line string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.heard = append(s.heard, line)
}

func (s *sink) say(l spawn.Level, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.log = append(s.log, fmt.Sprintf("%v: %s", l, text))
}

// mails counts those that were taken.
func (s *sink) mails() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	n := 0
	for _, l := range s.heard {
		if l == ".\r\n" {
			n++
		}
	}
	return n
}

// usual are the answers of a server that takes everything; some have several lines.
var usual = map[string]string{
	"": "220-mail.example.com\r\n220 ESMTP", "HELO": "250-hello\r\n250 there", "MAIL": "250 ok", "RCPT": "251 will forward",
	"DATA": "354 go on", ".": "250 queued", "QUIT": "221 bye",
}

func (s *sink) serve(c net.Conn) {
	defer c.Close()
	reply := func(cmd string) bool {
		text := ""
		if s.answer != nil {
			s.mu.Lock()
			text = s.answer(cmd)
			s.mu.Unlock()
		}
		switch text {
		case "hang":
			_, _ = c.Read(make([]byte, 1))
			return false
		case "":
			text = usual[cmd]
		}
		_, err := fmt.Fprint(c, text+"\r\n")
		return err == nil
	}
	if !reply("") {
		return
	}
	r := bufio.NewReader(c)
	body := false
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return
		}
		s.hear(line)
		cmd, _, _ := strings.Cut(strings.TrimRight(line, "\r\n"), " ")
		if body && line != ".\r\n" {
			continue
		}
		body = cmd == "DATA"
		if !reply(cmd) {
			return
		}
	}
}

// dial connects to the sink without a network.
func (s *sink) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	s.wg.Go(func() { s.serve(theirs) })
	return ours, nil
}

func (s *sink) mailer() *Mailer {
	m := New(s.say)
	m.dial = s.dial
	m.host = func(context.Context) string { return "lb1.example.com" }
	m.Configure(settings)
	return m
}

var settings = Settings{
	Server: "192.0.2.25", Port: 25, From: "ka@example.com", To: []string{"a@example.com", "<b@example.com>"}, Timeout: 30 * time.Second,
}

func alert(state string) Mail {
	return Mail{Subject: "[R1] VRRP Instance A - Entering " + state + " state", Body: "=> " + state + " <=", When: time.Now()}
}

func drain(m *Mailer, d time.Duration) {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	m.Drain(ctx)
}

// A whole conversation over TCP, byte by byte.
func TestConversation(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := &sink{}
	s.wg.Go(func() {
		c, err := l.Accept()
		if err == nil {
			s.serve(c)
		}
	})
	m := New(s.say)
	m.host = func(context.Context) string { return "lb1.example.com" }
	set := settings
	set.Server, set.Port = "127.0.0.1", uint16(l.Addr().(*net.TCPAddr).Port)
	m.Configure(set)
	when := time.Date(2026, 11, 21, 1, 17, 6, 0, time.UTC)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	err = m.deliver(ctx, &set, &Mail{Subject: "[R1] VRRP Instance A - Entering MASTER state", Body: "=> VRRP Instance is now owning VRRP VIPs <=", When: when})
	if err != nil {
		t.Error(err)
	}
	s.wg.Wait()
	want := []string{
		"HELO lb1.example.com", "MAIL FROM:<ka@example.com>", "RCPT TO:<a@example.com>", "RCPT TO:<b@example.com>", "DATA",
		"Date: Sat, 21 Nov 2026 01:17:06 +0000", "From: ka@example.com", "Subject: [R1] VRRP Instance A - Entering MASTER state",
		"X-Mailer: Keepalived", "To: a@example.com,", " <b@example.com>", "", "=> VRRP Instance is now owning VRRP VIPs <=", "", ".", "QUIT",
	}
	if diff := cmp.Diff(strings.Join(want, "\r\n")+"\r\n", strings.Join(s.heard, "")); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestDefaults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		m := s.mailer()
		m.Configure(Settings{Server: "mail", Port: 25, To: []string{"root"}, Timeout: time.Second})
		m.Post(Mail{Subject: "a\r\nBcc: x", Body: "..", When: time.Now()})
		drain(m, time.Second)
		heard := strings.Join(s.heard, "")
		for _, want := range []string{"HELO lb1.example.com\r\n", "MAIL FROM:<" + userName() + "@lb1.example.com>\r\n", "Subject: a  Bcc: x\r\n", "\r\n...\r\n"} {
			if !strings.Contains(heard, want) {
				t.Errorf("no %q in %q", want, heard)
			}
		}
	})
}

// A dead server: tried again with growing pauses, said once, and all arrives in
// order when it is back.
func TestDeadServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		m := s.mailer()
		begin := time.Now()
		var tries []time.Duration
		var alive atomic.Bool
		m.dial = func(ctx context.Context, n, a string) (net.Conn, error) {
			s.mu.Lock()
			tries = append(tries, time.Since(begin))
			s.mu.Unlock()
			if !alive.Load() {
				return nil, errors.New("connection refused")
			}
			return s.dial(ctx, n, a)
		}
		m.Post(alert("BACKUP"))
		m.Post(alert("MASTER"))
		time.Sleep(20 * time.Minute)
		synctest.Wait()
		want := []time.Duration{0, 5 * time.Second, 15 * time.Second, 35 * time.Second, 75 * time.Second, 155 * time.Second, 315 * time.Second, 615 * time.Second, 915 * time.Second}
		s.mu.Lock()
		if diff := cmp.Diff(want, tries); diff != "" {
			t.Errorf("tries (-want +got):\n%s", diff)
		}
		s.mu.Unlock()
		alive.Store(true)
		time.Sleep(5 * time.Minute)
		synctest.Wait()
		if n := s.mails(); n != 2 {
			t.Errorf("%d mails arrived", n)
		}
		drain(m, time.Second)
		s.mu.Lock()
		defer s.mu.Unlock()
		wantLog := []string{
			"info: SMTP connection ERROR to [192.0.2.25]:25. (connection refused); trying again for an hour",
			"detail: Remote SMTP server [192.0.2.25]:25 connected.",
			"info: SMTP server [192.0.2.25]:25 answers again, 1 mails wait",
			"detail: SMTP alert successfully sent.",
			"detail: Remote SMTP server [192.0.2.25]:25 connected.",
			"detail: SMTP alert successfully sent.",
		}
		if diff := cmp.Diff(wantLog, s.log); diff != "" {
			t.Errorf("log (-want +got):\n%s", diff)
		}
	})
}

// What is too old or too much is given up, and counted.
func TestLimits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &sink{}
		m := s.mailer()
		m.dial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("down") }
		for range queueSize + 7 {
			m.Post(alert("MASTER"))
		}
		if n := m.Waiting(); n != queueSize {
			t.Errorf("%d wait", n)
		}
		time.Sleep(70 * time.Minute)
		synctest.Wait()
		if n := m.Waiting(); n != 0 {
			t.Errorf("%d wait after an hour", n)
		}
		drain(m, time.Second)
		log := strings.Join(s.log, "\n")
		for _, want := range []string{": 7 mails were given up", ": 200 mails were given up"} {
			if !strings.Contains(log, want) {
				t.Errorf("no %q in %s", want, log)
			}
		}
	})
}

func TestRefusals(t *testing.T) {
	for _, c := range []struct {
		what   string
		answer func(string) string
		mails  int
		log    string
	}{
		{"one recipient", func() func(string) string {
			n := 0
			return func(cmd string) string {
				if cmd == "RCPT" {
					if n++; n == 1 {
						return "550 no such user"
					}
				}
				return ""
			}
		}(), 1, "info: SMTP server [192.0.2.25]:25 does not take mail for a@example.com. SMTP status code = 550"},
		{"all recipients", func(cmd string) string {
			if cmd == "RCPT" {
				return "550 no"
			}
			return ""
		}, 0, "info: Error processing RCPT cmd on SMTP server [192.0.2.25]:25. SMTP status code = 550; dropping the mail \"[R1] VRRP Instance A - Entering MASTER state\""},
		{"the text", func(cmd string) string {
			if cmd == "." {
				return "554-spam\r\n554 it says"
			}
			return ""
		}, 1, "info: Error processing body cmd on SMTP server [192.0.2.25]:25. SMTP status code = 554; dropping the mail \"[R1] VRRP Instance A - Entering MASTER state\""},
		{"later", func() func(string) string {
			n := 0
			return func(cmd string) string {
				if cmd == "MAIL" {
					if n++; n == 1 {
						return "451 greylisted"
					}
				}
				return ""
			}
		}(), 1, "info: Error processing MAIL cmd on SMTP server [192.0.2.25]:25. SMTP status code = 451; trying again for an hour"},
		{"silence", func() func(string) string {
			n := 0
			return func(cmd string) string {
				if cmd == "DATA" {
					if n++; n == 1 {
						return "hang"
					}
				}
				return ""
			}
		}(), 1, "info: Timeout connecting SMTP server [192.0.2.25]:25.; trying again for an hour"},
	} {
		t.Run(c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &sink{answer: c.answer}
				m := s.mailer()
				m.Post(alert("MASTER"))
				time.Sleep(time.Minute)
				synctest.Wait()
				if n := s.mails(); n != c.mails {
					t.Errorf("%d mails arrived, want %d", n, c.mails)
				}
				if n := m.Waiting(); n != 0 {
					t.Errorf("%d wait", n)
				}
				drain(m, time.Second)
				if !strings.Contains(strings.Join(s.log, "\n"), c.log) {
					t.Errorf("log %q has no %q", s.log, c.log)
				}
			})
		})
	}
}

// The end waits for a server that works, and for no other one.
func TestDrain(t *testing.T) {
	for _, c := range []struct {
		what   string
		answer string
		took   time.Duration
		mails  int
	}{
		{"works", "", 0, 3},
		{"hangs", "hang", 900 * time.Millisecond, 0},
	} {
		t.Run(c.what, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				s := &sink{answer: func(string) string { return c.answer }}
				m := s.mailer()
				for range 3 {
					m.Post(alert("STOP"))
				}
				begin := time.Now()
				drain(m, 900*time.Millisecond)
				if took := time.Since(begin); took != c.took {
					t.Errorf("took %v", took)
				}
				if n := s.mails(); n != c.mails || m.Waiting() != 3-c.mails {
					t.Errorf("%d mails arrived, %d wait", n, m.Waiting())
				}
				m.Post(alert("MASTER"))
				s.wg.Wait()
			})
		})
	}
	t.Run("dead", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			s := &sink{}
			m := s.mailer()
			m.dial = func(context.Context, string, string) (net.Conn, error) { return nil, errors.New("down") }
			m.Post(alert("STOP"))
			time.Sleep(time.Second)
			begin := time.Now()
			drain(m, 900*time.Millisecond)
			if took := time.Since(begin); took != 0 {
				t.Errorf("took %v", took)
			}
		})
	})
}
