package reference

import (
	"bytes"
	"flag"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/findings"
	"github.com/holdfast-ha/holdfast/internal/syntax"
)

var update = flag.Bool("update", false, "rewrite the pages in docs")

const docs = "../../docs"

// checked compares a file with what it should be, or rewrites it.
func checked(t *testing.T, path, want string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err == nil && string(got) == want {
		return
	}
	if !*update {
		t.Errorf("%s is not what the tables say: run go test ./internal/reference -update", path)
		return
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestPages(t *testing.T) {
	pages := Markdown()
	for name, text := range pages {
		checked(t, filepath.Join(docs, name), text)
	}
	there, err := filepath.Glob(filepath.Join(docs, "configuration", "*"))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range there {
		if _, ok := pages["configuration/"+filepath.Base(path)]; !ok {
			t.Errorf("%s is the page of nothing", path)
		}
	}
}

func TestLinksLeadSomewhere(t *testing.T) {
	pages := Markdown()
	for name, text := range pages {
		for _, part := range strings.Split(text, "](")[1:] {
			target, _, _ := strings.Cut(part, ")")
			file, anchor, _ := strings.Cut(target, "#")
			if file == "" {
				file = name
			} else {
				file = filepath.Join(filepath.Dir(name), file)
			}
			page, ok := pages[file]
			if !ok {
				if _, err := os.Stat(filepath.Join(docs, file)); err != nil {
					t.Errorf("%s: there is no %s", name, target)
				}
				continue
			}
			if anchor != "" && !strings.Contains(page, `id="`+anchor+`"`) && !strings.Contains(page, "\n### "+anchor+"\n") {
				t.Errorf("%s: %s leads nowhere", name, target)
			}
		}
	}
}

func TestSeeAlso(t *testing.T) {
	b := open()
	for i := range b {
		c := &b[i]
		words := c.Words
		if c.Block {
			words = append(slices.Clone(words), c.Opener)
		}
		for _, k := range words {
			for _, see := range k.See {
				if e, ok := b.related(see, c); !ok && !strings.HasPrefix(see, "--") {
					t.Errorf("%s/%s: see %q leads nowhere", c.Name, k.Name, see)
				} else if ok && e.Word.Name == k.Name && e.Chapter.Name == c.Name {
					t.Errorf("%s/%s: see %q leads to itself", c.Name, k.Name, see)
				}
			}
		}
	}
}

func TestManConfig(t *testing.T) {
	path := filepath.Join(docs, "man", "keepalived.conf.5")
	checked(t, path, ManConfig())
	Lint(t, path)
}

// Lint asks mandoc for its opinion of a page.
func Lint(t *testing.T, path string) {
	t.Helper()
	if _, err := exec.LookPath("mandoc"); err != nil {
		t.Skip("mandoc is not installed: the manual page is not checked")
	}
	out, err := exec.Command("mandoc", "-Tlint", "-Wwarning", path).CombinedOutput()
	if err != nil || len(out) > 0 {
		t.Errorf("mandoc: %v\n%s", err, out)
	}
}

var whole = sync.OnceValue(open)

func explained(word string) (string, bool) {
	var b bytes.Buffer
	ok := whole().explain(&b, word)
	return b.String(), ok
}

func TestExplain(t *testing.T) {
	for _, tt := range []struct {
		word string
		has  []string
		not  []string
	}{
		{"", []string{"vrrp_instance", "definitions"}, nil},
		{"preempt_delay", []string{"(vrrp_instance)", "Default     0", "0 to 1000 seconds", "preempt_delay 300"}, nil},
		{"weight", []string{"(vrrp_script)", "(vrrp_track_process)", "(track_file)", "(bfd_instance)", "(Tracking lines)"}, nil},
		{"vrrp_script/weight", []string{"(vrrp_script)"}, []string{"(bfd_instance)"}},
		{"weight in track", []string{"(Tracking lines)"}, []string{"(bfd_instance)"}},
		{"track_file", []string{"track_file NAME { ... }", "(vrrp_instance)", "(vrrp_sync_group)"}, nil},
		{"vmac_garp_intvl", []string{"garp_extra_if", "vmac_garp_intvl (deprecated)"}, nil},
		{"global_tracking", []string{"Deprecated", "use sync_group_tracking_weight"}, nil},
		{"_PWD", []string{"${_PWD}"}, nil},
		{"unmatched-quote", []string{"(finding of the configuration test)", "keepalived"}, nil},
		{"address", []string{"preferred_lft"}, nil},
		{"auth_hmac", []string{"active_key"}, nil},
	} {
		got, ok := explained(tt.word)
		if !ok {
			t.Errorf("%q is not found", tt.word)
		}
		for _, s := range tt.has {
			if !strings.Contains(got, s) {
				t.Errorf("%q: %q is missing in\n%s", tt.word, s, got)
			}
		}
		for _, s := range tt.not {
			if strings.Contains(got, s) {
				t.Errorf("%q: %q is in\n%s", tt.word, s, got)
			}
		}
	}
	for word, near := range map[string]string{"prempt_delay": "'preempt_delay'", "vrrp_instanc": "'vrrp_instance'", "qqqqqqqq": ""} {
		got, ok := explained(word)
		if ok || !strings.Contains(got, near) || strings.Contains(got, "mean") != (near != "") {
			t.Errorf("%q: found %v, said %q", word, ok, got)
		}
	}
}

// TestExplainEverything: every word is found by its names, and no line is
// wider than the terminal but for literal ones.
func TestExplainEverything(t *testing.T) {
	for _, word := range append(whole().words(), "") {
		got, ok := explained(word)
		if !ok {
			t.Errorf("%q is not found", word)
		}
		for line := range strings.Lines(got) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > width && !strings.HasPrefix(line, "        ") {
				t.Errorf("%q: a line of %d characters: %s", word, n, line)
			}
		}
	}
}

func TestStatusIsShown(t *testing.T) {
	for s, want := range map[config.Status]string{
		config.Served: "served", config.NotServed: "not served yet", config.NothingToServe: "nothing for it to act on",
	} {
		if !strings.Contains(status(s), want) {
			t.Errorf("status %d: %q", s, status(s))
		}
	}
}

func TestOptions(t *testing.T) {
	groups, err := Options("\nIntro: text\n\nFirst:\n  -f, --use-file=FILE      read FILE\n                             (default)\n\nSecond:\n      --explain[=KEYWORD]\n          tell\n")
	if err == nil || !strings.Contains(err.Error(), "does not have") {
		t.Errorf("options that program.txt describes are missing, error %v", err)
	}
	if len(groups) != 2 {
		t.Fatalf("got %+v", groups)
	}
	if o := groups[0].Options[0]; o.Short != "f" || o.Long != "use-file" || o.Arg != "FILE" || o.Optional || o.Doc != "read FILE (default)" || o.Complete != "file" {
		t.Errorf("got %+v", o)
	}
	if o := groups[1].Options[0]; o.Short != "" || o.Long != "explain" || o.Arg != "KEYWORD" || !o.Optional || o.Doc != "tell" {
		t.Errorf("got %+v", o)
	}
	if _, err := Options("A:\n  -x file\n"); err == nil {
		t.Error("a line without long option is accepted")
	}
}

func TestSentences(t *testing.T) {
	got := sentences("One (RFC 1). Two, e.g. this! Is it? 3.6 seconds. And ... More")
	want := []string{"One (RFC 1).", "Two, e.g. this!", "Is it? 3.6 seconds.", "And ... More"}
	if !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestExampleFiles reads the examples that are whole configurations, with a
// machine that has what they name.
func TestExampleFiles(t *testing.T) {
	examples := []string{exampleFile}
	for _, c := range Chapters() {
		texts := slices.Clone(c.Intro)
		for _, k := range c.Words {
			texts = append(texts, k.More...)
		}
		for _, p := range texts {
			first := strings.Fields(p)[0]
			if strings.HasPrefix(p, "    ") && (strings.HasPrefix(first, "vrrp_instance") || strings.HasPrefix(first, "$") && strings.Contains(p, "{") ||
				slices.Contains([]string{"vrrp_script", "vrrp_track_process", "track_file", "bfd_instance", "static_ipaddress", "garp_group"}, first) && strings.Contains(p, "{")) {
				examples = append(examples, p)
			}
		}
	}
	if len(examples) < 8 {
		t.Errorf("only %d examples are found", len(examples))
	}
	for _, text := range examples {
		path := filepath.Join(t.TempDir(), "keepalived.conf")
		if !strings.Contains(text, "enable_script_security") {
			text = "global_defs {\nenable_script_security\nscript_user root\n}\n" + text
		}
		if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		everything, err := findings.ReadHost("none")
		if err != nil {
			t.Fatal(err)
		}
		opt := config.Options{Test: true, ConfigID: "node1", Host: config.System()}
		opt.Host = everything.Host(path, opt)
		_, diags := config.Load(path, opt)
		for _, d := range diags {
			if d.Code > syntax.Log {
				t.Errorf("%s\n%s", d, text)
			}
		}
	}
}
