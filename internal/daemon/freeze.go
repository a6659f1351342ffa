package daemon

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/bfd"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/handover"
	"github.com/holdfast-ha/holdfast/internal/journal"
	"github.com/holdfast-ha/holdfast/internal/kernel"
	"github.com/holdfast-ha/holdfast/internal/notify"
)

// freezing is the rest between two steps to which everybody is brought. It belongs
// to the manager; the others wait in it.
type freezing struct {
	d       *Daemon
	at      time.Time     // when the state is taken
	clock   time.Duration // the same by CLOCK_MONOTONIC
	settle  chan struct{} // closed when nothing more is read from the sockets
	thawed  chan struct{} // closed when all go on
	held    []*socket     // that nobody reads
	groups  []handover.Group
	entries [][][]journal.Entry
	stack   kernel.StackState
	bfd     *bfd.Resting   // nil: no sessions
	last    [][]lastAdvert // of each runner
	err     error
}

// lastAdvert is one that leaves a little before its time.
type lastAdvert struct {
	m *member
	a fsm.SendAdvert
}

func (l *lastAdvert) send() { l.m.send(&l.a) }

// lastAdverts sends what Masters have to say before they are away for a moment. The
// runners rest.
func (f *freezing) lastAdverts() {
	for _, all := range f.last {
		for i := range all {
			all[i].send()
		}
	}
}

// freeze brings everybody to rest. The order is that of who asks whom: runners
// first, then sockets, whose last adverts runners still hear, then the hands.
func (d *Daemon) freeze() *freezing {
	f := &freezing{
		d: d, settle: make(chan struct{}), thawed: make(chan struct{}),
		groups: make([]handover.Group, len(d.runners)), entries: make([][][]journal.Entry, len(d.runners)),
		last: make([][]lastAdvert, len(d.runners)),
	}
	f.err = f.run()
	return f
}

func (f *freezing) run() error {
	d := f.d
	if !f.await(kernelTimeout, f.rest(d.static.todo, func() {}), f.rest(d.virtuals.todo, func() { f.stack = d.virtuals.stack.State() })) {
		return errors.New("the kernel is busy with what is static")
	}
	var idle []<-chan struct{}
	for _, r := range d.runners {
		done := make(chan struct{})
		r.hands.push(job{reached: done})
		idle = append(idle, done)
	}
	if !f.await(kernelTimeout, idle...) {
		return errors.New("the kernel is busy with addresses")
	}
	var err error
	if f.bfd, err = d.restSessions(f.thawed); err != nil {
		return err
	}
	arrived, saved, rested := f.channels(), f.channels(), f.channels()
	for i, r := range d.runners {
		r.ctl.push(errand{do: func(_ time.Time, g *fsm.Group) { f.restRunner(i, r, g, arrived[i], saved[i], rested[i]) }})
	}
	if !f.await(freezeTime, receivers(arrived)...) {
		return errors.New("a group is busy")
	}
	for _, s := range d.sockets.open {
		s.conn.Hold()
		f.held = append(f.held, s)
	}
	f.at, f.clock = time.Now(), monotonic()
	close(f.settle)
	if !f.await(freezeTime, receivers(saved)...) {
		return errors.New("a group does not come to rest")
	}
	if !f.await(freezeTime, receivers(rested)...) {
		return errors.New("the kernel is busy with addresses")
	}
	for i, r := range d.runners {
		for _, m := range r.members {
			l := m.left()
			l.Holding = m.holding
			l.Missing = m.missing()
			f.groups[i].Members = append(f.groups[i].Members, l)
		}
	}
	return nil
}

// rest has a goroutine do something and wait until all go on.
func (f *freezing) rest(todo *queue[func()], do func()) <-chan struct{} {
	reached := make(chan struct{})
	todo.push(func() {
		do()
		close(reached)
		<-f.thawed
	})
	return reached
}

// restRunner is the rest of a runner, on its goroutine: the last adverts that were
// read are heard, and those of Masters leave a little before their time.
func (f *freezing) restRunner(i int, r *runner, g *fsm.Group, arrived, saved, rested chan struct{}) {
	close(arrived)
	select {
	case <-f.settle:
	case <-f.thawed:
		return
	}
	r.takeAdverts()
	r.takeRefusals()
	s := g.Save(f.at)
	for id, m := range r.members {
		x := &s.Instances[id]
		if x.Started && x.State == fsm.Master && !x.Late.Listening {
			x.Stats.AdvertsSent++
			last := lastAdvert{m, fsm.SendAdvert{Priority: x.Priority, Source: x.Source}}
			if authenticated(m.set.Load().expect) {
				last.send() // its number has to be part of what is left
			} else {
				f.last[i] = append(f.last[i], last)
			}
		}
		entries := m.journal.Entries()
		f.entries[i] = append(f.entries[i], entries[max(0, len(entries)-f.entriesMax()):])
	}
	f.groups[i].Machine = s
	r.hands.push(job{reached: rested, until: f.thawed})
	close(saved)
	<-f.thawed
}

// entriesMax is how many entries of a journal go along: with many instances only
// the last ones, since adverts wait.
func (f *freezing) entriesMax() int { return max(8, 4000/len(f.d.members)) }

// thaw lets everybody go on.
func (f *freezing) thaw() {
	for _, s := range f.held {
		s.conn.Release()
	}
	close(f.thawed)
}

func (f *freezing) channels() []chan struct{} {
	all := make([]chan struct{}, len(f.d.runners))
	for i := range all {
		all[i] = make(chan struct{})
	}
	return all
}

func receivers(all []chan struct{}) []<-chan struct{} {
	out := make([]<-chan struct{}, len(all))
	for i, c := range all {
		out[i] = c
	}
	return out
}

