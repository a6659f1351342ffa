// Package floors checks the rules about who may import whom, which keep the
// rooms of docs/architecture.md apart.
package floors

import (
	"encoding/json"
	"os/exec"
	"path"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/holdfast-ha/holdfast/"

type pkg struct {
	ImportPath string
	Name       string
	Imports    []string
	Doc        string
}

func list(t *testing.T) []pkg {
	t.Helper()
	out, err := exec.Command("go", "list", "-json=ImportPath,Name,Imports,Doc", module+"...").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	var all []pkg
	for d := json.NewDecoder(strings.NewReader(string(out))); d.More(); {
		var p pkg
		if err := d.Decode(&p); err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
	return all
}

// ours is the short name of a package of this module: internal/fsm is fsm.
func ours(importPath string) (string, bool) {
	rest, ok := strings.CutPrefix(importPath, module)
	return strings.TrimPrefix(rest, "internal/"), ok
}

func TestPureRoomsTouchNothing(t *testing.T) {
	pure := []string{"syntax", "advert", "fsm", "splitbrain"}
	forbidden := []string{"os", "net", "sync", "log", "context", "log/slog", "syscall", "os/exec", "sync/atomic", "unsafe"}
	for _, p := range list(t) {
		name, _ := ours(p.ImportPath)
		if !slices.Contains(pure, name) {
			continue
		}
		for _, i := range p.Imports {
			_, mine := ours(i)
			if slices.Contains(forbidden, i) || strings.Contains(i, ".") && !mine {
				t.Errorf("%s imports %s: it is a pure function of its input", name, i)
			}
		}
	}
}

func TestStrangers(t *testing.T) {
	// Who must not know whom; both ways round where it says so.
	rules := map[string][]string{
		"config":          {"fsm", "reference", "findings"},
		"fsm":             {"config"},
		"netio":           {"fsm", "config", "kernel", "track", "notify"},
		"kernel":          {"fsm", "config", "netio", "track", "notify"},
		"track":           {"fsm", "config", "netio", "kernel", "notify"},
		"notify":          {"fsm", "config", "netio", "kernel", "track", "mail"},
		"mail":            {"fsm", "config", "netio", "kernel", "track", "notify"},
		"manual":          {"config", "reference"},
		"agentx":          {"snmp", "dump", "fsm", "config", "netio", "kernel", "track", "notify", "mail", "dbus"},
		"snmp":            {"fsm", "config", "netio", "kernel", "track", "notify", "mail", "dbus"},
		"dbus":            {"fsm", "config", "netio", "kernel", "track", "notify", "mail"},
		"control":         {"fsm", "config", "netio", "kernel", "track", "notify", "mail", "dbus", "snmp", "dump"},
		"cmd/holdfastctl": {"fsm", "config", "netio", "kernel", "track", "notify", "mail", "dbus", "snmp", "dump", "daemon", "process", "privilege"},
	}
	for _, p := range list(t) {
		name, _ := ours(p.ImportPath)
		for _, i := range p.Imports {
			other, mine := ours(i)
			if mine && slices.Contains(rules[name], other) {
				t.Errorf("%s imports %s: the daemon translates between them", name, other)
			}
		}
	}
}

func TestOnlyCommandsImportTheDaemon(t *testing.T) {
	for _, p := range list(t) {
		name, _ := ours(p.ImportPath)
		for _, i := range p.Imports {
			if other, mine := ours(i); mine && other == "daemon" && !strings.HasPrefix(name, "cmd/") {
				t.Errorf("%s imports daemon", name)
			}
			if other, mine := ours(i); mine && path.Base(other) == "nettest" && strings.HasPrefix(name, "cmd/holdfast") {
				t.Errorf("%s imports nettest, which is for tests", name)
			}
		}
	}
}

func TestEveryPackageSaysWhatItIs(t *testing.T) {
	for _, p := range list(t) {
		if p.Doc == "" && p.Name != "main" && !strings.HasSuffix(p.ImportPath, "/floors") && !strings.HasSuffix(p.ImportPath, "/interop") {
			t.Errorf("%s has no package comment", p.ImportPath)
		}
	}
}
