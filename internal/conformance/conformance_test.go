package conformance

import (
	"flag"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write docs/conformance.md")

const root = "../.."

// verdict says what became of a clause.
type verdict uint8

const (
	kept     verdict = iota // it is so, and tests show it
	differs                 // it is not so, or not always, and why tells when
	left                    // somebody else does it: the kernel, the administrator
	unserved                // it concerns what is not served
)

var verdictNames = [...]string{"kept", "differs", "left to others", "not served"}

// clause is a requirement in our own words.
type clause struct {
	section string
	at      string // paragraph numbers of RFC 9568 section 6.4
	level   string // MUST and so on; "is" for a definition that all else rests on
	text    string
	verdict verdict
	tests   []string // package.Test or package.Test/row
	why     string
}

// sources are the test functions of a package and the literals in its tests.
type source struct {
	funcs    map[string]*ast.FuncDecl
	literals map[string]bool
}

var sources = map[string]*source{}

func load(t *testing.T, pkg string) *source {
	t.Helper()
	if s := sources[pkg]; s != nil {
		return s
	}
	dir := filepath.Join(root, "internal", pkg)
	if pkg == "holdfast" {
		dir = filepath.Join(root, "cmd", pkg)
	}
	files, err := filepath.Glob(filepath.Join(dir, "*_test.go"))
	if err != nil || len(files) == 0 {
		t.Fatalf("package %s has no tests: %v", pkg, err)
	}
	s := &source{funcs: map[string]*ast.FuncDecl{}, literals: map[string]bool{}}
	for _, name := range files {
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			switch n := n.(type) {
			case *ast.FuncDecl:
				if n.Recv == nil {
					s.funcs[n.Name.Name] = n
				}
			case *ast.BasicLit:
				if v, err := strconv.Unquote(n.Value); err == nil && n.Kind == token.STRING {
					s.literals[v] = true
				}
			}
			return true
		})
	}
	sources[pkg] = s
	return s
}

// skipped tells whether a test skips itself whatever the machine is like.
func skipped(f *ast.FuncDecl) bool {
	for _, s := range f.Body.List {
		e, ok := s.(*ast.ExprStmt)
		if !ok {
			continue
		}
		if call, ok := e.X.(*ast.CallExpr); ok {
			if sel, ok := call.Fun.(*ast.SelectorExpr); ok && strings.HasPrefix(sel.Sel.Name, "Skip") {
				return true
			}
		}
	}
	return false
}

// check says what is wrong with a reference to a test, if anything.
func check(t *testing.T, ref string) string {
	t.Helper()
	pkg, rest, _ := strings.Cut(ref, ".")
	name, row, _ := strings.Cut(rest, "/")
	s := load(t, pkg)
	f := s.funcs[name]
	switch {
	case f == nil || !strings.HasPrefix(name, "Test"):
		return "there is no such test"
	case skipped(f):
		return "the test is always skipped"
	case row == "":
		return ""
	case pkg == "trace":
		if _, err := os.Stat(filepath.Join(root, "testdata", "traces", row+".trace")); err != nil {
			return err.Error()
		}
		return ""
	case pkg == "config":
		file, part, _ := strings.Cut(row, "/")
		text, err := os.ReadFile(filepath.Join(root, "testdata", "conf", file))
		if err != nil {
			return err.Error()
		}
		if !strings.Contains(string(text), "-- "+part+".conf --") {
			return "the file has no such part"
		}
		return ""
	}
	for part := range strings.SplitSeq(row, "/") {
		if !s.literals[part] {
			return fmt.Sprintf("no test of the package has a row %q", part)
		}
	}
	return ""
}

var documents = []struct {
	name    string
	clauses []clause
}{
	{"RFC 9568 (version 3)", rfc9568},
	{"RFC 3768 (version 2)", rfc3768},
}

func TestClauses(t *testing.T) {
	levels := regexp.MustCompile(`^(MUST|MUST NOT|SHOULD|SHOULD NOT|MAY|is)$`)
	for _, d := range documents {
		seen := map[string]bool{}
		for _, c := range d.clauses {
			id := strings.TrimSpace(d.name + ", " + c.section + " " + c.at + ": " + c.text)
			switch {
			case seen[id]:
				t.Errorf("%s: is there twice", id)
			case !levels.MatchString(c.level):
				t.Errorf("%s: level %q", id, c.level)
			case c.verdict == kept && len(c.tests) == 0:
				t.Errorf("%s: no test shows that", id)
			case c.verdict != kept && c.why == "":
				t.Errorf("%s: no reason is given", id)
			}
			seen[id] = true
			for _, ref := range c.tests {
				if wrong := check(t, ref); wrong != "" {
					t.Errorf("%s: %s: %s", id, ref, wrong)
				}
			}
		}
	}
}

