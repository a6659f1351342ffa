package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// advertises waits until the node sends adverts of that priority.
func advertises(t *testing.T, lan *nettest.LAN, priority uint8) {
	t.Helper()
	cap, err := lan.Capture()
	if err != nil {
		t.Fatal(err)
	}
	defer cap.Close()
	nettest.WaitFor(t, 10*time.Second, func() bool {
		all := cap.Adverts()
		return len(all) > 0 && all[len(all)-1].Priority == priority
	}, fmt.Sprintf("adverts with priority %d", priority))
}

// An interface beside the instance's own moves its priority, with the cause in
// the log.
func TestTrackInterface(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	side := nettest.NewLANT(t, 0, nettest.Options{Join: lan, Segment: 1})
	n := newNode(t, lan.Node(1), fast("VI_1", 51, 100, "track_interface {\n eth1 weight -20\n}", vip)).start()
	n.waitAddr(vip, true)
	advertises(t, lan, 100)
	if err := side.Cut(1); err != nil {
		t.Fatal(err)
	}
	advertises(t, lan, 80)
	n.waitLog("(VI_1) cause: interface eth1 down")
	if err := side.Join(1); err != nil {
		t.Fatal(err)
	}
	advertises(t, lan, 100)
	if got := n.out.count("Entering"); got != 2 {
		t.Errorf("%d transitions, want none after the first two", got)
	}
}

// The check of HAProxy Enterprise's manual, with the pipe that it promises.
func TestTrackScriptWithPipe(t *testing.T) {
	nettest.Require(t)
	for _, c := range []struct {
		args []string
		want uint8
	}{
		{nil, 106},
		{[]string{"--strict-compat"}, 100}, // the bar is an argument of echo, and the file says no
	} {
		t.Run(fmt.Sprint(c.args), func(t *testing.T) {
			lan := nettest.NewLANT(t, 1, nettest.Options{})
			n := newNode(t, lan.Node(1), "", c.args...)
			flag := n.path("healthy")
			conf := fmt.Sprintf("vrrp_script chk {\n script \"/usr/bin/test -e %s && /usr/bin/echo up | /usr/bin/grep -q up\"\n interval 1\n weight 6\n}\n", flag)
			n.configure(conf + fast("VI_1", 51, 100, "track_script {\n chk\n}", vip))
			if err := os.WriteFile(flag, nil, 0o644); err != nil {
				t.Fatal(err)
			}
			n.start()
			n.waitAddr(vip, true)
			advertises(t, lan, c.want)
			if c.args != nil {
				return
			}
			if err := os.Remove(flag); err != nil {
				t.Fatal(err)
			}
			advertises(t, lan, 100)
			n.waitLog("(VI_1) cause: script chk failed (exit 1)")
		})
	}
}

// The daemon answers to the names that its users know.
func TestOtherNames(t *testing.T) {
	nettest.Require(t)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"keepalived", "hapee-vrrp"} {
		t.Run(name, func(t *testing.T) {
			lan := nettest.NewLANT(t, 1, nettest.Options{})
			n := newNode(t, lan.Node(1), fast("VI_1", 51, 100, "", vip))
			link := n.path(name)
			if err := os.Symlink(exe, link); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(link, n.args...)
			cmd.Env = append(os.Environ(), asDaemon+"=1")
			cmd.Stderr = n.out
			if n.proc, err = n.ns.Start(cmd); err != nil {
				t.Fatal(err)
			}
			n.waitAddr(vip, true)
			if _, code := n.stop(); code != 0 || !strings.Contains(n.out.String(), "Stopped Keepalived") {
				t.Errorf("status %d, log %s", code, n.out)
			}
		})
	}
}

// data waits until a dump holds the text.
func (n *node) data(text string) {
	n.t.Helper()
	n.signal(syscall.SIGUSR1)
	nettest.WaitFor(n.t, 10*time.Second, func() bool {
		b, err := os.ReadFile(n.path("keepalived.data"))
		return err == nil && strings.Contains(string(b), text)
	}, fmt.Sprintf("%q in the data file", text))
}

