package notify

import (
	"context"
	"fmt"
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

// theatre plays scripts in virtual time. The program of a script is how long
// it takes ("2s", or "deaf 2s" for one that does not hear SIGTERM); its first
// argument is how it ends.
type theatre struct {
	t     *testing.T
	begin time.Time
	n     *Notifier

	mu    sync.Mutex
	lines []string
}

func newTheatre(t *testing.T, opt Options) *theatre {
	th := &theatre{t: t, begin: time.Now()}
	opt.Launch = th.launch
	th.n = New(func(l spawn.Level, text string) { th.say("%v: %s", l, text) }, opt)
	return th
}

func (th *theatre) say(format string, args ...any) {
	th.mu.Lock()
	defer th.mu.Unlock()
	th.lines = append(th.lines, fmt.Sprintf("%v ", time.Since(th.begin))+fmt.Sprintf(format, args...))
}

func (th *theatre) launch(ctx context.Context, c spawn.Cmd) spawn.Result {
	what := strings.Join(append(c.Argv[2:], c.ExtraArgs...), " ")
	th.say("start %s", what)
	long, deaf := strings.CutPrefix(c.Argv[0], "deaf ")
	d, err := time.ParseDuration(long)
	if err != nil {
		th.t.Error(err)
	}
	begin := time.Now()
	end := time.NewTimer(d)
	defer end.Stop()
	r := spawn.Result{}
	switch c.Argv[1] {
	case "fail":
		r.Exit = 3
	case "missing":
		r.Err = &spawn.ExecError{Path: "/x", Err: syscall.ENOENT}
	case "noshebang":
		r.NoShebang = true
	}
	select {
	case <-end.C:
	case <-ctx.Done():
		if deaf {
			stop, ok := context.Cause(ctx).(spawn.Stop)
			if !ok {
				th.t.Errorf("ended for %v, want a Stop", context.Cause(ctx))
			}
			time.Sleep(stop.Grace)
		}
		r = spawn.Result{Err: ctx.Err(), Signal: syscall.SIGTERM}
	}
	r.Duration = time.Since(begin)
	th.say("end %s", what)
	return r
}

// script makes a script for this stage; name is what it is called in the lines.
func script(name, long, how string) *spawn.Cmd {
	return &spawn.Cmd{Argv: []string{long, how, name}}
}

// state is an event of instance VI with one script.
func state(s, long string) Event {
	return Event{Name: "VI", State: s, Specific: script(s, long, "ok")}
}

// expect waits until everything has ended and compares.
func (th *theatre) expect(want ...string) {
	th.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
	defer cancel()
	th.n.Drain(ctx)
	synctest.Wait()
	if diff := cmp.Diff(want, th.lines); diff != "" {
		th.t.Errorf("(-want +got):\n%s", diff)
	}
}

func bubble(t *testing.T, name string, f func(t *testing.T, th *theatre)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		t.Helper()
		synctest.Test(t, func(t *testing.T) { t.Helper(); f(t, newTheatre(t, Options{})) })
	})
}

