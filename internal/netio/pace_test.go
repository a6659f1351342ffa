package netio

import (
	"fmt"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// pace collects what a Pacer sends, with its time.
type pace struct {
	begin time.Time
	mu    sync.Mutex
	sent  []string
}

func (p *pace) turn(owner, addr string, rounds int, valid *atomic.Bool) Turn {
	return Turn{
		Owner: owner, Link: "eth0", Addr: netip.MustParseAddr(addr), Rounds: rounds,
		Valid: func() bool { return valid == nil || valid.Load() },
		Send: func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.sent = append(p.sent, fmt.Sprintf("%v %s", time.Since(p.begin), addr))
		},
	}
}

func paced(t *testing.T, f func(p *pace, q *Pacer), want ...string) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		t.Helper()
		p, q := &pace{begin: time.Now()}, NewPacer(time.Second)
		f(p, q)
		time.Sleep(time.Hour)
		synctest.Wait()
		if diff := cmp.Diff(want, p.sent); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		q.Stop()
		q.Add(p.turn("A", "192.0.2.1", 1, nil))
		if len(p.sent) != len(want) {
			t.Error("sent after the end")
		}
	})
}

func TestPacerTakesTurns(t *testing.T) {
	paced(
		t, func(p *pace, q *Pacer) {
			q.Add(p.turn("A", "192.0.2.1", 3, nil))
			q.Add(p.turn("A", "192.0.2.2", 2, nil))
			time.Sleep(1500 * time.Millisecond)
			q.Add(p.turn("B", "192.0.2.3", 2, nil))
		},
		"0s 192.0.2.1", "1s 192.0.2.2", "2s 192.0.2.1", "3s 192.0.2.2", "4s 192.0.2.3", "5s 192.0.2.1", "6s 192.0.2.3",
	)
}

func TestPacerRemembersTheLast(t *testing.T) {
	paced(
		t, func(p *pace, q *Pacer) {
			q.Add(p.turn("A", "192.0.2.1", 1, nil))
			time.Sleep(300 * time.Millisecond)
			q.Add(p.turn("A", "192.0.2.1", 1, nil))
			time.Sleep(time.Minute)
			q.Add(p.turn("A", "192.0.2.1", 1, nil))
		},
		"0s 192.0.2.1", "1s 192.0.2.1", "1m0.3s 192.0.2.1",
	)
}

// What waits already is not queued twice.
func TestPacerBounds(t *testing.T) {
	paced(
		t, func(p *pace, q *Pacer) {
			for range 5 {
				q.Add(p.turn("A", "192.0.2.1", 3, nil))
			}
		},
		"0s 192.0.2.1", "1s 192.0.2.1", "2s 192.0.2.1",
	)
}

// Released addresses are not announced, and keep nobody waiting.
func TestPacerVoid(t *testing.T) {
	paced(
		t, func(p *pace, q *Pacer) {
			var valid atomic.Bool
			valid.Store(true)
			q.Add(p.turn("A", "192.0.2.1", 5, &valid))
			time.Sleep(1500 * time.Millisecond)
			valid.Store(false)
			q.Add(p.turn("B", "192.0.2.2", 1, nil))
		},
		"0s 192.0.2.1", "1s 192.0.2.1", "2s 192.0.2.2",
	)
	paced(
		t, func(p *pace, q *Pacer) {
			var old, valid atomic.Bool
			old.Store(true)
			valid.Store(true)
			q.Add(p.turn("A", "192.0.2.1", 9, &old))
			time.Sleep(1500 * time.Millisecond)
			old.Store(false)
			q.Add(p.turn("A", "192.0.2.1", 2, &valid)) // Master again at once
		},
		"0s 192.0.2.1", "1s 192.0.2.1", "2s 192.0.2.1", "3s 192.0.2.1",
	)
}
