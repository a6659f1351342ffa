package main

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/holdfast-ha/holdfast/internal/findings"
	"github.com/holdfast-ha/holdfast/internal/logs"
	"github.com/holdfast-ha/holdfast/internal/process"
	"github.com/holdfast-ha/holdfast/internal/reference"
)

var update = flag.Bool("update", false, "rewrite the manual page and the completions")

const (
	manualPage     = "../../docs/man/holdfast.8"
	completionsDir = "../../configs/completions"
)

func documentedOptions(t *testing.T) []reference.OptionGroup {
	t.Helper()
	options, err := reference.Options(helpText)
	if err != nil {
		t.Fatal(err)
	}
	return options
}

// generated compares a checked in file with what it should be, or rewrites it.
func generated(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err == nil && string(got) == want {
		return
	}
	if !*update {
		t.Errorf("%s is not what the tables say: run go test ./cmd/holdfast -run 'Manual|Completion' -update", path)
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

// TestManualHasEveryOption compares the help text, which the manual page and
// the completions are made from, with the options that there are.
func TestManualHasEveryOption(t *testing.T) {
	c := &commandLine{name: "holdfast", opts: &options{}}
	c.define()
	documented := map[string]reference.Option{}
	for _, g := range documentedOptions(t) {
		for _, o := range g.Options {
			documented[o.Long] = o
		}
	}
	c.flags.VisitAll(func(f *pflag.Flag) {
		o, ok := documented[f.Name]
		delete(documented, f.Name)
		switch {
		case !ok && f.Name == "config-fd": // for keepalived's own use
		case !ok:
			t.Errorf("--%s is not in the help text", f.Name)
		case o.Short != f.Shorthand, (o.Arg != "") != (takes(f) != noArgument), o.Optional != (takes(f) == optionalArgument):
			t.Errorf("the help text has --%s as %+v", f.Name, o)
		case o.Doc == "":
			t.Errorf("--%s has no description", f.Name)
		}
	})
	for name := range documented {
		t.Errorf("the help text has --%s, which there is not", name)
	}
}

// TestManualValues: what the completions offer is accepted.
func TestManualValues(t *testing.T) {
	accepted := map[string]func(string) bool{
		flagTestFormat: func(v string) bool { _, err := findings.ParseFormat(v); return err == nil },
		"log-facility": func(v string) bool { _, ok := logs.ParseFacility(v); return ok },
		flagSignum:     func(v string) bool { _, ok := process.SignalNumber(v); return ok },
	}
	for _, g := range documentedOptions(t) {
		for _, o := range g.Options {
			for _, v := range o.Values {
				if ok := accepted[o.Long]; ok == nil || !ok(v) {
					t.Errorf("--%s=%s is not accepted", o.Long, v)
				}
			}
		}
	}
}

func TestManualPage(t *testing.T) {
	generated(t, manualPage, reference.ManProgram(documentedOptions(t)))
	for _, name := range reference.Programs[1:] {
		if target, err := os.Readlink(filepath.Join(filepath.Dir(manualPage), name+".8")); err != nil || target != filepath.Base(manualPage) {
			t.Errorf("%s.8 is no link to the page: %q, %v", name, target, err)
		}
	}
	if _, err := exec.LookPath("mandoc"); err != nil {
		t.Skip("mandoc is not installed: the manual page is not checked")
	}
	if out, err := exec.Command("mandoc", "-Tlint", "-Wwarning", manualPage).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("mandoc: %v\n%s", err, out)
	}
}

func TestCompletions(t *testing.T) {
	for _, shell := range reference.Shells {
		t.Run(shell, func(t *testing.T) {
			path := filepath.Join(completionsDir, reference.CompletionFile(shell))
			generated(t, path, reference.Completion(shell, documentedOptions(t)))
			if _, err := exec.LookPath(shell); err != nil {
				t.Skipf("%s is not installed: its completion is not checked", shell)
			}
			if out, err := exec.Command(shell, "-n", path).CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%s -n: %v\n%s", shell, err, out)
			}
		})
	}
}

