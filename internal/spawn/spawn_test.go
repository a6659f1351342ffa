package spawn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
	"golang.org/x/sys/unix"
)

// quick is the schedule of the tests.
var quick = schedule{
	kill:  150 * time.Millisecond,
	stuck: 150 * time.Millisecond,
	again: 100 * time.Millisecond,
	stop:  150 * time.Millisecond,
}

func TestMain(m *testing.M) {
	if arg := os.Getenv("SPAWN_TEST_RUN"); arg != "" {
		// The process of TestParentDeath: runs a child until it is killed.
		Run(context.Background(), Cmd{Argv: []string{"/bin/sh", "-c", arg}})
		os.Exit(0)
	}
	if role := leakRoles[os.Getenv("SPAWN_TEST_LEAK")]; role != nil {
		if err := role(); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("os/signal.loop"))
}

// noChildren fails the test when a child of this process is left, running or
// not reaped.
func noChildren(t *testing.T) {
	t.Helper()
	t.Cleanup(func() {
		t.Helper()
		eventually(t, "all children are gone", func() bool {
			err := unix.Waitid(unix.P_ALL, 0, nil, unix.WEXITED|unix.WNOHANG|unix.WNOWAIT, nil)
			return errors.Is(err, unix.ECHILD)
		})
	})
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

// script writes an executable file that every user may run.
func script(t *testing.T, name, body string, mode os.FileMode) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "spawn")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777); err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, []byte(body), mode); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(path, mode); err != nil {
		t.Fatal(err)
	}
	return path
}

func sh(text string) Cmd { return Cmd{Argv: []string{"/bin/sh", "-c", text}} }

// gone reports whether a process has ended; a zombie counts as ended.
func gone(pid int) bool {
	b, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return true
	}
	_, rest, _ := strings.Cut(string(b), ") ")
	return strings.HasPrefix(rest, "Z") || strings.HasPrefix(rest, "X")
}

func pidIn(t *testing.T, file string) int {
	t.Helper()
	var pid int
	eventually(t, "a process id in "+file, func() bool {
		b, _ := os.ReadFile(file)
		line, ok := strings.CutSuffix(string(b), "\n")
		n, err := strconv.Atoi(line)
		pid = n
		return ok && err == nil
	})
	return pid
}

func TestResults(t *testing.T) {
	noChildren(t)
	tests := []struct {
		name   string
		cmd    Cmd
		want   Result
		reason string
	}{
		{"success", sh("exit 0"), Result{}, "exit 0"},
		{"failure", sh("exit 3"), Result{Exit: 3}, "exit 3"},
		{"signal", sh("kill -9 $$"), Result{Signal: 9}, "signal 9"},
		{"own SIGTERM is no time-out", sh("kill -15 $$"), Result{Signal: 15}, "signal 15"},
		{"argv[0] is not the path", Cmd{Argv: []string{"other", "-c", `test "$0" = other`}, Path: "/bin/sh"}, Result{}, "exit 0"},
		{"extra arguments", Cmd{Argv: []string{"/bin/sh", "-c", `test "$*" = "a b" && test $# = 1`, "x"}, ExtraArgs: []string{"a b"}}, Result{}, "exit 0"},
		{"shell", Cmd{Shell: true, Raw: "false || exit 7"}, Result{Exit: 7}, "exit 7"},
		{"shell with extra arguments", Cmd{Shell: true, Raw: "true; test it's =", ExtraArgs: []string{"x"}}, Result{Exit: 2}, "exit 2"},
		{"shell quotes extra arguments", Cmd{Shell: true, Raw: `true && test "it's \$(a)" =`, ExtraArgs: []string{"it's $(a)"}}, Result{}, "exit 0"},
		{"directory", Cmd{Argv: []string{"/bin/pwd"}, Dir: "/"}, Result{}, "exit 0"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := Run(t.Context(), test.cmd)
			if got.PID == 0 || got.Duration <= 0 {
				t.Errorf("PID %d, Duration %v: want both set", got.PID, got.Duration)
			}
			got.PID, got.Duration = 0, 0
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("result (-want +got):\n%s", diff)
			}
			if got.Reason() != test.reason {
				t.Errorf("reason %q, want %q", got.Reason(), test.reason)
			}
			if want := test.reason == "exit 0"; got.OK() != want {
				t.Errorf("OK() = %v, want %v", got.OK(), want)
			}
		})
	}
}

