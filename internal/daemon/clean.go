package daemon

import (
	"context"

	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/kernel"
)

// clean removes what a run that crashed has left: the addresses of instances
// that are Backup until they are elected. Those of an instance that is Master
// without an election stay where they are, so that nobody misses them.
func (d *Daemon) clean(lay *layout) {
	ctx, cancel := context.WithTimeout(context.Background(), kernelTimeout)
	defer cancel()
	grouped := map[string]bool{}
	for _, g := range d.cfg.Groups {
		for _, name := range g.Members {
			grouped[name] = true
		}
	}
	for _, c := range d.cfg.Instances {
		set := translate(c, nil, lay.seats[c], d.opt.StrictCompat)
		if !grouped[c.Name] && d.masterAtOnce(set) {
			continue
		}
		for _, o := range kernel.CleanStale(ctx, d.kern, set.objects).Removed {
			d.log.infof("(%s) removed %v %v: left there by an earlier run", c.Name, o.Kind(), o)
		}
	}
}

// masterAtOnce tells whether an instance on its own becomes Master as soon as it
// runs, whatever others say: it owns the addresses, and nothing holds it back.
func (d *Daemon) masterAtOnce(set *settings) bool {
	_, up := d.seatUp(set)
	return set.spec.StartMaster && set.spec.Priority == fsm.Owner && set.spec.ConfigFault == "" && len(set.spec.Trackers) == 0 &&
		set.seat.virtual == "" && up && d.sourceOf(&member{}, set).IsValid() && startupDelay(&d.cfg.Global, uptime()) == 0
}
