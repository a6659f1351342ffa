package interop_test

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// saved is what a program has left in its config_save_dir, by names without process
// ids: the configurations by their lines, of the rest only where it begins.
func saved(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := map[string]string{}
	list, err := os.ReadDir(dir)
	if err != nil {
		return all
	}
	for _, e := range list {
		b, err := os.ReadFile(filepath.Join(dir, e.Name()))
		if errors.Is(err, fs.ErrNotExist) {
			continue // it has got its name meanwhile
		}
		if err != nil {
			t.Fatal(err)
		}
		var lines []string
		for line := range strings.Lines(string(b)) {
			// Of keepalived's copy blank lines and ends of files mean nothing.
			line = strings.TrimSpace(line)
			if line != "" && line != "!" && !strings.HasPrefix(line, "#") && !strings.HasPrefix(line, "config_save_dir") {
				lines = append(lines, line)
			}
		}
		if len(lines) == 0 {
			continue // keepalived is about to write it
		}
		if strings.HasPrefix(lines[0], "---") {
			lines = lines[:1]
		}
		info, err := e.Info()
		if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		name := regexp.MustCompile(`\.\d{2,}\.`).ReplaceAllString(e.Name(), ".PID.")
		all[name] = info.Mode().String() + "\n" + strings.Join(lines, "\n")
	}
	return all
}

// save runs a program through two reloads, and returns what it leaves.
func save(t *testing.T, program string) map[string]string {
	t.Helper()
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	dir := t.TempDir()
	to := filepath.Join(dir, "saved")
	const inside = "# of V\nvrrp_instance V {\n\tinterface eth0\n\tvirtual_router_id 5 # here\n\tpriority %d\n\tvirtual_ipaddress {\n\t\t192.0.2.9\n\t}\n}\n"
	include := func(priority int) {
		if err := os.WriteFile(filepath.Join(dir, "v.conf"), fmt.Appendf(nil, inside, priority), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	include(100)
	d, err := interop.Start(lan.Node(1), program, dir, fmt.Sprintf("global_defs {\n\tconfig_save_dir %s\n}\n$A=1\ninclude v.conf\n", to))
	if err != nil {
		t.Fatal(err)
	}
	nettest.WaitFor(t, patience, func() bool { return strings.Contains(d.Log(), "Startup complete") }, "the start")
	for n := 1; n <= 2; n++ {
		include(100 + n)
		if err := d.Signal(syscall.SIGHUP); err != nil {
			t.Fatal(err)
		}
		nettest.WaitFor(t, patience, func() bool { return d.LogLines("Reload complete") == n && len(saved(t, to)) == 1+3*n },
			fmt.Sprintf("the reload and %d files", 1+3*n))
	}
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	return saved(t, to)
}

// TestConfigSaveDir: what is kept of configurations is called what keepalived calls
// it, holds the same lines, and is for nobody else.
func TestConfigSaveDir(t *testing.T) {
	nettest.Require(t)
	needKeepalived(t)
	t.Parallel()
	inputs()
	if d := cmp.Diff(save(t, interop.Keepalived), save(t, ours)); d != "" {
		t.Errorf("(-keepalived +ours):\n%s", d)
	}
}
