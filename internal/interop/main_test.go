package interop_test

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/interop"
)

// BinEnv names a binary to test instead of building our own. With keepalived
// itself the suite checks the suite.
const BinEnv = "HOLDFAST_BIN"

// ours is the daemon under test.
var ours string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	flag.Parse()
	// The tests mostly wait for protocol timers, so many can run side by side
	// on few processors. A value from the command line wins.
	given := false
	flag.Visit(func(f *flag.Flag) { given = given || f.Name == "test.parallel" })
	if !given {
		if err := flag.Set("test.parallel", "24"); err != nil {
			panic(err)
		}
	}
	if ours = os.Getenv(BinEnv); ours != "" {
		path, err := filepath.Abs(ours) // daemons start in folders of their own
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		ours = path
	} else {
		dir, err := os.MkdirTemp("", "interop")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		ours = filepath.Join(dir, "holdfast")
		cmd := exec.Command("go", "build", "-o", ours, "../../cmd/holdfast")
		cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
		if out, err := cmd.CombinedOutput(); err != nil {
			fmt.Fprintf(os.Stderr, "build the daemon: %v\n%s", err, out)
			return 1
		}
	}
	go machine.watch()
	return m.Run()
}

// inputs shows go test what the results depend on, so that it does not answer
// with an earlier one: it looks at the variables and files that tests look at,
// not at the programs that they start. Each test that starts one calls it.
var inputs = sync.OnceFunc(func() {
	if os.Getenv(BinEnv) != "" {
		_, _ = os.Stat(ours)
		return
	}
	for _, dir := range []string{"../../cmd", "../../internal"} {
		_ = filepath.WalkDir(dir, func(path string, _ fs.DirEntry, _ error) error {
			_, _ = os.Stat(path)
			return nil
		})
	}
})

// testingKeepalived reports whether the daemon under test is keepalived, whose
// known faults are then let pass.
func testingKeepalived() bool {
	return filepath.Base(ours) == "keepalived"
}

// needKeepalived skips a test where the peer is not installed.
func needKeepalived(t *testing.T) {
	t.Helper()
	if _, err := os.Stat(interop.Keepalived); err != nil {
		t.Skipf("needs Debian's keepalived, see scripts/setup: %v", err)
	}
}

// needTool skips a test where a program is not installed, and returns its path.
func needTool(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err != nil {
		t.Skipf("needs %s, see scripts/setup: %v", name, err)
	}
	return path
}

// needScripts skips a test that needs the daemon to run scripts as a user, which
// the usual user namespace forbids.
func needScripts(t *testing.T) {
	t.Helper()
	text, err := os.ReadFile("/proc/self/setgroups")
	if err == nil && strings.TrimSpace(string(text)) == "deny" {
		t.Skip("daemons cannot run scripts here, as setgroups is denied in this user namespace")
	}
}
