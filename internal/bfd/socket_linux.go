package bfd

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"

	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
	"golang.org/x/sys/unix"
)

// datagram is what came in.
type datagram struct {
	payload  []byte
	from, to netip.Addr
	ttl      int
	port     int // that it was sent to
}

// listener receives on one port in one family. Its goroutine only waits until
// there is something to read; the owner reads, also when it has not been told:
// what waits in the kernel must be heard before a timer counts.
type listener struct {
	conn *net.UDPConn
	fd   int
	v6   bool
	port int
	next chan struct{} // the owner has read what there was
	quit chan struct{}
	done chan struct{}
	buf  [1500]byte
	oob  [256]byte
}

// listen opens a listener; readable is called, on a goroutine of the listener,
// whenever there is something to read.
func listen(k listening, readable func(*listener)) (*listener, error) {
	network := "udp4"
	if k.v6 {
		network = "udp6"
	}
	lc := net.ListenConfig{Control: func(_, _ string, c syscall.RawConn) error {
		return control(c, func(fd int) error {
			if k.v6 {
				return errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1),
					unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1))
			}
			return errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_RECVTTL, 1),
				unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_PKTINFO, 1))
		})
	}}
	c, err := lc.ListenPacket(context.Background(), network, fmt.Sprintf(":%d", k.port))
	if err != nil {
		return nil, fmt.Errorf("listening for BFD: %w", err)
	}
	return receive(c.(*net.UDPConn), k, readable)
}

// receive makes a listener of its socket, which is closed after an error.
func receive(c *net.UDPConn, k listening, readable func(*listener)) (*listener, error) {
	l := &listener{
		conn: c, v6: k.v6, port: k.port, next: make(chan struct{}, 1), quit: make(chan struct{}), done: make(chan struct{}),
	}
	raw, err := l.conn.SyscallConn()
	if err == nil {
		err = raw.Control(func(fd uintptr) { l.fd = int(fd) })
	}
	if err != nil {
		_ = l.conn.Close()
		return nil, err
	}
	go l.wait(raw, readable)
	return l, nil
}

// wait tells when there is something to read, until the socket is closed.
func (l *listener) wait(raw syscall.RawConn, readable func(*listener)) {
	defer close(l.done)
	for {
		err := raw.Read(func(fd uintptr) bool {
			_, _, _, _, err := unix.Recvmsg(int(fd), nil, nil, unix.MSG_PEEK|unix.MSG_DONTWAIT)
			return err != unix.EAGAIN
		})
		if err != nil {
			return
		}
		readable(l)
		select {
		case <-l.next:
		case <-l.quit:
			return
		}
	}
}

// read takes one datagram; false: none waits.
func (l *listener) read() (datagram, bool) {
	n, oobn, _, from, err := unix.Recvmsg(l.fd, l.buf[:], l.oob[:], unix.MSG_DONTWAIT)
	if err != nil {
		return datagram{}, false
	}
	d := datagram{payload: l.buf[:n], ttl: -1, port: l.port}
	switch sa := from.(type) {
	case *unix.SockaddrInet4:
		d.from = netip.AddrFrom4(sa.Addr)
	case *unix.SockaddrInet6:
		d.from = netip.AddrFrom16(sa.Addr)
	}
	var dst net.IP
	if l.v6 {
		var cm ipv6.ControlMessage
		if cm.Parse(l.oob[:oobn]) == nil {
			d.ttl, dst = cm.HopLimit, cm.Dst
		}
	} else {
		var cm ipv4.ControlMessage
		if cm.Parse(l.oob[:oobn]) == nil {
			d.ttl, dst = cm.TTL, cm.Dst
		}
	}
	if a, ok := netip.AddrFromSlice(dst); ok {
		d.to = a.Unmap()
		if l.v6 {
			d.to = a
		}
	}
	return d, true
}

// closed ends what waits for the owner when the owner has closed the listener.
func (l *listener) closed() <-chan struct{} { return l.quit }

func (l *listener) close() {
	close(l.quit)
	_ = l.conn.Close()
	<-l.done
}

// dscp is class selector 6, network control, as routing protocols have it.
const dscp = 0xc0

// Source ports are to be in this range (RFC 5881 section 4).
const (
	portLow  = 49152
	portHigh = 65535
)

// dial opens the socket that a session sends from.
func dial(s *Spec) (*net.UDPConn, error) {
	port := Port
	if s.Multihop {
		port = PortMultihop
	}
	d := net.Dialer{Control: func(_, _ string, c syscall.RawConn) error {
		return control(c, func(fd int) error {
			if s.Neighbor.Is4() {
				return errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TTL, s.TTL),
					unix.SetsockoptInt(fd, unix.IPPROTO_IP, unix.IP_TOS, dscp))
			}
			return errors.Join(unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_UNICAST_HOPS, s.TTL),
				unix.SetsockoptInt(fd, unix.IPPROTO_IPV6, unix.IPV6_TCLASS, dscp))
		})
	}}
	to := netip.AddrPortFrom(s.Neighbor, uint16(port)).String()
	for try := 0; ; try++ {
		d.LocalAddr = &net.UDPAddr{IP: s.Source.AsSlice(), Port: portLow + rand.IntN(portHigh-portLow+1)} // #nosec G404 -- any free port will do
		c, err := d.Dial("udp", to)
		switch {
		case err == nil:
			return c.(*net.UDPConn), nil
		case !errors.Is(err, unix.EADDRINUSE) || try == 20:
			return nil, err
		}
	}
}

// control runs f with the descriptor of a socket.
func control(c syscall.RawConn, f func(fd int) error) error {
	var inner error
	if err := c.Control(func(fd uintptr) { inner = f(int(fd)) }); err != nil {
		return err
	}
	return inner
}
