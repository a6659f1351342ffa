package fsm

import (
	"fmt"
	"net/netip"
	"time"
)

// instance is one virtual router.
type instance struct {
	g    *Group
	id   ID
	spec *Spec

	state   State
	said    State // what StateChanged last reported
	started bool
	wants   bool      // its timer expired, it waits for the rest of the group
	since   time.Time // of the last transition
	cause   string    // of the last transition

	linkDown bool
	link     string
	source   netip.Addr
	oldSrc   netip.Addr // the last source there was, for a last priority 0
	trackers []tracker
	total    int   // base priority and contributions
	priority uint8 // effective

	interval    time.Duration // of the Master: our own, or learned (v3)
	learned     bool          // it is learned
	peer        netip.Addr    // the Master last heard while Backup
	peerPrio    uint8
	discarded   bool       // its last advert was, for its lower priority
	found       string     // why it is known to be silent; "": it is not
	quiet       time.Time  // since when no advert has counted
	lastSrc     netip.Addr // of the last accepted advert
	highestPrio uint8      // the highest priority heard of anybody

	deadline time.Time // of the next advert while Master, of the takeover while Backup
	preempt  time.Time // end of preempt_delay; zero: not armed

	announce announceTimers
	restore  restoring
	rival    rival
	refusals refusals
	late     lateness
	changes  changes
	crowd    crowd

	stats Stats
}

type tracker struct {
	verdict Verdict
	value   int
	why     string
	adds    int // to the priority
}

func newInstance(g *Group, id ID, s *Spec) *instance {
	m := &instance{g: g, id: id, spec: s, interval: s.AdvertInterval, trackers: make([]tracker, len(s.Trackers))}
	m.total = int(s.Priority)
	m.priority = s.Priority
	return m
}

func (m *instance) emit(a Action) { m.g.emit(m.id, a) }

// logf logs a line that begins with the name of the instance.
func (m *instance) logf(detail bool, format string, args ...any) {
	m.emit(Log{Detail: detail, Text: "(" + m.spec.Name + ") " + fmt.Sprintf(format, args...)})
}

func (m *instance) owner() bool { return m.spec.Priority == Owner }

// immediate tells whether the instance becomes Master without waiting; in a
// sync group that takes all of them.
func (m *instance) immediate() bool { return m.g.owners() }

func (m *instance) masterDown() time.Duration {
	return masterDown(m.spec.Version, m.downPriority(), m.interval, m.spec.DownTimerAdverts)
}

func (m *instance) skew() time.Duration { return skew(m.spec.Version, m.downPriority(), m.interval) }

// downPriority is the priority that timers reckon with: an owner's never drops.
func (m *instance) downPriority() uint8 {
	if m.owner() {
		return Owner
	}
	return m.priority
}

func (m *instance) wake() time.Time {
	if !m.started {
		return time.Time{}
	}
	at := m.deadline
	if m.state == Master && !m.late.listening {
		at = earlier(at, m.announce.wake())
		at = earlier(at, m.restore.wake())
	}
	return at
}

// handle takes the events that concern one instance. Before Start they only
// tell facts.
func (m *instance) handle(now time.Time, ev Event) {
	switch ev := ev.(type) {
	case *AdvertReceived:
		m.received(now, ev)
	case Overrun:
		m.late.deaf = m.state == Backup && due(m.deadline, now) && !m.spec.StrictCompat
	case AdvertRejected:
		m.rejected(now, ev)
	case LinkChanged:
		m.linkDown, m.link = !ev.Up, ev.Name
		m.judge(now, "interface "+ev.Name+" up")
	case SourceChanged:
		m.sourceChanged(now, ev.Addr)
	case TrackChanged:
		m.trackChanged(now, ev)
	case PeerSilent:
		m.g.peerSilent(now, ev)
	case AddressLost:
		m.addressLost(now, ev)
	case Reconfigured:
		m.reconfigure(now, ev)
	}
}

// become records and reports a transition to another state than Master.
func (m *instance) become(now time.Time, to State, cause string) { m.turn(now, to, cause, ReasonNone) }

// turn records and reports a transition.
func (m *instance) turn(now time.Time, to State, cause string, reason MasterReason) {
	from := m.said
	m.state, m.said, m.since, m.cause = to, to, now, cause
	m.wants, m.found, m.late = false, "", lateness{}
	m.preempt = time.Time{}
	m.quiet = m.from(now)
	m.refusals.reset()
	m.emit(StateChanged{From: from, To: to, Priority: m.priority, Cause: cause, Reason: reason})
}

