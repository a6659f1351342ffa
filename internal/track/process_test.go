package track

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/nettest"
	"github.com/holdfast-ha/holdfast/internal/spawn"
)

// processStage runs a ProcessSet on a fake /proc in virtual time.
type processStage struct {
	*stage
	*fakeProc
	set    *ProcessSet
	events chan []procEvent
}

// doing is one thing that happens, this long after the one before.
type doing struct {
	after time.Duration
	do    func(p *processStage)
}

func (p *processStage) send(events ...procEvent) {
	p.events <- events
}

// play runs a set while things happen and returns what it said.
func play(t *testing.T, poll bool, cfgs []ProcessConfig, before func(p *processStage), doings ...doing) (*processStage, []string) {
	t.Helper()
	p := &processStage{stage: &stage{begin: time.Now()}, fakeProc: newFakeProc(t), events: make(chan []procEvent)}
	before(p)
	p.set = NewProcessSet(cfgs, ProcessOptions{
		PollOnly: poll,
		Verdict:  func(name string, good bool, why string) { p.say("%s %v: %s", name, good, why) },
		Log: func(l spawn.Level, text string) {
			if !strings.HasPrefix(text, "Following tracked processes") {
				p.say("log %v %s", l, text)
			}
		},
	})
	p.set.census.procs.root = p.root
	p.set.listen = func(ctx context.Context, _ Buffer) (<-chan []procEvent, bool, error) {
		if p.events == nil {
			return nil, false, errors.New("process events: not here")
		}
		out := make(chan []procEvent)
		go func() {
			defer close(out)
			for {
				select {
				case ev, ok := <-p.events:
					if !ok {
						return
					}
					out <- ev
				case <-ctx.Done():
					return
				}
			}
		}()
		return out, false, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- p.set.Run(ctx) }()
	<-p.set.Ready()
	for _, d := range doings {
		time.Sleep(d.after)
		synctest.Wait()
		d.do(p)
	}
	synctest.Wait()
	lines := p.lines
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	return p, lines
}

