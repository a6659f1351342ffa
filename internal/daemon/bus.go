package daemon

import (
	"sync"
	"time"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/dbus"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/notify"
)

// monitoring starts, changes and stops what shows the daemon to others, as the
// configuration wants it.
func (d *Daemon) monitoring(first bool) {
	d.serveBus(first)
	d.serveSNMP(first)
	if first {
		d.fifos.mu.Lock()
		d.fifos.hear = d.hear
		d.fifos.mu.Unlock()
		return
	}
	d.fifos.tell(line{topic: ofNews})
}

// stopMonitoring has it say goodbye.
func (d *Daemon) stopMonitoring(limit time.Duration) {
	var wait sync.WaitGroup
	if s := d.bus.Swap(nil); s != nil {
		wait.Go(func() { s.Stop(limit) })
	}
	if s := d.mibs.service.Swap(nil); s != nil {
		wait.Go(func() { s.Stop(limit) })
	}
	wait.Wait()
}

// hear passes on what the FIFOs are told, in the same order. It does not wait.
func (d *Daemon) hear(l line) {
	d.hearState(l)
	s := d.bus.Load()
	switch {
	case s == nil:
	case l.topic == ofNews:
		s.Reloaded()
	case l.topic == ofInstance && l.kind == notify.Instance:
		s.Changed(busKey(l.set.cfg), busStates[l.to])
	}
}

var busStates = map[fsm.State]dbus.State{
	fsm.Init: dbus.Init, fsm.Backup: dbus.Backup, fsm.Master: dbus.Master, fsm.Fault: dbus.Fault,
	fsm.Stopped: dbus.Stop, fsm.Deleted: dbus.Deleted,
}

func busKey(c *config.Instance) dbus.Key {
	return dbus.Key{Interface: c.Interface, VRID: c.VRID, IPv6: c.IPv6}
}

// serveBus brings the service on D-Bus to what the configuration wants.
func (d *Daemon) serveBus(first bool) {
	g := &d.cfg.Global
	want := dbus.Settings{Name: g.More.DBus.Service, NoInterface: g.More.DBus.NoInterface, Namespace: g.More.NetNS, Instance: g.InstanceName}
	s := d.bus.Load()
	var gone chan struct{}
	if old := s; s != nil && (!g.More.DBus.Enabled || s.Settings() != want) {
		d.bus.Store(nil)
		s, gone = nil, make(chan struct{})
		go func() {
			old.Stop(requestTimeout)
			close(gone)
		}()
	}
	if !g.More.DBus.Enabled {
		return
	}
	started := s == nil
	if started {
		s = dbus.Start(want, d.busCommands(), d.log.infof, gone)
	}
	var list []dbus.Instance
	for _, m := range d.ordered {
		list = append(list, dbus.Instance{
			Name: m.name(), Key: busKey(m.set.Load().cfg),
			State:    func() dbus.State { return busStates[m.state()] },
			Announce: func() { d.announceOnRequest(m) },
		})
	}
	s.Instances(list)
	if started && (!first || d.opt.Handed != nil) { // who is there already is told of as at a new bus
		for _, m := range d.ordered {
			s.Changed(busKey(m.set.Load().cfg), busStates[m.state()])
		}
	}
	d.bus.Store(s)
}

// requestTimeout is how long one who asks for something waits to hear that it is
// done.
const requestTimeout = time.Second

// await has the manager do something, and waits for it a little.
func (d *Daemon) await(f func()) {
	done := make(chan struct{})
	d.do(func() {
		f()
		close(done)
	})
	select {
	case <-done:
	case <-time.After(requestTimeout):
	}
}

// busCommands are what may be asked for on D-Bus. Who is answered finds the files
// written.
func (d *Daemon) busCommands() dbus.Commands {
	return dbus.Commands{
		PrintData: func() {
			d.await(func() {
				d.log.infof("Printing VRRP data on DBus request")
				d.writeData()
			})
			d.files.wait(requestTimeout)
		},
		PrintStats: func(clearAfter bool) {
			d.await(func() {
				what := "Printing"
				if clearAfter {
					what = "Printing and clearing"
				}
				d.log.infof("%s VRRP stats on DBus request", what)
				d.writeStats(clearAfter)
			})
			d.files.wait(requestTimeout)
		},
		Reload: func() { d.do(d.reload) },
	}
}

// announceOnRequest announces what an instance holds, once for every address, and
// waits for that a little.
func (d *Daemon) announceOnRequest(m *member) {
	done := make(chan struct{})
	d.do(func() { // the manager knows the runner
		d.log.infof("Sending garps on %s on DBus request", m.name())
		m.runner.ctl.push(errand{do: func(time.Time, *fsm.Group) {
			m.runner.hands.push(job{m: m, rounds: 1, why: fsm.AnnounceRefresh, epoch: m.epoch.Load()})
			m.runner.hands.push(job{reached: done})
		}})
	})
	select {
	case <-done:
	case <-time.After(requestTimeout):
	}
}
