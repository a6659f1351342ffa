package kernel

import (
	"context"
	"errors"
	"fmt"
	"os"
	"syscall"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// receiveSize is more than the kernel puts into one netlink datagram: it fills
// listings up to 32 KiB, and single reports are far smaller.
const receiveSize = 64 << 10

// answerTime is after how long an answer is given up. The kernel never takes
// that long; without it a fault there would stop the caller for good.
const answerTime = 5 * time.Second

// errOverrun says that notifications are lost: the receive buffer was full, or
// a datagram did not fit.
var errOverrun = errors.New("netlink notifications lost")

// listTries is how often a listing is tried that changes interrupt.
const listTries = 50

// errInterrupted says that what was being listed changed meanwhile, so that
// something may be missing.
var errInterrupted = errors.New("listing interrupted by changes")

// conn is a route netlink socket of the calling thread's network namespace. It
// is not safe for concurrent use, except for interrupt.
type conn struct {
	file *os.File
	raw  syscall.RawConn
	port uint32 // our netlink address
	seq  uint32
	buf  []byte // messages returned by receive lie in it

	calm *calm // nil: the runtime's poller is waited with
}

// dial opens a socket and subscribes it to multicast groups (RTNLGRP_*).
func dial(groups ...uint) (*conn, error) { return dialAs(unix.SOCK_NONBLOCK, groups) }

func dialAs(mode int, groups []uint) (*conn, error) {
	fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC|mode, unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink socket: %w", err)
	}
	c := &conn{file: os.NewFile(uintptr(fd), "netlink"), buf: make([]byte, receiveSize)}
	if err := c.setUp(fd, groups); err != nil {
		c.close()
		return nil, fmt.Errorf("set up netlink socket: %w", err)
	}
	return c, nil
}

func (c *conn) setUp(fd int, groups []uint) error {
	if err := unix.Bind(fd, &unix.SockaddrNetlink{Family: unix.AF_NETLINK}); err != nil {
		return err
	}
	for _, g := range groups {
		if err := unix.SetsockoptInt(fd, unix.SOL_NETLINK, unix.NETLINK_ADD_MEMBERSHIP, int(g)); err != nil {
			return err
		}
	}
	// Comforts that old kernels lack: reasons in words, answers that do not repeat
	// the request, and listings of nothing but what was asked for.
	for _, opt := range []int{unix.NETLINK_EXT_ACK, unix.NETLINK_CAP_ACK, unix.NETLINK_GET_STRICT_CHK} {
		_ = unix.SetsockoptInt(fd, unix.SOL_NETLINK, opt, 1)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return err
	}
	if own, ok := sa.(*unix.SockaddrNetlink); ok {
		c.port = own.Pid
	}
	c.raw, err = c.file.SyscallConn()
	return err
}

func (c *conn) close() {
	_ = c.file.Close()
	if c.calm != nil {
		c.calm.close()
	}
}

// interrupt makes a receive that waits, and all later ones, fail.
func (c *conn) interrupt() {
	if c.calm != nil {
		c.calm.interrupt()
		return
	}
	_ = c.file.SetReadDeadline(time.Unix(1, 0))
}

// setReceiveBuffer sets the size of the receive buffer in bytes, if it is not
// 0. The kernel doubles it. It is limited by net.core.rmem_max unless forced,
// which needs CAP_NET_ADMIN.
func (c *conn) setReceiveBuffer(size int, force bool) error {
	if size <= 0 {
		return nil
	}
	opt := unix.SO_RCVBUF
	if force {
		opt = unix.SO_RCVBUFFORCE
	}
	var err error
	if cerr := c.raw.Control(func(fd uintptr) {
		err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, opt, size)
	}); cerr != nil {
		return cerr
	}
	if err != nil {
		return fmt.Errorf("set netlink receive buffer to %d bytes: %w", size, err)
	}
	return nil
}

// receive waits for a datagram and returns its messages and the port they are
// from, 0 for the kernel. The messages are valid until the next call.
func (c *conn) receive() (msgs []syscall.NetlinkMessage, port uint32, err error) {
	var n int
	var from unix.Sockaddr
	rerr := c.raw.Read(func(fd uintptr) bool {
		for {
			n, from, err = unix.Recvfrom(int(fd), c.buf, unix.MSG_TRUNC|unix.MSG_DONTWAIT)
			switch {
			case errors.Is(err, unix.EINTR):
				continue
			case c.calm == nil:
				return !errors.Is(err, unix.EAGAIN)
			case errors.Is(err, unix.EAGAIN):
				if err = c.calm.wait(int(fd)); err == nil {
					continue
				}
			default:
				c.calm.row++
			}
			return true
		}
	})
	switch {
	case rerr != nil:
		return nil, 0, rerr
	case errors.Is(err, unix.ENOBUFS), err == nil && n > len(c.buf):
		return nil, 0, errOverrun
	case err != nil:
		return nil, 0, fmt.Errorf("receive from netlink: %w", err)
	}
	if sa, ok := from.(*unix.SockaddrNetlink); ok {
		port = sa.Pid
	}
	msgs, err = syscall.ParseNetlinkMessage(c.buf[:n])
	if err != nil {
		return nil, port, fmt.Errorf("parse netlink datagram: %w", err)
	}
	return msgs, port, nil
}

