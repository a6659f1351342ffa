package interop_test

import (
	"fmt"
	"os/exec"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// routing uses every word of routes and rules that this release of keepalived
// and most kernels have.
const routing = `
track_group TG {
	group {
		VI_1
	}
}
static_ipaddress {
	198.51.100.7/24 dev eth0 track_group TG
}
static_routes {
	203.0.113.0/24 via 198.51.100.9 dev eth0 metric 7 track_group TG
	2001:db8:aa::/64 via 2001:db8::9 dev eth0
	blackhole 10.99.0.0/16 no_track
	unreachable 2001:db8:bb::/64 metric 5 no_track
}
static_rules {
	from 10.1.0.0/16 table 200 priority 300
	to 2001:db8:5::/64 iif eth0 table 201 priority 301 track_group TG
}
vrrp_instance VI_1 {
	interface eth0
	virtual_router_id 51
	version 3
	advert_int 0.1
	virtual_ipaddress {
		192.0.2.100/24
	}
	virtual_ipaddress_excluded {
		2001:db8:2::10/64
	}
	virtual_routes {
		10.0.0.0/8 via 192.0.2.2 dev eth0
		src 192.0.2.100 10.1.0.0/16 via 192.0.2.2 dev eth0 metric 5 table 100
		10.2.0.0/16 dev eth0 scope link
		10.3.0.0/16 dev eth0 table 3000
		prohibit 10.4.0.0/16 metric 9 no_track
		throw 10.5.0.0/16 table 100 no_track
		10.6.0.0/16 via 192.0.2.2 dev eth0 mtu lock 1400 advmss 1300 rtt 300ms rttvar 1s rto_min 300ms reordering 5 window 1000 cwnd lock 10 ssthresh 20 initcwnd 12 initrwnd 13 hoplimit 33 features ecn quickack 1 fastopen_no_cookie 1 congctl cubic
		10.7.0.0/16 nexthop via 192.0.2.2 dev eth0 weight 3 nexthop via 192.0.2.3 dev eth0 weight 5 onlink no_track
		10.8.0.0/16 via 192.0.2.2 dev eth0 realms 5/6 tos 0x10
		10.8.0.0/16 via 192.0.2.2 dev eth0 protocol 99 no_track
		10.9.0.0/16 via 172.31.0.1 dev eth0 onlink
		10.10.0.0/16 via 192.0.2.2 dev eth0 encap ip id 7 dst 203.0.113.9 src 192.0.2.100 ttl 9 tos 4
		append 10.12.0.0/16 via 192.0.2.2 dev eth0
		append 10.12.0.0/16 via 192.0.2.3 dev eth0
		add 10.13.0.0/16 via 192.0.2.2 dev eth0
		10.14.0.0/16 via 192.0.2.2 dev eth0 ttl-propagate enabled
		default via 192.0.2.2 dev eth0 metric 50
		2001:db8:10::/64 via 2001:db8:2::1 dev eth0
		2001:db8:11::/64 via 2001:db8:2::1 dev eth0 metric 7 pref high expires 3600
		2001:db8:12::/64 dev eth0 mtu 1300 hoplimit 3
		2001:db8:13::/64 from 2001:db8:2::/64 via 2001:db8:2::1 dev eth0
		2001:db8:14::/64 nexthop via 2001:db8:2::1 dev eth0 weight 2 nexthop via 2001:db8:2::2 dev eth0
		blackhole 2001:db8:15::/64 no_track
		2001:db8:16::/64 via 2001:db8:2::1 dev eth0 encap ip6 id 7 dst 2001:db8::9 hoplimit 4 tc 3
		append 2001:db8:17::/64 via 2001:db8:2::1 dev eth0
		append 2001:db8:17::/64 via 2001:db8:2::2 dev eth0
		default6 via 2001:db8:2::1 dev eth0 metric 51
		local 10.20.0.2 dev eth0 scope host table local
		broadcast 10.20.0.255 dev eth0 scope link
	}
	virtual_rules {
		from 10.7.0.0/16 to 10.8.0.0/16 table 200 priority 400
		to 10.9.0.0/16 tos 0x08 fwmark 0x10/0xff iif eth0 table 100 priority 401
		from 10.10.0.0/16 blackhole priority 402 no_track
		from 10.11.0.0/16 prohibit priority 403
		unreachable to 10.12.0.0/16 priority 404
		from 10.12.0.0/16 goto 1000 priority 405
		from 10.13.0.0/16 nop priority 406
		from 10.1.0.0/16 table 200
		not from 10.14.0.0/16 oif eth0 table 100 realms 3/4 suppress_prefixlength 8 suppress_ifgroup 5 priority 407
		uidrange 10-20 ipproto tcp sport 53-53 dport 100-200 table 100 priority 408
		from 2001:db8:5::/64 table 100 priority 409 fwmark 5
		to 2001:db8:6::/64 l3mdev priority 410
		l3mdev priority 411
		tunnel-id 77 table 100 priority 412
		from 10.15.0.0/16 table 100 priority 413 protocol 99 no_track
	}
}
`

// tool runs ip in a namespace.
func tool(t *testing.T, node *nettest.NS, line string) string {
	t.Helper()
	needTool(t, "ip")
	var out strings.Builder
	c := exec.Command("ip", strings.Fields(line)...)
	c.Stdout, c.Stderr = &out, &out
	p, err := node.Start(c)
	if err != nil {
		t.Fatal(err)
	}
	if <-p.Done(); p.Wait() != nil {
		t.Fatalf("ip %s: %v\n%s", line, p.Wait(), &out)
	}
	return out.String()
}

// What runs down, and what the kernel adds in its own time.
var (
	expiring = regexp.MustCompile(`expires \d+sec`)
	kernels  = regexp.MustCompile(`(?m)^.* proto kernel .*\n`)
)

// tables are all routes and rules of a namespace.
func tables(t *testing.T, node *nettest.NS) string {
	t.Helper()
	all := ""
	for _, line := range []string{"-4 -d route show table all", "-6 -d route show table all", "-4 -d rule", "-6 -d rule"} {
		all += tool(t, node, line)
	}
	return expiring.ReplaceAllString(kernels.ReplaceAllString(all, ""), "expires N")
}

// The same configuration gives the same routes and rules, and leaves none.
func TestRoutes(t *testing.T) {
	needKeepalived(t)
	during, left, data := map[string]string{}, map[string]string{}, map[string]string{}
	for _, program := range []string{interop.Keepalived, ours} {
		lan := nettest.NewLANT(t, 1, nettest.Options{})
		node := lan.Node(1)
		before := tables(t, node)
		c := dumpCase{states: map[string]string{"VI_1": "MASTER"}}
		d := c.start(t, node, program, fmt.Sprintf(dumpGlobals, 3)+routing)
		nettest.WaitFor(t, patience, func() bool { return strings.Contains(tool(t, node, "rule"), "413:") }, "the last rule")
		during[program] = tables(t, node)
		data[program] = dumps(t, d)["keepalived.data"]
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
		if left[program] = tables(t, node); program == ours && left[program] != before {
			t.Errorf("left behind (-before +after):\n%s", cmp.Diff(before, left[program]))
		}
	}
	if d := cmp.Diff(strings.Split(during[interop.Keepalived], "\n"), strings.Split(during[ours], "\n")); d != "" {
		t.Errorf("routes and rules (-keepalived +ours):\n%s", d)
	}
	want, got := sameRelease(routesOf(data[interop.Keepalived])), sameRelease(routesOf(data[ours]))
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("keepalived.data (-keepalived +ours):\n%s", d)
	}
}

