package spawn

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/privilege"
	"github.com/holdfast-ha/holdfast/internal/sched"
)

// leakRoles are what the test binary is in the tests of what children have: a
// daemon that has a lot to lose, and its child, which tells what it has got.
var leakRoles = map[string]func() error{"daemon": leakyDaemon, "child": inventory}

// inventory lists what a process has, without what differs from run to run.
func inventory() error {
	fds, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		return err
	}
	for _, e := range fds {
		to, err := os.Readlink("/proc/self/fd/" + e.Name())
		if err == nil && !strings.HasPrefix(to, "anon_inode") && !strings.HasPrefix(to, "/sys/fs/cgroup") { // the Go runtime's own
			fmt.Printf("fd %s %s\n", e.Name(), strings.TrimRight(to, "0123456789[]"))
		}
	}
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return err
	}
	keys := []string{"Uid", "Gid", "Groups", "CapInh", "CapPrm", "CapEff", "CapAmb", "NoNewPrivs", "SigBlk"}
	for line := range strings.Lines(string(status)) {
		if key, value, _ := strings.Cut(line, ":"); slices.Contains(keys, key) {
			fmt.Println(key, strings.Join(strings.Fields(value), " "))
		}
	}
	a, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		return err
	}
	fmt.Println("policy", a.Policy, "priority", a.Priority, "nice", a.Nice)
	for _, l := range []struct {
		name  string
		which int
	}{{"rttime", unix.RLIMIT_RTTIME}, {"nofile", unix.RLIMIT_NOFILE}, {"memlock", unix.RLIMIT_MEMLOCK}} {
		var lim unix.Rlimit
		if err := unix.Getrlimit(l.which, &lim); err != nil {
			return err
		}
		if l.which == unix.RLIMIT_NOFILE { // the Go runtime of this process has raised it
			lim.Cur = 0
		}
		fmt.Println("limit", l.name, lim.Cur, lim.Max)
	}
	fmt.Println("umask", fmt.Sprintf("%04o", unix.Umask(0)), "pgrp", unix.Getpgrp() == os.Getpid())
	for _, e := range os.Environ() {
		if strings.HasPrefix(e, "LD_") || strings.HasPrefix(e, "BASH") || strings.HasPrefix(e, "NOTIFY") {
			fmt.Println("env", e)
		}
	}
	return nil
}

// leakyDaemon has descriptors, capabilities and a priority, and runs a child.
func leakyDaemon() error {
	for _, path := range []string{"/dev/zero", "/", "/proc/self/mem"} {
		if _, err := unix.Open(path, unix.O_RDONLY, 0); err != nil { // without O_CLOEXEC
			return err
		}
	}
	if _, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0); err != nil {
		return err
	}
	base, raise := privilege.NetAdmin|privilege.NetRaw, privilege.SetUID|privilege.SetGID|privilege.Kill|privilege.SysNice
	if _, err := privilege.Shrink(base, raise); err != nil {
		return err
	}
	if err := sched.Apply(sched.Settings{Nice: -5, Limit: time.Second}); err != nil {
		return err
	}
	for _, name := range []string{"LD_PRELOAD", "LD_AUDIT", "BASH_ENV", "BASH_FUNC_ls%%", "NOTIFY_SOCKET"} {
		os.Setenv(name, "/nothing")
	}
	uid, err := strconv.ParseUint(os.Getenv("SPAWN_TEST_UID"), 10, 32)
	if err != nil {
		return err
	}
	os.Setenv("SPAWN_TEST_LEAK", "child")
	self, err := os.Executable()
	if err != nil {
		return err
	}
	r := Run(context.Background(), Cmd{Argv: []string{self}, SetUser: true, UID: uint32(uid), GID: uint32(uid), Capture: true})
	os.Stdout.Write(r.Output)
	if !r.OK() {
		return errors.New(r.Reason())
	}
	return nil
}

