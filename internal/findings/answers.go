package findings

import (
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/config"
)

// nameTables are iproute2's files of names for numbers.
var nameTables = []string{"rt_tables", "rt_scopes", "rt_realms", "rt_dsfield", "rt_protos", "group"}

// Defaults of a description.
const (
	defaultName = "localhost"
	defaultCPUs = 1024 // as many as a set of processors may name
	defaultPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	assumedPath = "/usr/bin" // programs are where they are looked for first
	assumedID   = 65534
	assumedKey  = "0123456789abcdef0123456789abcdef" // of the length that key files have at least
)

// protocols are the names of IP protocols that any machine knows.
var protocols = map[string]uint8{
	"ip": 0, "icmp": 1, "igmp": 2, "ipencap": 4, "tcp": 6, "egp": 8, "igp": 9, "udp": 17, "dccp": 33, "ipv6": 41, "rsvp": 46,
	"gre": 47, "esp": 50, "ah": 51, "ipv6-icmp": 58, "eigrp": 88, "ospf": 89, "ipip": 94, "pim": 103, "ipcomp": 108,
	"vrrp": 112, "l2tp": 115, "isis": 124, "sctp": 132, "udplite": 136, "mpls-in-ip": 137,
}

// answers serve a Host from a description.
type answers struct {
	*Description
	named *named
	base  *config.Host
	files map[string]File
	table map[string]uint // of every assumed table of names
}

// Host is the described machine, for a test of the configuration main with
// the options opt. opt.Host, or where it is nil the machine the program runs
// on, gives the files of the configuration and the environment, and nothing
// else. What is assumed depends on what the files mention, so that the Host
// serves no other configuration.
func (d *Description) Host(main string, opt config.Options) *config.Host {
	base := opt.Host
	if base == nil {
		base = config.System()
	}
	a := &answers{Description: d, base: base, files: map[string]File{}}
	a.named = mentioned(main, opt, base, a.nodeName())
	for dir := range strings.SplitSeq(a.searchPath(), ":") {
		a.named.path(dir + "/")
	}
	for _, f := range d.Files {
		a.files[f.Path] = f
	}
	for _, f := range d.Files {
		for p := path.Dir(f.Path); ; p = path.Dir(p) {
			if _, ok := a.files[p]; !ok {
				a.files[p] = File{Path: p, Kind: "directory"}
			}
			if p == "/" {
				break
			}
		}
	}
	if d.Names == nil {
		a.table = a.named.table()
	}
	return &config.Host{
		Links:       a.links,
		User:        a.user,
		Group:       a.group,
		Self:        func() config.User { return config.User{Name: "root"} },
		NodeName:    a.nodeName,
		CPUs:        a.cpus,
		Getenv:      a.getenv,
		Resolve:     func(string, string) error { return nil },
		Lstat:       a.lstat,
		Readlink:    a.readlink,
		FileSystem:  func(string) (string, error) { return "other", nil },
		Glob:        a.glob,
		GlobStopped: base.GlobStopped,
		ReadFile:    a.readFile,
		NetNS:       func(string) bool { return true },
		Protocol: func(name string) (uint8, bool) {
			n, ok := protocols[name]
			return n, ok
		},
	}
}

func (a *answers) links() ([]config.Link, error) {
	if a.Interfaces == nil {
		return a.named.interfaces(), nil
	}
	links := make([]config.Link, 0, len(a.Interfaces))
	for i, x := range a.Interfaces {
		links = append(links, x.link(i+1))
	}
	return links, nil
}

func (a *answers) user(name string) (config.User, error) {
	for _, u := range a.Users {
		if u.Name == name {
			return config.User{Name: name, UID: u.UID, GID: u.GID}, nil
		}
	}
	switch {
	case name == "root":
		return config.User{Name: name}, nil
	case a.Users != nil:
		return config.User{}, fmt.Errorf("unknown user %s", name)
	}
	id := assumed(name)
	return config.User{Name: name, UID: id, GID: id}, nil
}

func (a *answers) group(name string) (uint32, error) {
	for _, g := range a.Groups {
		if g.Name == name {
			return g.GID, nil
		}
	}
	switch {
	case name == "root":
		return 0, nil
	case a.Groups != nil:
		return 0, fmt.Errorf("unknown group %s", name)
	}
	return assumed(name), nil
}

// assumed is the number of a user or group of which nothing is known.
func assumed(name string) uint32 {
	if n, err := strconv.ParseUint(name, 10, 32); err == nil {
		return uint32(n)
	}
	return assumedID
}

func (a *answers) nodeName() string {
	if a.NodeName == "" {
		return defaultName
	}
	return a.NodeName
}

func (a *answers) cpus() int {
	if a.CPUs == 0 {
		return defaultCPUs
	}
	return a.CPUs
}

func (a *answers) searchPath() string {
	switch {
	case a.Files == nil:
		return assumedPath
	case a.Path == "":
		return defaultPath
	}
	return a.Path
}

func (a *answers) getenv(name string) string {
	if name == "PATH" {
		return a.searchPath()
	}
	return a.base.Getenv(name)
}

func (a *answers) lstat(p string) (config.FileStat, error) {
	p = path.Clean(p)
	if a.Files != nil {
		f, ok := a.files[p]
		if !ok {
			return config.FileStat{}, &fs.PathError{Op: "lstat", Path: p, Err: fs.ErrNotExist}
		}
		return f.stat(), nil
	}
	switch {
	case a.named.dirs[p]:
		return config.FileStat{Kind: config.Directory, Mode: 0o755}, nil
	case a.named.keys[p]:
		return config.FileStat{Mode: 0o600}, nil
	}
	return config.FileStat{Mode: 0o755}, nil
}

func (a *answers) readlink(p string) (string, error) {
	if f, ok := a.files[path.Clean(p)]; ok && f.Kind == "symlink" {
		return f.Target, nil
	}
	return "", &fs.PathError{Op: "readlink", Path: p, Err: fs.ErrInvalid}
}

// tableName says whether a path is one of iproute2's tables of names.
func (a *answers) tableName(p string) (string, bool) {
	name := path.Base(p)
	return name, slices.Contains(nameTables, name) && !a.named.read[p]
}

// glob lists files of the configuration; the tables of names have no parts.
func (a *answers) glob(pattern string) []string {
	if dir, ok := strings.CutSuffix(path.Dir(pattern), ".d"); ok {
		if _, ok := a.tableName(dir); ok {
			return nil
		}
	}
	return a.base.Glob(pattern)
}

func (a *answers) readFile(p string) ([]byte, error) {
	if name, ok := a.tableName(p); ok {
		names := a.table
		if a.Names != nil {
			names = a.Names[name]
		}
		return tableText(names), nil
	}
	data, err := a.base.ReadFile(p)
	if err != nil && len(data) == 0 && a.named.keys[p] {
		if _, absent := a.lstat(p); absent == nil {
			// The key itself is no part of a description.
			return []byte(assumedKey), nil
		}
	}
	return data, err
}
