package system

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// probeEvery is short beside every hand-over that is judged.
const probeEvery = 5 * time.Millisecond

// probe asks an address again and again, as a client would.
type probe struct {
	mu      sync.Mutex
	last    time.Time
	longest time.Duration
}

// startProbe begins to ping the address from the namespace, until the test ends.
func startProbe(t *testing.T, ns *nettest.NS, to netip.Addr) *probe {
	t.Helper()
	var conn net.PacketConn
	err := ns.Do(func() (err error) {
		conn, err = net.ListenPacket("ip4:icmp", "0.0.0.0")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	p := &probe{}
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() { p.ask(ctx, conn, to) })
	wg.Go(func() { p.listen(conn, to) })
	t.Cleanup(func() {
		cancel()
		conn.Close()
		wg.Wait()
	})
	return p
}

func (p *probe) ask(ctx context.Context, conn net.PacketConn, to netip.Addr) {
	echo := make([]byte, 16)
	echo[0] = 8
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for seq := uint16(1); ; seq++ {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		binary.BigEndian.PutUint16(echo[6:], seq)
		binary.BigEndian.PutUint16(echo[2:], 0)
		binary.BigEndian.PutUint16(echo[2:], checksum(echo))
		_, _ = conn.WriteTo(echo, &net.IPAddr{IP: to.AsSlice()}) // one that is lost shows as silence
	}
}

func (p *probe) listen(conn net.PacketConn, to netip.Addr) {
	buf := make([]byte, 1500)
	for {
		n, from, err := conn.ReadFrom(buf)
		if err != nil {
			return
		}
		if n > 0 && buf[0] == 0 && from.String() == to.String() {
			p.answered(time.Now())
		}
	}
}

func (p *probe) answered(at time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.longest = max(p.longest, at.Sub(p.last))
	p.last = at
}

// begin waits for an answer and begins to look for silence.
func (p *probe) begin(t *testing.T) {
	t.Helper()
	asked := time.Now()
	nettest.WaitFor(t, 30*time.Second, func() bool {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.last.Before(asked) {
			return false
		}
		p.longest = 0
		return true
	}, "an answer from the address")
}

// silence is the longest time without an answer since begin.
func (p *probe) silence() time.Duration {
	p.mu.Lock()
	defer p.mu.Unlock()
	return max(p.longest, time.Since(p.last))
}

// checksum is that of the Internet (RFC 1071), of an even number of bytes.
func checksum(b []byte) uint16 {
	var sum uint32
	for i := 0; i < len(b); i += 2 {
		sum += uint32(b[i])<<8 | uint32(b[i+1])
	}
	sum = sum>>16 + sum&0xffff
	return ^uint16(sum + sum>>16)
}
