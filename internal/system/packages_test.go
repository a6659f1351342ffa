package system

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// packagesEnv is the environment variable that names the directory of the packages.
const packagesEnv = "HOLDFAST_PACKAGES"

const (
	confFile = "/etc/keepalived/keepalived.conf"
	vip      = "192.0.2.100"
	advert   = 200 * time.Millisecond
	// dead is when a Backup knows that the Master is silent: three adverts and up to
	// one more by its priority.
	dead = 4 * advert
	// slack is for a busy machine.
	slack = 500 * time.Millisecond
)

var vipAddr = netip.MustParseAddr(vip)

// conf is one instance, with adverts five times a second.
func conf(priority int, more string) string {
	return fmt.Sprintf(`# the administrator's
vrrp_instance VI_1 {
    version 3
    interface eth0
    virtual_router_id 51
    priority %d
    advert_int 0.2
    virtual_ipaddress {
        %s/24
    }
}
%s`, priority, vip, more)
}

// built gives the package of a kind for this machine.
func built(tb testing.TB, kind string) string {
	tb.Helper()
	dir := os.Getenv(packagesEnv)
	if dir == "" {
		tb.Skipf("needs the packages (%s): run make test-system", packagesEnv)
	}
	arch := runtime.GOARCH
	if kind == "rpm" {
		arch = map[string]string{"amd64": "x86_64", "arm64": "aarch64"}[arch]
	}
	found, _ := filepath.Glob(filepath.Join(dir, "holdfast*"+arch+"."+kind))
	if len(found) != 1 {
		tb.Fatalf("packages of kind %s: %q, want one", kind, found)
	}
	return found[0]
}

// bring copies a package to the node and gives its path there.
func (n *Node) bring(kind string) string {
	n.tb.Helper()
	b, err := os.ReadFile(built(n.tb, kind))
	if err != nil {
		n.tb.Fatal(err)
	}
	const dir = "/srv/new/"
	n.Write(dir+"holdfast."+kind, string(b))
	return dir + "holdfast." + kind
}

// holds waits until the node has the address or has it not.
func (n *Node) holds(want bool) {
	n.tb.Helper()
	nettest.WaitFor(n.tb, 30*time.Second, func() bool { return n.ns.HasAddr(vipAddr) == want }, fmt.Sprintf("%s on %s: %v", vip, n.ns.Name(), want))
}

// waitShow waits until a property of a unit has a value.
func (n *Node) waitShow(unit, property, want string) {
	n.tb.Helper()
	got := ""
	ok := nettest.Poll(30*time.Second, func() bool {
		got = n.Show(unit, property)
		return got == want
	})
	if !ok {
		n.tb.Fatalf("%s of %s on %s is %q, want %q", property, unit, n.ns.Name(), got, want)
	}
}

func (n *Node) isHoldfast() {
	n.tb.Helper()
	if out := n.Run("keepalived", "--version"); !strings.Contains(out, "Holdfast") {
		n.tb.Errorf("keepalived on %s is %q", n.ns.Name(), out)
	}
	n.waitShow("keepalived", "ActiveState", "active")
}

