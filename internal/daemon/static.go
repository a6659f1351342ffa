package daemon

import (
	"context"
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/kernel"
)

// statics holds the static addresses, routes and rules. A goroutine of its own
// does everything that waits for the kernel, in the order in which it is asked.
type statics struct {
	d      *Daemon
	wanted []kernel.Object // the manager's

	todo *queue[func()]
	quit chan struct{}
	done chan struct{}

	// Of its own goroutine.
	holder  *kernel.Holder
	list    []kernel.Object // what is to be held
	pace    fsm.Pace
	at      time.Time // when to set again what is missing; zero: nothing is
	lost    bool      // somebody took it
	failed  complaint
	tracked map[string]bool // names of the objects that instances depend on
}

func newStatics(d *Daemon) *statics {
	return &statics{
		d: d, todo: newQueue[func()](), quit: make(chan struct{}), done: make(chan struct{}), holder: kernel.NewHolder(d.kern),
	}
}

// ask has something done and returns when it is, or after the time that the
// kernel is given.
func (s *statics) ask(f func()) {
	ran := make(chan struct{})
	s.todo.push(func() {
		defer close(ran)
		f()
	})
	timeout := time.NewTimer(kernelTimeout)
	defer timeout.Stop()
	select {
	case <-ran:
	case <-s.done:
	case <-timeout.C:
		s.d.log.alertf("the kernel is slow to set static addresses; going on without")
	}
}

// begin starts the goroutine and sets what is static.
func (s *statics) begin(cfg *config.Config) {
	go s.run()
	s.change(cfg)
}

// prune takes away what a new configuration does not have, before anything of it
// is set.
func (s *statics) prune(cfg *config.Config) {
	keep := kernel.Common(s.wanted, staticObjects(cfg))
	if len(keep) == len(s.wanted) {
		return
	}
	s.ask(func() {
		s.list = keep
		s.set(false)
	})
}

// change sets what a configuration has.
func (s *statics) change(cfg *config.Config) {
	s.wanted = staticObjects(cfg)
	list, tracked := s.wanted, map[string]bool{}
	for _, o := range trackedStatics(cfg) {
		tracked[staticName(o.Object)] = true
	}
	s.ask(func() {
		s.list, s.tracked = list, tracked
		s.set(false)
	})
}

// look has it found out whether something is gone.
func (s *statics) look(c clue) { s.todo.push(func() { s.check(c) }) }

// stop takes away what is static, unless it is to stay.
func (s *statics) stop(keep bool, timeout time.Duration) {
	s.todo.push(func() {
		s.at, s.list = time.Time{}, nil
		if keep {
			s.holder = kernel.NewHolder(s.d.kern)
			return
		}
		s.set(false)
	})
	close(s.quit)
	t := time.NewTimer(timeout)
	defer t.Stop()
	select {
	case <-s.done:
	case <-t.C:
		s.d.log.alertf("giving up on static addresses that the kernel does not release in time")
	}
}

