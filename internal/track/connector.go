package track

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/mdlayher/socket"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// procEvent is something that happened to a process.
type procEvent struct {
	kind   eventKind
	pid    int
	parent int // of a fork
	size   int // of lost: the receive buffer has this many bytes now; 0: as before
}

type eventKind uint8

const (
	forked eventKind = iota
	execed
	renamed
	exited
	lost // the kernel could not deliver everything
)

// Layout of a message of the process connector: the netlink header, the
// connector header (linux/connector.h), then struct proc_event
// (linux/cn_proc.h): what, cpu, time, and what belongs to the event.
const (
	whatOffset = unix.NLMSG_HDRLEN + 20
	dataOffset = whatOffset + 16
)

// gather is how long events are gathered after the first one. It spares a busy
// host a wake-up for each of its processes, and a process that is replaced
// within it has not been away.
const gather = 20 * time.Millisecond

// maxBatch bounds what is gathered. The socket's buffer holds less.
const maxBatch = 1 << 16

// answerTime is how long the kernel may take to confirm the subscription, and to
// report an event. A kernel that does not serve us here says nothing at all.
const answerTime = 200 * time.Millisecond

// listen subscribes to the process events of the kernel. They exist in the
// initial network and process namespaces only: from another network namespace it
// tries to listen in that one, which takes CAP_SYS_ADMIN; elsewhere tells that it
// did. Events come in batches, in their order. The channel is closed when ctx
// ends or the socket fails.
func listen(ctx context.Context, buf Buffer) (events <-chan []procEvent, elsewhere bool, err error) {
	conn, err := connect(ctx, buf, eventSocket)
	if err != nil {
		spaces := foreignNetNS()
		for _, ns := range spaces {
			if conn == nil {
				conn, _ = connect(ctx, buf, func() (*socket.Conn, error) { return openIn(ns) }) // the first error tells more
			}
			_ = ns.Close()
		}
		elsewhere = conn != nil
	}
	if conn == nil {
		return nil, false, fmt.Errorf("process events: %w", err)
	}
	batches := make(chan []procEvent)
	go func() {
		defer close(batches)
		defer conn.Close()
		receive(ctx, conn, buf, batches)
	}()
	return batches, elsewhere, nil
}

// Buffer is the receive buffer for process events: a burst of forks should fit. If
// it does not, everything is looked at again, and the buffer made larger.
type Buffer struct {
	Size  int  // bytes; 0: a mebibyte
	Force bool // beyond the limit of the system (net.core.rmem_max)
}

const (
	usualBuffer   = 1 << 20
	largestBuffer = 64 << 20
)

func (b Buffer) size() int {
	if b.Size <= 0 {
		return usualBuffer
	}
	return b.Size
}

func (b Buffer) set(conn *socket.Conn) error {
	if b.Size <= 0 || b.Force {
		return conn.SetReadBuffer(b.size()) // by force, if that is allowed
	}
	return conn.SetsockoptInt(unix.SOL_SOCKET, unix.SO_RCVBUF, b.Size)
}

// grow makes the buffer twice as large; 0: it is not made larger.
func (b *Buffer) grow(conn *socket.Conn) int {
	larger := Buffer{2 * b.size(), b.Force || b.Size <= 0}
	if larger.Size > largestBuffer || larger.set(conn) != nil {
		return 0
	}
	*b = larger
	return larger.Size
}

// connect opens a socket on which process events are known to arrive.
func connect(ctx context.Context, buf Buffer, open func() (*socket.Conn, error)) (*socket.Conn, error) {
	conn, err := open()
	if err != nil {
		return nil, err
	}
	if err = subscribe(ctx, conn, buf); err == nil {
		err = prove(ctx, conn)
	}
	if err != nil {
		_ = conn.Close()
		return nil, err
	}
	return conn, nil
}