// A pair of keepalived becomes one of Holdfast, first the Backup (by dpkg), then the
// Master (by apt), while a client uses the address.
func TestReplacingAPair(t *testing.T) {
	Require(t)
	lan := nettest.NewLANT(t, 3, nettest.Options{})
	a := Boot(t, lan.Node(1), Overlay(t, map[string]string{confFile: conf(150, "")}))
	b := Boot(t, lan.Node(2), Overlay(t, map[string]string{confFile: conf(100, "")}))
	p := startProbe(t, lan.Node(3), vipAddr)
	a.holds(true)
	b.holds(false)

	p.begin(t)
	b.Run("dpkg", "-i", b.bring("deb"))
	b.isHoldfast()
	b.holds(false)
	a.holds(true)
	t.Logf("Backup replaced: %v without an answer", p.silence())
	if s := p.silence(); s > slack {
		t.Errorf("%v without an answer although the Master was left alone", s)
	}

	p.begin(t)
	a.Run("apt-get", "install", "-y", a.bring("deb"))
	a.isHoldfast()
	a.holds(true)
	b.holds(false)
	t.Logf("Master replaced: %v without an answer", p.silence())
	if s := p.silence(); s > dead+slack {
		t.Errorf("%v without an answer, the protocol allows %v for each hand-over", s, dead)
	}
	for _, n := range []*Node{a, b} {
		if got := n.Read(confFile); !strings.HasPrefix(got, "# the administrator's\n") {
			t.Errorf("the configuration was touched: %q", got)
		}
	}
	if got := a.Show("holdfast", "StatusText"); got != "1 instances: 1 MASTER, 0 BACKUP" {
		t.Errorf("status of the Master: %q", got)
	}
	if got := a.Run("holdfastctl", "status"); !strings.Contains(got, "1 instances: 1 MASTER, 0 BACKUP") || !strings.Contains(got, vip) {
		t.Errorf("holdfastctl status: %s", got)
	}

	// The same package again is an upgrade: the daemon is executed anew.
	before := a.Show("holdfast", "MainPID")
	p.begin(t)
	a.Run("dpkg", "-i", "/srv/new/holdfast.deb")
	a.isHoldfast()
	a.holds(true)
	b.holds(false)
	t.Logf("Master upgraded: %v without an answer", p.silence())
	if s := p.silence(); s > slack {
		t.Errorf("%v without an answer although no address had to move", s)
	}
	if after := a.Show("holdfast", "MainPID"); after != before {
		t.Errorf("process %s became %s", before, after)
	}
	p.begin(t)
	if got := a.Run("holdfastctl", "upgrade"); !strings.Contains(got, "Upgrade: going on as") {
		t.Errorf("holdfastctl upgrade: %s", got)
	}
	if s, after := p.silence(), a.Show("holdfast", "MainPID"); s > slack || after != before {
		t.Errorf("by holdfastctl: %v without an answer, process %s became %s", s, before, after)
	}
	if exe := a.Run("readlink", "/proc/"+before+"/exe"); strings.Contains(exe, "deleted") {
		t.Errorf("it still runs %s", exe)
	}

	// And back.
	p.begin(t)
	a.Run("dpkg", "--purge", "holdfast")
	b.holds(true)
	if a.Exists("/usr/lib/systemd/system/keepalived.service") || a.Exists("/usr/sbin/keepalived") || a.Exists("/var/lib/holdfast") {
		t.Error("the package left something behind")
	}
	a.Run("sh", "-c", "dpkg -i /srv/packages/keepalived_*.deb")
	a.waitShow("keepalived", "ActiveState", "active")
	a.holds(true)
	b.holds(false)
	if s := p.silence(); s > dead+slack {
		t.Errorf("%v without an answer on the way back", s)
	}
	if out := a.Run("systemctl", "is-enabled", "keepalived"); strings.TrimSpace(out) != "enabled" {
		t.Errorf("keepalived is %s after it came back", out)
	}
	if got := a.Read(confFile); got != conf(150, "") {
		t.Errorf("the configuration was touched: %q", got)
	}
}

// installed boots a node on which the package has replaced keepalived.
func installed(t *testing.T, lan *nettest.LAN, files map[string]string) *Node {
	t.Helper()
	n := Boot(t, lan.Node(1), Overlay(t, files))
	n.Run("dpkg", "-i", n.bring("deb"))
	n.isHoldfast()
	return n
}

