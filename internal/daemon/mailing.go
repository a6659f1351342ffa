package daemon

import (
	"fmt"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/mail"
	"github.com/holdfast-ha/holdfast/internal/notify"
)

// mails tells of states by mail.
type mails struct {
	mailer *mail.Mailer

	mu       sync.Mutex
	router   string
	noFaults bool
	last     map[object]string // the state last told
}

func newMails(m *mail.Mailer) *mails { return &mails{mailer: m, last: map[object]string{}} }

func (m *mails) configure(cfg *config.Config) {
	c := &cfg.Global.More.Mail
	m.mailer.Configure(mail.Settings{
		Server: c.Server, Port: c.Port, Helo: c.Helo, From: c.From, To: c.To, Timeout: c.ConnectTimeout,
	})
	m.mu.Lock()
	defer m.mu.Unlock()
	m.router, m.noFaults = cfg.Global.RouterID, c.NoFaults
}

// tell mails a state, unless it is the one that was told last.
func (m *mails) tell(kind notify.Kind, name, state string) {
	m.mu.Lock()
	o := object{kind, name}
	skip := m.last[o] == state || state == fsm.Fault.String() && m.noFaults
	if !skip {
		m.last[o] = state
	}
	router := m.router
	m.mu.Unlock()
	if skip {
		return
	}
	what, body := mailText(kind, state)
	m.mailer.Post(mail.Mail{
		Subject: fmt.Sprintf("[%s] VRRP %s %s - %s", router, mailKind(kind), name, what),
		Body:    "=> " + body + " <=", When: time.Now(),
	})
}

func mailKind(k notify.Kind) string {
	if k == notify.Group {
		return "Group"
	}
	return "Instance"
}

// mailText gives keepalived's words for a state.
func mailText(kind notify.Kind, state string) (subject, body string) {
	group := kind == notify.Group
	switch state {
	case fsm.Stopped.String():
		if group {
			return "Stopping", "All VRRP group instances are now stopping"
		}
		return "Stopping", "VRRP Instance stopping"
	case fsm.Deleted.String():
		return "Deleted", "VRRP Deleted at reload"
	}
	subject = "Entering " + state + " state"
	switch {
	case group:
		body = "All VRRP group instances are now in " + state + " state"
	case state == fsm.Master.String():
		body = "VRRP Instance is now owning VRRP VIPs"
	default:
		body = "VRRP Instance is no longer owning VRRP VIPs"
	}
	return subject, body
}