func TestCannotRun(t *testing.T) {
	noChildren(t)
	missing := filepath.Join(t.TempDir(), "missing")
	plain := script(t, "plain", "#!/bin/sh\n", 0o644)
	foreign := script(t, "foreign", "\x7fELF\x02\x01\x01 nothing this machine knows", 0o755)
	binary := script(t, "binary", "x\x00y", 0o755)
	noInterpreter := script(t, "nointerp", "#!/no/such/shell\n", 0o755)
	tests := []struct {
		name string
		path string
		want syscall.Errno
		line string
	}{
		{"missing", missing, syscall.ENOENT, "Error exec-ing command '" + missing + "', error 2: No such file or directory"},
		{"not executable", plain, syscall.EACCES, "Error exec-ing command '" + plain + "', error 13: Permission denied"},
		{"directory", "/", syscall.EACCES, "Error exec-ing command '/', error 13: Permission denied"},
		{"program of another machine", foreign, syscall.ENOEXEC, "Error exec-ing command '" + foreign + "', error 8: Exec format error"},
		{"binary", binary, syscall.ENOEXEC, "Error exec-ing command '" + binary + "', error 8: Exec format error"},
		{"interpreter missing", noInterpreter, syscall.ENOENT, "Error exec-ing command '" + noInterpreter + "', error 2: No such file or directory"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			got := Run(t.Context(), Cmd{Argv: []string{test.path, "a"}})
			var e *ExecError
			if !errors.As(got.Err, &e) || !errors.Is(e, test.want) {
				t.Fatalf("error %v, want an ExecError with %v", got.Err, test.want)
			}
			if e.Line() != test.line {
				t.Errorf("line\n%s, want\n%s", e.Line(), test.line)
			}
			if got.OK() {
				t.Error("OK() = true")
			}
			if c := got.Compat(); !c.OK() {
				t.Errorf("Compat().OK() = false: %+v", c)
			}
		})
	}
	if got := Run(t.Context(), Cmd{}); got.OK() || got.Err == nil {
		t.Errorf("empty command: %+v, want an error", got)
	}
	if got := (Result{Exit: 1}).Compat(); got.OK() {
		t.Error("Compat makes a failure a success")
	}
}

// A file without #! is run by the shell; its arguments arrive unchanged.
func TestNoShebang(t *testing.T) {
	noChildren(t)
	path := script(t, "plain text", "printf '%s|' \"$0\" \"$@\"\n", 0o755)
	args := []string{"a b", "it's", "$(x)", "-n", "", "*"}
	got := Run(t.Context(), Cmd{Argv: append([]string{path}, args...), ExtraArgs: []string{"INSTANCE"}, Capture: true})
	want := strings.Join(slices.Concat([]string{path}, args, []string{"INSTANCE"}), "|") + "|"
	if string(got.Output) != want || !got.NoShebang || !got.OK() {
		t.Errorf("got %q, %+v, want %q", got.Output, got, want)
	}
	if empty := script(t, "empty", "", 0o755); !func() bool { r := Run(t.Context(), Cmd{Argv: []string{empty}}); return r.OK() }() {
		t.Error("an empty file does not succeed, but the shell says it does")
	}
}

