package syntax

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"
)

// Reasons for which Options.Read refuses a file. ErrExecutable comes with the
// content: the caller decides.
var (
	ErrDirectory  = errors.New("is a directory")
	ErrNotRegular = errors.New("is not a regular non-executable file")
	ErrExecutable = errors.New("is not a regular non-executable file")
)

// Checks says which failures of an include are errors.
type Checks uint8

// Include checks; the letters are those of the include keywords.
const (
	CheckRead     Checks = 1 << iota // a matched file that cannot be read
	CheckMatch                       // a plain name that does not exist
	CheckWildcard                    // a wildcard that matches nothing
	CheckBrace                       // an alternative of {a,b} that does not exist

	CheckAll = CheckRead | CheckMatch | CheckWildcard | CheckBrace
)

var includeKeywords = []struct {
	name   string
	checks Checks
}{
	{"include", 0},
	{"includer", CheckRead},
	{"includem", CheckRead | CheckMatch},
	{"includew", CheckRead | CheckMatch | CheckWildcard},
	{"includeb", CheckRead | CheckBrace},
	{"includea", CheckAll},
}

// IncludeWords are the words that begin an include line.
func IncludeWords() []string {
	var words []string
	for _, k := range includeKeywords {
		words = append(words, k.name)
	}
	return words
}

// include handles the include lines; false when text is something else.
func (s *Scanner) include(text string, pos Pos) bool {
	if !strings.HasPrefix(text, "include") {
		return false
	}
	for _, k := range includeKeywords {
		rest, ok := strings.CutPrefix(text, k.name)
		if !ok || rest == "" || !isSeparator(rest[0]) {
			continue
		}
		s.open(strings.TrimLeft(rest, " \t\f\v"), s.Checks()|k.checks, pos)
		return true
	}
	return false
}

// Main starts reading with the file or files the pattern names. It reports
// and returns false when there is none.
func (s *Scanner) Main(pattern string) bool {
	return s.open(pattern, s.initialChecks()|CheckMatch|CheckWildcard, Pos{})
}

// open pushes the files a pattern names, so that they are read next.
func (s *Scanner) open(pattern string, checks Checks, pos Pos) bool {
	parent := s.top()
	main := parent == nil
	dir := s.opt.WorkDir
	if !main {
		dir = parent.dir
	}
	var (
		frames  []*frame
		matched bool
	)
	alternatives := expandBraces(pattern)
	s.emitted += len(alternatives)
	for _, alternative := range alternatives {
		names := s.glob(dir, alternative)
		matched = matched || len(names) > 0
		if len(names) == 0 {
			if braces := alternative != pattern; braces && checks&CheckBrace != 0 {
				s.missing(alternative, main, true, pos)
			}
		}
		for _, name := range names {
			if f := s.load(dir, name, checks, main, pos); f != nil {
				frames = append(frames, f)
			}
		}
	}
	if !matched {
		fail := checks&CheckMatch != 0
		if strings.ContainsAny(pattern, "*?[") {
			fail = checks&CheckWildcard != 0
		}
		s.missing(pattern, main, fail, pos)
		return false
	}
	s.multiple = s.multiple || !main || len(frames) > 1
	if main && len(frames) > 1 {
		s.report(Diagnostic{
			Code: MultipleFiles,
			Text: fmt.Sprintf("the name '%s' matches %d files; all are read", pattern, len(frames)),
		})
	}
	slices.Reverse(frames)
	s.frames = append(s.frames, frames...)
	return len(frames) > 0
}

// prefix is the form of the place for what only the first reading says.
func (s *Scanner) prefix() Prefix {
	if s.multiple {
		return PrefixFull
	}
	return PrefixLine
}

func (s *Scanner) missing(pattern string, main, fail bool, pos Pos) {
	d := Diagnostic{Code: Log, Pos: pos, Prefix: s.prefix(), Text: fmt.Sprintf("Config files missing '%s'.", pattern)}
	switch {
	case main:
		d.Code, d.Effect = FileNotFound, RefuseInclude
		d.Action = "Name the configuration file with -f."
	case fail:
		d.Code, d.Effect = FileNotFound, RefuseInclude
	}
	s.report(d)
}

