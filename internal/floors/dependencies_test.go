package floors

import (
	"encoding/json"
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// docs/dependencies.md is what go.mod says, with licence and reason for each.
func TestDependenciesAreListed(t *testing.T) {
	out, err := exec.Command("go", "mod", "edit", "-json", "../../go.mod").Output()
	if err != nil {
		t.Fatal(err)
	}
	var mod struct {
		Require []struct {
			Path, Version string
			Indirect      bool
		}
	}
	if err := json.Unmarshal(out, &mod); err != nil {
		t.Fatal(err)
	}
	program := linked(t)
	page, err := os.ReadFile("../../docs/dependencies.md")
	if err != nil {
		t.Fatal(err)
	}
	rows := map[string][]string{}
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|")
		for i := range cells {
			cells[i] = strings.TrimSpace(cells[i])
		}
		if len(cells) == 5 && strings.Contains(cells[0], ".") {
			rows[cells[0]] = cells
		}
	}
	for _, m := range mod.Require {
		row, ok := rows[m.Path]
		if !ok {
			t.Errorf("%s %s is in go.mod and not on the page", m.Path, m.Version)
			continue
		}
		delete(rows, m.Path)
		in := "tests"
		if slices.Contains(program, m.Path) {
			in = "program"
		}
		if m.Indirect {
			in += ", indirect"
		}
		if row[1] != m.Version || row[3] != in {
			t.Errorf("%s: the page says %s in %s, go.mod %s in %s", m.Path, row[1], row[3], m.Version, in)
		}
		if row[2] == "" || row[4] == "" {
			t.Errorf("%s has no licence or no reason", m.Path)
		}
	}
	for name := range rows {
		t.Errorf("%s is on the page and not in go.mod", name)
	}
}

// linked are the modules whose code is in the program.
func linked(t *testing.T) []string {
	t.Helper()
	out, err := exec.Command("go", "list", "-deps", "-f", "{{with .Module}}{{.Path}}{{end}}", module+"cmd/holdfast").Output()
	if err != nil {
		t.Fatal(err)
	}
	return strings.Fields(string(out))
}
