package daemon

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"time"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/kernel"
	"github.com/holdfast-ha/holdfast/internal/netio"
)

// identity is what makes an instance the same one before and after a reload.
// Its name is not part of it: renaming an instance disturbs nothing.
type identity struct {
	vrid    uint8
	ipv6    bool
	unicast bool
	virtual bool // it has a virtual link of its own
	iface   string
	source  netip.Addr // of unicast instances
	group   netip.Addr // of multicast instances
}

func identityOf(c *config.Instance) identity {
	k := identity{vrid: c.VRID, ipv6: c.IPv6, unicast: c.Unicast, virtual: c.UseVMAC || c.More.IPVLAN, iface: c.Interface}
	if c.Unicast {
		k.source = c.SourceIP
	} else {
		k.group = c.Group
	}
	return k
}

// wantedGroup is a sync group, or an instance on its own, of a configuration.
type wantedGroup struct {
	name string
	sets []*settings
}

// wantedGroups translates a configuration, in its order: a group stands where
// its first member does.
func wantedGroups(cfg *config.Config, lay *layout, strict bool) []wantedGroup {
	byName := map[string]*config.Instance{}
	groupOf := map[string]*config.SyncGroup{}
	for _, c := range cfg.Instances {
		byName[c.Name] = c
	}
	of := func(c *config.Instance, g *config.SyncGroup) *settings {
		s := translate(c, g, lay.seats[c], strict)
		s.track(staticTrackers(cfg, c.Name, strict))
		return s
	}
	for _, g := range cfg.Groups {
		for _, name := range g.Members {
			if byName[name] != nil && groupOf[name] == nil {
				groupOf[name] = g
			}
		}
	}
	var all []wantedGroup
	placed := map[*config.SyncGroup]bool{}
	for _, c := range cfg.Instances {
		g := groupOf[c.Name]
		if g == nil {
			all = append(all, wantedGroup{sets: []*settings{of(c, nil)}})
			continue
		}
		if placed[g] {
			continue
		}
		placed[g] = true
		w := wantedGroup{name: g.Name}
		for _, name := range g.Members {
			if m := byName[name]; m != nil && groupOf[name] == g {
				w.sets = append(w.sets, of(m, g))
			}
		}
		all = append(all, w)
	}
	return all
}

// arrangement is the change from the instances that run to those wanted.
type arrangement struct {
	d      *Daemon
	old    map[identity]*member
	keep   map[*runner]*wantedGroup // same members in the same order: it runs on
	wanted []wantedGroup
}

// arrange makes the instances that run those of the configuration. What is
// not changed is not touched: it misses no advert. Removals come before
// additions, so that an address may move from one instance to another.
func (d *Daemon) arrange(cfg *config.Config, lay *layout, first bool) error {
	a := &arrangement{d: d, old: map[identity]*member{}, keep: map[*runner]*wantedGroup{}, wanted: wantedGroups(cfg, lay, d.opt.StrictCompat)}
	for _, m := range d.members {
		a.old[identityOf(m.set.Load().cfg)] = m
	}
	vips := d.vips
	d.vips = map[netip.Addr]bool{}
	for _, w := range a.wanted {
		for _, s := range w.sets {
			for v := range s.vips {
				d.vips[v] = true
			}
		}
	}
	if !first {
		if err := a.prepare(); err != nil {
			d.vips = vips
			return err
		}
		d.resizeBuffers(cfg)
		d.static.prune(cfg)
	}
	d.watch(a.wanted, staticObjects(cfg))
	a.match()
	carried := a.dissolve()
	a.prune()
	old := d.cfg
	d.cfg = cfg
	a.place(lay)
	if first {
		d.accept.sweep(d.log)
	}
	a.rebuild(carried)
	var delay time.Duration
	if first {
		if delay = startupDelay(&cfg.Global, uptime()); delay > 0 {
			d.log.infof("Delaying startup for %g seconds", delay.Seconds())
		}
		d.delayed = d.started.Add(delay)
	} else {
		delay = d.adjustDelay(&old.Global, &cfg.Global)
	}
	return a.launch(delay, first)
}

