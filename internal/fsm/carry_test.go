package fsm

import (
	"testing"
	"time"
)

// move takes the instances of groups to a new group with these specifications.
func (l *lab) move(group string, specs []*Spec, from ...*Group) {
	l.t.Helper()
	g := NewGroup(group, specs...)
	id := ID(0)
	for _, f := range from {
		for _, c := range f.Carry() {
			g.Adopt(id, c)
			id++
		}
	}
	l.g = g
}

// Two Masters become a group: nobody notices.
func TestCarry_MastersJoin(t *testing.T) {
	a, b := newLab(t, "", v2("A", 100, plain)).lead(), newLab(t, "", v2("B", 100, plain)).lead()
	l := &lab{t: t}
	l.move("G", []*Spec{v2("A", 100, plain), v2("B", 100, plain)}, a.g, b.g)
	l.all("10s", Start{}, `
		wake 4.609375s`)
	if got := l.g.State(); got != Master {
		t.Errorf("group state %v, want MASTER", got)
	}
	l.until("10.6s")
	l.step("11s", 1, heard("192.0.2.20", 200), `
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
		wake 14.609375s`)
}

// A Master and a Backup become a group: the Master goes on, and the other
// follows when its time has come.
func TestCarry_MixedJoin(t *testing.T) {
	a, b := newLab(t, "", v2("A", 100, plain)).lead(), newLab(t, "", v2("B", 1, plain)).start()
	l := &lab{t: t}
	l.move("G", []*Spec{v2("A", 100, plain), v2("B", 1, plain)}, a.g, b.g)
	l.all("3.7s", Start{}, `
		A group INIT to BACKUP
		wake 3.996093s`)
	l.tick("3.996093s", `
		B detail: (B) Receive advertisement timeout
		B send 1 from 192.0.2.10
		B log: (B) Entering MASTER STATE
		B add addresses
		B BACKUP to MASTER at 1: no advert heard for 3.996093s
		A log: VRRP_Group(G) Syncing instances to MASTER state
		A group BACKUP to MASTER
		wake 4.609375s`)
}

// One that obeys somebody takes the Master with it: a group is Master together.
func TestCarry_MixedObeys(t *testing.T) {
	a, b := newLab(t, "", v2("A", 100, plain)).lead(), newLab(t, "", v2("B", 100, plain)).start()
	l := &lab{t: t}
	l.move("G", []*Spec{v2("A", 100, plain), v2("B", 100, plain)}, a.g, b.g)
	l.all("3.5s", Start{}, `
		A group INIT to BACKUP
		wake 3.609375s`)
	l.step("3.6s", 1, heard("192.0.2.20", 99), `
		B detail: (B) master set to 192.0.2.20
		B log: (B) received lower priority (99) advert from 192.0.2.20 - discarding
		wake 3.609375s`)
	l.step("3.6s", 1, heard("192.0.2.20", 100), `
		A log: VRRP_Group(G) Syncing instances to BACKUP state
		A log: (A) Entering BACKUP STATE
		A remove addresses
		A MASTER to BACKUP at 100: sync group G follows B: advert from 192.0.2.20 with priority 100
		wake 7.209375s`)
}

// A member that is faulty takes the others with it.
func TestCarry_FaultyJoins(t *testing.T) {
	a, b := newLab(t, "", v2("A", 100, plain)).lead(), newLab(t, "", v2("B", 100, plain)).start()
	b.one("1s", LinkChanged{Name: "eth0"}, `
		log: (B) Entering FAULT STATE
		BACKUP to FAULT at 100: interface eth0 down
		wake never`)
	l := &lab{t: t}
	l.move("G", []*Spec{v2("A", 100, plain), v2("B", 100, plain)}, a.g, b.g)
	l.all("10s", Start{}, `
		A log: VRRP_Group(G): Syncing B to FAULT state
		A log: (A) entering FAULT state
		A send 0 from 192.0.2.10
		A detail: (A) sent 0 priority
		A remove addresses
		A MASTER to FAULT at 100: sync group G is in FAULT: B: interface eth0 down
		A group INIT to FAULT
		wake never`)
	// And a group that is taken apart lets go of the one that is well.
	both := l.g.Carry()
	l.g = NewGroup("", v2("A", 100, plain))
	l.g.Adopt(0, both[0])
	l.all("11s", Start{}, `
		log: (A) Entering BACKUP STATE
		FAULT to BACKUP at 100: start
		wake 14.609375s`)
	l.g = NewGroup("", v2("B", 100, plain))
	l.g.Adopt(0, both[1])
	l.all("11s", Start{}, `
		wake never`)
}

