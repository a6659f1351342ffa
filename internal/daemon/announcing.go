package daemon

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/kernel"
	"github.com/holdfast-ha/holdfast/internal/netio"
)

// announce tells the segment where the addresses are, every address in every
// round. It stops as soon as the addresses have been given up.
func (d *Daemon) announce(j job) {
	m := j.m
	name := m.name()
	current := func() bool { return m.holding && j.epoch == m.epoch.Load() }
	if !current() {
		return
	}
	held := m.holder.Addresses()
	if j.why == fsm.AnnounceExtra {
		held = oneOnEach(held, m.set.Load().extra)
	}
	greeted := m.greeted
	m.greeted = nil
	var late []kernel.Address
	for _, a := range held {
		if !greeted[a.Prefix.Addr()] {
			d.sayQueued(name, a)
			late = append(late, a)
		}
	}
	all, first := byLink(d.announcePaced(j, held)), byLink(d.unpaced(late))
	for round := range j.rounds {
		runs := all
		if round == 0 {
			runs = first
		}
		for _, r := range runs {
			if !current() {
				return
			}
			if err := d.announceOn(r.link, r.addrs...); err != nil && round == 0 {
				d.log.infof("(%s) announcing on %s: %v", name, r.link, err)
			}
			for _, a := range r.addrs {
				d.sayAnnounced(r.link, a)
			}
		}
	}
}

func (d *Daemon) sayQueued(name string, a kernel.Address) {
	addr := a.Prefix.Addr()
	d.log.detailf("(%s) Sending/queueing %s on %s for %s", name, announcements(addr, "gratuitous ARPs", "Unsolicited Neighbour Adverts"), a.Link, addr)
}

// unpaced returns the addresses whose interfaces want no pauses.
func (d *Daemon) unpaced(list []kernel.Address) []kernel.Address {
	return slices.DeleteFunc(list, func(a kernel.Address) bool { return d.pacing.of(a.Link, a.Prefix.Addr().Is6()) != nil })
}

// oneOnEach is the first address on each of the links.
func oneOnEach(held []kernel.Address, links []string) []kernel.Address {
	var out []kernel.Address
	for _, link := range links {
		if i := slices.IndexFunc(held, func(a kernel.Address) bool { return a.Link == link }); i >= 0 {
			out = append(out, held[i])
		}
	}
	return out
}

func (d *Daemon) sayAnnounced(link string, a netip.Addr) {
	d.log.detailf("Sending %s on %s for %s", announcements(a, "gratuitous ARP", "unsolicited Neighbour Advert"), link, a)
}

// announcePaced hands those addresses whose interface wants pauses between
// announcements to its pacer, and returns the others.
func (d *Daemon) announcePaced(j job, held []kernel.Address) (others []kernel.Address) {
	m := j.m
	for _, a := range held {
		link, addr := a.Link, a.Prefix.Addr()
		p := d.pacing.of(link, addr.Is6())
		if p == nil {
			others = append(others, a)
			continue
		}
		failed := false
		p.Add(netio.Turn{
			Owner: m, Link: link, Addr: addr, Rounds: j.rounds,
			// Neither given up nor taken away by a reload.
			Valid: func() bool { return j.epoch == m.epoch.Load() && m.set.Load().vips[addr] },
			Send: func() {
				err := d.announceOn(link, addr)
				if err != nil && !failed {
					failed = true
					d.log.infof("(%s) announcing on %s: %v", m.name(), link, err)
				}
				d.sayAnnounced(link, addr)
			},
		})
	}
	return others
}

// linkRun is a run of addresses that follow each other on one link.
type linkRun struct {
	link  string
	addrs []netip.Addr
}

func byLink(held []kernel.Address) []linkRun {
	var runs []linkRun
	for _, a := range held {
		if n := len(runs); n > 0 && runs[n-1].link == a.Link {
			runs[n-1].addrs = append(runs[n-1].addrs, a.Prefix.Addr())
			continue
		}
		runs = append(runs, linkRun{a.Link, []netip.Addr{a.Prefix.Addr()}})
	}
	return runs
}

// announceOn announces on a link by its name.
func (d *Daemon) announceOn(link string, addrs ...netip.Addr) error {
	l := d.monitor.Snapshot().LinkByName(link)
	if l == nil {
		return fmt.Errorf("%w: %s", netio.ErrNoInterface, link)
	}
	return d.garp.Announce(l.Index, addrs...)
}

func announcements(a netip.Addr, ipv4, ipv6 string) string {
	if a.Is4() {
		return ipv4
	}
	return ipv6
}

// announceSource refreshes what unicast peers know of our own address.
func (d *Daemon) announceSource(m *member, src netip.Addr) {
	set := m.set.Load()
	if set.cfg.Interface == "" {
		return
	}
	d.log.detailf("%s: sending gratuitous %s for %s", set.cfg.Name, announcements(src, "ARP", "NA"), src)
	if err := d.announceOn(set.cfg.Interface, src); err != nil {
		d.log.infof("(%s) announcing %s on %s: %v", set.cfg.Name, src, set.cfg.Interface, err)
	}
}