func (m *instance) tick(now time.Time) {
	if !m.started {
		return
	}
	switch m.state {
	case Backup:
		if due(m.deadline, now) && !m.listensOn(now) {
			m.timeout(now)
		}
	case Master:
		if due(m.deadline, now) {
			m.beat(now)
		}
		if m.state == Master && !m.late.listening {
			m.announceTick(now)
			m.restoreTick(now)
		}
	}
}

// timeout is the end of the wait for a Master (RFC 9568 section 6.4.2).
func (m *instance) timeout(now time.Time) {
	m.logf(true, "Receive advertisement timeout")
	m.wants = true
	if m.g.name != "" && !m.g.mayLead(m) {
		if m.pending() {
			m.logf(false, "Entering BACKUP STATE")
			m.become(now, Backup, "address owner, but its sync group is not ready")
			m.wants = true
		}
		m.deadline = m.countdown(now)
		return
	}
	cause, reason := m.silence(now)
	m.lead(now, cause, reason)
}

// silence says, also in words, why nobody else is Master.
func (m *instance) silence(now time.Time) (string, MasterReason) {
	since := now.Sub(m.quiet).Round(time.Microsecond)
	switch {
	case m.pending():
		return "address owner", ReasonPriority
	case !m.peer.IsValid():
		return fmt.Sprintf("no advert heard for %v", since), ReasonNoResponse
	case m.found != "":
		return m.foundSilent(), ReasonNoResponse
	case m.peerPrio == 0:
		return fmt.Sprintf("%s gave up mastership (priority 0)", m.peer), ReasonPriority
	case m.discarded:
		return fmt.Sprintf("%spreempting %s: priority %d, ours %d", m.changes.decided(m.peerPrio, false), m.peer, m.peerPrio, m.priority), ReasonPreempted
	}
	return fmt.Sprintf("no advert from %s (priority %d) for %v", m.peer, m.peerPrio, since), ReasonNoResponse
}

// lead makes the instance Master: first the advert, then the addresses, then
// their announcement (RFC 9568 section 6.4.2, (370) to (410)).
func (m *instance) lead(now time.Time, cause string, reason MasterReason) {
	if m.interval != m.spec.AdvertInterval {
		m.logf(true, "changing advert interval from %dms to locally configured %dms",
			m.interval.Milliseconds(), m.spec.AdvertInterval.Milliseconds())
	}
	m.ownInterval()
	m.rivalGone()
	m.advertise()
	m.logf(false, "Entering MASTER STATE")
	m.emit(AddAddresses{})
	m.stats.BecameMaster++
	m.deadline = now.Add(m.spec.AdvertInterval)
	m.forgetMaster()
	m.crowd.answers = 0
	m.restore = restoring{}
	m.announceBlock(now)
	m.turn(now, Master, cause, reason)
	m.g.follow(now, m, Master, cause, reason)
}

// yield makes a Master a Backup.
func (m *instance) yield(now time.Time, cause string) {
	m.logf(false, "Entering BACKUP STATE")
	m.stepDown(now, cause)
	m.g.follow(now, m, Backup, cause, ReasonNone)
}

// stepDown is what every way from Master to Backup has in common.
func (m *instance) stepDown(now time.Time, cause string) {
	m.emit(RemoveAddresses{})
	m.stats.ReleasedMaster++
	m.become(now, Backup, cause)
	m.deadline = m.countdown(now)
}

// forgetMaster forgets who was Master.
func (m *instance) forgetMaster() {
	m.peer, m.peerPrio = netip.Addr{}, 0
	m.crowd.obeyed, m.crowd.rank, m.crowd.goodbyes = netip.Addr{}, 0, 0
}

// ownInterval forgets the interval of a Master.
func (m *instance) ownInterval() { m.interval, m.learned = m.spec.AdvertInterval, false }

func (m *instance) advertise() {
	m.stats.AdvertsSent++
	m.g.send(m.id, SendAdvert{Priority: m.priority, Source: m.source})
}

// sendZero says that we stop being Master (RFC 9568 section 6.4.3, (665)).
func (m *instance) sendZero(times int) {
	src := m.source
	if !src.IsValid() && !m.spec.IPv6 {
		src = m.oldSrc
	}
	if !src.IsValid() {
		return
	}
	for range times {
		m.stats.AdvertsSent++
		m.g.send(m.id, SendAdvert{Priority: 0, Source: src})
	}
	m.stats.ZeroSent++
	m.logf(true, "sent 0 priority")
}
