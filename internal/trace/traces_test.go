package trace

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/fsm"
)

var update = flag.Bool("update", false, "run the events of testdata/traces again and rewrite everything else")

// Each file tells in a comment what happens and is the events, the expected
// actions and the expected deadlines in one.
//
// A new trace is a file with a header, the events and a last tick at the time
// at which it is to end; -update fills in the rest. Ticks are put where the
// state machine wants them, and comments stay in front of what follows them.
func TestTraces(t *testing.T) {
	files, err := filepath.Glob(filepath.Join("..", "..", "testdata", "traces", "*.trace"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no traces found: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".trace"), func(t *testing.T) {
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				text = regenerate(t, string(text))
				if err := os.WriteFile(file, text, 0o644); err != nil {
					t.Fatal(err)
				}
			}
			if text[0] != '#' {
				t.Error("no comment at the top says in words what happens")
			}
			tr, err := Parse(string(text))
			if err != nil {
				t.Fatal(err)
			}
			if err := Replay(tr); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(withoutComments(string(text)), tr.String()); diff != "" {
				t.Errorf("printed again (-want +got):\n%s", diff)
			}
		})
	}
}

func withoutComments(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		if s := strings.TrimSpace(line); s != "" && s[0] != '#' {
			b.WriteString(line)
		}
	}
	return b.String()
}

// regenerate keeps header, comments and events of a trace and makes the rest.
func regenerate(t *testing.T, text string) []byte {
	t.Helper()
	tr, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	last := tr.Lines[len(tr.Lines)-1].At
	g := fsm.NewGroup(tr.Group, tr.Specs...)
	var out bytes.Buffer
	r := NewRecorder(&out, tr.Group, tr.Specs...)
	r.buf, r.begun, r.start = r.buf[:0], true, epoch
	ticksBefore := func(at time.Duration) {
		for {
			w, ok := g.Wake()
			if !ok || w.Sub(epoch) >= at {
				return
			}
			r.Step(g, w, fsm.All, fsm.Tick{})
		}
	}
	comments, specs := "", tr.Specs
	for line := range strings.Lines(text) {
		s := strings.TrimSpace(line)
		if s == "" || s[0] == '#' {
			comments += line
			continue
		}
		l, err := ParseLine(strings.TrimRight(line, "\n"))
		if err != nil {
			header := appendHeader(nil, tr.Group, nil)
			if strings.HasPrefix(s, "instance ") {
				header, specs = appendHeader(nil, tr.Group, specs[:1])[len(header):], specs[1:]
			}
			out.WriteString(comments)
			out.Write(header)
			comments = ""
			continue
		}
		if l.Event == nil {
			continue
		}
		_, tick := l.Event.(fsm.Tick)
		if tick && comments == "" {
			continue
		}
		ticksBefore(l.At)
		out.WriteString(comments)
		comments = ""
		if !tick {
			r.Step(g, epoch.Add(l.At), l.ID, l.Event)
		}
	}
	ticksBefore(last + 1)
	out.WriteString(comments)
	return out.Bytes()
}
