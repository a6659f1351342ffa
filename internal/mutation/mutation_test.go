package mutation

import (
	"bytes"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	all    = flag.Bool("mutation.all", false, "put in every fault, not only a few")
	only   = flag.String("mutation.only", "", "put in the faults whose name this regular expression matches")
	worlds = flag.Int("mutation.worlds", 0, "how many worlds the simulator has to notice; 0: 2000, and 400 for a few faults only")
)

// fault is a mistake in the state machine.
type fault struct {
	name     string
	file, fn string // of package fsm; a method is Type.method
	old, now string // old is in the function once
	often    bool   // put in at every test, not only with -mutation.all
	rare     bool   // to be noticed in one of ten thousand worlds only
	unseen   string // why no simulated world can tell
}

// enough is how many worlds have to do.
func (f *fault) enough() int {
	switch {
	case *worlds > 0:
		return *worlds
	case f.rare:
		return 15000
	case *all || *only != "":
		return 2000
	}
	return 400
}

const fsmDir = "../fsm"

// span is where a function is in its file.
type span struct{ from, to int }

// functions finds the functions and methods of a file.
func functions(t *testing.T, name string, src []byte) map[string]span {
	t.Helper()
	set := token.NewFileSet()
	f, err := parser.ParseFile(set, name, src, 0)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]span{}
	for _, d := range f.Decls {
		fn, ok := d.(*ast.FuncDecl)
		if !ok {
			continue
		}
		name := fn.Name.Name
		if fn.Recv != nil {
			typ := fn.Recv.List[0].Type
			if star, ok := typ.(*ast.StarExpr); ok {
				typ = star.X
			}
			name = typ.(*ast.Ident).Name + "." + name
		}
		all[name] = span{set.Position(fn.Pos()).Offset, set.Position(fn.End()).Offset}
	}
	return all
}

// apply puts the fault into the source of its file.
func (f *fault) apply(t *testing.T) []byte {
	t.Helper()
	src, err := os.ReadFile(filepath.Join(fsmDir, f.file))
	if err != nil {
		t.Fatal(err)
	}
	at, ok := functions(t, f.file, src)[f.fn]
	if !ok {
		t.Fatalf("%s has no function %s any more", f.file, f.fn)
	}
	body := src[at.from:at.to]
	if n := bytes.Count(body, []byte(f.old)); n != 1 {
		t.Fatalf("%s of %s has this %d times, want once:\n%s", f.fn, f.file, n, f.old)
	}
	changed := bytes.Replace(body, []byte(f.old), []byte(f.now), 1)
	return append(append(bytes.Clone(src[:at.from]), changed...), src[at.to:]...)
}

// exports imports what package fsm does, compiled: the go command knows where.
func exports(t *testing.T) types.Importer {
	t.Helper()
	out, err := exec.Command("go", "list", "-export", "-deps", "-f", "{{.ImportPath}} {{.Export}}", fsmDir).Output()
	if err != nil {
		t.Fatal(err)
	}
	where := map[string]string{}
	for line := range strings.Lines(string(out)) {
		path, file, _ := strings.Cut(strings.TrimSpace(line), " ")
		where[path] = file
	}
	return importer.ForCompiler(token.NewFileSet(), "gc", func(path string) (io.ReadCloser, error) { return os.Open(where[path]) })
}

var compiled types.Importer

