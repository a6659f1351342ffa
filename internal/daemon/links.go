package daemon

import (
	"net/netip"
	"slices"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/kernel"
	"github.com/holdfast-ha/holdfast/internal/netio"
)

// linkState is what a member's state machine was last told of its interface.
type linkState struct {
	known bool
	up    bool
}

// ErrPermission is returned when the process may not open raw sockets.
var ErrPermission = netio.ErrPermission

// kernelEvent takes a change of links or addresses. It runs on the manager's
// goroutine, in the order in which the kernel made the changes.
func (d *Daemon) kernelEvent(e kernel.Event) {
	switch e := e.(type) {
	case kernel.LinkAdded:
		d.carrierOf(e.Link.Name) // from before there was a link
		d.links[e.Link.Name] = e.Link
		if d.uses(e.Link.Name) && !d.placing {
			d.log.detailf("Interface %s added", e.Link.Name)
		}
		d.carrierMoved(e.Link)
		d.suspectLink(e.Link.Name)
		d.suspectVirtual(e.Link.Name)
	case kernel.LinkChanged:
		d.links[e.New.Name] = e.New
		d.carrierMoved(e.New)
		if e.Old.Up != e.New.Up || e.Old.AdminUp != e.New.AdminUp {
			d.suspectLink(e.New.Name)
		}
		d.suspectVirtual(e.New.Name)
	case kernel.LinkGone:
		d.linkGone(e.Link)
		d.suspectLink(e.Link.Name)
		d.suspectVirtual(e.Link.Name)
	case kernel.AddressAdded:
		d.addressMoved(e.Link, e.Addr, true)
	case kernel.AddressChanged:
		d.addressMoved(e.Link, e.New, true)
		d.suspectAddress(e.Link, e.New, e.By)
	case kernel.AddressRemoved:
		d.addressMoved(e.Link, e.Addr, false)
		d.suspectAddress(e.Link, e.Addr, e.By)
	case kernel.Disturbed:
		d.disturbed(e)
	case kernel.Reread:
		d.suspectAll()
		d.virtuals.look()
	}
}

// linkGone takes the end of a link, or of its name.
func (d *Daemon) linkGone(l *kernel.Link) {
	d.carrierGone(l.Name)
	delete(d.links, l.Name)
	if d.uses(l.Name) {
		if now := d.monitor.Snapshot().Link(l.Index); now != nil && now.Name != l.Name {
			d.log.infof("Interface name has changed from %s to %s", l.Name, now.Name)
		} else {
			d.log.infof("Interface %s deleted", l.Name)
		}
	}
	d.garp.Forget(l.Index)
	d.linkMoved(l.Name)
}

func upDown(up bool) string {
	if up {
		return "up"
	}
	return "down"
}

// uses tells whether any instance has to do with the link.
func (d *Daemon) uses(name string) bool {
	if len(d.watchers[trackKey{fsm.TrackInterface, name}]) > 0 {
		return true
	}
	for _, m := range d.members {
		if set := m.set.Load(); set.seat.concerns(set.cfg, name) {
			return true
		}
	}
	return false
}