// request is a message to the kernel.
type request struct {
	typ   uint16 // RTM_*
	flags uint16 // NLM_F_*, REQUEST is implied
	parts []nl.NetlinkRequestData
}

// RequestError is an error that the kernel answered a request with.
type RequestError struct {
	Errno   syscall.Errno
	Message string // the kernel's explanation, empty if it gave none
	Type    uint16 // RTM_* of the request
	Seq     uint32
	Port    uint32 // netlink address of the socket; tools call it pid
}

func (e *RequestError) Error() string {
	text := e.Errno.Error()
	if e.Message != "" {
		text += ": " + e.Message
	}
	if e.Errno == unix.EPERM {
		text += " (CAP_NET_ADMIN is needed)"
	}
	return text
}

// Unwrap returns the error number.
func (e *RequestError) Unwrap() error { return e.Errno }

// execute sends a request and waits until the kernel has answered it. Each
// message of the answer other than the acknowledgement is given to each, valid
// only during the call.
//
// The kernel works on a request while it is being sent, and the answer is there
// when sending returns. So ctx is asked before and not meanwhile: a deadline
// that passes then must not hide an answer that has come.
func (c *conn) execute(ctx context.Context, r request, each func(syscall.NetlinkMessage)) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	c.seq++
	req := nl.NewNetlinkRequest(int(r.typ), int(r.flags))
	req.Seq = c.seq
	req.Data = r.parts
	if err := c.send(req.Serialize()); err != nil {
		return err
	}
	if err := c.file.SetReadDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	interrupted := false
	for {
		msgs, port, err := c.receive()
		if err != nil {
			return fmt.Errorf("%w: %w", ErrUnanswered, err)
		}
		for _, m := range msgs {
			// What is left of a request that was given up is skipped.
			if port != nl.PidKernel || m.Header.Seq != c.seq || m.Header.Pid != c.port {
				continue
			}
			interrupted = interrupted || m.Header.Flags&unix.NLM_F_DUMP_INTR != 0
			if m.Header.Type == unix.NLMSG_ERROR || m.Header.Type == unix.NLMSG_DONE {
				if err := c.outcome(r, m); err != nil {
					return err
				}
				if interrupted {
					return errInterrupted
				}
				return nil
			}
			if each != nil {
				each(m)
			}
		}
	}
}

func (c *conn) send(b []byte) error {
	var err error
	kernel := &unix.SockaddrNetlink{Family: unix.AF_NETLINK}
	if werr := c.raw.Write(func(fd uintptr) bool {
		err = unix.Sendto(int(fd), b, 0, kernel)
		return !errors.Is(err, unix.EAGAIN)
	}); werr != nil {
		return werr
	}
	if err != nil {
		return fmt.Errorf("send to netlink: %w", err)
	}
	return nil
}

// outcome reads the message that ends an answer.
func (c *conn) outcome(r request, m syscall.NetlinkMessage) error {
	if len(m.Data) < 4 {
		return nil
	}
	code := int32(nl.NativeEndian().Uint32(m.Data))
	if code == 0 {
		return nil
	}
	return &RequestError{
		Errno:   syscall.Errno(-code),
		Message: explanation(m),
		Type:    r.typ,
		Seq:     c.seq,
		Port:    c.port,
	}
}

// explanation returns the text the kernel gives with an error.
func explanation(m syscall.NetlinkMessage) string {
	if m.Header.Flags&unix.NLM_F_ACK_TLVS == 0 {
		return ""
	}
	skip := 4 // the code
	if m.Header.Type == unix.NLMSG_ERROR {
		// The header of the request follows, and its body unless left out.
		if len(m.Data) < skip+unix.SizeofNlMsghdr {
			return ""
		}
		size := unix.SizeofNlMsghdr
		if m.Header.Flags&unix.NLM_F_CAPPED == 0 {
			size = int(nl.NativeEndian().Uint32(m.Data[skip:]))
		}
		skip += (size + 3) &^ 3
	}
	if skip < 0 || skip > len(m.Data) {
		return ""
	}
	attrs, err := attributes(m.Data[skip:])
	if err != nil {
		return ""
	}
	for _, a := range attrs {
		if a.Attr.Type == nl.NLMSGERR_ATTR_MSG {
			return unix.ByteSliceToString(a.Value)
		}
	}
	return ""
}

// list executes a request for a listing, again if it was interrupted. It calls
// begin before each attempt.
func (c *conn) list(ctx context.Context, r request, begin func(), each func(syscall.NetlinkMessage)) error {
	for try := 1; ; try++ {
		begin()
		err := c.execute(ctx, r, each)
		if !errors.Is(err, errInterrupted) || try == listTries {
			return err
		}
	}
}

// attributes returns the route attributes in b. What is left of b after the
// last whole word cannot hold one, and would confuse the parser.
func attributes(b []byte) ([]syscall.NetlinkRouteAttr, error) {
	return nl.ParseRouteAttr(b[:len(b)&^3])
}
