package daemon

import (
	"iter"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/holdfast-ha/holdfast/internal/dump"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/journal"
)

// viewTimeout is how long a dump waits for the groups: a runner never waits for
// anything, so this is reached only when the machine is beyond help.
const viewTimeout = time.Second

// view is what is known of an instance.
type view struct {
	fsm.View
	suspected uint64       // how often a split brain was
	journal   []dump.Entry // if it was asked for
}

// question is what a survey asks of the runners.
type question struct {
	clearAfter bool // set the counters to zero in the moment in which they are read
	past       bool // tell what happened, too
}

// ask calls f for runners on their own goroutines, and tells which of them have
// answered in time. What f has left of the others must not be looked at. No
// goroutines and few allocations, and nobody is woken but for the last answer: there
// may be a thousand runners.
func ask(runners []*runner, f func(i int, now time.Time, g *fsm.Group)) (answered []bool) {
	answers := make([]atomic.Bool, len(runners))
	var left atomic.Int64
	left.Store(int64(len(runners)))
	all := make(chan struct{})
	for i, r := range runners {
		r.ctl.push(errand{do: func(now time.Time, g *fsm.Group) {
			f(i, now, g)
			answers[i].Store(true)
			if left.Add(-1) == 0 {
				close(all)
			}
		}})
	}
	answered = make([]bool, len(runners))
	if len(runners) > 0 {
		late := time.NewTimer(viewTimeout)
		defer late.Stop()
		select {
		case <-all:
		case <-late.C:
		}
	}
	for i := range answers {
		answered[i] = answers[i].Load()
	}
	return answered
}

// views is what the runners know: what their mirrors show, and where these are not
// up to date, or the counters are to begin anew, what the runners answer when they are
// asked, all of them at the same time. The counters of packets that the state machine
// was too busy to take are added. A member whose runner does not answer is not in the
// result, nor are the timers of that one; the others' are in the order of the runners.
func (d *Daemon) views(q question) (map[*member]*view, []dump.Timers) {
	places := make([]view, len(d.members))
	answers := make([][]view, len(d.runners))
	for i, r := range d.runners {
		answers[i], places = places[:len(r.members)], places[len(r.members):]
	}
	timers := make([]lateness, len(d.runners))
	answered := make([]bool, len(d.runners))
	var runners []*runner // to be asked
	var which []int       // of all
	for i, r := range d.runners {
		if answered[i] = glance(r, answers[i], &timers[i], q); !answered[i] {
			runners, which = append(runners, r), append(which, i)
		}
	}
	for k, ok := range ask(runners, func(k int, now time.Time, g *fsm.Group) {
		timers[which[k]] = runners[k].timers
		look(runners[k], now, g, answers[which[k]], q)
	}) {
		answered[which[k]] = ok
	}
	all := make(map[*member]*view, len(d.members))
	var late []dump.Timers
	for i, r := range d.runners {
		if !answered[i] {
			d.log.infof("%d instances do not answer in time: what is written of them is incomplete", len(r.members))
			continue
		}
		for j, m := range r.members {
			all[m] = &answers[i][j]
		}
		if q.past {
			late = append(late, timersOf(r, &timers[i]))
		}
	}
	return all, late
}

// glance takes what is known of a runner's members from its mirror, if that will do.
func glance(r *runner, views []view, timers *lateness, q question) bool {
	if q.clearAfter {
		return false // nothing must be counted between the look and that
	}
	var entries func(i int, e []journal.Entry)
	if q.past {
		now := time.Now()
		entries = func(i int, e []journal.Entry) { views[i].journal = remembered(r.members[i], e, now) }
	}
	return r.mirrored(func(i int, v *fsm.View) { views[i].take(r.members[i], v) }, entries, timers)
}

// take takes what is known of a member.
func (v *view) take(m *member, known *fsm.View) {
	v.View, v.suspected = *known, m.suspected.Load()
	for reason := range m.overflow {
		v.Stats.Rejected[reason] += m.overflow[reason].Load()
	}
}

