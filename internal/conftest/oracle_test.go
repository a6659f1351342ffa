package conftest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

const (
	// keepalived is the reference. Without -t it would run for ever.
	keepalived = "/usr/sbin/keepalived"
	// patience is how long one check may take, on a busy machine.
	patience = 5 * time.Second
	// configID selects "@node1" lines.
	configID = "node1"
	// mainFile is the file a case is read from.
	mainFile = "main.conf"
	// dirMark stands for the folder of the scripts in the text of a case.
	dirMark = "%DIR%"
)

// Statuses that no configuration test ends with.
const (
	exitDied    = -1 // ended by a signal, or panicked
	exitTimeout = -2
)

// conf is a configuration: files by name, of which mainFile is read.
type conf map[string]string

func (c conf) names() []string {
	return slices.Sorted(maps.Keys(c))
}

func (c conf) String() string {
	if len(c) == 1 {
		return c[mainFile]
	}
	var b strings.Builder
	for _, name := range c.names() {
		fmt.Fprintf(&b, "-- %s --\n%s\n", name, strings.TrimSuffix(c[name], "\n"))
	}
	return b.String()
}

// verdict is what one of the two says about a configuration.
type verdict struct {
	exit     int
	messages []string
	diags    config.Diagnostics // ours only
}

// bench is where both programs look at a configuration.
type bench struct {
	ns  *nettest.NS
	dir string // of the scripts
}

// newBench makes the namespace, or skips the test with the reason.
func newBench(t *testing.T) *bench {
	t.Helper()
	if _, err := os.Stat(keepalived); err != nil {
		t.Skipf("the reference is not installed: %v", err)
	}
	out, _ := exec.Command(keepalived, "--version").CombinedOutput()
	if !strings.Contains(string(out), "v2.2.7") {
		t.Skipf("the tables of exceptions are about keepalived 2.2.7, this is %.40q", out)
	}
	b := &bench{ns: nettest.NewT(t, "conf"), dir: t.TempDir()}
	b.links(t)
	b.scripts(t)
	return b
}

// links adds two Ethernet segments and one link of every kind that has rules
// of its own.
func (b *bench) links(t *testing.T) {
	t.Helper()
	h := b.ns.Handle()
	for i, name := range []string{"eth0", "eth1"} {
		attrs := netlink.LinkAttrs{Name: name, MTU: 1500}
		if err := h.LinkAdd(&netlink.Veth{LinkAttrs: attrs, PeerName: fmt.Sprintf("peer%d", i)}); err != nil {
			t.Fatal(err)
		}
		link, err := h.LinkByName(name)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range []string{fmt.Sprintf("192.0.2.%d/24", 10+i), fmt.Sprintf("2001:db8:%d::10/64", i)} {
			addr, err := netlink.ParseAddr(a)
			if err != nil {
				t.Fatal(err)
			}
			if err := h.AddrAdd(link, addr); err != nil {
				t.Fatal(err)
			}
		}
		if err := h.LinkSetUp(link); err != nil {
			t.Fatal(err)
		}
	}
	base, err := h.LinkByName("eth1")
	if err != nil {
		t.Fatal(err)
	}
	// Not every kernel has these; where they are missing they are two more
	// names that do not exist, for both programs.
	for _, link := range []netlink.Link{
		&netlink.Dummy{LinkAttrs: netlink.LinkAttrs{Name: "dummy0"}},
		&netlink.Macvlan{LinkAttrs: netlink.LinkAttrs{Name: "mv0", ParentIndex: base.Attrs().Index}, Mode: netlink.MACVLAN_MODE_BRIDGE},
	} {
		if err := h.LinkAdd(link); err != nil {
			t.Logf("no interface %s: %v", link.Attrs().Name, err)
		}
	}
}

// scripts puts one script of every kind where the checks can find it.
func (b *bench) scripts(t *testing.T) {
	t.Helper()
	for name, mode := range map[string]os.FileMode{"ok.sh": 0o755, "two.sh": 0o700, "noexec.sh": 0o644, "open.sh": 0o777, "data": 0o644} {
		path := filepath.Join(b.dir, name)
		if err := os.WriteFile(path, []byte("#!/bin/sh\nexit 0\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Symlink("ok.sh", filepath.Join(b.dir, "link.sh")); err != nil {
		t.Fatal(err)
	}
}

// worker is a folder of its own for one check at a time.
type worker struct {
	*bench
	home string
}

func (b *bench) worker(t *testing.T, n int) *worker {
	t.Helper()
	w := &worker{bench: b, home: filepath.Join(b.dir, fmt.Sprintf("w%d", n))}
	if err := os.Mkdir(w.home, 0o755); err != nil {
		t.Fatal(err)
	}
	return w
}

// write puts the files of a configuration in place of the last one's.
func (w *worker) write(c conf) (string, error) {
	old, err := os.ReadDir(w.home)
	if err != nil {
		return "", err
	}
	for _, e := range old {
		if err := os.RemoveAll(filepath.Join(w.home, e.Name())); err != nil {
			return "", err
		}
	}
	for name, text := range c {
		text = strings.ReplaceAll(text, dirMark, w.dir)
		if err := os.WriteFile(filepath.Join(w.home, name), []byte(text), 0o644); err != nil {
			return "", err
		}
	}
	return filepath.Join(w.home, mainFile), nil
}

// both gives the two verdicts about a configuration.
func (w *worker) both(c conf) (theirs, ours verdict, err error) {
	path, err := w.write(c)
	if err != nil {
		return theirs, ours, err
	}
	if theirs, err = w.reference(path); err != nil {
		return theirs, ours, err
	}
	ours, err = w.own(path)
	return theirs, ours, err
}

// reference runs the configuration test of keepalived.
func (w *worker) reference(path string) (verdict, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, keepalived, "-t", "-i", configID, "-f", path)
	cmd.Dir = w.home
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	// What it left behind would hold the pipe open.
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	err := w.ns.Do(cmd.Run)
	v := verdict{messages: lines(strings.ReplaceAll(out.String(), w.home+"/", ""))}
	var ended *exec.ExitError
	switch {
	case ctx.Err() != nil:
		v.exit = exitTimeout
	case err == nil:
	case errors.As(err, &ended):
		v.exit = ended.ExitCode() // -1 after a signal
	default:
		return v, fmt.Errorf("run the reference: %w", err)
	}
	return v, nil
}

// own runs ours, in this process.
func (w *worker) own(path string) (verdict, error) {
	result := make(chan verdict, 1)
	go func() {
		var v verdict
		err := w.ns.Do(func() error {
			defer func() {
				if p := recover(); p != nil {
					v = verdict{exit: exitDied, messages: []string{fmt.Sprint(p), string(debug.Stack())}}
				}
			}()
			_, diags := config.Load(path, config.Options{Test: true, StrictCompat: true, ConfigID: configID, Seed: 1})
			v = verdict{exit: diags.ExitStatus(), diags: diags}
			for _, d := range diags {
				v.messages = append(v.messages, fmt.Sprintf("%-16s %s", d.Code, strings.ReplaceAll(d.String(), w.home+"/", "")))
			}
			return nil
		})
		if err != nil {
			v = verdict{exit: exitDied, messages: []string{err.Error()}}
		}
		result <- v
	}()
	select {
	case v := <-result:
		return v, nil
	case <-time.After(2 * patience):
		return verdict{exit: exitTimeout}, nil
	}
}

func lines(s string) []string {
	s = strings.TrimRight(s, "\n")
	if s == "" {
		return nil
	}
	return strings.Split(s, "\n")
}
