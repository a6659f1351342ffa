package manual

import (
	"slices"
	"testing"
)

func TestParse(t *testing.T) {
	for _, bad := range []string{"[a\n", "[a]\ndefault:\n", "[a]\nrange: x\nsee:\n"} {
		if _, err := Parse(bad); err == nil {
			t.Errorf("%q is accepted", bad)
		}
	}
	p, err := Parse("title: T\n\nOne\nmore.\n\n  a\n\n  b\nTwo.\n\n## S\n\n[x, y]\ndefault: 1\nnote: text\n")
	if err != nil {
		t.Fatal(err)
	}
	if p.Fields["title"] != "T" {
		t.Errorf("fields %q", p.Fields)
	}
	if want := []string{"One more.", "  a\n\n  b", "Two."}; !slices.Equal(p.More, want) {
		t.Errorf("got %q, want %q", p.More, want)
	}
	if e := p.Entries[p.Place("y")]; e.Section != "S" || e.Fields["default"] != "1" || !slices.Equal(e.More, []string{"note: text"}) {
		t.Errorf("got %+v", e)
	}
	if p.Place("z") >= 0 {
		t.Error("z has an entry")
	}
}