func TestProcessSet(t *testing.T) {
	pause := func(*processStage) {}
	one := []ProcessConfig{{Name: "p", Process: "a", QuorumMax: NoMaximum}}
	delayed := []ProcessConfig{{Name: "p", Process: "a", QuorumMax: NoMaximum, ForkDelay: 3 * time.Second, TerminateDelay: 2 * time.Second}}
	running := func(p *processStage) { p.put(10, "a", "a\x00") }
	nothing := func(p *processStage) { p.put(9, "shell", "sh\x00") }
	exit := func(p *processStage) { p.drop(10); p.send(procEvent{kind: exited, pid: 10, parent: 0}) }

	const (
		good   = "true: process p has its quorum (1 running)"
		bad    = "false: process p has no quorum (0 running, at least 1 wanted)"
		gained = "log info Quorum gained for tracked process p"
		lost1  = "log info Quorum lost for tracked process p"
	)
	tests := []struct {
		name   string
		poll   bool
		cfgs   []ProcessConfig
		before func(*processStage)
		doings []doing
		want   []string
	}{
		{
			"the first look decides", false, one, running,
			[]doing{{time.Minute, pause}},
			[]string{"0s p " + good},
		},
		{
			"start and end", false, one, nothing,
			[]doing{
				{time.Second, func(p *processStage) {
					p.put(20, "a", "a\x00")
					p.send(procEvent{kind: forked, pid: 20, parent: 9}, procEvent{kind: execed, pid: 20, parent: 0})
				}},
				{time.Second, func(p *processStage) { p.drop(20); p.send(procEvent{kind: exited, pid: 20, parent: 0}) }},
				{time.Second, pause},
			},
			[]string{"0s p " + bad, "1s " + gained, "1s p " + good, "2s " + lost1, "2s p " + bad},
		},
		{
			"replaced at once: not away", false, one, running,
			[]doing{
				{time.Second, func(p *processStage) {
					p.drop(10)
					p.put(11, "a", "a\x00")
					p.send(procEvent{kind: exited, pid: 10, parent: 0}, procEvent{kind: execed, pid: 11, parent: 0})
				}},
				{time.Second, pause},
			},
			[]string{"0s p " + good},
		},
		{
			"a fork counts until it executes", false,
			[]ProcessConfig{{Name: "p", Process: "a", QuorumMax: 1}},
			running,
			[]doing{
				{time.Second, func(p *processStage) { p.put(11, "a", ""); p.send(procEvent{kind: forked, pid: 11, parent: 10}) }},
				{time.Second, func(p *processStage) { p.put(11, "sh", ""); p.send(procEvent{kind: execed, pid: 11, parent: 0}) }},
				{time.Second, pause},
			},
			[]string{
				"0s p " + good,
				"1s " + lost1, "1s p false: process p has no quorum (2 running, at most 1 wanted)",
				"2s " + gained, "2s p " + good,
			},
		},
		{
			"a new name", false, one, running,
			[]doing{
				{time.Second, func(p *processStage) { p.put(10, "b", "a\x00"); p.send(procEvent{kind: renamed, pid: 10, parent: 0}) }},
				{time.Second, func(p *processStage) { p.put(10, "a", "a\x00"); p.send(procEvent{kind: renamed, pid: 10, parent: 0}) }},
				{time.Second, pause},
			},
			[]string{"0s p " + good, "1s " + lost1, "1s p " + bad, "2s " + gained, "2s p " + good},
		},
		{
			"an end waits for its delay", false, delayed, running,
			[]doing{{time.Second, exit}, {10 * time.Second, pause}},
			[]string{"0s p " + good, "3s " + lost1, "3s p " + bad},
		},
		{
			"an end is forgotten when there is a new one in time", false, delayed, running,
			[]doing{
				{time.Second, exit},
				{time.Second, func(p *processStage) { p.put(11, "a", ""); p.send(procEvent{kind: execed, pid: 11, parent: 0}) }},
				{time.Second, exit},
				{10 * time.Second, pause},
			},
			[]string{"0s p " + good},
		},
		{
			"an exec waits for no delay", false, delayed, nothing,
			[]doing{
				{time.Second, func(p *processStage) { p.put(10, "a", "a\x00"); p.send(procEvent{kind: execed, pid: 10, parent: 0}) }},
				{10 * time.Second, pause},
			},
			[]string{"0s p " + bad, "1s " + gained, "1s p " + good},
		},
		{
			"a fork waits for its delay", false,
			[]ProcessConfig{{Name: "p", Process: "a", Quorum: 2, QuorumMax: NoMaximum, ForkDelay: 3 * time.Second}},
			running,
			[]doing{
				{time.Second, func(p *processStage) { p.put(11, "a", ""); p.send(procEvent{kind: forked, pid: 11, parent: 10}) }},
				{10 * time.Second, pause},
			},
			[]string{
				"0s p false: process p has no quorum (1 running, at least 2 wanted)",
				"4s " + gained, "4s p true: process p has its quorum (2 running)",
			},
		},
		{
			"an exec ends the delay of a fork", false,
			[]ProcessConfig{{Name: "p", Process: "a", Quorum: 2, QuorumMax: NoMaximum, ForkDelay: 3 * time.Second}},
			running,
			[]doing{
				{time.Second, func(p *processStage) { p.put(11, "a", ""); p.send(procEvent{kind: forked, pid: 11, parent: 10}) }},
				{time.Second, func(p *processStage) { p.put(12, "a", ""); p.send(procEvent{kind: execed, pid: 12, parent: 0}) }},
				{time.Second, pause},
			},
			[]string{
				"0s p false: process p has no quorum (1 running, at least 2 wanted)",
				"2s " + gained, "2s p true: process p has its quorum (3 running)",
			},
		},
		{
			"a delay does not hold up another process", false,
			[]ProcessConfig{
				{Name: "p", Process: "a", QuorumMax: NoMaximum, TerminateDelay: time.Minute},
				{Name: "q", Process: "b", QuorumMax: NoMaximum},
			},
			func(p *processStage) { p.put(10, "a", ""); p.put(20, "b", "") },
			[]doing{
				{time.Second, exit},
				{time.Second, func(p *processStage) { p.drop(20); p.send(procEvent{kind: exited, pid: 20, parent: 0}) }},
				{time.Second, pause},
			},
			[]string{
				"0s p " + good, "0s q true: process q has its quorum (1 running)",
				"2s log info Quorum lost for tracked process q",
				"2s q false: process q has no quorum (0 running, at least 1 wanted)",
			},
		},
		{
			"lost events: everything is looked at", false, one, running,
			[]doing{
				{time.Second, func(p *processStage) { p.drop(10); p.send(procEvent{kind: lost, size: 1 << 21}) }},
				{time.Second, pause},
			},
			[]string{
				"0s p " + good, "1s log info Setting global_def process_monitor_rcv_bufs to 2097152 - recommend updating configuration file",
				"1s log detail Process events were lost: looking for tracked processes again",
				"1.2s " + lost1, "1.2s p " + bad,
			},
		},
		{
			"what no event told of is found in the end", false, one, nothing,
			[]doing{
				{time.Second, func(p *processStage) { p.put(10, "a", "") }},
				{time.Minute, pause},
			},
			[]string{"0s p " + bad, "30s " + gained, "30s p " + good},
		},
		{
			"a process on its way out is not kept", false, one, running,
			[]doing{
				{time.Second, func(p *processStage) { p.send(procEvent{kind: exited, pid: 10, parent: 0}) }}, // still in /proc
				{29*time.Second + 50*time.Millisecond, func(p *processStage) { p.drop(10) }},
				{time.Second, pause},
			},
			[]string{
				"0s p " + good, "1s " + lost1, "1s p " + bad,
				"30s " + gained, "30s p " + good, "30.1s " + lost1, "30.1s p " + bad,
			},
		},
		{
			"the events fail: polling", false, one, running,
			[]doing{
				{time.Second, func(p *processStage) { close(p.events) }},
				{2500 * time.Millisecond, func(p *processStage) { p.drop(10) }},
				{time.Second, pause},
			},
			[]string{
				"0s p " + good, "1s log alert Process events have failed: looking for tracked processes every 1s",
				"4s " + lost1, "4s p " + bad,
			},
		},
		{
			"no events: polling", false, one, func(p *processStage) { p.events = nil; running(p) },
			[]doing{
				{1500 * time.Millisecond, func(p *processStage) { p.drop(10) }},
				{time.Second, running},
				{time.Second, pause},
			},
			[]string{
				"0s log info Looking for tracked processes every 1s: process events: not here", "0s p " + good,
				"2s " + lost1, "2s p " + bad, "3s " + gained, "3s p " + good,
			},
		},
		{
			"polling with delays", true, delayed, nothing,
			[]doing{
				{1500 * time.Millisecond, running},                      // seen at 2s, good at 5s
				{5 * time.Second, func(p *processStage) { p.drop(10) }}, // seen at 7s, bad at 9s
				{time.Second, running},
				{time.Second, func(p *processStage) { p.drop(10) }}, // seen at 9s: a new delay
				{5 * time.Second, pause},
			},
			[]string{"0s p " + bad, "5s " + gained, "5s p " + good, "11s " + lost1, "11s p " + bad},
		},
		{
			"/proc fails for a while", true, one, running,
			[]doing{
				{1500 * time.Millisecond, func(p *processStage) { p.must(os.Rename(p.root, p.root+"x")) }},
				{2 * time.Second, func(p *processStage) { p.must(os.Rename(p.root+"x", p.root)); p.drop(10) }},
				{time.Second, pause},
			},
			[]string{
				"0s p " + good, "2s log alert Tracked processes: listing processes: open PROC: no such file or directory",
				"4s " + lost1, "4s p " + bad,
			},
		},
		{"nothing to track", false, nil, running, []doing{{time.Minute, pause}}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				p, got := play(t, test.poll, test.cfgs, test.before, test.doings...)
				for i := range got {
					got[i] = strings.ReplaceAll(got[i], p.root, "PROC")
				}
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

func (p *processStage) must(err error) {
	p.t.Helper()
	if err != nil {
		p.t.Fatal(err)
	}
}

func TestProcessState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfgs := []ProcessConfig{
			{Name: "p", Process: "a", QuorumMax: NoMaximum, TerminateDelay: 5 * time.Second},
			{Name: "q", Process: "a", Quorum: 2, QuorumMax: NoMaximum, ForkDelay: 5 * time.Second},
		}
		check := func(when string, want ...ProcessState) func(*processStage) {
			return func(p *processStage) {
				if diff := cmp.Diff(want, p.set.State()); diff != "" {
					t.Errorf("%s (-want +got):\n%s", when, diff)
				}
				if p.set.Mode() != "process events" {
					t.Errorf("mode %q", p.set.Mode())
				}
			}
		}
		play(t, false, cfgs, func(p *processStage) { p.put(10, "a", "") },
			doing{time.Second, check("start",
				ProcessState{Name: "p", Count: 1, Known: true, Good: true}, ProcessState{Name: "q", Count: 1, Known: true})},
			doing{0, func(p *processStage) { p.send(procEvent{kind: forked, pid: 11, parent: 10}) }},
			doing{time.Second, check("fork",
				ProcessState{Name: "p", Count: 2, Known: true, Good: true}, ProcessState{Name: "q", Count: 2, Known: true, ForkPending: true})},
			doing{0, func(p *processStage) {
				p.send(procEvent{kind: exited, pid: 10, parent: 0}, procEvent{kind: exited, pid: 11, parent: 0})
			}},
			doing{time.Second, check("exit",
				ProcessState{Name: "p", Known: true, Good: true, TerminatePending: true}, ProcessState{Name: "q", Known: true})},
		)
	})
}

