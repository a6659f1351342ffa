package snmp

import (
	"time"

	"github.com/holdfast-ha/holdfast/internal/agentx"
	"github.com/holdfast-ha/holdfast/internal/dump"
)

// entry is the row of a table of the VRRP part of KEEPALIVED-MIB.
func entry(table uint32) agentx.OID { return vrrp.Append(table, 1) }

func runs(n *dump.Notify) bool {
	return n.Master != nil || n.Backup != nil || n.Fault != nil || n.Stop != nil || n.Any != nil || n.Deleted != nil || n.RxLowerPri != nil
}

// groups adds the sync groups and their members.
func (b *builder) groups() {
	groups, members := b.table(entry(1)), b.table(entry(2))
	for i := range b.Groups {
		g := &b.Groups[i]
		r := groups.row(number(i))
		r.put(2, agentx.Text(g.Name))
		r.put(3, agentx.Int(int(g.State)))
		r.put(4, truth(g.SMTPAlert))
		r.put(5, truth(runs(&g.Notify)))
		r.command(6, g.Notify.Master)
		r.command(7, g.Notify.Backup)
		r.command(8, g.Notify.Fault)
		r.command(9, g.Notify.Any)
		r.put(10, truth(g.TrackingWeight))
		r.command(11, g.Notify.Stop)
		for j, name := range g.Members {
			members.row(number(i), number(j)).text(2, name)
		}
	}
}

func (b *builder) instances() {
	t := b.table(entry(3))
	for i := range b.Instances {
		x := &b.Instances[i]
		r := t.row(number(i))
		b.protocol(r, x, &b.More[i])
		b.settings(r, x)
		b.notify(r, x)
	}
}

// protocol adds what the state machine knows and is after.
func (b *builder) protocol(r row, x *dump.Instance, m *More) {
	starts := dump.Backup
	if m.StartsMaster {
		starts = dump.Master
	}
	r.put(2, agentx.Text(x.Name))
	r.put(3, count(x.VRID))
	r.put(4, agentx.Int(int(x.State)))
	r.put(5, agentx.Int(int(starts)))
	r.put(6, agentx.Int(int(x.Wants)))
	r.put(7, agentx.Int(int(x.Priority)))
	r.put(8, agentx.Int(int(x.EffectivePriority)))
	r.put(9, truth(x.State == dump.Master))
	r.text(10, x.Interface)
	r.put(11, truth(len(trackedBeside(x)) > 0))
	unit := time.Second
	if x.Version == 3 {
		unit = 10 * time.Millisecond
	}
	r.put(12, count(int64(x.AdvertInterval/unit)))
	r.put(13, truth(!x.NoPreempt))
	r.put(14, count(int64(x.PreemptDelay/time.Second)))
	r.put(15, agentx.Int(int(x.Auth)))
}

func (b *builder) settings(r row, x *dump.Instance) {
	r.put(16, truth(false)) // lvs_sync_daemon_interface
	r.text(18, x.Group)
	r.put(19, count(int64(x.GARP.Delay/time.Second)))
	r.put(20, truth(x.SMTPAlert))
	accept := agentx.Int(0) // version 2 does not know it
	if x.Version == 3 {
		accept = truth(x.Accept)
	}
	r.put(27, accept)
	r.put(28, truth(x.PromoteSecondaries))
	r.put(29, truth(b.polled[x.Interface]))
	r.put(30, agentx.Int(x.Version))
	if !x.Unicast {
		r.put(34, agentx.Int(typeOf(x.IPv6)))
		r.put(35, octets(x.Multicast, x.IPv6))
	}
	r.put(36, truth(x.V3ChecksumAsV2))
}

func (b *builder) notify(r row, x *dump.Instance) {
	n := &x.Notify
	r.put(21, truth(runs(n)))
	r.command(22, n.Master)
	r.command(23, n.Backup)
	r.command(24, n.Fault)
	r.command(25, n.Stop)
	r.command(26, n.Any)
	r.command(31, n.RxLowerPri)
	r.command(32, n.Deleted)
	r.put(33, truth(x.NotifyDelete))
}

// trackedBeside are the interfaces that are tracked beside the own one.
func trackedBeside(x *dump.Instance) []dump.Track {
	var list []dump.Track
	for _, t := range x.Tracked.Interfaces {
		if t.Name != x.Interface || x.DontTrackPrimary {
			list = append(list, t)
		}
	}
	return list
}

// trackTables adds who tracks what.
func (b *builder) trackTables() {
	of := func(table, first uint32) func(i int, list []dump.Track) {
		t := b.table(entry(table))
		return func(i int, list []dump.Track) {
			for j, x := range list {
				r := t.row(number(i), number(j))
				r.put(first, agentx.Text(x.Name))
				r.put(first+1, agentx.Int(x.Weight))
				r.put(first+2, truth(x.Reverse))
			}
		}
	}
	interfaces, scripts, files, processes, bfds := of(4, 1), of(5, 2), of(12, 2), of(20, 2), of(17, 2)
	for i := range b.Instances {
		x := &b.Instances[i]
		interfaces(i, trackedBeside(x))
		scripts(i, x.Tracked.Scripts)
		files(i, x.Tracked.Files)
		processes(i, x.Tracked.Processes)
		bfds(i, x.Tracked.BFDs)
	}
	interfaces, scripts, files, processes, bfds = of(14, 1), of(15, 2), of(16, 2), of(22, 2), of(19, 2)
	for i := range b.Groups {
		x := &b.Groups[i].Tracked
		interfaces(i, x.Interfaces)
		scripts(i, x.Scripts)
		files(i, x.Files)
		processes(i, x.Processes)
		bfds(i, x.BFDs)
	}
}
