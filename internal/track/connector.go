package track

import (
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

// ackTimeout is how long the kernel may take to confirm the subscription. A
// kernel that does not serve us here says nothing at all.
const ackTimeout = 200 * time.Millisecond

// listen subscribes to the process events of the kernel. They exist in the
// initial network and process namespaces only. They come in batches, in their
// order. The channel is closed when ctx ends or the socket fails.
func listen(ctx context.Context) (<-chan []procEvent, error) {
	conn, err := socket.Socket(unix.AF_NETLINK, unix.SOCK_DGRAM, unix.NETLINK_CONNECTOR, "process-events", nil)
	if err != nil {
		return nil, fmt.Errorf("process events: %w", err)
	}
	if err := subscribe(ctx, conn); err != nil {
		conn.Close()
		return nil, fmt.Errorf("process events: %w", err)
	}
	events := make(chan []procEvent)
	go func() {
		defer close(events)
		defer conn.Close()
		receive(ctx, conn, events)
	}()
	return events, nil
}

// subscribe asks for the events and waits for the kernel's consent.
func subscribe(ctx context.Context, conn *socket.Conn) error {
	// A burst of forks should fit; if it does not we look at /proc again.
	if err := conn.SetReadBuffer(1 << 20); err != nil {
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
	ctx, cancel := context.WithTimeout(ctx, ackTimeout)
	defer cancel()
	buf := make([]byte, 4096)
	for {
		n, from, err := conn.Recvfrom(ctx, buf, 0)
		switch {
		case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
			return errors.New("the kernel does not offer them here")
		case err != nil:
			return err
		}
		if no, ok := ack(buf[:n], from); ok {
			if no != 0 {
				return syscall.Errno(no)
			}
			return nil
		}
	}
}

// receive hands on batches of events until ctx ends or the socket fails.
func receive(ctx context.Context, conn *socket.Conn, events chan<- []procEvent) {
	raw, err := conn.SyscallConn()
	if err != nil {
		return
	}
	defer context.AfterFunc(ctx, func() { conn.Close() })() // a waiting read ends
	r := reader{buf: make([]byte, 4096)}
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
		r.batch = append(r.batch, procEvent{kind: lost})
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
