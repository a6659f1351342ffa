package config

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// Options say how to load a configuration.
type Options struct {
	// ConfigID selects the "@ID" lines; "": the node name up to the first dot.
	ConfigID string
	// Test is set for a configuration test: numbers followed by other characters are refused.
	Test bool
	// Detail is set with detailed logging, which adds a check (config-test statuses depend on it).
	Detail bool
	// StrictCompat takes the verdicts of keepalived 2.4.3 where Holdfast deliberately differs.
	StrictCompat bool
	// AllConfig makes every include that fails an error.
	AllConfig bool
	// NetNS is the network namespace the daemon is to run in, over the one in
	// the file; "": that one.
	NetNS string
	// Host is the machine the configuration is for; nil: this one.
	Host *Host
	// Seed feeds ${_RANDOM}; 0: the time of day.
	Seed uint64
}

// maxDiagnostics is how many problems are kept. Further ones count only
// where they make the verdict worse.
const maxDiagnostics = 5000

// maxCompared is how many names are compared to find hints, which takes time.
const maxCompared = 100_000

// Load reads the configuration that path names, which may be a pattern for
// several files. The Config is never nil; it may be run only if the
// diagnostics are not [Diagnostics.Fatal].
func Load(path string, opt Options) (*Config, Diagnostics) {
	if opt.Host == nil {
		opt.Host = System()
	}
	l := &loader{opt: opt, cfg: newConfig(), seen: map[string]int{}, noted: map[string]bool{}, effects: map[syntax.Effect]bool{}, draft: newDraft()}
	l.machine = &machine{Host: opt.Host, links: map[string]*Link{}}
	if l.opt.ConfigID == "" {
		l.opt.ConfigID, _, _ = strings.Cut(opt.Host.NodeName(), ".")
	}
	l.load(path)
	l.tellDropped()
	return l.cfg, l.diags
}

type loader struct {
	opt      Options
	machine  *machine
	cfg      *Config
	diags    Diagnostics
	seen     map[string]int         // message to index in diags, to say each once
	noted    map[string]bool        // keywords said to be not served yet
	highest  syntax.Code            // of all diagnostics
	effects  map[syntax.Effect]bool // of all diagnostics
	dropped  int                    // diagnostics that are not kept
	compared int                    // names that were compared for hints
	scan     *syntax.Scanner
	copy     []byte // of what the files say
	cur      *syntax.Cursor
	early    bool              // the globals are being read
	muted    bool              // unknown keywords and stray braces are not reported
	stopped  bool              // keepalived ends here
	beyond   bool              // keepalived has ended before this check
	places   map[string]string // blocks by the keywords they hold
	// blockEnded says that the block being read ends here, whatever follows.
	blockEnded bool
	draft      draft
}

func (l *loader) load(path string) {
	seed := l.opt.Seed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	cwd := ""
	if getwd := l.opt.Host.Getwd; getwd != nil {
		cwd, _ = getwd() // without it ${_PWD} stays relative
	}
	l.scan = syntax.NewScanner(syntax.Options{
		ConfigID: l.opt.ConfigID, AllChecks: l.opt.AllConfig, PlainMain: l.opt.StrictCompat, Seed: seed, Cwd: cwd,
		Glob: l.opt.Host.Glob, GlobStopped: l.opt.Host.GlobStopped, Read: l.opt.Host.ReadFile, Getenv: l.opt.Host.Getenv,
		Report: l.scanned, Copy: func(line string) { l.copy = append(append(l.copy, line...), '\n') },
	})
	l.early = true
	defer func() {
		l.cfg.Files = l.scan.Files()
		if l.cfg.Global.More.ConfigSaveDir != "" {
			l.cfg.Copy = l.copy
		}
	}()
	if !l.scan.Main(path) {
		l.mainMissing()
		l.finishGlobals()
		return
	}
	var lines tape
	record := func() (syntax.Line, bool) {
		line, ok := l.scan.Next()
		if ok {
			lines.add(line)
		}
		return line, ok
	}
	l.pass(record)
	for _, ok := record(); ok; _, ok = record() {
		// What a stopped reading left: later passes and messages need all of it.
	}
	l.finishGlobals()
	l.checkGlobalScripts()
	if l.halted() || !l.enter() {
		return
	}
	l.early = false
	l.pass(lines.next)
	if l.stopped || slices.ContainsFunc(l.diags, func(d Diagnostic) bool { return d.Effect == syntax.Stop }) {
		return
	}
	l.complete()
}

