package main

import (
	"fmt"
	"os"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// unmoved checks that a Master has gone on all the time: one process, its adverts in
// time and none of priority 0, one change to MASTER.
func unmoved(t *testing.T, n *node, pid int, capture *nettest.Capture, since time.Time, vrid uint8) {
	t.Helper()
	spoken(t, capture, 4, time.Now(), vrid)
	adverts := advertsOf(capture.Adverts(), vrid)
	for _, a := range adverts {
		if a.Priority == 0 {
			t.Error("an advert of priority 0")
		}
	}
	if gap := longestSilence(adverts, since, time.Now(), adverts[0].Src); gap > 300*time.Millisecond {
		t.Errorf("no advert for %v", gap)
	}
	if n.out.count("(VI_1) Entering MASTER STATE") != 1 || n.out.count("(VI_1) Entering BACKUP STATE") != 1 {
		t.Error("there was a change of state")
	}
	if n.proc.PID() != pid || !n.runs(n.program) {
		t.Error("it is another process, or not the new program")
	}
}

// A daemon that has entered a network namespace goes on in it, with its directory for
// pid files.
func TestUpgradeInNamespace(t *testing.T) {
	nettest.Require(t)
	for name, how := range map[string]struct {
		conf string
		args []string
	}{
		"configuration": {conf: "net_namespace here\n"},
		"command line":  {args: []string{"-s", "here"}},
		"for IPVS":      {conf: "net_namespace_ipvs there\n"},
	} {
		t.Run(name, func(t *testing.T) {
			lan := nettest.NewLANT(t, 1, nettest.Options{})
			conf := how.conf + fast("VI_1", 51, 100, "", vip)
			n := upgradable(t, newNode(t, lan.Node(1), conf, how.args...))
			// The daemon is started in another one than that in which it is to be.
			n.before = "mount -t tmpfs tmpfs /run && mkdir /run/netns && touch /run/netns/here /run/netns/there && mount --bind /proc/self/ns/net /run/netns/here"
			n.start()
			n.waitAddr(vip, true)
			space := func() string {
				to, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/net", n.proc.PID()))
				if err != nil {
					t.Fatal(err)
				}
				return to
			}
			was, pid, capture, begun := space(), n.proc.PID(), lan.CaptureT(t), time.Now()
			for range 3 {
				n.replaceBySelf()
				n.upgrade()
				if now := space(); now != was {
					t.Fatalf("in %s, before in %s", now, was)
				}
			}
			unmoved(t, n, pid, capture, begun, 51)
			n.reload(how.conf + fast("VI_1", 51, 100, "", vip, "192.0.2.101"))
			n.waitAddr("192.0.2.101", true)
			if _, status := n.stop(); status != 0 {
				t.Errorf("exit status %d", status)
			}
			n.waitAddr(vip, false)
		})
	}
}
