package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// retryDelay is the pause before the monitor tries again to subscribe or list
// after that has failed while it was running.
const retryDelay = time.Second

// MonitorOptions set up a [Monitor].
type MonitorOptions struct {
	// Event is called with each change after the first listing, on the
	// goroutine of Run. Notifications queue up while it runs: it must not
	// block.
	Event func(Event)
	// Warn is called, on the same goroutine, with what went wrong without
	// ending the monitor.
	Warn func(error)
	// Own is the netlink port of this program's own changes, see [Handle.Port].
	Own uint32
	// ReceiveBuffer is the receive buffer of the socket in bytes, see
	// [Handle.SetReceiveBuffer]; 0: room for a thousand changes at once, if the
	// system allows it.
	ReceiveBuffer      int
	ForceReceiveBuffer bool
}

// Monitor follows links and addresses, and tells of changes of certain routes and
// rules. Its methods may be called from any
// goroutine.
type Monitor struct {
	event func(Event)
	warn  func(error)
	own   uint32
	ready chan struct{}

	pic     atomic.Pointer[Picture]
	watched atomic.Pointer[Watch]
	state   state // belongs to Run
	// asked is the last requester that was looked up; belongs to Run.
	asked     Requester
	askedWhen time.Time

	mu     sync.Mutex
	buffer int
	force  bool
	conn   *conn // subscribed socket; nil between two
	over   bool  // Run is to end
}

// NewMonitor returns a monitor that does nothing until Run is called.
func NewMonitor(opts MonitorOptions) *Monitor {
	m := &Monitor{
		event:  opts.Event,
		warn:   opts.Warn,
		own:    opts.Own,
		ready:  make(chan struct{}),
		buffer: opts.ReceiveBuffer,
		force:  opts.ForceReceiveBuffer,
	}
	if m.event == nil {
		m.event = func(Event) {}
	}
	if m.warn == nil {
		m.warn = func(error) {}
	}
	m.state.pic = &Picture{}
	m.pic.Store(m.state.pic)
	return m
}

// String returns the name of the part.
func (m *Monitor) String() string { return "netlink monitor" }

// Ready is closed when Snapshot holds the first listing. What was there then is
// not reported as events.
func (m *Monitor) Ready() <-chan struct{} { return m.ready }

// Snapshot returns the current picture, an empty one before Ready. Within an
// event it holds that event's change.
func (m *Monitor) Snapshot() *Picture { return m.pic.Load() }

// Watch makes the monitor tell of changes in these spots, from now on, and no
// others. It can be called at any time.
func (m *Monitor) Watch(w *Watch) error {
	m.watched.Store(w)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.conn == nil {
		return nil
	}
	return m.conn.subscribe(w.groups())
}

// SetReceiveBuffer changes the receive buffer, also while the monitor runs; see
// [Handle.SetReceiveBuffer]. A monitor that cannot set the buffer goes on with
// the one it has.
func (m *Monitor) SetReceiveBuffer(size int, force bool) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.buffer, m.force = size, force
	if m.conn == nil {
		return nil
	}
	return m.conn.sizeBuffer(size, force)
}

// Run watches the network namespace of the calling thread until ctx is over and
// then returns nil. It returns an error only if the first listing cannot be
// made; later, it tries again. It can be called once.
func (m *Monitor) Run(ctx context.Context) error {
	defer context.AfterFunc(ctx, m.interrupt)()
	// The first request of a listing may fail for want of memory or files just
	// when they are short, so its socket is opened once.
	ask, err := dial()
	if err != nil {
		return fmt.Errorf("start netlink monitor: %w", err)
	}
	defer ask.close()

	started := false
	for ctx.Err() == nil {
		err := m.watch(ctx, ask, &started)
		switch {
		case ctx.Err() != nil:
		case !started:
			return fmt.Errorf("start netlink monitor: %w", err)
		case errors.Is(err, errOverrun):
			m.warn(fmt.Errorf("%w: receive buffer overrun; reading links and addresses again; "+
				"vrrp_netlink_monitor_rcv_bufs makes the buffer larger", err))
		default:
			m.warn(fmt.Errorf("netlink monitor: %w; reading links and addresses again", err))
			pause(ctx, retryDelay)
		}
	}
	return nil
}

