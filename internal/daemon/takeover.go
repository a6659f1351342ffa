package daemon

import (
	"bytes"
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/control"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/handover"
	"github.com/holdfast-ha/holdfast/internal/kernel"
	"github.com/holdfast-ha/holdfast/internal/netio"
)

// Handed is what an earlier program has left to this one.
type Handed struct {
	State *handover.State
	Later []byte // for handover.DecodeLater
	// Returned says why the program that was to take this one's place did not come
	// up; "": it is this one that was to.
	Returned string
	// Restarted says that the service was restarted: this is not the process of before.
	Restarted bool
	// Up is called once adverts leave: there is no way back from then on. Settled is
	// called once this program has its own of all that was left.
	Up, Settled func()
}

// what happens, for log lines.
func (h *Handed) what() string {
	if h.Restarted {
		return "Restart"
	}
	return "Upgrade"
}

// then is when the state was taken, by the clock of this program.
func (h *Handed) then() time.Time {
	now := time.Now()
	return now.Add(h.State.Clock - monotonic())
}

// sessionGrace is how long BFD sessions that begin anew count as what they were.
const sessionGrace = 10 * time.Second

// Understands tells whether a state could be taken over under a configuration that
// was read from its files. It touches nothing.
func Understands(cfg *config.Config, st *handover.State, strict bool) error {
	wanted := wantedGroups(cfg, plan(cfg, &kernel.Picture{}, nil, strict), strict)
	_, err := restore(wanted, st, time.Now())
	return err
}

// restore makes the state machines of a configuration go on where those of the
// state were at the time then.
func restore(wanted []wantedGroup, st *handover.State, then time.Time) ([]*fsm.Group, error) {
	if len(wanted) != len(st.Groups) {
		return nil, fmt.Errorf("the configuration has %d groups, the state %d", len(wanted), len(st.Groups))
	}
	groups := make([]*fsm.Group, len(wanted))
	for i, w := range wanted {
		g := &st.Groups[i]
		var specs []*fsm.Spec
		for j, s := range w.sets {
			specs = append(specs, s.spec)
			if j >= len(g.Members) || g.Members[j].Key != identityOf(s.cfg).text() {
				return nil, fmt.Errorf("(%s) is not in its place in the state", s.cfg.Name)
			}
		}
		groups[i] = fsm.NewGroup(w.name, specs...)
		if err := groups[i].Restore(then, &g.Machine); err != nil {
			return nil, err
		}
	}
	return groups, nil
}

// takeOver brings the configuration to life as an earlier program has left it. What
// adverts do not wait for comes after the first of them.
func (d *Daemon) takeOver(h *Handed) error {
	st, then := h.State, h.then()
	d.started, d.delayed, d.auto = st.Started.Time(then), st.Delayed.Time(then), st.Auto
	d.reloads = st.Reloads
	d.setAgain(st.Settings)
	d.sockets.tell = d.cfg.Global.LogUnknownVRIDs
	d.sockets.inherit(st.Sockets)
	d.accept.inherit(d.cfg, d.undo)
	lay := plan(d.cfg, d.monitor.Snapshot(), nil, d.opt.StrictCompat)
	if err := sameLinks(lay, st); err != nil {
		return err
	}
	if !d.opt.StrictCompat {
		d.lookout = newLookout(d.log, d.monitor, d.suspectRival)
	}
	d.static = newStatics(d)
	d.virtuals = newVirtuals(d)
	d.virtuals.stack.Restore(st.Stack)
	d.standing = st.Standing
	wanted := wantedGroups(d.cfg, lay, d.opt.StrictCompat)
	groups, err := restore(wanted, st, then)
	if err != nil {
		return err
	}
	d.layout = lay
	d.countPromoted()
	d.recall(wanted, st)
	d.reassemble(wanted, groups, st)
	d.delayCarriers(d.cfg)
	d.rewire()
	for _, m := range d.members {
		if err := d.refresh(m); err != nil {
			return err
		}
	}
	if err := d.sockets.begin(); err != nil {
		return err
	}
	d.undo.load()
	d.accept.claim(d.members, d.monitor.Snapshot().LinkByName)
	for _, r := range d.runners {
		go r.hands.run()
		go r.run()
	}
	d.reviveSessions(st, then)
	h.Up()
	took := time.Since(then)
	text := fmt.Sprintf("%s: going on as Holdfast %s where Holdfast %s has left, %v later", h.what(), d.opt.Version, st.From, took.Round(100*time.Microsecond))
	if h.Returned != "" {
		failed := fmt.Sprintf("Upgrade: the new program did not come up: %s. Going on as before, with Holdfast %s", h.Returned, d.opt.Version)
		d.log.alertf("%s", failed)
		d.lastUpgrade = &control.Outcome{At: time.Now(), Failed: true, Text: failed}
	} else if !h.Restarted {
		d.lastUpgrade = &control.Outcome{At: time.Now(), Text: text}
	}
	d.log.infof("%s", text)
	d.settleIn(h)
	return nil
}

