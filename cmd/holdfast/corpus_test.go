package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/holdfast-ha/holdfast/internal/corpus"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// inRoot, in the environment, is the root directory for the test binary when
// it is the daemon.
const inRoot = "HOLDFAST_TEST_ROOT"

func enterRoot(dir string) error {
	if dir == "" {
		return nil
	}
	if err := syscall.Chroot(dir); err != nil {
		return err
	}
	return os.Chdir("/")
}

// corpusLinks are the interfaces of the machine with the usual ones.
var corpusLinks = []string{"eth0", "eth1", "ens33", "ens160", "enp0s3", "enp0s8", "bond0", "br0"}

// corpusPrograms are what the files run and the machine of the verdicts had.
// Nothing else that they name was there.
var corpusPrograms = []string{
	"etc/init.d/postgresql", "usr/bin/curl", "usr/bin/echo", "usr/bin/killall", "usr/bin/pgrep", "usr/bin/pidof", "usr/bin/sh",
	"usr/bin/systemctl", "usr/bin/test", "usr/bin/true", "usr/sbin/service",
}

// corpusExceptions are the files whose verdict is reached with --strict-compat
// alone, with the difference of docs/compatibility.md that is the reason.
var corpusExceptions = map[string]string{
	"080": "the script's path goes through a symbolic link, which we resolve first, as keepalived 2.2.7 does",
	"236": "enable_snmp_rfc* are known here as in distribution builds; that build had no RFC MIBs",
	"269": "the network namespace cannot be entered: keepalived ends there and calls it a success",
	"286": "the same",
	"292": "the same",
	"293": "the same",
}

// TestCorpus runs the configuration test on published configurations, in a
// network namespace with lo alone and in one with the usual interfaces, and
// compares the exit status with keepalived's. The files of the machine are
// those of the machine of the verdicts: the program runs in a root directory
// of its own.
//
// keepalived's status is about the virtual servers too. What it says about
// those in these places is not known, only what it says where everything
// exists that the file names (see package corpus), so for a file with virtual
// servers its status has to be that of our findings and those together.
func TestCorpus(t *testing.T) {
	withoutRace(t)
	nettest.Require(t)
	if os.Geteuid() != 0 {
		t.Skip("needs root for a root directory of its own")
	}
	files := corpus.Read(t)
	root := corpusRoot(t, files)
	var (
		mu   sync.Mutex
		used = map[string]bool{}
	)
	except := func(number string) (string, bool) {
		mu.Lock()
		defer mu.Unlock()
		used[number] = true
		why, ok := corpusExceptions[number]
		return why, ok
	}
	t.Cleanup(func() {
		for number := range corpusExceptions {
			if !used[number] && !t.Failed() {
				t.Errorf("%s is no exception any more", number)
			}
		}
	})
	for _, place := range []struct {
		name  string
		links []string
		want  func(*corpus.File) int
	}{
		{"lo alone", nil, func(f *corpus.File) int { return f.ExitNoInterface }},
		{"interfaces", corpusLinks, func(f *corpus.File) int { return f.Exit }},
	} {
		for _, strict := range []bool{true, false} {
			t.Run(fmt.Sprintf("%s strict=%v", place.name, strict), func(t *testing.T) {
				t.Parallel()
				ns := nettest.NewT(t, "corpus")
				addLinks(t, ns, place.links)
				c := corpusRun{t: t, ns: ns, root: root, strict: strict, except: except}
				c.all(files, place.want)
			})
		}
	}
}

// corpusRun tests all files in one place.
type corpusRun struct {
	t      *testing.T
	ns     *nettest.NS
	root   string
	strict bool
	except func(number string) (why string, ok bool)
}

func (c *corpusRun) all(files []*corpus.File, want func(*corpus.File) int) {
	var (
		wait  sync.WaitGroup
		todo  = make(chan *corpus.File)
		agree atomic.Int32
	)
	for range runtime.NumCPU() {
		wait.Go(func() {
			for f := range todo {
				if c.try(f, want(f)) {
					agree.Add(1)
				}
			}
		})
	}
	for _, f := range files {
		todo <- f
	}
	close(todo)
	wait.Wait()
	c.t.Logf("%d of %d agree", agree.Load(), len(files))
}

