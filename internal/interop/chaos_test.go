package interop_test

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

var (
	chaosFor  = flag.Duration("chaos.for", 15*time.Second, "how long to disturb the network of the chaos test")
	chaosSeed = flag.Uint64("chaos.seed", 0, "what its disturbances are chosen from; 0: the time of day")
)

// TestChaos disturbs three nodes at random, one of them with keepalived: kills,
// stops, freezes, pulled cables, stolen addresses, lost source addresses,
// failing checks, reloads. Then it lets them be, and one node has to hold every
// address, the one with the highest priority; and nothing that was opened,
// started or set on the way may be left.
func TestChaos(t *testing.T) {
	needKeepalived(t)
	needScripts(t)
	test := needTool(t, "test")
	inputs()
	seed := *chaosSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	c := newChaos(t, seed, test)
	defer func() {
		if t.Failed() {
			t.Logf("again: go test ./internal/interop -run TestChaos -chaos.for=%v -chaos.seed=%d", *chaosFor, seed)
			c.explain()
		}
	}()
	before := c.picture()
	for _, n := range c.nodes {
		c.start(n)
	}
	c.settle()
	steady := c.nodes[2] // is never ended: what it leaks adds up
	files := len(openFiles(t, steady))

	c.disturb(*chaosFor)
	c.settle()

	// It may have been Master meanwhile: what announces is opened then, and kept.
	files += 4
	nettest.WaitFor(t, patience, func() bool { return len(openFiles(t, steady)) <= files },
		fmt.Sprintf("no more than %d open files, of %q", files, openFiles(t, steady)))
	nettest.WaitFor(t, patience, func() bool { return len(steady.ns.PIDs()) == 1 }, "no child left")
	used := c.goroutines(steady)
	c.start(steady)
	c.settle()
	if fresh := c.goroutines(steady); used > fresh+2 {
		t.Errorf("%d goroutines after the disturbances, %d in a fresh daemon", used, fresh)
	}
	c.start(steady) // takes away what the dead one left
	c.settle()
	for _, n := range c.nodes {
		if err := n.daemon.Stop(); err != nil {
			t.Errorf("%s: %v", n.ns.Name(), err)
		}
	}
	if after := c.picture(); after != before {
		t.Errorf("left behind; before:\n%s\nafter:\n%s", before, after)
	}
	t.Logf("%d disturbances in %v", len(c.story), *chaosFor)
}

// chaos is three nodes and what was done to them.
type chaos struct {
	t     *testing.T
	rng   *rand.Rand
	lan   *nettest.LAN
	test  string // the program test
	nodes []*victim
	story []string
	later []undo
	begun time.Time
}

// undo is what ends a disturbance.
type undo struct {
	at time.Time
	do func()
}

// victim is a node.
type victim struct {
	i       int
	ns      *nettest.NS
	program string
	dir     string
	healthy string // a file; its absence takes priority away
	daemon  *interop.Daemon
	busy    map[string]bool // disturbances that last
}

func newChaos(t *testing.T, seed uint64, test string) *chaos {
	c := &chaos{t: t, rng: rand.New(rand.NewPCG(seed, 1)), lan: nettest.NewLANT(t, 3, nettest.Options{}), test: test}
	for i, program := range []string{ours, interop.Keepalived, ours} {
		n := &victim{i: i + 1, ns: c.lan.Node(i + 1), program: program, dir: t.TempDir(), busy: map[string]bool{}}
		n.healthy = filepath.Join(n.dir, "healthy")
		c.write(n.healthy, "")
		c.nodes = append(c.nodes, n)
	}
	return c
}

// chaosAddresses are what is to be held by one node in the end.
var chaosAddresses = []string{"192.0.2.100", "192.0.2.101", "192.0.2.102", "192.0.2.103", "192.0.2.104", "2001:db8::100", "fe80::100"}

// conf is the configuration of a node; extra makes it another one that has the
// same addresses.
func (c *chaos) conf(n *victim, extra string) string {
	instance := func(name string, vrid int, more string) string {
		return fmt.Sprintf("vrrp_instance %s {\n interface %s\n virtual_router_id %d\n priority %d\n%s\n}\n",
			name, c.lan.Iface(), vrid, 250-50*n.i, more)
	}
	return fmt.Sprintf("global_defs {\n router_id N%d\n enable_script_security\n script_user root\n}\n", n.i) +
		fmt.Sprintf("vrrp_script chk {\n script \"%s -e %s\"\n interval 1\n weight -120\n fall 1\n rise 1\n}\n", c.test, n.healthy) +
		"vrrp_sync_group G {\n group {\n C\n D\n }\n}\n" +
		instance("A", 51, " version 3\n advert_int 0.2\n track_script {\n chk\n }\n virtual_ipaddress {\n 192.0.2.100/24\n 192.0.2.101\n }\n"+extra) +
		instance("B", 52, " version 2\n advert_int 1\n authentication {\n auth_type PASS\n auth_pass s3cr3t\n }\n virtual_ipaddress {\n 192.0.2.102\n }\n virtual_ipaddress_excluded {\n 192.0.2.103\n }") +
		instance("C", 53, " version 3\n advert_int 0.1\n virtual_ipaddress {\n 192.0.2.104/24\n }") +
		instance("D", 54, " version 3\n advert_int 0.1\n virtual_ipaddress {\n fe80::100/64\n 2001:db8::100/64\n }")
}

