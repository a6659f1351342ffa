package config

import (
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// processes are keepalived's processes, each with its set of keywords.
// Holdfast has none for virtual servers.
var processes = []struct {
	prefix, name string
	settings     func(*Global) *ProcessSettings
}{
	{"vrrp", "vrrp", func(g *Global) *ProcessSettings { return &g.More.VRRPProcess }},
	{"checker", "checker", func(*Global) *ProcessSettings { return new(ProcessSettings) }},
	{"bfd", "bfd", func(g *Global) *ProcessSettings { return &g.More.BFDProcess }},
}

// globalProcess are the keywords of global_defs about how the processes run.
var globalProcess = append(processRows(), []keyword[*Global]{
	{
		name: "process_names", doc: "Name the processes after their task.", example: "process_names",
		set: switchOn(func(g *Global) *bool { return &g.More.ProcessNames }),
	},
	{
		name: "process_name", args: "NAME", doc: "Name of the parent process.", example: "process_name keepalived",
		set: setProcessName(func(g *Global) *string { return &g.More.ParentProcess.Name }),
	},
	{
		name: "vrrp_process_name", args: "NAME", doc: "Name of the VRRP process.", example: "vrrp_process_name keepalived_vrrp",
		set: setProcessName(func(g *Global) *string { return &g.More.VRRPProcess.Name }),
	},
	{
		name: "bfd_process_name", args: "NAME", status: ignored, doc: "Name of the BFD process.", example: "bfd_process_name keepalived_bfd",
		set: setProcessName(func(g *Global) *string { return &g.More.BFDProcess.Name }),
	},
	{
		name: "checker_process_name", aliases: []string{"lvs_process_name"}, args: "NAME", status: ignored, doc: "Name of the health checker.", example: "checker_process_name keepalived_ipvs",
		set: setProcessName(func(*Global) *string { return new(string) }),
	},
	{
		name: "vrrp_netlink_cmd_rcv_bufs", args: "BYTES", doc: "Receive buffer of the netlink command socket.", example: "vrrp_netlink_cmd_rcv_bufs 1048576",
		set: bufferSize(func(g *Global) *uint32 { return &g.More.ReceiveBuffers.Command }),
	},
	{
		name: "vrrp_netlink_cmd_rcv_bufs_force", args: "[BOOL]", doc: "Exceed the system's limit for it.", example: "vrrp_netlink_cmd_rcv_bufs_force true",
		set: plainBool(func(g *Global) *bool { return &g.More.ReceiveBuffers.CommandForce }),
	},
	{
		name: "vrrp_netlink_monitor_rcv_bufs", args: "BYTES", doc: "Receive buffer of the netlink monitor socket.", example: "vrrp_netlink_monitor_rcv_bufs 1048576",
		set: bufferSize(func(g *Global) *uint32 { return &g.More.ReceiveBuffers.Monitor }),
	},
	{
		name: "vrrp_netlink_monitor_rcv_bufs_force", args: "[BOOL]", doc: "Exceed the system's limit for it.", example: "vrrp_netlink_monitor_rcv_bufs_force true",
		set: plainBool(func(g *Global) *bool { return &g.More.ReceiveBuffers.MonitorForce }),
	},
	{
		name: "process_monitor_rcv_bufs", args: "BYTES", doc: "Receive buffer of the process event socket.", example: "process_monitor_rcv_bufs 1048576",
		set: bufferSize(func(g *Global) *uint32 { return &g.More.ProcessMonitorRcvBufs }),
	},
	{
		name: "process_monitor_rcv_bufs_force", args: "[BOOL]", doc: "Exceed the system's limit for it.", example: "process_monitor_rcv_bufs_force true",
		set: plainBool(func(g *Global) *bool { return &g.More.ProcessMonitorRcvForce }),
	},
	{
		name: "vrrp_rx_bufs_policy", args: "MTU|ADVERT|BYTES", doc: "How large the receive buffers of the VRRP sockets are.", example: "vrrp_rx_bufs_policy MTU",
		set: setBufferPolicy,
	},
	{
		name: "vrrp_rx_bufs_multiplier", args: "NUMBER", doc: "Packets that a receive buffer holds, 3 by default.", example: "vrrp_rx_bufs_multiplier 3",
		set: func(l *loader, g *Global, a *syntax.Args) {
			if a.Left() != 1 {
				a.Report(syntax.General, "Invalid vrrp_rx_bufs_multiplier")
				return
			}
			if v, ok := l.uint(a, rule{low: 1, high: 1<<32 - 1, bad: "Invalid vrrp_rx_bufs_multiplier %s", strict: true}); ok {
				g.More.ReceiveBuffers.Multiplier = uint32(v)
			}
		},
	},
	{
		name: "random_seed", args: "NUMBER", doc: "Start value of ${_RANDOM}.", example: "random_seed 7",
		set: func(l *loader, _ *Global, a *syntax.Args) {
			if v, ok := l.uint(a, rule{low: 0, high: 1<<32 - 1, strict: true, bad: "random_seed %s invalid"}); ok {
				l.scan.Seed(uint64(v))
			}
		},
	},
}...)

// processRows are the keywords that each process has.
func processRows() []keyword[*Global] {
	var rows []keyword[*Global]
	for _, p := range processes {
		name, settings := p.name, p.settings
		does := ignored // there is but the one process
		if p.prefix == "vrrp" {
			does = served
		}
		rows = append(rows,
			keyword[*Global]{
				name: p.prefix + "_priority", args: "-20..19", status: does, doc: "Nice value of the " + name + " process.", example: p.prefix + "_priority -10",
				set: func(l *loader, g *Global, a *syntax.Args) {
					if a.Left() == 0 {
						a.Report(syntax.General, "No %s process priority specified", name)
						return
					}
					v, ok := l.int(a, rule{low: -20, high: 19, bad: "Invalid " + name + " process priority specified"})
					if !ok {
						v = 0
					}
					settings(g).Priority = int(v)
				},
			},
			keyword[*Global]{
				name: p.prefix + "_no_swap", status: does, doc: "Keep the " + name + " process in memory.", example: p.prefix + "_no_swap",
				set: switchOn(func(g *Global) *bool { return &settings(g).NoSwap }),
			},
			keyword[*Global]{
				name: p.prefix + "_rt_priority", args: "1..99", status: does, doc: "Real-time priority of the " + name + " process.", example: p.prefix + "_rt_priority 50",
				set: func(l *loader, g *Global, a *syntax.Args) { l.realtime(a, name, settings(g)) },
			},
			keyword[*Global]{
				name: p.prefix + "_cpu_affinity", args: "CPU...", status: does, doc: "Processors of the " + name + " process.", example: p.prefix + "_cpu_affinity 0 1",
				set: func(l *loader, g *Global, a *syntax.Args) { l.affinity(a, name, settings(g)) },
			},
			keyword[*Global]{
				name: p.prefix + "_rlimit_rttime", aliases: []string{p.prefix + "_rlimit_rtime"}, args: "MICROSECONDS", status: does,
				doc: "How long the " + name + " process may run at real-time priority without a pause.", example: p.prefix + "_rlimit_rttime 10000",
				set: func(l *loader, g *Global, a *syntax.Args) { l.realtimeLimit(a, name, settings(g)) },
			},
		)
	}
	return rows
}

func (l *loader) realtime(a *syntax.Args, name string, p *ProcessSettings) {
	if a.Left() == 0 {
		a.Report(syntax.General, "No %s process real-time priority specified", name)
		return
	}
	v, ok := l.int(a, rule{low: -1 << 31, high: 1<<31 - 1, bad: "Invalid " + name + " process real-time priority specified"})
	switch {
	case !ok:
		return
	case v > 99:
		a.Report(syntax.General, "%s process real-time priority %d greater than maximum 99 - setting to maximum", name, v)
		v = 99
	case v < 1:
		a.Report(syntax.General, "%s process real-time priority %d less than minimum 1 - setting to minimum", name, v)
		v = 1
	}
	p.RealtimePriority = int(v)
}

func (l *loader) affinity(a *syntax.Args, name string, p *ProcessSettings) {
	if a.Left() == 0 {
		a.Report(syntax.General, "No %s cpu_id set specified", name)
		return
	}
	p.CPUs = nil
	for a.Left() > 0 {
		v, ok := l.uint(a, rule{low: 0, high: int64(l.opt.Host.CPUs() - 1), bad: "Invalid cpu_id:%s specified for " + name + " process"})
		if !ok {
			p.CPUs = nil
			return
		}
		if !slices.Contains(p.CPUs, int(v)) {
			p.CPUs = append(p.CPUs, int(v))
		}
	}
}

func (l *loader) realtimeLimit(a *syntax.Args, name string, p *ProcessSettings) {
	if strings.HasSuffix(a.Keyword(), "_rtime") {
		a.Report(syntax.Log, "\"%s\" is deprecated, please use \"%s\"", a.Keyword(), strings.TrimSuffix(a.Keyword(), "rtime")+"rttime")
	}
	v, ok := l.uint(a, rule{low: 1, high: 1<<32 - 1, bad: "Invalid " + name + " real-time limit - %s"})
	if !ok {
		v = 0
	}
	if v == 1 {
		v = 2
	}
	p.RealtimeLimit = time.Duration(v) * time.Microsecond
}

// maxProcessName is what the kernel keeps of a name.
const maxProcessName = 15

func setProcessName(field func(*Global) *string) func(*loader, *Global, *syntax.Args) {
	return func(_ *loader, g *Global, a *syntax.Args) {
		if a.Keyword() == "lvs_process_name" {
			a.Report(syntax.Log, "\"lvs_process_name\" is deprecated, please use \"checker_process_name\"")
		}
		w, ok := a.Need()
		if !ok {
			return
		}
		if len(w) > maxProcessName {
			a.Report(syntax.General, "Process name %s more than %d characters, truncating", w, maxProcessName)
			w = w[:maxProcessName]
		}
		*field(g) = w
	}
}

func bufferSize(field func(*Global) *uint32) func(*loader, *Global, *syntax.Args) {
	return func(l *loader, g *Global, a *syntax.Args) {
		if a.Left() == 0 {
			a.Report(syntax.General, "%s size missing", a.Keyword())
			return
		}
		if v, ok := l.uint(a, rule{low: 0, high: 1<<32 - 1, strict: true, bad: a.Keyword() + " size (%s) invalid"}); ok {
			*field(g) = uint32(v)
		}
	}
}

func setBufferPolicy(l *loader, g *Global, a *syntax.Args) {
	if a.Left() == 0 {
		a.Report(syntax.General, "vrrp_rx_bufs_policy missing")
		return
	}
	b := &g.More.ReceiveBuffers
	var mtu, advert bool
	for w, ok := a.Next(); ok; w, ok = a.Next() {
		switch strings.ToUpper(w) {
		case "MTU":
			mtu = true
		case "ADVERT":
			advert = true
		default:
			n := syntax.ParseUint(w, 10, 1, 1<<32-1)
			if n.Problem != "" {
				a.Report(syntax.InvalidNumber, "%s", n.Problem)
				a.Report(syntax.General, "Invalid vrrp_rx_bufs_policy %s", w)
				continue
			}
			b.Policy, b.Size = PolicySize, uint32(n.Value)
		}
	}
	switch {
	case b.Size > 0 && (mtu || advert):
		a.Report(syntax.General, "Cannot set vrrp_rx_bufs_policy size and policy, ignoring policy")
	case mtu && advert:
		a.Report(syntax.General, "Cannot set both vrrp_rx_bufs_policy MTU and ADVERT, ignoring ADVERT")
		b.Policy = PolicyMTU
	case mtu:
		b.Policy = PolicyMTU
	case advert:
		b.Policy = PolicyAdvert
	}
}

// umaskBits are the names that umask takes joined by "|".
var umaskBits = map[string]int{
	"IRUSR": 0o400, "IWUSR": 0o200, "IXUSR": 0o100, "IRWXU": 0o700,
	"IRGRP": 0o040, "IWGRP": 0o020, "IXGRP": 0o010, "IRWXG": 0o070,
	"IROTH": 0o004, "IWOTH": 0o002, "IXOTH": 0o001, "IRWXO": 0o007,
}

func setUmask(_ *loader, g *Global, a *syntax.Args) {
	w, ok := a.Need()
	if !ok {
		return
	}
	if w != "" && w[0] >= '0' && w[0] <= '9' {
		if a.Left() > 0 {
			a.Report(syntax.General, "Extra parameter(s) to umask option")
		}
		v, err := strconv.ParseUint(w, 0, 16)
		if err != nil || v > 0o777 {
			a.Report(syntax.General, "invalid umask value %s", w)
			return
		}
		mask := int(v)
		g.Umask = &mask
		return
	}
	all := w
	for next, ok := a.Next(); ok; next, ok = a.Next() {
		all += next
	}
	mask := 0
	for bit := range strings.SplitSeq(all, "|") {
		v, known := umaskBits[bit]
		if !known {
			a.Report(syntax.General, "Unknown umask bit %s", bit)
			return
		}
		mask |= v
	}
	g.Umask = &mask
}
