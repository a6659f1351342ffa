package daemon

import (
	"context"

	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/kernel"
)

// applyAddresses brings the member's addresses, routes and rules to the kernel.
// It runs on the hands' goroutine, like everything that uses the holder.
func (d *Daemon) applyAddresses(j job) {
	m := j.m
	set := m.set.Load()
	ctx, cancel := context.WithTimeout(context.Background(), kernelTimeout)
	defer cancel()
	d.sayWork(set, "setting")
	m.holding = true
	if len(set.objects) >= manyObjects {
		defer roomy()()
	}
	if err := d.accept.hold(m, addressesOf(set.objects), d.monitor.Snapshot().LinkByName); err != nil {
		d.log.infof("(%s) %v", set.cfg.Name, err)
	}
	g := greeting{d: d, job: j}
	if j.greet {
		m.holder.Set = g.set
	}
	res, _ := m.holder.Apply(ctx, set.objects)
	m.holder.Set = nil
	g.finish()
	m.sayFailed(res.Failed)
	if f, again := worthRetrying(res.Failed); again && !d.opt.StrictCompat {
		ev := fsm.AddressLost{Unset: true}
		if f.Object != nil {
			ev.What = heldKinds[f.Object.Kind()]
		}
		m.runner.post(m.id, ev)
	}
}

// sayWork logs what is set or removed, in keepalived's words.
func (d *Daemon) sayWork(set *settings, verb string) {
	d.log.detailf("(%s) %s VIPs.", set.cfg.Name, verb)
	if len(set.cfg.More.Routes) > 0 {
		d.log.detailf("(%s) %s Virtual Routes", set.cfg.Name, verb)
	}
	if len(set.cfg.More.Rules) > 0 {
		d.log.detailf("(%s) %s Virtual Rules", set.cfg.Name, verb)
	}
}

// sayFailed logs what could not be set.
func (m *member) sayFailed(failed []kernel.Failure) {
	m.runner.log.failures("("+m.name()+") ", m.failed.news(failed))
}

func (d *Daemon) releaseAddresses(ctx context.Context, m *member) {
	d.sayWork(m.set.Load(), "removing")
	m.holding = false
	if _, err := m.holder.Release(ctx); err != nil {
		d.log.infof("(%s) removing addresses: %v", m.name(), err)
	}
	if err := d.accept.release(m); err != nil {
		d.log.infof("(%s) %v", m.name(), err)
	}
}

// addressesOf are the addresses among what is held.
func addressesOf(objects []kernel.Object) []kernel.Address {
	var addrs []kernel.Address
	for _, o := range objects {
		if a, ok := o.(kernel.Address); ok {
			addrs = append(addrs, a)
		}
	}
	return addrs
}

// pruneAddresses gives up what a reload has taken away.
func (d *Daemon) pruneAddresses(m *member, p *pruning) {
	defer close(p.done)
	if !m.holding {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), kernelTimeout)
	defer cancel()
	if _, err := m.holder.Apply(ctx, p.keep); err != nil {
		d.log.infof("(%s) removing addresses: %v", m.name(), err)
	}
}
