package netio

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// queue fills b's queue with n adverts for VRID 1: they are there when the
// witness, which is served after it, has heard the marker.
func queue(tb testing.TB, lan *nettest.LAN, a, b *Conn, src netip.Addr, n int) {
	tb.Helper()
	setVRIDs(tb, b, false, 1)
	witness := openT(tb, lan.Node(2), b.Spec())
	defer witness.Close()
	setVRIDs(tb, witness, false, marker)
	for range n {
		sendT(tb, a, src, 1)
	}
	sendT(tb, a, src, marker)
	total := 0
	nettest.WaitFor(tb, patience, func() bool {
		got, err := witness.Drain(1, func(*advert.Packet) {})
		if err != nil {
			tb.Fatal(err)
		}
		total += got
		return total == 1
	}, "the marker")
}

func TestDrain(t *testing.T) {
	families(t, func(t *testing.T, ipv6 bool) {
		lan, a, b, src := pair(t, ipv6)
		var h heard
		drain := func(limit, want int) {
			t.Helper()
			got, err := b.Drain(limit, h.handle)
			if err != nil || got != want {
				t.Errorf("Drain(%d) = %d, %v, want %d", limit, got, err, want)
			}
		}
		drain(100, 0)
		queue(t, lan, a, b, src, 3*batchLen)
		drain(0, 0)
		drain(3, 3)
		drain(batchLen+1, batchLen+1)
		drain(1000, 2*batchLen-4)
		drain(1000, 0)
		if got := len(h.all()); got != 3*batchLen {
			t.Errorf("handled %d packets, want %d", got, 3*batchLen)
		}
	})
}

// A packet that Run has read but not yet handled is one that was waiting: Drain
// returns when it has been handled.
func TestDrainWaitsForHandler(t *testing.T) {
	lan, a, b, src := pair(t, false)
	queue(t, lan, a, b, src, 1)

	inHandler, release := make(chan struct{}), make(chan struct{})
	var handled atomic.Bool
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- b.Run(ctx, func(*advert.Packet) {
			close(inHandler)
			<-release
			handled.Store(true)
		})
	}()
	<-inHandler
	// Long enough for a Drain that does not wait to return before.
	time.AfterFunc(20*time.Millisecond, func() { close(release) })
	n, err := b.Drain(10, func(*advert.Packet) {})
	if err != nil || n != 0 || !handled.Load() {
		t.Errorf("Drain = %d, %v, with the packet handled: %t; want 0, true", n, err, handled.Load())
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// Run and many Drains at once handle each packet exactly once, one at a time
// and in order.
func TestDrainBesideRun(t *testing.T) {
	_, a, b, src := pair(t, false)
	if err := b.SetReceiveBuffer(4 << 20); err != nil {
		t.Fatal(err)
	}
	setVRIDs(t, b, false, 1)

	const n = 2000
	var ids []uint16 // unguarded: handlers exclude each other
	seen := make(chan struct{}, n)
	handle := func(p *advert.Packet) {
		ids = append(ids, uint16(p.Payload[2])<<8|uint16(p.Payload[3]))
		seen <- struct{}{}
	}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 4)
	go func() { ended <- b.Run(ctx, handle) }()
	for range 3 {
		go func() {
			for ctx.Err() == nil {
				if _, err := b.Drain(5, handle); err != nil {
					ended <- err
					return
				}
			}
			ended <- nil
		}()
	}

	payload := unhex(t, v2Payload)
	for i := range n {
		payload[2], payload[3] = byte(i>>8), byte(i)
		if err := a.Send(Out{Src: src, Dst: advert.GroupIPv4, Payload: payload}); err != nil {
			t.Fatal(err)
		}
	}
	deadline := time.After(patience)
	for i := range n {
		select {
		case <-seen:
		case <-deadline:
			t.Fatalf("%d packets, want %d", i, n)
		}
	}
	cancel()
	for range 4 {
		if err := <-ended; err != nil {
			t.Error(err)
		}
	}
	for i, id := range ids {
		if int(id) != i {
			t.Fatalf("packet %d came as number %d", id, i)
		}
	}
}

func TestRunEnds(t *testing.T) {
	_, _, b, _ := pair(t, false)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- b.Run(ctx, func(*advert.Packet) {}) }()
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("Run after cancel: %v", err)
	}

	_, _, b, _ = pair(t, false)
	go func() { ended <- b.Run(context.Background(), func(*advert.Packet) {}) }()
	if err := b.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; !errors.Is(err, net.ErrClosed) {
		t.Errorf("Run after Close: %v, want %v", err, net.ErrClosed)
	}
	if _, err := b.Drain(1, nil); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Drain after Close: %v, want %v", err, net.ErrClosed)
	}
	if err := b.Send(Out{Src: addrA, Dst: addrB, Payload: []byte{1}}); !errors.Is(err, net.ErrClosed) {
		t.Errorf("Send after Close: %v, want %v", err, net.ErrClosed)
	}
	if recv, send := b.FDs(); recv != -1 || send != -1 {
		t.Errorf("descriptors after Close: %d, %d", recv, send)
	}
}

// A full queue is read to its end without another packet to wake Run up.
func TestRunReadsFullQueue(t *testing.T) {
	for _, n := range []int{batchLen - 1, batchLen, batchLen + 1, 3 * batchLen} {
		lan, a, b, src := pair(t, false)
		queue(t, lan, a, b, src, n)
		h := runT(t, b)
		if got := len(h.wait(t, n)); got != n {
			t.Errorf("%d packets, want %d", got, n)
		}
	}
}
