package process

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// actAs, in the environment, makes the test binary be a daemon that goes to the
// background and then does what the value says.
const actAs = "PROCESS_TEST_ACT_AS"

func TestMain(m *testing.M) {
	if do := os.Getenv(actAs); do != "" {
		os.Exit(daemonMain(do))
	}
	os.Exit(m.Run())
}

func daemonMain(do string) int {
	background := Started()
	if background == nil {
		exit, err := Detach()
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
		}
		return exit
	}
	if n, err := strconv.Atoi(do); err == nil {
		fmt.Fprintln(os.Stderr, "cannot start")
		return n
	}
	stop := make(chan os.Signal, 1)
	signal.Notify(stop, unix.SIGTERM)
	pidFile, err := LockPIDFile("daemon.pid") // relative: the directory has to be the caller's
	if err != nil {
		return 99
	}
	if err := pidFile.Write(os.Getpid()); err != nil {
		return 98
	}
	switch do {
	case "killed":
		_ = unix.Kill(os.Getpid(), unix.SIGKILL)
	case "slow":
		fmt.Fprintln(os.Stderr, "starting")
		<-stop
		return 3
	case "run":
		fmt.Fprintln(os.Stderr, "starting")
		if err := background.Ready(); err != nil {
			return 97
		}
		fmt.Fprintln(os.Stderr, "to nobody")
		<-stop
	}
	return 0
}

type program struct {
	*exec.Cmd
	dir string
	out bytes.Buffer
}

func newProgram(t *testing.T, do string) *program {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	p := &program{dir: t.TempDir()}
	// Called by another name, as keepalived is by a link.
	name := filepath.Join(p.dir, "keepalived")
	if err := os.Symlink(self, name); err != nil {
		t.Fatal(err)
	}
	p.Cmd = exec.Command("./keepalived", "-f", "with space")
	p.Dir = p.dir
	p.Env = append(os.Environ(), actAs+"="+do)
	p.Stdout, p.Stderr = &p.out, &p.out
	p.WaitDelay = 20 * time.Second
	return p
}

// pid waits for the pid file and gives the pid in it.
func (p *program) pid(t *testing.T) int {
	t.Helper()
	var pid int
	nettest.WaitFor(t, 20*time.Second, func() bool {
		b, _ := os.ReadFile(filepath.Join(p.dir, "daemon.pid"))
		var err error
		pid, err = strconv.Atoi(strings.TrimSuffix(string(b), "\n"))
		return err == nil
	}, "a pid in the file")
	return pid
}

func waitGone(t *testing.T, pid int) {
	t.Helper()
	nettest.WaitFor(t, 20*time.Second, func() bool {
		state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		return err != nil || bytes.Contains(state, []byte(") Z "))
	}, "the end of the background process")
}

func TestDetach(t *testing.T) {
	p := newProgram(t, "run")
	if err := p.Run(); err != nil {
		t.Fatalf("foreground: %v, output %q", err, p.out.String())
	}
	if got := p.out.String(); got != "starting\n" {
		t.Errorf("output %q", got)
	}
	pid := p.pid(t)
	defer waitGone(t, pid)
	defer syscall.Kill(pid, syscall.SIGTERM)
	if sid, err := unix.Getsid(pid); err != nil || sid != pid {
		t.Errorf("session %d, %v; want its own, %d", sid, err, pid)
	}
	proc := fmt.Sprintf("/proc/%d/", pid)
	for file, want := range map[string]string{"cwd": "/", "fd/0": "/dev/null", "fd/1": "/dev/null", "fd/2": "/dev/null"} {
		if got, err := os.Readlink(proc + file); err != nil || got != want {
			t.Errorf("%s is %q, %v; want %q", file, got, err, want)
		}
	}
	if got, _ := os.ReadFile(proc + "cmdline"); string(got) != "./keepalived\x00-f\x00with space\x00" {
		t.Errorf("command line %q", got)
	}
	if got, _ := os.ReadFile(proc + "comm"); string(got) != "keepalived\n" {
		t.Errorf("process name %q, want the name it was called with", got)
	}
	// Nothing of the hand-over is left for the scripts. The pipe is closed after
	// the foreground process was let go.
	nettest.WaitFor(t, 20*time.Second, func() bool {
		to, _ := os.Readlink(proc + "fd/3")
		return !strings.HasPrefix(to, "pipe:")
	}, "the status pipe to be closed")
}

func TestDetachStatus(t *testing.T) {
	for _, tt := range []struct {
		do   string
		want int
		out  string
	}{
		{"0", 0, "cannot start\n"}, // such as: already running
		{"2", 2, "cannot start\n"},
		{"6", 6, "cannot start\n"},
		{"killed", 1, "the process in the background died: signal: killed\n"},
	} {
		p := newProgram(t, tt.do)
		err := p.Run()
		var exit *exec.ExitError
		if err != nil && !errors.As(err, &exit) {
			t.Fatal(err)
		}
		if got := p.ProcessState.ExitCode(); got != tt.want || p.out.String() != tt.out {
			t.Errorf("%s: status %d, output %q; want %d, %q", tt.do, got, p.out.String(), tt.want, tt.out)
		}
	}
}

// Ctrl-C while the daemon is still starting reaches it, although it is in another
// session.
func TestDetachInterrupted(t *testing.T) {
	p := newProgram(t, "slow")
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	pid := p.pid(t)
	if err := p.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	p.Wait()
	if got := p.ProcessState.ExitCode(); got != 3 {
		t.Errorf("status %d, want that of the background process, 3", got)
	}
	waitGone(t, pid)
}

func TestNotStarted(t *testing.T) {
	for _, value := range []string{"", "x", "0", "1000"} {
		t.Setenv(statusVariable, value)
		if Started() != nil {
			t.Errorf("%s=%q is taken for a start by Detach", statusVariable, value)
		}
		if _, ok := os.LookupEnv(statusVariable); ok {
			t.Error("the variable is left for children")
		}
	}
	var b *Background
	if err := b.Ready(); err != nil {
		t.Error(err)
	}
}
