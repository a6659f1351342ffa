package interop_test

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// Signals that ask for dumps.
const (
	sigData  = syscall.SIGUSR1
	sigStats = syscall.SIGUSR2
	sigJSON  = syscall.Signal(36) // SIGRTMIN+2
)

// dumpCase is a configuration with the states that its instances come to.
type dumpCase struct {
	name   string
	conf   string
	states map[string]string
	// master is the configuration of another router that is there before.
	master string
}

// TestDumps compares all dumps with those of keepalived on the same machine in
// the same network: every line, in its place, with its value. What keepalived
// 2.4 says otherwise than the 2.2.7 here is in [sameRelease].
func TestDumps(t *testing.T) {
	needKeepalived(t)
	for _, c := range dumpCases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			want, got := c.run(t, interop.Keepalived), c.run(t, ours)
			for _, name := range dumpFiles {
				if d := cmp.Diff(sameRelease(want[name]), sameRelease(got[name])); d != "" {
					t.Errorf("%s (-keepalived +ours):\n%s", name, d)
				}
			}
		})
	}
}

var dumpFiles = []string{"keepalived.data", "keepalived_parent.data", "keepalived.stats", "keepalived.json"}

// run runs a program on a segment of its own until its instances are in their
// states, and returns the dumps by their names.
func (c *dumpCase) run(t *testing.T, program string) map[string]string {
	t.Helper()
	d, all := c.settle(t, program)
	if err := d.Stop(); err != nil {
		t.Errorf("%s: %v", program, err)
	}
	return all
}

// settle is [dumpCase.run] that leaves the daemon running.
func (c *dumpCase) settle(t *testing.T, program string) (*interop.Daemon, map[string]string) {
	t.Helper()
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	if c.master != "" {
		m := c.start(t, lan.Node(2), interop.Keepalived, c.master)
		nettest.WaitFor(t, patience, func() bool { return m.State("VI_1") == "MASTER" }, "a master")
	}
	d := c.start(t, lan.Node(1), program, c.conf)
	// Before it has begun, a signal would end it.
	nettest.WaitFor(t, patience, func() bool { return d.LogLines("Startup complete") > 0 }, "the daemon to have begun")
	var all map[string]string
	nettest.WaitFor(t, patience, func() bool {
		all = dumps(t, d)
		return c.settled(all["keepalived.data"])
	}, "all instances in their states")
	return d, all
}

func (c *dumpCase) start(t *testing.T, node *nettest.NS, program, conf string) *interop.Daemon {
	t.Helper()
	d, err := interop.Start(node, program, t.TempDir(), conf)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of %s:\n%s", program, d.Log())
		}
	})
	return d
}

var addressLine = regexp.MustCompile(`(?m)^     .* scope .*$`)

// settled tells whether the data file shows every instance in its state, with
// its addresses when it is Master, or the Master when it is Backup, and scripts
// with their final results.
func (c *dumpCase) settled(data string) bool {
	for name, state := range c.states {
		_, after, _ := strings.Cut(data, " VRRP Instance = "+name+"\n")
		after, _, _ = strings.Cut(after, " VRRP Instance = ")
		if !strings.Contains(after, "   State = "+state+"\n") ||
			state == "BACKUP" && strings.Contains(after, "   Master priority = 0\n") {
			return false
		}
		for _, line := range addressLine.FindAllString(after, -1) {
			if state == "MASTER" && !strings.Contains(line, " set") {
				return false
			}
		}
	}
	_, good, tracks := strings.Cut(data, " VRRP Script = good\n")
	return !tracks || strings.Contains(good[:strings.Index(good, "State = ")], "   Result = 4\n")
}

