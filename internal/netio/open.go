package netio

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"syscall"

	"golang.org/x/net/bpf"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

// trafficClass is the type of service or traffic class of adverts: DSCP CS6,
// network control (RFC 4594 section 3.1).
const trafficClass = 0xc0

// checksumOffset is where the checksum is in the VRRP header; over IPv6 the
// kernel computes and verifies it (RFC 9568 section 5.2.8).
const checksumOffset = 6

// Open opens the sockets of a Conn. Until [Conn.SetVRIDs] it hears nothing.
// The error wraps [ErrPermission] or [ErrNoInterface] where that is the cause.
func Open(spec Spec) (*Conn, error) {
	spec, err := spec.complete()
	if err != nil {
		return nil, fmt.Errorf("sockets for adverts: %w", err)
	}
	c, err := open(spec)
	if err != nil {
		return nil, fmt.Errorf("open %s: %w", spec, openError(err))
	}
	return c, nil
}

func open(spec Spec) (_ *Conn, err error) {
	if spec.hasInterface() {
		if spec.Index, spec.Interface, err = lookup(spec.Index, spec.Interface); err != nil {
			return nil, err
		}
	}

	c := &Conn{spec: spec}
	c.out.New = func() any { return newOutgoing(spec) }
	defer func() {
		if err != nil {
			c.Close()
		}
	}()
	if c.recv, err = listen(spec, spec.Proto, spec.local(), receiveOptions(spec)); err != nil {
		return nil, fmt.Errorf("receive socket: %w", err)
	}
	proto, local := deafTo(spec)
	if c.send, err = listen(spec, proto, local, sendOptions(spec)); err != nil {
		return nil, fmt.Errorf("send socket: %w", err)
	}
	if c.recvRaw, err = c.recv.SyscallConn(); err != nil {
		return nil, err
	}
	if c.sendRaw, err = c.send.SyscallConn(); err != nil {
		return nil, err
	}
	return c, c.discard()
}

// deafTo returns protocol and local address of the send socket, such that no
// packet is for it. A filter alone would have the kernel copy each advert to
// each send socket on its interface, only to drop it there.
func deafTo(spec Spec) (proto int, local netip.Addr) {
	if !spec.IPv6 {
		// The protocol of a packet with a header of our own is in there, so
		// the socket's may be one that never arrives.
		return unix.IPPROTO_RAW, netip.Addr{}
	}
	// Here the socket's protocol is the packet's. But no host sends to a group
	// of scope 0 and all drop what has one (RFC 4291 section 2.7). A socket
	// bound to a group has no source address by that.
	return spec.Proto, netip.AddrFrom16([16]byte{0: 0xff})
}

// lookup completes index and name of an interface and finds out if it exists:
// a socket can be bound to the index of one that does not.
func lookup(index int, name string) (int, string, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, "", os.NewSyscallError("socket", err)
	}
	defer unix.Close(fd)

	if index != 0 {
		name, err = nameOf(fd, index)
		return index, name, err
	}
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return 0, "", fmt.Errorf("interface name %q: %w", name, unix.ENODEV)
	}
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFINDEX, ifr); err != nil {
		return 0, "", os.NewSyscallError("SIOCGIFINDEX", err)
	}
	return int(ifr.Uint32()), name, nil
}

// nameOf returns the present name of an interface, asking through any socket.
func nameOf(fd, index int) (string, error) {
	ifr, err := unix.NewIfreq("")
	if err != nil {
		return "", err
	}
	ifr.SetUint32(uint32(index))
	if err := unix.IoctlIfreq(fd, unix.SIOCGIFNAME, ifr); err != nil {
		return "", os.NewSyscallError("SIOCGIFNAME", err)
	}
	return ifr.Name(), nil
}

// option is one step between socket and bind.
type option struct {
	name string
	set  func(fd int) error
}

func intOption(name string, level, opt, value int) option {
	return option{name, func(fd int) error { return unix.SetsockoptInt(fd, level, opt, value) }}
}

