package track

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/holdfast-ha/holdfast/internal/spawn"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// act is one run of a fake script: how long it takes and how it ends. It obeys
// its time limit as spawn.Run does; a deaf one ends by itself only.
type act struct {
	takes time.Duration
	end   rune
	deaf  bool
}

// stage records what happens in virtual time.
type stage struct {
	begin time.Time
	mu    sync.Mutex
	lines []string
}

func (s *stage) say(format string, args ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.lines = append(s.lines, fmt.Sprintf("%v ", time.Since(s.begin))+fmt.Sprintf(format, args...))
}

// run runs a script of these acts for a while and returns what happened. The
// last act is repeated.
func run(t *testing.T, cfg ScriptConfig, long time.Duration, acts ...act) (*Script, []string) {
	t.Helper()
	s := &stage{begin: time.Now()}
	n := 0
	cfg.Name = "s"
	cfg.Launch = func(ctx context.Context, c spawn.Cmd) spawn.Result {
		a := acts[min(n, len(acts)-1)]
		n++
		s.say("start")
		return a.play(ctx, s, c)
	}
	cfg.Verdict = func(name string, good bool, why string) { s.say("verdict %s %v: %s", name, good, why) }
	cfg.Log = func(l spawn.Level, text string) {
		if l != spawn.Info {
			text = l.String() + ": " + text
		}
		s.say("log %s", text)
	}
	script := NewScript(cfg)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error)
	go func() { done <- script.Run(ctx) }()
	time.Sleep(long)
	synctest.Wait()
	lines := s.lines
	cancel()
	if err := <-done; err != nil {
		t.Errorf("Run: %v", err)
	}
	return script, lines
}

func (a act) play(ctx context.Context, s *stage, c spawn.Cmd) spawn.Result {
	end := time.NewTimer(a.takes)
	limit := time.NewTimer(c.Timeout)
	var step spawn.Step
	for {
		select {
		case <-end.C:
			r := result(a.end)
			r.Duration = a.takes
			return r
		case <-ctx.Done():
			return spawn.Result{Err: ctx.Err()}
		case <-limit.C:
			step++
			c.OnStep(step, 4711)
			if !a.deaf {
				return result('t')
			}
			if step < spawn.Stuck {
				limit.Reset(2 * time.Second)
			}
		}
	}
}

