package fsm

import (
	"fmt"
	"net/netip"
	"time"
)

// faulty tells whether there is a reason to be in FAULT, and the first of them
// in words.
func (m *instance) faulty() (bool, string) {
	switch {
	case m.spec.ConfigFault != "":
		return true, m.spec.ConfigFault
	case m.linkDown && !m.spec.DontTrackPrimary:
		return true, fmt.Sprintf("interface %s down", m.link)
	case !m.source.IsValid():
		family := 4
		if m.spec.IPv6 {
			family = 6
		}
		return true, fmt.Sprintf("no IPv%d address for interface", family)
	}
	for i := range m.trackers {
		if m.trackerFaults(i) {
			return true, m.trackerWords(i)
		}
	}
	return false, ""
}

// held tells whether a script of weight 0 has still to report for the first
// time: the instance stays in Init until it has.
func (m *instance) held() bool {
	for i, t := range m.trackers {
		s := &m.spec.Trackers[i]
		if s.Kind == TrackScript && s.Weight == 0 && t.verdict == Unknown {
			return true
		}
	}
	return false
}

// sayFault logs, at the start, why an instance begins in FAULT. Scrapers know
// these lines with a colon.
func (m *instance) sayFault(why string) {
	switch {
	case m.linkDown && !m.spec.DontTrackPrimary:
		m.emit(Log{Text: fmt.Sprintf("(%s): entering FAULT state (%s)", m.spec.Name, why)})
	default:
		m.logf(false, "entering FAULT state (%s)", why)
	}
}

// judge compares the state with the facts after one of them has changed.
func (m *instance) judge(now time.Time, cause string) {
	if !m.started {
		return
	}
	bad, why := m.faulty()
	if cause == "" {
		cause = why
	}
	switch {
	case bad && m.state != Fault:
		m.fail(now, cause)
		if m.g.name != "" {
			m.g.follow(now, m, Fault, cause)
		}
	case !bad && m.state == Fault:
		m.revive(now, cause)
	case !bad && m.state == Init && !m.held():
		m.begin(now, "", cause)
	}
}

// revive leaves FAULT when nothing keeps the instance there; members of a sync
// group leave together.
func (m *instance) revive(now time.Time, cause string) {
	if m.g.name != "" && !m.g.clear() {
		return
	}
	if cause == "" {
		cause = "all causes of FAULT have gone"
	}
	m.recover(now, cause)
	m.g.follow(now, m, Backup, cause)
}

// fail enters FAULT. A Master says twice that it goes: what follows is not sure
// to be heard from a network that has just failed.
func (m *instance) fail(now time.Time, cause string) {
	if m.state == Fault {
		return
	}
	m.logf(false, "Entering FAULT STATE")
	if m.state == Master {
		times := 2
		if m.g.state == Fault && m.g.name != "" {
			times = 1 // follows another member of its group
		}
		m.sendZero(times)
		m.zeroed = false
		m.emit(RemoveAddresses{})
		m.stats.ReleasedMaster++
		m.restorePriority()
	}
	m.deadline = time.Time{}
	m.peer, m.peerPrio = netip.Addr{}, 0
	m.become(now, Fault, cause)
}

// recover goes from FAULT to Backup with a full wait, owners too.
func (m *instance) recover(now time.Time, cause string) {
	if m.state != Fault {
		return
	}
	m.interval = m.spec.AdvertInterval
	m.logf(false, "Entering BACKUP STATE")
	m.become(now, Backup, cause)
	m.deadline = now.Add(m.masterDown())
	if m.spec.Unicast && m.source.IsValid() {
		m.emit(AnnounceSource{Addr: m.source})
	}
}

func (m *instance) sourceChanged(now time.Time, addr netip.Addr) {
	if addr == m.source {
		return
	}
	if m.source.IsValid() {
		m.oldSrc = m.source
	}
	m.source = addr
	m.judge(now, "")
}

func (m *instance) addressLost(now time.Time, ev AddressLost) {
	if m.state != Master {
		return
	}
	cause := fmt.Sprintf("address %s on %s %s", ev.Addr, ev.Link, ev.Why)
	m.logf(!m.spec.StrictCompat, "%s", cause)
	if !m.spec.StrictCompat {
		m.restoreSoon(now)
		return
	}
	// keepalived's way: a hand-over to itself, or to somebody better.
	m.sendZero(1)
	m.zeroed = false
	m.yield(now, cause)
	for _, o := range m.g.instances {
		if o.state == Backup {
			o.deadline = now.Add(skew(o.spec.Version, o.downPriority(), o.interval))
		}
	}
}
