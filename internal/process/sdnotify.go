package process

import (
	"fmt"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
)

// The service manager is told in the order of the calls, by a goroutine of its
// own: systemd reads nothing while it reloads its units, and no caller may wait
// for that. Where there is no service manager (no NOTIFY_SOCKET in the
// environment) the calls do nothing.
var manager = notifier{send: func(state string) { _, _ = daemon.SdNotify(false, state) }}

// Ready tells the service manager that the configuration is in force, after the
// start and after every reload.
func Ready(status string) {
	manager.tell(fmt.Sprintf("%s\nMAINPID=%d\n%s", daemon.SdNotifyReady, os.Getpid(), statusLine(status)))
}

// Reloading tells the service manager that a reload begins. It has to be
// followed by [Ready], also when the reload failed.
func Reloading() {
	// Type=notify-reload wants the time of the reload.
	manager.tell(strings.TrimSuffix(daemon.SdNotifyReloading+"\n"+daemon.SdNotifyMonotonicUsec(), "\n"))
}

// Stopping tells the service manager that the daemon is about to end.
func Stopping() { manager.tell(daemon.SdNotifyStopping) }

// Status sets the line that systemctl status shows. Only the newest of several
// waiting ones is sent.
func Status(text string) { manager.status(statusLine(text)) }

// WatchdogInterval is within what time the service manager wants to hear that
// the daemon works (WATCHDOG_USEC); 0: it does not want to.
func WatchdogInterval() time.Duration {
	d, err := daemon.SdWatchdogEnabled(false)
	if err != nil {
		return 0
	}
	return d
}

// Alive tells the service manager that the daemon works. One that waits to be
// told of is enough.
func Alive() { manager.latestOf(daemon.SdNotifyWatchdog, kindAlive) }

// Errno tells the service manager why the daemon ends, as an errno.
func Errno(errno int) { manager.tell(fmt.Sprintf("ERRNO=%d", errno)) }

// FlushNotify waits until the service manager has been told everything, but not
// longer than the limit.
func FlushNotify(limit time.Duration) { manager.flush(limit) }

func statusLine(text string) string {
	return "STATUS=" + strings.Map(func(r rune) rune {
		if r < ' ' {
			return ' '
		}
		return r
	}, text)
}

// kind is what a state is about, where the latest says all.
type kind uint8

const (
	kindOther kind = iota
	kindStatus
	kindAlive
)

// notifier sends states in order. A status that was not sent when the next one
// comes is replaced by it, and so is a sign of life.
type notifier struct {
	send func(state string)

	mu      sync.Mutex
	waiting []string
	last    kind          // of the last one waiting
	idle    chan struct{} // closed by the sending goroutine when nothing waits; nil: none runs
}

func (n *notifier) tell(state string) { n.latestOf(state, kindOther) }

func (n *notifier) status(line string) { n.latestOf(line, kindStatus) }

func (n *notifier) latestOf(state string, k kind) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if k != kindOther && k == n.last && len(n.waiting) > 0 {
		n.waiting[len(n.waiting)-1] = state
	} else {
		n.waiting = append(n.waiting, state)
	}
	n.last = k
	if n.idle == nil {
		n.idle = make(chan struct{})
		go n.run()
	}
}

func (n *notifier) run() {
	for {
		n.mu.Lock()
		if len(n.waiting) == 0 {
			close(n.idle)
			n.idle = nil
			n.mu.Unlock()
			return
		}
		state := n.waiting[0]
		n.waiting = n.waiting[1:]
		n.mu.Unlock()
		n.send(state)
	}
}

func (n *notifier) flush(limit time.Duration) {
	n.mu.Lock()
	idle := n.idle
	n.mu.Unlock()
	if idle == nil {
		return
	}
	select {
	case <-idle:
	case <-time.After(limit):
	}
}
