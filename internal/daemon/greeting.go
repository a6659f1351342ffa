package daemon

import (
	"net/netip"

	"github.com/holdfast-ha/holdfast/internal/kernel"
)

// greetings is after how many addresses they are announced: a thousand need
// longer to be set than the first of them should be without visitors.
const greetings = 16

// greeting gives addresses their first announcement while others are still being
// set: by a goroutine of its own where there are many, since the kernel works on
// both. What it has announced it leaves in the member's greeted.
type greeting struct {
	d *Daemon
	job
	fresh []kernel.Address
	full  chan []kernel.Address // nil: there were few so far
	done  chan struct{}
	met   map[netip.Addr]bool // of the goroutine, until it is done
}

func (g *greeting) set(o kernel.Object) {
	a, ok := o.(kernel.Address)
	if !ok || g.d.pacing.of(a.Link, a.Prefix.Addr().Is6()) != nil {
		return
	}
	if g.fresh = append(g.fresh, a); len(g.fresh) < greetings {
		return
	}
	if g.full == nil {
		g.full, g.done = make(chan []kernel.Address, 8), make(chan struct{})
		go func() {
			defer close(g.done)
			for list := range g.full {
				g.greet(list)
			}
		}()
	}
	g.full <- g.fresh
	g.fresh = nil
}

// finish returns when all that was set has been announced.
func (g *greeting) finish() {
	if g.full != nil {
		close(g.full)
		<-g.done
	}
	g.greet(g.fresh)
	g.m.greeted = g.met
}

func (g *greeting) greet(list []kernel.Address) {
	if g.epoch != g.m.epoch.Load() {
		return // they have been given up meanwhile
	}
	for _, r := range byLink(list) {
		if g.d.announceOn(r.link, r.addrs...) != nil {
			continue // it will be said when all are announced
		}
		if g.met == nil {
			g.met = map[netip.Addr]bool{}
		}
		for _, addr := range r.addrs {
			g.met[addr] = true
		}
	}
	for _, a := range list {
		if addr := a.Prefix.Addr(); g.met[addr] {
			g.d.sayQueued(g.m.name(), a)
			g.d.sayAnnounced(a.Link, addr)
		}
	}
}
