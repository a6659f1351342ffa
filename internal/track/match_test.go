package track

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestMatch(t *testing.T) {
	const (
		sleep = "sleep\x00600\x00700\x00"
		title = "nginx: master process /usr/sbin/nginx\x00\x00\x00\x00"
	)
	tests := []struct {
		name string
		cfg  ProcessConfig
		comm string
		line string
		want bool
	}{
		{"name", ProcessConfig{Process: "sleep"}, "sleep", "x", true},
		{"other name", ProcessConfig{Process: "sleep"}, "sleeper", sleep, false},
		{"name is the beginning", ProcessConfig{Process: "sleep"}, "slee", sleep, false},
		{"long name", ProcessConfig{Process: "a-name-of-19-letters"}, "a-name-of-19-le", "x", true},
		{"path is no name", ProcessConfig{Process: "/bin/sleep"}, "sleep", "/bin/sleep\x00", false},
		{"full command", ProcessConfig{Process: "sleep", FullCommand: true}, "x", sleep, true},
		{"full command is a path", ProcessConfig{Process: "/bin/sleep", FullCommand: true}, "x", sleep, false},
		{"full command of a title", ProcessConfig{Process: "nginx: master process /usr/sbin/nginx", FullCommand: true}, "nginx", title, true},
		{"kernel thread", ProcessConfig{Process: "kthreadd", FullCommand: true}, "kthreadd", "", false},
		{"empty name", ProcessConfig{Process: "", FullCommand: true}, "x", "\x00", false},
		{"parameters", ProcessConfig{Process: "sleep", Params: []string{"600", "700"}}, "x", sleep, true},
		{"fewer parameters", ProcessConfig{Process: "sleep", Params: []string{"600"}}, "x", sleep, false},
		{"more parameters", ProcessConfig{Process: "sleep", Params: []string{"600", "700", "800"}}, "x", sleep, false},
		{"no parameters wanted", ProcessConfig{Process: "sleep", Match: MatchExact}, "x", sleep, false},
		{"no parameters", ProcessConfig{Process: "sleep", Match: MatchExact}, "x", "sleep\x00", true},
		{"no parameters, shortened title", ProcessConfig{Process: "nginx: master process /usr/sbin/nginx", Match: MatchExact}, "x", title, true},
		{"partial", ProcessConfig{Process: "sleep", Params: []string{"600"}, Match: MatchPartial}, "x", sleep, true},
		{"partial, part of a word", ProcessConfig{Process: "sleep", Params: []string{"60"}, Match: MatchPartial}, "x", sleep, false},
		{"partial, all", ProcessConfig{Process: "sleep", Params: []string{"600", "700"}, Match: MatchPartial}, "x", sleep, true},
		{"initial", ProcessConfig{Process: "sleep", Params: []string{"600", "70"}, Match: MatchInitial}, "x", sleep, true},
		{"initial, more follow", ProcessConfig{Process: "sleep", Params: []string{"60"}, Match: MatchInitial}, "x", sleep, true},
		{"initial, an earlier word differs", ProcessConfig{Process: "sleep", Params: []string{"60", "70"}, Match: MatchInitial}, "x", sleep, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			f := newFakeProc(t)
			f.put(1, test.comm, test.line)
			c := newCensus(newProcFS(f.root), []*ProcessConfig{&test.cfg})
			if got := len(c.look(1)) == 1; got != test.want {
				t.Errorf("match of %q, %q: %v, want %v", test.comm, test.line, got, test.want)
			}
		})
	}
}

