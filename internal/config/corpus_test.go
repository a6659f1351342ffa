package config

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strconv"
	"strings"
	"testing"
)

// corpusDir finds the collection of published configurations that the test
// compares verdicts with. It is no part of the source.
func corpusDir(t *testing.T) string {
	t.Helper()
	dir := os.Getenv("HOLDFAST_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	if _, err := os.Stat(filepath.Join(dir, "verdicts.tsv")); err != nil {
		t.Skipf("no corpus: set HOLDFAST_CORPUS (%v)", err)
	}
	return dir
}

var (
	pathWord    = regexp.MustCompile(`/[A-Za-z0-9_.+@%/-]+`)
	firstWord   = regexp.MustCompile(`[A-Za-z0-9_./-]+`)
	linkName    = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.@:-]{0,14}$`)
	createdLink = regexp.MustCompile(`(?m)use_(?:vmac|ipvlan)[ \t]+([^#!\n]*)`)
)

// permissive is the machine on which everything that a file mentions exists.
func permissive(text string) *fakeHost {
	f := newFakeHost()
	f.links = []Link{{Name: "lo", Index: 1, MTU: 65536, Loopback: true}}
	created := map[string]bool{"lo": true}
	for _, m := range createdLink.FindAllStringSubmatch(text, -1) {
		for _, w := range strings.Fields(m[1]) {
			created[w] = true
		}
	}
	for _, w := range strings.FieldsFunc(text, func(r rune) bool { return strings.ContainsRune(" \t\r\n=\"'{}#!", r) }) {
		if linkName.MatchString(w) && !created[w] {
			created[w] = true
			f.links = append(f.links, Link{Name: w, Index: len(f.links) + 1, MTU: 1500, Multicast: true, Ethernet: true})
		}
	}
	for _, kind := range []string{"eth", "br", "bond"} {
		for i := range 10 {
			if name := kind + strconv.Itoa(i); !slices.ContainsFunc(f.links, func(l Link) bool { return l.Name == name }) {
				f.links = append(f.links, Link{Name: name, Index: len(f.links) + 1, MTU: 1500, Multicast: true, Ethernet: true})
			}
		}
	}
	for _, p := range pathWord.FindAllString(text, -1) {
		f.script(strings.TrimRight(p, "/"), 0o755)
	}
	for p := range f.files { // a path that others go through is a directory
		for q := range f.files {
			if strings.HasPrefix(q, p+"/") {
				f.files[p] = FileStat{Kind: Directory, Mode: 0o755}
			}
		}
	}
	for _, w := range firstWord.FindAllString(text, -1) {
		if !strings.Contains(w, "/") {
			f.script("/usr/bin/"+w, 0o755)
		}
	}
	for _, dir := range []string{"/bin", "/sbin", "/lib"} { // a system with merged /usr
		if _, ok := f.files[dir]; ok {
			f.symlinks[dir] = "usr" + dir
			for p := range f.files {
				if rest, ok := strings.CutPrefix(p, dir+"/"); ok {
					f.script("/usr"+dir+"/"+rest, 0o755)
				}
			}
		}
	}
	return f
}

// corpusExceptions are the files whose verdict is not to be reached, with the
// reason. Nothing but facts of the machine on which the verdicts were taken and
// the differences of docs/compatibility.md may stand here.
var corpusExceptions = map[string]struct {
	strictToo bool
	why       string
}{
	"052": {true, "its script is in /tmp, and was not there"},
	"080": {false, "the script's path goes through a symbolic link, which we resolve first, as keepalived 2.2.7 does"},
	"236": {false, "enable_snmp_rfc* are known here as in distribution builds; that build had no RFC MIBs"},
	"249": {false, "enable_snmp_rfc* are known here as in distribution builds; that build had no RFC MIBs"},
}

func TestCorpus(t *testing.T) {
	dir := corpusDir(t)
	table, err := os.ReadFile(filepath.Join(dir, "verdicts.tsv"))
	if err != nil {
		t.Fatal(err)
	}
	rows := strings.Split(strings.TrimSpace(string(table)), "\n")
	head := strings.Split(rows[0], "\t")
	col := func(row []string, name string) string { return row[slices.Index(head, name)] }
	agree, all := 0, 0
	for _, r := range rows[1:] {
		row := strings.Split(r, "\t")
		number := row[0]
		text, err := os.ReadFile(filepath.Join(dir, "open", number+".conf"))
		if err != nil {
			t.Fatal(err)
		}
		f := permissive(string(text))
		h := f.host()
		h.User = func(name string) (User, error) {
			if name == "keepalived_script" && !(strings.Contains(string(text), "enable_script_security") && !strings.Contains(string(text), "script_user")) && !strings.Contains(string(text), "script_user keepalived_script") {
				return User{}, errAbsent
			}
			return User{Name: name}, nil
		}
		h.Group = func(string) (uint32, error) { return 0, nil }
		f.content["f.conf"] = string(text)
		for _, strict := range []bool{true, false} {
			_, diags := Load("f.conf", Options{Test: true, StrictCompat: strict, Host: h, ConfigID: "corpus-node"})
			codes := map[string]bool{}
			for _, d := range diags {
				if d.Code >= 2 {
					codes[d.Code.String()] = true
				}
			}
			var got []string
			for c := range codes {
				got = append(got, c)
			}
			sort.Strings(got)
			want := strings.Split(col(row, "codes_2.4.3_full"), ",")
			if want[0] == "-" {
				want = nil
			}
			sort.Strings(want)
			wantExit := col(row, "exit_2.4.3_full")
			gotExit := string(rune('0' + diags.ExitStatus()))
			lvs := col(row, "lvs")
			if lvs == "yes" {
				continue
			}
			all++
			if gotExit == wantExit && (slices.Equal(got, want) || !strict) {
				agree++
				continue
			}
			if e, ok := corpusExceptions[number]; ok && (e.strictToo || !strict) {
				t.Logf("%s strict=%v differs: %s", number, strict, e.why)
				continue
			}
			t.Errorf("%s strict=%v: exit got %s want %s\n got  %v\n want %v", number, strict, gotExit, wantExit, got, want)
			for _, d := range diags {
				t.Logf("   %s %s", d.Code, d)
			}
		}
	}
	t.Logf("%d of %d agree", agree, all)
}
