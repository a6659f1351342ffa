package fsm

import (
	"fmt"
	"net/netip"
	"strings"
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
		return true, strings.TrimSpace(m.noSource() + " " + m.link)
	}
	for i := range m.trackers {
		if m.trackerFaults(i) {
			return true, m.trackerWords(i)
		}
	}
	return false, ""
}

// held tells whether a script of weight 0 has still to report for the first
// time: an instance that does not run yet waits for it.
func (m *instance) held() bool {
	for i, t := range m.trackers {
		s := &m.spec.Trackers[i]
		if s.Kind == TrackScript && s.Weight == 0 && t.verdict == Unknown {
			return true
		}
	}
	return false
}

// blocked tells whether something keeps the instance from Backup and Master.
// A script that is new to a running instance does not.
func (m *instance) blocked() bool {
	bad, _ := m.faulty()
	return bad || (m.state == Init || m.state == Fault) && m.held()
}

// sayFaults logs, at a start or reload, every reason to be in FAULT. The colon
// after the name comes and goes as in keepalived's lines: scrapers know them.
func (m *instance) sayFaults() {
	say := func(colon, format string, args ...any) {
		m.emit(Log{Text: "(" + m.spec.Name + ")" + colon + " entering FAULT state " + fmt.Sprintf(format, args...)})
	}
	if m.spec.ConfigFault != "" {
		say("", "(%s)", m.spec.ConfigFault)
	}
	if m.linkDown && !m.spec.DontTrackPrimary {
		say(":", "(interface %s down)", m.link)
	}
	for i := range m.trackers {
		if s := &m.spec.Trackers[i]; s.Kind == TrackInterface && m.trackerFaults(i) {
			state := "down"
			if s.Reverse {
				state = "up"
			}
			say(":", "(interface %s %s)", s.Name, state)
		}
	}
	if !m.source.IsValid() {
		say("", "(%s)", m.noSource())
	}
	for i := range m.trackers {
		if !m.trackerFaults(i) {
			continue
		}
		switch s := &m.spec.Trackers[i]; s.Kind {
		case TrackInterface: // above
		case TrackScript:
			say(":", "due to script %s", s.Name)
		case TrackFile:
			say(":", "(tracked file %s has status %d)", s.Name, m.trackers[i].value)
		case TrackProcess:
			say("", "(tracked process %s quorum not achieved)", s.Name)
		default:
			say("", "(%s)", m.trackerWords(i))
		}
	}
}

func (m *instance) noSource() string {
	family := 4
	if m.spec.IPv6 {
		family = 6
	}
	return fmt.Sprintf("no IPv%d address for interface", family)
}

// judge compares the state with the facts after one of them has changed; cause
// is the change in words, if it was for the better.
func (m *instance) judge(now time.Time, cause string) {
	if !m.started || !m.g.started {
		return
	}
	bad, why := m.faulty()
	switch {
	case bad && m.state != Fault:
		if m.g.arranging {
			m.sayFaults()
		}
		m.fail(now, why)
		m.g.follow(now, m, Fault, why, ReasonNone)
	case !bad && (m.state == Fault || m.state == Init) && m.g.ready():
		if cause == "" {
			cause = "all causes of FAULT have gone"
		}
		m.g.rise(now, m, cause)
	}
}

// fail enters FAULT. A Master says twice that it goes: what follows is not sure
// to be heard from a network that has just failed.
func (m *instance) fail(now time.Time, cause string) {
	if m.state == Fault {
		return
	}
	if m.g.arranging {
		m.logf(false, "entering FAULT state")
	} else {
		m.logf(false, "Entering FAULT STATE")
	}
	if m.state == Master {
		times := 2
		if m.g.state == Fault && m.g.name != "" {
			times = 1 // follows another member of its group
		}
		m.sendZero(times)
		m.emit(RemoveAddresses{})
		m.stats.ReleasedMaster++
	}
	m.rivalForgotten()
	m.deadline = time.Time{}
	m.forgetMaster()
	m.become(now, Fault, cause)
}

// recover goes from FAULT to Backup with a full wait, owners too.
func (m *instance) recover(now time.Time, cause string) {
	m.ownInterval()
	m.logf(false, "Entering BACKUP STATE")
	m.become(now, Backup, cause)
	m.deadline = m.countdown(now)
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
	m.judge(now, "source address "+addr.String())
}

// handOver is keepalived's way with a lost address: every Master of the group
// gives up, to itself or to somebody better, after no more than Skew_Time. The
// group itself reports only that it is Master again.
func (g *Group) handOver(now time.Time, first *instance, cause string) {
	first.handOver(now, cause)
	for _, m := range g.instances {
		if m.state == Master {
			m.handOver(now, cause)
		}
	}
	if g.name != "" {
		g.state, g.said = Backup, Backup
	}
}

func (m *instance) handOver(now time.Time, cause string) {
	m.logf(false, "Entering BACKUP STATE")
	m.sendZero(1)
	m.stepDown(now, cause)
	m.deadline = now.Add(m.skew())
}
