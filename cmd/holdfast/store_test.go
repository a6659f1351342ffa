package main

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/handover"
	"github.com/holdfast-ha/holdfast/internal/nettest"
	"github.com/holdfast-ha/holdfast/internal/process"
)

// answersRoom, in the environment of a daemon, is what systemd would say: for how many
// descriptors there is room; "silent": nothing.
const answersRoom = "HOLDFAST_TEST_ROOM"

func init() {
	said, ok := os.LookupEnv(answersRoom)
	if !ok {
		return
	}
	askRoom = func(ctx context.Context) (int, error) {
		if said == "silent" {
			<-ctx.Done()
			return 0, ctx.Err()
		}
		return strconv.Atoi(said)
	}
}

// keeper is a service manager that keeps descriptors.
type keeper struct {
	t     *testing.T
	path  string
	conn  *net.UnixConn
	deaf  atomic.Bool // takes messages and never says so
	mu    sync.Mutex
	names []string
	files []*os.File
	heard bytes.Buffer
}

func newKeeper(t *testing.T) *keeper {
	t.Helper()
	k := &keeper{t: t, path: t.TempDir() + "/notify"}
	var err error
	if k.conn, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: k.path, Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { defer close(done); k.run() }()
	t.Cleanup(func() { k.conn.Close(); <-done; k.remove("holdfast"); k.remove("holdfast-state") })
	return k
}

func (k *keeper) run() {
	text, with := make([]byte, 4096), make([]byte, unix.CmsgSpace(4*253))
	for {
		n, m, _, _, err := k.conn.ReadMsgUnix(text, with)
		if err != nil {
			return
		}
		var fds []int
		messages, _ := unix.ParseSocketControlMessage(with[:m])
		for i := range messages {
			more, _ := unix.ParseUnixRights(&messages[i])
			fds = append(fds, more...)
		}
		k.take(string(text[:n]), fds)
	}
}

// take is one message.
func (k *keeper) take(text string, fds []int) {
	k.mu.Lock()
	k.heard.WriteString(text + "\n")
	k.mu.Unlock()
	_, name, _ := strings.Cut(text, "FDNAME=")
	switch {
	case strings.HasPrefix(text, "FDSTORE=1\nFDPOLL=0\n"):
		k.mu.Lock()
		for _, fd := range fds {
			k.names = append(k.names, name)
			k.files = append(k.files, os.NewFile(uintptr(fd), name))
		}
		k.mu.Unlock()
		return
	case strings.HasPrefix(text, "FDSTOREREMOVE=1\n"):
		k.remove(name)
	case text == "BARRIER=1" && k.deaf.Load():
		return
	}
	for _, fd := range fds {
		unix.Close(fd)
	}
}

func (k *keeper) remove(name string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for i := len(k.names) - 1; i >= 0; i-- {
		if k.names[i] == name {
			k.files[i].Close()
			k.names, k.files = slices.Delete(k.names, i, i+1), slices.Delete(k.files, i, i+1)
		}
	}
}

func (k *keeper) kept() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	return len(k.names)
}

// state is the file with the state.
func (k *keeper) state() *os.File {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.files[slices.Index(k.names, "holdfast-state")]
}

// service makes the daemon one of this service manager.
func (k *keeper) service(n *node, room string) *node {
	// The race detector would sleep for a second at the end.
	n.env = []string{"NOTIFY_SOCKET=" + k.path, answersRoom + "=" + room, "GORACE=atexit_sleep_ms=0"}
	return n
}

// next starts the service again, with what was kept.
func (k *keeper) next(n *node) *node {
	k.mu.Lock() // nothing is closed before it has been passed on
	defer k.mu.Unlock()
	next := &node{
		t: n.t, ns: n.ns, dir: n.dir, args: n.args, out: &output{}, files: slices.Clone(k.files), before: cmp.Or(n.before, ":") + " && export LISTEN_PID=$$",
		env: append(slices.Clone(n.env), fmt.Sprintf("LISTEN_FDS=%d", len(k.files)), "LISTEN_FDNAMES="+strings.Join(k.names, ":")),
	}
	return next.start()
}

const (
	restarted = "Restart: going on as"
	notTaken  = "Restart: what the program before has left cannot be taken"
)

