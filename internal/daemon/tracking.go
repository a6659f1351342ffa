package daemon

import (
	"context"
	"reflect"
	"time"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/spawn"
	"github.com/holdfast-ha/holdfast/internal/track"
)

// trackKey names something that is tracked.
type trackKey struct {
	kind fsm.TrackKind
	name string
}

// verdict is what is known of it, with the words for a cause.
type verdict struct {
	verdict fsm.Verdict
	value   int // of a file
	why     string
}

// watch is a tracker of a member that wants to hear of it.
type watch struct {
	m     *member
	index int
}

// scriptTracker is a script under way.
type scriptTracker struct {
	cfg    *config.Script
	script *track.Script
	cancel context.CancelFunc
	done   chan struct{}
}

// report tells all members that track something what became of it.
func (d *Daemon) report(k trackKey, v verdict) {
	if d.verdicts[k] == v {
		return
	}
	d.verdicts[k] = v
	for _, w := range d.watchers[k] {
		w.m.runner.post(w.m.id, fsm.TrackChanged{Index: w.index, Verdict: v.verdict, Value: v.value, Why: v.why})
	}
}

// rewire makes the list of who wants to hear of what anew.
func (d *Daemon) rewire() {
	d.watchers = map[trackKey][]watch{}
	for _, m := range d.ordered {
		for i, t := range m.set.Load().spec.Trackers {
			k := trackKey{t.Kind, t.Name}
			d.watchers[k] = append(d.watchers[k], watch{m, i})
			if t.Kind == fsm.TrackInterface {
				d.verdicts[k] = d.linkVerdict(t.Name)
			}
		}
		if m.runner.fresh {
			m.rewatch = true
		}
	}
}

func (d *Daemon) linkVerdict(name string) verdict {
	if d.linkUp(name) {
		return verdict{verdict: fsm.Good, why: "interface " + name + " up"}
	}
	return verdict{verdict: fsm.Bad, why: "interface " + name + " down"}
}

// tellTrackers tells a member all that is known of what it tracks.
func (d *Daemon) tellTrackers(m *member) {
	for i, t := range m.set.Load().spec.Trackers {
		if v := d.verdicts[trackKey{t.Kind, t.Name}]; v.verdict != fsm.Unknown {
			m.runner.post(m.id, fsm.TrackChanged{Index: i, Verdict: v.verdict, Value: v.value, Why: v.why})
		}
	}
}

// track starts what the configuration wants tracked and stops the rest.
// Scripts that have not changed run on undisturbed.
func (d *Daemon) track(cfg *config.Config) {
	old := d.scripts
	d.scripts = map[string]*scriptTracker{}
	for _, c := range cfg.Scripts {
		if d.scripts[c.Name] != nil || len(d.watchers[trackKey{fsm.TrackScript, c.Name}]) == 0 {
			continue // the first definition counts; one that nobody tracks is not run
		}
		o := old[c.Name]
		if o != nil && sameScript(o.cfg, c) {
			d.scripts[c.Name] = o
			delete(old, c.Name)
			continue
		}
		var kept *track.ScriptState
		if o != nil && sameProgram(o.cfg, c) {
			s := o.script.State()
			kept = &s
		}
		d.scripts[c.Name] = d.startScript(c, kept)
	}
	for name, o := range old {
		o.cancel()
		if d.scripts[name] == nil {
			delete(d.verdicts, trackKey{fsm.TrackScript, name})
		}
	}
}

func sameProgram(a, b *config.Script) bool {
	return reflect.DeepEqual(a.Command.Argv, b.Command.Argv) && a.Command.User == b.Command.User
}

func sameScript(a, b *config.Script) bool {
	x, y := *a, *b
	x.Pos, y.Pos, x.Command.Pos, y.Command.Pos = config.Pos{}, config.Pos{}, config.Pos{}, config.Pos{}
	return reflect.DeepEqual(x, y)
}

func (d *Daemon) startScript(c *config.Script, kept *track.ScriptState) *scriptTracker {
	ctx, cancel := context.WithCancel(context.Background())
	t := &scriptTracker{cfg: c, cancel: cancel, done: make(chan struct{})}
	t.script = track.NewScript(track.ScriptConfig{
		Name: c.Name, Cmd: d.command(&c.Command), Interval: c.Interval, Timeout: c.Timeout, Rise: c.Rise, Fall: c.Fall,
		StrictCompat: d.opt.StrictCompat, Restore: kept, Log: d.scriptLog,
		Said: func(name string, lines []string) { d.do(func() { d.scriptSaid(name, lines) }) },
		Verdict: func(name string, good bool, why string) {
			d.do(func() {
				if d.scripts[name] == t {
					d.report(trackKey{fsm.TrackScript, name}, verdictOf(good, why))
				}
			})
		},
	})
	go func() {
		defer close(t.done)
		t.script.Run(ctx)
	}()
	return t
}

func verdictOf(good bool, why string) verdict {
	if good {
		return verdict{verdict: fsm.Good, why: why}
	}
	return verdict{verdict: fsm.Bad, why: why}
}

// command is a configured command as spawn runs it.
func (d *Daemon) command(c *config.Command) spawn.Cmd {
	cmd := spawn.Cmd{
		Argv: c.Argv, Path: c.Path, Shell: c.Shell, Raw: c.Raw, FileTest: c.FileTest,
		SetUser: true, UID: c.User.UID, GID: c.User.GID, Capture: d.opt.LogScriptOutput,
	}
	if c.Secured() {
		check := recheck{*c}
		check.Pos = config.Pos{} // a command that moves within a file is the same
		cmd.Check = check
	}
	return cmd
}

// recheck looks at the path of a command before it is run.
type recheck struct{ config.Command }

// Check implements spawn.Checker.
func (r recheck) Check() error { return r.Recheck(config.System()) }

// scriptLog takes the lines of everything that runs children.
func (d *Daemon) scriptLog(l spawn.Level, text string) {
	switch l {
	case spawn.Detail:
		d.log.detailf("%s", text)
	case spawn.Alert:
		d.log.alertf("%s", text)
	default:
		d.log.infof("%s", text)
	}
}

// stopTracking ends every script and its children.
func (d *Daemon) stopTracking() {
	for _, t := range d.scripts {
		t.cancel()
	}
	d.stopProcesses()
	d.stopFiles()
}

// scriptGrace is how long after stopTracking the last child has been killed.
const scriptGrace = 1150 * time.Millisecond

// waitTracking waits for the ends of what stopTracking has stopped.
func (d *Daemon) waitTracking(until time.Time) {
	timeout := time.After(time.Until(until))
	for _, t := range d.scripts {
		select {
		case <-t.done:
		case <-timeout:
			return
		}
	}
}
