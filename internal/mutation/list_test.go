package mutation

import "slices"

// faults are all of them.
var faults = slices.Concat(ownFaults, sharedFaults)

// ownFaults are in what an instance does about adverts and its timers.
var ownFaults = []fault{
	// Timers.
	{
		name: "skew of version 2 off by one", file: "timer.go", fn: "skew",
		old: "(256-int64(priority))*1_000_000", now: "(255-int64(priority))*1_000_000",
	},
	{
		name: "skew of version 3 off by one", file: "timer.go", fn: "skew",
		old: "(256-int64(priority))*centiseconds", now: "(255-int64(priority))*centiseconds",
	},
	{
		name: "skew of version 2 grows with the interval", file: "timer.go", fn: "skew",
		old: "if version == 2 {", now: "if version == 0 {",
	},
	{
		name: "one interval of silence less", file: "timer.go", fn: "masterDown",
		old: "time.Duration(adverts)*interval", now: "time.Duration(adverts-1)*interval",
	},
	{
		name: "no skew", file: "timer.go", fn: "masterDown",
		old: " + skew(version, priority, interval)", now: "",
	},
	{
		name: "owner reckons with an effective priority", file: "instance.go", fn: "instance.downPriority",
		old: "if m.owner() {", now: "if false {",
	},

	// Backup.
	{
		name: "priority 0 ignored by a Backup", file: "receive.go", fn: "instance.receivedBackup", often: true,
		old: "if a.Priority == 0 {", now: "if false {",
	},
	{
		name: "whole wait after priority 0", file: "crowd.go", fn: "instance.goodbye",
		old: "now.Add(m.skew())", now: "now.Add(m.masterDown())",
	},
	{
		name: "no wait after priority 0", file: "crowd.go", fn: "instance.goodbye",
		old: "now.Add(m.skew())", now: "now",
	},
	{
		name: "priority 0 believed of anybody", file: "crowd.go", fn: "instance.goodbye",
		old: "if !strict && m.peer.IsValid() && a.Src != m.peer && a.Src != c.obeyed {", now: "if false {",
	},
	{
		name: "priority 0 believed however often it comes", file: "crowd.go", fn: "instance.goodbye",
		old: "if !strict && c.goodbyes > goodbyesMax {", now: "if false {",
		unseen: "nobody in the simulator says goodbye five times in a row",
	},
	{
		name: "every advert answered by a Master", file: "crowd.go", fn: "instance.mayAnswer",
		old: "if m.crowd.answers >= answersMax {", now: "if false {",
	},
	{
		name: "timer not reset by an advert that is accepted", file: "receive.go", fn: "instance.receivedBackup",
		old: "m.deadline = m.learn(now, a)", now: "m.learn(now, a)",
	},
	{
		name: "still ready to lead after an advert that is accepted", file: "receive.go", fn: "instance.receivedBackup",
		old: "m.wants, m.quiet, m.late = false, now, lateness{}", now: "m.quiet, m.late = now, lateness{}",
	},
	{
		name: "mixed group stays so", file: "receive.go", fn: "instance.receivedBackup",
		old: "m.g.unmix(now, m)", now: "",
	},
	{
		name: "equal priority not accepted by a Backup", file: "receive.go", fn: "instance.accepts",
		old: "priority >= m.priority", now: "priority > m.priority",
	},
	{
		name: "preemption ignored", file: "receive.go", fn: "instance.accepts",
		old: "return false", now: "return true",
	},
	{
		name: "nopreempt ignored", file: "receive.go", fn: "instance.accepts",
		old: "if m.spec.NoPreempt {", now: "if false {",
	},
	{
		name: "preempt delay over at once", file: "receive.go", fn: "instance.accepts",
		old: "now.Add(m.spec.PreemptDelay)", now: "now",
	},
	{
		name: "preempt delay never over", file: "receive.go", fn: "instance.accepts",
		old: "return m.preempt.After(now)", now: "return true",
	},
	{
		name: "preempt delay not cancelled", file: "receive.go", fn: "instance.accepts",
		old: "m.preempt = time.Time{}", now: "",
	},
	{
		name: "preempt delay kept over transitions", file: "instance.go", fn: "instance.turn",
		old: "m.preempt = time.Time{}", now: "",
	},
	{
		name: "interval not learned", file: "receive.go", fn: "instance.learn",
		old: "m.interval, m.learned = interval, m.learned || a.Interval > 0", now: "m.learned = true",
	},
	{
		name: "interval learned in version 2", file: "receive.go", fn: "instance.learn",
		old: "if m.spec.Version != 3 {", now: "if false {",
	},
	{
		name: "interval of nothing learned", file: "receive.go", fn: "instance.learn",
		old: "if a.Interval > 0 {", now: "{",
	},
	{
		name: "one that gives way shortens the wait", file: "receive.go", fn: "instance.learn",
		old: "deadline, interval = later(before, deadline), max(m.interval, interval)", now: "_, interval = before, max(m.interval, interval)",
	},
	{
		name: "one that gives way teaches its interval", file: "receive.go", fn: "instance.learn",
		old: "later(before, deadline), max(m.interval, interval)", now: "later(before, deadline), interval",
	},
	{
		name: "a Master of less priority than before counts as one that gives way", file: "crowd.go", fn: "crowd.outranks",
		old: "a.Src != c.obeyed && ", now: "",
	},
	{
		name: "a Master that said goodbye counts as better than the next", file: "crowd.go", fn: "instance.goodbye",
		old: "c.rank = 0", now: "",
	},
	{
		name: "hears during a start delay", file: "receive.go", fn: "instance.hears",
		old: "m.state == Backup && m.g.silentUntil.IsZero()", now: "m.state == Backup",
	},
	{
		name: "rejected packet restarts the timer", file: "receive.go", fn: "instance.rejected", often: true,
		old: "m.stats.count(ev.Reject)", now: "m.stats.count(ev.Reject)\n\tm.deadline = now.Add(m.masterDown())",
	},
	{
		name: "rejected packets not counted", file: "receive.go", fn: "instance.rejected",
		old: "m.stats.count(ev.Reject)", now: "",
		unseen: "the simulator does not read the statistics",
	},

	// Master.
	{
		name: "priority 0 not answered by a Master", file: "receive.go", fn: "instance.receivedMaster",
		old: "m.readvertise(now)", now: "",
	},
	{
		name: "yields to the same priority from a lower address", file: "receive.go", fn: "instance.receivedMaster",
		old: "case a.Priority > m.priority:", now: "case a.Priority >= m.priority:",
	},
	{
		name: "wrong tie-break", file: "receive.go", fn: "instance.receivedMaster", often: true,
		old: "a.Priority == m.priority && order > 0", now: "a.Priority == m.priority && order < 0",
	},
	{
		name: "no tie-break", file: "receive.go", fn: "instance.receivedMaster",
		old: "a.Priority == m.priority && order > 0", now: "a.Priority == m.priority && order > 1",
	},
	{
		name: "higher_prio_send_advert ignored", file: "receive.go", fn: "instance.receivedMaster",
		old: "if m.spec.HigherPrioSendAdvert && !unsure {", now: "if false {",
	},
	{
		name: "interval not learned when giving way", file: "receive.go", fn: "instance.giveWay",
		old: "m.learn(now, a)", now: "",
	},
	{
		name: "lower priority not answered", file: "receive.go", fn: "instance.lowerHeard",
		old: "m.readvertise(now)", now: "",
	},
	{
		name: "lower_prio_no_advert ignored", file: "receive.go", fn: "instance.lowerHeard",
		old: "if !m.spec.LowerPrioNoAdvert {", now: "{",
	},
	{
		name: "no announcement against a lower priority", file: "receive.go", fn: "instance.lowerHeard",
		old: "m.announceLower(now)\n\tfor", now: "for",
	},
	{
		name: "group does not announce against a lower priority", file: "receive.go", fn: "instance.lowerHeard",
		old: "if o != m && o.state == Master && !o.late.listening {", now: "if false {",
	},
	{
		name: "timer not reset by an advert out of turn", file: "receive.go", fn: "instance.readvertise",
		old: "m.deadline = now.Add(m.spec.AdvertInterval)", now: "",
	},
	{
		name: "late adverts are made up for", file: "late.go", fn: "instance.beat",
		old: "m.deadline = now.Add(m.spec.AdvertInterval)", now: "m.deadline = m.deadline.Add(m.spec.AdvertInterval)",
	},
	{
		name: "every second advert only", file: "late.go", fn: "instance.beat",
		old: "m.deadline = now.Add(m.spec.AdvertInterval)", now: "m.deadline = now.Add(2 * m.spec.AdvertInterval)",
	},
	{
		name: "Master is silent", file: "late.go", fn: "instance.beat",
		old: "m.advertise()\n", now: "\n",
	},
	{
		name: "no advert when becoming Master", file: "instance.go", fn: "instance.lead",
		old: "m.advertise()\n", now: "\n",
	},
	{
		name: "addresses before the first advert", file: "instance.go", fn: "instance.lead",
		old: "m.advertise()\n\tm.logf(false, \"Entering MASTER STATE\")\n\tm.emit(AddAddresses{})",
		now: "m.emit(AddAddresses{})\n\tm.logf(false, \"Entering MASTER STATE\")\n\tm.advertise()",
	},
	{
		name: "addresses not taken", file: "instance.go", fn: "instance.lead",
		old: "m.emit(AddAddresses{})", now: "",
	},
	{
		name: "learned interval not reset", file: "instance.go", fn: "instance.lead",
		old: "m.ownInterval()", now: "",
	},
	{
		name: "addresses not announced", file: "instance.go", fn: "instance.lead",
		old: "m.announceBlock(now)", now: "",
	},
	{
		name: "pace of restorations kept over transitions", file: "instance.go", fn: "instance.lead",
		old: "m.restore = restoring{}", now: "", rare: true,
	},
	{
		name: "addresses not released by one that yields", file: "instance.go", fn: "instance.stepDown", often: true,
		old: "m.emit(RemoveAddresses{})", now: "",
	},
	{
		name: "no wait after yielding", file: "instance.go", fn: "instance.stepDown",
		old: "m.deadline = m.countdown(now)", now: "",
	},
	{
		name: "advertises the configured priority", file: "instance.go", fn: "instance.advertise",
		old: "Priority: m.priority", now: "Priority: m.spec.Priority",
	},
	{
		name: "priority 0 from nowhere once the address is gone", file: "instance.go", fn: "instance.sendZero",
		old: "src = m.oldSrc", now: "return",
	},

	// Lateness.
	{
		name: "Backup that was away takes over at once", file: "instance.go", fn: "instance.tick",
		old: "!m.listensOn(now)", now: "true",
	},
	{
		name: "Backup listens for ever", file: "late.go", fn: "instance.listensOn",
		old: " || m.late.waits >= m.spec.DownTimerAdverts", now: "",
		unseen: "in no world every timer is late by more than an interval",
	},
	{
		name: "Backup that has yielded takes over at once", file: "late.go", fn: "instance.listensOn",
		old: "m.deadline = m.countdown(now)", now: "",
	},
	{
		name: "Master that was away advertises at once", file: "late.go", fn: "instance.beat",
		old: "late := m.away(now)", now: "late := time.Duration(0)",
	},
	{
		name: "Master that goes on does not announce", file: "late.go", fn: "instance.beat",
		old: "m.announceBlock(now)", now: "",
	},
	{
		name: "Master that was away fights a newer one", file: "receive.go", fn: "instance.receivedMaster",
		old: "case unsure && (", now: "case false && (",
	},
	{
		name: "Master announces while it listens", file: "instance.go", fn: "instance.tick",
		old: "if m.state == Master && !m.late.listening {", now: "if m.state == Master {",
	},
	{
		name: "sleep is not counted", file: "late.go", fn: "Group.slept",
		old: "*t = sooner(*t, d)", now: "_ = t",
	},

	// Two owners.
	{
		name: "wrong owner gives way", file: "rival.go", fn: "instance.rivalHeard",
		old: "if order > 0 {", now: "if order < 0 {",
	},
	{
		name: "owner never lowers its priority", file: "rival.go", fn: "instance.rivalHeard",
		old: "r.sent >= 2 && now.Sub(r.second) > r.every*6/5", now: "false",
	},
	{
		name: "owner lowers its priority too early", file: "rival.go", fn: "instance.rivalHeard",
		old: "now.Sub(r.second) > r.every*6/5", now: "now.Sub(r.second) > r.every/5",
	},
	{
		name: "owner keeps the lower priority", file: "rival.go", fn: "instance.rivalForgotten",
		old: "if was && m.owner() {", now: "if was && false {",
	},
}
