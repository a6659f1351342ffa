package fsm

import (
	"encoding/json"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

var (
	drawPriority = rapid.SampledFrom([]uint8{1, 2, 50, 99, 100, 101, 150, 200, 253, 254, 255, 255})
	drawDelay    = rapid.SampledFrom([]time.Duration{0, 0, 10 * time.Millisecond, time.Second, 5 * time.Second})
	drawRepeat   = rapid.IntRange(0, 2)
	drawWeight   = rapid.SampledFrom([]int{0, 0, 1, 10, -10, 100, -100, 253, -253, 254, -254})
	drawSource   = rapid.SampledFrom([]string{"192.0.2.1", "192.0.2.10", "192.0.2.11", "192.0.2.20", "192.0.2.200"})
)

func drawSpec(name string) *rapid.Generator[*Spec] {
	return rapid.Custom(func(t *rapid.T) *Spec {
		s := &Spec{
			Name: name, Version: rapid.SampledFrom([]uint8{2, 3}).Draw(t, "version"), VRID: 51, Addresses: 1,
			Unicast:  rapid.Bool().Draw(t, "unicast"),
			Priority: drawPriority.Draw(t, "priority"), StartMaster: rapid.Bool().Draw(t, "state MASTER"),
			DownTimerAdverts: rapid.SampledFrom([]int{1, 2, 3, 3, 3, 100}).Draw(t, "down timer adverts"),
			NoPreempt:        rapid.Bool().Draw(t, "nopreempt"), PreemptDelay: drawDelay.Draw(t, "preempt delay"),
			LowerPrioNoAdvert:    rapid.Bool().Draw(t, "lower prio no advert"),
			HigherPrioSendAdvert: rapid.Bool().Draw(t, "higher prio send advert"),
			SkipAddressCheck:     rapid.Bool().Draw(t, "skip check"),
			DontTrackPrimary:     rapid.Bool().Draw(t, "dont track primary"),
			LatePriority:         rapid.SampledFrom([]uint8{0, 0, 100, 254}).Draw(t, "late priority"),
			StrictCompat:         rapid.Bool().Draw(t, "strict"),
			GARP: GARP{
				Repeat: drawRepeat.Draw(t, "repeat"), Delay: drawDelay.Draw(t, "delay"),
				Refresh: drawDelay.Draw(t, "refresh"), RefreshRepeat: drawRepeat.Draw(t, "refresh repeat"),
				LowerRepeat: drawRepeat.Draw(t, "lower repeat"), LowerDelay: drawDelay.Draw(t, "lower delay"),
			},
		}
		s.AdvertInterval = time.Duration(rapid.IntRange(1, 3).Draw(t, "seconds")) * time.Second
		if s.Version == 3 {
			s.AdvertInterval = time.Duration(rapid.SampledFrom([]int{1, 10, 33, 100, 4095}).Draw(t, "interval")) * 10 * time.Millisecond
		}
		if rapid.IntRange(0, 9).Draw(t, "config fault") == 0 {
			s.ConfigFault = "it is written so"
		}
		for i := range rapid.IntRange(0, 3).Draw(t, "trackers") {
			s.Trackers = append(s.Trackers, Tracker{
				Kind: TrackKind(rapid.IntRange(0, int(TrackStatic)).Draw(t, "kind")), Name: fmt.Sprint("t", i),
				Weight: drawWeight.Draw(t, "weight"), Reverse: rapid.Bool().Draw(t, "reverse"),
			})
		}
		return s
	})
}

// world drives two equal groups with the same events and watches one of them.
type world struct {
	g, twin *Group
	w       *watcher
	now     time.Time
	frozen  map[*Spec]Spec // specifications as they were when they were given
	history []string
	reborn  bool // the twin has been saved and restored, and is at each step
}

func newWorld(t *rapid.T, name string) *world {
	d := &world{now: epoch, frozen: map[*Spec]Spec{}}
	n := 1
	if name != "" {
		n = rapid.IntRange(1, 3).Draw(t, "members")
	}
	var specs []*Spec
	for i := range n {
		specs = append(specs, d.spec(t, i))
	}
	d.g, d.twin = NewGroup(name, specs...), NewGroup(name, specs...)
	d.w = newWatcher(d.g)
	for i := range n {
		d.step(t, ID(i), SourceChanged{Addr: addr(fmt.Sprintf("192.0.2.%d", 10+i))})
	}
	if rapid.IntRange(0, 3).Draw(t, "start") > 0 {
		d.start(t)
	}
	return d
}

func (d *world) spec(t *rapid.T, i int) *Spec {
	s := drawSpec(string(rune('A'+i))).Draw(t, "spec")
	d.frozen[s] = *s
	return s
}

// step gives an event and checks all that can be said about what follows.
func (d *world) step(t *rapid.T, id ID, ev Event) {
	if d.reborn || rapid.IntRange(0, 19).Draw(t, "reborn") == 0 {
		d.rebirth(t)
	}
	before := d.views()
	wake, _ := d.g.Wake()
	outs := d.g.Step(d.now, id, ev)
	d.note(id, ev, outs)
	d.w.saw(d.g, ev, outs)
	twin := d.twin.Step(d.now, id, ev)
	if d.reborn { // complaints that were logged are forgotten
		outs, twin = withoutLogs(outs), withoutLogs(twin)
	}
	if got, want := render(outs), render(twin); got != want {
		t.Fatalf("the same twice is not the same:\n%s\n\n%s", got, want)
	}
	if _, ok := ev.(AdvertRejected); ok {
		d.checkRejected(t, before, wake, outs)
	}
	d.w.check(d.now, d.g, ev)
	if len(d.w.errs) > 0 {
		t.Fatalf("%s\n\nin this world:\n%s", strings.Join(d.w.errs, "\n"), strings.Join(d.history, "\n"))
	}
}

// rebirth makes the twin one that was saved and restored, through its text.
func (d *world) rebirth(t *rapid.T) {
	text, err := json.Marshal(d.twin.Save(d.now))
	if err != nil {
		t.Fatal(err)
	}
	var s SavedGroup
	if err := json.Unmarshal(text, &s); err != nil {
		t.Fatal(err)
	}
	var specs []*Spec
	for _, m := range d.twin.instances {
		specs = append(specs, m.spec)
	}
	twin := NewGroup(d.twin.name, specs...)
	if err := twin.Restore(d.now, &s); err != nil {
		t.Fatalf("%v\n%s", err, text)
	}
	d.twin, d.reborn = twin, true
}

func withoutLogs(outs []Out) []Out {
	return slices.DeleteFunc(slices.Clone(outs), func(o Out) bool { _, ok := o.Action.(Log); return ok })
}

// checkRejected finds what a rejected advert has changed besides counters.
func (d *world) checkRejected(t *rapid.T, before []View, wake time.Time, outs []Out) {
	for _, o := range outs {
		if _, ok := o.Action.(Log); !ok {
			t.Fatalf("a rejected advert has the consequence %s", action(o.Action))
		}
	}
	after := d.views()
	for i := range before {
		before[i].Stats, after[i].Stats = Stats{}, Stats{}
	}
	if at, _ := d.g.Wake(); at != wake || !reflect.DeepEqual(before, after) {
		t.Fatalf("a rejected advert has changed\n%+v, wake %v\ninto\n%+v, wake %v", before, wake, after, at)
	}
}

func (d *world) views() []View {
	var all []View
	for i := range d.g.Len() {
		all = append(all, d.g.View(ID(i)))
	}
	return all
}

func render(outs []Out) string {
	var b strings.Builder
	for _, o := range outs {
		fmt.Fprintf(&b, "    %d %s\n", o.ID, action(o.Action))
	}
	return b.String()
}

func (d *world) note(id ID, ev Event, outs []Out) {
	d.history = append(d.history, fmt.Sprintf("%v, %d: %T %+v\n%s", d.now.Sub(epoch), id, ev, ev, render(outs)))
	if len(d.history) > 12 {
		d.history = d.history[1:]
	}
}

func (d *world) anyone(t *rapid.T) ID {
	return ID(rapid.IntRange(0, d.g.Len()-1).Draw(t, "instance"))
}

func (d *world) start(t *rapid.T) {
	d.w.begin(d.g)
	d.step(t, All, Start{Delay: drawDelay.Draw(t, "start delay")})
}

func (d *world) link(t *rapid.T) {
	d.step(t, d.anyone(t), LinkChanged{Up: rapid.IntRange(0, 3).Draw(t, "up") > 0, Name: "eth0"})
}

func (d *world) source(t *rapid.T) {
	ev := SourceChanged{}
	if rapid.IntRange(0, 3).Draw(t, "gone") > 0 {
		ev.Addr = addr(drawSource.Draw(t, "source"))
	}
	d.step(t, d.anyone(t), ev)
}

func (d *world) track(t *rapid.T) {
	d.step(t, d.anyone(t), TrackChanged{
		Index: rapid.IntRange(-1, 3).Draw(t, "index"), Verdict: Verdict(rapid.IntRange(0, 2).Draw(t, "verdict")),
		Value: rapid.SampledFrom([]int{0, 0, 1, -1, 10, -300, 300, 1 << 31, -1 << 31}).Draw(t, "value"), Why: "it is so",
	})
}

func (d *world) hear(t *rapid.T) {
	a := advert.Advert{
		Src: addr(drawSource.Draw(t, "from")), Version: 3, VRID: 51,
		Priority: rapid.SampledFrom([]uint8{0, 0, 1, 99, 100, 101, 254, 255, 255}).Draw(t, "advertised"),
		Interval: time.Duration(rapid.SampledFrom([]int{0, 1, 10, 100, 4095}).Draw(t, "every")) * 10 * time.Millisecond,
		Notes:    advert.Note(rapid.IntRange(0, 15).Draw(t, "notes")),
	}
	d.step(t, d.anyone(t), &AdvertReceived{Advert: a, Missing: addr("192.0.2.100"), Count: 2})
}

func (d *world) refuse(t *rapid.T) {
	d.step(t, d.anyone(t), AdvertRejected{
		From:   addr(drawSource.Draw(t, "from")),
		Reject: advert.Reject{Reason: advert.Reason(rapid.IntRange(1, advert.Reasons-1).Draw(t, "reason")), Got: 1, Want: 2},
	})
}

func (d *world) reload(t *rapid.T) {
	id := d.anyone(t)
	s := d.spec(t, int(id))
	d.w.strict = d.w.strict || s.StrictCompat
	if !d.g.instances[id].started {
		d.w.of[id].priority = s.Priority
	}
	d.step(t, id, Reconfigured{Spec: s, AddressesAdded: rapid.Bool().Draw(t, "added")})
}

func (d *world) stop(t *rapid.T) {
	id := All
	if rapid.IntRange(0, 2).Draw(t, "one") == 0 {
		id = d.anyone(t)
	}
	d.w.gone = d.w.gone || id != All
	d.step(t, id, Stop{As: rapid.SampledFrom([]State{Stopped, Deleted, Fault}).Draw(t, "as"), Keep: rapid.Bool().Draw(t, "keep")})
}

// regroup carries all members to a new group of the same name, as a reload does
// that changes its members.
func (d *world) regroup(t *rapid.T) {
	move := func(old *Group) *Group {
		var specs []*Spec
		for _, m := range old.instances {
			specs = append(specs, m.spec)
		}
		g := NewGroup(old.name, specs...)
		for i, c := range old.Carry() {
			g.Adopt(ID(i), c)
		}
		return g
	}
	d.g, d.twin = move(d.g), move(d.twin)
	d.start(t)
}

func (d *world) sleep(t *rapid.T) {
	d.now = d.now.Add(time.Duration(rapid.IntRange(0, 5000).Draw(t, "milliseconds")) * time.Millisecond)
}

// delayed is a reload with another start delay.
func (d *world) delayed(t *rapid.T) {
	d.step(t, All, Delayed{Left: time.Duration(rapid.IntRange(-1000, 10000).Draw(t, "milliseconds")) * time.Millisecond})
}

// slept is a machine that was suspended: its clock shows nothing of it.
func (d *world) slept(t *rapid.T) {
	d.step(t, All, Slept{For: time.Duration(rapid.IntRange(0, 20000).Draw(t, "milliseconds")) * time.Millisecond})
}

func (d *world) overrun(t *rapid.T) {
	d.step(t, ID(rapid.IntRange(0, d.g.Len()-1).Draw(t, "instance")), Overrun{})
}

// tick goes to the next deadline, if there is one and it is not past, and
// perhaps a little further.
func (d *world) tick(t *rapid.T) {
	if at, ok := d.g.Wake(); ok && at.After(d.now) {
		d.now = at
	}
	if rapid.IntRange(0, 4).Draw(t, "late") == 0 {
		d.sleep(t)
	}
	d.step(t, All, Tick{})
}

func (d *world) lose(t *rapid.T) {
	d.step(t, d.anyone(t), AddressLost{Addr: "192.0.2.100/24", Link: "eth0", Why: "was removed"})
}

// live lets anything happen in any order.
func (d *world) live(t *rapid.T) {
	t.Repeat(map[string]func(*rapid.T){
		"tick":    d.tick,
		"tick 2":  d.tick,
		"tick 3":  d.tick,
		"sleep":   d.sleep,
		"slept":   d.slept,
		"delayed": d.delayed,
		"overrun": d.overrun,
		"hear":    d.hear,
		"hear 2":  d.hear,
		"refuse":  d.refuse,
		"link":    d.link,
		"source":  d.source,
		"track":   d.track,
		"track 2": d.track,
		"lose":    d.lose,
		"reload":  d.reload,
		"stop": func(t *rapid.T) {
			if rapid.IntRange(0, 3).Draw(t, "really") == 0 {
				d.stop(t)
			}
		},
		"start":   d.start,
		"regroup": d.regroup,
		"": func(t *rapid.T) {
			for s, was := range d.frozen {
				if !reflect.DeepEqual(*s, was) {
					t.Fatalf("a specification has been changed from %+v to %+v", was, *s)
				}
			}
		},
	})
}

// Whatever happens in whatever order, what the package comment promises holds.
func TestPropertiesOfAnyOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) { newWorld(t, rapid.SampledFrom([]string{"", "G"}).Draw(t, "group")).live(t) })
}

// The same for instances that have lived alone and become a group.
func TestPropertiesOfJoining(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d, other := newWorld(t, ""), newWorld(t, "")
		d.live(t)
		other.now = d.now
		other.live(t)
		join := func(a, b *Group) *Group {
			g := NewGroup("G", a.instances[0].spec, b.instances[0].spec)
			g.Adopt(0, a.Carry()[0])
			g.Adopt(1, b.Carry()[0])
			return g
		}
		both := &world{now: other.now, frozen: d.frozen, g: join(d.g, other.g), twin: join(d.twin, other.twin), reborn: d.reborn || other.reborn}
		both.w = &watcher{
			of: append(d.w.of, other.w.of...), joined: true,
			strict: d.w.strict || other.w.strict, silent: later(d.w.silent, other.w.silent),
		}
		both.start(t)
		both.live(t)
	})
}
