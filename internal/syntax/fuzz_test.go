package syntax

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// FuzzLex checks that no text makes the scanner panic or hang, and that what
// it gives keeps the promises handlers rely on.
func FuzzLex(f *testing.F) {
	archives, err := filepath.Glob("../../testdata/conf/*.txtar")
	if err != nil || len(archives) == 0 {
		f.Fatalf("no seeds: %v", err)
	}
	for _, path := range archives {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		for _, part := range strings.Split(string(data), "\n-- ") {
			if name, text, _ := strings.Cut(part, " --\n"); !strings.HasSuffix(name, ".want") {
				f.Add(text)
			}
		}
	}
	f.Fuzz(func(t *testing.T, text string) {
		s := NewScanner(Options{
			ConfigID: "id",
			Glob:     func(p string) []string { return []string{p} },
			Read: func(p string) ([]byte, error) {
				if p == "main" {
					return []byte(text), nil
				}
				return []byte("x ${_PWD}\n"), nil
			},
			Report: func(d Diagnostic) {
				if d.Text == "" {
					t.Error("a diagnostic without text")
				}
			},
		})
		s.Main("main")
		for l, ok := s.Next(); ok; l, ok = s.Next() {
			switch {
			case trimRight(l.Text) == "":
				t.Fatalf("an empty line: %+v", l)
			case strings.ContainsAny(l.Text, "\n\x00"):
				t.Fatalf("line %q holds its end or a NUL", l.Text)
			case len(l.Text) > MaxLine:
				t.Fatalf("a line of %d bytes", len(l.Text))
			case len(l.Words) == 0 && !l.OpenQuote:
				t.Fatalf("line %q has no words", l.Text)
			}
			_, _ = l.Again()
			_, _ = SplitQuoted(l.Text)
		}
	})
}
