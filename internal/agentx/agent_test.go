package agentx

import (
	"fmt"
	"net"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// master is a master agent of the test.
type master struct {
	t *testing.T
	l net.Listener
	c net.Conn
}

func newMaster(t *testing.T) *master {
	t.Helper()
	l, err := net.Listen("unix", filepath.Join(t.TempDir(), "agentx"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return &master{t: t, l: l}
}

// accept takes a session: Open and one Register.
func (m *master) accept() {
	m.t.Helper()
	m.call()
	for _, want := range []Type{Open, Register} {
		p := m.read()
		if p.Type != want {
			m.t.Fatalf("a message of the type %d, want %d", p.Type, want)
		}
		m.send(&PDU{Type: Response, Session: 7, Packet: p.Packet})
	}
}

func (m *master) call() {
	m.t.Helper()
	c, err := m.l.Accept()
	if err != nil {
		m.t.Fatal(err)
	}
	m.c = c
	m.t.Cleanup(func() { _ = c.Close() })
}

func (m *master) read() *PDU {
	m.t.Helper()
	if err := m.c.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		m.t.Fatal(err)
	}
	p, err := readPDU(m.c)
	if err != nil {
		m.t.Fatal(err)
	}
	return p
}

func (m *master) send(p *PDU) {
	m.t.Helper()
	if _, err := m.c.Write(p.Append(nil)); err != nil {
		m.t.Fatal(err)
	}
}

// fake is a source that remembers what was said and set.
type fake struct {
	mu  sync.Mutex
	log []string
	set []Varbind
}

func (f *fake) View() *View { return testView() }

func (f *fake) Test(v Varbind) Error {
	if v.Value.Number == 0 {
		return WrongValue
	}
	return NoError
}

func (f *fake) Set(v Varbind) Error {
	f.set = append(f.set, v)
	return NoError
}

func (f *fake) said(text string) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return strings.Count(strings.Join(f.log, "\n"), text)
}

func (f *fake) start(t *testing.T, socket string) *Agent {
	a := Start(Options{
		Socket: socket, ID: OID{1, 9}, Description: "test", Roots: []OID{{1, 9}}, Source: f,
		Log: func(format string, args ...any) {
			f.mu.Lock()
			defer f.mu.Unlock()
			f.log = append(f.log, fmt.Sprintf(format, args...))
		},
	})
	t.Cleanup(func() {
		select {
		case <-a.ending:
		default:
			a.Stop(time.Second)
		}
	})
	return a
}

func TestSession(t *testing.T) {
	m, f := newMaster(t), &fake{}
	a := f.start(t, m.l.Addr().String())
	a.Trap(OID{1, 9, 0, 1}, Varbind{Name: OID{1, 9, 2, 1}, Value: Int(3)}) // before there is a session
	m.accept()
	p := m.read()
	if p.Type != Notify || p.Session != 7 || len(p.Varbinds) != 2 || p.Varbinds[0].Value.OID.String() != ".1.9.0.1" {
		t.Errorf("%+v", p)
	}
	m.send(&PDU{Type: Response, Session: 7, Packet: p.Packet})

	m.send(&PDU{Type: GetNext, Session: 7, Transaction: 5, Packet: 6, LittleEndian: true, Ranges: []Range{{Start: OID{1}}}})
	p = m.read()
	if p.Type != Response || p.Transaction != 5 || p.Packet != 6 || !p.LittleEndian || p.Varbinds[0].Name.String() != ".1.9.2.1" {
		t.Errorf("%+v", p)
	}

	set := func(n int) Error {
		m.send(&PDU{Type: TestSet, Session: 7, Varbinds: []Varbind{{Name: OID{1, 9, 2, 1}, Value: Int(n)}}})
		e := m.read().Error
		if e == NoError {
			m.send(&PDU{Type: CommitSet, Session: 7})
			e = m.read().Error
		}
		m.send(&PDU{Type: CleanupSet, Session: 7})
		return e
	}
	if e := set(0); e != WrongValue || len(f.set) != 0 {
		t.Errorf("error %d, set %v", e, f.set)
	}
	if e := set(4); e != NoError || len(f.set) != 1 || f.set[0].Value.Number != 4 {
		t.Errorf("error %d, set %v", e, f.set)
	}

	a.Trap(OID{1, 9, 0, 2})
	if !a.Stop(5 * time.Second) {
		t.Error("the agent did not end in time")
	}
	if p := m.read(); p.Type != Notify {
		t.Errorf("%+v", p)
	}
	if p := m.read(); p.Type != Close || p.Reason != reasonShutdown {
		t.Errorf("%+v", p)
	}
}

// TestMasterEnds: it is found again, whatever way it went.
func TestMasterEnds(t *testing.T) {
	m, f := newMaster(t), &fake{}
	a := f.start(t, m.l.Addr().String())
	for what, end := range map[string]func(){
		"closed":        func() { _ = m.c.Close() },
		"said":          func() { m.send(&PDU{Type: Close, Session: 7, Reason: 5}) },
		"forgot us":     func() { m.send(&PDU{Type: Response, Session: 7, Error: 257}) },
		"talks rubbish": func() { _, _ = m.c.Write(make([]byte, 100)) },
	} {
		m.accept()
		end()
		t.Log(what)
	}
	m.accept()
	a.Trap(OID{1, 9, 0, 1})
	if p := m.read(); p.Type != Notify {
		t.Errorf("%+v", p)
	}
	if n := f.said("is there again"); n != 4 {
		t.Errorf("the log says %d times that the master is there again: %q", n, f.log)
	}
}

// TestSilentMaster: one that takes our call and says nothing delays nobody.
func TestSilentMaster(t *testing.T) {
	m, f := newMaster(t), &fake{}
	a := f.start(t, m.l.Addr().String())
	m.call()
	m.read()
	begun := time.Now()
	for range 3 * queueSize {
		a.Trap(OID{1, 9, 0, 1}, Varbind{Name: OID{1, 9, 2, 1}, Value: Octets(make([]byte, 1000))})
	}
	a.Stop(100 * time.Millisecond)
	if took := time.Since(begun); took > time.Second {
		t.Errorf("took %v", took)
	}
	if len(a.queue) > queueSize {
		t.Errorf("%d notifications wait", len(a.queue))
	}
}

func TestAddress(t *testing.T) {
	for s, want := range map[string]string{
		"/var/agentx/master": "unix /var/agentx/master", "unix:/x": "unix /x", "./x": "unix ./x",
		"tcp:192.0.2.1:705": "tcp 192.0.2.1:705", "localhost:705": "tcp localhost:705", "705": "tcp localhost:705",
		"tcp:705": "tcp localhost:705", "udp:localhost:705": " ",
	} {
		network, where, err := address(s)
		if got := network + " " + where; got != want || (err != nil) != (want == " ") {
			t.Errorf("%q: %q (%v), want %q", s, got, err, want)
		}
	}
}

// TestAfter: nobody is called while somebody else may have what we register.
func TestAfter(t *testing.T) {
	m, f := newMaster(t), &fake{}
	first := make(chan struct{})
	called := make(chan struct{})
	go func() {
		m.accept()
		close(called)
	}()
	a := Start(Options{Socket: m.l.Addr().String(), Roots: []OID{{1, 9}}, Source: f, Log: func(string, ...any) {}, After: first})
	select {
	case <-called:
		t.Error("the master was called too early")
	case <-time.After(50 * time.Millisecond):
	}
	close(first)
	<-called
	a.Stop(time.Second)
}

// TestRefusedRegistration: the log has it, and the session goes on.
func TestRefusedRegistration(t *testing.T) {
	m, f := newMaster(t), &fake{}
	a := f.start(t, m.l.Addr().String())
	m.call()
	m.send(&PDU{Type: Response, Session: 7, Packet: m.read().Packet})
	m.send(&PDU{Type: Response, Session: 7, Packet: m.read().Packet, Error: 263})
	a.Trap(OID{1, 9, 0, 1})
	if p := m.read(); p.Type != Notify {
		t.Errorf("%+v", p)
	}
	if f.said("does not let us serve .1.9: error 263") != 1 {
		t.Errorf("the log has %q", f.log)
	}
}
