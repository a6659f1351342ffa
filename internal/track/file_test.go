package track

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/nettest"
	"github.com/holdfast-ha/holdfast/internal/spawn"
)

func TestParseValue(t *testing.T) {
	for text, want := range map[string]int64{
		"": 0, "abc": 0, "-": 0, "+": 0, "0x": 0, "0xg": 0, "08": 0,
		"10\n": 10, "0x10": 16, "0XfF": 255, "010": 8, "+7": 7, "  8 9": 8, "\t\n-5": -5, "12abc": 12, "-0x10": -16,
		"2147483647": 2147483647, "-2147483648": -2147483648, "99999999999": 99999999999,
		"99999999999999999999999": 9223372036854775807, "-99999999999999999999999": -9223372036854775808,
		"9223372036854775807": 9223372036854775807, "-9223372036854775808": -9223372036854775808,
	} {
		got, ok := parseValue(text)
		if got != want || ok != (want != 0 || strings.ContainsAny(text, "0")) {
			t.Errorf("%q: %d %v, want %d", text, got, ok, want)
		}
	}
}

// fileLab runs a FileSet over files in a directory of the test.
type fileLab struct {
	t   *testing.T
	dir string
	set *FileSet

	mu     sync.Mutex
	values map[string]int
	told   int // how many values were delivered
	zero   int // how many of them were 0
	lines  []string
}

func (l *fileLab) path(name string) string { return filepath.Join(l.dir, name) }

func newFileLab(t *testing.T) *fileLab {
	return &fileLab{t: t, dir: t.TempDir(), values: map[string]int{}}
}

// run follows files by their paths below the directory, which name them too.
func (l *fileLab) run(names ...string) {
	l.t.Helper()
	var cfgs []FileConfig
	for _, name := range names {
		cfgs = append(cfgs, FileConfig{name, l.path(name)})
	}
	l.set = NewFileSet(cfgs, FileOptions{
		Poll: 50 * time.Millisecond,
		Value: func(name string, v int, _ string) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.values[name] = v
			l.told++
			if v == 0 {
				l.zero++
			}
		},
		Log: func(_ spawn.Level, text string) {
			l.mu.Lock()
			defer l.mu.Unlock()
			l.lines = append(l.lines, text)
		},
	})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = l.set.Run(ctx)
	}()
	l.t.Cleanup(func() { cancel(); <-done })
	<-l.set.Ready()
}

func (l *fileLab) value(name string) int {
	l.mu.Lock()
	defer l.mu.Unlock()
	v, ok := l.values[name]
	if !ok {
		return -1
	}
	return v
}

func (l *fileLab) want(name string, v int) {
	l.t.Helper()
	nettest.WaitFor(l.t, 10*time.Second, func() bool { return l.value(name) == v }, fmt.Sprintf("%s to be %d", name, v))
}

func (l *fileLab) must(err error) {
	l.t.Helper()
	if err != nil {
		l.t.Fatal(err)
	}
}

func (l *fileLab) write(name, text string) {
	l.t.Helper()
	l.must(os.WriteFile(l.path(name), []byte(text), 0o644))
}

func (l *fileLab) rename(from, to string) {
	l.t.Helper()
	l.must(os.Rename(l.path(from), l.path(to)))
}

func (l *fileLab) link(target, name string) {
	l.t.Helper()
	l.must(os.Symlink(target, l.path(name+".new")))
	l.rename(name+".new", name)
}

// The ways in which a file can change, one after the other.
func TestFileChanges(t *testing.T) {
	l := newFileLab(t)
	l.run("a")
	l.want("a", 0) // missing
	l.write("a", "10\n")
	l.want("a", 10)
	l.write("a", "11\n") // in place
	l.want("a", 11)
	l.write("x", "12\n") // by rename
	l.rename("x", "a")
	l.want("a", 12)
	l.must(os.Remove(l.path("a")))
	l.want("a", 0)
	l.write("b", "13\n")
	l.must(os.Link(l.path("b"), l.path("a"))) // complete from the start
	l.want("a", 13)
	l.rename("a", "c")
	l.want("a", 0)
	l.must(os.Symlink("b", l.path("a")))
	l.want("a", 13)
	l.write("b", "14\n") // behind the link
	l.want("a", 14)
	l.write("d", "15\n")
	l.link("d", "a") // another target
	l.want("a", 15)
	l.must(os.Remove(l.path("d")))
	l.want("a", 0)
	l.write("d", "16\n")
	l.want("a", 16)
	l.must(os.Truncate(l.path("d"), 0))
	f, err := os.OpenFile(l.path("d"), os.O_WRONLY, 0)
	l.must(err)
	l.must(f.Close())
	l.want("a", 0)
}

