package daemon

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/handover"
	"github.com/holdfast-ha/holdfast/internal/netio"
)

// route tells where an advert of one VRID goes. It is immutable.
type route struct {
	m      *member
	runner *runner
	id     fsm.ID
	expect *advert.Expect
}

// socket is a pair of raw sockets shared by the instances of one interface,
// family and group or unicast source. The manager opens and closes it; its own
// goroutine reads it.
type socket struct {
	spec   netio.Spec
	conn   *netio.Conn
	log    *logger
	routes [256]atomic.Pointer[route]
	tell   atomic.Bool // log packets of unknown VRIDs
	asked  int         // receive buffer that is configured, the manager's; 0: none is

	filtering sync.Mutex // held while the filter is made
	flood     flooding
	strangers strangers
	cancel    context.CancelFunc
	done      chan struct{}
}

// openSocket opens the socket; it hears nothing until it is started.
func openSocket(spec netio.Spec, tell bool, log *logger) (*socket, error) {
	conn, err := netio.Open(spec)
	if err != nil {
		return nil, err
	}
	return newSocket(spec, conn, tell, log), nil
}

func newSocket(spec netio.Spec, conn *netio.Conn, tell bool, log *logger) *socket {
	s := &socket{spec: spec, conn: conn, log: log, done: make(chan struct{})}
	s.tell.Store(tell)
	return s
}

// filter lets the kernel drop what no instance here could want.
func (s *socket) filter() error {
	s.filtering.Lock()
	defer s.filtering.Unlock()
	var ids, versions []uint8
	for i := range s.routes {
		if r := s.routes[i].Load(); r != nil {
			ids = append(ids, uint8(i))
			if !slices.Contains(versions, r.expect.Version) {
				versions = append(versions, r.expect.Version)
			}
		}
	}
	if s.flood.isOn() {
		return s.conn.SetFlooded(ids, versions)
	}
	return s.conn.SetVRIDs(ids, s.tell.Load())
}

// start reads the socket until close.
func (s *socket) start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go func() {
		defer close(s.done)
		if err := s.conn.Run(ctx, s.receive); err != nil && ctx.Err() == nil {
			s.log.infof("reading adverts on %s failed: %v", s.spec.Interface, err)
		}
	}()
}

func (s *socket) close() {
	if s.cancel != nil {
		s.cancel()
	}
	s.conn.Close()
	if s.cancel != nil {
		<-s.done
	}
}

// receive takes one packet: check it and offer it to whom it concerns.
func (s *socket) receive(p *advert.Packet) {
	vrid, j := advert.VRID(p)
	if !j.OK() {
		s.wrong(j.Reason)
		if s.strangers.note(p.Src, 0) {
			s.log.infof("%s", j.Text(p.Src))
		}
		return
	}
	r := s.routes[vrid].Load()
	if r == nil {
		s.bad() // with log_unknown_vrids: otherwise the kernel drops it anyway
		if s.tell.Load() && s.strangers.note(p.Src, vrid) {
			s.log.infof("Unknown VRID(%d) received on interface(%s). ignoring...", vrid, s.spec.Interface)
		}
		return
	}
	a, j := r.m.guard.check(r.expect, p)
	r.m.sightings.note(r.m, p.Src, a.Priority, j, p.At)
	if !j.OK() {
		s.wrong(j.Reason)
		r.runner.offerRefusal(r.id, p, j)
		return
	}
	h := heard{id: r.id, at: p.At, ev: fsm.AdvertReceived{Advert: a}}
	if a.Notes != 0 {
		h.ev.Missing, h.ev.Count = r.expect.Missing(p), p.Count()
	}
	r.runner.offerAdvert(h)
}

// strangers limits the log lines about packets that belong to no instance: one
// a minute for each sender and VRID, and few of them at all.
type strangers struct {
	mu   sync.Mutex
	seen [16]stranger
	next int
}

