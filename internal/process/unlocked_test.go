package process

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"testing"
)

// A keepalived without locks, of which only the pid file tells, is running too.
func TestUnlockedDaemon(t *testing.T) {
	sleep, err := exec.LookPath("sleep")
	if err != nil {
		t.Skip("needs the sleep program")
	}
	for _, c := range []struct {
		name    string
		running bool
	}{{"keepalived", true}, {"hapee-vrrp", true}, {"postgres", false}} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			program := filepath.Join(dir, c.name)
			if err := os.Symlink(sleep, program); err != nil {
				t.Fatal(err)
			}
			cmd := exec.Command(program, "60")
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			defer func() {
				_ = cmd.Process.Kill()
				_ = cmd.Wait()
			}()
			path := filepath.Join(dir, "pid")
			if err := os.WriteFile(path, []byte(strconv.Itoa(cmd.Process.Pid)+"\n"), 0o644); err != nil {
				t.Fatal(err)
			}
			p, err := LockPIDFile(path)
			var locked *LockedError
			if got := errors.As(err, &locked); got != c.running {
				t.Errorf("already running: %v, want %v (%v)", got, c.running, err)
			}
			if p != nil {
				_ = p.Remove()
			}
			if _, err := os.Stat(path); c.running && err != nil {
				t.Errorf("the pid file of a daemon that runs was taken away: %v", err)
			}
		})
	}
}