// try tests one file and says whether the status is as it should be.
func (c *corpusRun) try(f *corpus.File, want int) bool {
	status, out, err := c.test(f)
	switch {
	case err != nil:
		c.t.Errorf("%s: %v", f.Number, err)
		return false
	case c.agrees(f, status, out, want):
		return true
	}
	if !c.strict {
		if why, ok := c.except(f.Number); ok {
			c.t.Logf("%s differs: %s", f.Number, why)
			return false
		}
	}
	c.t.Errorf("%s lvs=%v: exit %d, want %d\n%s", f.Number, f.LVS, status, want, out)
	return false
}

// agrees compares the status; that of a file with virtual servers as
// [TestCorpus] says.
func (c *corpusRun) agrees(f *corpus.File, status int, out string, want int) bool {
	if status == want || !f.LVS {
		return status == want
	}
	return corpus.Exit(slices.Concat(codesIn(out), f.LVSCodes())) == want
}

// test runs the program and gives its status and what it says.
func (c *corpusRun) test(f *corpus.File) (int, string, error) {
	exe, err := os.Executable()
	if err != nil {
		return 0, "", err
	}
	cmd := exec.Command(exe, "-t", "-i", corpus.NodeName, "-f", "/corpus/"+f.Number+".conf", "--config-test-format=json")
	if c.strict {
		cmd.Args = append(cmd.Args, "--strict-compat")
	}
	cmd.Env = []string{asDaemon + "=1", inRoot + "=" + c.root, "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
	var out strings.Builder
	cmd.Stdout, cmd.Stderr = &out, &out
	err = c.ns.Do(cmd.Run)
	var ended *exec.ExitError
	if errors.As(err, &ended) && ended.Exited() {
		return ended.ExitCode(), out.String(), nil
	}
	return 0, out.String(), err
}

// addLinks adds interfaces that are up, each with an address.
func addLinks(t *testing.T, ns *nettest.NS, names []string) {
	t.Helper()
	h := ns.Handle()
	for i, name := range names {
		peer := fmt.Sprintf("peer%d", i)
		if err := h.LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: name}, PeerName: peer}); err != nil {
			t.Fatal(err)
		}
		for _, n := range []string{name, peer} {
			link, err := h.LinkByName(n)
			if err == nil {
				err = h.LinkSetUp(link)
			}
			if err != nil {
				t.Fatal(err)
			}
			if n != name {
				continue
			}
			addr, err := netlink.ParseAddr(fmt.Sprintf("198.18.%d.10/24", i+1))
			if err == nil {
				err = h.AddrAdd(link, addr)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// corpusRoot makes the files of the machine of the verdicts.
func corpusRoot(t *testing.T, files []*corpus.File) string {
	t.Helper()
	root := t.TempDir()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(os.Chmod(root, 0o755))
	for _, dir := range []string{"corpus", "etc/init.d", "tmp", "usr/bin", "usr/sbin", "usr/lib", "var/run", "root"} {
		must(os.MkdirAll(filepath.Join(root, dir), 0o755))
	}
	for _, dir := range []string{"bin", "sbin", "lib"} {
		must(os.Symlink("usr/"+dir, filepath.Join(root, dir)))
	}
	must(os.Chmod(filepath.Join(root, "tmp"), 0o1777))
	write := func(name, text string, mode os.FileMode) {
		must(os.WriteFile(filepath.Join(root, name), []byte(text), mode))
	}
	write("etc/passwd", "root:x:0:0:root:/root:/bin/bash\ndaemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin\nwww-data:x:33:33:www-data:/var/www:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n", 0o644)
	write("etc/group", "root:x:0:\ndaemon:x:1:\nwww-data:x:33:\nnogroup:x:65534:\n", 0o644)
	write("etc/hosts", "127.0.0.1 localhost\n", 0o644)
	for _, p := range corpusPrograms {
		write(p, "", 0o755)
	}
	for _, f := range files {
		write("corpus/"+f.Number+".conf", string(f.Text), 0o644)
	}
	return root
}

// codesIn are the kinds of the findings in a report in JSON that count.
func codesIn(report string) []string {
	var r struct {
		Findings []struct{ Code, Severity string }
	}
	if json.Unmarshal([]byte(report), &r) != nil {
		return nil
	}
	var codes []string
	for _, f := range r.Findings {
		if f.Severity != "note" {
			codes = append(codes, f.Code)
		}
	}
	return codes
}
