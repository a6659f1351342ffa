package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

var hostileLong = flag.Bool("hostile.long", false, "test hostile configurations of 100 MB, too")

// Bounds for a test of any input whatsoever. The time is for a busy machine; the memory, in KiB, is that of the whole process.
const (
	hostileTime   = 60 * time.Second
	hostileMemory = 2 << 20
)

// withoutRace leaves a test to make interop, which runs it without the race
// detector: reading large files is no matter of goroutines.
func withoutRace(t *testing.T) {
	t.Helper()
	if raceDetector {
		t.Skip("runs without the race detector, in make interop")
	}
}

// tester runs configuration tests as children, also as an ordinary user, who
// has to be able to reach the program and the files.
type tester struct {
	dir, exe string
}

func newTester(t *testing.T) *tester {
	t.Helper()
	withoutRace(t)
	dir, err := os.MkdirTemp("", "hostile")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	own, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(own)
	if err != nil {
		t.Fatal(err)
	}
	h := &tester{dir: dir, exe: filepath.Join(dir, "holdfast")}
	if err := nettest.WriteProgram(h.exe, data); err != nil {
		t.Fatal(err)
	}
	return h
}

func (h *tester) path(name string) string { return filepath.Join(h.dir, name) }

// write makes a file from parts, each repeated.
func (h *tester) write(t *testing.T, name string, parts ...any) string {
	t.Helper()
	f, err := os.Create(h.path(name))
	if err != nil {
		t.Fatal(err)
	}
	for i := 0; i < len(parts); i += 2 {
		if _, err := io.Copy(f, &repeater{[]byte(parts[i].(string)), parts[i+1].(int), 0}); err != nil {
			t.Fatal(err)
		}
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	return f.Name()
}

// repeater reads a text a number of times; "%d" in it is the number of the time.
type repeater struct {
	text  []byte
	times int
	n     int
}

func (r *repeater) Read([]byte) (int, error) { panic("WriterTo is used") }

func (r *repeater) WriteTo(w io.Writer) (int64, error) {
	total := int64(0)
	var b bytes.Buffer
	for ; r.n < r.times; r.n++ {
		b.Write(bytes.ReplaceAll(r.text, []byte("%d"), fmt.Append(nil, r.n)))
		if b.Len() > 1<<20 || r.n == r.times-1 {
			n, err := b.WriteTo(w)
			if total += n; err != nil {
				return total, err
			}
		}
	}
	return total, nil
}

// run tests a configuration within the bounds and returns the exit status.
func (h *tester) run(t *testing.T, uid uint32, args ...string) (status int, out string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), hostileTime)
	defer cancel()
	c := exec.CommandContext(ctx, h.exe, append([]string{"-t"}, args...)...)
	c.Dir = h.dir
	c.Env = append(os.Environ(), asDaemon+"=1")
	if uid != 0 {
		c.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	var b bytes.Buffer
	c.Stdout, c.Stderr = &b, &b
	err := c.Run()
	var exit *exec.ExitError
	if ctx.Err() != nil {
		t.Fatalf("%v: not over after %v", args, hostileTime)
	}
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if rss := c.ProcessState.SysUsage().(*syscall.Rusage).Maxrss; rss > hostileMemory {
		t.Errorf("%v: %d MiB of memory", args, rss>>10)
	}
	if n := b.Len(); n > 16<<20 {
		t.Errorf("%v: %d bytes of output", args, n)
	}
	return c.ProcessState.ExitCode(), b.String()
}

// hostile is a configuration file that is none.
type hostile struct {
	name   string
	parts  []any // text, times, ...
	status int
	want   string // in the output
	long   bool
}

const (
	mb       = 1 << 20
	instance = "vrrp_instance V {\ninterface lo\nvirtual_router_id 1\n"
)

