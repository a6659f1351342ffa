package interop_test

import (
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// frrDir is where Debian installs FRR's daemons.
const frrDir = "/usr/lib/frr"

// TestFRR tries the daemon with a second independent implementation, FRR's
// vrrpd, which speaks from virtual MAC addresses: its crash, and being taken
// over and given back to.
func TestFRR(t *testing.T) {
	for _, proto := range interop.Protocols {
		if proto.Unicast || proto.Pass || proto.AH {
			continue // FRR knows none of them
		}
		for name, inside := range map[string]string{"": "", "/vmac": "\tuse_vmac"} {
			frrLife(t, proto, name, inside)
		}
	}
}

// frrLife is TestFRR for a protocol, with or without a virtual MAC on our side.
func frrLife(t *testing.T, proto interop.Protocol, name, inside string) {
	t.Run(proto.Name+name+"/crash", func(t *testing.T) {
		t.Parallel()
		f := newFRR(t, proto, lowPriority, inside)
		f.await(func() bool { return f.d.State(interop.Instance) == "BACKUP" && len(f.theirs()) > 5 }, "FRR to be master")
		if n := len(f.ours()); n != 0 && machine.worst(f.began) < proto.Interval {
			t.Errorf("the backup sent %d adverts", n)
		}
		since := time.Now()
		f.crash()
		sent := func() []nettest.Advert { return after(f.ours(), since) }
		f.await(func() bool { return len(sent()) > 0 && f.holds() }, "the takeover")
		gap, want := sent()[0].Time.Sub(last(f.theirs())), f.proto.DownTime(lowPriority)
		t.Logf("takeover after a crash: %v, %v beyond the protocol's %v", gap, gap-want, want)
		if gap < want-early {
			t.Errorf("takeover %v too early", want-gap)
		}
	})
	t.Run(proto.Name+name+"/preempt", func(t *testing.T) {
		t.Parallel()
		const higher = highPriority + 50
		f := newFRR(t, proto, higher, inside)
		f.await(func() bool { return f.holds() && len(f.ours()) > 5 }, "preemption")
		if since := f.ours()[2].Time; last(f.theirs()).After(since) {
			t.Error("FRR still sends after it was preempted")
		}
		if err := f.d.Stop(); err != nil {
			t.Error(err)
		}
		stop := last(f.ours())
		f.await(func() bool { return last(f.theirs()).After(stop) }, "FRR to take over again")
		if p := f.ours()[len(f.ours())-1].Priority; p != 0 {
			t.Errorf("the last advert had priority %d, want 0", p)
		}
		took := after(f.theirs(), stop)[0].Time.Sub(stop)
		t.Logf("FRR took over %v after priority 0, skew %v", took, f.proto.Skew(highPriority))
	})
}

// last returns when the last of the adverts was sent.
func last(adverts []nettest.Advert) time.Time {
	if len(adverts) == 0 {
		return time.Time{}
	}
	return adverts[len(adverts)-1].Time
}

// after returns the adverts after a moment.
func after(adverts []nettest.Advert, moment time.Time) []nettest.Advert {
	i := slices.IndexFunc(adverts, func(a nettest.Advert) bool { return a.Time.After(moment) })
	if i < 0 {
		return nil
	}
	return adverts[i:]
}

// frr is FRR on node 1 with the high priority and our daemon on node 2.
type frr struct {
	t     *testing.T
	proto interop.Protocol
	lan   *nettest.LAN
	cap   *nettest.Capture
	d     *interop.Daemon
	dir   string
	began time.Time
}

func newFRR(t *testing.T, proto interop.Protocol, priority int, inside string) *frr {
	t.Helper()
	nettest.Require(t)
	inputs()
	f := &frr{t: t, began: time.Now(), proto: proto, lan: nettest.NewLANT(t, 2, nettest.Options{})}
	f.cap = f.lan.CaptureT(t)
	f.dir = frrHome(t)
	f.macvlan()
	frrStart(t, f.lan.Node(1), f.dir, "zebra", "zserv.api", "")
	frrStart(t, f.lan.Node(1), f.dir, "vrrpd", "vrrpd.vty", f.config())
	f.await(func() bool { return len(f.theirs()) > 0 }, "adverts of FRR")

	conf := interop.Conf{Protocol: proto, LAN: f.lan, Node: 2, Priority: priority, Inside: inside}
	var err error
	if f.d, err = interop.Start(f.lan.Node(2), ours, t.TempDir(), conf.String()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log:\n%s\ncaptured:\n%s", f.d.Log(), summary(f.cap.Adverts()[:min(30, len(f.cap.Adverts()))], 30))
		}
	})
	return f
}

