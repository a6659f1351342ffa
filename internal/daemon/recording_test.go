package daemon

import (
	"io"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/nettest"
	"github.com/holdfast-ha/holdfast/internal/trace"
)

// recordedMaster is a group that is recorded, and what makes it advertise.
type recordedMaster struct {
	g   *fsm.Group
	rec *recorder
	now time.Time
}

func newRecordedMaster(k *recording) *recordedMaster {
	s := &fsm.Spec{Name: "VI", Version: 3, VRID: 51, Priority: 100, AdvertInterval: time.Second, DownTimerAdverts: 3}
	r := &recordedMaster{g: fsm.NewGroup("", s), now: time.Now()}
	r.rec = k.recorder(r.g, []*fsm.Spec{s}, nil)
	for _, ev := range []fsm.Event{fsm.LinkChanged{Up: true, Name: "eth0"}, fsm.SourceChanged{Addr: netip.MustParseAddr("192.0.2.1")}, fsm.Start{}} {
		r.rec.Step(r.g, r.now, fsm.All, ev)
	}
	return r
}

func (r *recordedMaster) ticks(n int) {
	for range n {
		r.now, _ = r.g.Wake()
		r.rec.Step(r.g, r.now, fsm.All, fsm.Tick{})
	}
}

// A disk that does not answer makes nobody wait; the trace says what is missing.
func TestRecordingNeverWaits(t *testing.T) {
	out, in, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer out.Close()
	k := newRecording(in, 1<<30, &logger{slog.New(slog.DiscardHandler)})
	r := newRecordedMaster(k)
	r.ticks(recordQueue + 100)
	text := make(chan string)
	go func() {
		b, _ := io.ReadAll(out)
		text <- string(b)
	}()
	go k.run()
	nettest.WaitFor(t, time.Minute, func() bool { return len(k.queue) == 0 }, "the disk to answer")
	r.ticks(10)
	k.stop(time.Minute)
	got := <-text
	if !strings.Contains(got, "1| gap steps=103\n") {
		t.Errorf("no gap in a recording of %d bytes", len(got))
	}
	done, err := trace.ReplayRecording(got)
	if err != nil || done.Events != recordQueue || done.Skipped != 10 {
		t.Errorf("replayed %+v, %v", done, err)
	}
}

// It ends at its limit with whole steps, and says so.
func TestRecordingEndsAtItsLimit(t *testing.T) {
	f, err := os.Create(filepath.Join(t.TempDir(), "trace"))
	if err != nil {
		t.Fatal(err)
	}
	var lines strings.Builder
	k := newRecording(f, 4096, &logger{slog.New(slog.NewTextHandler(&lines, nil))})
	r := newRecordedMaster(k)
	r.ticks(1000)
	k.run()
	r.ticks(10)
	if r.rec.Err() == nil || k.recorder(r.g, nil, nil) != nil {
		t.Error("it goes on")
	}
	b, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	done, err := trace.ReplayRecording(string(b))
	if err != nil || done.Events < 20 || len(b) > 4096+100 || !strings.HasSuffix(string(b), "# the recording has reached 4096 bytes and ends here\n") {
		t.Errorf("%d bytes, replayed %+v, %v", len(b), done, err)
	}
	if strings.Count(lines.String(), "has reached its limit") != 1 {
		t.Errorf("log: %s", lines.String())
	}
	k.stop(time.Second)
}
