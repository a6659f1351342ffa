package daemon

import (
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/control"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/handover"
	"github.com/holdfast-ha/holdfast/internal/notify"
	"github.com/holdfast-ha/holdfast/internal/process"
	"github.com/holdfast-ha/holdfast/internal/sched"
	"github.com/holdfast-ha/holdfast/internal/track"
)

// Successor is the program that may be executed in place of this one.
type Successor interface {
	// Rehearse has it tried whether it would come up with the state. What it needs of
	// this program it takes at once; what it returns, which tells the version, may take
	// its time.
	Rehearse(st *handover.State) (try func() (version string, err error))
	// Become executes it, with the state and the descriptors, and calls last at the
	// last moment before. It returns only after an error, and then nothing has
	// changed.
	Become(st *handover.State, l *handover.Later, fds []int, last func()) error
}

// An upgrade, on a signal, in four parts. The program that is to come is rehearsed
// beside the running daemon. What it could not wait for is ended: scripts are
// children of a thread, which ends. Everybody is brought to rest between two
// steps. Then the program is executed in place of this one, with the state and the
// sockets, and nothing of that can fail half way: whatever goes wrong, everybody
// goes on from where they are.

const (
	// quietTime is how long notify scripts may take to end.
	quietTime = 10 * time.Second
	// idleTime is how long a tracked script may take before it is ended.
	idleTime = time.Second
	// restPause is the time between two looks at that.
	restPause = 5 * time.Millisecond
	// freezeTime bounds each part of coming to rest: adverts wait for it.
	freezeTime = 50 * time.Millisecond
	// freezeTries is how often that is tried, and freezeBreak the pause between.
	freezeTries = 5
	freezeBreak = 300 * time.Millisecond
	// hurry is the nice value of those for whom adverts wait.
	hurry = -20
	// flushTime is how long the log, the service manager and who has asked may take.
	flushTime = 20 * time.Millisecond
)

// upgrading is an upgrade under way. It belongs to the manager.
type upgrading struct {
	what    string // that is under way, for log lines
	version string // of the program to come
	tries   int
	// become ends this program, and returns only after an error or if it ends by
	// itself; failed is called then if there was one.
	become func(st *handover.State, l *handover.Later, fds []int, last func()) error
	failed func(error)
	// waiting are those who have asked for it over the control socket. They hear
	// nothing more if it succeeds: their connections end with this program.
	waiting askers
}

// upgrade begins one.
func (d *Daemon) upgrade() {
	switch {
	case d.opt.Successor == nil:
		d.log.infof("Upgrade: this daemon cannot be replaced while it runs")
		d.forUpgrade.done(errors.New("this daemon cannot be replaced while it runs"))
		d.forUpgrade = nil
		return
	case d.upgrading != nil:
		d.log.infof("Upgrade: one is under way already")
		return
	case d.reloading:
		d.log.infof("Upgrade: waiting for the end of the reload")
		d.renew = true
		return
	}
	d.log.infof("Upgrade: trying %s", d.opt.ProgramFile)
	d.upgrading = &upgrading{what: "Upgrade", become: d.opt.Successor.Become, failed: d.upgradeFailed, waiting: d.forUpgrade}
	d.forUpgrade = nil
	d.upgrading.waiting.tell("Upgrade: trying " + d.opt.ProgramFile)
	process.Reloading()
	st, err := d.glimpse()
	if err != nil {
		d.upgradeFailed(err)
		return
	}
	try := d.opt.Successor.Rehearse(st)
	go func() {
		version, err := try()
		d.do(func() { d.rehearsed(version, err) })
	}()
}

// glimpse is the state without anybody being brought to rest: what the program to
// come has to understand.
func (d *Daemon) glimpse() (*handover.State, error) {
	st := d.collect()
	for _, r := range d.runners {
		g := handover.Group{}
		answered := r.call(time.Second, func(now time.Time, group *fsm.Group) {
			g.Machine = group.Save(now)
			for _, m := range r.members {
				g.Members = append(g.Members, m.left())
			}
		})
		if !answered {
			return nil, errors.New("a group does not answer")
		}
		st.Groups = append(st.Groups, g)
	}
	return st, nil
}

