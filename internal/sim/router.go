package sim

import (
	"net/netip"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/trace"
)

// detection is how long a kernel takes to tell of a change of a link.
const detection = time.Millisecond

// firstResult is how long a tracked script takes for its first result.
const firstResult = 5 * time.Millisecond

// inboxSize is how many packets a socket keeps for a daemon that does not run.
const inboxSize = 64

// router is a machine with its daemon: one group for all networks, or one for
// each.
type router struct {
	w       *world
	index   int
	plan    *Router
	on      bool
	started bool // the groups have been given Start
	life    int  // counts starts and ends
	paused  bool
	asleep  bool          // paused with the whole machine
	dozed   time.Duration // when that began
	slept   time.Duration // how much of the world's time the clock has missed
	silent  time.Duration // end of a start delay
	groups  []*group
	ports   []*port
	inbox   []waiting
}

// group is an fsm.Group and where its members are.
type group struct {
	g     *fsm.Group
	ports []*port
	index int
	wake  time.Duration // for which a timer is set
	set   bool
}

// port is the instance on one network with what its machine knows of it.
type port struct {
	r        *router
	lan      int
	group    *group
	id       fsm.ID
	spec     *fsm.Spec
	expect   *advert.Expect
	part     int // of the network
	plugged  bool
	linkUp   bool // as the daemon was told
	verdicts []fsm.Verdict
	told     []fsm.Verdict // of them to the daemon
	next     *fsm.Spec     // a configuration that the daemon has not seen yet
	local    local
}

// waiting is a packet that has arrived while the daemon does not run.
type waiting struct {
	at     time.Duration
	lan    int
	packet packet
}

func newRouter(w *world, i int) *router {
	r := &router{w: w, index: i, plan: &w.plan.Routers[i]}
	for l, s := range r.plan.Specs {
		p := &port{r: r, lan: l, spec: s, expect: w.plan.expect(i, l), plugged: true}
		for range s.Trackers {
			p.verdicts = append(p.verdicts, fsm.Good)
		}
		r.ports = append(r.ports, p)
	}
	return r
}

// clock is what the router's clock shows at a moment of the world: no two agree.
func (r *router) clock(at time.Duration) time.Time { return epoch.Add(r.plan.Clock + at - r.slept) }

// since is the inverse of clock.
func (r *router) since(t time.Time) time.Duration { return t.Sub(epoch) - r.plan.Clock + r.slept }

func (r *router) start(delay time.Duration) {
	r.on, r.started, r.life, r.paused, r.inbox = true, false, r.life+1, false, nil
	r.silent = r.w.now + delay
	r.groups = nil
	for _, p := range r.ports {
		if p.next != nil {
			p.spec, p.next = p.next, nil
		}
	}
	if r.w.plan.Sync {
		r.addGroup("sync", r.ports)
	} else {
		for l := range r.ports {
			r.addGroup("", r.ports[l:l+1])
		}
	}
	for _, p := range r.ports {
		p.linkUp = p.plugged
		p.told = make([]fsm.Verdict, len(p.verdicts))
		p.local.begin(p)
		r.give(p.group, p.id, fsm.LinkChanged{Up: p.plugged, Name: "eth0"})
		r.give(p.group, p.id, fsm.SourceChanged{Addr: r.plan.Sources[p.lan]})
	}
	r.started = true
	for _, g := range r.groups {
		r.give(g, fsm.All, fsm.Start{Delay: delay})
	}
	if delay > 0 { // what was a disturbance may last until then
		r.later(delay, &item{event: nil, lan: 0})
	}
	for _, p := range r.ports {
		for i, v := range p.verdicts {
			r.later(firstResult, &item{lan: p.lan, event: fsm.TrackChanged{Index: i, Verdict: v, Why: "first result"}})
		}
	}
}

func (r *router) addGroup(name string, ports []*port) {
	var specs []*fsm.Spec
	for _, p := range ports {
		specs = append(specs, p.spec)
	}
	g := &group{g: fsm.NewGroup(name, specs...), ports: ports, index: len(r.groups)}
	for i, p := range ports {
		p.group, p.id = g, fsm.ID(i)
	}
	r.groups = append(r.groups, g)
}

// later plans a control event of this life of the router.
func (r *router) later(d time.Duration, it *item) {
	it.at, it.class, it.router, it.life = r.w.now+d, classControl, r.index, r.life
	r.w.q.add(it)
}

