package findings

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"path"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// Severity is how much a finding matters.
type Severity uint8

// Severities.
const (
	Note    Severity = iota // has no influence on the status
	Warning                 // changes the status; the daemon runs without the faulty part
	Error                   // the daemon refuses the configuration, or something it names is not there
)

func (s Severity) String() string { return [...]string{"note", "warning", "error"}[min(s, Error)] }

// severity grades a diagnostic: what the daemon does not start with is an
// error, and so are the kinds that end a test with status 2 or 4; what else
// changes the status is a warning.
func severity(d config.Diagnostic) Severity {
	switch {
	case d.Effect != syntax.Report:
		return Error
	case d.Code <= syntax.Log:
		return Note
	case d.Code <= syntax.Fatal, d.Code == syntax.MissingParam:
		return Error
	}
	return Warning
}

// Finding is one diagnostic with its place in the text.
type Finding struct {
	config.Diagnostic
	Severity Severity
	// Path is the file as it can be opened; Pos.File is the name by which the
	// configuration includes it. Empty: about the whole.
	Path string
	// Column and EndColumn count characters from 1 and enclose the word that
	// is meant, EndColumn being the first one after it. 0: not known.
	Column, EndColumn int

	line     []byte // the text of the line without its end; nil: not readable
	from, to int    // offsets in line of what is meant; equal: not known
}

// Report is all there is to say about a configuration.
type Report struct {
	// Main is the configuration file as it was named.
	Main string
	// Files are those that were read, in the order of reading.
	Files []string
	// Findings are in the order of the text: files as they were read, then
	// lines, then columns; those without a line come last, in keepalived's order.
	Findings []Finding
	// Status is that of the configuration test.
	Status int
	// Refused says that the daemon does not run with this configuration.
	Refused bool

	diags config.Diagnostics
}

// New joins diagnostics with the text they are about. Files are those of the
// Config, read gives their content (that of config.Host does); a file that
// cannot be read any more costs the excerpts and the ends of the words.
func New(diags config.Diagnostics, main string, files []string, read func(path string) ([]byte, error)) *Report {
	r := &Report{Main: main, Files: files, Status: diags.ExitStatus(), Refused: diags.Fatal(), diags: diags}
	s := &sources{files: files, read: read, paths: map[string]string{}, wanted: map[string]map[int]bool{}, lines: map[string]map[int][]byte{}}
	r.Findings = make([]Finding, 0, len(diags))
	for _, d := range diags {
		f := Finding{Diagnostic: d, Severity: severity(d)}
		f.Path = s.path(d.Pos.File)
		s.want(f.Path, d.Pos.Line)
		r.Findings = append(r.Findings, f)
	}
	for i := range r.Findings {
		f := &r.Findings[i]
		f.locate(s.line(f.Path, f.Pos.Line))
	}
	r.sort()
	return r
}

// sort puts the findings in the order of the text.
func (r *Report) sort() {
	read := map[string]int{}
	for i, f := range r.Files {
		if _, ok := read[f]; !ok {
			read[f] = i
		}
	}
	file := func(f *Finding) int {
		if i, ok := read[f.Path]; ok && f.Pos.Line > 0 {
			return i
		}
		return len(read) // also of a file that could not be read
	}
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		if x, y := file(&a), file(&b); x != y {
			return cmp.Compare(x, y)
		}
		if a.Pos.Line == 0 || b.Pos.Line == 0 {
			return cmp.Compare(min(b.Pos.Line, 1), min(a.Pos.Line, 1))
		}
		return cmp.Or(cmp.Compare(a.Path, b.Path), cmp.Compare(a.Pos.Line, b.Pos.Line), cmp.Compare(a.Pos.Col, b.Pos.Col))
	})
}

// Count is the number of findings of a severity.
func (r *Report) Count(s Severity) int {
	n := 0
	for i := range r.Findings {
		if r.Findings[i].Severity == s {
			n++
		}
	}
	return n
}

// sources reads files once.
type sources struct {
	files  []string
	read   func(string) ([]byte, error)
	paths  map[string]string // files by their names
	wanted map[string]map[int]bool
	lines  map[string]map[int][]byte
}

// want says that a line will be asked for.
func (s *sources) want(name string, n int) {
	if s.wanted[name] == nil {
		s.wanted[name] = map[int]bool{}
	}
	s.wanted[name][n] = true
}

// path is search with a memory: most findings are in few files.
func (s *sources) path(name string) string {
	found, ok := s.paths[name]
	if !ok {
		found = s.search(name)
		s.paths[name] = found
	}
	return found
}

