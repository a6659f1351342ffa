package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestConfigDiff compares two files as diff(1) would, on no host in particular.
func TestConfigDiff(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		return path
	}
	one := fast("VI_1", 51, 100, "", vip) + fast("VI_2", 52, 100, "", "192.0.2.101/24")
	old := file("old", one)
	for _, tt := range []struct {
		name, now, want string
		status          int
	}{
		{"comment", "# other words\n" + strings.ReplaceAll(one, "advert_int 0.1", "advert_int 0.10"), "", 0},
		{"name", strings.Replace(one, "VI_2", "VI_two", 1), "vrrp_instance VI_two: name VI_2 -> VI_two\n1 instances unchanged, 1 changed, 0 added, 0 removed\n", 1},
		{
			"all", "instance x\n" + fast("VI_1", 51, 150, "nopreempt", vip, "192.0.2.7/24") + fast("VI_3", 53, 100, "", "192.0.2.103"),
			"! instance name: a reload cannot change it, the daemon has to be restarted\n" +
				"global: use_pid_dir false -> true, instance nothing -> x\n" +
				"- vrrp_instance VI_2\n" +
				"vrrp_instance VI_1: priority 100 -> 150, nopreempt false -> true, +192.0.2.7/24\n" +
				"+ vrrp_instance VI_3\n" +
				"0 instances unchanged, 1 changed, 1 added, 1 removed\n", 1,
		},
		{"broken", strings.Replace(one, "virtual_router_id 52", "virtual_router_id 51", 1), "", 2},
	} {
		var out, errs bytes.Buffer
		opts, _, done := parseFlags([]string{"holdfast", "--config-diff", old, file("new", tt.now), "--config-test-host", "none"}, &out, &errs)
		if done {
			t.Fatalf("%s: %s", tt.name, &errs)
		}
		status := configDiff(&opts, &out, &errs)
		if d := cmp.Diff(tt.want, out.String()); d != "" || status != tt.status {
			t.Errorf("%s: status %d, want %d (-want +got):\n%s%s", tt.name, status, tt.status, d, &errs)
		}
		if (tt.status == 2) != strings.Contains(errs.String(), "cannot be run") {
			t.Errorf("%s: says %q", tt.name, &errs)
		}
	}
	var out bytes.Buffer
	if _, exit, done := parseFlags([]string{"holdfast", "--config-diff", old}, &out, &out); !done || exit != 1 {
		t.Errorf("one file: status %d, done %v", exit, done)
	}
}
