package kernel

import (
	"context"
	"errors"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// spaced runs the methods that read /proc/sys in the namespace of the handle.
type spaced struct {
	*Handle
	ns *nettest.NS
}

func (s spaced) Setting(x Setting) (v int, err error) {
	nsErr := s.ns.Do(func() error {
		v, err = s.Handle.Setting(x)
		return nil
	})
	return v, firstOf(err, nsErr)
}

func (s spaced) SetSetting(ctx context.Context, x Setting, v int) error {
	return s.ns.Do(func() error { return s.Handle.SetSetting(ctx, x, v) })
}

// stackSpace is a namespace as the fake has it.
func stackSpace(t *testing.T) (spaced, func() string) {
	t.Helper()
	ns, h := newSpace(t, "eth0", "eth1")
	for key, v := range map[string]string{"all.rp_filter": "1", "default.rp_filter": "0", "eth0.rp_filter": "0", "eth1.rp_filter": "0", "default.promote_secondaries": "0"} {
		if err := ns.Sysctl("net.ipv4.conf."+key, v); err != nil {
			t.Fatal(err)
		}
	}
	if err := ns.Sysctl("net.ipv6.conf.default.addr_gen_mode", "0"); err != nil {
		t.Fatal(err)
	}
	ctx := context.Background()
	if _, _, err := h.Change(ctx, OpAdd, Address{Prefix: netip.MustParsePrefix("fe80::1/64"), Link: "eth0"}); err != nil {
		t.Fatal(err)
	}
	table := spaced{h, ns}
	return table, func() string {
		t.Helper()
		links, err := table.Links(ctx)
		if err != nil {
			t.Fatal(err)
		}
		var shown []*Link
		for _, l := range links {
			if l.Name != "to-eth0" && l.Name != "to-eth1" {
				shown = append(shown, l)
			}
		}
		setting := func(s Setting) int {
			v, err := table.Setting(s)
			if err != nil {
				t.Fatal(err)
			}
			if s.Name == noLinkLocalBySelf && (s.Link == "eth0" || s.Link == "eth1") {
				return 0 // of the test's making
			}
			return v
		}
		return stackText(shown, setting, func(name string) (all []AddrState) {
			list, err := table.List(ctx, Shelf{Kind: KindAddress, Link: name})
			if err != nil {
				t.Fatal(err)
			}
			for _, r := range list {
				all = append(all, r.(AddrState))
			}
			return all
		})
	}
}

func TestStackReal(t *testing.T) {
	nettest.Require(t)
	for _, tt := range stackTests {
		t.Run(tt.name, func(t *testing.T) {
			table, show := stackSpace(t)
			runStack(t, table, show, func() int { return 0 }, tt.steps)
		})
	}
}

// TestIPVLANReal skips where the kernel has no ipvlan.
func TestIPVLANReal(t *testing.T) {
	nettest.Require(t)
	table, show := stackSpace(t)
	v := Virtual{Name: "ipv.1", Base: "eth0", IPVLAN: true, Mode: IPVLANPrivate, IPv4: true, Own: netip.MustParsePrefix("192.0.2.9/24")}
	_, probe := table.AddLink(context.Background(), Virtual{Name: "probe", Base: "eth0", IPVLAN: true}, LinkPlace{Base: indexOf(t, table, "eth0")})
	if errors.Is(probe, unix.EOPNOTSUPP) {
		t.Skip("this kernel has no ipvlan")
	}
	if err := table.DeleteLink(context.Background(), indexOf(t, table, "probe")); probe != nil || err != nil {
		t.Fatal(probe, err)
	}
	runStack(t, table, show, func() int { return 0 }, []stackStep{
		{want: []Virtual{v}, text: `
			eth0 fe80::1/64
			ipv.1 ipvlan 1 on eth0 ` + macOf(t, table, "eth0") + ` mtu 1500 up addr_gen_mode=1 disable_ipv6=1 192.0.2.9/24
			rp_filter all 1 default 0`},
		{text: before},
	})
}

func indexOf(t *testing.T, table LinkTable, name string) int {
	t.Helper()
	return linkNamed(t, table, name).Index
}

func macOf(t *testing.T, table LinkTable, name string) string {
	t.Helper()
	return linkNamed(t, table, name).HardwareAddr.String()
}

func linkNamed(t *testing.T, table LinkTable, name string) *Link {
	t.Helper()
	links, err := table.Links(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	l := (&Picture{Links: links}).LinkByName(name)
	if l == nil {
		t.Fatalf("no link %s", name)
	}
	return l
}

// TestStackVRFReal moves the base into a VRF and out again. It skips where the kernel
// has none.
func TestStackVRFReal(t *testing.T) {
	nettest.Require(t)
	table, _ := stackSpace(t)
	h := table.ns.Handle()
	vrf := &netlink.Vrf{LinkAttrs: netlink.LinkAttrs{Name: "blue"}, Table: 100}
	if err := h.LinkAdd(vrf); errors.Is(err, unix.EOPNOTSUPP) {
		t.Skip("this kernel has no VRF")
	} else if err != nil {
		t.Fatal(err)
	}
	base, err := h.LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	s := NewStack(table, func(Undo) {})
	master := func(want int) {
		t.Helper()
		if res, err := s.Apply(context.Background(), []Virtual{vmac4("vrrp.51")}, nil, func([]Standing) {}); err != nil || len(res.Failed) > 0 {
			t.Fatal(err, res.Failed)
		}
		if got := linkNamed(t, table, "vrrp.51").Master; got != want {
			t.Errorf("the link is in %d, want %d", got, want)
		}
	}
	master(0)
	if err := h.LinkSetMaster(base, vrf); err != nil {
		t.Fatal(err)
	}
	master(vrf.Attrs().Index)
	if err := h.LinkSetNoMaster(base); err != nil {
		t.Fatal(err)
	}
	master(0)
}
