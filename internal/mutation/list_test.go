package mutation

// faults is in the order of the files of package fsm.
var faults = []fault{
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
		name: "preempt delay kept over transitions", file: "instance.go", fn: "instance.become",
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

	// Sync groups.
	{
		name: "group does not follow to Master", file: "group.go", fn: "Group.follow",
		old: "m.lead(now, why)", now: "",
	},
	{
		name: "group does not follow to Backup", file: "group.go", fn: "Group.follow", often: true,
		old: "m.yield(now, why)", now: "",
	},
	{
		name: "group does not follow to FAULT", file: "group.go", fn: "Group.follow",
		old: "m.fail(now, why)", now: "",
	},
	{
		name: "member leads alone", file: "group.go", fn: "Group.mayLead",
		old: "return false", now: "return true",
	},
	{
		name: "member leads with one that is ready", file: "group.go", fn: "Group.mayLead",
		old: "!(o.state == Backup && o.wants)", now: "o.state != Backup",
	},
	{
		name: "member does not wait again", file: "instance.go", fn: "instance.timeout",
		old: "m.deadline = m.countdown(now)", now: "",
	},
	{
		name: "group leaves FAULT too early", file: "group.go", fn: "Group.ready",
		old: "return false", now: "return true",
	},
	{
		name: "only one member leaves FAULT", file: "group.go", fn: "Group.rise",
		old: "m.enter(now, \"\", why)", now: "_ = why",
	},
	{
		name: "all of a group hand over for one lost address", file: "fault.go", fn: "Group.handOver",
		old: "if m.state == Master {", now: "if false {",
	},

	// FAULT and trackers.
	{
		name: "priority 0 not sent when failing", file: "fault.go", fn: "instance.fail",
		old: "m.sendZero(times)", now: "_ = times",
	},
	{
		name: "priority 0 sent once when failing", file: "fault.go", fn: "instance.fail",
		old: "times := 2", now: "times := 1",
	},
	{
		name: "addresses not released when failing", file: "fault.go", fn: "instance.fail",
		old: "m.emit(RemoveAddresses{})", now: "",
	},
	{
		name: "timer runs on in FAULT", file: "fault.go", fn: "instance.fail",
		old: "m.deadline = time.Time{}", now: "",
	},
	{
		name: "no wait after FAULT", file: "fault.go", fn: "instance.recover",
		old: "m.deadline = m.countdown(now)", now: "m.deadline = now",
	},
	{
		name: "interval kept over FAULT", file: "fault.go", fn: "instance.recover",
		old: "m.ownInterval()", now: "",
	},
	{
		name: "peers not told of the address after FAULT", file: "fault.go", fn: "instance.recover",
		old: "m.spec.Unicast && m.source.IsValid()", now: "false",
		unseen: "networks of the simulator have no neighbour tables",
	},
	{
		name: "link does not matter", file: "fault.go", fn: "instance.faulty",
		old: "case m.linkDown && !m.spec.DontTrackPrimary:", now: "case false:",
	},
	{
		name: "source address does not matter", file: "fault.go", fn: "instance.faulty",
		old: "case !m.source.IsValid():", now: "case false:",
	},
	{
		name: "does not wait for its scripts", file: "fault.go", fn: "instance.held",
		old: "return true", now: "return false",
	},
	{
		name: "hand-over waits the whole time", file: "fault.go", fn: "instance.handOver",
		old: "m.deadline = now.Add(m.skew())", now: "",
	},
	{
		name: "priority 0 not sent at a hand-over", file: "fault.go", fn: "instance.handOver",
		old: "m.sendZero(1)", now: "",
	},
	{
		name: "weight counts when the script fails", file: "track.go", fn: "instance.contribution",
		old: "case w > 0 && t.verdict == Good:", now: "case w > 0 && t.verdict == Bad:",
	},
	{
		name: "priority may reach that of an owner", file: "track.go", fn: "instance.reckon",
		old: "Owner-1", now: "Owner",
	},
	{
		name: "priority may drop to nothing", file: "track.go", fn: "instance.reckon",
		old: "max(m.total, 1)", now: "max(m.total, 0)",
	},
	{
		name: "priority of an owner changes", file: "track.go", fn: "instance.reckon",
		old: "if m.owner() {", now: "if false {",
	},
	{
		name: "new priority does not move the deadline", file: "track.go", fn: "instance.changePriority",
		old: "m.deadline = m.deadline.Add(m.masterDown() - before)", now: "_ = before",
	},

	// Reload.
	{
		name: "Backup forgets the interval at a reload", file: "track.go", fn: "instance.reconfigure",
		old: "!m.learned", now: "true",
	},
	{
		name: "Backup does not wait anew at a reload", file: "track.go", fn: "instance.reconfigure",
		old: "m.deadline = m.countdown(now)", now: "",
	},
	{
		name: "Master does not advertise at a reload", file: "track.go", fn: "instance.reconfigure",
		old: "m.readvertise(now)", now: "",
	},
	{
		name: "new addresses not taken at a reload", file: "track.go", fn: "instance.reconfigure",
		old: "m.emit(AddAddresses{})\n\t\tm.replan", now: "m.replan",
	},
	{
		name: "new addresses not announced at a reload", file: "track.go", fn: "instance.reconfigure",
		old: "m.replanAnnouncements(now, ev.AddressesAdded)", now: "m.replanAnnouncements(now, false)",
	},
	{
		name: "priority not reckoned at a reload", file: "track.go", fn: "instance.reconfigure",
		old: "m.reckon(\"configuration changed\")", now: "",
	},
	{
		name: "verdicts forgotten at a reload", file: "track.go", fn: "instance.reconfigure",
		old: "m.trackers[i] = trackers[j]", now: "_, _ = i, trackers[j]",
	},
	{
		name: "preempt delay kept at a reload that changes it", file: "track.go", fn: "instance.reconfigure",
		old: "if old.PreemptDelay != m.spec.PreemptDelay {", now: "if false {",
	},

	// Start and stop.
	{
		name: "start delay ignored", file: "start.go", fn: "Group.start",
		old: "g.silentUntil = now.Add(ev.Delay)", now: "",
	},
	{
		name: "start delay never over", file: "group.go", fn: "Group.tick",
		old: "g.silentUntil = time.Time{}", now: "",
	},
	{
		name: "start delay lost with the old group", file: "stats.go", fn: "Group.Adopt",
		old: "g.silentUntil = later(g.silentUntil, old.silentUntil)", now: "",
	},
	{
		name: "timers kept when a start delay is changed", file: "start.go", fn: "Group.delay",
		old: "m.deadline.Add(shift)", now: "m.deadline.Add(0 * shift)",
		unseen: "no simulated reload changes the delay",
	},
	{
		name: "timers run during a start delay", file: "start.go", fn: "instance.from",
		old: "later(now, m.g.silentUntil)", now: "now",
	},
	{
		name: "priority 0 not sent at stop", file: "start.go", fn: "Group.stop", often: true,
		old: "live = live || m.started\n\t\tif m.state == Master && !ev.Keep {", now: "live = live || m.started\n\t\tif false {",
	},
	{
		name: "addresses not released at stop", file: "start.go", fn: "Group.stop",
		old: "\tm.emit(RemoveAddresses{})\n\t\t}\n\t}\n\tfor", now: "}\n\t}\n\tfor",
	},
	{
		name: "owner waits", file: "instance.go", fn: "instance.immediate",
		old: "return m.g.owners()", now: "return false",
	},
	{
		name: "everybody with state MASTER is Master at once", file: "group.go", fn: "Group.owners",
		old: "!m.owner() || !m.spec.StartMaster", now: "!m.spec.StartMaster",
	},
	{
		name: "owner with state BACKUP is Master at once", file: "group.go", fn: "Group.owners",
		old: "!m.owner() || !m.spec.StartMaster", now: "!m.owner()",
	},

	// Announcements and lost addresses.
	{
		name: "no second announcement", file: "announce.go", fn: "instance.announceBlock",
		old: "m.announce.delayed = now.Add(c.Delay)", now: "",
	},
	{
		name: "refreshed once only", file: "announce.go", fn: "instance.announceTick",
		old: "t.refresh = now.Add(c.Refresh)", now: "t.refresh = time.Time{}",
	},
	{
		name: "extra interfaces announced once only", file: "announce.go", fn: "instance.announceTick",
		old: "t.extra = now.Add(c.Extra)", now: "t.extra = time.Time{}",
	},
	{
		name: "second announcement for ever", file: "announce.go", fn: "instance.announceTick",
		old: "t.delayed = time.Time{}", now: "",
	},
	{
		name: "no second announcement against a lower priority", file: "announce.go", fn: "instance.announceLower",
		old: "m.announce.lower = now.Add(c.LowerDelay)", now: "",
	},
	{
		name: "lost addresses not put back", file: "restore.go", fn: "instance.restoreTick",
		old: "m.emit(AddAddresses{})", now: "",
	},
	{
		name: "lost addresses put back as fast as they go", file: "restore.go", fn: "Pace.Lost",
		old: "at.Before(now)", now: "true",
	},
	{
		name: "lost addresses put back only at once", file: "restore.go", fn: "instance.restoreTick",
		old: "if !due(r.at, now) {", now: "if r.at != now {",
	},
	{
		name: "addresses put back are not announced", file: "restore.go", fn: "instance.restoreTick",
		old: "m.emit(Announce{Rounds: 1, Why: AnnounceRestored})", now: "",
	},
}
