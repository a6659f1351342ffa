package bfd

import (
	"fmt"
	"time"
)

// Config is what a session is told.
type Config struct {
	MinTx      time.Duration // send no faster while Up
	MinRx      time.Duration // receive no faster
	IdleTx     time.Duration // send no faster while not Up; a second or more (RFC 5880 section 6.8.3)
	Multiplier uint8
	Passive    bool // send nothing until something was heard
}

// Changed is a change of the state of a session.
type Changed struct {
	From, To State
	Diag     Diag
	// Peaceful is set when the neighbour said that it is administratively
	// down: that says nothing about the path (RFC 5882 section 4.3.2).
	Peaceful bool
	Cause    string
}

// Out is what is to be done after an event, in this order.
type Out struct {
	Send    []Packet
	Changed []Changed
}

// Session is one end of a session. Its fields are named after the variables of
// RFC 5880 section 6.8.1 where it has them.
type Session struct {
	cfg    Config
	random func() uint32

	state       State
	diag        Diag
	my          uint32
	remote      uint32
	remoteState State
	remoteMinRx time.Duration
	remoteTx    time.Duration // its DesiredMinTxInterval
	remoteMult  uint8
	remoteAsks  bool // demand mode

	desiredTx  time.Duration // as announced
	requiredRx time.Duration
	// While a Poll runs the old intervals go on to count where the new ones
	// would be unsafe (RFC 5880 section 6.8.3).
	heldTx, heldRx time.Duration
	polling        bool

	sent    time.Time // the last packet of ours
	heard   time.Time // the last packet of the neighbour
	expires time.Time // the end of the detection time; zero: nothing to expect
	next    time.Time // the next periodic packet; zero: none
	out     Out
}

// NewSession makes a session that is Down. random gives random numbers: for the
// discriminator and for the jitter that keeps sessions from beating together.
func NewSession(now time.Time, cfg Config, random func() uint32) *Session {
	s := &Session{cfg: cfg, random: random, state: Down, remoteState: Down}
	s.desiredTx, s.requiredRx = cfg.IdleTx, cfg.MinRx
	s.heldTx, s.heldRx = s.desiredTx, s.requiredRx
	for s.my == 0 {
		s.my = random()
	}
	s.forget()
	if !cfg.Passive {
		s.next = now
	}
	return s
}

// State is the state of the session.
func (s *Session) State() State { return s.state }

// Discriminator tells this session from the others of the machine; never 0.
func (s *Session) Discriminator() uint32 { return s.my }

// Wake is when the session next wants a Tick; the zero Time: not before
// something else happens.
func (s *Session) Wake() time.Time {
	if s.next.IsZero() || !s.expires.IsZero() && s.expires.Before(s.next) {
		return s.expires
	}
	return s.next
}

// Detection is how long after a packet the session goes Down without another.
func (s *Session) Detection() time.Duration {
	return time.Duration(s.remoteMult) * max(s.heldRx, s.remoteTx)
}

// interval is the time between two periodic packets before jitter.
func (s *Session) interval() time.Duration { return max(s.heldTx, s.remoteMinRx) }

// silent tells whether the session sends no periodic packets (RFC 5880 section
// 6.8.7).
func (s *Session) silent() bool {
	switch {
	case s.state == AdminDown:
		return true
	case s.cfg.Passive && s.remote == 0:
		return true
	case s.remoteMinRx == 0:
		return true
	case s.remoteAsks && s.state == Up && s.remoteState == Up && !s.polling:
		return true
	}
	return false
}

// forget is what the end of the detection time does to what is known of the
// neighbour.
func (s *Session) forget() {
	s.remote, s.remoteAsks, s.remoteState = 0, false, Down
	s.remoteMinRx, s.remoteTx, s.remoteMult = time.Microsecond, 0, 0
	s.expires = time.Time{}
}

// Tick says that time has passed. The result is valid until the next call.
func (s *Session) Tick(now time.Time) *Out {
	s.begin()
	if !s.expires.IsZero() && !s.expires.After(now) {
		silence := now.Sub(s.heard)
		s.forget()
		if s.state == Init || s.state == Up {
			s.become(now, Down, DiagExpired, false, fmt.Sprintf("nothing heard for %v", silence.Round(time.Microsecond)))
		}
	}
	if s.silent() {
		s.next = time.Time{}
	} else if s.next.IsZero() || !s.next.After(now) {
		s.send(now, false)
	}
	return &s.out
}

func (s *Session) begin() { s.out.Send, s.out.Changed = s.out.Send[:0], s.out.Changed[:0] }

