package nettest

import (
	"bytes"
	"errors"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

const patience = 5 * time.Second

// currentNS returns the inode of the calling thread's network namespace.
func currentNS(t *testing.T) uint64 {
	t.Helper()
	h, err := netns.Get()
	if err != nil {
		t.Fatal(err)
	}
	defer h.Close()
	var st unix.Stat_t
	if err := unix.Fstat(int(h), &st); err != nil {
		t.Fatal(err)
	}
	return st.Ino
}

func TestDo(t *testing.T) {
	a, b := NewT(t, "a"), NewT(t, "b")
	wantErr := errors.New("from fn")
	err := a.Do(func() error {
		if got := currentNS(t); got != a.inode {
			t.Errorf("in Do: namespace %d, want %d", got, a.inode)
		}
		err := b.Do(func() error {
			if got := currentNS(t); got != b.inode {
				t.Errorf("in nested Do: namespace %d, want %d", got, b.inode)
			}
			return nil
		})
		if got := currentNS(t); got != a.inode {
			t.Errorf("after nested Do: namespace %d, want %d", got, a.inode)
		}
		return errors.Join(err, wantErr)
	})
	if !errors.Is(err, wantErr) {
		t.Errorf("Do returned %v, want %v", err, wantErr)
	}
}

func TestDoEndsWithItsFunction(t *testing.T) {
	ns := NewT(t, "a")
	ended := make(chan bool)
	go func() {
		onward := false
		defer func() { ended <- !onward }()
		_ = ns.Do(func() error { runtime.Goexit(); return nil })
		onward = true
	}()
	if !<-ended {
		t.Error("the caller went on after fn had ended its goroutine")
	}
	defer func() {
		if got := recover(); got != "thrown" {
			t.Errorf("recovered %v, want what fn threw", got)
		}
	}()
	_ = ns.Do(func() error { panic("thrown") })
}

// Whatever mixture of namespaces is made, used and closed, every thread of the
// process ends up where it started.
func TestNoThreadStaysBehind(t *testing.T) {
	Require(t)
	home := currentNS(t)
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 5 {
				ns, err := New("n" + strconv.Itoa(i))
				if err != nil {
					t.Error(err)
					return
				}
				if err := ns.Do(func() error { return nil }); err != nil {
					t.Error(err)
				}
				ns.Close()
			}
		})
	}
	wg.Wait()
	// A thread ends a moment after the goroutine that held it.
	WaitFor(t, patience, func() bool {
		links, err := filepath.Glob("/proc/self/task/*/ns/net")
		if err != nil || len(links) == 0 {
			t.Fatalf("no threads found: %v", err)
		}
		for _, l := range links {
			var st unix.Stat_t
			if unix.Stat(l, &st) == nil && st.Ino != home {
				return false
			}
		}
		return true
	}, "all threads in the first namespace")
}

func TestSysctlStaysInside(t *testing.T) {
	ns := NewT(t, "a")
	const key = "net.ipv4.igmp_max_memberships"
	file := "/proc/sys/" + strings.ReplaceAll(key, ".", "/")
	before, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := ns.Sysctl(key, "4711"); err != nil {
		t.Fatal(err)
	}
	var inside []byte
	if err := ns.Do(func() (err error) { inside, err = os.ReadFile(file); return err }); err != nil {
		t.Fatal(err)
	}
	if got := strings.TrimSpace(string(inside)); got != "4711" {
		t.Errorf("inside: %s, want 4711", got)
	}
	after, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before, after) {
		t.Errorf("outside: %s, want %s", after, before)
	}
	if err := ns.Sysctl("net.no.such.key", "1"); err == nil {
		t.Error("a key that does not exist was accepted")
	}
}

// Close ends the process that was started, its child, and a grandchild that
// left the process group.
func TestCloseKillsAll(t *testing.T) {
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip("needs setsid")
	}
	ns := NewT(t, "a")
	cmd := exec.Command("sh", "-c", "sleep 1000 & setsid sleep 1000 & wait")
	p, err := ns.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	WaitFor(t, patience, func() bool { return len(ns.PIDs()) == 3 }, "shell and two children")
	pids := ns.PIDs()
	ns.Close()
	select {
	case <-p.Done():
	default:
		t.Error("the process was not reaped")
	}
	for _, pid := range pids {
		WaitFor(t, patience, func() bool { return !alive(pid) }, "end of process "+strconv.Itoa(pid))
	}
	if _, err := ns.Start(exec.Command("true")); err == nil {
		t.Error("a closed namespace started a process")
	}
	ns.Close()
}

