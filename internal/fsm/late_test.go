package fsm

import (
	"testing"
	"time"
)

// A Backup that was away listens for one more advert, with its skew on top.
func TestLate_Backup(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain, every(100*time.Millisecond))).start()
	// Not more than an interval late: that is a busy machine, no absence.
	l.tick("460.937ms", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 100: no advert heard for 460.937ms
		wake 560.937ms`)

	l = newLab(t, "", v3("A", 100, plain, every(100*time.Millisecond))).start()
	l.tick("460.938ms", `
		log: (A) timer ran 100ms late - listening for one more advert before taking over
		wake 621.875ms`)
	l.tick("621.875ms", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 100: no advert heard for 621.875ms
		wake 721.875ms`)
}

// The advert that it listens for makes it a Backup like any other.
func TestLate_BackupHears(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain)).start()
	l.tick("60s", `
		log: (A) timer ran 56.39s late - listening for one more advert before taking over
		wake 1m1.609375s`)
	l.one("60.9s", heard("192.0.2.20", 200), `
		detail: (A) master set to 192.0.2.20
		wake 1m4.509375s`)
	l.tick("64.509375s", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 100: no advert from 192.0.2.20 (priority 200) for 3.609375s
		wake 1m5.509375s`)
}

// Adverts that waited count from when they came: they may be old by now.
func TestLate_BackupHearsOldAdverts(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain)).start()
	l.one("5s", heard("192.0.2.20", 200), `
		detail: (A) master set to 192.0.2.20
		wake 8.609375s`)
	l.tick("60s", `
		log: (A) timer ran 51.39s late - listening for one more advert before taking over
		wake 1m1.609375s`)
}

// Where every timer is late nobody would ever be Master: after as many waits as
// adverts may be missed it takes over.
func TestLate_BackupDoesNotWaitForEver(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain)).start()
	for _, s := range []string{"10s", "20s", "30s"} {
		l.g.Step(moment(t, s), All, Tick{})
		if got := l.g.State(); got != Backup {
			t.Fatalf("at %s: %v", s, got)
		}
	}
	l.tick("40s", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 100: no advert heard for 40s
		wake 41s`)
}

// A Master that others must have given up sends nothing before it has listened;
// alone, it goes on and tells the switches where the addresses are.
func TestLate_MasterAlone(t *testing.T) {
	l := newLab(t, "", v2("A", 100)).lead()
	l.tick("7.218750s", `
		send 100 from 192.0.2.10
		wake 8.21875s`) // the last advert was heard of less than the shortest wait ago
	l = newLab(t, "", v2("A", 100)).lead()
	l.tick("60s", `
		log: (A) timer ran 55.39s late - listening for another master before advertising
		wake 1m1.609375s`)
	l.one("60.1s", AddressLost{Addr: "192.0.2.100/32", Link: "eth0", Why: "was removed by another program"}, `
		log: (A) address 192.0.2.100/32 on eth0 was removed by another program
		wake 1m1.609375s`)
	l.tick("61.609375s", `
		log: (A) no other master that stays has been heard - going on
		send 100 from 192.0.2.10
		announce 5 master
		add addresses
		announce 1 restored
		wake 1m2.609375s`)
}

