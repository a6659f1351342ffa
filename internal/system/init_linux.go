package system

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"

	"golang.org/x/sys/unix"
)

const systemd = "/lib/systemd/systemd"

// Environment of the program that is to become process 1 of a node.
const (
	initRoot = "HOLDFAST_SYSTEM_ROOT" // lower directories of the root, with colons
	initName = "HOLDFAST_SYSTEM_NAME"
)

// Main becomes process 1 of a node if this process was started for that;
// otherwise it returns at once.
func Main() {
	root := os.Getenv(initRoot)
	if root == "" {
		return
	}
	// Namespaces belong to threads: the one that enters is the one that executes.
	runtime.LockOSThread()
	err := become(root, os.Getenv(initName))
	if err == nil {
		os.Exit(0)
	}
	fmt.Fprintln(os.Stderr, "boot:", err)
	if refused(err) {
		os.Exit(StatusImpossible)
	}
	os.Exit(1)
}

// become makes the root of the node, enters it and executes systemd there. It
// returns with an error, or where this is only a check.
func become(root, name string) error {
	if err := unix.Unshare(unix.CLONE_NEWCGROUP); err != nil {
		return fmt.Errorf("control group namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_PRIVATE|unix.MS_REC, ""); err != nil {
		return fmt.Errorf("private mounts: %w", err)
	}
	if err := unix.Sethostname([]byte(name)); err != nil {
		return err
	}
	const base = "/mnt"
	r := base + "/root"
	m := &mounter{}
	m.mount("tmpfs", base, "tmpfs", 0, "mode=755")
	for _, dir := range []string{"upper", "work", "root"} {
		m.do(os.Mkdir(filepath.Join(base, dir), 0o755))
	}
	m.mount("overlay", r, "overlay", 0, "lowerdir="+root+",upperdir="+base+"/upper,workdir="+base+"/work")
	m.mount("proc", r+"/proc", "proc", 0, "")
	m.mount("sysfs", r+"/sys", "sysfs", unix.MS_RDONLY, "")
	m.mount("cgroup2", r+"/sys/fs/cgroup", "cgroup2", 0, "")
	m.mount(r+"/proc/sys", r+"/proc/sys", "", unix.MS_BIND, "")
	m.mount("tmpfs", r+"/run", "tmpfs", 0, "mode=755")
	m.mount("tmpfs", r+"/tmp", "tmpfs", 0, "mode=1777")
	m.devices(r + "/dev")
	m.do(os.Mkdir(r+"/.old", 0o755))
	if m.err != nil {
		return m.err
	}
	if err := unix.PivotRoot(r, r+"/.old"); err != nil {
		return fmt.Errorf("change the root: %w", err)
	}
	if err := os.Chdir("/"); err != nil {
		return err
	}
	if err := unix.Unmount("/.old", unix.MNT_DETACH); err != nil {
		return fmt.Errorf("leave the old root: %w", err)
	}
	_ = os.Remove("/.old")
	if os.Getenv(initCheck) != "" {
		return unix.Access(systemd, unix.X_OK)
	}
	env := append([]string{"container=holdfast-test", "LANG=C.UTF-8"}, environment...)
	return unix.Exec(systemd, []string{"systemd", "--log-target=journal", "--show-status=0"}, env)
}

// mounter does one thing after the other until one fails.
type mounter struct{ err error }

func (m *mounter) do(err error) {
	if m.err == nil {
		m.err = err
	}
}

func (m *mounter) mount(source, target, kind string, flags uintptr, data string) {
	if m.err != nil {
		return
	}
	if err := unix.Mount(source, target, kind, flags, data); err != nil {
		m.err = fmt.Errorf("mount %s: %w", target, err)
	}
}

// devices fills /dev with what systemd and the daemons of a test need.
func (m *mounter) devices(dev string) {
	m.mount("tmpfs", dev, "tmpfs", 0, "mode=755")
	for name := range strings.FieldsSeq("null zero full random urandom tty") {
		m.do(os.WriteFile(filepath.Join(dev, name), nil, 0o666))
		m.mount("/dev/"+name, filepath.Join(dev, name), "", unix.MS_BIND, "")
	}
	for name := range strings.FieldsSeq("pts shm") {
		m.do(os.Mkdir(filepath.Join(dev, name), 0o755))
	}
	m.mount("devpts", dev+"/pts", "devpts", 0, "newinstance,ptmxmode=666")
	m.mount("tmpfs", dev+"/shm", "tmpfs", 0, "mode=1777")
	for link, target := range map[string]string{
		"ptmx": "pts/ptmx", "kmsg": "null", "console": "null", "fd": "/proc/self/fd",
		"stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
	} {
		m.do(os.Symlink(target, filepath.Join(dev, link)))
	}
}
