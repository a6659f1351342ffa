package netio

import (
	"errors"
	"fmt"
	"net"
	"os"

	"golang.org/x/sys/unix"
)

// Adopt makes a Conn of the sockets that another one had, with the same Spec, in a
// program that this one was executed in place of. Nothing is joined anew, and what
// waits in them is read. The descriptors stay the caller's: the Conn has its own,
// of the same sockets. Until [Conn.SetVRIDs] the filter is the one that was.
func Adopt(spec Spec, recv, send int) (_ *Conn, err error) {
	if spec, err = spec.complete(); err != nil {
		return nil, fmt.Errorf("sockets for adverts: %w", err)
	}
	c := &Conn{spec: spec}
	c.out.New = func() any { return newOutgoing(spec) }
	defer func() {
		if err != nil {
			c.Close()
			err = fmt.Errorf("adopt %s: %w", spec, err)
		}
	}()
	if c.recv, err = rawConn(recv); err != nil {
		return nil, err
	}
	if c.send, err = rawConn(send); err != nil {
		return nil, err
	}
	if c.recvRaw, err = c.recv.SyscallConn(); err != nil {
		return nil, err
	}
	c.sendRaw, err = c.send.SyscallConn()
	return c, err
}

// rawConn is a connection on a duplicate of the descriptor.
func rawConn(fd int) (*net.IPConn, error) {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, os.NewSyscallError("dup", err)
	}
	f := os.NewFile(uintptr(dup), "adverts")
	defer f.Close() // the connection makes one more
	pc, err := net.FilePacketConn(f)
	if err != nil {
		return nil, err
	}
	conn, ok := pc.(*net.IPConn)
	if !ok {
		pc.Close()
		return nil, errors.New("not a raw socket")
	}
	return conn, nil
}

// Hold keeps everybody from reading until Release: what comes stays in the kernel.
// It waits until the handler of a packet that is being read has returned.
func (c *Conn) Hold() { c.mu.Lock() }

// Release ends a Hold.
func (c *Conn) Release() { c.mu.Unlock() }
