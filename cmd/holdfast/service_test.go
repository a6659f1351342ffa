package main

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// The service manager hears of the start, of a reload and of the stop, each
// with what systemctl status is to show.
func TestServiceManagerIsTold(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	path := filepath.Join(t.TempDir(), "notify")
	sock, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer sock.Close()
	hear := func(what ...string) {
		t.Helper()
		buf := make([]byte, 4096)
		var heard strings.Builder
		if err := sock.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
			t.Fatal(err)
		}
		for {
			n, err := sock.Read(buf)
			if err != nil {
				t.Fatalf("heard %q and then %v, want %q", heard.String(), err, what)
			}
			heard.Write(append(buf[:n], '\n'))
			if all := heard.String(); containsAll(all, what) {
				return
			}
		}
	}
	n := newNode(t, lan.Node(1), fast("VI_1", 51, 100, "", vip))
	n.env = []string{"NOTIFY_SOCKET=" + path, "WATCHDOG_USEC=200000"}
	n.start()
	hear("READY=1", "STATUS=1 instances: 1 MASTER, 0 BACKUP")
	hear("WATCHDOG=1\n")
	n.signal(syscall.SIGHUP)
	hear("RELOADING=1", "MONOTONIC_USEC=", "READY=1")
	n.signal(syscall.SIGTERM)
	hear("STOPPING=1")
	n.ended(time.Now())
}

// Where no service manager can be told, the time of the second pid file shows
// that the daemon works, if that is asked for.
func TestPIDFileShowsLife(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), fast("VI_1", 51, 100, "", vip))
	n.env = []string{"WATCHDOG_USEC=200000"}
	n.start()
	n.waitAddr(vip, true)
	written := func() time.Time {
		st, err := os.Stat(n.path("vrrp.pid"))
		if err != nil {
			t.Fatal(err)
		}
		return st.ModTime()
	}
	last := written()
	nettest.WaitFor(t, 10*time.Second, func() bool { return written().After(last) }, "a newer pid file")
	n.signal(syscall.SIGSTOP)
	nettest.WaitFor(t, 10*time.Second, func() bool {
		b, _ := os.ReadFile(fmt.Sprintf("/proc/%d/stat", n.proc.PID()))
		return strings.Contains(string(b), ") T ")
	}, "the daemon to stand still")
	last = written()
	if nettest.Poll(time.Second, func() bool { return written().After(last) }) {
		t.Error("a stopped daemon shows life")
	}
	n.signal(syscall.SIGCONT)
	nettest.WaitFor(t, 10*time.Second, func() bool { return written().After(last) }, "a newer pid file")
	n.stop()
}

func containsAll(s string, parts []string) bool {
	for _, p := range parts {
		if !strings.Contains(s, p) {
			return false
		}
	}
	return true
}

// Without -n whoever starts the daemon gets the terminal back when addresses are
// watched over, and is told when they are not.
func TestBackground(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), fast("VI_1", 51, 100, "", vip))
	n.args = append([]string{"-G"}, n.args[3:]...)
	n.start()
	if _, code := n.ended(time.Now()); code != 0 {
		t.Fatalf("exit status %d", code)
	}
	n.waitAddr(vip, true)

	// The address is held by a process that the foreground knows no more.
	second := &node{t: t, ns: n.ns, dir: n.dir, args: n.args, out: &output{}}
	second.start()
	if _, code := second.ended(time.Now()); code != 0 || !strings.Contains(second.out.String(), "daemon is already running") {
		t.Errorf("second start: %d, %q", code, second.out)
	}
	stopByPIDFile(t, n)
	n.waitAddr(vip, false)

	n.configure("vrrp_instance VI_1 {\n interface eth7\n virtual_router_id 1\n virtual_ipaddress { 192.0.2.9\n }\n}\n")
	third := &node{t: t, ns: n.ns, dir: n.dir, args: n.args, out: &output{}}
	third.start()
	if _, code := third.ended(time.Now()); code != 2 || !strings.Contains(third.out.String(), "eth7") {
		t.Errorf("start with a configuration that cannot run: %d, %q", code, third.out)
	}
}

// stopByPIDFile ends a daemon in the background as an init script does. Only a
// process of this test's namespace is ended.
func stopByPIDFile(t *testing.T, n *node) {
	t.Helper()
	for _, pid := range n.ns.PIDs() {
		if err := syscall.Kill(pid, syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	nettest.WaitFor(t, 10*time.Second, func() bool {
		_, err := os.Stat(n.path("pid"))
		return err != nil
	}, "the pid file to go")
}

// What a watchdog does to a daemon that hangs: it says where, and ends in a way after
// which it is started again, with an address that is still there.
func TestAborted(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), fast("VI_1", 51, 100, "", vip)).start()
	n.waitAddr(vip, true)
	n.signal(syscall.SIGABRT)
	if _, code := n.ended(time.Now()); code != exitInternal {
		t.Errorf("exit status %d, want %d: 2 would mean that a new start is in vain", code, exitInternal)
	}
	if !strings.Contains(n.out.String(), "(*runner).run") {
		t.Errorf("it does not say where its loops are:\n%s", n.out)
	}
	n.waitAddr(vip, true)
}