func (s *statics) run() {
	defer close(s.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	for {
		for _, f := range s.todo.take() {
			f()
		}
		if times, over := s.pace.Over(time.Now()); over {
			s.d.log.infof("static objects: "+fsm.FightOver, times)
		}
		if !s.at.IsZero() && !s.at.After(time.Now()) {
			s.set(s.lost)
		}
		var fire <-chan time.Time
		if at := s.wake(); !at.IsZero() {
			timer.Reset(time.Until(at))
			fire = timer.C
		}
		select {
		case <-s.todo.ready:
		case <-fire:
		case <-s.quit:
			for _, f := range s.todo.take() {
				f()
			}
			return
		}
	}
}

func (s *statics) wake() time.Time {
	if q := s.pace.Quiet(); s.at.IsZero() || !q.IsZero() && q.Before(s.at) {
		return q
	}
	return s.at
}

// set brings the list to the kernel. Restoring says that somebody else took part
// of it away.
func (s *statics) set(restoring bool) {
	ctx, cancel := context.WithTimeout(context.Background(), kernelTimeout)
	defer cancel()
	s.at, s.lost = time.Time{}, false
	res, _ := s.holder.Apply(ctx, s.list)
	if restoring {
		s.pace.PutBack(time.Now())
	}
	s.d.log.failures("static: ", s.failed.news(res.Failed))
	if _, again := worthRetrying(res.Failed); again && len(s.list) > 0 {
		s.at = time.Now().Add(time.Second)
	}
	s.judge(res.Failed)
}

// judge tells those who depend on something static whether it is there.
func (s *statics) judge(failed []kernel.Failure) {
	bad := map[string]error{}
	for _, f := range failed {
		if f.Object != nil && f.Op != kernel.OpDelete {
			bad[staticName(f.Object)] = f.Err
		}
	}
	verdicts := map[trackKey]verdict{}
	for name := range s.tracked {
		v := verdictOf(true, name+" is set")
		if err := bad[name]; err != nil {
			v = verdictOf(false, fmt.Sprintf("%s cannot be set: %v", name, err))
		}
		verdicts[trackKey{fsm.TrackStatic, name}] = v
	}
	s.d.do(func() {
		for k := range s.d.verdicts {
			if _, ok := verdicts[k]; !ok && k.kind == fsm.TrackStatic {
				delete(s.d.verdicts, k)
			}
		}
		for k, v := range verdicts {
			s.d.report(k, v)
		}
	})
}

// check finds out what is gone, and puts it back.
func (s *statics) check(c clue) {
	if s.d.stopping.Load() {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), kernelTimeout)
	defer cancel()
	losses, err := s.holder.Check(ctx)
	if err != nil {
		s.d.log.infof("looking for what is lost of static objects: %v", err)
	}
	if len(losses) == 0 {
		if !s.holder.Complete() && s.at.IsZero() {
			s.set(false) // perhaps the interface is back
		}
		return
	}
	at, began := s.pace.Lost(time.Now())
	for _, l := range losses {
		if s.pace.Fighting() && !began {
			s.d.log.detailf("Restoring deleted static %v %v: it %s", l.Kind(), l.Object, c.words(l))
		} else {
			s.d.log.infof("Restoring deleted static %v %v: it %s", l.Kind(), l.Object, c.words(l))
		}
	}
	if began {
		s.d.log.infof("static objects: %s", fsm.FightBegan)
	}
	if s.at.IsZero() || at.Before(s.at) {
		s.at = at
	}
	s.lost = true
}

// trackedStatic is something static that instances depend on.
type trackedStatic struct {
	kernel.Object
	dev     string
	members []string
}

// trackedStatics lists what of a configuration has a track_group.
func trackedStatics(cfg *config.Config) []trackedStatic {
	groups := map[string][]string{}
	for _, g := range cfg.TrackGroups {
		groups[g.Name] = g.Members
	}
	var all []trackedStatic
	add := func(group, dev string, o kernel.Object) {
		if group != "" {
			all = append(all, trackedStatic{o, dev, groups[group]})
		}
	}
	for _, a := range cfg.Static {
		add(a.TrackGroup, a.Dev, kernelAddress(a))
	}
	for i := range cfg.StaticRoutes {
		r := &cfg.StaticRoutes[i]
		add(r.TrackGroup, r.Dev, kernelRoute(r))
	}
	for i := range cfg.StaticRules {
		r := &cfg.StaticRules[i]
		add(r.TrackGroup, r.In, kernelRule(r))
	}
	return all
}

// staticName is the name under which something static is tracked.
func staticName(o kernel.Object) string { return fmt.Sprintf("static %v %v", o.Kind(), o) }

// staticTrackers are the trackers that an instance has for the sake of what is
// static: the interface of each object of its track groups, and, which
// keepalived does not look at, whether the object is there.
func staticTrackers(cfg *config.Config, name string, strict bool) []fsm.Tracker {
	var all []fsm.Tracker
	for _, o := range trackedStatics(cfg) {
		for _, member := range o.members {
			if member != name {
				continue
			}
			all = append(all, fsm.Tracker{Kind: fsm.TrackInterface, Name: o.dev})
			if !strict {
				all = append(all, fsm.Tracker{Kind: fsm.TrackStatic, Name: staticName(o.Object)})
			}
		}
	}
	return all
}
