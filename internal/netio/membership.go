package netio

import (
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// Membership is a multicast group joined on an interface, for nothing but the
// reports about it.
type Membership struct{ fd int }

// Join joins a group on the interface with the index.
func Join(index int, group netip.Addr) (*Membership, error) {
	family := unix.AF_INET
	if group.Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	// A socket without a port receives nothing.
	o := joinGroup(Spec{Index: index, Group: group, IPv6: group.Is6()})
	if err := o.set(fd); err != nil {
		unix.Close(fd)
		return nil, fmt.Errorf("join %v on interface %d: %w", group, index, openError(os.NewSyscallError(o.name, err)))
	}
	return &Membership{fd}, nil
}

// FD returns the descriptor of its socket.
func (m *Membership) FD() int { return m.fd }

// Leave leaves the group.
func (m *Membership) Leave() { unix.Close(m.fd) }
