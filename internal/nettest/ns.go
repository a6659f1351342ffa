package nettest

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// NS is a network namespace.
type NS struct {
	name   string
	fd     netns.NsHandle
	inode  uint64
	handle *netlink.Handle

	// work is served by the goroutine whose thread made the namespace and
	// lives in it until Close. Children are started there because a parent
	// death signal is bound to the thread that forked.
	work chan func()
	gone chan struct{}

	mu     sync.Mutex
	procs  []*Process
	closed bool
}

// New makes a network namespace with its loopback interface up. The name is
// for messages only.
func New(name string) (*NS, error) {
	ns := &NS{name: name, work: make(chan func()), gone: make(chan struct{})}
	made := make(chan error, 1)
	onThread(func() { ns.live(made) })
	if err := <-made; err != nil {
		return nil, fmt.Errorf("make network namespace %s: %w", name, err)
	}
	if err := ns.open(); err != nil {
		ns.Close()
		return nil, fmt.Errorf("open network namespace %s: %w", name, err)
	}
	return ns, nil
}

// NewT is [New] for a test, which fails if it cannot be had and closes the
// namespace at its end.
func NewT(tb testing.TB, name string) *NS {
	tb.Helper()
	Require(tb)
	ns, err := New(name)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(ns.Close)
	return ns
}

// live makes the namespace and serves ns.work in it. It ends with its thread
// still locked, so that the thread dies with it.
func (ns *NS) live(made chan<- error) {
	defer close(ns.gone)
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		made <- err
		return
	}
	fd, err := netns.Get()
	if err != nil {
		made <- err
		return
	}
	ns.fd = fd
	made <- nil
	for fn := range ns.work {
		fn()
	}
}

// onThread runs fn on a goroutine locked to its thread, which is not the first
// thread of the process. The process is seen from outside by that one
// (/proc/PID/ns, /proc/PID/net), and it cannot be ended: it stays where it is.
func onThread(fn func()) {
	go func() {
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			fn()
			return
		}
		// Held until the other goroutine has a thread, the first thread cannot
		// be its thread.
		locked := make(chan struct{})
		go func() {
			runtime.LockOSThread()
			close(locked)
			fn()
		}()
		<-locked
		runtime.UnlockOSThread()
	}()
}

// open prepares what the methods use, once the namespace is there.
func (ns *NS) open() error {
	var st unix.Stat_t
	if err := unix.Fstat(int(ns.fd), &st); err != nil {
		return err
	}
	ns.inode = st.Ino
	err := ns.Do(func() (err error) {
		ns.handle, err = netlink.NewHandle(unix.NETLINK_ROUTE)
		return err
	})
	if err != nil {
		return err
	}
	lo, err := ns.handle.LinkByName("lo")
	if err != nil {
		return err
	}
	return ns.handle.LinkSetUp(lo)
}

// Close kills and reaps all processes in the namespace and gives it up. The
// kernel removes it and its interfaces when nothing else holds it. Calling it
// again does nothing.
func (ns *NS) Close() {
	ns.mu.Lock()
	if ns.closed {
		ns.mu.Unlock()
		return
	}
	ns.closed = true
	procs := slices.Clone(ns.procs)
	ns.mu.Unlock()

	for _, p := range procs {
		p.Kill()
	}
	ns.sweep()
	for _, p := range procs {
		<-p.Done()
	}
	if ns.handle != nil {
		ns.handle.Close()
	}
	close(ns.work)
	<-ns.gone
	ns.fd.Close()
}

