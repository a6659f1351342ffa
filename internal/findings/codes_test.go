package findings

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/syntax"
)

func TestEveryCodeIsExplained(t *testing.T) {
	seen := map[string]bool{}
	for i, r := range Rules() {
		if int(r.Code) != i {
			t.Errorf("%s is not in the order of the codes", r.ID())
		}
		if r.ID() == "unknown" || seen[r.ID()] {
			t.Errorf("identifier %s is not usable", r.ID())
		}
		seen[r.ID()] = true
		for _, s := range []string{r.Title, r.Meaning, r.Peer, r.Remedy} {
			if s == "" || strings.TrimSpace(s) != s {
				t.Errorf("%s: a part of the explanation is empty or untidy: %q", r.ID(), s)
			}
		}
		for _, s := range []string{r.Meaning, r.Peer, r.Remedy} {
			if !strings.HasSuffix(s, ".") {
				t.Errorf("%s: not a sentence: %q", r.ID(), s)
			}
		}
		if got, ok := Explain(strings.ToUpper(r.ID())); !ok || got.Code != r.Code {
			t.Errorf("Explain does not find %s", r.ID())
		}
	}
	for c := syntax.Note; c.String() != "unknown"; c++ {
		if !seen[c.String()] {
			t.Errorf("%s has no explanation", c)
		}
	}
	if _, ok := Explain("unknown"); ok {
		t.Error("an explanation of nothing")
	}
}

// Marks in docs/config-test.md between which the explanations stand.
const (
	docsBegin = "<!-- codes: written by go test ./internal/findings -update -->\n"
	docsEnd   = "<!-- end of codes -->\n"
)

func docsCodes() []byte {
	var b bytes.Buffer
	b.WriteString("\n| code | severity | status |\n|---|---|---|\n")
	for _, r := range Rules() {
		severity, d := r.Severity().String(), config.Diagnostic{Code: r.Code}
		if r.Severity() == Warning {
			severity = "warning or error"
		}
		if r.Code == syntax.MissingParam {
			d.Effect = syntax.Stop
		}
		status := fmt.Sprint(config.Diagnostics{d}.ExitStatus())
		if r.Code == syntax.FileNotFound {
			d.Effect = syntax.RefuseInclude
			status += fmt.Sprintf(", for an include %d", config.Diagnostics{d}.ExitStatus())
		}
		fmt.Fprintf(&b, "| [`%s`](#%s) | %s | %s |\n", r.ID(), r.ID(), severity, status)
	}
	for _, r := range Rules() {
		fmt.Fprintf(&b, "\n### %s\n\n**%s.** %s\n\n*keepalived:* %s\n\n*What to do:* %s\n", r.ID(), r.Title, r.Meaning, r.Peer, r.Remedy)
	}
	b.WriteString("\n")
	return b.Bytes()
}

func TestDocs(t *testing.T) {
	const name = "../../docs/config-test.md"
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok1 := bytes.Cut(data, []byte(docsBegin))
	_, after, ok2 := bytes.Cut(rest, []byte(docsEnd))
	if !ok1 || !ok2 {
		t.Fatalf("the marks of the generated part are missing")
	}
	var want bytes.Buffer
	for _, part := range [][]byte{before, []byte(docsBegin), docsCodes(), []byte(docsEnd), after} {
		want.Write(part)
	}
	golden(t, name, want.Bytes())
}
