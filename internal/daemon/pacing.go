package daemon

import (
	"strings"
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/netio"
)

// pacing knows which interfaces want pauses between announcements: those of a
// garp_group share one, the others have the global one each for itself.
type pacing struct {
	mu      sync.Mutex
	garp    time.Duration // vrrp_garp_interval
	gna     time.Duration // vrrp_gna_interval
	grouped map[string]pausing
	pacers  map[pausing]*netio.Pacer
}

// pausing is what has a pacer.
type pausing struct {
	who   string // the interface, or those of the group
	ipv6  bool
	pause time.Duration
}

func (p *pacing) configure(cfg *config.Config) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.garp, p.gna = cfg.Global.More.GARPInterval, cfg.Global.More.GNAInterval
	p.grouped = map[string]pausing{}
	for _, g := range cfg.GARPGroups {
		who := strings.Join(g.Interfaces, " ")
		for _, name := range g.Interfaces {
			p.grouped["4"+name] = pausing{who, false, g.GARPInterval}
			p.grouped["6"+name] = pausing{who, true, g.GNAInterval}
		}
	}
}

// of returns the pacer of an interface; nil: it wants no pauses. A pacer whose
// pause has changed ends with what it has.
func (p *pacing) of(link string, ipv6 bool) *netio.Pacer {
	p.mu.Lock()
	defer p.mu.Unlock()
	want, family := pausing{link, ipv6, p.garp}, "4"
	if ipv6 {
		want.pause, family = p.gna, "6"
	}
	if g, ok := p.grouped[family+link]; ok {
		want = g
	}
	if want.pause <= 0 {
		return nil
	}
	q := p.pacers[want]
	if q == nil {
		if p.pacers == nil {
			p.pacers = map[pausing]*netio.Pacer{}
		}
		q = netio.NewPacer(want.pause)
		p.pacers[want] = q
	}
	return q
}

// stop ends every pacer.
func (p *pacing) stop() {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, q := range p.pacers {
		q.Stop()
	}
}
