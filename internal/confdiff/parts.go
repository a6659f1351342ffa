package confdiff

import (
	"slices"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/config"
)

// Part is a block of the configuration that differs.
type Part struct {
	Name    string // "vrrp_script chk"
	Change  Change
	Details []string // of one that has changed
}

// Change says what has become of a part.
type Change int

// What can become of a part.
const (
	Changed Change = iota
	Added
	Removed
)

// String is a line: "vrrp_script chk: weight 2 -> 5".
func (p Part) String() string {
	switch p.Change {
	case Added:
		return "+ " + p.Name
	case Removed:
		return "- " + p.Name
	}
	return p.Name + ": " + strings.Join(p.Details, ", ")
}

// Parts lists what differs outside of instances.
func Parts(old, now *config.Config) []Part {
	var all []Part
	whole := func(name string, details []string) {
		if len(details) > 0 {
			all = append(all, Part{Name: name, Details: details})
		}
	}
	whole("global", Values(old.Global, now.Global))
	whole("static_ipaddress", Values(old.Static, now.Static))
	whole("static_routes", Values(old.StaticRoutes, now.StaticRoutes))
	whole("static_rules", Values(old.StaticRules, now.StaticRules))
	return slices.Concat(
		all,
		blocks("vrrp_sync_group", old.Groups, now.Groups, func(g *config.SyncGroup) string { return g.Name }),
		blocks("vrrp_script", old.Scripts, now.Scripts, func(s *config.Script) string { return s.Name }),
		blocks("track_process", old.Processes, now.Processes, func(p *config.Process) string { return p.Name }),
		blocks("track_file", old.TrackFiles, now.TrackFiles, func(f *config.TrackFile) string { return f.Name }),
		blocks("bfd_instance", old.BFDs, now.BFDs, func(b *config.BFD) string { return b.Name }),
		blocks("track_group", old.TrackGroups, now.TrackGroups, func(g *config.TrackGroup) string { return g.Name }),
		blocks("garp_group", old.GARPGroups, now.GARPGroups, func(g *config.GARPGroup) string { return strings.Join(g.Interfaces, " ") }),
	)
}

// blocks compares the blocks of a kind by their names; of several with one name
// the first counts.
func blocks[T any](kind string, old, now []*T, name func(*T) string) []Part {
	var all []Part
	find := func(list []*T, want string) *T {
		if i := slices.IndexFunc(list, func(x *T) bool { return name(x) == want }); i >= 0 {
			return list[i]
		}
		return nil
	}
	for _, x := range old {
		if find(now, name(x)) == nil {
			all = append(all, Part{Name: kind + " " + name(x), Change: Removed})
		}
	}
	for _, x := range now {
		was := find(old, name(x))
		if was == nil {
			all = append(all, Part{Name: kind + " " + name(x), Change: Added})
		} else if d := Values(*was, *x); len(d) > 0 {
			all = append(all, Part{Name: kind + " " + name(x), Details: d})
		}
	}
	return all
}
