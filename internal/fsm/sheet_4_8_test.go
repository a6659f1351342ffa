package fsm

import (
	"testing"
	"time"
)

// Section 4.8: a member that is ready waits for the others, with its timer
// restarted; the last one that is ready is the first Master.
func TestSheet_4_8_LastOneLeads(t *testing.T) {
	l := newLab(t, "G", v2("A", 100, plain), v2("B", 150, plain), v2("C", 50, plain))
	l.all("0s", Start{}, `
		A group INIT to BACKUP
		A log: (A) Entering BACKUP STATE (init)
		A INIT to BACKUP at 100: start
		B log: (B) Entering BACKUP STATE (init)
		B INIT to BACKUP at 150: start
		C log: (C) Entering BACKUP STATE (init)
		C INIT to BACKUP at 50: start
		wake 3.414062s`)
	l.tick("3.414062s", `
		B detail: (B) Receive advertisement timeout
		wake 3.609375s`)
	l.tick("3.609375s", `
		A detail: (A) Receive advertisement timeout
		wake 3.804687s`)
	if v := l.g.View(1); !v.Wants || v.State != Backup {
		t.Errorf("B wants Master %v, state %v; want true, BACKUP", v.Wants, v.State)
	}
	l.tick("3.804687s", `
		C detail: (C) Receive advertisement timeout
		C send 50 from 192.0.2.12
		C log: (C) Entering MASTER STATE
		C add addresses
		C BACKUP to MASTER at 50: no advert heard for 3.804687s
		A log: VRRP_Group(G) Syncing instances to MASTER state
		A send 100 from 192.0.2.10
		A log: (A) Entering MASTER STATE
		A add addresses
		A BACKUP to MASTER at 100: sync group G follows C: no advert heard for 3.804687s
		B send 150 from 192.0.2.11
		B log: (B) Entering MASTER STATE
		B add addresses
		B BACKUP to MASTER at 150: sync group G follows C: no advert heard for 3.804687s
		A group BACKUP to MASTER
		wake 4.804687s`)
	l.tick("4.804687s", `
		A send 100 from 192.0.2.10
		B send 150 from 192.0.2.11
		C send 50 from 192.0.2.12
		wake 5.804687s`)
}

// A member that hears a better one wants no longer.
func TestSheet_4_8_WantsNoLonger(t *testing.T) {
	l := newLab(t, "G", v2("A", 100, plain), v2("B", 150, plain)).start()
	l.tick("3.414062s", `
		B detail: (B) Receive advertisement timeout
		wake 3.609375s`)
	l.step("3.5s", 1, heard("192.0.2.20", 200), `
		B detail: (B) master set to 192.0.2.20
		wake 3.609375s`)
	l.tick("3.609375s", `
		A detail: (A) Receive advertisement timeout
		wake 6.914062s`)
	l.step("4s", 0, heard("192.0.2.20", 200), `
		A detail: (A) master set to 192.0.2.20
		wake 6.914062s`)
	// B alone cannot preempt.
	l.tick("6.914062s", `
		B detail: (B) Receive advertisement timeout
		wake 7.609375s`)
	l.step("7s", 0, heard("192.0.2.20", 200), `
		wake 10.328124s`)
	l.tick("10.328124s", `
		B detail: (B) Receive advertisement timeout
		wake 10.609375s`)
	l.tick("10.609375s", `
		A detail: (A) Receive advertisement timeout
		A send 100 from 192.0.2.10
		A log: (A) Entering MASTER STATE
		A add addresses
		A BACKUP to MASTER at 100: no advert from 192.0.2.20 (priority 200) for 3.609375s
		A log: VRRP_Group(G) Syncing instances to MASTER state
		B send 150 from 192.0.2.11
		B log: (B) Entering MASTER STATE
		B add addresses
		B BACKUP to MASTER at 150: sync group G follows A: no advert from 192.0.2.20 (priority 200) for 3.609375s
		A group BACKUP to MASTER
		wake 11.609375s`)
}