// rehearsed goes on with what came out of the rehearsal.
func (d *Daemon) rehearsed(version string, err error) {
	if err != nil {
		d.upgradeFailed(err)
		return
	}
	u := d.upgrading
	u.version = version
	text := fmt.Sprintf("Upgrade: %s is Holdfast %s and would come up", d.opt.ProgramFile, version)
	d.log.infof("%s", text)
	u.waiting.tell(text)
	scripts, pipes := maps.Clone(d.scripts), d.openPipes()
	go func() {
		d.endChildren(u.what, scripts, pipes)
		u.waiting.flush(flushTime)
		d.do(func() { d.replace() })
	}()
}

func (d *Daemon) openPipes() (pipes []*notify.Pipe) {
	for _, p := range d.fifos.pipes {
		if p != nil {
			pipes = append(pipes, p)
		}
	}
	return pipes
}

// endChildren ends what is a child of this program, since children end with the
// thread that has started them: tracked scripts between two runs, if that is soon,
// and the readers of FIFOs. Notify scripts may come to their end.
func (d *Daemon) endChildren(what string, scripts map[string]*scriptTracker, pipes []*notify.Pipe) {
	late := time.NewTimer(quietTime)
	defer late.Stop()
	tick := time.NewTicker(restPause)
	defer tick.Stop()
	for d.notes.Busy() {
		select {
		case <-tick.C:
			continue
		case <-late.C:
			d.log.infof("%s: notify scripts still run after %v: they get SIGTERM", what, quietTime)
		}
		break
	}
	var wg sync.WaitGroup
	for _, t := range scripts {
		wg.Go(func() { t.end(idleTime) })
	}
	for _, p := range pipes {
		wg.Go(func() { <-p.Suspend() })
	}
	wg.Wait()
	d.files.wait(time.Second / 5)
	process.FlushNotify(flushTime)
}

// end ends a tracked script, between two runs if that is soon.
func (t *scriptTracker) end(within time.Duration) {
	tick := time.NewTicker(restPause)
	defer tick.Stop()
	for late := time.Now().Add(within); t.script.State().Phase != track.Idle && time.Now().Before(late); {
		<-tick.C
	}
	t.cancel()
	<-t.done
}

// replace has the program replaced, or goes on.
func (d *Daemon) replace() {
	d.catchUp()
	u := d.upgrading
	u.tries++
	hurried := d.applied
	hurried.Nice = hurry
	_ = sched.Apply(hurried) // adverts wait; without the privilege they wait a little longer
	f := d.freeze()
	if f.err == nil && len(d.opt.Signals.c) > 0 {
		f.err = errors.New("a signal has come")
	}
	if f.err == nil {
		st, later, fds := f.state()
		f.err = u.become(st, later, fds, f.lastAdverts)
		d.opt.Signals.again()
		if f.err == nil {
			return // all rest until the program ends
		}
	} else if u.tries < freezeTries {
		f.thaw()
		d.tune()
		d.log.detailf("%s: %v: trying again", u.what, f.err)
		time.AfterFunc(freezeBreak, func() { d.do(d.replace) })
		return
	}
	f.thaw()
	d.tune()
	d.goOn()
	u.failed(f.err)
}

// goOn starts again what endChildren has ended.
func (d *Daemon) goOn() {
	for name, t := range d.scripts {
		s := t.script.State()
		d.scripts[name] = d.startScript(t.cfg, &s)
	}
	for _, p := range d.fifos.pipes {
		if p != nil {
			p.Resume()
		}
	}
}

// upgradeFailed says why this program goes on.
func (d *Daemon) upgradeFailed(err error) {
	text := fmt.Sprintf("Upgrade: %v: going on as Holdfast %s, nothing has changed", err, d.opt.Version)
	d.log.alertf("%s", text)
	d.lastUpgrade = &control.Outcome{At: time.Now(), Failed: true, Text: text}
	d.upgrading.waiting.done(errors.New(text))
	d.upgrading = nil
	process.Ready(d.status())
	if d.again {
		d.again = false
		d.reload()
	}
}