// TestChecksReferences: what is wrong with a reference is seen.
func TestChecksReferences(t *testing.T) {
	for ref, want := range map[string]string{
		"fsm.TestTimers":                      "",
		"fsm.TestNoSuchThing":                 "there is no such test",
		"fsm.newLab":                          "there is no such test",
		"advert.TestCheckRows/row 3: TTL":     "",
		"advert.TestCheckRows/row 99":         `no test of the package has a row "row 99"`,
		"trace.TestTraces/election":           "",
		"config.TestGolden/instance.txtar/no": "the file has no such part",
	} {
		if got := check(t, ref); got != want {
			t.Errorf("%s: %q, want %q", ref, got, want)
		}
	}
	f, err := parser.ParseFile(token.NewFileSet(), "x.go", `package x; func TestX(t *testing.T) { t.Skip("later") }`, 0)
	if err != nil || !skipped(f.Decls[0].(*ast.FuncDecl)) {
		t.Errorf("a test that is always skipped counts: %v", err)
	}
}

// TestEveryParagraph: each numbered paragraph of the state machine is spoken of.
func TestEveryParagraph(t *testing.T) {
	spoken := map[string]map[int]bool{}
	for _, c := range rfc9568 {
		if c.at == "" {
			continue
		}
		if spoken[c.section] == nil {
			spoken[c.section] = map[int]bool{}
		}
		for part := range strings.SplitSeq(c.at, ", ") {
			from, to, found := strings.Cut(part, "-")
			if !found {
				to = from
			}
			a, err1 := strconv.Atoi(from)
			b, err2 := strconv.Atoi(to)
			if err1 != nil || err2 != nil || a > b {
				t.Fatalf("%s: %q", c.section, c.at)
			}
			for n := a; n <= b; n += 5 {
				spoken[c.section][n] = true
			}
		}
	}
	for _, s := range []struct {
		section  string
		from, to int
	}{{"6.4.1", 100, 175}, {"6.4.2", 300, 485}, {"6.4.3", 600, 785}} {
		for n := s.from; n <= s.to; n += 5 {
			if !spoken[s.section][n] {
				t.Errorf("nothing is said of (%d) of section %s", n, s.section)
			}
		}
	}
}

func TestPage(t *testing.T) {
	const name = root + "/docs/conformance.md"
	want := page()
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Error("docs/conformance.md is not what the tables say; run: go test ./internal/conformance -update")
	}
}

func page() string {
	var b strings.Builder
	b.WriteString(`# Conformance

What the specifications of VRRP want, in our words, and the tests that show that Holdfast does it. The tables are in
` + "`internal/conformance`" + `, whose test fails when a test that is named here is not there or does not run. Numbers in
brackets are the paragraph numbers of the state machine. *Kept* means that tests show it; *differs* that Holdfast does
otherwise, always or by option, and why; *left to others* that the kernel or the administrator sees to it; *not served* that
it concerns something that Holdfast does not do yet. A row ` + "`package.Test/row`" + ` is one case of a table.
`)
	for _, d := range documents {
		counts := [len(verdictNames)]int{}
		for _, c := range d.clauses {
			counts[c.verdict]++
		}
		fmt.Fprintf(&b, "\n## %s\n\n%d clauses: ", d.name, len(d.clauses))
		for v, n := range counts {
			if v > 0 {
				b.WriteString(", ")
			}
			fmt.Fprintf(&b, "%d %s", n, verdictNames[v])
		}
		b.WriteString(".\n\n| section | | what it wants | | shown by, or why |\n|---|---|---|---|---|\n")
		for _, c := range d.clauses {
			b.WriteString(c.row())
		}
	}
	return b.String()
}

func (c *clause) row() string {
	where := c.section
	if c.at != "" {
		where += " (" + c.at + ")"
	}
	var shown []string
	for _, ref := range c.tests {
		shown = append(shown, "`"+strings.ReplaceAll(ref, "|", "\\|")+"`")
	}
	last := strings.Join(shown, ", ")
	switch {
	case c.why != "" && last != "":
		last = c.why + "; " + last
	case c.why != "":
		last = c.why
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", where, c.level, c.text, verdictNames[c.verdict], last)
}
