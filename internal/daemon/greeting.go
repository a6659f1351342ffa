package daemon

import (
	"net/netip"

	"github.com/holdfast-ha/holdfast/internal/kernel"
)

// greetings is after how many addresses they are announced: a thousand need
// longer to be set than the first of them should be without visitors.
const greetings = 16

// greeting gives addresses their first announcement while others are still being
// set. What it has announced it leaves in the member's greeted.
type greeting struct {
	d *Daemon
	job
	fresh []kernel.Address
}

func (g *greeting) set(o kernel.Object) {
	a, ok := o.(kernel.Address)
	if !ok || g.d.pacing.of(a.Link, a.Prefix.Addr().Is6()) != nil {
		return
	}
	if g.fresh = append(g.fresh, a); len(g.fresh) >= greetings {
		g.flush()
	}
}

func (g *greeting) flush() {
	m := g.m
	if g.epoch != m.epoch.Load() {
		g.fresh = nil
	}
	for _, r := range byLink(g.fresh) {
		if err := g.d.announceOn(r.link, r.addrs...); err != nil {
			continue // it will be said when all are announced
		}
		for _, addr := range r.addrs {
			if m.greeted == nil {
				m.greeted = map[netip.Addr]bool{}
			}
			m.greeted[addr] = true
		}
	}
	for _, a := range g.fresh {
		if addr := a.Prefix.Addr(); m.greeted[addr] {
			g.d.sayQueued(m.name(), a)
			g.d.sayAnnounced(a.Link, addr)
		}
	}
	g.fresh = g.fresh[:0]
}