func TestScriptTiming(t *testing.T) {
	tests := []struct {
		name string
		cfg  ScriptConfig
		long time.Duration
		acts []act
		want []string
	}{
		{
			"every interval from the start before",
			ScriptConfig{Interval: time.Second},
			2500 * time.Millisecond,
			[]act{{300 * time.Millisecond, '.', false}},
			[]string{
				"0s start", "300ms log VRRP_Script(s) succeeded", "300ms verdict s true: script s succeeded",
				"1s start", "2s start",
			},
		},
		{
			"defaults",
			ScriptConfig{},
			1500 * time.Millisecond,
			[]act{{0, '2', false}, {0, '.', false}},
			[]string{
				"0s start", "0s log Script `s` now returning 2", "0s log VRRP_Script(s) failed (exited with status 2)",
				"0s verdict s false: script s failed (exit 2)",
				"1s start", "1s log Script `s` now returning 0", "1s log VRRP_Script(s) succeeded", "1s verdict s true: script s succeeded",
			},
		},
		{
			"a slow script is not started twice",
			ScriptConfig{Interval: time.Second, Timeout: 10 * time.Second},
			3300 * time.Millisecond,
			[]act{{2500 * time.Millisecond, '.', false}},
			[]string{
				"0s start",
				"1s log Track script s is already running, expect idle - skipping run",
				"2s log Track script s is already running, expect idle - skipping run",
				"2.5s log VRRP_Script(s) succeeded", "2.5s verdict s true: script s succeeded",
				"3s start",
			},
		},
		{
			"a time-out is a failure",
			ScriptConfig{Interval: 3 * time.Second, Timeout: 2 * time.Second},
			4 * time.Second,
			[]act{{time.Hour, '.', false}},
			[]string{
				"0s start", "2s log VRRP_Script(s) timed_out", "2s verdict s false: script s failed (timed out)", "3s start",
			},
		},
		{
			"a script that does not end counts as failed and is not started again",
			ScriptConfig{Interval: 4 * time.Second, Timeout: 3 * time.Second},
			9 * time.Second,
			[]act{{0, '.', false}, {time.Hour, '.', true}},
			[]string{
				"0s start", "0s log VRRP_Script(s) succeeded", "0s verdict s true: script s succeeded",
				"4s start",
				"8s log Track script s is being timed out, expect idle - skipping run",
			},
		},
		{
			"once it is stuck",
			ScriptConfig{Interval: 100 * time.Second, Timeout: time.Second},
			6 * time.Second,
			[]act{{time.Hour, '.', true}},
			[]string{
				"0s start",
				"5s log Script s child (PID 4711) failed to terminate after kill",
				"5s log VRRP_Script(s) timed_out", "5s verdict s false: script s failed (timed out)",
			},
		},
		{
			"stuck, and then it ends: one result, not two",
			ScriptConfig{Interval: 10 * time.Second, Timeout: time.Second, Rise: 1, Fall: 2},
			19 * time.Second,
			[]act{{0, '.', false}, {6 * time.Second, '1', true}},
			[]string{
				"0s start", "0s log VRRP_Script(s) succeeded", "0s verdict s true: script s succeeded",
				"10s start", "15s log Script s child (PID 4711) failed to terminate after kill",
			},
		},
		{
			"what cannot be executed is a failure, and an alert once",
			ScriptConfig{},
			3500 * time.Millisecond,
			[]act{{0, 'x', false}, {0, 'x', false}, {0, '.', false}, {0, 'x', false}},
			[]string{
				"0s start", "0s log alert: Error exec-ing command '/x', error 2: No such file or directory",
				"0s log VRRP_Script(s) failed (cannot run /x: no such file or directory)",
				"0s verdict s false: script s failed (cannot run /x: no such file or directory)",
				"1s start",
				"2s start", "2s log VRRP_Script(s) succeeded", "2s verdict s true: script s succeeded",
				"3s start", "3s log alert: Error exec-ing command '/x', error 2: No such file or directory",
				"3s log VRRP_Script(s) failed (cannot run /x: no such file or directory)",
				"3s verdict s false: script s failed (cannot run /x: no such file or directory)",
			},
		},
		{
			"with StrictCompat it is a success",
			ScriptConfig{StrictCompat: true},
			500 * time.Millisecond,
			[]act{{0, 'x', false}},
			[]string{
				"0s start", "0s log alert: Error exec-ing command '/x', error 2: No such file or directory",
				"0s log VRRP_Script(s) succeeded", "0s verdict s true: script s succeeded",
			},
		},
		{
			"a restored verdict is not delivered again",
			ScriptConfig{Restore: &ScriptState{Known: true, Good: true, Count: 1, Rise: 1, Fall: 1}},
			1500 * time.Millisecond,
			[]act{{0, '.', false}, {0, '1', false}},
			[]string{
				"0s log VRRP_Script(s) considered successful on reload", "0s start",
				"1s start", "1s log Script `s` now returning 1", "1s log VRRP_Script(s) failed (exited with status 1)",
				"1s verdict s false: script s failed (exit 1)",
			},
		},
		{
			"a restored failure",
			ScriptConfig{Restore: &ScriptState{Known: true, Rise: 1, Fall: 1, Status: 3}},
			500 * time.Millisecond,
			[]act{{0, '3', false}},
			[]string{"0s log VRRP_Script(s) considered unsuccessful on reload", "0s start"},
		},
		{
			"nothing to restore",
			ScriptConfig{Restore: &ScriptState{Rise: 1, Fall: 1}},
			500 * time.Millisecond,
			[]act{{0, '.', false}},
			[]string{"0s start", "0s log VRRP_Script(s) succeeded", "0s verdict s true: script s succeeded"},
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				_, got := run(t, test.cfg, test.long, test.acts...)
				if diff := cmp.Diff(test.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// Lines that come once per script however often it runs, and a lost child,
// which is no result.
func TestScriptOddResults(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &stage{begin: time.Now()}
		results := []spawn.Result{
			{NoShebang: true}, {NoShebang: true}, {Err: spawn.ErrLost, PID: 5}, {NoShebang: true, Exit: 1},
		}
		script := NewScript(ScriptConfig{
			Name: "s", Cmd: spawn.Cmd{Argv: []string{"/etc/check"}},
			Log:     func(_ spawn.Level, text string) { s.say("%s", text) },
			Verdict: func(_ string, good bool, _ string) { s.say("%v", good) },
			Launch: func(context.Context, spawn.Cmd) spawn.Result {
				r := results[0]
				results = results[1:]
				return r
			},
		})
		ctx, cancel := context.WithTimeout(t.Context(), 3500*time.Millisecond)
		defer cancel()
		if err := script.Run(ctx); err != nil {
			t.Error(err)
		}
		want := []string{
			"0s Please add a #! shebang to script /etc/check", "0s VRRP_Script(s) succeeded", "0s true",
			"2s Script s child (PID 5) lost",
			"3s Script `s` now returning 1", "3s VRRP_Script(s) failed (exited with status 1)", "3s false",
		}
		if diff := cmp.Diff(want, s.lines); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestScriptState(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		script := NewScript(ScriptConfig{
			Name: "s", Interval: 10 * time.Second, Timeout: 5 * time.Second, Rise: 2, Fall: 3,
			Restore: &ScriptState{Known: true, Good: true, Count: 4, Rise: 2, Fall: 3, Status: 7},
			Launch: func(ctx context.Context, c spawn.Cmd) spawn.Result {
				return act{time.Hour, '.', true}.play(ctx, &stage{}, c)
			},
		})
		want := ScriptState{Known: true, Good: true, Count: 4, Rise: 2, Fall: 3, Status: 7, Restored: true}
		check := func(when string) {
			t.Helper()
			synctest.Wait()
			if diff := cmp.Diff(want, script.State()); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
		}
		check("before Run")
		ctx, cancel := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); _ = script.Run(ctx) }()
		want.Phase, want.Started = Running, begin
		check("started")
		time.Sleep(5 * time.Second)
		want.Phase, want.PID = Terminating, 4711
		check("time limit")
		time.Sleep(2 * time.Second)
		want.Phase = Killing
		check("killed")
		time.Sleep(2 * time.Second)
		want.Count, want.Restored = 3, false
		check("stuck: one failure")
		cancel()
		<-done
		want.Phase, want.PID = Idle, 0
		check("stopped")
	})
}

func TestPhaseNames(t *testing.T) {
	got := []string{Idle.String(), Running.String(), Terminating.String(), Killing.String()}
	want := []string{"idle", "running", "requested termination", "forcing termination"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("phases (-want +got):\n%s", diff)
	}
}

// A result that comes at the same time as the end of ctx is ignored.
func TestScriptIgnoresLateResult(t *testing.T) {
	for range 50 {
		synctest.Test(t, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			release := make(chan struct{})
			script := NewScript(ScriptConfig{
				Name: "s", Timeout: time.Hour,
				Launch: func(context.Context, spawn.Cmd) spawn.Result {
					<-release
					return spawn.Result{Exit: 1}
				},
				Log: func(spawn.Level, string) {
					// The run that is skipped: Run is busy here while both happen.
					cancel()
					close(release)
					time.Sleep(time.Millisecond)
				},
				Verdict: func(string, bool, string) { t.Error("verdict after the end") },
			})
			if err := script.Run(ctx); err != nil {
				t.Error(err)
			}
			if script.State().Known {
				t.Error("a late result was counted")
			}
		})
	}
}

