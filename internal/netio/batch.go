package netio

import (
	"net/netip"
	"sync"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

const (
	// batchLen is how many packets one system call takes at most.
	batchLen = 32

	// packetLen is where packets are cut off. The longest advert that can be
	// valid has 255 IPv6 addresses and an authentication trailer, 4116 bytes;
	// longer ones stay longer than any, so the codec still refuses them.
	packetLen = 4352

	// controlLen has room for hop limit and packet info (RFC 3542) and the
	// time of arrival.
	controlLen = 128
)

// batch is what one recvmmsg call fills. All its parts point into itself, are
// wired up once, and are reused, so reading allocates nothing.
//
// The call is made here and not through golang.org/x/net because ReadBatch
// makes two allocations for the source address of each packet, lists all
// interfaces of the host once a minute to name the zone of link-local ones,
// and holds the read lock of the connection while it waits, so that Drain
// could not read beside Run.
type batch struct {
	hdrs [batchLen]mmsghdr
	iovs [batchLen]unix.Iovec
	oobs [batchLen][controlLen]byte // here they are aligned as their headers are to be
	from [batchLen]unix.RawSockaddrInet6
	bufs [batchLen][packetLen]byte

	pkt advert.Packet
}

// mmsghdr is struct mmsghdr of recvmmsg(2).
type mmsghdr struct {
	hdr unix.Msghdr
	len uint32
}

// batches is shared by all Conns: a batch is in use only while packets are read
// and handled, so there are no more of them than goroutines that read at once.
var batches = sync.Pool{New: func() any { return newBatch() }}

func newBatch() *batch {
	b := new(batch)
	for i := range b.hdrs {
		b.iovs[i].Base = &b.bufs[i][0]
		b.iovs[i].SetLen(packetLen)
		b.hdrs[i].hdr.Iov = &b.iovs[i]
		b.hdrs[i].hdr.SetIovlen(1)
	}
	return b
}

// read reads up to limit packets, at most batchLen, without waiting. Having
// none is EAGAIN; fewer than asked for means that no more were waiting.
func (b *batch) read(fd, limit int, ipv6 bool) (int, error) {
	limit = min(limit, batchLen)
	for i := range b.hdrs[:limit] {
		h := &b.hdrs[i].hdr
		h.Name, h.Namelen, h.Control = nil, 0, &b.oobs[i][0]
		h.SetControllen(controlLen)
		if ipv6 { // IPv4 tells it in the packet
			h.Name = (*byte)(unsafe.Pointer(&b.from[i]))
			h.Namelen = unix.SizeofSockaddrInet6
		}
	}
	for {
		n, _, errno := unix.Syscall6(unix.SYS_RECVMMSG, uintptr(fd), uintptr(unsafe.Pointer(&b.hdrs)),
			uintptr(limit), unix.MSG_DONTWAIT, 0, 0)
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
			continue
		}
		return 0, errno
	}
}

// control returns the control messages of packet i of the last read.
func (b *batch) control(i int) []byte { return b.oobs[i][:b.hdrs[i].hdr.Controllen] }

// packet returns packet i of the last read, until the next call of packet. It
// reports false for what is not a packet: a raw IPv4 socket hands out none
// without a header.
func (b *batch) packet(i int, spec *Spec, now time.Time) (*advert.Packet, bool) {
	data := b.bufs[i][:b.hdrs[i].len]
	oob := b.control(i)
	if !spec.IPv6 {
		ok := parseIPv4(data, &b.pkt) == nil
		b.pkt.At = arrival(oob, now)
		return &b.pkt, ok
	}
	b.pkt = advert.Packet{
		// Without zone: a socket with an interface has no other, and sources
		// are compared and ordered by address.
		Src:      netip.AddrFrom16(b.from[i].Addr),
		Dst:      spec.local(),
		TTL:      -1,
		Proto:    spec.Proto,
		IPHeader: ipv6HeaderLen,
		Payload:  data,
	}
	parseControl6(oob, &b.pkt)
	b.pkt.At = arrival(oob, now)
	return &b.pkt, true
}