// What an operator does with the unit, under keepalived's name.
func TestUnit(t *testing.T) {
	Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := installed(t, lan, map[string]string{
		confFile: conf(150, ""),
		// What the administrator has set for the unit of keepalived counts too.
		"/etc/systemd/system/keepalived.service.d/own.conf": "[Service]\nLimitNOFILE=4242\n",

		"/etc/default/keepalived":   "DAEMON_ARGS=\"-D\"\n",
		"/etc/sysconfig/keepalived": "KEEPALIVED_OPTIONS=\"--log-script-output\"\n",
	})
	n.holds(true)
	run := func(name string, f func(t *testing.T)) {
		t.Run(name, func(t *testing.T) {
			defer func(whole testing.TB) { n.tb = whole }(n.tb)
			n.tb = t // what fails is this part
			f(t)
		})
	}
	run("name", func(t *testing.T) {
		if out := n.Run("pidof", "keepalived"); strings.TrimSpace(out) != n.Show("keepalived", "MainPID") {
			t.Errorf("pidof keepalived: %q", out)
		}
		if got := n.Read(fmt.Sprintf("/proc/%s/cmdline", n.Show("keepalived", "MainPID"))); got != "/usr/sbin/keepalived\x00--dont-fork\x00--log-script-output\x00-D\x00" {
			t.Errorf("command line %q: both options files count", got)
		}
		if got := n.Show("holdfast", "LimitNOFILE"); got != "4242" {
			t.Errorf("LimitNOFILE=%s, a drop-in of keepalived.service says 4242", got)
		}
		if out := n.Run("systemctl", "status", "keepalived"); !strings.Contains(out, "1 instances: 1 MASTER, 0 BACKUP") {
			t.Errorf("status:\n%s", out)
		}
	})
	run("journal", func(t *testing.T) { journalFields(t, n) })
	run("reload", func(t *testing.T) {
		before := n.Show("keepalived", "MainPID")
		n.Write(confFile, strings.Replace(conf(150, ""), "virtual_ipaddress {", "virtual_ipaddress {\n192.0.2.101/24", 1))
		n.Run("systemctl", "reload", "keepalived")
		nettest.WaitFor(t, 20*time.Second, func() bool { return n.ns.HasAddr(netip.MustParseAddr("192.0.2.101")) }, "the new address")
		if after := n.Show("keepalived", "MainPID"); after != before {
			t.Errorf("process %s became %s", before, after)
		}
		if got := n.Show("keepalived", "ActiveState"); got != "active" {
			t.Errorf("after a reload: %s", got)
		}
	})
	run("reload that tells", func(t *testing.T) {
		const dropIn = "/etc/systemd/system/keepalived.service.d/reload.conf"
		n.Write(dropIn, "[Service]\nExecReload=\nExecReload=/usr/bin/holdfastctl reload\n")
		n.Run("systemctl", "daemon-reload")
		n.Write(confFile, strings.Replace(conf(150, ""), "eth0", "eth7", 1))
		if _, err := n.Try("systemctl", "reload", "keepalived"); err == nil {
			t.Error("a reload that was refused succeeded")
		}
		n.holds(true)
		n.Write(confFile, conf(150, ""))
		n.Run("systemctl", "reload", "keepalived")
		n.waitShow("keepalived", "ActiveState", "active")
		n.Run("rm", dropIn)
		n.Run("systemctl", "daemon-reload")
	})
	run("restart", func(t *testing.T) {
		n.Run("systemctl", "restart", "keepalived")
		n.holds(true)
		n.Run("systemctl", "stop", "keepalived")
		n.holds(false)
		n.waitShow("holdfast", "Result", "success")
		n.Run("systemctl", "start", "keepalived")
		n.holds(true)
	})
	run("broken", func(t *testing.T) {
		n.Write(confFile, strings.Replace(conf(150, ""), "eth0", "eth7", 1))
		if _, err := n.Try("systemctl", "restart", "keepalived"); err == nil {
			t.Error("a configuration that cannot run was started")
		}
		n.waitShow("keepalived", "ActiveState", "failed")
		if got := n.Show("keepalived", "NRestarts"); got != "0" {
			t.Errorf("%s new starts with a configuration that cannot run", got)
		}
		n.Write(confFile, conf(150, ""))
		n.Run("systemctl", "reset-failed", "keepalived")
		n.Run("systemctl", "start", "keepalived")
		n.holds(true)
	})
	run("watchdog", func(t *testing.T) { watchdog(t, n) })
	run("forking", func(t *testing.T) { forking(t, n) })
	run("hapee", func(t *testing.T) { enterprise(t, n) })
}

// journalFields: what happened to an instance can be asked for by field.
func journalFields(t *testing.T, n *Node) {
	out := n.Run("journalctl", "-o", "cat", "VRRP_INSTANCE=VI_1", "VRRP_STATE=MASTER", "--output-fields=MESSAGE,CAUSE,SYSLOG_IDENTIFIER,PRIORITY")
	if strings.Count(out, "(VI_1) Entering MASTER STATE") != 1 {
		t.Errorf("lines of VI_1 as MASTER, want one that says so:\n%s", out)
	}
	verbose := n.Run("journalctl", "-o", "export", "VRRP_INSTANCE=VI_1", "VRRP_STATE=MASTER")
	for _, field := range []string{"SYSLOG_IDENTIFIER=Keepalived_vrrp\n", "PRIORITY=6\n", "SYSLOG_FACILITY=3\n", "CAUSE=no advert heard for ", "_SYSTEMD_UNIT=holdfast.service\n", "_TRANSPORT=journal\n"} {
		if !strings.Contains(verbose, field) {
			t.Errorf("no field %q in\n%s", field, verbose)
		}
	}
}