// alive reports whether a process runs; one that waits to be reaped does not.
func alive(pid int) bool {
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return !strings.HasPrefix(rest, "Z") && !strings.HasPrefix(rest, "X")
}

func TestStartRunsInside(t *testing.T) {
	ns := NewT(t, "a")
	var out bytes.Buffer
	cmd := exec.Command("readlink", "/proc/self/ns/net")
	cmd.Stdout = &out
	p, err := ns.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Wait(); err != nil {
		t.Fatal(err)
	}
	if got, want := strings.TrimSpace(out.String()), "net:["+strconv.FormatUint(ns.inode, 10)+"]"; got != want {
		t.Errorf("ran in %s, want %s", got, want)
	}
	if _, err := ns.Start(exec.Command("/no/such/program")); err == nil {
		t.Error("a program that does not exist was started")
	}
}

func TestLANAddresses(t *testing.T) {
	lan := NewLANT(t, 3, Options{})
	for i := 1; i <= 3; i++ {
		got, err := lan.Node(i).Addrs("eth0")
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(got, netip.Prefix.Compare)
		n := strconv.Itoa(i)
		want := []netip.Prefix{
			netip.MustParsePrefix("192.0.2." + n + "/24"),
			netip.MustParsePrefix("2001:db8::" + n + "/64"),
			netip.MustParsePrefix("fe80::ff:fe00:" + n + "/64"),
		}
		if d := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })); d != "" {
			t.Errorf("node %d (-want +got):\n%s", i, d)
		}
		if got, want := want[2].Addr(), lan.LinkLocal(i); got != want {
			t.Errorf("LinkLocal(%d) = %v, want %v", i, want, got)
		}
		if got, want := lan.Holders(netip.MustParseAddr("192.0.2."+n)), []int{i}; !slices.Equal(got, want) {
			t.Errorf("Holders: %v, want %v", got, want)
		}
	}
	if got := lan.Holders(netip.MustParseAddr("192.0.2.100")); got != nil {
		t.Errorf("Holders of an address that nobody has: %v", got)
	}
	if all, err := lan.Switch.addrs(nil); err != nil || len(all) > 2 {
		t.Errorf("the switch has addresses besides those of lo: %v, %v", all, err)
	}
	if got, err := lan.Node(1).Addrs("eth9"); got != nil || err != nil {
		t.Errorf("Addrs of no interface: %v, %v", got, err)
	}
}

func TestSecondSegment(t *testing.T) {
	one := NewLANT(t, 2, Options{})
	two := NewLANT(t, 0, Options{Join: one, Segment: 1, MTU: 1400})
	if one.Node(1) != two.Node(1) || two.Nodes() != 2 {
		t.Fatal("the second segment has its own nodes")
	}
	sock := udp(t, two.Node(2), "198.51.1.2:9")
	send(t, two.Node(1), "198.51.1.1:9", "198.51.1.2:9", "x")
	if !heard(sock, patience) {
		t.Error("nothing arrives on the second segment")
	}
	link, err := two.Node(1).Handle().LinkByName("eth1")
	if err != nil {
		t.Fatal(err)
	}
	if got := link.Attrs().MTU; got != 1400 {
		t.Errorf("MTU %d, want 1400", got)
	}
}

// udp opens a socket in the namespace.
func udp(t *testing.T, ns *NS, addr string) *net.UDPConn {
	t.Helper()
	var c *net.UDPConn
	err := ns.Do(func() (err error) {
		c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(addr)))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// send sends one datagram from within the namespace.
func send(t *testing.T, ns *NS, from, to, text string) {
	t.Helper()
	err := ns.Do(func() error {
		c, err := net.DialUDP("udp", net.UDPAddrFromAddrPort(netip.MustParseAddrPort(from)),
			net.UDPAddrFromAddrPort(netip.MustParseAddrPort(to)))
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.Write([]byte(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

// heard reports whether a datagram arrives within the time.
func heard(c *net.UDPConn, within time.Duration) bool {
	_ = c.SetReadDeadline(time.Now().Add(within))
	_, _, err := c.ReadFromUDPAddrPort(make([]byte, 100))
	return err == nil
}
