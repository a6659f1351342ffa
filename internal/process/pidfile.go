package process

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"syscall"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/ownfile"
)

// LockedError says that another daemon holds a pid file.
type LockedError struct {
	Path string
	PID  int // of a daemon that runs without holding a lock; 0: not known
}

func (e *LockedError) Error() string {
	if e.PID != 0 {
		return fmt.Sprintf("process %d of pid file %s is a keepalived that runs", e.PID, e.Path)
	}
	return fmt.Sprintf("Another process has pid file %s locked", e.Path)
}

// PIDFile is a pid file that this process holds.
type PIDFile struct {
	path string
	file *os.File
	dirs []string // made for it, outermost first

	touching atomic.Bool
}

// LockPIDFile opens the pid file, making it and its directory where they are
// missing, and locks it for the life of the process. When another daemon holds
// it, or it names a keepalived that runs, the error is a [*LockedError]; anything
// else in the file does not matter.
//
// The content is only changed by [PIDFile.Write].
func LockPIDFile(path string) (*PIDFile, error) {
	dirs, err := makeDirs(filepath.Dir(path))
	if err != nil {
		return nil, fmt.Errorf("pid file %s: %w", path, err)
	}
	for {
		p, err := lockOnce(path)
		if errors.Is(err, errReplaced) {
			continue // the previous holder removed it between our open and our lock
		}
		if err != nil {
			removeDirs(dirs)
			return nil, err
		}
		p.dirs = dirs
		return p, nil
	}
}

var errReplaced = errors.New("pid file was replaced")

func lockOnce(path string) (*PIDFile, error) {
	// A fifo in its place must not block, a link not lead elsewhere.
	const flags = os.O_WRONLY | os.O_CREATE | syscall.O_NOFOLLOW | syscall.O_NONBLOCK
	f, err := os.OpenFile(path, flags, 0o644) // #nosec G302 -- monitoring reads it
	if err != nil {
		return nil, fmt.Errorf("pid file: %w", err)
	}
	if err := lockFile(f, path); err != nil {
		f.Close()
		return nil, err
	}
	if pid, ok := unlockedDaemon(path); ok {
		f.Close()
		return nil, &LockedError{Path: path, PID: pid}
	}
	return &PIDFile{path: path, file: f}, nil
}

func lockFile(f *os.File, path string) error {
	have, err := f.Stat()
	if err != nil {
		return fmt.Errorf("pid file: %w", err)
	}
	if !have.Mode().IsRegular() {
		return fmt.Errorf("pid file %s is not a regular file", path)
	}
	if err := ownfile.Check(f, path); err != nil {
		return fmt.Errorf("pid file: %w", err)
	}
	// The lock belongs to the open file, so it also holds in a child that
	// inherits the descriptor, and only there.
	err = unix.FcntlFlock(f.Fd(), unix.F_OFD_SETLK, &unix.Flock_t{Type: unix.F_WRLCK})
	if errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EACCES) {
		return &LockedError{Path: path}
	}
	if err != nil {
		return fmt.Errorf("lock pid file %s: %w", path, err)
	}
	now, err := os.Lstat(path)
	if err != nil || !os.SameFile(have, now) {
		return errReplaced
	}
	// Readable by all whatever the umask: monitoring reads it.
	if err := f.Chmod(0o644); err != nil { // #nosec G302
		return fmt.Errorf("pid file: %w", err)
	}
	return nil
}

// Leave returns what another program needs to hold the file on: the lock is that of
// the open file.
func (p *PIDFile) Leave() (path string, fd int, dirs []string) {
	return p.path, int(p.file.Fd()), p.dirs
}

// InheritPIDFile holds a file on that another program has locked. The descriptor
// stays the caller's.
func InheritPIDFile(path string, fd int, dirs []string) (*PIDFile, error) {
	dup, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("pid file %s: %w", path, os.NewSyscallError("dup", err))
	}
	return &PIDFile{path: path, file: os.NewFile(uintptr(dup), path), dirs: dirs}, nil
}