// await waits for all of them; false: it took too long.
func (f *freezing) await(limit time.Duration, all ...<-chan struct{}) bool {
	late := time.NewTimer(limit)
	defer late.Stop()
	for _, c := range all {
		select {
		case <-c:
		case <-late.C:
			return false
		}
	}
	return true
}

// state is what everybody knows while at rest, and which descriptors go with it.
func (f *freezing) state() (*handover.State, *handover.Later, []int) {
	d := f.d
	st := d.collect()
	st.Clock, st.Groups, st.Stack = f.clock, f.groups, f.stack
	st.Started, st.Delayed = fsm.MomentOf(d.started, f.at), fsm.MomentOf(d.delayed, f.at)
	fds := append(d.descriptors(), d.virtuals.descriptors()...)
	for _, s := range d.sockets.sorted() {
		recv, send := s.conn.FDs()
		st.Sockets = append(st.Sockets, handover.Socket{
			Interface: s.spec.Interface, Index: s.spec.Index, IPv6: s.spec.IPv6, Proto: s.spec.Proto, Unicast: s.spec.Unicast,
			Group: s.spec.Group, Source: s.spec.Source, RcvBuf: s.spec.RcvBuf, Receive: recv, Send: send,
		})
	}
	for _, p := range d.openPipes() {
		left, _ := p.Leave()
		st.Pipes = append(st.Pipes, left)
	}
	if f.bfd != nil {
		st.Sessions = f.bfd.Leave(f.at)
		for _, fd := range st.Sessions.Descriptors() {
			fds = append(fds, *fd)
		}
	}
	later := &handover.Later{Mails: d.mails.told(), Records: d.mibs.left(f.at)}
	for _, entries := range f.entries {
		later.Journals = append(later.Journals, entries...)
	}
	return st, later, fds
}

// descriptors are those of the manager that stay open for the program to come.
func (d *Daemon) descriptors() (fds []int) {
	for _, s := range d.sockets.sorted() {
		recv, send := s.conn.FDs()
		fds = append(fds, recv, send)
	}
	for _, p := range d.openPipes() {
		if _, fd := p.Leave(); fd >= 0 {
			fds = append(fds, fd)
		}
	}
	return fds
}

// descriptors are those that keep anybody from leaving a group meanwhile.
func (v *virtuals) descriptors() (fds []int) {
	for _, g := range v.groups {
		fds = append(fds, g.FD())
	}
	return fds
}

// collect is what the manager knows itself.
func (d *Daemon) collect() *handover.State {
	now := time.Now()
	st := &handover.State{
		Beginning: handover.Beginning{From: d.opt.Version, Config: d.text},
		Clock:     monotonic(), Auto: d.auto, Reload: d.again, Reloads: d.reloads, Standing: d.standing, Settings: slices.Clone(d.changed),
		Started: fsm.MomentOf(d.started, now), Delayed: fsm.MomentOf(d.delayed, now),
	}
	for k, v := range d.verdicts {
		st.Verdicts = append(st.Verdicts, handover.Verdict{Kind: k.kind, Name: k.name, Verdict: v.verdict, Value: v.value, Why: v.why})
	}
	for name, c := range d.carriers {
		st.Carriers = append(st.Carriers, handover.Carrier{Link: name, Seen: c.seen, Up: c.isUp, Polled: c.polled, Flags: c.flags})
	}
	for name, t := range d.scripts {
		st.Scripts = append(st.Scripts, handover.Script{Name: name, State: t.script.State()})
	}
	return st
}

// left is what an instance leaves, beside what its state machine knows. It is
// exact while the runner rests.
func (m *member) left() handover.Member {
	marks, _ := m.guard.copy()
	l := handover.Member{
		Key: identityOf(m.set.Load().cfg).text(), Told: m.state(), Prio: m.priority,
		LinkKnown: m.link.known, LinkUp: m.link.up, Source: m.source, IPID: m.ipID, LastSent: m.lastSent.Load(),
		Heard: m.sightings.heard.Load(), Suspected: m.suspected.Load(), Marks: marks,
	}
	for i := range m.overflow {
		if n := m.overflow[i].Load(); n > 0 {
			l.Dropped = slices.Grow(l.Dropped, len(m.overflow))[:len(m.overflow)]
			l.Dropped[i] = n
		}
	}
	return l
}

// missing is what the member is to hold and does not.
func (m *member) missing() []string {
	if !m.holding || m.holder.Complete() && len(m.holder.Held()) == len(m.set.Load().objects) {
		return nil
	}
	var all []string
	held := m.holder.Held()
	for _, o := range m.set.Load().objects {
		if !slices.ContainsFunc(held, func(h kernel.Object) bool { return heldName(h) == heldName(o) }) {
			all = append(all, heldName(o))
		}
	}
	return all
}

// text tells an instance from all others of a configuration.
func (i identity) text() string { return fmt.Sprintf("%s/%v/%v", i.key(), i.unicast, i.virtual) }

// monotonic is the kernel's clock that all processes share.
func monotonic() time.Duration {
	var ts unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &ts) // it cannot fail
	return time.Duration(ts.Nano())
}

// told are the states last told of by mail.
func (m *mails) told() []handover.Mail {
	m.mu.Lock()
	defer m.mu.Unlock()
	var all []handover.Mail
	for o, state := range m.last {
		all = append(all, handover.Mail{Group: o.kind == notify.Group, Name: o.name, State: state})
	}
	return all
}

// inherit takes them from another program.
func (m *mails) inherit(told []handover.Mail) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, t := range told {
		o := object{notify.Instance, t.Name}
		if t.Group {
			o.kind = notify.Group
		}
		m.last[o] = t.State
	}
}
