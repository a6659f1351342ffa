package system

import (
	"os/exec"
	"strings"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// unpacked is what lies over the root when the package was installed before the
// node boots.
func unpacked(t *testing.T, files map[string]string) string {
	t.Helper()
	over := Overlay(t, files)
	if out, err := exec.Command("dpkg-deb", "-x", built(t, "deb"), over).CombinedOutput(); err != nil {
		t.Skipf("unpacking the package: %v\n%s", err, out)
	}
	link := over + "/usr/lib/systemd/system/keepalived.service"
	if out, err := exec.Command("ln", "-s", "holdfast.service", link).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return over
}

// A node boots with an interface that comes later: the service is up at once, and
// the instance as soon as it can be.
func TestBootWithoutInterface(t *testing.T) {
	Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	if err := lan.Remove(1); err != nil {
		t.Fatal(err)
	}
	n := Boot(t, lan.Node(1), unpacked(t, map[string]string{confFile: "global_defs {\n dynamic_interfaces\n}\n" + conf(150, "")}))
	n.isHoldfast()
	if got := n.Show("keepalived", "StatusText"); got != "1 instances: 0 MASTER, 0 BACKUP, 1 FAULT" {
		t.Errorf("status without the interface: %q", got)
	}
	if err := lan.Replace(1); err != nil {
		t.Fatal(err)
	}
	n.holds(true)
	n.waitShow("keepalived", "StatusText", "1 instances: 1 MASTER, 0 BACKUP")
	if got := n.Show("keepalived", "NRestarts"); got != "0" {
		t.Errorf("%s new starts", got)
	}
}

// Off stays off, scripts keep their user, and what is configured stays, whatever is
// removed and purged in which order.
func TestInstallingWhereKeepalivedIsOff(t *testing.T) {
	Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	const options = "DAEMON_ARGS=\"-D\"\n"
	n := Boot(t, lan.Node(1), Overlay(t, map[string]string{confFile: conf(150, ""), "/etc/default/keepalived": options}))
	n.Run("systemctl", "disable", "--now", "keepalived")
	n.holds(false)
	n.Run("dpkg", "-i", n.bring("deb"))
	if got := n.Show("keepalived", "ActiveState", "UnitFileState"); got != "inactive\n\ndisabled" && got != "inactive\ndisabled" {
		t.Errorf("the unit is %q, keepalived was off", got)
	}
	if out, err := n.Try("id", "keepalived_script"); err == nil {
		t.Errorf("scripts would run as another user than before: %s", out)
	}
	// Enabled under either name.
	n.Run("systemctl", "enable", "--now", "keepalived")
	n.holds(true)
	if out := n.Run("systemctl", "is-enabled", "holdfast"); strings.TrimSpace(out) != "enabled" {
		t.Errorf("holdfast is %s", out)
	}
	// What is left of keepalived goes, and takes nothing along.
	n.Run("dpkg", "--purge", "keepalived")
	n.isHoldfast()
	n.holds(true)
	if got := n.Read(confFile); got != conf(150, "") {
		t.Errorf("configuration: %q", got)
	}
	n.Run("dpkg", "--remove", "holdfast")
	n.holds(false)
	n.Run("dpkg", "--purge", "holdfast")
	if got := n.Read(confFile); got != conf(150, "") {
		t.Errorf("configuration after the purge: %q", got)
	}
}

// A machine that never saw keepalived gets the user for scripts, and a unit that
// waits for a configuration.
func TestInstallingOnANewMachine(t *testing.T) {
	Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := Boot(t, lan.Node(1), Overlay(t, nil))
	n.Run("dpkg", "--purge", "keepalived")
	n.Run("rm", "-rf", "/etc/keepalived")
	n.Run("dpkg", "-i", n.bring("deb"))
	if out, err := n.Try("id", "keepalived_script"); err != nil {
		t.Errorf("no user for scripts: %v, %s", err, out)
	}
	if out := n.Run("systemctl", "is-enabled", "holdfast"); strings.TrimSpace(out) != "enabled" {
		t.Errorf("holdfast is %s", out)
	}
	n.waitShow("holdfast", "ActiveState", "inactive")
	if out := n.Run("sh", "-c", "ls -A /etc/keepalived"); out != "" {
		t.Errorf("the package brought a configuration: %s", out)
	}
	n.Write(confFile, conf(150, ""))
	n.Run("systemctl", "start", "keepalived")
	n.holds(true)
	for _, command := range []string{
		"test -s /usr/share/man/man8/keepalived.8.gz", "test -s /usr/share/man/man5/keepalived.conf.5.gz",
		"test -s /usr/share/bash-completion/completions/keepalived", "test -s /usr/share/zsh/vendor-completions/_holdfast",
		"test -s /usr/share/fish/vendor_completions.d/keepalived.fish",
		"systemd-analyze verify --man=no holdfast.service",
		"dpkg --verify holdfast",
	} {
		// That the node has no documentation is minbase's doing.
		if out, err := n.Try("sh", "-c", command); err != nil || out != "" {
			t.Errorf("%s: %v, %s", command, err, out)
		}
	}
}
