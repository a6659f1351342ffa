package trace

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// tape is a recording in memory.
type tape struct{ strings.Builder }

type track struct {
	t *tape
	n int
}

func (t track) Write(lines []byte) (int, error) { return t.t.Write(Prefixed(t.n, lines)) }

// recorded is a group with its recorder.
type recorded struct {
	g *fsm.Group
	r *Recorder
}

func (t *tape) group(n int, name string, specs ...*fsm.Spec) recorded {
	return recorded{fsm.NewGroup(name, specs...), NewStream(track{t, n}, epoch, name, specs...)}
}

func (r recorded) step(at time.Duration, id fsm.ID, ev fsm.Event) {
	r.r.Step(r.g, epoch.Add(at), id, ev)
}

func (r recorded) run(until time.Duration) {
	for w, ok := r.g.Wake(); ok && w.Before(epoch.Add(until)); w, ok = r.g.Wake() {
		r.step(w.Sub(epoch), fsm.All, fsm.Tick{})
	}
}

func spec(name string, priority uint8) *fsm.Spec {
	return &fsm.Spec{Name: name, Version: 3, VRID: 51, Priority: priority, AdvertInterval: time.Second, DownTimerAdverts: 3}
}

// example is a recording of two instances of which a reload makes a group.
func example() *tape {
	t := &tape{}
	t.WriteString("# recorded for a test\n")
	a, b := t.group(1, "", spec("A", 100)), t.group(2, "", spec("B", 90))
	for i, g := range []recorded{a, b} {
		g.step(0, 0, fsm.LinkChanged{Up: true, Name: "eth0"})
		g.step(0, 0, fsm.SourceChanged{Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + i)})})
		g.step(0, fsm.All, fsm.Start{})
		g.run(10 * time.Second)
	}
	c := t.group(3, "G", spec("A", 120), spec("B", 90))
	for i, old := range []recorded{a, b} {
		t.Write(Prefixed(3, []byte(AdoptLine(fsm.ID(i), i+1, 0))))
		c.g.Adopt(fsm.ID(i), old.g.Carry()[0])
	}
	c.step(10*time.Second, 0, fsm.Reconfigured{Spec: spec("A", 120)})
	c.step(10*time.Second, fsm.All, fsm.Start{})
	c.run(20 * time.Second)
	return t
}

func TestRecordingAcrossAReload(t *testing.T) {
	text := example().String()
	got, err := ReplayRecording(text)
	if err != nil {
		t.Fatal(err)
	}
	if got.Traces != 3 || got.Events < 30 || got.Skipped != 0 {
		t.Errorf("replayed %+v", got)
	}
	// What is not so any more is found, in the group that was adopted too.
	i := strings.LastIndex(text, "> send priority=120")
	changed := text[:i] + "> send priority=121" + text[i+len("> send priority=120"):]
	var d *Difference
	if _, err := ReplayRecording(changed); !errors.As(err, &d) {
		t.Errorf("error %v, want a difference", err)
	}
}

// A daemon that is killed leaves a recording that ends anywhere.
func TestRecordingMayEndAnywhere(t *testing.T) {
	text := example().String()
	for n := len(text) - 1; n > 0; n -= 37 {
		if _, err := ReplayRecording(text[:n]); err != nil && text[n-1] != '\n' {
			t.Fatalf("after %d bytes: %v", n, err)
		}
	}
}

// What comes after a gap is not replayed, nor what was built on it.
func TestRecordingWithAGap(t *testing.T) {
	text := example().String()
	i := strings.Index(text, "2|    5.")
	text = text[:i] + "2| " + GapLine(2) + text[i:]
	got, err := ReplayRecording(text)
	if err != nil {
		t.Fatal(err)
	}
	if got.Skipped < 10 || got.Events < 10 {
		t.Errorf("replayed %+v", got)
	}
}

func TestRecordingErrors(t *testing.T) {
	head := "1| holdfast-trace 1\n1| instance name=A version=3 vrid=1 priority=100 interval=1s down-adverts=3\n"
	for _, test := range []struct{ text, want string }{
		{"holdfast-trace 1\n", "line 1: want the number of a trace"},
		{"1| nonsense\n", `line 1: a trace begins with`},
		{head + "1| adopt instance=0 from=7 as=0\n1|    0.000000 * < start\n# end\n", "there is no instance 0 of trace 7"},
		{head + "1|    0.000000 * < start\n2| holdfast-trace 1\n2|    0.000000 0 > add-addresses\n", "no instance"},
	} {
		if _, err := ReplayRecording(test.text); err == nil || !strings.Contains(fmt.Sprint(err), test.want) {
			t.Errorf("%q: error %v, want %q", test.text, err, test.want)
		}
	}
}

func FuzzRecording(f *testing.F) {
	head := "1| holdfast-trace 1\n1| instance name=A version=3 vrid=1 priority=100 interval=1s down-adverts=3\n"
	f.Add(head + "1|    0.000000 * < start\n2| adopt instance=0 from=1 as=0\n2" + head[1:] + "2|    1.000000 * < tick\n2| gap steps=3\n")
	f.Fuzz(func(_ *testing.T, text string) { _, _ = ReplayRecording(text) })
}
