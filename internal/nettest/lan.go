package nettest

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"strconv"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// Options describe a [LAN]. The zero value is a segment of its own.
type Options struct {
	// Join puts a second, third … segment on the nodes of this LAN instead of
	// making new ones.
	Join *LAN
	// Segment numbers the segment, 0 to 9, and so chooses its interface and
	// addresses: 0 is eth0, 192.0.2.N/24, 2001:db8::N/64, 02:00:00:00:00:0N;
	// S is ethS, 198.51.S.N/24, 2001:db8:S::N/64, 02:00:00:00:0S:0N.
	Segment int
	// NoIPv6 disables IPv6 in the nodes.
	NoIPv6 bool
	// DAD leaves duplicate address detection on. It is off otherwise, as each
	// address would be unusable for up to two seconds.
	DAD bool
	// MTU of the segment, 1500 if it is 0.
	MTU int
}

// LAN is an Ethernet segment: a namespace with a bridge, br0, to which each
// node is connected by a virtual cable. Nodes are numbered from 1.
type LAN struct {
	// Switch is the namespace of the bridge. It has no IP addresses and IPv6
	// is disabled in it. Port i is called n<i>.
	Switch *NS

	opts  Options
	nodes []*NS
}

// NewLAN makes a segment with the given number of nodes, whose addresses are
// given at [Options.Segment]. With Options.Join the number is ignored.
func NewLAN(nodes int, opts Options) (*LAN, error) {
	if opts.MTU == 0 {
		opts.MTU = 1500
	}
	l := &LAN{opts: opts}
	if err := l.build(nodes); err != nil {
		l.Close()
		return nil, fmt.Errorf("make segment %d: %w", opts.Segment, err)
	}
	return l, nil
}

// NewLANT is [NewLAN] for a test, which fails if it cannot be had and closes
// the segment at its end.
func NewLANT(tb testing.TB, nodes int, opts Options) *LAN {
	tb.Helper()
	Require(tb)
	l, err := NewLAN(nodes, opts)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(l.Close)
	return l
}

