package config

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzLoad checks that no text makes Load panic, hang or contradict itself.
func FuzzLoad(f *testing.F) {
	archives, err := filepath.Glob("../../testdata/conf/*.txtar")
	if err != nil || len(archives) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range archives {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range strings.Split(string(data), "\n-- ") {
			name, text, _ := strings.Cut(part, " --\n")
			if strings.HasSuffix(name, ".conf") {
				f.Add(text, true, false)
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string, test, strict bool) {
		host := goldenHost()
		host.content["f.conf"] = text
		host.content["inc"] = "router_id x\n}\n"
		cfg, diags := Load("f.conf", Options{Test: test, StrictCompat: strict, Host: host.host(), ConfigID: "id", Seed: 1})
		status := diags.ExitStatus()
		if status != ExitOK && len(diags) == 0 {
			t.Errorf("status %d without a word", status)
		}
		if diags.Fatal() {
			if status == ExitOK {
				t.Error("refused with status 0")
			}
			return
		}
		for _, i := range cfg.Instances {
			switch {
			case i.VRID == 0, i.Priority == 0, i.AdvertInt <= 0, i.Version != 2 && i.Version != 3, !i.Group.IsValid():
				t.Errorf("instance %q is not complete: %+v", i.Name, i)
			case i.Interface == "" && !i.Unicast && len(i.Faults) == 0:
				t.Errorf("instance %q has no interface", i.Name)
			case len(i.Addresses) > 255:
				t.Errorf("instance %q has %d addresses", i.Name, len(i.Addresses))
			}
			for _, v := range append(i.Addresses, i.Excluded...) {
				if v.Dev == "" || !v.Prefix.IsValid() {
					t.Errorf("instance %q: address without interface: %+v", i.Name, v)
				}
			}
		}
		for _, s := range cfg.Scripts {
			if s.Interval <= 0 || s.Timeout <= 0 || s.Rise < 1 || s.Fall < 1 || len(s.Command.Argv) == 0 {
				t.Errorf("script %q is not complete: %+v", s.Name, s)
			}
		}
	})
}
