package track

import (
	"os"
	"path/filepath"
	"strings"
)

// spot is a name in a directory, which has no symbolic links in its own path.
type spot struct{ dir, name string }

// maxLinks is how many symbolic links the kernel follows in one path.
const maxLinks = 40

// follow walks an absolute path as the kernel does. It returns the spots at which
// a change can lead it to another file: the file's own name, every symbolic
// link on the way, or where the way ends because something is missing.
func follow(path string) []spot {
	var spots []spot
	dir, rest := "/", split(path)
	for links := 0; len(rest) > 0; {
		name := rest[0]
		rest = rest[1:]
		if name == ".." {
			dir = filepath.Dir(dir)
			continue
		}
		full := filepath.Join(dir, name)
		st, err := os.Lstat(full)
		switch {
		case err == nil && st.Mode()&os.ModeSymlink != 0:
			spots = append(spots, spot{dir, name})
			target, err := os.Readlink(full)
			if links++; err != nil || links > maxLinks {
				return spots
			}
			if filepath.IsAbs(target) {
				dir = "/"
			}
			rest = append(split(target), rest...)
		case err == nil && st.IsDir() && len(rest) > 0:
			dir = full
		default: // the file, or the end of the way
			return append(spots, spot{dir, name})
		}
	}
	return spots
}

// split returns the elements of a path that lead somewhere.
func split(path string) []string {
	var out []string
	for name := range strings.SplitSeq(path, "/") {
		if name != "" && name != "." {
			out = append(out, name)
		}
	}
	return out
}
