package netio

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/packet"
	"golang.org/x/sys/unix"
)

const (
	// announceBuffer is the size in bytes of the send buffer of a port: what
	// 1,000 addresses announced five times take while they wait in the
	// interface's queue, at about 800 bytes each.
	announceBuffer = 4 << 20

	// forwardingAge is how long the forwarding sysctl is taken as read.
	forwardingAge = 5 * time.Second
)

// Announcer tells the neighbours who has an address: by gratuitous ARP (RFC
// 5227) and by unsolicited neighbour advertisements (RFC 4861 section 7.2.6).
// It keeps one packet socket for each interface that was announced on, which
// receives nothing. The zero value is ready to use.
type Announcer struct {
	mu    sync.Mutex
	ports map[int]*port // by interface index
}

// Announce announces the addresses on the interface, in order, each once. The
// frames bear the interface's present hardware address. An address takes some
// microseconds, so a caller with thousands may want to do other things between.
//
// On interfaces without neighbours to tell, because they do not use ARP or are
// not Ethernet, it does nothing. The error is that of the first address that
// failed; the others were sent all the same, unless the interface is gone
// ([ErrNoInterface]), is down (ENETDOWN) or is of a kind whose neighbours we
// cannot address ([ErrLinkType]: InfiniBand).
func (a *Announcer) Announce(index int, addrs ...netip.Addr) error {
	if err := a.announce(index, addrs); err != nil {
		return fmt.Errorf("announce on interface %d: %w", index, err)
	}
	return nil
}

func (a *Announcer) announce(index int, addrs []netip.Addr) error {
	for {
		p, fresh, err := a.port(index)
		if err != nil {
			return openError(err)
		}
		err = p.announce(addrs)
		switch {
		case errors.Is(err, errForgotten):
			continue
		case errors.Is(err, ErrNoInterface):
			// A socket does not come back with its interface. If that was
			// made anew with its old index, a new socket will do.
			a.drop(index, p)
			if !fresh {
				continue
			}
		}
		return err
	}
}

// port returns the port of the interface, and whether it had to be opened.
func (a *Announcer) port(index int) (p *port, fresh bool, err error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if p := a.ports[index]; p != nil {
		return p, false, nil
	}
	if p, err = openPort(index); err != nil {
		return nil, false, err
	}
	if a.ports == nil {
		a.ports = make(map[int]*port)
	}
	a.ports[index] = p
	return p, true, nil
}

// drop closes the port, unless another one has taken its place.
func (a *Announcer) drop(index int, p *port) {
	a.mu.Lock()
	mine := p != nil && a.ports[index] == p
	if mine {
		delete(a.ports, index)
	}
	a.mu.Unlock()
	if mine {
		_ = p.close() // there is nothing left to lose
	}
}

// Forget closes the socket of an interface that is not needed any more. The
// next Announce opens it again.
func (a *Announcer) Forget(index int) {
	a.mu.Lock()
	p := a.ports[index]
	a.mu.Unlock()
	a.drop(index, p)
}

// Close closes all sockets. The next Announce opens them again.
func (a *Announcer) Close() error {
	a.mu.Lock()
	ports := a.ports
	a.ports = nil
	a.mu.Unlock()
	var errs []error
	for _, p := range ports {
		errs = append(errs, p.close())
	}
	return errors.Join(errs...)
}

// errForgotten: the port was closed after it was looked up.
var errForgotten = errors.New("port is closed")

// port is the packet socket of one interface.
type port struct {
	index int
	conn  *packet.Conn
	raw   syscall.RawConn

	mu          sync.Mutex // held while announcing
	closed      bool
	forwarding  bool
	forwardedAt time.Time // when forwarding was read
}

// openPort opens a socket that builds the link headers in the kernel. Bound to
// no protocol it receives nothing; the filter is there for the moment between
// its creation and its bind.
func openPort(index int) (*port, error) {
	conn, err := packet.Listen(&net.Interface{Index: index}, packet.Datagram, 0, &packet.Config{Filter: dropAll})
	if err != nil {
		return nil, err
	}
	raw, err := conn.SyscallConn()
	if err != nil {
		conn.Close()
		return nil, err
	}
	err = control(raw, func(fd int) error {
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUFFORCE, announceBuffer) == nil {
			return nil
		}
		return os.NewSyscallError("SO_SNDBUF",
			unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_SNDBUF, announceBuffer))
	})
	if err != nil {
		conn.Close()
		return nil, err
	}
	return &port{index: index, conn: conn, raw: raw}, nil
}

