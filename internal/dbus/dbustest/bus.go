// Package dbustest runs a private message bus for tests.
package dbustest

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"

	godbus "github.com/godbus/dbus/v5"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// Bus is a dbus-daemon of the test's own.
type Bus struct {
	Address string

	tb    testing.TB
	conf  string
	cmd   *exec.Cmd
	ended chan struct{}
}

const config = `<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
 <type>session</type>
 <listen>%s</listen>
 <policy context="default">
  <allow user="*"/>
  <allow own="*"/>
  <allow send_destination="*"/>
  <allow receive_sender="*"/>
 </policy>
%s
</busconfig>
`

// Start runs a bus until the test ends. The test is skipped where there is none.
// Policy is added to the configuration of the bus, in its language.
func Start(tb testing.TB, policy string) *Bus {
	tb.Helper()
	if _, err := exec.LookPath("dbus-daemon"); err != nil {
		tb.Skip("dbus-daemon is not installed")
	}
	dir := tb.TempDir()
	b := &Bus{tb: tb, Address: "unix:path=" + filepath.Join(dir, "bus"), conf: filepath.Join(dir, "bus.conf")}
	if err := os.WriteFile(b.conf, fmt.Appendf(nil, config, b.Address, policy), 0o644); err != nil {
		tb.Fatal(err)
	}
	b.Run()
	tb.Cleanup(b.Kill)
	return b
}

// Run starts the bus again after Kill, under the same address, and waits until it
// answers.
func (b *Bus) Run() {
	b.tb.Helper()
	b.cmd = exec.Command("dbus-daemon", "--nofork", "--nopidfile", "--config-file="+b.conf)
	b.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	started, ended := make(chan error), make(chan struct{})
	b.ended = ended
	go func(cmd *exec.Cmd) {
		// It is killed when the thread ends that has started it, and threads end
		// in tests that enter namespaces.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		defer close(ended)
		err := cmd.Start()
		started <- err
		if err == nil {
			_ = cmd.Wait()
		}
	}(b.cmd)
	if err := <-started; err != nil {
		b.tb.Fatal(err)
	}
	nettest.WaitFor(b.tb, 10*time.Second, func() bool {
		c, err := godbus.Connect(b.Address)
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	}, "an answer of the bus")
}

// Kill ends the bus at once.
func (b *Bus) Kill() {
	_ = b.cmd.Process.Kill()
	<-b.ended
}

// Signal sends a signal to the bus.
func (b *Bus) Signal(s syscall.Signal) {
	b.tb.Helper()
	if err := b.cmd.Process.Signal(s); err != nil {
		b.tb.Fatal(err)
	}
}

// Connect returns a connection to the bus that is closed when the test ends.
func (b *Bus) Connect() *godbus.Conn {
	b.tb.Helper()
	c, err := godbus.Connect(b.Address)
	if err != nil {
		b.tb.Fatal(err)
	}
	b.tb.Cleanup(func() { _ = c.Close() })
	return c
}

// Listener collects the signals of the daemon on a bus.
type Listener struct {
	tb    testing.TB
	c     chan *godbus.Signal
	Heard []string
}

// Listen listens from now on.
func (b *Bus) Listen() *Listener {
	b.tb.Helper()
	conn := b.Connect()
	if err := conn.AddMatchSignal(godbus.WithMatchPathNamespace("/org/keepalived")); err != nil {
		b.tb.Fatal(err)
	}
	l := &Listener{tb: b.tb, c: make(chan *godbus.Signal, 1000)}
	conn.Signal(l.c)
	return l
}

// Await waits until a signal has been heard: its path, its name without the
// interface, and its values.
func (l *Listener) Await(what string) {
	l.tb.Helper()
	late := time.After(20 * time.Second)
	for {
		select {
		case s, open := <-l.c:
			if !open {
				l.tb.Fatalf("the bus has gone; heard %q, want %q", l.Heard, what)
			}
			text := Text(s)
			l.Heard = append(l.Heard, text)
			if text == what {
				return
			}
		case <-late:
			l.tb.Fatalf("heard %q, want %q", l.Heard, what)
		}
	}
}

// Text writes a signal as [Listener.Await] wants it.
func Text(s *godbus.Signal) string {
	text := string(s.Path) + " " + s.Name[len(s.Name)-len(filepath.Ext(s.Name))+1:]
	for _, v := range s.Body {
		text += fmt.Sprintf(" %v", v)
	}
	return text
}
