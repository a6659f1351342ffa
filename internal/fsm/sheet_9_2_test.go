package fsm

import (
	"testing"
	"time"
)

// Section 9.2: a MASTER stays MASTER whatever its new priority and state; it
// says the new priority at once, and has its addresses brought up to date.
func TestSheet_9_2_Master(t *testing.T) {
	l := newLab(t, "", v2("A", 100)).lead()
	l.one("4s", Reconfigured{Spec: v2("A", 50)}, `
		log: (A) Changing effective priority from 100 to 50
		priority 100 to 50: configuration changed
		send 50 from 192.0.2.10
		add addresses
		wake 5s`)
	l.tick("5s", `
		send 50 from 192.0.2.10
		wake 6s`)
	l.one("6s", Reconfigured{Spec: v2("B", 50), AddressesAdded: true}, `
		send 50 from 192.0.2.10
		add addresses
		announce 5 master
		wake 7s`)
	l.tick("7s", `
		send 50 from 192.0.2.10
		wake 8s`)
	l.until("11s")
	l.tick("11s", `
		send 50 from 192.0.2.10
		announce 5 delayed
		wake 12s`)
}

// A BACKUP waits afresh, and knows its Master still.
func TestSheet_9_2_Backup(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain)).start()
	l.one("1s", heard3("192.0.2.20", 200, 5*time.Second), `
		detail: (A) master set to 192.0.2.20
		detail: (A) advertisement interval updated from 1000ms to 5000ms by master
		wake 19.046875s`)
	l.one("2s", Reconfigured{Spec: v3("A", 150, plain)}, `
		log: (A) Changing effective priority from 100 to 150
		priority 100 to 150: configuration changed
		wake 19.070312s`)
	// A new interval of its own is not that of its Master: a short one would
	// make it a second Master. Nor is it when the two happen to be the same.
	l.one("3s", Reconfigured{Spec: v3("A", 150, plain, every(10*time.Millisecond))}, `
		wake 20.070312s`)
	l.one("4s", heard3("192.0.2.20", 200, 5*time.Second), `
		wake 21.070312s`)
	l.one("4.5s", Reconfigured{Spec: v3("A", 150, plain, every(5*time.Second))}, `
		wake 21.570312s`)
	l.one("4.7s", Reconfigured{Spec: v3("A", 150, plain, every(10*time.Millisecond))}, `
		wake 21.770312s`)
	// Version 2 knows nothing but its own interval.
	l.one("5s", Reconfigured{Spec: v2("A", 150, plain, every(2*time.Second))}, `
		wake 11.414062s`)
	if got := l.g.View(0).Stats.AdvertsReceived; got != 2 {
		t.Errorf("the reload has changed the statistics: %d adverts received", got)
	}
}

// One that has not heard of a Master waits for its own new interval.
func TestSheet_9_2_BackupHeardNobody(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain)).start()
	l.one("2s", Reconfigured{Spec: v3("A", 100, plain, every(5*time.Second))}, `
		wake 20.046875s`)
	l.one("3s", heard3("192.0.2.20", 99, time.Second), `
		detail: (A) master set to 192.0.2.20
		log: (A) received lower priority (99) advert from 192.0.2.20 - discarding
		wake 20.046875s`)
	l.one("4s", Reconfigured{Spec: v3("A", 100, plain, every(2*time.Second))}, `
		wake 11.21875s`)
}

// A member of a group that was ready to lead is not after a reload: it waits
// anew.
func TestSheet_9_2_BackupInGroup(t *testing.T) {
	l := newLab(t, "G", v2("A", 100, plain), v2("B", 150, plain)).start()
	l.g.Step(moment(t, "3.414062s"), All, Tick{})
	l.step("3.5s", 1, Reconfigured{Spec: v2("B", 140, plain)}, `
		B log: (B) Changing effective priority from 150 to 140
		B priority 150 to 140: configuration changed
		wake 3.609375s`)
	l.tick("3.609375s", `
		A detail: (A) Receive advertisement timeout
		wake 6.953125s`)
}

