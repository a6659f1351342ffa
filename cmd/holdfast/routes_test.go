package main

import (
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

const routed = `
virtual_routes {
    10.0.0.0/8 via 192.0.2.1 dev eth0 src 192.0.2.100
    10.1.0.0/16 via 192.0.2.1 dev eth0 metric 5 mtu 1400 table 100
    blackhole 10.2.0.0/16
    append 10.3.0.0/16 via 192.0.2.1 dev eth0
    append 10.3.0.0/16 via 192.0.2.2 dev eth0
    10.4.0.0/16 nexthop via 192.0.2.1 dev eth0 nexthop via 192.0.2.2 dev eth0 nexthop via 192.0.2.3 dev eth0 nexthop via 192.0.2.4 dev eth0 nexthop via 192.0.2.5 dev eth0 nexthop via 192.0.2.6 dev eth0 nexthop via 192.0.2.7 dev eth0 nexthop via 192.0.2.8 dev eth0 nexthop via 192.0.2.9 dev eth0 nexthop via 192.0.2.11 dev eth0 nexthop via 192.0.2.12 dev eth0 nexthop via 192.0.2.13 dev eth0
    2001:db8:5::/64 via 2001:db8::2 dev eth0
    10.6.0.0/16 via 192.0.2.1 dev eth0 no_track
}
virtual_rules {
    from 192.0.2.100 table 100 priority 500
    to 2001:db8:6::/64 table 100 priority 501
    from 10.9.0.0/16 table 100 priority 502 no_track
}
virtual_ipaddress_excluded {
    2001:db8::100/64
}
`

const statics = `
static_ipaddress {
    203.0.113.5/24 dev eth0
}
static_routes {
    172.16.0.0/12 via 203.0.113.9 dev eth0
    2001:db8:7::/64 via 2001:db8::9 dev eth0
}
static_rules {
    from 203.0.113.0/24 table 101 priority 600
}
`

// What was there before is all that is there afterwards, however it ended.
func TestRoutesAndRulesBeforeAndAfter(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	conf := statics + fast("VI_1", 51, 100, routed, vip+"/24")
	n := newNode(t, lan.Node(1), conf)
	before := n.dump()
	up := func(n *node) {
		n.start()
		n.waitLog("Entering MASTER STATE")
		n.shows("rule", "502:", true)
		for _, want := range []string{
			"10.0.0.0/8 via 192.0.2.1 dev eth0 proto keepalived src 192.0.2.100",
			"10.1.0.0/16 via 192.0.2.1 dev eth0 table 100 proto keepalived metric 5 mtu 1400",
			"blackhole 10.2.0.0/16 proto keepalived",
			"nexthop via 192.0.2.13 dev eth0 weight 1",
			"2001:db8:5::/64 via 2001:db8::2 dev eth0 proto keepalived metric 1024",
			"172.16.0.0/12 via 203.0.113.9 dev eth0 proto keepalived",
			"2001:db8:7::/64 via 2001:db8::9 dev eth0 proto keepalived",
		} {
			if !strings.Contains(n.ip("route show table all"), want) {
				t.Errorf("no route %q", want)
			}
		}
		for _, want := range []string{"500:	from 192.0.2.100 lookup 100 proto keepalived", "600:	from 203.0.113.0/24 lookup 101 proto keepalived"} {
			if !strings.Contains(n.ip("rule"), want) {
				t.Errorf("no rule %q", want)
			}
		}
	}
	up(n)
	n.stop()
	if after := n.dump(); after != before {
		t.Errorf("after SIGTERM:\n%s\nbefore:\n%s", after, before)
	}

	up(n)
	n.signal(syscall.SIGKILL)
	<-n.proc.Done()
	for _, f := range []string{"pid", "vrrp.pid"} {
		_ = os.Remove(n.path(f))
	}
	again := newNode(t, n.ns, conf).start()
	again.waitLog("Entering BACKUP STATE (init)")
	if got := again.ip("route show table all") + again.ip("rule"); strings.Contains(got, "10.0.0.0/8") || strings.Contains(got, "500:") {
		t.Errorf("a BACKUP has what a crash has left:\n%s", got)
	}
	again.stop()
	if after := again.dump(); after != before {
		t.Errorf("after SIGKILL, start and SIGTERM:\n%s\nbefore:\n%s", after, before)
	}
}

// A reload touches only what is different, and takes away before it adds.
func TestReloadOfRoutes(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	conf := func(routes, rules, static string) string {
		return "static_routes {\n" + static + "\n}\n" +
			fast("VI_1", 51, 100, "virtual_routes {\n"+routes+"\n}\nvirtual_rules {\n"+rules+"\n}\n", vip+"/24")
	}
	n := newNode(t, lan.Node(1), conf("10.0.0.0/8 via 192.0.2.1 dev eth0\n10.1.0.0/16 via 192.0.2.1 dev eth0",
		"from 10.0.0.0/8 table 100 priority 500\nfrom 10.1.0.0/16 table 100 priority 501", "172.16.0.0/12 via 192.0.2.9 dev eth0")).start()
	n.waitLog("Entering MASTER STATE")
	n.shows("rule", "501:", true)
	updates, done := make(chan netlink.RouteUpdate, 100), make(chan struct{})
	defer close(done)
	if err := n.ns.Do(func() error { return netlink.RouteSubscribe(updates, done) }); err != nil {
		t.Fatal(err)
	}
	n.reload(conf("10.0.0.0/8 via 192.0.2.1 dev eth0\n10.1.0.0/16 via 192.0.2.2 dev eth0\n172.16.0.0/12 via 192.0.2.9 dev eth0",
		"from 10.0.0.0/8 table 100 priority 500\nfrom 10.1.0.0/16 table 101 priority 501", "10.2.0.0/16 via 192.0.2.9 dev eth0"))
	n.shows("route", "10.2.0.0/16 via 192.0.2.9", true)
	n.shows("rule", "501:	from 10.1.0.0/16 lookup 101", true)
	var events []string
	for drained := false; !drained; {
		select {
		case u := <-updates:
			word := "+"
			if u.Type == syscall.RTM_DELROUTE {
				word = "-"
			}
			events = append(events, word+u.Dst.String())
		default:
			drained = true
		}
	}
	if len(events) > 2 {
		slices.Sort(events[2:]) // instances and what is static do not wait for each other
	}
	want := "-172.16.0.0/12 -10.1.0.0/16 +10.1.0.0/16 +10.2.0.0/16 +172.16.0.0/12"
	if got := strings.Join(events, " "); got != want {
		t.Errorf("changes %q, want %q", got, want)
	}
	for _, text := range []string{"10.0.0.0/8 via 192.0.2.1", "10.1.0.0/16 via 192.0.2.2", "172.16.0.0/12 via 192.0.2.9"} {
		if !strings.Contains(n.ip("route"), text) {
			t.Errorf("no route %s", text)
		}
	}
	if got := n.out.count("Entering"); got != 2 {
		t.Errorf("%d transitions, want BACKUP and MASTER only", got)
	}
}

// What this kernel cannot do costs neither the address nor the other routes, and
// is said once.
func TestRouteThatCannotBeSet(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), fast("VI_1", 51, 100, `
virtual_routes {
    10.0.0.0/8 via 192.0.2.1 dev eth0 encap ila 1:2:3:4
    10.1.0.0/16 via 172.31.0.1 dev eth0
    10.2.0.0/16 via 192.0.2.1 dev eth0
    10.3.0.0/16 via 192.0.2.1 dev eth0 src 172.31.0.77
}
`, vip+"/24")).start()
	n.waitAddr(vip, true)
	n.shows("route", "10.2.0.0/16", true)
	n.waitLog("add route 10.1.0.0/16 via 172.31.0.1 dev eth0: ")
	n.waitLog("add route 10.0.0.0/8 encap ila 1000200030004 via 192.0.2.1 dev eth0: ")
	// It can be set once its gateway can be reached.
	n.ip("addr add 172.31.0.9/24 dev eth0")
	n.shows("route", "10.1.0.0/16", true)
	// It comes and goes with an address of somebody else, of which the kernel says
	// nothing.
	n.waitLog("add route 10.3.0.0/16 src 172.31.0.77 ")
	n.ip("addr add 172.31.0.77/32 dev eth0")
	n.shows("route", "10.3.0.0/16", true)
	n.ip("addr del 172.31.0.77/32 dev eth0")
	n.waitLog("route 10.3.0.0/16 src 172.31.0.77 via 192.0.2.1 dev eth0 was removed by ")
	n.ip("addr add 172.31.0.77/32 dev eth0")
	n.shows("route", "10.3.0.0/16", true)
	if got := n.out.count("add route 10.0.0.0/8"); got > 2 {
		t.Errorf("said %d times:\n%s", got, n.out)
	}
	mustHold(t, n, vip)
}

// What two instances hold stays when one of them gives it up.
func TestRouteThatTwoHold(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	shared := "virtual_routes {\n10.0.0.0/8 via 192.0.2.1 dev eth0\n}\nvirtual_rules {\nfrom 10.0.0.0/8 table 100 priority 500\n}\n"
	one, two := fast("VI_1", 51, 100, shared, vip), fast("VI_2", 52, 100, shared, "192.0.2.101")
	n := newNode(t, lan.Node(1), one+two).start()
	n.waitLogs("Entering MASTER STATE", 2)
	n.shows("rule", "500:", true)
	n.reload(two)
	n.waitLog("went with something that was removed here")
	n.shows("rule", "500:", true)
	n.shows("route", "10.0.0.0/8", true)
	n.reload(fast("VI_2", 52, 100, "", "192.0.2.101"))
	n.shows("rule", "500:", false)
	n.shows("route", "10.0.0.0/8", false)
}
