package daemon

import (
	"context"
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/kernel"
)

// clue is what is known of why something may be gone, when those who hold it
// are asked to look.
type clue struct {
	by   kernel.Requester
	link string // the interface that changed; empty: none
	down bool   // it is down or gone
	note string // anything else
}

// watch makes the monitor tell of the routes and rules of a configuration.
func (d *Daemon) watch(wanted []wantedGroup, static []kernel.Object) {
	all := static
	for _, w := range wanted {
		for _, s := range w.sets {
			all = append(all, s.objects...)
		}
	}
	if err := d.monitor.Watch(kernel.NewWatch(all)); err != nil {
		d.log.infof("%v", err)
	}
}

// suspect asks all who hold something of the kind to look whether they still do.
// What they find may be their own doing, or long repaired: only they know.
func (d *Daemon) suspect(c clue, fits func(kernel.Object) bool) {
	for _, m := range d.members {
		if has(m.set.Load().objects, fits) && !m.looking.Swap(true) {
			m.runner.hands.push(job{m: m, look: &c})
		}
	}
	if has(d.static.wanted, fits) {
		d.static.look(c)
	}
}

func has(list []kernel.Object, fits func(kernel.Object) bool) bool {
	for _, o := range list {
		if o.Guarded() && fits(o) {
			return true
		}
	}
	return false
}

// suspectAddress is for an address that was removed or changed. The kernel drops
// routes from an IPv4 address with it, and those over an interface that has none
// left; not every release tells of that.
func (d *Daemon) suspectAddress(l *kernel.Link, a kernel.AddrState, by kernel.Requester) {
	addr := a.Prefix.Addr()
	d.suspect(clue{by: by, link: l.Name, down: d.isDown(l.Name)}, func(o kernel.Object) bool {
		switch o := o.(type) {
		case kernel.Address:
			return o.Prefix.Addr() == addr && o.Link == l.Name
		case kernel.Route:
			return o.Source == addr || o.Uses(l.Name)
		}
		return false
	})
}

// suspectLink is for an interface that went down, came up or was made anew: with
// it go addresses and routes, and of the IPv4 ones the kernel does not tell.
func (d *Daemon) suspectLink(name string) {
	if d.opt.StrictCompat {
		d.static.look(clue{link: name, down: d.isDown(name)}) // only what is static comes back
		return
	}
	d.suspect(clue{link: name, down: d.isDown(name)}, func(o kernel.Object) bool {
		switch o := o.(type) {
		case kernel.Address:
			return o.Link == name
		case kernel.Route:
			return o.Uses(name)
		}
		return false
	})
}

func (d *Daemon) isDown(name string) bool {
	l := d.links[name]
	return l == nil || !l.Up
}

// disturbed is for what somebody set or removed in the place of something held.
func (d *Daemon) disturbed(e kernel.Disturbed) {
	d.suspect(clue{by: e.By}, func(o kernel.Object) bool { return kernel.SpotOf(o) == e.Spot })
}

// suspectAll is for notifications that were lost.
func (d *Daemon) suspectAll() {
	d.suspect(clue{note: "while notifications were lost"}, func(kernel.Object) bool { return true })
}

// look finds out whether something that the member holds is gone. It runs on the
// hands' goroutine: only there is it certain what is held.
func (d *Daemon) look(m *member, c *clue) {
	m.looking.Store(false)
	if !m.holding || d.stopping.Load() || d.opt.StrictCompat && c.by.Own {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), kernelTimeout)
	defer cancel()
	losses, err := m.holder.Check(ctx)
	if err != nil {
		d.log.infof("(%s) looking for what is lost: %v", m.name(), err)
	}
	if d.opt.StrictCompat {
		losses = gone(losses)
	}
	if len(losses) == 0 {
		return
	}
	for _, l := range losses {
		if a, ok := l.Object.(kernel.Address); ok && d.opt.StrictCompat {
			d.log.detailf("Netlink reflector reports IP %s removed from %s", a.Prefix.Addr(), a.Link)
		}
	}
	ev := fsm.AddressLost{What: heldKinds[losses[0].Kind()], Addr: losses[0].Object.String(), Why: c.words(losses[0]), More: len(losses) - 1}
	if a, ok := losses[0].Object.(kernel.Address); ok {
		ev.Addr, ev.Link = a.Prefix.String(), a.Link
	}
	m.runner.post(m.id, ev)
}

