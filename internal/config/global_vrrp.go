package config

import (
	"net/netip"
	"slices"
	"time"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// maxMicros is the longest time a keyword in seconds with six decimals takes.
const maxMicros = 1<<32 - 1

// globalVRRP are the keywords of global_defs about the protocol.
var globalVRRP = []keyword[*Global]{
	{
		name: "vrrp_version", args: "2|3", doc: "Version of the IPv4 instances that name none.", example: "vrrp_version 3",
		set: func(l *loader, g *Global, a *syntax.Args) {
			if v, ok := l.uint(a, rule{low: 2, high: 3, bad: "VRRP Error: Version must be either 2 or 3"}); ok {
				g.Version = int(v)
			}
		},
	},
	{
		name: "vrrp_mcast_group4", args: "ADDRESS", doc: "IPv4 group of the adverts, 224.0.0.18 by default.", example: "vrrp_mcast_group4 224.0.0.18",
		set: func(_ *loader, g *Global, a *syntax.Args) { setGroup(a, &g.McastGroup4, false) },
	},
	{
		name: "vrrp_mcast_group6", args: "ADDRESS", doc: "IPv6 group of the adverts, ff02::12 by default.", example: "vrrp_mcast_group6 ff02::12",
		set: func(_ *loader, g *Global, a *syntax.Args) { setGroup(a, &g.McastGroup6, true) },
	},
	{
		name: "vrrp_garp_master_delay", args: "SECONDS", doc: "When a new master announces its addresses again, 5 by default; 0: not.", example: "vrrp_garp_master_delay 5",
		set: wholeSeconds(func(g *Global) *time.Duration { return &g.GARP.MasterDelay }, 4294, "vrrp_garp_master_delay '%s' invalid - ignoring"),
	},
	{
		name: "vrrp_garp_master_repeat", args: "COUNT", doc: "Announcements of an address by a new master, 5 by default.", example: "vrrp_garp_master_repeat 5",
		set: repeatCount(func(g *Global) *int { return &g.GARP.MasterRepeat }),
	},
	{
		name: "vrrp_garp_master_refresh", args: "SECONDS", doc: "How often a master announces its addresses; 0: never again.", example: "vrrp_garp_master_refresh 60",
		set: func(l *loader, g *Global, a *syntax.Args) {
			v, _ := l.uint(a, rule{low: 0, high: 1<<32 - 1, bad: "Invalid vrrp_garp_master_refresh '%s' - ignoring"})
			g.GARP.Refresh = time.Duration(v) * time.Second
		},
	},
	{
		name: "vrrp_garp_master_refresh_repeat", args: "COUNT", doc: "Announcements each time, 1 by default.", example: "vrrp_garp_master_refresh_repeat 1",
		set: repeatCount(func(g *Global) *int { return &g.GARP.RefreshRepeat }),
	},
	{
		name: "vrrp_garp_lower_prio_delay", args: "SECONDS", doc: "As vrrp_garp_master_delay, after a lower priority advert.", example: "vrrp_garp_lower_prio_delay 5",
		set: wholeSeconds(func(g *Global) *time.Duration { return &g.GARP.LowerPrioDelay }, 4294, "vrrp_garp_lower_prio_delay '%s' invalid - ignoring"),
	},
	{
		name: "vrrp_garp_lower_prio_repeat", args: "COUNT", doc: "As vrrp_garp_master_repeat, after a lower priority advert.", example: "vrrp_garp_lower_prio_repeat 1",
		set: func(l *loader, g *Global, a *syntax.Args) {
			if v, ok := l.uint(a, rule{low: 0, high: 1<<31 - 1, bad: "Invalid vrrp_garp_lower_prio_repeat '%s'"}); ok {
				g.GARP.LowerPrioRepeat = int(v)
			}
		},
	},
	{
		name: "vrrp_down_timer_adverts", args: "COUNT", doc: "Missed adverts after which the master is down, 1 to 100, 3 by default.", example: "vrrp_down_timer_adverts 3",
		set: func(l *loader, g *Global, a *syntax.Args) {
			if v, ok := l.uint(a, rule{low: 1, high: 100, bad: "Invalid vrrp_down_timer_adverts [1:100] '%s'"}); ok {
				g.DownTimerAdverts = int(v)
			}
		},
	},
	{
		name: "vrrp_garp_interval", args: "SECONDS", doc: "Time between gratuitous ARP messages on an interface.", example: "vrrp_garp_interval 0.001",
		set: messageInterval(func(g *Global) *time.Duration { return &g.More.GARPInterval }),
	},
	{
		name: "vrrp_gna_interval", args: "SECONDS", doc: "Time between neighbour advertisements on an interface.", example: "vrrp_gna_interval 0.001",
		set: messageInterval(func(g *Global) *time.Duration { return &g.More.GNAInterval }),
	},
	{
		name: "vrrp_min_garp", args: "[BOOL]", doc: "Announce addresses only once.", example: "vrrp_min_garp true",
		set: setMinGARP,
	},
	{
		name: "vrrp_garp_extra_if", aliases: []string{"vrrp_vmac_garp_intvl"}, args: "[all] SECONDS", doc: "How often to announce an address on each virtual MAC interface that carries no adverts, or, with all, on every such interface.", example: "vrrp_garp_extra_if all 60",
		set: func(l *loader, g *Global, a *syntax.Args) {
			l.garpExtra(a, 1, "vrrp_garp_extra_if", "", &g.More.GARPExtra, &g.More.GARPExtraAll)
		},
	},
	{
		name: "vrrp_lower_prio_no_advert", args: "[BOOL]", doc: "Let a lower priority advert time out instead of answering it.", example: "vrrp_lower_prio_no_advert true",
		set: plainBool(func(g *Global) *bool { return &g.More.LowerPrioNoAdvert }),
	},
	{
		name: "vrrp_higher_prio_send_advert", args: "[BOOL]", doc: "Send one more advert when yielding to a higher priority.", example: "vrrp_higher_prio_send_advert true",
		set: plainBool(func(g *Global) *bool { return &g.More.HigherPrioSendAdvert }),
	},
	{
		name: "vrrp_owner_ignore_adverts", args: "[BOOL]", since: "2.2.8", doc: "An address owner ignores all adverts.", example: "vrrp_owner_ignore_adverts true",
		set: plainBool(func(g *Global) *bool { return &g.More.OwnerIgnoreAdverts }),
	},
	{
		name: "vrrp_check_unicast_src", doc: "Take adverts only from configured peers.", example: "vrrp_check_unicast_src",
		set: switchOn(func(g *Global) *bool { return &g.More.CheckUnicastSrc }),
	},
	{
		name: "vrrp_skip_check_adv_addr", args: "[BOOL]", doc: "Check the addresses of an advert only when the master changes.", example: "vrrp_skip_check_adv_addr true",
		set: plainBool(func(g *Global) *bool { return &g.More.SkipCheckAdvAddr }),
	},
	{
		name: "vrrp_strict", args: "[BOOL]", doc: "Refuse what the RFCs do not allow.", example: "vrrp_strict true",
		set: plainBool(func(g *Global) *bool { return &g.Strict }),
	},
	{
		name: "v3_checksum_as_v2", since: "2.2.8", doc: "Version 3 checksum over IPv4 without pseudo header.", example: "v3_checksum_as_v2",
		set: switchOn(func(g *Global) *bool { return &g.More.V3ChecksumAsV2 }),
	},
	{
		name: "log_unknown_vrids", doc: "Log adverts with a VRID no instance has.", example: "log_unknown_vrids",
		set: switchOn(func(g *Global) *bool { return &g.LogUnknownVRIDs }),
	},
	{
		name: "vrrp_startup_delay", args: "SECONDS", doc: "Wait before taking part.", example: "vrrp_startup_delay 5.5",
		set: func(l *loader, g *Global, a *syntax.Args) {
			v, ok := l.seconds(a, 6, rule{low: 1000, high: maxMicros, bad: "vrrp_startup_delay '%s' is invalid"})
			if !ok {
				return
			}
			g.StartupDelay = v
			if v >= time.Minute {
				a.Report(syntax.Log, "The vrrp_startup_delay is very large - %v", v)
			}
		},
	},
	{
		name: "vrrp_delay_after_boot", args: "SECONDS", since: "2.2.8", doc: "Take part no earlier than this after boot.", example: "vrrp_delay_after_boot 30",
		set: func(l *loader, g *Global, a *syntax.Args) {
			if v, ok := l.seconds(a, 6, rule{low: 1000, high: maxMicros, bad: "vrrp_delay_after_boot '%s' is invalid"}); ok {
				g.More.DelayAfterBoot = v
			}
		},
	},
	{
		name: "dynamic_interfaces", args: "[allow_if_changes]", doc: "Interfaces need not exist yet.", example: "dynamic_interfaces",
		set: func(_ *loader, g *Global, a *syntax.Args) {
			g.DynamicInterfaces = true
			switch w, ok := a.Next(); {
			case !ok:
			case w == "allow_if_changes":
				g.AllowIfChanges = true
			default:
				a.Report(syntax.General, "Unknown dynamic_interfaces option '%s'", w)
			}
		},
	},
	{
		name: "default_interface", args: "INTERFACE", doc: "Interface of static addresses that name none, eth0 by default.", example: "default_interface eth0",
		set: word(func(g *Global) *string { return &g.DefaultInterface }, "default_interface requires interface name"),
	},
	{
		name: "disable_local_igmp", doc: "No IGMP for link-local groups.", example: "disable_local_igmp",
		set: switchOn(func(g *Global) *bool { return &g.More.DisableLocalIGMP }),
	},
	{
		name: "vmac_prefix", args: "NAME", doc: "Start of the names of VMAC interfaces, vrrp by default.", example: "vmac_prefix vrrp",
		set: vmacPrefix(func(g *Global) *string { return &g.More.VMACPrefix }, "vmac prefix"),
	},
	{
		name: "vmac_addr_prefix", args: "NAME", doc: "Start of the names of VMAC interfaces for addresses.", example: "vmac_addr_prefix vrrp",
		set: vmacPrefix(func(g *Global) *string { return &g.More.VMACAddrPrefix }, "vmac address prefix"),
	},
	{
		name: "vrrp_iptables", args: "[IN [OUT]]", status: ignored, doc: "Use iptables chains; nftables serves instead.", example: "vrrp_iptables INPUT OUTPUT",
		set: setIPTables,
	},
	{
		name: "vrrp_ipsets", args: "[NAME...]", status: ignored, doc: "Names of the ipsets used with iptables.", example: "vrrp_ipsets",
		set: setIPSets,
	},
	{
		name: "nftables", args: "[TABLE]", doc: "Use nftables, with this table.", example: "nftables keepalived",
		set: func(l *loader, g *Global, a *syntax.Args) {
			m := &g.More
			if l.draft.nftables {
				a.Report(syntax.General, "nftables already specified - ignoring")
				return
			}
			name, ok := a.Next()
			if ok && (name == "" || len(name) >= 255) {
				a.Report(syntax.General, "nftables table name '%s' is empty or too long - ignoring", name)
				return
			}
			l.draft.nftables, m.NFTables = true, true
			if ok {
				m.NFTablesName = name
			}
		},
	},
	{
		name: "nftables_priority", args: "NUMBER", doc: "Priority of the nftables chains, -1 by default.", example: "nftables_priority -1",
		set: func(l *loader, g *Global, a *syntax.Args) {
			if v, ok := l.int(a, rule{low: -1 << 31, high: 1<<31 - 1, bad: "invalid nftables chain priority '%s'"}); ok {
				g.More.NFTablesPriority = int(v)
			}
		},
	},
	{
		name: "nftables_ifindex", doc: "Use interface indexes in the rules instead of names.", example: "nftables_ifindex",
		set: switchOn(func(g *Global) *bool { return &g.More.NFTablesIfindex }),
	},
	{
		name: "nftables_counters", doc: "Put counters into the rules.", example: "nftables_counters",
		set: switchOn(func(g *Global) *bool { return &g.More.NFTablesCounters }),
	},
	{
		name: "max_auto_priority", args: "[-1..99]", doc: "Highest real-time priority to take by itself; 99 without argument.", example: "max_auto_priority 50",
		set: func(l *loader, g *Global, a *syntax.Args) {
			if a.Left() == 0 {
				g.More.MaxAutoPriority = 99
			} else if v, ok := l.int(a, rule{low: -1, high: 99, bad: "max_auto_priority '%s' must be in [0, 99] (or -1 to disable) - ignoring"}); ok {
				g.More.MaxAutoPriority = int(v)
			}
		},
	},
	{
		name: "min_auto_priority_delay", args: "MICROSECONDS", doc: "How late a timer may be before priority is raised.", example: "min_auto_priority_delay 1000000",
		set: func(l *loader, g *Global, a *syntax.Args) {
			if a.Left() == 0 {
				a.Report(syntax.General, "min_auto_priority_delay requires delay time")
			} else if v, ok := l.uint(a, rule{low: 1, high: 10000000, bad: "min_auto_priority_delay '%s' must be in [1, 10000000] - ignoring"}); ok {
				g.More.MinAutoPriorityDelay = time.Duration(v) * time.Microsecond
			}
		},
	},
}

func setGroup(a *syntax.Args, field *netip.Addr, v6 bool) {
	w, ok := a.Need()
	if !ok {
		return
	}
	ip, ok := address(w)
	switch {
	case !ok:
		a.Report(syntax.General, "Can't parse %s [%s]. Skipping", a.Keyword(), w)
	case ip.Is6() != v6 && v6:
		a.Report(syntax.General, "%s [%s] is not IPv6. Skipping", a.Keyword(), w)
	case ip.Is6() != v6:
		a.Report(syntax.General, "%s [%s] is not IPv4. Skipping", a.Keyword(), w)
	case !ip.IsMulticast():
		a.Report(syntax.General, "%s [%s] is not multicast. Skipping", a.Keyword(), w)
	default:
		if v6 && !ip.IsLinkLocalMulticast() {
			a.Report(syntax.General, "%s [%s] should be link-local multicast.", a.Keyword(), w)
		}
		*field = ip
	}
}

// wholeSeconds is the setter of a time in whole seconds.
func wholeSeconds(field func(*Global) *time.Duration, high int64, bad string) func(*loader, *Global, *syntax.Args) {
	return func(l *loader, g *Global, a *syntax.Args) {
		if v, ok := l.uint(a, rule{low: 0, high: high, bad: bad}); ok {
			*field(g) = time.Duration(v) * time.Second
		}
	}
}

// repeatCount is the setter of a count of at least one.
func repeatCount(field func(*Global) *int) func(*loader, *Global, *syntax.Args) {
	return func(l *loader, g *Global, a *syntax.Args) {
		v, ok := l.uint(a, rule{low: 0, high: 1<<32 - 1, bad: a.Keyword() + " '%s' invalid - ignoring"})
		if !ok {
			return
		}
		if v == 0 {
			a.Report(syntax.General, "%s must be greater than 0, setting to 1", a.Keyword())
			v = 1
		}
		*field(g) = int(v)
	}
}

func messageInterval(field func(*Global) *time.Duration) func(*loader, *Global, *syntax.Args) {
	return func(l *loader, g *Global, a *syntax.Args) {
		v, ok := l.seconds(a, 6, rule{low: 1, high: maxMicros, bad: a.Keyword() + " '%s' is invalid"})
		if !ok {
			return
		}
		*field(g) = v
		if v >= time.Second {
			a.Report(syntax.Log, "The %s is very large - %v", a.Keyword(), v)
		}
	}
}

func plainBool(field func(*Global) *bool) func(*loader, *Global, *syntax.Args) {
	return func(l *loader, g *Global, a *syntax.Args) {
		if b, ok := l.boolean(a, "Invalid value for "+a.Keyword()+" specified"); ok {
			*field(g) = b
		}
	}
}

// setMinGARP lowers what still has its default at this point of the file.
func setMinGARP(l *loader, g *Global, a *syntax.Args) {
	on, ok := l.boolean(a, "Invalid value for vrrp_min_garp specified")
	if !ok || !on {
		return
	}
	d := newConfig().Global.GARP
	if g.GARP.MasterRepeat == d.MasterRepeat {
		g.GARP.MasterRepeat = 1
	}
	if g.GARP.MasterDelay == d.MasterDelay {
		g.GARP.MasterDelay = 0
	}
}

// garpExtra reads [all] SECONDS; owner starts its messages.
func (l *loader) garpExtra(a *syntax.Args, low int64, name, owner string, field *time.Duration, all *bool) {
	if a.Keyword() != name {
		a.Report(syntax.Deprecated, "Keyword \"%s\" is deprecated - please use \"%s\"", a.Keyword(), name)
	}
	// Every word is "all" or a time; of several times the last one counts.
	every, timed, last := false, false, int64(0)
	for a.Left() > 0 {
		if a.Peek() == "all" {
			a.Next()
			every = true
			continue
		}
		v, ok := l.uint(a, rule{low: low, high: 86400, bad: owner + a.Keyword() + " '%s' invalid - ignoring"})
		if !ok {
			return
		}
		timed, last = true, v
	}
	if !timed {
		a.Report(syntax.General, "%s%s specified without time - ignoring", owner, a.Keyword())
		return
	}
	*field, *all = time.Duration(last)*time.Second, every
}

func vmacPrefix(field func(*Global) *string, what string) func(*loader, *Global, *syntax.Args) {
	return func(l *loader, g *Global, a *syntax.Args) {
		w, ok := a.Need()
		switch {
		case !ok:
		case l.noted[what]:
			a.Report(syntax.General, "%s has already been specified - ignoring %s", what, w)
		default:
			l.noted[what] = true
			*field(g) = w
		}
	}
}

// maxChain is the longest name of an iptables chain plus one.
const maxChain = 28

func setIPTables(l *loader, g *Global, a *syntax.Args) {
	m := &g.More
	a.Send(Diagnostic{
		Code: syntax.Note, Text: "note: nftables is used in place of iptables",
		Action: "Replace vrrp_iptables and vrrp_ipsets with nftables.",
	})
	if m.IPTables {
		a.Report(syntax.General, "vrrp_iptables already specified - ignoring")
		return
	}
	m.IPTables, m.NFTables = true, true
	m.IPTablesIn, m.IPTablesOut = "INPUT", "OUTPUT"
	for i, field := range []*string{&m.IPTablesIn, &m.IPTablesOut} {
		w, ok := a.Next()
		switch {
		case !ok && i == 1 && m.IPTablesIn != "INPUT":
			m.IPTablesOut = ""
		case !ok:
		case w == "" || len(w) >= maxChain:
			a.Report(syntax.General, "vrrp_iptables name '%s' is empty or too long", w)
		default:
			*field = w
		}
	}
	if m.IPTablesIn == m.IPTablesOut {
		a.Report(syntax.Log, "vrrp_iptables: the same chain %s for both directions - ignoring", m.IPTablesIn)
		m.IPTablesIn, m.IPTablesOut = "", ""
	}
}

func setIPSets(_ *loader, g *Global, a *syntax.Args) {
	g.More.IPSets = nil
	for w, ok := a.Next(); ok; w, ok = a.Next() {
		if w == "" || len(w) > 31 || slices.Contains(g.More.IPSets, w) {
			a.Report(syntax.General, "vrrp_ipsets name '%s' is empty, too long or used twice", w)
			continue
		}
		g.More.IPSets = append(g.More.IPSets, w)
	}
}
