package daemon

import (
	"maps"
	"slices"
	"time"

	"github.com/holdfast-ha/holdfast/internal/kernel"
)

// place makes the virtual links be those of the new configuration: what is to go
// has been given up by then, and nothing of what is to come is set.
func (a *arrangement) place(lay *layout) {
	d := a.d
	for _, text := range lay.notes {
		d.log.infof("%s", text)
	}
	for _, m := range d.members { // what leaves by a link that goes is not sent
		if at := m.set.Load().seat.iface; d.layout.base(at) != "" && lay.base(at) == "" {
			d.sockets.detach(m)
		}
	}
	d.layout = lay
	d.countPromoted()
	known := d.standing
	d.standing = d.virtuals.change(lay, d.settings())
	d.awaited = slices.DeleteFunc(slices.Clone(d.standing), func(s kernel.Standing) bool {
		return slices.ContainsFunc(known, func(k kernel.Standing) bool { return k.Index == s.Index && k.Virtual == s.Virtual })
	})
}

// countPromoted counts by link the instances that want its secondaries promoted.
func (d *Daemon) countPromoted() {
	d.promoted = map[string]int{}
	for _, c := range d.cfg.Instances {
		if c.PromoteSecondaries && c.Interface != "" {
			d.promoted[c.Interface]++
		}
	}
}

// settings are those that are wanted besides what virtual links need.
func (d *Daemon) settings() []kernel.SettingValue {
	var all []kernel.SettingValue
	if d.cfg.Global.More.DisableLocalIGMP {
		all = append(all, kernel.SettingValue{Setting: kernel.LinkLocalIGMP, Value: 0})
	}
	for _, name := range slices.Sorted(maps.Keys(d.promoted)) {
		all = append(all, kernel.SettingValue{Setting: kernel.PromoteSecondaries(name), Value: 1})
	}
	return all
}

// awaitVirtuals waits until the monitor has seen the virtual links that are new:
// else their instances would begin in FAULT.
func (d *Daemon) awaitVirtuals() {
	late := time.NewTimer(time.Second)
	defer late.Stop()
	d.placing = true
	defer func() { d.placing = false }()
	for !d.seesVirtuals() {
		select {
		case <-d.todo.ready:
			d.catchUp()
		case <-late.C:
			return
		}
	}
}

// seesVirtuals tells whether the links are as they were set up, or cannot be since
// their bases are down.
func (d *Daemon) seesVirtuals() bool {
	for _, s := range d.awaited {
		base := d.links[s.Base]
		if base == nil || !base.Up {
			continue
		}
		l := d.links[s.Name]
		if l == nil || l.Index != s.Index || !l.Up || s.ShareLinkLocal && !hasAddress(l, s.LinkLocal) {
			return false
		}
	}
	return true
}

// suspectVirtual has the owner of the virtual links look at them, if the link that
// changed is one of them or below one, or has settings that are looked after.
func (d *Daemon) suspectVirtual(name string) {
	if d.layout.touches(name) || d.promoted[name] > 0 {
		d.virtuals.look()
	}
}
