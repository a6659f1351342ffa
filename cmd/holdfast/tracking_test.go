package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
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
