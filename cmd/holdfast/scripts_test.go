package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// With enable_script_security a script of root's is not run any more once others
// could change it, and is run again when they cannot: the daemon looks each time.
func TestScriptIsCheckedBeforeEachRun(t *testing.T) {
	nettest.Require(t)
	if os.Geteuid() != 0 {
		t.Skip("needs scripts that run as root")
	}
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	dir := openDir(t, 0)
	for _, name := range []string{"d", "real"} {
		if err := os.Mkdir(filepath.Join(dir, name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	d, real := filepath.Join(dir, "d"), filepath.Join(dir, "real")
	ran := filepath.Join(dir, "ran")
	for file, text := range map[string]string{
		d + "/check": "#!/bin/sh\nexit 0\n", real + "/tell": "#!/bin/sh\necho \"$0 $*\" >>" + ran + "\n",
	} {
		if err := nettest.WriteProgram(file, []byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("real", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	conf := func(links string) string {
		return fmt.Sprintf("global_defs {\n enable_script_security\n script_user root\n %s\n}\nvrrp_script chk {\n script %s/check\n interval 0.1\n timeout 1\n weight 10\n}\n", links, d) +
			fast("VI_1", 51, 100, "track_script {\n chk\n}\nnotify_fault "+filepath.Join(dir, "link/tell"), vip)
	}
	n := newNode(t, lan.Node(1), conf("use_symlink_paths")).start()
	n.waitAddr(vip, true)
	n.waitLog("VRRP_Script(chk) succeeded")
	mode := func(file string, mode os.FileMode) {
		if err := os.Chmod(file, mode); err != nil {
			t.Fatal(err)
		}
	}
	mode(d, 0o777)
	n.waitLog("Not running command '" + d + "/check': " + d + " could be changed by others: owner 0:0, mode 0777")
	n.waitLog("VRRP_Script(chk) failed")
	mode(d, 0o755)
	n.waitLogs("VRRP_Script(chk) succeeded", 2)
	if got := n.out.count("Not running command"); got != 1 {
		t.Errorf("it was said %d times", got)
	}
	told := func(want string) bool {
		b, _ := os.ReadFile(ran)
		return strings.HasSuffix(string(b), want)
	}
	// What is to be seen comes before the end of the fault: a state that was
	// overtaken has no script.
	fault := func(times int, seen func() bool) {
		t.Helper()
		if err := lan.Cut(1); err != nil {
			t.Fatal(err)
		}
		n.waitLogs("Entering FAULT STATE", times)
		nettest.WaitFor(t, 15*time.Second, seen, "the script, or why it is not run")
		if err := lan.Join(1); err != nil {
			t.Fatal(err)
		}
		n.waitLogs("Entering MASTER STATE", times+1)
	}
	fault(1, func() bool { return told(dir + "/link/tell \n") })
	n.reload(conf(""))
	fault(2, func() bool { return told(dir + "/real/tell \n") })
	mode(real, 0o757) // behind a link, and only for the notification
	fault(3, func() bool { return n.out.count(real+" could be changed by others: owner 0:0, mode 0757") > 0 })
	n.stop()
}
