package main

import (
	"bufio"
	"fmt"
	"os"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// script writes a shell script beside the configuration.
func (n *node) script(name, text string) string {
	n.t.Helper()
	path := n.path(name)
	if err := nettest.WriteProgram(path, []byte("#!/bin/sh\n"+text)); err != nil {
		n.t.Fatal(err)
	}
	return path
}

// read returns what a script has written.
func (n *node) read(name string) string {
	text, _ := os.ReadFile(n.path(name))
	return string(text)
}

func (n *node) waitFile(name, want string) {
	n.t.Helper()
	nettest.WaitFor(n.t, 15*time.Second, func() bool { return n.read(name) == want }, fmt.Sprintf("%q in %s", want, name))
}

// defs are global_defs for scripts that run as whoever runs the test.
func defs(lines ...string) string {
	return "global_defs {\n\tscript_user root\n\tenable_script_security\n\t" + strings.Join(lines, "\n\t") + "\n}\n"
}

// pipeReader collects the lines of a FIFO.
type pipeReader struct {
	mu    sync.Mutex
	lines []string
	ended chan struct{}
}

func (n *node) listen(fifo string) *pipeReader {
	n.t.Helper()
	path := n.path(fifo)
	// The daemon has opened it when it can be written to without waiting for a
	// reader: reading before that would find the end of the file.
	nettest.WaitFor(n.t, 15*time.Second, func() bool {
		f, err := os.OpenFile(path, os.O_WRONLY|syscall.O_NONBLOCK, 0)
		if err == nil {
			f.Close()
		}
		return err == nil
	}, "the FIFO")
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		n.t.Fatal(err)
	}
	r := &pipeReader{ended: make(chan struct{})}
	go func() {
		defer close(r.ended)
		defer f.Close()
		for s := bufio.NewScanner(f); s.Scan(); {
			r.mu.Lock()
			r.lines = append(r.lines, s.Text())
			r.mu.Unlock()
		}
	}()
	return r
}

func (r *pipeReader) heard() []string {
	r.mu.Lock()
	defer r.mu.Unlock()
	return append([]string(nil), r.lines...)
}

func (r *pipeReader) wait(t *testing.T, want ...string) {
	t.Helper()
	nettest.WaitFor(t, 15*time.Second, func() bool { return len(r.heard()) >= len(want) }, fmt.Sprintf("%d lines", len(want)))
	if diff := cmp.Diff(want, r.heard()); diff != "" {
		t.Errorf("FIFO (-want +got):\n%s", diff)
	}
}