// A volume of Kubernetes: all files are replaced by turning one link.
func TestFileBehindDirectoryLink(t *testing.T) {
	l := newFileLab(t)
	l.must(os.Mkdir(l.path("v1"), 0o755))
	l.must(os.Mkdir(l.path("v2"), 0o755))
	l.write("v1/a", "1")
	l.write("v2/a", "2")
	l.must(os.Symlink("v1", l.path("data")))
	l.must(os.Symlink("data/a", l.path("a")))
	l.run("a")
	l.want("a", 1)
	l.link("v2", "data")
	l.want("a", 2)
	l.write("v2/a", "3")
	l.want("a", 3)
}

// Directories come and go; which one a path leads to is what counts.
func TestFileDirectories(t *testing.T) {
	l := newFileLab(t)
	l.run("top/dir/a")
	l.must(os.MkdirAll(l.path("top/dir"), 0o755))
	l.write("top/dir/a", "1")
	l.want("top/dir/a", 1)
	l.rename("top/dir", "top/old")
	l.want("top/dir/a", 0)
	l.must(os.Mkdir(l.path("top/dir"), 0o755))
	l.write("top/dir/a", "2")
	l.want("top/dir/a", 2)
	l.must(os.RemoveAll(l.path("top")))
	l.want("top/dir/a", 0)
	l.must(os.MkdirAll(l.path("top/dir"), 0o755))
	l.write("top/dir/a", "3")
	l.want("top/dir/a", 3)
	l.rename("top", "gone") // no report comes of that
	l.want("top/dir/a", 0)
	l.must(os.MkdirAll(l.path("top/dir"), 0o755))
	l.write("top/dir/a", "4")
	l.want("top/dir/a", 4)
	l.write("top/dir/a", "5") // the new directory is the one that is watched
	l.want("top/dir/a", 5)
	// Nothing of this was bad content.
	if len(l.lines) > 0 {
		t.Errorf("log: %q", l.lines)
	}
}

// A file system mounted over the directory, and unmounted.
func TestFileMounts(t *testing.T) {
	l := newFileLab(t)
	l.must(os.Mkdir(l.path("dir"), 0o755))
	l.write("dir/a", "1")
	l.run("dir/a")
	l.want("dir/a", 1)
	if err := unix.Mount("tmpfs", l.path("dir"), "tmpfs", 0, ""); err != nil {
		t.Skipf("mounting: %v", err)
	}
	t.Cleanup(func() { _ = unix.Unmount(l.path("dir"), unix.MNT_DETACH) })
	l.want("dir/a", 0)
	l.write("dir/a", "2")
	l.want("dir/a", 2)
	l.must(unix.Unmount(l.path("dir"), unix.MNT_DETACH))
	l.want("dir/a", 1)
}

// What holds no number is 0 and is said once; what is too large, or cannot be
// read, changes nothing.
func TestFileBadContent(t *testing.T) {
	l := newFileLab(t)
	l.run("a", "sync")
	said := func(n int, text string) {
		t.Helper()
		nettest.WaitFor(t, 10*time.Second, func() bool {
			l.mu.Lock()
			defer l.mu.Unlock()
			return strings.Count(strings.Join(l.lines, "\n"), text) == n
		}, fmt.Sprintf("%q %d times, log %q", text, n, l.lines))
	}
	l.write("a", "7")
	l.want("a", 7)
	l.write("a", "seven")
	l.want("a", 0)
	said(1, `begins with "seven", which is no number`)
	l.write("a", "seven") // again: not said again
	l.write("a", "8")
	l.want("a", 8)
	l.write("a", "99999999999")
	said(1, "Invalid number 99999999999 read from "+l.path("a")+" - ignoring")
	if v := l.value("a"); v != 8 {
		t.Errorf("value %d after a number that is too large", v)
	}
	l.write("a", "9")
	l.want("a", 9)
	l.must(os.Remove(l.path("a")))
	l.must(os.Mkdir(l.path("a"), 0o755))
	said(1, "is not a regular file - keeping value")
	l.must(os.Remove(l.path("a")))
	l.must(unix.Mkfifo(l.path("a"), 0o644)) // reading it must not wait
	l.write("sync", "1")
	l.want("sync", 1)
	said(1, "which is no number")
}

// A file that is being written is empty for a moment: that is no value.
func TestFileBeingWritten(t *testing.T) {
	l := newFileLab(t)
	l.write("a", "5")
	l.run("a", "sync")
	f, err := os.Create(l.path("a"))
	l.must(err)
	defer f.Close()
	for begun, i := time.Now(), 1; time.Since(begun) < 4*emptyTime; i++ {
		g, err := os.OpenFile(l.path("a"), os.O_WRONLY, 0) // another writer comes and goes
		l.must(err)
		l.must(g.Close())
		l.write("sync", fmt.Sprint(i))
		l.want("sync", i)
	}
	if v := l.value("a"); v != 5 {
		t.Errorf("an open file without content counts as %d", v)
	}
	_, err = f.WriteString("6")
	l.must(err)
	l.must(f.Close())
	l.want("a", 6)
}

