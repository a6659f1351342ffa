package config

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

var (
	defaultGroup4 = netip.AddrFrom4([4]byte{224, 0, 0, 18})
	defaultGroup6 = netip.AddrFrom16([16]byte{0: 0xff, 1: 0x02, 15: 0x12})
)

// globalKeywords are the keywords of the top level that keepalived reads
// before all others.
var globalKeywords = &table[*Global]{rows: []keyword[*Global]{
	{
		name: "global_defs", shape: block, doc: "Settings for the whole daemon.", example: "global_defs {",
		set: func(l *loader, g *Global, _ *syntax.Args) { parseOne(l, globalDefs(), g) },
		sub: func() []Keyword { return globalDefs().describe() },
	},
	{
		name: "linkbeat_use_polling", doc: "Poll the link state of all interfaces.", example: "linkbeat_use_polling",
		set: switchOn(func(g *Global) *bool { return &g.More.LinkbeatPolling }),
	},
	{
		name: "net_namespace", args: "NAME", doc: "Run in a network namespace.", example: "net_namespace blue",
		set: func(l *loader, g *Global, a *syntax.Args) {
			once(a, &g.More.NetNS, "net_namespace name missing - ignoring", "Duplicate net_namespace definition %s - ignoring")
			g.UsePidDir = g.UsePidDir || g.More.NetNS != ""
		},
	},
	{
		name: "net_namespace_ipvs", args: "[NAME]", status: ignored, doc: "Network namespace of the virtual servers.", example: "net_namespace_ipvs",
		set: func(_ *loader, g *Global, a *syntax.Args) {
			w, ok := a.Next()
			if g.More.NetNSIPVS == "" {
				g.More.NetNSIPVS = cmp.Or(w, "(default)")
			} else if ok {
				a.Report(syntax.General, "Duplicate net_namespace_ipvs definition %s - ignoring", w)
			}
		},
	},
	{
		name: "namespace_with_ipsets", status: ignored, doc: "Use ipsets in a network namespace.", example: "namespace_with_ipsets",
		set: skip[*Global],
	},
	{
		name: "instance", args: "NAME", doc: "Name of this daemon among several on a machine.", example: "instance blue",
		set: func(_ *loader, g *Global, a *syntax.Args) {
			once(a, &g.InstanceName, "instance name missing - ignoring", "Duplicate instance definition %s - ignoring")
			g.UsePidDir = g.UsePidDir || g.InstanceName != ""
		},
	},
	{
		name: "use_pid_dir", doc: "Keep the pid files in a directory of their own.", example: "use_pid_dir",
		set: switchOn(func(g *Global) *bool { return &g.UsePidDir }),
	},
	{
		name: "child_wait_time", args: "SECONDS", doc: "How long to wait for the end of a child at stop.", example: "child_wait_time 5",
		set: func(l *loader, g *Global, a *syntax.Args) {
			if v, ok := l.uint(a, rule{0, 1<<32 - 1, 0, true, "Invalid child_wait_time %s"}); ok {
				g.ChildWaitTime = time.Duration(v) * time.Second
			}
		},
	},
}}

var globalDefsTable = &table[*Global]{
	name: "global_defs",
	rows: slices.Concat(globalGeneral, globalVRRP, globalProcess, globalFiles, globalLVS),
}

// globalDefs are the keywords of global_defs.
func globalDefs() *table[*Global] { return globalDefsTable }

// switchOn is the setter of a keyword that switches something on; arguments do not matter.
func switchOn[T any](field func(T) *bool) func(*loader, T, *syntax.Args) {
	return func(_ *loader, v T, _ *syntax.Args) { *field(v) = true }
}

// boolean is the setter of a keyword with an optional boolean.
func boolean[T any](field func(T) *bool) func(*loader, T, *syntax.Args) {
	return func(l *loader, v T, a *syntax.Args) {
		if b, ok := l.boolean(a, ""); ok {
			*field(v) = b
		}
	}
}

// skip is the setter of a keyword that Holdfast has nothing to do for.
func skip[T any](*loader, T, *syntax.Args) {}

// word is the setter of a keyword with one word, reported when missing.
func word[T any](field func(T) *string, missing string) func(*loader, T, *syntax.Args) {
	return func(_ *loader, v T, a *syntax.Args) {
		w, ok := a.Next()
		if !ok {
			a.Report(syntax.General, "%s", missing)
			return
		}
		*field(v) = w
	}
}

// once takes a word unless one was given before.
func once(a *syntax.Args, field *string, missing, again string) {
	w, ok := a.Next()
	switch {
	case !ok:
		a.Report(syntax.General, "%s", missing)
	case *field != "":
		a.Report(syntax.General, "%s", strings.ReplaceAll(again, "%s", w))
	default:
		*field = w
	}
}

// finishGlobals fills in what globals take from each other.
func (l *loader) finishGlobals() {
	g := &l.cfg.Global
	if g.RouterID == "" {
		g.RouterID = l.opt.Host.NodeName()
	}
	if g.GARP.LowerPrioDelay == unset {
		g.GARP.LowerPrioDelay = g.GARP.MasterDelay
	}
	if g.GARP.LowerPrioRepeat == unset {
		g.GARP.LowerPrioRepeat = g.GARP.MasterRepeat
	}
	if f := g.More.NotifyFIFO.Path; f != "" && f == g.More.VRRPFIFO.Path {
		l.logged(Pos{}, "notify FIFO %s has been specified for global and vrrp FIFO - ignoring vrrp FIFO", f)
		g.More.VRRPFIFO = FIFO{}
	}
}
