package kernel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// stackText is the state of links in sorted words, for the fake and the real kernel.
func stackText(links []*Link, setting func(Setting) int, addrs func(string) []AddrState) string {
	names := map[int]string{}
	for _, l := range links {
		names[l.Index] = l.Name
	}
	keys := []string{acceptLocal, arpAnnounce, arpFilter, arpIgnore, promoteSecondary, rpFilter, noLinkLocalBySelf, disableIPv6}
	usual := func(l string, index int) (out string) {
		for _, k := range keys {
			if v := setting(Setting{l, index, k}); v != 0 {
				out += fmt.Sprintf(" %s=%d", k[strings.Index(k, "/")+1:], v)
			}
		}
		return out
	}
	var lines []string
	for _, l := range links {
		line := l.Name
		if l.Kind == kindMacvlan || l.Kind == kindIPVLAN {
			line += fmt.Sprintf(" %s %d on %s %v mtu %d", l.Kind, l.Mode, names[l.Lower], l.HardwareAddr, l.MTU)
			if l.AdminUp {
				line += " up"
			}
		}
		if l.Group != 0 {
			line += fmt.Sprintf(" group %d", l.Group)
		}
		line += usual(l.Name, l.Index)
		for _, a := range addrs(l.Name) {
			line += " " + a.Prefix.String()
		}
		if line != l.Name && l.Name != "lo" {
			lines = append(lines, line)
		}
	}
	slices.Sort(lines)
	all, byDefault := setting(Setting{allLinks, 0, rpFilter}), setting(Setting{defaultLink, 0, rpFilter})
	lines = append(lines, fmt.Sprintf("rp_filter all %d default %d", all, byDefault))
	return strings.Join(lines, "\n") + "\n"
}

func vmac4(name string) Virtual {
	return Virtual{Name: name, Base: "eth0", MAC: MAC{0, 0, 0x5e, 0, 1, 0x33}, IPv4: true}
}

func vmac6(name string) Virtual {
	return Virtual{Name: name, Base: "eth0", MAC: MAC{0, 0, 0x5e, 0, 2, 0x33}, IPv6: true, ShareLinkLocal: true}
}

