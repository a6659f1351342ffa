package config

import (
	"net/netip"
	"slices"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

func (l *loader) instance(name string) *instanceDraft {
	return l.draft.byName[name]
}

// joinGroups resolves the members of the sync groups.
func (l *loader) joinGroups() {
	kept := l.draft.groups[:0]
	for _, g := range l.draft.groups {
		members := make([]string, 0, len(g.Members))
		for _, name := range g.Members {
			d := l.instance(name)
			switch {
			case d == nil:
				x := Diagnostic{Text: "Virtual router " + name + " specified in sync group " + g.Name + " doesn't exist - ignoring"}
				l.groupProblem(g.at(name), x, l.nearest(name, func() []string { return namesOf(l.draft.instances, func(d *instanceDraft) string { return d.Name }) }))
			case d.group != nil:
				l.general(g.at(name), "Virtual router %s cannot exist in more than one sync group; ignoring %s", name, g.Name)
			default:
				d.group, d.groupDraft = g.SyncGroup, g
				members = append(members, name)
			}
		}
		g.Members = members
		if len(members) == 0 {
			l.general(g.Pos, "Sync group %s, no matching virtual router found in group declaration - removing", g.Name)
			continue
		}
		if len(members) == 1 {
			l.general(g.Pos, "Sync group %s has only %d virtual router(s) - this probably isn't what you want", g.Name, len(members))
		}
		l.checkMixedStates(g)
		kept = append(kept, g)
	}
	l.draft.groups = kept
	l.cfg.Groups = l.cfg.Groups[:0]
	for _, g := range kept {
		l.cfg.Groups = append(l.cfg.Groups, g.SyncGroup)
	}
}

// checkMixedStates warns about an owner that starts as master beside a member
// that is told to start as backup.
func (l *loader) checkMixedStates(g *groupDraft) {
	master := false
	for _, name := range g.Members {
		d := l.instance(name)
		owner := d.StateMaster && (d.prioritySet && d.Priority == 255)
		switch {
		case owner:
			master = true
		case master && d.stateSet && !d.StateMaster:
			l.general(g.at(name), "Sync group %s has some member(s) as address owner and some not as address owner. This won't work.", g.Name)
			return
		}
	}
}

// groupProblem reports a problem with a member of a group, with a near name as hint.
func (l *loader) groupProblem(pos Pos, d Diagnostic, near string) {
	d.Code, d.Pos, d.Prefix = syntax.General, pos, syntax.PrefixNone
	if near != "" {
		d.Hint = "Did you mean '" + near + "'?"
	}
	l.report(d)
}

// checkGroupTracking drops weights tracked by a group that has an owner.
func (l *loader) checkGroupTracking() {
	for _, g := range l.draft.groups {
		owner := slices.ContainsFunc(g.Members, func(name string) bool { return l.instance(name).More.Owner })
		for _, name := range g.Members {
			l.doublyTracked(l.instance(name), g)
		}
		if !owner {
			continue
		}
		for _, x := range []struct {
			kind string
			list []Track
		}{
			{"interface", g.TrackInterfaces},
			{"script", g.TrackScripts},
			{"process", g.TrackProcesses},
			{"file", g.TrackFiles},
			{"bfd", g.TrackBFD},
		} {
			for i, t := range x.list {
				if t.Weight != 0 {
					l.general(t.Pos, "(%s) Cannot have weighted track %s '%s' with member having priority 255 - setting weight 0", g.Name, x.kind, t.Name)
					x.list[i].Weight = 0
				}
			}
		}
	}
}

// doublyTracked reports the interfaces that both an instance and its group
// track. Of other objects keepalived does not say it.
func (l *loader) doublyTracked(d *instanceDraft, g *groupDraft) {
	for _, t := range d.TrackInterfaces {
		if tracks(g.TrackInterfaces, t.Name) {
			l.general(t.Pos, "(%s) track_interface %s is configured on VRRP instance and sync group. Remove vrrp instance or sync group config", d.Name, t.Name)
		}
	}
}

// checkTrackGroups tells about members of track groups that do not exist.
func (l *loader) checkTrackGroups() {
	for _, g := range l.cfg.TrackGroups {
		for _, name := range g.Members {
			if l.instance(name) == nil {
				l.logged(g.Pos, "Virtual router %s specified in track group %s doesn't exist - ignoring", name, g.Name)
			}
		}
	}
}

// checkVRIDs refuses instances that could not be told apart.
func (l *loader) checkVRIDs() bool {
	pairs := l.rivals()
	for _, p := range pairs {
		a, b := l.draft.instances[p[0]], l.draft.instances[p[1]]
		version := 4
		if a.IPv6 {
			version = 6
		}
		if a.Unicast {
			l.refuse(b.at("virtual_router_id"), "(%s) duplicate VRID conflict with %s VRID %d", a.Name, b.Name, a.VRID)
		} else {
			l.refuse(b.at("virtual_router_id"), "%s and %s both use VRID %d with IPv%d on interface %s", a.Name, b.Name, a.VRID, version, a.Interface)
		}
	}
	return len(pairs) == 0
}

// wire is what adverts have to have in common to be mixed up.
type wire struct {
	vrid   uint8
	ipv6   bool
	link   string     // of multicast: the interface
	local  netip.Addr // of multicast: the group; of unicast: the own address
	remote netip.Addr // of unicast: a peer
}

// rivals gives the pairs of instances that receive each other's adverts, by
// their numbers, in order; of more than can be listed the rest is left out.
func (l *loader) rivals() [][2]int {
	var pairs [][2]int
	seen := map[wire][]int{}
	for j, b := range l.draft.instances {
		if b.broken {
			continue
		}
		for _, w := range l.wires(b) {
			for _, i := range seen[w] {
				a := l.draft.instances[i]
				apart := a.Unicast && a.Interface != "" && b.Interface != "" && a.Interface != b.Interface
				if i != j && !apart && len(pairs) <= maxDiagnostics {
					pairs = append(pairs, [2]int{i, j})
				}
			}
			seen[w] = append(seen[w], j)
		}
	}
	slices.SortFunc(pairs, func(x, y [2]int) int { return slices.Compare(x[:], y[:]) })
	return slices.Compact(pairs)
}

// wires are those an instance is on.
func (l *loader) wires(d *instanceDraft) []wire {
	w := wire{vrid: d.VRID, ipv6: d.IPv6}
	if !d.Unicast {
		if l.machine.link(d.Interface) == nil {
			return nil // it may turn out to be any interface
		}
		w.link, w.local = l.baseOf(d.Interface), l.groupOf(d)
		return []wire{w}
	}
	w.local = l.sourceOf(d)
	all := make([]wire, 0, len(d.Peers))
	for _, p := range d.Peers {
		w.remote = p.Addr
		all = append(all, w)
	}
	return all
}

// baseOf is the interface below a virtual one, or the interface itself.
func (l *loader) baseOf(name string) string {
	if link := l.machine.link(name); link != nil && link.Base != "" {
		return link.Base
	}
	return name
}

func (l *loader) groupOf(d *instanceDraft) netip.Addr {
	switch {
	case d.Group.IsValid():
		return d.Group
	case d.IPv6:
		return l.cfg.Global.McastGroup6
	}
	return l.cfg.Global.McastGroup4
}

// sourceOf is the address adverts come from; invalid: not known yet.
func (l *loader) sourceOf(d *instanceDraft) netip.Addr {
	if d.SourceIP.IsValid() {
		return d.SourceIP
	}
	if link := l.machine.link(d.Interface); link != nil {
		for _, ip := range link.Addresses {
			if ip.Is6() == d.IPv6 && (!d.IPv6 || ip.IsLinkLocalUnicast()) {
				return ip
			}
		}
	}
	return netip.Addr{}
}

// checkVMACs puts an instance in fault state whose address would go onto the
// VMAC of another instance with the same VRID.
func (l *loader) checkVMACs() {
	on := l.byAddressLink()
	for _, owner := range l.draft.instances {
		if !owner.UseVMAC || owner.VMACName == "" {
			continue
		}
		for _, d := range on[owner.VMACName] {
			if d == owner || d.VRID != owner.VRID || (d.group != nil && d.group == owner.group) {
				continue
			}
			for _, v := range slices.Concat(d.Addresses, d.Excluded) {
				if v.Dev != owner.VMACName {
					continue
				}
				l.general(v.Pos, "(%s) address %s is on VMAC %s of instance %s with the same VRID - disabling %s", d.Name, v.Prefix.Addr(), v.Dev, owner.Name, d.Name)
				d.Faults = append(d.Faults, "an address is on the VMAC of "+owner.Name)
				break
			}
		}
	}
}

// byAddressLink lists the instances that have addresses on an interface that
// is not their own, by its name.
func (l *loader) byAddressLink() map[string][]*instanceDraft {
	on := map[string][]*instanceDraft{}
	for _, d := range l.draft.instances {
		for _, v := range slices.Concat(d.Addresses, d.Excluded) {
			if list := on[v.Dev]; v.Dev != d.Interface && (len(list) == 0 || list[len(list)-1] != d) {
				on[v.Dev] = append(list, d)
			}
		}
	}
	return on
}
