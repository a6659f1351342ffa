package main

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"sync"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// probeEvery is the time between two echo requests.
const probeEvery = 10 * time.Millisecond

// prober is the client: it sends ICMP echo requests to one address and notes
// when answers come. Which machine they go to is up to the client's own kernel,
// which learns it by ARP as any host does.
type prober struct {
	conn net.PacketConn
	to   netip.Addr

	mu       sync.Mutex
	answered []bool // by sequence number, from 0
	arrivals []time.Time
}

// newProber opens the socket inside of the client's namespace.
func newProber(client *nettest.NS, to netip.Addr) (*prober, error) {
	p := &prober{to: to}
	err := client.Do(func() (err error) {
		p.conn, err = net.ListenPacket("ip4:icmp", "0.0.0.0")
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	return p, nil
}

// run sends and receives until the context ends.
func (p *prober) run(ctx context.Context) {
	go p.receive()
	defer p.conn.Close()
	tick := time.NewTicker(probeEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			p.send()
		}
	}
}

func (p *prober) send() {
	p.mu.Lock()
	seq := len(p.answered)
	p.answered = append(p.answered, false)
	p.mu.Unlock()
	msg := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: os.Getpid() & 0xffff, Seq: seq & 0xffff}}
	b, err := msg.Marshal(nil)
	if err == nil {
		// What cannot be sent is not answered, and counts as that.
		_, _ = p.conn.WriteTo(b, &net.IPAddr{IP: p.to.AsSlice()})
	}
}

func (p *prober) receive() {
	b := make([]byte, 1500)
	for {
		n, from, err := p.conn.ReadFrom(b)
		if err != nil {
			return
		}
		now := time.Now()
		msg, err := icmp.ParseMessage(1, b[:n])
		if err != nil || msg.Type != ipv4.ICMPTypeEchoReply || from.String() != p.to.String() {
			continue
		}
		if echo, ok := msg.Body.(*icmp.Echo); ok && echo.ID == os.Getpid()&0xffff {
			p.note(echo.Seq, now)
		}
	}
}

func (p *prober) note(seq int, now time.Time) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if seq >= len(p.answered) || p.answered[seq] {
		return // not ours: the demo ends long before the numbers start again
	}
	p.answered[seq] = true
	p.arrivals = append(p.arrivals, now)
}

// last gives the time of the last answer; zero: there was none.
func (p *prober) last() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.arrivals) == 0 {
		return time.Time{}
	}
	return p.arrivals[len(p.arrivals)-1]
}

// mark is a point in the sequence of probes and answers.
type mark struct{ sent, arrived int }

func (p *prober) mark() mark {
	p.mu.Lock()
	defer p.mu.Unlock()
	return mark{len(p.answered), len(p.arrivals)}
}

// since tells of the time from a mark up to another: the longest time between
// two answers, the last one before the mark included, and how many probes were
// not answered.
func (p *prober) since(from, to mark) (silence time.Duration, lost int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for i := max(from.arrived, 1); i < to.arrived; i++ {
		silence = max(silence, p.arrivals[i].Sub(p.arrivals[i-1]))
	}
	for _, ok := range p.answered[from.sent:to.sent] {
		if !ok {
			lost++
		}
	}
	return silence, lost
}
