package ownfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/ownfile"
)

// What others may have put where we write, and what becomes of it.
func TestOpen(t *testing.T) {
	for _, c := range []struct {
		name string
		put  func(path, victim string) error
		root bool
		why  string // "": it is opened
	}{
		{name: "nothing", put: func(string, string) error { return nil }},
		{name: "a file of ours", put: func(p, _ string) error { return os.WriteFile(p, []byte("old content"), 0o600) }},
		{name: "a link", put: func(p, v string) error { return os.Symlink(v, p) }, why: "is a symbolic link"},
		{name: "a link to nothing", put: func(p, v string) error { return os.Symlink(v+"x", p) }, why: "is a symbolic link"},
		{name: "a hard link", put: func(p, v string) error { return os.Link(v, p) }, why: "by a hard link: not writing to it (owner "},
		{name: "a FIFO", put: func(p, _ string) error { return unix.Mkfifo(p, 0o666) }, why: "no such device"},
		{name: "a directory", put: func(p, _ string) error { return os.Mkdir(p, 0o755) }, why: "directory"},
		{
			name: "a file of somebody else", root: true, why: "belongs to somebody else, in a directory open to all: not writing to it (owner 4321:4321, mode 0666)",
			put: func(p, _ string) error {
				if err := os.WriteFile(p, nil, 0o666); err != nil {
					return err
				}
				if err := os.Chmod(p, 0o666); err != nil {
					return err
				}
				return os.Chown(p, 4321, 4321)
			},
		},
		{
			name: "the null device", root: true,
			put: func(p, _ string) error { return unix.Mknod(p, unix.S_IFCHR|0o666, 1<<8|3) },
		},
	} {
		for _, how := range []ownfile.How{ownfile.Keep, ownfile.Truncate, ownfile.Append} {
			t.Run(c.name, func(t *testing.T) {
				if c.root && os.Geteuid() != 0 {
					t.Skip("needs root")
				}
				dir := t.TempDir()
				open := filepath.Join(dir, "open")
				if err := os.Mkdir(open, 0o755); err != nil {
					t.Fatal(err)
				}
				if err := unix.Chmod(open, 0o1777); err != nil {
					t.Fatal(err)
				}
				path, victim := filepath.Join(open, "file"), filepath.Join(dir, "victim")
				if err := os.WriteFile(victim, []byte("precious"), 0o600); err != nil {
					t.Fatal(err)
				}
				if err := c.put(path, victim); err != nil {
					t.Fatal(err)
				}
				f, err := ownfile.Open(path, how, 0o600)
				if got, _ := os.ReadFile(victim); string(got) != "precious" {
					t.Errorf("the other file holds %q", got)
				}
				if _, err := os.Stat(victim + "x"); err == nil {
					t.Error("a file was made behind the link")
				}
				// With fs.protected_regular the kernel itself refuses the file of
				// somebody else.
				if c.why != "" {
					if err == nil || !strings.Contains(err.Error(), c.why) && !strings.Contains(err.Error(), "permission denied") {
						t.Errorf("error %v, want %q", err, c.why)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				defer f.Close()
				if _, err := f.WriteString("new"); err != nil {
					t.Fatal(err)
				}
				want := map[ownfile.How]string{ownfile.Keep: "new content", ownfile.Truncate: "new", ownfile.Append: "old contentnew"}[how]
				if got, _ := os.ReadFile(path); c.name == "a file of ours" && string(got) != want {
					t.Errorf("holds %q, want %q", got, want)
				}
			})
		}
	}
}