// prepare does beforehand what may fail: it opens the sockets that the wanted
// instances need. After an error nothing has changed.
func (a *arrangement) prepare() error {
	d := a.d
	var opened []*socket
	for _, w := range a.wanted {
		for _, s := range w.sets {
			m := a.old[identityOf(s.cfg)]
			if m == nil {
				m = &member{}
			}
			spec, ok := socketSpec(s, d.links[s.seat.iface], d.sourceOf(m, s))
			if !ok || d.sockets.open[spec] != nil {
				continue
			}
			sock, err := d.sockets.get(spec)
			switch {
			case errors.Is(err, netio.ErrNoInterface):
				// It went away just now: a fault of the instance, not of the configuration.
			case err != nil:
				for _, o := range opened {
					d.sockets.discard(o)
				}
				return fmt.Errorf("(%s) %w", s.cfg.Name, err)
			default:
				opened = append(opened, sock)
			}
		}
	}
	return nil
}

// match finds the runners that can stay.
func (a *arrangement) match() {
	for i := range a.wanted {
		w := &a.wanted[i]
		m := a.old[identityOf(w.sets[0].cfg)]
		if m == nil || m.runner.group.Name() != w.name || len(m.runner.members) != len(w.sets) {
			continue
		}
		same := true
		for j, s := range w.sets {
			same = same && a.old[identityOf(s.cfg)] == m.runner.members[j]
		}
		if same {
			a.keep[m.runner] = w
		}
	}
}

// carried is an instance on its way from one group to another.
type carried struct {
	m    *member
	c    fsm.Carry
	from origin // in a recording
}

// dissolve stops the runners that cannot stay: instances that are gone say
// goodbye, the others are carried over with all that they know.
func (a *arrangement) dissolve() map[identity]carried {
	wanted := map[identity]bool{}
	for _, w := range a.wanted {
		for _, s := range w.sets {
			wanted[identityOf(s.cfg)] = true
		}
	}
	out := map[identity]carried{}
	for _, r := range a.d.runners {
		if a.keep[r] != nil {
			continue
		}
		for _, m := range r.members {
			if wanted[identityOf(m.set.Load().cfg)] {
				continue
			}
			as := fsm.Fault
			if m.set.Load().cfg.Notify.DeletedSet {
				as = fsm.Deleted
			}
			r.post(m.id, fsm.Stop{As: as})
		}
		if !r.stop(time.Now().Add(kernelTimeout)) {
			a.d.log.alertf("the kernel is slow to release addresses; the reload goes on")
		}
		carries := r.group.Carry()
		for i, m := range r.members {
			k := identityOf(m.set.Load().cfg)
			if wanted[k] {
				out[k] = carried{m: m, c: carries[i]}
				if r.rec != nil {
					out[k] = carried{m, carries[i], origin{r.rec.number, m.id}}
				}
			} else {
				a.d.sockets.detach(m)
			}
		}
	}
	return out
}

// prune takes from the instances that stay the addresses that they are to
// lose, before anybody gains one.
func (a *arrangement) prune() {
	var waits []chan struct{}
	for r, w := range a.keep {
		for i, s := range w.sets {
			m := r.members[i]
			if keep := kernel.Common(m.set.Load().objects, s.objects); len(keep) < len(m.set.Load().objects) {
				done := make(chan struct{})
				r.hands.push(job{m: m, prune: &pruning{keep: keep, done: done}})
				waits = append(waits, done)
			}
		}
	}
	timeout := time.After(kernelTimeout)
	for _, w := range waits {
		select {
		case <-w:
		case <-timeout:
			return
		}
	}
}

// pruning asks the hands to hold no more than these addresses, if any.
type pruning struct {
	keep []kernel.Object
	done chan struct{}
}

// rebuild makes the runners of the new arrangement and tells those that stay
// what has changed for them.
func (a *arrangement) rebuild(over map[identity]carried) {
	d := a.d
	kept := map[*wantedGroup]*runner{}
	for r, w := range a.keep {
		kept[w] = r
	}
	d.runners, d.members = nil, nil
	limit := int64(d.cfg.Global.More.MinAutoPriorityDelay)
	for i := range a.wanted {
		w := &a.wanted[i]
		r := kept[w]
		if r == nil {
			r = a.assemble(w, over)
		} else {
			for j, s := range w.sets {
				a.update(r.members[j], s)
			}
		}
		r.lateLimit.Store(limit)
		d.runners = append(d.runners, r)
		d.members = append(d.members, r.members...)
	}
	d.order()
}

// order sorts the members by the configuration.
func (d *Daemon) order() {
	place := map[*config.Instance]int{}
	for i, c := range d.cfg.Instances {
		place[c] = i
	}
	d.ordered = slices.Clone(d.members)
	slices.SortStableFunc(d.ordered, func(a, b *member) int { return cmp.Compare(place[a.set.Load().cfg], place[b.set.Load().cfg]) })
}

