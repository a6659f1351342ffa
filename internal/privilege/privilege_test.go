package privilege_test

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/nettest"
	. "github.com/holdfast-ha/holdfast/internal/privilege"
)

// parts are what the test binary does as a process of its own: what is given up
// cannot be had again.
var parts = map[string]func() error{"shrink": shrink, "lock": lock, "user": user}

func TestMain(m *testing.M) {
	part := parts[os.Getenv("PRIVILEGE_TEST")]
	if part == nil {
		os.Exit(m.Run())
	}
	if err := part(); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
}

func run(t *testing.T, part string, as *syscall.SysProcAttr) {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("needs root")
	}
	cmd := exec.Command(copyForAll(t))
	cmd.Env, cmd.Dir, cmd.SysProcAttr = append(os.Environ(), "PRIVILEGE_TEST="+part), "/", as
	out, err := cmd.CombinedOutput()
	if strings.Contains(string(out), ErrUnable.Error()) {
		t.Skip(string(out))
	}
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
}

// copyForAll copies this program to where every user may run it.
func copyForAll(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "privilege")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	self, err := os.ReadFile("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(dir, "self")
	if err := nettest.WriteProgram(path, self); err != nil {
		t.Fatal(err)
	}
	return path
}

func TestShrink(t *testing.T) { run(t, "shrink", nil) }
func TestLock(t *testing.T)   { run(t, "lock", nil) }

func TestShrinkAsOrdinaryUser(t *testing.T) {
	run(t, "user", &syscall.SysProcAttr{
		Credential:  &syscall.Credential{Uid: 65534, Gid: 65534},
		AmbientCaps: []uintptr{unix.CAP_NET_ADMIN, unix.CAP_NET_RAW, unix.CAP_SETUID},
	})
}

// threads starts operating system threads that stay.
func threads(n int) (stop func()) {
	var started, ended sync.WaitGroup
	quit := make(chan struct{})
	for range n {
		started.Add(1)
		ended.Go(func() {
			runtime.LockOSThread()
			started.Done()
			<-quit
		})
	}
	started.Wait()
	return func() { close(quit); ended.Wait() }
}

// look compares the sets of all threads, in the order of proc(5): inheritable,
// permitted, effective, ambient.
func look(want ...Set) error {
	tasks, err := filepath.Glob("/proc/self/task/*")
	if err != nil || len(tasks) < 8 {
		return fmt.Errorf("threads %v, %v", tasks, err)
	}
	for _, task := range tasks {
		got, err := status(task)
		if err != nil {
			continue // it has ended
		}
		for i, key := range []string{"CapInh", "CapPrm", "CapEff", "CapAmb"} {
			if got[key] != want[i] {
				return fmt.Errorf("%s has %s: %v, want %v", task, key, got[key], want[i])
			}
		}
	}
	return nil
}

func status(dir string) (map[string]Set, error) {
	text, err := os.ReadFile(dir + "/status")
	got := map[string]Set{}
	for line := range strings.Lines(string(text)) {
		key, value, _ := strings.Cut(strings.TrimSpace(line), ":\t")
		if n, err := strconv.ParseUint(value, 16, 64); err == nil {
			got[key] = Set(n)
		}
	}
	return got, err
}

// child is what a program that is executed has.
func child() (map[string]Set, error) {
	out, err := exec.Command("/bin/cat", "/proc/self/status").Output()
	if err != nil {
		return nil, err
	}
	dir, err := os.MkdirTemp("", "status")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir)
	if err := os.WriteFile(dir+"/status", out, 0o600); err != nil {
		return nil, err
	}
	return status(dir)
}

func shrink() error {
	defer threads(6)()
	base, raise := NetAdmin|NetRaw, SetUID|Chown
	given, err := Shrink(base, raise)
	if err != nil {
		return err
	}
	if given&SysAdmin == 0 || given&(base|raise) != 0 {
		return fmt.Errorf("given up: %v", given)
	}
	defer threads(3)()
	if err := look(0, base|raise, base, 0); err != nil {
		return err
	}
	var err2 error
	err = With(SetUID|SysAdmin, func() error {
		// Only this thread, and only what is permitted.
		got, err := status("/proc/thread-self")
		if err != nil || got["CapEff"] != base|SetUID {
			err2 = fmt.Errorf("within With: %v, %v", got["CapEff"], err)
		}
		defer threads(2)() // they get nothing of it
		for _, task := range must(filepath.Glob("/proc/self/task/*")) {
			got, err := status(task)
			if err == nil && filepath.Base(task) != strconv.Itoa(unix.Gettid()) && got["CapEff"] != base {
				err2 = fmt.Errorf("another thread, within With: %v", got["CapEff"])
			}
		}
		return With(Chown, func() error { return unix.EXDEV })
	})
	if err != unix.EXDEV || err2 != nil {
		return fmt.Errorf("%w, %w", err, err2)
	}
	if err := look(0, base|raise, base, 0); err != nil {
		return fmt.Errorf("after With: %w", err)
	}
	got, err := child()
	if err != nil || got["CapEff"]&SysAdmin == 0 {
		return fmt.Errorf("a child of root has %v, %w, want all", got["CapEff"], err)
	}
	return nil
}

func must[T any](v T, err error) T {
	if err != nil {
		panic(err)
	}
	return v
}

func lock() error {
	defer threads(6)()
	keep := NetAdmin | NetRaw
	if err := Bound(keep); err != nil {
		return err
	}
	if err := NoNewPrivileges(); err != nil {
		return err
	}
	if _, err := Shrink(keep, 0); err != nil {
		return err
	}
	if err := look(0, keep, keep, 0); err != nil {
		return err
	}
	got, err := child()
	if err != nil || got["CapEff"]&^keep != 0 || got["CapBnd"] != keep || got["NoNewPrivs"] != 1 {
		return fmt.Errorf("a child has %v of %v, %w", got["CapEff"], got["CapBnd"], err)
	}
	return nil
}

func user() error {
	defer threads(6)()
	if _, err := Shrink(NetAdmin|NetRaw, SetUID); err != nil {
		return err
	}
	if err := look(0, NetAdmin|NetRaw|SetUID, NetAdmin|NetRaw, 0); err != nil {
		return err
	}
	got, err := child()
	if err != nil || got["CapEff"]|got["CapPrm"]|got["CapInh"]|got["CapAmb"] != 0 {
		return fmt.Errorf("a child has %v, %w, want nothing", got, err)
	}
	return nil
}

func TestNames(t *testing.T) {
	for set, want := range map[Set]string{
		0: "none", NetAdmin | Chown: "CAP_CHOWN CAP_NET_ADMIN",
		SysAdmin: "CAP_SYS_ADMIN", 1 << 40: "CAP_CHECKPOINT_RESTORE", 1 << 63: "CAP_63",
	} {
		if got := set.String(); got != want {
			t.Errorf("%x: %s, want %s", uint64(set), got, want)
		}
	}
	if n := (NetAdmin | Chown).Len(); n != 2 {
		t.Errorf("length %d", n)
	}
}