// A real process, followed by events where this kernel has them for us, also
// from within another network namespace, and by polling.
func TestProcessReal(t *testing.T) {
	here := func(f func() error) error { return f() }
	t.Run("polling", func(t *testing.T) { realProcess(t, here, "polling") })
	t.Run("events", func(t *testing.T) { realProcess(t, here, "process events") })
	t.Run("other network namespace", func(t *testing.T) {
		nettest.Require(t)
		realProcess(t, nettest.NewT(t, "blue").Do, "process events of the initial network namespace")
	})
}

// realProcess follows a process with a set that runs where in says.
func realProcess(t *testing.T, in func(func() error) error, mode string) {
	name := fmt.Sprintf("hf-%d", os.Getpid())
	prog := filepath.Join(t.TempDir(), name)
	copyFile(t, "/bin/sleep", prog)
	verdicts := make(chan string, 10)
	set := NewProcessSet([]ProcessConfig{{Name: "p", Process: name, QuorumMax: NoMaximum}}, ProcessOptions{
		PollOnly: mode == "polling", Poll: 20 * time.Millisecond,
		Verdict: func(_ string, _ bool, why string) { verdicts <- why },
		Log:     func(_ spawn.Level, text string) { t.Log(text) },
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = in(func() error { return set.Run(ctx) }) }()
	defer func() { cancel(); <-done }()
	expect := func(want string) {
		t.Helper()
		select {
		case got := <-verdicts:
			if got != want {
				t.Errorf("%q, want %q", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no verdict, want %q", want)
		}
	}
	expect("process p has no quorum (0 running, at least 1 wanted)")
	<-set.Ready()
	switch got := set.Mode(); {
	case got == mode:
	case got == "polling":
		t.Skip("no process events here: they need the initial process namespace, CAP_NET_ADMIN and, from another network namespace, CAP_SYS_ADMIN")
	default:
		t.Fatalf("mode %q, want %q", got, mode)
	}
	cmd := exec.Command(prog, "60")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	expect("process p has its quorum (1 running)")
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	// Not waited for: a zombie does not count.
	expect("process p has no quorum (0 running, at least 1 wanted)")
	_ = cmd.Wait()
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	src, err := os.Open(from)
	if err != nil {
		t.Fatal(err)
	}
	defer src.Close()
	dst, err := os.OpenFile(to, os.O_CREATE|os.O_WRONLY, 0o755)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.Copy(dst, src); err != nil {
		t.Fatal(err)
	}
	if err := dst.Close(); err != nil {
		t.Fatal(err)
	}
}
