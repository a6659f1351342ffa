package findings

import (
	"io/fs"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/corpus"
)

// corpusExceptions are the files whose verdict is reached with StrictCompat
// alone, with the difference of docs/compatibility.md that is the reason.
var corpusExceptions = map[string]string{
	"080": "the script's path goes through a symbolic link, which we resolve first, as keepalived 2.2.7 does",
	"236": "enable_snmp_rfc* are known here as in distribution builds; that build had no RFC MIBs",
	"249": "the same",
	"269": "the network namespace cannot be entered: keepalived ends there and calls it a success",
	"292": "the same",
	"293": "the same",
}

// corpusHost is the machine of the verdicts. Everything that the file names
// was there, but for scripts in /tmp, for a network namespace whose name is an
// undefined variable, and for the user keepalived_script where no file needs
// it; /usr was merged.
func corpusHost(f *corpus.File, opt config.Options) *config.Host {
	h := (&Description{}).Host(f.Path, opt)
	h.NetNS = func(name string) bool { return !strings.Contains(name, "$") }
	needed := f.Contains("enable_script_security") && !f.Contains("script_user")
	user, lstat, readlink := h.User, h.Lstat, h.Readlink
	h.User = func(name string) (config.User, error) {
		if name == "keepalived_script" && !needed && !f.Contains(name) {
			return config.User{}, fs.ErrNotExist
		}
		return user(name)
	}
	merged := []string{"/bin", "/sbin", "/lib"}
	h.Lstat = func(p string) (config.FileStat, error) {
		switch rest, behind := strings.CutPrefix(p, "/usr"); {
		case strings.HasPrefix(p, "/tmp/"):
			return config.FileStat{}, fs.ErrNotExist
		case slices.Contains(merged, p):
			return config.FileStat{Kind: config.Symlink, Mode: 0o777}, nil
		case behind && (rest == "" || slices.Contains(merged, rest)):
			return config.FileStat{Kind: config.Directory, Mode: 0o755}, nil
		}
		return lstat(p)
	}
	h.Readlink = func(p string) (string, error) {
		if slices.Contains(merged, p) {
			return "usr" + p, nil
		}
		return readlink(p)
	}
	return h
}

// TestCorpus tests published configurations on the host where everything is
// there, and compares status and kinds of findings with those of keepalived on
// a machine that was given everything the files name. Of files with virtual
// servers what keepalived says about those is left out (see package corpus).
// The collection is no part of the source.
func TestCorpus(t *testing.T) {
	for _, strict := range []bool{true, false} {
		agree, all, unused := 0, 0, maps.Clone(corpusExceptions)
		for _, f := range corpus.Read(t) {
			opt := config.Options{Test: true, StrictCompat: strict, ConfigID: corpus.NodeName, Seed: 1}
			opt.Host = corpusHost(f, opt)
			cfg, diags := config.Load(f.Path, opt)
			all++
			if corpusAgrees(f, diags, strict) {
				agree++
			} else if why, ok := corpusExceptions[f.Number]; ok && !strict {
				delete(unused, f.Number)
				t.Logf("%s differs: %s", f.Number, why)
			} else {
				t.Errorf("%s strict=%v lvs=%v: exit %d %v, want %d %v", f.Number, strict, f.LVS, diags.ExitStatus(), corpus.Codes(diags), f.ExitFull, f.Codes)
				for _, d := range diags {
					t.Logf("   %s %s", d.Code, d)
				}
				for _, m := range f.Messages {
					t.Logf("   theirs (LVS %v) %s %s", m.LVS, m.Code, m.Text)
				}
			}
			checkReport(t, f, New(diags, f.Path, cfg.Files, opt.Host.ReadFile))
		}
		t.Logf("strict=%v: %d of %d agree", strict, agree, all)
		if !strict && len(unused) > 0 {
			t.Errorf("these are no exceptions any more: %v", unused)
		}
	}
}

// corpusAgrees compares what was found. Without StrictCompat an unknown block
// is left out whole, and so not every kind has to be the same.
func corpusAgrees(f *corpus.File, diags config.Diagnostics, strict bool) bool {
	got, want, exit := corpus.Codes(diags), f.VRRPCodes(), f.ExitFull
	if f.LVS && f.ExitFull != config.ExitOK {
		exit = corpus.Exit(want)
	}
	missing := slices.ContainsFunc(want, func(c string) bool { return !slices.Contains(got, c) })
	switch {
	case f.LVS && f.Stopped():
		// keepalived did not get to the rest of the file.
		return !missing
	case f.ExitFull == config.ExitOK && len(f.Codes) > 0:
		// keepalived gave up with success and was silent about the rest.
		return diags.ExitStatus() == exit && (!missing || !strict)
	}
	return diags.ExitStatus() == exit && (slices.Equal(got, want) || !strict)
}

// checkReport writes the report in every format.
func checkReport(t *testing.T, f *corpus.File, report *Report) {
	t.Helper()
	checkPretty(t, render(t, report, Pretty, Style{}))
	checkJSON(t, render(t, report, JSON, Style{}))
	checkSARIF(t, render(t, report, SARIF, Style{}))
	lvs := 0
	for i := range report.Findings {
		x := &report.Findings[i]
		if x.Pos.Line > 0 && x.line == nil {
			t.Errorf("%s: no text for %s", f.Number, x.Pos)
		}
		if strings.HasPrefix(x.Text, "note: virtual servers are left out") {
			lvs++
		}
	}
	if lvs > 1 || (lvs == 1 && !f.LVS && !f.Contains("virtual_server_group")) {
		t.Errorf("%s: virtual servers are spoken of %d times", f.Number, lvs)
	}
}
