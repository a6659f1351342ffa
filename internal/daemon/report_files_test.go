package daemon

import (
	"errors"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// TestFileWriter: of the requests that come while a file is being made only the
// last is served, after it; other files do not wait.
func TestFileWriter(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var w fileWriter
		done := make(chan string, 10)
		work := func(text string, d time.Duration) func() {
			return func() {
				time.Sleep(d)
				done <- text
			}
		}
		w.write("a", work("a1", 3*time.Second))
		w.write("a", work("a2", time.Second))
		w.write("b", work("b1", time.Second))
		w.write("a", work("a3", time.Second))
		if w.wait(2 * time.Second) {
			t.Error("finished too early")
		}
		w.write("a", work("a4", time.Second))
		if !w.wait(3 * time.Second) {
			t.Error("did not finish")
		}
		w.write("a", work("a5", time.Second))
		if !w.wait(time.Hour) {
			t.Error("did not finish another time")
		}
		close(done)
		var got []string
		for text := range done {
			got = append(got, text)
		}
		if want := []string{"b1", "a1", "a4", "a5"}; !slices.Equal(got, want) {
			t.Errorf("made %v, want %v", got, want)
		}
		if len(w.next) != 0 {
			t.Errorf("left over: %v", w.next)
		}
	})
}

// TestWrittenFiles writes for real, where the configuration says.
func TestWrittenFiles(t *testing.T) {
	const conf = `
instance I1
net_namespace blue
vrrp_instance VI_1 {
	interface eth0
	virtual_router_id 51
	virtual_ipaddress {
		192.0.2.100
	}
}
`
	const other = "state_dump_file d.txt\nstats_dump_file s.txt\njson_dump_file ./"
	for name, c := range map[string]struct {
		global, data, parent, json string
		stats                      string
		strict                     bool
	}{
		"default":      {"", "keepalived.data", "keepalived_parent.data", `[{"data":{"iname":"VI_1",`, "keepalived.stats", false},
		"instance":     {"data_use_instance", "keepalived.blue_I1.data", "keepalived_parent.blue_I1.data", `[{"data":`, "keepalived.stats", false},
		"names":        {other, "d.txt", "d_parent.txt", `[{"data":`, "s.txt", false},
		"strict names": {other, "d.txt", "d_parent.txt", `[{"data":`, "keepalived.stats", true},
		"json_version": {"json_version 2", "keepalived.data", "keepalived_parent.data", `{"vrrp":[{"data":`, "keepalived.stats", false},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			t.Setenv("TMPDIR", dir)
			synctest.Test(t, func(t *testing.T) {
				d := standIn(t, "global_defs {\n"+c.global+"\n}\n"+conf)
				d.opt.Umask, d.opt.StrictCompat = 0o137, c.strict
				d.writeData()
				d.writeStats(false)
				d.writeJSON()
				if !d.files.wait(time.Minute) {
					t.Fatal("not written in time")
				}
			})
			want := map[string]string{
				c.data: "------< VRRP Topology >------", c.parent: " Network namespace = blue",
				c.stats: "VRRP Instance: VI_1", "keepalived.json": c.json,
			}
			for name, text := range want {
				b, err := os.ReadFile(filepath.Join(dir, name))
				if err != nil {
					t.Error(err)
					continue
				}
				if !strings.Contains(string(b), text) {
					t.Errorf("%s has no %q:\n%s", name, text, b)
				}
				if st, err := os.Stat(filepath.Join(dir, name)); err != nil || st.Mode() != 0o640 {
					t.Errorf("%s: mode %v, %v, want 0640", name, st.Mode(), err)
				}
			}
			if list, _ := os.ReadDir(dir); len(list) != len(want) {
				t.Errorf("%d files, want %d: %v", len(list), len(want), list)
			}
		})
	}
}

// TestNoInstancesNoJSON: without instances there is no such file, and an old one
// stays.
func TestNoInstancesNoJSON(t *testing.T) {
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	d := New(loadText(t, "global_defs {\n}\n"), Options{Log: slog.New(slog.DiscardHandler)})
	d.writeJSON()
	d.files.wait(time.Minute)
	if _, err := os.Stat(filepath.Join(dir, "keepalived.json")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("there is a file, or worse: %v", err)
	}
	d.writeStats(false)
	d.files.wait(time.Minute)
	if b, err := os.ReadFile(filepath.Join(dir, "keepalived.stats")); err != nil || len(b) != 0 {
		t.Errorf("statistics of nothing: %q, %v", b, err)
	}
}
