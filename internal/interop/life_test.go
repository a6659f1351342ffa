package interop_test

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"

	"github.com/holdfast-ha/holdfast/internal/interop"
)

// lifeScenes are about the interface of the instance itself.
func lifeScenes() []scene {
	none := func(*interop.Conf, string) {}
	down := func(h *netlink.Handle, l netlink.Link) error { return h.LinkSetDown(l) }
	up := func(h *netlink.Handle, l netlink.Link) error { return h.LinkSetUp(l) }
	rename := func(to string) func(*netlink.Handle, netlink.Link) error {
		return func(h *netlink.Handle, l netlink.Link) error { return h.LinkSetName(l, to) }
	}
	return []scene{
		{
			name: "removed and replaced",
			edit: none,
			play: func(s *stage) {
				for range 2 {
					s.must(s.lan.Remove(high))
					s.awaitMaster(low)
					s.awaitState("FAULT")
					s.must(s.lan.Replace(high))
					s.awaitMaster(high)
				}
			},
		},
		{
			name: "renamed and back",
			edit: none,
			play: func(s *stage) {
				s.link("eth0", down)
				s.awaitMaster(low)
				s.link("eth0", rename("wan0"))
				s.link("wan0", up)
				s.awaitState("FAULT")
				s.link("wan0", down)
				s.link("wan0", rename("eth0"))
				s.link("eth0", up)
				s.awaitMaster(high)
			},
		},
		{
			name: "address lost and back",
			edit: none,
			play: func(s *stage) {
				own := &netlink.Addr{IPNet: prefix(s.lan.Prefix4(high))}
				// With promote_secondaries the virtual addresses would stay.
				s.must(s.lan.Node(high).Sysctl("net.ipv4.conf.eth0.promote_secondaries", "1"))
				s.link("eth0", func(h *netlink.Handle, l netlink.Link) error { return h.AddrDel(l, own) })
				s.awaitMaster(low)
				s.awaitState("FAULT")
				s.link("eth0", func(h *netlink.Handle, l netlink.Link) error { return h.AddrAdd(l, own) })
				s.awaitMaster(high)
			},
		},
		{
			name: "promoted addresses",
			edit: func(c *interop.Conf, _ string) { c.Inside = "\tpromote_secondaries\n" },
			play: func(s *stage) {
				own := &netlink.Addr{IPNet: prefix(s.lan.Prefix4(high))}
				s.link("eth0", func(h *netlink.Handle, l netlink.Link) error { return h.AddrDel(l, own) })
				s.awaitMaster(low)
				s.awaitState("FAULT")
				s.link("eth0", func(h *netlink.Handle, l netlink.Link) error { return h.AddrAdd(l, own) })
				s.awaitMaster(high)
			},
		},
		{
			name: "another MTU",
			edit: none,
			play: func(s *stage) {
				s.link("eth0", func(h *netlink.Handle, l netlink.Link) error { return h.LinkSetMTU(l, 1400) })
				s.awaitAdverts(high, 10)
				s.awaitMaster(high)
			},
		},
		{
			name: "short and long losses of carrier", slow: true,
			edit: func(c *interop.Conf, _ string) {
				c.Before = "interface_up_down_delays {\n\teth0 1.9 0.1\n}\n"
			},
			play: func(s *stage) {
				// Too short to count: down and up in one go.
				for range 3 {
					s.must(s.lan.Cut(high))
					s.must(s.lan.Join(high))
				}
				s.awaitAdverts(high, 3)
				s.must(s.lan.Cut(high))
				s.awaitMaster(low)
				s.awaitState("FAULT")
				s.must(s.lan.Join(high))
				s.awaitMaster(high)
			},
		},
		{
			name: "linkbeat",
			edit: func(c *interop.Conf, _ string) { c.Before = "linkbeat_interfaces {\n\teth0 ETHTOOL\n}\n" },
			play: func(s *stage) {
				s.must(s.lan.Cut(high))
				s.awaitState("FAULT")
				s.awaitMaster(low)
				s.must(s.lan.Join(high))
				s.awaitMaster(high)
			},
		},
		{
			name: "the primary does not count", second: true,
			edit: func(c *interop.Conf, _ string) {
				c.Inside = "\tdont_track_primary\n\ttrack_interface {\n\t\teth1\n\t}\n"
			},
			play: func(s *stage) {
				s.must(s.side.Cut(high))
				s.awaitMaster(low)
				s.awaitState("FAULT")
				s.must(s.side.Join(high))
				s.awaitMaster(high)
			},
		},
		{
			name: "an interface that comes later", late: true,
			edit: func(c *interop.Conf, _ string) { c.Global = "\tdynamic_interfaces\n" },
			play: func(s *stage) {
				s.awaitMaster(low)
				s.must(s.lan.Replace(high))
				s.awaitMaster(high)
				missing := fmt.Sprintf("Configuration specifies interface %s which doesn't currently exist - will use if created", s.lan.Iface())
				if n := s.daemon[high].LogLines(missing); n != 1 {
					s.t.Errorf("that the interface is missing was said %d times", n)
				}
			},
		},
	}
}

func prefix(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
