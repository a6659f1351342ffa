// Package interop runs VRRP daemons with keepalived's command line on the nodes
// of a test network, so that ours and others can be judged side by side. Its
// tests are the interoperation suite; the benchmark uses it too.
//
// A node runs one daemon at a time and nothing else: all processes of its
// namespace are taken for the daemon's.
package interop

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// Keepalived is where Debian installs its daemon.
const Keepalived = "/usr/sbin/keepalived"

// stopTime is longer than keepalived gives its children to end.
const stopTime = 10 * time.Second

// Daemon is a running VRRP daemon.
type Daemon struct {
	Node *nettest.NS
	// Dir holds the configuration, the pid files and, as the daemon's TMPDIR,
	// its dumps.
	Dir string

	proc *nettest.Process
	log  *logBuffer
}

// Start runs the program in the foreground on the node, with the configuration
// text and the log on its standard error. Further arguments are appended to the
// command line. It returns as soon as the process runs.
func Start(node *nettest.NS, program, dir, config string, args ...string) (*Daemon, error) {
	log := &logBuffer{}
	d, err := StartOn(log, node, program, dir, config, append([]string{"-D"}, args...)...)
	if err == nil {
		d.log = log
	}
	return d, err
}

// StartOn is [Start] with a console of the caller's, and without detailed
// logging unless the arguments ask for it.
func StartOn(console io.Writer, node *nettest.NS, program, dir, config string, args ...string) (*Daemon, error) {
	d := &Daemon{Node: node, Dir: dir, log: &logBuffer{}}
	conf := filepath.Join(dir, "keepalived.conf")
	if err := os.WriteFile(conf, []byte(config), 0o644); err != nil {
		return nil, err
	}
	cmd := exec.Command(program, "-n", "-l", "-G", "-f", conf,
		"-p", d.PIDFile(), "-r", d.VRRPPIDFile(),
		"-c", filepath.Join(dir, "checkers.pid"), "-b", filepath.Join(dir, "bfd.pid"))
	cmd.Args = append(cmd.Args, args...)
	cmd.Dir = dir
	// A defined environment, as scripts inherit it and dumps go to TMPDIR.
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + dir, "LC_ALL=C", "TZ=UTC"}
	cmd.Stderr = console
	proc, err := node.Start(cmd)
	if err != nil {
		return nil, fmt.Errorf("start %s on %s: %w", program, node.Name(), err)
	}
	d.proc = proc
	return d, nil
}

// PIDFile is the file for the process id of the daemon.
func (d *Daemon) PIDFile() string { return filepath.Join(d.Dir, "keepalived.pid") }

// VRRPPIDFile is the file for the id of the process that speaks VRRP.
func (d *Daemon) VRRPPIDFile() string { return filepath.Join(d.Dir, "vrrp.pid") }

// Done is closed when the daemon has ended.
func (d *Daemon) Done() <-chan struct{} { return d.proc.Done() }

// Wait waits for the end of the daemon. The error is that of [exec.Cmd.Wait].
func (d *Daemon) Wait() error { return d.proc.Wait() }

// PID is the id of the daemon's first process.
func (d *Daemon) PID() int { return d.proc.PID() }

// Signal sends a signal to the daemon's first process, as an operator would.
func (d *Daemon) Signal(sig syscall.Signal) error { return d.proc.Signal(sig) }

// Crash ends all processes of the daemon at once, without last words: children
// first, as one whose parent has died would still take its leave.
func (d *Daemon) Crash() error {
	if err := d.proc.Signal(unix.SIGSTOP); err != nil {
		return fmt.Errorf("crash: %w", err)
	}
	for _, pid := range d.Node.PIDs() {
		if pid != d.proc.PID() {
			_ = unix.Kill(pid, unix.SIGKILL)
		}
	}
	d.proc.Kill()
	<-d.proc.Done()
	// Its files would look like those of a running daemon.
	return errors.Join(remove(d.PIDFile()), remove(d.VRRPPIDFile()))
}

// Stop asks the daemon to end and waits until it has. The error is that of
// [exec.Cmd.Wait], nil for exit status 0.
func (d *Daemon) Stop() error {
	if err := d.proc.Signal(unix.SIGTERM); err != nil {
		return fmt.Errorf("stop: %w", err)
	}
	late := time.NewTimer(stopTime)
	defer late.Stop()
	select {
	case <-d.proc.Done():
		return d.proc.Wait()
	case <-late.C:
		return fmt.Errorf("stop: still running after %v", stopTime)
	}
}

// Log returns what the daemon has logged so far.
func (d *Daemon) Log() string { return d.log.String() }

// LogLines returns how many lines of the log contain the text.
func (d *Daemon) LogLines(text string) int {
	n := 0
	for line := range strings.Lines(d.Log()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// State returns the state that the instance last logged to have entered, in
// capital letters, or nothing.
func (d *Daemon) State(instance string) string {
	state := ""
	for line := range strings.Lines(d.Log()) {
		if _, rest, ok := strings.Cut(line, "("+instance+") Entering "); ok {
			state, _, _ = strings.Cut(rest, " ")
		}
	}
	return state
}

// PSS returns the memory of all processes of the daemon in bytes. Pages shared
// with others count in proportion.
func (d *Daemon) PSS() (int64, error) {
	var sum int64
	for _, pid := range d.Node.PIDs() {
		text, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/smaps_rollup")
		if err != nil {
			return 0, err
		}
		for line := range strings.Lines(string(text)) {
			f := strings.Fields(line)
			if len(f) == 3 && f[0] == "Pss:" {
				kb, err := strconv.ParseInt(f[1], 10, 64)
				if err != nil {
					return 0, err
				}
				sum += kb << 10
			}
		}
	}
	return sum, nil
}

// CPU returns the processor time that the daemon's living threads have used.
func (d *Daemon) CPU() (time.Duration, error) {
	var sum time.Duration
	for _, pid := range d.Node.PIDs() {
		files, err := filepath.Glob("/proc/" + strconv.Itoa(pid) + "/task/*/schedstat")
		if err != nil {
			return 0, err
		}
		for _, file := range files {
			text, err := os.ReadFile(file)
			if errors.Is(err, os.ErrNotExist) || errors.Is(err, syscall.ESRCH) {
				continue // the thread has ended
			}
			if err != nil {
				return 0, err
			}
			ns, _, _ := strings.Cut(string(text), " ")
			used, err := strconv.ParseInt(ns, 10, 64)
			if err != nil {
				return 0, err
			}
			sum += time.Duration(used)
		}
	}
	return sum, nil
}

// remove removes a file that may not be there.
func remove(file string) error {
	if err := os.Remove(file); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// logBuffer collects the output of a process.
type logBuffer struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}
