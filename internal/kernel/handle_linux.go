package kernel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"syscall"

	"golang.org/x/sys/unix"
)

// Handle is a netlink socket for requests. It may be used by several goroutines
// at once; their requests take turns.
type Handle struct {
	turn chan struct{} // holds a value while a goroutine uses what is below
	conn *conn
	// noProto is set once the kernel has refused IFA_PROTO.
	noProto bool
}

var _ Table = (*Handle)(nil)

// Open opens a handle in the network namespace of the calling thread.
func Open() (*Handle, error) {
	c, err := dial()
	if err != nil {
		return nil, err
	}
	return &Handle{turn: make(chan struct{}, 1), conn: c}, nil
}

// Close closes the handle once its current request is answered.
func (h *Handle) Close() {
	h.turn <- struct{}{}
	defer func() { <-h.turn }()
	h.conn.close()
}

// SetReceiveBuffer sets the receive buffer of the socket in bytes, which the
// kernel doubles; 0 leaves it as it is. It is limited by net.core.rmem_max
// unless force is set, which needs CAP_NET_ADMIN.
func (h *Handle) SetReceiveBuffer(size int, force bool) error {
	h.turn <- struct{}{}
	defer func() { <-h.turn }()
	return h.conn.setReceiveBuffer(size, force)
}

// Port is the netlink address of the handle: notifications of what it changed
// carry it.
func (h *Handle) Port() uint32 { return h.conn.port }

// Change implements [Table]. Errors from the kernel are a [RequestError].
func (h *Handle) Change(ctx context.Context, op Op, o Object) (bool, Report, error) {
	if err := h.begin(ctx); err != nil {
		return false, nil, err
	}
	defer h.end()
	var now Report
	var err error
	switch o := o.(type) {
	case Address:
		err = h.changeAddress(ctx, op, o)
	case Route:
		now, err = h.changeRoute(ctx, op, o)
	case Rule:
		now, err = h.changeRule(ctx, op, o)
	}
	changed, err := verdict(op, err)
	if !changed {
		now = nil
	}
	return changed, now, err
}

// verdict tells what the kernel's answer to a change means.
func verdict(op Op, err error) (changed bool, _ error) {
	switch {
	case err == nil:
		return true, nil
	case op == OpAdd && errors.Is(err, unix.EEXIST), op == OpDelete && absentError(err):
		return false, nil
	}
	return false, err
}

// absentError reports whether a deletion failed because there is nothing to
// delete: no such address, route, rule, link, or IPv6 on the link.
func absentError(err error) bool {
	return errors.Is(err, unix.EADDRNOTAVAIL) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.ENXIO) ||
		errors.Is(err, unix.ESRCH) || errors.Is(err, unix.ENOENT)
}

// index is linkIndex for a request about an object.
func (h *Handle) index(link string) (int, error) {
	i, err := h.conn.linkIndex(link)
	if err != nil {
		return 0, fmt.Errorf("find interface: %w", err)
	}
	return i, nil
}

// changeAddress sends a change of an address.
func (h *Handle) changeAddress(ctx context.Context, op Op, a Address) error {
	index, err := h.index(a.Link)
	if err != nil {
		return err
	}
	return tryProto(op != OpDelete, &h.noProto, func(proto bool) error {
		req, err := addressRequest(op, index, a, proto)
		if err != nil {
			return err
		}
		return h.conn.execute(ctx, req, nil)
	})
}

// tryProto calls send with IFA_PROTO if it is of use and has not been refused.
// A kernel that refuses it gets the request without, now and from now on; those
// that do not know it commonly just ignore it.
func tryProto(use bool, refused *bool, send func(proto bool) error) error {
	use = use && !*refused
	err := send(use)
	if !use || !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.EOPNOTSUPP) {
		return err
	}
	if send(false) != nil {
		// It was something else.
		return err
	}
	*refused = true
	return nil
}

