package findings

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/syntax"
)

var update = flag.Bool("update", false, "rewrite the expected results")

// golden compares got with a file, or rewrites it.
func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	if *update {
		if err := os.WriteFile(name, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(name)
	if err != nil {
		t.Fatalf("%v: run the test with -update", err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// test is the report about one of the files in testdata/golden.
func test(t *testing.T, name string) *Report {
	t.Helper()
	diags, ok := recorded[name]
	if !ok {
		t.Fatalf("no diagnostics of %s", name)
	}
	main := "testdata/golden/" + name + ".conf"
	files := []string{main}
	switch name {
	case "mistakes":
		files = append(files, "testdata/golden/part.conf")
	case "absent":
		files = nil
	}
	return New(diags, main, files, os.ReadFile)
}

// TestWhole reads a file with package config: what it finds has its text, and
// the words that it names are those underlined.
func TestWhole(t *testing.T) {
	const main = "testdata/golden/mistakes.conf"
	opt := config.Options{Test: true, Seed: 1}
	opt.Host = (&Description{}).Host(main, opt)
	cfg, diags := config.Load(main, opt)
	r := New(diags, main, cfg.Files, opt.Host.ReadFile)
	words := map[string]bool{}
	for i := range r.Findings {
		f := &r.Findings[i]
		if f.line == nil || f.from == f.to {
			t.Errorf("no word for %s", f.Pos)
			continue
		}
		words[string(f.line[f.from:f.to])] = true
	}
	for _, w := range []string{"vrrp_strickt", "abc", "prioritty", "192.0.2.300/24", "labell", "chekc"} {
		if !words[w] {
			t.Errorf("%s is not underlined", w)
		}
	}
	if r.Status == 0 || !r.Refused {
		t.Errorf("status %d, refused %v", r.Status, r.Refused)
	}
}

func render(t testing.TB, r *Report, f Format, s Style) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := r.Write(&b, f, s); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestGolden(t *testing.T) {
	for _, name := range []string{"mistakes", "bytes", "clean", "stops", "absent"} {
		t.Run(name, func(t *testing.T) {
			base := filepath.Join("testdata", "golden", name)
			r := test(t, name)
			golden(t, base+".pretty", render(t, r, Pretty, Style{}))
			golden(t, base+".json", render(t, r, JSON, Style{}))
			if name == "mistakes" {
				s := Style{Version: "1.2.3", Base: "/src/repo", WorkDir: "/src/repo/internal/findings"}
				golden(t, base+".sarif", render(t, r, SARIF, s))
			}
		})
	}
}

func TestTextIsKeepalivedsShape(t *testing.T) {
	r := test(t, "mistakes")
	var want bytes.Buffer
	if err := r.diags.Write(&want); err != nil {
		t.Fatal(err)
	}
	if got := render(t, r, Text, Style{Color: true}); !bytes.Equal(got, want.Bytes()) {
		t.Errorf("got\n%s\nwant\n%s", got, want.Bytes())
	}
}

func TestColor(t *testing.T) {
	r := test(t, "mistakes")
	with, without := render(t, r, Pretty, Style{Color: true}), render(t, r, Pretty, Style{})
	if !bytes.Contains(with, []byte(yellow+"warning:"+plain)) {
		t.Error("no colours where they were asked for")
	}
	stripped := with
	for _, a := range []string{plain, bold, red, yellow, blue} {
		stripped = bytes.ReplaceAll(stripped, []byte(a), nil)
	}
	if diff := cmp.Diff(string(without), string(stripped)); diff != "" {
		t.Errorf("colours change the text (-without +with):\n%s", diff)
	}
}

// one is a report of one finding about a line of text.
func one(line string, col int, code syntax.Code) *Report {
	read := func(string) ([]byte, error) { return []byte(line), nil }
	d := config.Diagnostics{{Code: code, Pos: syntax.Pos{File: "a.conf", Line: 1, Col: col}, Text: "something"}}
	return New(d, "a.conf", []string{"a.conf"}, read)
}

// TestUnderline gives the excerpt of a line with a word at a column.
func TestUnderline(t *testing.T) {
	for _, tt := range []struct {
		name, line string
		col        int
		want       string
	}{
		{"word", "a bcd e", 3, "a bcd e\n  ^^^\n"},
		{"last word", "a bcd", 3, "a bcd\n  ^^^\n"},
		{"before a brace", "group{x}", 1, "group{x}\n^^^^^\n"},
		{"before a closing brace", "{ x}", 3, "{ x}\n  ^\n"},
		{"a brace", "group{x}", 6, "group{x}\n     ^\n"},
		{"before a comment", "on#off", 1, "on#off\n^^\n"},
		{"quoted", `a "b c" d`, 3, "a \"b c\" d\n  ^^^^^\n"},
		{"tab", "\ta\tb", 4, "    a   b\n        ^\n"},
		{"tab in quotes", "\"a\tb\" c", 1, "\"a  b\" c\n^^^^^^\n"},
		{"carriage return", "a b\r", 3, "a b\n  ^\n"},
		{"two columns each", "日本 x", 8, "日本 x\n     ^\n"},
		{"combining", "e\u0301 x", 5, "e\u0301 x\n  ^\n"},
		{"not UTF-8", "\xe9 x", 3, "\\xe9 x\n     ^\n"},
		{"control", "\x1b[0m x", 6, "\\x1b[0m x\n        ^\n"},
		{"bidi", "\u202e x", 5, "\\u{202e} x\n         ^\n"},
		{"column unknown", "a b", 0, "a b\n"},
		{"column behind the line", "a b", 9, "a b\n"},
		{"password", "auth_pass secret", 11, "auth_pass ******\n          ^^^^^^\n"},
		{"password in one line", "x { auth_pass sec } y", 15, "x { auth_pass *** } *\n              ^^^\n"},
		{"key", `key 1 "hex:0011"`, 7, "key 1 \"********\"\n      ^^^^^^^^^^\n"},
		{"key file", `key 1 file:/k`, 7, "key 1 file:/k\n      ^^^^^^^\n"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p := page{width: 80}
			p.excerpt(&one(tt.line, tt.col, syntax.General).Findings[0])
			var got strings.Builder
			for line := range strings.Lines(p.String()) {
				got.WriteString(line[len("    1 | "):])
			}
			if diff := cmp.Diff(tt.want, got.String()); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// TestLongLine puts a word anywhere in a line that is too long to show.
func TestLongLine(t *testing.T) {
	for at := 0; at < 300; at += 7 {
		line := strings.Repeat("- ", 150)
		line = line[:at] + " XYZ " + line[at:]
		p := page{width: 80}
		p.excerpt(&one(line, at+2, syntax.General).Findings[0])
		rows := strings.Split(p.String(), "\n")
		col := strings.Index(rows[1], "^^^")
		if col < 0 || !strings.HasPrefix(rows[0][col:], "XYZ") {
			t.Errorf("word at %d is not underlined:\n%s", at, p.String())
		}
		for _, row := range rows {
			if len(row) > 80 {
				t.Errorf("word at %d: a row of %d columns", at, len(row))
			}
		}
	}
}

func TestColumnsCountCharacters(t *testing.T) {
	f := one("é日\xff wörd x", 8, syntax.General).Findings[0]
	if f.Column != 5 || f.EndColumn != 9 {
		t.Errorf("got %d to %d, want 5 to 9", f.Column, f.EndColumn)
	}
}

// TestExecutableFile has a file that is read although the host says that
// keepalived would not.
func TestExecutableFile(t *testing.T) {
	read := func(string) ([]byte, error) { return []byte("priority x"), syntax.ErrExecutable }
	d := config.Diagnostics{{Code: syntax.General, Pos: syntax.Pos{File: "a", Line: 1, Col: 10}, Text: "x"}}
	if f := New(d, "a", []string{"a"}, read).Findings[0]; f.EndColumn != 11 {
		t.Errorf("the word ends at %d, want 11", f.EndColumn)
	}
}

func TestPathOfIncludedFile(t *testing.T) {
	s := sources{paths: map[string]string{}, files: []string{"/etc/k/main.conf", "/etc/k/conf.d/a.conf", "/etc/k/conf.d/b.conf"}}
	for name, want := range map[string]string{
		"/etc/k/main.conf": "/etc/k/main.conf", "conf.d/a.conf": "/etc/k/conf.d/a.conf", "b.conf": "/etc/k/conf.d/b.conf",
		"./b.conf": "/etc/k/conf.d/b.conf", "onf.d/a.conf": "onf.d/a.conf", "other": "other", "": "",
	} {
		if got := s.path(name); got != want {
			t.Errorf("path(%q) = %q, want %q", name, got, want)
		}
	}
}

func TestSeverity(t *testing.T) {
	for _, tt := range []struct {
		code   syntax.Code
		effect syntax.Effect
		want   Severity
	}{
		{syntax.Note, syntax.Report, Note},
		{syntax.Log, syntax.Report, Note},
		{syntax.General, syntax.Report, Warning},
		{syntax.UnknownKeyword, syntax.Report, Warning},
		{syntax.Security, syntax.Report, Warning},
		{syntax.General, syntax.Refuse, Error},
		{syntax.Log, syntax.RefuseInclude, Error},
		{syntax.MissingParam, syntax.Stop, Error},
		{syntax.BadInterface, syntax.Report, Error},
		{syntax.Fatal, syntax.Report, Error},
	} {
		if got := severity(syntax.Diagnostic{Code: tt.code, Effect: tt.effect}); got != tt.want {
			t.Errorf("%s, effect %d: got %s, want %s", tt.code, tt.effect, got, tt.want)
		}
	}
	// A status other than 0 has a finding above a note, and the other way round.
	for c := syntax.Note; c.String() != "unknown"; c++ {
		d := syntax.Diagnostic{Code: c}
		if (config.Diagnostics{d}.ExitStatus() != 0) != (severity(d) > Note) {
			t.Errorf("%s: severity %s with status %d", c, severity(d), config.Diagnostics{d}.ExitStatus())
		}
	}
}

func TestParseFormat(t *testing.T) {
	for _, f := range Formats() {
		if got, err := ParseFormat(string(f)); got != f || err != nil {
			t.Errorf("%s: %v", f, err)
		}
	}
	if got, err := ParseFormat(""); got != Text || err != nil {
		t.Errorf("none: %s %v", got, err)
	}
	if _, err := ParseFormat("xml"); err == nil || !strings.Contains(err.Error(), "text, pretty, json, sarif") {
		t.Errorf("got %v", err)
	}
}

// TestOrder: the findings of a report are in the order of the text, whatever
// the order in which they were made; the text format keeps the latter.
func TestOrder(t *testing.T) {
	at := func(file string, line, col int, text string) config.Diagnostic {
		return config.Diagnostic{Code: syntax.General, Pos: syntax.Pos{File: file, Line: line, Col: col}, Text: text}
	}
	diags := config.Diagnostics{
		at("", 0, 0, "about all"),
		at("b.conf", 1, 1, "included, line 1"),
		at("main.conf", 9, 5, "line 9, column 5"),
		at("gone.conf", 3, 1, "not among the files"),
		at("main.conf", 2, 0, "line 2, no column"),
		at("main.conf", 9, 5, "line 9, column 5, later"),
		at("main.conf", 9, 2, "line 9, column 2"),
		at("", 0, 0, "about all, later"),
		at("a.conf", 1, 1, "read first"),
	}
	r := New(diags, "main.conf", []string{"main.conf", "a.conf", "b.conf"}, nil)
	var got []string
	for _, f := range r.Findings {
		got = append(got, f.Text)
	}
	want := []string{
		"line 2, no column", "line 9, column 2", "line 9, column 5", "line 9, column 5, later",
		"read first", "included, line 1", "not among the files", "about all", "about all, later",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	var text bytes.Buffer
	if err := r.Write(&text, Text, Style{}); err != nil {
		t.Fatal(err)
	}
	if !strings.HasPrefix(text.String(), "about all\n(b.conf: Line 1) included, line 1\n") {
		t.Errorf("the text is not in keepalived's order:\n%s", text.String())
	}
}
