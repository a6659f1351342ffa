package firewall

import (
	"net"
	"net/netip"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

func usual() Options { return Options{Table: "keepalived", Priority: -1} }

// TestImages are states and what is to be in which set for them.
func TestImages(t *testing.T) {
	byIndex := usual()
	byIndex.ByIndex = true
	vmac := VMAC{Name: "vrrp.51", Index: 7, Base: 2, IPv4: true, IPv6: true, BaseLinkLocal: addr("fe80::1")}
	for _, tt := range []struct {
		name   string
		opt    Options
		wanted Wanted
		v4, v6 string
	}{
		{name: "nothing", opt: usual()},
		{
			name: "addresses", opt: usual(),
			wanted: Wanted{Drops: []Drop{{Addr: addr("192.0.2.110")}, {Addr: addr("192.0.2.9")}, {Addr: addr("2001:db8::110"), Index: 3}}},
			v4:     "vips: 192.0.2.9 192.0.2.110\n", v6: "vips: 2001:db8::110\n",
		},
		{
			name: "link-local addresses", opt: usual(),
			wanted: Wanted{Drops: []Drop{{Addr: addr("fe80::110"), Index: 2, Name: "eth0"}, {Addr: addr("fe80::120"), Name: "eth0"}}},
			v6:     "vips:\nvips_link_local: fe80::110.2\nvips_link_local_name: fe80::120.eth0\n",
		},
		{
			name: "virtual MAC", opt: usual(), wanted: Wanted{VMACs: []VMAC{vmac}},
			v4: "vmac_map: 7:2\n", v6: "parent_link_local: fe80::1.vrrp.51\nvmac_map: 7:2\nvmac_set: 7\n",
		},
		{
			name: "virtual MAC by index, without IGMP rule", opt: byIndex,
			wanted: Wanted{VMACs: []VMAC{{Name: "vrrp.51", Index: 7, Base: 2, IPv4: true, IPv6: true, BaseLinkLocal: addr("fe80::1"), IGMPAllowed: true}}},
			v6:     "parent_link_local: fe80::1.7\nvmac_map: 7:2\nvmac_set: 7\n",
		},
		{
			name: "virtual MAC, kernel without copies", opt: Options{NoCopies: true}, wanted: Wanted{VMACs: []VMAC{vmac}},
			v4: "vmac_set: 7\n", v6: "parent_link_local: fe80::1.vrrp.51\nvmac_set: 7\n",
		},
		{
			name: "base without link-local address", opt: usual(),
			wanted: Wanted{VMACs: []VMAC{{Name: "vrrp6.5", Index: 7, Base: 2, IPv6: true}}},
			v6:     "parent_link_local:\nvmac_map: 7:2\nvmac_set: 7\n",
		},
	} {
		got := images(&tt.wanted, &tt.opt)
		if diff := cmp.Diff([]string{tt.v4, tt.v6}, []string{got[0].Text(), got[1].Text()}); diff != "" {
			t.Errorf("%s: wanted (-) and got (+):\n%s", tt.name, diff)
		}
	}
}

// bench is a namespace with an interface and what nft says of it.
type bench struct {
	t  *testing.T
	ns *nettest.NS
	w  *Firewall
}

func newBench(t *testing.T, o Options) *bench {
	nettest.Require(t)
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("needs Debian's nftables, see scripts/setup")
	}
	return &bench{t: t, ns: nettest.NewT(t, "fw"), w: New(o)}
}

func (b *bench) apply(w Wanted) {
	b.t.Helper()
	if err := b.ns.Do(func() error { return b.w.Apply(&w) }); err != nil {
		b.t.Fatal(err)
	}
}

// nft runs a command of nft in the namespace.
func (b *bench) nft(args ...string) string {
	b.t.Helper()
	var out strings.Builder
	c := exec.Command("nft", args...)
	c.Stdout, c.Stderr = &out, &out
	p, err := b.ns.Start(c)
	if err == nil {
		err = p.Wait()
	}
	if err != nil {
		b.t.Fatalf("nft %v: %v\n%s", args, err, &out)
	}
	return out.String()
}

// want compares what the kernel has with a text, white space aside.
func (b *bench) want(text string) {
	b.t.Helper()
	words := func(s string) []string {
		var all []string
		for line := range strings.Lines(s) {
			if line = strings.Join(strings.Fields(line), " "); line != "" {
				all = append(all, line)
			}
		}
		return all
	}
	if diff := cmp.Diff(words(text), words(b.nft("list", "ruleset"))); diff != "" {
		b.t.Errorf("wanted (-) and got (+):\n%s", diff)
	}
}

