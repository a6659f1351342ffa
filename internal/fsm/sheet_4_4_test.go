package fsm

import (
	"testing"
	"time"
)

// Section 4.4, the table: what a Master does about an advert.
func TestSheet_4_4_LowerPriority(t *testing.T) {
	l := newLab(t, "", v2("A", 100)).lead() // at 3.609375 s
	l.tick("4.609375s", `
		send 100 from 192.0.2.10
		wake 5.609375s`)
	l.one("5s", heard("192.0.2.20", 90), `
		log: (A) Received advert from 192.0.2.20 with lower priority 90, ours 100, forcing new election
		send 100 from 192.0.2.10
		announce 5 lower-priority
		lower heard 192.0.2.20
		wake 6s`)
	l.tick("6s", `
		send 100 from 192.0.2.10
		wake 7s`)
	l.tick("8.609375s", `
		send 100 from 192.0.2.10
		announce 5 delayed
		wake 9.609375s`)
	l.tick("10s", `
		send 100 from 192.0.2.10
		announce 5 lower-priority
		wake 11s`) // the second round for the advert of lower priority
	if got := l.g.View(0).Stats; got != (Stats{AdvertsReceived: 1, AdvertsSent: 5}) {
		t.Errorf("counted %+v", got)
	}
}

func TestSheet_4_4_LowerPrioNoAdvert(t *testing.T) {
	l := newLab(t, "", v2("A", 100, func(s *Spec) { s.LowerPrioNoAdvert = true })).lead()
	l.one("4s", heard("192.0.2.20", 90), `
		log: (A) Received advert from 192.0.2.20 with lower priority 90, ours 100
		announce 5 lower-priority
		lower heard 192.0.2.20
		wake 4.609375s`)
	// It is about lower priorities alone.
	l.one("4.1s", heard("192.0.2.20", 0), `
		detail: (A) Master received priority 0 message
		send 100 from 192.0.2.10
		wake 5.1s`)
}

func TestSheet_4_4_LowerPriority_NoAnnouncement(t *testing.T) {
	l := newLab(t, "", v2("A", 100, func(s *Spec) { s.GARP.LowerRepeat = 0 })).lead()
	l.one("4s", heard("192.0.2.20", 90), `
		log: (A) Received advert from 192.0.2.20 with lower priority 90, ours 100, forcing new election
		send 100 from 192.0.2.10
		lower heard 192.0.2.20
		wake 5s`)
	l = newLab(t, "", v2("A", 100, func(s *Spec) { s.GARP.LowerDelay = 0 })).lead()
	l.one("4s", heard("192.0.2.20", 90), `
		log: (A) Received advert from 192.0.2.20 with lower priority 90, ours 100, forcing new election
		send 100 from 192.0.2.10
		announce 5 lower-priority
		lower heard 192.0.2.20
		wake 5s`)
	l.until("8.609375s")
	l.tick("8.609375s", `
		announce 5 delayed
		wake 9s`)
	l.tick("8.7s", `
		wake 9s`)
}

func TestSheet_4_4_HigherPrioSendAdvert(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain, func(s *Spec) { s.HigherPrioSendAdvert = true })).lead()
	l.one("4s", heard("192.0.2.20", 150), `
		send 100 from 192.0.2.10
		log: (A) Master received advert from 192.0.2.20 with higher priority 150, ours 100
		detail: (A) master set to 192.0.2.20
		log: (A) Entering BACKUP STATE
		remove addresses
		MASTER to BACKUP at 100: advert from 192.0.2.20 with priority 150, ours 100
		wake 7.609375s`)
}

func TestSheet_4_4_OurOwnAddress(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain)).lead()
	l.one("4s", heard("192.0.2.10", 100), `
		log: (A) WARNING - equal priority advert received from remote host with our IP address.
		wake 4.609375s`)
	// Then it is the priority that decides.
	l.one("4.1s", heard("192.0.2.10", 99), `
		log: (A) Received advert from 192.0.2.10 with lower priority 99, ours 100, forcing new election
		send 100 from 192.0.2.10
		lower heard 192.0.2.10
		wake 5.1s`)
	l.one("4.2s", heard("192.0.2.10", 101), `
		log: (A) Master received advert from 192.0.2.10 with higher priority 101, ours 100
		detail: (A) master set to 192.0.2.10
		log: (A) Entering BACKUP STATE
		remove addresses
		MASTER to BACKUP at 100: advert from 192.0.2.10 with priority 101, ours 100
		wake 7.809375s`)
}

