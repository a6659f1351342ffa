package daemon

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/kernel"
)

// vmacInstance writes an instance on eth0 with the number 51.
func vmacInstance(name, more string, vips ...string) string {
	return fmt.Sprintf("vrrp_instance %s {\ninterface eth0\nvirtual_router_id 51\nversion 3\n%s\nvirtual_ipaddress {\n%s\n}\n}\n", name, more, strings.Join(vips, "\n"))
}

// layoutText is a layout in words.
func layoutText(l *layout, seats []string) string {
	var b strings.Builder
	for _, v := range l.links {
		kind := v.MAC.String()
		if v.IPVLAN {
			kind = fmt.Sprintf("ipvlan %d", v.Mode)
		}
		fmt.Fprintf(&b, "link %s on %s %s for %s", v.Name, v.Base, kind, v.owner.Name)
		for _, x := range []struct {
			on   bool
			word string
		}{{v.IPv4, "4"}, {v.IPv6, "6"}, {v.ShareLinkLocal, "ll"}, {v.Own.IsValid(), v.Own.String()}, {v.Grouped, fmt.Sprint("group ", v.Group)}, {v.Notify, "notify"}} {
			if x.on {
				b.WriteString(" " + x.word)
			}
		}
		b.WriteByte('\n')
	}
	b.WriteString(strings.Join(seats, ""))
	for _, n := range l.notes {
		fmt.Fprintf(&b, "note %s\n", n)
	}
	return b.String()
}

