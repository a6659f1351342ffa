package daemon

import (
	"context"
	"reflect"
	"time"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/kernel"
)

// carrier is the state of a link as it counts, which lags behind what the kernel
// reports where interface_up_down_delays says so, and is what the driver says
// where it is polled.
type carrier struct {
	down, up time.Duration // how long a change has to last; 0: no time
	seen     bool          // it was up: only then is anything held back
	flags    uint32        // IFF_*, that count
	isUp     bool
	pending  *time.Timer // of a change that is held back; nil: there is none

	polled bool // isUp is what the driver says
}

// carrierOf is the carrier of a link that is there or has been configured.
func (d *Daemon) carrierOf(name string) *carrier {
	c := d.carriers[name]
	if c == nil {
		c = &carrier{}
		if l := d.links[name]; l != nil {
			c.flags, c.isUp, c.seen = l.Flags, l.Up, l.Up
		}
		d.carriers[name] = c
	}
	return c
}

// linkUp tells whether a link is there and its state counts as up.
// It changes nothing: the goroutines of a survey ask it too.
func (d *Daemon) linkUp(name string) bool {
	l, c := d.links[name], d.carriers[name]
	switch {
	case l == nil:
		return false
	case c == nil: // as carrierOf would begin with
		return l.Up
	}
	return c.isUp
}

// delayCarriers takes the delays of a configuration. What is held back already
// keeps the delay that it began with, unless there is none now.
func (d *Daemon) delayCarriers(cfg *config.Config) {
	delays := map[string]config.Debounce{}
	for _, b := range cfg.Global.More.Debounce {
		delays[b.Interface] = b // the last one counts
	}
	for _, v := range d.layout.all() {
		if b, ok := delays[v.Base]; ok {
			delays[v.Name] = b
		}
	}
	for name := range d.links {
		d.carrierOf(name)
	}
	for name := range delays {
		d.carrierOf(name)
	}
	for name, c := range d.carriers {
		c.down, c.up = delays[name].Down, delays[name].Up
		if l := d.links[name]; l != nil && c.pending != nil && c.delay(l.Up) == 0 {
			d.settleCarrier(name, c)
		}
	}
}

// delay is how long a change to up or down is held back.
func (c *carrier) delay(up bool) time.Duration {
	switch {
	case !c.seen:
		return 0
	case up:
		return c.up
	}
	return c.down
}

// carrierMoved takes a report of the kernel about a link that is there.
func (d *Daemon) carrierMoved(l *kernel.Link) {
	c := d.carrierOf(l.Name)
	switch {
	case c.polled:
		c.flags = l.Flags
	case l.Up == c.isUp:
		if c.pending != nil {
			c.pending.Stop()
			c.pending = nil
			d.log.detailf("Delay timer for %s cancelled", l.Name)
		}
		c.flags = l.Flags
	case c.delay(l.Up) == 0:
		d.settleCarrier(l.Name, c)
	case c.pending == nil:
		wait := c.delay(l.Up)
		d.log.infof("%s: Adding flags change from 0x%x to 0x%x delay by %d", l.Name, c.flags, l.Flags, wait.Microseconds())
		var t *time.Timer
		t = time.AfterFunc(wait, func() {
			d.do(func() {
				if c.pending == t && d.carriers[l.Name] == c {
					d.settleCarrier(l.Name, c)
				}
			})
		})
		c.pending = t
	}
	d.linkMoved(l.Name)
}

// settleCarrier lets the state of a link count as it is now.
func (d *Daemon) settleCarrier(name string, c *carrier) {
	if c.pending != nil {
		c.pending.Stop()
		c.pending = nil
	}
	l := d.links[name]
	c.flags = l.Flags
	if c.isUp != l.Up {
		c.isUp = l.Up
		if d.uses(name) && !d.placing {
			d.log.infof("Netlink reports %s %s", name, upDown(l.Up))
		}
	}
	c.seen = c.seen || c.isUp
	d.linkMoved(name)
}