// Restarts of a Master of all kinds of instances, and of its Backup.
func TestRestartWithKeptDescriptors(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	conf := func(priority, self, peer int) string {
		return slowly(fast("VI_1", 51, priority, "", vip+"/24") +
			fast("VI_2", 52, priority, "use_vmac", "192.0.2.102") +
			fast("VI_3", 53, priority, fmt.Sprintf("unicast_src_ip %s\n unicast_peer {\n %s\n }", lan.Prefix4(self).Addr(), lan.Prefix4(peer).Addr()), "192.0.2.103") +
			fast("VI_4", 54, priority, "no_accept", "192.0.2.104") +
			fast("VI_5", 55, priority, "", "fe80::51", "2001:db8::51"))
	}
	ka, kb := newKeeper(t), newKeeper(t)
	a := ka.service(newNode(t, lan.Node(1), conf(200, 1, 2)), "64").start()
	a.waitLogs("Entering MASTER STATE", 5)
	b := kb.service(newNode(t, lan.Node(2), conf(100, 2, 1)), "64").start()
	b.waitLogs("Entering BACKUP STATE", 5)
	a.waitAddr(vip, true)
	var held []netip.Addr
	for _, s := range []string{vip, "192.0.2.102", "192.0.2.103", "192.0.2.104", "2001:db8::51"} {
		held = append(held, netip.MustParseAddr(s))
		a.waitAddr(s, true)
	}
	lost, capture := lossOf(t, a, held...), lan.CaptureT(t)
	p := probing(t, lan.Node(2), lan.Node(1), vip)
	for range 3 {
		_, status := a.stop()
		if status != 0 {
			t.Errorf("exit status %d", status)
		}
		if exists(a.path("pid")) {
			t.Error("the pid file is still there")
		}
		a = ka.next(a)
		a.waitLog(restarted)
		nettest.WaitFor(t, 10*time.Second, func() bool { return ka.kept() == 0 }, "nothing kept any more")
		spoken(t, capture, 2, time.Now(), upTo(51, 55)...)
	}
	b.stop()
	b = kb.next(b)
	b.waitLog(restarted)
	for _, x := range capture.Adverts() {
		if x.Priority == 0 {
			t.Fatalf("an advert of priority 0 from %v", x.Src)
		}
	}
	if a.out.count("Entering") != 0 || b.out.count("Entering") != 0 {
		t.Error("there was a change of state")
	}
	p.stop()
	if n := p.lost.Load(); lost.Load() || n > 0 || p.sent.Load() < 100 {
		t.Errorf("the address was gone: %v; %d of %d probes lost", lost.Load(), n, p.sent.Load())
	}
	a.reload(conf(200, 1, 2) + fast("VI_6", 56, 200, "", "192.0.2.106"))
	a.waitAddr("192.0.2.106", true)
	kb.service(b, "0")
	a.env = nil
	a.signal(syscall.SIGINT) // no question is asked
	a.ended(time.Now())
	b.waitLogs("Entering MASTER STATE", 5)
	a.waitAddr(vip, false)
}

func TestRestartOfManyInstances(t *testing.T) {
	nettest.Require(t)
	if raceDetector {
		t.Skip("needs a program without the race detector: it measures time")
	}
	const count = 250
	lan, k, waited := nettest.NewLANT(t, 2, nettest.Options{}), newKeeper(t), overloaded(t)
	master := k.service(newNode(t, lan.Node(1), globalDefs("vrrp_garp_master_repeat 1")+many(count, 200)), "64").start()
	master.waitLogs("Entering MASTER STATE", count)
	backup := newNode(t, lan.Node(2), many(count, 100)).start()
	backup.waitLogs("Entering BACKUP STATE", count)
	for range 3 {
		waited()
		capture := lan.CaptureT(t)
		begun := time.Now()
		spoken(t, capture, 1, begun, upTo(1, count)...)
		master.stop()
		master = k.next(master)
		master.waitLog(restarted)
		spoken(t, capture, 8, time.Now(), upTo(1, count)...)
		adverts, end := capture.Adverts(), time.Now()
		var worst time.Duration
		for vrid := 1; vrid <= count; vrid++ {
			worst = max(worst, longestSilence(advertsOf(adverts, uint8(vrid)), begun.Add(150*time.Millisecond), end, lan.Prefix4(1).Addr()))
		}
		late := waited()
		t.Logf("longest gap %v; this test was held up for %v", worst, late)
		if late > busy {
			t.Skipf("needs a machine on which a process waits no longer than %v, not %v", busy, late)
		}
		for _, a := range adverts {
			if a.Priority == 0 || a.Src != lan.Prefix4(1).Addr() {
				t.Fatalf("an advert of priority %d from %v", a.Priority, a.Src)
			}
		}
	}
	if strings.Contains(master.out.String(), "Entering") || backup.out.count("Entering MASTER STATE") != 0 {
		t.Error("there was a hand-over")
	}
}

// Whatever is not a restart, or not one with room for all, is a stop as ever.
func TestStopWithKeptDescriptors(t *testing.T) {
	nettest.Require(t)
	for _, c := range []struct {
		name, room, says string
		deaf             bool
	}{
		{"stop", "0", "Stopping", false},
		{"bus is silent", "silent", "Stopping", false},
		{"too little room", "2", "and room for 2", false},
		{"manager is deaf", "64", "does not take them", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lan, k := nettest.NewLANT(t, 2, nettest.Options{}), newKeeper(t)
			k.deaf.Store(c.deaf)
			n := k.service(newNode(t, lan.Node(1), fast("VI_1", 51, 200, "", vip)), c.room).start()
			n.waitAddr(vip, true)
			b := newNode(t, lan.Node(2), fast("VI_1", 51, 100, "", vip)).start()
			b.waitLog("Entering BACKUP STATE")
			if _, status := n.stop(); status != 0 {
				t.Errorf("exit status %d", status)
			}
			n.waitAddr(vip, false)
			n.waitLog(c.says)
			b.waitLog("gave up mastership (priority 0)")
			nettest.WaitFor(t, 10*time.Second, func() bool { return k.kept() == 0 }, "nothing kept")
		})
	}
}