// watch subscribes, lists, and follows the notifications until they fail.
//
// After an overrun this begins with a new socket: what still waits in the old
// one is older than the listing and would be taken for news.
func (m *Monitor) watch(ctx context.Context, ask *conn, started *bool) error {
	c, err := dialCalm(linkGroups...)
	if err != nil {
		return err
	}
	defer c.close()
	if err := m.attach(c); err != nil {
		m.warn(err)
	}
	defer m.detach()

	pic, err := ask.picture(ctx)
	if err != nil {
		return err
	}
	if *started {
		m.publish(append([]Event{Reread{}}, m.state.replace(pic)...))
	} else {
		*started = true
		m.state.pic = pic
		m.pic.Store(pic)
		close(m.ready)
	}
	for {
		msgs, port, err := c.receive()
		if err != nil {
			return err
		}
		if port != 0 {
			m.warn(fmt.Errorf("netlink message from port %d, which is not the kernel, ignored", port))
			continue
		}
		for _, msg := range msgs {
			if err := m.take(msg, c.linkName); err != nil {
				m.warn(fmt.Errorf("netlink message of type %d ignored: %w", msg.Header.Type, err))
			}
		}
	}
}

// take takes in a notification and publishes what it amounts to.
func (m *Monitor) take(msg syscall.NetlinkMessage, name func(int) string) error {
	e, ok, err := m.watched.Load().disturbance(msg, name)
	if err != nil {
		return err
	}
	if ok {
		if e.By = m.requester(msg.Header.Pid); e.Removed || !e.By.Own {
			m.event(e)
		}
		return nil
	}
	events, err := m.state.message(msg)
	if len(events) == 0 && err == nil {
		if e, ok := m.watched.Load().unheard(msg); ok {
			e.By = m.requester(msg.Header.Pid)
			events = append(events, e)
		}
	}
	for i, ev := range events {
		switch ev := ev.(type) {
		case AddressRemoved:
			ev.By = m.requester(msg.Header.Pid)
			events[i] = ev
		case AddressChanged:
			ev.By = m.requester(msg.Header.Pid)
			events[i] = ev
		}
	}
	m.publish(events)
	return err
}

// requester tells whose netlink address it is. It is asked at once, as tools end
// as soon as they have had their answer, and once for changes in a row.
func (m *Monitor) requester(port uint32) Requester {
	switch {
	case port != 0 && port == m.own:
		return Requester{Port: port, PID: os.Getpid(), Own: true}
	case port != m.asked.Port || m.asked.Program == "" || time.Since(m.askedWhen) > time.Second:
		m.asked, m.askedWhen = requester(port), time.Now()
	}
	return m.asked
}

// message takes in a notification.
func (s *state) message(m syscall.NetlinkMessage) ([]Event, error) {
	switch m.Header.Type {
	case unix.RTM_NEWLINK, unix.RTM_DELLINK:
		l, err := parseLink(m.Data)
		if err != nil || l == nil {
			return nil, err
		}
		if m.Header.Type == unix.RTM_DELLINK {
			return s.linkGone(l.Index), nil
		}
		return s.link(l), nil
	case unix.RTM_NEWADDR, unix.RTM_DELADDR:
		index, a, err := parseAddr(m.Data)
		if err != nil || index == 0 {
			return nil, err
		}
		if m.Header.Type == unix.RTM_DELADDR {
			return s.addrGone(index, a), nil
		}
		return s.addr(index, a), nil
	}
	return nil, nil
}

// publish makes the picture visible, then hands over the events.
func (m *Monitor) publish(events []Event) {
	m.pic.Store(m.state.pic)
	for _, ev := range events {
		m.event(ev)
	}
}

// attach makes c the socket that interrupt and SetReceiveBuffer act on.
func (m *Monitor) attach(c *conn) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conn = c
	if m.over {
		c.interrupt()
	}
	return errors.Join(c.subscribe(m.watched.Load().groups()), c.sizeBuffer(m.buffer, m.force))
}

// roomy is a receive buffer for a thousand changes at once, of which each takes
// about one KiB.
const roomy = 1 << 20

// sizeBuffer sets the receive buffer to what is wanted, or to what is sensible.
func (c *conn) sizeBuffer(size int, force bool) error {
	if size > 0 {
		return c.setReceiveBuffer(size, force)
	}
	if c.setReceiveBuffer(roomy, true) != nil {
		_ = c.setReceiveBuffer(roomy, false) // as much as there may be
	}
	return nil
}

func (m *Monitor) detach() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.conn = nil
}

// interrupt ends the waiting for notifications.
func (m *Monitor) interrupt() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.over = true
	if m.conn != nil {
		m.conn.interrupt()
	}
}

// pause waits until the time or ctx is over.
func pause(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-ctx.Done():
	}
}
