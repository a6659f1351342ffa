package netio

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

// Conn is one pair of sockets, made by [Open].
type Conn struct {
	spec       Spec
	recv, send *net.IPConn

	recvRaw, sendRaw syscall.RawConn // of recv and send

	// mu is held from reading packets to the end of their handling, so that
	// Drain finds nothing between the kernel's queue and a handler.
	mu sync.Mutex

	out       sync.Pool // of *outgoing, made for this Conn
	malformed atomic.Uint64
	lost      atomic.Uint32
}

// Spec returns the Spec of the Conn with all that Open found out: interface
// name and index, group, protocol.
func (c *Conn) Spec() Spec { return c.spec }

// SetVRIDs sets the VRIDs that are heard; packets for others are dropped in the
// kernel, or passed if passUnknown is set. Packets too short for a VRID always
// pass. The change is atomic: no packet meets both filters or none, but packets
// that were queued before are not filtered again.
func (c *Conn) SetVRIDs(vrids []uint8, passUnknown bool) error {
	set := newVRIDSet(vrids)
	if passUnknown {
		set = allVRIDs()
	}
	filter, err := assembleFilter(c.spec.IPv6, c.spec.Proto, set)
	if err != nil {
		return err
	}
	err = control(c.recvRaw, func(fd int) error { return attachFilter(fd, filter) })
	if err != nil {
		return fmt.Errorf("filter %s: %w", c.spec, err)
	}
	return nil
}

// SetFlooded is SetVRIDs for the time of a flood: of packets that cannot be
// right, because of their length, TTL, version or type, the kernel passes only a
// sample, so that the others are not those for which there is no room.
func (c *Conn) SetFlooded(vrids, versions []uint8) error {
	filter, err := bpf.Assemble(floodProgram(c.spec.IPv6, c.spec.Proto, newVRIDSet(vrids), versions, !c.spec.Unicast))
	if err != nil {
		return fmt.Errorf("assemble the filter: %w", err)
	}
	err = control(c.recvRaw, func(fd int) error { return attachFilter(fd, filter) })
	if err != nil {
		return fmt.Errorf("filter %s: %w", c.spec, err)
	}
	return nil
}

// SetReceiveBuffer changes the size of the receive buffer; see [Spec].
func (c *Conn) SetReceiveBuffer(bytes int) error {
	if err := control(c.recvRaw, receiveBuffer(bytes).set); err != nil {
		return fmt.Errorf("receive buffer of %s: %w", c.spec, err)
	}
	return nil
}

// Run reads until ctx is done, and then returns nil, or the Conn is closed or
// breaks. It may be called once.
func (c *Conn) Run(ctx context.Context, handle func(*advert.Packet)) error {
	stop := context.AfterFunc(ctx, func() {
		// Wakes the wait below; a closed socket needs no waking.
		_ = c.recv.SetReadDeadline(time.Unix(1, 0))
	})
	defer stop()

	// The runtime calls the function, waits while it reports false until there
	// is something to read, and calls it again. A read that was not filled has
	// emptied the queue, so it needs no second one to be told so.
	var broken error
	err := c.recvRaw.Read(func(fd uintptr) bool {
		for ctx.Err() == nil {
			n, err := c.read(int(fd), batchLen, handle)
			switch {
			case err != nil:
				broken = err
				return true
			case n < batchLen:
				return false
			}
		}
		return true
	})
	switch {
	case ctx.Err() != nil || errors.Is(err, os.ErrDeadlineExceeded):
		return nil
	case broken != nil:
		err = broken
	}
	return fmt.Errorf("receive %s: %w", c.spec, ioError(err))
}

// Drain hands the packets that are already waiting to the handler, on the
// caller's goroutine, and returns their number. It reads at most limit packets
// and never waits for one, though it waits for a handler of Run to return.
func (c *Conn) Drain(limit int, handle func(*advert.Packet)) (int, error) {
	return c.drain(limit, handle, c.read)
}

// DrainIdle is Drain unless Run is reading at the moment: then it reads nothing,
// and does not wait. Under a flood Run reads nearly all the time, and may have
// lost its processor while it does.
func (c *Conn) DrainIdle(limit int, handle func(*advert.Packet)) (int, error) {
	return c.drain(limit, handle, func(fd, limit int, handle func(*advert.Packet)) (int, error) {
		if !c.mu.TryLock() {
			return 0, nil
		}
		defer c.mu.Unlock()
		return c.readLocked(fd, limit, handle)
	})
}

