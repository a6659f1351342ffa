package sim

import (
	"net/netip"
	"slices"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/trace"
)

// detection is how long a kernel takes to tell of a change of a link.
const detection = time.Millisecond

// firstResult is how long a tracked script takes for its first result.
const firstResult = 5 * time.Millisecond

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
	still   bool          // the whole machine is
	clock0  time.Duration // what its clock was at the beginning of the world, less the time it stood still
	wall    time.Duration // what its wall clock shows above that
	resumed time.Duration // the end of the last pause
	silent  time.Duration // end of a start delay
	sync    bool          // its instances are a sync group
	joins   bool          // they are to be one, in a configuration that the daemon has not seen yet
	groups  []*group
	ports   []*port
	inbox   []waiting
}

// group is an fsm.Group and where its members are.
type group struct {
	g      *fsm.Group
	ports  []*port
	wake   time.Duration // for which a timer is set
	set    bool
	formed bool // by a reload
	mixed  bool // and what its members are differs since then
}

// port is the instance on one network with what its machine knows of it.
type port struct {
	r                 *router
	lan               int
	group             *group
	id                fsm.ID
	spec              *fsm.Spec
	expect            *advert.Expect
	part              int    // of the network
	deaf              []bool // to which routers
	plugged           bool
	sourced           bool // the interface has its address
	linkUp, hasSource bool // as the daemon was told
	verdicts          []fsm.Verdict
	told              []fsm.Verdict // of them to the daemon
	next              *fsm.Spec     // a configuration that the daemon has not seen yet
	local             local
}

func newRouter(w *world, i int) *router {
	r := &router{w: w, index: i, plan: &w.plan.Routers[i]}
	r.clock0, r.joins = r.plan.Clock, r.plan.Sync
	for l, s := range r.plan.Specs {
		p := &port{r: r, lan: l, spec: s, plugged: true, sourced: true, deaf: make([]bool, len(w.plan.Routers))}
		p.expect = w.plan.expect(i, l, s)
		for range s.Trackers {
			p.verdicts = append(p.verdicts, fsm.Good)
		}
		r.ports = append(r.ports, p)
	}
	return r
}

// clock is what the router's clock shows at a moment of the world: no two agree.
func (r *router) clock(at time.Duration) time.Time { return epoch.Add(r.clock0 + at) }

// since is the inverse of clock.
func (r *router) since(t time.Time) time.Duration { return t.Sub(epoch) - r.clock0 }

func (r *router) start(delay time.Duration) {
	if r.on { // only in a world that was made smaller
		r.crash()
	}
	r.on, r.started, r.life, r.paused, r.still, r.inbox = true, false, r.life+1, false, false, nil
	r.silent = r.w.now + delay
	for _, p := range r.ports {
		p.takeNext()
	}
	r.arrange()
	for _, p := range r.ports {
		p.linkUp, p.hasSource = p.plugged, p.sourced
		p.told = make([]fsm.Verdict, len(p.verdicts))
		p.local.begin(p)
		r.give(p.group, p.id, fsm.LinkChanged{Up: p.plugged, Name: "eth0"})
		r.give(p.group, p.id, fsm.SourceChanged{Addr: p.source()})
	}
	r.started = true
	for _, g := range r.groups {
		r.give(g, fsm.All, fsm.Start{Delay: delay})
	}
	r.expectEndOfDelay()
	for _, p := range r.ports {
		for i, v := range p.verdicts {
			r.later(firstResult, &item{lan: p.lan, event: fsm.TrackChanged{Index: i, Verdict: v, Why: "first result"}})
		}
	}
}

// expectEndOfDelay makes the end of a start delay known to the checks of
// health: what was a disturbance may last until then.
func (r *router) expectEndOfDelay() {
	if r.silent > r.w.now {
		r.later(r.silent-r.w.now, &item{})
	}
}

// arrange makes the groups, new ones.
func (r *router) arrange() {
	r.groups, r.sync = nil, r.joins
	if r.sync {
		r.addGroup("sync", r.ports)
		return
	}
	for l := range r.ports {
		r.addGroup("", r.ports[l:l+1])
	}
}

func (r *router) addGroup(name string, ports []*port) {
	var specs []*fsm.Spec
	for _, p := range ports {
		specs = append(specs, p.spec)
	}
	g := &group{g: fsm.NewGroup(name, specs...), ports: ports}
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
	r.on, r.paused, r.still, r.life, r.inbox = false, false, false, r.life+1, nil
	for _, p := range r.ports {
		p.local.gone()
	}
}

// stop ends the daemon in good order.
func (r *router) stop() {
	if !r.on {
		return
	}
	if r.still {
		r.crash()
		return
	}
	if r.paused {
		r.resume(0) // it cannot see the signal before
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

// address takes the address that adverts are sent from away from an interface,
// or gives it back.
func (r *router) address(l int, there bool) {
	p := r.ports[l]
	p.sourced = there
	if r.on {
		r.later(detection, &item{lan: l, event: fsm.SourceChanged{Addr: p.source()}})
	}
}

// source is the address that the instance sends from, if it has one.
func (p *port) source() (none netip.Addr) {
	if p.sourced {
		return p.r.plan.Sources[p.lan]
	}
	return none
}

func (r *router) verdict(l, tracker int, v fsm.Verdict) {
	r.ports[l].verdicts[tracker] = v
	if r.on {
		r.later(detection, &item{lan: l, event: fsm.TrackChanged{Index: tracker, Verdict: v, Why: "script"}})
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
	case fsm.SourceChanged:
		e.Addr = p.source()
		p.hasSource, ev = p.sourced, e
	case fsm.TrackChanged:
		e.Verdict = p.verdicts[e.Index]
		p.told[e.Index], ev = e.Verdict, e
	}
	r.give(p.group, p.id, ev)
}

// loseAddress takes an address away, of which the kernel tells the daemon.
func (r *router) loseAddress(l int) {
	p := r.ports[l]
	if r.on && !r.paused && p.local.held {
		p.local.loses()
		r.give(p.group, p.id, fsm.AddressLost{Addr: "198.51.100.100", Link: "eth0", Why: "removed by another program"})
	}
}

// timer is an expired timer of a group, which a reload may have dissolved.
func (r *router) timer(g *group) {
	if !r.paused && slices.Contains(r.groups, g) {
		r.tick(g)
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
		p.local.before(p, at)
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
	r.rearm(g)
}

// rearm sets the timer of a group to when it wants to be woken.
func (r *router) rearm(g *group) {
	if at, ok := g.g.Wake(); ok {
		r.set(g, r.since(at))
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
	r.w.q.add(&item{at: at, class: classTimer, router: r.index, group: g, life: r.life})
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
	case fsm.PriorityChanged:
		p.local.prioritises(p, a)
	case fsm.Announce:
		p.local.announces(p, a)
	case fsm.StateChanged:
		p.local.changes(p, a)
		r.w.health.stateChanged(r.w, p, a)
	}
}

// obstacles tells whether something keeps the instance, or another of its
// group, in FAULT, and whether a script has yet to report.
func (p *port) obstacles() (fault, unknown bool) {
	for _, o := range p.group.ports {
		fault = fault || !o.linkUp || !o.hasSource
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
		if !o.plugged || !o.sourced {
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
			if q != o && q.cell() == o.cell() && q.able() && (o.spec.NoPreempt || q.priority() >= o.priority()) {
				return false
			}
		}
	}
	return true
}

// master tells whether the instance is MASTER, as far as it has said.
func (p *port) master() bool { return p.r.on && p.local.state == fsm.Master }
