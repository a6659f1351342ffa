package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	"github.com/holdfast-ha/holdfast/internal/confdiff"
	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/control"
	"github.com/holdfast-ha/holdfast/internal/ownfile"
	"github.com/holdfast-ha/holdfast/internal/process"
	"github.com/holdfast-ha/holdfast/internal/schedule"
	"github.com/holdfast-ha/holdfast/internal/settled"
	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// Source reads a configuration; all files are read by the function that it is
// given. With test set it reads as a configuration test does.
type Source func(read func(path string) ([]byte, error), test bool) (*config.Config, config.Diagnostics)

// Candidate is a configuration that was read and may come to run.
type Candidate struct {
	Config      *config.Config
	Diagnostics config.Diagnostics
	// Tested is what a configuration test says of it, if that was asked for.
	Tested config.Diagnostics
	// Moving is a file of it that somebody was still writing; "": none. What
	// was read may then be half of something.
	Moving string
	// Files are those that were read.
	Files map[string][]byte
}

// Read reads the configuration, and waits for those who are writing its files.
// With check it tests the very same bytes as well.
func (s Source) Read(check bool) *Candidate {
	c := &Candidate{}
	c.Moving = settled.Read(context.Background(), config.System().ReadFile, func(r *settled.Reader) {
		c.Config, c.Diagnostics = s(r.ReadFile, false)
		c.Files = r.Files()
		if check {
			_, c.Tested = s(r.ReadFile, true)
		}
	})
	return c
}

// reload reads the configuration beside the running one, on a goroutine of its
// own: a large file delays nothing. Requests that come meanwhile become one.
func (d *Daemon) reload() {
	if d.upgrading != nil {
		d.again = true
		return
	}
	if d.reloading {
		d.log.detailf("Reload already in progress, request queued")
		d.again = true
		return
	}
	d.reloading = true
	d.reloads++
	d.log.infof("Reloading ...")
	process.Reloading()
	old, waiting := d.cfg, d.forReload
	d.forReload = nil
	global := &old.Global
	go func() {
		unmark := d.mark(global)
		c := d.opt.Load.Read(global.More.ReloadCheckConfig != "")
		unmark()
		var diff *Difference
		if c.Config != nil {
			diff = Compare(old, c.Config)
		}
		d.do(func() { d.reloaded(c, diff, waiting) })
	}()
}

// mark makes the file that stands for a reload under way (reload_file), and
// returns what removes it.
func (d *Daemon) mark(g *config.Global) (unmark func()) {
	if !g.More.ReloadFileSet {
		return func() {}
	}
	path := cmp.Or(g.More.ReloadFile, process.DefaultPaths(g.UsePidDir, g.InstanceName).Reload)
	f, err := ownfile.Open(path, ownfile.Keep, 0o644)
	if err != nil {
		d.log.infof("Failed to create reload file: %v", err)
		return func() {}
	}
	_ = f.Close()
	return func() {
		if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
			d.log.infof("reload_file: %v", err)
		}
	}
}

// reloaded changes to the new configuration, or keeps the running one when the
// new one cannot be run: no error in a file may cost an address.
func (d *Daemon) reloaded(c *Candidate, diff *Difference, waiting askers) {
	LogDiagnostics(d.opt.Log, c.Diagnostics)
	for _, x := range c.Diagnostics {
		waiting.tell(x.String())
	}
	if why := d.objection(c, diff); why != "" {
		d.notReloaded(waiting, "%s: keeping the one that runs. Mend %s and reload again.", why, d.opt.ConfigFile)
	} else if err := d.change(c.Config); err != nil {
		d.notReloaded(waiting, "The new configuration cannot be put in place: %v. Keeping the one that runs.", err)
	} else {
		d.text, d.changed = c.Files, nil
		text := "Reload: " + diff.Summary()
		d.log.infof("%s", text)
		d.saveConfig()
		d.saveData("post")
		d.lastReload = &control.Outcome{At: time.Now(), Text: text}
		waiting.tell(text)
		waiting.done(nil)
	}
	process.Ready(d.status())
	d.log.infof("Reload complete")
	d.reloading = false
	if d.again {
		d.again = false
		d.log.detailf("Processing queued reload")
		d.reload()
	} else if d.renew {
		d.renew = false
		d.upgrade()
	}
}

// notReloaded tells everybody that, and why, the running configuration stays.
func (d *Daemon) notReloaded(waiting askers, format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	d.log.alertf("%s", text)
	d.lastReload = &control.Outcome{At: time.Now(), Failed: true, Text: text}
	waiting.done(errors.New(text))
}

// objection says why a configuration must not come to run; "": it may.
func (d *Daemon) objection(c *Candidate, diff *Difference) string {
	check := d.cfg.Global.More.ReloadCheckConfig
	switch {
	case c.Moving != "":
		return c.Moving + " is still being written"
	case c.Config == nil || c.Diagnostics.Fatal():
		return "The new configuration cannot be run"
	case misread(c.Diagnostics) && diff.removes():
		return "Braces do not match in the new configuration, and it would remove " + diff.counted(confdiff.Removed, "instances that run")
	case check != "":
		if err := writeVerdict(check, c.Tested); err != nil {
			d.log.infof("reload_check_config: %v", err)
		}
		if !c.Tested.Clean() {
			return fmt.Sprintf("New config failed validation, see %s for details", check)
		}
	}
	if name := d.losesKey(c.Config); name != "" {
		return "(" + name + ") would have no key to sign its adverts with"
	}
	if d.opt.LeastPrivilege {
		if missing := Missing(c.Config); len(missing) > 0 {
			return missing[0].String() + " were given up at the start (--least-privilege), and the new configuration needs a restart"
		}
	}
	fixed := fixedChanges(d.cfg, c.Config)
	for _, what := range fixed {
		d.log.infof("Cannot change %s at a reload - please restart keepalived", what)
	}
	if len(fixed) > 0 {
		return "The new configuration needs a restart"
	}
	return ""
}

