package fsm

import (
	"fmt"
	"testing"
	"time"
)

// Section 4.5: a Master says priority 0 twice and counts that once.
func TestSheet_4_5_MasterToFault(t *testing.T) {
	l := newLab(t, "", v2("A", 100)).lead()
	l.one("4s", LinkChanged{Name: "eth0"}, `
		log: (A) Entering FAULT STATE
		send 0 from 192.0.2.10
		send 0 from 192.0.2.10
		detail: (A) sent 0 priority
		remove addresses
		MASTER to FAULT at 100: interface eth0 down
		wake never`)
	l.tick("60s", `
		wake never`)
	if got, want := l.g.View(0).Stats, (Stats{AdvertsSent: 2, ZeroSent: 1, ReleasedMaster: 1}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	// Fresh and full, and all that was planned for a Master is forgotten.
	l.one("61s", LinkChanged{Up: true, Name: "eth0"}, `
		log: (A) Entering BACKUP STATE
		FAULT to BACKUP at 100: interface eth0 up
		wake 1m4.609375s`)
	l.tick("64.609375s", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		announce 5 master
		BACKUP to MASTER at 100: no advert heard for 3.609375s
		wake 1m5.609375s`)
}

func TestSheet_4_5_BackupToFault(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain)).start()
	l.one("1s", heard("192.0.2.20", 150), `
		detail: (A) master set to 192.0.2.20
		wake 4.609375s`)
	l.one("2s", LinkChanged{Name: "eth0"}, `
		log: (A) Entering FAULT STATE
		BACKUP to FAULT at 100: interface eth0 down
		wake never`)
	if v := l.g.View(0); v.Master.IsValid() || !v.LinkDown || v.Cause != "interface eth0 down" || v.Since != moment(t, "2s") {
		t.Errorf("in FAULT: master %v, link down %v, cause %q, since %v", v.Master, v.LinkDown, v.Cause, v.Since)
	}
}

// Leaving FAULT goes to Backup with a full wait, for an owner too.
func TestSheet_4_5_OwnerLeavesFault(t *testing.T) {
	l := newLab(t, "", v2("A", 255, plain, startMaster)).start()
	l.one("1s", LinkChanged{Name: "eth0"}, `
		log: (A) Entering FAULT STATE
		send 0 from 192.0.2.10
		send 0 from 192.0.2.10
		detail: (A) sent 0 priority
		remove addresses
		MASTER to FAULT at 255: interface eth0 down
		wake never`)
	l.one("2s", LinkChanged{Up: true, Name: "eth0"}, `
		log: (A) Entering BACKUP STATE
		FAULT to BACKUP at 255: interface eth0 up
		wake 5.003906s`)
	l.tick("5.003906s", `
		detail: (A) Receive advertisement timeout
		send 255 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 255: no advert heard for 3.003906s
		wake 6.003906s`)
}

// The learned interval is forgotten in FAULT.
func TestSheet_4_5_IntervalForgotten(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain)).start()
	l.one("1s", heard3("192.0.2.20", 150, 10*time.Second), `
		detail: (A) master set to 192.0.2.20
		detail: (A) advertisement interval updated from 1000ms to 10000ms by master
		wake 37.09375s`)
	l.one("2s", LinkChanged{Name: "eth0"}, `
		log: (A) Entering FAULT STATE
		BACKUP to FAULT at 100: interface eth0 down
		wake never`)
	l.one("3s", LinkChanged{Up: true, Name: "eth0"}, `
		log: (A) Entering BACKUP STATE
		FAULT to BACKUP at 100: interface eth0 up
		wake 6.609375s`)
}

func TestSheet_4_5_DontTrackPrimary(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain, func(s *Spec) { s.DontTrackPrimary = true })).lead()
	l.one("4s", LinkChanged{Name: "eth0"}, `
		wake 4.609375s`)
}

// The last source address goes: IPv4 says priority 0 from the old one, IPv6
// cannot. Unicast refreshes its neighbours' idea of it when it is back.
func TestSheet_4_5_SourceLost(t *testing.T) {
	unicast := func(s *Spec) { s.Unicast = true }
	l := newLab(t, "", v2("A", 100, plain, unicast)).lead()
	l.one("4s", SourceChanged{}, `
		log: (A) Entering FAULT STATE
		send 0 from 192.0.2.10
		send 0 from 192.0.2.10
		detail: (A) sent 0 priority
		remove addresses
		MASTER to FAULT at 100: no IPv4 address for interface eth0
		wake never`)
	if v := l.g.View(0); !v.NoSource {
		t.Error("the view does not tell that the source is missing")
	}
	l.one("5s", SourceChanged{Addr: addr("192.0.2.10")}, `
		log: (A) Entering BACKUP STATE
		FAULT to BACKUP at 100: source address 192.0.2.10
		announce source 192.0.2.10
		wake 8.609375s`)
	l.one("5s", SourceChanged{Addr: addr("192.0.2.10")}, `
		wake 8.609375s`)
}

func TestSheet_4_5_SourceLostIPv6(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain, func(s *Spec) { s.IPv6 = true })).lead()
	l.one("4s", SourceChanged{}, `
		log: (A) Entering FAULT STATE
		remove addresses
		MASTER to FAULT at 100: no IPv6 address for interface eth0
		wake never`)
	if got := l.g.View(0).Stats.ZeroSent; got != 0 {
		t.Errorf("counted %d adverts of priority 0, none was sent", got)
	}
	l.one("5s", SourceChanged{Addr: addr("fe80::10")}, `
		log: (A) Entering BACKUP STATE
		FAULT to BACKUP at 100: source address fe80::10
		wake 8.609375s`)
}

// Every reason has to go.
func TestSheet_4_5_SeveralReasons(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain, tracks(Tracker{Kind: TrackProcess, Name: "p"}, Tracker{Kind: TrackProcess, Name: "q", Reverse: true}))).start()
	l.one("1s", TrackChanged{Index: 0, Verdict: Bad, Why: "process p: quorum lost"}, `
		log: (A) Entering FAULT STATE
		BACKUP to FAULT at 100: process p: quorum lost
		wake never`)
	l.one("2s", LinkChanged{Name: "eth0"}, `
		wake never`)
	l.one("3s", TrackChanged{Index: 1, Verdict: Good, Why: "process q: quorum gained"}, `
		wake never`)
	l.one("4s", TrackChanged{Index: 0, Verdict: Good, Why: "process p: quorum gained"}, `
		wake never`)
	l.one("5s", LinkChanged{Up: true, Name: "eth0"}, `
		wake never`)
	if got := l.g.View(0).Faults; len(got) != 1 || got[0] != "process q: quorum gained" {
		t.Errorf("faults %q", got)
	}
	l.one("6s", TrackChanged{Index: 1, Verdict: Bad, Why: "process q: quorum lost"}, `
		log: (A) Entering BACKUP STATE
		FAULT to BACKUP at 100: process q: quorum lost
		wake 9.609375s`)
}

// Section 4.6: what is lost is put back at once, and only addresses are
// announced. What goes at the same time is put back together.
func TestSheet_4_6_AddressLost(t *testing.T) {
	lost := AddressLost{Addr: "192.0.2.100/24", Link: "eth0", Why: "was removed by another program"}
	route := AddressLost{What: HeldRoute, Addr: "10.0.0.0/8 via 192.0.2.1", Why: "was removed by ip (process 7)", More: 2}
	l := newLab(t, "", v2("A", 100, plain))
	l.quiet(0, lost)
	l.start()
	l.one("1s", lost, `
		wake 3.609375s`) // Backup: nothing to lose
	l.lead()
	l.one("4s", lost, `
		log: (A) address 192.0.2.100/24 on eth0 was removed by another program
		add addresses
		announce 1 restored
		wake 4.609375s`)
	l.one("4.001s", lost, `
		log: (A) address 192.0.2.100/24 on eth0 was removed by another program
		wake 4.02s`)
	l.one("4.002s", route, `
		log: (A) route 10.0.0.0/8 via 192.0.2.1 was removed by ip (process 7) (and 2 more)
		wake 4.02s`)
	l.tick("4.02s", `
		add addresses
		announce 1 restored
		wake 4.609375s`)
	l.tick("4.609375s", `
		send 100 from 192.0.2.10
		wake 5.609375s`)
	l.one("5s", route, `
		log: (A) route 10.0.0.0/8 via 192.0.2.1 was removed by ip (process 7) (and 2 more)
		add addresses
		wake 5.609375s`)
	if got := l.g.View(0).Stats.Restored; got != 3 {
		t.Errorf("counted %d restorations, want 3", got)
	}
	l.one("5.01s", lost, `
		log: (A) address 192.0.2.100/24 on eth0 was removed by another program
		wake 5.02s`)
	l.one("5.011s", heard("192.0.2.20", 150), `
		log: (A) Master received advert from 192.0.2.20 with higher priority 150, ours 100
		detail: (A) master set to 192.0.2.20
		log: (A) Entering BACKUP STATE
		remove addresses
		MASTER to BACKUP at 100: advert from 192.0.2.20 with priority 150, ours 100
		wake 8.620375s`)
	l.tick("6s", `
		wake 8.620375s`) // no longer to be put back
}

// What could not be set is tried again a second later; that is no loss.
func TestSheet_4_6_Unset(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain)).lead()
	l.one("4s", AddressLost{What: HeldRoute, Unset: true}, `
		wake 4.609375s`)
	l.tick("4.609375s", `
		send 100 from 192.0.2.10
		wake 5s`)
	l.tick("5s", `
		add addresses
		wake 5.609375s`)
	l.one("5.1s", AddressLost{Unset: true}, `
		wake 5.609375s`)
	l.tick("5.609375s", `
		send 100 from 192.0.2.10
		wake 6.1s`)
	l.tick("6.1s", `
		add addresses
		announce 1 restored
		wake 6.609375s`)
	if got := l.g.View(0).Stats.Restored; got != 0 {
		t.Errorf("counted %d restorations, want none", got)
	}
	l = newLab(t, "", v2("A", 100, strict)).lead()
	l.one("4s", AddressLost{Unset: true}, `
		wake 4.609375s`)
}

// Against somebody who takes it away each time there are pauses, which the log
// tells of, and of their end.
func TestSheet_4_6_FoughtOver(t *testing.T) {
	lost := AddressLost{Addr: "192.0.2.100/24", Link: "eth0", Why: "was removed by another program"}
	l := newLab(t, "", v2("A", 100, plain, func(s *Spec) { s.AdvertInterval = 255 * time.Second })).lead() // at 765.6s
	for i := range fightLimit {
		l.g.Step(moment(t, fmt.Sprintf("%ds", 771+5*i)), 0, lost)
	}
	l.one("817s", lost, `
		log: (A) address 192.0.2.100/24 on eth0 was removed by another program
		log: (A) `+FightBegan+`
		add addresses
		announce 1 restored
		wake 14m37s`)
	l.one("818s", lost, `
		detail: (A) address 192.0.2.100/24 on eth0 was removed by another program
		wake 13m39s`) // two seconds after the last time
	l.tick("819s", `
		add addresses
		announce 1 restored
		wake 14m38s`)
	l.one("819.5s", lost, `
		detail: (A) address 192.0.2.100/24 on eth0 was removed by another program
		wake 13m43s`)
	l.tick("823s", `
		add addresses
		announce 1 restored
		wake 14m39.5s`)
	l.tick("879.5s", `
		log: (A) put back 13 times; nothing was taken away for a minute: no longer fought over
		wake 17m0.609375s`)
	l.one("880s", lost, `
		log: (A) address 192.0.2.100/24 on eth0 was removed by another program
		add addresses
		announce 1 restored
		wake 17m0.609375s`)
}

// With keepalived's strictness it is a hand-over, to whoever is the first.
func TestSheet_4_6_AddressLost_Strict(t *testing.T) {
	lost := AddressLost{Addr: "192.0.2.100/24", Link: "eth0", Why: "was removed by another program"}
	l := newLab(t, "", v2("A", 100, strict)).lead()
	l.one("4s", lost, `
		detail: (A) address 192.0.2.100/24 on eth0 was removed by another program
		log: (A) Entering BACKUP STATE
		send 0 from 192.0.2.10
		detail: (A) sent 0 priority
		remove addresses
		MASTER to BACKUP at 100: address 192.0.2.100/24 on eth0 was removed by another program
		wake 4.609375s`)
	l.one("4s", lost, `
		wake 4.609375s`)
	l.tick("4.609375s", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		announce 5 master
		BACKUP to MASTER at 100: no advert heard for 609.375ms
		wake 5.609375s`)
	if got, want := l.g.View(0).Stats, (Stats{AdvertsSent: 2, ZeroSent: 1, ReleasedMaster: 1, BecameMaster: 1}); got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
}

func TestSheet_4_6_AddressLost_StrictGroup(t *testing.T) {
	lost := AddressLost{Addr: "192.0.2.100/24", Link: "eth1", Why: "was removed by another program"}
	l := newLab(t, "G", v2("A", 100, plain, strict), v2("B", 120, plain, strict)).lead()
	l.step("10s", 1, lost, `
		B detail: (B) address 192.0.2.100/24 on eth1 was removed by another program
		B log: (B) Entering BACKUP STATE
		B send 0 from 192.0.2.11
		B detail: (B) sent 0 priority
		B remove addresses
		B MASTER to BACKUP at 120: address 192.0.2.100/24 on eth1 was removed by another program
		A log: (A) Entering BACKUP STATE
		A send 0 from 192.0.2.10
		A detail: (A) sent 0 priority
		A remove addresses
		A MASTER to BACKUP at 100: address 192.0.2.100/24 on eth1 was removed by another program
		wake 10.53125s`)
	l.tick("10.53125s", `
		B detail: (B) Receive advertisement timeout
		wake 10.609375s`)
	l.tick("10.609375s", `
		A detail: (A) Receive advertisement timeout
		A send 100 from 192.0.2.10
		A log: (A) Entering MASTER STATE
		A add addresses
		A BACKUP to MASTER at 100: no advert heard for 609.375ms
		A log: VRRP_Group(G) Syncing instances to MASTER state
		B send 120 from 192.0.2.11
		B log: (B) Entering MASTER STATE
		B add addresses
		B BACKUP to MASTER at 120: sync group G follows A: no advert heard for 609.375ms
		A group BACKUP to MASTER
		wake 11.609375s`)
}

// An event that does not say why it is for the better.
func TestSheet_4_5_NoReasonGiven(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain, tracks(Tracker{Kind: TrackProcess, Name: "p"}))).start()
	l.one("1s", TrackChanged{Verdict: Bad}, `
		log: (A) Entering FAULT STATE
		BACKUP to FAULT at 100: process p is bad
		wake never`)
	l.one("2s", TrackChanged{Verdict: Good}, `
		log: (A) Entering BACKUP STATE
		FAULT to BACKUP at 100: all causes of FAULT have gone
		wake 5.609375s`)
}
