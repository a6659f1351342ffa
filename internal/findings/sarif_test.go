package findings

import (
	"encoding/json"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// object is a JSON object being checked against the standard.
type object map[string]any

func (o object) has(t testing.TB, where string, required ...string) {
	t.Helper()
	for _, k := range required {
		if _, ok := o[k]; !ok {
			t.Errorf("%s has no %s", where, k)
		}
	}
}

func (o object) text(t testing.TB, where, key string) string {
	t.Helper()
	s, ok := o[key].(string)
	if !ok || s == "" {
		t.Errorf("%s.%s is not a text: %v", where, key, o[key])
	}
	return s
}

func (o object) object(t testing.TB, where, key string) object {
	t.Helper()
	m, ok := o[key].(map[string]any)
	if !ok {
		t.Fatalf("%s.%s is not an object: %v", where, key, o[key])
	}
	return m
}

func (o object) list(t testing.TB, where, key string) []object {
	t.Helper()
	l, ok := o[key].([]any)
	if !ok {
		t.Fatalf("%s.%s is not a list: %v", where, key, o[key])
	}
	out := make([]object, len(l))
	for i, x := range l {
		out[i], _ = x.(map[string]any)
	}
	return out
}

// number gives an integer of at least low.
func (o object) number(t testing.TB, where, key string, low int) int {
	t.Helper()
	f, ok := o[key].(float64)
	if !ok || f != float64(int(f)) || int(f) < low {
		t.Errorf("%s.%s is not an integer from %d: %v", where, key, low, o[key])
	}
	return int(f)
}

var (
	levels = []string{"none", "note", "warning", "error"} // 3.27.10
	ruleID = regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
)

// checkSARIF checks what the schema of SARIF 2.1.0 requires of the parts that
// are used, the rules of its text that a schema cannot express, and what code
// hosts ask for beyond it.
func checkSARIF(t testing.TB, data []byte) {
	t.Helper()
	var log object
	if err := json.Unmarshal(data, &log); err != nil {
		t.Fatal(err)
	}
	log.has(t, "log", "version", "runs", "$schema")
	if v := log.text(t, "log", "version"); v != "2.1.0" {
		t.Errorf("version %s", v)
	}
	for _, run := range log.list(t, "log", "runs") {
		run.has(t, "run", "tool", "results")
		if !slices.Contains([]string{"utf16CodeUnits", "unicodeCodePoints"}, run.text(t, "run", "columnKind")) {
			t.Error("columnKind")
		}
		driver := run.object(t, "run", "tool").object(t, "tool", "driver")
		driver.text(t, "driver", "name")
		ids := checkRules(t, driver)
		for _, i := range run.list(t, "run", "invocations") {
			if _, ok := i["executionSuccessful"].(bool); !ok {
				t.Error("an invocation needs executionSuccessful")
			}
		}
		var uris []string
		for _, a := range run.list(t, "run", "artifacts") {
			uris = append(uris, checkURI(t, a.object(t, "artifact", "location")))
		}
		seen := map[string]bool{}
		for _, r := range run.list(t, "run", "results") {
			checkResult(t, r, ids, uris)
			print := r.object(t, "result", "partialFingerprints").text(t, "partialFingerprints", "holdfastFinding/v1")
			if seen[print] {
				t.Errorf("two findings have the fingerprint %s", print)
			}
			seen[print] = true
		}
	}
}

func checkRules(t testing.TB, driver object) (ids []string) {
	t.Helper()
	for _, r := range driver.list(t, "driver", "rules") {
		id := r.text(t, "rule", "id")
		if !ruleID.MatchString(id) || slices.Contains(ids, id) {
			t.Errorf("rule identifier %s", id)
		}
		ids = append(ids, id)
		for _, k := range []string{"shortDescription", "fullDescription", "help"} {
			r.object(t, id, k).text(t, id+"."+k, "text")
		}
		if level := r.object(t, id, "defaultConfiguration").text(t, id, "level"); !slices.Contains(levels, level) {
			t.Errorf("%s: level %s", id, level)
		}
		if u, err := url.Parse(r.text(t, id, "helpUri")); err != nil || !u.IsAbs() {
			t.Errorf("%s: helpUri: %v", id, err)
		}
	}
	return ids
}

func checkURI(t testing.TB, location object) string {
	t.Helper()
	s := location.text(t, "artifactLocation", "uri")
	u, err := url.Parse(s)
	if err != nil || u.Scheme != "" && u.Scheme != "file" || u.Scheme == "" && strings.HasPrefix(s, "/") {
		t.Errorf("uri %q is neither relative nor a file: URI (%v)", s, err)
	}
	return s
}

func checkResult(t testing.TB, r object, ids, uris []string) {
	t.Helper()
	r.object(t, "result", "message").text(t, "message", "text")
	id := r.text(t, "result", "ruleId")
	if i := r.number(t, "result", "ruleIndex", -1); i >= len(ids) || i >= 0 && ids[i] != id {
		t.Errorf("ruleIndex %d is not that of %s", i, id)
	}
	if !slices.Contains(levels, r.text(t, "result", "level")) {
		t.Errorf("level %v", r["level"])
	}
	if _, ok := r["locations"]; !ok {
		return
	}
	for _, l := range r.list(t, "result", "locations") {
		place := l.object(t, "location", "physicalLocation")
		file := place.object(t, "physicalLocation", "artifactLocation")
		uri := checkURI(t, file)
		if i := file.number(t, "artifactLocation", "index", 0); i >= len(uris) || uris[i] != uri {
			t.Errorf("index %d is not that of %s", i, uri)
		}
		if _, ok := place["region"]; !ok {
			continue
		}
		region := place.object(t, "physicalLocation", "region")
		region.number(t, "region", "startLine", 1)
		if _, ok := region["startColumn"]; !ok {
			if _, ok := region["endColumn"]; ok {
				t.Error("a region with an end and no start")
			}
			continue
		}
		start := region.number(t, "region", "startColumn", 1)
		if _, ok := region["endColumn"]; ok {
			region.number(t, "region", "endColumn", start+1)
		}
	}
}

func TestSARIF(t *testing.T) {
	for _, name := range []string{"mistakes", "bytes", "clean", "stops", "absent"} {
		r := test(t, name)
		checkSARIF(t, render(t, r, SARIF, Style{Base: "/src", WorkDir: "/src/x"}))
		checkSARIF(t, render(t, r, SARIF, Style{}))
	}
	checkSARIF(t, render(t, New(nil, "", nil, nil), SARIF, Style{}))
}

func TestFileURI(t *testing.T) {
	s := Style{Base: "/src/repo", WorkDir: "/src/repo/ha"}
	for name, want := range map[string]string{
		"a.conf":               "ha/a.conf",
		"./b/../a.conf":        "ha/a.conf",
		"../top.conf":          "top.conf",
		"/src/repo/x y.conf":   "x%20y.conf",
		"/src/repository/z":    "file:///src/repository/z",
		"/etc/keepalived/k.cf": "file:///etc/keepalived/k.cf",
		"../../out.conf":       "file:///src/out.conf",
		"é#%.conf":             "ha/%C3%A9%23%25.conf",
		"/src/repo/a:b":        "./a:b",
	} {
		if got := fileURI(name, s); got != want {
			t.Errorf("%s: got %s, want %s", name, got, want)
		}
	}
	if got := fileURI("conf/a.conf", Style{}); got != "conf/a.conf" {
		t.Errorf("without base: got %s", got)
	}
}

// TestFingerprint inserts lines above a finding, which must be recognised.
func TestFingerprint(t *testing.T) {
	prints := func(above, line string) []string {
		read := func(string) ([]byte, error) { return []byte(above + line + "\n" + line), nil }
		at := 1 + strings.Count(above, "\n")
		d := config.Diagnostics{
			{Code: syntax.General, Pos: syntax.Pos{File: "a", Line: at, Col: 1}, Text: "x"},
			{Code: syntax.General, Pos: syntax.Pos{File: "a", Line: at + 1, Col: 1}, Text: "x"},
		}
		r := New(d, "a", []string{"a"}, read)
		seen := map[string]int{}
		return []string{r.Findings[0].fingerprint("a", seen), r.Findings[1].fingerprint("a", seen)}
	}
	first := prints("", "priority 300")
	if first[0] == first[1] {
		t.Error("two findings with one fingerprint")
	}
	if got := prints("# new\n\n", "   priority  300"); !slices.Equal(got, first) {
		t.Error("lines above and blanks change the fingerprint")
	}
	if got := prints("", "priority 301"); got[0] == first[0] {
		t.Error("another line has the same fingerprint")
	}
	if got := prints("", "auth_pass secret"); !slices.Equal(got, prints("", "auth_pass SECRET")) {
		t.Error("a password goes into the fingerprint")
	}
}
