package syntax

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// MaxLines is the number of lines after which the expansion of definitions
// and repetitions is refused.
const MaxLines = 50_000

// MaxBytes is how much the files of a configuration may have together, and
// maxEmitted how many logical lines: far more than any has.
const (
	MaxBytes   = 64 << 20
	maxEmitted = 4_000_000
)

// maxCopied is as MaxLines for the bytes that substitutions copy.
const maxCopied = 64 << 20

// Options is what a Scanner needs of the world.
type Options struct {
	// ConfigID is compared with the ID of "@ID" lines.
	ConfigID string
	// AllChecks turns every plain include into one that must succeed (--all-config).
	AllChecks bool
	// PlainMain refuses a main file that is executable, as an include does.
	PlainMain bool
	// Glob lists the existing paths that match a pattern of *, ? and [], sorted.
	Glob func(pattern string) []string
	// GlobStopped says that Glob did not look everywhere; nil: it always does.
	GlobStopped func() bool
	// Read gives the content of a file; see ErrDirectory and its neighbours.
	Read func(path string) ([]byte, error)
	// Getenv serves ${_ENV NAME}; nil: every variable is unset.
	Getenv func(string) string
	// Cwd is what ${_PWD} puts in front of a relative directory.
	Cwd string
	// WorkDir is the directory that relative names start from; "": as they are.
	WorkDir string
	// Seed feeds ${_RANDOM}.
	Seed uint64
	// Copy receives what the files say, as one file that says the same: lines without
	// comments and the blanks before them, those of an included file where it is
	// included, and a comment with its name before the lines of each; nil: nobody
	// does. An include that comes out of a definition stands there twice.
	Copy func(line string)
	// Report receives the problems.
	Report func(Diagnostic)
}

// Scanner turns the files of a configuration into logical lines.
type Scanner struct {
	opt      Options
	frames   []*frame
	queue    []Line
	defs     map[string]definition
	collect  *collection
	files    []string
	emitted  int  // lines that came out of expansions
	copied   int  // bytes that substitutions copied
	gaveUp   bool // one of the two was too much
	lines    int  // logical lines given
	read     int  // bytes of files
	patterns int  // names and wildcards that were included
	exceeded map[string]bool
	random   uint64
	multiple bool // more than one file was read
}

// frame is one thing being read: a file, the lines of a definition, or a loop.
type frame struct {
	file  *file
	lines []string
	loop  *loop
	pos   Pos // where a definition or loop was used
}

type file struct {
	parent          *file // whose include names this one
	name, path, dir string
	data            []byte
	line            int
	checks          Checks
}

// collection is a definition whose value goes on in the next line.
type collection struct {
	name  string
	lines []string
	from  *frame
}

// NewScanner returns a Scanner that has opened nothing yet.
func NewScanner(opt Options) *Scanner {
	s := &Scanner{opt: opt, defs: map[string]definition{}, exceeded: map[string]bool{}}
	s.Seed(opt.Seed)
	return s
}

// Seed restarts ${_RANDOM}.
func (s *Scanner) Seed(seed uint64) { s.random = seed }

// Files lists the files read so far, in the order of reading.
func (s *Scanner) Files() []string { return slices.Clone(s.files) }

// Several says whether more than one file has been read, so that messages have to name it.
func (s *Scanner) Several() bool { return s.multiple }

// Checks are the include checks in force for the file being read.
func (s *Scanner) Checks() Checks {
	if f := s.top(); f != nil {
		return f.checks
	}
	return s.initialChecks()
}

// SetChecks changes the include checks until the end of the file being read.
func (s *Scanner) SetChecks(c Checks) {
	if f := s.top(); f != nil {
		f.checks = c
	}
}

// Definitions lists the names that are defined, sorted.
func (s *Scanner) Definitions() []string { return slices.Sorted(maps.Keys(s.defs)) }

