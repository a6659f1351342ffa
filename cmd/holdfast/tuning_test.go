package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// threadsOf lists how the threads of a process run, without what is the same
// twice: policy, real-time priority and nice value, processors and name.
func threadsOf(pid int) []string {
	tasks, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*", pid))
	seen := map[string]bool{}
	var all []string
	for _, task := range tasks {
		stat, err := os.ReadFile(task + "/stat")
		status, err2 := os.ReadFile(task + "/status")
		if err != nil || err2 != nil {
			continue // it has ended
		}
		head, rest, _ := strings.Cut(string(stat), ") ")
		_, comm, _ := strings.Cut(head, "(")
		f := strings.Fields(rest) // from the third of proc(5) on
		_, cpus, _ := strings.Cut(string(status), "Cpus_allowed_list:")
		cpus, _, _ = strings.Cut(cpus, "\n")
		line := fmt.Sprintf("policy %s rt %s nice %s cpus %s name %s", f[41-3], f[40-3], f[19-3], strings.TrimSpace(cpus), comm)
		if !seen[line] {
			seen[line] = true
			all = append(all, line)
		}
	}
	return all
}

func procField(pid int, file, key string) string {
	data, _ := os.ReadFile(fmt.Sprintf("/proc/%d/%s", pid, file))
	for line := range strings.Lines(string(data)) {
		if rest, ok := strings.CutPrefix(line, key); ok {
			return strings.Join(strings.Fields(rest), " ")
		}
	}
	return ""
}

const tuned = `
global_defs {
    vrrp_version 3
    enable_script_security
    script_user root
    vrrp_rt_priority %d
    vrrp_rlimit_rttime 400000
    vrrp_cpu_affinity 0
    vrrp_no_swap
    process_names
}
vrrp_script chk {
    script "%s"
    interval 1
    weight 1
}
`

// Every thread of the daemon runs as the configuration says, those that the
// runtime starts later too, and no script does. A reload changes it.
func TestTuning(t *testing.T) {
	nettest.Require(t)
	if os.Geteuid() != 0 {
		t.Skip("only root may raise priorities")
	}
	if out, err := exec.Command("chrt", "-r", "1", "true").CombinedOutput(); err != nil {
		t.Skipf("no real-time priority on this machine: %s", out)
	}
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	dir := t.TempDir()
	script := filepath.Join(dir, "chk")
	seen := filepath.Join(dir, "seen")
	text := "#!/bin/sh\n{ chrt -p $$; taskset -cp $$; grep realtime.timeout /proc/$$/limits; grep VmLck /proc/$$/status; } >" + seen + ".new 2>&1\nmv " + seen + ".new " + seen + "\n"
	if err := nettest.WriteProgram(script, []byte(text)); err != nil {
		t.Fatal(err)
	}
	before := threadsOf(os.Getpid())
	conf := func(priority int) string {
		return fmt.Sprintf(tuned, priority, script) + fast("VI_1", 51, 100, "track_script {\n chk\n }", vip)
	}
	n := newNode(t, lan.Node(1), conf(3)).start()
	n.waitLog("Entering MASTER STATE")
	pid := n.proc.PID()
	check := func(what, want string) {
		t.Helper()
		nettest.WaitFor(t, 5*time.Second, func() bool { return strings.Join(threadsOf(pid), "; ") == want }, what+": "+want)
	}
	check("threads", "policy 2 rt 3 nice "+niceOf(before)+" cpus 0 name keepalived_vrrp")
	if got := procField(pid, "limits", "Max realtime timeout"); got != "200000 unlimited us" {
		t.Errorf("limit %q", got)
	}
	if got := procField(pid, "status", "VmLck:"); got == "0 kB" || got == "" {
		t.Errorf("locked %q", got)
	}
	nettest.WaitFor(t, 5*time.Second, func() bool { _, err := os.Stat(seen); return err == nil }, "a run of the script")
	said, err := os.ReadFile(seen)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"SCHED_OTHER", "unlimited            unlimited            us", "VmLck:\t       0 kB"} {
		if !strings.Contains(string(said), want) {
			t.Errorf("the script has not %q:\n%s", want, said)
		}
	}
	if strings.Contains(string(said), "affinity list: 0\n") {
		t.Errorf("the script has the daemon's processors:\n%s", said)
	}
	n.reload(conf(5))
	check("after a reload", "policy 2 rt 5 nice "+niceOf(before)+" cpus 0 name keepalived_vrrp")
	// At its real-time limit it lets the others run and goes on.
	n.signal(syscall.SIGXCPU)
	n.waitLog("running at ordinary priority for 1s")
	check("at rest", "policy 0 rt 0 nice "+niceOf(before)+" cpus 0 name keepalived_vrrp")
	check("after that", "policy 2 rt 5 nice "+niceOf(before)+" cpus 0 name keepalived_vrrp")
	n.reload("global_defs {\n vrrp_priority -4\n}\n" + fast("VI_1", 51, 100, "", vip))
	nettest.WaitFor(t, 5*time.Second, func() bool {
		got := threadsOf(pid)
		return len(got) == 1 && strings.HasPrefix(got[0], "policy 0 rt 0 nice -4 cpus ") && !strings.Contains(got[0], "cpus 0 name")
	}, "an ordinary process with a nice value")
	if got := procField(pid, "status", "VmLck:"); got != "0 kB" {
		t.Errorf("locked %q", got)
	}
	if n.out.count("Entering") != 2 {
		t.Errorf("it has changed its state")
	}
	if _, status := n.stop(); status != 0 {
		t.Errorf("status %d", status)
	}
}

