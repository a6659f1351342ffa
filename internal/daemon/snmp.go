package daemon

import (
	"cmp"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/dump"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/handover"
	"github.com/holdfast-ha/holdfast/internal/notify"
	"github.com/holdfast-ha/holdfast/internal/snmp"
)

// mibs is the daemon's part of SNMP.
type mibs struct {
	service atomic.Pointer[snmp.Service] // nil: not wanted

	mu sync.Mutex
	of map[identity]*mibRecord
}

// mibRecord is what the MIBs tell of an instance that nobody else remembers.
type mibRecord struct {
	began  time.Time // when it left INIT or FAULT; zero: it is there
	reason snmp.Reason
	fault  snmp.Fault
	said   map[advert.Reason]time.Time // when such a packet was last told of
}

// about runs f with the record of an instance.
func (m *mibs) about(c *config.Instance, f func(*mibRecord)) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.of == nil {
		m.of = map[identity]*mibRecord{}
	}
	k := identityOf(c)
	if m.of[k] == nil {
		m.of[k] = &mibRecord{said: map[advert.Reason]time.Time{}}
	}
	f(m.of[k])
}

// prune forgets instances that are gone.
func (m *mibs) prune(members []*member) {
	there := map[identity]bool{}
	for _, x := range members {
		there[identityOf(x.set.Load().cfg)] = true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for k := range m.of {
		if !there[k] {
			delete(m.of, k)
		}
	}
}

// left is what the MIBs remember, for another program.
func (m *mibs) left(now time.Time) (all []handover.Record) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for k, r := range m.of {
		all = append(all, handover.Record{Key: k.text(), Began: fsm.MomentOf(r.began, now), Reason: r.reason, Fault: r.fault})
	}
	return all
}

// remember takes what the MIBs of another program remembered at the time then.
func (m *mibs) remember(all []handover.Record, members []*member, then time.Time) {
	if len(all) == 0 {
		return
	}
	of := map[string]*handover.Record{}
	for i := range all {
		of[all[i].Key] = &all[i]
	}
	for _, x := range members {
		c := x.set.Load().cfg
		if l := of[identityOf(c).text()]; l != nil {
			m.about(c, func(r *mibRecord) { r.began, r.reason, r.fault = l.Began.Time(then), l.Reason, l.Fault })
		}
	}
}

// snmpSettings are what the command line and the configuration want.
func (d *Daemon) snmpSettings() snmp.Settings {
	c := &d.cfg.Global.More.SNMP
	all := d.opt.SNMP
	return snmp.Settings{
		Socket: cmp.Or(d.opt.SNMPSocket, c.Socket), VRRP: all || c.VRRP,
		RFCv2: all || c.RFC || c.RFCv2, RFCv3: all || c.RFC || c.RFCv3,
		Traps: c.Traps, RouterID: d.cfg.Global.RouterID, Version: d.opt.Product,
	}
}

// serveSNMP brings the sub-agent to what the configuration wants.
func (d *Daemon) serveSNMP(first bool) {
	want := d.snmpSettings()
	s := d.mibs.service.Load()
	var gone chan struct{}
	if old := s; s != nil && (!want.Wanted() || s.Settings() != want) {
		d.mibs.service.Store(nil)
		s, gone = nil, make(chan struct{})
		go func() {
			old.Stop(requestTimeout)
			close(gone)
		}()
	}
	if !want.Wanted() {
		return
	}
	if s == nil {
		s = snmp.Start(want, snmp.Daemon{Snapshot: d.snmpSnapshot, Change: d.snmpChange}, d.log.infof, gone)
		for _, m := range d.members {
			if (!first || d.opt.Handed != nil) && heldState(m.state()) { // from now on, if nobody remembers
				d.mibs.about(m.set.Load().cfg, func(r *mibRecord) {
					if !first || r.began.IsZero() {
						r.began = time.Now()
					}
				})
			}
		}
		d.mibs.service.Store(s)
	}
	d.mibs.prune(d.members)
	s.Changed()
}

// heldState tells whether the protocol runs in a state.
func heldState(s fsm.State) bool { return s == fsm.Backup || s == fsm.Master }

// snmpState numbers states as KEEPALIVED-MIB does.
func snmpState(s fsm.State) int {
	switch s {
	case fsm.Stopped:
		return snmp.StateStopped
	case fsm.Deleted:
		return snmp.StateDeleted
	}
	return int(s)
}

