package daemon

import (
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/sched"
)

// tune makes the process run as the configuration says. What it may not do is
// said once, and the daemon goes on.
func (d *Daemon) tune() {
	d.applied = d.tuning()
	d.sayTuned(sched.Apply(d.applied))
}

func (d *Daemon) sayTuned(err error) {
	text := ""
	if err != nil {
		text = err.Error()
	}
	for line := range strings.Lines(text) {
		if !strings.Contains(d.untuned, line) {
			d.log.infof("cannot set %s: going on without it", strings.TrimSpace(line))
		}
	}
	d.untuned = text
}

// tuning is how the process is to run.
func (d *Daemon) tuning() sched.Settings {
	g := &d.cfg.Global.More
	p := &g.VRRPProcess
	d.auto = min(d.auto, max(g.MaxAutoPriority, 0))
	s := sched.Settings{
		Nice: p.Priority, Realtime: max(p.RealtimePriority, d.auto), CPUs: p.CPUs, NoSwap: p.NoSwap,
		Deadly: d.opt.StrictCompat, Name: processName(g),
	}
	if s.Realtime > 0 {
		// Not by default: a collection of garbage may take longer than
		// keepalived's 10 ms.
		s.Limit = p.RealtimeLimit
	}
	return s
}

// processName is the name of the one process, which speaks VRRP.
func processName(g *config.GlobalMore) string {
	switch {
	case g.VRRPProcess.Name != "":
		return g.VRRPProcess.Name
	case g.ProcessNames:
		return "keepalived_vrrp"
	}
	return g.ParentProcess.Name
}

// restTime is how long a process that went beyond its real-time limit runs at
// ordinary priority.
const restTime = time.Second

// rest lets the others run when a thread of ours has not waited for anything for
// longer than vrrp_rlimit_rttime allows. The kernel would end the process at the
// limit; its addresses would stay and nobody would watch over them.
func (d *Daemon) rest() {
	d.log.infof("a thread has run for longer than vrrp_rlimit_rttime allows: running at ordinary priority for %v", restTime)
	s := d.applied
	s.Realtime = 0
	d.sayTuned(sched.Apply(s))
	time.AfterFunc(restTime, func() { d.do(d.tune) })
}