// glob lists the names that match, as keepalived would name them: relative
// where the pattern is relative.
func (s *Scanner) glob(dir, pattern string) []string {
	full := join(dir, pattern)
	names := s.opt.Glob(full)
	if full != pattern {
		prefix := strings.TrimSuffix(full, pattern)
		for i := range names {
			names[i] = strings.TrimPrefix(names[i], prefix)
		}
	}
	return names
}

// load reads one file.
func (s *Scanner) load(dir, name string, checks Checks, main bool, pos Pos) *frame {
	full := join(dir, name)
	parent, depth := s.top(), 0
	for f := parent; f != nil; f = f.parent {
		if path.Clean(f.path) == path.Clean(full) {
			s.failed(name, "includes itself", checks, main, pos)
			return nil
		}
		depth++
	}
	if depth > maxDepth || len(s.files) >= maxFiles {
		s.failed(name, "is one too many", checks, main, pos)
		return nil
	}
	data, err := s.opt.Read(full)
	switch {
	case errors.Is(err, ErrExecutable) && main && !s.opt.PlainMain:
		s.report(Diagnostic{
			Code: Log, Text: fmt.Sprintf("Configuration file '%s' is executable", name),
			Hint: "keepalived does not read such a file.", Action: "Remove the execute permission.",
		})
	case err != nil:
		s.failed(name, err.Error(), checks, main, pos)
		return nil
	}
	s.files = append(s.files, full)
	inherited := s.initialChecks()
	if parent != nil {
		inherited = parent.checks
	}
	return &frame{file: &file{parent: parent, name: name, path: full, dir: path.Dir(full), data: data, checks: inherited}}
}

func (s *Scanner) failed(name, why string, checks Checks, main bool, pos Pos) {
	d := Diagnostic{Code: Log, Pos: pos, Prefix: s.prefix(), Text: fmt.Sprintf("Configuration file '%s' %s - skipping", name, why)}
	if main || checks&CheckRead != 0 {
		d.Code, d.Effect = FileNotFound, RefuseInclude
	}
	s.report(d)
}

func join(dir, name string) string {
	if dir == "" || dir == "." || strings.HasPrefix(name, "/") {
		return name
	}
	return strings.TrimSuffix(dir, "/") + "/" + name
}

// Limits of inclusion, far above what anyone needs.
const (
	maxDepth = 100
	maxFiles = 10_000
)

// maxAlternatives bounds the names one pattern with braces may give.
const maxAlternatives = 1024

// expandBraces gives the patterns that {a,b} alternatives stand for, in
// order. A brace without partner is an ordinary character.
func expandBraces(pattern string) []string {
	done, todo := []string(nil), []string{pattern}
	for len(todo) > 0 && len(done)+len(todo) <= maxAlternatives {
		p := todo[0]
		todo = todo[1:]
		before, parts, after, ok := cutBraces(p)
		if !ok {
			done = append(done, p)
			continue
		}
		expanded := make([]string, 0, len(parts)+len(todo))
		for _, part := range parts {
			expanded = append(expanded, before+part+after)
		}
		todo = append(expanded, todo...)
	}
	return done
}

// cutBraces finds the first pair of braces and its alternatives.
func cutBraces(pattern string) (before string, parts []string, after string, ok bool) {
	open := strings.IndexByte(pattern, '{')
	if open < 0 {
		return "", nil, "", false
	}
	depth, start := 0, open+1
	for i := open; i < len(pattern); i++ {
		switch pattern[i] {
		case '{':
			depth++
		case ',':
			if depth == 1 {
				parts = append(parts, pattern[start:i])
				start = i + 1
			}
		case '}':
			if depth--; depth == 0 {
				return pattern[:open], append(parts, pattern[start:i]), pattern[i+1:], true
			}
		}
	}
	return "", nil, "", false
}
