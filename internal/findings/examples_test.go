package findings

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/config"
)

// TestExamples loads the configurations of the guides our users come from.
// They are no part of the source; testdata/conf/guides.txtar has equivalents.
func TestExamples(t *testing.T) {
	dir := os.Getenv("HOLDFAST_SEEDS")
	if dir == "" {
		dir = filepath.Join("..", "..", "..", "shared", "seeds")
	}
	files, err := filepath.Glob(filepath.Join(dir, "examples", "*"))
	if err != nil || len(files) == 0 {
		t.Skip("no examples: set HOLDFAST_SEEDS")
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			opt := config.Options{Test: true, Seed: 1}
			opt.Host = (&Description{}).Host(file, opt)
			cfg, diags := config.Load(file, opt)
			if diags.Fatal() || len(cfg.Instances) == 0 {
				t.Errorf("refused with %d instances", len(cfg.Instances))
			}
			for _, d := range diags {
				if d.Code <= 1 || allowedInExamples(d.String()) {
					continue
				}
				t.Errorf("unexpected: %s: %s", d.Code, d)
			}
		})
	}
}

// allowedInExamples are the complaints that keepalived has too.
func allowedInExamples(text string) bool {
	for _, s := range []string{
		"SECURITY VIOLATION",
		"No VIP specified; at least one is sensible", // only excluded addresses
		"since own interface",
	} {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}
