package netio

import (
	"context"
	"net/netip"
	"sync"
	"time"
)

// Pacer sends announcements one at a time, with a pause between any two. What it
// is given waits in a queue, in which the addresses take turns, so that each is
// announced once before any is announced again. The first leaves at once when the
// last one is longer ago than the pause. Nobody waits for a Pacer: it has a
// goroutine of its own while something waits.
type Pacer struct {
	pause time.Duration

	mu      sync.Mutex
	queue   []*Turn
	last    time.Time
	running bool
	ctx     context.Context
	cancel  context.CancelFunc
	done    chan struct{}
}

// Turn is an address that is to be announced some more times.
type Turn struct {
	// Owner, Link and Addr name it: what is added again is not queued twice,
	// and waits for no more than the larger number of rounds.
	Owner  any
	Link   string
	Addr   netip.Addr
	Rounds int
	// Valid tells, each time, whether it is still to be announced.
	Valid func() bool
	// Send announces it once. It must not block for long.
	Send func()
}

func (t *Turn) same(o *Turn) bool { return t.Owner == o.Owner && t.Link == o.Link && t.Addr == o.Addr }

// NewPacer makes a Pacer.
func NewPacer(pause time.Duration) *Pacer {
	p := &Pacer{pause: pause, done: make(chan struct{})}
	close(p.done)
	p.ctx, p.cancel = context.WithCancel(context.Background())
	return p
}

// Add queues an announcement.
func (p *Pacer) Add(t Turn) {
	if t.Rounds <= 0 {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.ctx.Err() != nil {
		return
	}
	for _, o := range p.queue {
		if o.same(&t) {
			rounds := t.Rounds
			if o.Valid() {
				rounds = max(rounds, o.Rounds)
			}
			*o = t
			o.Rounds = rounds
			return
		}
	}
	p.queue = append(p.queue, &t)
	if !p.running {
		p.running, p.done = true, make(chan struct{})
		go p.run(p.done)
	}
}

// Stop drops what waits. After it nothing is sent any more.
func (p *Pacer) Stop() {
	p.mu.Lock()
	p.cancel()
	done := p.done
	p.mu.Unlock()
	<-done
}

func (p *Pacer) run(done chan struct{}) {
	defer close(done)
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		wait, ok := p.next()
		if !ok {
			return
		}
		timer.Reset(wait)
		select {
		case <-timer.C:
		case <-p.ctx.Done():
			return
		}
		if send := p.take(); send != nil {
			send()
			p.mu.Lock()
			p.last = time.Now() // the pause is that on the wire
			p.mu.Unlock()
		}
	}
}

// next drops what is void, and returns how long the first of the rest waits;
// false: there is nothing left and the goroutine has ended.
func (p *Pacer) next() (time.Duration, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	kept := p.queue[:0]
	for _, t := range p.queue {
		if t.Valid() {
			kept = append(kept, t)
		}
	}
	clear(p.queue[len(kept):])
	p.queue = kept
	if len(p.queue) == 0 {
		p.running = false
		return 0, false
	}
	if p.last.IsZero() {
		return 0, true
	}
	return max(0, time.Until(p.last.Add(p.pause))), true
}

// take returns how to send the first of those that are still valid.
func (p *Pacer) take() func() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.queue) > 0 {
		t := p.queue[0]
		p.queue = p.queue[1:]
		if !t.Valid() {
			continue
		}
		send := t.Send
		if t.Rounds--; t.Rounds > 0 {
			p.queue = append(p.queue, t)
		}
		return send
	}
	return nil
}
