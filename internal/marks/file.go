package marks

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"

	"golang.org/x/sys/unix"
)

// maxSize bounds what is read: more than ten thousand instances need.
const maxSize = 8 << 20

// Load reads the file. That there is none is no error: the table is empty then,
// as it is with every error.
func Load(path string) (Table, error) {
	t, err := load(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return Table{}, nil
	case err != nil:
		return Table{}, fmt.Errorf("replay marks %s: %w", path, err)
	}
	return t, nil
}

func load(path string) (Table, error) {
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
	case st.Size > maxSize:
		return nil, fmt.Errorf("has %d bytes: %w", st.Size, ErrDamaged)
	}
	data, err := io.ReadAll(io.LimitReader(f, maxSize))
	if err != nil {
		return nil, err
	}
	return Decode(data)
}

// Save puts the table in place of the file, which others find either as it was
// or as it is to be.
func Save(path string, t Table) error {
	if err := save(path, t.Encode()); err != nil {
		return fmt.Errorf("replay marks %s: %w", path, err)
	}
	return nil
}

func save(path string, data []byte) error {
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
