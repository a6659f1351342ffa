package dump

import (
	"iter"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

func TestDataPath(t *testing.T) {
	for _, tt := range []struct {
		configured          string
		parent              bool
		namespace, instance string
		want                string
	}{
		{"", false, "", "", "/tmp/keepalived.data"},
		{"", true, "", "", "/tmp/keepalived_parent.data"},
		{"", false, "blue", "inst1", "/tmp/keepalived.blue_inst1.data"},
		{"", true, "blue", "inst1", "/tmp/keepalived_parent.blue_inst1.data"},
		{"", false, "", "inst1", "/tmp/keepalived.inst1.data"},
		{"", false, "blue", "", "/tmp/keepalived.blue.data"},
		{"/x/mydata.txt", true, "", "", "/x/mydata_parent.txt"},
		{"/x.d/mydata", true, "", "i", "/x.d/mydata_parent.i"},
		{"my.data", false, "", "", "/tmp/my.data"},
		{"/x/", false, "", "", "/x/keepalived.data"},
		{"x/", true, "", "", "/tmp/x/keepalived_parent.data"},
	} {
		if got := DataPath("/tmp", tt.configured, tt.parent, tt.namespace, tt.instance); got != tt.want {
			t.Errorf("DataPath(%q, %v, %q, %q) = %s, want %s", tt.configured, tt.parent, tt.namespace, tt.instance, got, tt.want)
		}
	}
}

func TestTempDir(t *testing.T) {
	for set, want := range map[string]string{"": "/tmp", "relative": "/tmp", "/var/tmp": "/var/tmp"} {
		t.Setenv("TMPDIR", set)
		if got := TempDir(); got != want {
			t.Errorf("TMPDIR=%q: %s, want %s", set, got, want)
		}
	}
}

// inPieces is what a file is to hold, in pieces.
func inPieces(pieces ...string) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		for _, p := range pieces {
			if !yield([]byte(p)) {
				return
			}
		}
	}
}

// TestWriteFile uses the umask of the whole process: it is not parallel.
func TestWriteFile(t *testing.T) {
	for _, process := range []int{0, 0o777} {
		old := unix.Umask(process)
		dir := t.TempDir()
		unix.Umask(old)
		if err := os.Chmod(dir, 0o700); err != nil {
			t.Fatal(err)
		}
		victim, path := filepath.Join(dir, "victim"), filepath.Join(dir, "keepalived.data")
		if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(victim, path); err != nil {
			t.Fatal(err)
		}
		for umask, want := range map[int]os.FileMode{0o177: 0o600, 0o022: 0o644, 0: 0o666} {
			unix.Umask(process)
			err := WriteFile(path, inPieces("ne", "w\n"), umask)
			unix.Umask(old)
			if err != nil {
				t.Fatal(err)
			}
			fi, err := os.Lstat(path)
			if err != nil || fi.Mode() != want {
				t.Errorf("umask %03o: mode %v, %v; want %v", umask, fi.Mode(), err, want)
			}
			if got, err := os.ReadFile(path); err != nil || string(got) != "new\n" {
				t.Errorf("content %q, %v", got, err)
			}
		}
		if got, _ := os.ReadFile(victim); string(got) != "precious" {
			t.Errorf("the target of the link holds %q", got)
		}
		if left, _ := os.ReadDir(dir); len(left) != 2 {
			t.Errorf("left in the directory: %v", left)
		}
	}
}

// A dump that cannot be written leaves the old file and nothing else.
func TestWriteFileFails(t *testing.T) {
	dir := t.TempDir()
	if err := WriteFile(filepath.Join(dir, "missing", "x"), inPieces(), 0); err == nil {
		t.Error("a missing directory was no error")
	}
	path := filepath.Join(dir, "keepalived.data")
	if err := os.MkdirAll(filepath.Join(path, "sub"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := WriteFile(path, inPieces("x"), 0); err == nil {
		t.Error("a directory in the place of the file was no error")
	}
	full, err := os.OpenFile("/dev/full", os.O_WRONLY, 0)
	if err != nil {
		t.Skipf("needs /dev/full, to stand for a full disk: %v", err)
	}
	if _, err := place(full, filepath.Join(dir, "x"), inPieces("x"), 0o177); err == nil {
		t.Error("a full disk was no error")
	}
	if left, _ := os.ReadDir(dir); len(left) != 1 {
		t.Errorf("left in the directory: %v", left)
	}
}
