package conftest

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
	seeds     = flag.Int("conf.n", 500, "how many configurations to generate")
	firstSeed = flag.Uint64("conf.seed", 1, "the first seed")
	showMax   = flag.Int("conf.show", 20, "how many disagreements to minimise and print")
)

// tally counts what came out of a run.
type tally struct {
	run, agree, explained, known, died atomic.Int64

	mu     sync.Mutex
	byName map[string]int // exceptions and known disagreements
	byExit map[int]int    // statuses of the reference
	shown  int
}

func (c *tally) note(exit int, name string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.byExit[exit]++
	if name != "" {
		c.byName[name]++
	}
}

// TestGenerated compares the verdicts about generated configurations.
func TestGenerated(t *testing.T) {
	run(t, *seeds, func(i int) (conf, string) {
		seed := *firstSeed + uint64(i)
		return generate(seed), fmt.Sprintf("go test ./internal/conftest -run TestGenerated -conf.n=1 -conf.seed=%d", seed)
	})
}

// run compares the verdicts about n configurations, several at a time.
func run(t *testing.T, n int, get func(i int) (c conf, replay string)) {
	b := newBench(t)
	count := &tally{byName: map[string]int{}, byExit: map[int]int{}}
	var next atomic.Int64
	var all sync.WaitGroup
	for id := range runtime.NumCPU() + 1 {
		w := b.worker(t, id)
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(n); i = next.Add(1) - 1 {
				c, replay := get(int(i))
				w.check(t, c, replay, count)
			}
		})
	}
	all.Wait()
	t.Logf("%d configurations: %d agree, %d differ as explained, %d as known, the reference died of %d; its statuses %v; %v",
		count.run.Load(), count.agree.Load(), count.explained.Load(), count.known.Load(), count.died.Load(), count.byExit, count.byName)
}

// check compares the verdicts about one configuration.
func (w *worker) check(t *testing.T, c conf, replay string, count *tally) {
	theirs, ours, err := w.both(c)
	if err != nil {
		t.Error(err)
		return
	}
	count.run.Add(1)
	result, name := compare(c, theirs, ours)
	count.note(theirs.exit, name)
	switch result {
	case agree:
		count.agree.Add(1)
		return
	case explained:
		count.explained.Add(1)
		return
	case known:
		count.known.Add(1)
		return
	case referenceDied:
		count.died.Add(1)
		t.Logf("the reference died (%d): %s\n  %s", theirs.exit, replay, strings.Join(theirs.messages[max(0, len(theirs.messages)-3):], "\n  "))
		return
	}
	count.mu.Lock()
	count.shown++
	show := count.shown <= *showMax
	count.mu.Unlock()
	if !show {
		t.Errorf("exit: keepalived %d, ours %d; replay: %s", theirs.exit, ours.exit, replay)
		return
	}
	small := shrink(c, 400, func(d conf) bool {
		th, ou, err := w.both(d)
		if err != nil || th.exit != theirs.exit || ou.exit != ours.exit {
			return false
		}
		result, _ := compare(d, th, ou)
		return result == disagree
	})
	theirs, ours, err = w.both(small)
	if err != nil {
		t.Error(err)
		return
	}
	t.Errorf("exit: keepalived %d, ours %d\nreplay: %s\n%s\nkeepalived:\n  %s\nours:\n  %s\n", theirs.exit, ours.exit, replay,
		small, strings.Join(theirs.messages, "\n  "), strings.Join(ours.messages, "\n  "))
}
