package findings

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/config"
)

// WriteHost describes the machine that opt.Host is, or where it is nil the
// one the program runs on, as far as the configuration main asks for it: all
// interfaces, and the users, groups, scripts and directories that are named.
// Secrets are not read. A configuration that is not readable costs the latter.
func WriteHost(w io.Writer, main string, opt config.Options) error {
	d, err := record(main, opt)
	if err != nil {
		return err
	}
	return encode(w, d)
}

func record(main string, opt config.Options) (*Description, error) {
	base := opt.Host
	if base == nil {
		base = config.System()
	}
	links, err := base.Links()
	if err != nil {
		return nil, fmt.Errorf("listing interfaces: %w", err)
	}
	d := &Description{
		Version: hostVersion, NodeName: base.NodeName(), CPUs: base.CPUs(), Path: base.Getenv("PATH"),
		Interfaces: []Interface{}, Names: map[string]map[string]uint{},
	}
	for _, l := range links {
		d.Interfaces = append(d.Interfaces, describe(l))
	}
	r := recorder{users: map[string]User{}, groups: map[string]Group{}, files: map[string]File{}}
	opt.Host = r.listen(base)
	// An interface that is missing must not keep the scripts from being looked at.
	assumed := mentioned(main, opt, base, base.NodeName())
	opt.Host.Links = func() ([]config.Link, error) { return assumed.interfaces(), nil }
	config.Load(main, opt)
	d.Users, d.Groups, d.Files = sorted(r.users), sorted(r.groups), r.list()
	for _, t := range nameTables {
		names := map[string]uint{}
		for _, p := range append([]string{"/usr/share/iproute2/" + t, "/etc/iproute2/" + t}, base.Glob("/etc/iproute2/"+t+".d/*.conf")...) {
			if data, err := base.ReadFile(p); err == nil {
				readTable(string(data), names)
			}
		}
		if len(names) > 0 {
			d.Names[t] = names
		}
	}
	return d, nil
}

func describe(l config.Link) Interface {
	i := Interface{
		Name: l.Name, Flags: []string{}, MTU: l.MTU, Kind: l.Kind, Base: l.Base, Private: l.Private, Master: l.Master,
		Addresses: l.Addresses,
	}
	for n, set := range []bool{l.Loopback, l.Multicast, l.NoARP, l.Ethernet} {
		if set {
			i.Flags = append(i.Flags, interfaceFlags[n])
		}
	}
	return i
}

// recorder notes what a configuration asks of a host.
type recorder struct {
	users  map[string]User
	groups map[string]Group
	files  map[string]File
}

func (r recorder) listen(base *config.Host) *config.Host {
	h := *base
	h.User = func(name string) (config.User, error) {
		u, err := base.User(name)
		if err == nil {
			r.users[name] = User{Name: name, UID: u.UID, GID: u.GID}
		}
		return u, err
	}
	h.Group = func(name string) (uint32, error) {
		gid, err := base.Group(name)
		if err == nil {
			r.groups[name] = Group{Name: name, GID: gid}
		}
		return gid, err
	}
	h.Lstat = func(p string) (config.FileStat, error) {
		st, err := base.Lstat(p)
		if p = path.Clean(p); err == nil && path.IsAbs(p) {
			f := r.files[p]
			f.Path, f.Kind, f.Mode, f.UID, f.GID = p, fileKinds[min(st.Kind, config.OtherFile)], fmt.Sprintf("%04o", st.Mode), st.UID, st.GID
			r.files[p] = f
		}
		return st, err
	}
	h.Readlink = func(p string) (string, error) {
		target, err := base.Readlink(p)
		if err == nil {
			clean := path.Clean(p)
			f := r.files[clean]
			f.Path, f.Target = clean, target
			r.files[clean] = f
		}
		return target, err
	}
	return &h
}

// list gives the files without the directories that go without saying.
func (r recorder) list() []File {
	above := map[string]bool{}
	for p := range r.files {
		for d := path.Dir(p); !above[d]; d = path.Dir(d) {
			above[d] = true
		}
	}
	list := sorted(r.files)
	return slices.DeleteFunc(list, func(f File) bool {
		usual := f.Kind == "directory" && f.Mode == "0755" && f.UID == 0 && f.GID == 0 && above[f.Path]
		return usual || (f.Kind == "symlink") != (f.Target != "")
	})
}

// sorted gives the values of a map by their keys; never nil.
func sorted[T any](m map[string]T) []T {
	list := make([]T, 0, len(m))
	for _, k := range slices.Sorted(maps.Keys(m)) {
		list = append(list, m[k])
	}
	return list
}

// readTable adds the lines "NUMBER NAME" of a table of names.
func readTable(text string, names map[string]uint) {
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, "#")
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		if v, err := strconv.ParseUint(fields[0], 0, 32); err == nil {
			names[fields[1]] = uint(v)
		}
	}
}

// tableText is the table as a file.
func tableText(names map[string]uint) []byte {
	var b []byte
	keys := slices.Collect(maps.Keys(names))
	slices.SortFunc(keys, func(x, y string) int { return cmp.Or(cmp.Compare(names[x], names[y]), cmp.Compare(x, y)) })
	for _, k := range keys {
		b = fmt.Appendf(b, "%d\t%s\n", names[k], k)
	}
	return b
}