// crash is a power failure: nothing is said, and nothing of it remains.
func (r *router) crash() {
	r.on, r.paused, r.life, r.inbox = false, false, r.life+1, nil
	for _, p := range r.ports {
		p.local.gone()
	}
}

// stop ends the daemon in good order.
func (r *router) stop() {
	if !r.on {
		return
	}
	if r.paused {
		r.resume() // it cannot see the signal before
	}
	for _, g := range r.groups {
		r.give(g, fsm.All, fsm.Stop{As: fsm.Stopped})
	}
	r.crash()
}

func (r *router) plug(l int, in bool) {
	p := r.ports[l]
	p.plugged = in
	if r.on {
		r.later(detection, &item{lan: l, event: fsm.LinkChanged{Up: in, Name: "eth0"}})
	}
}

func (r *router) verdict(l, tracker int, v fsm.Verdict) {
	r.ports[l].verdicts[tracker] = v
	if r.on {
		r.later(detection, &item{lan: l, event: fsm.TrackChanged{Index: tracker, Verdict: v, Why: "script"}})
	}
}

func (r *router) pause(d time.Duration, asleep bool) {
	if r.on && !r.paused {
		r.paused, r.asleep, r.dozed = true, asleep, r.w.now
		r.later(d, &item{resume: true})
	}
}

// resume is what the daemon does when it gets to run again: control first, then
// what waits in its sockets, and only then the timers.
func (r *router) resume() {
	r.paused = false
	r.w.note("%s runs again", r.plan.Name)
	if r.asleep {
		d := r.w.now - r.dozed
		r.slept += d
		for _, g := range r.groups {
			r.give(g, fsm.All, fsm.Slept{For: d})
		}
	}
	r.reconfigure()
	for _, p := range r.ports {
		if p.linkUp != p.plugged {
			r.control(fsm.ID(p.lan), fsm.LinkChanged{Up: p.plugged, Name: "eth0"})
		}
		for i, v := range p.verdicts {
			r.control(fsm.ID(p.lan), fsm.TrackChanged{Index: i, Verdict: v, Why: "script"})
		}
	}
	inbox := r.inbox
	r.inbox = nil
	for i := range inbox {
		r.hear(inbox[i].at, inbox[i].lan, &inbox[i].packet)
	}
	for _, g := range r.groups {
		r.tick(g)
	}
}

// control gives the instance on a network an event that is no packet.
func (r *router) control(lan fsm.ID, ev fsm.Event) {
	if r.paused || ev == nil {
		return // resume catches up
	}
	p := r.ports[lan]
	switch e := ev.(type) {
	case fsm.LinkChanged:
		e.Up = p.plugged // as it is by now
		p.linkUp, ev = e.Up, e
	case fsm.TrackChanged:
		e.Verdict = p.verdicts[e.Index]
		p.told[e.Index], ev = e.Verdict, e
	}
	r.give(p.group, p.id, ev)
}

func (r *router) reload(specs []*fsm.Spec) {
	for l, p := range r.ports {
		p.next = specs[l]
	}
	if r.on && !r.paused {
		r.reconfigure()
	}
}

// reconfigure lets the daemon see a new configuration, if there is one.
func (r *router) reconfigure() {
	for _, p := range r.ports {
		if p.next != nil {
			p.spec, p.next = p.next, nil
			r.give(p.group, p.id, fsm.Reconfigured{Spec: p.spec})
		}
	}
}

// loseAddress takes an address away, of which the kernel tells the daemon.
func (r *router) loseAddress(l int) {
	p := r.ports[l]
	if r.on && !r.paused && p.local.held {
		p.local.loses(r.w.now)
		r.give(p.group, p.id, fsm.AddressLost{Addr: "198.51.100.100", Link: "eth0", Why: "removed by another program"})
	}
}

