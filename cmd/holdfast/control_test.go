package main

import (
	"encoding/json"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/control"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// toolDir is where holdfastctl was built; "": it was not.
var toolDir string

// operatorsTool builds holdfastctl, once.
var operatorsTool = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "holdfastctl")
	if err != nil {
		return "", err
	}
	toolDir = dir
	path := filepath.Join(dir, "holdfastctl")
	build := exec.Command("go", "build", "-ldflags", "-X main.version=test", "-o", path, "../holdfastctl")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", errors.New(string(out))
	}
	return path, os.Chmod(dir, 0o755)
})

func toolPath(t *testing.T) string {
	t.Helper()
	path, err := operatorsTool()
	if err != nil {
		t.Fatal(err)
	}
	return path
}

func (n *node) socket() string { return control.Path(n.path("pid")) }

// ctl runs holdfastctl on a daemon, and returns what it prints and its exit status.
func (n *node) ctl(args ...string) (stdout, stderr string, status int) {
	n.t.Helper()
	return n.ctlAs(nil, args...)
}

func (n *node) ctlAs(user *syscall.Credential, args ...string) (stdout, stderr string, status int) {
	n.t.Helper()
	cmd := exec.Command(toolPath(n.t), append([]string{"--socket", n.socket(), "--timeout=30s"}, args...)...)
	var out, errs strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &errs
	if user != nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: user}
	}
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		n.t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// mustCtl runs holdfastctl, which has to succeed.
func (n *node) mustCtl(args ...string) string {
	n.t.Helper()
	out, errs, status := n.ctl(args...)
	if status != 0 {
		n.t.Fatalf("holdfastctl %v: status %d: %s%s", args, status, out, errs)
	}
	return out
}

func (n *node) listens() *node {
	n.t.Helper()
	nettest.WaitFor(n.t, 10*time.Second, func() bool {
		c, err := net.Dial("unix", n.socket())
		if err == nil {
			c.Close()
		}
		return err == nil
	}, "the control socket")
	return n
}

func holds(t *testing.T, what, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%s does not say %q:\n%s", what, p, text)
		}
	}
}

func TestOperatorAsks(t *testing.T) {
	t.Parallel()
	nettest.Require(t)
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	conf := slowly(fast("VI_1", 51, 200, "", vip, "192.0.2.101/24") + fast("VI_2", 52, 50, "", "192.0.2.102"))
	n := newNode(t, lan.Node(1), conf).start()
	other := newNode(t, lan.Node(2), slowly(fast("VI_2", 52, 90, "", "192.0.2.102"))).start()
	n.waitAddr(vip, true)
	other.waitAddr("192.0.2.102", true)
	n.listens()

	t.Run("status", func(t *testing.T) {
		holds(t, "status", n.mustCtl("status"), "2 instances: 1 MASTER, 1 BACKUP", n.path("keepalived.conf"),
			"INSTANCE", "VI_1", "this one", vip+"/32 +1", lan.Prefix4(2).Addr().String()+" (90)")
		holds(t, "status VI_1", n.mustCtl("status", "VI_1"), "State      MASTER for", "VRID 51 on eth0, VRRPv3, IPv4, adverts every 1s",
			"Why        ", "Address    192.0.2.101/24 on eth0\n")
		var st control.Status
		if err := json.Unmarshal([]byte(n.mustCtl("status", "--json")), &st); err != nil {
			t.Fatal(err)
		}
		if st.PID != n.proc.PID() || len(st.Instances) != 2 || st.Instances[0].State != "MASTER" || !st.Instances[0].Addresses[1].Set ||
			st.Instances[1].MasterPriority != 90 || st.Instances[0].Cause == "" {
			t.Errorf("%+v", st)
		}
		if _, errs, status := n.ctl("status", "VI_9"); status != 1 || !strings.Contains(errs, `no instance "VI_9"`) {
			t.Errorf("status %d: %s", status, errs)
		}
	})
	t.Run("an address that is missing", func(t *testing.T) {
		// Holdfast puts back what another takes; it does not notice one that was never set.
		holds(t, "status VI_2 of the other", other.listens().mustCtl("status", "VI_2"), "Address    192.0.2.102/32 on eth0\n")
	})
	t.Run("dumps", func(t *testing.T) {
		holds(t, "data", n.mustCtl("dump", "data"), "------< VRRP Topology >------", "VRRP Instance = VI_2")
		holds(t, "json", n.mustCtl("dump", "json"), `"iname":"VI_1"`)
		stats := n.mustCtl("dump", "stats", "--clear")
		holds(t, "stats", stats, "VRRP Instance: VI_1", "Became master: 1")
		holds(t, "stats", n.mustCtl("dump", "stats"), "Became master: 0")
		if _, err := os.Stat(n.path("keepalived.data")); err == nil {
			t.Error("there is a file, too")
		}
	})
	t.Run("reload", func(t *testing.T) {
		n.configure(strings.Replace(conf, "192.0.2.101/24", "192.0.2.103/24", 1))
		holds(t, "reload", n.mustCtl("reload"), "Reload: 1 instances unchanged, 1 changed (VI_1: -192.0.2.101/24, +192.0.2.103/24)")
		n.waitAddr("192.0.2.103", true)
		n.configure("vrrp_instance {\n")
		out, errs, status := n.ctl("reload")
		if status != 1 || !strings.Contains(errs, "keeping the one that runs. Mend "+n.path("keepalived.conf")) || out == "" {
			t.Errorf("status %d: %s%s", status, out, errs)
		}
		mustHold(t, n, vip)
		holds(t, "status", n.mustCtl("status"), "Braces do not match in the new configuration, and it would remove 2 instances that run (VI_1; VI_2): keeping the one that runs.")
		holds(t, "the log", n.out.String(), "Control: reload, asked for by process ")
	})
	t.Run("end", func(t *testing.T) {
		if _, status := n.stop(); status != 0 {
			t.Errorf("status %d", status)
		}
		if _, err := os.Lstat(n.socket()); !errors.Is(err, os.ErrNotExist) {
			t.Errorf("the socket is still there: %v", err)
		}
		if _, errs, status := n.ctl("status"); status != 3 || !strings.Contains(errs, "no daemon listens there") {
			t.Errorf("status %d: %s", status, errs)
		}
	})
}

