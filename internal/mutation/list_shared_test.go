package mutation

// sharedFaults are in what it does about others of its group, about what is tracked, and
// about what is changed under it.
var sharedFaults = []fault{
	// Sync groups.
	{
		name: "group does not follow to Master", file: "group.go", fn: "Group.follow",
		old: "m.lead(now, why, reason)", now: "",
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
