package daemon

import (
	"context"
	"errors"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/spawn"
)

// runPhase runs startup_script or shutdown_script and waits for it. How it ends
// changes nothing.
func (d *Daemon) runPhase(ctx context.Context, name string, s *config.GlobalScript) {
	if s.Command == nil {
		return
	}
	cmd := d.command(s.Command)
	cmd.Timeout = s.Timeout
	d.log.detailf("Running %s script %s", name, cmd.Name())
	r := spawn.Run(ctx, cmd)
	if r.NoShebang {
		d.log.infof("Please add a #! shebang to script %s", cmd.Name())
	}
	exec, notRun := errors.AsType[*spawn.ExecError](r.Err)
	switch {
	case notRun:
		d.log.alertf("%s (%s script)", exec.Line(), name)
	case r.OK():
		d.log.detailf("%s script script succeeded", name)
	case r.TimedOut:
		d.log.infof("%s script timed out", name)
	case r.Err != nil:
		d.log.infof("%s script was ended: stopping", name)
	case r.Signal != 0:
		d.log.infof("%s script script failed, signal %d", name, int(r.Signal))
	default:
		d.log.infof("%s script script failed, status %d", name, r.Exit)
	}
	if !r.OK() {
		for _, text := range r.Said() {
			d.log.infof("%s script said: %s", name, text)
		}
	}
}

// startup runs startup_script, before anything else is done. A signal that asks
// the daemon to stop ends it; false: the daemon is to end. What other signals ask
// for is done once it runs.
func (d *Daemon) startup(ctx context.Context, signals *Signals) bool {
	script := &d.cfg.Global.More.Startup
	if script.Command == nil {
		return true
	}
	running, cancel := context.WithCancel(ctx)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		d.runPhase(running, "startup", script)
	}()
	for {
		select {
		case <-done:
			return running.Err() == nil
		case s := <-signals.c:
			switch {
			case d.stops(s):
				cancel()
			case s == sigReload:
				d.again = true // it may have been written since it was read
			}
		}
	}
}