var heldKinds = map[kernel.Kind]fsm.Held{
	kernel.KindAddress: fsm.HeldAddress, kernel.KindRoute: fsm.HeldRoute, kernel.KindRule: fsm.HeldRule,
}

// gone leaves out what was only changed, which keepalived does not see.
func gone(losses []kernel.Loss) []kernel.Loss {
	var out []kernel.Loss
	for _, l := range losses {
		if !l.Changed {
			out = append(out, l)
		}
	}
	return out
}

// words says what became of something, and as much as is known of by whom.
func (c *clue) words(l kernel.Loss) string {
	what := "was removed"
	if l.Changed {
		what = "was changed"
	}
	switch by := c.by.String(); {
	case c.note != "":
		return what + " " + c.note
	case c.down:
		return fmt.Sprintf("went with interface %s", c.link)
	case c.by.Own:
		return "went with something that was removed here"
	case by != "":
		return what + " by " + by
	case c.link != "" && l.Kind() == kernel.KindRoute:
		return fmt.Sprintf("went with something on interface %s", c.link)
	}
	return what + " by another program"
}

// complaint remembers what was said of failures: one is said at once when it is
// new, and otherwise once a minute, since what fails is tried again each second.
type complaint map[string]time.Time

// news returns those of the failures that are to be said. What fails no longer is
// forgotten.
func (c *complaint) news(failed []kernel.Failure) []kernel.Failure {
	now, old := time.Now(), *c
	*c = make(complaint, len(failed))
	var out []kernel.Failure
	for _, f := range failed {
		text := f.Error()
		said, known := old[text]
		if !known || now.Sub(said) >= sendPause {
			said = now
			out = append(out, f)
		}
		(*c)[text] = said
	}
	return out
}

// explain is a failure with what is to be known about it.
func explain(f kernel.Failure) string {
	if errors.Is(f.Err, unix.EOPNOTSUPP) || errors.Is(f.Err, unix.EAFNOSUPPORT) {
		return f.Error() + "; this kernel cannot do that"
	}
	return f.Error()
}

// hopeless tells whether it is of no use to try again: the kernel does not know
// such a thing. What it calls invalid may be valid next time, as a route from an
// address that is not there yet. Addresses are always tried again.
func hopeless(f kernel.Failure) bool {
	if f.Object == nil || f.Object.Kind() == kernel.KindAddress {
		return false
	}
	for _, e := range []syscall.Errno{unix.EOPNOTSUPP, unix.EAFNOSUPPORT, unix.EPROTONOSUPPORT, unix.ENOSYS} {
		if errors.Is(f.Err, e) {
			return true
		}
	}
	return false
}

// worthRetrying returns the first failure that may not be one next time.
func worthRetrying(failed []kernel.Failure) (kernel.Failure, bool) {
	for _, f := range failed {
		if !hopeless(f) {
			return f, true
		}
	}
	return kernel.Failure{}, false
}

// failures logs failures under the name of who holds what failed: a line for each
// reason.
func (l *logger) failures(who string, failed []kernel.Failure) {
	type reason struct {
		op   kernel.Op
		text string
	}
	count := map[reason]int{}
	why := func(f kernel.Failure) reason { return reason{f.Op, f.Err.Error()} }
	for _, f := range failed {
		count[why(f)]++
	}
	for _, f := range failed {
		switch n := count[why(f)]; {
		case n == 1:
			l.infof("%s%s", who, explain(f))
		case n > 1:
			l.infof("%s%s (and %d more)", who, explain(f), n-1)
		}
		count[why(f)] = 0
	}
}
