// Package ownfile opens files that the daemon writes to, in places where others
// may have put something before.
//
// A daemon that writes as root to a file that it is told can be made to write
// elsewhere by whoever may write to the directory: by a symbolic link, by a hard
// link to another file, by a file of theirs that they go on changing. [Open]
// refuses all of them. Where a whole file is replaced, a new one and rename are
// better; this is for what is locked, appended to, or written as time goes by.
//
// Links in the directories above are the system's business: Linux does not follow
// those that others have put into directories open to all (fs.protected_symlinks).
package ownfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// How says what becomes of what a file holds already.
type How uint8

// What becomes of it.
const (
	Keep     How = iota // it stays, and is written over from the beginning
	Truncate            // it is thrown away
	Append              // it stays, and what is written comes behind it
)

// Open opens a file for writing, and makes it with the permissions if there is
// none. It never waits, and changes nothing unless the file passes [Check].
func Open(path string, how How, perm os.FileMode) (*os.File, error) {
	flags := os.O_WRONLY | os.O_CREATE | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_NOCTTY
	if how == Append {
		flags |= os.O_APPEND
	}
	f, err := os.OpenFile(path, flags, perm)
	if errors.Is(err, unix.ELOOP) {
		return nil, fmt.Errorf("%s is a symbolic link: not writing to what it leads to", path)
	}
	if err != nil {
		return nil, err
	}
	err = Check(f, path)
	if err == nil && how == Truncate {
		if err = f.Truncate(0); errors.Is(err, unix.EINVAL) {
			err = nil // a device
		}
	}
	if err != nil {
		f.Close()
		return nil, err
	}
	return f, nil
}

// Check says why an open file is not one to be written to, with its owner and
// mode; nil: it is one. It must be a plain file with this one name, or a character
// device of root's. In a directory open to all it must belong to root or to us.
func Check(f *os.File, path string) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return &fs.PathError{Op: "fstat", Path: path, Err: err}
	}
	refuse := func(why string) error {
		return fmt.Errorf("%s %s: not writing to it (owner %d:%d, mode %04o)", path, why, st.Uid, st.Gid, st.Mode&0o7777)
	}
	ours := st.Uid == 0 || int(st.Uid) == os.Geteuid()
	switch st.Mode & unix.S_IFMT {
	case unix.S_IFREG:
	case unix.S_IFCHR:
		if st.Uid == 0 {
			return nil
		}
		return refuse("is a device")
	default:
		return refuse("is not a plain file")
	}
	switch {
	case st.Nlink > 1:
		return refuse("is also another file, by a hard link")
	case !ours && openToAll(filepath.Dir(path)):
		return refuse("belongs to somebody else, in a directory open to all")
	}
	return nil
}

// openToAll says whether everybody may make files in a directory.
func openToAll(dir string) bool {
	var st unix.Stat_t
	return unix.Stat(dir, &st) != nil || st.Mode&0o002 != 0
}
