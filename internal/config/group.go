package config

import (
	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// groupDraft is a vrrp_sync_group while it is read.
type groupDraft struct {
	*SyncGroup
	listed      bool // a group block was read
	lost        bool // to a second one
	smtpAlert   *bool
	prioChanges *bool
	memberAt    map[string]Pos
}

// at is where a member is named.
func (g *groupDraft) at(member string) Pos { return g.memberAt[member] }

func groupKeywords() *table[*groupDraft] { return groupTable }

var groupTable = &table[*groupDraft]{name: "vrrp_sync_group", rows: []keyword[*groupDraft]{
	{
		name: "group", args: "{ INSTANCE... }", shape: values, doc: "Instances that change state together.", example: "group { VI_1 VI_2 }",
		begin: func(l *loader, g *groupDraft, a *syntax.Args) bool {
			if g.listed {
				a.Report(syntax.General, "Group list already specified for sync group %s", g.Name)
				g.lost = l.opt.StrictCompat
				return false
			}
			g.listed = true
			l.noMore(a)
			return true
		},
		set: func(_ *loader, g *groupDraft, a *syntax.Args) {
			for w, ok := a.Next(); ok; w, ok = a.Next() {
				g.Members = append(g.Members, w)
				g.memberAt[w] = a.Pos()
			}
		},
		end: func(l *loader, g *groupDraft) {
			if len(g.Members) == 0 {
				l.here(syntax.General, "Warning - sync group %s has empty group block", g.Name)
			}
		},
	},
	{
		name: "track_interface", args: "{ INTERFACE [weight N [reverse]] ... }", shape: values, doc: "Interfaces whose state counts for all members.", example: "track_interface { eth1 }",
		set: func(l *loader, g *groupDraft, a *syntax.Args) { l.trackInterface(a, g.Name, &g.TrackInterfaces) },
	},
	{
		name: "track_script", args: "{ SCRIPT [weight N [reverse|noreverse]] ... }", shape: values, doc: "Scripts whose result counts for all members.", example: "track_script { chk_haproxy }",
		set: func(l *loader, g *groupDraft, a *syntax.Args) { l.trackObject(a, g.Name, trackScript, &g.TrackScripts) },
	},
	{
		name: "track_process", args: "{ PROCESS [weight N [reverse|noreverse]] ... }", shape: values, doc: "Processes whose number counts for all members.", example: "track_process { chk_nginx }",
		set: func(l *loader, g *groupDraft, a *syntax.Args) {
			l.trackObject(a, g.Name, trackProcess, &g.TrackProcesses)
		},
	},
	{
		name: "track_file", args: "{ FILE [weight N [reverse|noreverse]] ... }", shape: values, doc: "Files whose value counts for all members.", example: "track_file { maintenance }",
		set: func(l *loader, g *groupDraft, a *syntax.Args) { l.trackObject(a, g.Name, trackFile, &g.TrackFiles) },
	},
	{
		name: "track_bfd", args: "{ BFD [weight N [reverse|noreverse]] ... }", shape: values, doc: "BFD sessions whose state counts for all members.", example: "track_bfd { peer1 }",
		set: func(l *loader, g *groupDraft, a *syntax.Args) { l.trackObject(a, g.Name, trackBFD, &g.TrackBFD) },
	},
	{
		name: "notify_master", args: "COMMAND [USER [GROUP]]", doc: "Command to run when the group becomes master.", example: `notify_master "/usr/local/bin/notify.sh master"`,
		set: groupScript(func(n *Notify) **Command { return &n.Master }),
	},
	{
		name: "notify_backup", args: "COMMAND [USER [GROUP]]", doc: "Command to run when the group becomes backup.", example: `notify_backup "/usr/local/bin/notify.sh backup"`,
		set: groupScript(func(n *Notify) **Command { return &n.Backup }),
	},
	{
		name: "notify_fault", args: "COMMAND [USER [GROUP]]", doc: "Command to run when the group enters fault state.", example: `notify_fault "/usr/local/bin/notify.sh fault"`,
		set: groupScript(func(n *Notify) **Command { return &n.Fault }),
	},
	{
		name: "notify_stop", args: "COMMAND [USER [GROUP]]", doc: "Command to run when the daemon stops.", example: `notify_stop "/usr/local/bin/notify.sh stop"`,
		set: groupScript(func(n *Notify) **Command { return &n.Stop }),
	},
	{
		name: "notify", args: "COMMAND [USER [GROUP]]", doc: "Command for all of these; GROUP, name, state and 0 are appended.", example: "notify /usr/local/bin/notify.sh",
		set: groupScript(func(n *Notify) **Command { return &n.Any }),
	},
	{
		name: "smtp_alert", args: "[BOOL]", doc: "Mail state changes.", example: "smtp_alert true",
		set: func(l *loader, g *groupDraft, a *syntax.Args) {
			if v, ok := l.boolean(a, "Invalid vrrp_group smtp_alert parameter %s"); ok {
				g.smtpAlert = &v
			}
		},
	},
	{
		name: "notify_priority_changes", args: "[BOOL]", doc: "Write the members' changes of priority to the pipes too.", example: "notify_priority_changes true",
		set: func(l *loader, g *groupDraft, a *syntax.Args) {
			if v, ok := l.boolean(a, "("+g.Name+") Invalid value '%s' for sync group notify_priority_changes specified"); ok {
				g.prioChanges = &v
			}
		},
	},
	{
		name: "sync_group_tracking_weight", doc: "Let members track with weights.", example: "sync_group_tracking_weight",
		set: func(_ *loader, g *groupDraft, _ *syntax.Args) { g.TrackingWeight = true },
	},
	{
		name: "global_tracking", doc: "Deprecated name of sync_group_tracking_weight.", example: "global_tracking",
		set: func(_ *loader, g *groupDraft, a *syntax.Args) {
			a.Report(syntax.General, "(%s) global_tracking is deprecated. Use track_interface/script/file on the sync group", g.Name)
			g.TrackingWeight = true
		},
	},
}}

func groupScript(field func(*Notify) **Command) func(*loader, *groupDraft, *syntax.Args) {
	return func(l *loader, g *groupDraft, a *syntax.Args) {
		l.notifyScript(a, "vrrp group "+g.Name+":", field(&g.Notify))
	}
}

// readGroup reads a vrrp_sync_group.
func readGroup(l *loader, cfg *Config, a *syntax.Args) {
	name, ok := a.Next()
	switch {
	case !ok || a.Left() > 0:
		a.Report(syntax.General, "vrrp_sync_group must have a name - skipping")
		l.cur.SkipBlock()
		return
	case l.draft.groupNames[name]:
		a.Report(syntax.General, "vrrp sync group %s already defined", name)
		l.cur.SkipBlock()
		return
	}
	g := &groupDraft{SyncGroup: &SyncGroup{Name: name, Pos: a.Line.Pos}, memberAt: map[string]Pos{}}
	parseOne(l, groupKeywords(), g)
	switch {
	case g.lost:
		return
	case len(g.Members) == 0:
		l.here(syntax.General, "Sync group %s has no members - removing", name)
		return
	}
	l.draft.groups = append(l.draft.groups, g)
	l.draft.groupNames[name] = true
	cfg.Groups = append(cfg.Groups, g.SyncGroup)
}
