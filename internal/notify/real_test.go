package notify

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/nettest"
	"github.com/holdfast-ha/holdfast/internal/spawn"
)

// Real scripts: the order, the arguments, and a STOP script that never ends.
func TestReal(t *testing.T) {
	dir := t.TempDir()
	out := filepath.Join(dir, "out")
	write := func(name, text string) *spawn.Cmd {
		path := filepath.Join(dir, name)
		if err := nettest.WriteProgram(path, []byte(text)); err != nil {
			t.Fatal(err)
		}
		return &spawn.Cmd{Argv: []string{path, out, "it's"}}
	}
	slow := write("slow", "#!/bin/sh\nsleep 0.2\necho slow \"$2\" >>$1\n")
	quick := write("quick", "#!/bin/sh\necho quick \"$2\" >>$1\n")
	any := write("any", "#!/bin/sh\nshift 2\nprintf 'any'; printf ' <%s>' \"$@\" >>"+out+"; echo >>"+out+"\n")
	hang := write("hang", "#!/bin/sh\necho hang >>$1\nsleep 60\n")

	n := New(func(_ spawn.Level, text string) { t.Log(text) }, Options{})
	n.Post(Event{Name: "VI 1", State: "MASTER", Priority: 101, Specific: slow, Generic: any})
	until(t, n, "the first script has started, so that it is not replaced", func(s ObjectState) bool {
		return s.State == "MASTER" && (s.Running != nil || s.Last.Script != "")
	})
	n.Post(Event{Name: "VI 1", State: "BACKUP", Priority: 99, Specific: quick, Generic: any})
	until(t, n, "the last script has ended", func(s ObjectState) bool {
		return s.Last.State == "BACKUP" && s.Last.Script == any.Argv[0]
	})
	n.Post(Event{Name: "VI 1", State: Stop, Specific: hang, Generic: any})
	ctx, cancel := context.WithTimeout(t.Context(), 500*time.Millisecond)
	defer cancel()
	begin := time.Now()
	n.Drain(ctx)
	if took := time.Since(begin); took > 5*time.Second {
		t.Errorf("draining took %v", took)
	}
	got, err := os.ReadFile(out)
	if err != nil {
		t.Fatal(err)
	}
	want := "slow it's\n <INSTANCE> <VI 1> <MASTER> <101>\nquick it's\n <INSTANCE> <VI 1> <BACKUP> <99>\nhang\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("what the scripts wrote (-want +got):\n%s", diff)
	}
}

// Whoever keeps a journal hears how each script has ended and what one that failed
// has printed.
func TestEnded(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) *spawn.Cmd {
		path := filepath.Join(dir, name)
		if err := nettest.WriteProgram(path, []byte("#!/bin/sh\n"+text)); err != nil {
			t.Fatal(err)
		}
		return &spawn.Cmd{Argv: []string{path}, Capture: true}
	}
	type ended struct {
		Kind         Kind
		Name, Reason string
		OK           bool
		Said         []string
	}
	heard := make(chan ended, 2)
	n := New(nil, Options{Ended: func(k Kind, name string, r Run, said []string) {
		heard <- ended{k, name, r.Reason, r.OK, said}
	}})
	n.Post(Event{
		Kind: Group, Name: "G", State: "MASTER",
		Specific: write("bad", "echo one; printf 'two\\007' >&2; exit 3\n"), Generic: write("good", "echo fine\n"),
	})
	n.Drain(t.Context())
	want := []ended{{Group, "G", "exit 3", false, []string{"one", "two?"}}, {Group, "G", "exit 0", true, nil}}
	if diff := cmp.Diff(want, []ended{<-heard, <-heard}); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// until waits for a state of the only object.
func until(t *testing.T, n *Notifier, what string, cond func(ObjectState) bool) {
	t.Helper()
	deadline := time.After(10 * time.Second)
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !cond(n.State()[0]) {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("not reached: %s: %+v", what, n.State()[0])
		}
	}
}