// send sends a packet and plans the next periodic one from it.
func (s *Session) send(now time.Time, final bool) {
	s.out.Send = append(s.out.Send, Packet{
		Diag: s.diag, State: s.state, Multiplier: s.cfg.Multiplier, My: s.my, Your: s.remote,
		DesiredTx: s.desiredTx, RequiredRx: s.requiredRx, Poll: s.polling && !final, Final: final,
	})
	s.sent = now
	s.plan(now)
}

// plan sets the time of the next periodic packet, counted from the last one: the
// interval less up to a quarter, and at least a tenth less where one packet is
// all that the neighbour waits for (RFC 5880 section 6.8.7).
func (s *Session) plan(now time.Time) {
	if s.silent() {
		s.next = time.Time{}
		return
	}
	low, span := int64(750), int64(251)
	if s.cfg.Multiplier == 1 {
		span = 151
	}
	permille := low + int64(s.random())%span
	s.next = s.sent.Add(s.interval() * time.Duration(permille) / 1000)
	if !s.next.After(now) {
		s.next = now.Add(time.Microsecond)
	}
}

// become changes the state and tells the neighbour at once, if it may be told.
func (s *Session) become(now time.Time, to State, diag Diag, peaceful bool, cause string) {
	from := s.state
	s.state, s.diag = to, diag
	s.out.Changed = append(s.out.Changed, Changed{From: from, To: to, Diag: diag, Peaceful: peaceful, Cause: cause})
	s.retime()
	if !s.silent() {
		s.send(now, false)
	}
}

// retime announces the intervals that go with the state.
func (s *Session) retime() {
	tx := s.cfg.IdleTx
	if s.state == Up {
		tx = s.cfg.MinTx
	}
	changed := tx != s.desiredTx || s.cfg.MinRx != s.requiredRx
	s.desiredTx, s.requiredRx = tx, s.cfg.MinRx
	if s.state != Up {
		s.settle()
		return
	}
	if !changed {
		return
	}
	s.polling = true
	// Slower than the neighbour expects, and faster than it sends, only when
	// it knows.
	s.heldTx = min(s.heldTx, s.desiredTx)
	s.heldRx = max(s.heldRx, s.requiredRx)
}

// settle ends a Poll: the announced intervals are in force.
func (s *Session) settle() {
	s.polling = false
	s.heldTx, s.heldRx = s.desiredTx, s.requiredRx
}

// Receive takes a packet that was decoded and belongs to this session. The
// result is valid until the next call.
func (s *Session) Receive(now time.Time, p *Packet) *Out {
	s.begin()
	if s.state == AdminDown {
		return &s.out
	}
	woken := s.remote == 0
	was := s.interval()
	s.remote, s.remoteState, s.remoteAsks = p.My, p.State, p.Demand
	s.remoteMinRx, s.remoteTx, s.remoteMult = p.RequiredRx, p.DesiredTx, p.Multiplier
	if s.polling && p.Final {
		s.settle()
	}
	s.heard = now
	s.react(now, p)
	if p.Poll {
		s.send(now, true)
	}
	s.expires = now.Add(s.Detection())
	switch {
	case s.silent():
		s.next = time.Time{}
	case woken && s.next.IsZero():
		s.next = now
	case s.interval() != was || s.next.IsZero():
		s.plan(now)
	}
	return &s.out
}

// react is the state machine (RFC 5880 section 6.8.6).
func (s *Session) react(now time.Time, p *Packet) {
	switch {
	case p.State == AdminDown:
		if s.state != Down {
			s.become(now, Down, DiagNeighborDown, true, "the neighbour is administratively down")
		}
	case s.state == Down && p.State == Down:
		s.become(now, Init, s.diag, false, "the neighbour is there")
	case s.state == Down && p.State == Init, s.state == Init && p.State >= Init:
		s.become(now, Up, DiagNone, false, "the neighbour hears us")
	case s.state == Up && p.State == Down:
		s.become(now, Down, DiagNeighborDown, false, fmt.Sprintf("the neighbour says that it is down: %v", p.Diag))
	}
}

// Reconfigure changes what the session is told, without leaving its state.
func (s *Session) Reconfigure(now time.Time, cfg Config) *Out {
	s.begin()
	s.cfg = cfg
	s.retime()
	if !s.silent() {
		s.send(now, false)
	}
	return &s.out
}

// Stop ends the session. The neighbour is told that this is no failure
// (RFC 5880 section 6.8.16).
func (s *Session) Stop(now time.Time) *Out {
	s.begin()
	tell := !s.silent()
	s.become(now, AdminDown, DiagAdminDown, false, "stop")
	if tell {
		s.send(now, false)
	}
	s.next, s.expires = time.Time{}, time.Time{}
	return &s.out
}
