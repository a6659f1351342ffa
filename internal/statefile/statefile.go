// Package statefile reads and writes small files that outlive the daemon. What it
// reads nobody else can have written, and what it writes others find either as it
// was or as it is to be.
package statefile

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// ErrTooLarge says that a file is longer than it can be.
var ErrTooLarge = errors.New("is too large")

// Read returns the bytes of a file of at most that size. The error is
// [fs.ErrNotExist] when there is none.
func Read(path string, limit int64) ([]byte, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NOFOLLOW|unix.O_NONBLOCK|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("open", err)
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	var st unix.Stat_t
	switch err := unix.Fstat(fd, &st); {
	case err != nil:
		return nil, os.NewSyscallError("fstat", err)
	case st.Mode&unix.S_IFMT != unix.S_IFREG:
		return nil, errors.New("is not a plain file")
	case st.Mode&0o022 != 0 || st.Uid != 0 && st.Uid != uint32(os.Geteuid()):
		return nil, fmt.Errorf("others could have written it (owner %d, mode %04o)", st.Uid, st.Mode&0o7777)
	case st.Size > limit:
		return nil, fmt.Errorf("has %d bytes: %w", st.Size, ErrTooLarge)
	}
	return io.ReadAll(io.LimitReader(f, limit))
}

// Write puts the bytes in place of the file.
func Write(path string, data []byte) error {
	temp := path + ".new"
	// One that a crash has left, or somebody else has put there. What cannot be
	// removed makes the next step fail.
	_ = os.Remove(temp)
	f, err := os.OpenFile(temp, os.O_WRONLY|os.O_CREATE|os.O_EXCL|unix.O_NOFOLLOW, 0o600)
	if err != nil {
		return cause(err)
	}
	_, err = f.Write(data)
	if err = errors.Join(err, f.Close()); err == nil {
		err = os.Rename(temp, path)
	}
	if err != nil {
		_ = os.Remove(temp)
	}
	return cause(err)
}

// cause is the system's reason without the path, which the message has already.
func cause(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return os.NewSyscallError(p.Op, p.Err)
	}
	return err
}