func TestOrder(t *testing.T) {
	bubble(t, "specific, then generic with four words", func(t *testing.T, th *theatre) {
		th.n.Post(Event{
			Name: "VI", State: "MASTER", Priority: 150,
			Specific: script("master a b", "2s", "ok"), Generic: script("any", "1s", "ok"),
		})
		synctest.Wait()
		th.n.Post(Event{Kind: Group, Name: "G1", State: "MASTER", Priority: 7, Generic: script("any", "1s", "ok")})
		time.Sleep(time.Minute)
		synctest.Wait()
		th.expect(
			"0s start master a b", "0s start any GROUP G1 MASTER 0",
			"1s end any GROUP G1 MASTER 0",
			"2s end master a b", "2s start any INSTANCE VI MASTER 150", "3s end any INSTANCE VI MASTER 150",
		)
	})
	bubble(t, "one event after the other", func(t *testing.T, th *theatre) {
		th.n.Post(state("BACKUP", "1s"))
		synctest.Wait()
		th.n.Post(state("MASTER", "1s"))
		time.Sleep(500 * time.Millisecond)
		th.n.Post(state(Stop, "1s"))
		time.Sleep(time.Minute)
		th.expect(
			"0s start BACKUP",
			"500ms detail: (VI) notify MASTER: not told: STOP came before its turn",
			"1s end BACKUP", "1s start STOP", "2s end STOP",
		)
	})
	bubble(t, "the last state is the last to run", func(t *testing.T, th *theatre) {
		for _, s := range []string{"BACKUP", "MASTER", "BACKUP", "MASTER", "BACKUP"} {
			th.n.Post(state(s, "3s"))
			time.Sleep(100 * time.Millisecond)
		}
		time.Sleep(time.Minute)
		th.expect(
			"0s start BACKUP",
			"200ms detail: (VI) notify MASTER: not told: BACKUP came before its turn",
			"300ms detail: (VI) notify BACKUP: not told: MASTER came before its turn",
			"400ms detail: (VI) notify MASTER: not told: BACKUP came before its turn",
			"3s end BACKUP", "3s start BACKUP", "6s end BACKUP",
		)
	})
	bubble(t, "a state without scripts replaces one that waits", func(t *testing.T, th *theatre) {
		th.n.Post(state("FAULT", "1s"))
		synctest.Wait()
		th.n.Post(state("MASTER", "1s"))
		th.n.Post(Event{Name: "VI", State: "BACKUP"})
		time.Sleep(time.Minute)
		th.expect("0s start FAULT", "0s detail: (VI) notify MASTER: not told: BACKUP came before its turn", "1s end FAULT")
	})
	bubble(t, "STOP and DELETED stay", func(t *testing.T, th *theatre) {
		th.n.Post(state("BACKUP", "1s"))
		synctest.Wait()
		th.n.Post(state(Deleted, "1s"))
		th.n.Post(state(Stop, "1s"))
		th.n.Post(state("BACKUP", "1s"))
		time.Sleep(time.Minute)
		th.expect(
			"0s start BACKUP", "1s end BACKUP", "1s start DELETED", "2s end DELETED",
			"2s start STOP", "3s end STOP", "3s start BACKUP", "4s end BACKUP",
		)
	})
	bubble(t, "one lower priority event waits", func(t *testing.T, th *theatre) {
		for i := range 4 {
			e := state(RxLower, "1s")
			e.Priority = i
			th.n.Post(e)
			synctest.Wait()
		}
		th.n.Post(state("BACKUP", "1s"))
		time.Sleep(time.Minute)
		th.expect(
			"0s start MASTER_RX_LOWER_PRI",
			"0s detail: (VI) notify MASTER_RX_LOWER_PRI: not told: MASTER_RX_LOWER_PRI came before its turn",
			"0s detail: (VI) notify MASTER_RX_LOWER_PRI: not told: MASTER_RX_LOWER_PRI came before its turn",
			"1s end MASTER_RX_LOWER_PRI", "1s start MASTER_RX_LOWER_PRI", "2s end MASTER_RX_LOWER_PRI",
			"2s start BACKUP", "3s end BACKUP",
		)
	})
	bubble(t, "a lower priority event is left out at the end", func(t *testing.T, th *theatre) {
		th.n.Post(state("MASTER", "1s"))
		synctest.Wait()
		th.n.Post(state(RxLower, "1s"))
		th.n.Post(state(Stop, "1s"))
		time.Sleep(time.Minute)
		th.expect(
			"0s start MASTER", "0s detail: (VI) notify MASTER_RX_LOWER_PRI: not told: STOP came before its turn",
			"1s end MASTER", "1s start STOP", "2s end STOP",
		)
	})
	bubble(t, "objects do not wait for each other", func(t *testing.T, th *theatre) {
		a, b := state("MASTER", "100s"), state("MASTER", "1s")
		b.Name, b.Kind = "VI", Group
		th.n.Post(a)
		synctest.Wait()
		th.n.Post(b)
		time.Sleep(2 * time.Minute)
		th.expect("0s start MASTER", "0s start MASTER", "1s end MASTER", "1m40s end MASTER")
	})
}

