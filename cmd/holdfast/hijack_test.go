package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// written are the files that a daemon writes beside its pid files, each where
// somebody else could have been before.
var written = []string{
	"keepalived.data", "keepalived.stats", "keepalived.json", "pid.replay", "pid.replay.new", "record", "check.log",
	"reloading", "value", "fifo",
}

const hijacked = `
global_defs {
    reload_file %[1]s/reloading
    reload_check_config %[1]s/check.log
    vrrp_notify_fifo %[1]s/fifo
    vrrp_version 2
}
vrrp_track_file value {
    file %[1]s/value
    init_file 7 overwrite
}
vrrp_instance VI_1 {
    version 2
    interface eth0
    virtual_router_id 51
    priority 100
    advert_int 1
    authentication {
        auth_type AH
        auth_pass secret
    }
    virtual_ipaddress {
        192.0.2.100
    }
    track_file {
        value
    }
}
`

// Somebody has laid links to another file wherever a daemon of root's writes, in a
// directory open to all: that file stays as it is, and the address is held.
func TestHijackedPlaces(t *testing.T) {
	nettest.Require(t)
	for kind, lay := range map[string]func(to, at string) error{"symbolic links": os.Symlink, "hard links": os.Link} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			lan := nettest.NewLANT(t, 1, nettest.Options{})
			n := newNode(t, lan.Node(1), "")
			n.args = append(n.args, "--record", n.path("record"))
			n.configure(fmt.Sprintf(hijacked, n.dir))
			if err := unix.Chmod(n.dir, 0o1777); err != nil {
				t.Fatal(err)
			}
			victim := filepath.Join(filepath.Dir(n.dir), "victim")
			if err := os.WriteFile(victim, []byte("precious"), 0o640); err != nil {
				t.Fatal(err)
			}
			for _, name := range written {
				if err := lay(victim, n.path(name)); err != nil {
					t.Fatal(err)
				}
			}
			n.start()
			n.waitAddr(vip, true)
			for _, s := range []syscall.Signal{syscall.SIGUSR1, syscall.SIGUSR2, syscall.Signal(36), syscall.SIGHUP} {
				n.signal(s)
			}
			n.waitLog("Reload complete")
			for _, name := range []string{"keepalived.data", "keepalived.stats", "keepalived.json", "pid.replay"} {
				nettest.WaitFor(t, 5*time.Second, func() bool {
					fi, err := os.Lstat(n.path(name))
					return err == nil && fi.Mode().IsRegular() && fi.Sys().(*syscall.Stat_t).Nlink == 1
				}, name+" to be a file of its own")
			}
			mustHold(t, n, vip)
			for _, name := range []string{"record", "check.log", "value", "fifo"} {
				if !strings.Contains(n.out.String(), n.path(name)) {
					t.Errorf("the log does not name %s", name)
				}
			}
			if _, status := n.stop(); status != 0 {
				t.Errorf("status %d", status)
			}
			fi, err := os.Stat(victim)
			text, err2 := os.ReadFile(victim)
			if errors.Join(err, err2) != nil || string(text) != "precious" || fi.Mode() != 0o640 {
				t.Errorf("the other file: %q, %v, %v, %v", text, fi.Mode(), err, err2)
			}
		})
	}
}