// carrierGone forgets the state of a link that is no more: the delays are for
// one that comes back.
func (d *Daemon) carrierGone(name string) {
	c := d.carrierOf(name)
	if c.pending != nil {
		c.pending.Stop()
	}
	if c.isUp && d.uses(name) {
		d.log.infof("Netlink reports %s down", name)
	}
	d.carriers[name] = &carrier{down: c.down, up: c.up}
}

// prober is what a poller asks with.
type prober interface {
	kernel.Prober
	Close()
}

func openProbe() (prober, error) {
	p, err := kernel.OpenCarrierProbe()
	if err != nil {
		return nil, err // a nil in the interface would not be one
	}
	return p, nil
}

// poller asks drivers about the carriers of links.
type poller struct {
	links  []kernel.Linkbeat
	poll   *kernel.Poller
	cancel context.CancelFunc
}

// pollCarriers polls the links for which the configuration says so, as far as
// anybody has to do with them.
func (d *Daemon) pollCarriers(cfg *config.Config) {
	links := d.polledLinks(cfg)
	if d.poller != nil && reflect.DeepEqual(d.poller.links, links) {
		return
	}
	d.stopPolling()
	for name, c := range d.carriers {
		if c.polled {
			c.polled = false
			if d.links[name] != nil {
				d.settleCarrier(name, c)
			}
		}
	}
	if len(links) == 0 {
		return
	}
	probe, err := d.openProbe()
	if err != nil {
		d.log.alertf("%v: linkbeat polling is off", err)
		return
	}
	d.log.infof("Using MII-BMSR/ETHTOOL NIC polling thread(s)...")
	ctx, cancel := context.WithCancel(context.Background())
	p := &poller{links: links, cancel: cancel}
	p.poll = kernel.NewPoller(links, kernel.PollerOptions{
		Probe: probe,
		Log:   func(text string) { d.log.infof("%s", text) },
		Carrier: func(link string, up bool) {
			d.do(func() {
				if d.poller == p {
					d.carrierPolled(link, up)
				}
			})
		},
	})
	d.poller = p
	go func() {
		defer probe.Close()
		_ = p.poll.Run(ctx) // it ends with ctx
	}()
	select { // the first answers decide the first state
	case <-p.poll.Ready():
	case <-time.After(firstLook):
		d.log.infof("the first look at the carriers takes long; going on without it")
	}
}

// polledLinks are the links to poll, each once.
func (d *Daemon) polledLinks(cfg *config.Config) []kernel.Linkbeat {
	var links []kernel.Linkbeat
	named := map[string]bool{}
	for _, b := range cfg.Global.More.Linkbeat {
		switch {
		case named[b.Interface]:
			continue
		case !d.uses(b.Interface):
			d.log.infof("Turning off linkbeat for %s since not used for tracking", b.Interface)
		default:
			links = append(links, kernel.Linkbeat{Link: b.Interface, Preferred: kernel.LinkMethod(b.Method)})
		}
		named[b.Interface] = true
	}
	for _, name := range d.usedLinks() {
		if !named[name] && (cfg.Global.More.LinkbeatPolling || d.pollsItself(name)) {
			links = append(links, kernel.Linkbeat{Link: name, DriverOnly: true})
		}
	}
	return links
}

// pollsItself tells whether an instance wants its interface polled.
func (d *Daemon) pollsItself(name string) bool {
	for _, m := range d.members {
		if c := m.set.Load().cfg; c.Interface == name && c.More.LinkbeatPolling {
			return true
		}
	}
	return false
}

// carrierPolled takes what the driver of a link says.
func (d *Daemon) carrierPolled(name string, up bool) {
	c := d.carrierOf(name)
	if c.pending != nil {
		c.pending.Stop()
		c.pending = nil
	}
	c.polled = true
	changed := c.isUp != up
	c.isUp, c.seen = up, c.seen || up
	if d.links[name] == nil || !changed {
		return // one that comes back will find it
	}
	d.log.infof("Linkbeat reports %s %s", name, upDown(up))
	d.linkMoved(name)
}

func (d *Daemon) stopPolling() {
	if d.poller != nil {
		d.poller.cancel()
		d.poller = nil
	}
}