// recall takes what was known beside the groups.
func (d *Daemon) recall(wanted []wantedGroup, st *handover.State) {
	for _, w := range wanted {
		for _, s := range w.sets {
			for v := range s.vips {
				d.vips[v] = true
			}
		}
	}
	for _, c := range st.Carriers {
		d.carriers[c.Link] = &carrier{seen: c.Seen, isUp: c.Up, polled: c.Polled, flags: c.Flags}
	}
	for _, v := range st.Verdicts {
		d.verdicts[trackKey{v.Kind, v.Name}] = verdict{v.Verdict, v.Value, v.Why}
	}
}

// sameLinks refuses to take over if virtual links would have other names: those
// that are there would be lost.
func sameLinks(lay *layout, st *handover.State) error {
	for _, x := range st.Stack.Links {
		if !slices.ContainsFunc(lay.links, func(v *virtual) bool { return v.Name == x.Virtual.Name }) {
			return fmt.Errorf("the virtual interface %s has no place in the configuration", x.Virtual.Name)
		}
	}
	return nil
}

// reassemble makes the runners and their members as they were.
func (d *Daemon) reassemble(wanted []wantedGroup, groups []*fsm.Group, st *handover.State) {
	a := &arrangement{d: d, wanted: wanted}
	limit := int64(d.cfg.Global.More.MinAutoPriorityDelay)
	for i := range wanted {
		r := a.assemble(&wanted[i], nil)
		r.group, r.fresh, r.rec = groups[i], false, nil
		r.lateLimit.Store(limit)
		for j, m := range r.members {
			m.inherit(&st.Groups[i].Members[j])
		}
		d.runners = append(d.runners, r)
		d.members = append(d.members, r.members...)
	}
	d.order()
}

// inherit is the opposite of left. It comes before the runner runs.
func (m *member) inherit(l *handover.Member) {
	m.published.Store(uint32(l.Told))
	m.priority, m.holding, m.source, m.ipID = l.Prio, l.Holding, l.Source, l.IPID
	m.link = linkState{known: l.LinkKnown, up: l.LinkUp}
	m.linkDown.Store(!l.LinkUp)
	m.lastSent.Store(l.LastSent)
	m.sightings.heard.Store(l.Heard)
	m.suspected.Store(l.Suspected)
	m.guard.restore(l.Marks)
	if l.Holding {
		m.assume(l.Missing)
	}
	m.rewatch = true // what is tracked may have changed meanwhile
	for i, n := range l.Dropped {
		if i < len(m.overflow) {
			m.overflow[i].Store(n)
		}
	}
}

// settleIn does what adverts do not wait for. Whatever is held is found in place
// and left there.
func (d *Daemon) settleIn(h *Handed) {
	st := h.State
	d.tune()
	if d.opt.Record != "" {
		d.log.infof("--record: the recording has ended with the program before")
	}
	d.keeper.start()
	d.keeper.watch(d.members)
	d.watch(wantedGroups(d.cfg, d.layout, d.opt.StrictCompat), staticObjects(d.cfg))
	d.tellBy(d.cfg)
	for _, p := range d.fifos.pipes {
		for _, left := range st.Pipes {
			if p != nil {
				p.Inherit(left)
			}
		}
	}
	go d.virtuals.run()
	d.standing = d.virtuals.change(d.layout, d.settings())
	d.static.begin(d.cfg)
	later, err := handover.DecodeLater(h.Later)
	if err != nil {
		d.log.infof("%s: %v: the journals begin anew", h.what(), err)
		later = &handover.Later{}
	}
	d.mails.inherit(later.Mails)
	d.mibs.remember(later.Records, d.members, h.then())
	for i, m := range d.members {
		if i < len(later.Journals) {
			entries := later.Journals[i]
			m.runner.ctl.push(errand{do: func(time.Time, *fsm.Group) { m.journal.Restore(entries) }})
		}
	}
	h.Settled()
	d.lookout.watch(d.members)
	d.followAgain(st)
	d.monitoring(true)
	d.plan(d.cfg)
	d.verify()
	d.compareText(h.what(), st.Reload)
}