// dumps asks for all dumps. Keepalived makes a file where it is read: it is
// complete only when the next one has been begun.
func dumps(t *testing.T, d *interop.Daemon) map[string]string {
	t.Helper()
	ask := func(sig syscall.Signal, names ...string) {
		for _, name := range names {
			if err := os.Remove(filepath.Join(d.Dir, name)); err != nil && !errors.Is(err, fs.ErrNotExist) {
				t.Fatal(err)
			}
		}
		if err := d.Signal(sig); err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			nettest.WaitFor(t, patience, func() bool {
				_, err := os.Stat(filepath.Join(d.Dir, name))
				return err == nil
			}, name)
		}
	}
	all := map[string]string{}
	read := func(name string) {
		b, err := os.ReadFile(filepath.Join(d.Dir, name))
		if err != nil {
			t.Fatal(err)
		}
		all[name] = string(b)
	}
	ask(sigData, "keepalived.data", "keepalived_parent.data")
	ask(sigStats, "keepalived.stats")
	ask(sigJSON, "keepalived.json")
	read("keepalived.data")
	read("keepalived_parent.data")
	read("keepalived.stats")
	ask(sigStats, "keepalived.stats")
	read("keepalived.json")
	return all
}

// rewrites make two dumps comparable.
var rewrites = []struct{ find, put string }{
	// What is never the same twice.
	{`\d{10}\.\d{6}( \(.*?\))?`, "TIME"},
	{`fd_in \d+(,?) fd_out( =)? \d+`, "fd_in N$1 fd_out$2 N"},
	{`(?m)^( +(Received|Sent)|  Became master): [1-9]\d*$`, "$1: N"},
	{`("(advert_rcvd|advert_sent|become_master)"):[1-9]\d*`, "$1:N"},

	// Ours alone, at the end.
	{`(?s)------< Holdfast: .*`, ""},

	// Of parts of keepalived that are for other things than VRRP.
	{`(?m)^ (Checkers? |BFD |LVS |lvs_|nftables |libnftnl ).*\n`, ""},
	{`(?m)^ (Default smtp_alert_checker|rs_init_notifies|no_checker_emails) = .*\n`, ""},
	{` nftable_set`, ""},
	{`(?m)^   Not IPv6 forwarding\. .*\n`, ""},

	// What was set before virtual MACs came, of which it knows only what it has set.
	{`(?m)^   Original arp_(ignore|filter) \d\n`, ""},
	// Older than 2.4. It begins a list that has nothing in it.
	{`(?m)^   Flags:\n   Wantstate`, "   Flags: none\n   Wantstate"},
	// Older than 2.4. Of an interface that never was there it says this; 2.4 does not.
	{`(?m)^   rp_filter 0\n`, ""},
	{`Number of interface and track script faults`, "Number of tracker faults"},
	{`(?m)^   Password = .*$`, "   Password = ********"},
	{`"auth_data":"[^"]*"`, `"auth_data":"********"`},
	{`(?m)^   (Rogue master counter|Roger timer thread|Address owner ignores received adverts) = .*\n`, ""},
	{`(?m)^(   Using Native IPv6\n   State = .*\n   Flags:)\n   (\S)`, "$1 none\n   $2"},
	{`(?m)^   Master advert int = .*\n`, ""},
	// The parent does not work out the values that are not given.
	{`(?m)^( Gratuitous ARP lower priority (delay|repeat)) = 4294967295$`, "$1 = 5"},

	// New in 2.4.
	{`(?m)^ (Replace symlinks in script paths|keep script symlinks = .*|Use VRRPv2 checksum for VRRPv3 IPv4 = .*|json_version .*)\n`, ""},
	{`(?m)^   (Flags of interface faults - .*|Last advert sent = .*|VRRPv3 uses VRRPv2 checksum = .*|Group = .*)\n`, ""},
	{`(?m)^  Authentication Extension Errors:\n(    .*\n){6}`, ""},
	{`"auth_ext_[a-z_]*":\d+,`, ""},
	{`"track_process":\[[^]]*\],`, ""},
}

// sameRelease makes of a dump its lines, or of a JSON file its members, as both
// releases have them. A daemon of either release is the same after it.
func sameRelease(text string) []string {
	for _, r := range rewrites {
		text = regexp.MustCompile(r.find).ReplaceAllString(text, r.put)
	}
	text = strings.ReplaceAll(text, `,"`, ",\n\"")
	return strings.Split(text, "\n")
}
