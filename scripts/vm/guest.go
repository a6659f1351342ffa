package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"

	"golang.org/x/sys/unix"
)

// guest is process 1 of the machine. It never returns.
func guest() {
	status, err := work()
	if err != nil {
		fmt.Printf("vm: in the machine: %v\n", err)
	}
	// Without a status the host knows that there was no verdict.
	if err == nil {
		err = os.WriteFile("/run/share/status", []byte(strconv.Itoa(status)), 0o600)
		if err != nil {
			fmt.Printf("vm: in the machine: %v\n", err)
		}
	}
	unix.Sync()
	_ = unix.Reboot(unix.LINUX_REBOOT_CMD_POWER_OFF)
	select {}
}

func work() (int, error) {
	if err := mountAll(
		mountPoint{"proc", "/proc", "proc", 0, ""},
		mountPoint{"dev", "/dev", "devtmpfs", 0, ""},
	); err != nil {
		return 0, err
	}
	rawConsole()
	if err := loadModules("/modules"); err != nil {
		return 0, err
	}
	const shared = "trans=virtio,version=9p2000.L,msize=512000"
	if err := mountAll(
		mountPoint{"host", "/host", "9p", unix.MS_RDONLY, shared + ",cache=loose"},
		mountPoint{"mem", "/mem", "tmpfs", 0, ""},
	); err != nil {
		return 0, err
	}
	for _, dir := range []string{"/mem/upper", "/mem/work"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return 0, err
		}
	}
	if err := mountAll(mountPoint{"root", "/root", "overlay", 0, "lowerdir=/host,upperdir=/mem/upper,workdir=/mem/work"}); err != nil {
		return 0, err
	}
	if err := enter("/root"); err != nil {
		return 0, err
	}
	if err := mountAll(
		mountPoint{"proc", "/proc", "proc", 0, ""},
		mountPoint{"sys", "/sys", "sysfs", 0, ""},
		mountPoint{"dev", "/dev", "devtmpfs", 0, ""},
		mountPoint{"pts", "/dev/pts", "devpts", 0, ""},
		mountPoint{"shm", "/dev/shm", "tmpfs", 0, ""},
		mountPoint{"run", "/run", "tmpfs", 0, "mode=755"},
		mountPoint{"tmp", "/tmp/.vm", "tmpfs", 0, ""}, // the rest of /tmp has the program
		mountPoint{"cgroup", "/sys/fs/cgroup", "cgroup2", 0, ""},
		mountPoint{"share", "/run/share", "9p", 0, shared},
	); err != nil {
		return 0, err
	}
	return obey("/run/share/order")
}

type mountPoint struct {
	source, target, kind string
	flags                uintptr
	data                 string
}

func mountAll(points ...mountPoint) error {
	for _, p := range points {
		if err := os.MkdirAll(p.target, 0o755); err != nil {
			return err
		}
		if err := unix.Mount(p.source, p.target, p.kind, p.flags, p.data); err != nil {
			return fmt.Errorf("mount %s: %w", p.target, err)
		}
	}
	return nil
}

// rawConsole has the console print what it is given, and nothing more.
func rawConsole() {
	t, err := unix.IoctlGetTermios(1, unix.TCGETS)
	if err != nil {
		return
	}
	t.Oflag &^= unix.OPOST
	_ = unix.IoctlSetTermios(1, unix.TCSETS, t)
}

func loadModules(dir string) error {
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return err
	}
	for _, file := range files { // sorted, so in their order
		f, err := os.Open(file)
		if err != nil {
			return err
		}
		err = unix.FinitModule(int(f.Fd()), "", 0)
		_ = f.Close()
		if err != nil && !errors.Is(err, unix.EEXIST) {
			return fmt.Errorf("%s: %w", file, err)
		}
	}
	return nil
}

// enter makes dir the root, for the kernel's own helpers (modprobe) too.
func enter(dir string) error {
	return errors.Join(unix.Chdir(dir), unix.Mount(".", "/", "", unix.MS_MOVE, ""), unix.Chroot("."), unix.Chdir("/"))
}

// obey runs the command and returns its status.
func obey(file string) (int, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	var o order
	if err := json.Unmarshal(text, &o); err != nil {
		return 0, err
	}
	if err := prepare(&o); err != nil {
		return 0, err
	}
	cmd := exec.Command(o.Args[0], o.Args[1:]...)
	cmd.Dir, cmd.Env = o.Dir, append(o.Env, "HOLDFAST_VM=1", "TMPDIR=/tmp/.vm")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	return reap(cmd.Process.Pid)
}

// prepare makes the machine one in which tests feel at home.
func prepare(o *order) error {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return err
	}
	version := unix.ByteSliceToString(name.Release[:])
	if err := os.MkdirAll("/lib/modules", 0o755); err != nil {
		return err
	}
	_ = os.RemoveAll("/lib/modules/" + version)
	return errors.Join(
		os.Symlink(filepath.Join(o.Modules, version), "/lib/modules/"+version),
		os.MkdirAll("/run/netns", 0o755),
		os.MkdirAll("/run/lock", 0o755),
		unix.Sethostname([]byte("vm")),
		loopbackUp(),
	)
}

func loopbackUp() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_DGRAM, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	r, err := unix.NewIfreq("lo")
	if err != nil {
		return err
	}
	r.SetUint16(unix.IFF_UP)
	return unix.IoctlIfreq(fd, unix.SIOCSIFFLAGS, r)
}

// reap waits for the command, and meanwhile for whatever else has become a child
// of process 1.
func reap(pid int) (int, error) {
	for {
		var s syscall.WaitStatus
		got, err := syscall.Wait4(-1, &s, 0, nil)
		switch {
		case errors.Is(err, syscall.EINTR):
		case err != nil:
			return 0, err
		case got != pid:
		case s.Signaled():
			return 128 + int(s.Signal()), nil
		default:
			return s.ExitStatus(), nil
		}
	}
}