// What cannot be taken makes an ordinary start of it.
func TestRestartThatCannotGoOn(t *testing.T) {
	nettest.Require(t)
	for _, c := range []struct {
		name, says string
		do         func(*node, *keeper)
	}{
		{"garbage", "no state of a daemon", func(_ *node, k *keeper) { _, _ = k.state().WriteAt([]byte("garbage"), 0) }},
		{"empty", "no state of a daemon", func(_ *node, k *keeper) { _ = k.state().Truncate(0) }},
		{"without sockets", "not kept all sockets", func(_ *node, k *keeper) { k.remove("holdfast") }},
		{"without state", "there is no state", func(_ *node, k *keeper) { k.remove("holdfast-state") }},
		{"another file", "cannot be run", func(n *node, _ *keeper) {
			_ = os.Rename(n.path("keepalived.conf"), n.path("other.conf"))
			n.args[slices.Index(n.args, "-f")+1] = n.path("other.conf")
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			lan, k := nettest.NewLANT(t, 1, nettest.Options{}), newKeeper(t)
			n := k.service(newNode(t, lan.Node(1), fast("VI_1", 51, 100, "", vip)), "64").start()
			n.waitAddr(vip, true)
			n.stop()
			if mustHold(t, n, vip); k.kept() < 3 {
				t.Fatalf("%d descriptors are kept", k.kept())
			}
			c.do(n, k)
			n = k.next(n)
			n.waitLog("Startup complete")
			if n.out.count(notTaken) != 1 || n.out.count(restarted) != 0 || !strings.Contains(n.out.String(), c.says) {
				t.Errorf("its log does not say %q", c.says)
			}
			n.waitLog("Entering MASTER STATE")
			n.waitAddr(vip, true)
			nettest.WaitFor(t, 10*time.Second, func() bool { return k.kept() == 0 && !n.hasOpen("memfd:") }, "nothing left open")
			kept := k.kept()
			n.stop() // and it can be restarted again
			mustHold(t, n, vip)
			if k.kept() <= kept {
				t.Error("nothing was kept")
			}
			n = k.next(n)
			n.waitLog(restarted)
		})
	}
}

// A daemon in a network namespace of the configuration enters it before it goes on.
func TestRestartInNamespace(t *testing.T) {
	nettest.Require(t)
	lan, k := nettest.NewLANT(t, 1, nettest.Options{}), newKeeper(t)
	n := k.service(newNode(t, lan.Node(1), "net_namespace here\n"+fast("VI_1", 51, 100, "", vip)), "64")
	n.before = "mount -t tmpfs tmpfs /run && mkdir /run/netns && touch /run/netns/here /run/netns/there && mount --bind /proc/self/ns/net /run/netns/here"
	n.start().waitAddr(vip, true)
	for range 2 {
		n.stop()
		mustHold(t, n, vip)
		state, err := unix.FcntlInt(k.state().Fd(), unix.F_DUPFD_CLOEXEC, 3)
		if err != nil {
			t.Fatal(err)
		}
		defer unix.Close(state)
		n = k.next(n)
		n.waitLog(restarted)
		var st unix.Stat_t
		if err := unix.Fstat(state, &st); err != nil || st.Size != 0 {
			t.Errorf("the state has still %d bytes (%v): it could be taken twice", st.Size, err)
		}
		nettest.WaitFor(t, 10*time.Second, func() bool { return k.kept() == 0 && !n.hasOpen("memfd:") }, "nothing left open")
	}
	n.stop()
	n.before += " && unshare -n mount --bind /proc/self/ns/net /run/netns/there"
	n.args = append(n.args, "--namespace", "there")
	k.next(n).waitLog(notTaken + ": the state is that of another network namespace")
}

// A state is of use for the same boot, and not for long.
func TestStateThatFits(t *testing.T) {
	boot, _ := here()
	var ts unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts); err != nil {
		t.Fatal(err)
	}
	now := time.Duration(ts.Nano())
	for _, c := range []struct {
		boot  string
		clock time.Duration
		fits  bool
	}{
		{boot, now, true}, {boot, now - keptTime/2, true}, {boot, now - 2*keptTime, false}, {boot, now + time.Hour, false}, {"other", now, false},
	} {
		st := &handover.State{Clock: c.clock}
		st.Program.Restart = &handover.Restart{Boot: c.boot}
		h := &handed{Inherited: &process.Inherited{}, state: st}
		if err := h.fits(); (err == nil) != c.fits {
			t.Errorf("%q, %v: %v", c.boot, now-c.clock, err)
		}
	}
	if err := (&handed{state: &handover.State{}}).fits(); err == nil || errors.Is(err, handover.ErrFormat) {
		t.Errorf("the state of an upgrade: %v", err)
	}
}
