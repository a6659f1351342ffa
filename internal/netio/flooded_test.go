package netio

import (
	"testing"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// TestFlooded: with the filter for floods in the kernel a good packet passes,
// and of those that cannot be right only a part.
func TestFlooded(t *testing.T) {
	families(t, func(t *testing.T, ipv6 bool) {
		_, a, b, src := pair(t, ipv6)
		if err := b.SetFlooded([]uint8{1}, []uint8{3}); err != nil {
			t.Fatal(err)
		}
		atB := runT(t, b)
		group := b.Spec().Group
		msg := advert.Message{Version: 3, VRID: 1, Priority: 100, Interval: 1e9, Src: src, Dst: group}
		good := msg.AppendTo(nil)
		send := func(change func(p []byte) []byte, ttl int, times int) {
			t.Helper()
			for range times {
				p := change(append([]byte(nil), good...))
				nettest.WaitFor(t, patience, func() bool { return a.Send(Out{Src: src, Dst: group, TTL: ttl, Payload: p}) == nil }, "room to send")
			}
		}
		same := func(p []byte) []byte { return p }
		const many = 1000
		kinds := map[string]func(p []byte) []byte{
			"version": func(p []byte) []byte { p[0] = 0x21; return p },
			"type":    func(p []byte) []byte { p[0] = 0x32; return p },
			"short":   func(p []byte) []byte { return p[:7] },
		}
		for name, change := range kinds {
			if ipv6 && name == "short" {
				continue // the kernel has no room for the checksum and drops it
			}
			before := len(atB.all())
			send(change, 255, many)
			send(same, 255, 1)
			nettest.WaitFor(t, patience, func() bool {
				all := atB.all()
				return len(all) > before && string(all[len(all)-1].Payload) == string(good)
			}, "the good packet")
			if n := len(atB.all()) - before - 1; n > many/8 {
				t.Errorf("%s: %d of %d passed", name, n, many)
			}
		}
		if !ipv6 {
			before := len(atB.all())
			send(same, 254, many)
			send(same, 255, 1)
			nettest.WaitFor(t, patience, func() bool {
				all := atB.all()
				return len(all) > before && all[len(all)-1].TTL == 255
			}, "the good packet")
			if n := len(atB.all()) - before - 1; n > many/8 {
				t.Errorf("TTL: %d of %d passed", n, many)
			}
		}
		before := len(atB.all())
		send(func(p []byte) []byte { p[1] = 2; return p }, 255, many)
		send(same, 255, 1)
		nettest.WaitFor(t, patience, func() bool { return len(atB.all()) > before }, "the good packet")
		if n := len(atB.all()) - before; n != 1 {
			t.Errorf("%d packets for another VRID passed", n-1)
		}
	})
}

// TestLost: what does not fit into the buffer is counted.
func TestLost(t *testing.T) {
	families(t, func(t *testing.T, ipv6 bool) {
		lan := nettest.NewLANT(t, 2, nettest.Options{})
		a := openT(t, lan.Node(1), Spec{Interface: lan.Iface(), IPv6: ipv6})
		b := openT(t, lan.Node(2), Spec{Interface: lan.Iface(), IPv6: ipv6, RcvBuf: 8 << 10})
		setVRIDs(t, b, false, 1)
		src := lan.Prefix4(1).Addr()
		if ipv6 {
			src = lan.LinkLocal(1)
		}
		for range 1000 {
			sendT(t, a, src, 1)
		}
		if n := b.Lost(); n != 0 {
			t.Errorf("%d lost before anything was read", n)
		}
		atB := runT(t, b)
		nettest.WaitFor(t, patience, func() bool {
			sendT(t, a, src, 1)
			return b.Lost() > 0
		}, "a count")
		if n := int(b.Lost()); n+len(atB.all()) < 1000 {
			t.Errorf("%d lost and %d heard", n, len(atB.all()))
		}
	})
}

// TestDrainIdle: it reads what waits, but does not wait for whoever reads.
func TestDrainIdle(t *testing.T) {
	families(t, func(t *testing.T, ipv6 bool) {
		lan, a, b, src := pair(t, ipv6)
		queue(t, lan, a, b, src, 2)
		var h heard
		if n, err := b.DrainIdle(100, h.handle); n != 2 || err != nil {
			t.Errorf("read %d, %v, want 2", n, err)
		}
		queue(t, lan, a, b, src, 2)
		inside := false
		_, err := b.Drain(1, func(*advert.Packet) {
			n, err := b.DrainIdle(100, h.handle) // would wait for itself
			inside = n == 0 && err == nil
		})
		if !inside || err != nil {
			t.Errorf("reads beside a handler: %v, %v", !inside, err)
		}
	})
}