// A Master that hears of a better one takes the others with it, and they say
// no priority 0.
func TestSheet_4_8_ToBackup(t *testing.T) {
	l := newLab(t, "G", v2("A", 100, plain), v2("B", 100, plain)).lead()
	l.step("10s", 1, heard("192.0.2.20", 200), `
		B log: (B) Master received advert from 192.0.2.20 with higher priority 200, ours 100
		B detail: (B) master set to 192.0.2.20
		B log: (B) Entering BACKUP STATE
		B remove addresses
		B MASTER to BACKUP at 100: advert from 192.0.2.20 with priority 200, ours 100
		A log: VRRP_Group(G) Syncing instances to BACKUP state
		A log: (A) Entering BACKUP STATE
		A remove addresses
		A MASTER to BACKUP at 100: sync group G follows B: advert from 192.0.2.20 with priority 200, ours 100
		A group MASTER to BACKUP
		wake 13.609375s`)
}

// A fault of one is a fault of all: the others say priority 0 once.
func TestSheet_4_8_ToFault(t *testing.T) {
	l := newLab(t, "G", v2("A", 100, plain), v2("B", 120, plain)).lead()
	l.step("10s", 1, LinkChanged{Name: "eth1"}, `
		B log: (B) Entering FAULT STATE
		B send 0 from 192.0.2.11
		B send 0 from 192.0.2.11
		B detail: (B) sent 0 priority
		B remove addresses
		B MASTER to FAULT at 120: interface eth1 down
		A log: VRRP_Group(G) Syncing instances to FAULT state
		A log: (A) Entering FAULT STATE
		A send 0 from 192.0.2.10
		A detail: (A) sent 0 priority
		A remove addresses
		A MASTER to FAULT at 100: sync group G follows B: interface eth1 down
		A group MASTER to FAULT
		wake never`)
	// It takes no member to be well again, but all.
	l.step("11s", 0, LinkChanged{Name: "eth0"}, `
		wake never`)
	l.step("12s", 1, LinkChanged{Up: true, Name: "eth1"}, `
		wake never`)
	l.step("13s", 0, LinkChanged{Up: true, Name: "eth0"}, `
		A log: (A) Entering BACKUP STATE
		A FAULT to BACKUP at 100: interface eth0 up
		A log: VRRP_Group(G) Syncing instances to BACKUP state
		B log: (B) Entering BACKUP STATE
		B FAULT to BACKUP at 120: sync group G follows A: interface eth0 up
		A group FAULT to BACKUP
		wake 16.53125s`)
	l.step("14s", 0, LinkChanged{Name: "eth0"}, `
		A log: (A) Entering FAULT STATE
		A BACKUP to FAULT at 100: interface eth0 down
		A log: VRRP_Group(G) Syncing instances to FAULT state
		B log: (B) Entering FAULT STATE
		B BACKUP to FAULT at 120: sync group G follows A: interface eth0 down
		A group BACKUP to FAULT
		wake never`)
}

// Started with a faulty member: the reasons, the group, the members, and only
// then the report of the group.
func TestSheet_4_8_FaultAtStart(t *testing.T) {
	l := newLab(t, "G", v2("A", 100, plain), v2("B", 120, plain, tracks(Tracker{Kind: TrackProcess, Name: "p", Weight: 30})))
	l.quiet(1, LinkChanged{Name: "eth1"})
	l.quiet(1, TrackChanged{Verdict: Good})
	l.all("0s", Start{}, `
		B log: (B) Changing effective priority from 120 to 150
		B priority 120 to 150: process p is good
		B log: (B): entering FAULT state (interface eth1 down)
		A log: VRRP_Group(G): Syncing B to FAULT state
		A log: (A) entering FAULT state
		A INIT to FAULT at 100: sync group G is in FAULT: B: interface eth1 down
		B log: (B) entering FAULT state
		B INIT to FAULT at 150: interface eth1 down
		A group INIT to FAULT
		wake never`)
	if got := l.g.State(); got != Fault {
		t.Errorf("group state %v", got)
	}
	l.step("5s", 1, LinkChanged{Up: true, Name: "eth1"}, `
		B log: (B) Entering BACKUP STATE
		B FAULT to BACKUP at 150: interface eth1 up
		A log: VRRP_Group(G) Syncing instances to BACKUP state
		A log: (A) Entering BACKUP STATE
		A FAULT to BACKUP at 100: sync group G follows B: interface eth1 up
		A group FAULT to BACKUP
		wake 8.414062s`)
}

