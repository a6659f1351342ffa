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
				l.groupProblem(g.at(name), x, nearest(name, namesOf(l.draft.instances, func(d *instanceDraft) string { return d.Name })))
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
	type kind struct {
		vrid          int
		ipv6, unicast bool
	}
	// Only those of one kind are compared: with many instances all pairs are too many.
	kinds := map[kind][]*instanceDraft{}
	of := func(d *instanceDraft) kind { return kind{int(d.VRID), d.IPv6, d.Unicast} }
	for _, d := range l.draft.instances {
		if !d.broken {
			kinds[of(d)] = append(kinds[of(d)], d)
		}
	}
	ok := true
	for _, a := range l.draft.instances {
		if a.broken {
			continue
		}
		later := kinds[of(a)][1:]
		kinds[of(a)] = later
		for _, b := range later {
			if l.collide(a, b) {
				l.refuseVRID(a, b)
				ok = false
			}
		}
	}
	return ok
}

func (l *loader) refuseVRID(a, b *instanceDraft) {
	if a.Unicast {
		l.refuse(b.at("virtual_router_id"), "(%s) duplicate VRID conflict with %s VRID %d", a.Name, b.Name, a.VRID)
		return
	}
	version := 4
	if a.IPv6 {
		version = 6
	}
	l.refuse(b.at("virtual_router_id"), "%s and %s both use VRID %d with IPv%d on interface %s", a.Name, b.Name, a.VRID, version, a.Interface)
}

// collide says whether two instances of the same family and VRID, both
// unicast or both multicast, receive each other's adverts.
func (l *loader) collide(a, b *instanceDraft) bool {
	if !a.Unicast {
		if l.machine.link(a.Interface) == nil {
			return false // it may turn out to be any interface
		}
		return l.baseOf(a.Interface) == l.baseOf(b.Interface) && l.groupOf(a) == l.groupOf(b)
	}
	if a.Interface != "" && b.Interface != "" && a.Interface != b.Interface {
		return false
	}
	if l.sourceOf(a) != l.sourceOf(b) {
		return false
	}
	return slices.ContainsFunc(a.Peers, func(p Peer) bool {
		return slices.ContainsFunc(b.Peers, func(q Peer) bool { return p.Addr == q.Addr })
	})
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
	for _, owner := range l.draft.instances {
		if !owner.UseVMAC || owner.VMACName == "" {
			continue
		}
		for _, d := range l.draft.instances {
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