// FAULT is judged anew.
func TestSheet_9_2_Fault(t *testing.T) {
	tracked := func(prio uint8) *Spec { return v2("A", prio, plain, tracks(Tracker{Kind: TrackProcess, Name: "p"})) }
	l := newLab(t, "", tracked(100)).start()
	l.one("1s", TrackChanged{Verdict: Bad, Why: "process p: quorum lost"}, `
		log: (A) Entering FAULT STATE
		BACKUP to FAULT at 100: process p: quorum lost
		wake never`)
	l.one("2s", Reconfigured{Spec: tracked(110)}, `
		log: (A) Changing effective priority from 100 to 110
		priority 100 to 110: configuration changed
		wake never`)
	l.one("3s", Reconfigured{Spec: v2("A", 110, plain)}, `
		log: (A) Entering BACKUP STATE
		FAULT to BACKUP at 110: configuration changed
		wake 6.570312s`)
	bad := v2("A", 110, plain)
	bad.ConfigFault = "no address is configured"
	l.one("4s", Reconfigured{Spec: bad}, `
		log: (A) entering FAULT state (no address is configured)
		log: (A) entering FAULT state
		BACKUP to FAULT at 110: no address is configured
		wake never`)
	l.one("5s", Reconfigured{Spec: v2("A", 110, plain)}, `
		log: (A) Entering BACKUP STATE
		FAULT to BACKUP at 110: configuration changed
		wake 8.570312s`)
}

func TestSheet_9_2_FaultWhileMaster(t *testing.T) {
	l := newLab(t, "", v2("A", 100)).lead()
	l.one("4s", Reconfigured{Spec: v2("A", 100, tracks(Tracker{Kind: TrackProcess, Name: "p"}))}, `
		send 100 from 192.0.2.10
		add addresses
		wake 5s`)
	l.one("4s", TrackChanged{Verdict: Bad, Why: "process p: no quorum"}, `
		log: (A) Entering FAULT STATE
		send 0 from 192.0.2.10
		send 0 from 192.0.2.10
		detail: (A) sent 0 priority
		remove addresses
		MASTER to FAULT at 100: process p: no quorum
		wake never`)
	l = newLab(t, "", v2("A", 100, plain)).lead()
	bad := v2("A", 110, plain)
	bad.ConfigFault = "no address is configured"
	l.one("4s", Reconfigured{Spec: bad, AddressesAdded: true}, `
		log: (A) Changing effective priority from 100 to 110
		priority 100 to 110: configuration changed
		log: (A) entering FAULT state (no address is configured)
		log: (A) entering FAULT state
		send 0 from 192.0.2.10
		send 0 from 192.0.2.10
		detail: (A) sent 0 priority
		remove addresses
		MASTER to FAULT at 110: no address is configured
		wake never`)
}

// Trackers are known again by kind and name: their weight and place may change.
func TestSheet_9_2_Trackers(t *testing.T) {
	p, q := Tracker{Kind: TrackProcess, Name: "p", Weight: 10}, Tracker{Kind: TrackProcess, Name: "q", Weight: 20}
	l := newLab(t, "", v2("A", 100, plain, tracks(p, q))).start()
	l.one("1s", TrackChanged{Index: 0, Verdict: Good, Why: "p"}, `
		log: (A) Changing effective priority from 100 to 110
		priority 100 to 110: p
		wake 3.570312s`)
	p.Weight = 15
	l.one("2s", Reconfigured{Spec: v2("A", 100, plain, tracks(q, p))}, `
		log: (A) Changing effective priority from 110 to 115
		priority 110 to 115: configuration changed
		wake 5.550781s`)
	l.one("3s", TrackChanged{Index: 0, Verdict: Good, Why: "q"}, `
		log: (A) Changing effective priority from 115 to 135
		priority 115 to 135: q
		wake 5.472656s`)
	l.one("4s", Reconfigured{Spec: v2("A", 100, plain, tracks(q))}, `
		log: (A) Changing effective priority from 135 to 120
		priority 135 to 120: configuration changed
		wake 7.53125s`)
}

