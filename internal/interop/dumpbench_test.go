package interop_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// BenchmarkDumps is the time from the signal to the closing of the complete file,
// with instances that are all Master, as whoever waits for the file sees it, of both
// daemons in one run. Besides the mean there is the median: the means of shared
// machines are those of their neighbours.
func BenchmarkDumps(b *testing.B) {
	nettest.Require(b)
	inputs()
	for _, n := range []int{250, 1000} {
		for _, who := range []struct{ name, program string }{{"holdfast", ours}, {"keepalived", interop.Keepalived}} {
			b.Run(fmt.Sprintf("%d/%s", n, who.name), func(b *testing.B) { benchDumps(b, who.program, n) })
		}
	}
}

func benchDumps(b *testing.B, program string, n int) {
	lan := nettest.NewLANT(b, 1, nettest.Options{})
	d, err := interop.Start(lan.Node(1), program, b.TempDir(), many(n))
	if err != nil {
		b.Fatal(err)
	}
	nettest.WaitFor(b, patience, func() bool { return d.LogLines("Entering MASTER STATE") == n }, "all to be Master")
	w := watchDir(b, d.Dir)
	for name, sig := range signalled {
		b.Run(name, func(b *testing.B) {
			var took []time.Duration
			for b.Loop() {
				begun := time.Now()
				if err := d.Signal(sig); err != nil {
					b.Fatal(err)
				}
				w.wait(b, name)
				took = append(took, time.Since(begun))
			}
			slices.Sort(took)
			b.ReportMetric(float64(took[len(took)/2])/1e6, "median-ms")
			b.ReportMetric(float64(took[0])/1e6, "best-ms")
		})
	}
	if err := d.Stop(); err != nil {
		b.Error(err)
	}
}
