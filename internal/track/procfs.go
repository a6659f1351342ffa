package track

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// procFS reads about processes.
type procFS struct {
	root string // "/proc"
	name *[64]byte
	line *[maxCommand]byte
	stat *[512]byte
}

// maxCommand is how much of a command line is compared. A longer one would not
// fit a line of the configuration either.
const maxCommand = 4096

func newProcFS(root string) procFS {
	return procFS{root, new([64]byte), new([maxCommand]byte), new([512]byte)}
}

// pids lists the processes.
func (p procFS) pids() ([]int, error) {
	dir, err := os.Open(p.root)
	if err != nil {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	defer dir.Close()
	names, err := dir.Readdirnames(-1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, fmt.Errorf("listing processes: %w", err)
	}
	pids := make([]int, 0, len(names))
	for _, name := range names {
		if name[0] < '0' || name[0] > '9' {
			continue
		}
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	return pids, nil
}

// read returns the beginning of a file of a process, nil when the process is
// gone.
func (p procFS) read(pid int, name string, buf []byte) []byte {
	path := p.root + "/" + strconv.Itoa(pid) + "/" + name
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil
	}
	defer unix.Close(fd)
	n, err := unix.Read(fd, buf)
	if err != nil {
		return nil
	}
	return buf[:n]
}

// comm returns the name of a process; valid until the next call.
func (p procFS) comm(pid int) []byte {
	return bytes.TrimSuffix(p.read(pid, "comm", p.name[:]), []byte("\n"))
}

// commandLine returns the beginning of a command line; valid until the next call.
func (p procFS) commandLine(pid int) []byte {
	return p.read(pid, "cmdline", p.line[:])
}

// running reports whether a process is there and neither a zombie nor dead.
func (p procFS) running(pid int) bool {
	stat := p.read(pid, "stat", p.stat[:])
	// The name before the state may hold anything, brackets too.
	i := bytes.LastIndex(stat, []byte(") "))
	if i < 0 || i+2 >= len(stat) {
		return false
	}
	state := stat[i+2]
	return state != 'Z' && state != 'X'
}