// What the child has: descriptors, signals, group, directory, environment.
func TestChildSees(t *testing.T) {
	noChildren(t)
	// Each of these would reach the child if nobody saw to it.
	leak, err := unix.Open("/dev/zero", unix.O_RDONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer unix.Close(leak)
	signal.Ignore(syscall.SIGHUP, syscall.SIGUSR2)
	defer signal.Reset(syscall.SIGHUP, syscall.SIGUSR2)
	dir := t.TempDir()
	out := filepath.Join(dir, "out")

	c := sh(`exec 9>` + out + `; cat /proc/self/status >&9
echo "Cwd: $(pwd)" >&9; echo "Self: $$" >&9; echo "Pgrp: $(cut -d' ' -f5 /proc/$$/stat)" >&9
env | sed 's/^/Env: /' >&9`)
	c.Dir = dir
	c.Env = []string{
		"HOME=/root", "IFS=x", "LD_PRELOAD=/x.so", "LD_LIBRARY_PATH=/x", "NOTIFY_SOCKET=/run/x",
		"WATCHDOG_USEC=1", "WATCHDOG_PID=1", "LISTEN_FDS=1", "LISTEN_PID=1", "LISTEN_FDNAMES=x",
		"IFS_OTHER=kept", "A=b=c",
	}
	p := newChild(&c)
	go func() {
		// A thread that was started with blocked signals.
		runtime.LockOSThread()
		var old, block unix.Sigset_t
		block.Val[0] = 1<<(unix.SIGUSR1-1) | 1<<(unix.SIGTERM-1)
		if err := unix.PthreadSigmask(unix.SIG_BLOCK, &block, &old); err != nil {
			t.Error(err)
		}
		p.main()
		var now unix.Sigset_t
		if err := unix.PthreadSigmask(unix.SIG_SETMASK, &old, &now); err != nil {
			t.Error(err)
		}
		if now.Val[0]&block.Val[0] != block.Val[0] {
			t.Error("the mask of the thread was not given back")
		}
		runtime.UnlockOSThread()
	}()
	got := p.supervise(t.Context(), quick)
	if !got.OK() {
		t.Fatalf("%+v", got)
	}
	b, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	fields := map[string][]string{}
	for line := range strings.Lines(string(b)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		fields[key] = append(fields[key], strings.TrimSpace(value))
	}
	for i, ignored := range fields["SigIgn"] {
		fields["SigIgn"][i] = withoutLibcSignals(t, ignored)
	}
	pid := strconv.Itoa(got.PID)
	want := map[string][]string{
		"SigBlk": {"0000000000000000"},
		"SigIgn": {"0000000000000000"},
		"SigCgt": {"0000000000000000"},
		"Cwd":    {dir},
		"Self":   {pid},
		"Pgrp":   {pid},
	}
	for _, key := range []string{"SigBlk", "SigIgn", "SigCgt", "Cwd", "Self", "Pgrp"} {
		if diff := cmp.Diff(want[key], fields[key]); diff != "" {
			t.Errorf("%s (-want +got):\n%s", key, diff)
		}
	}
	env := slices.DeleteFunc(fields["Env"], func(s string) bool {
		name, _, _ := strings.Cut(s, "=")
		return slices.Contains([]string{"PWD", "OLDPWD", "_", "SHLVL"}, name) // made by the shell
	})
	slices.Sort(env)
	if diff := cmp.Diff([]string{"A=b=c", "HOME=/root", "IFS_OTHER=kept"}, env); diff != "" {
		t.Errorf("environment (-want +got):\n%s", diff)
	}
	// The shell opens descriptors of its own, so this asks others: 3 is the
	// directory that ls reads.
	null := Run(t.Context(), sh(`for fd in 0 1 2; do test "$(readlink /proc/$$/fd/$fd)" = /dev/null || exit 1; done`))
	if !null.OK() {
		t.Errorf("standard descriptors are not /dev/null: %s", null.Reason())
	}
	fds := Run(t.Context(), Cmd{Argv: []string{"/bin/ls", "/proc/self/fd"}, Capture: true})
	if diff := cmp.Diff("0\n1\n2\n3\n", string(fds.Output)); diff != "" {
		t.Errorf("descriptors (-want +got):\n%s", diff)
	}
	// Nobody listens to the signals now; the daemon has to survive them still.
	if err := syscall.Kill(os.Getpid(), syscall.SIGHUP); err != nil {
		t.Error(err)
	}
}

func TestEnvironOfDaemon(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "/run/x")
	t.Setenv("SPAWN_TEST_SEEN", "1")
	got := Environ(nil)
	if slices.Contains(got, "NOTIFY_SOCKET=/run/x") || !slices.Contains(got, "SPAWN_TEST_SEEN=1") {
		t.Errorf("environment of the daemon: %q", got)
	}
}

