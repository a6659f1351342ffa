package main

import (
	"errors"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

const conf = `vrrp_instance VI_1 {
    version 3
    interface eth0
    virtual_router_id 51
    priority 150
    advert_int 0.1
    virtual_ipaddress {
        192.0.2.100/24
    }
}
`

// image makes what the recipe puts into the image, but for /proc and /dev, which a
// container gets when it is run.
func image(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	for _, dir := range []string{"etc/keepalived", "run", "tmp", "usr/sbin", "usr/libexec", "dev"} {
		if err := os.MkdirAll(filepath.Join(root, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for to, from := range map[string]string{"usr/sbin/holdfast": "../../cmd/holdfast", "usr/libexec/holdfast-health": "."} {
		cmd := exec.Command("go", "build", "-trimpath", "-o", filepath.Join(root, to), from)
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
	}
	if err := os.WriteFile(filepath.Join(root, "etc/keepalived/keepalived.conf"), []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	return root
}

// The daemon runs with nothing around it, and the health check tells when it does
// not: when it stands still, and when it has ended.
func TestHealth(t *testing.T) {
	nettest.Require(t)
	if os.Getuid() != 0 {
		t.Skip("only root can change the root directory")
	}
	root := image(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	ns := lan.Node(1)
	start := func(path string, args ...string) *nettest.Process {
		t.Helper()
		cmd := exec.Command(path, args...)
		cmd.Dir = "/"
		cmd.Env = []string{"WATCHDOG_USEC=1000000"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: root}
		p, err := ns.Start(cmd)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	healthy := func() bool {
		t.Helper()
		err := start("/usr/libexec/holdfast-health").Wait()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		return err == nil
	}
	if healthy() {
		t.Fatal("healthy without a daemon")
	}
	d := start("/usr/sbin/holdfast", "--dont-fork", "--log-console", "--no-syslog")
	nettest.WaitFor(t, 20*time.Second, func() bool { return ns.HasAddr(netip.MustParseAddr("192.0.2.100")) }, "the address")
	nettest.WaitFor(t, 10*time.Second, healthy, "health")
	signal := func(s syscall.Signal) {
		t.Helper()
		if err := d.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	signal(syscall.SIGSTOP)
	nettest.WaitFor(t, 20*time.Second, func() bool { return !healthy() }, "the health check to notice that the daemon stands still")
	signal(syscall.SIGCONT)
	nettest.WaitFor(t, 20*time.Second, healthy, "health again")
	signal(syscall.SIGTERM)
	if err := d.Wait(); err != nil {
		t.Error(err)
	}
	if healthy() {
		t.Error("healthy after the end of the daemon")
	}
}
