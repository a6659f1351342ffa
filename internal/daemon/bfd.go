package daemon

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/holdfast-ha/holdfast/internal/bfd"
	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/handover"
)

// sessions are the BFD sessions that run. The manager's.
type sessions struct {
	peers  *bfd.Peers
	cancel context.CancelFunc
	done   chan struct{}
	ends   map[string]netip.Addr // of each session, the neighbour
	up     map[string]bool       // sessions that have been up
	news   atomic.Int64          // changes that the manager has not heard of yet
}

// trackSessions runs the BFD sessions of the configuration. Those that are
// there already go on.
func (d *Daemon) trackSessions(cfg *config.Config) {
	specs, ends := d.sessionSpecs(cfg)
	if d.sessions == nil {
		if len(specs) == 0 {
			return
		}
		d.sessions = d.newSessions()
		d.sessions.start()
	}
	d.wantSessions(specs, ends)
}

// newSessions are sessions that do not run yet.
func (d *Daemon) newSessions() *sessions {
	s := &sessions{done: make(chan struct{}), up: map[string]bool{}}
	s.peers = bfd.New(bfd.Options{
		State: func(name string, c bfd.Changed) {
			s.news.Add(1)
			d.do(func() {
				s.news.Add(-1)
				d.sessionChanged(name, c)
			})
		},
		Log: func(detail bool, text string) {
			if detail {
				d.log.detailf("%s", text)
			} else {
				d.log.infof("%s", text)
			}
		},
	})
	return s
}

func (s *sessions) start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel = cancel
	go func() {
		defer close(s.done)
		s.peers.Run(ctx)
	}()
}

// wantSessions says which sessions there are to be.
func (d *Daemon) wantSessions(specs []bfd.Spec, ends map[string]netip.Addr) {
	for name := range ends {
		k := trackKey{fsm.TrackBFD, name}
		if d.sessions.ends[name] != ends[name] || d.verdicts[k].verdict == fsm.Unknown {
			d.verdicts[k] = verdict{verdict: fsm.Bad, why: "BFD session " + name + " is not up yet"}
		}
	}
	d.sessions.ends = ends
	d.sessions.peers.Set(specs)
}

// sessionSpecs translates what instances may track.
func (d *Daemon) sessionSpecs(cfg *config.Config) ([]bfd.Spec, map[string]netip.Addr) {
	var specs []bfd.Spec
	ends := map[string]netip.Addr{}
	for _, b := range cfg.BFDs {
		if !b.ForVRRP {
			continue
		}
		s := bfd.Spec{
			Name: b.Name, Neighbor: b.Neighbor, Source: b.Source, Multihop: b.Multihop, TTL: b.TTL,
			MinTTL: max(0, b.TTL-b.MaxHops),
			Config: bfd.Config{MinTx: b.MinTx, MinRx: b.MinRx, IdleTx: b.IdleTx, Multiplier: uint8(b.Multiplier), Passive: b.Passive},
		}
		if b.MaxHops < 0 {
			s.MinTTL = 0
		}
		if !b.TTLSet && !b.Multihop && !d.opt.StrictCompat {
			// RFC 5881 section 5 wants 255, which keepalived sends over IPv4 only.
			// What it sends over IPv6 is taken all the same.
			s.TTL = 255
		}
		specs = append(specs, s)
		ends[b.Name] = b.Neighbor.WithZone("")
	}
	return specs, ends
}

// sessionChanged tells those who track the session. That a neighbour says it is
// administratively down tells nothing about the path to it.
func (d *Daemon) sessionChanged(name string, c bfd.Changed) {
	if c.Peaceful || c.To == bfd.Init || d.sessions == nil {
		return
	}
	end, known := d.sessions.ends[name]
	if !known {
		return
	}
	d.sessions.up[name] = d.sessions.up[name] || c.To == bfd.Up
	k := trackKey{fsm.TrackBFD, name}
	v := verdict{verdict: fsm.Good, why: "BFD session " + name + " is up"}
	word := "UP"
	if c.To != bfd.Up {
		v, word = verdict{verdict: fsm.Bad, why: fmt.Sprintf("BFD session %s is down: %s", name, c.Cause)}, "DOWN"
	}
	if d.verdicts[k] != v {
		for _, w := range d.watchers[k] {
			d.log.infof("VRRP_Instance(%s) Tracked BFD instance %s is %s", w.m.name(), name, word)
		}
	}
	d.report(k, v)
	if c.From != bfd.Up || c.Diag != bfd.DiagExpired {
		return
	}
	told := map[*runner]bool{}
	for _, w := range d.watchers[k] {
		if r := w.m.runner; !told[r] {
			told[r] = true
			r.post(w.m.id, fsm.PeerSilent{Addr: end, Why: v.why})
		}
	}
}

// stopSessions ends all sessions; their neighbours are told that it is no
// failure.
func (d *Daemon) stopSessions(limit time.Duration) {
	if d.sessions == nil {
		return
	}
	d.sessions.cancel()
	select {
	case <-d.sessions.done:
	case <-time.After(limit):
	}
	d.sessions = nil
}

// restSessions brings the sessions to rest until the channel is closed; nil: there are
// none. What they have told by then the manager knows.
func (d *Daemon) restSessions(until <-chan struct{}) (*bfd.Resting, error) {
	if d.sessions == nil {
		return nil, nil
	}
	late := time.NewTimer(freezeTime)
	defer late.Stop()
	select {
	case r := <-d.sessions.peers.Rest(until):
		if d.sessions.news.Load() > 0 {
			return nil, errors.New("a BFD session has changed")
		}
		return r, nil
	case <-late.C:
		return nil, errors.New("the BFD sessions are busy")
	}
}

// sessionSockets are the descriptors of the sessions.
func (d *Daemon) sessionSockets() (fds []int) {
	at := make(chan struct{})
	defer close(at)
	r, _ := d.restSessions(at)
	if r == nil {
		return nil
	}
	left := r.Leave(time.Now())
	for _, fd := range left.Descriptors() {
		fds = append(fds, *fd)
	}
	return fds
}

// reviveSessions has sessions go on as an earlier program has left them at the time
// then. Those that begin anew count as what they were until they have had the time to
// come up.
func (d *Daemon) reviveSessions(st *handover.State, then time.Time) {
	specs, ends := d.sessionSpecs(d.cfg)
	if len(specs) == 0 {
		return
	}
	d.sessions = d.newSessions()
	alive := d.sessions.peers.Inherit(&st.Sessions, specs, then)
	d.sessions.start()
	d.wantSessions(specs, ends)
	for name, state := range alive {
		d.sessions.up[name] = state == bfd.Up
	}
	for _, v := range st.Verdicts {
		k := trackKey{v.Kind, v.Name}
		if v.Kind != fsm.TrackBFD {
			continue
		}
		_, goesOn := alive[v.Name]
		if !goesOn && v.Verdict != fsm.Good {
			continue
		}
		d.verdicts[k] = verdict{v.Verdict, v.Value, v.Why}
		if goesOn {
			continue
		}
		time.AfterFunc(sessionGrace, func() {
			d.do(func() {
				if d.sessions != nil && !d.sessions.up[v.Name] {
					d.report(k, verdict{verdict: fsm.Bad, why: "BFD session " + v.Name + " did not come up again after the upgrade"})
				}
			})
		})
	}
}
