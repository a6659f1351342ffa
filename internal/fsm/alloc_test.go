package fsm

import (
	"testing"
	"time"
)

// backup and master are the steady states: an advert each second that is
// heard, or that is sent.
func backup(tb testing.TB) (*Group, func()) {
	tb.Helper()
	g := NewGroup("", v3("A", 100))
	g.Step(epoch, 0, SourceChanged{Addr: addr("192.0.2.10")})
	g.Step(epoch, All, Start{})
	now, ev := epoch, heard3("192.0.2.20", 150, time.Second)
	return g, func() {
		now = now.Add(time.Second)
		if outs := g.Step(now, 0, ev); len(outs) != 0 {
			outs = g.Step(now, 0, ev) // the first one is news
			if len(outs) != 0 {
				tb.Fatal(outs)
			}
		}
	}
}

func master(tb testing.TB) (*Group, func()) {
	tb.Helper()
	g := NewGroup("", v3("A", 255, plain, startMaster))
	g.Step(epoch, 0, SourceChanged{Addr: addr("192.0.2.10")})
	g.Step(epoch, All, Start{})
	return g, func() {
		at, _ := g.Wake()
		outs := g.Step(at, All, Tick{})
		if len(outs) != 1 {
			tb.Fatal(outs)
		}
		if a, ok := outs[0].Action.(*SendAdvert); !ok || a.Priority != 255 {
			tb.Fatal(outs)
		}
	}
}

func TestSteadyStateAllocatesNothing(t *testing.T) {
	for name, f := range map[string]func(testing.TB) (*Group, func()){"backup": backup, "master": master} {
		_, step := f(t)
		step()
		if n := testing.AllocsPerRun(1000, step); n != 0 {
			t.Errorf("%s: %v allocations in a step, want none", name, n)
		}
	}
	// A rejected advert that has been complained about.
	g, _ := backup(t)
	var ev Event = refused("192.0.2.20", 5, 254, 255)
	g.Step(epoch, 0, ev)
	if n := testing.AllocsPerRun(1000, func() { g.Step(epoch, 0, ev) }); n != 0 {
		t.Errorf("rejected: %v allocations in a step, want none", n)
	}
}

// What Step has returned stays as it is until the next Step, however much it
// was: the actions point into memory that is used again.
func TestStepKeepsItsActions(t *testing.T) {
	var specs []*Spec
	for range 40 {
		specs = append(specs, v2("A", 255, plain, startMaster))
	}
	l := newLab(t, "G", specs...).start()
	outs := l.g.Step(moment(t, "1s"), All, Tick{})
	if len(outs) != len(specs) {
		t.Fatalf("%d actions, want %d", len(outs), len(specs))
	}
	for i, o := range outs {
		if a := o.Action.(*SendAdvert); o.ID != ID(i) || a.Priority != 255 || a.Source != sourceOf(specs[i], i) {
			t.Errorf("action %d: %d %+v", i, o.ID, a)
		}
	}
}

func BenchmarkStep(b *testing.B) {
	for name, f := range map[string]func(testing.TB) (*Group, func()){"Backup": backup, "Master": master} {
		b.Run(name, func(b *testing.B) {
			_, step := f(b)
			b.ReportAllocs()
			for b.Loop() {
				step()
			}
		})
	}
	b.Run("Rejected", func(b *testing.B) {
		g, _ := backup(b)
		var ev Event = refused("192.0.2.20", 5, 254, 255)
		b.ReportAllocs()
		for b.Loop() {
			g.Step(epoch, 0, ev)
		}
	})
}