// A new script does not hold an instance that runs; one that is in FAULT waits
// for it, and a failure counts in both.
func TestSheet_9_2_NewScript(t *testing.T) {
	with := v2("A", 100, plain, tracks(Tracker{Kind: TrackScript, Name: "chk"}))
	l := newLab(t, "", v2("A", 100, plain)).lead()
	l.one("4s", Reconfigured{Spec: with}, `
		send 100 from 192.0.2.10
		add addresses
		wake 5s`)
	l.one("5s", TrackChanged{Verdict: Bad, Why: "script chk failed"}, `
		log: (A) Entering FAULT STATE
		send 0 from 192.0.2.10
		send 0 from 192.0.2.10
		detail: (A) sent 0 priority
		remove addresses
		MASTER to FAULT at 100: script chk failed
		wake never`)
	// The script is replaced by another: its result is unknown again.
	l.one("6s", TrackChanged{Verdict: Unknown}, `
		wake never`)
	l.one("7s", TrackChanged{Verdict: Good, Why: "script chk succeeded"}, `
		log: (A) Entering BACKUP STATE
		FAULT to BACKUP at 100: script chk succeeded
		wake 10.609375s`)
}

// The held are let go when the script is no longer tracked; owners then lead.
func TestSheet_9_2_Held(t *testing.T) {
	script := tracks(Tracker{Kind: TrackScript, Name: "chk"})
	l := newLab(t, "", v2("A", 100, plain, script)).start()
	l.one("1s", Reconfigured{Spec: v2("A", 100, plain)}, `
		log: (A) Entering BACKUP STATE
		INIT to BACKUP at 100: configuration changed
		wake 4.609375s`)
	l = newLab(t, "", v2("A", 255, plain, startMaster, script)).start()
	l.one("1s", Reconfigured{Spec: v2("A", 255, plain, startMaster)}, `
		detail: (A) Receive advertisement timeout
		send 255 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		INIT to MASTER at 255: address owner
		wake 2s`)
}

// Before the start a reload only replaces what is known.
func TestSheet_9_2_BeforeStart(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain))
	l.quiet(0, Reconfigured{Spec: v2("A", 120, plain, every(2*time.Second))})
	l.all("0s", Start{}, `
		log: (A) Entering BACKUP STATE (init)
		INIT to BACKUP at 120: start
		wake 6.53125s`)
}

// An owner that still waits for the end of a start delay goes on waiting, or
// becomes an ordinary Backup.
func TestSheet_9_2_OwnerInStartDelay(t *testing.T) {
	l := newLab(t, "", v2("A", 255, plain, startMaster))
	l.all("0s", Start{Delay: 10 * time.Second}, `
		wake 10s`)
	l.one("1s", Reconfigured{Spec: v2("A", 255, plain, startMaster)}, `
		wake 10s`)
	l.one("2s", Reconfigured{Spec: v2("A", 100, plain)}, `
		log: (A) Changing effective priority from 255 to 100
		priority 255 to 100: configuration changed
		log: (A) Entering BACKUP STATE
		INIT to BACKUP at 100: configuration changed
		wake 10s`)
	l.tick("10s", `
		log: Delayed start completed
		wake 13.609375s`)
}