// enter looks up the interfaces of the network namespace that is asked for.
// Without it keepalived ends its test and calls it a success.
func (l *loader) enter() bool {
	g := &l.cfg.Global
	if l.opt.NetNS != "" && g.More.NetNS != "" && g.More.NetNS != l.opt.NetNS {
		l.report(Diagnostic{
			Code: syntax.Log, Prefix: syntax.PrefixNone,
			Text: fmt.Sprintf("Overriding config net_namespace '%s' with command line namespace '%s'", g.More.NetNS, l.opt.NetNS),
		})
	}
	if l.opt.NetNS != "" {
		g.More.NetNS, g.UsePidDir = l.opt.NetNS, true
	}
	name := g.More.NetNS
	if name != "" && !l.opt.Host.NetNS(name) {
		d := Diagnostic{
			Code: syntax.Log, Prefix: syntax.PrefixNone, Text: fmt.Sprintf("network namespace '%s' does not exist", name),
			Hint: "Interfaces are looked up in the namespace of this program.",
		}
		if l.opt.StrictCompat && l.opt.Test {
			d.Effect, d.Hint = syntax.Abandon, ""
		}
		l.report(d)
		if d.Effect == syntax.Abandon {
			return false
		}
		name = ""
	}
	if err := l.machine.readLinks(name); err != nil {
		l.report(Diagnostic{Code: syntax.Log, Prefix: syntax.PrefixNone, Text: fmt.Sprintf("cannot list the network interfaces: %v", err)})
	}
	return true
}

// halted says whether keepalived ends after the globals.
func (l *loader) halted() bool {
	if !l.opt.StrictCompat {
		return false
	}
	return l.stopped || slices.ContainsFunc(l.diags, func(d Diagnostic) bool { return d.Effect == syntax.RefuseInclude })
}

// mainMissing settles the status of a test without a file to test: 4 here,
// while keepalived says so and ends with 0 unless every include is checked.
func (l *loader) mainMissing() {
	for i := range l.diags {
		d := &l.diags[i]
		if d.Effect != syntax.RefuseInclude || !l.opt.Test {
			continue
		}
		d.Effect = syntax.Refuse
		if l.opt.StrictCompat && !l.opt.AllConfig {
			d.Code, d.Effect = syntax.Log, syntax.Report
		}
	}
}

// pass reads all lines once: the globals when early, else everything else.
func (l *loader) pass(next func() (syntax.Line, bool)) {
	l.cur = syntax.NewCursor(next, l.report)
	for line, ok := l.cur.Next(); ok && !l.stopped; line, ok = l.cur.Next() {
		// What is no global is the business of the second reading, except that
		// keepalived complains about it in both.
		l.muted = l.early && !l.opt.StrictCompat
		switch {
		case line.IsClose():
			l.cur.ExtraClose(line)
		case line.IsOpen():
			l.cur.UnexpectedOpen(line)
		default:
			l.statement(line, l.topLevel, topNames)
		}
	}
	if !l.stopped && !l.muted {
		l.cur.Finish()
	}
	l.muted = false
}

// topLevel handles a keyword outside all blocks.
func (l *loader) topLevel(name string, a *syntax.Args) bool {
	if k := globalKeywords.find(name); k != nil {
		if l.early {
			l.muted = false
			return apply(l, globalKeywords, &l.cfg.Global, a, name)
		}
		l.cur.Skip()
		return true
	}
	if topKeywords.find(name) == nil {
		return false
	}
	if l.early {
		l.cur.Skip()
		return true
	}
	return apply(l, topKeywords, l.cfg, a, name)
}

// statement handles one line at keyword position.
func (l *loader) statement(line syntax.Line, handle func(string, *syntax.Args) bool, known func() []string) {
	l.openQuote(line)
	if len(line.Words) == 0 {
		return
	}
	name := line.Words[0].Text
	if handle(name, syntax.NewArgs(line, l.reporter(line))) {
		return
	}
	d := Diagnostic{Code: syntax.UnknownKeyword, Pos: line.Words[0].Pos, Text: fmt.Sprintf("Unknown keyword '%s'", name)}
	if l.muted {
		// Nothing to add.
	} else if strings.HasPrefix(name, "\ufeff") {
		d.Hint = "There is a byte order mark before it: save the file without."
	} else if near := l.nearest(name, known); near != "" {
		d.Hint = fmt.Sprintf("Did you mean '%s'?", near)
	} else if home := l.homes(name); home == topLevel {
		d.Hint = "It belongs outside all blocks: a '}' may be missing above."
	} else if home != "" {
		d.Hint = fmt.Sprintf("It belongs in %s.", home)
	}
	// In keepalived the content of an unknown block leaks into the block
	// around it, and its closing brace ends that block.
	skip := !l.opt.StrictCompat && l.cur.Closed(startsTopBlock)
	if next, ok := l.cur.Peek(); skip && ok && next.IsOpen() {
		d.Action = "The block is left out."
		defer l.cur.Skip()
	}
	l.report(d)
}

// homes names the block that knows a keyword; "": none, or several.
func (l *loader) homes(keyword string) string {
	if l.places == nil {
		l.places = map[string]string{}
		gather(l.places, everyKeyword())
	}
	return l.places[keyword]
}

