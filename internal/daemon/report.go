package daemon

import (
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/dump"
	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// viewTimeout is how long a dump waits for the groups: a runner never waits for
// anything, so this is reached only when the machine is beyond help.
const viewTimeout = time.Second

// views asks every runner what it knows, all of them at the same time. The
// counters of packets that the state machine was too busy to take are added. A
// member whose runner does not answer is not in the result.
func (d *Daemon) views(clearAfter bool) map[*member]fsm.View {
	answers := make([][]fsm.View, len(d.runners))
	var wait sync.WaitGroup
	for i, r := range d.runners {
		wait.Go(func() {
			// A runner that answers too late writes into what nobody reads.
			got := make([]fsm.View, len(r.members))
			if r.call(viewTimeout, func(_ time.Time, g *fsm.Group) { look(r, g, got, clearAfter) }) {
				answers[i] = got
			}
		})
	}
	wait.Wait()
	all := map[*member]fsm.View{}
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
func look(r *runner, g *fsm.Group, views []fsm.View, clearAfter bool) {
	for i, m := range r.members {
		v := g.View(fsm.ID(i))
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
	}
}

// writeData writes keepalived.data and the file of keepalived's parent process,
// which those expect who collect both.
func (d *Daemon) writeData() {
	data := d.snapshot(false)
	path := func(parent bool) string {
		g := &data.Global
		if !g.DataUseInstance {
			return dump.DataPath(dump.TempDir(), g.StateDumpFile, parent, "", "")
		}
		return dump.DataPath(dump.TempDir(), g.StateDumpFile, parent, g.Namespace, g.InstanceName)
	}
	d.write(path(true), data.Global.ParentText)
	d.write(path(false), func() []byte { return data.Text(true) })
}

// writeStats writes keepalived.stats; clearAfter sets the counters to zero in
// the same moment in which they are read, so that nothing is counted twice or
// never.
func (d *Daemon) writeStats(clearAfter bool) {
	instances := d.snapshot(clearAfter).Instances
	d.write(dump.TempDir()+"/"+dump.StatsFile, func() []byte { return dump.StatsText(instances) })
}

// writeJSON writes keepalived.json, if there are instances.
func (d *Daemon) writeJSON() {
	if len(d.cfg.Instances) == 0 {
		return
	}
	data := d.snapshot(false)
	d.write(dump.TempDir()+"/"+dump.JSONFile, func() []byte { return data.JSON(data.Global.JSONVersion) })
}

// files writes for the whole process, whose files they are.
var files fileWriter

func (d *Daemon) write(path string, render func() []byte) {
	umask := d.opt.Umask
	files.write(path, func() {
		if err := dump.WriteFile(path, render(), umask); err != nil {
			d.log.infof("%v", err)
		}
	})
}

// fileWriter makes files on goroutines of their own: neither their rendering nor
// a slow disk delays who asks for them. A file is written by one goroutine at a
// time. While it is being written, of those that follow only the last waits, as
// it would take the place of the others anyway.
type fileWriter struct {
	mu   sync.Mutex
	next map[string]func() // by path, while it is written: what follows, or nil
}

func (w *fileWriter) write(path string, make func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if _, busy := w.next[path]; busy {
		w.next[path] = make
		return
	}
	if w.next == nil {
		w.next = map[string]func(){}
	}
	w.next[path] = nil
	go w.run(path, make)
}

func (w *fileWriter) run(path string, make func()) {
	for make != nil {
		make()
		make = w.following(path)
	}
}

func (w *fileWriter) following(path string) func() {
	w.mu.Lock()
	defer w.mu.Unlock()
	f := w.next[path]
	if f == nil {
		delete(w.next, path)
	} else {
		w.next[path] = nil
	}
	return f
}
