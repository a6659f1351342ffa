package config

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// maxEntries is how many directory entries the patterns of one configuration
// may look at, and maxMatches how many names one of them may give.
const (
	maxEntries = 1_000_000
	maxMatches = 20_000
)

// globber finds files as glob(3) does: in contrast to package filepath a
// wildcard matches no dot at the start of a name, and [!a] is the same as
// [^a]. Its work is bounded, so that a pattern cannot walk the whole machine.
type globber struct {
	left    int // directory entries
	stopped bool
}

func newGlobber() *globber { return &globber{left: maxEntries} }

// glob lists the existing paths that match, sorted.
func (g *globber) glob(pattern string) []string {
	pattern = strings.ReplaceAll(pattern, "[!", "[^")
	if _, err := filepath.Match(pattern, ""); err != nil {
		return nil
	}
	names := g.expand(pattern)
	slices.Sort(names)
	return names
}

func (g *globber) expand(pattern string) []string {
	if !wild(pattern) {
		if _, err := os.Lstat(pattern); err != nil {
			return nil
		}
		return []string{pattern}
	}
	dir, base := filepath.Split(pattern)
	dirs := []string{dir}
	if parent := strings.TrimSuffix(dir, "/"); wild(parent) {
		dirs = g.expand(parent)
		for i := range dirs {
			dirs[i] += "/"
		}
	}
	var names []string
	for _, dir := range dirs {
		if base == "" || !wild(base) {
			if _, err := os.Lstat(dir + base); err == nil {
				names = append(names, dir+base)
			}
			continue
		}
		names = g.search(dir, base, names)
		if g.stopped {
			break
		}
	}
	return names
}

// search adds the matching names of one directory.
func (g *globber) search(dir, pattern string, names []string) []string {
	d, err := os.Open(cmp.Or(dir, "."))
	if err != nil {
		return names
	}
	defer d.Close()
	for {
		// Of the order of a directory nothing is known: all of it is read.
		list, err := d.Readdirnames(1024)
		for _, name := range list {
			if strings.HasPrefix(name, ".") && !strings.HasPrefix(pattern, ".") {
				continue
			}
			if ok, _ := filepath.Match(pattern, name); ok {
				names = append(names, dir+name)
			}
		}
		if g.left -= len(list); g.left < 0 || len(names) > maxMatches {
			g.stopped = true
			return names
		}
		if err != nil || len(list) == 0 {
			return names
		}
	}
}

func wild(pattern string) bool { return strings.ContainsAny(pattern, `*?[\`) }
