// Package settled reads files that others may be writing at the same time.
//
// A configuration is written by editors, by configuration management, through a
// pipe from another machine; and the signal to reload comes from somebody else.
// A file that is read while it is written may be cut off at any byte, and some
// of what is cut off there is a valid configuration without half of its
// instances. [Read] repeats a reading until no file of it was being changed.
//
// Read is one goroutine's; it waits, so it must be one that may.
package settled

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// Times of waiting.
const (
	pause    = 50 * time.Millisecond // between two looks at files that are not settled
	notMoved = 2 * time.Second       // a file that somebody has open for writing and that does not change for so long counts as written
	limit    = 10 * time.Second      // of waiting altogether
)

// Reader reads files and remembers how each was.
type Reader struct {
	read  func(path string) ([]byte, error)
	files map[string]file
	order []string
}

// file is what was read, and from which file in which state.
type file struct {
	data   []byte
	err    error
	before mark
}

// mark tells one state of a file from another.
type mark struct {
	dev, ino uint64
	size     int64
	mtime    unix.Timespec
	ctime    unix.Timespec
}

func markOf(path string) mark {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return mark{}
	}
	return mark{uint64(st.Dev), st.Ino, st.Size, st.Mtim, st.Ctim}
}

// ReadFile reads a file, once: asked again it gives the same bytes.
func (r *Reader) ReadFile(path string) ([]byte, error) {
	if f, ok := r.files[path]; ok {
		return f.data, f.err
	}
	f := file{before: markOf(path)}
	f.data, f.err = r.read(path)
	r.files[path] = f
	r.order = append(r.order, path)
	return f.data, f.err
}

// Files returns what was read, without what could not be.
func (r *Reader) Files() map[string][]byte {
	all := make(map[string][]byte, len(r.files))
	for path, f := range r.files {
		if f.err == nil {
			all[path] = f.data
		}
	}
	return all
}

// moving names the first file that is not now what it was when it was read, or
// that somebody is writing; "": all are settled.
func (r *Reader) moving() (path string, open bool) {
	for _, p := range r.order {
		f := r.files[p]
		if markOf(p) != f.before {
			return p, false
		}
	}
	for _, p := range r.order {
		if beingWritten(p) {
			return p, true
		}
	}
	return "", false
}

// beingWritten tells whether anybody has the file open for writing. The kernel
// knows: it gives nobody a read lease on such a file. Where it gives no leases
// at all (some file systems, files of others without CAP_LEASE) the answer is
// no, and the state of the file has to do.
func beingWritten(path string) bool {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC|unix.O_NONBLOCK, 0)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(fd) }()
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK)
	if err == nil {
		_, _ = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_UNLCK)
	}
	return err == unix.EAGAIN
}

// Read calls parse, which has to read all files through the Reader it is given,
// until none of them was being changed meanwhile, and returns "" with the last
// call's files settled. It gives up after ten seconds and names the file that
// still moves; what parse made of it must not be used then. A file that somebody
// holds open for writing without writing counts as settled after two seconds.
func Read(ctx context.Context, read func(path string) ([]byte, error), parse func(*Reader)) (moving string) {
	begun := time.Now()
	var last map[string]file
	quiet := begun // since when no file has changed
	for {
		r := &Reader{read: read, files: map[string]file{}}
		parse(r)
		path, open := r.moving()
		if path == "" {
			return ""
		}
		now := time.Now()
		if !open || !same(last, r.files) {
			quiet = now
		}
		last = r.files
		if open && now.Sub(quiet) >= notMoved {
			return ""
		}
		if now.Sub(begun) >= limit {
			return path
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return path
		}
	}
}

func same(a, b map[string]file) bool {
	if len(a) != len(b) {
		return false
	}
	for p, f := range a {
		if g, ok := b[p]; !ok || f.before != g.before {
			return false
		}
	}
	return true
}
