package config

import (
	"time"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// processDraft is a vrrp_track_process while it is read.
type processDraft struct {
	*Process
	weightSet bool
}

const maxQuorum = 65535

// unlimited is the quorum_max of a process without one.
const unlimited = 1<<31 - 1

var processKeywords = &table[*processDraft]{name: "vrrp_track_process", rows: []keyword[*processDraft]{
	{
		name: "process", args: "NAME [PARAMETER...]", doc: "Name of the process, and its parameters where they matter.", example: "process nginx",
		set: func(_ *loader, p *processDraft, a *syntax.Args) {
			name, ok := a.Need()
			switch {
			case !ok:
				return
			case p.Process.Process != "":
				a.Report(syntax.General, "Process already set for track process %s - ignoring %s", p.Name, name)
				return
			}
			p.Process.Process = name
			for w, ok := a.Next(); ok; w, ok = a.Next() {
				p.Params = append(p.Params, w)
			}
			if len(p.Params) > 0 && p.ParamMatch == ParamsIgnored {
				p.ParamMatch = ParamsExact
			}
		},
	},
	{
		name: "param_match", args: "[initial|partial]", doc: "How the parameters are compared; exactly without argument.", example: "param_match initial",
		set: func(_ *loader, p *processDraft, a *syntax.Args) {
			switch w, ok := a.Next(); {
			case !ok:
				p.ParamMatch = ParamsExact
			case w == "initial":
				p.ParamMatch = ParamsInitial
			case w == "partial":
				p.ParamMatch = ParamsPartial
			default:
				a.Report(syntax.General, "Invalid param_match type %s - ignoring", w)
			}
		},
	},
	{
		name: "weight", args: "-254..254 [reverse]", doc: "Priority to add while there are enough or take away while not; 0: too few are a fault.", example: "weight 2",
		set: setProcessWeight,
	},
	{
		name: "quorum", args: "1..65535", doc: "How many processes there must be, 1 by default.", example: "quorum 1",
		set: func(l *loader, p *processDraft, a *syntax.Args) {
			v, ok := l.uint(a, rule{low: 1, high: maxQuorum, bad: "Quorum (%s) for vrrp_track_process " + p.Name + " must be between [1..65535] inclusive. Ignoring..."})
			switch {
			case !ok:
			case int(v) > p.QuorumMax:
				a.Report(syntax.General, "Quorum is greater than quorum_max - ignoring")
			default:
				p.Quorum = int(v)
			}
		},
	},
	{
		name: "quorum_max", args: "0..65535", doc: "How many processes there may be.", example: "quorum_max 1",
		set: func(l *loader, p *processDraft, a *syntax.Args) {
			v, ok := l.uint(a, rule{low: 0, high: maxQuorum, bad: "quorum_max (%s) for vrrp_track_process " + p.Name + " must be between [0..65535] inclusive. Ignoring..."})
			switch {
			case !ok:
			case int(v) < p.Quorum && (v != 0 || p.Quorum != 1):
				a.Report(syntax.General, "quorum_max is less than quorum - ignoring")
			default:
				p.QuorumMax = int(v)
				if v == 0 {
					p.Quorum = 0
				}
			}
		},
	},
	{
		name: "delay", args: "SECONDS", doc: "Both fork_delay and terminate_delay.", example: "delay 1.5",
		set: func(l *loader, p *processDraft, a *syntax.Args) {
			if v, ok := l.processDelay(a, p); ok {
				p.ForkDelay, p.TerminateDelay = v, v
			}
		},
	},
	{
		name: "terminate_delay", args: "SECONDS", doc: "How long there must be too few before that counts.", example: "terminate_delay 1",
		set: func(l *loader, p *processDraft, a *syntax.Args) {
			if v, ok := l.processDelay(a, p); ok {
				p.TerminateDelay = v
			}
		},
	},
	{
		name: "fork_delay", args: "SECONDS", doc: "How long there must be enough before that counts.", example: "fork_delay 1",
		set: func(l *loader, p *processDraft, a *syntax.Args) {
			if v, ok := l.processDelay(a, p); ok {
				p.ForkDelay = v
			}
		},
	},
	{
		name: "full_command", doc: "Compare the whole command, not the first 15 characters of the name.", example: "full_command",
		set: func(_ *loader, p *processDraft, _ *syntax.Args) { p.FullCommand = true },
	},
}}

func setProcessWeight(l *loader, p *processDraft, a *syntax.Args) {
	if a.Left() == 0 {
		a.Report(syntax.General, "No weight specified for track process %s - ignoring", p.Name)
		return
	}
	if p.weightSet {
		a.Report(syntax.General, "Weight already set for track process %s - ignoring %s", p.Name, a.Peek())
		return
	}
	v, ok := l.int(a, rule{low: -254, high: 254, bad: "Weight (%s) for vrrp_track_process " + p.Name + " must be between [-254..254] inclusive. Ignoring..."})
	if !ok {
		return
	}
	p.Weight, p.weightSet = int(v), true
	switch w, more := a.Next(); {
	case !more:
	case w == "reverse":
		p.Reverse = true
	default:
		a.Report(syntax.General, "vrrp_track_process %s unknown weight option %s", p.Name, w)
	}
}

func (l *loader) processDelay(a *syntax.Args, p *processDraft) (time.Duration, bool) {
	return l.seconds(a, 6, rule{
		low: 1, high: 3600_000_000,
		bad: a.Keyword() + " (%s) for vrrp_track_process " + p.Name + " must be between [0.000001..3600] inclusive. Ignoring...",
	})
}

// readProcess reads a vrrp_track_process.
func readProcess(l *loader, cfg *Config, a *syntax.Args) {
	name, ok := a.Need()
	if !ok {
		l.cur.SkipBlock()
		return
	}
	p := &processDraft{Process: &Process{Name: name, Pos: a.Line.Pos, Quorum: 1, QuorumMax: unlimited}}
	parseOne(l, processKeywords, p)
	if p.Process.Process == "" {
		l.here(syntax.General, "track process '%s' process name not specified", name)
		return
	}
	if p.ParamMatch != ParamsIgnored {
		p.FullCommand = true
	}
	cfg.Processes = append(cfg.Processes, p.Process)
	if l.draft.processes[name] == nil {
		l.draft.processes[name] = p.Process
	}
}