// A tracked file is set up at the start and not again at a reload, and what it
// says outlives that.
func TestTrackFile(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), "")
	conf := fmt.Sprintf("track_file tf {\n file %s\n init_file 7 overwrite\n}\n", n.path("value")) +
		fast("VI_1", 51, 100, "track_file {\n tf\n}", vip)
	if err := os.WriteFile(n.path("value"), []byte("50"), 0o644); err != nil {
		t.Fatal(err)
	}
	n.configure(conf)
	n.start()
	n.waitAddr(vip, true)
	advertises(t, lan, 107)
	if err := os.WriteFile(n.path("value"), []byte("9\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	advertises(t, lan, 109)
	n.waitLog("(VI_1) cause: file tf has value 9")
	n.data(" Track file = tf\n   File = " + n.path("value") + "\n   Status = 9\n   Weight = 1\n   Tracking instances :\n     VI_1, weight 1\n")
	n.reload(conf + fast("VI_2", 52, 100, "", "192.0.2.102/24"))
	n.waitAddr("192.0.2.102", true)
	n.reload(strings.Replace(conf, "track_file {\n tf", "track_file {\n tf weight -2", 1))
	advertises(t, lan, 82)
	if text, err := os.ReadFile(n.path("value")); err != nil || string(text) != "9\n" {
		t.Errorf("after the reload the file holds %q (%v)", text, err)
	}
	if got := n.out.count("(VI_1) Entering"); got != 2 {
		t.Errorf("%d transitions of VI_1, want none after the first two", got)
	}
}

// A file that is written ten thousand times a second does not delay adverts.
func TestTrackFileStorm(t *testing.T) {
	nettest.Require(t)
	dir, err := os.MkdirTemp("/dev/shm", "holdfast")
	if err != nil {
		t.Skip(err) // on a disk that is too slow for a storm
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	conf := fmt.Sprintf("track_file tf {\n file %s/value\n}\n", dir) + fast("VI_1", 51, 100, "track_file {\n tf\n}", vip)
	n := newNode(t, lan.Node(1), conf).start()
	n.waitAddr(vip, true)
	cap := lan.CaptureT(t)
	begun := time.Now()
	for i := range 20000 {
		if err := os.WriteFile(dir+"/value", []byte(fmt.Sprint(1+i%2)), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	took := time.Since(begun)
	if err := os.WriteFile(dir+"/value", []byte("5"), 0o644); err != nil {
		t.Fatal(err)
	}
	nettest.WaitFor(t, 10*time.Second, func() bool {
		all := cap.Adverts()
		return len(all) > 0 && all[len(all)-1].Priority == 105
	}, "the last value in the adverts")
	var longest time.Duration
	all := cap.Adverts()
	for i := 1; i < len(all); i++ {
		longest = max(longest, all[i].Time.Sub(all[i-1].Time))
	}
	t.Logf("20000 writes in %v, %d lines about priorities, longest gap between adverts %v", took, n.out.count("Changing effective"), longest)
	if longest > time.Second { // with room for a busy machine
		t.Errorf("no advert for %v", longest)
	}
	if got, most := n.out.count("Changing effective"), 10+int(took/(25*time.Millisecond)); got > most {
		t.Errorf("%d changes of priority in %v, want at most %d", got, took, most)
	}
}

// In a network namespace the log says how processes are followed.
func TestTrackProcessMode(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), "vrrp_track_process p {\n process hf-there-is-none\n weight 10\n}\n"+
		fast("VI_1", 51, 100, "track_process {\n p\n}", vip)).start()
	n.waitAddr(vip, true)
	if n.out.count("Following tracked processes by process events of the initial network namespace")+
		n.out.count("Looking for tracked processes every 1s: ") != 1 {
		t.Errorf("the log does not say how")
	}
}

// promote_secondaries is set on the interface while an instance wants it, on a
// new one of that name too.
func TestPromoteSecondaries(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), fast("VI_1", 51, 100, "promote_secondaries", vip)).start()
	want := func(v string) {
		t.Helper()
		nettest.WaitFor(t, 10*time.Second, func() bool {
			var text []byte
			err := lan.Node(1).Do(func() (err error) {
				text, err = os.ReadFile("/proc/sys/net/ipv4/conf/eth0/promote_secondaries")
				return err
			})
			return err == nil && strings.TrimSpace(string(text)) == v
		}, "promote_secondaries to be "+v)
	}
	n.waitAddr(vip, true)
	want("1")
	n.data("   Original promote_secondaries 1\n   Reset promote_secondaries counter 1\n")
	if err := lan.Remove(1); err != nil {
		t.Fatal(err)
	}
	n.waitLog("(VI_1) Entering FAULT STATE")
	n.data(" Name = eth0\n   index = 0 (deleted)\n")
	if err := lan.Replace(1); err != nil {
		t.Fatal(err)
	}
	n.waitAddr(vip, true)
	want("1")
	if _, code := n.stop(); code != 0 {
		t.Errorf("status %d", code)
	}
	want("0")
}
