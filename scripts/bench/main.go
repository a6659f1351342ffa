// Bench compares the daemon with Debian's keepalived, side by side in one run,
// in network namespaces of its own: how long a takeover takes beyond what the
// protocol's timers demand, after a crash and after an orderly stop, how much
// memory one instance needs, how much processor time at rest, and how long a
// test of a configuration takes.
//
// It needs root, or root in a user namespace, and the keepalived package.
package main

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/interop"
)

func main() {
	var b bench
	flag.StringVar(&b.programs[0], "holdfast", "bin/holdfast", "the daemon to measure")
	flag.StringVar(&b.programs[1], "keepalived", interop.Keepalived, "the daemon to compare with")
	flag.IntVar(&b.runs, "runs", 7, "takeovers of each kind, of which the median counts")
	flag.IntVar(&b.tests, "tests", 9, "configuration tests of each kind, of which the median counts")
	flag.BoolVar(&b.testsOnly, "tests-only", false, "measure configuration tests and nothing else")
	flag.BoolVar(&b.manyOnly, "many-only", false, "measure the takeover of many addresses and nothing else")
	flag.DurationVar(&b.idle, "idle", 20*time.Second, "how long to watch the daemons at rest")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	if err := b.run(ctx, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// bench measures both programs, ours first.
type bench struct {
	programs [2]string
	runs     int
	idle     time.Duration

	tests     int
	testsOnly bool
	manyOnly  bool
}

// row is a line of the table: less is better.
type row struct {
	name   string
	values [2]float64
	format string
}

func (b *bench) run(ctx context.Context, out io.Writer) error {
	if b.runs < 1 || b.tests < 1 {
		return errors.New("at least one run is needed")
	}
	for i, path := range b.programs {
		found, err := exec.LookPath(path)
		if err != nil {
			return fmt.Errorf("%w; build it with make build, or install it with scripts/setup", err)
		}
		// The daemons start in folders of their own.
		if b.programs[i], err = filepath.Abs(found); err != nil {
			return err
		}
	}
	if b.testsOnly {
		rows, err := b.configTests(ctx)
		if err != nil {
			return err
		}
		table(out, rows)
		return b.growth(ctx, out)
	}
	if b.manyOnly {
		rows, err := b.manyAddresses(ctx)
		table(out, rows)
		return err
	}
	fmt.Fprintf(out, "%d takeovers of each kind at 100 ms adverts, then %v at rest at 1 s adverts; %s\n\n",
		b.runs, b.idle, machine())

	var rows []row
	for _, kind := range []struct {
		name  string
		crash bool
	}{{"takeover after a crash", true}, {"takeover after SIGTERM", false}} {
		beyond, err := b.takeovers(ctx, kind.crash)
		if err != nil {
			return fmt.Errorf("%s: %w", kind.name, err)
		}
		rows = append(rows,
			row{kind.name + ", beyond the protocol, median", each(beyond, median), "%.2f ms"},
			row{kind.name + ", beyond the protocol, worst", each(beyond, slices.Max[[]float64]), "%.2f ms"})
	}
	memory, cpu, err := b.rest(ctx)
	if err != nil {
		return fmt.Errorf("at rest: %w", err)
	}
	rows = append(rows,
		row{"memory with one instance (PSS)", memory, "%.1f MB"},
		row{"processor time at rest, 1 s adverts", cpu, "%.3f %%"})
	many, err := b.manyAddresses(ctx)
	if err != nil {
		return fmt.Errorf("%d addresses: %w", crowd, err)
	}
	rows = append(rows, many...)
	tests, err := b.configTests(ctx)
	if err != nil {
		return fmt.Errorf("configuration test: %w", err)
	}
	table(out, append(rows, tests...))
	return b.growth(ctx, out)
}

// takeovers measures the programs in turn, so that both see the same machine.
// The times are what a takeover took longer than the protocol wants, in
// milliseconds.
func (b *bench) takeovers(ctx context.Context, crash bool) (beyond [2][]float64, err error) {
	for range b.runs {
		for i, program := range b.programs {
			took, err := takeover(ctx, program, crash)
			if err != nil {
				return beyond, fmt.Errorf("%s: %w", program, err)
			}
			beyond[i] = append(beyond[i], took.Seconds()*1000)
		}
	}
	return beyond, nil
}

// machine says on what the numbers were got.
func machine() string {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return ""
	}
	load, _ := os.ReadFile("/proc/loadavg")
	first, _, _ := strings.Cut(string(load), " ")
	return fmt.Sprintf("%d processors, Linux %s, load %s", runtime.NumCPU(), unix.ByteSliceToString(u.Release[:]), first)
}

func table(out io.Writer, rows []row) {
	const line = "%-54s%12s%12s%8s\n"
	fmt.Fprintf(out, line, "", "holdfast", "keepalived", "ratio")
	for _, r := range rows {
		ratio := "-"
		if r.values[1] > 0 {
			ratio = fmt.Sprintf("%.2f", r.values[0]/r.values[1])
		}
		fmt.Fprintf(out, line, r.name, fmt.Sprintf(r.format, r.values[0]), fmt.Sprintf(r.format, r.values[1]), ratio)
	}
}

func each(v [2][]float64, f func([]float64) float64) [2]float64 {
	return [2]float64{f(v[0]), f(v[1])}
}

func median[T cmp.Ordered](v []T) T {
	v = slices.Sorted(slices.Values(v))
	return v[len(v)/2]
}
