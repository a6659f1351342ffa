package fsm

import "testing"

// Section 2.5: at the end priority 0 leaves for all, then the addresses go,
// then everybody is told, the group last.
func TestSheet_2_5_Stop(t *testing.T) {
	l := newLab(t, "G", v2("A", 100), v2("B", 100)).lead()
	l.all("4s", Stop{As: Stopped}, `
		A send 0 from 192.0.2.10
		A detail: (A) sent 0 priority
		B send 0 from 192.0.2.11
		B detail: (B) sent 0 priority
		A remove addresses
		B remove addresses
		A MASTER to STOP at 100: stop
		B MASTER to STOP at 100: stop
		A group MASTER to STOP
		wake never`)
	if got := l.g.State(); got != Init {
		t.Errorf("after the stop the group is in %v", got)
	}
	l.all("5s", Stop{As: Stopped}, `
		wake never`) // once is enough
	// A second life begins like the first.
	l.all("6s", Start{}, `
		A group INIT to BACKUP
		A log: (A) Entering BACKUP STATE (init)
		A INIT to BACKUP at 100: start
		B log: (B) Entering BACKUP STATE (init)
		B INIT to BACKUP at 100: start
		wake 9.609375s`)
	l.tick("9.609375s", `
		A detail: (A) Receive advertisement timeout
		B detail: (B) Receive advertisement timeout
		B send 100 from 192.0.2.11
		B log: (B) Entering MASTER STATE
		B add addresses
		B announce 5 master
		B BACKUP to MASTER at 100: no advert heard for 3.609375s
		A log: VRRP_Group(G) Syncing instances to MASTER state
		A send 100 from 192.0.2.10
		A log: (A) Entering MASTER STATE
		A add addresses
		A announce 5 master
		A BACKUP to MASTER at 100: sync group G follows B: no advert heard for 3.609375s
		A group BACKUP to MASTER
		wake 10.609375s`)
	l.all("10s", Stop{As: Stopped}, `
		A send 0 from 192.0.2.10
		A detail: (A) sent 0 priority
		B send 0 from 192.0.2.11
		B detail: (B) sent 0 priority
		A remove addresses
		B remove addresses
		A MASTER to STOP at 100: stop
		B MASTER to STOP at 100: stop
		A group MASTER to STOP
		wake never`)
}

func TestSheet_2_5_StopInFaultAndHeld(t *testing.T) {
	l := newLab(t, "G", v2("A", 100), v2("B", 100)).start()
	l.step("1s", 0, LinkChanged{Name: "eth0"}, `
		A log: (A) Entering FAULT STATE
		A BACKUP to FAULT at 100: interface eth0 down
		A log: VRRP_Group(G) Syncing instances to FAULT state
		B log: (B) Entering FAULT STATE
		B BACKUP to FAULT at 100: sync group G follows A: interface eth0 down
		A group BACKUP to FAULT
		wake never`)
	l.all("2s", Stop{As: Stopped}, `
		A FAULT to STOP at 100: stop
		B FAULT to STOP at 100: stop
		A group FAULT to STOP
		wake never`)
	l = newLab(t, "", v2("A", 100, tracks(Tracker{Kind: TrackScript, Name: "chk"}))).start()
	l.all("2s", Stop{As: Stopped}, `
		INIT to STOP at 100: stop
		wake never`)
}

func TestSheet_2_5_DontReleaseVRRP(t *testing.T) {
	l := newLab(t, "", v2("A", 100)).lead()
	l.all("4s", Stop{As: Stopped, Keep: true}, `
		MASTER to STOP at 100: stop
		wake never`)
}

// Section 7.3: an instance that a reload takes away is reported as FAULT, or as
// DELETED if so configured; one that was in FAULT has nothing new to say.
func TestSheet_7_3_Removed(t *testing.T) {
	l := newLab(t, "", v2("A", 100)).lead()
	l.one("4s", Stop{As: Deleted}, `
		send 0 from 192.0.2.10
		detail: (A) sent 0 priority
		remove addresses
		MASTER to DELETED at 100: removed from the configuration
		wake never`)
	l = newLab(t, "", v2("A", 100)).start()
	l.one("1s", LinkChanged{Name: "eth0"}, `
		log: (A) Entering FAULT STATE
		BACKUP to FAULT at 100: interface eth0 down
		wake never`)
	l.one("2s", Stop{As: Fault}, `
		wake never`)
	l = newLab(t, "", v2("A", 100)).start()
	l.one("1s", LinkChanged{Name: "eth0"}, `
		log: (A) Entering FAULT STATE
		BACKUP to FAULT at 100: interface eth0 down
		wake never`)
	l.one("2s", Stop{As: Deleted}, `
		FAULT to DELETED at 100: removed from the configuration
		wake never`)
	l = newLab(t, "", v2("A", 100)).start()
	l.one("2s", Stop{As: Fault}, `
		BACKUP to FAULT at 100: removed from the configuration
		wake never`)
}
