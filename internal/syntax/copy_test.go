package syntax

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestCopy: a copy is one file without comments, and says what the files say.
func TestCopy(t *testing.T) {
	files := map[string]string{
		"main": "# of the site\n  a b # here\n$X=7\n$L=\\\n one\\\n two\nblock {\n  include inner # there\n  c $X\n}\n$L\n" +
			"@host mine\n@other theirs\nd\\#e # f\n~SEQ(I, 2) n$I\ninclude missing\n",
		"inner": "! nothing\n\tx \"#y\"\n",
	}
	var copied []string
	opt := Options{ConfigID: "host", Copy: func(line string) { copied = append(copied, line) }}
	want, _ := scan(t, opt, files)
	if d := cmp.Diff([]string{
		"# main", "a b", "$X=7", `$L=\`, `one\`, "two", "block {", "# inner", `x "#y"`, "c $X", "}", "$L",
		"@host mine", "@other theirs", `d\#e # f`, "~SEQ(I, 2) n$I",
	}, copied); d != "" {
		t.Errorf("the copy (-want +got):\n%s", d)
	}
	again, _ := scan(t, Options{ConfigID: "host"}, map[string]string{"main": strings.Join(copied, "\n")})
	if d := cmp.Diff(unplaced(want), unplaced(again)); d != "" {
		t.Errorf("the copy says something else (-files +copy):\n%s", d)
	}
}

// unplaced leaves out where lines stand.
func unplaced(lines []string) []string {
	var all []string
	for _, l := range lines {
		_, words, _ := strings.Cut(l, " ")
		all = append(all, words)
	}
	return all
}