func TestLimits(t *testing.T) {
	bubble(t, "nothing waits: no limit", func(t *testing.T, th *theatre) {
		th.n.Post(state("MASTER", "1000h"))
		synctest.Wait()
		th.n.Post(state(RxLower, "1s")) // does not count as a newer state
		time.Sleep(1001 * time.Hour)
		th.expect(
			"0s start MASTER", "1000h0m0s end MASTER",
			"1000h0m0s start MASTER_RX_LOWER_PRI", "1000h0m1s end MASTER_RX_LOWER_PRI",
		)
	})
	bubble(t, "a lower priority event that waited already is no newer state either", func(t *testing.T, th *theatre) {
		th.n.Post(state("MASTER", "1s"))
		synctest.Wait()
		th.n.Post(state("BACKUP", "100h"))
		th.n.Post(state(RxLower, "1s"))
		time.Sleep(101 * time.Hour)
		th.expect(
			"0s start MASTER", "1s end MASTER", "1s start BACKUP", "100h0m1s end BACKUP",
			"100h0m1s start MASTER_RX_LOWER_PRI", "100h0m2s end MASTER_RX_LOWER_PRI",
		)
	})
	bubble(t, "a newer state waits: a minute in all", func(t *testing.T, th *theatre) {
		th.n.Post(state("MASTER", "1000h"))
		time.Sleep(20 * time.Second)
		th.n.Post(state("BACKUP", "1s"))
		time.Sleep(time.Hour)
		th.expect(
			"0s start MASTER", "1m0s end MASTER",
			"1m0s info: (VI) notify MASTER: script 1000h was ended after 1m0s: a newer state waits",
			"1m0s start BACKUP", "1m1s end BACKUP",
		)
	})
	bubble(t, "five seconds after a minute, two more for a deaf one", func(t *testing.T, th *theatre) {
		e := state("MASTER", "deaf 1000h")
		e.Generic = script("any", "1000h", "ok")
		th.n.Post(e)
		time.Sleep(30 * time.Minute)
		th.n.Post(state("BACKUP", "1s"))
		time.Sleep(time.Hour)
		th.expect(
			"0s start MASTER",
			"1m0s info: (VI) notify MASTER: the script still runs after 1m0s: starting the generic one beside it",
			"1m0s start any INSTANCE VI MASTER 0",
			"30m5s end any INSTANCE VI MASTER 0",
			"30m5s info: (VI) notify MASTER: script 1000h was ended after 29m5s: a newer state waits",
			"30m7s end MASTER",
			"30m7s info: (VI) notify MASTER: script deaf 1000h was ended after 30m7s: a newer state waits",
			"30m7s start BACKUP", "30m8s end BACKUP",
		)
	})
	bubble(t, "the generic script of an obsolete state is left out, that of DELETED is not", func(t *testing.T, th *theatre) {
		for _, s := range []string{"MASTER", Deleted} {
			e := state(s, "1000h")
			e.Generic = script("any", "1s", "ok")
			th.n.Post(e)
			synctest.Wait()
		}
		th.n.Post(state("BACKUP", "1s"))
		time.Sleep(time.Hour)
		th.expect(
			"0s start MASTER", "1m0s end MASTER",
			"1m0s info: (VI) notify MASTER: script 1000h was ended after 1m0s: a newer state waits",
			"1m0s start DELETED", "2m0s end DELETED",
			"2m0s info: (VI) notify DELETED: script 1000h was ended after 1m0s: a newer state waits",
			"2m0s start any INSTANCE VI DELETED 0", "2m1s end any INSTANCE VI DELETED 0",
			"2m1s start BACKUP", "2m2s end BACKUP",
		)
	})
}

