package interop_test

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// ahForm is version 2 with the authentication header.
var ahForm = interop.Protocol{Name: "v2ah", Version: 2, AH: true, Interval: time.Second}

// TestAHWrongPassword: neither hears the other, both are MASTER, and each says
// why in the same words, whoever wrote it.
func TestAHWrongPassword(t *testing.T) {
	for _, who := range lineups() {
		t.Run(who.name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, ahForm, who, nil)
			p.start(high)
			p.awaitMaster(high)
			d, err := interop.Start(p.lan.Node(low), p.program[low], p.dirs[low],
				strings.Replace(p.conf[low].String(), interop.Password, "another", 1))
			if err != nil {
				t.Fatal(err)
			}
			p.daemon[low] = d
			p.all = append(p.all, d)
			for _, node := range []int{high, low} {
				nettest.WaitFor(t, patience, func() bool {
					return p.state(node) == "MASTER" && p.daemon[node].LogLines("IPSEC-AH : invalid IPSEC HMAC-MD5 value. Due to fields mutation or bad password !") > 0
				}, "each to be master and to say why")
			}
		})
	}
}

// TestAHUnicast: the TTL is not covered then, and each peer gets a check value
// of its own.
func TestAHUnicast(t *testing.T) {
	proto := ahForm
	proto.Unicast = true
	for _, who := range lineups() {
		t.Run(who.name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, proto, who, nil)
			p.start(high)
			p.start(low)
			p.awaitMaster(high)
			p.checkSteady()
			p.stop(high)
			p.awaitMaster(low)
			p.start(high)
			p.awaitMaster(high)
			p.stop(low)
			p.stop(high)
			p.checkWire()
		})
	}
}

// TestAHSequence: the numbers go on over a reload, and whoever takes over goes
// on after those of the other.
func TestAHSequence(t *testing.T) {
	for _, who := range lineups() {
		t.Run(who.name, func(t *testing.T) {
			t.Parallel()
			p := newPair(t, ahForm, who, nil)
			p.start(high)
			p.start(low)
			p.awaitMaster(high)
			p.awaitAdverts(high, 3)
			if err := p.daemon[high].Signal(syscall.SIGHUP); err != nil {
				t.Fatal(err)
			}
			p.awaitAdverts(high, 3)
			p.stop(high)
			p.awaitMaster(low)
			p.awaitAdverts(low, 2)
			p.start(high)
			p.awaitMaster(high)
			p.awaitAdverts(high, 2)
			p.stop(low)
			p.stop(high)
			last, n := uint32(0), 0
			for _, x := range p.cap.Packets() {
				a, ok := x.Advert()
				if !ok || !a.AH {
					continue
				}
				ah := x.Data[14+20:]
				seq := uint32(ah[8])<<24 | uint32(ah[9])<<16 | uint32(ah[10])<<8 | uint32(ah[11])
				// A master that is preempted may send in the same moment as the new one.
				if seq <= last && seq+2 < last {
					t.Errorf("number %d of %v after %d", seq, a.Src, last)
				}
				last = max(last, seq)
				n++
			}
			t.Logf("%d adverts, last number %d", n, last)
			if n < 8 {
				t.Errorf("only %d adverts", n)
			}
		})
	}
}
