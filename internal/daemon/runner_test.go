package daemon

import (
	"log/slog"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// testRunner is a runner of one instance whose slow work is only noted.
type testRunner struct {
	*runner
	jobs chan string
}

func newTestRunner(t *testing.T) *testRunner {
	t.Helper()
	cfg := &config.Instance{
		Name: "VI", Version: 3, VRID: 51, Priority: 100, AdvertInt: 100 * time.Millisecond, DownTimerAdverts: 3,
		Group: advert.GroupIPv4, UnicastTTL: -1,
		Addresses: []config.Address{{Prefix: netip.MustParsePrefix("192.0.2.100/24"), Dev: "eth0"}},
	}
	r := &testRunner{jobs: make(chan string, 64)}
	set := translate(cfg, nil, &seat{iface: "eth0"}, false)
	m := &member{}
	m.set.Store(set)
	h := newHands(func(j job) {
		switch {
		case j.apply:
			r.jobs <- "apply"
		case j.release:
			r.jobs <- "release"
		case j.notify != nil:
			r.jobs <- j.notify.to.String()
		}
	})
	r.runner = newRunner(fsm.NewGroup("", set.spec), []*member{m}, &logger{slog.New(slog.DiscardHandler)}, h)
	m.runner = r.runner
	r.nap = time.Sleep // by the bubble's clock
	r.post(0, fsm.SourceChanged{Addr: netip.MustParseAddr("192.0.2.1")})
	r.post(0, fsm.LinkChanged{Up: true, Name: "eth0"})
	r.post(fsm.All, fsm.Start{})
	return r
}

func (r *testRunner) start() {
	go r.hands.run()
	go r.run()
}

func (r *testRunner) state() fsm.State {
	var s fsm.State
	r.call(time.Hour, func(_ time.Time, g *fsm.Group) { s = g.View(0).State })
	return s
}

func (r *testRunner) end(t *testing.T) {
	t.Helper()
	if !r.stop(time.Now().Add(time.Hour)) {
		t.Error("the runner did not stop")
	}
}

func masterAdvert(priority uint8) heard {
	return heard{at: time.Now(), ev: fsm.AdvertReceived{Advert: advert.Advert{
		Src: netip.MustParseAddr("192.0.2.2"), Version: 3, VRID: 51, Priority: priority, Interval: 100 * time.Millisecond,
	}}}
}

// oversleep keeps the runner from running, as a busy machine would.
func (r *testRunner) oversleep(d time.Duration) {
	r.ctl.push(errand{do: func(time.Time, *fsm.Group) { time.Sleep(d) }})
}

func TestSilenceMakesMaster(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestRunner(t)
		r.start()
		down := 300*time.Millisecond + 60937*time.Microsecond
		time.Sleep(down - time.Microsecond)
		if got := r.state(); got != fsm.Backup {
			t.Errorf("a microsecond before the master is down: %v", got)
		}
		time.Sleep(2 * time.Microsecond)
		if got := r.state(); got != fsm.Master {
			t.Errorf("after the master is down: %v", got)
		}
		r.post(fsm.All, fsm.Stop{As: fsm.Stopped})
		r.end(t)
		close(r.jobs)
		var got []string
		for j := range r.jobs {
			got = append(got, j)
		}
		want := []string{"BACKUP", "apply", "MASTER", "release", "STOP"}
		if !slices.Equal(got, want) {
			t.Errorf("slow work:\ngot  %v\nwant %v", got, want)
		}
	})
}

// A timer that fires late first reads the adverts that wait in the kernel.
func TestLateTimerHearsWaitingAdverts(t *testing.T) {
	for _, c := range []struct {
		name    string
		waiting bool
		want    fsm.State
	}{
		{"the master advertised meanwhile", true, fsm.Backup},
		{"nobody advertised", false, fsm.Master},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r := newTestRunner(t)
				drains := 0
				r.drain = func(drainage) {
					if drains++; c.waiting && drains == 1 {
						r.offerAdvert(masterAdvert(200))
					}
				}
				r.start()
				synctest.Wait()
				r.oversleep(400 * time.Millisecond)
				time.Sleep(401 * time.Millisecond)
				if got := r.state(); got != c.want {
					t.Errorf("state %v, want %v", got, c.want)
				}
				if drains == 0 {
					t.Error("the timer counted without looking at what waits")
				}
				r.end(t)
			})
		})
	}
}