// subscribe asks for the events and waits for the kernel's consent.
func subscribe(ctx context.Context, conn *socket.Conn, buf Buffer) error {
	if err := buf.set(conn); err != nil {
		return err
	}
	if err := conn.SetBPF(eventFilter()); err != nil {
		return err
	}
	if err := conn.Bind(&unix.SockaddrNetlink{Family: unix.AF_NETLINK, Groups: netlink.CN_IDX_PROC}); err != nil {
		return err
	}
	req := nl.NetlinkRequest{NlMsghdr: unix.NlMsghdr{Len: unix.SizeofNlMsghdr, Type: unix.NLMSG_DONE}}
	req.AddData(nl.NewCnMsg(netlink.CN_IDX_PROC, netlink.CN_VAL_PROC, netlink.PROC_CN_MCAST_LISTEN))
	if err := conn.Sendto(ctx, req.Serialize(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	return await(ctx, conn, errNotOffered, func(b []byte, from unix.Sockaddr) (bool, error) {
		no, ok := ack(b, from)
		if ok && no != 0 {
			return true, syscall.Errno(no)
		}
		return ok, nil
	})
}

var (
	errNotOffered = errors.New("the kernel does not offer them here")
	errNotOurs    = errors.New("none arrive of our own process")
)

// prove makes an event of our own and waits for it: a kernel may consent and
// report to another namespace, or number processes otherwise than we do.
func prove(ctx context.Context, conn *socket.Conn) error {
	// Writing a name, the old one too, is an event of its own.
	name, err := os.ReadFile("/proc/self/comm")
	if err != nil {
		return err
	}
	if err := os.WriteFile("/proc/self/comm", bytes.TrimSuffix(name, []byte("\n")), 0); err != nil {
		return err
	}
	pid := os.Getpid()
	return await(ctx, conn, errNotOurs, func(b []byte, from unix.Sockaddr) (bool, error) {
		ev, ok := parseEvent(b, from)
		return ok && ev.kind == renamed && ev.pid == pid, nil
	})
}

// await reads messages until one is the right one. It returns late when none is
// in time.
func await(ctx context.Context, conn *socket.Conn, late error, right func([]byte, unix.Sockaddr) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, answerTime)
	defer cancel()
	buf := make([]byte, 4096)
	for {
		n, from, err := conn.Recvfrom(ctx, buf, 0)
		switch {
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
			return late
		case errors.Is(err, unix.ENOBUFS): // the busiest of hosts; what matters may still come
		case err != nil:
			return err
		default:
			if ok, err := right(buf[:n], from); ok || err != nil {
				return err
			}
		}
	}
}

// receive hands on batches of events until ctx ends or the socket fails.
func receive(ctx context.Context, conn *socket.Conn, size Buffer, events chan<- []procEvent) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })() // a waiting read ends
	r := reader{buf: make([]byte, 4096), lost: func() int { return size.grow(conn) }}
	pause := time.NewTimer(gather)
	defer pause.Stop()
	for {
		r.batch = nil
		if raw.Read(r.first) != nil {
			return
		}
		pause.Reset(gather)
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
		if raw.Read(r.rest) != nil || r.err != nil {
			return
		}
		if len(r.batch) == 0 {
			continue
		}
		select {
		case events <- r.batch:
		case <-ctx.Done():
			return
		}
	}
}

// reader reads events from a socket that does not block.
type reader struct {
	buf   []byte
	batch []procEvent
	err   error
	lost  func() int // makes the receive buffer larger
}

// first reads one message; it reports false to wait for it.
func (r *reader) first(fd uintptr) bool { return r.read(fd) }

// rest reads what is there.
func (r *reader) rest(fd uintptr) bool {
	for len(r.batch) < maxBatch && r.err == nil && r.read(fd) {
	}
	return true
}

// read reads one message and reports whether there was one.
func (r *reader) read(fd uintptr) bool {
	n, from, err := unix.Recvfrom(int(fd), r.buf, unix.MSG_DONTWAIT)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return false
	case errors.Is(err, unix.ENOBUFS):
		r.batch = append(r.batch, procEvent{kind: lost, size: r.lost()})
	case errors.Is(err, unix.EINTR):
	case err != nil:
		r.err = err
	default:
		if ev, ok := parseEvent(r.buf[:n], from); ok {
			r.batch = append(r.batch, ev)
		}
	}
	return true
}