// stackTests are lists of wanted links, and the state that has to follow. The
// base has the link-local address fe80::1.
var stackTests = []struct {
	name  string
	steps []stackStep
}{
	{"one for IPv4, and back", []stackStep{
		{want: []Virtual{vmac4("vrrp.51")}, text: `
			eth0 arp_filter=1 arp_ignore=1 rp_filter=1 fe80::1/64
			eth1 rp_filter=1
			vrrp.51 macvlan 1 on eth0 00:00:5e:00:01:33 mtu 1500 up accept_local=1 arp_ignore=1 promote_secondaries=1 addr_gen_mode=1 disable_ipv6=1
			rp_filter all 0 default 1`},
		{text: before},
	}},
	{"one whose base asks in its own name", []stackStep{
		{want: []Virtual{shy()}, text: `
			eth0 arp_announce=2 arp_filter=1 arp_ignore=1 rp_filter=1 fe80::1/64
			eth1 rp_filter=1
			vrrp.51 macvlan 1 on eth0 00:00:5e:00:01:33 mtu 1500 up accept_local=1 arp_ignore=1 promote_secondaries=1 addr_gen_mode=1 disable_ipv6=1
			rp_filter all 0 default 1`},
		{text: before},
	}},
	{"one for IPv6 has its base's address, and needs nothing of others", []stackStep{
		{want: []Virtual{vmac6("vrrp6.51")}, text: `
			eth0 fe80::1/64
			vrrp6.51 macvlan 1 on eth0 00:00:5e:00:02:33 mtu 1500 up arp_ignore=1 addr_gen_mode=1 fe80::1/64
			rp_filter all 1 default 0`},
		{text: before},
	}},
	{"both families with one number; the base's settings stay until the last has gone", []stackStep{
		{want: []Virtual{vmac4("vrrp.51"), vmac6("vrrp6.51"), second()}, text: `
			eth0 arp_filter=1 arp_ignore=1 rp_filter=1 fe80::1/64
			eth1 rp_filter=1
			vrrp.51 macvlan 1 on eth0 00:00:5e:00:01:33 mtu 1500 up accept_local=1 arp_ignore=1 promote_secondaries=1 addr_gen_mode=1 disable_ipv6=1
			vrrp.52 macvlan 1 on eth0 00:00:5e:00:01:34 mtu 1500 up accept_local=1 arp_ignore=1 promote_secondaries=1 addr_gen_mode=1 disable_ipv6=1
			vrrp6.51 macvlan 1 on eth0 00:00:5e:00:02:33 mtu 1500 up arp_ignore=1 rp_filter=1 addr_gen_mode=1 fe80::1/64
			rp_filter all 0 default 1`},
		{want: []Virtual{second()}, text: `
			eth0 arp_filter=1 arp_ignore=1 rp_filter=1 fe80::1/64
			eth1 rp_filter=1
			vrrp.52 macvlan 1 on eth0 00:00:5e:00:01:34 mtu 1500 up accept_local=1 arp_ignore=1 promote_secondaries=1 addr_gen_mode=1 disable_ipv6=1
			rp_filter all 0 default 1`},
		{text: before},
	}},
	{"another name is another link", []stackStep{
		{want: []Virtual{vmac6("a")}, text: `
			a macvlan 1 on eth0 00:00:5e:00:02:33 mtu 1500 up arp_ignore=1 addr_gen_mode=1 fe80::1/64
			eth0 fe80::1/64
			rp_filter all 1 default 0`},
		{want: []Virtual{vmac6("b")}, text: `
			b macvlan 1 on eth0 00:00:5e:00:02:33 mtu 1500 up arp_ignore=1 addr_gen_mode=1 fe80::1/64
			eth0 fe80::1/64
			rp_filter all 1 default 0`},
	}},
	{"adverts by the base: no address; toggled and back", []stackStep{
		{want: []Virtual{vmac6("a")}, text: `
			a macvlan 1 on eth0 00:00:5e:00:02:33 mtu 1500 up arp_ignore=1 addr_gen_mode=1 fe80::1/64
			eth0 fe80::1/64
			rp_filter all 1 default 0`},
		{want: []Virtual{xmitBase()}, text: `
			a macvlan 1 on eth0 00:00:5e:00:02:33 mtu 1500 up arp_ignore=1 addr_gen_mode=1
			eth0 fe80::1/64
			rp_filter all 1 default 0`},
		{want: []Virtual{vmac6("a")}, text: `
			a macvlan 1 on eth0 00:00:5e:00:02:33 mtu 1500 up arp_ignore=1 addr_gen_mode=1 fe80::1/64
			eth0 fe80::1/64
			rp_filter all 1 default 0`},
	}},
	{"a setting that is wanted besides", []stackStep{
		{other: []SettingValue{{PromoteSecondaries("eth1"), 1}, {PromoteSecondaries("eth9"), 1}}, text: `
			eth0 fe80::1/64
			eth1 promote_secondaries=1
			rp_filter all 1 default 0`},
		{text: before},
	}},
	{"a group of its own, and another MAC later", []stackStep{
		{want: []Virtual{grouped()}, text: `
			a macvlan 1 on eth0 00:00:5e:00:02:33 mtu 1500 up group 7 arp_ignore=1 addr_gen_mode=1
			eth0 fe80::1/64
			rp_filter all 1 default 0`},
		{want: []Virtual{otherMAC()}, text: `
			a macvlan 1 on eth0 02:11:22:33:44:34 mtu 1500 up group 7 arp_ignore=1 addr_gen_mode=1
			eth0 fe80::1/64
			rp_filter all 1 default 0`},
	}},
}

