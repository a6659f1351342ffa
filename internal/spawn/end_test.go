package spawn

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"
)

func TestTimeLimit(t *testing.T) {
	noChildren(t)
	tests := []struct {
		name     string
		text     string
		timedOut bool
		signal   syscall.Signal
		exit     int
	}{
		{"sleeps", "sleep 60", true, syscall.SIGTERM, 0},
		{"exits by itself after SIGTERM", "trap 'exit 5' TERM; while :; do sleep 0.01; done", false, 0, 5},
		{"succeeds after SIGTERM", "trap 'exit 0' TERM; while :; do sleep 0.01; done", false, 0, 0},
		{"ignores SIGTERM", "trap '' TERM; while :; do sleep 0.01; done", true, syscall.SIGKILL, 0},
		{"is stopped", "kill -STOP $$; sleep 60", true, syscall.SIGKILL, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			c := sh(test.text)
			c.Timeout = time.Second // enough to begin, on a busy machine too
			var steps []Step
			c.OnStep = func(s Step, pid int) {
				steps = append(steps, s)
				if pid == 0 {
					t.Error("step without a process id")
				}
			}
			// A child takes its time to die on a busy machine.
			patient := quick
			patient.stuck = time.Minute
			if test.signal != syscall.SIGKILL {
				patient.kill = time.Minute
			}
			got := run(t.Context(), &c, patient)
			if got.TimedOut != test.timedOut || got.Signal != test.signal || got.Exit != test.exit || got.Err != nil {
				t.Errorf("%+v, want timed out %v, signal %v, exit %d", got, test.timedOut, test.signal, test.exit)
			}
			want := []Step{Termed}
			if test.signal == syscall.SIGKILL {
				want = append(want, Killed)
			}
			if diff := cmp.Diff(want, steps); diff != "" {
				t.Errorf("steps (-want +got):\n%s", diff)
			}
			if got.Duration < c.Timeout {
				t.Errorf("ended after %v, before its time was up", got.Duration)
			}
		})
	}
}

// The whole group ends with a child that was ended, also what ignores SIGTERM.
func TestGroupEnds(t *testing.T) {
	noChildren(t)
	for _, by := range []string{"time limit", "context"} {
		t.Run(by, func(t *testing.T) {
			dir := t.TempDir()
			deaf, plain, free := filepath.Join(dir, "deaf"), filepath.Join(dir, "plain"), filepath.Join(dir, "free")
			c := sh(`(trap '' TERM; sh -c 'echo $$ >` + deaf + `; exec sleep 60') &
sh -c 'echo $$ >` + plain + `; exec sleep 60' &
setsid sh -c 'echo $$ >` + free + `; exec sleep 60' &
wait`)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			result := make(chan Result)
			if by == "time limit" {
				c.Timeout = 2 * time.Second
			}
			go func() { result <- run(ctx, &c, quick) }()
			pids := []int{pidIn(t, deaf), pidIn(t, plain)}
			alone := pidIn(t, free)
			if by == "context" {
				cancel()
			}
			got := <-result
			if got.Signal != syscall.SIGTERM {
				t.Errorf("%+v, want ended by SIGTERM", got)
			}
			for _, pid := range pids {
				eventually(t, "the group has ended", func() bool { return gone(pid) })
			}
			if gone(alone) {
				t.Error("a process with a session of its own was ended as well")
			}
			if err := unix.Kill(alone, unix.SIGKILL); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestContext(t *testing.T) {
	noChildren(t)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if got := Run(ctx, sh("exit 0")); !errors.Is(got.Err, context.Canceled) || got.PID != 0 {
		t.Errorf("ended context: %+v, want nothing started", got)
	}
	for _, text := range []string{"sleep 60", "trap '' TERM; while :; do sleep 0.01; done"} {
		ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
		c := sh(text)
		got := run(ctx, &c, quick)
		cancel()
		if !errors.Is(got.Err, context.DeadlineExceeded) || got.TimedOut || got.OK() {
			t.Errorf("%q: %+v, want the error of the context", text, got)
		}
	}
}

// The cause of the end decides how long a child may take for it.
func TestStopGrace(t *testing.T) {
	noChildren(t)
	ctx, cancel := context.WithCancelCause(t.Context())
	file := filepath.Join(t.TempDir(), "pid")
	c := sh("trap '' TERM; echo $$ >" + file + "; while :; do sleep 0.01; done")
	slow := quick
	slow.stop = time.Hour
	result := make(chan Result)
	go func() { result <- run(ctx, &c, slow) }()
	pidIn(t, file)
	cancel(Stop{Grace: 10 * time.Millisecond})
	if got := <-result; got.Signal != syscall.SIGKILL || !errors.Is(got.Err, context.Canceled) {
		t.Errorf("%+v, want killed", got)
	}
}

// A thread that ends while a child runs must not end the child.
func TestThreadsEnd(t *testing.T) {
	noChildren(t)
	stop := make(chan struct{})
	var churn, children sync.WaitGroup
	for range 2 {
		churn.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				var one sync.WaitGroup
				one.Go(func() { runtime.LockOSThread() }) // never unlocked: the thread ends
				one.Wait()
			}
		})
	}
	for range 4 {
		children.Go(func() {
			for range 10 {
				if got := Run(t.Context(), sh("sleep 0.02")); !got.OK() {
					t.Errorf("%+v", got)
				}
			}
		})
	}
	children.Wait()
	close(stop)
	churn.Wait()
}

// A child does not outlive a daemon that was killed.
func TestParentDeath(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	daemon := exec.Command(exe)
	daemon.Env = append(os.Environ(), "SPAWN_TEST_RUN=echo $$ >"+file+"; exec sleep 60")
	if err := daemon.Start(); err != nil {
		t.Fatal(err)
	}
	pid := pidIn(t, file)
	if err := daemon.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = daemon.Wait()
	eventually(t, "the child of a killed daemon has ended", func() bool { return gone(pid) })
}

// A child that somebody else waits for is reported as lost.
func TestLost(t *testing.T) {
	noChildren(t)
	c := sh("exec sleep 60")
	p := newChild(&c)
	go p.main()
	var pid int
	eventually(t, "the child runs", func() bool { pid = p.pid(); return pid != 0 })
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Fatal(err)
	}
	var ws unix.WaitStatus
	if _, err := unix.Wait4(pid, &ws, 0, nil); err != nil {
		// Our own wait was first: nothing to see this time.
		t.Skip("the child was reaped in the regular way")
	}
	if got := p.supervise(t.Context(), quick); !errors.Is(got.Err, ErrLost) || got.OK() {
		t.Errorf("%+v, want ErrLost", got)
	}
}

