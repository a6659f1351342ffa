package fsm

import (
	"testing"
	"time"
)

// A Master that BFD finds silent is followed within milliseconds, the sooner the
// higher our priority is.
func TestSilentMasterIsFollowedAtOnce(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain)).start()
	l.one("1s", heard("192.0.2.20", 160), `
		detail: (A) master set to 192.0.2.20
		wake 4.609375s`)
	l.one("1.15s", PeerSilent{Addr: addr("192.0.2.20"), Why: "BFD session b: nothing heard for 150ms"}, `
		log: (A) Master 192.0.2.20: BFD session b: nothing heard for 150ms
		wake 1.15975s`)
	l.tick("1.15975s", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 100: 192.0.2.20 (priority 160): BFD session b: nothing heard for 150ms
		wake 2.15975s`)
}

// What is heard of the Master after all counts more.
func TestSilentMasterIsHeardAgain(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain)).start()
	l.one("1s", heard("192.0.2.20", 160), `
		detail: (A) master set to 192.0.2.20
		wake 4.609375s`)
	l.one("1.15s", PeerSilent{Addr: addr("192.0.2.20"), Why: "gone"}, `
		log: (A) Master 192.0.2.20: gone
		wake 1.15975s`)
	l.one("1.155s", heard("192.0.2.20", 160), `
		wake 4.764375s`)
	l.tick("4.764375s", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 100: no advert from 192.0.2.20 (priority 160) for 3.609375s
		wake 5.764375s`)
}

// The other members of a sync group have the same Master, whatever its address
// is there.
func TestSilentMasterOfAGroup(t *testing.T) {
	l := newLab(t, "G", v3("A", 100, plain), v3("B", 100, plain, func(s *Spec) { s.IPv6 = true })).start()
	l.step("1s", 0, heard3("192.0.2.20", 160, time.Second), `
		A detail: (A) master set to 192.0.2.20
		wake 3.609375s`)
	l.step("1s", 1, heard3("fe80::20", 160, time.Second), `
		B detail: (B) master set to fe80::20
		wake 4.609375s`)
	l.step("1.5s", 0, PeerSilent{Addr: addr("192.0.2.20"), Why: "gone"}, `
		A log: (A) Master 192.0.2.20: gone
		B log: (B) Master fe80::20: gone
		wake 1.50975s`)
	l.tick("1.50975s", `
		A detail: (A) Receive advertisement timeout
		B detail: (B) Receive advertisement timeout
		B send 100 from fe80::11
		B log: (B) Entering MASTER STATE
		B add addresses
		B BACKUP to MASTER at 100: fe80::20 (priority 160): gone
		A log: VRRP_Group(G) Syncing instances to MASTER state
		A send 100 from 192.0.2.10
		A log: (A) Entering MASTER STATE
		A add addresses
		A BACKUP to MASTER at 100: sync group G follows B: fe80::20 (priority 160): gone
		A group BACKUP to MASTER
		wake 2.50975s`)
}

// Nobody but the Master of a running Backup matters, and a shorter wait is not
// made longer.
func TestSilenceWithoutConsequence(t *testing.T) {
	gone := PeerSilent{Addr: addr("192.0.2.20"), Why: "gone"}
	newLab(t, "", v2("A", 100, plain)).quiet(0, gone)

	l := newLab(t, "", v2("A", 100, plain)).start()
	l.one("1s", gone, `wake 3.609375s`)
	l.one("1s", heard("192.0.2.21", 160), `
		detail: (A) master set to 192.0.2.21
		wake 4.609375s`)
	l.one("2s", gone, `wake 4.609375s`)

	l = newLab(t, "", v2("A", 100, plain)).lead()
	l.one("4s", gone, `wake 4.609375s`)

	l = newLab(t, "", v2("A", 100, plain, strict)).start()
	l.one("1s", heard("192.0.2.20", 160), `
		detail: (A) master set to 192.0.2.20
		wake 4.609375s`)
	l.one("2s", gone, `wake 4.609375s`)

	l = newLab(t, "", v2("A", 100, plain)).start()
	l.one("1s", heard("192.0.2.20", 160), `
		detail: (A) master set to 192.0.2.20
		wake 4.609375s`)
	l.one("4.605s", gone, `
		log: (A) Master 192.0.2.20: gone
		wake 4.609375s`)
}