// TestNoAccept is the state for a Master of both families, then for a Backup.
func TestNoAccept(t *testing.T) {
	b := newBench(t, usual())
	b.want("")
	drops := []Drop{
		{Addr: addr("192.0.2.110")},
		{Addr: addr("192.0.2.111")},
		{Addr: addr("2001:db8::110")},
		{Addr: addr("fe80::110"), Index: 1},
		{Addr: addr("fe80::120"), Name: "lo"},
	}
	b.apply(Wanted{Drops: drops})
	const rules = `
	chain out {
		type filter hook output priority filter - 1; policy accept;
		icmpv6 type @neighbor-discovery accept
		ip6 saddr fe80::/10 goto out_link_local
		ip6 saddr @vips drop
	}
	chain in {
		type filter hook input priority filter - 1; policy accept;
		icmpv6 type @neighbor-discovery accept
		ip6 daddr fe80::/10 goto in_link_local
		ip6 daddr @vips drop
	}
	chain out_link_local {
		ip6 saddr . oif @vips_link_local drop
		ip6 saddr . oifname @vips_link_local_name drop
	}
	chain in_link_local {
		ip6 daddr . iif @vips_link_local drop
		ip6 daddr . iifname @vips_link_local_name drop
	}
}`
	const rules4 = `
	chain out {
		type filter hook output priority filter - 1; policy accept;
		ip saddr @vips drop
	}
	chain in {
		type filter hook input priority filter - 1; policy accept;
		ip daddr @vips drop
	}
}`
	const nd = `
	set neighbor-discovery {
		type icmpv6_type
		flags constant
		elements = { nd-neighbor-solicit,
			     nd-neighbor-advert }
	}`
	b.want(`
table ip keepalived {
	set vips {
		type ipv4_addr
		elements = { 192.0.2.110, 192.0.2.111 }
	}` + rules4 + `
table ip6 keepalived {
	set vips {
		type ipv6_addr
		elements = { 2001:db8::110 }
	}
	set vips_link_local {
		type ipv6_addr . iface_index
		elements = { fe80::110 . "lo" }
	}
	set vips_link_local_name {
		type ipv6_addr . ifname
		elements = { fe80::120 . "lo" }
	}` + nd + rules)

	// Twice the same is nothing, and a Backup has empty sets.
	b.apply(Wanted{Drops: drops})
	b.apply(Wanted{Drops: drops[1:2]})
	b.want(`
table ip keepalived {
	set vips {
		type ipv4_addr
		elements = { 192.0.2.111 }
	}` + rules4 + `
table ip6 keepalived {
	set vips {
		type ipv6_addr
	}
	set vips_link_local {
		type ipv6_addr . iface_index
	}
	set vips_link_local_name {
		type ipv6_addr . ifname
	}` + nd + rules)
	if err := b.ns.Do(b.w.Close); err != nil {
		t.Fatal(err)
	}
	b.want("")
}

// TestVMAC is what virtual MAC interfaces need, with counters and another name.
// The values of the maps are interface 1 in the byte order of the machine, which
// nft is not told.
func TestVMAC(t *testing.T) {
	b := newBench(t, Options{Table: "mytable", Priority: -5, Counters: true})
	m := VMAC{Name: "lo", Index: 1, Base: 1, IPv4: true, IPv6: true, BaseLinkLocal: addr("fe80::1")}
	b.apply(Wanted{VMACs: []VMAC{m}})
	b.want(`
table ip mytable {
	map vmac_map {
		type iface_index : iface_index
		elements = { "lo" : 16777216 }
	}
	chain out {
		type filter hook output priority filter - 5; policy accept;
		ip protocol igmp meta oifkind "macvlan" dup to ip daddr device oif map @vmac_map counter packets 0 bytes 0 drop
	}
}
table ip6 mytable {
	map vmac_map {
		type iface_index : iface_index
		elements = { "lo" : 16777216 }
	}
	set parent_link_local {
		type ipv6_addr . ifname
		elements = { fe80::1 . "lo" }
	}
	set vmac_set {
		type iface_index
		elements = { "lo" }
	}
	set mld-report {
		type icmpv6_type
		flags constant
		elements = { mld-listener-report,
			     mld2-listener-report }
	}
	chain out {
		type filter hook output priority filter - 5; policy accept;
		icmpv6 type nd-neighbor-advert meta oifkind "macvlan" ip6 saddr . oifname @parent_link_local counter packets 0 bytes 0 drop
		icmpv6 type @mld-report meta oifkind "macvlan" dup to ip6 daddr device oif map @vmac_map counter packets 0 bytes 0 drop
		icmpv6 type nd-router-solicit meta oifkind "macvlan" oif @vmac_set counter packets 0 bytes 0 drop
	}
}`)
	// Addresses come later: their rules follow, and the others stay before them.
	b.apply(Wanted{VMACs: []VMAC{m}, Drops: []Drop{{Addr: addr("192.0.2.110")}, {Addr: addr("2001:db8::1")}}})
	text := b.nft("list", "ruleset")
	if strings.Index(text, "nd-router-solicit") > strings.Index(text, "@neighbor-discovery counter") {
		t.Errorf("neighbour discovery is let through too early:\n%s", text)
	}
}

