package interop_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/netip"
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

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// contractConf are configurations by name.
var contractConf = map[string]string{
	"good": "vrrp_instance VI_1 {\n\tinterface eth0\n\tvirtual_router_id 51\n\tvirtual_ipaddress {\n\t\t192.0.2.100\n\t}\n}\n",
	// Nothing that could run, each for another reason.
	"nolink":  "vrrp_instance VI_1 {\n\tinterface eth7\n\tvirtual_router_id 51\n\tvirtual_ipaddress {\n\t\t192.0.2.100\n\t}\n}\n",
	"novrid":  "vrrp_instance VI_1 {\n\tinterface eth0\n\tvirtual_ipaddress {\n\t\t192.0.2.100\n\t}\n}\n",
	"noaddr":  "vrrp_instance VI_1 {\n\tinterface eth0\n\tversion 3\n\tvirtual_router_id 51\n}\n",
	"unknown": "vrrp_instance VI_1 {\n\tinterface eth0\n\tvirtual_router_id 51\n\tnonsense\n\tvirtual_ipaddress {\n\t\t192.0.2.100\n\t}\n}\n",
}

// TestCommandLine runs command lines that end at once with both programs: status,
// standard output and what is said about the arguments have to be the same.
func TestCommandLine(t *testing.T) {
	nettest.Require(t)
	needKeepalived(t)
	inputs()
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	for _, row := range []struct {
		args  string // of the command line; GOOD and so on are files
		first bool   // of standard error only the first word of the first line counts
		mute  bool   // standard error does not count
	}{
		{args: "--version", first: true},
		{args: "-v", first: true},
		{args: "-nv", first: true},
		{args: "-h", first: true},
		{args: "--help", first: true},
		{args: "--signum RELOAD"},
		{args: "--signum STOP"},
		{args: "--signum DATA"},
		{args: "--signum STATS"},
		{args: "--signum=STATS_CLEAR"},
		{args: "--signum=JSON"},
		{args: "--signum NOTHING"},
		{args: "--bogus", mute: true},
		{args: "-Z", mute: true},
		{args: "-f", mute: true}, // 2.2.7 crashes on --use-file without a file
		{args: "-Z -v", mute: true},
		{args: "-t -f GOOD"},
		{args: "-t -f GOOD one two"},
		{args: "-t -f UNKNOWN", mute: true},
		{args: "-t -f NOLINK", mute: true},
		{args: "-t -u 01000 -f GOOD", first: true},
		{args: "-tDIR/there-is-no-such-directory/log -f GOOD", mute: true},
		{args: "-n -f DIR/there-is-none", mute: true},
		{args: "-n -f NOLINK -p DIR/p -r DIR/r -c DIR/c -b DIR/b", mute: true},
		{args: "-n -f NOVRID -p DIR/p -r DIR/r -c DIR/c -b DIR/b", mute: true},
		{args: "-n -f NOADDR -p DIR/p -r DIR/r -c DIR/c -b DIR/b", mute: true},
	} {
		t.Run(strings.ReplaceAll(row.args, "/", " "), func(t *testing.T) {
			t.Parallel()
			run := func(program string) string {
				r := runCommand(t, lan.Node(1), program, row.args)
				switch {
				case row.mute:
					r.err = ""
				case row.first:
					r.err, _, _ = strings.Cut(r.err, " ")
				}
				return fmt.Sprintf("status %d\nstdout %q\nstderr %q", r.status, r.out, r.err)
			}
			if d := cmp.Diff(run(interop.Keepalived), run(ours)); d != "" {
				t.Errorf("(-keepalived +ours):\n%s", d)
			}
		})
	}
}

type result struct {
	status   int
	out, err string
}

func runCommand(t *testing.T, ns *nettest.NS, program, args string) result {
	t.Helper()
	dir := t.TempDir()
	line := args
	for name, text := range contractConf {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		line = strings.ReplaceAll(line, strings.ToUpper(name), "DIR/"+name)
	}
	line = strings.ReplaceAll(line, "DIR", dir)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, strings.Fields(line)...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err := ns.Do(cmd.Run)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	clean := func(s string) string {
		return strings.ReplaceAll(strings.ReplaceAll(s, dir, "DIR"), program, "PROGRAM")
	}
	return result{cmd.ProcessState.ExitCode(), clean(out.String()), clean(errs.String())}
}

