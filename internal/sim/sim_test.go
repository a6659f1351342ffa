package sim

import (
	"flag"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	worlds = flag.Int("sim.worlds", 320, "how many worlds TestWorlds runs")
	seed   = flag.Uint64("sim.seed", 0, "run only this world, and with -v print all that happens in it")
	first  = flag.Uint64("sim.first", 1, "the seed of the first world")
	with   = flag.String("sim.with", "", "count only worlds that have a step of this kind: "+strings.Join(kindNames[:], ", "))
	brief  = flag.Bool("sim.brief", false, "of a world that fails print only the seed and what was not kept")
)

// TestWorlds runs worlds side by side. Of the first that fails it prints what
// there is to know.
func TestWorlds(t *testing.T) {
	if *seed != 0 {
		one(t, *seed)
		return
	}
	var (
		next   atomic.Uint64
		failed atomic.Uint64 // the lowest seed that did
		events atomic.Int64
		takes  atomic.Int64
		wg     sync.WaitGroup
	)
	next.Store(*first)
	left := atomic.Int64{}
	left.Store(int64(*worlds))
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				s := next.Add(1) - 1
				p := Generate(s)
				if !has(p, *with) {
					continue
				}
				if left.Add(-1) < 0 || failed.Load() != 0 {
					return
				}
				r := Run(p, nil)
				events.Add(int64(r.Events))
				takes.Add(int64(r.Masters))
				if r.Violation != nil {
					for old := failed.Load(); (old == 0 || s < old) && !failed.CompareAndSwap(old, s); old = failed.Load() {
					}
				}
			}
		})
	}
	wg.Wait()
	if s := failed.Load(); s != 0 {
		one(t, s)
		return
	}
	t.Logf("%d worlds, %d events, %d times an instance became MASTER", *worlds, events.Load(), takes.Load())
}

// has tells whether a world has a step of a kind; of no kind it has.
func has(p *Plan, kind string) bool {
	return kind == "" || slices.ContainsFunc(p.Steps, func(s Step) bool { return s.Kind.String() == kind })
}

// tail is how much of the timeline a failure shows without -v.
const tail = 60

// one runs a world again and shows it.
func one(t *testing.T, seed uint64) {
	p := Generate(seed)
	var lines []string
	r := Run(p, func(s string) { lines = append(lines, s) })
	if r.Violation != nil && *brief {
		t.Fatalf("world %d: %v", seed, r.Violation)
	}
	if r.Violation != nil && !testing.Verbose() {
		lines = lines[max(0, len(lines)-tail):]
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%v\nwhat happened:\n%s\n", p, strings.Join(lines, "\n"))
	if r.Violation == nil {
		t.Log(b.String())
		return
	}
	small := Shrink(p)
	fmt.Fprintf(&b, "a smaller world with a violation (%v):\n%v", Run(small, nil).Violation, small)
	fmt.Fprintf(&b, "to see it all:\n  go test ./internal/sim -run TestWorlds -sim.seed=%d -v\n", seed)
	t.Errorf("world %d: %v\n%s", seed, r.Violation, b.String())
}
