package main

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// TestCoreDump: with -m the daemon leaves a core dump though it was started with a
// limit that forbids it; its scripts still have that limit.
func TestCoreDump(t *testing.T) {
	nettest.Require(t)
	pattern, err := os.ReadFile(corePatternFile)
	if err != nil || strings.ContainsAny(string(pattern), "|/") {
		t.Skipf("core dumps of this machine go elsewhere: %q, %v", pattern, err)
	}
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), "", "-m")
	limit := n.path("limit")
	n.configure("global_defs {\n\tscript_user root\n}\n" +
		fast("VI_1", 51, 100, "notify_master \"/bin/sh -c 'ulimit -c > "+limit+"'\"", vip))
	n.before = "cd " + n.dir + " && ulimit -S -c 0"
	n.start()
	n.waitAddr(vip, true)
	nettest.WaitFor(t, 10*time.Second, func() bool { return n.read("limit") != "" }, "the script")
	if got := n.read("limit"); got != "0\n" {
		t.Errorf("a script has the limit %q, want what the daemon was started with", got)
	}
	n.signal(syscall.SIGABRT)
	err = n.proc.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		t.Fatalf("ended with %v, want a signal", err)
	}
	if s := exit.Sys().(syscall.WaitStatus); s.Signal() != syscall.SIGABRT || !s.CoreDump() {
		t.Errorf("ended with %v, core dump: %t", err, s.CoreDump())
	}
	cores, err := filepath.Glob(n.path("core*"))
	if err != nil || len(cores) != 1 {
		t.Errorf("core dumps in the working directory: %v, %v", cores, err)
	}
	if !strings.Contains(n.out.String(), "(*runner).run") {
		t.Error("it does not say where its loops are")
	}
}

// TestCorePattern uses a file in the place of the kernel's, which is everybody's.
func TestCorePattern(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	for _, c := range []struct{ option, want string }{{"-M", "core\n"}, {"-M/var/cores/%e.%p", "/var/cores/%e.%p\n"}} {
		n := newNode(t, lan.Node(1), fast("VI_1", 51, 100, "", vip), c.option)
		file := n.path("pattern")
		if err := os.WriteFile(file, []byte("|/usr/bin/somebody %P\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		n.before = "mount --bind " + file + " " + corePatternFile
		n.start()
		n.waitAddr(vip, true)
		if got := n.read("pattern"); got != c.want {
			t.Errorf("%s: the pattern is %q, want %q", c.option, got, c.want)
		}
		if _, code := n.stop(); code != 0 {
			t.Errorf("%s: ended with %d", c.option, code)
		}
		if got := n.read("pattern"); got != "|/usr/bin/somebody %P\n" {
			t.Errorf("%s: the pattern is left as %q", c.option, got)
		}
	}
}