// topLevel stands for the place outside all blocks.
const topLevel = "top level"

// everyKeyword is Keywords, asked once: nobody changes the result. The tables
// cannot refer to Keywords by name because it is made from them.
var everyKeyword func() []Keyword

func init() { everyKeyword = sync.OnceValue(Keywords) }

func gather(places map[string]string, list []Keyword) {
	for _, k := range list {
		block := k.Block
		if block == "" {
			block = topLevel
		}
		if old, ok := places[k.Name]; ok && old != block {
			block = ""
		}
		places[k.Name] = block
		gather(places, k.Keywords)
	}
}

// startsTopBlock recognises a line that belongs to no block of its own kind:
// a brace must be missing before it.
func startsTopBlock(line syntax.Line) bool {
	if len(line.Words) == 0 {
		return false
	}
	switch line.Words[0].Text {
	case "global_defs", "vrrp_instance", "vrrp_sync_group", "vrrp_script", "vrrp_track_process", "virtual_server":
		return true
	}
	return false
}

// openQuote reports a quote without partner.
func (l *loader) openQuote(line syntax.Line) {
	if line.OpenQuote && !line.QuoteReported() {
		l.report(Diagnostic{Code: syntax.UnmatchedQuote, Pos: line.Pos, Text: fmt.Sprintf("Unmatched quote: '%s'", Conceal(line.Text))})
	}
}

// report adds a diagnostic, once.
func (l *loader) report(d Diagnostic) {
	if l.stopped || l.muted && d.Code >= syntax.UnknownKeyword && d.Code <= syntax.UnexpectedClose {
		return
	}
	if l.early && d.Prefix == syntax.PrefixFull && !l.scan.Several() {
		d.Prefix = syntax.PrefixLine
	}
	l.add(d)
}

// add is report for what has its prefix already.
func (l *loader) add(d Diagnostic) {
	d.Early, d.Beyond = l.early, l.beyond
	k := key(d)
	if i, ok := l.seen[k]; ok {
		// Said by the first reading and now by a later one, which names the file.
		l.diags[i].Prefix = min(l.diags[i].Prefix, d.Prefix)
		return
	}
	if len(l.diags) >= maxDiagnostics && l.effects[d.Effect] && d.Code <= l.highest {
		l.dropped++
		return
	}
	l.highest = max(l.highest, d.Code)
	l.effects[d.Effect] = true
	l.seen[k] = len(l.diags)
	l.diags = append(l.diags, d)
	if d.Effect == syntax.Stop && l.opt.StrictCompat {
		l.stopped = true
	}
}

// scanned takes the diagnostics of the scanner, which does not know what in a
// line is a secret.
func (l *loader) scanned(d Diagnostic) {
	d.Text = concealQuoted(d.Text)
	l.add(d)
}

// tellDropped says that there is more than what is listed.
func (l *loader) tellDropped() {
	if l.dropped == 0 {
		return
	}
	l.diags = append(l.diags, Diagnostic{
		Code: syntax.Note, Prefix: syntax.PrefixNone,
		Text:   fmt.Sprintf("note: only the first %d problems are listed; others were found %d times", maxDiagnostics, l.dropped),
		Action: "Correct these first.",
	})
}

// key tells diagnostics apart: one text is said once per line.
func key(d Diagnostic) string {
	return d.Pos.File + ":" + strconv.Itoa(d.Pos.Line) + ":" + d.Text
}

// notServed says once per keyword that nothing is done about it yet.
func (l *loader) notServed(keyword string, pos Pos) {
	if l.noted[keyword] {
		return
	}
	l.noted[keyword] = true
	l.report(Diagnostic{
		Code: syntax.Note, Pos: pos,
		Text: fmt.Sprintf("note: '%s' is recognised and checked, but not served yet", keyword),
	})
}

// noMore reports words after the keyword of a value block.
func (l *loader) noMore(a *syntax.Args) {
	if w, ok := a.Next(); ok {
		a.Report(syntax.General, "Block %s has extra parameters %s ...", a.Keyword(), w)
	}
}

// general reports a problem that is not about a line.
func (l *loader) general(pos Pos, format string, args ...any) {
	l.late(syntax.General, syntax.Report, pos, format, args...)
}

// refuse reports a problem with which nothing can be run.
func (l *loader) refuse(pos Pos, format string, args ...any) {
	l.late(syntax.General, syntax.Refuse, pos, format, args...)
}

// logged reports what keepalived only writes to its log.
func (l *loader) logged(pos Pos, format string, args ...any) {
	l.late(syntax.Log, syntax.Report, pos, format, args...)
}

func (l *loader) late(code syntax.Code, effect syntax.Effect, pos Pos, format string, args ...any) {
	l.report(Diagnostic{Code: code, Effect: effect, Pos: pos, Prefix: syntax.PrefixNone, Text: fmt.Sprintf(format, args...)})
}
