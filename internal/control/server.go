package control

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

const (
	// most is how many connections are served at a time, and mostOthers how many of
	// them those of users who are neither root nor the daemon's.
	most, mostOthers = 64, 8
	// longest is the length of a request, in bytes.
	longest = 4096
)

// Peer is who asks.
type Peer struct {
	UID uint32
	PID int32 // 0: in a process namespace that this one cannot see into
}

// Handler does what is asked, on the goroutine of the connection. It says what it
// has to say by say, which fails when the client has gone. The context ends when the
// server is closed. An error is the answer to the client.
type Handler func(ctx context.Context, r Request, by Peer, say func(Message) error) error

// Server listens. Its methods are for one goroutine.
type Server struct {
	path   string
	ino    uint64
	l      *net.UnixListener
	handle Handler
	cancel context.CancelFunc

	mu          sync.Mutex
	all, others int // connections that are served
}

// Listen opens the socket at a path and serves it until [Server.Close].
func Listen(path string, h Handler) (*Server, error) {
	if st, err := os.Lstat(path); err == nil && st.Mode()&fs.ModeSocket == 0 {
		return nil, fmt.Errorf("%s is there and is no socket: not replacing it", path)
	}
	temp := path + ".new"
	if st, err := os.Lstat(temp); err == nil && st.Mode()&fs.ModeSocket != 0 {
		_ = os.Remove(temp) // a crash has left it
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: temp, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false)
	s := &Server{path: path, l: l, handle: h}
	// Who may do what is looked at for each question.
	err = os.Chmod(temp, 0o666)
	if err == nil {
		err = os.Rename(temp, path)
	}
	if err == nil {
		s.ino, err = inode(path)
	}
	if err != nil {
		_ = os.Remove(temp)
		l.Close()
		return nil, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go s.accept(ctx)
	return s, nil
}

func inode(path string) (uint64, error) {
	var st unix.Stat_t
	if err := unix.Lstat(path, &st); err != nil {
		return 0, &fs.PathError{Op: "lstat", Path: path, Err: err}
	}
	return st.Ino, nil
}

// Close removes the socket, if it is still this one's, and ends what is being answered.
// It does not wait for the clients, who are told. nil: nothing.
func (s *Server) Close() {
	if s == nil {
		return
	}
	s.cancel()
	s.l.Close()
	if ino, err := inode(s.path); err == nil && ino == s.ino {
		_ = os.Remove(s.path)
	}
}

func (s *Server) accept(ctx context.Context) {
	for {
		c, err := s.l.AcceptUnix()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil { // no descriptors left: others may be given back
			select {
			case <-time.After(100 * time.Millisecond):
				continue
			case <-ctx.Done():
				return
			}
		}
		by, err := peer(c)
		if err != nil {
			c.Close()
			continue
		}
		free, ok := s.admit(by)
		if !ok {
			_ = send(c, Message{End: true, Error: "too many ask at the same time: try again"})
			c.Close()
			continue
		}
		go func() {
			defer free()
			defer c.Close()
			s.serve(ctx, c, by)
		}()
	}
}

// admit tells whether another connection may be served; free then ends it.
func (s *Server) admit(by Peer) (free func(), ok bool) {
	other := 0
	if !by.Trusted() {
		other = 1
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all >= most || s.others+other > mostOthers {
		return nil, false
	}
	s.all++
	s.others += other
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.all--
		s.others -= other
	}, true
}

// Trusted tells whether the peer could do to the daemon whatever it likes anyway.
func (p Peer) Trusted() bool { return p.UID == 0 || p.UID == uint32(os.Geteuid()) }

func peer(c *net.UnixConn) (Peer, error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return Peer{}, err
	}
	var cred *unix.Ucred
	var failed error
	err = raw.Control(func(fd uintptr) { cred, failed = unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED) })
	if err = errors.Join(err, failed); err != nil {
		return Peer{}, err
	}
	return Peer{UID: cred.Uid, PID: cred.Pid}, nil
}

func (s *Server) serve(ctx context.Context, c *net.UnixConn, by Peer) {
	_ = c.SetReadDeadline(time.Now().Add(Patience))
	in := bufio.NewReaderSize(c, longest)
	line, err := in.ReadSlice('\n')
	if err != nil {
		return // not a question
	}
	var r Request
	if err := json.Unmarshal(line, &r); err != nil {
		_ = send(c, Message{End: true, Error: "this is not a request: " + err.Error()})
		return
	}
	err = r.check()
	if err == nil && !r.Verb.open() && !by.Trusted() {
		err = fmt.Errorf("%s is for root and the user of the daemon", r.Verb)
	}
	if err == nil {
		// A client that goes is noticed when it is told something: one that has only
		// nothing more to say looks the same.
		err = s.handle(ctx, r, by, func(m Message) error { return send(c, m) })
	}
	last := Message{End: true}
	if err != nil {
		last.Error = err.Error()
	}
	_ = send(c, last)
}

func send(c net.Conn, m Message) error {
	text, err := json.Marshal(m)
	if err != nil {
		return err
	}
	_ = c.SetWriteDeadline(time.Now().Add(Patience))
	_, err = c.Write(append(text, '\n'))
	return err
}
