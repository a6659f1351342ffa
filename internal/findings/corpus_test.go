package findings

import (
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/config"
)

// elsewhere are the files whose verdict is due to a script of the machine that
// keepalived was asked on.
var elsewhere = map[string]string{
	"052": "the script was not there",
	"080": "the script's directory was a symbolic link",
}

// TestCorpus tests published configurations on the host where everything is
// there, and compares the status with that of keepalived on a machine that was
// given everything the files name. The collection is no part of the source.
func TestCorpus(t *testing.T) {
	dir := os.Getenv("HOLDFAST_CORPUS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "corpus")
	}
	table, err := os.ReadFile(filepath.Join(dir, "verdicts.tsv"))
	if err != nil {
		t.Skipf("no corpus: set HOLDFAST_CORPUS (%v)", err)
	}
	rows := strings.Split(strings.TrimSpace(string(table)), "\n")
	head := strings.Split(rows[0], "\t")
	agree, all := 0, 0
	for _, r := range rows[1:] {
		row := strings.Split(r, "\t")
		if row[slices.Index(head, "lvs")] == "yes" || elsewhere[row[0]] != "" {
			continue
		}
		main := filepath.Join(dir, "open", row[0]+".conf")
		opt := config.Options{Test: true, StrictCompat: true, ConfigID: "corpus-node", Seed: 1}
		opt.Host = (&Description{}).Host(main, opt)
		cfg, diags := config.Load(main, opt)
		all++
		if want := row[slices.Index(head, "exit_2.4.3_full")]; strconv.Itoa(diags.ExitStatus()) == want {
			agree++
		} else {
			t.Logf("%s: got %d want %s", row[0], diags.ExitStatus(), want)
			for _, d := range diags {
				if d.Code > 1 {
					t.Logf("   %s %s", d.Code, d)
				}
			}
		}
		report := New(diags, main, cfg.Files, opt.Host.ReadFile)
		checkPretty(t, render(t, report, Pretty, Style{}))
		checkJSON(t, render(t, report, JSON, Style{}))
		checkSARIF(t, render(t, report, SARIF, Style{}))
		for i := range report.Findings {
			if f := &report.Findings[i]; f.Pos.Line > 0 && f.line == nil {
				t.Errorf("%s: no text for %s", row[0], f.Pos)
			}
		}
	}
	t.Logf("%d of %d agree", agree, all)
	if agree != all {
		t.Error("not all agree")
	}
}
