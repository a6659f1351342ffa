package notify

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/nettest"
	"github.com/holdfast-ha/holdfast/internal/spawn"
)

// pipeLab is a FIFO with its log.
type pipeLab struct {
	t   *testing.T
	dir string
	cfg PipeConfig
	p   *Pipe

	mu  sync.Mutex
	log []string
}

func newPipeLab(t *testing.T) *pipeLab {
	l := &pipeLab{t: t, dir: t.TempDir()}
	l.cfg = PipeConfig{Kind: "vrrp_notify", Path: l.path("fifo"), UID: uint32(os.Geteuid()), GID: uint32(os.Getegid()), Mode: 0o600}
	return l
}

func (l *pipeLab) path(name string) string { return filepath.Join(l.dir, name) }

func (l *pipeLab) say(_ spawn.Level, text string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.log = append(l.log, strings.ReplaceAll(text, l.dir, "DIR"))
}

func (l *pipeLab) said() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return append([]string(nil), l.log...)
}

func (l *pipeLab) open() *Pipe {
	l.t.Helper()
	p, err := OpenPipe(l.cfg, l.say, Options{})
	if err != nil {
		l.t.Fatal(err)
	}
	l.p = p
	return p
}

func (l *pipeLab) close() {
	l.t.Helper()
	ctx, cancel := context.WithTimeout(l.t.Context(), 5*time.Second)
	defer cancel()
	l.p.Close(ctx)
}

// script makes a reader.
func (l *pipeLab) script(name, text string) *spawn.Cmd {
	l.t.Helper()
	path := l.path(name)
	if err := nettest.WriteProgram(path, []byte("#!/bin/sh\n"+text)); err != nil {
		l.t.Fatal(err)
	}
	return &spawn.Cmd{Argv: []string{path, l.path("out")}}
}

func (l *pipeLab) until(what string, cond func() bool) {
	l.t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			l.t.Fatalf("not reached: %s; log: %q", what, l.said())
		}
	}
}

func (l *pipeLab) out() string {
	text, _ := os.ReadFile(l.path("out"))
	return string(text)
}

func (l *pipeLab) reader() *bufio.Scanner {
	l.t.Helper()
	f, err := os.Open(l.cfg.Path)
	if err != nil {
		l.t.Fatal(err)
	}
	l.t.Cleanup(func() { f.Close() })
	return bufio.NewScanner(f)
}

func inode(t *testing.T, path string) uint64 {
	t.Helper()
	st, err := os.Lstat(path)
	if err != nil {
		t.Fatal(err)
	}
	return st.Sys().(*syscall.Stat_t).Ino
}

// Lines wait for a reader that comes later, and for one that comes back.
func TestPipeReaders(t *testing.T) {
	l := newPipeLab(t)
	l.cfg.Mode = 0o644 // more than the umask leaves, so that it shows
	p := l.open()
	if st, err := os.Lstat(l.cfg.Path); err != nil || st.Mode() != os.ModeNamedPipe|0o644 {
		t.Errorf("the FIFO is %v, %v", st.Mode(), err)
	}
	p.Line(`INSTANCE "A" BACKUP 100`)
	p.Line(`INSTANCE "A" MASTER 100`)
	first := l.reader()
	for _, want := range []string{`INSTANCE "A" BACKUP 100`, `INSTANCE "A" MASTER 100`} {
		if !first.Scan() || first.Text() != want {
			t.Errorf("got %q, want %q", first.Text(), want)
		}
	}
	p.Line("while the second opens")
	second := l.reader()
	if !second.Scan() || second.Text() != "while the second opens" {
		t.Errorf("got %q", second.Text())
	}
	l.close()
	if second.Scan() {
		t.Errorf("after the end: %q", second.Text())
	}
	if _, err := os.Lstat(l.cfg.Path); !os.IsNotExist(err) {
		t.Errorf("the FIFO is still there: %v", err)
	}
}

// Nobody reads: nothing blocks, the newest lines are kept, and the losses add up.
func TestPipeFull(t *testing.T) {
	l := newPipeLab(t)
	p := l.open()
	const n = 9000
	begin := time.Now()
	for i := range n {
		p.Line(fmt.Sprintf("INSTANCE \"A\" BACKUP %d", i))
	}
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("%d lines took %v", n, took)
	}
	l.until("lines are lost", func() bool { return p.State().Lost > 0 })
	r := l.reader()
	got, last := 0, -1
	for last != n-1 && r.Scan() {
		var i int
		if _, err := fmt.Sscanf(r.Text(), "INSTANCE \"A\" BACKUP %d", &i); err != nil || i <= last {
			t.Fatalf("%q after %d: %v", r.Text(), last, err)
		}
		got, last = got+1, i
	}
	if lost := int(p.State().Lost); got+lost != n || got <= pipeLines {
		t.Errorf("%d lines read and %d lost of %d", got, lost, n)
	}
	l.until("the log tells how many", func() bool {
		log := l.said()
		return len(log) == 2 && strings.HasPrefix(log[0], "vrrp_notify fifo DIR/fifo is full since nobody reads it: ") &&
			log[1] == fmt.Sprintf("vrrp_notify fifo DIR/fifo is read again: %d lines were lost in all", n-got)
	})
	l.close()
}

