package config

import (
	"errors"
	"fmt"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// fakeHost is a machine made of values.
type fakeHost struct {
	links    []Link
	users    map[string]User
	groups   map[string]uint32
	files    map[string]FileStat // by absolute path; directories too
	symlinks map[string]string
	content  map[string]string // configuration files and name tables
	nodeName string
	env      map[string]string
	noHosts  bool // no name resolves
}

var errAbsent = errors.New("no such file or directory")

func (f *fakeHost) host() *Host {
	return &Host{
		Links: func() ([]Link, error) { return f.links, nil },
		User: func(name string) (User, error) {
			if u, ok := f.users[name]; ok {
				return u, nil
			}
			return User{}, fmt.Errorf("unknown user %s", name)
		},
		Group: func(name string) (uint32, error) {
			if g, ok := f.groups[name]; ok {
				return g, nil
			}
			return 0, fmt.Errorf("unknown group %s", name)
		},
		Self:     func() User { return User{Name: "root"} },
		NodeName: func() string { return f.nodeName },
		CPUs:     func() int { return 2 },
		Getenv:   func(name string) string { return f.env[name] },
		Getwd:    func() (string, error) { return "/etc/keepalived", nil },
		Resolve: func(host, _ string) error {
			if f.noHosts {
				return fmt.Errorf("lookup %s: no such host", host)
			}
			return nil
		},
		Lstat: func(p string) (FileStat, error) {
			if _, ok := f.symlinks[p]; ok {
				return FileStat{Kind: Symlink, Mode: 0o777}, nil
			}
			if st, ok := f.files[p]; ok {
				return st, nil
			}
			return FileStat{}, errAbsent
		},
		Readlink: func(p string) (string, error) {
			if t, ok := f.symlinks[p]; ok {
				return t, nil
			}
			return "", errAbsent
		},
		FileSystem: func(p string) (string, error) {
			switch {
			case strings.HasPrefix(p, "/proc"):
				return "proc", nil
			case strings.HasPrefix(p, "/ro"):
				return "other,ro", nil
			case strings.HasPrefix(p, "/absent"):
				return "", errAbsent
			}
			return "other", nil
		},
		Glob: func(pattern string) []string {
			var names []string
			for name := range f.content {
				if ok, _ := filepath.Match(pattern, name); ok {
					names = append(names, name)
				}
			}
			slices.Sort(names)
			return names
		},
		ReadFile: func(p string) ([]byte, error) {
			c, ok := f.content[p]
			switch {
			case !ok:
				return nil, errAbsent
			case strings.TrimSpace(c) == "(directory)":
				return nil, syntax.ErrDirectory
			case strings.HasPrefix(c, "(executable)\n"):
				return []byte(strings.TrimPrefix(c, "(executable)\n")), syntax.ErrExecutable
			}
			return []byte(c), nil
		},
		NetNS:    func(name string) bool { return name != "absent" && !strings.Contains(name, "$") },
		Protocol: func(name string) (uint8, bool) { return 6, name == "tcp" },
	}
}

// script adds an executable of root's and the directories above it.
func (f *fakeHost) script(p string, mode uint32) {
	f.dirs(path.Dir(p))
	f.files[p] = FileStat{Kind: RegularFile, Mode: mode}
}

func (f *fakeHost) dirs(p string) {
	for {
		if _, ok := f.files[p]; !ok {
			f.files[p] = FileStat{Kind: Directory, Mode: 0o755}
		}
		if p == "/" || p == "." {
			return
		}
		p = path.Dir(p)
	}
}

func newFakeHost() *fakeHost {
	f := &fakeHost{
		users:    map[string]User{"root": {Name: "root"}, "nobody": {Name: "nobody", UID: 65534, GID: 65534}},
		groups:   map[string]uint32{"root": 0, "daemon": 1},
		files:    map[string]FileStat{},
		symlinks: map[string]string{},
		content:  map[string]string{},
		env:      map[string]string{"PATH": "/usr/bin:/bin"},
		nodeName: "node.example.com",
	}
	f.dirs("/")
	for i, name := range []string{"lo", "eth0", "eth1", "eth2"} {
		f.links = append(f.links, Link{Name: name, Index: i + 1, MTU: 1500, Loopback: name == "lo", Multicast: name != "lo", Ethernet: name != "lo"})
	}
	return f
}