func TestDrain(t *testing.T) {
	drain := func(th *theatre, d time.Duration) {
		ctx, cancel := context.WithTimeout(context.Background(), d)
		defer cancel()
		th.n.Drain(ctx)
		th.say("drained")
	}
	bubble(t, "nothing to wait for", func(t *testing.T, th *theatre) {
		drain(th, time.Second)
		th.n.Post(state("MASTER", "1s"))
		synctest.Wait()
		if diff := cmp.Diff([]string{"0s drained", "0s detail: (VI) notify MASTER: not told: shutting down"}, th.lines); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	bubble(t, "STOP scripts end in time", func(t *testing.T, th *theatre) {
		e := state(Stop, "400ms")
		e.Generic = script("any", "300ms", "ok")
		th.n.Post(e)
		drain(th, time.Second)
		want := []string{
			"0s start STOP", "400ms end STOP", "400ms start any INSTANCE VI STOP 0",
			"700ms end any INSTANCE VI STOP 0", "700ms drained",
		}
		if diff := cmp.Diff(want, th.lines); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	bubble(t, "STOP scripts do not end in time", func(t *testing.T, th *theatre) {
		e := state(Stop, "deaf 1h")
		e.Generic = script("any", "300ms", "ok")
		th.n.Post(e)
		drain(th, time.Second)
		want := []string{
			"0s start STOP", "1.1s end STOP", "1.1s info: (VI) notify STOP: script deaf 1h was ended: shutting down", "1.1s drained",
		}
		if diff := cmp.Diff(want, th.lines); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	bubble(t, "an earlier script makes room for STOP", func(t *testing.T, th *theatre) {
		th.n.Post(state("MASTER", "deaf 1h"))
		time.Sleep(time.Second)
		th.n.Post(state("BACKUP", "1h"))
		th.n.Post(state(Stop, "100ms"))
		drain(th, time.Second)
		want := []string{
			"0s start MASTER", "1s detail: (VI) notify BACKUP: not told: STOP came before its turn",
			"1.4s end MASTER", "1.4s info: (VI) notify MASTER: script deaf 1h was ended after 1.4s: a newer state waits",
			"1.4s start STOP", "1.5s end STOP", "1.5s drained",
		}
		if diff := cmp.Diff(want, th.lines); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	bubble(t, "an earlier script with no STOP behind it", func(t *testing.T, th *theatre) {
		th.n.Post(state("MASTER", "1h"))
		drain(th, time.Second)
		want := []string{"0s start MASTER", "1s end MASTER", "1s info: (VI) notify MASTER: script 1h was ended: shutting down", "1s drained"}
		if diff := cmp.Diff(want, th.lines); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
	bubble(t, "no time at all", func(t *testing.T, th *theatre) {
		th.n.Post(state("MASTER", "deaf 1h"))
		synctest.Wait()
		th.n.Post(state(Stop, "1s"))
		drain(th, 0)
		synctest.Wait()
		want := []string{
			"0s start MASTER", "100ms end MASTER", "100ms info: (VI) notify MASTER: script deaf 1h was ended: shutting down",
		}
		if diff := cmp.Diff(want, th.lines[:3]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		if rest := strings.Join(th.lines[3:], "\n"); !strings.Contains(rest, "100ms info: (VI) notify STOP: not told: no time left at shutdown") {
			t.Errorf("the lost STOP was not reported:\n%s", rest)
		}
	})
	bubble(t, "a script that cannot be killed does not hold up the end", func(t *testing.T, th *theatre) {
		stuck := make(chan struct{})
		th.n.opt.Launch = func(context.Context, spawn.Cmd) spawn.Result { <-stuck; return spawn.Result{} }
		th.n.Post(state(Stop, "1s"))
		drain(th, time.Second)
		close(stuck)
		synctest.Wait()
		if diff := cmp.Diff([]string{"1.5s drained"}, th.lines); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}

func TestResults(t *testing.T) {
	post := func(th *theatre) {
		th.n.Post(Event{Name: "VI", State: "MASTER", Specific: script("m", "1s", "fail"), Generic: script("g", "1s", "missing")})
		time.Sleep(5 * time.Second)
		th.n.Post(Event{Kind: Group, Name: "G", State: "BACKUP", Specific: script("m", "1s", "fail"), Generic: script("g", "1s", "noshebang")})
		time.Sleep(5 * time.Second)
		th.n.Post(Event{Kind: Group, Name: "G", State: "BACKUP", Generic: script("g", "1s", "noshebang")})
		time.Sleep(5 * time.Second)
	}
	synctest.Test(t, func(t *testing.T) {
		th := newTheatre(t, Options{})
		post(th)
		want := []ObjectState{
			{Name: "VI", State: "MASTER", Last: Run{"MASTER", "1s", false, "cannot run /x: no such file or directory", time.Second}},
			{Kind: Group, Name: "G", State: "BACKUP", Last: Run{"BACKUP", "1s", true, "exit 0", time.Second}},
		}
		if diff := cmp.Diff(want, th.n.State()); diff != "" {
			t.Errorf("state (-want +got):\n%s", diff)
		}
		th.expect(
			"0s start m", "1s end m", "1s info: (VI) notify MASTER: script 1s failed (exit 3)",
			"1s start g INSTANCE VI MASTER 0", "2s end g INSTANCE VI MASTER 0",
			"2s alert: Error exec-ing command '/x', error 2: No such file or directory (INSTANCE VI MASTER)",
			"5s start m", "6s end m", "6s info: VRRP_Group(G) notify BACKUP: script 1s failed (exit 3)",
			"6s start g GROUP G BACKUP 0", "7s end g GROUP G BACKUP 0",
			"7s info: Please add a #! shebang to script 1s",
			"10s start g GROUP G BACKUP 0", "11s end g GROUP G BACKUP 0",
		)
	})
	synctest.Test(t, func(t *testing.T) {
		th := newTheatre(t, Options{StrictCompat: true})
		post(th)
		if got := th.n.State()[0].Last; !got.OK {
			t.Errorf("with StrictCompat: %+v, want OK", got)
		}
	})
}

func TestState(t *testing.T) {
	bubble(t, "running and waiting", func(t *testing.T, th *theatre) {
		th.n.Post(state("MASTER", "1s"))
		synctest.Wait()
		th.n.Post(state(Deleted, "1s"))
		th.n.Post(state("BACKUP", "1s"))
		want := []ObjectState{{Name: "VI", State: "MASTER", Running: []string{"1s"}, Waiting: 2}}
		if diff := cmp.Diff(want, th.n.State()); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		time.Sleep(time.Minute)
	})
}

// Many objects and goroutines: every object's last script is that of its last
// state, and its scripts never overlap.
func TestStorm(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		type seen struct {
			running int
			last    string
		}
		var mu sync.Mutex
		objects := map[string]*seen{}
		n := New(nil, Options{Launch: func(_ context.Context, c spawn.Cmd) spawn.Result {
			name, state := c.ExtraArgs[1], c.ExtraArgs[2]
			mu.Lock()
			o := objects[name]
			if o == nil {
				o = &seen{}
				objects[name] = o
			}
			o.running++
			if o.running > 1 {
				t.Errorf("%s: scripts overlap", name)
			}
			o.last = state
			mu.Unlock()
			time.Sleep(7 * time.Millisecond)
			mu.Lock()
			o.running--
			mu.Unlock()
			return spawn.Result{}
		}})
		states := []string{"BACKUP", "MASTER", RxLower, "FAULT"}
		want := map[string]string{}
		var posts sync.WaitGroup
		for i := range 50 {
			name := fmt.Sprintf("VI_%d", i)
			want[name] = []string{"BACKUP", "MASTER", "FAULT"}[i%3]
			posts.Go(func() {
				for j := range 200 {
					s := states[(i*7+j)%len(states)]
					if j == 199 {
						s = want[name]
					}
					n.Post(Event{Name: name, State: s, Generic: &spawn.Cmd{}})
					time.Sleep(time.Duration((i+j)%3) * time.Millisecond)
				}
			})
		}
		posts.Wait()
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		n.Drain(ctx)
		for name, s := range want {
			if got := objects[name].last; got != s {
				t.Errorf("%s: the last script was %s, want %s", name, got, s)
			}
		}
		synctest.Wait()
	})
}
