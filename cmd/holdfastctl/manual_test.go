package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

const (
	manualPage     = "../../docs/man/holdfastctl.1"
	completionsDir = "../../configs/completions"
)

// words are all commands, and all options in both forms, out of the help text.
func words(t *testing.T) (names, options []string) {
	t.Helper()
	head, tail, _ := strings.Cut(helpText, "Options:")
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z]+)`).FindAllStringSubmatch(head, -1) {
		names = append(names, m[1])
	}
	for _, m := range regexp.MustCompile(`(?m)^  -([a-z]), --([a-z]+)`).FindAllStringSubmatch(tail, -1) {
		options = append(options, m[1], m[2])
	}
	slices.Sort(names)
	have := make([]string, 0, len(commands))
	for name := range commands {
		have = append(have, name)
	}
	slices.Sort(have)
	if !slices.Equal(names, have) || len(options) != 2*6 {
		t.Fatalf("the help text has %q and %q", names, options)
	}
	return names, options
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestManualPage(t *testing.T) {
	names, options := words(t)
	text := read(t, manualPage)
	for _, name := range names {
		if !strings.Contains(text, "\n.It Cm "+name) {
			t.Errorf("nothing on the command %s", name)
		}
	}
	for i := 0; i < len(options); i += 2 {
		if !strings.Contains(text, "\n.It Fl "+options[i]+` , Fl \-`+options[i+1]) {
			t.Errorf("nothing on --%s", options[i+1])
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
	names, options := words(t)
	for shell, file := range map[string]string{"bash": "holdfastctl.bash", "zsh": "_holdfastctl", "fish": "holdfastctl.fish"} {
		t.Run(shell, func(t *testing.T) {
			path := filepath.Join(completionsDir, file)
			text := read(t, path)
			for _, word := range slices.Concat(names, options, []string{"data", "stats", "json"}) {
				if !regexp.MustCompile(`\b` + word + `\b`).MatchString(text) {
					t.Errorf("%s is not in it", word)
				}
			}
			if _, err := exec.LookPath(shell); err != nil {
				t.Skipf("%s is not installed: its completion is not checked", shell)
			}
			if out, err := exec.Command(shell, "-n", path).CombinedOutput(); err != nil || len(out) > 0 {
				t.Errorf("%s -n: %v\n%s", shell, err, out)
			}
		})
	}
}

// What bash offers, with a holdfastctl that knows two instances.
func TestBashOffers(t *testing.T) {
	if _, err := exec.LookPath("bash"); err != nil {
		t.Skip("bash is not installed: its completion is not tried")
	}
	for line, want := range map[string]string{
		"holdfastctl s":            "status",
		"holdfastctl --socket /x ": "dump reload status upgrade",
		"holdfastctl dump ":        "data json stats",
		"holdfastctl status ":      "VI_1 VI_2",
		"holdfastctl reload ":      "",
		"holdfastctl --js":         "--json",
	} {
		fields := strings.Split(line, " ")
		script := "holdfastctl() { printf 'Holdfast\\n\\nINSTANCE  STATE\\nVI_1  MASTER\\nVI_2  BACKUP\\n'; }\nsource " +
			filepath.Join(completionsDir, "holdfastctl.bash") + "\nCOMP_WORDS=(\"$@\") COMP_CWORD=$(($# - 1))\n_holdfastctl\nprintf '%s\\n' \"${COMPREPLY[@]}\""
		out, err := exec.Command("bash", append([]string{"-c", script, "bash"}, fields...)...).CombinedOutput()
		got := strings.Fields(string(out))
		slices.Sort(got)
		if err != nil || strings.Join(got, " ") != want {
			t.Errorf("%q: %q, %v", line, got, err)
		}
	}
}
