package dump

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// TempDir is where the files go: /tmp, or TMPDIR if that is absolute.
func TempDir() string {
	if dir := os.Getenv("TMPDIR"); filepath.IsAbs(dir) {
		return dir
	}
	return "/tmp"
}

// Files of a daemon in the directory of TempDir. Their names never change.
const (
	StatsFile = "keepalived.stats"
	JSONFile  = "keepalived.json"
)

// DataPath gives the path of the data file. Configured is state_dump_file: an
// absolute path, a name in dir, or with a slash at its end a directory; namespace
// and instance are given where data_use_instance is set.
func DataPath(dir, configured string, parent bool, namespace, instance string) string {
	path := configured
	if path == "" || strings.HasSuffix(path, "/") {
		path += "keepalived.data"
	}
	if !filepath.IsAbs(path) {
		path = filepath.Join(dir, path)
	}
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
func WriteFile(path string, data []byte, umask int) error {
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path))
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := fill(f, data, umask); err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	if err := os.Rename(f.Name(), path); err != nil {
		os.Remove(f.Name())
		return fmt.Errorf("write %s: %w", path, err)
	}
	return nil
}

// fill writes and closes a new file. The mode comes last: nobody else reads the
// file before it is whole.
func fill(f *os.File, data []byte, umask int) error {
	_, err := f.Write(data)
	if err == nil {
		err = f.Chmod(os.FileMode(0o666 &^ umask))
	}
	if errClose := f.Close(); err == nil {
		err = errClose
	}
	return err
}