// look copies what is known of a runner's members. It runs on the runner's
// goroutine.
func look(r *runner, now time.Time, g *fsm.Group, views []view, q question) {
	for i, m := range r.members {
		v := &views[i]
		if q.past {
			v.journal = remembered(m, m.journal.Entries(), now)
		}
		known := g.View(fsm.ID(i))
		if !q.clearAfter {
			v.take(m, &known)
			continue
		}
		v.View, v.suspected = known, m.suspected.Load()
		for reason := range m.overflow {
			v.Stats.Rejected[reason] += m.overflow[reason].Swap(0)
		}
	}
	if q.clearAfter {
		g.ClearStats()
		for _, m := range r.members {
			m.suspected.Store(0)
		}
	}
}

// writeData writes keepalived.data and the file of keepalived's parent process,
// which those expect who collect both.
func (d *Daemon) writeData() {
	if d.tellsMuch() {
		defer roomy()()
	}
	data := d.collectData()
	g := &data.Global
	var namespace, instance string
	if g.DataUseInstance {
		namespace, instance = g.Namespace, g.InstanceName
	}
	path := func(parent bool) string {
		return dump.DataPath(dump.TempDir(), g.StateDumpFile, parent, namespace, instance)
	}
	parent := g.ParentText()
	d.write(path(true), slices.Values([][]byte{parent}))
	d.write(path(false), data.Pieces(true))
}

// collectData collects what keepalived.data tells.
func (d *Daemon) collectData() *dump.Data {
	sv := d.survey(question{past: !d.opt.StrictCompat})
	data := sv.data()
	if !d.opt.StrictCompat {
		sv.addPast(data)
	}
	return data
}

// logData logs what keepalived.data would hold, without what changes by itself.
func (d *Daemon) logData() {
	for line := range strings.Lines(string(d.survey(question{}).data().Text(false))) {
		d.log.infof("%s", strings.TrimSuffix(line, "\n"))
	}
}

// writeStats writes keepalived.stats; clearAfter sets the counters to zero in
// the moment in which they are read, so that nothing is counted twice or never.
func (d *Daemon) writeStats(clearAfter bool) {
	if d.tellsMuch() {
		defer roomy()()
	}
	d.write(d.dumpPath(d.cfg.Global.More.StatsDumpFile, dump.StatsFile), dump.StatsPieces(d.collectStats(clearAfter)))
}

// writeJSON writes keepalived.json, unless there are no instances.
func (d *Daemon) writeJSON() {
	if d.tellsMuch() {
		defer roomy()()
	}
	data := d.collectJSON()
	if len(data.Instances) == 0 {
		return
	}
	version := d.cfg.Global.More.JSONVersion
	d.write(d.dumpPath(d.cfg.Global.More.JSONDumpFile, dump.JSONFile), data.JSONPieces(version))
}

// collectStats collects what keepalived.stats tells: of instances not more than that.
func (d *Daemon) collectStats(clearAfter bool) []dump.Instance {
	views, _ := d.views(question{clearAfter: clearAfter})
	all := make([]dump.Instance, 0, len(d.ordered))
	for _, m := range d.ordered {
		v := views[m]
		if v == nil {
			v = &nothing
		}
		i := dump.Instance{Name: m.name(), Stats: statsOf(&v.Stats)}
		i.Stats.SplitBrain = v.suspected
		all = append(all, i)
	}
	return all
}

// collectJSON collects what keepalived.json tells.
func (d *Daemon) collectJSON() *dump.Data {
	sv := d.survey(question{})
	return &dump.Data{Instances: sv.instances(), Processes: sv.processes()}
}

// tellsMuch tells whether a dump is worth room for the heap.
func (d *Daemon) tellsMuch() bool { return len(d.members) >= manyObjects }

// dumpPath is where stats_dump_file or json_dump_file want a dump. keepalived takes
// the words and does not act on them.
func (d *Daemon) dumpPath(configured, usual string) string {
	if d.opt.StrictCompat {
		configured = ""
	}
	return dump.Path(dump.TempDir(), configured, usual)
}

// write has a file made of what was collected. Rendering and writing may take
// their time: the manager is not there.
func (d *Daemon) write(path string, text iter.Seq[[]byte]) {
	umask, many := d.opt.Umask, d.tellsMuch()
	d.files.write(path, func() { // or another in its place: it may never run
		if many {
			defer roomy()()
		}
		if err := dump.WriteFile(path, text, umask); err != nil {
			d.log.infof("%v", err)
		}
	})
}
