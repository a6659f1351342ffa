package daemon

import (
	"errors"
	"os"

	"github.com/holdfast-ha/holdfast/internal/kernel"
)

// promotion is a link on which promote_secondaries is on at the wish of some
// instances.
type promotion struct {
	instances int
	before    int // what was set before; it is put back at the end
	known     bool
}

// promote turns promote_secondaries on for the interfaces of the instances that
// want it, and back for those that none wants any more.
func (d *Daemon) promote() {
	wanted := map[string]int{}
	for _, m := range d.members {
		if c := m.set.Load().cfg; c.PromoteSecondaries && c.Interface != "" {
			wanted[c.Interface]++
		}
	}
	for name := range d.promoted {
		if wanted[name] == 0 {
			d.demote(name)
		}
	}
	for name, n := range wanted {
		if p := d.promoted[name]; p != nil {
			p.instances = n
			continue
		}
		d.promoted[name] = &promotion{instances: n}
		d.promoteLink(name)
	}
}

// promoteLink turns it on for a link that is there, or has just come back.
func (d *Daemon) promoteLink(name string) {
	p := d.promoted[name]
	if p == nil || d.links[name] == nil {
		return
	}
	before, err := kernel.PromoteSecondaries(name)
	if err == nil && before == 0 {
		err = kernel.SetPromoteSecondaries(name, 1)
	}
	p.before, p.known = before, err == nil
	if err != nil && !errors.Is(err, os.ErrNotExist) { // gone again already
		d.log.infof("%v", err)
	}
}

// demote puts back what was set on a link.
func (d *Daemon) demote(name string) {
	p := d.promoted[name]
	delete(d.promoted, name)
	if !p.known || p.before != 0 {
		return
	}
	if err := kernel.SetPromoteSecondaries(name, p.before); err != nil && !errors.Is(err, os.ErrNotExist) {
		d.log.infof("%v", err)
	}
}

func (d *Daemon) demoteAll() {
	for name := range d.promoted {
		d.demote(name)
	}
}
