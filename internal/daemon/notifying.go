package daemon

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/kernel"
	"github.com/holdfast-ha/holdfast/internal/netio"
	"github.com/holdfast-ha/holdfast/internal/notify"
	"github.com/holdfast-ha/holdfast/internal/process"
	"github.com/holdfast-ha/holdfast/internal/spawn"
)

// notifyState runs the scripts that are to hear of a state. It runs on the
// hands' goroutine, so that a script finds the addresses as they are in the
// state that it is told.
func (d *Daemon) notifyState(m *member, n *stateNote) {
	set := m.set.Load()
	e := notify.Event{Kind: notify.Instance, Name: set.cfg.Name, State: n.to.String(), Priority: int(n.priority)}
	scripts := &set.cfg.Notify
	if n.group {
		if set.group == nil {
			return
		}
		e.Kind, e.Name, e.Priority = notify.Group, set.group.Name, 0
		scripts = &set.group.Notify
	}
	if n.lower {
		e.State = "MASTER_RX_LOWER_PRI"
		e.Specific = commandOf(scripts.MasterRxLowerPri)
	} else {
		e.Specific = commandOf(scriptFor(scripts, n.to))
		e.Generic = commandOf(scripts.Any)
		if !n.group {
			d.do(func() { process.Status(d.status()) })
		}
	}
	d.notes.Post(e) // without scripts too: it makes an older state that waits obsolete
}

func scriptFor(n *config.Notify, s fsm.State) *config.Command {
	switch s {
	case fsm.Master:
		return n.Master
	case fsm.Backup:
		return n.Backup
	case fsm.Fault:
		return n.Fault
	case fsm.Stopped:
		return n.Stop
	case fsm.Deleted:
		return n.Deleted
	}
	return nil
}

func commandOf(c *config.Command) *spawn.Cmd {
	if c == nil {
		return nil
	}
	cmd := command(c)
	return &cmd
}

// announce tells the segment where the addresses are, every address in every
// round. It stops as soon as the addresses have been given up.
func (d *Daemon) announce(j job) {
	m := j.m
	name := m.name()
	current := func() bool { return m.holding && j.epoch == m.epoch.Load() }
	if !current() {
		return
	}
	runs := byLink(m.holder.Addresses())
	for _, r := range runs {
		for _, a := range r.addrs {
			d.log.detailf("(%s) Sending/queueing %s on %s for %s", name, announcements(a, "gratuitous ARPs", "Unsolicited Neighbour Adverts"), r.link, a)
		}
	}
	for round := range j.rounds {
		for _, r := range runs {
			if !current() {
				return
			}
			if err := d.announceOn(r.link, r.addrs...); err != nil && round == 0 {
				d.log.infof("(%s) announcing on %s: %v", name, r.link, err)
			}
			for _, a := range r.addrs {
				d.log.detailf("Sending %s on %s for %s", announcements(a, "gratuitous ARP", "unsolicited Neighbour Advert"), r.link, a)
			}
		}
	}
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

// notifyGrace is how long a daemon that stops lets its STOP scripts run.
const notifyGrace = 900 * time.Millisecond
