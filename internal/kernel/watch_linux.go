package kernel

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/privilege"
)

// groups are the multicast groups for links and addresses, and those for routes
// and rules with whether they are wanted.
var linkGroups = []uint{unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR}

func (w *Watch) groups() map[uint]bool {
	if w == nil {
		w = &Watch{}
	}
	return map[uint]bool{
		unix.RTNLGRP_IPV4_ROUTE: w.routes[0], unix.RTNLGRP_IPV6_ROUTE: w.routes[1],
		unix.RTNLGRP_IPV4_RULE: w.rules[0], unix.RTNLGRP_IPV6_RULE: w.rules[1],
	}
}

// subscribe joins and leaves multicast groups.
func (c *conn) subscribe(groups map[uint]bool) error {
	var err error
	cerr := c.raw.Control(func(fd uintptr) {
		for g, wanted := range groups {
			opt := unix.NETLINK_DROP_MEMBERSHIP
			if wanted {
				opt = unix.NETLINK_ADD_MEMBERSHIP
			}
			err = errors.Join(err, unix.SetsockoptInt(int(fd), unix.SOL_NETLINK, opt, int(g)))
		}
	})
	if err = errors.Join(cerr, err); err != nil {
		return fmt.Errorf("subscribe to routes and rules: %w", err)
	}
	return nil
}

// disturbance reads a notification about a route or rule; false: it is about
// something else, or not watched.
func (w *Watch) disturbance(m syscall.NetlinkMessage, name func(int) string) (Disturbed, bool, error) {
	if w == nil {
		return Disturbed{}, false, nil
	}
	var report Report
	var ok bool
	var err error
	switch m.Header.Type {
	case unix.RTM_NEWROUTE, unix.RTM_DELROUTE:
		report, ok, err = asReport(parseRoute(m.Data, name))
	case unix.RTM_NEWRULE, unix.RTM_DELRULE:
		report, ok, err = asReport(parseRule(m.Data))
	}
	if !ok || err != nil {
		return Disturbed{}, false, err
	}
	spot := SpotOf(report)
	gone := m.Header.Type == unix.RTM_DELROUTE || m.Header.Type == unix.RTM_DELRULE
	return Disturbed{Spot: spot, Report: report, Removed: gone}, w.spots[spot], nil
}

// unheard reads the removal of an address of which the monitor had not heard: the
// kernel tells late of new IPv6 addresses, and not at all if they are removed
// before.
func (w *Watch) unheard(m syscall.NetlinkMessage) (Disturbed, bool) {
	if w == nil || m.Header.Type != unix.RTM_DELADDR {
		return Disturbed{}, false
	}
	index, a, err := parseAddr(m.Data)
	if err != nil || index == 0 {
		return Disturbed{}, false
	}
	spot := SpotOf(a)
	return Disturbed{Spot: spot, Report: a, Removed: true}, w.spots[spot]
}

func asReport[R Report](r R, ok bool, err error) (Report, bool, error) { return r, ok, err }

// requester finds out who has the netlink address. The kernel gives a process
// its own number as the address of its first socket, and others one from the
// upper half. The name can only be told while the process lives.
func requester(port uint32) Requester {
	r := Requester{Port: port}
	if port == 0 || port >= 1<<31 {
		return r
	}
	r.PID = int(port)
	dir := fmt.Sprintf("/proc/%d", port)
	// The number is that of the requester's own view of processes. Where that is
	// not ours, it may be the number of somebody else here.
	ours, oerr := os.Readlink("/proc/thread-self/ns/net")
	var theirs string
	err := privilege.With(privilege.SysPtrace, func() (err error) {
		theirs, err = os.Readlink(dir + "/ns/net")
		return err
	})
	switch {
	case errors.Is(err, os.ErrNotExist):
		return r
	case oerr != nil || err != nil || ours != theirs:
		r.PID = 0
		return r
	}
	if name, err := os.ReadFile(dir + "/comm"); err == nil {
		r.Program = strings.TrimSpace(string(name))
	}
	return r
}