var hostiles = []hostile{
	{name: "cycle.conf", parts: []any{"include cycle.conf\n", 1}, status: 5, want: "'cycle.conf' includes itself"},
	{name: "a.conf", parts: []any{"include b.conf\n", 1}, status: 5, want: "(b.conf: Line 1) Configuration file './x/../a.conf' includes itself"},
	{name: "glob.conf", parts: []any{"include glob*.conf\n", 1}, status: 5, want: "includes itself"},
	{name: "link.conf", parts: []any{"include link-to.conf\n", 1}, status: 5, want: "includes itself"},
	{name: "dirlink.conf", parts: []any{"include self/dirlink.conf\n", 1}, status: 5, want: "files include each other more than 30 deep"},
	{name: "many.conf", parts: []any{"include many/*\n", 1}, status: 5, want: "more than 10000 files are included - ignoring the rest", long: true},
	{name: "root.conf", parts: []any{"include /*/*/*/*/*\n", 1}, status: 5, want: "the wildcard '/*/*/*/*/*' matches too much"},
	{name: "braces.conf", parts: []any{"include ", 1, "{a,b}", 100, "\n", 1}, status: 5, want: "the braces stand for more than 1024 names"},
	{name: "includes.conf", parts: []any{"include nothing%d\n", 100_000}, status: 5, want: "more than 50000 files are included"},
	{name: "line.conf", parts: []any{"x", mb}, status: 5, want: "line too long - the first 1023 bytes are ignored"},
	{name: "comment.conf", parts: []any{"#", 1, "x", mb}, status: 5, want: "Keep lines below 1023 characters"},
	{name: "quoted.conf", parts: []any{"a \"", 1, "x", mb}, status: 5, want: "Line 1) line too long"},
	{name: "word.conf", parts: []any{"vrrp_instance ", 1, "v", mb, " {\n}\n", 1}, status: 5, want: "line too long"},
	{name: "nul.conf", parts: []any{"a\x00b {\n", 10_000}, status: 5, want: "line holds a NUL character"},
	{name: "unknown.conf", parts: []any{"unknown%d x\n", 100_000}, status: 5, want: "others were found 95000 times"},
	{name: "instances.conf", parts: []any{"vrrp_instance V%d {\ninterface lo\nvirtual_router_id 1\n}\n", 20_000}, status: 5, want: "cannot use a loopback interface"},
	{name: "rivals.conf", parts: []any{"vrrp_instance V%d {\nunicast_src_ip 10.0.0.1\nvirtual_router_id 1\nunicast_peer {\n10.0.0.2\n}\nvirtual_ipaddress {\n10.1.0.1 dev lo\n}\n}\n", 5_000}, status: 5, want: "(V0) duplicate VRID conflict with V1 VRID 1"},
	{name: "peers.conf", parts: []any{instance, 1, "unicast_peer {\n", 1, "10.0.0.%d\n", 100_000, "}\n}\n", 1}, status: 5, want: "10.0.0.256"},
	{name: "scripts.conf", parts: []any{"vrrp_script s%d {\nscript /none/%d\n}\n", 10_000, instance + "track_script {\n", 1, "s%d\n", 10_000, "t%d\n", 10_000, "}\n}\n", 1}, status: 5, want: "track script t0 not found"},
	{name: "nested.conf", parts: []any{instance, 1, "x {\n", 100_000}, status: 5, want: "Unknown keyword 'x'"},
	{name: "nested-lvs.conf", parts: []any{"virtual_server 1 2 {\n", 1, "real_server {\n", 100_000}, status: 5, want: "There are 100001 missing '}'s"},
	{name: "closing.conf", parts: []any{"}}}}}}}}}}\n", 10_000}, status: 5, want: "Extra '}' found"},
	{name: "double.conf", parts: []any{"$A0=x\n", 1, doubling(40), 1, "$A40\n", 1}, status: 5, want: "a line that is too long"},
	{name: "doublelines.conf", parts: []any{"$A0=\\\nx\\\nx\n", 1, doublingLines(40), 1, "$A40\n", 1}, status: 5, want: "give too much after 50000 lines"},
	{name: "self.conf", parts: []any{"$A=$A\n", 1, "x $A\n", 1000}, status: 5, want: "the definition of '$A' refers to itself"},
	{name: "seq.conf", parts: []any{"~SEQ(x,1,1000000000) ~SEQ(y,1,1000000000) k$x$y\n", 1}, status: 5, want: "50000 lines are the limit"},
	{name: "lst.conf", parts: []any{"~LST(a", 1, ",%d", 200, ") ~LST(b", 1, ",%d", 100, ") ~SEQ(z,1,100000) k$a$b$z\n", 1}, status: 5, want: "give too much"},
	{name: "numbers.conf", parts: []any{instance + "priority ", 1, "9", 900, "\nadvert_int 1e400\n}\n", 1}, status: 5, want: "Priority not valid!"},
	{name: "random.conf", parts: []any{noise(), 10}, status: 5, want: "Unterminated quote"},

	{name: "line100.conf", parts: []any{strings.Repeat("x", mb), 100}, status: 4, want: "is larger than 64 MiB", long: true},
	{name: "line60.conf", parts: []any{strings.Repeat("x", mb), 60}, status: 5, want: "line too long", long: true},
	{name: "lines60.conf", parts: []any{"a\n", 30 * mb}, status: 5, want: "the configuration has more than 4000000 lines", long: true},
	{name: "braces60.conf", parts: []any{strings.Repeat("{", 1000) + "\n", 60_000}, status: 5, want: "the configuration has more than 4000000 lines", long: true},
	{name: "empty60.conf", parts: []any{"\n", 60 * mb}, status: 0, long: true},
	{name: "addresses.conf", parts: []any{"static_ipaddress {\n", 1, "2001:db8::%d dev lo\n", 1_000_000, "}\n", 1}, status: 5, want: "VRRP parsed invalid IP", long: true},
	{name: "instances100k.conf", parts: []any{"vrrp_instance V%d {\ninterface lo\nvirtual_router_id 1\n}\n", 100_000}, status: 5, want: "loopback", long: true},
}