// What a child has of a daemon that could do a lot: nothing.
func TestNothingLeaks(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root, to become others")
	}
	self := publicCopy(t)
	var nofile, memlock unix.Rlimit
	if err := errors.Join(unix.Getrlimit(unix.RLIMIT_NOFILE, &nofile), unix.Getrlimit(unix.RLIMIT_MEMLOCK, &memlock)); err != nil {
		t.Fatal(err)
	}
	own, err := unix.SchedGetAttr(0, 0)
	if err != nil {
		t.Fatal(err)
	}
	full, err := privilege.Permitted()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ daemon, child int }{{0, 65534}, {0, 0}, {65534, 65534}, {65534, 4321}} {
		t.Run(fmt.Sprintf("daemon of %d, child of %d", c.daemon, c.child), func(t *testing.T) {
			cmd := exec.Command(self)
			cmd.Dir = "/"
			cmd.Env = append(os.Environ(), "SPAWN_TEST_LEAK=daemon", fmt.Sprintf("SPAWN_TEST_UID=%d", c.child))
			if c.daemon != 0 {
				cmd.SysProcAttr = &syscall.SysProcAttr{
					Credential:  &syscall.Credential{Uid: uint32(c.daemon), Gid: uint32(c.daemon), Groups: []uint32{uint32(c.daemon), 7}},
					AmbientCaps: []uintptr{unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_SETUID, unix.CAP_SETGID, unix.CAP_KILL, unix.CAP_SYS_NICE},
				}
			}
			out, err := cmd.CombinedOutput()
			if bytes.Contains(out, []byte(privilege.ErrUnable.Error())) {
				t.Skip(string(out))
			}
			if err != nil {
				t.Fatalf("%v: %s", err, out)
			}
			groups, caps := strconv.Itoa(c.child), privilege.Set(0)
			if c.daemon == c.child && c.child != 0 {
				groups = "7 " + groups // they stay as they are
			}
			if c.child == 0 {
				caps = full // root is root
			}
			ids := strings.TrimSpace(strings.Repeat(strconv.Itoa(c.child)+" ", 4))
			want := fmt.Sprintf(`fd 0 /dev/null
fd 1 pipe:
fd 2 pipe:
Uid %[1]s
Gid %[1]s
Groups %[2]s
SigBlk 0000000000000000
CapInh 0000000000000000
CapPrm %016[3]x
CapEff %016[3]x
CapAmb 0000000000000000
NoNewPrivs 0
policy 0 priority 0 nice %[4]d
limit rttime %[5]d %[5]d
limit nofile 0 %[6]d
limit memlock %[7]d %[8]d
umask %04[9]o pgrp true
`, ids, groups, uint64(caps), own.Nice, uint64(unix.RLIM_INFINITY), nofile.Max, memlock.Cur, memlock.Max, umaskOf())
			var got []string
			for line := range strings.Lines(string(out)) {
				if !strings.HasPrefix(line, "fd ") || !strings.HasSuffix(line, "/proc/"+"\n") && !strings.Contains(line, "/fd\n") {
					got = append(got, line)
				}
			}
			if diff := cmp.Diff(strings.SplitAfter(want, "\n"), append(got, "")); diff != "" {
				t.Errorf("a child has (-want +got):\n%s", diff)
			}
		})
	}
}

// umaskOf is the umask of this process.
func umaskOf() int {
	mask := unix.Umask(0)
	unix.Umask(mask)
	return mask
}

// publicCopy copies this program to where every user may run it.
func publicCopy(t *testing.T) string {
	t.Helper()
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	path := script(t, "self", string(self), 0o755)
	if err := os.Chmod(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// verdict is what a check says.
type verdict struct{ err error }

func (v verdict) Check() error { return v.err }

// A check refuses what would have been run, in strict compatibility too.
func TestCheckRefuses(t *testing.T) {
	noChildren(t)
	ran := filepath.Join(t.TempDir(), "ran")
	c := sh("touch " + ran)
	c.Check = verdict{errors.New("/x could be changed by others: owner 0:0, mode 0777")}
	got := Run(t.Context(), c)
	e, is := errors.AsType[*ExecError](got.Err)
	if !is || got.OK() || got.PID != 0 || got.Compat().Err == nil {
		t.Fatalf("%+v", got)
	}
	if want := "Not running command '/bin/sh': /x could be changed by others: owner 0:0, mode 0777"; e.Line() != want {
		t.Errorf("%q, want %q", e.Line(), want)
	}
	if _, err := os.Stat(ran); err == nil {
		t.Error("it was run")
	}
	c.Check = verdict{}
	if got := Run(t.Context(), c); !got.OK() {
		t.Errorf("%+v", got)
	}
}

// A child that leaves its group and its parent holds up nobody, and has nothing of
// ours that it could hold.
func TestDoubleFork(t *testing.T) {
	if _, err := exec.LookPath("setsid"); err != nil {
		t.Skip(err)
	}
	noChildren(t)
	file := filepath.Join(t.TempDir(), "pid")
	for _, capture := range []bool{false, true} {
		c := sh("(setsid sh -c 'echo $$ >" + file + "; exec sleep 60' &) & while ! test -s " + file + "; do sleep 0.01; done; echo done")
		c.Capture, c.Timeout = capture, 30*time.Second
		got := Run(t.Context(), c)
		if !got.OK() {
			t.Fatalf("%+v", got)
		}
		pid := pidIn(t, file)
		if gone(pid) {
			t.Error("it was ended although the script had ended by itself")
		}
		_ = unix.Kill(pid, unix.SIGKILL)
		os.Remove(file)
	}
}
