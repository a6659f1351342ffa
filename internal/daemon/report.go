package daemon

import (
	"path/filepath"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/dump"
	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// viewTimeout is how long a dump waits for the groups: a runner never waits for
// anything, so this is reached only when the machine is beyond help.
const viewTimeout = time.Second

// view is what is known of an instance.
type view struct {
	fsm.View
	suspected uint64 // how often a split brain was
}

// views asks every runner what it knows, all of them at the same time. The
// counters of packets that the state machine was too busy to take are added. A
// member whose runner does not answer is not in the result.
func (d *Daemon) views(clearAfter bool) map[*member]view {
	answers := make([][]view, len(d.runners))
	var wait sync.WaitGroup
	for i, r := range d.runners {
		wait.Go(func() {
			// A runner that answers too late writes into what nobody reads.
			got := make([]view, len(r.members))
			if r.call(viewTimeout, func(_ time.Time, g *fsm.Group) { look(r, g, got, clearAfter) }) {
				answers[i] = got
			}
		})
	}
	wait.Wait()
	all := map[*member]view{}
	for i, r := range d.runners {
		if answers[i] == nil {
			d.log.infof("%d instances do not answer in time: what is written of them is incomplete", len(r.members))
			continue
		}
		for j, m := range r.members {
			all[m] = answers[i][j]
		}
	}
	return all
}

// look copies what is known of a runner's members. It runs on the runner's
// goroutine.
func look(r *runner, g *fsm.Group, views []view, clearAfter bool) {
	for i, m := range r.members {
		v := view{View: g.View(fsm.ID(i)), suspected: m.suspected.Load()}
		for reason := range m.overflow {
			n := &m.overflow[reason]
			if clearAfter {
				v.Stats.Rejected[reason] += n.Swap(0)
			} else {
				v.Stats.Rejected[reason] += n.Load()
			}
		}
		views[i] = v
	}
	if clearAfter {
		g.ClearStats()
		for _, m := range r.members {
			m.suspected.Store(0)
		}
	}
}

// writeData writes keepalived.data and the file of keepalived's parent process,
// which those expect who collect both.
func (d *Daemon) writeData() {
	sv := d.survey(false)
	data := sv.data()
	if !d.opt.StrictCompat {
		sv.addPast(data)
	}
	g := &data.Global
	var namespace, instance string
	if g.DataUseInstance {
		namespace, instance = g.Namespace, g.InstanceName
	}
	path := func(parent bool) string {
		return dump.DataPath(dump.TempDir(), g.StateDumpFile, parent, namespace, instance)
	}
	d.write(path(true), g.ParentText)
	d.write(path(false), func() []byte { return data.Text(true) })
}

// writeStats writes keepalived.stats; clearAfter sets the counters to zero in
// the moment in which they are read, so that nothing is counted twice or never.
func (d *Daemon) writeStats(clearAfter bool) {
	instances := d.survey(clearAfter).instances()
	d.write(filepath.Join(dump.TempDir(), dump.StatsFile), func() []byte { return dump.StatsText(instances) })
}

// writeJSON writes keepalived.json, unless there are no instances.
func (d *Daemon) writeJSON() {
	sv := d.survey(false)
	data := dump.Data{Instances: sv.instances(), Processes: sv.processes()}
	if len(data.Instances) == 0 {
		return
	}
	version := d.cfg.Global.More.JSONVersion
	d.write(filepath.Join(dump.TempDir(), dump.JSONFile), func() []byte { return data.JSON(version) })
}

// write has a file made of what was collected. Rendering and writing may take
// their time: the manager is not there.
func (d *Daemon) write(path string, render func() []byte) {
	umask := d.opt.Umask
	d.files.write(path, func() {
		if err := dump.WriteFile(path, render(), umask); err != nil {
			d.log.infof("%v", err)
		}
	})
}