// A member that waits for its script holds all of them.
func TestSheet_4_8_Held(t *testing.T) {
	spec := v2("B", 110, plain, tracks(Tracker{Kind: TrackScript, Name: "chk"}))
	l := newLab(t, "G", v2("A", 100, plain), spec, v2("C", 100, plain))
	l.all("0s", Start{}, `
		wake never`)
	l.step("1s", 0, LinkChanged{Name: "eth0"}, `
		A log: (A) Entering FAULT STATE
		A INIT to FAULT at 100: interface eth0 down
		A log: VRRP_Group(G) Syncing instances to FAULT state
		B log: (B) Entering FAULT STATE
		B INIT to FAULT at 110: sync group G follows A: interface eth0 down
		C log: (C) Entering FAULT STATE
		C INIT to FAULT at 100: sync group G follows A: interface eth0 down
		A group INIT to FAULT
		wake never`)
	l.step("2s", 0, LinkChanged{Up: true, Name: "eth0"}, `
		wake never`)
	l.step("3s", 1, TrackChanged{Verdict: Good, Why: "script chk succeeded"}, `
		B log: (B) Entering BACKUP STATE
		B FAULT to BACKUP at 110: script chk succeeded
		A log: VRRP_Group(G) Syncing instances to BACKUP state
		A log: (A) Entering BACKUP STATE
		A FAULT to BACKUP at 100: sync group G follows B: script chk succeeded
		C log: (C) Entering BACKUP STATE
		C FAULT to BACKUP at 100: sync group G follows B: script chk succeeded
		A group FAULT to BACKUP
		wake 6.570312s`)

	l = newLab(t, "G", v2("A", 100, plain), spec)
	l.all("0s", Start{}, `
		wake never`)
	l.step("3s", 1, TrackChanged{Verdict: Good, Why: "script chk succeeded"}, `
		B log: (B) Entering BACKUP STATE
		B INIT to BACKUP at 110: script chk succeeded
		A log: VRRP_Group(G) Syncing instances to BACKUP state
		A log: (A) Entering BACKUP STATE
		A INIT to BACKUP at 100: sync group G follows B: script chk succeeded
		A group INIT to BACKUP
		wake 6.570312s`)

	l = newLab(t, "G", v2("A", 100, plain), spec)
	l.all("0s", Start{}, `
		wake never`)
	l.step("3s", 1, TrackChanged{Verdict: Bad, Why: "script chk failed"}, `
		B log: (B) Entering FAULT STATE
		B INIT to FAULT at 110: script chk failed
		A log: VRRP_Group(G) Syncing instances to FAULT state
		A log: (A) Entering FAULT STATE
		A INIT to FAULT at 100: sync group G follows B: script chk failed
		A group INIT to FAULT
		wake never`)
}