// frrHome makes a folder for FRR's files, which FRR owns.
func frrHome(t *testing.T) string {
	t.Helper()
	account, err := user.Lookup("frr")
	if err != nil {
		t.Skipf("needs Debian's frr, see scripts/setup: %v", err)
	}
	dir, err := os.MkdirTemp("", "frr")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	uid, _ := strconv.Atoi(account.Uid)
	gid, _ := strconv.Atoi(account.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Skipf("needs to run FRR as its own user: %v", err)
	}
	return dir
}

// frrStart starts one of FRR's daemons and waits for its socket.
func frrStart(t *testing.T, node *nettest.NS, dir, name, socket, conf string, args ...string) *nettest.Process {
	t.Helper()
	file := func(n string) string { return filepath.Join(dir, n) }
	if err := os.WriteFile(file(name+".conf"), []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(frrDir, name), "-f", file(name+".conf"), "-i", file(name+".pid"),
		"-z", file("zserv.api"), "--vty_socket", dir, "-P", "0", "-u", "frr", "-g", "frr")
	cmd.Args = append(cmd.Args, args...)
	p, err := node.Start(cmd)
	if err != nil {
		t.Fatal(err)
	}
	nettest.WaitFor(t, patience, func() bool { _, err := os.Stat(file(socket)); return err == nil }, "FRR's "+name)
	return p
}

// mac is the virtual router's MAC address (RFC 5798 section 7.3).
func (f *frr) mac() net.HardwareAddr {
	family := byte(1)
	if f.proto.IPv6 {
		family = 2
	}
	return net.HardwareAddr{0, 0, 0x5e, 0, family, interop.VRID}
}

// macvlan makes the interface that vrrpd expects: it finds it by its MAC.
func (f *frr) macvlan() {
	f.t.Helper()
	const name = "vr"
	check := func(err error) {
		f.t.Helper()
		if err != nil {
			f.t.Fatalf("make interface for FRR: %v", err)
		}
	}
	h := f.lan.Node(1).Handle()
	eth, err := h.LinkByName(f.lan.Iface())
	check(err)
	link := &netlink.Macvlan{
		LinkAttrs: netlink.LinkAttrs{Name: name, ParentIndex: eth.Attrs().Index, HardwareAddr: f.mac()},
		Mode:      netlink.MACVLAN_MODE_BRIDGE,
	}
	check(h.LinkAdd(link))
	// A link-local address of its own for IPv6, as the source; none for IPv4.
	mode := "1"
	if f.proto.IPv6 {
		mode = "3"
	}
	check(f.lan.Node(1).Sysctl("net.ipv6.conf."+name+".addr_gen_mode", mode))
	for _, vip := range f.proto.VIPs() {
		addr := addrOf(vip)
		addr.Flags = unix.IFA_F_NODAD
		check(h.AddrAdd(link, addr))
	}
	check(h.LinkSetUp(link))
}

func (f *frr) config() string {
	out := fmt.Sprintf("interface %s\n", f.lan.Iface())
	set := func(format string, args ...any) {
		out += fmt.Sprintf(" vrrp %d ", interop.VRID) + fmt.Sprintf(format, args...) + "\n"
	}
	set("version %d", f.proto.Version)
	set("priority %d", highPriority)
	set("advertisement-interval %d", f.proto.Interval.Milliseconds())
	for _, vip := range f.proto.VIPs() {
		family := "ip"
		if vip.Addr().Is6() {
			family = "ipv6"
		}
		set("%s %v", family, vip.Addr())
	}
	return out
}

// crash kills FRR and the machine with it.
func (f *frr) crash() {
	f.t.Helper()
	for _, pid := range f.lan.Node(1).PIDs() {
		_ = unix.Kill(pid, unix.SIGKILL)
	}
	if err := f.lan.Cut(1); err != nil {
		f.t.Fatal(err)
	}
}

func (f *frr) await(cond func() bool, what string) {
	f.t.Helper()
	nettest.WaitFor(f.t, patience, cond, what)
}

// holds reports whether our daemon is MASTER and has its addresses.
func (f *frr) holds() bool {
	for _, vip := range f.proto.VIPs() {
		if !f.lan.Node(2).HasAddr(vip.Addr()) {
			return false
		}
	}
	return f.d.State(interop.Instance) == "MASTER"
}

func (f *frr) theirs() []nettest.Advert { return f.from(false) }
func (f *frr) ours() []nettest.Advert   { return f.from(true) }

// from returns adverts by who sent them: the source address tells, as both may have
// the same MAC.
func (f *frr) from(us bool) []nettest.Advert {
	var out []nettest.Advert
	for _, a := range f.cap.Adverts() {
		if us == (a.Src == f.lan.Prefix4(2).Addr() || a.Src == f.lan.LinkLocal(2)) {
			out = append(out, a)
		}
	}
	return out
}