// assemble makes a runner, of new instances and of those carried over.
func (a *arrangement) assemble(w *wantedGroup, over map[identity]carried) *runner {
	d := a.d
	var specs []*fsm.Spec
	for _, s := range w.sets {
		specs = append(specs, s.spec)
	}
	g := fsm.NewGroup(w.name, specs...)
	r := newRunner(g, nil, d.log, newHands(d.work))
	from, known := map[fsm.ID]origin{}, true
	for i, s := range w.sets {
		id := fsm.ID(i)
		c, ok := over[identityOf(s.cfg)]
		m := c.m
		if !ok {
			m = &member{holder: kernel.NewHolder(d.kern)}
			m.set.Store(s)
		}
		m.runner, m.id = r, id
		m.looking.Store(false) // the hands that were asked are gone
		r.members = append(r.members, m)
		if ok {
			g.Adopt(id, c.c)
			from[id], known = c.from, known && c.from.trace > 0
			a.update(m, s)
		}
	}
	if known { // what began before the recording could not be replayed
		r.rec = d.rec.recorder(g, specs, from)
	}
	r.late = func(late time.Duration) { d.do(func() { d.timersLate(late) }) }
	r.refusal = d.refusal
	r.drain = func(how drainage) {
		for _, m := range r.members {
			if s := m.sock.Load(); s != nil {
				// Its own goroutine reports errors.
				switch how {
				case drainAll:
					_, _ = s.conn.Drain(drainLimitBackup, s.receive)
				case drainSome:
					_, _ = s.conn.Drain(drainLimit, s.receive)
				case drainIdle:
					_, _ = s.conn.DrainIdle(drainLimit, s.receive)
				}
			}
		}
	}
	r.fresh = true
	return r
}

// What a runner reads when its timer has expired is bounded: under a flood the
// timer must still come to its right. A Backup has more time than a Master whose
// advert is due: before it takes over it reads all that fits into the buffer.
const (
	drainLimit       = 256
	drainLimitBackup = 4096
)

// update gives an instance that goes on its new settings.
func (a *arrangement) update(m *member, s *settings) {
	old := m.set.Swap(s)
	if sameProtocol(old, s) {
		return
	}
	for _, gone := range kernel.Without(old.objects, s.objects) {
		if x, ok := gone.(kernel.Address); ok {
			a.d.log.infof("(%s) ip address %s dev %s, no longer exist", s.cfg.Name, x.Prefix, x.Link)
		} else {
			a.d.log.infof("(%s) %v %v, no longer exist", s.cfg.Name, gone.Kind(), gone)
		}
	}
	added := slices.ContainsFunc(kernel.Without(s.objects, old.objects), func(o kernel.Object) bool { return o.Kind() == kernel.KindAddress })
	m.runner.post(m.id, fsm.Reconfigured{Spec: s.spec, AddressesAdded: added})
	m.rewatch = true
}

// sameProtocol tells whether two settings differ in nothing that the state
// machine, the sockets or the kernel would notice.
func sameProtocol(a, b *settings) bool {
	return reflect.DeepEqual(a.spec, b.spec) && reflect.DeepEqual(a.expect, b.expect) && kernel.Same(a.objects, b.objects) &&
		slices.Equal(a.dests, b.dests) && a.seat.iface == b.seat.iface && a.seat.virtual == b.seat.virtual && a.ttl == b.ttl && a.cfg.SourceIP == b.cfg.SourceIP && refuses(a) == refuses(b)
}

// launch connects every member with its interface and its trackers and starts
// the runners that are new.
func (a *arrangement) launch(delay time.Duration, first bool) error {
	d := a.d
	d.keeper.watch(d.members)
	d.lookout.watch(d.members)
	d.delayCarriers(d.cfg)
	d.rewire()
	d.trackSessions(d.cfg)
	d.sayMissing()
	d.pollCarriers(d.cfg)
	d.trackProcesses(d.cfg)
	d.followFiles(d.cfg)
	d.awaitVirtuals()
	d.catchUp() // the first state depends on what runs
	for _, m := range d.members {
		if !first {
			d.refreshLogged(m)
		} else if err := d.refresh(m); err != nil {
			return err
		}
	}
	for _, r := range d.runners {
		if !r.fresh {
			continue
		}
		r.fresh = false
		r.post(fsm.All, fsm.Start{Delay: delay})
		go r.hands.run()
		go r.run()
	}
	return nil
}