// search finds the file that a name stands for: an included file is named as
// its include line has it, which is relative to the file that line is in.
func (s *sources) search(name string) string {
	found := ""
	for _, f := range s.files {
		switch {
		case f == name:
			return name
		case found == "" && name != "" && !path.IsAbs(name) && strings.HasSuffix(f, "/"+strings.TrimPrefix(name, "./")):
			found = f
		}
	}
	if found != "" {
		return found
	}
	return name
}

// longest is the part of a line that is kept for excerpts and columns; the
// configuration has no longer lines.
const longest = 4096

// line gives line n of a file, from 1; nil where there is none. The lines of a
// file that are wanted are found in one go, and the file is not kept.
func (s *sources) line(name string, n int) []byte {
	if name == "" || n <= 0 || s.read == nil {
		return nil
	}
	lines, ok := s.lines[name]
	if !ok {
		lines = map[int][]byte{}
		s.lines[name] = lines
		// An executable file comes with an error and its content.
		if data, err := s.read(name); err == nil || len(data) > 0 {
			s.keep(lines, data, name)
		}
	}
	return lines[n]
}

// keep copies the wanted lines of a file.
func (s *sources) keep(lines map[int][]byte, data []byte, name string) {
	wanted := s.wanted[name]
	for n := 1; len(data) > 0 && len(lines) < len(wanted); n++ {
		line, rest, _ := bytes.Cut(data, []byte{'\n'})
		data = rest
		if !wanted[n] {
			continue
		}
		line = line[:min(longest, len(line))]
		lines[n] = append([]byte{}, bytes.TrimRight(line, "\r")...)
	}
}

// locate finds the ends of what a finding is about.
func (f *Finding) locate(line []byte) {
	f.line = line
	at := f.Pos.Col - 1
	if at < 0 {
		return
	}
	if at >= len(line) {
		// Without the text the column counts bytes, which is the same where
		// everything before it is ASCII.
		if line == nil {
			f.Column = f.Pos.Col
		}
		return
	}
	f.from, f.to = at, wordEnd(line, at)
	if f.Code == syntax.UnmatchedQuote {
		f.to = len(bytes.TrimRight(line, " \t\f\v"))
	}
	f.to = max(f.to, f.from+1) // a brace is a word of its own
	f.Column = characters(line[:f.from]) + 1
	f.EndColumn = f.Column + max(1, characters(line[f.from:f.to]))
}

// wordEnd is where the word that starts at i ends, by the rules of the
// language: a quoted one behind its quote, others at a blank, quote, brace or
// comment.
func wordEnd(line []byte, i int) int {
	if line[i] == '"' {
		if n := bytes.IndexByte(line[i+1:], '"'); n >= 0 {
			return i + n + 2
		}
		return len(bytes.TrimRight(line, " \t\f\v"))
	}
	for j := i; j < len(line); j++ {
		switch line[j] {
		case ' ', '\t', '\f', '\v', '\r', '"', '{', '}':
			return j
		case '#', '!':
			if j == 0 || line[j-1] != '\\' {
				return j
			}
		}
	}
	return len(line)
}

// characters counts code points; a byte that is no part of one counts as one.
func characters(b []byte) int { return utf8.RuneCount(b) }

// Format is a way to write a report.
type Format string

// Formats.
const (
	Text   Format = "text"   // keepalived's lines, each followed by a hint
	Pretty Format = "pretty" // with excerpts, for reading
	JSON   Format = "json"
	SARIF  Format = "sarif" // 2.1.0, for code hosts
)

// Formats lists all of them, the default first.
func Formats() []Format { return []Format{Text, Pretty, JSON, SARIF} }

// ParseFormat reads the name of a format; "" is Text.
func ParseFormat(s string) (Format, error) {
	if s == "" {
		return Text, nil
	}
	names := make([]string, 0, 4)
	for _, f := range Formats() {
		if s == string(f) {
			return f, nil
		}
		names = append(names, string(f))
	}
	return "", fmt.Errorf("unknown format '%s': use one of %s", s, strings.Join(names, ", "))
}

// Style is what the formats may be told.
type Style struct {
	// Color allows terminal colours in the pretty format.
	Color bool
	// Width of the pretty format in columns; 0: 80.
	Width int
	// Base is the directory that the paths in SARIF are relative to, absolute;
	// "": paths are left as they are. It should be the root of the checkout.
	Base string
	// WorkDir is the directory that relative names of files start from.
	WorkDir string
	// Version of the program, for SARIF.
	Version string
}

// Write writes the report in a format; "" is Text.
func (r *Report) Write(w io.Writer, f Format, s Style) error {
	switch f {
	case Text, "":
		return r.diags.Write(w)
	case Pretty:
		return r.pretty(w, s)
	case JSON:
		return r.json(w)
	case SARIF:
		return r.sarif(w, s)
	}
	return fmt.Errorf("unknown format '%s'", f)
}
