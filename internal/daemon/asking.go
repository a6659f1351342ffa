package daemon

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"os"
	"time"

	"github.com/holdfast-ha/holdfast/internal/control"
	"github.com/holdfast-ha/holdfast/internal/dump"
)

// askTime is how long the manager may take to look at a question. It waits for
// nothing, so this is reached only when the machine is beyond help.
const askTime = 5 * time.Second

// asker is somebody who waits for the end of what they have asked for. All of it
// is for any goroutine; nobody who tells it something waits.
type asker struct {
	lines chan told
	end   chan error
}

// told is a line for an asker, or the question whether all before it have been passed
// on.
type told struct {
	line   string
	passed chan<- struct{} // nil: this is a line
}

// askers are those who wait for the same.
type askers []*asker

func newAsker() *asker { return &asker{lines: make(chan told, 256), end: make(chan error, 1)} }

// tell tells of something on the way; who does not listen misses it.
func (all askers) tell(line string) {
	for _, a := range all {
		select {
		case a.lines <- told{line: line}:
		default:
		}
	}
}

// flush waits until the askers have passed on what they were told, for that long at
// most.
func (all askers) flush(limit time.Duration) {
	passed, late := make(chan struct{}, len(all)), time.After(limit)
	for _, a := range all {
		select {
		case a.lines <- told{passed: passed}:
		case <-late:
			return
		}
	}
	for range all {
		select {
		case <-passed:
		case <-late:
			return
		}
	}
}

// done tells of the end; nil: what was asked for is done.
func (all askers) done(err error) {
	for _, a := range all {
		a.end <- err // there is room, and one end
	}
}

// wait passes on what is told, until the end of it.
func (a *asker) wait(ctx context.Context, say func(control.Message) error) error {
	for {
		select {
		case t := <-a.lines:
			t.pass(say)
		case err := <-a.end:
			for {
				select {
				case t := <-a.lines:
					t.pass(say)
				default:
					return err
				}
			}
		case <-ctx.Done():
			return errors.New("the daemon ends")
		}
	}
}

func (t told) pass(say func(control.Message) error) {
	if t.passed != nil {
		t.passed <- struct{}{}
		return
	}
	_ = say(control.Message{Line: t.line}) // that the client has gone changes nothing
}

// listen answers questions from now on. A daemon whom nobody can ask holds its
// addresses all the same.
func (d *Daemon) listen() {
	if d.opt.ControlFile == "" {
		return
	}
	s, err := control.Listen(d.opt.ControlFile, d.answer)
	if err != nil {
		d.log.infof("holdfastctl cannot reach this daemon: %v", err)
		return
	}
	d.control = s
}

// answer does what is asked over the control socket. It runs on the goroutine of
// the connection.
func (d *Daemon) answer(ctx context.Context, r control.Request, by control.Peer, say func(control.Message) error) error {
	switch r.Verb {
	case control.VerbStatus:
		how := d.describe
		if !by.Trusted() {
			how = d.recentStatus
		}
		st, err := managed(ctx, d, how)
		if err != nil {
			return err
		}
		return say(control.Message{Status: st})
	case control.VerbReload, control.VerbUpgrade:
		a := newAsker()
		d.do(func() { d.asked(r.Verb, by, a) })
		return a.wait(ctx, say)
	}
	text, err := managed(ctx, d, func() iter.Seq[[]byte] { return d.textOf(r.Verb) })
	if err != nil {
		return err
	}
	if text == nil {
		return errors.New("there are no instances to tell of")
	}
	for piece := range text {
		if err := say(control.Message{Text: string(piece)}); err != nil {
			return err
		}
	}
	return nil
}

// managed has something done by the manager, and waits for it.
func managed[T any](ctx context.Context, d *Daemon, f func() T) (T, error) {
	got := make(chan T, 1)
	d.do(func() { got <- f() })
	late := time.NewTimer(askTime)
	defer late.Stop()
	var none T
	select {
	case v := <-got:
		return v, nil
	case <-late.C:
		return none, fmt.Errorf("the daemon does not answer within %v", askTime)
	case <-ctx.Done():
		return none, errors.New("the daemon ends")
	}
}

// asked begins what somebody waits for.
func (d *Daemon) asked(verb control.Verb, by control.Peer, a *asker) {
	if u := d.upgrading; u != nil {
		askers{a}.done(fmt.Errorf("the daemon is being replaced (%s): try again when that is over", u.what))
		return
	}
	d.log.infof("Control: %s, asked for by process %d of user %d", verb, by.PID, by.UID)
	if verb == control.VerbReload {
		d.forReload = append(d.forReload, a)
		d.reload()
		return
	}
	d.forUpgrade = append(d.forUpgrade, a)
	d.upgrade()
}

// textOf collects what the text of a dump is made of.
func (d *Daemon) textOf(verb control.Verb) iter.Seq[[]byte] {
	switch verb {
	case control.VerbData:
		return d.collectData().Pieces(true)
	case control.VerbJSON:
		data := d.collectJSON()
		if len(data.Instances) == 0 {
			return nil
		}
		return data.JSONPieces(d.cfg.Global.More.JSONVersion)
	}
	return dump.StatsPieces(d.collectStats(verb == control.VerbStatsClear))
}

// statusAge is how old a status for others may be: if they ask all the time they
// cost little.
const statusAge = 100 * time.Millisecond

// recentStatus is how the daemon does, or did a moment ago.
func (d *Daemon) recentStatus() *control.Status {
	if now := time.Now(); d.told == nil || now.Sub(d.toldAt) > statusAge {
		d.told, d.toldAt = d.describe(), now
	}
	return d.told
}

// describe makes a status that shares nothing with the daemon.
func (d *Daemon) describe() *control.Status {
	sv := d.survey(question{})
	st := &control.Status{
		Version: d.opt.Version, PID: os.Getpid(), Started: d.started.Round(0), Config: d.opt.ConfigFile,
		Summary: d.status(), Reloads: d.reloads, LastReload: d.lastReload, LastUpgrade: d.lastUpgrade,
		Instances: make([]control.Instance, len(sv.members)),
	}
	for i, m := range sv.members {
		st.Instances[i] = sv.outline(m)
	}
	return st
}

// outline is what a status tells of an instance.
func (sv *survey) outline(m *member) control.Instance {
	set, v := m.set.Load(), sv.view(m)
	c, state := set.cfg, sv.state(m)
	i := control.Instance{
		Name: c.Name, State: state.String(), Since: v.Since.Round(0), Cause: v.Cause, Interface: c.Interface, VRID: c.VRID,
		Protocol: c.Version, IPv6: c.IPv6, Priority: c.Priority, Effective: v.Priority, Interval: c.AdvertInt.Seconds(),
		Faults: v.Faults, Suspected: v.suspected, Addresses: []control.Address{},
	}
	if set.group != nil {
		i.Group = set.group.Name
	}
	if state == dump.Backup {
		i.Master, i.MasterPriority = v.Master, v.MasterPriority
	}
	if state == dump.Fault {
		i.Faults = append(sv.refined(set, interfaceFaults(set, v)).Names(), i.Faults...)
	}
	for _, list := range [][]dump.Address{sv.seated(set, c.Addresses, state == dump.Master), sv.seated(set, c.Excluded, state == dump.Master)} {
		for _, a := range list {
			i.Addresses = append(i.Addresses, control.Address{Address: a.Prefix, Interface: a.Interface, Set: a.Set})
		}
	}
	return i
}
