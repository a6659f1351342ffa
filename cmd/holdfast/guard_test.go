package main

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// run runs a command on the node and returns what it prints.
func (n *node) run(name string, args ...string) string {
	n.t.Helper()
	if _, err := exec.LookPath(name); err != nil {
		n.t.Skipf("needs %s: %v", name, err)
	}
	var out output
	c := exec.Command(name, args...)
	c.Stdout, c.Stderr = &out, &out
	p, err := n.ns.Start(c)
	if err != nil {
		n.t.Fatal(err)
	}
	<-p.Done()
	if err := p.Wait(); err != nil {
		n.t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, &out)
	}
	return out.String()
}

// ip runs the tool with a line of arguments.
func (n *node) ip(line string) string {
	n.t.Helper()
	return n.run("ip", strings.Fields(line)...)
}

// changing are the parts of a dump that change by themselves, kernels the routes
// that the kernel adds in its own time.
var (
	changing = regexp.MustCompile(`(expires|valid_lft|preferred_lft) \d+sec| tentative`)
	kernels  = regexp.MustCompile(`(?m)^.* proto kernel .*\n`)
)

// dump is everything that routing depends on.
func (n *node) dump() string {
	n.t.Helper()
	var b strings.Builder
	for _, line := range []string{
		"-d addr", "-d route show table all", "-d rule", "-6 -d route show table all", "-6 -d rule",
	} {
		b.WriteString(kernels.ReplaceAllString(changing.ReplaceAllString(n.ip(line), "$1"), ""))
	}
	return b.String()
}

// shows waits until the tool shows a line with the text, or no longer does.
func (n *node) shows(line, text string, there bool) time.Duration {
	n.t.Helper()
	begun := time.Now()
	nettest.WaitFor(n.t, 15*time.Second, func() bool { return strings.Contains(n.ip(line), text) == there },
		fmt.Sprintf("ip %s: %q %v", line, text, there))
	return time.Since(begun)
}

// second makes an interface eth1 with an address.
func (n *node) second() {
	n.t.Helper()
	n.ip("link add eth1 type veth peer name to-eth1")
	n.ip("link set to-eth1 up")
	n.ip("link set eth1 up")
	n.ip("addr add 198.51.100.1/24 dev eth1")
	nettest.WaitFor(n.t, 5*time.Second, func() bool {
		l, err := n.ns.Handle().LinkByName("eth1")
		return err == nil && l.Attrs().OperState == netlink.OperUp
	}, "eth1 up")
}

// theft is what somebody does with the tool, what the log says of it, and of
// whom.
type theft struct{ do, says, by string }

// The kernel does not tell who changes IPv6 addresses.
var thefts = map[string][]theft{
	"addresses": {
		{"addr del 192.0.2.100/24 dev eth0", "address 192.0.2.100/24 on eth0 was removed", "ip (process "},
		{"addr change 192.0.2.100/24 dev eth0 valid_lft 100 preferred_lft 50", "address 192.0.2.100/24 on eth0 was changed", "ip (process "},
		{"addr del 2001:db8::100/64 dev eth0", "address 2001:db8::100/64 on eth0 was removed", "another program"},
		{"addr change 2001:db8::100/64 dev eth0 preferred_lft 0", "address 2001:db8::100/64 on eth0 was changed", "another program"},
		{"addr del 203.0.113.5/24 dev eth0", "Restoring deleted static address 203.0.113.5/24", "ip (process "},
	},
	"routes and rules": {
		{"route del 10.0.0.0/8 via 192.0.2.1 proto 18", "route 10.0.0.0/8 src 192.0.2.100 via 192.0.2.1 dev eth0 was removed", "ip (process "},
		{"route del 10.1.0.0/16 table 100 metric 5", "route 10.1.0.0/16", "ip (process "},
		{"route replace 10.1.0.0/16 via 192.0.2.1 dev eth0 table 100 metric 5 mtu 1200 proto 18", "mtu 1400 was changed", "ip (process "},
		{"-6 route del 2001:db8:5::/64", "route 2001:db8:5::/64 via 2001:db8::2 dev eth0 was removed", "ip (process "},
		{"-6 route replace 2001:db8:5::/64 via 2001:db8::3 dev eth0 proto static", "route 2001:db8:5::/64 via 2001:db8::2 dev eth0 was removed", "ip (process "},
		{"rule del priority 500", "rule 500: from 192.0.2.100/32 lookup 100 was removed", "ip (process "},
		{"-6 rule del priority 501", "rule inet6 501: from all to 2001:db8:6::/64 lookup 100 was removed", "ip (process "},
		{"route del 172.16.0.0/12", "Restoring deleted static route 172.16.0.0/12", "ip (process "},
		{"rule del priority 600", "Restoring deleted static rule 600:", "ip (process "},
	},
}

