package firewall

import (
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/google/nftables"
	"golang.org/x/sys/unix"
)

// Firewall is the two tables.
type Firewall struct {
	opt   Options
	built bool // the tables are there and hold known
	known [2]Image
	fam   [2]*family
}

// New makes a firewall that has nothing in the kernel yet.
func New(o Options) *Firewall { return &Firewall{opt: o} }

// Options are those that the firewall was made with.
func (w *Firewall) Options() Options { return w.opt }

// Apply brings the kernel to the wanted state. Nothing is made before something
// is wanted for the first time; from then on sets and rules stay, and only what
// is in the sets changes. After an error the next call makes all of it anew.
func (w *Firewall) Apply(wanted *Wanted) error {
	now := images(wanted, &w.opt)
	if !w.built {
		if len(now[0]) == 0 && len(now[1]) == 0 {
			return nil
		}
		return w.rebuild(wanted, now)
	}
	for i := range now {
		for set := range w.known[i] {
			now[i].ensure(set) // its rules stay
		}
		if !w.known[i].covers(now[i]) {
			return w.rebuild(wanted, now)
		}
	}
	err := w.update(now)
	if errors.Is(err, unix.ENOENT) || errors.Is(err, unix.EEXIST) {
		// Somebody else has changed or flushed the tables.
		return w.rebuild(wanted, now)
	}
	return err
}

// Built tells whether the tables are there, and hold what was applied last.
func (w *Firewall) Built() bool { return w.built }

// Copies tells whether reports about groups leave by the base of virtual MAC
// interfaces. Otherwise they leave nowhere.
func (w *Firewall) Copies() bool { return !w.opt.NoCopies }

// rebuild makes both tables anew, in one transaction; without copies if the kernel
// knows everything but these.
func (w *Firewall) rebuild(wanted *Wanted, now [2]Image) error {
	err := w.replace(now)
	if err == nil || w.opt.NoCopies || now[0][mapVMACs] == nil && now[1][mapVMACs] == nil {
		return err
	}
	w.opt.NoCopies = true
	if w.replace(images(wanted, &w.opt)) == nil {
		return nil
	}
	w.opt.NoCopies = false // it was something else
	return err
}

func (w *Firewall) replace(now [2]Image) error {
	w.built = false
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	for i, m := range now {
		w.fam[i] = newFamily(&w.opt, i == 1)
		if err := w.fam[i].build(c, m); err != nil {
			return fmt.Errorf("nftables: %w", err)
		}
	}
	if err := c.Flush(); err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	w.built, w.known = true, now
	return nil
}

// update changes what is in the sets, in one transaction.
func (w *Firewall) update(now [2]Image) error {
	c, err := nftables.New()
	if err != nil {
		return fmt.Errorf("nftables: %w", err)
	}
	changes := 0
	for i, m := range now {
		for name, set := range w.fam[i].sets {
			gone, fresh := difference(w.known[i][name], m[name]), difference(m[name], w.known[i][name])
			changes += len(gone) + len(fresh)
			if len(gone) > 0 {
				err = errors.Join(err, c.SetDeleteElements(set, elements(gone, set.IsMap)))
			}
			if len(fresh) > 0 {
				err = errors.Join(err, c.SetAddElements(set, elements(fresh, set.IsMap)))
			}
		}
	}
	switch {
	case err != nil:
		return fmt.Errorf("nftables: %w", err)
	case changes == 0:
		return nil
	}
	if err := c.Flush(); err != nil {
		w.built = false
		return fmt.Errorf("nftables: %w", err)
	}
	w.known = now
	return nil
}

// difference is what of a is not in b, or not with that value.
func difference(a, b map[string]string) map[string]string {
	d := map[string]string{}
	for k, v := range a {
		if have, ok := b[k]; !ok || have != v {
			d[k] = v
		}
	}
	return d
}

func elements(m map[string]string, values bool) []nftables.SetElement {
	var all []nftables.SetElement
	for _, k := range slices.Sorted(maps.Keys(m)) {
		e := nftables.SetElement{Key: []byte(k)}
		if values {
			e.Val = []byte(m[k])
		}
		all = append(all, e)
	}
	return all
}

// Clean removes the tables that an earlier run may have left, and tells whether
// there were any.
func (w *Firewall) Clean() (bool, error) {
	c, err := nftables.New()
	if err != nil {
		return false, fmt.Errorf("nftables: %w", err)
	}
	found := false
	for _, v6 := range []bool{false, true} {
		f := newFamily(&w.opt, v6)
		tables, err := c.ListTablesOfFamily(f.table.Family)
		if err != nil {
			return false, fmt.Errorf("nftables: %w", err)
		}
		if slices.ContainsFunc(tables, func(t *nftables.Table) bool { return t.Name == f.table.Name }) {
			c.DelTable(f.table)
			found = true
		}
	}
	if !found {
		return false, nil
	}
	if err := c.Flush(); err != nil {
		return true, fmt.Errorf("nftables: %w", err)
	}
	return true, nil
}

// Close removes both tables.
func (w *Firewall) Close() error {
	if !w.built {
		return nil
	}
	w.built = false
	_, err := w.Clean()
	return err
}