const before = `
	eth0 fe80::1/64
	rp_filter all 1 default 0`

func shy() Virtual {
	v := vmac4("vrrp.51")
	v.Shy = true
	return v
}

func second() Virtual {
	v := vmac4("vrrp.52")
	v.MAC[5] = 0x34
	return v
}

func xmitBase() Virtual {
	v := vmac6("a")
	v.ShareLinkLocal = false
	return v
}

func grouped() Virtual {
	v := xmitBase()
	v.Grouped, v.Group, v.Notify = true, 7, true
	return v
}

func otherMAC() Virtual {
	v := grouped()
	v.MAC = MAC{2, 0x11, 0x22, 0x33, 0x44, 0x34}
	return v
}

type stackStep struct {
	want  []Virtual
	other []SettingValue
	text  string
}

// lines is a text without what indents it.
func lines(s string) string {
	var out []string
	for l := range strings.Lines(strings.TrimSpace(s)) {
		out = append(out, strings.TrimSpace(l))
	}
	return strings.Join(out, "\n") + "\n"
}

// runStack runs steps, each of them twice: the second time must change nothing.
func runStack(t *testing.T, table LinkTable, show func() string, changes func() int, steps []stackStep) {
	t.Helper()
	var saved Undo
	s := NewStack(table, func(u Undo) { saved = u })
	for i, step := range steps {
		for again := range 2 {
			count := changes()
			res, err := s.Apply(context.Background(), step.want, step.other, func([]Standing) {})
			if err != nil || len(res.Failed) > 0 {
				t.Fatalf("step %d: %v %v", i, err, res.Failed)
			}
			if diff := cmp.Diff(lines(step.text), show()); diff != "" {
				t.Fatalf("step %d, time %d: wanted (-) and got (+):\n%s", i, again, diff)
			}
			if again > 0 && changes() != count {
				t.Errorf("step %d: twice the same made %d changes", i, changes()-count)
			}
		}
	}
	if steps[len(steps)-1].want == nil && !saved.Empty() {
		t.Errorf("still to be put back: %v", saved)
	}
}

// fakeBase is a fake with the two interfaces that the tests have.
func fakeBase() *fakeLinks {
	f := newFakeLinks("eth0", "eth1")
	f.links["eth0"] = []AddrState{{Prefix: netip.MustParsePrefix("fe80::1/64")}}
	return f
}

// changes counts what was asked for, listings aside.
func (f *fakeLinks) changes() int {
	n := f.calls
	for _, r := range f.requests {
		if !strings.HasPrefix(r, "list") {
			n++
		}
	}
	return n
}

// TestStackIPVLAN is a list that not every kernel can have.
func TestStackIPVLAN(t *testing.T) {
	four := Virtual{Name: "ipv.1", Base: "eth0", IPVLAN: true, Mode: IPVLANVEPA, MAC: MAC{5: 9}, IPv4: true, Own: netip.MustParsePrefix("192.0.2.9/24")}
	six := Virtual{Name: "ipv.2", Base: "eth0", IPVLAN: true, MAC: MAC{5: 9}, IPv6: true, ShareLinkLocal: true}
	private := four
	private.Mode = IPVLANPrivate
	f := fakeBase()
	runStack(t, f, f.text, f.changes, []stackStep{
		{want: []Virtual{four, six}, text: `
			eth0 fe80::1/64
			ipv.1 ipvlan 2 on eth0 02:00:00:00:00:01 mtu 1500 up addr_gen_mode=1 disable_ipv6=1 192.0.2.9/24
			ipv.2 ipvlan 0 on eth0 02:00:00:00:00:01 mtu 1500 up addr_gen_mode=1 fe80::fd:900:1/64
			rp_filter all 1 default 0`},
		{want: []Virtual{private}, text: `
			eth0 fe80::1/64
			ipv.1 ipvlan 1 on eth0 02:00:00:00:00:01 mtu 1500 up addr_gen_mode=1 disable_ipv6=1 192.0.2.9/24
			rp_filter all 1 default 0`},
		{text: before},
	})
}