// watchdog: a daemon whose loops do not turn is started again, and so is one that
// died, however.
func watchdog(t *testing.T, n *Node) {
	n.Write("/etc/systemd/system/holdfast.service.d/test.conf", "[Service]\nWatchdogSec=2s\n")
	n.Run("systemctl", "daemon-reload")
	n.Run("systemctl", "restart", "keepalived")
	n.holds(true)
	again := func(what string, signal syscall.Signal, times string) {
		t.Helper()
		pid := n.MainPID("keepalived")
		if pid == 0 {
			t.Fatal("no main process")
		}
		begun := time.Now()
		if err := syscall.Kill(pid, signal); err != nil {
			t.Fatal(err)
		}
		n.waitShow("keepalived", "NRestarts", times)
		n.waitShow("keepalived", "ActiveState", "active")
		n.holds(true)
		t.Logf("%s: started again and holding the address after %v", what, time.Since(begun))
	}
	again("stuck", syscall.SIGSTOP, "1")
	if out := n.Run("journalctl", "-u", "holdfast", "-o", "cat"); !strings.Contains(out, "Watchdog timeout") {
		t.Errorf("systemd does not tell of the watchdog:\n%s", out)
	}
	again("aborted", syscall.SIGABRT, "2")
	for times := 3; times <= 8; times++ { // systemd gives up after five by default
		again("killed", syscall.SIGKILL, strconv.Itoa(times))
	}
	n.Run("rm", "/etc/systemd/system/holdfast.service.d/test.conf")
	n.Run("systemctl", "daemon-reload")
	n.Run("systemctl", "reset-failed", "keepalived")
}

// forking: units of older systems start the daemon in the background.
func forking(t *testing.T, n *Node) {
	n.Write("/etc/systemd/system/holdfast.service.d/test.conf",
		"[Service]\nType=forking\nWatchdogSec=2s\nExecStart=\nExecStart=/usr/sbin/keepalived $DAEMON_ARGS\n")
	n.Run("systemctl", "daemon-reload")
	n.Run("systemctl", "restart", "keepalived")
	n.holds(true)
	if got, want := n.Show("keepalived", "MainPID"), strings.TrimSpace(n.Read("/run/keepalived.pid")); got != want {
		t.Errorf("main process %s, the pid file has %q", got, want)
	}
	n.Run("systemctl", "reload", "keepalived")
	if nettest.Poll(5*time.Second, func() bool { return n.Show("keepalived", "NRestarts") != "0" }) {
		t.Error("the watchdog does not hear of the process in the background")
	}
	if out := n.Run("journalctl", "-o", "cat", "-n", "60", "_TRANSPORT=journal", "-t", "Keepalived_vrrp"); !strings.Contains(out, "Startup complete") {
		t.Errorf("nothing in the journal from the background:\n%s", out)
	}
	n.Run("systemctl", "stop", "keepalived")
	n.holds(false)
	n.waitShow("keepalived", "ActiveState", "inactive")
	n.Run("rm", "/etc/systemd/system/holdfast.service.d/test.conf")
	n.Run("systemctl", "daemon-reload")
}

// enterprise: the unit for those who come from HAProxy Enterprise.
func enterprise(t *testing.T, n *Node) {
	const unit = "hapee-extras-vrrp"
	n.Run("cp", "/usr/share/doc/holdfast/examples/"+unit+".service", "/etc/systemd/system/")
	n.Write("/etc/hapee-extras/hapee-vrrp.cfg", conf(150, ""))
	n.Write("/etc/default/"+unit, "OPTIONS=\"-D\"\n")
	n.Run("systemctl", "daemon-reload")
	n.Run("systemctl", "start", unit)
	n.holds(true)
	if got, want := n.Read("/run/hapee-vrrp.pid"), n.Show(unit, "MainPID")+"\n"; got != want {
		t.Errorf("pid file %q, want %q", got, want)
	}
	n.Run("systemctl", "reload", unit)
	// One of the two at a time.
	n.Run("systemctl", "start", "keepalived")
	n.waitShow(unit, "ActiveState", "inactive")
	n.holds(true)
}
