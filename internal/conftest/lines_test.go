package conftest

import (
	"flag"
	"fmt"
	"maps"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/syntax"
)

var byLine = flag.Bool("conf.lines", false, "compare the lines that are complained about, for a look at what the statuses hide")

var (
	place   = regexp.MustCompile(`^\((?:[^:()]*: )?Line (\d+)\) `)
	numbers = regexp.MustCompile(`[0-9]+`)
)

// TestLines lists the lines about which only one of the two complains. It is
// a finer sieve than the status, which is that of the worst line alone, and
// fails for every kind of difference; it is for finding them, not for keeping
// them out: many are of no consequence.
func TestLines(t *testing.T) {
	if !*byLine {
		t.Skip("asked for by -conf.lines")
	}
	b := newBench(t)
	var mu sync.Mutex
	kinds := map[string][]string{}
	var next atomic.Int64
	var all sync.WaitGroup
	for id := range runtime.NumCPU() + 1 {
		w := b.worker(t, id)
		all.Go(func() {
			for i := next.Add(1) - 1; i < int64(*seeds); i = next.Add(1) - 1 {
				seed := *firstSeed + uint64(i)
				c := generate(seed)
				if len(c) > 1 {
					continue // line numbers say nothing without the file
				}
				if *seeds == 1 {
					t.Logf("%s", c)
				}
				theirs, ours, err := w.both(c)
				if err != nil || theirs.exit < 0 || theirs.exit == config.ExitMissing || ours.exit == config.ExitMissing {
					continue
				}
				mu.Lock()
				for kind, sample := range lineDifferences(c, theirs, ours) {
					kinds[kind] = append(kinds[kind], fmt.Sprintf("seed %d %s", seed, sample))
				}
				mu.Unlock()
			}
		})
	}
	all.Wait()
	for _, kind := range slices.SortedFunc(maps.Keys(kinds), func(a, b string) int { return len(kinds[b]) - len(kinds[a]) }) {
		list := kinds[kind]
		t.Errorf("%d times: %s", len(list), strings.Join(list[:min(2, len(list))], "\n  also "))
	}
}

// lineDifferences finds lines with complaints of one side only, by kind.
func lineDifferences(c conf, theirs, ours verdict) map[string]string {
	said := map[int][2][]string{}
	add := func(side, line int, text string) {
		s := said[line]
		if !slices.Contains(s[side], text) {
			s[side] = append(s[side], text)
		}
		said[line] = s
	}
	for _, m := range theirs.messages {
		line, text := 0, m
		if at := place.FindStringSubmatch(m); at != nil {
			line, _ = strconv.Atoi(at[1])
			text = m[len(at[0]):]
		}
		if text != "" && !slices.ContainsFunc(exceptions, func(e exception) bool { return e.theirs != nil && e.theirs.MatchString(text) }) {
			add(0, line, text)
		}
	}
	for _, d := range ours.diags {
		if d.Code <= syntax.Log || slices.ContainsFunc(exceptions, func(e exception) bool { return e.ours != nil && e.ours.MatchString(d.Text) }) {
			continue
		}
		line := d.Pos.Line
		if d.Prefix == syntax.PrefixNone {
			line = 0
		}
		add(1, line, d.Text)
	}
	text := strings.Split(c[mainFile], "\n")
	out := map[string]string{}
	for line, s := range said {
		if (len(s[0]) == 0) == (len(s[1]) == 0) {
			continue
		}
		where := "no line"
		if line > 0 && line <= len(text) {
			where = strconv.Quote(text[line-1])
		}
		kind := numbers.ReplaceAllString(strings.Join(s[0], ";")+" | "+strings.Join(s[1], ";"), "N")
		out[kind] = fmt.Sprintf("line %d %s\n    theirs %q\n    ours   %q", line, where, s[0], s[1])
	}
	return out
}
