package sim

import (
	"net/netip"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// inboxSize is how many packets a socket keeps for a daemon that does not run.
const inboxSize = 64

// trusted is how far back a daemon believes the time of arrival that the kernel
// gives by the wall clock, as in package netio.
const trusted = 5 * time.Millisecond

// waiting is a packet that has arrived while the daemon does not run.
type waiting struct {
	wall   time.Duration // what the wall clock showed
	lan    int
	packet packet
}

func (r *router) pause(d time.Duration) {
	if r.on && !r.paused {
		r.paused = true
		r.later(d, &item{resume: true, pause: d})
	}
}

// suspend lets the machine stand still. Packets pass it by, and its clock does
// not go on; the daemon is told afterwards for how long.
func (r *router) suspend(d time.Duration) {
	if r.on && !r.paused {
		r.still = true
		r.pause(d)
	}
}

// woken tells the daemon for how long the machine stood still.
func (r *router) woken(d time.Duration) {
	r.still = false
	r.clock0 -= d
	for _, g := range r.groups {
		g.set = false
		r.give(g, fsm.All, fsm.Slept{For: d})
	}
}

// resume is what the daemon does when it gets to run again: control first, then
// what waits in its sockets, and only then the timers.
func (r *router) resume(after time.Duration) {
	r.paused, r.resumed = false, r.w.now
	if r.still {
		r.woken(after)
	}
	r.w.note("%s runs again", r.plan.Name)
	r.reconfigure()
	for _, p := range r.ports {
		if p.linkUp != p.plugged {
			r.control(fsm.ID(p.lan), fsm.LinkChanged{Up: p.plugged, Name: "eth0"})
		}
		if p.hasSource != p.sourced {
			r.control(fsm.ID(p.lan), fsm.SourceChanged{Addr: p.source()})
		}
		for i, v := range p.verdicts {
			r.control(fsm.ID(p.lan), fsm.TrackChanged{Index: i, Verdict: v, Why: "script"})
		}
	}
	inbox := r.inbox
	r.inbox = nil
	for i := range inbox {
		r.hear(r.arrival(inbox[i].wall), inbox[i].lan, &inbox[i].packet)
	}
	for _, g := range r.groups {
		r.tick(g)
		r.rearm(g)
	}
}

// arrival is when a packet arrived, as far as the daemon can tell from its time
// stamp: what is older than it trusts, or of the future, it counts as of now.
func (r *router) arrival(stamp time.Duration) time.Duration {
	if age := r.w.now + r.wall - stamp; age > 0 && age < trusted {
		return r.w.now - age
	}
	return r.w.now
}

// arrives is the end of a packet's way.
func (r *router) arrives(l int, p *packet, life int) {
	if !r.on || life != r.life || !r.ports[l].plugged {
		return
	}
	if r.paused {
		if len(r.inbox) < inboxSize && !r.still {
			r.inbox = append(r.inbox, waiting{r.w.now + r.wall, l, *p})
		}
		return
	}
	r.hear(r.w.now, l, p)
}

// hear checks a packet as a socket does and gives the group the result, as of
// when it arrived.
func (r *router) hear(at time.Duration, l int, q *packet) {
	p := r.ports[l]
	in := advert.Packet{Src: q.src, Dst: q.dst, TTL: q.ttl, Proto: advert.ProtoVRRP, IPHeader: 20, IPTotal: 20 + len(q.payload), Payload: q.payload}
	if p.expect.IPv6 {
		in.IPHeader, in.IPTotal = 40, 0
	}
	vrid, short := advert.VRID(&in)
	if !short.OK() || vrid != p.expect.VRID {
		return // belongs to nobody here
	}
	a, reject := p.expect.Check(&in)
	if !reject.OK() {
		r.give(p.group, p.id, fsm.AdvertRejected{From: q.src, Reject: reject})
		return
	}
	r.giveAt(at, p.group, p.id, &fsm.AdvertReceived{Advert: a, Count: in.Count(), Missing: missing(p, &in, a)})
}

func missing(p *port, in *advert.Packet, a advert.Advert) (none netip.Addr) {
	if a.Notes&advert.NoteAddresses != 0 {
		return p.expect.Missing(in)
	}
	return none
}