// A newer Master is not fought: one step, no advert, no announcement. What
// follows is an election like any other, from now on.
func TestLate_MasterFindsNewer(t *testing.T) {
	l := newLab(t, "", v2("A", 100)).lead()
	l.one("7.25s", heard("192.0.2.20", 90), `
		log: (A) Master received advert from 192.0.2.20 with priority 90, which took over meanwhile
		detail: (A) master set to 192.0.2.20
		log: (A) Entering BACKUP STATE
		remove addresses
		MASTER to BACKUP at 100: did not run for a while; advert from 192.0.2.20 with priority 90, which took over meanwhile
		wake 7.25s`)
	l.one("8.25s", heard("192.0.2.20", 90), `
		log: (A) received lower priority (90) advert from 192.0.2.20 - discarding
		wake 7.25s`)
	l.tick("9s", `
		wake 12.609375s`)
	l.one("9.25s", heard("192.0.2.20", 90), `
		log: (A) received lower priority (90) advert from 192.0.2.20 - discarding
		wake 12.609375s`)
	l.tick("12.609375s", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		announce 5 master
		BACKUP to MASTER at 100: preempting 192.0.2.20: priority 90, ours 100
		wake 13.609375s`)
}

// It comes while the Master listens, gives up again, or has more priority.
func TestLate_MasterListens(t *testing.T) {
	away := func(change ...func(*Spec)) *lab {
		l := newLab(t, "", v2("A", 100, append(change, plain)...)).lead()
		l.tick("60s", `
			log: (A) timer ran 55.39s late - listening for another master before advertising
			wake 1m1.609375s`)
		return l
	}
	l := away()
	l.one("60.5s", heard("192.0.2.20", 90), `
		log: (A) Master received advert from 192.0.2.20 with priority 90, which took over meanwhile
		detail: (A) master set to 192.0.2.20
		log: (A) Entering BACKUP STATE
		remove addresses
		MASTER to BACKUP at 100: did not run for a while; advert from 192.0.2.20 with priority 90, which took over meanwhile
		wake 1m0.5s`)
	l = away()
	l.one("60.5s", heard("192.0.2.20", 0), `
		detail: (A) Master received priority 0 message
		wake 1m1.109375s`)
	l.tick("61.109375s", `
		log: (A) no other master that stays has been heard - going on
		send 100 from 192.0.2.10
		wake 1m2.109375s`)
	l = away(func(s *Spec) { s.HigherPrioSendAdvert = true })
	l.one("60.5s", heard("192.0.2.20", 110), `
		log: (A) Master received advert from 192.0.2.20 with higher priority 110, ours 100
		detail: (A) master set to 192.0.2.20
		log: (A) Entering BACKUP STATE
		remove addresses
		MASTER to BACKUP at 100: advert from 192.0.2.20 with priority 110, ours 100
		wake 1m4.109375s`)
	l = away()
	l.one("60.5s", Reconfigured{Spec: v2("A", 100, plain)}, `
		add addresses
		wake 1m1.609375s`)
	l.tick("70s", `
		log: (A) timer ran 8.39s late - listening for another master before advertising
		wake 1m11.609375s`)
}

// The best other router that was heard of waits the shortest.
func TestLate_MasterKnowsBetter(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain, noPreempt)).start()
	l.g.Step(moment(t, "1s"), 0, heard("192.0.2.20", 254))
	l.until("4.7s")
	l.tick("7.65s", `
		log: (A) timer ran 2.04s late - listening for another master before advertising
		wake 9.259375s`)
}

// With timer_expired_backup it is Backup before anything else.
func TestSheet_4_4_TimerExpiredBackup(t *testing.T) {
	late := func(s *Spec) { s.LatePriority = 254 }
	l := newLab(t, "", v2("A", 100, plain, noPreempt, late)).lead()
	l.tick("6.617187s", `
		send 100 from 192.0.2.10
		wake 7.617187s`)
	l.tick("9.625s", `
		log: VRRP thread timer expired 2.007813 seconds ago
		log: (A) Entering BACKUP STATE
		remove addresses
		MASTER to BACKUP at 100: did not run for 2.01s
		wake 13.234375s`)
	l = newLab(t, "", v2("A", 100, plain, noPreempt, late)).lead()
	l.one("6.7s", heard("192.0.2.20", 90), `
		log: VRRP thread timer expired 2.090625 seconds ago
		log: (A) Master received advert from 192.0.2.20 with priority 90, which took over meanwhile
		detail: (A) master set to 192.0.2.20
		log: (A) Entering BACKUP STATE
		remove addresses
		MASTER to BACKUP at 100: did not run for a while; advert from 192.0.2.20 with priority 90, which took over meanwhile
		wake 6.7s`)
}

// The members of a sync group go together, and all of them wait from now on.
func TestLate_SyncGroup(t *testing.T) {
	l := newLab(t, "G", v2("A", 100, plain), v2("B", 100, plain)).lead()
	l.step("7.25s", 1, heard("192.0.2.20", 90), `
		B log: (B) Master received advert from 192.0.2.20 with priority 90, which took over meanwhile
		B detail: (B) master set to 192.0.2.20
		B log: (B) Entering BACKUP STATE
		B remove addresses
		B MASTER to BACKUP at 100: did not run for a while; advert from 192.0.2.20 with priority 90, which took over meanwhile
		A log: VRRP_Group(G) Syncing instances to BACKUP state
		A log: (A) Entering BACKUP STATE
		A remove addresses
		A MASTER to BACKUP at 100: sync group G follows B: did not run for a while; advert from 192.0.2.20 with priority 90, which took over meanwhile
		A group MASTER to BACKUP
		wake 7.25s`)
	l.tick("60s", `
		wake 1m3.609375s`)
}

// A machine that was suspended is as late as one that did not run, although its
// clock does not show it.
func TestLate_Slept(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain)).start()
	l.all("1s", Slept{For: time.Minute}, `
		wake -56.390625s`)
	l.tick("1s", `
		log: (A) timer ran 57.39s late - listening for one more advert before taking over
		wake 2.609375s`)
	l = newLab(t, "", v2("A", 100)).lead()
	l.all("4s", Slept{For: time.Minute}, `
		wake -55.390625s`)
	l.tick("4s", `
		log: (A) timer ran 59.39s late - listening for another master before advertising
		wake 5.609375s`)
	// A short sleep changes nothing: what was due has come nearer.
	l = newLab(t, "", v2("A", 100, plain)).lead()
	l.all("4s", Slept{For: 500 * time.Millisecond}, `
		wake 4.109375s`)
}

// What decided an election is said, however long ago it was.
func TestCauseNamesWhatChangedThePriority(t *testing.T) {
	chk := tracks(Tracker{Kind: TrackScript, Name: "chk", Weight: 4}, Tracker{Kind: TrackScript, Name: "other", Weight: 2})
	l := newLab(t, "", v2("A", 97, plain, chk))
	l.g.Step(epoch, 0, TrackChanged{Verdict: Good, Why: "script chk succeeded"})
	l.lead()
	l.g.Step(moment(t, "4s"), 0, TrackChanged{Verdict: Bad, Why: "script chk failed (exit 1)"})
	l.g.Step(moment(t, "4.1s"), 0, TrackChanged{Index: 1, Verdict: Good, Why: "script other succeeded"})
	l.one("4.2s", heard("192.0.2.20", 100), `
		log: (A) Master received advert from 192.0.2.20 with higher priority 100, ours 99
		detail: (A) master set to 192.0.2.20
		log: (A) Entering BACKUP STATE
		remove addresses
		MASTER to BACKUP at 99: script chk failed (exit 1): priority 101 -> 97; advert from 192.0.2.20 with priority 100, ours 99
		wake 7.813281s`)
	l.g.Step(moment(t, "5s"), 0, TrackChanged{Verdict: Good, Why: "script chk succeeded"})
	l.g.Step(moment(t, "6s"), 0, heard("192.0.2.20", 100))
	l.until("7.9s")
	if got, want := l.g.View(0).Cause, "script chk succeeded: priority 99 -> 103; preempting 192.0.2.20: priority 100, ours 103"; got != want {
		t.Errorf("cause %q, want %q", got, want)
	}
}

// Another address owner, which has to give way since its address is lower, does so
// as soon as it hears the Master that listens: that listens no longer.
func TestLate_OwnerHearsOwner(t *testing.T) {
	l := newLab(t, "", v2("A", 255, plain, startMaster)).start()
	l.tick("60s", `
		log: (A) timer ran 59s late - listening for another master before advertising
		wake 1m1.003906s`)
	l.one("60.5s", heard("192.0.2.5", 255), `
		log: (A) CONFIGURATION ERROR: local instance and 192.0.2.5 are both configured as address owner, please resolve
		wake 1m0.5s`)
	l.tick("60.5s", `
		log: (A) no other master that stays has been heard - going on
		send 255 from 192.0.2.10
		wake 1m1.5s`)
}