// Whatever somebody else takes from a MASTER is put back without a transition.
func TestGuardian(t *testing.T) {
	nettest.Require(t)
	for name, list := range thefts {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			lan := nettest.NewLANT(t, 1, nettest.Options{})
			n := newNode(t, lan.Node(1), statics+fast("VI_1", 51, 100, routed, vip+"/24")).start()
			n.waitLog("Entering MASTER STATE")
			n.shows("rule", "502:", true)
			before := n.dump()
			cap := lan.CaptureT(t)
			begun := time.Now()
			for _, x := range list {
				n.suffers(x, before)
			}
			if got := n.out.count("Entering MASTER STATE"); got != 1 {
				t.Errorf("MASTER entered %d times, want once", got)
			}
			if got := longestSilence(cap.Adverts(), begun, time.Now(), lan.Prefix4(1).Addr()); got > 400*time.Millisecond {
				t.Errorf("silent for %v", got)
			}
			for _, a := range cap.Adverts() {
				if a.Priority == 0 {
					t.Error("an advert of priority 0")
				}
			}
			n.signal(syscall.SIGUSR2)
			nettest.WaitFor(t, 5*time.Second, func() bool {
				text, _ := os.ReadFile(n.path("keepalived.stats"))
				return strings.Contains(string(text), "Put back what others removed: ")
			}, "the count in the statistics")
		})
	}
}

// suffers lets a theft happen, and waits until all is as before and the log says
// what there is to say.
func (n *node) suffers(x theft, before string) {
	n.t.Helper()
	seen := len(n.out.String())
	n.ip(x.do)
	stolen := time.Now()
	nettest.WaitFor(n.t, 10*time.Second, func() bool { return n.dump() == before }, "everything back after ip "+x.do)
	n.t.Logf("ip %s: seen back after %v", x.do, time.Since(stolen))
	line := ""
	nettest.WaitFor(n.t, 5*time.Second, func() bool {
		for l := range strings.Lines(n.out.String()[seen:]) {
			if strings.Contains(l, x.says) {
				line = l
			}
		}
		return line != ""
	}, "the log to say "+x.says)
	// The program may have ended before it could be asked for its name.
	if !strings.Contains(line, x.by) && !strings.Contains(line, "which has ended") {
		n.t.Errorf("ip %s: the log does not say that it was %q: %s", x.do, x.by, line)
	}
}

// What is not to be tracked stays away until it is wanted anew.
func TestGuardianLeavesWhatIsNotTracked(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), fast("VI_1", 51, 100, routed+"\nvirtual_ipaddress_excluded {\n192.0.2.103/24 no_track\n}\n", vip+"/24")).start()
	n.waitLog("Entering MASTER STATE")
	n.shows("rule", "502:", true)
	n.ip("route del 10.6.0.0/16")
	n.ip("rule del priority 502")
	n.ip("addr del 192.0.2.103/24 dev eth0")
	// Something that is tracked goes afterwards, and is back.
	n.ip("rule add from 203.0.113.0/24 table 7 priority 499")
	n.ip("rule add from 203.0.113.0/24 table 7 priority 500")
	n.ip("rule del from 192.0.2.100 priority 500")
	n.shows("rule", "500:	from 192.0.2.100", true)
	n.waitLog("rule 500: from 192.0.2.100/32 lookup 100 was removed")
	n.ip("addr del 2001:db8::100/64 dev eth0")
	n.waitLog("address 2001:db8::100/64 on eth0 was removed")
	if got := n.out.String(); strings.Contains(got, "10.6.0.0") || strings.Contains(got, "rule 502:") || strings.Contains(got, "192.0.2.103") {
		t.Error("the log tells of what is not tracked")
	}
}

// How long it takes, as the kernel tells it to a third party.
func TestGuardianIsQuick(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), fast("VI_1", 51, 100, routed, vip+"/24")).start()
	n.waitLog("Entering MASTER STATE")
	n.shows("rule", "502:", true)
	updates, done := make(chan netlink.AddrUpdate, 100), make(chan struct{})
	defer close(done)
	if err := n.ns.Do(func() error { return netlink.AddrSubscribe(updates, done) }); err != nil {
		t.Fatal(err)
	}
	var times []time.Duration
	for range 7 {
		n.ip("addr del 192.0.2.100/24 dev eth0")
		var gone time.Time
		for u := range updates {
			if u.LinkAddress.IP.String() != vip {
				continue
			}
			if u.NewAddr && !gone.IsZero() {
				times = append(times, time.Since(gone))
				break
			}
			gone = time.Now()
		}
	}
	// The machine may be busy for a moment, but not most of the time.
	slices.Sort(times)
	t.Logf("back after %v", times)
	if times[3] > 50*time.Millisecond {
		t.Errorf("back after %v, want 50ms at most", times)
	}
}