// completions asks bash what it would offer for the words of a command line,
// the last of which is being typed.
func completions(t *testing.T, words ...string) []string {
	t.Helper()
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not installed: its completion is not tried")
	}
	path, err := filepath.Abs(filepath.Join(completionsDir, reference.CompletionFile("bash")))
	if err != nil {
		t.Fatal(err)
	}
	// compopt works only while bash itself completes.
	script := `compopt() { :; }; . "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _holdfast; printf '%s\n' "${COMPREPLY[@]}"`
	cmd := exec.Command("bash", append([]string{"--norc", "-c", script, "bash", path}, words...)...)
	cmd.Dir = t.TempDir()
	for _, name := range []string{"a.conf", "b.conf"} {
		if err := os.WriteFile(filepath.Join(cmd.Dir, name), nil, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	list := strings.Fields(string(out))
	slices.Sort(list)
	return list
}

func TestCompletionInBash(t *testing.T) {
	for _, tt := range []struct {
		words []string
		want  string // all of them, separated by blanks
	}{
		{[]string{"holdfast", "--config-t"}, "--config-test --config-test-format --config-test-host --config-test-host-dump"},
		{[]string{"holdfast", "-n", "--dont-f"}, "--dont-fork"},
		{[]string{"holdfast", "-f", ""}, "a.conf b.conf"},
		{[]string{"holdfast", "--use-file", "a"}, "a.conf"},
		{[]string{"holdfast", "--use-file", "=", "b"}, "b.conf"},
		{[]string{"holdfast", "--use-file", "="}, "a.conf b.conf"},
		{[]string{"holdfast", "--config-test", "=", "b"}, "b.conf"},
		{[]string{"holdfast", "--config-test", "b"}, ""}, // its argument must be attached
		{[]string{"holdfast", "--config-test-format", "=", "j"}, "json"},
		{[]string{"holdfast", "--config-test-format=p"}, "pretty"},
		{[]string{"keepalived", "-S", "d"}, "daemon"},
		{[]string{"keepalived", "--signum", "=", "STAT"}, "STATS STATS_CLEAR"},
		{[]string{"holdfast", "--explain", "=", "preempt_"}, "preempt_delay"},
		{[]string{"holdfast", "--explain", "virtual_ro"}, "virtual_router_id virtual_routes"},
		{[]string{"holdfast", ""}, ""},
	} {
		if got := strings.Join(completions(t, tt.words...), " "); got != tt.want {
			t.Errorf("%q: got %q, want %q", tt.words, got, tt.want)
		}
	}
}

func TestCompletionInFish(t *testing.T) {
	if _, err := exec.LookPath("fish"); err != nil {
		t.Skip("fish is not installed: its completion is not tried")
	}
	path := filepath.Join(completionsDir, reference.CompletionFile("fish"))
	for line, want := range map[string]string{
		"holdfast --explain=preempt_": "--explain=preempt_delay",
		"keepalived --signum=DA":      "--signum=DATA",
		"holdfast --dont-f":           "--dont-fork",
	} {
		cmd := exec.Command("fish", "--no-config", "-c", "source $argv[1]; complete -C $argv[2]", path, line)
		cmd.Env = append(os.Environ(), "HOME="+t.TempDir(), "XDG_CONFIG_HOME=", "XDG_DATA_HOME=")
		out, err := cmd.CombinedOutput()
		if got, _, _ := strings.Cut(string(out), "\t"); err != nil || got != want {
			t.Errorf("%s: got %q, want %q, %v", line, out, want, err)
		}
	}
}

func TestExplain(t *testing.T) {
	for _, tt := range []struct {
		args     []string
		exit     int
		out, err string
	}{
		{[]string{"--explain=preempt_delay"}, 0, "0 to 1000 seconds", ""},
		{[]string{"--explain", "preempt_delay"}, 0, "0 to 1000 seconds", ""},
		{[]string{"--explain"}, 0, "vrrp_sync_group", ""},
		{[]string{"--explain", "-n"}, 0, "vrrp_sync_group", ""},
		{[]string{"--explain=prempt"}, 1, "", "Did you mean 'preempt'?"},
	} {
		var out, err bytes.Buffer
		_, exit, done := parseFlags(append([]string{"holdfast"}, tt.args...), &out, &err)
		if !done || exit != tt.exit || !strings.Contains(out.String(), tt.out) || !strings.Contains(err.String(), tt.err) {
			t.Errorf("%q: exit %d, out %q, err %q", tt.args, exit, out.String(), err.String())
		}
		if (tt.out == "") != (out.Len() == 0) || (tt.err == "") != (err.Len() == 0) {
			t.Errorf("%q: out %q, err %q", tt.args, out.String(), err.String())
		}
	}
}