// TestLayout: where instances speak, where their addresses are, and the names of
// virtual links.
func TestLayout(t *testing.T) {
	link := func(index int, name string) *kernel.Link {
		return &kernel.Link{Index: index, Name: name, HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, byte(index)}}
	}
	private := func(index int, name string, base int, mac string) *kernel.Link {
		l := link(index, name)
		l.HardwareAddr, _ = net.ParseMAC(mac)
		l.Kind, l.Mode, l.Lower = "macvlan", 1, base
		return l
	}
	const v4, v6 = "192.0.2.100/24", "2001:db8::100/64\nfe80::100/64"
	for _, tt := range []struct {
		name, conf string
		old        string // the configuration that runs before
		links      []*kernel.Link
		strict     bool
		want       string
	}{
		{name: "plain", conf: vmacInstance("A", "", v4), want: `
			A speaks on eth0: 192.0.2.100 eth0`},
		{name: "use_vmac", conf: vmacInstance("A", "use_vmac", v4, "192.0.2.7/24 dev eth1"), want: `
			link vrrp.51 on eth0 00:00:5e:00:01:33 for A 4
			A speaks on vrrp.51: 192.0.2.100 vrrp.51, 192.0.2.7 eth1`},
		{name: "both families, one number", conf: vmacInstance("A", "use_vmac", v4) + vmacInstance("B", "use_vmac", v6), want: `
			link vrrp.51 on eth0 00:00:5e:00:01:33 for A 4
			link vrrp6.51 on eth0 00:00:5e:00:02:33 for B 6 ll
			A speaks on vrrp.51: 192.0.2.100 vrrp.51
			B speaks on vrrp6.51: 2001:db8::100 vrrp6.51, fe80::100 vrrp6.51`},
		{name: "usual names taken", links: []*kernel.Link{link(9, "vrrp.51")}, conf: vmacInstance("A", "use_vmac", v4) + vmacInstance("B", "use_vmac", v6), want: `
			link vrrp1.51 on eth0 00:00:5e:00:01:33 for A 4
			link vrrp6.51 on eth0 00:00:5e:00:02:33 for B 6 ll
			A speaks on vrrp1.51: 192.0.2.100 vrrp1.51
			B speaks on vrrp6.51: 2001:db8::100 vrrp6.51, fe80::100 vrrp6.51`},
		{name: "long prefix", conf: "global_defs {\nvmac_prefix abcdefghijklmno\n}\n" + vmacInstance("A", "use_vmac", v4), want: `
			link abcdefghijkl.51 on eth0 00:00:5e:00:01:33 for A 4
			A speaks on abcdefghijkl.51: 192.0.2.100 abcdefghijkl.51`},
		{name: "all arguments", conf: vmacInstance("A", "use_vmac name six 02:11:22:33:44 netlink_notify_msg group 9\nvmac_xmit_base", v6), want: `
			link six on eth0 02:11:22:33:44:33 for A 6 group 9 notify
			A speaks on eth0: 2001:db8::100 six, fe80::100 six`},
		{name: "source of its own", conf: vmacInstance("A", "use_vmac\nmcast_src_ip fe80::5", v6), want: `
			link vrrp.51 on eth0 00:00:5e:00:02:33 for A 6 fe80::5/64
			A speaks on vrrp.51: 2001:db8::100 vrrp.51, fe80::100 vrrp.51`},
		{name: "other family", conf: vmacInstance("A", "use_vmac\nvirtual_ipaddress_excluded {\n2001:db8::7/64\n}", v4), want: `
			link vrrp.51 on eth0 00:00:5e:00:01:33 for A 4 6
			A speaks on vrrp.51: 192.0.2.100 vrrp.51, 2001:db8::7 vrrp.51`},
		{name: "other family, keepalived's way", strict: true, conf: vmacInstance("A", "use_vmac\nvirtual_ipaddress_excluded {\n2001:db8::7/64\n}", v4), want: `
			link vrrp.51 on eth0 00:00:5e:00:01:33 for A 4
			A speaks on vrrp.51: 192.0.2.100 vrrp.51, 2001:db8::7 eth0`},
		{name: "use_vmac_addr", conf: vmacInstance("A", "use_vmac\nuse_vmac_addr\nvirtual_ipaddress_excluded {\n2001:db8::7/64\n}", v4, "192.0.2.7/24 dev eth1"), want: `
			link vrrp.51 on eth0 00:00:5e:00:01:33 for A 4
			link vrrp1.51 on eth1 00:00:5e:00:01:33 for A 4
			link vrrp6.51 on eth0 00:00:5e:00:02:33 for A 6
			A speaks on vrrp.51: 192.0.2.100 vrrp.51, 192.0.2.7 vrrp1.51, 2001:db8::7 vrrp6.51`},
		{name: "an address with use_vmac", conf: vmacInstance("A", "", v4+" use_vmac", "192.0.2.7/24"), want: `
			link vrrp.51 on eth0 00:00:5e:00:01:33 for A 4
			A speaks on eth0: 192.0.2.100 vrrp.51, 192.0.2.7 eth0`},
		{name: "another's, without a group", conf: vmacInstance("A", "virtual_ipaddress_excluded {\n2001:db8::7/64 use_vmac\n}", v4) + vmacInstance("B", "use_vmac", v6), want: `
			link vrrp.51 on eth0 00:00:5e:00:02:33 for B 6 ll
			A speaks on eth0: 192.0.2.100 eth0, 2001:db8::7 vrrp.51, fault
			B speaks on vrrp.51: 2001:db8::100 vrrp.51, fe80::100 vrrp.51`},
		{name: "another's, in its group", conf: "vrrp_sync_group G {\ngroup {\nA\nB\n}\n}\n" +
			vmacInstance("A", "virtual_ipaddress_excluded {\n2001:db8::7/64 use_vmac\n}", v4) + vmacInstance("B", "use_vmac", v6), want: `
			link vrrp.51 on eth0 00:00:5e:00:02:33 for B 6 ll
			A speaks on eth0: 192.0.2.100 eth0, 2001:db8::7 vrrp.51
			B speaks on vrrp.51: 2001:db8::100 vrrp.51, fe80::100 vrrp.51`},
		{name: "left by an earlier run under another name", links: []*kernel.Link{private(9, "foo", 2, "00:00:5e:00:01:33")}, conf: vmacInstance("A", "use_vmac bar", v4), want: `
			link foo on eth0 00:00:5e:00:01:33 for A 4
			A speaks on foo: 192.0.2.100 foo
			note (A) using the interface foo, which has the MAC 00:00:5e:00:01:33 already, and not the name bar`},
		{name: "configured name with another MAC", links: []*kernel.Link{private(9, "bar", 2, "02:00:00:00:00:09")}, conf: vmacInstance("A", "use_vmac bar", v4), want: `
			link bar on eth0 00:00:5e:00:01:33 for A 4
			A speaks on bar: 192.0.2.100 bar`},
		{name: "configured name of something else", links: []*kernel.Link{link(9, "bar")}, conf: vmacInstance("A", "use_vmac bar", v4), want: `
			link vrrp.51 on eth0 00:00:5e:00:01:33 for A 4
			A speaks on vrrp.51: 192.0.2.100 vrrp.51
			note (A) the interface bar is there and no private macvlan: using another name`},
		{
			name: "reload: the name stays although others are free", old: vmacInstance("A", "use_vmac", v4), links: []*kernel.Link{link(9, "vrrp.51")},
			conf: vmacInstance("A", "use_vmac\npriority 9", v4), want: `
			link vrrp1.51 on eth0 00:00:5e:00:01:33 for A 4
			A speaks on vrrp1.51: 192.0.2.100 vrrp1.51`,
		},
		{
			name: "reload: another name", old: vmacInstance("A", "use_vmac", v4), links: []*kernel.Link{private(9, "vrrp.51", 2, "00:00:5e:00:01:33")},
			conf: vmacInstance("A", "use_vmac other", v4), want: `
			link other on eth0 00:00:5e:00:01:33 for A 4
			A speaks on other: 192.0.2.100 other`,
		},
		{name: "ipvlan", conf: vmacInstance("A", "use_ipvlan ipv 192.0.2.9/24 vepa", v4), want: `
			link ipv on eth0 ipvlan 2 for A 4 192.0.2.9/24
			A speaks on ipv: 192.0.2.100 ipv`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			pic := &kernel.Picture{Links: append([]*kernel.Link{link(2, "eth0"), link(3, "eth1")}, tt.links...)}
			var old *layout
			if tt.old != "" {
				before := pic
				if tt.links[0].Kind != "" { // it is the running one's
					before = &kernel.Picture{Links: pic.Links[:2]}
				}
				old = plan(loadText(t, tt.old), before, nil, tt.strict)
			}
			cfg := loadText(t, tt.conf)
			lay := plan(cfg, pic, old, tt.strict)
			var seats []string
			for _, c := range cfg.Instances {
				st := lay.seats[c]
				line := fmt.Sprintf("%s speaks on %s:", c.Name, st.iface)
				for i, a := range addressesOf(objectsOf(c, st)) {
					if i > 0 {
						line += ","
					}
					line += fmt.Sprintf(" %v %s", a.Prefix.Addr(), a.Link)
				}
				if st.fault != "" {
					line += ", fault"
				}
				seats = append(seats, line+"\n")
			}
			want := ""
			for l := range strings.Lines(strings.TrimSpace(tt.want)) {
				want += strings.TrimSpace(l) + "\n"
			}
			if diff := cmp.Diff(want, layoutText(lay, seats)); diff != "" {
				t.Errorf("wanted (-) and got (+):\n%s", diff)
			}
		})
	}
}
