package dump

import (
	"fmt"
	"iter"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// TempDir is where the files go: /tmp, or TMPDIR if that is absolute.
func TempDir() string {
	if dir := os.Getenv("TMPDIR"); filepath.IsAbs(dir) {
		return dir
	}
	return "/tmp"
}

// Files of a daemon in the directory of TempDir, unless others are configured.
const (
	StatsFile = "keepalived.stats"
	JSONFile  = "keepalived.json"
)

// Path gives the path of a dump. Configured is state_dump_file or its like: an
// absolute path, a name in dir, or with a slash at its end a directory; usual is the
// name where nothing is configured.
func Path(dir, configured, usual string) string {
	path := configured
	if path == "" || strings.HasSuffix(path, "/") {
		path += usual
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
	return path
}

// DataPath gives the path of the data file; see [Path]. Namespace and instance are
// given where data_use_instance is set.
func DataPath(dir, configured string, parent bool, namespace, instance string) string {
	path := Path(dir, configured, "keepalived.data")
	suffix := ""
	if parent {
		suffix = "_parent"
	}
	switch {
	case namespace != "" && instance != "":
		suffix += "." + namespace + "_" + instance
	case namespace != "" || instance != "":
		suffix += "." + namespace + instance
	}
	ext := filepath.Ext(path)
	return strings.TrimSuffix(path, ext) + suffix + ext
}

// WriteFile puts a file in its place at once: whoever reads it finds the old or
// the new content, never a part. The file is made under a name of its own, so a
// link that somebody laid in a directory open to all is replaced, not followed.
// Its mode is 0666 less the umask given; the umask of the process is not used.
//
// It gets its name when it is whole and is closed after that: who waits for a file
// of this name to be closed after writing (inotify's IN_CLOSE_WRITE), as
// keepalived's is, is woken too.
func WriteFile(path string, data iter.Seq[[]byte], umask int) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	before, err := place(f, path, data, umask)
	if closed := f.Close(); err == nil {
		err = closed
	}
	if before || err != nil {
		_ = unix.Unlink(f.Name()) // never a directory
	}
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// place writes a new file and gives it its name. The mode comes after the data:
// nobody else reads the file before it is whole. The file that was there before may
// have the new one's name then.
func place(f *os.File, path string, data iter.Seq[[]byte], umask int) (before bool, err error) {
	for piece := range data {
		if _, err := f.Write(piece); err != nil {
			return false, err
		}
	}
	if err := f.Chmod(os.FileMode(0o666 &^ umask)); err != nil {
		return false, err
	}
	// Where a file is replaced by rename, ext4 begins to write it to the disk at once,
	// which whoever renames waits for; where two change their names it does not, and a
	// dump need not survive a power failure. A directory has to stay where it is.
	if st, err := os.Lstat(path); err == nil && st.Mode().IsRegular() {
		if unix.Renameat2(unix.AT_FDCWD, f.Name(), unix.AT_FDCWD, path, unix.RENAME_EXCHANGE) == nil {
			return true, nil
		}
	}
	return false, os.Rename(f.Name(), path)
}