var (
	installed = regexp.MustCompile(` \[installed ifindex \d+\]`)
	untracked = regexp.MustCompile(`(?m)^(     prepend .* nexthop .*) no_track$`)
)

// routesOf is what a data file says of routes and rules, without what only 2.2.7
// has: it does not track a route without an interface.
func routesOf(data string) string {
	data = untracked.ReplaceAllString(installed.ReplaceAllString(data, ""), "$1")
	_, static, _ := strings.Cut(data, "------< Static Addresses >------")
	static, rest, _ := strings.Cut(static, "------< VRRP Topology >------")
	_, virtual, _ := strings.Cut(rest, "   Virtual Routes :")
	virtual, _, _ = strings.Cut(virtual, "   Using smtp")
	return static + virtual
}

// What is taken from a master is a hand-over for keepalived, and for us when we
// are asked to be as strict.
func TestTheftStrict(t *testing.T) {
	needKeepalived(t)
	sequence := map[string]string{}
	for _, program := range []string{interop.Keepalived, ours} {
		node := nettest.NewLANT(t, 1, nettest.Options{}).Node(1)
		var args []string
		if program == ours {
			args = []string{"--strict-compat"}
		}
		d, err := interop.Start(node, program, t.TempDir(), fmt.Sprintf(dumpGlobals, 3)+routing, args...)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			if t.Failed() {
				t.Logf("log of %s:\n%s", program, d.Log())
			}
		})
		ready := func(times int) {
			t.Helper()
			nettest.WaitFor(t, patience, func() bool {
				return d.LogLines("(VI_1) Entering MASTER STATE") >= times && strings.Contains(tool(t, node, "rule"), "413:") &&
					strings.Contains(tool(t, node, "route"), "10.12.0.0/16") && strings.Contains(tool(t, node, "addr"), "192.0.2.100/24")
			}, fmt.Sprintf("MASTER with everything, %d times", times))
		}
		ready(1)
		for i, line := range []string{
			"addr del 192.0.2.100/24 dev eth0", "route del 10.2.0.0/16", "rule del priority 400", "-6 rule del priority 409",
			"-6 route del 2001:db8:11::/64", "addr del 2001:db8:2::10/64 dev eth0",
		} {
			tool(t, node, line)
			ready(i + 2)
		}
		// Neither what has no_track nor what is static is a reason.
		tool(t, node, "rule del priority 402")
		tool(t, node, "route del 203.0.113.0/24")
		tool(t, node, "rule del priority 300")
		nettest.WaitFor(t, patience, func() bool {
			return strings.Contains(tool(t, node, "route"), "203.0.113.0/24") && strings.Contains(tool(t, node, "rule"), "300:")
		}, "what is static to be back")
		sequence[program] = strings.Join(transition.FindAllString(d.Log(), -1), "\n")
		if err := d.Stop(); err != nil {
			t.Error(err)
		}
	}
	if d := cmp.Diff(sequence[interop.Keepalived], sequence[ours]); d != "" {
		t.Errorf("transitions (-keepalived +ours):\n%s", d)
	}
}

var transition = regexp.MustCompile(`\(VI_1\) Entering .* STATE`)