// listen opens one raw socket. The filter that drops all comes first, because
// a raw socket receives from its creation on, bound or not.
func listen(spec Spec, proto int, local netip.Addr, options []option) (*net.IPConn, error) {
	options = append([]option{{"SO_ATTACH_FILTER", func(fd int) error {
		return attachFilter(fd, dropAll)
	}}}, options...)

	control := func(_, _ string, rc syscall.RawConn) error {
		var failed error
		err := rc.Control(func(fd uintptr) {
			for _, o := range options {
				if err := o.set(int(fd)); err != nil {
					failed = os.NewSyscallError(o.name, err)
					return
				}
			}
		})
		return errors.Join(err, failed)
	}

	network, address := fmt.Sprintf("ip4:%d", proto), "0.0.0.0"
	if spec.IPv6 {
		network, address = fmt.Sprintf("ip6:%d", proto), "::"
	}
	if local.IsValid() {
		address = local.String()
	}
	lc := net.ListenConfig{Control: control}
	pc, err := lc.ListenPacket(context.Background(), network, address)
	if err != nil {
		return nil, err
	}
	conn, ok := pc.(*net.IPConn)
	if !ok {
		pc.Close()
		return nil, fmt.Errorf("%T is not a raw socket", pc)
	}
	return conn, nil
}

func attachFilter(fd int, filter []bpf.RawInstruction) error {
	prog := make([]unix.SockFilter, len(filter))
	for i, ins := range filter {
		prog[i] = unix.SockFilter{Code: ins.Op, Jt: ins.Jt, Jf: ins.Jf, K: ins.K}
	}
	return unix.SetsockoptSockFprog(fd, unix.SOL_SOCKET, unix.SO_ATTACH_FILTER,
		&unix.SockFprog{Len: uint16(len(prog)), Filter: &prog[0]})
}

// stampArrival asks for the time at which each packet arrived. Kernels before
// 5.1 have none in this form; then the time of reading serves.
var stampArrival = option{"SO_TIMESTAMPNS_NEW", func(fd int) error {
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TIMESTAMPNS_NEW, 1)
	return nil
}}

// receiveOptions prepares the receive socket for its bind.
func receiveOptions(spec Spec) []option {
	opts := []option{
		bindToDevice(spec), receiveBuffer(spec.RcvBuf), stampArrival,
		intOption("SO_RXQ_OVFL", unix.SOL_SOCKET, unix.SO_RXQ_OVFL, 1),
	}
	if spec.IPv6 {
		opts = append(opts,
			onlyJoined6,
			// The source address may be added after us.
			intOption("IPV6_FREEBIND", unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1),
			intOption("IPV6_CHECKSUM", unix.IPPROTO_IPV6, unix.IPV6_CHECKSUM, checksumOffset),
			intOption("IPV6_RECVHOPLIMIT", unix.IPPROTO_IPV6, unix.IPV6_RECVHOPLIMIT, 1),
			intOption("IPV6_RECVPKTINFO", unix.IPPROTO_IPV6, unix.IPV6_RECVPKTINFO, 1),
		)
	} else {
		opts = append(opts,
			// Hear what was joined here, not what anyone on this host joined.
			intOption("IP_MULTICAST_ALL", unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0),
			intOption("IP_FREEBIND", unix.IPPROTO_IP, unix.IP_FREEBIND, 1),
		)
	}
	if !spec.Unicast {
		opts = append(opts, joinGroup(spec))
	}
	return opts
}

