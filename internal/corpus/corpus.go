// Package corpus reads a collection of published configurations with the
// verdicts of keepalived about them, for tests. The configurations belong to
// their authors and are no part of the source: the tests skip, and say so,
// where the collection is not.
//
// Of a configuration with virtual servers keepalived says more than a VRRP
// daemon can, because its health checker reads the same file. [Message.LVS]
// tells the two apart by rule:
//
//   - A message about a line belongs to LVS if the line is one of an LVS block:
//     from a line outside all braces that starts with virtual_server,
//     virtual_server_group or SSL to the brace that closes what it opens. Braces
//     are counted as keepalived counts them when it leaves the block out:
//     without those in quotes and comments.
//   - A message about no line belongs to LVS if its text speaks of virtual
//     servers, real servers or checkers; keepalived's always do.
package corpus

import (
	"bytes"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// release is the keepalived whose verdicts are the reference.
const release = "2.4.3"

// NodeName is a configuration id that no file of the collection asks for: the
// verdicts were taken with such a one.
const NodeName = "corpus-node"

// File is a configuration and what keepalived says about it.
type File struct {
	Number string // its name, without .conf
	Path   string
	Text   []byte
	LVS    bool // it has virtual servers

	// Exit statuses of the configuration test: on a machine with the usual
	// interfaces, on one with lo alone, and on one where everything exists
	// that the file names.
	Exit, ExitNoInterface, ExitFull int
	// Codes are the kinds of what was found, where everything exists; sorted.
	Codes []string
	// Messages are what was printed there.
	Messages []Message
}

// Message is a line that keepalived printed.
type Message struct {
	Code string // log: it had no kind
	Text string
	LVS  bool // about virtual servers; see the package comment
}

// Dir is where the collection is, or a reason to skip the test.
func Dir(tb testing.TB) string {
	tb.Helper()
	dir := os.Getenv("HOLDFAST_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	if _, err := os.Stat(filepath.Join(dir, "verdicts.tsv")); err != nil {
		tb.Skipf("no corpus: set HOLDFAST_CORPUS (%v)", err)
	}
	return dir
}

// Read reads the whole collection, or skips the test.
func Read(tb testing.TB) []*File {
	tb.Helper()
	dir := Dir(tb)
	said := messages(tb, dir)
	var files []*File
	for _, row := range table(tb, filepath.Join(dir, "verdicts.tsv")) {
		f := &File{Number: row["NNN"], LVS: row["lvs"] == "yes", Messages: said[row["NNN"]]}
		f.Path = filepath.Join(dir, "open", f.Number+".conf")
		var err error
		if f.Text, err = os.ReadFile(f.Path); err != nil {
			tb.Fatal(err)
		}
		for column, field := range map[string]*int{
			"exit_" + release: &f.Exit, "exit_" + release + "_noif": &f.ExitNoInterface, "exit_" + release + "_full": &f.ExitFull,
		} {
			if *field, err = strconv.Atoi(row[column]); err != nil {
				tb.Fatalf("%s: %s: %v", f.Number, column, err)
			}
		}
		if codes := row["codes_"+release+"_full"]; codes != "-" {
			f.Codes = strings.Split(codes, ",")
			slices.Sort(f.Codes)
		}
		f.attribute()
		files = append(files, f)
	}
	return files
}

// table reads a table with a header line.
func table(tb testing.TB, path string) []map[string]string {
	tb.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		tb.Fatal(err)
	}
	lines := strings.Split(strings.TrimRight(string(text), "\n"), "\n")
	head := strings.Split(lines[0], "\t")
	var rows []map[string]string
	for _, l := range lines[1:] {
		fields := strings.Split(l, "\t")
		if len(fields) != len(head) {
			tb.Fatalf("%s: %d fields in %q", path, len(fields), l)
		}
		row := map[string]string{}
		for i, f := range fields {
			row[head[i]] = f
		}
		rows = append(rows, row)
	}
	return rows
}

func messages(tb testing.TB, dir string) map[string][]Message {
	tb.Helper()
	said := map[string][]Message{}
	for _, row := range table(tb, filepath.Join(dir, "messages.tsv")) {
		if row["keepalived"] == release {
			said[row["NNN"]] = append(said[row["NNN"]], Message{Code: row["code"], Text: row["message"]})
		}
	}
	return said
}