func (c *chaos) write(path, text string) {
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		c.t.Fatal(err)
	}
}

func (c *chaos) start(n *victim) {
	c.t.Helper()
	d, err := interop.Start(n.ns, n.program, n.dir, c.conf(n, ""))
	if err != nil {
		c.t.Fatal(err)
	}
	n.daemon = d
}

// settle waits until the first node, and no other, holds every address.
func (c *chaos) settle() {
	c.t.Helper()
	nettest.WaitFor(c.t, time.Minute, func() bool {
		for _, a := range chaosAddresses {
			if !slices.Equal(c.lan.Holders(netip.MustParseAddr(a)), []int{1}) {
				return false
			}
		}
		for _, n := range c.nodes {
			for _, instance := range []string{"A", "B", "C", "D"} {
				want := "BACKUP"
				if n.i == 1 {
					want = "MASTER"
				}
				if n.daemon.State(instance) != want {
					return false
				}
			}
		}
		return true
	}, "the first node to hold every address, and no other")
}

// disturb is the chaos itself. In the end everything that lasted is undone.
func (c *chaos) disturb(d time.Duration) {
	c.begun = time.Now()
	end := c.begun.Add(d)
	for now := c.begun; now.Before(end); now = c.pause(c.between(20, 600)) {
		c.act(now)
		c.undo(now)
		for _, n := range c.nodes {
			select {
			case <-n.daemon.Done():
				if !n.busy["down"] {
					c.t.Fatalf("the daemon of %s has ended by itself", n.ns.Name())
				}
			default:
			}
		}
	}
	c.undo(time.Now().Add(time.Hour))
}

// pause waits and returns the time.
func (c *chaos) pause(d time.Duration) time.Time { return <-time.After(d) }

// between is a random time between two numbers of milliseconds.
func (c *chaos) between(low, high int) time.Duration {
	return time.Duration(low+c.rng.IntN(high-low)) * time.Millisecond
}

// undo ends the disturbances whose time is over.
func (c *chaos) undo(now time.Time) {
	slices.SortFunc(c.later, func(a, b undo) int { return a.at.Compare(b.at) })
	for len(c.later) > 0 && !c.later[0].at.After(now) {
		do := c.later[0].do
		c.later = c.later[1:]
		do()
	}
}

// lasting makes a disturbance that ends later, unless it lasts already.
func (c *chaos) lasting(n *victim, what string, begin, finish func()) {
	if n.busy[what] {
		return
	}
	c.tell(n, what)
	n.busy[what] = true
	begin()
	c.later = append(c.later, undo{time.Now().Add(c.between(50, 3000)), func() {
		c.tell(n, "end of "+what)
		finish()
		n.busy[what] = false
	}})
}

func (c *chaos) tell(n *victim, what string) {
	c.story = append(c.story, fmt.Sprintf("%8.3f s node %d: %s", time.Since(c.begun).Seconds(), n.i, what))
}

// must takes the error of something that has to work.
func (c *chaos) must(err error) {
	c.t.Helper()
	if err != nil {
		c.t.Fatal(err)
	}
}

// act makes one disturbance.
func (c *chaos) act(now time.Time) {
	n := c.nodes[c.rng.IntN(len(c.nodes))]
	mortal := n != c.nodes[2]
	up := !n.busy["down"]
	switch kind := c.rng.IntN(10); {
	case kind == 0 && mortal && !n.busy["freeze"]:
		c.lasting(n, "down", func() { c.must(n.daemon.Crash()) }, func() { c.start(n) })
	case kind == 1 && mortal && !n.busy["freeze"]:
		c.lasting(n, "down", func() { c.must(n.daemon.Stop()) }, func() { c.start(n) })
	case kind == 2 && up:
		c.lasting(n, "freeze", func() { c.signalAll(n, unix.SIGSTOP) }, func() { c.signalAll(n, unix.SIGCONT) })
	case kind == 3:
		c.lasting(n, "cable", func() { c.must(c.lan.Cut(n.i)) }, func() { c.must(c.lan.Join(n.i)) })
	case kind == 4 || kind == 5:
		c.steal(n)
	case kind == 6:
		own := c.lan.Prefix4(n.i)
		c.lasting(n, "source address", func() { c.address(n, own, false) }, func() { c.address(n, own, true) })
	case kind == 7:
		c.lasting(n, "failing check", func() { c.must(os.Remove(n.healthy)) }, func() { c.write(n.healthy, "") })
	case up:
		c.reload(n)
	}
}