func TestQuorum(t *testing.T) {
	tests := []struct {
		cfg ProcessConfig
		n   int
		why string // good when it says "has its quorum"
	}{
		{ProcessConfig{QuorumMax: NoMaximum}, 0, "process p has no quorum (0 running, at least 1 wanted)"},
		{ProcessConfig{QuorumMax: NoMaximum}, 1, "process p has its quorum (1 running)"},
		{ProcessConfig{Quorum: 2, QuorumMax: 3}, 1, "process p has no quorum (1 running, at least 2 wanted)"},
		{ProcessConfig{Quorum: 2, QuorumMax: 3}, 3, "process p has its quorum (3 running)"},
		{ProcessConfig{Quorum: 2, QuorumMax: 3}, 4, "process p has no quorum (4 running, at most 3 wanted)"},
		{ProcessConfig{Quorum: 1, QuorumMax: 0}, 0, "process p has its quorum (0 running)"},
		{ProcessConfig{Quorum: 1, QuorumMax: 0}, 1, "process p has no quorum (1 running, none wanted)"},
	}
	for _, test := range tests {
		test.cfg.Name = "p"
		if got := test.cfg.why(test.n); got != test.why {
			t.Errorf("%q, want %q", got, test.why)
		}
		if want := strings.Contains(test.why, "its quorum"); test.cfg.good(test.n) != want {
			t.Errorf("good(%d) = %v, want %v (quorum %d to %d)", test.n, !want, want, test.cfg.Quorum, test.cfg.QuorumMax)
		}
	}
}

// fakeProc is a directory that looks like /proc.
type fakeProc struct {
	t    *testing.T
	root string
}

func newFakeProc(t *testing.T) *fakeProc {
	t.Helper()
	f := &fakeProc{t, t.TempDir()}
	for _, other := range []string{"self", "sys", "1x"} {
		if err := os.Mkdir(filepath.Join(f.root, other), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	return f
}

func (f *fakeProc) put(pid int, comm, line string) {
	f.state(pid, comm, line, "S")
}

func (f *fakeProc) state(pid int, comm, line, state string) {
	f.t.Helper()
	dir := filepath.Join(f.root, fmt.Sprint(pid))
	if err := os.MkdirAll(dir, 0o755); err != nil {
		f.t.Fatal(err)
	}
	stat := fmt.Sprintf("%d (%s) %s 1 1 1 0", pid, comm, state)
	for name, text := range map[string]string{"comm": comm + "\n", "cmdline": line, "stat": stat} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
}

func (f *fakeProc) drop(pid int) {
	f.t.Helper()
	if err := os.RemoveAll(filepath.Join(f.root, fmt.Sprint(pid))); err != nil {
		f.t.Fatal(err)
	}
}

func TestCensus(t *testing.T) {
	f := newFakeProc(t)
	f.put(10, "a", "a\x00")
	f.put(11, "a", "b\x00")
	f.put(12, "other", "other\x00")
	f.state(13, "a", "", "Z")
	f.state(14, "a", "", "X")
	f.put(15, "tricky) Z 1", "b\x00")
	c := newCensus(newProcFS(f.root), []*ProcessConfig{
		{Process: "a"}, {Process: "b", FullCommand: true}, {Process: "tricky) Z 1"},
	})
	expect := func(when string, found []int, counts ...int) {
		t.Helper()
		got, err := c.scan()
		if err != nil {
			t.Fatal(err)
		}
		slices.Sort(got)
		if diff := cmp.Diff(found, got); diff != "" {
			t.Errorf("%s: found (-want +got):\n%s", when, diff)
		}
		if diff := cmp.Diff(counts, c.counts); diff != "" {
			t.Errorf("%s: counts (-want +got):\n%s", when, diff)
		}
	}
	expect("first", []int{10, 11, 15}, 2, 2, 1)
	expect("no change", nil, 2, 2, 1)
	f.drop(10)
	f.put(11, "a", "c\x00")
	f.put(15, "x", "x\x00")
	f.put(16, "a", "b\x00")
	expect("changed", []int{16}, 2, 1, 0)
	c.procs.root = filepath.Join(f.root, "missing")
	if _, err := c.scan(); err == nil {
		t.Error("no error without /proc")
	}
	if diff := cmp.Diff([]int{2, 1, 0}, c.counts); diff != "" {
		t.Errorf("a failed look changed the counts (-want +got):\n%s", diff)
	}
}

// BenchmarkScan is the price of one look at 300 processes; without process
// events it is paid every second.
func BenchmarkScan(b *testing.B) {
	c := newCensus(newProcFS("/proc"), []*ProcessConfig{{Process: "haproxy"}, {Process: "nginx"}})
	pids, err := c.procs.pids()
	if err != nil {
		b.Fatal(err)
	}
	for b.Loop() {
		if _, err := c.procs.pids(); err != nil {
			b.Fatal(err)
		}
		for i := range 300 {
			c.look(pids[i%len(pids)])
		}
	}
}