// followAgain takes up what is tracked, with what was known of it.
func (d *Daemon) followAgain(st *handover.State) {
	d.pollCarriers(d.cfg)
	d.trackProcesses(d.cfg)
	d.followFiles(d.cfg)
	kept := map[string]handover.Script{}
	for _, s := range st.Scripts {
		kept[s.Name] = s
	}
	for _, c := range d.cfg.Scripts {
		if d.scripts[c.Name] != nil || len(d.watchers[trackKey{fsm.TrackScript, c.Name}]) == 0 {
			continue
		}
		s, ok := kept[c.Name]
		if !ok {
			d.scripts[c.Name] = d.startScript(c, nil)
			continue
		}
		d.scripts[c.Name] = d.startScript(c, &s.State)
	}
	for name, c := range d.carriers {
		if l := d.links[name]; l != nil && l.Up != c.isUp && !c.polled {
			d.carrierMoved(l)
		}
	}
}

// compareText reloads if the files of the configuration are not what runs, or if
// that was asked for meanwhile.
func (d *Daemon) compareText(what string, asked bool) {
	if asked {
		d.reload()
		return
	}
	text := d.text
	go func() {
		for path, have := range text {
			if now, err := config.System().ReadFile(path); err != nil || !bytes.Equal(now, have) {
				d.do(func() {
					d.log.infof("%s: %s is not what runs: reloading", what, path)
					d.reload()
				})
				return
			}
		}
	}()
}

// assume has the member hold what an earlier program has set for it. It comes before
// the hands run.
func (m *member) assume(missing []string) {
	m.holder.Assume(slices.DeleteFunc(slices.Clone(m.set.Load().objects), func(o kernel.Object) bool {
		return slices.Contains(missing, heldName(o))
	}))
}

// heldName tells an object that is held from the others of its owner.
func heldName(o kernel.Object) string { return fmt.Sprintf("%v %v", o.Kind(), o) }

// verify looks whether all is there that is held, with a pause between two
// instances: there may be thousands.
func (d *Daemon) verify() {
	members := slices.Clone(d.members)
	go func() {
		tick := time.NewTicker(verifyPause)
		defer tick.Stop()
		for _, m := range members {
			<-tick.C
			d.do(func() {
				if d.has(m) && !m.looking.Swap(true) {
					m.runner.hands.push(job{m: m, look: &clue{note: "during the upgrade"}})
				}
			})
		}
	}()
}

// verifyPause is the pause between two looks at what instances hold.
const verifyPause = 10 * time.Millisecond

// inherit takes sockets that were left; get uses them.
func (p *sockets) inherit(all []handover.Socket) {
	p.left, p.taking = map[netio.Spec]handover.Socket{}, true
	for _, s := range all {
		p.left[netio.Spec{
			Interface: s.Interface, Index: s.Index, IPv6: s.IPv6, Proto: s.Proto, Unicast: s.Unicast,
			Group: s.Group, Source: s.Source, RcvBuf: s.RcvBuf,
		}] = s
	}
}

// adopt is openSocket with a socket that was left; nil: there is none.
func (p *sockets) adopt(spec netio.Spec) (*socket, error) {
	left, ok := p.left[spec]
	if !ok {
		return nil, nil
	}
	delete(p.left, spec)
	conn, err := netio.Adopt(spec, left.Receive, left.Send)
	if err != nil {
		return nil, err
	}
	return newSocket(spec, conn, p.tell, p.log), nil
}