// misread tells whether blocks may have been taken for something else than was meant:
// a file that ends in the middle, or a brace too few or too many.
func misread(diags config.Diagnostics) bool {
	return slices.ContainsFunc(diags, func(x config.Diagnostic) bool {
		return x.Code == syntax.MissingClose || x.Code == syntax.UnexpectedClose || x.Code == syntax.MissingOpen
	})
}

// losesKey names an instance that runs and would be in FAULT because of its
// auth_hmac, perhaps since a file with a key could not be read; "": there is none.
func (d *Daemon) losesKey(cfg *config.Config) string {
	runs := map[identity]bool{}
	for _, m := range d.members {
		if set := m.set.Load(); set.spec.ConfigFault == "" {
			runs[identityOf(set.cfg)] = true
		}
	}
	for _, c := range cfg.Instances {
		if c.More.NoKey && runs[identityOf(c)] {
			return c.Name
		}
	}
	return ""
}

// writeVerdict writes what a configuration test found to the file of
// reload_check_config, in place of what it held.
func writeVerdict(path string, diags config.Diagnostics) error {
	f, err := ownfile.Open(path, ownfile.Truncate, 0o644)
	if err != nil {
		return err
	}
	err = diags.Write(f)
	return cmp.Or(err, f.Close())
}

// fixedChanges names what a reload would have to change and cannot.
func fixedChanges(old, now *config.Config) []string {
	a, b := &old.Global, &now.Global
	var names []string
	for _, x := range []struct {
		changed bool
		name    string
	}{
		{a.More.NetNS != b.More.NetNS, "network namespace"},
		{a.InstanceName != b.InstanceName, "instance name"},
		{a.More.NFTablesName != b.More.NFTablesName, "nftables table name"},
		{a.More.TmpConfigDir != b.More.TmpConfigDir, "config_directory"},
		{a.More.DisableLocalIGMP != b.More.DisableLocalIGMP, "disable_local_igmp"},
	} {
		if x.changed {
			names = append(names, x.name)
		}
	}
	return names
}

// change brings a configuration to life in place of the running one. After an
// error the old one runs on as if nothing had been tried.
func (d *Daemon) change(cfg *config.Config) error {
	d.saveData("pre")
	told := d.sockets.tell
	d.sockets.tell = cfg.Global.LogUnknownVRIDs
	before, groups := d.members, map[string]bool{}
	for _, r := range d.runners {
		groups[r.group.Name()] = true
	}
	d.fifos.hold() // what is told from here on is for the FIFOs of the new configuration
	defer d.releaseLines()
	if err := d.arrange(cfg, plan(cfg, d.monitor.Snapshot(), d.layout, d.opt.StrictCompat), false); err != nil {
		d.sockets.tell = told
		return err
	}
	d.tellBy(cfg)
	if cfg.Global.More.FIFOStatesOnReload {
		d.tellAgain(before, groups)
	}
	d.monitoring(false)
	for _, s := range d.sockets.sorted() {
		s.tell.Store(d.sockets.tell)
	}
	d.tune()
	d.static.change(cfg)
	d.track(cfg)
	d.plan(cfg)
	return nil
}

// planned is a schedule that runs.
type planned struct {
	*schedule.Schedule
	cancel context.CancelFunc
}

// plan follows the file that tells when to reload, if there is one.
func (d *Daemon) plan(cfg *config.Config) {
	m := &cfg.Global.More
	if p := d.planned; p != nil {
		if p.Path == m.ReloadTimeFile && p.Repeat == m.ReloadRepeat {
			return
		}
		p.cancel()
		d.planned = nil
	}
	if m.ReloadTimeFile == "" {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	d.planned = &planned{cancel: cancel, Schedule: schedule.New(schedule.Options{
		Path: m.ReloadTimeFile, Repeat: m.ReloadRepeat,
		Log: func(text string) { d.log.infof("%s", text) },
		Due: func() { d.do(d.reload) },
	})}
	go d.planned.Run(ctx)
}

// reloadAt is when the next reload is planned; the zero Time: it is not.
func (d *Daemon) reloadAt() time.Time {
	if d.planned == nil {
		return time.Time{}
	}
	return d.planned.Next()
}

// resizeBuffers gives the netlink sockets the receive buffers of a new
// configuration. One that is no longer given stays.
func (d *Daemon) resizeBuffers(cfg *config.Config) {
	old, now := d.cfg.Global.More.ReceiveBuffers, cfg.Global.More.ReceiveBuffers
	if now.Command != old.Command || now.CommandForce != old.CommandForce {
		if err := d.kern.SetReceiveBuffer(int(now.Command), now.CommandForce); err != nil {
			d.log.infof("vrrp_netlink_cmd_rcv_bufs: %v", err)
		}
	}
	if now.Monitor != old.Monitor || now.MonitorForce != old.MonitorForce {
		if err := d.monitor.SetReceiveBuffer(int(now.Monitor), now.MonitorForce); err != nil {
			d.log.infof("vrrp_netlink_monitor_rcv_bufs: %v", err)
		}
	}
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