// Held reports whether a process holds a pid file by its lock.
func Held(path string) (bool, error) {
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NOFOLLOW|syscall.O_NONBLOCK, 0)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("pid file: %w", err)
	}
	defer f.Close()
	lock := unix.Flock_t{Type: unix.F_WRLCK}
	if err := unix.FcntlFlock(f.Fd(), unix.F_OFD_GETLK, &lock); err != nil {
		return false, fmt.Errorf("lock of pid file %s: %w", path, err)
	}
	return lock.Type != unix.F_UNLCK, nil
}

// Write makes the pid the content of the file. After an error the file names no
// process: a number that was there is that of somebody else.
func (p *PIDFile) Write(pid int) error {
	// The new number first and the rest cut off after it, so that a reader finds
	// the file empty at no time.
	text := fmt.Sprintf("%d\n", pid)
	if _, err := p.file.WriteAt([]byte(text), 0); err != nil {
		_ = p.file.Truncate(0)
		return fmt.Errorf("pid file: %w", err)
	}
	if err := p.file.Truncate(int64(len(text))); err != nil {
		return fmt.Errorf("pid file: %w", err)
	}
	return nil
}

// Remove deletes the file, unless it was replaced by somebody else, with the
// directories that were made for it if they are empty, and gives up the lock.
func (p *PIDFile) Remove() error {
	var err error
	have, errHave := p.file.Stat()
	now, errNow := os.Lstat(p.path)
	if errHave == nil && errNow == nil && os.SameFile(have, now) {
		err = os.Remove(p.path)
	}
	removeDirs(p.dirs)
	p.file.Close() // only now: nobody can lock the file that goes away
	return err
}

// makeDirs makes a directory with its parents and returns those it made.
func makeDirs(dir string) ([]string, error) {
	err := os.Mkdir(dir, 0o755) // #nosec G301 -- monitoring reads what is in it
	switch {
	case err == nil:
		// Others enter it whatever the umask.
		err = os.Chmod(dir, 0o755) // #nosec G302 -- a directory
		return []string{dir}, err
	case errors.Is(err, fs.ErrExist):
		return nil, nil
	case !errors.Is(err, fs.ErrNotExist) || filepath.Dir(dir) == dir:
		return nil, err
	}
	made, err := makeDirs(filepath.Dir(dir))
	if err != nil {
		return nil, err
	}
	more, err := makeDirs(dir)
	return append(made, more...), err
}

func removeDirs(dirs []string) {
	for i := len(dirs) - 1; i >= 0; i-- {
		if os.Remove(dirs[i]) != nil {
			return // somebody else uses it
		}
	}
}

// PIDFiles are all pid files of a process: the same pid under several names.
type PIDFiles []*PIDFile

// LockPIDFiles locks all of the files or, with an error, none of them. Empty
// paths are left out.
func LockPIDFiles(paths ...string) (PIDFiles, error) {
	var files PIDFiles
	seen := map[string]bool{"": true}
	for _, path := range paths {
		if path != "" {
			path = filepath.Clean(path)
		}
		if seen[path] {
			continue // one file given twice is not locked by somebody else
		}
		seen[path] = true
		p, err := LockPIDFile(path)
		if err != nil {
			_ = files.Remove()
			return nil, err
		}
		files = append(files, p)
	}
	return files, nil
}

// Write makes the pid the content of all files, as far as that is possible.
func (f PIDFiles) Write(pid int) error {
	var errs []error
	for _, p := range f {
		errs = append(errs, p.Write(pid))
	}
	return errors.Join(errs...)
}

// Touch writes the last file again, so that its time is a sign of life for those
// who cannot be told otherwise. It does not wait for the disk; while an earlier
// call does, it does nothing.
func (f PIDFiles) Touch() {
	if len(f) == 0 {
		return
	}
	p := f[len(f)-1]
	if !p.touching.CompareAndSwap(false, true) {
		return
	}
	go func() {
		defer p.touching.Store(false)
		_ = p.Write(os.Getpid()) // the time of the file tells
	}()
}

// Remove removes all files, the last one first.
func (f PIDFiles) Remove() error {
	var errs []error
	for i := len(f) - 1; i >= 0; i-- {
		errs = append(errs, f[i].Remove())
	}
	return errors.Join(errs...)
}
