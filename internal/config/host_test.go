package config

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

func TestSystem(t *testing.T) {
	h := System()
	links, err := h.Links()
	if err != nil {
		t.Fatal(err)
	}
	if i := slices.IndexFunc(links, func(l Link) bool { return l.Name == "lo" }); i < 0 || !links[i].Loopback {
		t.Errorf("got %+v, want a loopback interface among them", links)
	}
	if st, err := h.Lstat("/"); err != nil || st.Kind != Directory {
		t.Errorf("Lstat(/) = %+v, %v, want a directory", st, err)
	}
	if u, err := h.User("root"); err != nil || u.UID != 0 {
		t.Errorf("User(root) = %+v, %v, want uid 0", u, err)
	}
	if _, err := h.User("no such user"); err == nil {
		t.Error("a user that does not exist was found")
	}
	if _, err := h.LinksIn("no-such-namespace"); err == nil {
		t.Error("a network namespace that does not exist has interfaces")
	}
	if kind, err := h.FileSystem("/proc"); err != nil || kind != "proc" {
		t.Errorf("FileSystem(/proc) = %q, %v, want proc", kind, err)
	}
}

func TestSystemReadFile(t *testing.T) {
	h := System()
	dir := t.TempDir()
	file := filepath.Join(dir, "a.conf")
	if err := os.WriteFile(file, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	if data, err := h.ReadFile(file); string(data) != "x" || err != nil {
		t.Errorf("got %q, %v, want x", data, err)
	}
	if err := os.Chmod(file, 0o700); err != nil {
		t.Fatal(err)
	}
	if data, err := h.ReadFile(file); string(data) != "x" || !errors.Is(err, syntax.ErrExecutable) {
		t.Errorf("got %q, %v, want x and ErrExecutable", data, err)
	}
	if _, err := h.ReadFile(dir); !errors.Is(err, syntax.ErrDirectory) {
		t.Errorf("got %v, want ErrDirectory", err)
	}
	if _, err := h.ReadFile("/dev/null"); !errors.Is(err, syntax.ErrNotRegular) {
		t.Errorf("got %v, want ErrNotRegular", err)
	}
	if got := h.Glob(dir + "/*.conf"); !slices.Equal(got, []string{file}) {
		t.Errorf("got %q, want %q", got, file)
	}
}

// TestOldAddress follows inet_aton(3), which keepalived's look-up of a mail
// server goes through.
func TestOldAddress(t *testing.T) {
	for host, want := range map[string]bool{
		"192.0.2.1": true, "192.0.2.01": true, "192.0.513": true, "0xc0.0.2.1": true, "3221225985": true, "0": true,
		"": false, "192.0.2": true, "192.0.2.256": false, "192.0.65536": false, "192.0.2.09": false, "1.2.3.4.5": false,
		"4294967296": false, "localhost": false, "1_0": false, "0b1": false, "-1": false, "192.0.2.": false,
	} {
		if got := oldAddress(host); got != want {
			t.Errorf("oldAddress(%q) = %v", host, got)
		}
	}
}
