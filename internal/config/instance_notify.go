package config

import (
	"github.com/holdfast-ha/holdfast/internal/syntax"
)

var instanceNotify = []keyword[*instanceDraft]{
	{
		name: "track_interface", args: "{ INTERFACE [weight N [reverse]] ... }", shape: values, doc: "Interfaces whose state counts.", example: "track_interface { eth1 weight -10 }",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) { l.trackInterface(a, d.Name, &d.TrackInterfaces) },
	},
	{
		name: "track_script", args: "{ SCRIPT [weight N [reverse|noreverse]] ... }", shape: values, doc: "Scripts whose result counts.", example: "track_script { chk_haproxy weight 20 }",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			l.trackObject(a, d.Name, trackScript, &d.TrackScripts)
		},
	},
	{
		name: "track_process", args: "{ PROCESS [weight N [reverse|noreverse]] ... }", shape: values, doc: "Processes whose number counts.", example: "track_process { chk_nginx }",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			l.trackObject(a, d.Name, trackProcess, &d.TrackProcesses)
		},
	},
	{
		name: "track_file", args: "{ FILE [weight N [reverse|noreverse]] ... }", shape: values, doc: "Files whose value counts.", example: "track_file { maintenance weight -1 }",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			l.trackObject(a, d.Name, trackFile, &d.More.TrackFiles)
		},
	},
	{
		name: "track_bfd", args: "{ BFD [weight N [reverse|noreverse]] ... }", shape: values, doc: "BFD sessions whose state counts.", example: "track_bfd { peer1 }",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			l.trackObject(a, d.Name, trackBFD, &d.More.TrackBFD)
		},
	},
	{
		name: "dont_track_primary", doc: "Ignore the state of the instance's own interface.", example: "dont_track_primary",
		set: func(_ *loader, d *instanceDraft, _ *syntax.Args) { d.DontTrackPrimary = true },
	},
	{
		name: "track_src_ip", doc: "Fault state while the configured source address is missing.", example: "track_src_ip",
		set: func(_ *loader, d *instanceDraft, _ *syntax.Args) { d.TrackSrcIP = true },
	},
	{
		name: "notify_master", args: "COMMAND [USER [GROUP]]", doc: "Command to run on becoming master.", example: `notify_master "/usr/local/bin/notify.sh master"`,
		set: instanceScript(func(n *Notify) **Command { return &n.Master }),
	},
	{
		name: "notify_backup", args: "COMMAND [USER [GROUP]]", doc: "Command to run on becoming backup.", example: `notify_backup "/usr/local/bin/notify.sh backup"`,
		set: instanceScript(func(n *Notify) **Command { return &n.Backup }),
	},
	{
		name: "notify_fault", args: "COMMAND [USER [GROUP]]", doc: "Command to run on entering fault state.", example: `notify_fault "/usr/local/bin/notify.sh fault"`,
		set: instanceScript(func(n *Notify) **Command { return &n.Fault }),
	},
	{
		name: "notify_stop", args: "COMMAND [USER [GROUP]]", doc: "Command to run when the daemon stops.", example: `notify_stop "/usr/local/bin/notify.sh stop"`,
		set: instanceScript(func(n *Notify) **Command { return &n.Stop }),
	},
	{
		name: "notify", args: "COMMAND [USER [GROUP]]", doc: "Command for all of these; INSTANCE or GROUP, name, state and priority are appended.", example: "notify /usr/local/bin/notify.sh",
		set: instanceScript(func(n *Notify) **Command { return &n.Any }),
	},
	{
		name: "notify_master_rx_lower_pri", args: "COMMAND [USER [GROUP]]", doc: "Command to run when a master receives a lower priority advert.", example: "notify_master_rx_lower_pri /usr/local/bin/notify.sh",
		set: instanceScript(func(n *Notify) **Command { return &n.MasterRxLowerPri }),
	},
	{
		name: "notify_deleted", args: "[COMMAND [USER [GROUP]]]", doc: "Command to run when a reload removes the instance; without it that is a fault.", example: "notify_deleted /usr/local/bin/notify.sh",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			if d.Notify.DeletedSet {
				a.Report(syntax.General, "(%s) notify_deleted already specified - ignoring %s", d.Name, a.Peek())
				return
			}
			d.Notify.DeletedSet = true
			if a.Left() > 0 {
				d.Notify.Deleted = l.command(a)
			}
		},
	},
	{
		name: "notify_priority_changes", args: "[BOOL]", doc: "Write changes of priority to the pipes too.", example: "notify_priority_changes true",
		set: instanceBool("Invalid value '%s' for notify_priority_changes specified", func(d *instanceDraft, v bool) { d.prioChanges = &v }),
	},
	{
		name: "smtp_alert", args: "[BOOL]", doc: "Mail state changes.", example: "smtp_alert true",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			if v, ok := l.boolean(a, "Invalid vrrp_instance smtp_alert parameter %s"); ok {
				d.smtpAlert = &v
			}
		},
	},
}

// instanceScript is the setter of a notify script.
func instanceScript(field func(*Notify) **Command) func(*loader, *instanceDraft, *syntax.Args) {
	return func(l *loader, d *instanceDraft, a *syntax.Args) {
		l.notifyScript(a, "("+d.Name+")", field(&d.Notify))
	}
}

// notifyScript reads a command that may be given once.
func (l *loader) notifyScript(a *syntax.Args, owner string, field **Command) {
	if *field != nil {
		words, _ := a.Command(l.opt.StrictCompat)
		text := ""
		if len(words) > 0 {
			text = words[0].Text
		}
		a.Report(syntax.General, "%s %s script already specified - ignoring %s", owner, a.Keyword(), text)
		return
	}
	*field = l.command(a)
}