// typeCheck tells whether package fsm compiles with another text of a file.
func typeCheck(t *testing.T, name string, src []byte) {
	t.Helper()
	if compiled == nil {
		compiled = exports(t)
	}
	all, err := filepath.Glob(filepath.Join(fsmDir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	set := token.NewFileSet()
	var files []*ast.File
	for _, path := range all {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		var text any
		if filepath.Base(path) == name {
			text = src
		}
		f, err := parser.ParseFile(set, path, text, parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, f)
	}
	conf := types.Config{Importer: compiled}
	if _, err := conf.Check("fsm", set, files, nil); err != nil {
		t.Error(err)
	}
}

// overlay writes what the go command needs to compile the fault in.
func (f *fault) overlay(t *testing.T, dir string) string {
	t.Helper()
	real, err := filepath.Abs(filepath.Join(fsmDir, f.file))
	if err != nil {
		t.Fatal(err)
	}
	mutant := filepath.Join(dir, f.file)
	table, err := json.Marshal(map[string]any{"Replace": map[string]string{real: mutant}})
	if err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "overlay.json")
	for file, data := range map[string][]byte{mutant: f.apply(t), name: table} {
		if err := os.WriteFile(file, data, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return name
}

// try runs the tests of a package, with an overlay if there is one; it returns
// what they say when they fail, and nothing when all is well.
func try(t *testing.T, dir, pkg, overlay string, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	bin := filepath.Join(dir, pkg+".test")
	build := []string{"test", "-c", "-o", bin}
	if overlay != "" {
		build = append(build, "-overlay", overlay)
	}
	cmd := exec.CommandContext(ctx, "go", append(build, "../"+pkg)...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("the fault does not compile: %v\n%s", err, out)
	}
	cmd = exec.CommandContext(ctx, bin, args...)
	cmd.Dir = "../" + pkg
	out, err := cmd.CombinedOutput()
	if err == nil {
		return ""
	}
	return string(out)
}

func (f *fault) simulate(t *testing.T, dir, overlay string) string {
	t.Helper()
	return try(t, dir, "sim", overlay, "-test.run=^TestWorlds$", "-sim.brief", fmt.Sprintf("-sim.worlds=%d", f.enough()), "-test.timeout=30m")
}

func examine(t *testing.T, dir, overlay string) string {
	t.Helper()
	return try(t, dir, "fsm", overlay, "-test.timeout=2m", "-rapid.nofailfile")
}

var (
	world  = regexp.MustCompile(`world \d+: .*`)
	failed = regexp.MustCompile(`(?m)^--- FAIL: (\w+)`)
)

// summary is the report on one fault, a line of it for each who looked.
func (f *fault) summary(sim, own string) string {
	noticed := "not noticed"
	switch {
	case world.MatchString(sim):
		noticed = world.FindString(sim)
	case sim != "":
		noticed = strings.SplitN(sim, "\n", 2)[0]
	case f.unseen != "":
		noticed = "cannot tell: " + f.unseen
	}
	tests := failed.FindAllStringSubmatch(own, -1)
	by := "not noticed"
	switch {
	case len(tests) > 0:
		by = fmt.Sprintf("%s and %d more", tests[0][1], len(tests)-1)
	case own != "":
		by = strings.SplitN(own, "\n", 2)[0]
	}
	return fmt.Sprintf("%s\n    simulator: %s\n    tests: %s\n", f.name, noticed, by)
}

// judge says whether everybody noticed who should have.
func (f *fault) judge(t *testing.T, sim, own string) {
	t.Helper()
	switch {
	case f.unseen == "" && sim == "":
		t.Errorf("the simulator does not notice in %d worlds", f.enough())
	case f.unseen != "" && sim != "":
		t.Errorf("the simulator does notice: the list says %q", f.unseen)
	case f.unseen != "" && own == "":
		t.Error("neither the simulator nor the tests of package fsm notice")
	}
}

// TestHealthy: without a fault nobody complains, or all else here is worth nothing.
func TestHealthy(t *testing.T) {
	dir := t.TempDir()
	if out := (&fault{}).simulate(t, dir, ""); out != "" {
		t.Errorf("the simulator: %s", out)
	}
	if out := examine(t, dir, ""); out != "" {
		t.Errorf("the tests: %s", out)
	}
}

// TestFaultsApply: every fault can still be put in, also those that are not.
func TestFaultsApply(t *testing.T) {
	seen := map[string]bool{}
	for i := range faults {
		f := &faults[i]
		t.Run(f.name, func(t *testing.T) { typeCheck(t, f.file, f.apply(t)) })
		if seen[f.name] {
			t.Errorf("there are two faults %q", f.name)
		}
		seen[f.name] = true
	}
	if len(faults) < 100 {
		t.Errorf("only %d faults", len(faults))
	}
}

func TestFaults(t *testing.T) {
	reports, wanted := make([]string, len(faults)), regexp.MustCompile(*only)
	var mu sync.Mutex
	t.Run("put in", func(t *testing.T) {
		for i := range faults {
			f := &faults[i]
			if !f.often && !*all && *only == "" || !wanted.MatchString(f.name) {
				continue
			}
			t.Run(f.name, func(t *testing.T) {
				t.Parallel()
				dir := t.TempDir()
				overlay := f.overlay(t, dir)
				sim, own := f.simulate(t, dir, overlay), ""
				if *all || *only != "" || f.unseen != "" {
					own = examine(t, dir, overlay)
				}
				f.judge(t, sim, own)
				mu.Lock()
				defer mu.Unlock()
				reports[i] = f.summary(sim, own)
			})
		}
	})
	t.Logf("what was noticed:\n%s", strings.Join(reports, ""))
}