// niceOf takes the nice value from a line of threadsOf.
func niceOf(threads []string) string {
	_, rest, _ := strings.Cut(threads[0], " nice ")
	nice, _, _ := strings.Cut(rest, " ")
	return nice
}

// Without the privilege there is one message, and the daemon goes on.
func TestTuningWithoutPrivilege(t *testing.T) {
	nettest.Require(t)
	if os.Geteuid() != 0 {
		t.Skip("gives up a privilege of root")
	}
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), "global_defs {\n vrrp_rt_priority 50\n vrrp_no_swap\n vrrp_process_name vrrp\n}\n"+fast("VI_1", 51, 100, "", vip))
	c := n.cmd()
	args := append([]string{"--bounding-set", "-sys_nice,-ipc_lock", "--inh-caps", "-sys_nice,-ipc_lock", "--", c.Path}, n.args...)
	path, err := exec.LookPath("setpriv")
	if err != nil {
		t.Skip(err)
	}
	wrapped := exec.Command(path, args...)
	wrapped.Env, wrapped.Stdout, wrapped.Stderr = c.Env, c.Stdout, c.Stderr
	if n.proc, err = n.ns.Start(wrapped); err != nil {
		t.Fatal(err)
	}
	n.waitLog("cannot set real-time priority 50: sched_setattr: operation not permitted: going on without it")
	n.waitLog("cannot set keeping the process in memory: operation not permitted: going on without it")
	n.waitAddr(vip, true)
	if got := strings.Join(threadsOf(n.proc.PID()), "; "); !strings.HasPrefix(got, "policy 0 rt 0") || !strings.HasSuffix(got, " name vrrp") {
		t.Errorf("threads: %s", got)
	}
	n.reload("global_defs {\n vrrp_rt_priority 50\n vrrp_no_swap\n vrrp_process_name vrrp\n}\n" + fast("VI_1", 51, 101, "", vip))
	if got := n.out.count("going on without it"); got != 2 {
		t.Errorf("it was said %d times", got)
	}
	n.stop()
}

// Late timers raise the priority by themselves, if they may.
func TestAutoPriority(t *testing.T) {
	nettest.Require(t)
	if out, err := exec.Command("chrt", "-r", "1", "true").CombinedOutput(); err != nil {
		t.Skipf("no real-time priority on this machine: %s", out)
	}
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	n := newNode(t, lan.Node(1), "global_defs {\n max_auto_priority 2\n min_auto_priority_delay 200000\n}\n"+fast("VI_1", 51, 100, "", vip)).start()
	n.waitLog("Entering MASTER STATE")
	for i := 1; i <= 3; i++ {
		n.signal(syscall.SIGSTOP)
		stopped(t, n.proc.PID(), 1200*time.Millisecond)
		n.signal(syscall.SIGCONT)
		n.waitLogs("A thread timer expired", i)
		want := "rt " + strconv.Itoa(min(i, 2)) + " "
		nettest.WaitFor(t, 5*time.Second, func() bool {
			got := threadsOf(n.proc.PID())
			return len(got) == 1 && strings.Contains(got[0], want)
		}, want)
	}
	n.stop()
}

// stopped waits until a process has been stopped for a while.
func stopped(t *testing.T, pid int, d time.Duration) {
	t.Helper()
	begun := time.Now()
	nettest.WaitFor(t, d+5*time.Second, func() bool {
		return time.Since(begun) >= d && strings.HasPrefix(procField(pid, "status", "State:"), "T")
	}, "the process to be stopped for a while")
}
