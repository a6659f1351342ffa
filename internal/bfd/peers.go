package bfd

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// Spec is a session as configured.
type Spec struct {
	Name     string
	Neighbor netip.Addr
	Source   netip.Addr // the zero Addr: the kernel chooses
	Multihop bool       // RFC 5883
	TTL      int        // of packets sent; 255 over one hop (RFC 5881 section 5)
	MinTTL   int        // of packets received; 0: any
	Config   Config
}

// sameEnds tells whether two specs are the same session, perhaps with other
// intervals.
func (s *Spec) sameEnds(o *Spec) bool {
	a, b := *s, *o
	a.Config, b.Config = Config{}, Config{}
	return a == b
}

// Options are what the owner of [Peers] wants to hear. The functions are called
// on the goroutine of Run and must not wait.
type Options struct {
	// State reports each change of a session.
	State func(name string, c Changed)
	// Log takes lines; detail ones are for detailed logging.
	Log func(detail bool, text string)
}

// Peers runs sessions. All of them belong to the goroutine of Run.
type Peers struct {
	opt      Options
	specs    chan []Spec
	rests    chan rest
	readable chan *listener

	sessions  map[string]*peer
	listeners map[listening]*listener
	failed    map[listening]string // ports that could not be opened, and why
	wanted    []Spec
	reopen    time.Time // when to try again to open ports; zero: all are open
}

type listening struct {
	v6   bool
	port int
}

// peer is a session with its socket.
type peer struct {
	spec    Spec
	session *Session
	conn    *net.UDPConn // nil: could not be opened yet
	retry   time.Time    // when to try again
	said    string       // the last error of sending
	refused time.Time    // when the log last told of a dropped packet
}

const (
	retryPause  = time.Second // between attempts to open a socket
	refusePause = time.Minute // between log lines about dropped packets
)

// New makes peers without sessions.
func New(o Options) *Peers {
	return &Peers{
		opt: o, specs: make(chan []Spec, 1), rests: make(chan rest, 1), readable: make(chan *listener),
		sessions: map[string]*peer{}, listeners: map[listening]*listener{}, failed: map[listening]string{},
	}
}

// Set gives the sessions that are wanted. A session that runs with the same ends
// goes on; its intervals are negotiated anew when they changed. Set never waits
// long; only the newest of several calls may come to count.
func (p *Peers) Set(specs []Spec) {
	for {
		select {
		case p.specs <- slices.Clone(specs):
			return
		default:
		}
		select {
		case <-p.specs:
		default:
		}
	}
}

// Run runs the sessions until the context ends; their neighbours are then told
// that this is no failure.
func (p *Peers) Run(ctx context.Context) {
	defer p.end()
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		timer.Reset(p.wait())
		select {
		case <-ctx.Done():
			return
		case specs := <-p.specs:
			p.apply(specs)
		case r := <-p.rests:
			r.reached <- &Resting{p}
			<-r.until
		case l := <-p.readable:
			p.drain(l)
			l.next <- struct{}{}
		case <-timer.C:
			p.tick()
		}
	}
}

func (p *Peers) end() {
	for _, s := range p.sorted() {
		s.stop(p)
	}
	for _, l := range p.listeners {
		l.close()
	}
}

// sorted are the sessions in the order of their names.
func (p *Peers) sorted() []*peer {
	var all []*peer
	for _, name := range slices.Sorted(maps.Keys(p.sessions)) {
		all = append(all, p.sessions[name])
	}
	return all
}

// wait is how long there is nothing to do.
func (p *Peers) wait() time.Duration {
	d := time.Hour
	if !p.reopen.IsZero() {
		d = time.Until(p.reopen)
	}
	for _, s := range p.sessions {
		for _, at := range []time.Time{s.session.Wake(), s.retry} {
			if !at.IsZero() {
				d = min(d, time.Until(at))
			}
		}
	}
	return max(d, 0)
}

// apply changes to the wanted sessions.
func (p *Peers) apply(specs []Spec) {
	now := time.Now()
	wanted := map[string]*Spec{}
	for i := range specs {
		wanted[specs[i].Name] = &specs[i]
	}
	for name, s := range p.sessions {
		if w := wanted[name]; w == nil || !w.sameEnds(&s.spec) {
			s.stop(p)
			delete(p.sessions, name)
		}
	}
	p.wanted = specs
	p.openListeners()
	for i := range specs {
		w := &specs[i]
		s := p.sessions[w.Name]
		switch {
		case s == nil:
			s = &peer{spec: *w, session: NewSession(now, w.Config, rand.Uint32), retry: now}
			p.sessions[w.Name] = s
		case s.spec.Config != w.Config:
			s.spec.Config = w.Config
			s.take(p, s.session.Reconfigure(now, w.Config))
		}
	}
	p.tick()
}

