package main

import (
	"bytes"
	"io"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// asDemo, in the environment, makes the test binary be the demo.
const asDemo = "DEMO_TEST_AS_DEMO"

func TestMain(m *testing.M) {
	if os.Getenv(asDemo) != "" {
		main()
		return
	}
	os.Exit(m.Run())
}

// build makes the daemon.
func build(t *testing.T) string {
	t.Helper()
	nettest.Require(t)
	path := filepath.Join(t.TempDir(), "holdfast")
	if out, err := exec.Command("go", "build", "-o", path, "../../cmd/holdfast").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// start runs the second half of the demo.
func start(t *testing.T, binary string, out io.Writer) *exec.Cmd {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(self, "-fast", "-holdfast", binary, "-configs", "../../configs/demo")
	cmd.Env = append(os.Environ(), asDemo+"=1")
	cmd.Stdout, cmd.Stderr = out, out
	cmd.WaitDelay = 5 * time.Second
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

// leftovers lists the processes of a demo by the directory of their files.
func leftovers(t *testing.T) []string {
	t.Helper()
	all, err := filepath.Glob("/proc/[0-9]*/cmdline")
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for _, file := range all {
		line, _ := os.ReadFile(file)
		if bytes.Contains(line, []byte(filesDir+"/lb")) {
			found = append(found, string(bytes.ReplaceAll(line, []byte{0}, []byte{' '})))
		}
	}
	return found
}

// The demo plays to its end, tells of three hand-overs in lines that fit the
// screen, and is interrupted in the midst of it without a trace.
func TestDemo(t *testing.T) {
	binary := build(t)
	var out bytes.Buffer
	if err := start(t, binary, &out).Wait(); err != nil {
		t.Fatalf("%v\n%s", err, out.String())
	}
	text := out.String()
	for _, want := range []string{"lb1 loses power", "lb1 comes back", "lb1 is stopped"} {
		if !strings.Contains(text, "VRRP version 3: "+want) {
			t.Errorf("no result for %q:\n%s", want, text)
		}
	}
	if strings.Contains(text, "\x1b") || strings.Contains(text, "\r") {
		t.Errorf("colours although this is no terminal: %q", text)
	}
	for line := range strings.Lines(text) {
		if len(line) > 80 {
			t.Errorf("wider than 80 columns: %q", line)
		}
	}
	if found := leftovers(t); len(found) > 0 {
		t.Errorf("left behind: %q", found)
	}

	r, w := io.Pipe()
	cmd := start(t, binary, w)
	var begun strings.Builder
	b := make([]byte, 4096)
	for !strings.Contains(begun.String(), "MASTER") {
		n, err := r.Read(b)
		if err != nil {
			t.Fatal(err)
		}
		begun.Write(b[:n])
	}
	go io.Copy(io.Discard, r)
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("interrupted: %v", err)
	}
	w.Close()
	if found := leftovers(t); len(found) > 0 {
		t.Errorf("left behind after an interrupt: %q", found)
	}
}

func TestSince(t *testing.T) {
	p := &prober{to: netip.MustParseAddr("192.0.2.100")}
	begin := time.Unix(1795223441, 0)
	// Probes 0 to 9, every 10 ms; 3, 4 and 5 are lost, 7 is answered twice.
	for seq := range 10 {
		p.answered = append(p.answered, false)
		if seq < 3 || seq > 5 {
			p.note(seq, begin.Add(time.Duration(seq)*probeEvery))
		}
	}
	p.note(7, begin.Add(time.Second))
	p.note(99, begin.Add(time.Second)) // of somebody else
	for _, tt := range []struct {
		from    mark
		silence time.Duration
		lost    int
	}{
		{mark{0, 0}, 40 * time.Millisecond, 3},
		{mark{3, 3}, 40 * time.Millisecond, 3}, // the last answer before counts
		{mark{5, 3}, 40 * time.Millisecond, 1},
		{mark{7, 4}, 10 * time.Millisecond, 0},
	} {
		silence, lost := p.since(tt.from, p.mark())
		if silence != tt.silence || lost != tt.lost {
			t.Errorf("since %v: %v, %d lost; want %v, %d", tt.from, silence, lost, tt.silence, tt.lost)
		}
	}
}

// On a terminal the line that shows the present stays the last one.
func TestScreen(t *testing.T) {
	var out bytes.Buffer
	s := &screen{out: &out, tty: true, color: true}
	s.status("one")
	s.status("one") // nothing new, nothing printed
	s.line(red, "%s", strings.Repeat("x", 100))
	s.status("two")
	s.clear()
	want := "\x1b[2mone\x1b[0m" +
		"\r\x1b[K" + "\x1b[31m" + strings.Repeat("x", 76) + "...\x1b[0m\n" + "\x1b[2mone\x1b[0m" +
		"\r\x1b[K" + "\x1b[2mtwo\x1b[0m" + "\r\x1b[K"
	if diff := cmp.Diff(want, out.String()); diff != "" {
		t.Errorf("terminal (-want +got):\n%s", diff)
	}
	out.Reset()
	s = &screen{out: &out}
	s.status("one")
	s.line(red, "text")
	if got := out.String(); got != "text\n" {
		t.Errorf("no terminal: %q", got)
	}
}

// What the client may miss is what the RFC computes for the standby router.
func TestBounds(t *testing.T) {
	for i, want := range []struct{ down, skew time.Duration }{
		{3609375 * time.Microsecond, 609375 * time.Microsecond},
		{360937500 * time.Nanosecond, 60937500 * time.Nanosecond},
	} {
		if got := acts[i].masterDown(); got != want.down {
			t.Errorf("%s: master down %v, want %v", acts[i].title, got, want.down)
		}
		if got := acts[i].skew(); got != want.skew {
			t.Errorf("%s: skew %v, want %v", acts[i].title, got, want.skew)
		}
	}
}