func (l *LAN) build(nodes int) (err error) {
	if l.opts.Segment < 0 || l.opts.Segment > 9 || nodes > 250 {
		return errors.New("segments are numbered 0 to 9 and have at most 250 nodes")
	}
	if l.Switch, err = New("switch"); err != nil {
		return err
	}
	for _, conf := range []string{"all", "default"} {
		if err := l.Switch.Sysctl("net.ipv6.conf."+conf+".disable_ipv6", "1"); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	// A loaded br_netfilter would check the IP headers of what the bridge
	// forwards and drop the broken packets that a test sends.
	for _, proto := range []string{"ip", "ip6", "arp"} {
		err := l.Switch.Sysctl("net/bridge/bridge-nf-call-"+proto+"tables", "0")
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	off := false
	bridge := &netlink.Bridge{
		LinkAttrs:         netlink.LinkAttrs{Name: "br0", MTU: l.opts.MTU},
		MulticastSnooping: &off,
	}
	if err := l.Switch.handle.LinkAdd(bridge); err != nil {
		return fmt.Errorf("make bridge: %w", err)
	}
	if err := l.quietBridge(bridge.Attrs().Index); err != nil {
		return fmt.Errorf("set bridge: %w", err)
	}
	if err := l.Switch.handle.LinkSetUp(bridge); err != nil {
		return err
	}
	if l.opts.Join != nil {
		l.nodes = l.opts.Join.nodes
	}
	for i := 1; l.opts.Join == nil && i <= nodes; i++ {
		ns, err := New("N" + strconv.Itoa(i))
		if err != nil {
			return err
		}
		l.nodes = append(l.nodes, ns)
		if err := l.prepare(ns); err != nil {
			return fmt.Errorf("prepare node %d: %w", i, err)
		}
	}
	for i := range l.nodes {
		if err := l.plug(i+1, bridge.Attrs().Index); err != nil {
			return fmt.Errorf("connect node %d: %w", i+1, err)
		}
	}
	for i := range l.nodes {
		if err := l.awaitCarrier(i + 1); err != nil {
			return err
		}
	}
	return nil
}

// quietBridge makes the bridge forward from the first moment: no spanning tree
// and no listening and learning, which last 30 s by default.
func (l *LAN) quietBridge(index int) error {
	req := nl.NewNetlinkRequest(unix.RTM_NEWLINK, unix.NLM_F_ACK)
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(index)
	req.AddData(msg)
	info := nl.NewRtAttr(unix.IFLA_LINKINFO, nil)
	info.AddRtAttr(nl.IFLA_INFO_KIND, nl.NonZeroTerminated("bridge"))
	data := info.AddRtAttr(nl.IFLA_INFO_DATA, nil)
	data.AddRtAttr(nl.IFLA_BR_FORWARD_DELAY, nl.Uint32Attr(0))
	data.AddRtAttr(nl.IFLA_BR_STP_STATE, nl.Uint32Attr(0))
	req.AddData(info)
	return l.Switch.Do(func() error {
		_, err := req.Execute(unix.NETLINK_ROUTE, 0)
		return err
	})
}

// prepare sets what must stand before a node has interfaces.
func (l *LAN) prepare(ns *NS) error {
	if err := ns.Sysctl("net.ipv4.conf.all.rp_filter", "0"); err != nil {
		return err
	}
	key, value := "accept_dad", "0"
	if l.opts.NoIPv6 {
		key, value = "disable_ipv6", "1"
	} else if l.opts.DAD {
		return nil
	}
	for _, conf := range []string{"all", "default"} {
		if err := ns.Sysctl("net.ipv6.conf."+conf+"."+key, value); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return err
		}
	}
	return nil
}

// plug connects node i to the bridge and gives it its addresses.
func (l *LAN) plug(i, bridge int) error {
	ns := l.nodes[i-1]
	port := &netlink.Veth{
		LinkAttrs:        netlink.LinkAttrs{Name: portName(i), MasterIndex: bridge, MTU: l.opts.MTU},
		PeerName:         l.Iface(),
		PeerHardwareAddr: l.MAC(i),
		PeerNamespace:    netlink.NsFd(ns.FD()),
		PeerMTU:          uint32(l.opts.MTU),
	}
	if err := l.Switch.handle.LinkAdd(port); err != nil {
		return err
	}
	if err := l.Switch.handle.LinkSetUp(port); err != nil {
		return err
	}
	eth, err := ns.handle.LinkByName(l.Iface())
	if err != nil {
		return err
	}
	if err := ns.handle.LinkSetUp(eth); err != nil {
		return err
	}
	for _, p := range []netip.Prefix{l.Prefix4(i), l.Prefix6(i)} {
		if p.Addr().Is6() && l.opts.NoIPv6 {
			continue
		}
		addr := &netlink.Addr{IPNet: ipNet(p)}
		if err := ns.handle.AddrAdd(eth, addr); err != nil {
			return fmt.Errorf("add %v: %w", p, err)
		}
	}
	return nil
}

// awaitCarrier waits until both ends of the cable of node i are in use. The
// kernel tells the bridge and the queueing discipline of a carrier a while
// after the interface shows it, and drops frames until then.
func (l *LAN) awaitCarrier(i int) error {
	inUse := func(ns *NS, name string) bool {
		link, err := ns.handle.LinkByName(name)
		// An interface that is down or gone will not come into use.
		return err != nil || link.Attrs().Flags&net.FlagUp == 0 || link.Attrs().OperState == netlink.OperUp
	}
	const longest = 5 * time.Second // the kernel may take one second
	if !Poll(longest, func() bool {
		return inUse(l.Node(i), l.Iface()) && (inUse(l.Switch, portName(i)) || !l.isUp(i))
	}) {
		return fmt.Errorf("no carrier at node %d after %v", i, longest)
	}
	return nil
}

// isUp reports whether the node's interface exists and is up.
func (l *LAN) isUp(i int) bool {
	link, err := l.Node(i).handle.LinkByName(l.Iface())
	return err == nil && link.Attrs().Flags&net.FlagUp != 0
}

// Close closes the switch and, unless they belong to another LAN, the nodes.
func (l *LAN) Close() {
	if l.opts.Join == nil {
		for _, ns := range l.nodes {
			ns.Close()
		}
	}
	if l.Switch != nil {
		l.Switch.Close()
	}
}

// Nodes returns the number of nodes.
func (l *LAN) Nodes() int { return len(l.nodes) }

// Node returns node i, counted from 1.
func (l *LAN) Node(i int) *NS { return l.nodes[i-1] }

// Iface returns the name of the nodes' interface on this segment.
func (l *LAN) Iface() string { return "eth" + strconv.Itoa(l.opts.Segment) }

// MAC returns the hardware address of node i.
func (l *LAN) MAC(i int) net.HardwareAddr {
	return net.HardwareAddr{2, 0, 0, 0, byte(l.opts.Segment), byte(i)}
}

// Prefix4 returns the IPv4 address of node i with its prefix length.
func (l *LAN) Prefix4(i int) netip.Prefix {
	a := [4]byte{192, 0, 2, byte(i)}
	if s := l.opts.Segment; s != 0 {
		a = [4]byte{198, 51, byte(s), byte(i)}
	}
	return netip.PrefixFrom(netip.AddrFrom4(a), 24)
}

// Prefix6 returns the global IPv6 address of node i with its prefix length.
func (l *LAN) Prefix6(i int) netip.Prefix {
	a := [16]byte{0: 0x20, 1: 0x01, 2: 0x0d, 3: 0xb8, 5: byte(l.opts.Segment), 15: byte(i)}
	return netip.PrefixFrom(netip.AddrFrom16(a), 64)
}

// LinkLocal returns the link-local address that node i makes of its MAC.
func (l *LAN) LinkLocal(i int) netip.Addr {
	m := l.MAC(i)
	return netip.AddrFrom16([16]byte{
		0: 0xfe, 1: 0x80,
		8: m[0] ^ 2, 9: m[1], 10: m[2], 11: 0xff, 12: 0xfe, 13: m[3], 14: m[4], 15: m[5],
	})
}

// Holders returns the nodes that hold the address on any interface, ascending.
func (l *LAN) Holders(addr netip.Addr) []int {
	var out []int
	for i, ns := range l.nodes {
		if ns.HasAddr(addr) {
			out = append(out, i+1)
		}
	}
	return out
}

// portName returns the name of the switch's end of the cable to node i.
func portName(i int) string { return "n" + strconv.Itoa(i) }

// ipNet converts a prefix without masking its address.
func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