// Hundreds of files, in directories of their own.
func TestFileHundreds(t *testing.T) {
	l := newFileLab(t)
	var names []string
	for i := range 500 {
		name := fmt.Sprintf("d%d/f", i)
		l.must(os.Mkdir(l.path(fmt.Sprintf("d%d", i)), 0o755))
		l.write(name, fmt.Sprint(i))
		names = append(names, name)
	}
	l.run(names...)
	for i, name := range names {
		if v := l.value(name); v != i {
			t.Fatalf("%s is %d at the start", name, v)
		}
	}
	for i, name := range names {
		l.write(name, fmt.Sprint(i+1000))
	}
	for i, name := range names {
		l.want(name, i+1000)
	}
}

// A file that is written as fast as can be is looked at a few times a second,
// and never taken for empty. What one look costs, BenchmarkFileBatch measures.
func TestFileStorm(t *testing.T) {
	for _, way := range []string{"in place", "by rename"} {
		t.Run(way, func(t *testing.T) {
			l := newFileLab(t)
			if dir, err := os.MkdirTemp("/dev/shm", "track"); err == nil { // much faster than a disk
				l.dir = dir
				t.Cleanup(func() { os.RemoveAll(dir) })
			}
			l.write("a", "1")
			l.run("a")
			l.want("a", 1)
			const writes = 30000
			begun := time.Now()
			for i := range writes {
				text := fmt.Sprint(100 + i%2)
				if way == "in place" {
					l.write("a", text)
				} else {
					l.write("x", text)
					l.rename("x", "a")
				}
			}
			took := time.Since(begun)
			l.write("a", "42")
			l.want("a", 42)
			l.mu.Lock()
			defer l.mu.Unlock()
			t.Logf("%d writes in %v (%.0f/s), %d values delivered", writes, took, writes/took.Seconds(), l.told)
			if most := 5 + int(2*took/gatherBusy); l.told > most {
				t.Errorf("%d values delivered in %v, want at most %d", l.told, took, most)
			}
			if l.zero > 0 {
				t.Errorf("taken for empty %d times", l.zero)
			}
		})
	}
}

// BenchmarkFileBatch is the work for one batch of changes of one file.
func BenchmarkFileBatch(b *testing.B) {
	path := filepath.Join(b.TempDir(), "a")
	if err := os.WriteFile(path, []byte("5"), 0o644); err != nil {
		b.Fatal(err)
	}
	s := NewFileSet([]FileConfig{{"a", path}}, FileOptions{})
	s.look(s.files, true)
	for b.Loop() {
		s.look(s.files, false)
	}
}

// Without inotify the files are looked at.
func TestFileWithoutInotify(t *testing.T) {
	l := newFileLab(t)
	l.write("a", "1")
	s := NewFileSet([]FileConfig{{"a", l.path("a")}}, FileOptions{
		Poll:  10 * time.Millisecond,
		Value: func(name string, v int, _ string) { l.mu.Lock(); l.values[name] = v; l.mu.Unlock() },
		Log:   func(_ spawn.Level, text string) { l.mu.Lock(); l.lines = append(l.lines, text); l.mu.Unlock() },
	})
	s.open = func() (*watcher, error) { return nil, errors.New("too many instances") }
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = s.Run(ctx) }()
	defer func() { cancel(); <-done }()
	l.want("a", 1)
	l.write("a", "2345")
	l.want("a", 2345)
	l.must(os.Remove(l.path("a")))
	l.want("a", 0)
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.lines) != 1 || !strings.Contains(l.lines[0], "too many instances") {
		t.Errorf("log %q", l.lines)
	}
}

func TestInitFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a")
	old := syscall.Umask(0o177)
	defer syscall.Umask(old)
	content := func() string {
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	}
	if err := InitFile(path, 3, false); err != nil || content() != "3\n" {
		t.Fatalf("%v, %q", err, content())
	}
	if st, _ := os.Stat(path); st.Mode().Perm() != 0o600 {
		t.Errorf("mode %v", st.Mode())
	}
	if err := InitFile(path, 4, false); err != nil || content() != "3\n" {
		t.Errorf("there already: %v, %q", err, content())
	}
	if err := InitFile(path, 5, true); err != nil || content() != "5\n" {
		t.Errorf("overwrite: %v, %q", err, content())
	}
	if err := InitFile(filepath.Join(dir, "no", "b"), 1, false); err == nil {
		t.Error("a directory that is not there is no error")
	}
	link := filepath.Join(dir, "link")
	if err := os.Symlink(path, link); err != nil {
		t.Fatal(err)
	}
	if err := InitFile(link, 6, true); err == nil || content() != "5\n" {
		t.Errorf("through a symbolic link: %v, %q", err, content())
	}
}
