package main

import (
	"bufio"
	"fmt"
	"os"
	"path"
)

// writeInitrd writes what the kernel begins with: this program as /init and the
// modules that it loads, numbered in their order.
func writeInitrd(file string, k *kernel) error {
	order, err := k.loadOrder()
	if err != nil {
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	a := archive{w: bufio.NewWriter(f)}
	for _, dir := range []string{"dev", "proc", "modules", "host", "mem", "root"} {
		a.add(dir, 0o040755, nil)
	}
	a.file("init", self)
	for i, m := range order {
		a.file(path.Join("modules", fmt.Sprintf("%02d-%s", i, path.Base(m))), k.modules(m))
	}
	return a.close()
}

// archive writes the format of the kernel's initramfs ("newc" of cpio).
type archive struct {
	w   *bufio.Writer
	n   int
	err error
}

func (a *archive) file(name, from string) {
	data, err := os.ReadFile(from)
	if err != nil && a.err == nil {
		a.err = err
	}
	a.add(name, 0o100755, data)
}

func (a *archive) add(name string, mode uint32, data []byte) {
	a.n++
	// Number, mode, owner, group, links, time, size, device (2), its own device
	// (2), length of the name with its zero, no checksum.
	a.printf("070701%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X%08X", a.n, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, len(name)+1, 0)
	a.printf("%s\x00", name)
	a.pad(110 + len(name) + 1)
	if a.err == nil {
		_, a.err = a.w.Write(data)
	}
	a.pad(len(data))
}

// pad ends a part of n bytes at a multiple of four.
func (a *archive) pad(n int) { a.printf("%s", "\x00\x00\x00"[:(4-n%4)%4]) }

func (a *archive) printf(format string, args ...any) {
	if a.err == nil {
		_, a.err = fmt.Fprintf(a.w, format, args...)
	}
}

func (a *archive) close() error {
	a.add("TRAILER!!!", 0, nil)
	if a.err == nil {
		a.err = a.w.Flush()
	}
	return a.err
}
