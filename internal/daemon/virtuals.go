package daemon

import (
	"context"
	"errors"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/holdfast-ha/holdfast/internal/firewall"
	"github.com/holdfast-ha/holdfast/internal/kernel"
	"github.com/holdfast-ha/holdfast/internal/netio"
)

// virtuals keeps the virtual links: macvlans with the MAC of a virtual router, and
// ipvlans. One goroutine owns them all, with the settings of other links that they or
// the configuration need, and what the firewall has to know of them; it does everything in the order
// in which it is asked.
type virtuals struct {
	d    *Daemon
	todo *queue[func()]
	quit chan struct{}
	done chan struct{}

	// Of its own goroutine.
	stack  *kernel.Stack
	wanted []*virtual
	groups map[groupOn]*netio.Membership
	owners map[string]string // of links, also of those that were wanted
	other  []kernel.SettingValue
	held   int       // how many links were wanted the last time
	at     time.Time // when to look again; zero: when there is news
	said   map[string]time.Time
	unsafe error // why the firewall is not as it should be
}

func newVirtuals(d *Daemon) *virtuals {
	v := &virtuals{
		d: d, todo: newQueue[func()](), quit: make(chan struct{}), done: make(chan struct{}),
		said: map[string]time.Time{}, owners: map[string]string{}, groups: map[groupOn]*netio.Membership{},
	}
	v.stack = kernel.NewStack(d.kern, d.undo.save)
	return v
}

// begin starts the goroutine, with what an earlier run could not put back.
func (v *virtuals) begin(u kernel.Undo) {
	if !u.Empty() {
		v.stack.Recall(u)
	}
	go v.run()
}

// change makes the links be those of a layout, and returns what is there when that
// is done, or after the time that the kernel is given.
func (v *virtuals) change(lay *layout, other []kernel.SettingValue) []kernel.Standing {
	ran := make(chan []kernel.Standing, 1)
	v.todo.push(func() {
		v.wanted, v.other = lay.links, other
		ran <- v.set()
	})
	t := time.NewTimer(linkTime(len(lay.links) + len(v.d.standing)))
	defer t.Stop()
	select {
	case standing := <-ran:
		return standing
	case <-t.C:
		v.d.log.alertf("the kernel is slow to make virtual interfaces; going on without")
		return nil
	}
}

// look has it compared what is there with what is wanted.
func (v *virtuals) look() { v.todo.push(func() { v.at = time.Now() }) }

// stop removes the links and puts back what was changed for them, unless all is
// to stay.
func (v *virtuals) stop(keep bool) {
	limit := linkTime(len(v.d.standing))
	v.todo.push(func() {
		v.at = time.Time{}
		if keep {
			v.stack.Forget()
			return
		}
		v.wanted, v.other = nil, nil
		v.set()
	})
	close(v.quit)
	select {
	case <-v.done:
	case <-time.After(limit):
		v.d.log.alertf("giving up on virtual interfaces that the kernel does not remove in time")
	}
}

func (v *virtuals) run() {
	defer close(v.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		for _, f := range v.todo.take() {
			f()
		}
		if !v.at.IsZero() && !v.at.After(time.Now()) {
			v.set()
		}
		var fire <-chan time.Time
		if !v.at.IsZero() {
			timer.Reset(time.Until(v.at))
			fire = timer.C
		}
		select {
		case <-v.todo.ready:
		case <-fire:
		case <-v.quit:
			for _, f := range v.todo.take() {
				f()
			}
			return
		}
	}
}

// linkTime is given to the kernel for making or removing so many links: removing
// one takes it tens of milliseconds, as it waits until nobody looks at it any more.
func linkTime(n int) time.Duration { return kernelTimeout + time.Duration(n)*100*time.Millisecond }

// retryVirtual is the time until what has failed is tried again.
const retryVirtual = time.Second

// set brings the links to the kernel.
func (v *virtuals) set() []kernel.Standing {
	ctx, cancel := context.WithTimeout(context.Background(), linkTime(len(v.wanted)+v.held))
	defer cancel()
	v.at, v.held = time.Time{}, len(v.wanted)
	links := make([]kernel.Virtual, len(v.wanted))
	for i, w := range v.wanted {
		links[i], v.owners[w.Name] = w.Virtual, w.owner.Name
	}
	res, err := v.stack.Apply(ctx, links, v.other, v.fence)
	v.joinOnBases(res.Standing)
	v.tell(&res)
	if v.unsafe != nil {
		res.Failed = append(res.Failed, kernel.LinkFailure{What: "put the firewall before virtual interfaces", Err: v.unsafe})
	}
	if err != nil {
		res.Failed = append(res.Failed, kernel.LinkFailure{What: "list interfaces", Err: err})
	}
	v.complain(res.Failed)
	if len(res.Failed) > 0 && len(v.wanted) > 0 {
		v.at = time.Now().Add(retryVirtual)
	}
	return res.Standing
}

// fence tells the firewall of the links, before any of them can send.
func (v *virtuals) fence(standing []kernel.Standing) {
	var walls []firewall.VMAC
	quiet := slices.ContainsFunc(v.other, func(s kernel.SettingValue) bool { return s.Setting == kernel.LinkLocalIGMP })
	for _, s := range standing {
		if !s.IPVLAN {
			walls = append(walls, firewall.VMAC{
				Name: s.Name, Index: s.Index, Base: s.Below, IPv4: s.IPv4, IPv6: s.IPv6,
				BaseLinkLocal: s.LinkLocal, IGMPAllowed: quiet,
			})
		}
	}
	v.unsafe = v.d.accept.fence(walls)
}

func kindOf(v kernel.Virtual) string {
	if v.IPVLAN {
		return "IPVLAN"
	}
	return "VMAC"
}

// tell logs what was done.
func (v *virtuals) tell(res *kernel.StackResult) {
	log := v.d.log
	for _, x := range res.Swept {
		log.infof("removed %v: left there by an earlier run", x)
	}
	for _, x := range res.Removed {
		log.infof("(%s) Success removing %s interface %s", v.owners[x.Name], kindOf(x), x.Name)
	}
	for _, m := range res.Moved {
		switch {
		case m.Link != "all" && m.Link != "default" && m.Link != "": // not said by keepalived either
		case m.Back:
			log.infof("NOTICE: resetting sysctl %v to %d", m.Setting, m.To)
		default:
			log.infof("NOTICE: setting sysctl %v from %d to %d", m.Setting, m.From, m.To)
		}
	}
	for _, x := range res.Adopted {
		log.infof("(%s): took over the %s interface %s", v.owners[x.Name], kindOf(x), x.Name)
	}
	for _, x := range res.Made {
		log.infof("(%s): Success creating %s interface %s", v.owners[x.Name], kindOf(x), x.Name)
	}
}

// complain says what went wrong: at once when it is new, and then once a minute.
func (v *virtuals) complain(failed []kernel.LinkFailure) {
	now, said := time.Now(), map[string]time.Time{}
	for _, f := range failed {
		text := f.Error()
		if f.Virtual.Name == "" {
			text = "cannot " + f.What + ": " + f.Err.Error()
		}
		if errors.Is(f.Err, unix.EOPNOTSUPP) {
			text += "; this kernel cannot do that"
		}
		if errors.Is(f.Err, kernel.ErrNoLink) {
			continue // it has just gone, of which there will be news
		}
		when, known := v.said[text]
		if !known || now.Sub(when) >= sendPause {
			when = now
			v.d.log.infof("%s", text)
		}
		said[text] = when
	}
	v.said = said
}
