package interop_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// named is a daemon that a machine has several of, told apart by the name of its
// instance or its network namespace, and what of it others see.
type named struct {
	Name    string
	Program string
	Head    string   // of the configuration, before everything else
	Args    []string // of the command line
	Dir     string
	// Here runs it in the network that it is started in.
	Here bool
}

// seen is what somebody who monitors the daemon finds.
type seen struct {
	PIDFiles  []string // by the machine, as it runs
	Inside    []string // the same by the daemon and its scripts
	Networks  []string // of all its threads
	Dumps     []string
	FIFO      []string
	Namespace []string // lines about names in keepalived.data
	Ident     []string // name in syslog, that of keepalived's VRRP process
	Left      []string // in /run after its end
	Status    int
}

// namedEnv has, as JSON, the [named] that a test process looks at in mount and
// network namespaces of its own.
const namedEnv = "HOLDFAST_TEST_NAMED"

const namedInstance = `
global_defs {
	vrrp_version 3
	data_use_instance
	enable_script_security
	script_user root
	vrrp_notify_fifo DIR/fifo
}
vrrp_instance VI_1 {
	interface eth0
	virtual_router_id 51
	advert_int 0.1
	virtual_ipaddress {
		192.0.2.100
	}
}
`

// TestNamed compares the traces that daemons leave of which a machine has
// several: pid files, dumps, lines and names, while they run and afterwards.
func TestNamed(t *testing.T) {
	if what := os.Getenv(namedEnv); what != "" {
		lookAtNamed(t, what)
		return
	}
	nettest.Require(t)
	needKeepalived(t)
	inputs()
	if os.Geteuid() != 0 {
		t.Skip("needs a /run of its own")
	}
	for _, c := range []named{
		{Name: "nothing", Here: true},
		{Name: "directory", Head: "use_pid_dir\n", Here: true},
		{Name: "instance", Head: "instance one\n", Here: true},
		{Name: "namespace", Head: "net_namespace blue\n"},
		{Name: "both", Head: "net_namespace blue\nnet_namespace_ipvs\ninstance one\n"},
		{Name: "option", Args: []string{"-s", "blue"}},
		{Name: "option over file", Head: "net_namespace red\ninstance one\n", Args: []string{"--namespace=blue"}},
		{Name: "paths given", Head: "net_namespace blue\n", Args: []string{"-p", "DIR/p", "-r", "DIR/r"}},
		{Name: "no such namespace", Head: "net_namespace red\n"},
	} {
		t.Run(c.Name, func(t *testing.T) {
			t.Parallel()
			want, got := c.look(t, "/usr/sbin/keepalived"), c.look(t, ours)
			if got.PIDFiles != nil {
				got.withoutSocket(t, c.Name != "paths given")
			}
			if c.Name == "no such namespace" {
				want.Status = 1 // a daemon that does not run is no success
			}
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-keepalived +ours):\n%s", d)
			}
			if len(got.PIDFiles) == 0 && c.Name != "no such namespace" {
				t.Error("no pid files were seen")
			}
		})
	}
}

// withoutSocket takes away the control socket, which keepalived has not; it has to be
// there, in /run unless a pid file elsewhere is asked for.
func (s *seen) withoutSocket(t *testing.T, inRun bool) {
	t.Helper()
	before := len(s.PIDFiles)
	socket := func(name string) bool { return strings.HasSuffix(name, ".sock Srw-rw-rw- pid:false") }
	s.PIDFiles, s.Inside = slices.DeleteFunc(s.PIDFiles, socket), slices.DeleteFunc(s.Inside, socket)
	if n := before - len(s.PIDFiles); (n == 1) != inRun {
		t.Errorf("%d control sockets in /run", n)
	}
}

// look has a process of its own look at the daemon.
func (c named) look(t *testing.T, program string) seen {
	t.Helper()
	c.Program, c.Dir = program, t.TempDir()
	for i, a := range c.Args {
		c.Args[i] = strings.ReplaceAll(a, "DIR", c.Dir)
	}
	c.Args = slices.Clone(c.Args)
	exe, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	what, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(exe, "-test.run=^TestNamed$", "-test.timeout=60s")
	cmd.Env = append(os.Environ(), namedEnv+"="+string(what))
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: unix.CLONE_NEWNS | unix.CLONE_NEWNET}
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var s seen
	text, err := os.ReadFile(filepath.Join(c.Dir, "seen"))
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(bytes.ReplaceAll(text, []byte(c.Dir), []byte("DIR")), &s); err != nil {
		t.Fatal(err)
	}
	return s
}

