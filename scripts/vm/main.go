// Command vm runs a program as root in a throw-away virtual machine and ends with
// its status. It is what `go test -exec` needs for tests of kernel features that
// the running kernel lacks: VRF, VLAN, ipvlan, dummy, bonding and so on.
//
// The machine is emulated by qemu without hardware help, so it works wherever
// qemu does, and is slow: times must not be tested in it. It runs Debian's kernel
// with all its modules, fetched once from Debian's registry and kept in the user's
// cache directory. It sees the file system of the host, read-only; what it writes is lost.
// No network device leads out of it.
//
// The program is its own guest: in the machine it is process 1, loads the modules
// that it needs to see the host, and becomes the command (guest.go).
//
//	vm [-timeout 5m] command [argument...]
//	vm -check      only fetch the kernel; status 1 and a reason if there can be no machine
//
// Its status is that of the command; 124 when the time is up; 125 when there was no verdict.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

const (
	statusTimeout = 124
	statusNone    = 125

	memory = "1536" // MiB
	cpus   = "2"
)

// order is what the guest is to do; it reads it from the shared directory.
type order struct {
	Dir  string   `json:"dir"`
	Args []string `json:"args"`
	Env  []string `json:"env"`
	// Modules is the folder of the kernel's modules on the host.
	Modules string `json:"modules"`
}

func main() {
	if os.Getpid() == 1 {
		guest()
	}
	timeout := flag.Duration("timeout", 10*time.Minute, "how long the machine may run")
	check := flag.Bool("check", false, "only see whether there can be a machine, and fetch its kernel")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	k, err := findKernel(ctx)
	switch {
	case err != nil:
		fmt.Fprintf(os.Stderr, "vm: %v\n", err)
		os.Exit(1)
	case *check:
		fmt.Printf("vm: kernel %s\n", k.version)
		return
	case flag.NArg() == 0:
		flag.Usage()
		os.Exit(2)
	}
	ctx, cancel := context.WithTimeout(ctx, *timeout)
	defer cancel()
	status, err := run(ctx, k, flag.Args())
	if err != nil {
		fmt.Fprintf(os.Stderr, "vm: %v\n", err)
	}
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		fmt.Fprintf(os.Stderr, "vm: not finished after %v\n", *timeout)
		status = statusTimeout
	}
	os.Exit(status)
}

// run boots the machine, copies what it prints, and returns the status of the command.
func run(ctx context.Context, k *kernel, args []string) (int, error) {
	job, err := os.MkdirTemp("", "holdfast-vm-")
	if err != nil {
		return statusNone, err
	}
	defer os.RemoveAll(job)
	share := filepath.Join(job, "share")
	if err := os.Mkdir(share, 0o700); err != nil {
		return statusNone, err
	}
	dir, err := os.Getwd()
	if err != nil {
		return statusNone, err
	}
	if args[0], err = exec.LookPath(args[0]); err != nil {
		return statusNone, err
	}
	if args[0], err = filepath.Abs(args[0]); err != nil {
		return statusNone, err
	}
	text, err := json.Marshal(order{Dir: dir, Args: args, Env: passed(os.Environ()), Modules: filepath.Join(k.dir, "lib", "modules")})
	if err != nil {
		return statusNone, err
	}
	if err := os.WriteFile(filepath.Join(share, "order"), text, 0o600); err != nil {
		return statusNone, err
	}
	initrd := filepath.Join(job, "initrd")
	if err := writeInitrd(initrd, k); err != nil {
		return statusNone, err
	}
	if err := qemu(ctx, k.image, initrd, share); err != nil {
		return statusNone, err
	}
	return verdict(filepath.Join(share, "status"))
}

// passed are the variables that matter to tests.
func passed(env []string) []string {
	var out []string
	for _, v := range env {
		for _, p := range []string{"HOLDFAST_", "GO", "CI=", "PATH=", "HOME=", "LANG=", "TERM="} {
			if strings.HasPrefix(v, p) {
				out = append(out, v)
			}
		}
	}
	return out
}

func qemu(ctx context.Context, image, initrd, share string) error {
	cmd := exec.CommandContext(ctx, "qemu-system-x86_64",
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		// Emulation throughout: a /dev/kvm that opens may still be one under which
		// no kernel gets far.
		"-accel", "tcg,thread=multi", "-cpu", "max", "-smp", cpus, "-m", memory,
		"-kernel", image, "-initrd", initrd,
		"-append", "console=ttyS0 quiet loglevel=3 panic=-1 mitigations=off nokaslr tsc=reliable random.trust_cpu=on",
		"-fsdev", "local,id=host,path=/,security_model=none,readonly=on,multidevs=remap",
		"-device", "virtio-9p-pci,fsdev=host,mount_tag=host",
		"-fsdev", "local,id=share,security_model=none,path="+share,
		"-device", "virtio-9p-pci,fsdev=share,mount_tag=share",
		"-device", "virtio-rng-pci", "-serial", "stdio")
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	in, err := cmd.StdinPipe() // an end of file would end nothing, but be read for ever
	if err != nil {
		return err
	}
	defer in.Close()
	return cmd.Run()
}

// verdict reads what the guest left.
func verdict(path string) (int, error) {
	f, err := os.Open(path)
	if err != nil {
		return statusNone, errors.New("the machine ended without a verdict")
	}
	defer f.Close()
	text, err := io.ReadAll(f)
	if err != nil {
		return statusNone, err
	}
	var status int
	if _, err := fmt.Sscan(string(text), &status); err != nil {
		return statusNone, fmt.Errorf("verdict %q: %w", text, err)
	}
	return status, nil
}
