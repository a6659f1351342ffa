package daemon

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// asking has a runner asked in place of a look at its mirror.
func asking(d *Daemon) map[*member]*view {
	all := map[*member]*view{}
	answers := make([][]view, len(d.runners))
	for i, r := range d.runners {
		answers[i] = make([]view, len(r.members))
		for j, m := range r.members {
			all[m] = &answers[i][j]
		}
	}
	ask(d.runners, func(i int, now time.Time, g *fsm.Group) { look(d.runners[i], now, g, answers[i], question{past: true}) })
	return all
}

// fromMirrors tells how many of the runners' mirrors would do.
func fromMirrors(d *Daemon, q question) (n int) {
	for _, r := range d.runners {
		var l lateness
		if glance(r, make([]view, len(r.members)), &l, q) {
			n++
		}
	}
	return n
}

// TestMirrors: what the mirrors show is what the runners would say, and nobody is
// woken for it.
func TestMirrors(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := standIn(t, reportConf)
		beginStandIn(d)
		for range 20 {
			time.Sleep(time.Second)
			synctest.Wait()
			given := make([]uint64, len(d.runners))
			for i, r := range d.runners {
				given[i] = r.ctl.count()
			}
			got := viewsOf(d, question{past: true})
			for i, r := range d.runners {
				if r.ctl.count() != given[i] {
					t.Fatal("a runner was asked")
				}
			}
			for m, want := range asking(d) {
				if diff := cmp.Diff(want.journal, got[m].journal); diff != "" {
					t.Errorf("%s: journal (-asked +mirror):\n%s", m.name(), diff)
				}
				if want.State != got[m].State || want.Stats != got[m].Stats || want.Deadline != got[m].Deadline || want.Priority != got[m].Priority {
					t.Errorf("%s: asked %+v, mirror %+v", m.name(), want.View, got[m].View)
				}
			}
			synctest.Wait()
		}
	})
}

// A runner that has not begun has shown nothing.
func TestMirrorOfNothing(t *testing.T) {
	var l lateness
	r := &runner{ctl: newQueue[errand]()}
	if glance(r, nil, &l, question{}) {
		t.Error("there is something to be seen")
	}
}

// What was given to a runner and is not done yet, what happens while somebody looks,
// and entries of a journal that come too fast to be copied make it be asked.
func TestMirrorsThatWillNotDo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := standIn(t, reportConf)
		beginStandIn(d)
		time.Sleep(10 * time.Second)
		synctest.Wait()
		all, m := len(d.runners), named(d, "VI_6")
		r := m.runner
		if n := fromMirrors(d, question{past: true}); n != all {
			t.Fatalf("%d of %d mirrors will do", n, all)
		}

		release := make(chan struct{})
		r.ctl.push(errand{do: func(time.Time, *fsm.Group) { <-release }})
		if n := fromMirrors(d, question{}); n != all-1 {
			t.Errorf("with an errand under way: %d of %d mirrors will do", n, all)
		}
		close(release)
		synctest.Wait()

		refuse := func() {
			r.offerRefusal(m.id, &advert.Packet{Src: netip.MustParseAddr("192.0.2.9")}, advert.Reject{Reason: advert.ReasonTTL})
			synctest.Wait()
		}
		r.mirror.mu.Lock()
		refuse()
		if got := r.group.View(m.id).Stats.Rejected[advert.ReasonTTL]; got != 1 {
			t.Errorf("%d packets were counted: the runner waits for who looks", got)
		}
		r.mirror.mu.Unlock()
		if n := fromMirrors(d, question{}); n != all-1 {
			t.Errorf("after a step that could not be shown: %d of %d mirrors will do", n, all)
		}
		if got := viewsOf(d, question{})[m].Stats.Rejected[advert.ReasonTTL]; got != 1 {
			t.Errorf("a dump has %d packets", got)
		}
		synctest.Wait()
		if n := fromMirrors(d, question{}); n != all {
			t.Errorf("after it was asked: %d of %d mirrors will do", n, all)
		}

		time.Sleep(2 * copyPause)
		refuse()
		refuse()
		if n, past := fromMirrors(d, question{}), fromMirrors(d, question{past: true}); n != all || past != all-1 {
			t.Errorf("after two entries at once: %d and, with journals, %d of %d mirrors will do", n, past, all)
		}
		entries := viewsOf(d, question{past: true})[m].journal
		if last := entries[len(entries)-1]; last.Count != 3 {
			t.Errorf("the last entry is %+v", last)
		}
	})
}

// BenchmarkShow is what it costs a runner to bring its mirror up to date.
func BenchmarkShow(b *testing.B) {
	d := standIn(b, reportConf)
	r := d.runners[0]
	close(r.quit)
	<-r.done
	defer func() { r.quit, r.done = make(chan struct{}), make(chan struct{}); close(r.done) }()
	b.ReportAllocs()
	for b.Loop() {
		r.show()
	}
}
