package daemon

import (
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/kernel"
)

// TestUndoFile: what is remembered is what the next run reads, on the same boot and
// in the same network namespace; a file that is anything else is left alone, and
// nothing in it is done.
func TestUndoFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "pid.undo")
	var said strings.Builder
	log := &logger{slog.New(slog.NewTextHandler(&said, nil))}
	u := kernel.Undo{
		Settings: []kernel.Kept{{Setting: kernel.Setting{Link: "eth0", Index: 2, Name: "ipv4/arp_ignore"}, Before: 0, Set: 1}},
		Links:    []kernel.Left{{Name: "vrrp.51", Below: 2, MAC: "00:00:5e:00:01:33"}},
	}
	f := &undoFile{path: path, log: log}
	f.save(u)
	f.saveTable("keepalived")
	got := (&undoFile{path: path, log: log}).load()
	if diff := cmp.Diff(u, got.Undo); diff != "" || got.Table != "keepalived" {
		t.Errorf("table %q, wanted (-) and got (+):\n%s", got.Table, diff)
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", st, err)
	}
	good, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	boot, space := here()
	for _, tt := range []struct {
		name, old, put string
		silent         bool
	}{
		{name: "another boot", old: boot, put: "x", silent: true},
		{name: "another namespace", old: space, put: "net:[1]", silent: true},
		{name: "another version", old: `"version":1`, put: `"version":9`},
		{name: "a setting that is none of ours", old: "ipv4/arp_ignore", put: "ipv4/forwarding"},
		{name: "a path", old: `"eth0"`, put: `"../eth0"`},
		{name: "no JSON", old: "{", put: ""},
		{name: "an unknown field", old: `"version"`, put: `"verse":1,"version"`},
	} {
		said.Reset()
		if err := os.WriteFile(path, []byte(strings.Replace(string(good), tt.old, tt.put, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		if got := (&undoFile{path: path, log: log}).load(); !got.Empty() || got.Table != "" {
			t.Errorf("%s: taken for %+v", tt.name, got)
		}
		if (said.Len() == 0) != tt.silent {
			t.Errorf("%s: said %q", tt.name, &said)
		}
	}
	if err := os.WriteFile(path, good, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, 0o666); err != nil {
		t.Fatal(err)
	}
	if got := (&undoFile{path: path, log: log}).load(); !got.Empty() {
		t.Errorf("a file that anybody can write is taken for %+v", got)
	}
	f.save(kernel.Undo{})
	f.saveTable("")
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Errorf("with nothing to be put back it is still there: %v", err)
	}
}