func (s *Scanner) initialChecks() Checks {
	if s.opt.AllChecks {
		return CheckAll
	}
	return 0
}

// top is the innermost file being read.
func (s *Scanner) top() *file {
	for _, f := range slices.Backward(s.frames) {
		if f.file != nil {
			return f.file
		}
	}
	return nil
}

// Next returns the next logical line; false at the end of everything.
func (s *Scanner) Next() (Line, bool) {
	for len(s.queue) == 0 {
		if len(s.frames) == 0 {
			return Line{}, false
		}
		s.step()
	}
	line := s.queue[0]
	s.queue = s.queue[1:]
	if s.lines++; s.lines > maxEmitted {
		s.excess(line.Pos, fmt.Sprintf("the configuration has more than %d lines", maxEmitted), "Remove what is no configuration.")
		s.frames, s.queue = nil, nil
		return Line{}, false
	}
	return line, true
}

// step takes one line from the innermost frame.
func (s *Scanner) step() {
	f := s.frames[len(s.frames)-1]
	switch {
	case f.file != nil:
		raw, ok := s.physical(f.file)
		if !ok {
			s.endCollection(f)
			s.frames = s.frames[:len(s.frames)-1]
			return
		}
		s.fileLine(f, raw)
	case f.loop != nil:
		name, value, ok := f.loop.next()
		if !ok {
			s.frames = s.frames[:len(s.frames)-1]
			return
		}
		for i, n := range name {
			s.defs[n] = definition{lines: []string{value[i]}}
		}
		s.repeated(f, f.loop.body)
	default:
		if len(f.lines) == 0 {
			s.frames = s.frames[:len(s.frames)-1]
			return
		}
		text := f.lines[0]
		f.lines = f.lines[1:]
		s.expanded(text, f.pos)
	}
}

// physical returns the next line of a file without its end; lines that are
// too long or hold a NUL are reported and left out.
func (s *Scanner) physical(f *file) (string, bool) {
	for len(f.data) > 0 {
		f.line++
		n := bytes.IndexByte(f.data, '\n') + 1
		if n == 0 {
			n = len(f.data)
		}
		raw := f.data[:n]
		f.data = f.data[n:]
		pos := Pos{File: f.name, Line: f.line}
		for len(raw) > MaxLine || (len(raw) == MaxLine && raw[MaxLine-1] != '\n') {
			s.report(Diagnostic{
				Code: General, Pos: pos,
				Text:   fmt.Sprintf("line too long - the first %d bytes are ignored", MaxLine),
				Action: fmt.Sprintf("Keep lines below %d characters; a comment counts too.", MaxLine),
			})
			raw = raw[min(MaxLine, len(raw)):]
		}
		if bytes.IndexByte(raw, 0) >= 0 {
			s.report(Diagnostic{Code: General, Pos: pos, Text: "line holds a NUL character - ignoring it"})
			continue
		}
		return strings.TrimRight(string(raw), "\r\n"), true
	}
	return "", false
}