// The address compared is the one that we send from now.
func TestSheet_4_4_SourceChanges(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain)).lead()
	l.one("4s", SourceChanged{Addr: addr("192.0.2.40")}, `
		wake 4.609375s`)
	l.one("4.1s", heard("192.0.2.20", 100), `
		log: (A) Received advert from 192.0.2.20 with lower priority 100, ours 100, forcing new election
		send 100 from 192.0.2.40
		lower heard 192.0.2.20
		wake 5.1s`)
	l.one("4.2s", heard("192.0.2.41", 100), `
		log: (A) Master received advert from 192.0.2.41 with same priority 100 but higher IP address than ours
		detail: (A) master set to 192.0.2.41
		log: (A) Entering BACKUP STATE
		remove addresses
		MASTER to BACKUP at 100: advert from 192.0.2.41 with our priority 100 and a higher address than 192.0.2.40
		wake 7.809375s`)
}

// Two owners: the one with the lower address gives way.
func TestSheet_4_4_TwoOwners_LowerGivesWay(t *testing.T) {
	l := newLab(t, "", v2("A", 255, plain, startMaster)).start()
	l.one("0.5s", heard("192.0.2.20", 255), `
		log: (A) CONFIGURATION ERROR: local instance and 192.0.2.20 are both configured as address owner, please resolve
		detail: (A) master set to 192.0.2.20
		log: (A) Entering BACKUP STATE
		remove addresses
		MASTER to BACKUP at 255: 192.0.2.20 owns the addresses too and has a higher address than 192.0.2.10
		wake 3.503906s`)
	l.one("1.5s", heard("192.0.2.20", 255), `
		wake 4.503906s`)
	l.tick("4.503906s", `
		detail: (A) Receive advertisement timeout
		send 255 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 255: no advert from 192.0.2.20 (priority 255) for 3.003906s
		wake 5.503906s`)
}

// The other one stays, and when after two adverts of its own and 1.2 intervals
// the rival is still there, gives way to it with priority 254 until it is gone.
func TestSheet_4_4_TwoOwners_HigherReduces(t *testing.T) {
	l := newLab(t, "", v2("A", 255, plain, startMaster)).start()
	l.one("0.5s", heard("192.0.2.5", 255), `
		log: (A) CONFIGURATION ERROR: local instance and 192.0.2.5 are both configured as address owner, please resolve
		wake 1s`)
	l.tick("1s", `
		send 255 from 192.0.2.10
		wake 2s`)
	l.one("1.5s", heard("192.0.2.5", 255), `
		wake 2s`)
	l.tick("2s", `
		send 255 from 192.0.2.10
		wake 3s`)
	l.one("2.5s", heard("192.0.2.5", 255), `
		wake 3s`)
	l.tick("3s", `
		send 255 from 192.0.2.10
		wake 4s`)
	l.one("3.2s", heard("192.0.2.5", 255), `
		wake 4s`) // 1.2 s: not more than 1.2 intervals
	l.one("3.200001s", heard("192.0.2.5", 255), `
		log: (A) 192.0.2.5 is still advertising as address owner, please resolve - reducing our priority
		priority 255 to 254: 192.0.2.5 is advertising as address owner too
		wake 4s`)
	l.tick("4s", `
		send 254 from 192.0.2.10
		wake 5s`)
	l.one("4.200001s", heard("192.0.2.5", 255), `
		log: (A) Master received advert from 192.0.2.5 with higher priority 255, ours 254
		detail: (A) master set to 192.0.2.5
		log: (A) Entering BACKUP STATE
		remove addresses
		MASTER to BACKUP at 254: 192.0.2.5 is advertising as address owner too: priority 255 -> 254; advert from 192.0.2.5 with priority 255, ours 254
		wake 7.203907s`)
	l.one("5.200001s", heard("192.0.2.5", 255), `
		wake 8.203907s`)
	l.tick("8.203907s", `
		detail: (A) Receive advertisement timeout
		log: (A) Restoring our priority to 255 since 192.0.2.5 appears to have stopped advertising
		priority 254 to 255: no other address owner is advertising
		send 255 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 255: no advert from 192.0.2.5 (priority 255) for 3.003906s
		wake 9.203907s`)
	l.tick("9.203907s", `
		send 255 from 192.0.2.10
		wake 10.203907s`)
}