// With real children: the verdict follows a script, and nothing is left when
// Run returns.
func TestScriptReal(t *testing.T) {
	dir := t.TempDir()
	flag, pidFile := filepath.Join(dir, "flag"), filepath.Join(dir, "pid")
	verdicts := make(chan string, 10)
	script := NewScript(ScriptConfig{
		Name: "real", Interval: 20 * time.Millisecond, Timeout: 5 * time.Second,
		Cmd: spawn.Cmd{Argv: []string{"/bin/sh", "-c", `
case $(cat "$0" 2>/dev/null) in
good) exit 0;;
hang) sleep 60 & echo $! >"$1"; wait;;
esac
exit 3`, flag, pidFile}},
		Verdict: func(_ string, good bool, why string) { verdicts <- fmt.Sprint(good, " ", why) },
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); _ = script.Run(ctx) }()

	expect := func(want string) {
		t.Helper()
		select {
		case got := <-verdicts:
			if got != want {
				t.Errorf("verdict %q, want %q", got, want)
			}
		case <-time.After(10 * time.Second):
			t.Fatalf("no verdict, want %q", want)
		}
	}
	write := func(text string) {
		t.Helper()
		if err := os.WriteFile(flag+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(flag+".new", flag); err != nil {
			t.Fatal(err)
		}
	}
	expect("false script real failed (exit 3)")
	write("good")
	expect("true script real succeeded")
	write("hang")
	var pid int
	eventually(t, "the script hangs", func() bool {
		b, _ := os.ReadFile(pidFile)
		pid, _ = strconv.Atoi(strings.TrimSpace(string(b)))
		return pid > 0
	})
	cancel()
	<-done
	eventually(t, "its group has ended", func() bool {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || strings.Contains(string(stat), ") Z ")
	})
	var ws syscall.WaitStatus
	if pid, err := syscall.Wait4(-1, &ws, syscall.WNOHANG, nil); err != syscall.ECHILD {
		t.Errorf("a child is left: %d, %v", pid, err)
	}
}

// eventually waits for a condition that the kernel makes true.
func eventually(t *testing.T, what string, cond func() bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	for !cond() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not reached: %s", what)
		}
	}
}
