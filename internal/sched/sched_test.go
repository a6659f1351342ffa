package sched_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/nettest"
	"github.com/holdfast-ha/holdfast/internal/sched"
	"github.com/holdfast-ha/holdfast/internal/spawn"
)

// The settings are those of a whole process, so each test is a process of its
// own: the test binary, run again with this in its environment.
const role = "HOLDFAST_TEST_SCHED"

var roles = map[string]func() error{"all": all, "nothing": nothing, "denied": denied}

func TestMain(m *testing.M) {
	if r := os.Getenv(role); r != "" {
		if err := roles[r](); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		return
	}
	os.Exit(m.Run())
}

func run(t *testing.T, name string, attr *syscall.SysProcAttr) {
	t.Helper()
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	c := exec.Command(exe)
	c.Env = append(os.Environ(), role+"="+name)
	c.SysProcAttr = attr
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

func needRoot(t *testing.T) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root may raise priorities")
	}
}

func TestEveryThreadAndNoChild(t *testing.T) { needRoot(t); run(t, "all", nil) }
func TestNothingIsTouched(t *testing.T)      { run(t, "nothing", nil) }

func TestWithoutPrivilege(t *testing.T) {
	var attr *syscall.SysProcAttr
	if os.Geteuid() == 0 {
		attr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	}
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	// Nobody may not look into the directory that the test binary is in.
	link := filepath.Join(t.TempDir(), "test")
	data, err := os.ReadFile(exe)
	if err != nil {
		t.Fatal(err)
	}
	if err := nettest.WriteProgram(link, data); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(link)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := exec.Command("/proc/self/fd/3")
	c.ExtraFiles = []*os.File{f}
	c.Env = append(os.Environ(), role+"=denied")
	c.Dir, c.SysProcAttr = "/", attr
	if out, err := c.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
}

// threads starts operating system threads and keeps them.
func threads(n int) {
	begun := make(chan bool)
	for range n {
		go func() {
			runtime.LockOSThread()
			begun <- true
			select {}
		}()
	}
	for range n {
		<-begun
	}
}

// look compares every thread of a process with what is wanted.
func look(pid string, policy, priority, nice int, cpus, name string) error {
	tasks, err := filepath.Glob("/proc/" + pid + "/task/*")
	if err != nil || len(tasks) == 0 {
		return fmt.Errorf("no threads: %w", err)
	}
	for _, task := range tasks {
		stat, err := os.ReadFile(task + "/stat")
		if err != nil {
			continue // it has ended
		}
		comm, rest, _ := strings.Cut(string(stat[bytes.IndexByte(stat, '(')+1:]), ") ")
		f := strings.Fields(rest) // from the third of proc(5) on
		if got, want := f[19-3]+" "+f[40-3]+" "+f[41-3], fmt.Sprint(nice, priority, policy); got != want {
			return fmt.Errorf("%s has nice value, real-time priority and policy %s, want %s", task, got, want)
		}
		if name != "" && comm != name {
			return fmt.Errorf("%s is called %q, want %q", task, comm, name)
		}
		status, err := os.ReadFile(task + "/status")
		if err != nil {
			continue
		}
		for line := range strings.Lines(string(status)) {
			if got, ok := strings.CutPrefix(line, "Cpus_allowed_list:"); ok && strings.TrimSpace(got) != cpus {
				return fmt.Errorf("%s may run on %s, want %s", task, strings.TrimSpace(got), cpus)
			}
		}
	}
	return nil
}

// niced is the nice value that the test was started with.
func niced() int {
	n, _ := unix.Getpriority(unix.PRIO_PROCESS, os.Getppid())
	return 20 - n // the system call has no negative results
}

func field(file, key string) string {
	data, _ := os.ReadFile(file)
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			return strings.Join(strings.Fields(rest), " ")
		}
	}
	return ""
}

// child runs a shell that looks at itself.
func child() (string, error) {
	r := spawn.Run(context.Background(), spawn.Cmd{
		Argv:    []string{"/bin/sh", "-c", "cat /proc/self/stat /proc/self/status /proc/self/limits; chrt -p $$"},
		Capture: true,
	})
	return string(r.Output), r.Err
}