// List implements [Table]. Addresses are IPv4 before IPv6, each in the kernel's
// order.
func (h *Handle) List(ctx context.Context, s Shelf) ([]Report, error) {
	if err := h.begin(ctx); err != nil {
		return nil, err
	}
	defer h.end()
	switch s.Kind {
	case KindRoute:
		return h.conn.routes(ctx, s)
	case KindRule:
		return h.conn.rules(ctx, s)
	}
	return h.addresses(ctx, s.Link)
}

func (h *Handle) addresses(ctx context.Context, link string) ([]Report, error) {
	index, err := h.index(link)
	if errors.Is(err, unix.ENODEV) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	var list []Report
	for _, family := range families {
		all, err := h.conn.addresses(ctx, family)
		if err != nil {
			return nil, err
		}
		for _, a := range all {
			if a.index == index {
				list = append(list, a.AddrState)
			}
		}
	}
	return list, nil
}

// begin waits for the caller's turn.
func (h *Handle) begin(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case h.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (h *Handle) end() { <-h.turn }

// linkIndex returns the index of a link in the namespace of the socket. Asked
// every time, as a link may have been made anew; it costs less than one
// microsecond and, other than a netlink request, waits for no lock.
func (c *conn) linkIndex(name string) (int, error) {
	ifr, err := unix.NewIfreq(name)
	if err != nil {
		return 0, fmt.Errorf("%q is not a name for an interface: %w", name, err)
	}
	cerr := c.raw.Control(func(fd uintptr) { err = unix.IoctlIfreq(int(fd), unix.SIOCGIFINDEX, ifr) })
	if err = errors.Join(cerr, err); err != nil {
		return 0, err
	}
	return int(ifr.Uint32()), nil
}

// families are listed one by one: IPv4 addresses come before IPv6 addresses.
var families = []int{unix.AF_INET, unix.AF_INET6}

// linkAddr is an address and the index of its link.
type linkAddr struct {
	index int
	AddrState
}

// addresses lists the addresses of a family on all links. The kernel could list
// those of one link, but does not notice then that an address deleted meanwhile
// has moved others into the part that was already read, where they are missed.
func (c *conn) addresses(ctx context.Context, family int) ([]linkAddr, error) {
	var list []linkAddr
	var bad error
	err := c.list(ctx, listAddresses(family), func() { list, bad = nil, nil }, func(m syscall.NetlinkMessage) {
		// A kernel without IPv6 lists IPv4 addresses when asked for it.
		if len(m.Data) == 0 || int(m.Data[0]) != family {
			return
		}
		i, a, err := parseAddr(m.Data)
		if err != nil {
			bad = err
			return
		}
		list = append(list, linkAddr{i, a})
	})
	return list, errors.Join(err, bad)
}

// links lists all links, without their addresses, sorted by index.
func (c *conn) links(ctx context.Context) ([]*Link, error) {
	var list []*Link
	var bad error
	err := c.list(ctx, listLinks(), func() { list, bad = nil, nil }, func(m syscall.NetlinkMessage) {
		l, err := parseLink(m.Data)
		if err != nil {
			bad = err
		} else if l != nil {
			list = append(list, l)
		}
	})
	slices.SortFunc(list, func(a, b *Link) int { return a.Index - b.Index })
	return list, errors.Join(err, bad)
}

// picture lists all links with their addresses. An address on a link that is
// not in the first listing is left out: that link is new, and its own report
// comes to those who are subscribed.
func (c *conn) picture(ctx context.Context) (*Picture, error) {
	links, err := c.links(ctx)
	if err != nil {
		return nil, fmt.Errorf("list links: %w", err)
	}
	p := &Picture{Links: links}
	for _, family := range families {
		list, err := c.addresses(ctx, family)
		if err != nil {
			return nil, fmt.Errorf("list addresses: %w", err)
		}
		for _, a := range list {
			if l := p.Link(a.index); l != nil {
				l.Addrs = append(l.Addrs, a.AddrState)
			}
		}
	}
	return p, nil
}