// A group of owners leads at once; one that is not an owner makes all of them
// wait.
func TestSheet_4_8_Owners(t *testing.T) {
	l := newLab(t, "G", v2("A", 255, plain, startMaster), v2("B", 255, plain, startMaster))
	l.all("0s", Start{}, `
		A detail: (A) Receive advertisement timeout
		A send 255 from 192.0.2.10
		A log: (A) Entering MASTER STATE
		A add addresses
		A INIT to MASTER at 255: address owner
		A log: VRRP_Group(G) Syncing instances to MASTER state
		B send 255 from 192.0.2.11
		B log: (B) Entering MASTER STATE
		B add addresses
		B INIT to MASTER at 255: sync group G follows A: address owner
		A group INIT to MASTER
		wake 1s`)
	l = newLab(t, "G", v2("A", 255, plain, startMaster), v2("B", 100, plain))
	l.all("0s", Start{}, `
		A group INIT to BACKUP
		A log: (A) Entering BACKUP STATE (init)
		A INIT to BACKUP at 255: start
		B log: (B) Entering BACKUP STATE (init)
		B INIT to BACKUP at 100: start
		wake 3.003906s`)
	l.tick("3.003906s", `
		A detail: (A) Receive advertisement timeout
		wake 3.609375s`)
	l.tick("3.609375s", `
		B detail: (B) Receive advertisement timeout
		B send 100 from 192.0.2.11
		B log: (B) Entering MASTER STATE
		B add addresses
		B BACKUP to MASTER at 100: no advert heard for 3.609375s
		A log: VRRP_Group(G) Syncing instances to MASTER state
		A send 255 from 192.0.2.10
		A log: (A) Entering MASTER STATE
		A add addresses
		A BACKUP to MASTER at 255: sync group G follows B: no advert heard for 3.609375s
		A group BACKUP to MASTER
		wake 4.609375s`)
}

func TestSheet_4_8_OwnersLater(t *testing.T) {
	l := newLab(t, "G", v2("A", 255, plain, startMaster), v2("B", 255, plain, startMaster))
	l.all("0s", Start{Delay: 5 * time.Second}, `
		wake 5s`)
	l.tick("5s", `
		A log: Delayed start completed
		A detail: (A) Receive advertisement timeout
		A send 255 from 192.0.2.10
		A log: (A) Entering MASTER STATE
		A add addresses
		A INIT to MASTER at 255: address owner
		A log: VRRP_Group(G) Syncing instances to MASTER state
		B send 255 from 192.0.2.11
		B log: (B) Entering MASTER STATE
		B add addresses
		B INIT to MASTER at 255: sync group G follows A: address owner
		A group INIT to MASTER
		wake 6s`)
	held := tracks(Tracker{Kind: TrackScript, Name: "chk"})
	l = newLab(t, "G", v2("A", 255, plain, startMaster), v2("B", 255, plain, startMaster, held))
	l.all("0s", Start{}, `
		wake never`)
	l.step("1s", 1, TrackChanged{Verdict: Good, Why: "script chk succeeded"}, `
		A detail: (A) Receive advertisement timeout
		A send 255 from 192.0.2.10
		A log: (A) Entering MASTER STATE
		A add addresses
		A INIT to MASTER at 255: address owner
		A log: VRRP_Group(G) Syncing instances to MASTER state
		B send 255 from 192.0.2.11
		B log: (B) Entering MASTER STATE
		B add addresses
		B INIT to MASTER at 255: sync group G follows A: address owner
		A group INIT to MASTER
		wake 2s`)
}

// An event for all is an event for each.
func TestSheet_4_8_EventForAll(t *testing.T) {
	l := newLab(t, "G", v2("A", 100, plain), v2("B", 100, plain)).lead()
	l.all("4s", SourceChanged{Addr: addr("192.0.2.77")}, `
		wake 4.609375s`)
	l.tick("4.609375s", `
		A send 100 from 192.0.2.77
		B send 100 from 192.0.2.77
		wake 5.609375s`)
}