// life is what is seen of a daemon from start to end.
type life struct {
	PIDFiles    []string // what they hold, as long as it runs: a living process
	Modes       []string
	Second      int      // status of a second start with the same files
	Stats       []string // sums of the counters after STATS, STATS_CLEAR and STATS
	Address     bool     // it is there after the end
	PriorityEnd bool     // an advert of priority 0 was sent
	Status      int
	Left        []string
}

// TestLife compares what an operator can ask of a daemon that runs, with the
// options that change it.
func TestLife(t *testing.T) {
	nettest.Require(t)
	needKeepalived(t)
	inputs()
	for _, row := range []struct {
		name string
		args []string
		stop syscall.Signal
	}{
		{name: "plain", stop: syscall.SIGTERM},
		{name: "interrupt", stop: syscall.SIGINT},
		{name: "keep", args: []string{"-V"}, stop: syscall.SIGTERM},
		{name: "umask", args: []string{"-u", "022", "-P", "-R", "-I", "-a"}, stop: syscall.SIGTERM},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			want, got := live(t, interop.Keepalived, row.args, row.stop), live(t, ours, row.args, row.stop)
			if d := cmp.Diff(want, got); d != "" {
				t.Errorf("(-keepalived +ours):\n%s", d)
			}
		})
	}
}

func live(t *testing.T, program string, args []string, stop syscall.Signal) life {
	t.Helper()
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	node := lan.Node(1)
	cap := lan.CaptureT(t)
	d, err := interop.Start(node, program, t.TempDir(), contractConf["good"], args...)
	if err != nil {
		t.Fatal(err)
	}
	nettest.WaitFor(t, patience, func() bool { return d.State("VI_1") == "MASTER" }, "a Master")
	var l life
	for _, file := range []string{d.PIDFile(), d.VRRPPIDFile()} {
		text, err := os.ReadFile(file)
		pid, errN := strconv.Atoi(strings.TrimSuffix(string(text), "\n"))
		l.PIDFiles = append(l.PIDFiles, fmt.Sprint(filepath.Base(file), err == nil && errN == nil && syscall.Kill(pid, 0) == nil))
		if info, err := os.Stat(file); err == nil {
			l.Modes = append(l.Modes, info.Mode().String())
		}
	}
	second := exec.Command(program, append([]string{
		"-n", "-f", filepath.Join(d.Dir, "keepalived.conf"), "-p", d.PIDFile(), "-r", d.VRRPPIDFile(),
		"-c", filepath.Join(d.Dir, "checkers.pid"), "-b", filepath.Join(d.Dir, "bfd.pid"),
	}, args...)...)
	_ = node.Do(second.Run)
	l.Second = second.ProcessState.ExitCode()
	for _, sig := range []syscall.Signal{sigStats, syscall.Signal(63), sigStats} {
		l.Stats = append(l.Stats, counted(t, d, sig))
	}
	info, err := os.Stat(filepath.Join(d.Dir, "keepalived.stats"))
	if err != nil {
		t.Fatal(err)
	}
	l.Modes = append(l.Modes, info.Mode().String())
	_ = d.Signal(stop)
	select {
	case <-d.Done():
	case <-time.After(patience):
		t.Fatal("does not end")
	}
	if err := d.Wait(); err != nil {
		l.Status = -1
	}
	l.Address = node.HasAddr(netip.MustParseAddr("192.0.2.100"))
	nettest.Poll(time.Second/2, func() bool {
		l.PriorityEnd = slices.ContainsFunc(cap.Adverts(), func(a nettest.Advert) bool { return a.Priority == 0 })
		return l.PriorityEnd
	})
	l.Left, _ = filepath.Glob(filepath.Join(d.Dir, "*.pid"))
	return l
}

// counted asks for the statistics and tells whether anything was counted.
func counted(t *testing.T, d *interop.Daemon, sig syscall.Signal) string {
	t.Helper()
	file := filepath.Join(d.Dir, "keepalived.stats")
	_ = os.Remove(file)
	if err := d.Signal(sig); err != nil {
		t.Fatal(err)
	}
	var text []byte
	nettest.WaitFor(t, patience, func() bool {
		text, _ = os.ReadFile(file)
		return bytes.Contains(text, []byte("Priority Zero")) && bytes.Count(text, []byte("Sent: ")) == 2
	}, "statistics")
	for line := range strings.Lines(string(text)) {
		if n, ok := strings.CutPrefix(strings.TrimSpace(line), "Became master: "); ok {
			return n
		}
	}
	return ""
}