// A group that gets a new member reports only what is new of it.
func TestCarry_NewMember(t *testing.T) {
	specs := []*Spec{v2("A", 100, plain), v2("B", 100, plain), v2("C", 100, plain)}
	old := newLab(t, "G", specs[:2]...).lead()
	l := &lab{t: t}
	l.move("G", specs, old.g)
	l.g.Step(epoch, 2, SourceChanged{Addr: addr("192.0.2.12")})
	l.all("4s", Start{}, `
		A group MASTER to BACKUP
		C log: (C) Entering BACKUP STATE (init)
		C INIT to BACKUP at 100: start
		wake 4.609375s`)
	l.until("7.609375s")
	l.tick("7.609375s", `
		A send 100 from 192.0.2.10
		B send 100 from 192.0.2.11
		C detail: (C) Receive advertisement timeout
		C send 100 from 192.0.2.12
		C log: (C) Entering MASTER STATE
		C add addresses
		C BACKUP to MASTER at 100: no advert heard for 3.609375s
		A log: VRRP_Group(G) Syncing instances to MASTER state
		A group BACKUP to MASTER
		wake 8.609375s`)

	old = newLab(t, "G", specs[:2]...).start()
	l.move("G", specs, old.g)
	l.g.Step(epoch, 2, SourceChanged{Addr: addr("192.0.2.12")})
	l.all("4s", Start{}, `
		C log: (C) Entering BACKUP STATE (init)
		C INIT to BACKUP at 100: start
		wake 3.609375s`)
}

// The new member is held by its script: the Master goes on.
func TestCarry_NewMemberHeld(t *testing.T) {
	specs := []*Spec{v2("A", 100, plain), v2("B", 1, plain, tracks(Tracker{Kind: TrackScript, Name: "chk"}))}
	old := newLab(t, "G", specs[:1]...).lead()
	l := &lab{t: t}
	l.move("G", specs, old.g)
	l.g.Step(epoch, 1, SourceChanged{Addr: addr("192.0.2.11")})
	l.all("4s", Start{}, `
		A group MASTER to BACKUP
		wake 4.609375s`)
	l.step("5s", 1, TrackChanged{Verdict: Good, Why: "script chk succeeded"}, `
		B log: (B) Entering BACKUP STATE
		B INIT to BACKUP at 1: script chk succeeded
		wake 4.609375s`)
	l.until("8.996093s")
	l.tick("8.996093s", `
		B detail: (B) Receive advertisement timeout
		B send 1 from 192.0.2.11
		B log: (B) Entering MASTER STATE
		B add addresses
		B BACKUP to MASTER at 1: no advert heard for 3.996093s
		A log: VRRP_Group(G) Syncing instances to MASTER state
		A group BACKUP to MASTER
		wake 9.609375s`)
}

// What is known is kept: statistics, the Master, its interval, the new
// specification that comes before the start.
func TestCarry_KeepsAll(t *testing.T) {
	old := newLab(t, "", v3("A", 100, plain)).start()
	old.g.Step(moment(t, "1s"), 0, heard3("192.0.2.20", 200, 5*time.Second))
	l := &lab{t: t}
	l.move("G", []*Spec{v3("A", 120, plain)}, old.g)
	l.one("2s", Reconfigured{Spec: v3("A", 120, plain)}, `
		log: (A) Changing effective priority from 100 to 120
		priority 100 to 120: configuration changed
		wake 19.65625s`)
	l.all("2s", Start{}, `
		group INIT to BACKUP
		wake 19.65625s`)
	v := l.g.View(0)
	if v.Stats.AdvertsReceived != 1 || v.Master != addr("192.0.2.20") || v.Interval != 5*time.Second || v.Priority != 120 || v.State != Backup {
		t.Errorf("got %+v", v)
	}
}

// A start delay that has not passed goes with the instances; one that is new
// delays them.
func TestCarry_StartDelay(t *testing.T) {
	old := newLab(t, "", v2("A", 100, plain))
	old.g.Step(epoch, All, Start{Delay: 10 * time.Second})
	l := &lab{t: t}
	l.move("G", []*Spec{v2("A", 100, plain)}, old.g)
	l.all("2s", Start{}, `
		group INIT to BACKUP
		wake 10s`)
	l.one("3s", heard("192.0.2.20", 0), `
		wake 10s`)
	l.tick("10s", `
		log: Delayed start completed
		wake 13.609375s`)

	old = newLab(t, "", v2("A", 100, plain)).start()
	l.move("G", []*Spec{v2("A", 100, plain)}, old.g)
	l.all("2s", Start{Delay: 10 * time.Second}, `
		group INIT to BACKUP
		wake 12s`)
	l.tick("12s", `
		log: Delayed start completed
		wake 15.609375s`)
}

