package trace

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// A recording of a release that told no reasons replays; one with another reason, or
// another cause, does not.
func TestReplayWithoutReasons(t *testing.T) {
	text, err := os.ReadFile(filepath.Join("..", "..", "testdata", "traces", "two-owners.trace"))
	if err != nil {
		t.Fatal(err)
	}
	const reason = " reason=priority"
	if !strings.Contains(string(text), reason) {
		t.Fatal("the trace has no reason")
	}
	for instead, want := range map[string]bool{
		reason: true, "": true, " reason=preempted": false, "x" + reason: false, "x": false, " reason=x": false,
	} {
		tr, err := Parse(strings.ReplaceAll(string(text), reason, instead))
		if err == nil {
			err = Replay(tr)
		}
		if (err == nil) != want {
			t.Errorf("with %q: %v", instead, err)
		}
	}
}
