package config

import (
	"fmt"
	"slices"
	"time"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// topKeywords are the keywords of the top level except the globals.
var topKeywords = &table[*Config]{rows: []keyword[*Config]{
	{
		name: "vrrp_instance", args: "NAME { ... }", shape: block, doc: "A virtual router.", example: "vrrp_instance VI_1 {",
		set: readInstance, sub: func() []Keyword { return instanceKeywords().describe() },
	},
	{
		name: "vrrp_sync_group", args: "NAME { ... }", shape: block, doc: "Instances that change state together.", example: "vrrp_sync_group VG_1 {",
		set: readGroup, sub: func() []Keyword { return groupKeywords().describe() },
	},
	{
		name: "vrrp_script", args: "NAME { ... }", shape: block, doc: "A check run at intervals.", example: "vrrp_script chk_haproxy {",
		set: readScript, sub: func() []Keyword { return scriptKeywords.describe() },
	},
	{
		name: "vrrp_track_process", args: "NAME { ... }", shape: block, doc: "Processes to watch.", example: "vrrp_track_process chk_nginx {",
		set: readProcess, sub: func() []Keyword { return processKeywords.describe() },
	},
	{
		name: "track_file", aliases: []string{"vrrp_track_file"}, args: "NAME { ... }", shape: block, doc: "A file whose number counts.", example: "track_file maintenance {",
		set: readTrackFile, sub: func() []Keyword { return fileKeywords.describe() },
	},
	{
		name: "bfd_instance", args: "NAME { ... }", shape: block, doc: "A BFD session.", example: "bfd_instance peer1 {",
		set: readBFD, sub: func() []Keyword { return bfdKeywords.describe() },
	},
	{
		name: "static_ipaddress", args: "{ ADDRESS[/LENGTH] [OPTION...] ... }", shape: values, doc: "Addresses the machine holds while the daemon runs.", example: "static_ipaddress { 192.0.2.5/24 dev eth1 }",
		set: func(l *loader, cfg *Config, a *syntax.Args) {
			if v, ok := l.address(a, addressStatic); ok {
				l.addStatic(a, v)
			}
		},
	},
	{
		name: "static_routes", args: "{ ROUTE... }", shape: values, doc: "Routes the machine has while the daemon runs.", example: "static_routes { 198.51.100.0/24 via 192.0.2.1 dev eth1 }",
		set: func(l *loader, cfg *Config, a *syntax.Args) {
			if r, ok := l.route(a, true); ok {
				cfg.StaticRoutes = append(cfg.StaticRoutes, r)
			}
		},
	},
	{
		name: "static_rules", args: "{ RULE... }", shape: values, doc: "Routing rules the machine has while the daemon runs.", example: "static_rules { from 192.0.2.0/24 table 100 priority 500 }",
		set: func(l *loader, cfg *Config, a *syntax.Args) {
			if r, ok := l.rule(a, true); ok {
				cfg.StaticRules = append(cfg.StaticRules, r)
			}
		},
	},
	{
		name: "track_group", args: "NAME { ... }", shape: block, doc: "Instances whose routes and addresses follow a static one.", example: "track_group GRP1 {",
		set: readTrackGroup, sub: func() []Keyword { return trackGroupKeywords.describe() },
	},
	{
		name: "garp_group", args: "{ ... }", shape: block, doc: "Interfaces that share a rate of announcements.", example: "garp_group {",
		set: readGARPGroup, sub: func() []Keyword { return garpGroupKeywords.describe() },
	},
	{
		name: "linkbeat_interfaces", args: "{ INTERFACE [MII|ETHTOOL|IOCTL] ... }", shape: values, doc: "Interfaces whose link state is polled.", example: "linkbeat_interfaces { eth0 ETHTOOL }",
		set: addLinkbeat,
	},
	{
		name: "interface_up_down_delays", args: "{ INTERFACE DOWN [UP] ... }", shape: values, doc: "How long a change of link state must last before it counts.", example: "interface_up_down_delays { eth0 1.5 2 }",
		set: addDebounce,
	},
	{
		name: "virtual_server", args: "... { ... }", status: ignored, shape: block, doc: "A virtual server; Holdfast does not serve these.", example: "virtual_server 192.0.2.100 80 {",
		set: skipLVS,
	},
	{
		name: "virtual_server_group", args: "NAME { ... }", status: ignored, shape: block, doc: "Addresses of virtual servers; Holdfast does not serve these.", example: "virtual_server_group VSG_1 {",
		set: skipLVS,
	},
	{
		name: "SSL", args: "{ ... }", status: ignored, shape: block, doc: "Certificates of the health checker; Holdfast does not serve these.", example: "SSL {",
		set: skipLVS,
	},
}}

// topNames are all keywords of the top level.
func topNames() []string { return append(topKeywords.names(), globalKeywords.names()...) }

// Keywords describes the whole language.
func Keywords() []Keyword { return append(globalKeywords.describe(), topKeywords.describe()...) }

// skipLVS leaves out the blocks of the load balancer and says so once.
func skipLVS(l *loader, _ *Config, a *syntax.Args) {
	l.cur.SkipBlock()
	if l.noted["lvs"] {
		return
	}
	l.noted["lvs"] = true
	l.report(Diagnostic{
		Code: syntax.Note, Pos: a.Line.Pos,
		Text: "note: virtual servers are left out; Holdfast does VRRP only",
		Hint: "keepalived may go on serving them with the same file and --check.",
	})
}

// addStatic takes a line of static_ipaddress.
func (l *loader) addStatic(a *syntax.Args, v Address) {
	if !v.DevSet {
		v.Dev = l.cfg.Global.DefaultInterface
		if l.machine.link(v.Dev) == nil && !l.cfg.Global.DynamicInterfaces {
			l.draft.missingLink = true
			a.Send(Diagnostic{
				Code: syntax.BadInterface, Text: fmt.Sprintf("Static address %s requires either an interface or default interface must exist", v.Prefix.Addr()),
				Action: "Add dev to the line, or set default_interface.",
			})
		}
	}
	l.cfg.Static = append(l.cfg.Static, v)
}

func addLinkbeat(l *loader, cfg *Config, a *syntax.Args) {
	name, _ := a.Next()
	if l.machine.link(name) == nil && !cfg.Global.DynamicInterfaces {
		a.Report(syntax.Fatal, "unknown interface %s specified for linkbeat interface", name)
		return
	}
	b := Linkbeat{Interface: name}
	if w, ok := a.Next(); ok {
		if slices.Contains([]string{"MII", "ETHTOOL", "IOCTL"}, w) {
			b.Method = w
		} else {
			a.Report(syntax.General, "unknown linkbeat type %s for interface %s - ignoring", w, name)
		}
	}
	if w, ok := a.Next(); ok {
		a.Report(syntax.General, "extra parameter %s for linkbeat interface %s - ignoring", w, name)
	}
	cfg.Global.More.Linkbeat = append(cfg.Global.More.Linkbeat, b)
}

func addDebounce(l *loader, cfg *Config, a *syntax.Args) {
	name, _ := a.Next()
	if l.machine.link(name) == nil && !cfg.Global.DynamicInterfaces {
		a.Report(syntax.Fatal, "unknown interface %s specified for up/down delay", name)
		return
	}
	d := Debounce{Interface: name}
	if a.Left() == 0 {
		a.Report(syntax.Log, "interface_up_down_delays: no delay specified for %s - ignoring", name)
		return
	}
	for i, field := range []*time.Duration{&d.Down, &d.Up} {
		if a.Left() == 0 {
			break
		}
		v, ok := l.seconds(a, 6, rule{low: 0, high: 255_000_000, bad: "interface_up_down_delays: invalid delay '%s' for " + name})
		if !ok && i == 0 {
			return
		}
		*field = v
	}
	if a.Left() > 0 {
		a.Report(syntax.Log, "interface_up_down_delays: too many parameters for %s", name)
	}
	cfg.Global.More.Debounce = append(cfg.Global.More.Debounce, d)
}

// trackGroupDraft is a track_group while it is read.
type trackGroupDraft struct {
	*TrackGroup
	listed bool
}

var trackGroupKeywords = &table[*trackGroupDraft]{name: "track_group", rows: []keyword[*trackGroupDraft]{
	{
		name: "group", args: "{ INSTANCE... }", shape: values, doc: "Members of the group.", example: "group { VI_1 VI_2 }",
		begin: func(l *loader, g *trackGroupDraft, a *syntax.Args) bool {
			if g.listed {
				a.Report(syntax.General, "Group list already specified for track group %s", g.Name)
				return false
			}
			g.listed = true
			l.noMore(a)
			return true
		},
		set: func(_ *loader, g *trackGroupDraft, a *syntax.Args) {
			for w, ok := a.Next(); ok; w, ok = a.Next() {
				g.Members = append(g.Members, w)
			}
		},
		end: func(l *loader, g *trackGroupDraft) {
			if len(g.Members) == 0 {
				l.here(syntax.General, "Warning - track group %s has empty group block", g.Name)
			}
		},
	},
}}

func readTrackGroup(l *loader, cfg *Config, a *syntax.Args) {
	name, ok := a.Next()
	switch {
	case !ok || a.Left() > 0:
		a.Report(syntax.General, "track_group must have a name - skipping")
		l.cur.SkipBlock()
		return
	case l.draft.trackGroups[name]:
		a.Report(syntax.General, "track_group %s already defined", name)
		l.cur.SkipBlock()
		return
	}
	g := &trackGroupDraft{TrackGroup: &TrackGroup{Name: name, Pos: a.Line.Pos}}
	parseOne(l, trackGroupKeywords, g)
	if len(g.Members) == 0 {
		l.here(syntax.General, "track group %s has no members - removing", name)
		return
	}
	l.draft.trackGroups[name] = true
	cfg.TrackGroups = append(cfg.TrackGroups, g.TrackGroup)
}

var garpGroupKeywords = &table[*GARPGroup]{name: "garp_group", rows: []keyword[*GARPGroup]{
	{
		name: "garp_interval", args: "SECONDS", doc: "Time between gratuitous ARP messages.", example: "garp_interval 0.001",
		set: groupInterval(func(g *GARPGroup) *time.Duration { return &g.GARPInterval }),
	},
	{
		name: "gna_interval", args: "SECONDS", doc: "Time between neighbour advertisements.", example: "gna_interval 0.001",
		set: groupInterval(func(g *GARPGroup) *time.Duration { return &g.GNAInterval }),
	},
	{
		name: "interface", args: "INTERFACE", doc: "An interface of the group.", example: "interface eth0",
		set: func(l *loader, g *GARPGroup, a *syntax.Args) {
			if w, ok := a.Need(); ok {
				l.joinGARPGroup(a, g, w)
			}
		},
	},
	{
		name: "interfaces", args: "{ INTERFACE... }", shape: values, doc: "Interfaces of the group.", example: "interfaces { eth0 eth1 }",
		begin: func(l *loader, g *GARPGroup, a *syntax.Args) bool {
			l.noMore(a)
			l.draft.listStart = 0
			return true
		},
		set: func(l *loader, g *GARPGroup, a *syntax.Args) {
			for w, ok := a.Next(); ok; w, ok = a.Next() {
				l.draft.listStart++
				l.joinGARPGroup(a, g, w)
			}
		},
		end: func(l *loader, g *GARPGroup) {
			if l.draft.listStart == 0 {
				l.here(syntax.General, "Warning - empty garp_group interfaces block")
			}
		},
	},
}}

func groupInterval(field func(*GARPGroup) *time.Duration) func(*loader, *GARPGroup, *syntax.Args) {
	return func(l *loader, g *GARPGroup, a *syntax.Args) {
		v, ok := l.seconds(a, 6, rule{low: 0, high: maxMicros, bad: "garp_group " + a.Keyword() + " '%s' invalid"})
		if !ok {
			return
		}
		*field(g), l.draft.garpInterval = v, true
		if v >= time.Second {
			a.Report(syntax.Log, "The garp_group %s is very large - %v", a.Keyword(), v)
		}
	}
}

func (l *loader) joinGARPGroup(a *syntax.Args, g *GARPGroup, name string) {
	if !l.exists(a, name, "WARNING - interface "+name+" specified for garp_group doesn't exist") {
		return
	}
	if link := l.machine.link(name); link != nil && link.Kind == "macvlan" {
		a.Report(syntax.General, "Cannot specify garp_group on a macvlan interface %s - ignoring", name)
		return
	}
	for _, other := range append(l.cfg.GARPGroups, g) {
		if slices.Contains(other.Interfaces, name) {
			a.Report(syntax.General, "garp_group already specified for %s - ignoring", name)
			return
		}
	}
	g.Interfaces = append(g.Interfaces, name)
}

func readGARPGroup(l *loader, cfg *Config, a *syntax.Args) {
	g := &GARPGroup{Pos: a.Line.Pos}
	l.draft.garpInterval = false
	parseOne(l, garpGroupKeywords, g)
	if !l.draft.garpInterval {
		l.here(syntax.General, "garp group %d does not have any delay set - removing", len(cfg.GARPGroups))
		return
	}
	cfg.GARPGroups = append(cfg.GARPGroups, g)
}