// fileLine handles a line as it stands in a file.
func (s *Scanner) fileLine(from *frame, raw string) {
	f := from.file
	text, lead, escaped, open := decomment(raw)
	pos := Pos{File: f.name, Line: f.line, Col: lead + 1}
	if open {
		s.report(Diagnostic{Code: UnmatchedQuote, Pos: pos, Text: "Unterminated quote '" + text + "'"})
	}
	said := text
	if escaped >= 0 { // a copy needs the escapes too
		said = raw[lead:]
	}
	if s.collect != nil && s.collect.from == from {
		s.copyLine(said)
		s.collectLine(text, strings.HasSuffix(raw, `\`), pos)
		return
	}
	if text == "" {
		return
	}
	included := s.patterns
	defer func() {
		if s.patterns == included { // else the file's lines are in its place
			s.copyLine(said)
		}
	}()
	if text[0] == '@' {
		rest, ok := s.condition(text)
		if !ok {
			return
		}
		if escaped >= 0 {
			escaped -= len(text) - len(rest)
		}
		pos.Col += len(text) - len(rest)
		text = rest
		if text == "" {
			return
		}
	}
	s.line(from, text, pos, escaped, open, true)
}

func (s *Scanner) copyLine(text string) {
	if s.opt.Copy != nil {
		s.opt.Copy(text)
	}
}

// repeated handles a line that came out of a loop. What it gives may be a
// definition or a conditional line, so references are replaced first.
func (s *Scanner) repeated(f *frame, body string) {
	if strings.HasPrefix(body, "$") || strings.HasPrefix(body, "@") {
		text, tail, _ := s.substitute(body, f.pos)
		if len(tail) > 0 {
			s.push(&frame{lines: tail, pos: f.pos})
		}
		if strings.HasPrefix(text, "@") {
			text, _ = s.condition(text)
		}
		body = text
	}
	s.expanded(body, f.pos)
}

// expanded handles a line that came out of a definition or a loop.
func (s *Scanner) expanded(text string, pos Pos) {
	if s.emitted++; s.emitted > MaxLines || s.copied > maxCopied {
		if !s.gaveUp {
			s.gaveUp = true
			s.report(Diagnostic{
				Code: General, Effect: Refuse, Pos: pos, Action: fmt.Sprintf("Repeat less, or write the lines out; %d lines are the limit.", MaxLines),
				Text: fmt.Sprintf("definitions and repetitions give too much after %d lines - ignoring the rest", s.emitted-1),
			})
		}
		s.frames = slices.DeleteFunc(s.frames, func(f *frame) bool { return f.file == nil })
		return
	}
	text, _, _, open := decomment(text)
	if text == "" {
		return
	}
	pos.Col = 0
	s.line(nil, text, pos, -1, open, false)
}

// condition gives what follows a condition that holds, "" otherwise.
func (s *Scanner) condition(text string) (string, bool) {
	text = text[1:]
	want := true
	if strings.HasPrefix(text, "^") {
		want, text = false, text[1:]
	}
	id, rest := text, ""
	if i := strings.IndexAny(text, " \t"); i >= 0 {
		id, rest = text[:i], trimLeft(text[i:])
	}
	if (id != "" && id == s.opt.ConfigID) != want {
		return "", false
	}
	return rest, true
}

// line handles a line from the definitions on.
func (s *Scanner) line(from *frame, text string, pos Pos, escaped int, open, fromFile bool) {
	if text[0] == '$' && s.define(from, text) {
		return
	}
	if text[0] == '~' {
		if s.repeat(text, pos) {
			return
		}
	}
	columns := fromFile
	if strings.IndexByte(text, '$') >= 0 {
		var changed bool
		var tail []string
		if text, tail, changed = s.substitute(text, pos); changed {
			if len(tail) > 0 {
				s.push(&frame{lines: tail, pos: pos})
			}
			columns, escaped = false, -1
			if text, _, _, open = decomment(text); text == "" {
				return
			}
			if text[0] == '~' && s.repeat(text, pos) {
				return
			}
		}
	}
	if s.include(text, pos) {
		return
	}
	s.emit(text, pos, columns, escaped, open)
}

func (s *Scanner) emit(text string, pos Pos, columns bool, escaped int, reported bool) {
	parts, offsets := splitBraces(text)
	for i, part := range parts {
		p := pos
		p.Col += offsets[i]
		l := makeLine(part, p, columns)
		l.reported = reported
		if escaped >= 0 {
			switch at := escaped - offsets[i]; {
			case at < 0:
				l.shadowed = true
			case at < len(part):
				l.escaped = at
			}
		}
		s.queue = append(s.queue, l)
	}
}

func (s *Scanner) push(f *frame) { s.frames = append(s.frames, f) }

func (s *Scanner) report(d Diagnostic) {
	if s.opt.Report != nil {
		s.opt.Report(d)
	}
}
