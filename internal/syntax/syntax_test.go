package syntax

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// scan reads files, the first of which is the main one, and gives the lines
// and the diagnostics in words.
func scan(t *testing.T, opt Options, files map[string]string) (lines, diags []string) {
	t.Helper()
	opt.Glob = func(pattern string) []string {
		if _, ok := files[pattern]; ok {
			return []string{pattern}
		}
		return nil
	}
	opt.Read = func(path string) ([]byte, error) {
		text, ok := files[path]
		if !ok {
			return nil, errors.New("is not there")
		}
		return []byte(text), nil
	}
	opt.Report = func(d Diagnostic) { diags = append(diags, fmt.Sprintf("%s: %s", d.Code, d)) }
	s := NewScanner(opt)
	s.Main("main")
	for l, ok := s.Next(); ok; l, ok = s.Next() {
		var words []string
		for _, w := range l.Words {
			words = append(words, w.Text)
		}
		lines = append(lines, fmt.Sprintf("%s %s", l.Pos, strings.Join(words, "|")))
	}
	return lines, diags
}

func TestLines(t *testing.T) {
	tests := []struct {
		name, text string
		want       []string
	}{
		{"words", "a  b\tc\n  \"d e\"f\n", []string{"main:1:1 a|b|c", "main:2:3 d e|f"}},
		{"braces", "a{b}c\n", []string{"main:1:1 a", "main:1:2 {", "main:1:3 b", "main:1:4 }", "main:1:5 c"}},
		{"quoted brace", "a \"{\" {\n", []string{"main:1:1 a|{", "main:1:7 {"}},
		{"no brace after an open quote", "a \" { }\n", []string{"main:1:1 a"}},
		{"comments", "a#b\n!c\na \"#\" # \"\n", []string{"main:1:1 a", "main:3:1 a|#"}},
		{"escaped comment", "a\\#b\n", []string{"main:1:1 a#b"}},
		{"empty word", "a \"\" b\n", []string{"main:1:1 a||b"}},
		{"carriage return", "a \r\r\nb\r\n", []string{"main:1:1 a", "main:2:1 b"}},
		{"last line without end", "a\nb", []string{"main:1:1 a", "main:2:1 b"}},
		{"backslash at the end", "a \\\nb\n", []string{`main:1:1 a\`, "main:2:1 b"}},
		{"condition", "@x a\n@^x b\n@y c\n@^y d\n@x\n@ e\n@^ f\n", []string{"main:1:4 a", "main:4:5 d", "main:7:4 f"}},
		{"definition", "$A=1\n$B=${A}2\nx $B y$A,$A z${A}z $A.\n", []string{"main:3 x|12|y1,1|z1z|$A."}},
		{"lines of a definition", "$A= \\\n a b\\\n \\\n c\nx $A\n", []string{"main:5 x|a|b", "main:5 c"}},
		{"sequence", "~SEQ(I, 3, -2, 0) a$I\n", []string{"main:1 a3", "main:1 a1"}},
		{"hexadecimal sequence", "~SEQx(I, 9, 10) a$I\n", []string{"main:1 a9", "main:1 aa"}},
		{"list", "~LST({A,B}, {1,2}, {3}) $A-$B\n~LST(A, x, y) $A\n", []string{"main:1 $A-2", "main:1 $A-", "main:2 x", "main:2 y"}},
		{"nested repetition", "~SEQ(I, 2) ~SEQ(J, 2) ${I}${J}\n", []string{"main:1 11", "main:1 12", "main:1 21", "main:1 22"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, _ := scan(t, Options{ConfigID: "x"}, map[string]string{"main": tt.text})
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("lines differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestLongLines(t *testing.T) {
	// 1022 characters and the line's end fit.
	fits := strings.Repeat("x", MaxLine-1)
	lines, diags := scan(t, Options{}, map[string]string{"main": fits + "\nb\n"})
	if len(lines) != 2 || len(diags) != 0 {
		t.Errorf("got %d lines and %q, want 2 and none", len(lines), diags)
	}
	// Of a longer one the rest is the next line.
	lines, diags = scan(t, Options{}, map[string]string{"main": fits + "yz\nb\n"})
	if want := []string{"main:1:1 z", "main:2:1 b"}; !cmp.Equal(lines, want) || len(diags) != 1 {
		t.Errorf("got %q with %q, want %q and one diagnostic", lines, diags, want)
	}
	lines, diags = scan(t, Options{}, map[string]string{"main": strings.Repeat("x", 5*MaxLine) + "\nb\n"})
	if want := []string{"main:2:1 b"}; !cmp.Equal(lines, want) || len(diags) != 5 {
		t.Errorf("got %q with %d diagnostics, want %q and 5", lines, len(diags), want)
	}
}

func TestEscapedCommentLaterReadings(t *testing.T) {
	s := NewScanner(Options{
		Glob: func(p string) []string { return []string{p} },
		Read: func(string) ([]byte, error) { return []byte("a b\\#c { d }\n\\#\nz\n"), nil },
	})
	s.Main("main")
	var got []string
	for l, ok := s.Next(); ok; l, ok = s.Next() {
		if again, ok := l.Again(); ok {
			got = append(got, again.Text)
		}
	}
	if want := []string{"a b", "z"}; !cmp.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestIncludes(t *testing.T) {
	files := map[string]string{
		"main":      "a\ninclude d/one\nb\nincludea d/absent\n",
		"d/one":     "c\ninclude two\ninclude /abs\nd\n",
		"d/two":     "$X=5\nx ${_PWD}\n",
		"/abs":      "y $X\ninclude ../main\n",
		"/../main":  "z\n",
		"d/one/two": "not me\n",
	}
	lines, diags := scan(t, Options{}, files)
	want := []string{"main:1:1 a", "d/one:1:1 c", "two:2 x|d", "/abs:1 y|5", "../main:1:1 z", "d/one:4:1 d", "main:3:1 b"}
	if diff := cmp.Diff(want, lines); diff != "" {
		t.Errorf("lines differ (-want +got):\n%s", diff)
	}
	if want := []string{"file-not-found: (main: Line 4) Config files missing 'd/absent'."}; !cmp.Equal(diags, want) {
		t.Errorf("got %q, want %q", diags, want)
	}
}

func TestIncludeCycle(t *testing.T) {
	files := map[string]string{"main": "a\ninclude x\nb\n", "x": "c\ninclude main\nd\n"}
	lines, diags := scan(t, Options{}, files)
	if want := []string{"main:1:1 a", "x:1:1 c", "x:3:1 d", "main:3:1 b"}; !cmp.Equal(lines, want) {
		t.Errorf("got %q, want %q", lines, want)
	}
	if len(diags) != 1 || !strings.Contains(diags[0], "'main' includes itself") {
		t.Errorf("got %q, want one about main", diags)
	}
}

func TestExpandBraces(t *testing.T) {
	tests := []struct {
		pattern string
		want    []string
	}{
		{"a", []string{"a"}},
		{"a{b,c}d", []string{"abd", "acd"}},
		{"{a,b}{c,d}", []string{"ac", "ad", "bc", "bd"}},
		{"{a,{b,c}}", []string{"a", "b", "c"}},
		{"a{b", []string{"a{b"}},
		{"{}", []string{""}},
	}
	for _, tt := range tests {
		if got, all := expandBraces(tt.pattern); !all || !cmp.Equal(got, tt.want) {
			t.Errorf("expandBraces(%q) = %q, want %q", tt.pattern, got, tt.want)
		}
	}
	if got, all := expandBraces(strings.Repeat("{a,b}", 100)); all || len(got) > maxAlternatives {
		t.Errorf("got %d alternatives, want at most %d", len(got), maxAlternatives)
	}
}

func TestSplitQuoted(t *testing.T) {
	tests := []struct {
		text string
		want []string
		bad  bool
	}{
		{`a b`, []string{"a", "b"}, false},
		{`a 'b c' "d e"`, []string{"a", "b c", "d e"}, false},
		{`a"b c"d`, []string{"ab cd"}, false},
		{`"" ''`, []string{"", ""}, false},
		{`a\ b \"c`, []string{"a b", `"c`}, false},
		{`\x41\x4a1 \101 \e \t \c? \q`, []string{"AJ1", "A", "\x1b", "\t", "\x1f", "q"}, false},
		{`\xg \x`, []string{"xg", "x"}, false},
		{`a\0b`, []string{"ab"}, false},
		{`a\`, []string{`a\`}, false},
		{`"a`, nil, true},
		{`'a "b`, nil, true},
	}
	for _, tt := range tests {
		pieces, err := SplitQuoted(tt.text)
		var got []string
		for _, p := range pieces {
			got = append(got, p.Text)
		}
		if !cmp.Equal(got, tt.want) || (err != nil) != tt.bad {
			t.Errorf("SplitQuoted(%q) = %q, %v, want %q, error %v", tt.text, got, err, tt.want, tt.bad)
		}
	}
}

func TestNumbers(t *testing.T) {
	unsigned := func(w string) Number { return ParseUint(w, 10, 1, 255) }
	decimal := func(w string) Number { return ParseDecimal(w, 3, 1, 10_000) }
	tests := []struct {
		parse func(string) Number
		word  string
		want  Number
	}{
		{unsigned, "7", Number{Value: 7}},
		{unsigned, "010", Number{Value: 10}},
		{unsigned, " +7", Number{Value: 7}},
		{unsigned, "-7", Number{Problem: "negative number '-7'"}},
		{unsigned, "0x7", Number{Problem: "number '0x7' outside range [1, 255]"}},
		{unsigned, "7x", Number{Value: 7, Problem: "invalid number '7x'", Usable: true}},
		{unsigned, "7 ", Number{Value: 7, Problem: "invalid number '7 '", Usable: true}},
		{unsigned, "x", Number{Problem: "invalid number 'x'"}},
		{unsigned, "", Number{Problem: "number '' outside range [1, 255]"}},
		{unsigned, "256", Number{Value: 256, Problem: "number '256' outside range [1, 255]"}},
		{func(w string) Number { return ParseUint(w, 0, 0, 255) }, "0x1f", Number{Value: 31}},
		{func(w string) Number { return ParseUint(w, 0, 0, 255) }, "017", Number{Value: 15}},
		{func(w string) Number { return ParseInt(w, 10, -5, 5) }, "-5", Number{Value: -5}},
		{func(w string) Number { return ParseInt(w, 10, -5, 5) }, "-6", Number{Value: -6, Problem: "number '-6' outside range [-5, 5]"}},
		{decimal, "1", Number{Value: 1000}},
		{decimal, "1.", Number{Value: 1000}},
		{decimal, ".5", Number{Value: 500}},
		{decimal, "1.2345", Number{Value: 1235, Problem: "number '1.2345' has too many decimal places", Usable: true}},
		{decimal, "0", Number{Problem: "number '0' outside range [0.001, 10.000]"}},
		{decimal, "5x", Number{Value: 5, Problem: "invalid number '5x'", Usable: true}},
		{decimal, "x", Number{Problem: "invalid number 'x'"}},
		{decimal, "-1", Number{Problem: "negative number '-1'"}},
	}
	for _, tt := range tests {
		if got := tt.parse(tt.word); got != tt.want {
			t.Errorf("%q: got %+v, want %+v", tt.word, got, tt.want)
		}
	}
}

func TestCursor(t *testing.T) {
	var diags []string
	report := func(d Diagnostic) { diags = append(diags, fmt.Sprintf("%s %d", d.Code, d.Pos.Line)) }
	c := NewStringCursor("a {\nb\n{ c }\nd\n}\n}\ne\n", report)
	var got []string
	for l, ok := c.Next(); ok; l, ok = c.Next() {
		switch l.Text {
		case "a":
			c.Open()
			for x := range c.Block {
				got = append(got, "a/"+x.Text)
			}
		case "}":
			c.ExtraClose(l)
		default:
			got = append(got, l.Text)
		}
	}
	c.Finish()
	if want := []string{"a/b", "a/c", "d", "e"}; !cmp.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	// The stray opening brace makes one of the closing ones expected.
	want := []string{"unexpected-open-brace 3", "unknown-keyword 5", "extra-close-brace 6", "unknown-keyword 6"}
	if !cmp.Equal(diags, want) {
		t.Errorf("got %q, want %q", diags, want)
	}
}

func TestArgs(t *testing.T) {
	var diags []string
	a := NewArgs(ParseLine("priority 5", Pos{File: "f", Line: 3, Col: 1}), func(d Diagnostic) { diags = append(diags, d.String()) })
	if w, ok := a.Need(); w != "5" || !ok || a.Pos().Col != 10 {
		t.Errorf("got %q, %v at column %d, want 5 at 10", w, ok, a.Pos().Col)
	}
	if w, ok := a.Need(); ok {
		t.Errorf("got %q, want nothing", w)
	}
	want := []string{"(f: Line 3) *** Configuration line starting `priority` is missing a parameter after keyword `5` at word position 3"}
	if diff := cmp.Diff(want, diags); diff != "" {
		t.Errorf("diagnostics differ (-want +got):\n%s", diff)
	}
}