func TestStackFake(t *testing.T) {
	for _, tt := range stackTests {
		t.Run(tt.name, func(t *testing.T) {
			f := fakeBase()
			runStack(t, f, f.text, f.changes, tt.steps)
		})
	}
}

// stackEvent is something that others do to the links while a list is wanted.
type stackEvent struct {
	name string
	do   func(f *fakeLinks)
	text string
}

// TestStackEvents: what others do, and what becomes of the link.
func TestStackEvents(t *testing.T) {
	const usual = `
		eth0 fe80::1/64
		vrrp6.51 macvlan 1 on eth0 00:00:5e:00:02:33 mtu 1500 up arp_ignore=1 addr_gen_mode=1 fe80::1/64
		rp_filter all 1 default 0`
	vrf := func(f *fakeLinks) int {
		f.add(&Link{Name: "blue", Kind: kindVRF})
		return f.next
	}
	for _, tt := range []stackEvent{
		{"removed: made again", func(f *fakeLinks) { f.remove("vrrp6.51") }, usual},
		{"renamed: that one goes, and it is made again", func(f *fakeLinks) { f.rename("vrrp6.51", "mine") }, usual},
		{"set down: stays down", func(f *fakeLinks) {
			l := *f.pic.LinkByName("vrrp6.51")
			l.setFlags(0)
			f.pic = *f.pic.set(&l)
		}, strings.Replace(usual, " up ", " ", 1)},
		{"the base's MTU raised: follows", func(f *fakeLinks) { f.pic.LinkByName("eth0").MTU = 9000 }, strings.Replace(usual, "1500", "9000", 1)},
		{"the base lost its address: keeps it", func(f *fakeLinks) { f.links["eth0"] = nil }, strings.Replace(usual, "eth0 fe80::1/64\n", "", 1)},
		{"the base gone", func(f *fakeLinks) { f.remove("eth0") }, "rp_filter all 1 default 0"},
		{"the base made anew", func(f *fakeLinks) {
			f.remove("eth0")
			f.add(&Link{Name: "eth0", HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 9}, MTU: 1400})
		}, `
			vrrp6.51 macvlan 1 on eth0 00:00:5e:00:02:33 mtu 1400 up arp_ignore=1 addr_gen_mode=1 fe80::ff:fe00:9/64
			rp_filter all 1 default 0`},
		{"the base moved into a VRF: goes with it", func(f *fakeLinks) { f.pic.LinkByName("eth0").Master = vrf(f) }, usual},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := fakeBase()
			s := NewStack(f, func(Undo) {})
			apply := func() {
				t.Helper()
				if res, err := s.Apply(context.Background(), []Virtual{vmac6("vrrp6.51")}, nil, func([]Standing) {}); err != nil || len(res.Failed) > 0 {
					t.Fatal(err, res.Failed)
				}
			}
			apply()
			tt.do(f)
			apply()
			if diff := cmp.Diff(lines(tt.text), f.text()); diff != "" {
				t.Errorf("wanted (-) and got (+):\n%s", diff)
			}
			if m := f.pic.LinkByName("blue"); m != nil && f.pic.LinkByName("vrrp6.51").Master != m.Index {
				t.Error("it has not followed into the VRF")
			}
			count := f.calls
			apply()
			if f.calls != count {
				t.Error("a second time changed something")
			}
		})
	}
}