// lookAtNamed runs the daemon, looks, and writes what it has seen to a file.
func lookAtNamed(t *testing.T, what string) {
	var c named
	if err := json.Unmarshal([]byte(what), &c); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("run", "/run", "tmpfs", 0, ""); err != nil {
		t.Fatal(err)
	}
	c.network(t)
	conf := filepath.Join(c.Dir, "keepalived.conf")
	text := c.Head + strings.ReplaceAll(namedInstance, "DIR", c.Dir)
	if err := os.WriteFile(conf, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	cmd := exec.Command(c.Program, append([]string{"-n", "-l", "-D", "-G", "-f", conf}, c.Args...)...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + c.Dir}
	logFile, err := os.Create(filepath.Join(c.Dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stderr = logFile
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() { _ = cmd.Wait(); close(ended) }()
	defer func() { _ = cmd.Process.Kill() }()
	var s seen
	if c.Name != "no such namespace" {
		s = c.watch(t, cmd.Process.Pid)
		_ = cmd.Process.Signal(unix.SIGTERM)
	}
	select {
	case <-ended:
	case <-time.After(patience):
		t.Fatal("the daemon does not end")
	}
	s.Status, s.Left = cmd.ProcessState.ExitCode(), c.files("/run")
	said, _ := os.ReadFile(logFile.Name())
	log.Write(said)
	for line := range strings.Lines(log.String()) {
		if _, ident, ok := strings.Cut(line, "Changing syslog ident to Keepalived"); ok {
			s.Ident = append(s.Ident, strings.TrimPrefix(strings.TrimSpace(ident), "_vrrp"))
		}
		if _, over, ok := strings.Cut(line, "Overriding "); ok {
			s.Ident = append(s.Ident, strings.TrimSpace(over))
		}
	}
	slices.Sort(s.Ident)
	out, err := json.Marshal(s)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(c.Dir, "seen"), out, 0o644); err != nil {
		t.Fatal(err)
	}
}

// network makes the namespace blue, and eth0 in the network of the daemon.
func (c *named) network(t *testing.T) {
	t.Helper()
	ip := func(args string) {
		t.Helper()
		if out, err := exec.Command("ip", strings.Fields(args)...).CombinedOutput(); err != nil {
			t.Fatalf("ip %s: %v: %s", args, err, out)
		}
	}
	ip("netns add blue")
	ip("link add other type veth peer name eth0")
	in := ""
	if !c.Here {
		ip("link set eth0 netns blue")
		in = "-n blue "
	}
	ip("link set other up")
	ip(in + "addr add 192.0.2.1/24 dev eth0")
	ip(in + "link set eth0 up")
	nettest.WaitFor(t, patience, func() bool {
		out, _ := exec.Command("ip", strings.Fields(in+"-br link show dev eth0")...).Output()
		return strings.Contains(string(out), " UP ")
	}, "a carrier")
}

// watch looks at the daemon while it holds its address.
func (c *named) watch(t *testing.T, pid int) seen {
	t.Helper()
	lines := c.follow(t)
	nettest.WaitFor(t, patience, func() bool { return slices.Contains(lines(), `INSTANCE "VI_1" MASTER 100`) }, "a Master")
	var s seen
	s.PIDFiles = c.files("/run")
	root := fmt.Sprintf("/proc/%d/root", pid)
	s.Inside = c.files(root + "/run/keepalived")
	s.Networks = c.networks(pid)
	_ = unix.Kill(pid, sigData)
	_ = unix.Kill(pid, sigStats)
	_ = unix.Kill(pid, sigJSON)
	var data string
	nettest.WaitFor(t, patience, func() bool {
		s.Dumps = nil
		names, _ := filepath.Glob(filepath.Join(c.Dir, "keepalived*"))
		for _, name := range names {
			if unfinished.MatchString(name) {
				return false
			} else if text, _ := os.ReadFile(name); len(text) == 0 {
				return false // keepalived fills it under this name
			} else if strings.Contains(string(text), "VRRP Topology") {
				data = string(text)
			}
			s.Dumps = append(s.Dumps, filepath.Base(name))
		}
		return len(s.Dumps) == 5 && data != "" // with the configuration
	}, "dumps")
	for line := range strings.Lines(data) {
		for _, what := range []string{" Network namespace", " Instance name", " Use instance name"} {
			if strings.HasPrefix(line, what) {
				s.Namespace = append(s.Namespace, strings.TrimSpace(line))
			}
		}
	}
	s.FIFO = lines()
	s.FIFO = slices.DeleteFunc(s.FIFO, func(l string) bool { return !strings.Contains(l, "MASTER") })
	return s
}

// unfinished is the name of a dump that is being written.
var unfinished = regexp.MustCompile(`(data|stats|json)\w+$`)

// follow reads the FIFO from when the daemon has made it.
func (c *named) follow(t *testing.T) func() []string {
	t.Helper()
	var f *os.File
	nettest.WaitFor(t, patience, func() bool {
		var err error
		f, err = os.OpenFile(filepath.Join(c.Dir, "fifo"), os.O_RDONLY|unix.O_NONBLOCK, 0)
		return err == nil
	}, "the FIFO")
	t.Cleanup(func() { f.Close() })
	var all []byte
	return func() []string {
		b := make([]byte, 4096)
		n, _ := unix.Read(int(f.Fd()), b)
		all = append(all, b[:max(n, 0)]...)
		return strings.Split(string(all), "\n")
	}
}

// files lists directories and files in a directory, without what is there before
// the daemon; what a pid file holds is a living process.
func (c *named) files(dir string) []string {
	var all []string
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		rel, _ := filepath.Rel(dir, path)
		if err != nil || rel == "." || strings.HasPrefix(rel, "netns") || strings.HasPrefix(rel, "mount") {
			return nil
		}
		info, err := d.Info()
		if err != nil {
			return nil
		}
		text, _ := os.ReadFile(path)
		pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
		all = append(all, fmt.Sprintf("%s %v pid:%v", rel, info.Mode(), err == nil && unix.Kill(pid, 0) == nil))
		return nil
	})
	return all
}

// networks lists the network namespaces of all threads of the daemon.
func (c *named) networks(pid int) []string {
	blue, _ := os.Stat("/run/netns/blue")
	here, _ := os.Stat("/proc/thread-self/ns/net")
	var all []string
	children, _ := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	for _, p := range append([]string{strconv.Itoa(pid)}, strings.Fields(string(children))...) {
		tasks, _ := filepath.Glob("/proc/" + p + "/task/*/ns/net")
		for _, task := range tasks {
			name := "another"
			switch info, err := os.Stat(task); {
			case err != nil:
				continue
			case os.SameFile(info, blue):
				name = "blue"
			case os.SameFile(info, here):
				name = "here"
			}
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	return all
}
