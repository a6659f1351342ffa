package kernel

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"time"
)

// LinkMethod is a way to ask a driver whether its link has a carrier.
type LinkMethod string

// Ways to ask, in the order in which they are tried.
const (
	MII     LinkMethod = "MII"     // the register of the transceiver
	Ethtool LinkMethod = "ETHTOOL" // ETHTOOL_GLINK
	Ioctl   LinkMethod = "IOCTL"   // the flags of the link: every driver has them
)

var linkMethods = []LinkMethod{MII, Ethtool, Ioctl}

// Prober asks a driver. An error says that it does not answer in this way, or
// with [ErrNoLink] that there is no such link.
type Prober interface {
	Carrier(link string, how LinkMethod) (bool, error)
}

// ErrNoLink says that a link does not exist.
var ErrNoLink = errors.New("no such interface")

// Linkbeat names a link whose carrier is polled.
type Linkbeat struct {
	Link      string
	Preferred LinkMethod // tried first; "": none
	// DriverOnly: if the driver answers neither [MII] nor [Ethtool], the link is
	// left to the reports of the kernel.
	DriverOnly bool
}

// PollerOptions are the options of a Poller.
type PollerOptions struct {
	// Carrier is told of the first state of each link that is polled and of each
	// change, on the goroutine of Run. It must not block.
	Carrier func(link string, up bool)
	Log     func(text string)
	Probe   Prober
	Every   time.Duration // 0: one second
}

// Poller asks drivers about carriers, for those that do not report changes.
type Poller struct {
	links []Linkbeat
	opt   PollerOptions
	ready chan struct{}
	up    map[string]bool // what was said last
	said  map[string]bool // a preferred way that does not work

	mu  sync.Mutex // guards how
	how map[string]LinkMethod
}

// NewPoller returns a poller that is ready to run.
func NewPoller(links []Linkbeat, opt PollerOptions) *Poller {
	if opt.Every <= 0 {
		opt.Every = time.Second
	}
	return &Poller{
		links: links, opt: opt, ready: make(chan struct{}),
		up: map[string]bool{}, said: map[string]bool{}, how: map[string]LinkMethod{},
	}
}

// Ready is closed after all links were asked for the first time.
func (p *Poller) Ready() <-chan struct{} { return p.ready }

// Methods returns the links that are polled and how. It may be called at any time.
func (p *Poller) Methods() map[string]LinkMethod {
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.how)
}

// Run polls until ctx ends. It is to be called once; it returns nil.
func (p *Poller) Run(ctx context.Context) error {
	tick := time.NewTicker(p.opt.Every)
	defer tick.Stop()
	for first := true; ; first = false {
		for _, l := range p.links {
			p.poll(l)
		}
		if first {
			close(p.ready)
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// poll asks about one link. A link that is away has no carrier, and how to ask is
// found out anew when it is back: it may have another driver then.
func (p *Poller) poll(l Linkbeat) {
	how, known := p.method(l.Link)
	if known {
		up, err := p.opt.Probe.Carrier(l.Link, how)
		if err == nil {
			p.report(l.Link, up)
			return
		}
	}
	for _, how := range l.methods() {
		up, err := p.opt.Probe.Carrier(l.Link, how)
		if err == nil {
			p.choose(l, how)
			p.report(l.Link, up)
			return
		}
		if errors.Is(err, ErrNoLink) {
			break
		}
	}
	if known {
		p.report(l.Link, false)
		p.forget(l.Link)
	}
}

// methods are the ways to ask, the preferred one first.
func (l *Linkbeat) methods() []LinkMethod {
	var out []LinkMethod
	if l.Preferred != "" {
		out = append(out, l.Preferred)
	}
	for _, m := range linkMethods {
		if m != l.Preferred && (m != Ioctl || !l.DriverOnly) {
			out = append(out, m)
		}
	}
	return out
}

func (p *Poller) method(link string) (LinkMethod, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	how, ok := p.how[link]
	return how, ok
}

func (p *Poller) choose(l Linkbeat, how LinkMethod) {
	p.mu.Lock()
	p.how[l.Link] = how
	p.mu.Unlock()
	if l.Preferred != "" && how != l.Preferred && !p.said[l.Link] {
		p.said[l.Link] = true
		p.opt.Log(fmt.Sprintf("(%s): Configured linkbeat type %s not supported, using %s", l.Link, l.Preferred, how))
	}
}

func (p *Poller) forget(link string) {
	p.mu.Lock()
	delete(p.how, link)
	p.mu.Unlock()
	delete(p.up, link)
}

func (p *Poller) report(link string, up bool) {
	if was, said := p.up[link]; said && was == up {
		return
	}
	p.up[link] = up
	p.opt.Carrier(link, up)
}
