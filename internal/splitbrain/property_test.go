package splitbrain

import (
	"net/netip"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// Whatever is seen, a suspicion of a kind begins before it goes on or ends, ends
// before it begins again, and never outlives the Master.
func TestAlternates(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var d Detector
		now, suspected := begin, [Kinds]bool{}
		for range rapid.IntRange(1, 400).Draw(t, "looks") {
			now = now.Add(time.Duration(rapid.IntRange(0, 3000).Draw(t, "ms")) * time.Millisecond)
			o := Observation{
				Master:   rapid.IntRange(0, 20).Draw(t, "master") > 0,
				Interval: time.Duration(rapid.SampledFrom([]int{10, 100, 1000, 40_000}).Draw(t, "interval")) * time.Millisecond,
			}
			if rapid.Bool().Draw(t, "heard") {
				o.Advert = Advert{From: peer, Count: rapid.Uint64Range(1, 1<<40).Draw(t, "count")}
			}
			for range rapid.IntRange(0, 3).Draw(t, "claims") {
				o.Claims = append(o.Claims, Claim{Addr: netip.AddrFrom4([4]byte{192, 0, 2, byte(rapid.IntRange(1, 3).Draw(t, "address"))})})
			}
			for _, n := range d.Look(now, &o) {
				if suspected[n.Kind] != (n.Ended || n.Reminder) || n.Evidence == "" {
					t.Fatalf("%v: %+v, suspected %v", now.Sub(begin), n, suspected)
				}
				suspected[n.Kind] = !n.Ended
			}
			if !o.Master && suspected != [Kinds]bool{} {
				t.Fatal("suspected, and not Master")
			}
		}
	})
}
