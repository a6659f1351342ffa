package daemon

import (
	"net/netip"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/kernel"
	"github.com/holdfast-ha/holdfast/internal/netio"
)

// groupOn is a group of adverts on the base of a virtual link.
type groupOn struct {
	index int
	group netip.Addr
}

// joinOnBases joins the groups of the adverts on the bases as well, where the
// firewall can only drop what the kernel reports of them on virtual MAC
// interfaces: switches would not know where the adverts are wanted.
func (v *virtuals) joinOnBases(standing []kernel.Standing) {
	wanted := map[groupOn]bool{}
	if !v.d.accept.copies() {
		for _, s := range standing {
			for _, w := range v.wanted {
				if w.Name == s.Name && hearsGroup(w) {
					wanted[groupOn{s.Below, w.owner.Group}] = true
				}
			}
		}
	}
	for g, m := range v.groups {
		if !wanted[g] {
			m.Leave()
			delete(v.groups, g)
		}
	}
	for g := range wanted {
		if v.groups[g] != nil {
			continue
		}
		m, err := netio.Join(g.index, g.group)
		if err != nil {
			v.d.log.infof("%v: switches may not deliver adverts", err)
			continue
		}
		v.groups[g] = m
	}
}

// hearsGroup tells whether adverts to a group are heard on the link.
func hearsGroup(w *virtual) bool { return w.own && !w.IPVLAN && multicastOn(w.owner) }

func multicastOn(c *config.Instance) bool { return !c.Unicast && !c.VMACXmitBase && c.Group.IsValid() }