// A flood of remarks pushes no state out.
func TestPipeRemarks(t *testing.T) {
	l := newPipeLab(t)
	p := l.open()
	for range 3000 {
		p.Remark("INSTANCE \"A\" MASTER_RX_LOWER_PRI 100")
	}
	l.until("it is full", func() bool { return p.State().Waiting > 0 })
	for i := range pipeLines {
		p.Line(fmt.Sprintf("INSTANCE \"A\" BACKUP %d", i))
		for range 3 {
			p.Remark("INSTANCE \"A\" MASTER_RX_LOWER_PRI 100")
		}
	}
	r, states := l.reader(), 0
	for states < pipeLines-1 && r.Scan() {
		if strings.Contains(r.Text(), "BACKUP") {
			states++
		}
	}
	if states != pipeLines-1 {
		t.Errorf("%d states arrived", states)
	}
	l.close()
}

// At the end nobody waits for a reader that does not come.
func TestPipeFullAtTheEnd(t *testing.T) {
	l := newPipeLab(t)
	p := l.open()
	for range 9000 {
		p.Line("INSTANCE \"A\" BACKUP 100")
	}
	l.until("it is full", func() bool { return p.State().Waiting == pipeLines })
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	p.Close(ctx)
	log := l.said()
	if got := log[len(log)-1]; !strings.HasSuffix(got, "1000 lines lost at the end") {
		t.Errorf("log: %q", log)
	}
}

func TestPipeRefused(t *testing.T) {
	for _, c := range []struct {
		what, want string
		prepare    func(l *pipeLab) error
	}{
		{"regular file", "vrrp_notify fifo DIR/fifo is not a fifo we own - not using", func(l *pipeLab) error {
			return os.WriteFile(l.cfg.Path, []byte("precious"), 0o600)
		}},
		{"link to a FIFO", "vrrp_notify fifo DIR/fifo is not a fifo we own - not using", func(l *pipeLab) error {
			if err := syscall.Mkfifo(l.path("real"), 0o600); err != nil {
				return err
			}
			return os.Symlink(l.path("real"), l.cfg.Path)
		}},
		{"dangling link", "vrrp_notify fifo DIR/fifo is not a fifo we own - not using", func(l *pipeLab) error {
			return os.Symlink(l.path("nothing"), l.cfg.Path)
		}},
		{"no directory", "Unable to create vrrp_notify fifo DIR/none/fifo - no such file or directory", func(l *pipeLab) error {
			l.cfg.Path = l.path("none/fifo")
			return nil
		}},
		{"somebody else's", "vrrp_notify fifo DIR/fifo is not a fifo we own - not using", func(l *pipeLab) error {
			if os.Geteuid() != 0 {
				l.t.Skip("needs root, to give a file away")
			}
			if err := syscall.Mkfifo(l.cfg.Path, 0o666); err != nil {
				return err
			}
			return os.Chown(l.cfg.Path, 4321, 4321)
		}},
	} {
		t.Run(c.what, func(t *testing.T) {
			l := newPipeLab(t)
			if err := c.prepare(l); err != nil {
				t.Fatal(err)
			}
			p, err := OpenPipe(l.cfg, l.say, Options{})
			if err == nil {
				p.Close(t.Context())
				t.Fatal("it was opened")
			}
			if got := strings.ReplaceAll(err.Error(), l.dir, "DIR"); got != c.want {
				t.Errorf("error %q, want %q", got, c.want)
			}
			if c.what == "regular file" {
				if text, err := os.ReadFile(l.cfg.Path); err != nil || string(text) != "precious" {
					t.Errorf("the file holds %q, %v", text, err)
				}
			}
		})
	}
}

// A FIFO that was there is used and stays.
func TestPipeThatIsThere(t *testing.T) {
	l := newPipeLab(t)
	if err := syscall.Mkfifo(l.cfg.Path, 0o640); err != nil {
		t.Fatal(err)
	}
	l.open()
	l.close()
	if st, err := os.Lstat(l.cfg.Path); err != nil || st.Mode().Perm() != 0o640 {
		t.Errorf("the FIFO: %v, %v", st, err)
	}
}

const copyLines = "while read -r line; do echo \"$line\" >>$1; done <$2\necho over >>$1\n"

