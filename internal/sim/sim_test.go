package sim

import (
	"flag"
	"fmt"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

var (
	worlds = flag.Int("sim.worlds", 320, "how many worlds TestWorlds runs")
	seed   = flag.Uint64("sim.seed", 0, "run only this world, and with -v print all that happens in it")
	first  = flag.Uint64("sim.first", 1, "the seed of the first world")
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
	last := *first + uint64(*worlds)
	for range runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			for {
				s := next.Add(1) - 1
				if s >= last || failed.Load() != 0 {
					return
				}
				r := Run(Generate(s), nil)
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

// tail is how much of the timeline a failure shows without -v.
const tail = 60

// one runs a world again and shows it.
func one(t *testing.T, seed uint64) {
	p := Generate(seed)
	var lines []string
	r := Run(p, func(s string) { lines = append(lines, s) })
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
