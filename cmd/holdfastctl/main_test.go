package main

import (
	"bytes"
	"context"
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/control"
)

var update = flag.Bool("update", false, "rewrite the golden files")

// stand is a daemon that answers what it is told to.
func stand(t *testing.T, dir, name string, st *control.Status) string {
	t.Helper()
	path := filepath.Join(dir, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	s, err := control.Listen(path, func(_ context.Context, r control.Request, _ control.Peer, say func(control.Message) error) error {
		if r.Verb == control.VerbStatus {
			return say(control.Message{Status: st})
		}
		return say(control.Message{Line: "asked for " + string(r.Verb) + "\x1b[2J", Text: "text of " + string(r.Verb) + "\n"})
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return path
}

func tool(t *testing.T, dir string, args ...string) (out, errs string, status int) {
	t.Helper()
	var o, e bytes.Buffer
	status = run(t.Context(), args, &call{out: &o, errs: &e, dir: dir})
	return o.String(), e.String(), status
}

func TestUsage(t *testing.T) {
	dir := t.TempDir()
	stand(t, dir, "keepalived.sock", &control.Status{})
	for _, c := range []struct {
		args      string
		status    int
		out, errs string
	}{
		{"--help", 0, "Usage: holdfastctl", ""},
		{"--version", 0, "holdfastctl unknown\n", ""},
		{"", 2, "", "a command is missing; see holdfastctl --help"},
		{"fly", 2, "", `no command "fly"`},
		{"--fly", 2, "", "unknown flag: --fly"},
		{"dump", 2, "", "takes no such arguments"},
		{"dump everything", 2, "", `not "everything"`},
		{"reload now", 2, "", `takes no such arguments: "now"`},
		{"dump data --clear", 2, "", "--clear is for dump stats"},
		{"reload --json", 2, "", "--json is for status"},
		{"status VI_1", 1, "", `no instance "VI_1"`},
		{"--socket=/nowhere status", 3, "", "/nowhere: no daemon listens there"},
		{"reload", 0, "asked for reload?[2J\n", ""},
		{"dump data", 0, "text of data\n", ""},
		{"dump stats --clear", 0, "text of stats-clear\n", ""},
	} {
		out, errs, status := tool(t, dir, strings.Fields(c.args)...)
		if status != c.status || !strings.Contains(out, c.out) || !strings.Contains(errs, c.errs) {
			t.Errorf("%q: status %d\n%s%s", c.args, status, out, errs)
		}
	}
}

func TestFind(t *testing.T) {
	dir := t.TempDir()
	if _, errs, status := tool(t, dir, "status"); status != 3 || !strings.Contains(errs, "no daemon listens there; keepalived itself cannot be asked") {
		t.Errorf("nobody: status %d: %s", status, errs)
	}
	one := stand(t, dir, "keepalived/vpn/keepalived_two.sock", &control.Status{})
	if got, err := find(dir); got != one || err != nil {
		t.Errorf("one: %q, %v", got, err)
	}
	// A socket that a daemon has left is none.
	two := stand(t, dir, "keepalived.sock", &control.Status{})
	if err := os.Link(two, filepath.Join(dir, "hapee-vrrp.sock")); err != nil {
		t.Fatal(err)
	}
	if _, errs, status := tool(t, dir, "status"); status != 1 || !strings.Contains(errs, two) || !strings.Contains(errs, one) {
		t.Errorf("several: status %d: %s", status, errs)
	}
	if _, errs, status := tool(t, dir, "--socket", one, "status"); status != 0 {
		t.Errorf("one of several: status %d: %s", status, errs)
	}
}

func example(now time.Time) *control.Status {
	addr := func(s string, set bool) control.Address {
		return control.Address{Address: netip.MustParsePrefix(s), Interface: "eth0", Set: set}
	}
	return &control.Status{
		Version: "1.4.0", PID: 4711, Started: now.Add(-50 * time.Hour), Config: "/etc/keepalived/keepalived.conf",
		Summary: "4 instances: 1 MASTER, 1 BACKUP, 1 FAULT", Reloads: 1,
		LastReload: &control.Outcome{At: now.Add(-time.Hour), Text: "Reload: 4 instances unchanged, 0 changed, 0 added, 0 removed"},
		Instances: []control.Instance{
			{
				Name: "VI_1", Group: "G", State: "MASTER", Since: now.Add(-125 * time.Minute), Cause: "no advert heard for 3.2s", Interface: "eth0",
				VRID: 51, Protocol: 3, Priority: 100, Effective: 120, Interval: 0.1, Suspected: 2,
				Addresses: []control.Address{addr("192.0.2.1/24", true), addr("192.0.2.2/24", false)},
			},
			{
				Name: "VI_2", State: "BACKUP", Since: now.Add(-61 * time.Second), Cause: "start", Interface: "eth0", VRID: 52, Protocol: 2, Priority: 50,
				Effective: 50, Interval: 1, Master: netip.MustParseAddr("198.51.100.2"), MasterPriority: 90, Addresses: []control.Address{addr("192.0.2.3/32", false)},
			},
			{
				Name: "VI_6", State: "FAULT", Since: now.Add(-5 * time.Second), Cause: "interface eth0 is down", IPv6: true, VRID: 53, Protocol: 3,
				Priority: 50, Effective: 50, Interval: 1, Faults: []string{"i/f down", "script check failed"}, Addresses: []control.Address{addr("2001:db8::1/64", false)},
			},
			{Name: "VI_7", State: "INIT", Interface: "eth0", VRID: 54, Protocol: 3, Priority: 255, Effective: 255, Interval: 1},
		},
	}
}

// times are what differs from run to run.
var times = regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d:\d\d`)

func TestStatusIsWritten(t *testing.T) {
	now := time.Now()
	dir := t.TempDir()
	stand(t, dir, "keepalived.sock", example(now))
	table, _, _ := tool(t, dir, "status")
	full, _, _ := tool(t, dir, "status", "VI_6", "VI_1", "VI_7")
	text, _, _ := tool(t, dir, "status", "--json", "VI_2")
	got := table + "\n" + full + "\n" + text
	got = times.ReplaceAllString(got, "YYYY-MM-DD HH:MM:SS")
	got = regexp.MustCompile(`"(at|since|started)": "[^"]*"`).ReplaceAllString(got, `"$1": "TIME"`)
	const path = "testdata/status.txt"
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil || got != string(want) {
		t.Errorf("%v; go test -update rewrites %s, which is not\n%s", err, path, got)
	}
}

func TestAgo(t *testing.T) {
	now := time.Now()
	for d, want := range map[time.Duration]string{
		0: "0s", -time.Hour: "0s", 59 * time.Second: "59s", 61 * time.Second: "1m 1s", 3661 * time.Second: "1h 1m", 49 * time.Hour: "2d 1h",
	} {
		if got := ago(now.Add(-d), now); got != want {
			t.Errorf("%v: %q", d, got)
		}
	}
	if got := ago(time.Time{}, now); got != "-" {
		t.Errorf("never: %q", got)
	}
}