type stranger struct {
	from netip.Addr
	vrid uint8
	at   time.Time
}

// note tells whether to log. It is called by the socket's goroutine and by
// runners that drain.
func (s *strangers) note(from netip.Addr, vrid uint8) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	now := time.Now()
	for i := range s.seen {
		e := &s.seen[i]
		if e.from != from || e.vrid != vrid || e.at.IsZero() {
			continue
		}
		if now.Sub(e.at) < time.Minute {
			return false
		}
		e.at = now
		return true
	}
	// When every place is taken by somebody recent, say nothing: a forger of
	// senders must not fill the log.
	e := &s.seen[s.next]
	if !e.at.IsZero() && now.Sub(e.at) < time.Minute {
		return false
	}
	*e = stranger{from, vrid, now}
	s.next = (s.next + 1) % len(s.seen)
	return true
}

// sockets are the open sockets, of the manager's goroutine.
type sockets struct {
	open map[netio.Spec]*socket
	left map[netio.Spec]handover.Socket // by an earlier program
	// taking: members are being attached one after the other, and begin follows.
	taking bool
	size   func(*socket) // gives it its receive buffer
	log    *logger
	tell   bool
}

// get returns the socket for the spec and opens it when there is none.
func (p *sockets) get(spec netio.Spec) (*socket, error) {
	if s := p.open[spec]; s != nil {
		return s, nil
	}
	s, err := p.adopt(spec)
	if s == nil && err == nil {
		s, err = openSocket(spec, p.tell, p.log)
	}
	if err != nil {
		return nil, fmt.Errorf("opening the advert socket on %s: %w", spec.Interface, err)
	}
	p.open[spec] = s
	p.log.detailf("VRRP sockpool: [%s]", s.conn)
	return s, nil
}

// attach routes the member's adverts to and from the socket.
func (p *sockets) attach(m *member, s *socket) error {
	set := m.set.Load()
	fresh := s.cancel == nil
	s.routes[set.expect.VRID].Store(&route{m: m, runner: m.runner, id: m.id, expect: set.expect})
	if p.taking {
		m.sock.Store(s)
		return nil
	}
	if err := s.filter(); err != nil {
		return fmt.Errorf("setting the packet filter on %s: %w", s.spec.Interface, err)
	}
	m.sock.Store(s)
	p.size(s)
	if fresh {
		s.start()
	}
	return nil
}

// begin makes sockets that were left hear all members that have been attached.
func (p *sockets) begin() error {
	p.taking = false
	for _, s := range p.open {
		if err := s.filter(); err != nil {
			return fmt.Errorf("setting the packet filter on %s: %w", s.spec.Interface, err)
		}
		p.size(s)
		s.start()
	}
	return nil
}

// detach ends the member's use of its socket, and the socket when it was the
// last.
func (p *sockets) detach(m *member) {
	s := m.sock.Swap(nil)
	if s == nil {
		return
	}
	left := 0
	for i := range s.routes {
		r := s.routes[i].Load()
		if r != nil && r.m == m {
			s.routes[i].Store(nil)
		} else if r != nil {
			left++
		}
	}
	if left > 0 {
		if err := s.filter(); err != nil {
			p.log.infof("packet filter on %s: %v", s.spec.Interface, err)
		}
		p.size(s)
		return
	}
	p.discard(s)
}

// discard closes a socket that nobody uses.
func (p *sockets) discard(s *socket) {
	delete(p.open, s.spec)
	s.close()
}

// sorted lists the sockets in a fixed order, for dumps.
func (p *sockets) sorted() []*socket {
	var all []*socket
	for _, s := range p.open {
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *socket) int {
		return cmp.Or(cmp.Compare(a.spec.Index, b.spec.Index), cmp.Compare(a.spec.Source.String(), b.spec.Source.String()),
			cmp.Compare(a.spec.Group.String(), b.spec.Group.String()))
	})
	return all
}