// openListeners opens what the sessions need and closes the rest.
func (p *Peers) openListeners() {
	needed := map[listening]bool{}
	p.reopen = time.Time{}
	for _, s := range p.wanted {
		needed[s.listening()] = true
	}
	for k, l := range p.listeners {
		if !needed[k] {
			l.close()
			delete(p.listeners, k)
		}
	}
	for k := range needed {
		if p.listeners[k] != nil {
			continue
		}
		l, err := listen(k, p.heard)
		if err != nil {
			if p.failed[k] != err.Error() {
				p.opt.Log(false, fmt.Sprintf("%v; its sessions stay down, trying again", err))
			}
			p.failed[k], p.reopen = err.Error(), time.Now().Add(retryPause)
			continue
		}
		delete(p.failed, k)
		p.listeners[k] = l
	}
}

// heard is told, on a goroutine of the listener, that there is something to read.
func (p *Peers) heard(l *listener) {
	select {
	case p.readable <- l:
	case <-l.closed():
	}
}

func (s *Spec) listening() listening {
	if s.Multihop {
		return listening{s.Neighbor.Is6(), PortMultihop}
	}
	return listening{s.Neighbor.Is6(), Port}
}

// tick lets expired timers count. A late scheduler, or a program that was away for a
// moment, must not look like a dead neighbour: first it hears what waits in the kernel.
func (p *Peers) tick() {
	for _, l := range p.listeners {
		p.drain(l)
	}
	now := time.Now()
	if !p.reopen.IsZero() && !p.reopen.After(now) {
		p.openListeners()
	}
	for _, s := range p.sorted() {
		if !s.retry.IsZero() && !s.retry.After(now) {
			s.open(p, now)
		}
		if w := s.session.Wake(); !w.IsZero() && !w.After(now) {
			s.take(p, s.session.Tick(now))
		}
	}
}

// open opens the socket of a session.
func (s *peer) open(p *Peers, now time.Time) {
	c, err := dial(&s.spec)
	if err != nil {
		s.retry = now.Add(retryPause)
		s.complain(p, err)
		return
	}
	s.conn, s.retry = c, time.Time{}
}

// complain logs an error that is not the last one over again.
func (s *peer) complain(p *Peers, err error) {
	if text := err.Error(); text != s.said {
		s.said = text
		p.opt.Log(false, fmt.Sprintf("BFD instance %s: %v", s.spec.Name, err))
	}
}

// take carries out what a session asks for.
func (s *peer) take(p *Peers, out *Out) {
	for i := range out.Send {
		s.send(p, &out.Send[i])
	}
	for _, c := range out.Changed {
		p.opt.Log(true, fmt.Sprintf("BFD instance %s: %v -> %v, %s", s.spec.Name, c.From, c.To, c.Cause))
		p.opt.State(s.spec.Name, c)
	}
}

func (s *peer) send(p *Peers, pkt *Packet) {
	if s.conn == nil {
		return
	}
	_, err := s.conn.Write(pkt.AppendTo(nil))
	switch {
	case err == nil:
		s.said = ""
	case errors.Is(err, unix.ECONNREFUSED):
		// Nobody listens at the other end: that is what being Down says.
	default:
		s.complain(p, err)
	}
}

func (s *peer) stop(p *Peers) {
	out := s.session.Stop(time.Now())
	for i := range out.Send {
		s.send(p, &out.Send[i])
	}
	if s.conn != nil {
		_ = s.conn.Close()
	}
}

// drainLimit bounds what is read at a time: under a flood timers must come to
// their right.
const drainLimit = 256

func (p *Peers) drain(l *listener) {
	for range drainLimit {
		d, ok := l.read()
		if !ok {
			return
		}
		p.receive(&d)
	}
}

// receive takes one datagram (RFC 5880 section 6.8.6, RFC 5881 section 5).
func (p *Peers) receive(d *datagram) {
	pkt, err := Decode(d.payload)
	s := p.find(d, &pkt)
	switch {
	case s == nil:
		return // of nobody that we know: not worth a line in a log
	case err != nil:
		s.refuse(p, err.Error())
	case d.ttl < s.spec.MinTTL:
		s.refuse(p, fmt.Sprintf("TTL %d, expected %d or more", d.ttl, s.spec.MinTTL))
	case pkt.Your != 0 && pkt.Your != s.session.Discriminator():
		s.refuse(p, "for another session")
	default:
		s.take(p, s.session.Receive(time.Now(), &pkt))
	}
}

// find finds the session of a datagram: by its ends, which must fit in any case;
// between the same two addresses there is one session for each port.
func (p *Peers) find(d *datagram, pkt *Packet) *peer {
	var found *peer
	for _, s := range p.sessions {
		w := &s.spec
		if w.Neighbor.WithZone("") != d.from || w.Multihop != (d.port == PortMultihop) {
			continue
		}
		if w.Source.IsValid() && w.Source.WithZone("") != d.to {
			continue
		}
		if pkt.Your == s.session.Discriminator() {
			return s
		}
		if found == nil || w.Source.IsValid() {
			found = s
		}
	}
	return found
}

// refuse logs that a packet was dropped, once a minute.
func (s *peer) refuse(p *Peers, why string) {
	now := time.Now()
	if now.Sub(s.refused) < refusePause {
		return
	}
	s.refused = now
	p.opt.Log(false, fmt.Sprintf("BFD instance %s: packet from %v dropped: %s", s.spec.Name, s.spec.Neighbor, why))
}
