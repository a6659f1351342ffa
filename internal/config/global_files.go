package config

import (
	"fmt"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// globalFiles are the keywords of global_defs about files, reloading and inclusion.
var globalFiles = []keyword[*Global]{
	{
		name: "umask", args: "MASK", doc: "Permissions that files made by the daemon lack.", example: "umask 0177",
		set: setUmask,
	},
	{
		name: "include_check", args: "[[+|-]CHECK...]", doc: "Which failures of include are errors from here on: read, match, wildcard_match, brace_match; all without argument.", example: "include_check +match",
		set: setIncludeCheck,
	},
	{
		name: "reload_check_config", args: "[FILE]", doc: "Test the configuration before a reload; messages go to FILE.", example: "reload_check_config /var/log/check.log",
		set: func(_ *loader, g *Global, a *syntax.Args) {
			g.More.ReloadCheckConfig = "/dev/null"
			if w, ok := a.Next(); ok {
				g.More.ReloadCheckConfig = w
			}
		},
	},
	{
		name: "reload_time_file", args: "FILE", doc: "File that holds the time of the next reload.", example: "reload_time_file /etc/keepalived/reload.time",
		set: oneArgument(func(g *Global) *string { return &g.More.ReloadTimeFile }, "reload_time_file invalid"),
	},
	{
		name: "reload_repeat", doc: "Look for a new reload time after each timed reload.", example: "reload_repeat",
		set: switchOn(func(g *Global) *bool { return &g.More.ReloadRepeat }),
	},
	{
		name: "reload_file", args: "[FILE]", doc: "File that exists while a reload is under way.", example: "reload_file /run/keepalived.reload",
		set: func(_ *loader, g *Global, a *syntax.Args) {
			g.More.ReloadFileSet = true
			if w, ok := a.Next(); ok {
				g.More.ReloadFile = w
			}
		},
	},
	{
		name: "config_save_dir", args: "DIR", doc: "Directory that keeps copies of the configuration.", example: "config_save_dir /var/lib/keepalived",
		set: func(l *loader, g *Global, a *syntax.Args) {
			w, ok := a.Need()
			if !ok {
				return
			}
			if why := l.unusableDir(w); why != "" {
				a.Report(syntax.General, "config_save_dir %s error - %s", w, why)
				return
			}
			g.More.ConfigSaveDir = w
		},
	},
	{
		name: "tmp_config_directory", args: "DIR", status: ignored, doc: "Where keepalived keeps its working copy of the configuration.", example: "tmp_config_directory /tmp",
		set: func(_ *loader, g *Global, a *syntax.Args) {
			once(a, &g.More.TmpConfigDir, "tmp_config_directory missing directory name", "tmp_config_directory already specified - ignoring")
		},
	},
	{
		name: "data_use_instance", args: "[BOOL]", doc: "Put instance and network namespace into the names of the dumps.", example: "data_use_instance true",
		set: boolean(func(g *Global) *bool { return &g.More.DataUseInstance }),
	},
	{
		name: "json_version", args: "1|2", since: "2.2.8", doc: "Layout of the JSON dump.", example: "json_version 2",
		set: func(l *loader, g *Global, a *syntax.Args) {
			if a.Left() == 0 {
				a.Report(syntax.General, "json_version missing version")
			} else if v, ok := l.uint(a, rule{low: 1, high: 2, bad: "Invalid json_version '%s'"}); ok {
				g.More.JSONVersion = int(v)
			}
		},
	},
	{
		name: "state_dump_file", args: "FILE", since: "2.2.8", doc: "Where the state is dumped.", example: "state_dump_file keepalived.data",
		set: oneArgument(func(g *Global) *string { return &g.More.StateDumpFile }, "state_dump_file invalid"),
	},
	{
		name: "stats_dump_file", args: "FILE", since: "2.2.8", doc: "Where the statistics are dumped.", example: "stats_dump_file keepalived.stats",
		set: oneArgument(func(g *Global) *string { return &g.More.StatsDumpFile }, "stats_dump_file invalid"),
	},
	{
		name: "json_dump_file", args: "FILE", since: "2.2.8", doc: "Where the JSON is dumped.", example: "json_dump_file keepalived.json",
		set: oneArgument(func(g *Global) *string { return &g.More.JSONDumpFile }, "json_dump_file invalid"),
	},
	{
		name: "iproute_usr_dir", args: "DIR", since: "2.2.8", doc: "Where the name tables of iproute2 are installed.", example: "iproute_usr_dir /usr/share/iproute2",
		set: oneArgument(func(g *Global) *string { return &g.More.IPRouteUsrDir }, "iproute_usr_dir invalid"),
	},
	{
		name: "iproute_etc_dir", args: "DIR", since: "2.2.8", doc: "Where the name tables of iproute2 are edited.", example: "iproute_etc_dir /etc/iproute2",
		set: oneArgument(func(g *Global) *string { return &g.More.IPRouteEtcDir }, "iproute_etc_dir invalid"),
	},
}

// oneArgument is the setter of a keyword that takes exactly one word.
func oneArgument(field func(*Global) *string, bad string) func(*loader, *Global, *syntax.Args) {
	return func(_ *loader, g *Global, a *syntax.Args) {
		w, ok := a.Next()
		if !ok || w == "" || a.Left() > 0 {
			a.Report(syntax.General, "%s", bad)
			return
		}
		*field(g) = w
	}
}

// unusableDir says why a directory cannot be used or made.
func (l *loader) unusableDir(path string) string {
	st, err := l.opt.Host.Lstat(path)
	switch {
	case err == nil && st.Kind == Symlink, err == nil && st.Kind == Directory:
		return ""
	case err == nil:
		return "not a directory"
	}
	parent := path[:max(0, strings.LastIndexByte(strings.TrimRight(path, "/"), '/'))]
	if parent == "" {
		return ""
	}
	if st, err := l.opt.Host.Lstat(parent); err != nil || (st.Kind != Directory && st.Kind != Symlink) {
		return fmt.Sprintf("%s is not a directory", parent)
	}
	return ""
}

var includeChecks = []struct {
	name   string
	checks syntax.Checks
}{
	{"read", syntax.CheckRead},
	{"match", syntax.CheckRead | syntax.CheckMatch},
	{"wildcard_match", syntax.CheckRead | syntax.CheckWildcard},
	{"brace_match", syntax.CheckRead | syntax.CheckBrace},
}

func setIncludeCheck(l *loader, _ *Global, a *syntax.Args) {
	if a.Left() == 0 {
		l.scan.SetChecks(syntax.CheckAll)
		return
	}
	checks, plain := l.scan.Checks(), false
next:
	for w, ok := a.Next(); ok; w, ok = a.Next() {
		name := strings.TrimLeft(w, "+-")
		for _, c := range includeChecks {
			if c.name != name {
				continue
			}
			switch {
			case w[0] == '+':
				checks |= c.checks
			case w[0] == '-' && c.name == "read":
				checks &^= c.checks
			case w[0] == '-':
				checks &^= c.checks &^ syntax.CheckRead
			case plain:
				a.Report(syntax.General, "Duplicate include_check '%s' specified - ignoring", w)
			default:
				checks, plain = c.checks, true
			}
			continue next
		}
		a.Report(syntax.General, "Unknown include_check type '%s' - ignoring", w)
	}
	l.scan.SetChecks(checks)
}
