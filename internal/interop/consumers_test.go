package interop_test

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/interop"
)

// consumersEnv is the environment variable that names a directory of programs which
// read the dumps: what others have published, or starts of it. None is part of the
// source.
const consumersEnv = "HOLDFAST_CONSUMERS"

// TestConsumers: what they print of us is what they print of keepalived in the same
// state on the same network, and they end alike.
func TestConsumers(t *testing.T) {
	dir := os.Getenv(consumersEnv)
	if dir == "" {
		t.Skipf("needs a directory of programs that read dumps (%s)", consumersEnv)
	}
	needKeepalived(t)
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var programs []string
	for _, f := range files {
		if i, err := f.Info(); err == nil && i.Mode().IsRegular() && i.Mode()&0o111 != 0 {
			programs = append(programs, f.Name())
		}
	}
	if len(programs) == 0 {
		t.Fatalf("no program in %s", dir)
	}
	for _, c := range dumpCases {
		t.Run(c.name, func(t *testing.T) {
			want, got := consume(t, &c, interop.Keepalived, dir, programs), consume(t, &c, ours, dir, programs)
			for _, p := range programs {
				if d := cmp.Diff(strings.Split(want[p], "\n"), strings.Split(got[p], "\n")); d != "" {
					t.Errorf("%s (-keepalived +ours):\n%s", p, d)
				}
				t.Logf("%s: %d lines, the last is %s", p, strings.Count(got[p], "\n"), got[p][strings.LastIndex(got[p], "\n")+1:])
			}
		})
	}
}

// consume runs a daemon, and each program beside it.
func consume(t *testing.T, c *dumpCase, program, dir string, programs []string) map[string]string {
	t.Helper()
	d, _ := c.settle(t, program)
	said := map[string]string{}
	for _, p := range programs {
		dumps(t, d) // some remove what they have read
		said[p] = beside(t, d, program, dir, p)
	}
	if err := d.Stop(); err != nil {
		t.Errorf("%s: %v", program, err)
	}
	return said
}

// beside runs a program where everything is where it looks for it: dumps in /tmp, the
// pid file in /run, the daemon's program as keepalived in PATH. The last line says how
// it ended.
func beside(t *testing.T, d *interop.Daemon, daemon, dir, program string) string {
	t.Helper()
	const places = `set -e
mount -t tmpfs tmpfs /mnt && mkdir /mnt/programs /mnt/bin && mount --bind "$1" /mnt/programs
cp "$3" /mnt/bin/keepalived
mount --bind "$2" /tmp && mount -t tmpfs tmpfs /run && cp /tmp/keepalived.pid /run/keepalived.pid
PATH=/mnt/bin:$PATH exec "/mnt/programs/$4"`
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	path, err := exec.LookPath(daemon)
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(ctx, "unshare", "-m", "--propagation", "private", "sh", "-c", places, "sh", dir, d.Dir, path, program)
	cmd.Dir = "/"
	var out, complaints strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &complaints
	err = cmd.Run()
	if complaints.Len() > 0 {
		t.Logf("%s about %s: %s", program, filepath.Base(daemon), complaints.String())
	}
	text := out.String()
	for _, r := range varying {
		text = r.ReplaceAllString(text, "${1}N")
	}
	return elsewhere.ReplaceAllString(text, "") + fmt.Sprint("\nstatus ", err)
}

// varying is what differs from run to run in the words of most: times, and counters at
// the end of a line.
var varying = []*regexp.Regexp{
	regexp.MustCompile(`()\b1\.\d+e\+09\b`),
	regexp.MustCompile(`()\b\d{10}(?:\.\d+)?\b`),
	regexp.MustCompile(`()\b\d{4}-\d\d-\d\dT[\d:.]+Z`),
	regexp.MustCompile(`(?m)^(.*(?i:sent|received|rcvd|became_master|become_master).*[ :=])[1-9]\d*\b`),
}

// elsewhere is what only one of the two has: counters that came after the release
// here, and a word about nftables, which a build of keepalived adds to addresses.
var elsewhere = regexp.MustCompile(`(?m)^.*(?:auth_ext|authentication_extension_errors)_.*\n| nftable_set`)