var (
	placed = regexp.MustCompile(`^\((?:.*: )?Line (\d+)\) `)
	ofLVS  = regexp.MustCompile(`(?i)virtual ?server|real server|check(er)? script|checker|quorum`)
)

// attribute decides which messages belong to LVS.
func (f *File) attribute() {
	about := AboutLVS(string(f.Text), NodeName)
	for i := range f.Messages {
		f.Messages[i].LVS = about(f.Messages[i].Text)
	}
}

// AboutLVS returns what tells whether a message about a configuration of one
// file belongs to LVS; see the package comment.
func AboutLVS(text, configID string) func(message string) bool {
	lines := blocks(text, configID)
	return func(message string) bool {
		if at := placed.FindStringSubmatch(message); at != nil {
			n, _ := strconv.Atoi(at[1])
			return lines[n]
		}
		return ofLVS.MatchString(message)
	}
}

// blocks are the numbers of the lines in LVS blocks.
func blocks(text, configID string) map[int]bool {
	const name = "text"
	s := syntax.NewScanner(syntax.Options{
		ConfigID: configID,
		Glob: func(p string) []string {
			if p == name {
				return []string{p}
			}
			return nil
		},
		Read: func(string) ([]byte, error) { return []byte(text), nil },
	})
	lines := map[int]bool{}
	if !s.Main(name) {
		return lines
	}
	depth, inside, opened := 0, false, false
	for l, ok := s.Next(); ok; l, ok = s.Next() {
		if inside && !opened && !l.IsOpen() {
			inside = false // a keyword without a block
		}
		if depth == 0 && len(l.Words) > 0 && slices.Contains([]string{"virtual_server", "virtual_server_group", "SSL"}, l.Words[0].Text) {
			inside, opened = true, false
		}
		if inside {
			lines[l.Pos.Line] = true
		}
		switch {
		case l.IsOpen():
			depth++
			opened = true
		case l.IsClose() && depth > 0:
			if depth--; depth == 0 {
				inside = false
			}
		}
	}
	return lines
}

// Stopped says whether keepalived ended at a line of an LVS block: it did not
// get to the VRRP part then.
func (f *File) Stopped() bool {
	return slices.ContainsFunc(f.Messages, func(m Message) bool { return m.LVS && m.Code == syntax.MissingParam.String() })
}

// LVSCodes are the kinds of what was found in LVS blocks.
func (f *File) LVSCodes() []string { return f.codes(true) }

// VRRPCodes are the kinds of everything else that was found.
func (f *File) VRRPCodes() []string { return f.codes(false) }

func (f *File) codes(lvs bool) []string {
	var list []string
	for _, m := range f.Messages {
		// The first reading reports it without a kind where a later one does.
		if m.LVS == lvs && slices.Contains(f.Codes, m.Code) {
			list = append(list, m.Code)
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Codes are the kinds of diagnostics that count, sorted, each once.
func Codes(diags config.Diagnostics) []string {
	var list []string
	for _, d := range diags {
		if d.Code > syntax.Log {
			list = append(list, d.Code.String())
		}
	}
	slices.Sort(list)
	return slices.Compact(list)
}

// Exit is the status of a test that found these kinds.
func Exit(codes []string) int {
	var diags config.Diagnostics
	for c := syntax.FileNotFound; c <= syntax.Security; c++ {
		if !slices.Contains(codes, c.String()) {
			continue
		}
		d := config.Diagnostic{Code: c}
		if c == syntax.MissingParam {
			d.Effect = syntax.Stop
		}
		diags = append(diags, d)
	}
	return diags.ExitStatus()
}

// Contains says whether the text has the word outside of comments.
func (f *File) Contains(word string) bool {
	for line := range bytes.Lines(f.Text) {
		if i := bytes.IndexAny(line, "#!"); i >= 0 {
			line = line[:i]
		}
		if slices.Contains(strings.FieldsFunc(string(line), func(r rune) bool { return strings.ContainsRune(" \t\r\n{}\"", r) }), word) {
			return true
		}
	}
	return false
}