// arrives is the end of a packet's way.
func (r *router) arrives(l int, p *packet, life int) {
	if !r.on || life != r.life || !r.ports[l].plugged {
		return
	}
	if r.paused {
		if len(r.inbox) < inboxSize && !r.asleep {
			r.inbox = append(r.inbox, waiting{r.w.now, l, *p})
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

// timer is an expired timer.
func (r *router) timer(index int) {
	if !r.paused {
		r.tick(r.groups[index])
	}
}

// tick lets time pass, if the group wants that: the timer may be out of date.
func (r *router) tick(g *group) {
	if at, ok := g.g.Wake(); ok && r.since(at) <= r.w.now {
		r.give(g, fsm.All, fsm.Tick{})
	}
}

func (r *router) give(g *group, id fsm.ID, ev fsm.Event) { r.giveAt(r.w.now, g, id, ev) }

// giveAt lets a group take a step because of what was at some time, which may
// have passed, and does what it asks for.
func (r *router) giveAt(at time.Duration, g *group, id fsm.ID, ev fsm.Event) {
	w := r.w
	w.result.Events++
	if w.say != nil {
		w.record(r, trace.Line{ID: r.lanOf(g, id), Event: ev})
	}
	for _, p := range g.ports {
		p.local.before(at)
	}
	for _, o := range g.g.Step(r.clock(at), id, ev) {
		if w.say != nil {
			w.record(r, trace.Line{ID: r.lanOf(g, o.ID), Action: o.Action})
		}
		r.act(g.ports[o.ID], o.Action)
	}
	next, ok := g.g.Wake()
	wake := deadline{ok, r.since(next)}
	for _, p := range g.ports {
		p.local.after(p, at, id, ev, wake)
	}
	checkTogether(g)
	if ok {
		r.set(g, wake.at)
	}
}

// lanOf is the number of the network that an instance of a group is on; what
// concerns all instances stays that.
func (r *router) lanOf(g *group, id fsm.ID) fsm.ID {
	if id == fsm.All {
		return id
	}
	return fsm.ID(g.ports[id].lan)
}

// set sets a timer, which may fire late.
func (r *router) set(g *group, at time.Duration) {
	if g.set && g.wake == at {
		return
	}
	g.set, g.wake = true, at
	at = max(at, r.w.now)
	if late := r.w.plan.Late; late > 0 {
		at += time.Duration(r.w.rng.Int64N(int64(late)))
	}
	r.w.q.add(&item{at: at, class: classTimer, router: r.index, lan: g.index, life: r.life})
}

// act does what a group asks for.
func (r *router) act(p *port, ac fsm.Action) {
	switch a := ac.(type) {
	case *fsm.SendAdvert:
		p.local.sends(p, a)
		m := &advert.Message{
			Version: p.spec.Version, VRID: p.spec.VRID, Priority: a.Priority, Interval: p.spec.AdvertInterval,
			Auth: p.expect.Auth, Password: p.expect.Password, Src: a.Source, Dst: advert.GroupIPv4, Addresses: p.expect.Addresses,
		}
		if p.spec.IPv6 {
			m.Dst = advert.GroupIPv6
		}
		r.w.transmit(r, p.lan, m)
	case fsm.AddAddresses:
		p.local.adds(p)
	case fsm.RemoveAddresses:
		p.local.removes(p)
	case fsm.StateChanged:
		p.local.changes(p, a)
		r.w.health.stateChanged(r.w, p, a)
	}
}

// obstacles tells whether something keeps the instance, or another of its
// group, in FAULT, and whether a script has yet to report.
func (p *port) obstacles() (fault, unknown bool) {
	for _, o := range p.group.ports {
		fault = fault || !o.linkUp
		for i, v := range o.told {
			if o.spec.Trackers[i].Weight == 0 {
				fault = fault || v == fsm.Bad
				unknown = unknown || v == fsm.Unknown
			}
		}
	}
	return fault, unknown
}

// able tells whether the instance could be MASTER.
func (p *port) able() bool {
	r := p.r
	if !r.on || r.paused || r.w.now < r.silent {
		return false
	}
	for _, o := range p.group.ports {
		if !o.plugged {
			return false
		}
	}
	fault, unknown := p.obstacles()
	return !fault && !unknown
}

// free tells whether the instance, of a sync group, would take over from
// everybody that its group can hear, on every network.
func (p *port) free() bool {
	if !p.able() {
		return false
	}
	for _, o := range p.group.ports {
		for _, r := range p.r.w.routers {
			q := r.ports[o.lan]
			if q != o && q.part == o.part && q.able() && (o.spec.NoPreempt || effective(q.spec, q.told) >= effective(o.spec, o.told)) {
				return false
			}
		}
	}
	return true
}

// master tells whether the instance is MASTER, as far as it has said.
func (p *port) master() bool { return p.r.on && p.local.state == fsm.Master }
