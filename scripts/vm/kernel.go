package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// wanted are the modules that the guest loads itself to see the host. All others
// are loaded by the kernel when it needs them.
var wanted = []string{"virtio_pci", "9pnet_virtio", "9p", "overlay", "virtio_rng"}

// kernel is a kernel of Debian, unpacked.
type kernel struct {
	version, dir, image string
}

// findKernel returns the kernel in the cache directory, which is fetched first
// where there is none.
func findKernel(ctx context.Context) (*kernel, error) {
	for _, tool := range []string{"qemu-system-x86_64", "depmod", "modprobe", "dpkg-deb", "apt-get"} {
		if _, err := exec.LookPath(tool); err != nil {
			return nil, fmt.Errorf("%s is missing: scripts/setup, as root, installs it", tool)
		}
	}
	cache, err := os.UserCacheDir()
	if err != nil {
		cache = os.TempDir()
	}
	dir := filepath.Join(cache, "holdfast-vm")
	if k, err := kernelIn(dir); err == nil {
		return k, nil
	}
	if err := fetch(ctx, dir); err != nil {
		return nil, err
	}
	return kernelIn(dir)
}

func kernelIn(dir string) (*kernel, error) {
	images, err := filepath.Glob(filepath.Join(dir, "boot", "vmlinuz-*"))
	if err != nil || len(images) != 1 {
		return nil, errors.Join(err, fmt.Errorf("no kernel in %s", dir))
	}
	k := &kernel{dir: dir, image: images[0], version: strings.TrimPrefix(filepath.Base(images[0]), "vmlinuz-")}
	_, err = os.Stat(k.modules("modules.dep"))
	return k, err
}

func (k *kernel) modules(name string) string {
	return filepath.Join(k.dir, "lib", "modules", k.version, name)
}

// fetch downloads Debian's kernel package and unpacks it, without installing it.
// The folder appears when it is complete.
func fetch(ctx context.Context, dir string) error {
	if err := os.MkdirAll(filepath.Dir(dir), 0o755); err != nil {
		return err
	}
	tmp, err := os.MkdirTemp(filepath.Dir(dir), "holdfast-vm-new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	pkg, err := kernelPackage(ctx)
	if err != nil {
		return err
	}
	if err := command(ctx, tmp, "apt-get", "-q", "-o", "APT::Sandbox::User=root", "download", pkg); err != nil {
		return fmt.Errorf("%s cannot be fetched (apt-get update, as root, may help): %w", pkg, err)
	}
	debs, _ := filepath.Glob(filepath.Join(tmp, "*.deb"))
	if len(debs) != 1 {
		return fmt.Errorf("apt-get download %s left %d packages", pkg, len(debs))
	}
	root := filepath.Join(tmp, "root")
	if err := command(ctx, tmp, "dpkg-deb", "-x", debs[0], root); err != nil {
		return err
	}
	if err := command(ctx, tmp, "depmod", "-b", root, strings.TrimPrefix(pkg, "linux-image-")); err != nil {
		return err
	}
	if err := os.RemoveAll(dir); err != nil {
		return err
	}
	return os.Rename(root, dir)
}

// kernelPackage is the package that linux-image-amd64 stands for today.
func kernelPackage(ctx context.Context) (string, error) {
	out, err := exec.CommandContext(ctx, "apt-cache", "depends", "linux-image-amd64").Output()
	if err != nil {
		return "", fmt.Errorf("apt-cache depends linux-image-amd64: %w", err)
	}
	for line := range strings.Lines(string(out)) {
		if pkg, ok := strings.CutPrefix(strings.TrimSpace(line), "Depends: "); ok {
			return pkg, nil
		}
	}
	return "", errors.New("no kernel package is known: run apt-get update")
}

func command(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", name, err, out)
	}
	return nil
}

// loadOrder returns the files of the wanted modules and of those that they need,
// in the order in which they can be loaded. What is built in has no file.
func (k *kernel) loadOrder() ([]string, error) {
	f, err := os.Open(k.modules("modules.dep"))
	if err != nil {
		return nil, err
	}
	defer f.Close()
	needs := map[string][]string{} // by file
	files := map[string]string{}   // by name
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		file, deps, _ := strings.Cut(lines.Text(), ":")
		needs[file] = strings.Fields(deps)
		files[moduleName(file)] = file
	}
	if err := lines.Err(); err != nil {
		return nil, err
	}
	var order []string
	add := func(file string) {
		if !slices.Contains(order, file) {
			order = append(order, file)
		}
	}
	for _, name := range wanted {
		file, ok := files[name]
		if !ok {
			continue
		}
		for _, dep := range slices.Backward(needs[file]) { // the last is needed first
			add(dep)
		}
		add(file)
	}
	return order, nil
}

func moduleName(file string) string {
	name, _, _ := strings.Cut(filepath.Base(file), ".")
	return strings.ReplaceAll(name, "-", "_")
}