func TestOtherUser(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("needs root to change the user")
	}
	noChildren(t)
	c := Cmd{Argv: []string{"/bin/cat", "/proc/self/status"}, SetUser: true, UID: 65534, GID: 65533, Capture: true}
	got := Run(t.Context(), c)
	want := []string{"Gid:\t65533\t65533\t65533\t65533", "Groups:\t65533", "Uid:\t65534\t65534\t65534\t65534"}
	var lines []string
	for line := range strings.Lines(string(got.Output)) {
		if key, _, _ := strings.Cut(line, ":"); key == "Uid" || key == "Gid" || key == "Groups" {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	slices.Sort(lines)
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("identity (-want +got):\n%s\n%+v", diff, got)
	}
}

func TestFileTest(t *testing.T) {
	noChildren(t)
	file := script(t, "it's a $(file)", "", 0o600)
	tests := []struct {
		name string
		cmd  Cmd
		want bool
		root bool
	}{
		{"readable", Cmd{FileTest: true, Path: file}, true, false},
		{"missing", Cmd{FileTest: true, Path: file + "x"}, false, false},
		{"from the words", Cmd{FileTest: true, Argv: []string{"<", "/dev/null"}}, true, false},
		{"from one word", Cmd{FileTest: true, Argv: []string{"</dev/null"}}, true, false},
		{"no file", Cmd{FileTest: true, Argv: []string{"<"}}, false, false},
		{"not for this user", Cmd{FileTest: true, Path: file, SetUser: true, UID: 65534, GID: 65534}, false, true},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if test.root && os.Getuid() != 0 {
				t.Skip("needs root to change the user")
			}
			if got := Run(t.Context(), test.cmd); got.OK() != test.want {
				t.Errorf("OK() = %v (%s), want %v", got.OK(), got.Reason(), test.want)
			}
		})
	}
}

func TestOutput(t *testing.T) {
	noChildren(t)
	const flood = "head -c 10000000 /dev/zero; head -c 10000000 /dev/zero >&2; echo end"
	if got := Run(t.Context(), sh(flood)); !got.OK() || got.Output != nil {
		t.Errorf("without capture: %+v", got)
	}
	c := sh(flood)
	c.Capture = true
	got := Run(t.Context(), c)
	if want := append(bytes.Repeat([]byte{0}, tailSize-4), "end\n"...); !bytes.Equal(got.Output, want) {
		t.Errorf("%d bytes, end %q, want %d bytes that end in \"end\\n\"", len(got.Output), got.Output[max(0, len(got.Output)-8):], len(want))
	}

	// A background process that holds the pipe open is not waited for.
	file := filepath.Join(t.TempDir(), "pid")
	c = sh("sleep 60 & echo $! >" + file + "; echo done")
	c.Capture = true
	got = Run(t.Context(), c)
	if string(got.Output) != "done\n" || !got.OK() {
		t.Errorf("output %q, %+v, want \"done\\n\"", got.Output, got)
	}
	pid := pidIn(t, file)
	if gone(pid) {
		t.Error("the background process was ended with a child that exited by itself")
	}
	if err := unix.Kill(pid, unix.SIGKILL); err != nil {
		t.Error(err)
	}
}

// withoutLibcSignals takes signals 32 and 33 out of a mask of /proc/PID/status.
// They belong to the C library: no program can set what it does with them, and
// whoever started the tests may have left them ignored.
func withoutLibcSignals(t *testing.T, mask string) string {
	t.Helper()
	m, err := strconv.ParseUint(mask, 16, 64)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%016x", m&^(1<<31|1<<32))
}