// A Backup that owns the addresses gets a member that does too: it has been
// Backup before and waits, and so does the new one.
func TestCarry_OwnerJoinsOwner(t *testing.T) {
	owner := func(name string) *Spec { return v2(name, 255, plain, startMaster) }
	old := newLab(t, "", owner("A")).start()
	old.g.Step(moment(t, "1s"), 0, LinkChanged{Name: "eth0"})
	old.g.Step(moment(t, "2s"), 0, LinkChanged{Up: true, Name: "eth0"})
	l := &lab{t: t}
	l.move("G", []*Spec{owner("A"), owner("B")}, old.g)
	l.g.Step(epoch, 1, SourceChanged{Addr: addr("192.0.2.11")})
	l.all("3s", Start{}, `
		B detail: (B) Receive advertisement timeout
		B log: (B) Entering BACKUP STATE
		B INIT to BACKUP at 255: address owner, but its sync group is not ready
		wake 5.003906s`)
	l.tick("5.003906s", `
		A detail: (A) Receive advertisement timeout
		A send 255 from 192.0.2.10
		A log: (A) Entering MASTER STATE
		A add addresses
		A BACKUP to MASTER at 255: no advert heard for 3.003906s
		A log: VRRP_Group(G) Syncing instances to MASTER state
		B send 255 from 192.0.2.11
		B log: (B) Entering MASTER STATE
		B add addresses
		B BACKUP to MASTER at 255: sync group G follows A: no advert heard for 3.003906s
		A group INIT to MASTER
		wake 6.003906s`)
}

// An owner that waits for the end of a start delay gets a member that is none.
func TestCarry_OwnerInStartDelay(t *testing.T) {
	old := newLab(t, "", v2("A", 255, plain, startMaster))
	old.g.Step(epoch, All, Start{Delay: 10 * time.Second})
	l := &lab{t: t}
	l.move("G", []*Spec{v2("A", 255, plain, startMaster), v2("B", 100, plain)}, old.g)
	l.g.Step(epoch, 1, SourceChanged{Addr: addr("192.0.2.11")})
	l.all("2s", Start{}, `
		A group INIT to BACKUP
		A log: (A) Entering BACKUP STATE (init)
		A INIT to BACKUP at 255: start
		B log: (B) Entering BACKUP STATE (init)
		B INIT to BACKUP at 100: start
		wake 10s`)
	l.tick("10s", `
		A log: Delayed start completed
		wake 13.003906s`)
}

// A script that is new to a Master does not hold the new member of its group.
func TestCarry_NewScript(t *testing.T) {
	script := tracks(Tracker{Kind: TrackScript, Name: "chk"})
	old := newLab(t, "", v2("A", 100, plain)).lead()
	old.g.Step(moment(t, "3.7s"), 0, Reconfigured{Spec: v2("A", 100, plain, script)})
	l := &lab{t: t}
	l.move("G", []*Spec{v2("A", 100, plain, script), v2("B", 100, plain)}, old.g)
	l.g.Step(epoch, 1, SourceChanged{Addr: addr("192.0.2.11")})
	l.all("4s", Start{}, `
		A group INIT to BACKUP
		B log: (B) Entering BACKUP STATE (init)
		B INIT to BACKUP at 100: start
		wake 4.7s`)
}

// One that was stopped and carried begins anew.
func TestCarry_Stopped(t *testing.T) {
	old := newLab(t, "", v2("A", 100, plain)).lead()
	old.g.Step(moment(t, "4s"), 0, Stop{As: Fault})
	l := &lab{t: t}
	l.move("G", []*Spec{v2("A", 100, plain)}, old.g)
	l.all("5s", Start{}, `
		group INIT to BACKUP
		log: (A) Entering BACKUP STATE (init)
		INIT to BACKUP at 100: start
		wake 8.609375s`)
	if got := l.g.View(0).Stats.ZeroSent; got != 1 {
		t.Errorf("the statistics are lost: %d adverts of priority 0", got)
	}
}
