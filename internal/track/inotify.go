package track

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Why not a portable library: those do not tell when a file that was written has
// been closed. Between the truncation and the writing of "echo 5 > FILE" a file
// is empty, and empty means 0.
const (
	watched = unix.IN_CLOSE_WRITE | unix.IN_CREATE | unix.IN_DELETE | unix.IN_MOVED_FROM | unix.IN_MOVED_TO |
		unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_ONLYDIR | unix.IN_DONT_FOLLOW | unix.IN_EXCL_UNLINK
	// left: the directory is no longer where it was.
	left = unix.IN_IGNORED | unix.IN_DELETE_SELF | unix.IN_MOVE_SELF | unix.IN_UNMOUNT
)

// Changes are gathered so that a file which is written without pause costs
// little: for a moment after the first one, for longer while they go on.
const (
	gatherFirst = 5 * time.Millisecond
	gatherBusy  = 50 * time.Millisecond
)

// happening is a change of a name in a watched directory, or of the directory.
type happening struct {
	wd   int32
	name string
	left bool
	lost bool // the kernel could not report everything
}

// watcher watches directories. All but pump is of the FileSet's goroutine.
type watcher struct {
	file  *os.File
	raw   syscall.RawConn
	dirs  map[string]watchedDir
	paths map[int32][]string
	// refused is the last reason for which a directory could not be watched.
	refused error
}

type watchedDir struct {
	wd int32
	at fingerprint
}

func newWatcher() (*watcher, error) {
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	if err != nil {
		return nil, fmt.Errorf("inotify: %w", err)
	}
	w := &watcher{file: os.NewFile(uintptr(fd), "inotify"), dirs: map[string]watchedDir{}, paths: map[int32][]string{}}
	w.raw, err = w.file.SyscallConn()
	return w, err
}

// control runs f with the descriptor.
func (w *watcher) control(f func(fd int)) { _ = w.raw.Control(func(fd uintptr) { f(int(fd)) }) }

// watch watches exactly the directories wanted, each as it is now: one that was
// moved away and made anew is another one. It reports whether all are watched.
func (w *watcher) watch(wanted map[string]bool) (all bool) {
	for dir, have := range w.dirs {
		if !wanted[dir] || !lookAt(dir).sameFile(have.at) {
			w.drop(dir)
		}
	}
	all = true
	for dir := range wanted {
		if _, ok := w.dirs[dir]; !ok {
			all = w.add(dir) && all
		}
	}
	return all
}

func (w *watcher) add(dir string) bool {
	at := lookAt(dir)
	var wd int
	var err error
	w.control(func(fd int) { wd, err = unix.InotifyAddWatch(fd, dir, watched) })
	if err != nil {
		if !errors.Is(err, unix.ENOENT) && !errors.Is(err, unix.ENOTDIR) {
			w.refused = fmt.Errorf("watching %s: %w", dir, err)
		}
		return false
	}
	w.dirs[dir] = watchedDir{int32(wd), at}
	if !slices.Contains(w.paths[int32(wd)], dir) {
		w.paths[int32(wd)] = append(w.paths[int32(wd)], dir) // one directory may be in two places
	}
	return true
}

func (w *watcher) drop(dir string) {
	wd := w.dirs[dir].wd
	delete(w.dirs, dir)
	w.paths[wd] = slices.DeleteFunc(w.paths[wd], func(s string) bool { return s == dir })
	if len(w.paths[wd]) == 0 {
		delete(w.paths, wd)
		w.control(func(fd int) { _, _ = unix.InotifyRmWatch(fd, uint32(wd)) }) // gone already, if the directory is
	}
}

// moved returns the watched directories whose paths lead elsewhere now, though
// nothing was reported: a directory above was moved, or something mounted.
func (w *watcher) moved() []string {
	var out []string
	for dir, have := range w.dirs {
		if !lookAt(dir).sameFile(have.at) {
			out = append(out, dir)
		}
	}
	return out
}

// pump hands over what happens, gathered, each thing once, until ctx ends.
func (w *watcher) pump(ctx context.Context, out chan<- map[happening]bool) {
	defer context.AfterFunc(ctx, func() { _ = w.file.SetReadDeadline(time.Unix(1, 0)) })()
	buf := make([]byte, 64<<10)
	pause := time.NewTimer(time.Hour)
	defer pause.Stop()
	var last time.Time
	for {
		batch := map[happening]bool{}
		n, err := w.file.Read(buf)
		if err != nil {
			return
		}
		sortOut(buf[:n], batch)
		wait := gatherFirst
		if time.Since(last) < 2*gatherBusy {
			wait = gatherBusy
		}
		pause.Reset(wait)
		select {
		case <-pause.C:
		case <-ctx.Done():
			return
		}
		w.control(func(fd int) {
			for {
				n, err := unix.Read(fd, buf)
				if err != nil || n <= 0 {
					return
				}
				sortOut(buf[:n], batch)
			}
		})
		select {
		case out <- batch:
		case <-ctx.Done():
			return
		}
		last = time.Now()
	}
}

// sortOut adds the events of a buffer (inotify(7)) to a batch.
func sortOut(b []byte, batch map[happening]bool) {
	for len(b) >= unix.SizeofInotifyEvent {
		mask := binary.NativeEndian.Uint32(b[4:])
		size := unix.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(b[12:]))
		if size > len(b) {
			return
		}
		name, _, _ := bytes.Cut(b[unix.SizeofInotifyEvent:size], []byte{0})
		batch[happening{
			wd: int32(binary.NativeEndian.Uint32(b)), name: string(name),
			left: mask&left != 0, lost: mask&unix.IN_Q_OVERFLOW != 0,
		}] = true
		b = b[size:]
	}
}
