package sim

import (
	"slices"
	"time"

	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// reload gives the router a new configuration.
func (r *router) reload(specs []*fsm.Spec, sync bool) {
	for l, p := range r.ports {
		p.next = specs[l]
	}
	r.joins = sync
	if r.on && !r.paused {
		r.reconfigure()
	}
}

// takeNext makes the new configuration, if there is one, that which runs, and
// returns the one that did.
func (p *port) takeNext() (old *fsm.Spec) {
	old = p.spec
	if p.next != nil {
		p.spec, p.next = p.next, nil
		p.expect = p.r.w.plan.expect(p.r.index, p.lan, p.spec)
	}
	return old
}

// reconfigure lets the daemon see a new configuration, if there is one. As in
// package daemon: a sync group that is formed or dissolved takes its instances
// over with all that they know, one that is changed is told so, and one that is
// the same notices nothing.
func (r *router) reconfigure() {
	regroup := r.joins != r.sync
	var carried []fsm.Carry
	if regroup {
		for _, g := range r.groups {
			carried = append(carried, g.g.Carry()...)
		}
	}
	if regroup {
		r.arrange()
		r.started = false
		for i, p := range r.ports {
			p.group.formed, p.group.mixed = true, true
			p.group.g.Adopt(p.id, carried[i])
			p.local.regrouped(p)
		}
	}
	for _, p := range r.ports {
		if old := p.takeNext(); p.spec != old {
			r.give(p.group, p.id, fsm.Reconfigured{Spec: p.spec, AddressesAdded: p.spec.Addresses > old.Addresses})
		}
	}
	if regroup {
		r.started = true
		for _, g := range r.groups {
			r.give(g, fsm.All, fsm.Start{})
		}
	}
}

// cell tells who hears whom: routers in the same part of a network with the
// same version, and in version 2 with the same interval.
type cell struct {
	part     int
	version  uint8
	interval time.Duration
}

func (p *port) cell() cell {
	c := cell{part: p.part, version: p.spec.Version}
	if c.version == 2 {
		c.interval = p.spec.AdvertInterval
	}
	return c
}

// cells lists the cells of a network, in the order of the routers.
func (w *world) cells(l int) []cell {
	var all []cell
	for _, r := range w.routers {
		if c := r.ports[l].cell(); !slices.Contains(all, c) {
			all = append(all, c)
		}
	}
	return all
}

// oneWay tells whether somebody on a network does not hear somebody who may
// hear him. Nothing can be promised to such a network as a whole.
func (w *world) oneWay(l int) bool {
	for _, r := range w.routers {
		if slices.Contains(r.ports[l].deaf, true) {
			return true
		}
	}
	return false
}