// TestVMACWithoutCopies is what there is on a kernel that cannot send copies.
func TestVMACWithoutCopies(t *testing.T) {
	o := usual()
	o.NoCopies = true
	b := newBench(t, o)
	b.apply(Wanted{VMACs: []VMAC{{Name: "lo", Index: 1, Base: 1, IPv4: true, IPv6: true, BaseLinkLocal: addr("fe80::1")}}})
	text := b.nft("list", "ruleset")
	for _, rule := range []string{
		`ip protocol igmp meta oifkind "macvlan" oif @vmac_set drop`,
		`icmpv6 type @mld-report meta oifkind "macvlan" oif @vmac_set drop`,
	} {
		if !strings.Contains(text, rule) {
			t.Errorf("no %s in:\n%s", rule, text)
		}
	}
}

// TestLeftoversAndFlushes: what a crashed run left is replaced, and what somebody
// else flushed comes back with the next change.
func TestLeftoversAndFlushes(t *testing.T) {
	b := newBench(t, usual())
	b.nft("add table ip keepalived; add chain ip keepalived stale; add table ip6 keepalived; add table ip other")
	b.apply(Wanted{Drops: []Drop{{Addr: addr("192.0.2.110")}}})
	text := b.nft("list", "ruleset")
	if strings.Contains(text, "stale") || strings.Contains(text, "table ip6") || !strings.Contains(text, "table ip other") {
		t.Errorf("got:\n%s", text)
	}
	b.nft("flush", "ruleset")
	b.apply(Wanted{Drops: []Drop{{Addr: addr("192.0.2.110")}, {Addr: addr("192.0.2.111")}}})
	if text := b.nft("list", "ruleset"); !strings.Contains(text, "192.0.2.110, 192.0.2.111") {
		t.Errorf("got:\n%s", text)
	}
	b.nft("delete element ip keepalived vips { 192.0.2.110 }")
	b.apply(Wanted{})
	if text := b.nft("list", "ruleset"); strings.Contains(text, "192.0.2") {
		t.Errorf("got:\n%s", text)
	}
	if found, err := b.clean(); !found || err != nil {
		t.Errorf("clean: %v, %v", found, err)
	}
	if found, err := b.clean(); found || err != nil {
		t.Errorf("clean again: %v, %v", found, err)
	}
}

func (b *bench) clean() (found bool, err error) {
	err = b.ns.Do(func() error {
		found, err = b.w.Clean()
		return err
	})
	return found, err
}

// TestPacketsAreDropped asks a service under an address that is let through and
// one that is not.
func TestPacketsAreDropped(t *testing.T) {
	b := newBench(t, usual())
	lo, err := b.ns.Handle().LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range []string{"192.0.2.1/32", "192.0.2.110/32"} {
		x, err := netlink.ParseAddr(a)
		if err == nil {
			err = b.ns.Handle().AddrAdd(lo, x)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := b.ns.Handle().LinkSetUp(lo); err != nil {
		t.Fatal(err)
	}
	dial := func(a string) error {
		return b.ns.Do(func() error {
			l, err := net.Listen("tcp4", "0.0.0.0:0")
			if err != nil {
				return err
			}
			defer l.Close()
			_, port, _ := net.SplitHostPort(l.Addr().String())
			c, err := net.DialTimeout("tcp4", net.JoinHostPort(a, port), 200*time.Millisecond)
			if err != nil {
				return err
			}
			return c.Close()
		})
	}
	b.apply(Wanted{Drops: []Drop{{Addr: addr("192.0.2.110")}}})
	if err := dial("192.0.2.1"); err != nil {
		t.Errorf("own address: %v", err)
	}
	if err := dial("192.0.2.110"); err == nil {
		t.Error("packets for the virtual address are let through")
	}
	b.apply(Wanted{})
	if err := dial("192.0.2.110"); err != nil {
		t.Errorf("after release: %v", err)
	}
}
