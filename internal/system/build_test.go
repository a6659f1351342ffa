package system

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// The same commit gives the same bytes: in another directory, checked out at
// another time, with another umask and in another time zone.
func TestPackagesAreReproducible(t *testing.T) {
	built(t, "deb")
	if _, err := exec.LookPath("git"); err != nil {
		t.Skip(err)
	}
	build := func(from, dir, umask, zone string) string {
		script := fmt.Sprintf("umask %s && git clone -q --no-hardlinks %q %q && exec %q/scripts/packages %q/out", umask, from, dir, dir, dir)
		cmd := exec.Command("sh", "-c", script)
		cmd.Env = append(os.Environ(), "TZ="+zone, "LC_ALL=C.UTF-8")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v\n%s", err, out)
		}
		var sums strings.Builder
		files, _ := filepath.Glob(dir + "/out/*")
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			fmt.Fprintf(&sums, "%x %s\n", sha256.Sum256(b), filepath.Base(file))
		}
		if len(files) != 2 {
			t.Errorf("%d files, want two packages", len(files))
		}
		return sums.String()
	}
	// The second is of the first: somebody may commit meanwhile.
	first, second := filepath.Join(t.TempDir(), "first"), filepath.Join(t.TempDir(), "the-second")
	a := build("../..", first, "022", "UTC")
	b := build(first, second, "077", "Asia/Tokyo")
	t.Logf("\n%s", a)
	if a != b {
		t.Errorf("the same commit gave\n%s and then\n%s", a, b)
	}
}

// No package has a file below /etc, where what is there is the administrator's.
func TestPackagesHaveNoConfiguration(t *testing.T) {
	for kind, list := range map[string][]string{"deb": {"dpkg-deb", "-c"}, "rpm": {"rpm", "-qlvp"}} {
		file := built(t, kind)
		if _, err := exec.LookPath(list[0]); err != nil {
			t.Logf("%s is not looked at: %v", kind, err)
			continue
		}
		out, err := exec.Command(list[0], append(list[1:], file)...).Output()
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(out, []byte("/usr/sbin/keepalived -> holdfast")) {
			t.Errorf("no keepalived in\n%s", out)
		}
		for l := range strings.Lines(string(out)) {
			if strings.Contains(l, "/etc/") && !strings.HasPrefix(l, "d") {
				t.Errorf("%s: %s", kind, l)
			}
		}
	}
}