// A flood of rejected packets neither crowds out adverts nor loses count.
func TestFloodOfRejectsLeavesRoomForAdverts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestRunner(t)
		r.start()
		synctest.Wait()
		const flood = 10_000
		bad := advert.Reject{Reason: advert.ReasonTTL, Got: 64, Want: 255}
		r.oversleep(250 * time.Millisecond)
		for range flood {
			r.offerRefusal(0, &advert.Packet{Src: netip.MustParseAddr("192.0.2.66")}, bad)
		}
		for range 2 * advertBox { // more than fit: the last one counts
			r.offerAdvert(masterAdvert(1))
		}
		r.offerAdvert(masterAdvert(200))
		time.Sleep(340 * time.Millisecond)
		var v fsm.View
		r.call(time.Hour, func(_ time.Time, g *fsm.Group) { v = g.View(0) })
		if v.State != fsm.Backup || v.Master != masterAdvert(200).ev.Advert.Src || v.MasterPriority != 200 {
			t.Errorf("%v, master priority %d: the flood crowded the advert out", v.State, v.MasterPriority)
		}
		counted := v.Stats.Rejected[advert.ReasonTTL] + r.members[0].overflow[advert.ReasonTTL].Load()
		if counted != flood {
			t.Errorf("%d of %d rejected packets counted", counted, flood)
		}
		r.end(t)
	})
}

// Slow work never delays an advert: here the kernel does not answer at all.
func TestStuckKernelDelaysNoAdvert(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestRunner(t)
		release := make(chan struct{})
		r.hands.do = func(job) { <-release }
		r.start()
		time.Sleep(5 * time.Second)
		var v fsm.View
		r.call(time.Hour, func(_ time.Time, g *fsm.Group) { v = g.View(0) })
		if want := uint64(47); v.State != fsm.Master || v.Stats.AdvertsSent != want {
			t.Errorf("%v after %d adverts, want MASTER after %d", v.State, v.Stats.AdvertsSent, want)
		}
		close(release)
		r.end(t)
	})
}

func TestQueueKeepsOrderAndLosesNothing(t *testing.T) {
	q := newQueue[int]()
	var got []int
	for i := range 100 {
		q.push(i)
		if i%7 == 0 {
			got = append(got, q.take()...)
		}
	}
	got = append(got, q.take()...)
	for i, v := range got {
		if v != i {
			t.Fatalf("item %d is %d", i, v)
		}
	}
	if len(got) != 100 {
		t.Fatalf("%d of 100", len(got))
	}
}

func BenchmarkRunnerHear(b *testing.B) {
	cfg := &config.Instance{Name: "VI", Version: 3, VRID: 51, Priority: 100, AdvertInt: time.Second, DownTimerAdverts: 3, UnicastTTL: -1}
	set := translate(cfg, nil, &seat{iface: "eth0"}, false)
	m := &member{}
	m.set.Store(set)
	r := newRunner(fsm.NewGroup("", set.spec), []*member{m}, &logger{slog.New(slog.DiscardHandler)}, newHands(func(job) {}))
	r.step(0, fsm.SourceChanged{Addr: netip.MustParseAddr("192.0.2.1")})
	r.step(fsm.All, fsm.Start{})
	h := masterAdvert(200)
	b.ReportAllocs()
	for b.Loop() {
		r.hear(h)
	}
}

// Adverts of lower priority, however many, put no more before the hands than
// they can come to before a release.
func TestFloodOfLowerAdverts(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newTestRunner(t)
		r.start()
		time.Sleep(time.Second)
		if got := r.state(); got != fsm.Master {
			t.Fatalf("the runner is %v", got)
		}
		// The hands of the test wait for somebody to take what they have done.
		for len(r.jobs) < cap(r.jobs) {
			r.jobs <- "full"
		}
		for range 1000 {
			r.offerAdvert(masterAdvert(50))
			r.state()
		}
		r.hands.jobs.mu.Lock()
		waiting := len(r.hands.jobs.items)
		r.hands.jobs.mu.Unlock()
		if waiting > 2*lowerBox+2 {
			t.Errorf("%d jobs wait", waiting)
		}
		go func() {
			for range r.jobs {
			}
		}()
		r.post(fsm.All, fsm.Stop{As: fsm.Stopped})
		r.end(t)
		close(r.jobs)
	})
}
