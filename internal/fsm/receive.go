package fsm

import (
	"fmt"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

// received takes an advert that passed the checks of package advert.
func (m *instance) received(now time.Time, ev *AdvertReceived) {
	if !m.hears() {
		return
	}
	a := ev.Advert
	a.Src = a.Src.WithZone("")
	m.stats.AdvertsReceived++
	if a.Src != m.lastSrc {
		m.lastSrc = a.Src
		m.startAfresh(now)
	}
	m.remark(&a, ev)
	if a.Priority == 0 {
		m.stats.ZeroReceived++
	}
	m.highestPrio = max(m.highestPrio, a.Priority)
	if m.state == Master {
		m.receivedMaster(now, &a)
	} else {
		m.receivedBackup(now, &a)
	}
}

// hears tells whether packets concern the instance at all: not before it has
// started, not in FAULT, not while the start is delayed.
func (m *instance) hears() bool {
	return m.state == Master || m.state == Backup && m.g.silentUntil.IsZero()
}

// rejected counts and complains; nothing else may depend on such a packet.
func (m *instance) rejected(now time.Time, ev AdvertRejected) {
	if !m.hears() {
		return
	}
	m.stats.count(ev.Reject)
	if text, ok := m.refusals.note(now, ev.From, ev.Reject); ok {
		m.logf(false, "%s", text)
	}
}

// remark counts and logs the oddities of an accepted advert.
func (m *instance) remark(a *advert.Advert, ev *AdvertReceived) {
	notes := a.Notes
	if notes == 0 {
		return
	}
	if m.spec.SkipAddressCheck && m.state == Backup && a.Src == m.peer {
		notes &^= advert.NoteAddresses | advert.NoteForeign
	}
	if notes&(advert.NoteCount|advert.NoteAddresses) != 0 {
		m.stats.AddressList++
	}
	fresh := m.refusals.remark(notes)
	if fresh&advert.NoteInterval != 0 {
		m.logf(false, "advertisement interval mismatch ours = %d centi-sec rcv'd=%d centi-sec",
			m.spec.AdvertInterval/(10*time.Millisecond), a.Interval/(10*time.Millisecond))
	}
	if fresh&advert.NoteCount != 0 {
		m.logf(false, "expected %d VIPs but received %d", m.spec.Addresses, ev.Count)
	}
	if fresh&advert.NoteAddresses != 0 {
		m.logf(false, "ip address associated with VRID %d not present in advert from %s: %s",
			m.spec.VRID, a.Src, ev.Missing)
	}
	if fresh&advert.NoteOldChecksum != 0 {
		m.logf(false, "Setting unicast VRRPv3 checksum to old version")
	}
	m.remarkStrange(a, fresh)
	if fresh&advert.NoteClock != 0 {
		m.logf(false, "authentication clock skew %d sec from %s approaching window %d sec", a.Ahead, a.Src, a.Window)
	}
}

// remarkStrange logs what keepalived does not notice.
func (m *instance) remarkStrange(a *advert.Advert, fresh advert.Note) {
	if m.spec.StrictCompat {
		return
	}
	if fresh&advert.NoteForeign != 0 {
		m.logf(false, "%s advertises VRID %d with none of our addresses: two virtual routers have the same VRID on this network", a.Src, m.spec.VRID)
	}
	if fresh&advert.NoteStranger != 0 {
		m.logf(false, "advert from %s, which is not a unicast peer, counts as well, since check_unicast_src is not set", a.Src)
	}
}

// receivedBackup is RFC 9568 section 6.4.2, (420) to (485).
func (m *instance) receivedBackup(now time.Time, a *advert.Advert) {
	if a.Priority == 0 {
		m.goodbye(now, a)
		return
	}
	m.hear(now, a)
	m.found = ""
	if m.accepts(now, a.Priority) {
		m.deadline = m.learn(now, a)
		m.wants, m.quiet, m.late = false, now, lateness{}
		m.g.unmix(now, m)
		return
	}
	m.discarded = true
	m.chatf(now, false, "received lower priority (%d) advert from %s - discarding", a.Priority, a.Src)
}

// accepts tells whether the sender of an advert is to be Master (RFC 9568
// section 6.4.2, (445)), and runs preempt_delay, which is armed by the first
// advert of lower priority and disarmed by one that is not lower.
func (m *instance) accepts(now time.Time, priority uint8) bool {
	if m.spec.NoPreempt {
		return true
	}
	if priority >= m.priority {
		if !m.preempt.IsZero() {
			m.preempt = time.Time{}
			m.logf(true, "stop preempt delay")
		}
		return true
	}
	if m.spec.PreemptDelay == 0 {
		return false
	}
	if m.preempt.IsZero() {
		m.preempt = now.Add(m.spec.PreemptDelay)
		d := m.spec.PreemptDelay
		m.logf(true, "start preempt delay (%d.%06d)", d/time.Second, d%time.Second/time.Microsecond)
	}
	return m.preempt.After(now)
}

// learn takes the sender for Master, and in version 3 its interval (RFC 9568
// section 6.4.2, (450)). It returns how long to wait for the next advert.
//
// Who advertises while a better router is Master is about to give way: its
// advert may have been under way when the Master's overtook it. Neither the
// interval nor the wait for the Master becomes shorter by it, or a Master that
// sends at longer intervals than such a router would be taken for dead.
func (m *instance) learn(now time.Time, a *advert.Advert) (deadline time.Time) {
	m.discarded = false
	passing := m.crowd.outranks(a)
	m.crowd.obeyed, m.crowd.rank, m.crowd.goodbyes = a.Src, a.Priority, 0
	if m.spec.Version != 3 {
		return now.Add(m.masterDown())
	}
	before, interval := m.deadline, m.interval
	if a.Interval > 0 {
		interval = a.Interval
	}
	deadline = now.Add(masterDown(3, m.downPriority(), interval, m.spec.DownTimerAdverts))
	if passing {
		deadline, interval = later(before, deadline), max(m.interval, interval)
	}
	if interval != m.interval {
		m.chatf(now, true, "advertisement interval updated from %dms to %dms by master",
			m.interval.Milliseconds(), interval.Milliseconds())
	}
	m.interval, m.learned = interval, m.learned || a.Interval > 0
	return deadline
}

// hear remembers who advertises.
func (m *instance) hear(now time.Time, a *advert.Advert) {
	if m.peer != a.Src {
		if m.peer.IsValid() {
			m.chatf(now, true, "master changed from %s to %s", m.peer, a.Src)
		} else {
			m.chatf(now, true, "master set to %s", a.Src)
		}
		m.peer = a.Src
	}
	m.peerPrio = a.Priority
}

// receivedMaster is RFC 9568 section 6.4.3, (700) to (785).
func (m *instance) receivedMaster(now time.Time, a *advert.Advert) {
	order, unsure := a.Src.Compare(m.source.WithZone("")), m.unsure(now)
	switch {
	case unsure && (a.Priority == 0 || a.Priority < m.priority || a.Priority == m.priority && order < 0 && !m.owner()):
		m.unsureHeard(now, a)
	case a.Priority == 0:
		// (710): somebody gave up; tell the segment at once who is here.
		if m.mayAnswer() {
			m.chatf(now, true, "Master received priority 0 message")
			m.readvertise(now)
		}
	case a.Priority == Owner && m.priority == Owner && order != 0:
		m.rivalHeard(now, a, order)
	case a.Priority > m.priority:
		if m.spec.HigherPrioSendAdvert && !unsure {
			m.advertise()
		}
		m.logf(false, "Master received advert from %s with higher priority %d, ours %d", a.Src, a.Priority, m.priority)
		m.giveWay(now, a, fmt.Sprintf("%sadvert from %s with priority %d, ours %d", m.changes.decided(a.Priority, true), a.Src, a.Priority, m.priority))
	case a.Priority == m.priority && order > 0:
		// (735): equal priorities are decided by the primary address.
		m.logf(false, "Master received advert from %s with same priority %d but higher IP address than ours", a.Src, a.Priority)
		m.giveWay(now, a, fmt.Sprintf("%sadvert from %s with our priority %d and a higher address than %s",
			m.changes.decided(a.Priority, true), a.Src, a.Priority, m.source))
	case a.Priority == m.priority && order == 0:
		m.chatf(now, false, "WARNING - equal priority advert received from remote host with our IP address.")
	default:
		m.lowerHeard(now, a)
	}
}

func (m *instance) giveWay(now time.Time, a *advert.Advert, cause string) {
	m.hear(now, a)
	// Learned first, so that the down timer is reckoned from the new Master's
	// interval (RFC 9568 section 6.4.3, (745)).
	m.learn(now, a)
	m.yield(now, cause)
}

// lowerHeard answers somebody who believes to be Master with less priority.
func (m *instance) lowerHeard(now time.Time, a *advert.Advert) {
	if !m.mayAnswer() {
		return
	}
	suffix := ", forcing new election"
	if m.spec.LowerPrioNoAdvert {
		suffix = ""
	}
	m.chatf(now, false, "Received advert from %s with lower priority %d, ours %d%s", a.Src, a.Priority, m.priority, suffix)
	if !m.spec.LowerPrioNoAdvert {
		m.readvertise(now)
	}
	m.announceLower(now)
	for _, o := range m.g.instances {
		if o != m && o.state == Master && !o.late.listening {
			o.announceLower(now)
		}
	}
	m.emit(LowerPriorityHeard{From: a.Src})
}

// readvertise sends an advert now and counts the interval from it.
func (m *instance) readvertise(now time.Time) {
	m.advertise()
	m.deadline = now.Add(m.spec.AdvertInterval)
}