// Others than root and the daemon's user learn the status, and may do nothing.
func TestOperatorWithoutPrivilege(t *testing.T) {
	t.Parallel()
	nettest.Require(t)
	if os.Geteuid() != 0 {
		t.Skip("needs root, to be somebody else")
	}
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), slowly(fast("VI_1", 51, 200, "", vip))).start()
	n.waitAddr(vip, true)
	n.listens()
	for dir := n.dir; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	nobody := &syscall.Credential{Uid: 65534, Gid: 65534}
	if out, errs, status := n.ctlAs(nobody, "status"); status != 0 || !strings.Contains(out, "VI_1") {
		t.Errorf("status %d: %s%s", status, out, errs)
	}
	for _, args := range [][]string{{"reload"}, {"upgrade"}, {"dump", "data"}, {"dump", "stats", "--clear"}} {
		if _, errs, status := n.ctlAs(nobody, args...); status != 1 || !strings.Contains(errs, "is for root and the user of the daemon") {
			t.Errorf("%v: status %d: %s", args, status, errs)
		}
	}
	if n.out.count("Control:")+n.out.count("Reloading") > 0 {
		t.Error("it was done all the same")
	}
}

func TestOperatorUpgrades(t *testing.T) {
	t.Parallel()
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := upgradable(t, newNode(t, lan.Node(1), slowly(fast("VI_1", 51, 200, "", vip)))).start()
	n.waitAddr(vip, true)
	n.listens()
	for range 2 {
		n.replaceBySelf()
		holds(t, "upgrade", n.mustCtl("upgrade"), "Upgrade: trying "+n.program, "would come up", "Upgrade: going on as Holdfast")
		if !n.runs(n.program) {
			t.Error("the program that runs is not the new one")
		}
	}
	holds(t, "status", n.mustCtl("status"), "Upgrade: going on as Holdfast", "1 instances: 1 MASTER")
	for _, c := range []struct{ program, says string }{
		{"#!/bin/sh\necho out of order >&2\nexit 1\n", "out of order: going on as Holdfast"},
		{breaks(thatPanics), "the new program did not come up: panic: out of order. Going on as before"},
	} {
		n.replaceBy(c.program, 0o755)
		if out, errs, status := n.ctl("upgrade"); status != 1 || !strings.Contains(errs, c.says) {
			t.Errorf("status %d: %s%s", status, out, errs)
		}
		mustHold(t, n, vip)
	}
	if n.out.count("Entering MASTER STATE") != 1 {
		t.Error("there was a hand-over")
	}
}

// What cannot be listened at is said, and costs no address.
func TestNoControlSocket(t *testing.T) {
	t.Parallel()
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), slowly(fast("VI_1", 51, 200, "", vip)))
	if err := os.WriteFile(n.socket(), []byte("somebody's"), 0o600); err != nil {
		t.Fatal(err)
	}
	n.start().waitAddr(vip, true)
	n.waitLog("holdfastctl cannot reach this daemon: " + n.socket() + " is there and is no socket")
	n.stop()
	if text, err := os.ReadFile(n.socket()); err != nil || string(text) != "somebody's" {
		t.Errorf("%q, %v", text, err)
	}
}

// A daemon that was killed leaves its socket; the next one takes its place.
func TestControlSocketAfterACrash(t *testing.T) {
	t.Parallel()
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), slowly(fast("VI_1", 51, 200, "", vip))).start()
	n.waitAddr(vip, true)
	n.listens().signal(syscall.SIGKILL)
	<-n.proc.Done()
	if _, errs, status := n.ctl("status"); status != 3 {
		t.Errorf("status %d: %s", status, errs)
	}
	n.start()
	n.listens()
	holds(t, "status", n.mustCtl("status"), "1 instances")
}
