package system

import (
	"os"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// Where the unit has room for descriptors, a restart of the Master hands nothing over;
// a stop does as ever.
func TestRestartWithoutHandOver(t *testing.T) {
	Require(t)
	lan := nettest.NewLANT(t, 3, nettest.Options{})
	a := Boot(t, lan.Node(1), Overlay(t, map[string]string{
		confFile: conf(150, ""),
		"/etc/systemd/system/holdfast.service.d/restart.conf": "[Service]\nFileDescriptorStoreMax=512\n",
	}))
	b := Boot(t, lan.Node(2), Overlay(t, map[string]string{confFile: conf(100, "")}))
	for _, n := range []*Node{a, b} {
		n.Run("dpkg", "-i", n.bring("deb"))
		n.isHoldfast()
	}
	a.holds(true)
	b.holds(false)
	p, capture := startProbe(t, lan.Node(3), vipAddr), lan.CaptureT(t)
	masters := func() int {
		return strings.Count(b.Run("journalctl", "-o", "cat", "-t", "Keepalived_vrrp"), "Entering MASTER STATE")
	}
	before := masters()
	p.begin(t)
	for i := range 5 {
		since := time.Now()
		nettest.WaitFor(t, 10*time.Second, func() bool { return time.Since(since) > 3*advert }, "some adverts")
		pid := a.Show("holdfast", "MainPID")
		begun := time.Now()
		a.Run("systemctl", "restart", "keepalived")
		t.Logf("systemctl restart took %v", time.Since(begun))
		a.waitShow("holdfast", "ActiveState", "active")
		if now := a.Show("holdfast", "MainPID"); now == pid || now == "0" {
			t.Errorf("the main process is %s, and was %s", now, pid)
		}
		if got := strings.Count(a.Run("journalctl", "-o", "cat", "-t", "Keepalived_vrrp"), "Restart: going on as"); got != i+1 {
			t.Fatalf("it has gone on %d times after %d restarts", got, i+1)
		}
		a.waitShow("holdfast", "NFileDescriptorStore", "0")
		if i == 2 { // the next one is where the command line has changed
			a.Write("/etc/default/keepalived", "DAEMON_ARGS=\"-D\"\n")
		}
	}
	t.Logf("%v without an answer", p.silence())
	if got := a.Read("/proc/" + a.Show("holdfast", "MainPID") + "/cmdline"); !strings.HasSuffix(got, "\x00-D\x00") {
		t.Errorf("the command line is %q", got)
	}
	if s := p.silence(); s > slack {
		t.Errorf("%v without an answer", s)
	}
	var last time.Time
	var worst time.Duration
	for _, x := range capture.Adverts() {
		if x.Priority == 0 {
			t.Error("an advert of priority 0")
		}
		if !last.IsZero() {
			worst = max(worst, x.Time.Sub(last))
		}
		last = x.Time
	}
	t.Logf("longest gap between adverts: %v", worst)
	if now := masters(); now != before {
		t.Errorf("the Backup became Master %d times", now-before)
	}
	a.Run("systemctl", "stop", "keepalived")
	a.holds(false)
	b.holds(true)
	if out := b.Run("journalctl", "-o", "cat", "-t", "Keepalived_vrrp"); !strings.Contains(out, "gave up mastership (priority 0)") {
		t.Error("a stop sends no priority 0")
	}
}

// The same as an ordinary user, who has a directory of its own for its files.
func TestRestartAsOrdinaryUser(t *testing.T) {
	Require(t)
	const unit = "holdfast-unprivileged"
	text, err := os.ReadFile("../../configs/systemd/" + unit + ".service")
	if err != nil {
		t.Fatal(err)
	}
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := installed(t, lan, map[string]string{
		confFile:                  conf(150, ""),
		"/etc/default/keepalived": "DAEMON_ARGS=\"-D\"\n",
		"/etc/systemd/system/" + unit + ".service":                string(text),
		"/etc/systemd/system/" + unit + ".service.d/restart.conf": "[Service]\nFileDescriptorStoreMax=512\nRuntimeDirectoryPreserve=restart\n",
	})
	n.Run("systemctl", "stop", "keepalived")
	// The bus turns away whom it cannot look up, and nothing here knows dynamic users.
	n.Run("useradd", "--system", "holdfast")
	n.Run("systemctl", "start", unit)
	n.holds(true)
	capture := lan.CaptureT(t)
	n.Run("systemctl", "restart", unit)
	if out := n.Run("journalctl", "-o", "cat", "-u", unit); strings.Count(out, "Restart: going on as") != 1 {
		t.Errorf("it has not gone on:\n%s", out)
	}
	n.waitShow(unit, "NFileDescriptorStore", "0")
	for _, x := range capture.Adverts() {
		if x.Priority == 0 {
			t.Error("an advert of priority 0")
		}
	}
	n.Run("systemctl", "stop", unit)
	n.holds(false)
}
