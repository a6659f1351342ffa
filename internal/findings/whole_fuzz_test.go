package findings

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// secrets are in the files of every round, and in no output.
const (
	secretWord = "Zq7Xp9Wk"
	secretKey  = "Zk4Vt8Jm-Zk4Vt8Jm-Zk4Vt8Jm-Zk4Vt8Jm"
)

// secretFile is what the last line of the main file includes. Whatever block
// was left open before it is where its lines then stand.
const secretFile = "vrrp_instance SECRET {\nauthentication {\nauth_type PASS\nauth_pass " + secretWord + "\nauth_pass \"" + secretWord + "\nauth_pass \"" +
	secretWord + "\"\n}\nauth_hmac {\nkey 1 " + secretKey + "\nkey 1 \"" + secretKey + "\" x\nkey x " + secretKey + "\nkey 2 \"" + secretKey + "\n}\n}\n"

// descriptions are hosts for which the whole is tested.
var descriptions = []string{
	`{}`,
	`{"interfaces": [], "users": [], "groups": [], "files": [], "names": {}}`,
	`{"interfaces": [{"name": "eth0"}, {"name": "lo"}, {"name": "vm1", "kind": "macvlan", "base": "eth0"}], "users": [{"name": "a", "uid": 1, "gid": 1}],
	  "files": [{"path": "/a", "mode": "0777"}, {"path": "/b", "kind": "symlink", "target": "/a"}]}`,
}

// FuzzConfigTest goes the whole way of --config-test: two files that may
// include each other, any host, all formats.
func FuzzConfigTest(f *testing.F) {
	for _, s := range [][2]string{
		{everything, "x"},
		{"include inc.conf\n$A=1\n@id vrrp_instance V$A {\n@^id vrrp_instance W {\ninterface eth0\n", "}\n"},
		{"~SEQ(x, 1, 3) vrrp_instance V$x { interface eth0 }\n", "include *.conf"},
		{"~LST({a,b},{1,2},{3,4}) k$a\n$B=\\\nx $A\\\n${_ENV HOME}\n$B", "$B"},
		{"includea {inc,k,n}.conf\nvrrp_instance \"a\n{\n", "global_defs {\nenable_script_security\n"},
		{"vrrp_script s {\nscript \"/a x\"\n}\nvrrp_instance V {\ntrack_script {\ns weight 300\n", "include ./k.conf"},
		{"vrrp_instance V {\nvirtual_ipaddress {\n10.0.0.1 dev eth7\n", ""},
		{"virtual_server 1 2 {\nreal_server {\n", "{"},
		{"a { \"x", "@id auth_pass y"},
		{"~SEQ(x auth_pass", "~LST(key 1"},
	} {
		for n := range descriptions {
			f.Add(s[0], s[1], byte(n), byte(n))
		}
	}
	f.Fuzz(func(t *testing.T, text, include string, description, flags byte) {
		if strings.Contains(text+include, secretWord[:3]) || strings.Contains(text+include, secretKey[:3]) {
			return
		}
		files := map[string]string{"k.conf": text + "\ninclude secret.conf\n", "inc.conf": include, "secret.conf": secretFile}
		var outputs [2]map[Format][]byte
		for i := range outputs {
			outputs[i] = wholeTest(t, files, descriptions[int(description)%len(descriptions)], flags)
		}
		for format, out := range outputs[0] {
			if !bytes.Equal(out, outputs[1][format]) {
				t.Errorf("%s: twice the same test, two results:\n%s\n%s", format, out, outputs[1][format])
			}
			for _, secret := range []string{secretWord, secretKey} {
				if at := bytes.Index(out, []byte(secret)); at >= 0 {
					t.Errorf("%s shows a secret: %q", format, out[max(0, at-200):min(len(out), at+40)])
				}
			}
		}
	})
}

// wholeTest tests once and checks what the formats promise.
func wholeTest(t *testing.T, files map[string]string, description string, flags byte) map[Format][]byte {
	t.Helper()
	d, err := ParseHost([]byte(description))
	if err != nil {
		t.Fatal(err)
	}
	base := textHost("")
	base.Glob = func(pattern string) (names []string) {
		for name := range files {
			if ok, err := path.Match(path.Clean(pattern), name); ok && err == nil {
				names = append(names, name)
			}
		}
		slices.Sort(names)
		return names
	}
	read := base.ReadFile
	base.ReadFile = func(p string) ([]byte, error) {
		if text, ok := files[path.Clean(p)]; ok {
			return []byte(text), nil
		}
		return read("absent")
	}
	opt := config.Options{
		Test: true, Seed: 1, ConfigID: "id", Host: base,
		StrictCompat: flags&1 != 0, AllConfig: flags&2 != 0, Detail: flags&4 != 0,
	}
	opt.Host = d.Host("k.conf", opt)
	cfg, diags := config.Load("k.conf", opt)
	checkOnce(t, diags)
	r := New(diags, "k.conf", cfg.Files, opt.Host.ReadFile)
	s := Style{Base: "/src", WorkDir: "/src"}
	out := map[Format][]byte{}
	for _, format := range []Format{Text, Pretty, JSON, SARIF} {
		out[format] = render(t, r, format, s)
	}
	checkPretty(t, out[Pretty])
	checkJSON(t, out[JSON])
	checkSARIF(t, out[SARIF])
	checkStatus(t, diags, out)
	return out
}

// checkOnce looks for a finding that is reported again.
func checkOnce(t *testing.T, diags config.Diagnostics) {
	t.Helper()
	seen := map[syntax.Pos]map[string]bool{}
	for _, d := range diags {
		place := syntax.Pos{File: d.Pos.File, Line: d.Pos.Line}
		switch {
		case seen[place] == nil:
			seen[place] = map[string]bool{}
		case seen[place][d.Text]:
			t.Errorf("said twice: %s", d)
		}
		seen[place][d.Text] = true
	}
}

// checkStatus compares what the formats say about the whole.
func checkStatus(t *testing.T, diags config.Diagnostics, out map[Format][]byte) {
	t.Helper()
	var (
		report jsonReport
		log    sarifLog
	)
	if err := json.Unmarshal(out[JSON], &report); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(out[SARIF], &log); err != nil {
		t.Fatal(err)
	}
	status := diags.ExitStatus()
	if report.Status != status || log.Runs[0].Invocations[0].ExitCode != status || !bytes.Contains(out[Pretty], fmt.Appendf(nil, "(status %d)", status)) {
		t.Errorf("status %d, JSON %d, SARIF %d, pretty:\n%s", status, report.Status, log.Runs[0].Invocations[0].ExitCode, out[Pretty])
	}
	if n := len(diags); len(report.Findings) != n || len(log.Runs[0].Results) != n || report.Errors+report.Warnings+report.Notes != n {
		t.Errorf("%d findings, JSON %d, SARIF %d", n, len(report.Findings), len(log.Runs[0].Results))
	}
	if report.Refused != diags.Fatal() {
		t.Errorf("refused: JSON %v", report.Refused)
	}
}