// A reload keeps the FIFO, its reader and its script, tells all states when
// asked to, and the instances of several groups come in keepalived's order.
func TestFIFO(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), "")
	conf := func(more ...string) string {
		reader := n.script("reader", "echo begin >>$1\nwhile read -r l; do echo \"$l\" >>$1; done <$2\n")
		lines := append([]string{
			"notify_fifo " + n.path("fifo"), "vrrp_notify_fifo " + n.path("vrrp.fifo"),
			fmt.Sprintf("vrrp_notify_fifo_script \"%s %s\"", reader, n.path("out")),
		}, more...)
		return defs(lines...) + "vrrp_sync_group G {\n group {\n  C\n D\n }\n}\n" +
			fast("A", 51, 100, "", vip) + fast("B", 52, 254, "", "192.0.2.101/24") + fast("C", 53, 100, "", "192.0.2.102/24")
	}
	d := fast("D", 54, 100, "", "192.0.2.103/24")
	n.configure(conf() + d)
	n.start()
	r := n.listen("fifo")
	first := []string{
		`GROUP "G" BACKUP 0`, `INSTANCE "A" BACKUP 100`, `INSTANCE "B" BACKUP 254`, `INSTANCE "C" BACKUP 100`, `INSTANCE "D" BACKUP 100`,
	}
	nettest.WaitFor(t, 15*time.Second, func() bool { return len(r.heard()) >= 10 }, "all MASTER")
	if diff := cmp.Diff(first, r.heard()[:5]); diff != "" {
		t.Errorf("start (-want +got):\n%s", diff)
	}
	before, err := os.Lstat(n.path("fifo"))
	if err != nil {
		t.Fatal(err)
	}
	if before.Mode().Perm() != 0o600 {
		t.Errorf("the FIFO has mode %v", before.Mode())
	}
	n.reload(conf() + d)
	if got := len(r.heard()); got != 10 {
		t.Errorf("%d lines at a reload without change: %q", got-10, r.heard()[10:])
	}
	n.reload(conf("fifo_write_vrrp_states_on_reload"))
	want := append(r.heard()[:10:10], `INSTANCE "D" FAULT 100`,
		`GROUP "G" MASTER 0`, `INSTANCE "A" MASTER 100`, `INSTANCE "B" MASTER 254`, `INSTANCE "C" MASTER 100`)
	r.wait(t, want...)
	if after, err := os.Lstat(n.path("fifo")); err != nil || !os.SameFile(before, after) {
		t.Errorf("the FIFO is another one: %v", err)
	}
	if _, code := n.stop(); code != 0 {
		t.Errorf("status %d", code)
	}
	<-r.ended
	want = append(want, `INSTANCE "A" STOP 100`, `INSTANCE "B" STOP 254`, `INSTANCE "C" STOP 100`, `GROUP "G" STOP 0`)
	r.wait(t, want...)
	if got, want := n.read("out"), "begin\n"+strings.Join(want, "\n")+"\n"; got != want {
		t.Errorf("the script heard (-want +got):\n%s", cmp.Diff(want, got))
	}
	for _, name := range []string{"fifo", "vrrp.fifo"} {
		if _, err := os.Lstat(n.path(name)); !os.IsNotExist(err) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
}

// Nobody reads, and the daemon neither waits nor ends late.
func TestFIFOThatNobodyReads(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), "")
	n.configure(defs("notify_fifo "+n.path("fifo"), "vrrp_notify_fifo "+n.path("keepalived.conf")) + fast("A", 51, 100, "", vip))
	n.start()
	n.waitAddr(vip, true)
	n.waitLog("vrrp_notify fifo " + n.path("keepalived.conf") + " is not a fifo we own - not using")
	if took, code := n.stop(); code != 0 || took > 3*time.Second {
		t.Errorf("status %d after %v", code, took)
	}
}

// At a reload a FIFO may go from one keyword to the other, and another may take
// its place.
func TestFIFOChangesHands(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), "")
	rest := fast("A", 51, 100, "", vip)
	n.configure(defs("notify_fifo "+n.path("fifo")) + rest)
	n.start()
	r := n.listen("fifo")
	r.wait(t, `INSTANCE "A" BACKUP 100`, `INSTANCE "A" MASTER 100`)
	n.reload(defs("vrrp_notify_fifo "+n.path("fifo"), "fifo_write_vrrp_states_on_reload") + rest)
	r.wait(t, `INSTANCE "A" BACKUP 100`, `INSTANCE "A" MASTER 100`, `INSTANCE "A" MASTER 100`)
	n.reload(defs("vrrp_notify_fifo "+n.path("other"), "fifo_write_vrrp_states_on_reload") + rest)
	<-r.ended
	n.listen("other").wait(t, `INSTANCE "A" MASTER 100`)
	nettest.WaitFor(t, 15*time.Second, func() bool { _, err := os.Lstat(n.path("fifo")); return os.IsNotExist(err) }, "the removal of the first")
	n.stop()
}

