package system

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// predecessor describes a package that is to rpm what a distribution's keepalived
// is: configuration files that are not replaced, and scripts that stop and disable
// the unit on removal. Its program does nothing.
const predecessor = `
name: keepalived
arch: amd64
version: 2.2.8
release: 1
maintainer: nobody
description: stands for keepalived
contents:
  - { src: program, dst: /usr/sbin/keepalived, file_info: { mode: 0o755 } }
  - { src: unit, dst: /usr/lib/systemd/system/keepalived.service }
  - { src: conf, dst: /etc/keepalived/keepalived.conf, type: config|noreplace }
  - { src: options, dst: /etc/sysconfig/keepalived, type: config|noreplace }
scripts:
  preremove: preun
  postremove: postun
rpm:
  summary: stands for keepalived
`

// predecessorRPM builds it with the tool that builds the packages.
func predecessorRPM(t *testing.T) string {
	t.Helper()
	recipe, err := os.ReadFile("../../scripts/packages")
	if err != nil {
		t.Fatal(err)
	}
	tool := regexp.MustCompile(`(?m)^NFPM=(\S+)`).FindSubmatch(recipe)
	if tool == nil {
		t.Fatal("scripts/packages names no tool")
	}
	dir := Overlay(t, map[string]string{
		"nfpm.yaml": predecessor,
		"program":   "#!/bin/sh\nexec sleep 1000000\n",
		"unit":      "[Service]\nExecStart=/usr/sbin/keepalived\n[Install]\nWantedBy=multi-user.target\n",
		"conf":      "# a sample\n", "options": "KEEPALIVED_OPTIONS=\"-D\"\n",
		"preun":  "[ $1 -ne 0 ] || systemctl --no-reload disable --now keepalived.service\n",
		"postun": "systemctl daemon-reload\n",
	})
	cmd := exec.Command("go", "run", string(tool[1]), "package", "-f", "nfpm.yaml", "-p", "rpm", "-t", "old.rpm")
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return filepath.Join(dir, "old.rpm")
}

// rpm puts the configuration of a package that is replaced out of the way, and the
// scripts of that package stop and disable the unit: after the installation all is
// as it was, but for the program.
func TestReplacingByRPM(t *testing.T) {
	Require(t)
	pkg := built(t, "rpm")
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := Boot(t, lan.Node(1), Overlay(t, nil))
	if _, err := n.Try("rpm", "--version"); err != nil {
		t.Skip("the node has no rpm")
	}
	rpm := func(args ...string) string {
		t.Helper()
		return n.Run("rpm", append([]string{"--force-debian", "--nodeps"}, args...)...)
	}
	n.Run("dpkg", "--purge", "keepalived")
	for to, from := range map[string]string{"/srv/old.rpm": predecessorRPM(t), "/srv/new.rpm": pkg} {
		b, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		n.Write(to, string(b))
	}
	rpm("-i", "/srv/old.rpm")
	n.Write(confFile, conf(150, ""))
	n.Write("/etc/sysconfig/keepalived", "KEEPALIVED_OPTIONS=\"-D -D\"\n")
	n.Run("systemctl", "daemon-reload")
	n.Run("systemctl", "enable", "--now", "keepalived")
	if n.ns.HasAddr(vipAddr) {
		t.Fatal("the stand-in holds the address")
	}

	t.Log(rpm("-U", "/srv/new.rpm"))
	n.isHoldfast()
	n.holds(true)
	if got := n.Read(confFile); got != conf(150, "") {
		t.Errorf("configuration: %q", got)
	}
	if got := n.Read("/proc/" + n.Show("keepalived", "MainPID") + "/cmdline"); !strings.HasSuffix(got, "\x00-D\x00-D\x00") {
		t.Errorf("command line %q", got)
	}
	if out := n.Run("systemctl", "is-enabled", "holdfast"); strings.TrimSpace(out) != "enabled" {
		t.Errorf("holdfast is %s", out)
	}
	if out := n.Run("sh", "-c", "ls /etc/keepalived /etc/sysconfig; rpm -q keepalived || true"); strings.Contains(out, "rpmsave") || strings.Contains(out, "keepalived-2") {
		t.Errorf("left over:\n%s", out)
	}

	rpm("-e", "holdfast")
	n.holds(false)
	if got := n.Read(confFile); got != conf(150, "") {
		t.Errorf("configuration after the removal: %q", got)
	}
	if n.Exists("/usr/sbin/keepalived") || n.Exists("/var/lib/holdfast") {
		t.Error("the package left something behind")
	}
}