// A file system that does not answer stops the script on it, and nothing else:
// no other child, not the garbage collector. Run keeps its time limits.
func TestHungFileSystem(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root for fanotify")
	}
	noChildren(t)
	path := script(t, "hung", "#!/bin/sh\nexit 0\n", 0o755)
	fd, err := unix.FanotifyInit(unix.FAN_CLASS_CONTENT|unix.FAN_CLOEXEC, unix.O_RDONLY)
	if err != nil {
		t.Skipf("needs fanotify permission events: %v", err)
	}
	// Closing the queue lets everybody pass who waits for an answer.
	thaw := sync.OnceFunc(func() { unix.Close(fd) })
	defer thaw()
	if err := unix.FanotifyMark(fd, unix.FAN_MARK_ADD, unix.FAN_OPEN_PERM|unix.FAN_OPEN_EXEC_PERM, unix.AT_FDCWD, path); err != nil {
		t.Skipf("needs fanotify permission events: %v", err)
	}

	stuck := make(chan int, 1)
	atStuck := func(step Step, pid int) {
		if step == Stuck {
			stuck <- pid
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	hung := make(chan Result)
	c := Cmd{Argv: []string{path}, Timeout: 50 * time.Millisecond, OnStep: atStuck}
	go func() { hung <- run(ctx, &c, quick) }()
	if pid := <-stuck; pid != 0 {
		t.Errorf("stuck with process id %d, want 0: nothing has been started", pid)
	}
	runtime.GC()
	if got := Run(t.Context(), sh("exit 0")); !got.OK() {
		t.Errorf("another child: %+v", got)
	}
	cancel()
	if got := <-hung; !errors.Is(got.Err, context.Canceled) || got.PID != 0 {
		t.Errorf("hung child: %+v, want called off", got)
	}

	// Thawed after its time limit, it is not started any more.
	late := Cmd{Argv: []string{path}, Timeout: 50 * time.Millisecond, OnStep: atStuck}
	go func() { hung <- run(t.Context(), &late, quick) }()
	<-stuck
	thaw()
	if got := <-hung; !got.TimedOut || got.PID != 0 {
		t.Errorf("thawed late: %+v, want timed out and nothing started", got)
	}
}

// Orphans are reaped, and the children of Run are left to Run.
func TestReapOrphans(t *testing.T) {
	noChildren(t)
	ReapOrphans(t.Context()) // nothing to do for us: returns
	if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := unix.Prctl(unix.PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0); err != nil {
			t.Error(err)
		}
	}()
	ctx, cancel := context.WithCancel(t.Context())
	reaper := make(chan struct{})
	go func() { defer close(reaper); ReapOrphans(ctx) }()
	file := filepath.Join(t.TempDir(), "pid")
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			for j := range 10 {
				// A script that leaves a child of its own behind, which ends later.
				want := (i + j) % 3
				if got := Run(t.Context(), sh("sleep 0.0"+strconv.Itoa(j)+" & exit "+strconv.Itoa(want))); got.Exit != want || got.Err != nil {
					t.Errorf("%+v, want exit %d", got, want)
				}
			}
		})
	}
	all.Wait()
	if got := Run(t.Context(), sh("sh -c 'echo $$ >"+file+"; exec sleep 0.05' &")); !got.OK() {
		t.Errorf("%+v", got)
	}
	pid := pidIn(t, file)
	eventually(t, "the last orphan has been reaped", func() bool {
		return errors.Is(unix.Kill(pid, 0), unix.ESRCH)
	})
	eventually(t, "all orphans have been reaped", func() bool {
		err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
		return errors.Is(err, unix.ECHILD)
	})
	cancel()
	<-reaper
}

// BenchmarkRun is the price of one child that does nothing.
func BenchmarkRun(b *testing.B) {
	for b.Loop() {
		if r := Run(b.Context(), Cmd{Argv: []string{"/bin/true"}}); !r.OK() {
			b.Fatal(r.Reason())
		}
	}
}

// Many children at once, from many goroutines.
func TestMany(t *testing.T) {
	noChildren(t)
	var all sync.WaitGroup
	for i := range 200 {
		all.Go(func() {
			c := sh("exit " + strconv.Itoa(i%100))
			if i%10 == 0 {
				c = sh("sleep 60")
				c.Timeout = 300 * time.Millisecond
			}
			got := run(t.Context(), &c, quick)
			if i%10 == 0 && !got.TimedOut || i%10 != 0 && (got.Exit != i%100 || got.Err != nil) {
				t.Errorf("child %d: %+v", i, got)
			}
		})
	}
	all.Wait()
}
