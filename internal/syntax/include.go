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
	ErrTooLarge   = fmt.Errorf("is larger than %d MiB", MaxBytes>>20)
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
	alternatives, all := expandBraces(pattern)
	if !all {
		s.excess(pos, fmt.Sprintf("the braces stand for more than %d names", maxAlternatives), "Use a wildcard, or several lines.")
	}
	if s.patterns += len(alternatives); s.patterns > maxPatterns {
		s.excess(pos, fmt.Sprintf("more than %d files are included", maxPatterns), "Include fewer files, or join them with a wildcard.")
		return false
	}
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
		if stopped := s.opt.GlobStopped; stopped != nil && stopped() {
			s.excess(pos, fmt.Sprintf("the wildcard '%s' matches too much", alternative), "Name a directory that holds nothing but the files to include.")
			break
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
		d.Action = "There is no such file; -f names another one."
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
			d := s.failure(name, "includes itself", checks, main, pos)
			if d.Effect == Report {
				d.Code = General // keepalived reads on until it has no descriptors left
			}
			d.Action = "Remove the include, or name the files so that the wildcard does not match the one it stands in."
			s.report(d)
			return nil
		}
		depth++
	}
	switch {
	case depth > maxDepth:
		s.excess(pos, fmt.Sprintf("files include each other more than %d deep", maxDepth), "Remove the include that leads back to a file.")
		return nil
	case len(s.files) >= maxFiles:
		s.excess(pos, fmt.Sprintf("more than %d files are included", maxFiles), "Join files.")
		return nil
	case s.read > MaxBytes:
		return nil // said already
	}
	data, err := s.opt.Read(full)
	if s.read += len(data); s.read > MaxBytes {
		err = ErrTooLarge
		if len(data) <= MaxBytes {
			s.excess(pos, fmt.Sprintf("the files have more than %d MiB together", MaxBytes>>20), "Remove what is no configuration.")
			return nil
		}
	}
	switch {
	case errors.Is(err, ErrTooLarge):
		s.report(Diagnostic{
			Code: FileNotFound, Effect: RefuseInclude, Pos: pos, Prefix: s.prefix(),
			Text: fmt.Sprintf("Configuration file '%s' %v - skipping", name, err), Action: "Name a file that is a configuration.",
		})
		return nil
	case errors.Is(err, ErrExecutable) && main && !s.opt.PlainMain:
		s.report(Diagnostic{
			Code: Log, Text: fmt.Sprintf("Configuration file '%s' is executable", name),
			Hint: "keepalived does not read such a file.", Action: "Remove the execute permission.",
		})
	case err != nil:
		d := s.failure(name, err.Error(), checks, main, pos)
		d.Action = remedy(err)
		s.report(d)
		return nil
	}
	s.files = append(s.files, full)
	s.copyLine("# " + full)
	inherited := s.initialChecks()
	if parent != nil {
		inherited = parent.checks
	}
	return &frame{file: &file{parent: parent, name: name, path: full, dir: path.Dir(full), data: data, checks: inherited}}
}

// remedy is what to do about a file that is not read.
func remedy(err error) string {
	switch {
	case errors.Is(err, ErrDirectory):
		return "Add a pattern for its files, like DIRECTORY/*.conf."
	case errors.Is(err, ErrExecutable):
		return "Remove the execute permission."
	case errors.Is(err, ErrNotRegular):
		return "Name a plain file."
	}
	return "Make it readable, or remove what names it."
}

// failure is the report of a file that is not read.
func (s *Scanner) failure(name, why string, checks Checks, main bool, pos Pos) Diagnostic {
	d := Diagnostic{Code: Log, Pos: pos, Prefix: s.prefix(), Text: fmt.Sprintf("Configuration file '%s' %s - skipping", name, why)}
	if main || checks&CheckRead != 0 {
		d.Code, d.Effect = FileNotFound, RefuseInclude
	}
	return d
}

// excess reports, once for each of our limits, that the configuration cannot
// be read as a whole. Without the rest of it nothing may be run.
func (s *Scanner) excess(pos Pos, what, action string) {
	if s.exceeded[what] {
		return
	}
	s.exceeded[what] = true
	s.report(Diagnostic{Code: General, Effect: Refuse, Pos: pos, Prefix: s.prefix(), Text: what + " - ignoring the rest", Action: action})
}

func join(dir, name string) string {
	if dir == "" || dir == "." || strings.HasPrefix(name, "/") {
		return name
	}
	return strings.TrimSuffix(dir, "/") + "/" + name
}

// Limits of inclusion, far above what anyone needs.
const (
	maxDepth    = 30 // less than the symbolic links a path may lead through
	maxFiles    = 10_000
	maxPatterns = 50_000 // names and wildcards in includes
)

// maxAlternatives bounds the names one pattern with braces may give.
const maxAlternatives = 1024

// expandBraces gives the patterns that {a,b} alternatives stand for, in
// order, and says whether these are all. A brace without partner is an
// ordinary character.
func expandBraces(pattern string) (patterns []string, all bool) {
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
	return done, len(todo) == 0
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