// TestStackLeftovers: what is there at the start under the wanted name.
func TestStackLeftovers(t *testing.T) {
	left := func(f *fakeLinks, l Link) {
		l.Name, l.MTU = "vrrp6.51", 1500
		f.add(&l)
		f.links[l.Name] = []AddrState{{Prefix: netip.MustParsePrefix("2001:db8::7/64")}}
	}
	right := net.HardwareAddr{0, 0, 0x5e, 0, 2, 0x33}
	const usual = `
		eth0 fe80::1/64
		vrrp6.51 macvlan 1 on eth0 00:00:5e:00:02:33 mtu 1500 up arp_ignore=1 addr_gen_mode=1 fe80::1/64
		rp_filter all 1 default 0`
	for _, tt := range []struct {
		name                     string
		link                     Link
		text                     string
		adopted, made, forbidden int
	}{
		{name: "right one: adopted and configured", link: Link{Kind: kindMacvlan, Mode: macvlanPrivate, Lower: 2, HardwareAddr: right}, text: usual, adopted: 1},
		{name: "another MAC: changed in place", link: Link{Kind: kindMacvlan, Mode: macvlanPrivate, Lower: 2, HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, 8}}, text: usual, adopted: 1},
		{name: "on another base: made anew", link: Link{Kind: kindMacvlan, Mode: macvlanPrivate, Lower: 3, HardwareAddr: right}, text: usual, made: 1},
		{name: "not private: in the way", link: Link{Kind: kindMacvlan, Mode: 4, Lower: 2, HardwareAddr: right}, forbidden: 1, text: `
			eth0 fe80::1/64
			vrrp6.51 macvlan 4 on eth0 00:00:5e:00:02:33 mtu 1500 2001:db8::7/64
			rp_filter all 1 default 0`},
		{name: "something else: in the way", link: Link{}, forbidden: 1, text: "eth0 fe80::1/64\nvrrp6.51 2001:db8::7/64\nrp_filter all 1 default 0"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := fakeBase()
			left(f, tt.link)
			s := NewStack(f, func(Undo) {})
			res, err := s.Apply(context.Background(), []Virtual{vmac6("vrrp6.51")}, nil, func([]Standing) {})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(lines(tt.text), f.text()); diff != "" {
				t.Errorf("wanted (-) and got (+):\n%s", diff)
			}
			if len(res.Adopted) != tt.adopted || len(res.Made) != tt.made || len(res.Failed) != tt.forbidden {
				t.Errorf("adopted %v, made %v, failed %v", res.Adopted, res.Made, res.Failed)
			}
			if tt.forbidden > 0 && !errors.Is(res.Failed[0], ErrOccupied) {
				t.Errorf("got %v", res.Failed)
			}
		})
	}
}

// TestStackAfterCrash: settings of others that a run has changed are put back by
// the next one, save those that somebody else has set since, and links that it
// does not want go.
func TestStackAfterCrash(t *testing.T) {
	for _, wanted := range [][][]Virtual{{{vmac4("vrrp.51")}, nil}, {nil}} {
		f := fakeBase()
		f.settings["eth1 "+rpFilter] = 2
		f.settings["eth0 "+arpIgnore] = 2
		was := f.text()
		ctx := context.Background()
		var saved Undo
		crashed := NewStack(f, func(u Undo) { saved = u })
		if _, err := crashed.Apply(ctx, []Virtual{vmac4("vrrp.51"), vmac6("vrrp6.51")}, nil, func([]Standing) {}); err != nil {
			t.Fatal(err)
		}
		f.settings["eth0 "+arpFilter] = 7 // somebody else
		next := NewStack(f, func(u Undo) { saved = u })
		next.Recall(saved)
		for _, w := range wanted {
			if res, err := next.Apply(ctx, w, nil, func([]Standing) {}); err != nil || len(res.Failed) > 0 {
				t.Fatal(err, res.Failed)
			}
		}
		if !saved.Empty() {
			t.Errorf("still to be put back: %v", saved)
		}
		if got := strings.Replace(f.text(), " arp_filter=7", "", 1); got != was {
			t.Errorf("before:\n%safter:\n%s", was, f.text())
		}
	}
}
