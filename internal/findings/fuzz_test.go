package findings

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/netip"
	"os"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// FuzzRender gives all formats a finding at an odd place of an odd file.
func FuzzRender(f *testing.F) {
	for _, name := range []string{"mistakes", "bytes", "clean", "stops"} {
		data, err := os.ReadFile("testdata/golden/" + name + ".conf")
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data, name+".conf", "Unknown keyword 'x'", "Did you mean 'y'?", 4, 5, byte(6), byte(0), 80)
	}
	f.Add([]byte("\t\"a"), "a", "Unterminated quote 'auth_pass x'", "", 1, 2, byte(11), byte(1), 0)
	f.Add([]byte{}, "", "", "\x1b\u202e\xff", -1, -7, byte(255), byte(9), -3)
	f.Add([]byte("x\n\r\n\x00"), "a:b\n", "\n", "", 2, 1<<40, byte(2), byte(3), 1)
	f.Fuzz(func(t *testing.T, data []byte, file, text, hint string, line, col int, code, effect byte, width int) {
		d := config.Diagnostic{
			Code: syntax.Code(code), Effect: syntax.Effect(effect), Pos: syntax.Pos{File: file, Line: line, Col: col}, Text: text, Hint: hint,
		}
		read := func(string) ([]byte, error) {
			if len(data) > 0 && data[0] == 'E' {
				return nil, errors.New("not readable")
			}
			return data, nil
		}
		r := New(config.Diagnostics{d, d}, file, []string{file}, read)
		s := Style{Width: width % 1000, Base: "/src", WorkDir: "/src/x"}
		if err := r.Write(io.Discard, Text, s); err != nil {
			t.Error(err)
		}
		checkPretty(t, render(t, r, Pretty, s))
		checkJSON(t, render(t, r, JSON, s))
		checkSARIF(t, render(t, r, SARIF, s))
	})
}

// checkPretty looks for anything that could move a cursor or deceive a reader.
func checkPretty(t *testing.T, out []byte) {
	t.Helper()
	for i := 0; i < len(out); {
		r, size := utf8.DecodeRune(out[i:])
		if r == utf8.RuneError && size == 1 || r != '\n' && !unicode.IsPrint(r) {
			t.Errorf("%U in the output:\n%q", r, out)
		}
		i += size
	}
	rows := strings.Split(string(out), "\n")
	for i, row := range rows {
		if under := strings.TrimLeft(row, " |"); strings.Trim(under, "^") == "" && under != "" && strings.HasPrefix(row, "      | ") {
			if columns(row) > max(columns(rows[i-1]), strings.Index(row, "^")+1) {
				t.Errorf("the underline is longer than the line:\n%s\n%s", rows[i-1], row)
			}
		}
	}
}

func checkJSON(t *testing.T, out []byte) {
	t.Helper()
	for _, r := range string(out) {
		if r != '\n' && !unicode.IsPrint(r) && r != utf8.RuneError {
			t.Errorf("%U in the output", r)
		}
	}
	var log object
	if err := json.Unmarshal(out, &log); err != nil {
		t.Fatal(err)
	}
	for _, f := range log.list(t, "report", "findings") {
		f.has(t, "finding", "code", "severity", "effect", "text")
		if _, ok := f["end_column"]; ok {
			f.number(t, "finding", "end_column", f.number(t, "finding", "column", 1)+1)
		}
	}
}

// FuzzParseHost reads descriptions; one that is accepted has to survive being
// written, and to answer every question.
func FuzzParseHost(f *testing.F) {
	for _, s := range []string{
		"{}", "[]", `{"interfaces": null, "files": []}`,
		`{"version": 1, "cpus": 2, "interfaces": [{"name": "eth0", "flags": ["multicast"], "addresses": ["2001:db8::1%x"]}]}`,
		`{"users": [{"name": "a", "uid": 1, "gid": 4294967295}], "groups": [{"name": "b"}]}`,
		`{"files": [{"path": "/a/b", "kind": "symlink", "target": "../../.."}, {"path": "/a", "mode": "7777"}, {"path": "/"}]}`,
		`{"names": {"rt_tables": {"x": 1, "": 18446744073709551615}}}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		d, err := ParseHost(data)
		if err != nil {
			return
		}
		var b bytes.Buffer
		if err := encode(&b, d); err != nil {
			t.Fatal(err)
		}
		again, err := ParseHost(b.Bytes())
		if err != nil {
			t.Fatalf("%v\n%s", err, b.Bytes())
		}
		if diff := cmp.Diff(d, again, cmpopts.EquateComparable(netip.Addr{}), cmpopts.EquateEmpty()); diff != "" {
			t.Errorf("writing changes the description:\n%s", diff)
		}
		opt := config.Options{Test: true, Seed: 1, Host: textHost(everything)}
		opt.Host = d.Host("k.conf", opt)
		config.Load("k.conf", opt)
	})
}

// textHost has one file and nothing else.
func textHost(text string) *config.Host {
	return &config.Host{
		Getenv: func(string) string { return "" },
		Glob: func(p string) []string {
			if p == "k.conf" {
				return []string{p}
			}
			return nil
		},
		ReadFile: func(p string) ([]byte, error) {
			if p == "k.conf" {
				return []byte(text), nil
			}
			return nil, os.ErrNotExist
		},
	}
}
