package kernel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// patience is for what the kernel does at once on an idle machine, and after a
// second or two if it is duplicate address detection.
const patience = 20 * time.Second

// watcher runs a monitor and keeps what it says.
type watcher struct {
	*Monitor
	gate sync.Mutex // held: events wait

	mu     sync.Mutex
	events []Event
	warned []error
	seen   int // events that expect has passed
}

// watch starts a monitor in the namespace and waits until it is ready.
func watch(tb testing.TB, ns *nettest.NS, opts MonitorOptions) *watcher {
	tb.Helper()
	w := &watcher{}
	opts.Event = func(ev Event) {
		w.gate.Lock()
		defer w.gate.Unlock()
		w.mu.Lock()
		defer w.mu.Unlock()
		w.events = append(w.events, ev)
	}
	opts.Warn = func(err error) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.warned = append(w.warned, err)
	}
	w.Monitor = NewMonitor(opts)
	run(tb, ns, w.Monitor)
	return w
}

// run runs the monitor in the namespace until the test ends.
func run(tb testing.TB, ns *nettest.NS, m *Monitor) {
	tb.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- ns.Do(func() error { return m.Run(ctx) }) }()
	tb.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			tb.Errorf("Run = %v", err)
		}
	})
	select {
	case <-m.Ready():
	case err := <-ended:
		ended <- nil
		tb.Fatalf("Run = %v", err)
	}
}

// expect waits until events that match the patterns have come, in this order
// and perhaps with others between them.
func (w *watcher) expect(t *testing.T, patterns ...string) {
	t.Helper()
	start := w.seen
	for _, p := range patterns {
		re := regexp.MustCompile("^" + p + "$")
		nettest.WaitFor(t, patience, func() bool {
			w.mu.Lock()
			defer w.mu.Unlock()
			for w.seen < len(w.events) {
				w.seen++
				if re.MatchString(w.events[w.seen-1].String()) {
					return true
				}
			}
			return false
		}, fmt.Sprintf("event %q; events were\n%s", p, w.since(start)))
	}
}

// since is a fmt.Stringer of the events from the n-th on, at the time of
// printing.
func (w *watcher) since(n int) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	return text(w.events[n:])
}

// none fails if an event up to now matches.
func (w *watcher) none(t *testing.T, pattern string) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, ev := range w.events {
		if regexp.MustCompile(pattern).MatchString(ev.String()) {
			t.Errorf("unexpected event %v", ev)
		}
	}
}

func (w *watcher) warnings() []error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return slices.Clone(w.warned)
}