// sendOptions prepares the send socket.
func sendOptions(spec Spec) []option {
	opts := []option{
		bindToDevice(spec),
		// It is never read.
		intOption("SO_RCVBUF", unix.SOL_SOCKET, unix.SO_RCVBUF, 0),
	}
	if spec.IPv6 {
		opts = append(opts,
			onlyJoined6,
			// Sources that are not ours: mcast_src_ip, and addresses still to come.
			intOption("IPV6_FREEBIND", unix.IPPROTO_IPV6, unix.IPV6_FREEBIND, 1),
			intOption("IPV6_CHECKSUM", unix.IPPROTO_IPV6, unix.IPV6_CHECKSUM, checksumOffset),
			intOption("IPV6_TCLASS", unix.IPPROTO_IPV6, unix.IPV6_TCLASS, trafficClass),
		)
		if !spec.Unicast {
			opts = append(opts,
				intOption("IPV6_MULTICAST_HOPS", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_HOPS, advert.TTL),
				intOption("IPV6_MULTICAST_IF", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_IF, spec.Index),
				intOption("IPV6_MULTICAST_LOOP", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_LOOP, 0),
			)
		}
	} else {
		opts = append(opts,
			intOption("IP_MULTICAST_ALL", unix.IPPROTO_IP, unix.IP_MULTICAST_ALL, 0),
			intOption("IP_HDRINCL", unix.IPPROTO_IP, unix.IP_HDRINCL, 1),
			// The header has its own; this one is for the route lookup.
			intOption("IP_TOS", unix.IPPROTO_IP, unix.IP_TOS, trafficClass),
		)
		if !spec.Unicast {
			opts = append(opts,
				option{"IP_MULTICAST_IF", func(fd int) error {
					return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_MULTICAST_IF,
						&unix.IPMreqn{Ifindex: int32(spec.Index)})
				}},
				intOption("IP_MULTICAST_LOOP", unix.IPPROTO_IP, unix.IP_MULTICAST_LOOP, 0),
			)
		}
	}
	return append(opts, controlPriority)
}

// onlyJoined6 keeps groups that others on this host have joined away from
// sockets bound to a unicast address. Before Linux 4.20 there is no such option
// and the codec refuses what it would have kept away.
var onlyJoined6 = tolerant(unix.ENOPROTOOPT,
	intOption("IPV6_MULTICAST_ALL", unix.IPPROTO_IPV6, unix.IPV6_MULTICAST_ALL, 0))

// tolerant is the option without that error.
func tolerant(of error, o option) option {
	return option{o.name, func(fd int) error {
		if err := o.set(fd); err != of {
			return err
		}
		return nil
	}}
}

// controlPriority lets adverts overtake bulk traffic in the interface's queue.
// It comes after IP_TOS, which sets the priority too. Not being allowed to is
// no reason to fail.
var controlPriority = option{"SO_PRIORITY", func(fd int) error {
	const tcPrioControl, unprivileged = 7, 6 // linux/pkt_sched.h
	err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, tcPrioControl)
	if err == unix.EPERM {
		err = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_PRIORITY, unprivileged)
	}
	return err
}}

// bindToDevice binds to the interface by its index, which cannot be taken over
// by another interface as a name can; before Linux 5.0 by its name.
func bindToDevice(spec Spec) option {
	return option{"SO_BINDTODEVICE", func(fd int) error {
		if !spec.hasInterface() {
			return nil
		}
		err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_BINDTOIFINDEX, spec.Index)
		if err == unix.ENOPROTOOPT {
			err = unix.BindToDevice(fd, spec.Interface)
		}
		return err
	}}
}

// receiveBuffer sets the size in bytes, beyond the system's limit if we may.
func receiveBuffer(size int) option {
	return option{"SO_RCVBUF", func(fd int) error {
		if size == 0 {
			return nil
		}
		if unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, size) == nil {
			return nil
		}
		return unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, size)
	}}
}

func joinGroup(spec Spec) option {
	if spec.IPv6 {
		return option{"IPV6_ADD_MEMBERSHIP", func(fd int) error {
			return unix.SetsockoptIPv6Mreq(fd, unix.IPPROTO_IPV6, unix.IPV6_ADD_MEMBERSHIP,
				&unix.IPv6Mreq{Multiaddr: spec.Group.As16(), Interface: uint32(spec.Index)})
		}}
	}
	return option{"IP_ADD_MEMBERSHIP", func(fd int) error {
		return unix.SetsockoptIPMreqn(fd, unix.IPPROTO_IP, unix.IP_ADD_MEMBERSHIP,
			&unix.IPMreqn{Multiaddr: spec.Group.As4(), Ifindex: int32(spec.Index)})
	}}
}
