package agentx

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"
)

// address reads the address of a master as snmpd writes it.
func address(s string) (network, where string, err error) {
	kind, rest, ok := strings.Cut(s, ":")
	switch {
	case ok && kind == "unix":
		return "unix", rest, nil
	case strings.Contains(s, "/"):
		return "unix", s, nil
	case ok && (kind == "tcp" || kind == "tcp6"):
		s = rest
	case ok && (kind == "udp" || kind == "udp6"):
		return "", "", fmt.Errorf("%s: a master agent is spoken to through unix or tcp sockets", s)
	}
	if !strings.Contains(s, ":") { // only a port
		s = "localhost:" + s
	}
	return "tcp", s, nil
}

// session is a connection with the master.
type session struct {
	a      *Agent
	c      net.Conn
	id     uint32
	packet uint32
	in     chan *PDU     // closed by the reader
	failed error         // of the reader, once in is closed
	over   chan struct{} // closed when nobody reads from in any more

	test []Varbind // what TestSet has found to be right
}

var errSilent = errors.New("the master agent does not answer")

// connect opens a session and registers what there is to be shown.
func (a *Agent) connect(ctx context.Context) (*session, error) {
	network, where, err := address(cmp.Or(a.opt.Socket, DefaultSocket))
	if err != nil {
		return nil, err
	}
	within, cancel := context.WithTimeout(ctx, ioTimeout)
	defer cancel()
	c, err := new(net.Dialer).DialContext(within, network, where)
	if err != nil {
		return nil, err
	}
	s := &session{a: a, c: c, in: make(chan *PDU), over: make(chan struct{})}
	go s.read()
	if err := s.open(ctx); err != nil {
		s.close()
		return nil, err
	}
	a.opt.Log("AgentX subagent connected")
	return s, nil
}

func (s *session) close() {
	close(s.over)
	_ = s.c.Close()
}

// read is the goroutine that reads.
func (s *session) read() {
	defer close(s.in)
	r := bufio.NewReader(s.c)
	for {
		p, err := readPDU(r)
		if err != nil {
			s.failed = err
			return
		}
		select {
		case s.in <- p:
		case <-s.over:
			return
		}
	}
}

func readPDU(r io.Reader) (*PDU, error) {
	var header [headerSize]byte
	if _, err := io.ReadFull(r, header[:]); err != nil {
		return nil, err
	}
	n, err := Length(header)
	if err != nil {
		return nil, err
	}
	b := append(header[:], make([]byte, n)...)
	if _, err := io.ReadFull(r, b[headerSize:]); err != nil {
		return nil, err
	}
	return Decode(b)
}

func (s *session) send(p *PDU) error {
	if err := s.c.SetWriteDeadline(time.Now().Add(ioTimeout)); err != nil {
		return err
	}
	_, err := s.c.Write(p.Append(nil))
	return err
}

// ask sends a request of ours; its answer comes when it comes.
func (s *session) ask(p *PDU) error {
	s.packet++
	p.Session, p.Packet = s.id, s.packet
	return s.send(p)
}

// demand sends a request and waits for its answer. Requests of the master that come
// meanwhile are answered.
func (s *session) demand(ctx context.Context, p *PDU) (*PDU, error) {
	if err := s.ask(p); err != nil {
		return nil, err
	}
	late := time.NewTimer(ioTimeout)
	defer late.Stop()
	for {
		select {
		case got, ok := <-s.in:
			switch {
			case !ok:
				return nil, s.failed
			case got.Type == Response && got.Packet == p.Packet:
				return got, nil
			case got.Type != Response:
				if err := s.handle(got); err != nil {
					return nil, err
				}
			}
		case <-late.C:
			return nil, errSilent
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (s *session) open(ctx context.Context) error {
	o := &s.a.opt
	got, err := s.demand(ctx, &PDU{Type: Open, Timeout: answerTime, ID: o.ID, Description: o.Description})
	if err != nil {
		return err
	}
	if got.Error != NoError {
		return fmt.Errorf("the master agent refuses us with error %d", got.Error)
	}
	s.id = got.Session
	for _, root := range o.Roots {
		got, err := s.demand(ctx, &PDU{Type: Register, Timeout: answerTime, Priority: 127, Subtree: root})
		if err != nil {
			return err
		}
		if got.Error != NoError {
			s.a.opt.Log("SNMP: the master agent does not let us serve %v: error %d", root, got.Error)
		}
	}
	return nil
}

// reasonShutdown is why a sub-agent that ends closes its session.
const reasonShutdown = 5

// serve lives until the session ends. No error: the agent is to end.
func (s *session) serve() error {
	ping := time.NewTicker(pingPause)
	defer ping.Stop()
	var silent <-chan time.Time
	for {
		if err := s.notify(); err != nil {
			return err
		}
		select {
		case p, ok := <-s.in:
			if !ok {
				return s.failed
			}
			silent = nil // it is alive
			if err := s.handle(p); err != nil {
				return err
			}
		case <-s.a.wake:
		case <-ping.C:
			if err := s.ask(&PDU{Type: Ping}); err != nil {
				return err
			}
			silent = time.After(ioTimeout)
		case <-silent:
			return errSilent
		case <-s.a.ending:
			_ = s.notify()
			_ = s.ask(&PDU{Type: Close, Reason: reasonShutdown})
			return nil
		}
	}
}

// notify sends the traps that wait.
func (s *session) notify() error {
	for _, t := range s.a.take() {
		if err := s.ask(&PDU{Type: Notify, Varbinds: t.binds}); err != nil {
			return err
		}
	}
	return nil
}

// handle answers a request of the master. An answer to a trap or a ping says only
// that the master lives, or that it knows us no more.
func (s *session) handle(p *PDU) error {
	answer := &PDU{
		Type: Response, LittleEndian: p.LittleEndian, Session: p.Session, Transaction: p.Transaction, Packet: p.Packet,
		UpTime: uint32(s.a.UpTime()),
	}
	switch p.Type {
	case Response:
		if p.Error != NoError {
			return fmt.Errorf("the master agent answers with error %d", p.Error)
		}
		return nil
	case Close:
		return errors.New("the master agent has ended the session")
	case CleanupSet: // has no answer
		s.test = nil
		return nil
	case Get, GetNext, GetBulk:
		s.a.opt.Source.View().answer(p, answer)
	case TestSet:
		s.test = p.Varbinds
		for i, v := range p.Varbinds {
			if answer.Error = s.a.opt.Source.Test(v); answer.Error != NoError {
				answer.Index = uint16(i + 1)
				break
			}
		}
	case CommitSet:
		for i, v := range s.test {
			if answer.Error = s.a.opt.Source.Set(v); answer.Error != NoError {
				answer.Index = uint16(i + 1)
				break
			}
		}
	case UndoSet: // what was set stays: it was right
		answer.Error = UndoFailed
	}
	return s.send(answer)
}
