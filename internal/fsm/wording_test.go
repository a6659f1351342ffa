package fsm

import (
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

// Operators and their scripts read the log. Every line that the package can
// write stands, in words, in what some test expects.
func TestEveryLogLineIsExpected(t *testing.T) {
	sources, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	var expected strings.Builder
	formats := map[string]string{}
	for _, name := range sources {
		if strings.HasSuffix(name, "_test.go") {
			text, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			expected.Write(text)
			continue
		}
		f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(f, func(n ast.Node) bool {
			for _, format := range logFormats(n) {
				formats[format] = name
			}
			return true
		})
	}
	if len(formats) < 30 {
		t.Errorf("found only %d formats: %q", len(formats), formats)
	}
	verb := regexp.MustCompile(`%[0-9]*[a-z]`)
	for format, name := range formats {
		if format == "%s" {
			continue // the text is made elsewhere
		}
		words := verb.ReplaceAllString(regexp.QuoteMeta(format), ".*")
		if !strings.HasSuffix(format, " ") { // more follows
			words += "$"
		}
		if !regexp.MustCompile("(?m)(log|detail): .*" + words).MatchString(strings.ReplaceAll(expected.String(), "`", "\n")) {
			t.Errorf("%s: no test expects %q", name, format)
		}
	}
}

// logFormats returns the formats of a call that logs, or of a Log made by hand.
func logFormats(n ast.Node) []string {
	var in []ast.Expr
	switch n := n.(type) {
	case *ast.CallExpr:
		switch f := n.Fun.(type) {
		case *ast.SelectorExpr:
			if f.Sel.Name == "logf" {
				in = n.Args[1:2]
			}
		case *ast.Ident:
			if f.Name == "say" {
				in = n.Args[1:2]
			}
		}
	case *ast.CompositeLit:
		if id, ok := n.Type.(*ast.Ident); ok && id.Name == "Log" {
			in = n.Elts
		}
	}
	var all []string
	for _, e := range in {
		ast.Inspect(e, func(n ast.Node) bool {
			lit, ok := n.(*ast.BasicLit)
			if !ok {
				return true
			}
			if s, err := strconv.Unquote(lit.Value); err == nil && len(strings.Trim(s, "():% ds")) > 2 {
				all = append(all, s)
			}
			return true
		})
	}
	return all
}