// usedLinks are the links that instances have to do with, each once, in the order
// of the instances.
func (d *Daemon) usedLinks() []string {
	var names []string
	add := func(name string) {
		if name != "" && d.layout.base(name) == "" && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	for _, m := range d.ordered {
		set := m.set.Load()
		add(set.cfg.Interface)
		for _, t := range set.spec.Trackers {
			if t.Kind == fsm.TrackInterface {
				add(t.Name)
			}
		}
	}
	return names
}

// sayMissing logs which links the configuration waits for.
func (d *Daemon) sayMissing() {
	for _, name := range d.usedLinks() {
		if d.links[name] == nil {
			d.log.infof("Configuration specifies interface %s which doesn't currently exist - will use if created", name)
		}
	}
}

// linkMoved tells everybody concerned what the link is now.
func (d *Daemon) linkMoved(name string) {
	d.report(trackKey{fsm.TrackInterface, name}, d.linkVerdict(name))
	for _, m := range d.ordered {
		if set := m.set.Load(); set.seat.concerns(set.cfg, name) {
			d.refreshLogged(m)
		}
	}
}

func (d *Daemon) addressMoved(l *kernel.Link, a kernel.AddrState, there bool) {
	if d.links[l.Name] != nil {
		d.links[l.Name] = l
	}
	if d.opt.LogAddresses {
		what := "removed"
		if there {
			what = "added"
		}
		d.log.infof("Netlink reports address %s %s on %s", a.Prefix, what, l.Name)
	}
	// Of the virtual ones a takeover brings thousands, and nobody sends from them.
	addr := a.Prefix.Addr()
	virtual := d.vips[addr]
	for _, m := range d.ordered {
		if set := m.set.Load(); set.seat.concerns(set.cfg, l.Name) && (!virtual || set.cfg.SourceIP == addr) {
			d.refreshLogged(m)
		}
	}
	if addr := a.Prefix.Addr(); addr.Is6() && addr.IsLinkLocalUnicast() && d.layout.base(l.Name) == "" {
		d.suspectVirtual(l.Name) // the firewall knows the address of the base
	}
}

// refreshLogged is refresh where an error cannot be returned: the socket is
// tried again until the interface answers.
func (d *Daemon) refreshLogged(m *member) {
	if d.placing {
		return // all are refreshed when everything is in its place
	}
	err := d.refresh(m)
	if err == nil {
		return
	}
	d.log.infof("(%s) %v", m.name(), err)
	time.AfterFunc(reopenPause, func() {
		d.do(func() {
			if m.sock.Load() == nil && d.has(m) {
				d.refreshLogged(m)
			}
		})
	})
}

// reopenPause is the time between two attempts to open a socket.
const reopenPause = time.Second

func (d *Daemon) has(m *member) bool {
	for _, o := range d.members {
		if o == m {
			return true
		}
	}
	return false
}

// refresh compares what a member's state machine and socket know of its
// interface with what is, and mends the difference.
func (d *Daemon) refresh(m *member) error {
	set := m.set.Load()
	src := d.sourceOf(m, set)
	err := d.connect(m, set, d.links[set.seat.iface], src)
	name, up := d.seatUp(set)
	now := linkState{known: true, up: up}
	if err != nil {
		now.up = false // without a socket there is no protocol
	}
	m.linkDown.Store(!now.up)
	if src != m.source {
		if !set.cfg.SourceIP.IsValid() && m.link.known {
			d.logSource(d.sourceLink(set), m.source, src)
		}
		m.source = src
		m.runner.post(m.id, fsm.SourceChanged{Addr: src})
	}
	if now != m.link {
		m.link = now
		m.runner.post(m.id, fsm.LinkChanged{Up: now.up, Name: name})
	}
	if m.rewatch {
		m.rewatch = false
		d.tellTrackers(m)
	}
	return err
}

func (d *Daemon) logSource(link string, old, now netip.Addr) {
	if now.IsValid() {
		d.log.detailf("Assigned address %s for interface %s", now, link)
		return
	}
	d.log.detailf("Deassigned address %s from interface %s", old, link)
}

// seatUp tells whether the interfaces of an instance are up, and the name of the one
// that decides: the base of a virtual link before that.
func (d *Daemon) seatUp(set *settings) (name string, up bool) {
	base, virtual := set.cfg.Interface, set.seat.virtual
	switch {
	case base == "" && set.cfg.More.VRF != "":
		return set.cfg.More.VRF, d.linkUp(set.cfg.More.VRF)
	case base == "":
		return "", true
	case virtual == "" || !d.linkUp(base):
		return base, d.linkUp(base)
	}
	return virtual, d.linkUp(virtual)
}

// sourceLink is the interface whose address adverts come from. A virtual link has
// no IPv4 address of its own, unless it is an ipvlan, whose address is configured.
func (d *Daemon) sourceLink(set *settings) string {
	if set.cfg.IPv6 {
		return set.seat.iface
	}
	return set.cfg.Interface
}

// sourceOf is the address that the member's adverts come from: the configured
// one, or one of its interface's that is no virtual address.
func (d *Daemon) sourceOf(m *member, set *settings) netip.Addr {
	if set.seat.iface != "" && (d.links[set.seat.iface] == nil || set.seat.virtual != "" && d.links[set.seat.virtual] == nil) {
		return netip.Addr{} // nothing can be sent, whatever is configured
	}
	l := d.links[d.sourceLink(set)]
	if set.cfg.SourceIP.IsValid() {
		if set.cfg.TrackSrcIP && !hasAddress(l, set.cfg.SourceIP) && !hasAddress(d.links[set.seat.iface], set.cfg.SourceIP) {
			return netip.Addr{}
		}
		return set.cfg.SourceIP
	}
	if l == nil {
		return netip.Addr{}
	}
	return kernel.PickSource(*l, set.cfg.IPv6, func(a netip.Addr) bool { return d.vips[a] }, m.source)
}

func hasAddress(l *kernel.Link, a netip.Addr) bool {
	if l == nil {
		return false
	}
	for _, have := range l.Addrs {
		if have.Prefix.Addr() == a {
			return true
		}
	}
	return false
}

// connect gives the member the socket that its interface and source want.
func (d *Daemon) connect(m *member, set *settings, l *kernel.Link, src netip.Addr) error {
	spec, ok := socketSpec(set, l, src)
	old := m.sock.Load()
	if !ok {
		d.sockets.detach(m)
		return nil
	}
	if old != nil && old.spec == spec {
		if r := old.routes[set.expect.VRID].Load(); r != nil && r.m == m && r.expect == set.expect && r.runner == m.runner {
			return nil
		}
		return d.sockets.attach(m, old)
	}
	s, err := d.sockets.get(spec)
	if err != nil {
		d.sockets.detach(m)
		return err
	}
	d.sockets.detach(m)
	return d.sockets.attach(m, s)
}

// socketSpec says which socket serves the instance; false: none can, since the
// interface or the source address is not there.
func socketSpec(set *settings, l *kernel.Link, src netip.Addr) (netio.Spec, bool) {
	spec := netio.Spec{IPv6: set.cfg.IPv6, Unicast: set.cfg.Unicast, RcvBuf: receiveBuffer}
	if set.expect.Auth == advert.AuthAH {
		spec.Proto = advert.ProtoAH
	}
	if set.seat.iface != "" {
		if l == nil {
			return spec, false
		}
		spec.Interface, spec.Index = l.Name, l.Index
	}
	if set.cfg.Unicast {
		spec.Source = src
		return spec, src.IsValid()
	}
	spec.Group = set.cfg.Group
	return spec, true
}
