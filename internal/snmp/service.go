package snmp

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-ha/holdfast/internal/agentx"
)

const (
	oldest  = time.Second            // of what is shown without asking anew
	breaks  = 4                      // as long as it took to find out it is shown at least
	askTime = 500 * time.Millisecond // that the daemon has to answer
)

// Service is the daemon in the eyes of a master agent.
type Service struct {
	set    Settings
	daemon Daemon
	agent  *agentx.Agent
	stale  atomic.Bool
	asking atomic.Bool

	mu   sync.Mutex
	view *agentx.View
	when time.Time
	cost time.Duration // of the last one
}

// Daemon is what is shown, and may be changed.
type Daemon struct {
	// Snapshot may wait, and is called by one goroutine at a time. It returns nil when
	// there is none to be had.
	Snapshot func() *Snapshot
	// Change changes an instance until the next reload; false: that did not work.
	Change func(name string, what Setting, value int) bool
}

// Start starts a service, which connects once after is closed; nil: at once.
func Start(set Settings, daemon Daemon, log func(format string, args ...any), after <-chan struct{}) *Service {
	s := &Service{set: set, daemon: daemon, view: agentx.NewView(nil, nil)}
	var roots []agentx.OID
	for _, r := range []struct {
		wanted bool
		root   agentx.OID
	}{{set.VRRP, global}, {set.VRRP, vrrp}, {set.RFCv2, rfc2787}, {set.RFCv3, rfc6527}} {
		if r.wanted {
			roots = append(roots, r.root)
		}
	}
	log("Starting SNMP subagent")
	s.agent = agentx.Start(agentx.Options{
		Socket: set.Socket, ID: keepalived, Description: set.Version, Roots: roots, Source: s, Log: log, After: after,
	})
	return s
}

// Settings are those of the service: with others, another is needed.
func (s *Service) Settings() Settings { return s.set }

// Stop ends the service; false: that takes longer than the limit, and goes on.
func (s *Service) Stop(limit time.Duration) bool { return s.agent.Stop(limit) }

// Changed says that what is shown is out of date.
func (s *Service) Changed() { s.stale.Store(true) }

// View returns what there is. While the daemon is slow it is what there was.
func (s *Service) View() *agentx.View {
	s.mu.Lock()
	age, dear := time.Since(s.when), breaks*s.cost
	s.mu.Unlock()
	if (age >= oldest || s.stale.Load()) && age >= dear && s.asking.CompareAndSwap(false, true) {
		done := make(chan struct{})
		go func() {
			s.refresh()
			s.asking.Store(false)
			close(done)
		}()
		select {
		case <-done:
		case <-time.After(askTime):
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.view
}

func (s *Service) refresh() {
	s.stale.Store(false)
	begun := time.Now()
	x := s.daemon.Snapshot()
	if x == nil {
		return
	}
	v := build(x, &s.set)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.view, s.when, s.cost = v, time.Now(), time.Since(begun)
}

// States of notifications beside those of package dump.
const (
	StateStopped = 5
	StateDeleted = 6
)

// Change is a new state of an instance or a sync group.
type Change struct {
	Name         string
	State        int  // as KEEPALIVED-MIB numbers them
	Group        bool // a sync group; what follows is of instances
	StartsMaster bool
	Place
	Version int
	Master  bool // it has become MASTER
	Source  netip.Addr
	Reason  Reason
}

// Place is where an instance is.
type Place struct {
	Index     int // of its interface
	VRID      uint8
	IPv6      bool
	Addresses int
}

func (p Place) v2() []uint32 { return []uint32{uint32(p.Index), uint32(p.VRID)} }
func (p Place) v3() []uint32 { return append(p.v2(), uint32(typeOf(p.IPv6))) }

func bind(o agentx.OID, v agentx.Value) agentx.Varbind { return agentx.Varbind{Name: o, Value: v} }

// Tell tells of a new state.
func (s *Service) Tell(c Change) {
	s.Changed()
	if !s.set.Traps {
		return
	}
	router := bind(global.Append(2, 0), agentx.Text(s.set.RouterID))
	switch {
	case !s.set.VRRP:
	case c.Group:
		s.agent.Trap(vrrp.Append(10, 0, 1),
			bind(entry(1).Append(2), agentx.Text(c.Name)), bind(entry(1).Append(3), agentx.Int(c.State)), router)
	default:
		starts := 1
		if c.StartsMaster {
			starts = 2
		}
		s.agent.Trap(vrrp.Append(10, 0, 2),
			bind(entry(3).Append(2), agentx.Text(c.Name)), bind(entry(3).Append(4), agentx.Int(c.State)),
			bind(entry(3).Append(5), agentx.Int(starts)), router)
	}
	if c.Group || !c.Master {
		return
	}
	if s.set.RFCv2 && c.Version == 2 && !c.IPv6 && c.Addresses > 0 {
		s.agent.Trap(rfc2787.Append(0, 1), bind(operV2.Append(7).Append(c.v2()...), agentx.IPv4(c.Source)))
	}
	if s.set.RFCv3 {
		s.agent.Trap(rfc6527.Append(0, 1),
			bind(operV3.Append(3).Append(c.v3()...), octets(c.Source, c.IPv6)),
			bind(statsV3.Append(2).Append(c.v3()...), agentx.Int(int(c.Reason))))
	}
}

// Kinds of authentication that failed (vrrpTrapAuthErrorType).
const (
	AuthInvalidType = 1
	AuthMismatch    = 2
	AuthFailed      = 3
)

// AuthFailure tells of a packet that was not authentic.
func (s *Service) AuthFailure(from netip.Addr, kind int) {
	if s.set.Traps && s.set.RFCv2 {
		s.agent.Trap(rfc2787.Append(0, 2),
			bind(rfc2787.Append(1, 5, 0), agentx.IPv4(from)), bind(rfc2787.Append(1, 6, 0), agentx.Int(kind)))
	}
}

// ProtocolError tells of a packet that was no advert.
func (s *Service) ProtocolError(f Fault, p Place) {
	if s.set.Traps && s.set.RFCv3 {
		s.agent.Trap(rfc6527.Append(0, 2), bind(statsV3.Append(6).Append(p.v3()...), agentx.Int(int(f))))
	}
}
