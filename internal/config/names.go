package config

import (
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// nameTable is one of iproute2's files of names for numbers.
type nameTable struct {
	file  string // in the directories of iproute2
	fixed map[string]uint64
}

var (
	scopeNames = nameTable{"rt_scopes", map[string]uint64{"global": 0, "site": 200, "link": 253, "host": 254, "nowhere": 255}}
	tableNames = nameTable{"rt_tables", map[string]uint64{"default": 253, "main": 254, "local": 255}}
	realmNames = nameTable{"rt_realms", nil}
	tosNames   = nameTable{"rt_dsfield", nil}
	groupNames = nameTable{"group", map[string]uint64{"default": 0}}
	protoNames = nameTable{"rt_protos", map[string]uint64{
		"redirect": 1, "kernel": 2, "boot": 3, "static": 4, "gated": 8, "ra": 9, "mrt": 10, "zebra": 11, "bird": 12,
		"dnrouted": 13, "xorp": 14, "ntk": 15, "dhcp": 16, "mrouted": 17, "keepalived": 18, "babel": 42,
		"bgp": 186, "isis": 187, "ospf": 188, "rip": 189, "eigrp": 192,
	}}
)

// namedNumber reads a number in C notation up to high, or a name from a table.
func (l *loader) namedNumber(w string, t nameTable, high uint64) (uint64, bool) {
	if n := syntax.ParseUint(w, 0, 0, high); n.Problem == "" && w != "" {
		return uint64(n.Value), true
	}
	if v, ok := t.fixed[w]; ok {
		return v, true
	}
	v, ok := l.nameFile(t.file)[w]
	return v, ok && v <= high
}

// nameFile reads a table of names; the edited one wins over the installed one.
func (l *loader) nameFile(file string) map[string]uint64 {
	if names, ok := l.draft.names[file]; ok {
		return names
	}
	names := map[string]uint64{}
	g := &l.cfg.Global.More
	usr, etc := "/usr/share/iproute2", "/etc/iproute2"
	if g.IPRouteUsrDir != "" {
		usr = g.IPRouteUsrDir
	}
	if g.IPRouteEtcDir != "" {
		etc = g.IPRouteEtcDir
	}
	for _, path := range append([]string{usr + "/" + file, etc + "/" + file}, l.opt.Host.Glob(etc+"/"+file+".d/*.conf")...) {
		data, err := l.opt.Host.ReadFile(path)
		if err != nil && len(data) == 0 {
			continue
		}
		for line := range strings.Lines(string(data)) {
			line, _, _ = strings.Cut(line, "#")
			fields := strings.Fields(line)
			if len(fields) < 2 {
				continue
			}
			if v, err := strconv.ParseUint(fields[0], 0, 32); err == nil {
				names[fields[1]] = v
			}
		}
	}
	if l.draft.names == nil {
		l.draft.names = map[string]map[string]uint64{}
	}
	l.draft.names[file] = names
	return names
}
