package daemon

import (
	"fmt"
	"slices"
	"sync"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/firewall"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/kernel"
)

// acceptMode keeps packets for addresses from being let in by a Master that
// does not own them (Accept_Mode false, RFC 9568 section 6.1; no_accept). The
// hands of all instances share it: they may wait for the kernel, and for each
// other.
type acceptMode struct {
	mu    sync.Mutex
	opt   firewall.Options
	wall  *firewall.Firewall // nil: never needed
	drops map[*member][]firewall.Drop
	vmacs []firewall.VMAC
	undo  *undoFile // nil: nothing is remembered
	stale []string  // names of tables that an earlier run may have left
	// claimed: drops are what an earlier program has set, and were not set here yet.
	claimed bool
}

// firewallOptions are what the configuration says of the tables.
func firewallOptions(g *config.Global) firewall.Options {
	return firewall.Options{
		Table: g.More.NFTablesName, Priority: g.More.NFTablesPriority,
		Counters: g.More.NFTablesCounters, ByIndex: g.More.NFTablesIfindex,
	}
}

// begin takes the options, and the name of the tables that an earlier run has left
// word of.
func (a *acceptMode) begin(cfg *config.Config, left string, undo *undoFile, log *logger) {
	a.opt, a.undo = firewallOptions(&cfg.Global), undo
	if left != "" {
		a.stale = append(a.stale, left)
	}
	needed := slices.ContainsFunc(cfg.Instances, func(c *config.Instance) bool { return !c.Accept || hasVMAC(c) })
	if !needed && !cfg.Global.More.NFTables {
		return
	}
	if !cfg.Global.More.NFTables && !cfg.Global.More.IPTables {
		log.infof("use_vmac or no_accept/strict specified, but no firewall configured - using nftables")
	}
	if left != a.opt.Table {
		a.stale = append(a.stale, a.opt.Table)
	}
}

// inherit is begin for a program that goes on: the tables are there and stay.
func (a *acceptMode) inherit(cfg *config.Config, undo *undoFile) {
	a.opt, a.undo = firewallOptions(&cfg.Global), undo
}

// claim is hold for all who hold addresses that an earlier program has set: what
// the tables have to say of them is put in place with the next change, at once.
func (a *acceptMode) claim(members []*member, link func(string) *kernel.Link) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.drops = map[*member][]firewall.Drop{}
	for _, m := range members {
		if set := m.set.Load(); m.state() == fsm.Master {
			if drops := a.dropsOf(set, addressesOf(set.objects), link); len(drops) > 0 {
				a.drops[m] = drops
			}
		}
	}
	a.claimed = len(a.drops) > 0 || a.undo.table() != ""
}

// sweep removes what an earlier run has left in the tables, which would go on dropping
// packets, if it is known that they are ours: by the configuration, or since that run
// has left word of it. It comes after the virtual links are there: where they need
// rules, these have taken the place of the old ones in one moment, and no interface
// that was left has been without.
func (a *acceptMode) sweep(log *logger) {
	a.mu.Lock()
	defer a.mu.Unlock()
	built := a.wall != nil && a.wall.Built()
	for _, name := range a.stale {
		if built && name == a.opt.Table {
			continue
		}
		found, err := firewall.New(firewall.Options{Table: name}).Clean()
		switch {
		case err != nil:
			log.infof("%v: packets for the addresses of instances with no_accept will not be dropped", err)
		case found:
			log.infof("removed the nftables table %s: left there by an earlier run", name)
		}
	}
	if a.stale = nil; !built {
		a.undo.saveTable("")
	}
}

// refuses tells whether packets for the addresses of an instance are dropped.
func refuses(set *settings) bool {
	return !set.cfg.Accept && set.cfg.Priority != fsm.Owner
}

// hold has to come before the addresses are set: there is no moment in which
// packets for them are let in.
func (a *acceptMode) hold(m *member, addrs []kernel.Address, link func(string) *kernel.Link) error {
	return a.change(m, a.dropsOf(m.set.Load(), addrs, link))
}

// dropsOf is what is to be dropped for the addresses of an instance.
func (a *acceptMode) dropsOf(set *settings, addrs []kernel.Address, link func(string) *kernel.Link) []firewall.Drop {
	if !refuses(set) {
		return nil
	}
	var drops []firewall.Drop
	for _, x := range addrs {
		d := firewall.Drop{Addr: x.Prefix.Addr(), Name: x.Link}
		if l := link(x.Link); l != nil && (!set.cfg.DontTrackPrimary || a.opt.ByIndex) {
			d.Index = l.Index
		}
		drops = append(drops, d)
	}
	return drops
}

// release has to come after the addresses are gone.
func (a *acceptMode) release(m *member) error { return a.change(m, nil) }

func (a *acceptMode) change(m *member, drops []firewall.Drop) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if len(drops) == 0 && len(a.drops[m]) == 0 {
		return nil
	}
	if a.drops == nil {
		a.drops = map[*member][]firewall.Drop{}
	}
	if len(drops) == 0 {
		delete(a.drops, m)
	} else {
		a.drops[m] = drops
	}
	if err := a.apply(); err != nil {
		return fmt.Errorf("dropping packets for the addresses: %w", err)
	}
	return nil
}

// fence keeps virtual MAC interfaces from speaking where only their bases may.
func (a *acceptMode) fence(vmacs []firewall.VMAC) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if slices.Equal(a.vmacs, vmacs) && !a.claimed {
		return nil
	}
	a.claimed = false
	was := a.vmacs
	a.vmacs = vmacs
	if err := a.apply(); err != nil {
		a.vmacs = was
		return fmt.Errorf("rules for virtual MAC interfaces: %w", err)
	}
	return nil
}

// copies tells whether reports about groups on virtual MAC interfaces leave by their
// bases.
func (a *acceptMode) copies() bool {
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.wall == nil || a.wall.Copies()
}

// apply brings all that is wanted to the kernel; the lock is held.
func (a *acceptMode) apply() error {
	if a.wall == nil {
		a.wall = firewall.New(a.opt)
		a.undo.saveTable(a.opt.Table)
	}
	w := firewall.Wanted{VMACs: a.vmacs}
	for _, d := range a.drops {
		w.Drops = append(w.Drops, d...)
	}
	return a.wall.Apply(&w)
}

// hasVMAC tells whether an instance has a virtual MAC interface of any kind.
func hasVMAC(c *config.Instance) bool {
	on := func(a config.Address) bool { return a.UseVMAC }
	return c.UseVMAC || c.More.VMACAddr || slices.ContainsFunc(c.Addresses, on) || slices.ContainsFunc(c.Excluded, on)
}

// close removes the tables.
func (a *acceptMode) close() error {
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.wall == nil {
		return nil
	}
	err := a.wall.Close()
	if err == nil {
		a.undo.saveTable("")
	}
	return err
}
