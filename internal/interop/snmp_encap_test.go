package interop_test

import (
	"encoding/binary"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
	"github.com/holdfast-ha/holdfast/internal/snmp/snmptest"
)

// encapConf has routes of all kinds of encapsulation, whether or not this kernel has
// them.
const encapConf = `
static_routes {
	198.51.100.0/24 via 192.0.2.9 dev eth0 encap ip id 7 dst 203.0.113.9 src 192.0.2.100 ttl 9 tos 4 flags 5
	198.51.101.0/24 via 192.0.2.9 dev eth0 encap ip dst 203.0.113.9
	198.51.102.0/24 via 192.0.2.9 dev eth0 encap ip id 4294967295
	198.51.103.0/24 via 192.0.2.9 dev eth0 encap ip id 0 tos 0 ttl 0 flags 0 dst 0.0.0.0 src 0.0.0.0
	198.51.104.0/24 via 192.0.2.9 dev eth0 encap mpls 100
	198.51.105.0/24 via 192.0.2.9 dev eth0 encap mpls 16/1048575
	198.51.106.0/24 via 192.0.2.9 dev eth0
	198.51.107.0/24 via 192.0.2.9 dev eth0 encap ip6 dst 2001:db8::9 id 12
	2001:db8:16::/64 via 2001:db8:2::1 dev eth0 encap ip6 id 7 dst 2001:db8::9 src 2001:db8::8 hoplimit 4 tc 3 flags 2
	2001:db8:17::/64 via 2001:db8:2::1 dev eth0 encap ip6 dst 2001:db8::9
	2001:db8:18::/64 via 2001:db8:2::1 dev eth0 encap ila 1:2:3:4
	2001:db8:19::/64 via 2001:db8:2::1 dev eth0 encap ila ffff:2:0:8004
	2001:db8:20::/64 via 2001:db8:2::1 dev eth0 encap ip id 9 dst 203.0.113.9
}
vrrp_instance V {
	interface eth0
	version 3
	virtual_router_id 51
	priority 120
	advert_int 0.2
	virtual_ipaddress {
		192.0.2.100
	}
	virtual_routes {
		203.0.112.0/24 nexthop via 192.0.2.9 dev eth0 realms 3/4 nexthop via 192.0.2.10 dev eth0 realms 5
		203.0.113.0/24 nexthop via 192.0.2.9 dev eth0 encap ip id 7 dst 203.0.113.9 src 192.0.2.100 ttl 9 tos 4 flags 5 nexthop via 192.0.2.10 dev eth0 encap mpls 16/17
		203.0.114.0/24 nexthop via 192.0.2.9 dev eth0 encap ip dst 203.0.113.9 nexthop via 192.0.2.10 dev eth0
		2001:db8:21::/64 nexthop via 2001:db8:2::1 dev eth0 encap ip6 dst 2001:db8::9 tc 3 nexthop via 2001:db8:2::2 dev eth0 encap ila 1:2:3:4
	}
}
`

// encapStory is what a master agent shows of a program's routes and next hops.
func encapStory(t *testing.T, program string) (walk []string) {
	t.Helper()
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	master := snmptest.Start(t, lan.Node(1))
	d, err := interop.Start(lan.Node(1), program, t.TempDir(), encapConf, "-x", "-A", master.Socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of %s:\n%s", program, d.Log())
		}
	})
	nettest.WaitFor(t, patience, func() bool { return d.State("V") == "MASTER" }, "V to be MASTER")
	for _, table := range []string{".2.7", ".2.11"} {
		root := ofMIBs[0] + table
		nettest.WaitFor(t, patience, func() bool { return len(master.Walk(root)) > 0 }, "routes by SNMP")
		walk = append(walk, master.Walk(root)...)
	}
	if err := d.Stop(); err != nil {
		t.Errorf("%s: %v", program, err)
	}
	return slices.DeleteFunc(walk, isSet.MatchString)
}

var (
	// isSet is whether a route is set, which 2.2.7 has from the kernel.
	isSet     = regexp.MustCompile(`\.5\.2\.7\.1\.14\.`)
	ofEncap   = regexp.MustCompile(`^(.*\.5\.2\.7\.1\.(46|47|54)\..* = \w+: )(.*)$`)
	hopEncaps = regexp.MustCompile(`\.5\.2\.11\.1(\.1\d\..*)$`)
)

// mended is an object of 2.2.7 as the MIB wants it: there, types are one more than
// EncapType, labels are what the kernel is sent, and locators have their bytes in the
// order of the network.
func mended(t *testing.T, line string) string {
	t.Helper()
	m := ofEncap.FindStringSubmatch(line)
	if m == nil {
		return line
	}
	number := func(s string) uint64 {
		n, err := strconv.ParseUint(s, 10, 64)
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		return n
	}
	swapped := func(size int, n uint64) uint64 {
		b := binary.LittleEndian.AppendUint64(nil, n)
		return binary.BigEndian.Uint64(append(make([]byte, 8-size), b[:size]...))
	}
	switch m[2] {
	case "46":
		return m[1] + fmt.Sprint(number(m[3])-1)
	case "54":
		return m[1] + fmt.Sprint(swapped(8, number(m[3])))
	}
	var labels []string
	for l := range strings.SplitSeq(strings.Trim(m[3], `"`), "/") {
		labels = append(labels, fmt.Sprint(swapped(4, number(l))>>12))
	}
	return m[1] + `"` + strings.Join(labels, "/") + `"`
}

// TestSNMPOfEncap: routes are shown as keepalived shows them, once its numbers are those
// of the MIB. It does not show how packets by a next hop are wrapped.
func TestSNMPOfEncap(t *testing.T) {
	needKeepalived(t)
	t.Parallel()
	want, got := encapStory(t, interop.Keepalived), encapStory(t, ours)
	for i, line := range want {
		want[i] = mended(t, line)
	}
	var hops []string
	got = slices.DeleteFunc(got, func(line string) bool {
		m := hopEncaps.FindStringSubmatch(line)
		if m != nil {
			hops = append(hops, m[1])
		}
		return m != nil
	})
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("(-keepalived +ours):\n%s", d)
	}
	if d := gocmp.Diff([]string{
		`.11.1.2.2 = STRING: "16/17"`, ".12.1.2.1 = Counter64: 7",
		".13.1.2.1 = Hex-STRING: CB 00 71 09", ".13.1.3.1 = Hex-STRING: CB 00 71 09",
		".13.1.4.1 = Hex-STRING: 20 01 0D B8 00 00 00 00 00 00 00 00 00 00 00 09",
		".14.1.2.1 = Hex-STRING: C0 00 02 64", ".15.1.2.1 = Gauge32: 4", ".15.1.4.1 = Gauge32: 3", ".16.1.2.1 = Gauge32: 9",
		".17.1.2.1 = Gauge32: 5", ".18.1.4.2 = Counter64: 281483566841860",
	}, hops); d != "" {
		t.Errorf("of next hops (-want +ours):\n%s", d)
	}
}