// Against somebody who does not give in there are pauses, and the log says so.
func TestGuardianFoughtOver(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), fast("VI_1", 51, 100, "", vip+"/24")).start()
	n.waitAddr(vip, true)
	for i := range 11 {
		n.ip("addr del 192.0.2.100/24 dev eth0")
		n.waitLogs("was removed by ", i+1)
		n.waitAddr(vip, true)
	}
	n.waitLog("put back 10 times within a minute")
	begun := time.Now()
	n.ip("addr del 192.0.2.100/24 dev eth0")
	n.waitAddr(vip, true)
	if took := time.Since(begun); took < time.Second {
		t.Errorf("put back after %v, want a pause", took)
	}
	if got := n.out.count("Entering MASTER STATE"); got != 1 {
		t.Errorf("MASTER entered %d times, want once", got)
	}
}

// Notifications that are lost are made up for.
func TestGuardianOverrun(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	const buffer = "global_defs {\n vrrp_netlink_monitor_rcv_bufs 4096\n}\n"
	n := newNode(t, lan.Node(1), buffer+statics+fast("VI_1", 51, 100, routed, vip+"/24")).start()
	n.waitLog("Entering MASTER STATE")
	n.shows("rule", "502:", true)
	before := n.dump()
	n.signal(syscall.SIGSTOP)
	lo, err := n.ns.Handle().LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3000 {
		a := &netlink.Addr{IPNet: netlink.NewIPNet(netip.AddrFrom4([4]byte{127, 1, byte(i >> 8), byte(i)}).AsSlice())}
		if err := n.ns.Handle().AddrAdd(lo, a); err != nil {
			t.Fatal(err)
		}
		if err := n.ns.Handle().AddrDel(lo, a); err != nil {
			t.Fatal(err)
		}
	}
	for _, line := range []string{
		"addr del 192.0.2.100/24 dev eth0", "route del 10.1.0.0/16 table 100", "rule del priority 500", "-6 rule del priority 501",
		"-6 route del 2001:db8:5::/64", "route del 172.16.0.0/12", "rule del priority 600",
	} {
		n.ip(line)
	}
	n.signal(syscall.SIGCONT)
	n.waitLog("receive buffer overrun")
	nettest.WaitFor(t, 15*time.Second, func() bool { return n.dump() == before }, "everything back")
	n.waitLog("was removed while notifications were lost")
}

// Instances of a track_group depend on what is static.
func TestTrackGroup(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), `
track_group TG {
    group {
        VI_1
    }
}
static_ipaddress {
    198.51.100.5/32 dev eth1 track_group TG
}
static_routes {
    172.16.0.0/12 via 198.51.100.9 dev eth1 track_group TG
    172.15.0.0/16 dev eth1 no_track
}
`+fast("VI_1", 51, 100, "", vip)+fast("VI_2", 52, 100, "", "192.0.2.101"))
	n.second()
	n.start()
	n.waitLogs("Entering MASTER STATE", 2)

	n.ip("link set eth1 down")
	n.waitLog("(VI_1) Entering FAULT STATE")
	n.shows("route", "172.16.0.0/12", false)
	n.ip("link set eth1 up")
	n.waitLogs("(VI_1) Entering MASTER STATE", 2)
	n.shows("route", "172.16.0.0/12", true)

	// Its gateway can no longer be reached: it cannot be put back.
	n.ip("addr del 198.51.100.1/24 dev eth1")
	n.ip("route del 172.16.0.0/12")
	n.waitLogs("(VI_1) Entering FAULT STATE", 2)
	n.waitLog("cause: static route 172.16.0.0/12 via 198.51.100.9 dev eth1 cannot be set")
	n.ip("addr add 198.51.100.1/24 dev eth1")
	n.waitLogs("(VI_1) Entering MASTER STATE", 3)
	n.shows("route", "172.16.0.0/12 via 198.51.100.9 dev eth1", true)
	if got := n.out.count("(VI_2) Entering FAULT"); got != 0 {
		t.Errorf("an instance that is not in the group went to FAULT %d times", got)
	}
	n.stop()
	if got := n.ip("route"); strings.Contains(got, "172.16.0.0/12") {
		t.Errorf("left behind:\n%s", got)
	}
}