// hearState tells the sub-agent of a state. It does not wait.
func (d *Daemon) hearState(l line) {
	s := d.mibs.service.Load()
	if s == nil || l.topic != ofInstance && l.topic != ofGroup {
		return
	}
	if l.kind == notify.Group {
		s.Tell(snmp.Change{Name: l.name, State: snmpState(l.to), Group: true})
		return
	}
	c := l.set.cfg
	d.mibs.about(c, func(r *mibRecord) {
		switch {
		case !heldState(l.to):
			r.began = time.Time{}
		case r.began.IsZero():
			r.began = time.Now()
		}
		r.reason = snmp.Reason(l.reason)
	})
	s.Tell(snmp.Change{
		Name: c.Name, State: snmpState(l.to), StartsMaster: startsMaster(c), Place: d.snmpPlace(c), Version: c.Version,
		Master: l.to == fsm.Master, Source: l.source, Reason: snmp.Reason(l.reason),
	})
}

func startsMaster(c *config.Instance) bool { return c.StateMaster || c.Priority == fsm.Owner }

func (d *Daemon) snmpPlace(c *config.Instance) snmp.Place {
	p := snmp.Place{VRID: c.VRID, IPv6: c.IPv6, Addresses: len(c.Addresses)}
	if l := d.monitor.Snapshot().LinkByName(c.Interface); l != nil {
		p.Index = l.Index
	}
	return p
}

// refusalPause is the time between two notifications of the same kind about an
// instance: whoever sends bad packets must not fill the mailbox of the operators.
const refusalPause = time.Second

var protocolFaults = map[advert.Reason]snmp.Fault{
	advert.ReasonTTL: snmp.TTLFault, advert.ReasonVersion: snmp.VersionFault, advert.ReasonChecksum: snmp.ChecksumFault,
}

var authKinds = map[int]int{
	int(advert.CounterAuthType): snmp.AuthInvalidType, int(advert.CounterAuthMismatch): snmp.AuthMismatch,
	int(advert.CounterAuthFailure): snmp.AuthFailed,
}

// refusal tells the sub-agent of a packet that was rejected. It is called by runners
// and does not wait.
func (d *Daemon) refusal(m *member, from netip.Addr, why advert.Reason) {
	s := d.mibs.service.Load()
	fault, kind := protocolFaults[why], authKinds[int(why.Counter())]
	if s == nil || fault == snmp.NoFault && kind == 0 {
		return
	}
	c, again := m.set.Load().cfg, false
	d.mibs.about(c, func(r *mibRecord) {
		if fault != snmp.NoFault {
			r.fault = fault
		}
		again = time.Since(r.said[why]) < refusalPause
		if !again {
			r.said[why] = time.Now()
		}
	})
	switch {
	case again:
	case fault != snmp.NoFault:
		s.ProtocolError(fault, d.snmpPlace(c))
	default:
		s.AuthFailure(from, kind)
	}
}

// snmpSnapshot has the manager make a snapshot; nil: it does not answer in time.
// It is called by the sub-agent.
func (d *Daemon) snmpSnapshot() *snmp.Snapshot {
	made := make(chan *snmp.Snapshot, 1)
	d.do(func() { made <- d.snmpSurvey() })
	select {
	case x := <-made:
		return x
	case <-time.After(2 * viewTimeout):
		return nil
	}
}

func (d *Daemon) snmpSurvey() *snmp.Snapshot {
	sv := d.survey(question{})
	x := &snmp.Snapshot{
		Data: sv.data(), Version: d.opt.Product, Traps: d.cfg.Global.More.SNMP.Traps, DBus: d.cfg.Global.More.DBus.Enabled,
		Taken: time.Now(), UpTime: time.Since(d.started),
	}
	x.Routes = append(x.Routes, snmpRoutes(d.cfg.StaticRoutes, true))
	x.Rules = append(x.Rules, snmpRules(d.cfg.StaticRules, true))
	for i, m := range sv.members {
		v, held := sv.view(m), x.Instances[i].State == dump.Master
		own := &m.set.Load().cfg.More
		x.Routes = append(x.Routes, snmpRoutes(own.Routes, held))
		x.Rules = append(x.Rules, snmpRules(own.Rules, held))
		more := snmp.More{StartsMaster: startsMaster(m.set.Load().cfg)}
		d.mibs.about(m.set.Load().cfg, func(r *mibRecord) {
			more.Began, more.Protocol = r.began, r.fault
			if held {
				more.Reason = r.reason
			}
		})
		x.More = append(x.More, more)
		x.ChecksumErrors += v.Stats.Rejected[advert.ReasonChecksum]
		x.VersionErrors += v.Stats.Rejected[advert.ReasonVersion]
	}
	return x
}