// sweep kills the processes in the namespace that left the process group in
// which they were started, as daemons and their scripts do. One may fork while
// it is looked for, so the search is repeated until it finds nothing.
func (ns *NS) sweep() {
	for range 10 {
		pids := ns.PIDs()
		if len(pids) == 0 {
			return
		}
		for _, pid := range pids {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
}

// PIDs returns the processes in the namespace in ascending order, without the
// calling process and without those that have ended and only wait to be reaped.
func (ns *NS) PIDs() []int {
	dirs, _ := filepath.Glob("/proc/[0-9]*")
	var pids []int
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || pid == os.Getpid() {
			continue
		}
		var st unix.Stat_t
		if unix.Stat(dir+"/ns/net", &st) == nil && st.Ino == ns.inode {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	return pids
}

// Name returns the name given to [New].
func (ns *NS) Name() string { return ns.name }

// FD returns the descriptor that holds the namespace. It belongs to ns.
func (ns *NS) FD() int { return int(ns.fd) }

// Handle returns a route netlink handle inside the namespace. It belongs to ns.
func (ns *NS) Handle() *netlink.Handle { return ns.handle }

// Do runs fn inside the namespace, on a goroutine and thread of its own, and
// returns fn's error. Sockets and processes made by fn belong to the namespace
// for good; goroutines started by fn do not run in it. Calls may be nested, and
// fn may end the test with FailNow.
//
// Inside fn, /proc/sys/net is the namespace's, but /proc/net is not: it means
// /proc/self/net and so the process's first thread. Use /proc/thread-self/net.
func (ns *NS) Do(fn func() error) error {
	const (
		died = iota // fn ended its goroutine or panicked
		returned
	)
	end, thrown, err := died, any(nil), error(nil)
	done := make(chan struct{})
	onThread(func() {
		defer close(done)
		defer func() { thrown = recover() }()
		err = ns.enter(fn)
		end = returned
	})
	<-done
	switch {
	case thrown != nil:
		panic(thrown)
	case end == died:
		runtime.Goexit()
	}
	return err
}

// enter runs fn with the locked thread inside the namespace.
func (ns *NS) enter(fn func() error) error {
	home, err := netns.Get()
	if err != nil {
		return fmt.Errorf("find the thread's network namespace: %w", err)
	}
	defer home.Close()
	if err := netns.Set(ns.fd); err != nil {
		return fmt.Errorf("enter network namespace %s: %w", ns.name, err)
	}
	defer func() {
		// Inside a user namespace the first network namespace is somebody
		// else's and there is no way back into it. Left locked, the thread
		// ends with its goroutine.
		if netns.Set(home) == nil {
			runtime.UnlockOSThread()
		}
	}()
	return fn()
}

// Sysctl sets a kernel parameter inside the namespace. The key is written with
// dots, or with slashes if a part of it contains a dot:
// net.ipv4.ip_forward, net/ipv4/conf/eth0.5/forwarding.
func (ns *NS) Sysctl(key, value string) error {
	if !strings.Contains(key, "/") {
		key = strings.ReplaceAll(key, ".", "/")
	}
	return ns.Do(func() error {
		return os.WriteFile("/proc/sys/"+key, []byte(value), 0o644)
	})
}

// Addrs returns the addresses on the interface with their prefix lengths, in
// the kernel's order. An interface that does not exist has none.
func (ns *NS) Addrs(ifname string) ([]netip.Prefix, error) {
	link, err := ns.handle.LinkByName(ifname)
	if errors.As(err, new(netlink.LinkNotFoundError)) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return ns.addrs(link)
}

// HasAddr reports whether any interface of the namespace holds the address.
func (ns *NS) HasAddr(addr netip.Addr) bool {
	all, err := ns.addrs(nil)
	return err == nil && slices.ContainsFunc(all, func(p netip.Prefix) bool { return p.Addr() == addr })
}

// addrs lists the addresses on the link, or on all links if it is nil.
func (ns *NS) addrs(link netlink.Link) ([]netip.Prefix, error) {
	var list []netlink.Addr
	var err error
	for range 5 {
		// The kernel may interrupt a listing when addresses change under it.
		list, err = ns.handle.AddrList(link, netlink.FAMILY_ALL)
		if !errors.Is(err, netlink.ErrDumpInterrupted) {
			break
		}
	}
	if err != nil {
		return nil, fmt.Errorf("list addresses in %s: %w", ns.name, err)
	}
	var out []netip.Prefix
	for _, a := range list {
		out = append(out, prefixOf(a.IPNet))
	}
	return out, nil
}

// prefixOf converts an address with its mask.
func prefixOf(n *net.IPNet) netip.Prefix {
	addr, _ := netip.AddrFromSlice(n.IP)
	ones, _ := n.Mask.Size()
	return netip.PrefixFrom(addr.Unmap(), ones)
}