// A rival that goes by itself is mentioned; a new one is complained about anew.
func TestSheet_4_4_TwoOwners_RivalGoes(t *testing.T) {
	l := newLab(t, "", v2("A", 255, plain, startMaster)).start()
	l.one("0.5s", heard("192.0.2.5", 255), `
		log: (A) CONFIGURATION ERROR: local instance and 192.0.2.5 are both configured as address owner, please resolve
		wake 1s`)
	l.tick("1s", `
		send 255 from 192.0.2.10
		wake 2s`)
	l.tick("2s", `
		send 255 from 192.0.2.10
		wake 3s`)
	l.tick("3s", `
		send 255 from 192.0.2.10
		wake 4s`)
	l.tick("4s", `
		send 255 from 192.0.2.10
		log: (A): rogue address owner appears to have stopped advertising
		wake 5s`)
	l.tick("5s", `
		send 255 from 192.0.2.10
		wake 6s`)
	l.one("5.5s", heard("192.0.2.5", 255), `
		log: (A) CONFIGURATION ERROR: local instance and 192.0.2.5 are both configured as address owner, please resolve
		wake 6s`)
	l.one("5.6s", heard("192.0.2.6", 255), `
		log: (A) CONFIGURATION ERROR: local instance and 192.0.2.6 are both configured as address owner, please resolve
		wake 6s`)
}

// Gone is who has not been heard for more than three intervals.
func TestSheet_4_4_TwoOwners_RivalIsLate(t *testing.T) {
	l := newLab(t, "", v2("A", 255, plain, startMaster)).start()
	l.one("1s", heard("192.0.2.5", 255), `
		log: (A) CONFIGURATION ERROR: local instance and 192.0.2.5 are both configured as address owner, please resolve
		wake 1s`)
	for _, at := range []string{"1s", "2s", "3s"} {
		l.g.Step(moment(t, at), All, Tick{})
	}
	l.tick("4s", `
		send 255 from 192.0.2.10
		wake 5s`)
	l.tick("5s", `
		send 255 from 192.0.2.10
		log: (A): rogue address owner appears to have stopped advertising
		wake 6s`)
}

// A rival that goes after we have reduced our priority, but before it has been
// heard again.
func TestSheet_4_4_TwoOwners_RivalGoesAtTheLastMoment(t *testing.T) {
	l := newLab(t, "", v2("A", 255, plain, startMaster)).start()
	for _, at := range []string{"0.5s", "1s", "2s", "3s", "3.3s"} {
		l.g.Step(moment(t, at), All, Tick{})
		l.g.Step(moment(t, at), 0, heard("192.0.2.5", 255))
	}
	if got := l.g.View(0).Priority; got != 254 {
		t.Fatalf("priority %d, want 254", got)
	}
	l.tick("4s", `
		send 254 from 192.0.2.10
		wake 5s`)
	l.tick("6s", `
		send 254 from 192.0.2.10
		wake 7s`)
	l.tick("7s", `
		send 254 from 192.0.2.10
		log: (A) Restoring our priority to 255 since 192.0.2.5 appears to have stopped advertising
		priority 254 to 255: no other address owner is advertising
		wake 8s`)
	l.tick("8s", `
		send 255 from 192.0.2.10
		wake 9s`)
}

// Trackers do not give an owner back the priority that a rival has taken, a
// fault does.
func TestSheet_4_4_TwoOwners_OtherEvents(t *testing.T) {
	l := newLab(t, "", v2("A", 255, plain, startMaster, tracks(Tracker{Kind: TrackProcess, Name: "p", Weight: -10}))).start()
	for _, at := range []string{"0.5s", "1s", "2s", "3s", "3.3s"} {
		l.g.Step(moment(t, at), All, Tick{})
		l.g.Step(moment(t, at), 0, heard("192.0.2.5", 255))
	}
	l.one("3.4s", TrackChanged{Verdict: Bad, Why: "p has gone"}, `
		wake 4s`)
	l.one("3.5s", LinkChanged{Name: "eth0"}, `
		log: (A) Entering FAULT STATE
		send 0 from 192.0.2.10
		send 0 from 192.0.2.10
		detail: (A) sent 0 priority
		remove addresses
		priority 254 to 255: no other address owner is advertising
		MASTER to FAULT at 255: interface eth0 down
		wake never`)
}

// The rival's interval counts when it is longer than ours.
func TestSheet_4_4_TwoOwners_SlowRival(t *testing.T) {
	l := newLab(t, "", v3("A", 255, plain, startMaster)).start()
	l.one("0.5s", heard3("192.0.2.5", 255, 3*time.Second), `
		log: (A) CONFIGURATION ERROR: local instance and 192.0.2.5 are both configured as address owner, please resolve
		wake 1s`)
	l.g.Step(moment(t, "1s"), All, Tick{})
	l.g.Step(moment(t, "2s"), All, Tick{})
	l.g.Step(moment(t, "3s"), All, Tick{})
	l.g.Step(moment(t, "4s"), All, Tick{})
	l.one("5.5s", heard3("192.0.2.5", 255, 3*time.Second), `
		wake 5s`)
	l.one("5.7s", heard3("192.0.2.5", 255, 3*time.Second), `
		log: (A) 192.0.2.5 is still advertising as address owner, please resolve - reducing our priority
		priority 255 to 254: 192.0.2.5 is advertising as address owner too
		wake 5s`)
}
