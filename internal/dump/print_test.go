package dump

import (
	"bytes"
	"fmt"
	"testing"
	"testing/synctest"
	"time"
)

// crowd are so many instances as a large site has.
func crowd(n int) *Data {
	d := &Data{Past: true}
	for i := range n {
		v := base(fmt.Sprintf("V%d", i), uint8(i), 100)
		v.LastTransition, v.ReadTimeout = at(1795223441, 270751), at(1795223460, 295607)
		v.Addresses = []Address{addr("192.0.2.100/24", "eth0", nil), addr("2001:db8::100/64", "eth0", nil)}
		v.Tracked = Tracked{Interfaces: []Track{{Name: "lo"}}}
		v.Journal = []Entry{{At: at(1795223441, 270751), Kind: "state", From: "BACKUP", To: "MASTER", Cause: "no adverts"}}
		d.Instances = append(d.Instances, v)
		d.Timers = append(d.Timers, Timers{Name: v.Name, Fired: 7, Latest: time.Millisecond})
	}
	return d
}

// TestPrintingAllocatesLittle: what a thousand instances have a thousand times is
// appended where it belongs.
func TestPrintingAllocatesLittle(t *testing.T) {
	v := &crowd(1).Instances[0]
	p, j := &printer{b: make([]byte, 0, 1<<16), transient: true}, &jsonWriter{b: make([]byte, 0, 1<<16)}
	for what, print := range map[string]func(){
		"data":  func() { p.b = p.b[:0]; p.instance(v) },
		"past":  func() { p.b = p.b[:0]; p.past(v) },
		"stats": func() { p.b = p.b[:0]; p.stats(v) },
		"json":  func() { j.b = j.b[:0]; j.instance(v) },
	} {
		if n := testing.AllocsPerRun(100, print); n > 8 {
			t.Errorf("%s: %v allocations for an instance", what, n)
		}
	}
}

// TestPiecesAreTheWhole: however many pieces there are, and however long their
// reader takes, they are the file in its order.
func TestPiecesAreTheWhole(t *testing.T) {
	for _, n := range []int{0, 1, few - 1, few, few + 1, 5*few + 3} {
		d := crowd(n)
		one := &printer{transient: true}
		for i := range d.Instances {
			one.instance(&d.Instances[i])
		}
		text := d.Text(true)
		if !bytes.Contains(text, one.b) {
			t.Errorf("%d instances: the data file does not hold them in their order", n)
		}
		if again := d.Text(true); !bytes.Equal(text, again) {
			t.Errorf("%d instances: the second text is another", n)
		}
		one.b = nil
		for i := range d.Instances {
			one.stats(&d.Instances[i])
		}
		if !bytes.Equal(StatsText(d.Instances), one.b) {
			t.Errorf("%d instances: the statistics differ", n)
		}
	}
}

// TestPiecesMayBeLeft: a reader that has had enough, as one whose disk is full,
// leaves nobody waiting.
func TestPiecesMayBeLeft(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // which sees whether a goroutine stays
		for range crowd(10 * few).Pieces(true) {
			break
		}
		for range StatsPieces(crowd(10 * few).Instances) {
			break
		}
	})
}

func BenchmarkText(b *testing.B) {
	d := crowd(1000)
	b.ReportAllocs()
	for b.Loop() {
		for range d.Pieces(true) {
		}
	}
}
