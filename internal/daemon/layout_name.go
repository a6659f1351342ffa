package daemon

import (
	"fmt"
	"iter"
	"slices"

	"github.com/holdfast-ha/holdfast/internal/kernel"
)

// nameLength is the longest name of an interface.
const nameLength = 15

// name chooses the name of a virtual link: the one that it has, if the
// configuration says the same as before; that of a link which an earlier run has
// left; the configured one; or the first that is free.
func (p *planner) name(v *virtual, prefix string, vrid uint8, ipv6 bool) string {
	if o := p.before(v); o != nil && o.configured == v.configured && !p.taken[o.Name] {
		return o.Name
	}
	if l := p.left(v); l != nil {
		if v.configured != "" && v.configured != l.Name {
			p.note("(%s) using the interface %s, which has the MAC %v already, and not the name %s", v.owner.Name, l.Name, v.MAC, v.configured)
		}
		return l.Name
	}
	if v.configured != "" {
		l := p.pic.LinkByName(v.configured)
		switch {
		case p.taken[v.configured]:
			p.note("(%s) the name %s is in use for another virtual interface", v.owner.Name, v.configured)
		case l == nil || p.running(l.Name) || kindred(v, l):
			return v.configured
		default:
			p.note("(%s) the interface %s is there and no private macvlan: using another name", v.owner.Name, v.configured)
		}
	}
	for name := range candidates(prefix, vrid, ipv6) {
		l := p.pic.LinkByName(name)
		if p.taken[name] || p.reserved(name) {
			continue
		}
		if l == nil || v.IPVLAN && v.Is(l, p.below(v.Base)) {
			return name
		}
	}
	return v.Base + ".vrrp" // there are a thousand links with the usual names
}

func (p *planner) note(format string, args ...any) {
	p.lay.notes = append(p.lay.notes, fmt.Sprintf(format, args...))
}

// kindred tells whether a link under the configured name may be changed, or
// removed and made anew.
func kindred(v *virtual, l *kernel.Link) bool {
	if v.IPVLAN {
		return l.Kind == "ipvlan"
	}
	return l.Private()
}

// before is the same link of the layout that runs; nil: there is none.
func (p *planner) before(v *virtual) *virtual {
	if p.old == nil {
		return nil
	}
	for _, o := range p.old.links {
		if o.key == v.key {
			return o
		}
	}
	return nil
}

// running tells whether the layout that runs has a link of that name.
func (p *planner) running(name string) bool {
	return p.old != nil && slices.ContainsFunc(p.old.links, func(v *virtual) bool { return v.Name == name })
}

// reserved tells whether an instance has the name in its configuration.
func (p *planner) reserved(name string) bool {
	for _, c := range p.cfg.Instances {
		if c.VMACName == name || c.More.IPVLANName == name {
			return true
		}
	}
	return false
}

func (p *planner) below(base string) int {
	if l := p.pic.LinkByName(base); l != nil {
		return l.Below()
	}
	return 0
}

// left is a macvlan on the same base with the right MAC that somebody has made
// before: two with one MAC cannot be up. It may have any name.
func (p *planner) left(v *virtual) *kernel.Link {
	if v.IPVLAN {
		return nil
	}
	for _, l := range p.pic.Links {
		if v.Is(l, p.below(v.Base)) && v.HasMAC(l) && !p.taken[l.Name] && !p.running(l.Name) {
			return l
		}
	}
	return nil
}

// candidates are the names for a virtual link, best first.
func candidates(prefix string, vrid uint8, ipv6 bool) iter.Seq[string] {
	name := func(number string) string {
		tail := fmt.Sprintf("%s.%d", number, vrid)
		return prefix[:min(len(prefix), nameLength-len(tail))] + tail
	}
	return func(yield func(string) bool) {
		if !yield(name("")) || ipv6 && !yield(name("6")) {
			return
		}
		for i := 1; i < 1000; i++ {
			if !(ipv6 && i == 6) && !yield(name(fmt.Sprint(i))) {
				return
			}
		}
	}
}