func all() error {
	var start unix.CPUSet
	if err := unix.SchedGetaffinity(0, &start); err != nil {
		return err
	}
	before := field("/proc/self/status", "Cpus_allowed_list:")
	first := 0
	for !start.IsSet(first) {
		first++
	}
	cpu := fmt.Sprint(first)
	threads(5)
	// New threads come all the time, those that are being started meanwhile too.
	stop, done := make(chan bool), make(chan bool)
	go func() {
		defer close(done)
		for {
			select {
			case <-stop:
				return
			default:
				threads(1)
				runtime.Gosched()
			}
			time.Sleep(time.Millisecond)
		}
	}()
	err := sched.Apply(sched.Settings{Realtime: 7, CPUs: []int{first}, NoSwap: true, Limit: time.Second, Name: "a_name"})
	close(stop)
	<-done
	if err != nil {
		return err
	}
	threads(20)
	if err := look("self", unix.SCHED_RR, 7, niced(), cpu, "a_name"); err != nil {
		return err
	}
	if got := field("/proc/self/limits", "Max realtime timeout"); got != "500000 unlimited us" {
		return fmt.Errorf("limit %q", got)
	}
	if got := field("/proc/self/status", "VmLck:"); got == "0 kB" || got == "" {
		return fmt.Errorf("locked: %q", got)
	}
	out, err := child()
	if err != nil {
		return err
	}
	for _, want := range []string{"SCHED_OTHER", "VmLck:\t       0 kB"} {
		if !strings.Contains(out, want) {
			return fmt.Errorf("a child has not %q:\n%s", want, out)
		}
	}
	if !strings.Contains(out, "Cpus_allowed_list:\t"+before) || strings.Contains(out, "500000") {
		return fmt.Errorf("a child has our processors or limits, want %s:\n%s", before, out)
	}
	// The thread that forked is like the others again.
	if err := look("self", unix.SCHED_RR, 7, niced(), cpu, "a_name"); err != nil {
		return err
	}
	// A reload may change and take back everything.
	if err := sched.Apply(sched.Settings{Nice: -5}); err != nil {
		return err
	}
	if err := look("self", unix.SCHED_NORMAL, 0, -5, before, ""); err != nil {
		return err
	}
	if got := field("/proc/self/limits", "Max realtime timeout"); got != "unlimited unlimited us" {
		return fmt.Errorf("limit %q", got)
	}
	if err := sched.Apply(sched.Settings{Limit: 20 * time.Millisecond, Deadly: true}); err != nil {
		return err
	}
	if got := field("/proc/self/limits", "Max realtime timeout"); got != "10000 20000 us" {
		return fmt.Errorf("limit %q", got)
	}
	if err := sched.Apply(sched.Settings{}); err != nil {
		return err
	}
	if got := field("/proc/self/status", "VmLck:"); got != "0 kB" {
		return fmt.Errorf("locked: %q", got)
	}
	return look("self", unix.SCHED_NORMAL, 0, niced(), before, "")
}

// nothing: what a service manager has set stays.
func nothing() error {
	runtime.LockOSThread()
	if err := unix.Setpriority(unix.PRIO_PROCESS, 0, 3); err != nil {
		return err
	}
	if err := sched.Apply(sched.Settings{}); err != nil {
		return err
	}
	if x, err := unix.SchedGetAttr(0, 0); err != nil || x.Nice != 3 {
		return fmt.Errorf("nice value %+v, %v", x, err)
	}
	return nil
}

// denied: everything that fails is named, and what can be set is set.
func denied() error {
	err := sched.Apply(sched.Settings{Realtime: 7, NoSwap: true, Name: "a_name"})
	if !errors.Is(err, unix.EPERM) || !strings.Contains(err.Error(), "real-time priority 7") || !strings.Contains(err.Error(), "in memory") {
		return fmt.Errorf("error %v", err)
	}
	if sched.Realtime() != 0 {
		return errors.New("claims to have a real-time priority")
	}
	out, err := child()
	if err != nil || !strings.Contains(out, "SCHED_OTHER") {
		return fmt.Errorf("a child: %v\n%s", err, out)
	}
	return look("self", unix.SCHED_NORMAL, 0, niced(), field("/proc/self/status", "Cpus_allowed_list:"), "a_name")
}