// A group of one is a group.
func TestSheet_4_8_OneMember(t *testing.T) {
	l := newLab(t, "G", v2("A", 100, plain))
	l.all("0s", Start{}, `
		group INIT to BACKUP
		log: (A) Entering BACKUP STATE (init)
		INIT to BACKUP at 100: start
		wake 3.609375s`)
	l.tick("3.609375s", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 100: no advert heard for 3.609375s
		log: VRRP_Group(G) Syncing instances to MASTER state
		group BACKUP to MASTER
		wake 4.609375s`)
	l.one("4s", LinkChanged{Name: "eth0"}, `
		log: (A) Entering FAULT STATE
		send 0 from 192.0.2.10
		send 0 from 192.0.2.10
		detail: (A) sent 0 priority
		remove addresses
		MASTER to FAULT at 100: interface eth0 down
		log: VRRP_Group(G) Syncing instances to FAULT state
		group MASTER to FAULT
		wake never`)
	l.one("5s", LinkChanged{Up: true, Name: "eth0"}, `
		log: (A) Entering BACKUP STATE
		FAULT to BACKUP at 100: interface eth0 up
		log: VRRP_Group(G) Syncing instances to BACKUP state
		group FAULT to BACKUP
		wake 8.609375s`)
}

// Section 4.4: an advert of lower priority makes all members announce.
func TestSheet_4_8_LowerPriority(t *testing.T) {
	l := newLab(t, "G", v2("A", 100), v2("B", 100), v2("C", 100, plain)).lead()
	l.step("4s", 1, heard("192.0.2.20", 50), `
		B log: (B) Received advert from 192.0.2.20 with lower priority 50, ours 100, forcing new election
		B send 100 from 192.0.2.11
		B announce 5 lower-priority
		A announce 5 lower-priority
		B lower heard 192.0.2.20
		wake 4.609375s`)
}

// A member that has been stopped does not keep the others waiting.
func TestSheet_4_8_MemberStopped(t *testing.T) {
	l := newLab(t, "G", v2("A", 100, plain), v2("B", 100, plain)).start()
	l.step("1s", 1, LinkChanged{Name: "eth1"}, `
		B log: (B) Entering FAULT STATE
		B BACKUP to FAULT at 100: interface eth1 down
		A log: VRRP_Group(G) Syncing instances to FAULT state
		A log: (A) Entering FAULT STATE
		A BACKUP to FAULT at 100: sync group G follows B: interface eth1 down
		A group BACKUP to FAULT
		wake never`)
	l.step("2s", 1, Stop{As: Fault}, `
		wake never`)
	l.step("3s", 0, LinkChanged{Name: "eth0"}, `
		wake never`)
	l.step("4s", 0, LinkChanged{Up: true, Name: "eth0"}, `
		A log: (A) Entering BACKUP STATE
		A FAULT to BACKUP at 100: interface eth0 up
		A log: VRRP_Group(G) Syncing instances to BACKUP state
		A group FAULT to BACKUP
		wake 7.609375s`)
	l.tick("7.609375s", `
		A detail: (A) Receive advertisement timeout
		A send 100 from 192.0.2.10
		A log: (A) Entering MASTER STATE
		A add addresses
		A BACKUP to MASTER at 100: no advert heard for 3.609375s
		A log: VRRP_Group(G) Syncing instances to MASTER state
		A group BACKUP to MASTER
		wake 8.609375s`)
}

// Nor does it hear of what happens to them.
func TestSheet_4_8_MemberStoppedStaysStopped(t *testing.T) {
	l := newLab(t, "G", v2("A", 100, plain), v2("B", 100, plain)).start()
	l.step("2s", 1, Stop{As: Deleted}, `
		B BACKUP to DELETED at 100: removed from the configuration
		wake 3.609375s`)
	l.step("3s", 0, LinkChanged{Name: "eth0"}, `
		A log: (A) Entering FAULT STATE
		A BACKUP to FAULT at 100: interface eth0 down
		A log: VRRP_Group(G) Syncing instances to FAULT state
		A group BACKUP to FAULT
		wake never`)
	l.step("4s", 0, LinkChanged{Up: true, Name: "eth0"}, `
		A log: (A) Entering BACKUP STATE
		A FAULT to BACKUP at 100: interface eth0 up
		A log: VRRP_Group(G) Syncing instances to BACKUP state
		A group FAULT to BACKUP
		wake 7.609375s`)
}
