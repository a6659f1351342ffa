package nettest

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"
	"unsafe"

	"github.com/mdlayher/packet"
	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"
)

// Numbers of the protocols that a capture keeps.
const (
	etherARP  = 0x0806
	etherIPv4 = 0x0800
	etherIPv6 = 0x86dd

	protoIGMP     = 2
	protoAH       = 51
	protoHopByHop = 0 // carries multicast listener reports
	protoICMPv6   = 58
	protoVRRP     = 112
)

// snapLen is more than any frame on a segment.
const snapLen = 65536

// Capture collects the frames that the switch forwards: VRRP, with or without
// an authentication header, ARP, ICMPv6 and IGMP. Each is seen once, with the
// time at which the kernel received it from the sending node.
type Capture struct {
	conn *packet.Conn
	raw  syscall.RawConn
	done chan struct{}

	mu      sync.Mutex
	packets []Packet
	err     error
}

// Packet is one captured frame.
type Packet struct {
	Time time.Time
	Data []byte // from the Ethernet header on
}

// Capture starts a capture on the segment. The caller closes it.
func (l *LAN) Capture() (*Capture, error) { return l.capture(captureFilter) }

// CaptureFrom is [LAN.Capture] for what the nodes send and nobody else: under a
// flood the rest would be too much to keep.
func (l *LAN) CaptureFrom(nodes ...int) (*Capture, error) {
	filter := []bpf.Instruction{bpf.LoadAbsolute{Off: 10, Size: 2}} // the end of the source's hardware address
	for i, node := range nodes {
		mac := l.MAC(node)
		filter = append(filter, bpf.JumpIf{
			Cond: bpf.JumpEqual, Val: uint32(mac[4])<<8 | uint32(mac[5]), SkipTrue: uint8(len(nodes) - i),
		})
	}
	filter = append(filter, bpf.RetConstant{Val: 0})
	return l.capture(append(filter, captureFilter...))
}

func (l *LAN) capture(program []bpf.Instruction) (*Capture, error) {
	c := &Capture{done: make(chan struct{})}
	err := l.Switch.Do(func() error {
		ifi, err := net.InterfaceByName("br0")
		if err != nil {
			return err
		}
		filter, err := bpf.Assemble(program)
		if err != nil {
			return err
		}
		c.conn, err = packet.Listen(ifi, packet.Raw, unix.ETH_P_ALL, &packet.Config{Filter: filter})
		if err != nil {
			return err
		}
		if err := c.conn.SetPromiscuous(true); err != nil {
			return errors.Join(err, c.conn.Close())
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("capture: %w", err)
	}
	if err := c.prepare(); err != nil {
		return nil, errors.Join(fmt.Errorf("capture: %w", err), c.conn.Close())
	}
	go c.read()
	return c, nil
}

// CaptureT is [LAN.Capture] for a test, which closes it at its end.
func (l *LAN) CaptureT(tb testing.TB) *Capture {
	tb.Helper()
	c, err := l.Capture()
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(c.Close)
	return c
}

// captureFilter keeps what [Capture] names. On the bridge itself a frame has
// its Ethernet header and no tag.
var captureFilter = []bpf.Instruction{
	bpf.LoadAbsolute{Off: 12, Size: 2},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: etherARP, SkipTrue: 11},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: etherIPv4, SkipFalse: 5},
	bpf.LoadAbsolute{Off: 14 + 9, Size: 1},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: protoVRRP, SkipTrue: 8},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: protoAH, SkipTrue: 7},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: protoIGMP, SkipTrue: 6},
	bpf.RetConstant{Val: 0},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: etherIPv6, SkipFalse: 5},
	bpf.LoadAbsolute{Off: 14 + 6, Size: 1},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: protoVRRP, SkipTrue: 2},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: protoICMPv6, SkipTrue: 1},
	bpf.JumpIf{Cond: bpf.JumpEqual, Val: protoHopByHop, SkipFalse: 1},
	bpf.RetConstant{Val: snapLen},
	bpf.RetConstant{Val: 0},
}

// prepare asks for kernel time stamps and for room, as a loaded machine may
// leave the reader waiting for a while.
func (c *Capture) prepare() (err error) {
	if c.raw, err = c.conn.SyscallConn(); err != nil {
		return err
	}
	var set error
	err = c.raw.Control(func(fd uintptr) {
		if set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_TIMESTAMPNS, 1); set != nil {
			return
		}
		const room = 16 << 20
		if unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, room) != nil {
			set = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF, room)
		}
	})
	return errors.Join(err, set)
}

// read collects frames until the socket is closed.
func (c *Capture) read() {
	defer close(c.done)
	buf := make([]byte, snapLen)
	oob := make([]byte, 256)
	for {
		var n, oobn int
		var rerr error
		err := c.raw.Read(func(fd uintptr) bool {
			n, oobn, _, _, rerr = unix.Recvmsg(int(fd), buf, oob, 0)
			return !errors.Is(rerr, unix.EAGAIN)
		})
		if errors.Is(rerr, unix.EINTR) {
			continue
		}
		if err == nil {
			err = rerr
		}
		if err != nil {
			if !errors.Is(err, os.ErrClosed) && !errors.Is(err, net.ErrClosed) {
				c.mu.Lock()
				c.err = err
				c.mu.Unlock()
			}
			return
		}
		p := Packet{Time: stamp(oob[:oobn]), Data: append([]byte(nil), buf[:n]...)}
		c.mu.Lock()
		c.packets = append(c.packets, p)
		c.mu.Unlock()
	}
}

// stamp returns the kernel's time stamp among the control messages.
func stamp(oob []byte) time.Time {
	msgs, err := unix.ParseSocketControlMessage(oob)
	if err != nil {
		return time.Time{}
	}
	for _, m := range msgs {
		var ts unix.Timespec
		if m.Header.Level == unix.SOL_SOCKET && m.Header.Type == unix.SCM_TIMESTAMPNS &&
			len(m.Data) >= int(unsafe.Sizeof(ts)) {
			return time.Unix(
				int64(binary.NativeEndian.Uint64(m.Data[:8])),
				int64(binary.NativeEndian.Uint64(m.Data[8:16])),
			)
		}
	}
	return time.Time{}
}

// Packets returns the frames captured so far, in the order of their arrival.
func (c *Capture) Packets() []Packet {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.packets[:len(c.packets):len(c.packets)]
}

// Err returns why the capture ended before it was closed, if it did.
func (c *Capture) Err() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// Close ends the capture. Its packets stay.
func (c *Capture) Close() {
	_ = c.conn.Close()
	<-c.done
}

// WritePcap writes the frames captured so far to a file in the classic pcap
// format with nanoseconds, which tshark and tcpdump read.
func (c *Capture) WritePcap(file string) error {
	const (
		magicNano    = 0xa1b23c4d
		linkEthernet = 1
	)
	le := binary.LittleEndian
	out := le.AppendUint32(nil, magicNano)
	out = le.AppendUint16(out, 2) // version 2.4
	out = le.AppendUint16(out, 4)
	out = le.AppendUint32(out, 0) // time zone
	out = le.AppendUint32(out, 0) // accuracy
	out = le.AppendUint32(out, snapLen)
	out = le.AppendUint32(out, linkEthernet)
	for _, p := range c.Packets() {
		out = le.AppendUint32(out, uint32(p.Time.Unix()))
		out = le.AppendUint32(out, uint32(p.Time.Nanosecond()))
		out = le.AppendUint32(out, uint32(len(p.Data)))
		out = le.AppendUint32(out, uint32(len(p.Data)))
		out = append(out, p.Data...)
	}
	return os.WriteFile(file, out, 0o644)
}
