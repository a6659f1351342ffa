package main

import (
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/nettest"
	"github.com/holdfast-ha/holdfast/internal/trace"
)

// What a daemon has recorded in an election, two failovers, a pulled cable and
// reloads, one of which makes a sync group of what was single, replays to the same.
func TestRecordReplays(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	const secret = "s3cr3t99"
	auth := "authentication {\n auth_type PASS\n auth_pass " + secret + "\n }\n"
	second := strings.Replace(fast("VI_2", 52, 150, auth, "192.0.2.101"), "version 3", "version 2", 1)
	second = strings.Replace(second, "advert_int 0.1", "advert_int 1", 1)
	one := newNode(t, lan.Node(1), fast("VI_1", 51, 150, "", vip)+second)
	one.args = append(one.args, "--record", one.path("trace"))
	two := newNode(t, lan.Node(2), fast("VI_1", 51, 100, "", vip))
	two.args = append(two.args, "--record="+two.path("trace"))
	// On a busy machine there are more elections than these.
	next := func(n *node, what string) (wait func()) {
		before := n.out.count(what)
		return func() { t.Helper(); n.waitLogs(what, before+1) }
	}
	one.start()
	one.waitLogs("Entering MASTER STATE", 2)
	two.start()
	two.waitLog("Entering BACKUP STATE")
	takes, returns := next(two, "Entering MASTER STATE"), next(one, "(VI_1) Entering MASTER STATE")
	one.signal(syscall.SIGSTOP)
	takes()
	one.signal(syscall.SIGCONT)
	returns()
	takes = next(two, "Entering MASTER STATE")
	one.reload(fast("VI_1", 51, 90, "", vip) + second)
	takes()
	one.reload(fast("VI_1", 51, 160, "", vip) + second + "vrrp_sync_group G {\n group {\n VI_1\n VI_2\n }\n}\n")
	one.waitLog("VRRP_Group(G) Syncing instances to MASTER state")
	takes, returns = next(two, "Entering MASTER STATE"), next(one, "VRRP_Group(G) Syncing instances to MASTER state")
	if err := lan.Cut(1); err != nil {
		t.Fatal(err)
	}
	one.waitLog("Entering FAULT STATE")
	takes()
	if err := lan.Join(1); err != nil {
		t.Fatal(err)
	}
	returns()
	one.stop()
	two.stop()
	for _, n := range []*node{one, two} {
		text, err := os.ReadFile(n.path("trace"))
		if err != nil {
			t.Fatal(err)
		}
		got, err := trace.ReplayRecording(string(text))
		if err != nil {
			t.Errorf("%s: %v", n.ns.Name(), err)
		}
		t.Logf("%s: %d bytes, %+v", n.ns.Name(), len(text), got)
		if got.Events < 50 || got.Skipped > 0 || strings.Contains(string(text), secret) || !strings.HasSuffix(string(text), "# end\n") {
			t.Errorf("%s: %+v; the secret is in it: %v", n.ns.Name(), got, strings.Contains(string(text), secret))
		}
		if n == one && (got.Traces != 3 || !strings.Contains(string(text), "3| adopt instance=1 from=2 as=0") || !strings.Contains(string(text), "< reconfigure ")) {
			t.Errorf("the reloads are not in it: %+v", got)
		}
		if info, err := os.Stat(n.path("trace")); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("mode %v, %v", info.Mode(), err)
		}
	}
}

// A recording that cannot be made costs no address.
func TestRecordWithoutAFile(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), fast("VI_1", 51, 150, "", vip), "--record", "/nowhere/trace").start()
	n.waitLog("--record: nothing is recorded: open /nowhere/trace: no such file or directory")
	n.waitAddr(vip, true)
	if _, status := n.stop(); status != 0 {
		t.Errorf("status %d", status)
	}
}
