package bfd

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Left is what sessions leave to a program that goes on in the place of this one.
type Left struct {
	Sessions  []LeftSession  `json:"sessions,omitempty"`
	Listeners []LeftListener `json:"listeners,omitempty"`
}

// LeftSession is a session. Its neighbour may know the port that it sends from, so
// the socket goes along.
type LeftSession struct {
	Name    string `json:"name"`
	Ends    string `json:"ends"` // of its spec, in words
	Session Saved  `json:"session"`
	Socket  int    `json:"socket,omitempty"` // a descriptor; 0: none
}

// LeftListener is a socket that receives: what comes meanwhile is read afterwards.
type LeftListener struct {
	IPv6   bool `json:"ipv6,omitempty"`
	Port   int  `json:"port"`
	Socket int  `json:"socket"` // a descriptor
}

// Descriptors are those that go along, and may be given other numbers.
func (l *Left) Descriptors() (all []*int) {
	for i := range l.Listeners {
		all = append(all, &l.Listeners[i].Socket)
	}
	for i := range l.Sessions {
		if l.Sessions[i].Socket > 0 {
			all = append(all, &l.Sessions[i].Socket)
		}
	}
	return all
}

// ends is what makes a spec the same session, in words.
func (s *Spec) ends() string {
	return fmt.Sprintf("%v %v %v %d %d", s.Neighbor, s.Source, s.Multihop, s.TTL, s.MinTTL)
}

// rest is a request to rest.
type rest struct {
	reached chan *Resting
	until   <-chan struct{}
}

// Resting are sessions at rest.
type Resting struct{ p *Peers }

// Rest brings the sessions to rest: what comes stays in the kernel. The result tells
// when they rest, which they do until the channel is closed. There may be one request
// at a time; another one is never answered.
func (p *Peers) Rest(until <-chan struct{}) <-chan *Resting {
	r := rest{make(chan *Resting, 1), until}
	select {
	case p.rests <- r:
	default:
	}
	return r.reached
}

// Leave returns what the sessions leave at a time, which must be that of the call. To
// whom a packet is due soon it is sent now.
func (r *Resting) Leave(at time.Time) (left Left) {
	for _, s := range r.p.sorted() {
		s.take(r.p, s.session.Early(at))
		x := LeftSession{Name: s.spec.Name, Ends: s.spec.ends(), Session: s.session.Save(at)}
		if s.conn != nil {
			x.Socket = descriptor(s.conn)
		}
		left.Sessions = append(left.Sessions, x)
	}
	for k, l := range r.p.listeners {
		left.Listeners = append(left.Listeners, LeftListener{IPv6: k.v6, Port: k.port, Socket: l.fd})
	}
	return left
}

// descriptor is that of a connection; 0: it has none any more.
func descriptor(c *net.UDPConn) (fd int) {
	raw, err := c.SyscallConn()
	if err == nil {
		_ = raw.Control(func(x uintptr) { fd = int(x) })
	}
	return fd
}

// Inherit has sessions go on as they were left at the time then, and returns their
// states. It comes before Run. A session that does not fit its spec begins anew, and
// a socket that is of no use is opened anew.
func (p *Peers) Inherit(left *Left, specs []Spec, then time.Time) map[string]State {
	for _, x := range left.Listeners {
		k := listening{x.IPv6, x.Port}
		c, err := adopt(x.Socket, net.FilePacketConn)
		if err == nil {
			p.listeners[k], err = receive(c, k, p.heard)
		}
		if err != nil {
			delete(p.listeners, k)
			p.opt.Log(false, fmt.Sprintf("BFD port %d: %v", x.Port, err))
		}
	}
	states := map[string]State{}
	for i := range specs {
		for j := range left.Sessions {
			if x := &left.Sessions[j]; x.Name == specs[i].Name && x.Ends == specs[i].ends() {
				p.revive(&specs[i], x, then, states)
			}
		}
	}
	return states
}

// revive has one session go on.
func (p *Peers) revive(spec *Spec, x *LeftSession, then time.Time, states map[string]State) {
	session, err := RestoreSession(then, spec.Config, rand.Uint32, &x.Session)
	if err != nil {
		p.opt.Log(false, fmt.Sprintf("BFD instance %s: %v", spec.Name, err))
		return
	}
	s := &peer{spec: *spec, session: session}
	p.sessions[spec.Name], states[spec.Name] = s, session.State()
	if s.conn, err = adopt(x.Socket, net.FileConn); err != nil {
		s.retry = then // another one will do
	}
}

// adopt is a connection on a duplicate of the descriptor.
func adopt[C any](fd int, open func(*os.File) (C, error)) (*net.UDPConn, error) {
	if fd < 3 {
		return nil, errors.New("no socket")
	}
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	f := os.NewFile(uintptr(dup), "BFD")
	defer f.Close() // the connection makes one more
	c, err := open(f)
	if err != nil {
		return nil, err
	}
	conn, ok := any(c).(*net.UDPConn)
	if !ok {
		return nil, errors.New("not a socket for BFD")
	}
	return conn, nil
}
