package config

import (
	"fmt"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// globalLVS are the keywords of global_defs about virtual servers only. Their
// arguments are checked, so that a configuration test says of them what
// keepalived says; nothing is kept.
var globalLVS = append(lvsPlain("lvs_flush", "enable_snmp_checker"), []keyword[*Global]{
	lvs("lvs_flush_on_stop", "[VS]", checkLVSFlush),
	lvs("lvs_flush_onstop", "[VS]", checkLVSFlush),
	lvs("smtp_alert_checker", "[BOOL]", lvsBoolean("Invalid value '%s' for global smtp_alert_checker specified")),
	lvs("checker_log_all_failures", "[BOOL]", lvsBoolean("Invalid value for checker_log_all_failures specified")),
	lvs("no_checker_emails", "[BOOL]", lvsBoolean("Invalid value '%s' for global no_checker_emails specified")),
	lvs("rs_init_notifies", "[BOOL]", lvsBoolean("Invalid value '%s' for global rs_init_notifies specified")),
	lvs("lvs_timeouts", "[tcp N] [tcpfin N] [udp N]", checkLVSTimeouts),
	lvs("lvs_sync_daemon", "INTERFACE [INSTANCE [ID]] [OPTION...]", checkLVSSync),
	lvs("lvs_notify_fifo", "PATH [USER [GROUP]]", func(l *loader, g *Global, a *syntax.Args) { setFIFO(l.lvsFIFO)(l, g, a) }),
	lvs("lvs_notify_fifo_script", "COMMAND [USER [GROUP]]", func(l *loader, g *Global, a *syntax.Args) { setFIFOScript(l.lvsFIFO)(l, g, a) }),
	lvs("lvs_netlink_cmd_rcv_bufs", "BYTES", bufferSize(func(*Global) *uint32 { return new(uint32) })),
	lvs("lvs_netlink_cmd_rcv_bufs_force", "[BOOL]", lvsBoolean("Invalid value '%s' for global lvs_netlink_cmd_rcv_bufs_force specified")),
	lvs("lvs_netlink_monitor_rcv_bufs", "BYTES", bufferSize(func(*Global) *uint32 { return new(uint32) })),
	lvs("lvs_netlink_monitor_rcv_bufs_force", "[BOOL]", lvsBoolean("Invalid value '%s' for global lvs_netlink_monitor_rcv_bufs_force specified")),
	lvs("nftables_ipvs", "[TABLE]", func(l *loader, _ *Global, a *syntax.Args) {
		if l.noted["nftables_ipvs"] {
			a.Report(syntax.General, "ipvs nftables already specified - ignoring")
		}
		l.noted["nftables_ipvs"] = true
	}),
	lvs("nftables_ipvs_priority", "NUMBER", func(l *loader, _ *Global, a *syntax.Args) {
		l.int(a, rule{low: -1 << 31, high: 1<<31 - 1, bad: "invalid ipvs nftables chain priority '%s'"})
	}),
	lvs("nftables_ipvs_start_fwmark", "NUMBER", func(l *loader, _ *Global, a *syntax.Args) {
		l.uint(a, rule{low: 1, high: 1<<32 - 1, bad: "invalid ipvs nftables start_fwmark priority '%s'"})
	}),
	lvs("snmp_vs_stats_update_interval", "SECONDS", checkStatsInterval),
	lvs("snmp_rs_stats_update_interval", "SECONDS", checkStatsInterval),
}...)

// lvsFIFO is where the pipe of virtual servers is checked.
func (l *loader) lvsFIFO(*Global) *FIFO { return &l.draft.lvsFIFO }

func lvs(name, args string, check func(*loader, *Global, *syntax.Args)) keyword[*Global] {
	k := keyword[*Global]{
		name: name, args: args, status: ignored, doc: "For virtual servers, which Holdfast leaves alone.", example: name, set: check,
	}
	if strings.HasPrefix(name, "snmp_") {
		k.since = "2.2.8"
	}
	if example := lvsExamples[args]; example != "" {
		k.example += " " + example
	}
	return k
}

// lvsExamples are arguments, by what they are called.
var lvsExamples = map[string]string{
	"BYTES": "1048576", "NUMBER": "1000", "SECONDS": "5", "PATH [USER [GROUP]]": "/run/lvs.fifo",
	"[tcp N] [tcpfin N] [udp N]": "tcp 7200", "COMMAND [USER [GROUP]]": "/usr/local/bin/reader.sh", "INTERFACE [INSTANCE [ID]] [OPTION...]": "eth0 VI_1",
}

func lvsPlain(names ...string) []keyword[*Global] {
	rows := make([]keyword[*Global], 0, len(names))
	for _, name := range names {
		rows = append(rows, lvs(name, "", skip[*Global]))
	}
	return rows
}

func lvsBoolean(bad string) func(*loader, *Global, *syntax.Args) {
	return func(l *loader, _ *Global, a *syntax.Args) { l.boolean(a, bad) }
}

func checkStatsInterval(l *loader, _ *Global, a *syntax.Args) {
	l.seconds(a, 6, rule{low: 1000, high: 30_000_000, bad: a.Keyword() + " '%s' is invalid"})
}

func checkLVSFlush(_ *loader, _ *Global, a *syntax.Args) {
	if w, ok := a.Next(); ok && w != "VS" {
		a.Report(syntax.General, "Unknown lvs_flush_on_stop type %s", w)
	}
}

func checkLVSTimeouts(_ *loader, _ *Global, a *syntax.Args) {
	if a.Left() < 2 {
		a.Report(syntax.General, "lvs_timeouts requires at least one option")
		return
	}
	for option, ok := a.Next(); ok; option, ok = a.Next() {
		if option != "tcp" && option != "tcpfin" && option != "udp" {
			a.Report(syntax.General, "Unknown option %s specified for lvs_timeouts", option)
			continue
		}
		w, ok := a.Next()
		if !ok {
			a.Report(syntax.General, "No %s timeout value specified for lvs_timeouts", option)
			return
		}
		if n := syntax.ParseUint(w, 10, 0, 1<<31/1000); n.Problem != "" {
			a.Report(syntax.InvalidNumber, "%s", n.Problem)
			a.Report(syntax.General, "Invalid lvs_timeout %s (%s) - ignoring", option, w)
		}
	}
}

// lvsSyncNumbers are the numeric options of lvs_sync_daemon.
var lvsSyncNumbers = map[string][2]uint64{
	"id": {0, 255}, "maxlen": {1, 65507}, "port": {1, 65535}, "ttl": {1, 255},
}

func checkLVSSync(l *loader, _ *Global, a *syntax.Args) {
	if a.Left() == 0 {
		a.Report(syntax.General, "lvs_sync_daemon requires interface")
		return
	}
	if name, _ := a.Next(); len(name) > maxInterfaceName {
		a.Report(syntax.General, "lvs_sync_daemon interface name '%s' too long - ignoring", name)
		return
	}
	if l.noted["lvs_sync_daemon"] {
		a.Report(syntax.General, "lvs_sync_daemon has already been specified - ignoring")
		return
	}
	l.noted["lvs_sync_daemon"] = true
	for position := 0; a.Left() > 0; position++ {
		option, _ := a.Next()
		limits, numeric := lvsSyncNumbers[option]
		switch {
		case numeric || option == "inst" || option == "group":
			w, ok := a.Next()
			if !ok {
				a.Report(syntax.General, "Value for lvs_sync_daemon %s missing", option)
				return
			}
			if !numeric {
				continue
			}
			if n := syntax.ParseUint(w, 10, limits[0], limits[1]); n.Problem != "" {
				a.Report(syntax.InvalidNumber, "%s", n.Problem)
				a.Report(syntax.General, "%s", fmt.Sprintf("Invalid lvs_sync_daemon %s (%s)", option, w))
			}
		case position == 1:
			a.Report(syntax.General, "Please use keyword \"id\" before lvs_sync_daemon SYNCID")
		case position > 1:
			a.Report(syntax.General, "Unknown option %s specified for lvs_sync_daemon", option)
		}
	}
}