// The startup script ends before anything begins, the shutdown script begins
// after everything has ended, and how they end changes nothing.
func TestStartupAndShutdownScripts(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), "", "-D", "--log-script-output")
	held := "if ip -o addr show dev eth0 | grep -q 192.0.2.100/; then held=held; else held=free; fi\n"
	up := n.script("up", held+"echo \"up $held $*\" >>"+n.path("out")+"\nsleep 0.3\necho ready >>"+n.path("out")+"\necho 'no good'\nexit 3\n")
	down := n.script("down", held+"echo \"down $held $*\" >>"+n.path("out")+"\nexec sleep 60\n")
	told := n.script("told", "echo $3 >>"+n.path("out")+"\n")
	n.configure(defs(`startup_script "`+up+` a 'b c'"`, "shutdown_script "+down, "shutdown_script_timeout 1") +
		fast("A", 51, 100, "notify "+told, vip))
	n.start()
	n.waitFile("out", "up free a b c\nready\nBACKUP\nMASTER\n")
	n.waitAddr(vip, true)
	took, code := n.stop()
	if code != 0 || took < time.Second || took > 5*time.Second {
		t.Errorf("status %d after %v", code, took)
	}
	if got := n.read("out"); got != "up free a b c\nready\nBACKUP\nMASTER\nSTOP\ndown free \n" {
		t.Errorf("the scripts wrote %q", got)
	}
	for _, want := range []string{
		"Running startup script " + up, "startup script script failed, status 3", "startup script said: no good",
		"Running shutdown script " + down, "shutdown script timed out",
	} {
		if n.out.count(want) != 1 {
			t.Errorf("%d times %q in the log", n.out.count(want), want)
		}
	}
	if log := n.out.String(); strings.Index(log, "startup script script failed") > strings.Index(log, "Startup complete") {
		t.Error("the startup came before the end of its script")
	}
}

// A daemon that is told to stop does not wait for its startup script.
func TestStopInStartupScript(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), "")
	up := n.script("up", "echo up >"+n.path("out")+"\nexec sleep 60\n")
	n.configure(defs("startup_script "+up) + fast("A", 51, 100, "", vip))
	n.start()
	n.waitFile("out", "up\n")
	if took, code := n.stop(); code != 0 || took > 3*time.Second {
		t.Errorf("status %d after %v", code, took)
	}
	if n.out.count("Startup complete") != 0 {
		t.Error("it started")
	}
}

// What scripts that fail have printed is logged when asked for, and only then.
func TestLogScriptOutput(t *testing.T) {
	nettest.Require(t)
	for _, args := range [][]string{nil, {"--log-script-output"}} {
		t.Run(fmt.Sprint(args), func(t *testing.T) {
			lan := nettest.NewLANT(t, 1, nettest.Options{})
			n := newNode(t, lan.Node(1), "", args...)
			check := n.script("check", "echo >&2 cannot reach it\nexit 1\n")
			bad := n.script("bad", "echo oh dear\nexit 7\n")
			good := n.script("good", "echo all is well\n")
			n.configure(defs() + fmt.Sprintf("vrrp_script chk {\n script %s\n interval 1\n weight -10\n}\n", check) +
				fast("A", 51, 100, "track_script {\n chk\n }\n notify_backup "+bad+"\n notify_master "+good, vip))
			n.start()
			n.waitAddr(vip, true)
			n.waitLog("(A) notify BACKUP: script " + bad + " failed (exit 7)")
			n.waitLog("VRRP_Script(chk) failed (exited with status 1)")
			want := len(args)
			nettest.WaitFor(t, 15*time.Second, func() bool {
				return n.out.count("(A) notify BACKUP: script "+bad+" said: oh dear") >= want && n.out.count("Script chk said: cannot reach it") >= want
			}, "what they said")
			journal := []string{"script for BACKUP: " + bad + " failed (exit 7)"}
			if want > 0 {
				journal = []string{journal[0] + " and said: oh dear\n", "script for tracking: chk said: cannot reach it\n"}
			}
			nettest.WaitFor(t, 15*time.Second, func() bool {
				n.signal(syscall.SIGUSR1)
				return containsAll(n.read("keepalived.data"), journal)
			}, fmt.Sprintf("%q in the data file", journal))
			n.stop()
			if got := n.out.count("said:"); got != 2*want {
				t.Errorf("%d lines of output in the log, want %d", got, 2*want)
			}
		})
	}
}
