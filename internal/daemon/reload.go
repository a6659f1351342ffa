package daemon

import (
	"log/slog"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/process"
)

// reload reads the configuration beside the running one, on a goroutine of its
// own: a large file delays nothing. Requests that come meanwhile become one.
func (d *Daemon) reload() {
	if d.reloading {
		d.log.detailf("Reload already in progress, request queued")
		d.again = true
		return
	}
	d.reloading = true
	d.log.infof("Reloading ...")
	process.Reloading()
	go func() {
		cfg, diags := d.opt.Load()
		d.do(func() { d.reloaded(cfg, diags) })
	}()
}

// reloaded changes to the new configuration, or keeps the running one when the
// new one cannot be run: no error in a file may cost an address.
func (d *Daemon) reloaded(cfg *config.Config, diags config.Diagnostics) {
	LogDiagnostics(d.opt.Log, diags)
	switch {
	case diags.Fatal() || cfg == nil:
		d.log.alertf("The new configuration cannot be run: keeping the one that runs. Mend %s and reload again.", d.opt.ConfigFile)
	default:
		d.change(cfg)
	}
	process.Ready(d.status())
	d.log.infof("Reload complete")
	d.reloading = false
	if d.again {
		d.again = false
		d.log.detailf("Processing queued reload")
		d.reload()
	}
}

func (d *Daemon) change(cfg *config.Config) {
	d.sockets.tell = cfg.Global.LogUnknownVRIDs
	for _, s := range d.sockets.sorted() {
		s.tell.Store(d.sockets.tell)
	}
	before, groups := d.members, map[string]bool{}
	for _, r := range d.runners {
		groups[r.group.Name()] = true
	}
	d.fifos.hold() // what is told from here on is for the FIFOs of the new configuration
	if err := d.arrange(cfg, false); err != nil {
		d.log.infof("%v", err)
	}
	d.tellBy(cfg)
	if cfg.Global.More.FIFOStatesOnReload {
		d.tellAgain(before, groups)
	}
	d.releaseLines()
	d.applyStatic(cfg)
	d.track(cfg)
}

// LogDiagnostics writes what is to be said of a configuration to the log.
func LogDiagnostics(log *slog.Logger, diags config.Diagnostics) {
	for _, x := range diags {
		log.Info(x.String())
		if help := x.Help(); help != "" {
			log.Info("  " + help)
		}
	}
}
