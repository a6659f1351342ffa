package track

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/ownfile"
)

// maxValue is how much of a tracked file is read, as by keepalived.
const maxValue = 127

// errNotFile says that a tracked file is something that cannot be read as one.
var errNotFile = errors.New("is not a regular file")

// fingerprint tells one state of a file from another; the zero value: no file.
type fingerprint struct {
	dev, ino uint64
	size     int64
	modified unix.Timespec
}

func printOf(st *unix.Stat_t) fingerprint {
	return fingerprint{uint64(st.Dev), st.Ino, st.Size, st.Mtim}
}

// sameFile reports whether two prints are of one file, whatever is in it.
func (p fingerprint) sameFile(o fingerprint) bool { return p.dev == o.dev && p.ino == o.ino }

// lookAt returns the fingerprint of what a path leads to.
func lookAt(path string) fingerprint {
	var st unix.Stat_t
	if unix.Stat(path, &st) != nil {
		return fingerprint{}
	}
	return printOf(&st)
}

// readStart reads the beginning of a file. That there is none is no error: the
// fingerprint is zero then.
func readStart(path string) ([]byte, fingerprint, error) {
	// Opening a pipe must not wait for somebody who writes.
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	switch {
	case errors.Is(err, unix.ENOENT), errors.Is(err, unix.ENOTDIR), errors.Is(err, unix.ELOOP):
		return nil, fingerprint{}, nil
	case err != nil:
		return nil, fingerprint{}, err
	}
	f := os.NewFile(uintptr(fd), path)
	defer f.Close()
	var st unix.Stat_t
	if err := unix.Fstat(fd, &st); err != nil {
		return nil, fingerprint{}, err
	}
	if st.Mode&unix.S_IFMT != unix.S_IFREG {
		return nil, printOf(&st), errNotFile
	}
	buf := make([]byte, maxValue)
	n, err := io.ReadFull(f, buf)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, printOf(&st), err
	}
	return buf[:n], printOf(&st), nil
}

// beingWritten reports whether somebody has the file open for writing. Where the
// kernel cannot tell, nobody has.
func beingWritten(path string) bool {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOCTTY|unix.O_CLOEXEC, 0)
	if err != nil {
		return false
	}
	defer unix.Close(fd)
	// A lease for reading is not given while there is a writer. It ends with the
	// descriptor: one who comes meanwhile waits for microseconds.
	_, err = unix.FcntlInt(uintptr(fd), unix.F_SETLEASE, unix.F_RDLCK)
	return errors.Is(err, unix.EAGAIN)
}

// blanks are what C's isspace takes for one.
const blanks = " \t\n\v\f\r"

// parseValue reads the number that a text begins with, as C's strtol with base
// 0 does: 0x… is hexadecimal, 0… octal, and what follows the number does not
// matter. A number beyond 64 bits is cut to them. ok: there is a number.
func parseValue(text string) (v int64, ok bool) {
	text = strings.TrimLeft(text, blanks)
	negative := false
	if text != "" && (text[0] == '-' || text[0] == '+') {
		negative, text = text[0] == '-', text[1:]
	}
	base := uint64(10)
	switch {
	case len(text) > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X') && digit(text[2]) < 16:
		base, text = 16, text[2:]
	case text != "" && text[0] == '0':
		base = 8
	}
	limit := uint64(math.MaxInt64)
	if negative {
		limit++
	}
	var n uint64
	for i := 0; i < len(text) && digit(text[i]) < base; i++ {
		ok = true
		if n > (limit-digit(text[i]))/base {
			n = limit
			continue
		}
		n = n*base + digit(text[i])
	}
	if negative {
		return -int64(n), ok // of 2^63 it is itself
	}
	return int64(n), ok
}

// digit is the value of a digit, 255 for what is none.
func digit(c byte) uint64 {
	switch {
	case c >= '0' && c <= '9':
		return uint64(c - '0')
	case c >= 'a' && c <= 'f':
		return uint64(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return uint64(c-'A') + 10
	}
	return 255
}

// InitFile writes a value to a tracked file that is missing, or with overwrite
// to any. A file that is there is else left alone.
func InitFile(path string, value int, overwrite bool) error {
	var f *os.File
	var err error
	if overwrite {
		f, err = ownfile.Open(path, ownfile.Truncate, 0o600)
	} else {
		f, err = os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		if errors.Is(err, os.ErrExist) {
			return nil
		}
	}
	if err != nil {
		return fmt.Errorf("setting up tracked file: %w", err)
	}
	_, err = fmt.Fprintf(f, "%d\n", value)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("setting up tracked file: %w", err)
	}
	return nil
}
