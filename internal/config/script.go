package config

import (
	"fmt"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// scriptDraft is a vrrp_script while it is read.
type scriptDraft struct {
	*Script
	timeoutSet bool
	userBad    bool
}

// maxScriptMillis is the longest interval and time-out of a script.
const maxScriptMillis = 4294_000

var scriptKeywords = &table[*scriptDraft]{name: "vrrp_script", rows: []keyword[*scriptDraft]{
	{
		name: "script", args: "COMMAND", doc: "Command to run; status 0 means good. Quote a command with arguments.", example: `script "/usr/bin/pgrep -x haproxy"`,
		set: setScript,
	},
	{
		name: "interval", args: "SECONDS", doc: "Time between runs, 1 by default.", example: "interval 2",
		set: func(l *loader, s *scriptDraft, a *syntax.Args) {
			l.scriptTime(a, "("+s.Name+"): vrrp script interval", &s.Interval)
		},
	},
	{
		name: "timeout", args: "SECONDS", doc: "Time after which a run has failed, interval by default.", example: "timeout 2",
		set: func(l *loader, s *scriptDraft, a *syntax.Args) {
			s.timeoutSet = l.scriptTime(a, "("+s.Name+"): vrrp script timeout", &s.Timeout) || s.timeoutSet
		},
	},
	{
		name: "weight", args: "-253..253 [reverse]", doc: "Priority to add while good (above 0) or take away while bad (below 0); 0: a bad result is a fault.", example: "weight -20",
		set: func(l *loader, s *scriptDraft, a *syntax.Args) {
			v, ok := l.int(a, rule{low: -253, high: 253, bad: "vrrp_script " + s.Name + " weight %s must be in [-253, 253]"})
			// keepalived says that a value out of range is wrong and stores it.
			if ok || v != 0 {
				s.Weight = int(max(-253, min(253, v)))
			}
			switch w, more := a.Next(); {
			case !more:
				s.Reverse = false
			case w == "reverse":
				s.Reverse = true
			default:
				a.Report(syntax.General, "vrrp_script %s unknown weight option %s", s.Name, w)
			}
		},
	},
	{
		name: "rise", args: "COUNT", doc: "Good results in a row that make it good, 1 by default.", example: "rise 2",
		set: func(l *loader, s *scriptDraft, a *syntax.Args) { s.Rise = l.resultCount(a, s.Name) },
	},
	{
		name: "fall", args: "COUNT", doc: "Bad results in a row that make it bad, 1 by default.", example: "fall 2",
		set: func(l *loader, s *scriptDraft, a *syntax.Args) { s.Fall = l.resultCount(a, s.Name) },
	},
	{
		name: "user", args: "USER [GROUP]", doc: "User the command runs as; script_user by default.", example: "user nobody",
		set: func(l *loader, s *scriptDraft, a *syntax.Args) {
			if a.Left() == 0 {
				a.Need()
				return
			}
			user, err := l.user(a)
			if err != nil {
				s.userBad = true
				a.Send(Diagnostic{
					Code: syntax.General, Text: fmt.Sprintf("Unable to set uid/gid for script '%s'", s.Command.Raw),
					Hint: capital(err.Error()) + ".", Action: "Create the user, or name another one.",
				})
				return
			}
			s.Command.User, s.Command.UserSet = user, true
		},
	},
	{
		name: "init_fail", status: ignored, doc: "Bad until the first result.", example: "init_fail",
		set: func(_ *loader, s *scriptDraft, _ *syntax.Args) { s.InitFail = true },
	},
}}

func setScript(l *loader, s *scriptDraft, a *syntax.Args) {
	pieces, err := a.Command(l.opt.StrictCompat)
	if err != nil {
		a.Report(syntax.General, "%s", capital(err.Error()))
		return
	}
	if len(pieces) == 0 || strings.Trim(pieces[0].Text, " \t") == "" {
		return // the end of the block says so
	}
	user, set := s.Command.User, s.Command.UserSet
	s.Command = Command{Raw: pieces[0].Text, Pos: commandPos(a), User: user, UserSet: set}
	if !l.splitCommand(a, &s.Command) {
		s.Command = Command{}
	}
}

// scriptTime reads a time with three decimals that must be above zero.
func (l *loader) scriptTime(a *syntax.Args, what string, field *time.Duration) bool {
	v, ok := l.seconds(a, 3, rule{low: 0, high: maxScriptMillis, bad: what + " '%s' invalid - ignoring"})
	if !ok {
		return false
	}
	if v == 0 {
		a.Report(syntax.General, "%s must be greater than 0, setting to 1", what)
		v = time.Second
	}
	*field = v
	return true
}

func (l *loader) resultCount(a *syntax.Args, name string) int {
	v, ok := l.uint(a, rule{low: 1, high: 1<<31 - 1, bad: "(" + name + "): vrrp script " + a.Keyword() + " value '%s' invalid, defaulting to 1"})
	if !ok {
		return 1
	}
	return int(v)
}

// readScript reads a vrrp_script.
func readScript(l *loader, cfg *Config, a *syntax.Args) {
	name, ok := a.Need()
	if !ok {
		l.cur.SkipBlock()
		return
	}
	s := &scriptDraft{Script: &Script{Name: name, Pos: a.Line.Pos, Interval: time.Second, Rise: 1, Fall: 1}}
	parseOne(l, scriptKeywords, s)
	switch {
	case len(s.Command.Argv) == 0:
		l.here(syntax.General, "No script set for vrrp_script %s - removing", name)
		return
	case s.userBad:
		return
	case !s.Command.UserSet:
		if !l.defaultUserUsable(name) {
			return
		}
		s.Command.User = l.defaultUser()
	}
	if !s.timeoutSet {
		s.Timeout = s.Interval
	}
	cfg.Scripts = append(cfg.Scripts, s.Script)
	if l.draft.scripts[name] == nil {
		l.draft.scripts[name] = s.Script
	}
}

// defaultUserUsable says whether scripts that name no user can run at all.
func (l *loader) defaultUserUsable(script string) bool {
	if l.draft.userFailed {
		l.here(syntax.General, "Unable to set default user for vrrp script %s - removing", script)
		return false
	}
	if l.cfg.Global.ScriptSecurity && l.cfg.Global.ScriptUser == nil {
		if _, err := l.opt.Host.User("keepalived_script"); err != nil {
			l.report(Diagnostic{
				Code: syntax.General, Pos: l.cur.Pos(),
				Text:   fmt.Sprintf("Unable to set default user for vrrp script %s - removing", script),
				Hint:   "enable_script_security is set, script_user is not, and there is no user keepalived_script.",
				Action: "Set script_user.",
			})
			return false
		}
	}
	return true
}