// listing asks the kernel for everything.
func listing(t *testing.T, ns *nettest.NS) *Picture {
	t.Helper()
	var p *Picture
	err := ns.Do(func() error {
		c, err := dial()
		if err != nil {
			return err
		}
		defer c.close()
		p, err = c.picture(context.Background())
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// settled waits until the monitor's picture is the kernel's, up to the order of
// addresses.
func (w *watcher) settled(t *testing.T, ns *nettest.NS) {
	t.Helper()
	ordered := func(p *Picture) string {
		var links []*Link
		for _, l := range p.Links {
			addrs := slices.Clone(l.Addrs)
			slices.SortFunc(addrs, func(a, b AddrState) int { return strings.Compare(a.String(), b.String()) })
			links = append(links, l.with(addrs))
		}
		return show(links)
	}
	var want, got string
	if !nettest.Poll(patience, func() bool {
		want, got = ordered(listing(t, ns)), ordered(w.Snapshot())
		return want == got
	}) {
		t.Fatalf("picture (-kernel +monitor):\n%s", cmp.Diff(want, got))
	}
}

func must(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func TestMonitorStart(t *testing.T) {
	ns, h := newSpace(t, "eth0")
	change(t, h, OpAdd, eth0("192.0.2.1/24"))
	change(t, h, OpAdd, eth0("192.0.2.2/24"))
	change(t, h, OpAdd, eth0("2001:db8::1/64"))
	w := watch(t, ns, MonitorOptions{})
	p := w.Snapshot()
	lo, eth := p.LinkByName("lo"), p.LinkByName("eth0")
	if lo == nil || !lo.Loopback || lo.Index != 1 || !lo.Up || lo.Multicast {
		t.Errorf("lo is %+v", lo)
	}
	if eth == nil || eth.Loopback || !eth.Up || !eth.AdminUp || !eth.Running || !eth.Multicast || eth.NoARP ||
		eth.PointToPoint || eth.MTU != 1500 || eth.HWType != unix.ARPHRD_ETHER || len(eth.HardwareAddr) != 6 {
		t.Fatalf("eth0 is %+v", eth)
	}
	var got []string
	for _, a := range eth.Addrs {
		got = append(got, renderState(a))
	}
	want := []string{
		"192.0.2.1/24 label eth0 proto 18",
		"192.0.2.2/24 label eth0 secondary proto 18",
		"2001:db8::1/64 nodad proto 18",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	w.settled(t, ns)
	w.none(t, "")
}

func TestMonitorLinks(t *testing.T) {
	ns, h := newSpace(t, "eth0")
	w := watch(t, ns, MonitorOptions{})
	k := ns.Handle()

	link := addLink(t, ns, "eth1")
	w.expect(t, "link added [0-9]+ eth1 flags 0x1002 .*", "link changed .* eth1 .* -> [0-9]+ eth1 flags 0x11043 .*")
	change(t, h, OpAdd, eth0("192.0.2.1/24").but(func(a *Address) { a.Link = "eth1" }))
	must(t, k.LinkSetMTU(link, 1400))
	w.expect(t, "address added eth1 192.0.2.1/24", "link changed .* mtu 1500 .* -> [0-9]+ eth1 .* mtu 1400 .*")
	must(t, k.LinkSetHardwareAddr(link, net.HardwareAddr{2, 0, 0, 0, 0, 9}))
	w.expect(t, "link changed .* -> [0-9]+ eth1 .* mac 02:00:00:00:00:09")

	// Without carrier it is set up but not running.
	far, err := k.LinkByName("to-eth1")
	must(t, err)
	must(t, k.LinkSetDown(far))
	w.expect(t, "link changed [0-9]+ eth1 .* -> [0-9]+ eth1 flags 0x1003 .*")
	if l := w.Snapshot().LinkByName("eth1"); !l.AdminUp || l.Running || l.Up {
		t.Errorf("without carrier: %+v", l)
	}
	must(t, k.LinkSetUp(far))
	w.expect(t, "link changed [0-9]+ eth1 .* -> [0-9]+ eth1 flags 0x11043 .*")
	must(t, k.LinkSetDown(link))
	w.expect(t, "link changed [0-9]+ eth1 .* -> [0-9]+ eth1 flags 0x1002 .*")

	must(t, k.LinkSetName(link, "wan0"))
	w.expect(t, "address removed eth1 192.0.2.1/24", "link gone [0-9]+ eth1 .*",
		"link added [0-9]+ wan0 .*", "address added wan0 192.0.2.1/24")

	must(t, k.LinkDel(link))
	w.expect(t, "address removed wan0 192.0.2.1/24", "link gone [0-9]+ wan0 .*")
	again := addLink(t, ns, "wan0")
	w.expect(t, "link added [0-9]+ wan0 .*")
	if again.Attrs().Index == link.Attrs().Index {
		t.Error("the new link has the index of the old one")
	}
	w.settled(t, ns)
	if warned := w.warnings(); len(warned) > 0 {
		t.Errorf("warnings %v", warned)
	}
}

func TestMonitorAddresses(t *testing.T) {
	ns, h := newSpace(t, "eth0")
	w := watch(t, ns, MonitorOptions{})

	change(t, h, OpAdd, eth0("192.0.2.1/24"))
	w.expect(t, "address added eth0 192.0.2.1/24")
	w.mu.Lock()
	added, ok := w.events[w.seen-1].(AddressAdded)
	w.mu.Unlock()
	if !ok || added.Addr.Proto != Protocol || added.Link.find(added.Addr.identity()) < 0 {
		t.Errorf("event %#v", added)
	}
	change(t, h, OpAdd, eth0("2001:db8::1/64"))
	w.expect(t, "address added eth0 2001:db8::1/64")
	// Detection takes a second or so.
	change(t, h, OpAdd, eth0("2001:db8::2/64").but(func(a *Address) { a.DAD = true }))
	w.expect(t, "address added eth0 2001:db8::2/64 tentative", "address changed eth0 2001:db8::2/64 tentative -> 2001:db8::2/64")
	change(t, h, OpDelete, eth0("2001:db8::2/64"))
	w.expect(t, "address removed eth0 2001:db8::2/64")

	// The far end of the cable has the address: detection fails.
	change(t, h, OpAdd, eth0("2001:db8::3/64").but(func(a *Address) { a.Link = "to-eth0" }))
	change(t, h, OpAdd, eth0("2001:db8::3/64").but(func(a *Address) { a.DAD = true }))
	w.expect(t, "address added eth0 2001:db8::3/64 tentative", "address changed eth0 2001:db8::3/64 tentative -> .* dadfailed")

	// A deleted primary takes its secondaries with it.
	change(t, h, OpAdd, eth0("192.0.2.2/24"))
	change(t, h, OpDelete, eth0("192.0.2.1/24"))
	w.expect(t, "address removed eth0 192.0.2.1/24")
	w.settled(t, ns)
	if got := listing(t, ns).LinkByName("eth0"); got.find(eth0("192.0.2.2/24").identity()) >= 0 {
		t.Skip("secondaries are promoted here")
	}
	w.none(t, "address changed eth0 192")
}

// A bridge reports a port that leaves it as a removed link of its own family.
func TestMonitorBridgePort(t *testing.T) {
	ns, _ := newSpace(t, "eth0")
	k := ns.Handle()
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "br0"}}
	if err := k.LinkAdd(bridge); errors.Is(err, unix.EOPNOTSUPP) {
		t.Skip("this kernel has no bridges")
	} else {
		must(t, err)
	}
	w := watch(t, ns, MonitorOptions{})
	link, err := k.LinkByName("eth0")
	must(t, err)
	must(t, k.LinkSetMaster(link, bridge))
	must(t, k.LinkSetNoMaster(link))
	must(t, k.LinkSetMTU(link, 1300))
	w.expect(t, "link changed .* eth0 .* mtu 1300 .*")
	w.none(t, "link gone")
	w.settled(t, ns)
}

// When the kernel drops notifications, everything is read again and the
// differences come as events, as if each had been seen.
func TestMonitorOverrun(t *testing.T) {
	ns, h := newSpace(t, "eth0", "eth1", "eth2")
	k := ns.Handle()
	vip := eth0("192.0.2.10/24")
	change(t, h, OpAdd, eth0("192.0.2.1/24"))
	change(t, h, OpAdd, vip)
	w := watch(t, ns, MonitorOptions{ReceiveBuffer: 8192, ForceReceiveBuffer: true})
	f := &follower{links: map[int]*Link{}, names: map[string]int{}}
	for _, l := range w.Snapshot().Links {
		f.links[l.Index], f.names[l.Name] = l, l.Index
	}

	// While the daemon is held up, more happens than the buffer takes.
	w.gate.Lock()
	release := sync.OnceFunc(w.gate.Unlock)
	defer release()
	// The additions are what the buffer keeps: to be taken for news, they would
	// have to be read after the listing.
	for _, op := range []Op{OpAdd, OpDelete} {
		for i := range 250 {
			change(t, h, op, eth0(fmt.Sprintf("198.51.100.%d/32", i)))
		}
	}
	change(t, h, OpDelete, vip)
	change(t, h, OpAdd, eth0("203.0.113.7/24"))
	eth1, err := k.LinkByName("eth1")
	must(t, err)
	must(t, k.LinkDel(eth1))
	addLink(t, ns, "eth1")
	eth2, err := k.LinkByName("eth2")
	must(t, err)
	must(t, k.LinkSetName(eth2, "wan2"))
	release()

	w.expect(t, "address removed eth0 192.0.2.10/24")
	w.settled(t, ns)
	overruns := 0
	for _, err := range w.warnings() {
		if errors.Is(err, errOverrun) {
			overruns++
		} else {
			t.Errorf("warning %v", err)
		}
	}
	if overruns == 0 {
		t.Error("there was no overrun: the test shows nothing")
	}
	for _, pattern := range []string{"notifications lost", "link gone .* eth1 .*", "link added .* eth1 .*", "link gone .* eth2 .*", "link added .* wan2 .*"} {
		re := regexp.MustCompile(pattern)
		if !re.MatchString(w.since(0)) {
			t.Errorf("no event %q", pattern)
		}
	}
	w.mu.Lock()
	for _, ev := range w.events {
		f.take(t, ev)
	}
	w.mu.Unlock()
	if diff := cmp.Diff(show(w.Snapshot().Links), f.show()); diff != "" {
		t.Errorf("picture (-monitor +events):\n%s", diff)
	}

	// It goes on from there.
	change(t, h, OpAdd, vip)
	w.expect(t, "address added eth0 192.0.2.10/24")
}

// A message that another process sent is no news.
func TestMonitorIgnoresForgedMessages(t *testing.T) {
	ns, h := newSpace(t, "eth0")
	w := watch(t, ns, MonitorOptions{})
	w.Monitor.mu.Lock()
	port := w.conn.port
	w.Monitor.mu.Unlock()

	link := w.Snapshot().LinkByName("eth0")
	msg := nl.NewIfInfomsg(unix.AF_UNSPEC)
	msg.Index = int32(link.Index)
	req := nl.NewNetlinkRequest(unix.RTM_DELLINK, 0)
	req.AddData(msg)
	must(t, ns.Do(func() error {
		fd, err := unix.Socket(unix.AF_NETLINK, unix.SOCK_RAW|unix.SOCK_CLOEXEC, unix.NETLINK_ROUTE)
		if err != nil {
			return err
		}
		defer unix.Close(fd)
		return unix.Sendto(fd, req.Serialize(), 0, &unix.SockaddrNetlink{Family: unix.AF_NETLINK, Pid: port})
	}))
	nettest.WaitFor(t, patience, func() bool { return len(w.warnings()) > 0 }, "warning")
	if got := w.warnings()[0].Error(); !strings.Contains(got, "not the kernel") {
		t.Errorf("warning %q", got)
	}
	change(t, h, OpAdd, eth0("192.0.2.1/24"))
	w.expect(t, "address added eth0 192.0.2.1/24")
	w.none(t, "link gone")
}

func TestMonitorReceiveBuffer(t *testing.T) {
	ns, _ := newSpace(t)
	w := watch(t, ns, MonitorOptions{ReceiveBuffer: 30000})
	size := func() (n int) {
		w.Monitor.mu.Lock()
		defer w.Monitor.mu.Unlock()
		_ = w.conn.raw.Control(func(fd uintptr) { n, _ = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUF) })
		return n
	}
	if got := size(); got != 60000 {
		t.Errorf("receive buffer %d, want 60000", got)
	}
	must(t, w.SetReceiveBuffer(50000, true))
	if got := size(); got != 100000 {
		t.Errorf("receive buffer %d, want 100000", got)
	}
}

func TestMonitorEndsBeforeItStarts(t *testing.T) {
	nettest.Require(t)
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	m := NewMonitor(MonitorOptions{})
	if err := m.Run(ctx); err != nil {
		t.Errorf("Run = %v", err)
	}
	if n := len(m.Snapshot().Links); n != 0 {
		t.Errorf("Snapshot has %d links", n)
	}
}

// BenchmarkMonitorDelay measures from before the request that adds or deletes an
// address to the call of the event function.
func BenchmarkMonitorDelay(b *testing.B) {
	ns, h := newSpace(b, "eth0")
	heard := make(chan time.Time, 1)
	m := NewMonitor(MonitorOptions{Event: func(ev Event) {
		switch ev.(type) {
		case AddressAdded, AddressRemoved:
			heard <- time.Now()
		}
	}})
	run(b, ns, m)
	addr := eth0("192.0.2.1/32")
	var worst, sum time.Duration
	n := 0
	for b.Loop() {
		for _, op := range []Op{OpAdd, OpDelete} {
			start := time.Now()
			if _, _, err := h.Change(context.Background(), op, addr); err != nil {
				b.Fatal(err)
			}
			took := (<-heard).Sub(start)
			worst = max(worst, took)
			sum += took
			n++
		}
	}
	b.ReportMetric(float64(sum.Microseconds())/float64(n), "µs/event")
	b.ReportMetric(float64(worst.Microseconds()), "µs-worst")
	b.ReportMetric(0, "ns/op")
}

// BenchmarkMonitorMany is what an address event costs on a link with 1,000.
func BenchmarkMonitorMany(b *testing.B) {
	s := &state{pic: &Picture{}}
	for i := range 200 {
		s.link(newLink(i+1, fmt.Sprint("eth", i)))
	}
	for i := range 1000 {
		s.addr(2, AddrState{Prefix: netip.PrefixFrom(netip.AddrFrom4([4]byte{192, 0, byte(2 + i/250), byte(i % 250)}), 32)})
	}
	a := AddrState{Prefix: netip.MustParsePrefix("198.51.100.1/32")}
	for b.Loop() {
		s.addr(2, a)
		s.addrGone(2, a)
	}
}