func doubling(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "$A%d=${A%d}${A%d}\n", i+1, i, i)
	}
	return b.String()
}

func doublingLines(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "$A%d=\\\n$A%d\\\n$A%d\n", i+1, i, i)
	}
	return b.String()
}

// noise is every byte in some order, with some line ends.
func noise() string {
	b := make([]byte, 100_000)
	x := uint32(1)
	for i := range b {
		x = x*1664525 + 1013904223
		if b[i] = byte(x >> 24); b[i] == 0 || i%80 == 0 {
			b[i] = '\n'
		}
	}
	return string(b)
}

// TestHostileFiles offers files that are no configurations. Each has to end
// in bounded time and memory with a clear word, in every format.
func TestHostileFiles(t *testing.T) {
	h := newTester(t)
	h.write(t, "b.conf", "include ./x/../a.conf\n", 1)
	for _, dir := range []string{"x", "many"} {
		if err := os.Mkdir(h.path(dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for target, name := range map[string]string{"link.conf": "link-to.conf", ".": "self"} {
		if err := os.Symlink(target, h.path(name)); err != nil {
			t.Fatal(err)
		}
	}
	if *hostileLong {
		for i := range 100_000 {
			h.write(t, fmt.Sprintf("many/%d", i), "x\n", 1)
		}
	}
	for _, x := range hostiles {
		if x.long && !*hostileLong {
			continue
		}
		t.Run(x.name, func(t *testing.T) {
			file := h.write(t, x.name, x.parts...)
			defer os.Remove(file)
			status, out := h.run(t, 0, "-f", file)
			if status != x.status || !strings.Contains(out, x.want) {
				t.Errorf("status %d, want %d with %q:\n%.2000s", status, x.status, x.want, out)
			}
			for _, format := range []string{"pretty", "json", "sarif"} {
				other, out := h.run(t, 0, "-f", file, "--config-test-format="+format)
				if other != status {
					t.Errorf("%s: status %d, text has %d", format, other, status)
				}
				if format != "pretty" && !json.Valid([]byte(out)) {
					t.Errorf("%s: no JSON:\n%.300s", format, out)
				}
			}
		})
	}
}

// TestHostileKinds offers what is no plain file, in every place where a file
// may be named, as root and as somebody else.
func TestHostileKinds(t *testing.T) {
	h := newTester(t)
	if err := syscall.Mkfifo(h.path("fifo"), 0o666); err != nil {
		t.Fatal(err)
	}
	l, err := net.Listen("unix", h.path("socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if err := os.Mkdir(h.path("dir"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("loop", h.path("loop")); err != nil {
		t.Fatal(err)
	}
	plain := "is not a regular non-executable file"
	kinds := map[string]string{
		"/dev/zero": plain, "/dev/urandom": plain, "/dev/full": plain, "/dev/null": plain, "/dev/tty": plain,
		h.path("fifo"): plain, h.path("socket"): plain, h.path("dir"): "is a directory",
		"/proc/self/pagemap": "skipping", "/proc/self/mem": "skipping", "/proc/kmsg": "skipping", h.path("loop"): "too many levels of symbolic links",
	}
	users := []uint32{0}
	if os.Geteuid() == 0 {
		users = append(users, 65534)
	}
	for file, want := range kinds {
		for _, uid := range users {
			t.Run(fmt.Sprintf("%s/%d", strings.TrimPrefix(file, h.dir), uid), func(t *testing.T) {
				h.kinds(t, uid, file, want)
			})
		}
	}
	if len(users) > 1 {
		secret := h.write(t, "unreadable.conf", "x\n", 1)
		if err := os.Chmod(secret, 0o600); err != nil {
			t.Fatal(err)
		}
		if status, out := h.run(t, 65534, "-f", secret); status != 4 || !strings.Contains(out, "permission denied - skipping\n  Make it readable") {
			t.Errorf("not readable: status %d:\n%s", status, out)
		}
	}
}

// kinds names a file in each place.
func (h *tester) kinds(t *testing.T, uid uint32, file, want string) {
	if status, out := h.run(t, uid, "-f", file); status != 4 || !strings.Contains(out, want) {
		t.Errorf("main: status %d, want 4 with %q:\n%.500s", status, want, out)
	}
	for keyword, status := range map[string]int{"include": 0, "includea": 6} {
		conf := h.write(t, "include.conf", "\n\n"+keyword+" "+file+"\n", 1)
		if got, out := h.run(t, uid, "-f", conf); got != status || !strings.Contains(out, "(Line 3) ") || !strings.Contains(out, want) {
			t.Errorf("%s: status %d, want %d with %q:\n%.500s", keyword, got, status, want, out)
		}
	}
	empty := h.write(t, "empty.conf", "", 1)
	if got, out := h.run(t, uid, "-f", empty, "--config-test-host="+file); got != exitFailure || !strings.Contains(out, file+": ") {
		t.Errorf("host: status %d:\n%.500s", got, out)
	}
	used := h.write(t, "used.conf", "track_file f {\nfile "+file+"\n}\n"+instance+"auth_hmac {\nkey 1 file:"+file+"\n}\ntrack_file {\nf\n}\n}\n", 1)
	if got, out := h.run(t, uid, "-f", used); got == 0 || !strings.Contains(out, "auth_hmac key 1 file "+file+" cannot be opened") {
		t.Errorf("key file: status %d:\n%.500s", got, out)
	}
}

// TestChangingFile tests a file that somebody keeps writing.
func TestChangingFile(t *testing.T) {
	h := newTester(t)
	file := h.write(t, "changing.conf", "a\n", 1)
	stop, stopped := make(chan struct{}), make(chan error, 1)
	go func() {
		for n := 1; ; n++ {
			select {
			case <-stop:
				stopped <- nil
				return
			default:
			}
			if err := os.WriteFile(file, bytes.Repeat([]byte("vrrp_instance \"a {\n"), n%1000), 0o644); err != nil {
				stopped <- err
				return
			}
		}
	}()
	for range 20 {
		if status, out := h.run(t, 0, "-f", file, "--config-test-format=sarif"); !json.Valid([]byte(out)) || status != 0 && status != 5 {
			t.Errorf("status %d:\n%.500s", status, out)
		}
	}
	close(stop)
	if err := <-stopped; err != nil {
		t.Fatal(err)
	}
}