// close waits for an announcement that is being sent.
func (p *port) close() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.closed = true
	return p.conn.Close()
}

// announce sends one frame for each address.
func (p *port) announce(addrs []netip.Addr) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		return errForgotten
	}

	var first error
	err := control(p.raw, func(fd int) error {
		l, err := p.link(fd)
		if err != nil {
			return err
		}
		if neighbours, err := l.neighbours(); !neighbours {
			return err
		}
		for _, addr := range addrs {
			err := ioError(p.send(fd, &l, addr))
			switch {
			case err == nil:
			case errors.Is(err, ErrNoInterface), errors.Is(err, unix.ENETDOWN):
				return err
			case first == nil:
				first = fmt.Errorf("%s: %w", addr, err)
			}
		}
		return first
	})
	return ioError(err)
}

// send sends one frame, without waiting for room in a queue.
func (p *port) send(fd int, l *link, addr netip.Addr) error {
	var (
		frame []byte
		err   error
		to    = unix.SockaddrLinklayer{Ifindex: p.index, Halen: 6}
	)
	switch addr = addr.WithZone(""); {
	case addr.Is4():
		frame, err = gratuitousARP(l.mac, addr)
		to.Protocol = networkOrder(unix.ETH_P_ARP)
		copy(to.Addr[:], ethernet.Broadcast)
	case addr.Is6() && !addr.Is4In6():
		frame, err = unsolicitedNA(l.mac, addr, p.router(l.name))
		to.Protocol = networkOrder(unix.ETH_P_IPV6)
		copy(to.Addr[:], allNodesMAC)
	default:
		return errors.New("not an address that can be announced")
	}
	if err != nil {
		return err
	}
	return unix.Sendto(fd, frame, unix.MSG_DONTWAIT, &to)
}

// link is what is to be known of an interface for one announcement. It is asked
// for each time, because hardware addresses change under way: bonds fail over.
type link struct {
	name  string
	kind  uint16 // ARPHRD_...
	flags uint16 // IFF_...
	mac   net.HardwareAddr
}

func (p *port) link(fd int) (link, error) {
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return link{}, os.NewSyscallError("getsockname", err)
	}
	ll, ok := sa.(*unix.SockaddrLinklayer)
	if !ok || ll.Ifindex != p.index { // the kernel unbinds it
		return link{}, unix.ENODEV
	}
	l := link{kind: ll.Hatype}
	l.mac = append(l.mac, ll.Addr[:min(int(ll.Halen), len(ll.Addr))]...)

	if l.name, err = nameOf(fd, p.index); err != nil {
		return link{}, err
	}
	ifr, err := unix.NewIfreq(l.name)
	if err != nil {
		return link{}, err
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFFLAGS, ifr); err != nil {
		return link{}, os.NewSyscallError("SIOCGIFFLAGS", err)
	}
	l.flags = ifr.Uint16()
	return l, nil
}

// neighbours reports whether there is anybody to be told, or why they cannot be
// told. Loopback and tunnels have no hardware addresses to tell.
func (l *link) neighbours() (bool, error) {
	switch {
	case l.flags&unix.IFF_NOARP != 0:
		return false, nil
	case l.kind == unix.ARPHRD_INFINIBAND:
		return false, fmt.Errorf("%w: InfiniBand", ErrLinkType)
	}
	return l.kind == unix.ARPHRD_ETHER && len(l.mac) == len(ethernet.Broadcast), nil
}

// router returns the router flag of advertisements: whether the host forwards
// for this interface. The answer may be five seconds old.
func (p *port) router(name string) bool {
	if now := time.Now(); p.forwardedAt.IsZero() || now.Sub(p.forwardedAt) > forwardingAge {
		// Without the file there is no IPv6, and so no router.
		text, _ := os.ReadFile("/proc/sys/net/ipv6/conf/" + name + "/forwarding")
		value := strings.TrimSpace(string(text))
		p.forwarding, p.forwardedAt = value != "" && value != "0", now
	}
	return p.forwarding
}

// networkOrder returns the number whose bytes in memory are those of v in
// network byte order.
func networkOrder(v uint16) uint16 {
	var b [2]byte
	binary.BigEndian.PutUint16(b[:], v)
	return binary.NativeEndian.Uint16(b[:])
}
