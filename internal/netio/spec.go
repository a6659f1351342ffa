package netio

import (
	"errors"
	"fmt"
	"net/netip"
	"syscall"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

// Errors by which a caller decides what to do. They wrap the system's error,
// which is found by errors.As with a syscall.Errno.
var (
	// ErrPermission: no raw sockets for us. Trying again is of no use.
	ErrPermission = errors.New("raw sockets need root or CAP_NET_RAW")
	// ErrNoInterface: the interface does not exist, or not any more.
	ErrNoInterface = errors.New("no such interface")
	// ErrBusy: a transmit queue is full and the packet was dropped.
	ErrBusy = errors.New("transmit queue is full")
	// ErrLinkType: addresses cannot be announced on this kind of link.
	ErrLinkType = errors.New("link type is not supported")
)

// Spec says what a Conn hears and where it sends. Instances with equal Specs
// share one Conn; a Spec can be the key of a map.
type Spec struct {
	// Interface and Index name the interface; the index counts if both are
	// given. A unicast Conn may have neither: it is heard on and sends from
	// all interfaces, as routed.
	Interface string
	Index     int

	IPv6  bool
	Proto int // advert.ProtoVRRP, also if it is 0, or advert.ProtoAH

	// Unicast tells which of the two addresses the Conn hears: the multicast
	// group, or the unicast source address, which does not need to exist yet.
	Unicast bool
	Group   netip.Addr // if it is not valid the group of RFC 9568
	Source  netip.Addr

	// RcvBuf is the size of the receive buffer in bytes, 0 for the system's
	// default. The kernel counts its own overhead too: an advert in the queue
	// takes about 800 bytes, and the kernel doubles the number to allow for it.
	RcvBuf int
}

// complete fills in the defaults and refuses what could not work.
func (s Spec) complete() (Spec, error) {
	switch s.Proto {
	case 0:
		s.Proto = advert.ProtoVRRP
	case advert.ProtoVRRP:
	case advert.ProtoAH:
		if s.IPv6 {
			return s, errors.New("authentication headers are for IPv4 only")
		}
	default:
		return s, fmt.Errorf("protocol %d does not carry adverts", s.Proto)
	}
	if s.RcvBuf < 0 {
		return s, fmt.Errorf("receive buffer of %d bytes", s.RcvBuf)
	}

	if s.Unicast {
		// The zone would be resolved a second time and may be stale.
		s.Source = s.Source.WithZone("")
		if !s.Source.IsValid() || s.Source.Is6() != s.IPv6 || s.Source.IsMulticast() {
			return s, fmt.Errorf("%s is not an %s unicast address", s.Source, s.family())
		}
		if s.Source.IsLinkLocalUnicast() && s.IPv6 && !s.hasInterface() {
			return s, fmt.Errorf("the link-local source %s needs an interface", s.Source)
		}
		return s, nil
	}

	if !s.Group.IsValid() {
		s.Group = advert.GroupIPv4
		if s.IPv6 {
			s.Group = advert.GroupIPv6
		}
	}
	s.Group = s.Group.WithZone("")
	if s.Group.Is6() != s.IPv6 || !s.Group.IsMulticast() {
		return s, fmt.Errorf("%s is not an %s multicast address", s.Group, s.family())
	}
	if !s.hasInterface() {
		return s, errors.New("multicast needs an interface")
	}
	return s, nil
}

func (s Spec) hasInterface() bool { return s.Index != 0 || s.Interface != "" }

// local is the address to which the receive socket is bound.
func (s Spec) local() netip.Addr {
	if s.Unicast {
		return s.Source
	}
	return s.Group
}

func (s Spec) family() string {
	if s.IPv6 {
		return "IPv6"
	}
	return "IPv4"
}

// String names the sockets in messages: "multicast 224.0.0.18 on eth0".
func (s Spec) String() string {
	cast := "multicast"
	if s.Unicast {
		cast = "unicast"
	}
	text := fmt.Sprintf("%s %s", cast, s.local())
	switch {
	case s.Interface != "":
		text += " on " + s.Interface
	case s.Index != 0:
		text += fmt.Sprintf(" on interface %d", s.Index)
	}
	if s.Proto == advert.ProtoAH {
		text += " (AH)"
	}
	return text
}

// openError marks the errors of opening sockets by which callers decide.
func openError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.EPERM), errors.Is(err, syscall.EACCES):
		return fmt.Errorf("%w: %w", ErrPermission, err)
	}
	return ioError(err)
}

// ioError marks the errors of sending and receiving by which callers decide.
// A firewall that drops the packet answers EPERM, so this is not ErrPermission.
func ioError(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, syscall.ENODEV), errors.Is(err, syscall.ENXIO):
		return fmt.Errorf("%w: %w", ErrNoInterface, err)
	case errors.Is(err, syscall.EAGAIN), errors.Is(err, syscall.ENOBUFS):
		return fmt.Errorf("%w: %w", ErrBusy, err)
	}
	return err
}