// The script reads every line, the last one too, before it is ended.
func TestPipeScript(t *testing.T) {
	l := newPipeLab(t)
	l.cfg.Script = l.script("reader", copyLines)
	p := l.open()
	p.Line("one")
	l.until("the script has read", func() bool { return l.out() == "one\n" })
	p.Line("two")
	p.Line("three")
	l.close()
	if diff := cmp.Diff("one\ntwo\nthree\nover\n", l.out()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if log := l.said(); len(log) != 1 || log[0] != "vrrp notify fifo script terminated (exit 0)" {
		t.Errorf("log: %q", log)
	}
}

// Scripts that do not hear the end of the file, or that fail, or do not exist.
func TestPipeScriptMisbehaves(t *testing.T) {
	t.Run("holds the FIFO open", func(t *testing.T) {
		l := newPipeLab(t)
		l.cfg.Script = l.script("reader", "trap 'echo TERM >>$1; exit 0' TERM\necho up >>$1\nwhile :; do sleep 0.05; done <>$2\n")
		l.open()
		l.until("it runs", func() bool { return l.out() == "up\n" })
		l.close()
		if got := l.out(); got != "up\nTERM\n" {
			t.Errorf("the script wrote %q", got)
		}
	})
	t.Run("is deaf", func(t *testing.T) {
		l := newPipeLab(t)
		l.cfg.Script = l.script("reader", "trap '' TERM\necho up >>$1\nwhile :; do sleep 0.05; done <>$2\n")
		l.open()
		l.until("it runs", func() bool { return l.out() == "up\n" })
		begin := time.Now()
		l.close()
		if took := time.Since(begin); took > 3*time.Second {
			t.Errorf("closing took %v", took)
		}
		if l.p.State().Reading {
			t.Error("the script still runs")
		}
	})
	t.Run("fails", func(t *testing.T) {
		l := newPipeLab(t)
		l.cfg.Script = l.script("reader", "echo oh; printf 'dear\\033[2J' >&2; exit 3\n")
		l.cfg.Script.Capture = true
		l.open()
		l.until("it has been said", func() bool { return len(l.said()) == 3 })
		want := []string{"vrrp notify fifo script terminated (exit 3)", "vrrp notify fifo script said: oh", "vrrp notify fifo script said: dear?[2J"}
		if diff := cmp.Diff(want, l.said()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		l.close()
	})
	t.Run("is missing", func(t *testing.T) {
		l := newPipeLab(t)
		l.cfg.Script = &spawn.Cmd{Argv: []string{l.path("none")}}
		l.open()
		l.until("it has been said", func() bool { return len(l.said()) == 1 })
		if got := l.said()[0]; got != "Error exec-ing command 'DIR/none', error 2: No such file or directory (vrrp notify fifo script)" {
			t.Errorf("log: %q", got)
		}
		l.close()
	})
}

func TestPipeReconfigure(t *testing.T) {
	l := newPipeLab(t)
	l.cfg.Script = l.script("reader", "echo start >>$1\n"+copyLines)
	p := l.open()
	again := func() {
		t.Helper()
		if err := p.Reconfigure(l.cfg); err != nil {
			t.Fatal(err)
		}
	}
	p.Line("one")
	l.until("one was read", func() bool { return l.out() == "start\none\n" })
	before := inode(t, l.cfg.Path)

	// The same script, made anew by the configuration: nothing happens.
	l.cfg.Script = l.script("reader", "echo start >>$1\n"+copyLines)
	again()
	p.Line("two")
	l.until("two was read", func() bool { return l.out() == "start\none\ntwo\n" })
	if inode(t, l.cfg.Path) != before {
		t.Error("the FIFO is another one")
	}

	// Another script takes over.
	l.cfg.Script = l.script("other", "echo other >>$1\nread -r line <$2; echo \"$line\" >>$1\n")
	again()
	p.Line("three")
	l.until("the other script has read", func() bool { return l.out() == "start\none\ntwo\nother\nthree\n" })
	l.until("and ended", func() bool { return !p.State().Reading })

	// It has ended: a reload starts it again.
	p.Line("four")
	again()
	l.until("the script has read", func() bool { return l.out() == "start\none\ntwo\nother\nthree\nother\nfour\n" })

	// The FIFO was removed: another one takes its place.
	if err := os.Remove(l.cfg.Path); err != nil {
		t.Fatal(err)
	}
	again()
	p.Line("five")
	l.until("the script has read", func() bool { return strings.HasSuffix(l.out(), "other\nfive\n") })
	l.close()
	if _, err := os.Lstat(l.cfg.Path); !os.IsNotExist(err) {
		t.Errorf("the FIFO is still there: %v", err)
	}
}