// To and from the priority of an owner.
func TestSheet_9_2_Owner(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain)).lead()
	l.one("4s", Reconfigured{Spec: v2("A", 255, plain)}, `
		log: (A) Changing effective priority from 100 to 255
		priority 100 to 255: configuration changed
		send 255 from 192.0.2.10
		add addresses
		wake 5s`)
	l.one("4.5s", heard("192.0.2.5", 255), `
		log: (A) CONFIGURATION ERROR: local instance and 192.0.2.5 are both configured as address owner, please resolve
		wake 5s`)
	l.one("5s", Reconfigured{Spec: v2("A", 80, plain)}, `
		log: (A) Changing effective priority from 255 to 80
		priority 255 to 80: configuration changed
		send 80 from 192.0.2.10
		add addresses
		wake 6s`)
	l.one("5.5s", heard("192.0.2.5", 255), `
		log: (A) Master received advert from 192.0.2.5 with higher priority 255, ours 80
		detail: (A) master set to 192.0.2.5
		log: (A) Entering BACKUP STATE
		remove addresses
		MASTER to BACKUP at 80: configuration changed: priority 255 -> 80; advert from 192.0.2.5 with priority 255, ours 80
		wake 9.1875s`)
}

// One that has reduced its priority for a rival is an owner no longer.
func TestSheet_9_2_ReducedOwner(t *testing.T) {
	l := newLab(t, "", v2("A", 255, plain, startMaster)).start()
	for _, at := range []string{"0.5s", "1s", "2s", "3s", "3.3s"} {
		l.g.Step(moment(t, at), All, Tick{})
		l.g.Step(moment(t, at), 0, heard("192.0.2.5", 255))
	}
	l.one("3.4s", Reconfigured{Spec: v2("A", 255, plain, startMaster)}, `
		send 254 from 192.0.2.10
		add addresses
		wake 4.4s`)
	l.one("3.5s", Reconfigured{Spec: v2("A", 120, plain)}, `
		log: (A) Changing effective priority from 254 to 120
		priority 254 to 120: configuration changed
		send 120 from 192.0.2.10
		add addresses
		wake 4.5s`)
}

// preempt_delay goes on unless it has another length.
func TestSheet_9_2_PreemptDelay(t *testing.T) {
	l := newLab(t, "", v2("A", 200, plain, preemptAfter(4*time.Second))).start()
	l.one("1s", heard("192.0.2.20", 100), `
		detail: (A) master set to 192.0.2.20
		detail: (A) start preempt delay (4.000000)
		wake 4.21875s`)
	l.one("2s", Reconfigured{Spec: v2("A", 200, plain, preemptAfter(4*time.Second))}, `
		wake 5.21875s`)
	l.one("3s", heard("192.0.2.20", 100), `
		wake 6.21875s`)
	l.one("4s", Reconfigured{Spec: v2("A", 200, plain, preemptAfter(3*time.Second))}, `
		wake 7.21875s`)
	l.one("4.5s", heard("192.0.2.20", 100), `
		detail: (A) start preempt delay (3.000000)
		wake 7.71875s`)
	l.one("7.5s", heard("192.0.2.20", 100), `
		log: (A) received lower priority (100) advert from 192.0.2.20 - discarding
		wake 7.71875s`)
}

// Refreshes can be switched on and off, and made faster, by a reload.
func TestSheet_9_2_Refresh(t *testing.T) {
	refresh := func(d time.Duration) *Spec {
		return v2("A", 100, every(100*time.Second), func(s *Spec) { s.GARP = GARP{Refresh: d, RefreshRepeat: 1} })
	}
	l := newLab(t, "", refresh(0)).start()
	l.tick("300.609375s", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 100: no advert heard for 5m0.609375s
		wake 6m40.609375s`)
	l.one("301s", Reconfigured{Spec: refresh(50 * time.Second)}, `
		send 100 from 192.0.2.10
		add addresses
		wake 5m51s`)
	l.one("302s", Reconfigured{Spec: refresh(50 * time.Second)}, `
		send 100 from 192.0.2.10
		add addresses
		wake 5m51s`)
	l.one("303s", Reconfigured{Spec: refresh(2 * time.Second)}, `
		send 100 from 192.0.2.10
		add addresses
		wake 5m5s`)
	l.tick("305s", `
		announce 1 refresh
		wake 5m7s`)
	l.one("306s", Reconfigured{Spec: refresh(0)}, `
		send 100 from 192.0.2.10
		add addresses
		wake 6m46s`)
}
