package process

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

// TestPIDFile uses the umask of the whole process: it is not parallel.
func TestPIDFile(t *testing.T) {
	defer unix.Umask(unix.Umask(0o177))
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "a", "b", "vrrp.pid")
	p, err := LockPIDFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for _, pid := range []int{1234567, 42} {
		if err := p.Write(pid); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if err != nil || string(got) != "42\n" {
		t.Errorf("content %q, %v; want \"42\\n\"", got, err)
	}
	for name, want := range map[string]os.FileMode{
		path: 0o644, filepath.Dir(path): 0o755 | os.ModeDir,
	} {
		if fi, err := os.Stat(name); err != nil || fi.Mode() != want {
			t.Errorf("%s has mode %v, want %v", name, fi.Mode(), want)
		}
	}
	if held, err := Held(path); !held || err != nil {
		t.Errorf("Held = %v, %v for a file that is", held, err)
	}
	var locked *LockedError
	if _, err := LockPIDFile(path); !errors.As(err, &locked) || locked.Path != path {
		t.Errorf("second lock: %v, want a LockedError", err)
	}
	if got, _ := os.ReadFile(path); string(got) != "42\n" {
		t.Errorf("the failed lock changed the content to %q", got)
	}
	if err := p.Remove(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a")); !os.IsNotExist(err) {
		t.Errorf("the directories that were made are left: %v", err)
	}
}

func TestPIDFileLeftByACrash(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keepalived.pid")
	for _, left := range []string{"1\n", "garbage", ""} {
		if err := os.WriteFile(path, []byte(left), 0o600); err != nil {
			t.Fatal(err)
		}
		if held, err := Held(path); held || err != nil {
			t.Errorf("Held = %v, %v for a file that a crash has left", held, err)
		}
		p, err := LockPIDFile(path)
		if err != nil {
			t.Fatalf("with %q in the file: %v", left, err)
		}
		if err := p.Write(7); err != nil {
			t.Fatal(err)
		}
		if got, _ := os.ReadFile(path); string(got) != "7\n" {
			t.Errorf("content %q", got)
		}
		if err := p.Remove(); err != nil {
			t.Error(err)
		}
	}
}

func TestPIDFileRefusesOtherKinds(t *testing.T) {
	dir := t.TempDir()
	fifo, link := filepath.Join(dir, "fifo"), filepath.Join(dir, "link")
	if err := unix.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(filepath.Join(dir, "target"), link); err != nil {
		t.Fatal(err)
	}
	hard := filepath.Join(dir, "hard")
	if err := os.WriteFile(hard+".victim", []byte("precious"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Link(hard+".victim", hard); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{fifo, link, hard, dir, "/dev/null/x/y"} {
		if _, err := LockPIDFile(path); err == nil {
			t.Errorf("%s was accepted", path)
		}
	}
	if _, err := os.Lstat(filepath.Join(dir, "target")); err == nil {
		t.Error("the link was followed")
	}
	if fi, err := os.Stat(hard + ".victim"); err != nil || fi.Size() != 8 || fi.Mode() != 0o600 {
		t.Errorf("the file with the other name: %v, %v", fi, err)
	}
}

// A file that somebody put in the place of ours is theirs.
func TestPIDFileReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "sub", "keepalived.pid")
	p, err := LockPIDFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte("theirs\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := p.Remove(); err != nil {
		t.Error(err)
	}
	if got, err := os.ReadFile(path); err != nil || string(got) != "theirs\n" {
		t.Errorf("content %q, %v", got, err)
	}
}

// The holder may remove the file between our open and our lock: then we would
// hold a file that nobody sees.
func TestLockOfARemovedFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "keepalived.pid")
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if err := lockFile(f, path); !errors.Is(err, errReplaced) {
		t.Errorf("removed: %v, want errReplaced", err)
	}
	if err := os.WriteFile(path, nil, 0o644); err != nil {
		t.Fatal(err)
	}
	if err := lockFile(f, path); !errors.Is(err, errReplaced) {
		t.Errorf("replaced: %v, want errReplaced", err)
	}
}

func TestPIDFiles(t *testing.T) {
	dir := t.TempDir()
	a, b := filepath.Join(dir, "run", "a.pid"), filepath.Join(dir, "run", "b.pid")
	holder, err := LockPIDFile(b)
	if err != nil {
		t.Fatal(err)
	}
	var locked *LockedError
	if _, err := LockPIDFiles(a, b); !errors.As(err, &locked) || locked.Path != b {
		t.Errorf("got %v, want that b is locked", err)
	}
	if _, err := os.Stat(a); !os.IsNotExist(err) {
		t.Errorf("a is left behind: %v", err)
	}
	if err := holder.Remove(); err != nil {
		t.Error(err)
	}
	files, err := LockPIDFiles(a, "", filepath.Join(dir, "run", ".", "a.pid"), b)
	if err != nil {
		t.Fatal(err)
	}
	if err := files.Write(99); err != nil {
		t.Error(err)
	}
	for _, path := range []string{a, b} {
		if got, _ := os.ReadFile(path); string(got) != "99\n" {
			t.Errorf("%s holds %q", path, got)
		}
	}
	if err := files.Remove(); err != nil {
		t.Error(err)
	}
	if left, _ := os.ReadDir(dir); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

func TestDefaultPaths(t *testing.T) {
	for _, tt := range []struct {
		private        bool
		instance, want string
	}{
		{false, "", "/run/keepalived.pid /run/vrrp.pid /run/keepalived.reload"},
		{true, "", "/run/keepalived/keepalived.pid /run/keepalived/vrrp.pid /run/keepalived/keepalived.reload"},
		{false, "inst1", "/run/keepalived/keepalived_inst1.pid /run/keepalived/vrrp_inst1.pid /run/keepalived/keepalived_inst1.reload"},
	} {
		p := DefaultPaths(tt.private, tt.instance)
		if got := strings.Join([]string{p.PID, p.VRRPPID, p.Reload}, " "); got != tt.want {
			t.Errorf("DefaultPaths(%v, %q) = %s, want %s", tt.private, tt.instance, got, tt.want)
		}
	}
	for _, tt := range [][3]string{
		{"", "", "Keepalived_vrrp"}, {"blue", "inst1", "Keepalived_vrrp_blue_inst1"}, {"", "inst1", "Keepalived_vrrp_inst1"},
	} {
		if got := Ident(tt[0], tt[1]); got != tt[2] {
			t.Errorf("Ident(%q, %q) = %q, want %q", tt[0], tt[1], got, tt[2])
		}
	}
}