// signalAll sends a signal to all processes of a node.
func (c *chaos) signalAll(n *victim, sig syscall.Signal) {
	for _, pid := range n.ns.PIDs() {
		_ = unix.Kill(pid, sig) // it may have ended meanwhile
	}
}

// steal removes an address that the node may hold.
func (c *chaos) steal(n *victim) {
	a := netip.MustParseAddr(chaosAddresses[c.rng.IntN(len(chaosAddresses))])
	if !n.ns.HasAddr(a) {
		return
	}
	c.tell(n, "theft of "+a.String())
	link, err := n.ns.Handle().LinkByName(c.lan.Iface())
	c.must(err)
	have, err := n.ns.Handle().AddrList(link, netlink.FAMILY_ALL)
	c.must(err)
	for _, x := range have {
		if got, _ := netip.AddrFromSlice(x.IP); got.Unmap() == a {
			_ = n.ns.Handle().AddrDel(link, &x) // its owner may have been quicker
		}
	}
}

// address takes the node's own address away or gives it back.
func (c *chaos) address(n *victim, p netip.Prefix, there bool) {
	link, err := n.ns.Handle().LinkByName(c.lan.Iface())
	c.must(err)
	a, err := netlink.ParseAddr(p.String())
	c.must(err)
	if there {
		c.must(n.ns.Handle().AddrReplace(link, a))
		return
	}
	c.must(n.ns.Handle().AddrDel(link, a))
}

// reload gives the node another configuration for a while, or one that cannot
// be run to ours; keepalived would end with that.
func (c *chaos) reload(n *victim) {
	extra := " garp_master_refresh 5\n"
	if c.rng.IntN(3) == 0 && n.program == ours {
		extra = " interface none\n"
	}
	hup := func(extra string) {
		c.write(filepath.Join(n.dir, "keepalived.conf"), c.conf(n, extra))
		// A process that has not come to its first line yet, on a busy machine,
		// has not come to taking signals either.
		if !n.busy["down"] && n.daemon.Log() != "" {
			c.must(n.daemon.Signal(unix.SIGHUP))
		}
	}
	c.lasting(n, "reload", func() { hup(extra) }, func() { hup("") })
}

// picture is the state of the nodes that daemons change, as text.
func (c *chaos) picture() string {
	var lines []string
	for _, n := range c.nodes {
		h := n.ns.Handle()
		links, err := h.LinkList()
		c.must(err)
		for _, l := range links {
			lines = append(lines, fmt.Sprintf("%d link %s", n.i, l.Attrs().Name))
			addrs, err := h.AddrList(l, netlink.FAMILY_ALL)
			c.must(err)
			for _, a := range addrs {
				lines = append(lines, fmt.Sprintf("%d address %v on %s", n.i, a.IPNet, l.Attrs().Name))
			}
		}
		rules, err := h.RuleList(netlink.FAMILY_ALL)
		c.must(err)
		for _, r := range rules {
			lines = append(lines, fmt.Sprintf("%d rule %d: table %d", n.i, r.Priority, r.Table))
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "\n")
}

// goroutines ends the daemon with a list of its goroutines, and counts them.
func (c *chaos) goroutines(n *victim) int {
	c.t.Helper()
	c.must(n.daemon.Signal(unix.SIGABRT))
	<-n.daemon.Done()
	return n.daemon.LogLines("goroutine ") - n.daemon.LogLines("in goroutine ")
}

// openFiles are the descriptors of a daemon, in words.
func openFiles(t *testing.T, n *victim) []string {
	t.Helper()
	files, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", n.daemon.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for i, f := range files {
		if to, err := os.Readlink(f); err == nil {
			files[i] = to
		}
	}
	return files
}

// explain prints what happened.
func (c *chaos) explain() {
	c.t.Logf("disturbances:\n%s", strings.Join(c.story, "\n"))
	for _, n := range c.nodes {
		var own []string
		for _, a := range chaosAddresses {
			if n.ns.HasAddr(netip.MustParseAddr(a)) {
				own = append(own, a)
			}
		}
		lines := strings.Split(n.daemon.Log(), "\n")
		c.t.Logf("node %d holds %v; the end of its log:\n%s", n.i, own, strings.Join(lines[max(0, len(lines)-150):], "\n"))
	}
}
