package system

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// imageEnv is the environment variable that says that the root has podman.
const imageEnv = "HOLDFAST_IMAGE"

const (
	builder = "docker.io/library/golang:1.26" // what the recipe builds in
	image   = "localhost/holdfast"
)

// The recipe of the container image, as it is, by podman on a node without a way out:
// what it builds in is made of this machine's Go and the modules it has fetched.
func TestImage(t *testing.T) {
	if os.Getenv(imageEnv) == "" {
		t.Skipf("needs a root with podman (%s): run make test-image", imageEnv)
	}
	Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	over := Overlay(t, map[string]string{
		confFile: conf(150, ""),
		// An overlay cannot lie on the one that the node's root is.
		"/etc/fstab":                  "tmpfs /var/lib/containers tmpfs defaults 0 0\n",
		"/var/lib/containers/.parent": "",
		// Without CAP_SYS_RESOURCE the limits that an engine raises stay what they are:
		// of files and processes, and of the memory for programs that guard devices.
		"/etc/containers/containers.conf": "[containers]\ndefault_ulimits = [\"nofile=1024:1024\", \"nproc=1024:1024\"]\ncgroups = \"disabled\"\n",
	})
	imageSource(t, over)
	n := Boot(t, lan.Node(1), over)
	n.Run("systemctl", "disable", "--now", "keepalived")
	n.Run("sh", "-c", "tar -C /builder -c . | podman import -q --change 'ENV PATH=/usr/local/go/bin:/bin' --change 'ENV GOTOOLCHAIN=local' - "+builder)

	first, second := imagePrograms(n, "first", "docker"), imagePrograms(n, "second", "docker")
	t.Logf("the programs in the image:\n%s", first)
	if first != second {
		t.Errorf("the second time they are\n%s", second)
	}
	if got := n.Run("podman", "image", "inspect", "-f", "{{.HealthCheck.Test}} {{.HealthCheck.Interval}}", image+":first"); strings.TrimSpace(got) != "[CMD /usr/libexec/holdfast-health] 5s" {
		t.Errorf("the health check is %q", got)
	}
	imageRuns(t, n)
}

// imageSource puts beside a node's files the sources, and what stands for the image of
// Go: busybox, Go, and the modules of go.mod.
func imageSource(t *testing.T, over string) {
	t.Helper()
	run := func(env []string, name string, args ...string) string {
		t.Helper()
		cmd := exec.Command(name, args...)
		cmd.Dir, cmd.Env = "../..", append(os.Environ(), env...)
		cmd.Stderr = os.Stderr
		out, err := cmd.Output()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return strings.TrimSpace(string(out))
	}
	base := filepath.Join(over, "builder")
	for _, dir := range []string{"bin", "tmp", "usr/local", "modules"} {
		if err := os.MkdirAll(filepath.Join(base, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	busybox := filepath.Join(os.Getenv(RootEnv), "bin/busybox")
	run(nil, "sh", "-c", fmt.Sprintf("cp %s %s/bin && for name in sh mkdir ln; do ln -s busybox %s/bin/$name; done", busybox, base, base))
	run(nil, "cp", "-a", "--reflink=auto", run(nil, "go", "env", "GOROOT"), base+"/usr/local/go")
	run([]string{"GOMODCACHE=" + base + "/modules", "GOFLAGS=-modcacherw", "GOPROXY=file://" + run(nil, "go", "env", "GOMODCACHE") + "/cache/download", "GOSUMDB=off"},
		"go", "mod", "download")
	run(nil, "sh", "-c", fmt.Sprintf("git ls-files -z | tar --null -T - -c | tar -C %s -x --one-top-level=source", over))
}

// imagePrograms builds the image and gives the checksums of what is in it.
func imagePrograms(n *Node, tag, format string) string {
	n.tb.Helper()
	begun := time.Now()
	out, err := n.TryFor(10*time.Minute, "sh", "-c", "cd /source && podman build --no-cache --pull=never --isolation chroot --network host --build-arg VERSION=1.2.3"+
		" --build-arg GOPROXY=file:///modules/cache/download --build-arg GOSUMDB=off"+
		" --format "+format+" -f scripts/Containerfile -t "+image+":"+tag+" -v /builder/modules:/modules:ro .")
	if err != nil {
		n.tb.Fatalf("building: %v\n%s", err, out)
	}
	n.tb.Logf("built in %v", time.Since(begun).Round(time.Second))
	if strings.Contains(out, "HEALTHCHECK is not supported") {
		n.tb.Errorf("no health check in the format %s:\n%s", format, out)
	}
	return n.Run("sh", "-c", "at=$(podman image mount "+image+":"+tag+") && cd $at && find . ! -type d | sort && sha256sum usr/sbin/holdfast usr/bin/holdfastctl usr/libexec/holdfast-health")
}

// imageRuns: the container holds the address, is healthy while the daemon's loops
// answer and only then, and gives the address back when it is stopped.
func imageRuns(t *testing.T, n *Node) {
	n.Run("podman", "run", "-d", "--name", "router", "--network", "host", "--cap-drop", "ALL", "--cap-add", "NET_ADMIN", "--cap-add", "NET_RAW",
		"-v", "/etc/keepalived:/etc/keepalived:ro", image+":first")
	n.holds(true)
	health := func(want string) {
		t.Helper()
		begun, got := time.Now(), ""
		if !nettest.Poll(60*time.Second, func() bool {
			got = strings.TrimSpace(n.Run("podman", "inspect", "-f", "{{.State.Health.Status}}", "router"))
			return got == want
		}) {
			t.Fatalf("the container is %s, want %s", got, want)
		}
		t.Logf("%s after %v", want, time.Since(begun).Round(100*time.Millisecond))
	}
	health("healthy")
	if out := n.Run("podman", "exec", "router", "/usr/bin/holdfastctl", "reload"); !strings.Contains(out, "1 instances unchanged") {
		t.Errorf("holdfastctl in the container: %s", out)
	}
	pid := strings.TrimSpace(n.Run("podman", "inspect", "-f", "{{.State.Pid}}", "router"))
	n.Run("sh", "-c", "kill -STOP "+pid)
	health("unhealthy")
	if out, err := n.Try("podman", "healthcheck", "run", "router"); err == nil {
		t.Errorf("the health check says nothing of a daemon that stands still: %s", out)
	}
	n.Run("sh", "-c", "kill -CONT "+pid)
	health("healthy")
	n.Run("podman", "stop", "-t", "20", "router")
	n.holds(false)
	if got := strings.TrimSpace(n.Run("podman", "inspect", "-f", "{{.State.ExitCode}}", "router")); got != "0" {
		t.Errorf("it ended with %s:\n%s", got, n.Run("podman", "logs", "router"))
	}
}