// fromKernel reports whether a message is long enough and from the kernel.
func fromKernel(b []byte, from unix.Sockaddr) bool {
	sa, ok := from.(*unix.SockaddrNetlink)
	return ok && sa.Pid == 0 && len(b) >= dataOffset+4
}

// ack reads the confirmation of a subscription: an event without a process,
// with an error number.
func ack(b []byte, from unix.Sockaddr) (errno uint32, ok bool) {
	if !fromKernel(b, from) || binary.NativeEndian.Uint32(b[whatOffset:]) != netlink.PROC_EVENT_NONE {
		return 0, false
	}
	return binary.NativeEndian.Uint32(b[dataOffset:]), true
}

// parseEvent reads one event; ok is false for what does not matter: threads,
// and what another subscriber asked for.
func parseEvent(b []byte, from unix.Sockaddr) (ev procEvent, ok bool) {
	if !fromKernel(b, from) {
		return ev, false
	}
	id := func(i int) int {
		if o := dataOffset + 4*i; o+4 <= len(b) {
			return int(binary.NativeEndian.Uint32(b[o:]))
		}
		return 0
	}
	pid, tgid := id(0), id(1)
	switch binary.NativeEndian.Uint32(b[whatOffset:]) {
	case netlink.PROC_EVENT_FORK:
		ev = procEvent{kind: forked, parent: tgid, pid: id(2)}
		pid, tgid = id(2), id(3)
	case netlink.PROC_EVENT_EXEC:
		ev = procEvent{kind: execed, pid: pid}
	case netlink.PROC_EVENT_COMM:
		ev = procEvent{kind: renamed, pid: pid}
	case netlink.PROC_EVENT_EXIT:
		ev = procEvent{kind: exited, pid: pid}
	default:
		return ev, false
	}
	return ev, pid != 0 && pid == tgid
}

// eventFilter lets the kernel drop what parseEvent would: on a busy host most
// events are about threads and user ids, and each one would wake us.
func eventFilter() []bpf.RawInstruction {
	raw, err := bpf.Assemble(filterProgram())
	if err != nil {
		panic(err) // a mistake in the lines below
	}
	return raw
}

func filterProgram() []bpf.Instruction {
	what := func(v uint32, yes, no uint8) bpf.Instruction {
		// Loads are in network order, the message in that of the machine.
		var b [4]byte
		binary.NativeEndian.PutUint32(b[:], v)
		return bpf.JumpIf{Cond: bpf.JumpEqual, Val: binary.BigEndian.Uint32(b[:]), SkipTrue: yes, SkipFalse: no}
	}
	load := func(off uint32) bpf.Instruction { return bpf.LoadAbsolute{Off: off, Size: 4} }
	same := func(yes, no uint8) bpf.Instruction {
		return bpf.JumpIfX{Cond: bpf.JumpEqual, SkipTrue: yes, SkipFalse: no}
	}
	return []bpf.Instruction{
		/*  0 */ load(whatOffset),
		/*  1 */ what(netlink.PROC_EVENT_NONE, 13, 0), // 15
		/*  2 */ what(netlink.PROC_EVENT_EXEC, 12, 0), // 15
		/*  3 */ what(netlink.PROC_EVENT_FORK, 6, 0), // 10
		/*  4 */ what(netlink.PROC_EVENT_EXIT, 1, 0), // 6
		/*  5 */ what(netlink.PROC_EVENT_COMM, 0, 8), // 6, 14
		/*  6 */ load(dataOffset), // the thread it is about
		/*  7 */ bpf.TAX{},
		/*  8 */ load(dataOffset + 4), // its process
		/*  9 */ same(5, 4), // 15, 14
		/* 10 */ load(dataOffset + 8), // the new thread
		/* 11 */ bpf.TAX{},
		/* 12 */ load(dataOffset + 12), // its process
		/* 13 */ same(1, 0), // 15, 14
		/* 14 */ bpf.RetConstant{Val: 0},
		/* 15 */ bpf.RetConstant{Val: 0xffff},
	}
}