func (c *Conn) drain(limit int, handle func(*advert.Packet), read func(fd, limit int, handle func(*advert.Packet)) (int, error)) (int, error) {
	total := 0
	err := control(c.recvRaw, func(fd int) error {
		for total < limit {
			want := min(limit-total, batchLen)
			n, err := read(fd, want, handle)
			total += n
			if err != nil || n < want {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return total, fmt.Errorf("receive %s: %w", c.spec, ioError(err))
	}
	return total, nil
}

// read reads and handles one batch. None waiting is not an error.
func (c *Conn) read(fd, limit int, handle func(*advert.Packet)) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.readLocked(fd, limit, handle)
}

func (c *Conn) readLocked(fd, limit int, handle func(*advert.Packet)) (int, error) {
	b := batches.Get().(*batch)
	defer batches.Put(b)

	n, err := b.read(fd, limit, c.spec.IPv6)
	if err != nil && err != unix.EAGAIN {
		// Reading an error of the past takes it away; one that stays is ours.
		n, err = b.read(fd, limit, c.spec.IPv6)
	}
	if err == unix.EAGAIN {
		return 0, nil
	}
	if err != nil {
		return 0, os.NewSyscallError("recvmmsg", err)
	}
	if n > 0 {
		c.countLost(b.control(n - 1))
	}
	now := time.Now()
	for i := range n {
		if p, ok := b.packet(i, &c.spec, now); ok {
			handle(p)
		} else {
			c.malformed.Add(1)
		}
	}
	return n, nil
}

// discard empties the queue. The receive socket heard everything until its
// first filter was attached, a moment after its creation.
func (c *Conn) discard() error {
	_, err := c.Drain(1<<20, func(*advert.Packet) {})
	return err
}

// countLost reads how many packets the kernel had dropped for want of room when
// one arrived; it does not say so before the first.
func (c *Conn) countLost(oob []byte) {
	for len(oob) >= unix.SizeofCmsghdr {
		hdr, data, rest, err := unix.ParseOneSocketControlMessage(oob)
		if err != nil {
			return
		}
		if hdr.Level == unix.SOL_SOCKET && hdr.Type == unix.SO_RXQ_OVFL && len(data) >= 4 {
			c.lost.Store(binary.NativeEndian.Uint32(data))
			return
		}
		oob = rest
	}
}

// Lost returns how many packets the kernel has dropped because the receive buffer
// was full, as of the last one that was read. It wraps.
func (c *Conn) Lost() uint32 { return c.lost.Load() }

// Malformed returns how many packets came without a whole IP header. The
// kernel passes none on, so this is more than zero only if something is wrong.
func (c *Conn) Malformed() uint64 { return c.malformed.Load() }

// FDs returns the descriptors of the receive and the send socket, for dumps.
func (c *Conn) FDs() (recv, send int) {
	recv, send = -1, -1 // closed
	_ = control(c.recvRaw, func(fd int) error { recv = fd; return nil })
	_ = control(c.sendRaw, func(fd int) error { send = fd; return nil })
	return recv, send
}

// String returns the sockets in the words of keepalived's log. The comma before
// "unicast" is part of them.
func (c *Conn) String() string {
	recv, send := c.FDs()
	cast := "multicast"
	if c.spec.Unicast {
		cast = ", unicast"
	}
	return fmt.Sprintf("ifindex(%3d), family(%s), proto(%d), fd(%d,%d) %s, address(%s)",
		c.spec.Index, c.spec.family(), c.spec.Proto, recv, send, cast, c.spec.local())
}

// Close closes both sockets, which leaves the group, and ends Run.
func (c *Conn) Close() error {
	var errs []error
	for _, conn := range []*net.IPConn{c.recv, c.send} {
		if conn != nil {
			errs = append(errs, conn.Close())
		}
	}
	return errors.Join(errs...)
}

// control runs fn with the descriptor, which stays open meanwhile. Unlike the
// connection's own methods it does not wait for one that is reading.
func control(raw syscall.RawConn, fn func(fd int) error) error {
	var failed error
	if err := raw.Control(func(fd uintptr) { failed = fn(int(fd)) }); err != nil {
		return err
	}
	return failed
}
