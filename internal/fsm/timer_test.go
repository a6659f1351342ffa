package fsm

import (
	"math/big"
	"testing"
	"time"
)

const us = time.Microsecond

// RFC 3768 section 6.1, RFC 9568 section 6.1, and the examples of section 4.1
// of the sheet, which were measured.
func TestTimers(t *testing.T) {
	for _, c := range []struct {
		version, priority uint8
		interval          time.Duration
		adverts           int
		skew, down        time.Duration
	}{
		{2, 100, time.Second, 3, 609375 * us, 3609375 * us},            // the sheet
		{2, 150, time.Second, 3, 414062 * us, 3414062 * us},            // the sheet
		{3, 115, 500 * time.Millisecond, 3, 275390 * us, 1775390 * us}, // the sheet
		{2, 1, time.Second, 3, 996093 * us, 3996093 * us},
		{2, 254, time.Second, 3, 7812 * us, 3007812 * us},
		{2, 255, time.Second, 3, 3906 * us, 3003906 * us},
		{2, 100, 255 * time.Second, 3, 609375 * us, 765609375 * us},
		{2, 100, time.Second, 2, 609375 * us, 2609375 * us},
		{2, 100, time.Second, 100, 609375 * us, 100609375 * us},
		{3, 100, time.Second, 3, 609375 * us, 3609375 * us},
		{3, 255, 10 * time.Millisecond, 3, 39 * us, 30039 * us},
		{3, 1, 10 * time.Millisecond, 3, 9960 * us, 39960 * us},
		{3, 1, 40950 * time.Millisecond, 3, 40790039 * us, 163640039 * us},
		{3, 254, 40950 * time.Millisecond, 3, 319921 * us, 123169921 * us},
	} {
		if got := skew(c.version, c.priority, c.interval); got != c.skew {
			t.Errorf("v%d priority %d interval %v: skew %v, want %v", c.version, c.priority, c.interval, got, c.skew)
		}
		if got := masterDown(c.version, c.priority, c.interval, c.adverts); got != c.down {
			t.Errorf("v%d priority %d interval %v, %d adverts: master down %v, want %v", c.version, c.priority, c.interval, c.adverts, got, c.down)
		}
	}
}

// Every priority with many intervals, against fractions of any size: the
// result is the exact one without what is below a microsecond.
func TestTimersExact(t *testing.T) {
	var intervals []time.Duration
	for cs := 1; cs <= 4095; cs += 89 {
		intervals = append(intervals, time.Duration(cs)*10*time.Millisecond)
	}
	intervals = append(intervals, 4095*10*time.Millisecond)
	for p := 1; p <= 255; p++ {
		for _, interval := range intervals {
			// ((256 - Priority) * Active_Adver_Interval) / 256
			want := micros(new(big.Rat).Mul(big.NewRat(int64(256-p), 256), new(big.Rat).SetFrac64(int64(interval), 1)))
			if got := skew(3, uint8(p), interval); got != want {
				t.Fatalf("v3, priority %d, interval %v: %v, want %v", p, interval, got, want)
			}
			if got := masterDown(3, uint8(p), interval, 3); got != want+3*interval {
				t.Fatalf("v3, priority %d, interval %v: %v, want %v", p, interval, got, want+3*interval)
			}
		}
		for s := 1; s <= 255; s++ {
			interval := time.Duration(s) * time.Second
			// (256 - Priority) / 256 seconds
			want := micros(new(big.Rat).Mul(big.NewRat(int64(256-p), 256), new(big.Rat).SetFrac64(int64(time.Second), 1)))
			if got := skew(2, uint8(p), interval); got != want {
				t.Fatalf("v2, priority %d, interval %v: %v, want %v", p, interval, got, want)
			}
			if got := masterDown(2, uint8(p), interval, 3); got != want+3*interval {
				t.Fatalf("v2, priority %d, interval %v: %v, want %v", p, interval, got, want+3*interval)
			}
		}
	}
}

// micros drops what is below a microsecond of a number of nanoseconds.
func micros(ns *big.Rat) time.Duration {
	us := new(big.Int).Quo(ns.Num(), new(big.Int).Mul(ns.Denom(), big.NewInt(1000)))
	return time.Duration(us.Int64()) * time.Microsecond
}

// The same through the machine: it wakes and takes over then and not before.
func TestTimersOfInstances(t *testing.T) {
	for _, interval := range []time.Duration{10 * time.Millisecond, 330 * time.Millisecond, time.Second, 40950 * time.Millisecond} {
		for p := 1; p <= 255; p++ {
			for _, adverts := range []int{2, 3, 100} {
				s := v3("A", uint8(p), plain, every(interval))
				s.DownTimerAdverts = adverts
				l := newLab(t, "", s).start()
				want := time.Duration(adverts)*interval + micros(new(big.Rat).Mul(big.NewRat(int64(256-p), 256), new(big.Rat).SetFrac64(int64(interval), 1)))
				if at, ok := l.g.Wake(); !ok || at.Sub(epoch) != want {
					t.Fatalf("priority %d, interval %v: wakes after %v, want %v", p, interval, at.Sub(epoch), want)
				}
			}
		}
	}
}

func TestEarlierLater(t *testing.T) {
	none, one, two := time.Time{}, epoch, epoch.Add(1)
	for _, c := range []struct{ a, b, earlier, later time.Time }{
		{none, none, none, none},
		{none, one, one, one},
		{one, none, one, one},
		{one, two, one, two},
		{two, one, one, two},
	} {
		if got := earlier(c.a, c.b); got != c.earlier {
			t.Errorf("earlier(%v, %v) = %v, want %v", c.a, c.b, got, c.earlier)
		}
		if got := later(c.a, c.b); got != c.later {
			t.Errorf("later(%v, %v) = %v, want %v", c.a, c.b, got, c.later)
		}
	}
	if due(none, one) || !due(one, one) || due(two, one) {
		t.Errorf("due: %v %v %v, want false true false", due(none, one), due(one, one), due(two, one))
	}
}
