package fsm

import (
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

// RFC 9568 section 6.4.1: (105) to (145), the owner is Active at once; (150) to
// (165), everybody else is Backup first.
func TestRFC9568_6_4_1_Initialize_105_Owner(t *testing.T) {
	l := newLab(t, "", v3("A", 255, startMaster))
	l.all("0s", Start{}, `
		detail: (A) Receive advertisement timeout
		send 255 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		announce 5 master
		INIT to MASTER at 255: address owner
		wake 1s`)
	l.tick("1s", `
		send 255 from 192.0.2.10
		wake 2s`)
	l.until("5s")
	l.tick("5s", `
		send 255 from 192.0.2.10
		announce 5 delayed
		wake 6s`)
}

func TestRFC9568_6_4_1_Initialize_150_Other(t *testing.T) {
	l := newLab(t, "", v3("A", 100))
	l.all("0s", Start{}, `
		log: (A) Entering BACKUP STATE (init)
		INIT to BACKUP at 100: start
		wake 3.609375s`)
	l.tick("3.609374s", `
		wake 3.609375s`)
	l.tick("3.609375s", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		announce 5 master
		BACKUP to MASTER at 100: no advert heard for 3.609375s
		wake 4.609375s`)
	l.tick("4.609375s", `
		send 100 from 192.0.2.10
		wake 5.609375s`)
}

// RFC 9568 section 6.4.2, (365): the down timer fires, exactly when it has to.
func TestRFC9568_6_4_2_Backup_365_Timer(t *testing.T) {
	for _, c := range []struct {
		name     string
		priority uint8
		down     time.Duration
	}{
		{"lowest", 1, 3996093 * time.Microsecond},
		{"default", 100, 3609375 * time.Microsecond},
		{"highest", 254, 3007812 * time.Microsecond},
		{"owner", 255, 3003906 * time.Microsecond},
	} {
		t.Run(c.name, func(t *testing.T) {
			l := newLab(t, "", v3("A", c.priority)).start()
			if at, _ := l.g.Wake(); at.Sub(epoch) != c.down {
				t.Fatalf("wakes after %v, want %v", at.Sub(epoch), c.down)
			}
			l.g.Step(epoch.Add(c.down-time.Microsecond), All, Tick{})
			if got := l.g.State(); got != Backup {
				t.Fatalf("a microsecond early: %v", got)
			}
			l.g.Step(epoch.Add(c.down), All, Tick{})
			if got := l.g.State(); got != Master {
				t.Fatalf("in time: %v", got)
			}
		})
	}
}

// (430): priority 0 leaves Skew_Time to wait, whoever sends it and with or
// without Preempt_Mode.
func TestRFC9568_6_4_2_Backup_430_PriorityZero(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain)).start()
	l.one("1s", heard3("192.0.2.20", 150, time.Second), `
		detail: (A) master set to 192.0.2.20
		wake 4.609375s`)
	l.one("2s", heard3("192.0.2.20", 0, time.Second), `
		detail: (A) Backup received priority 0 advertisement
		wake 2.609375s`)
	l.tick("2.609374s", `
		wake 2.609375s`)
	l.tick("2.609375s", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 100: 192.0.2.20 gave up mastership (priority 0)
		wake 3.609375s`)
}

func TestRFC9568_6_4_2_Backup_430_PriorityZero_NoPreempt(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain, noPreempt)).start()
	l.one("1s", heard3("192.0.2.20", 50, time.Second), `
		detail: (A) master set to 192.0.2.20
		wake 4.609375s`)
	l.one("2s", heard3("192.0.2.20", 0, time.Second), `
		detail: (A) Backup received priority 0 advertisement
		wake 2.609375s`)
	l.tick("2.609375s", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 100: 192.0.2.20 gave up mastership (priority 0)
		wake 3.609375s`)
}

// The skew of (430) is that of the Active router's interval, not of our own.
func TestRFC9568_6_4_2_Backup_430_SkewOfLearnedInterval(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain)).start()
	l.one("1s", heard3("192.0.2.20", 150, 500*time.Millisecond), `
		detail: (A) master set to 192.0.2.20
		detail: (A) advertisement interval updated from 1000ms to 500ms by master
		wake 2.804687s`)
	l.one("2s", heard3("192.0.2.20", 0, 500*time.Millisecond), `
		detail: (A) Backup received priority 0 advertisement
		wake 2.304687s`)
}

// (445) to (460): an advert of equal or higher priority restarts the down timer
// and teaches the interval; its source address does not matter.
func TestRFC9568_6_4_2_Backup_445_Accepts(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain)).start()
	l.one("1s", heard3("192.0.2.20", 101, time.Second), `
		detail: (A) master set to 192.0.2.20
		wake 4.609375s`)
	l.one("2s", heard3("192.0.2.20", 100, time.Second), `
		wake 5.609375s`)
	l.one("3s", heard3("192.0.2.5", 100, 2*time.Second), `
		detail: (A) master changed from 192.0.2.20 to 192.0.2.5
		detail: (A) advertisement interval updated from 1000ms to 2000ms by master
		wake 10.21875s`)
	l.one("4s", heard3("192.0.2.5", 255, 10*time.Millisecond), `
		detail: (A) advertisement interval updated from 2000ms to 10ms by master
		wake 4.036093s`)
	l.tick("4.036093s", `
		detail: (A) Receive advertisement timeout
		detail: (A) changing advert interval from 10ms to locally configured 1000ms
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 100: no advert from 192.0.2.5 (priority 255) for 36.093ms
		wake 5.036093s`)
}

// What was learned ends with our own term, and a group that takes an Active
// router back to Backup makes it wait our own interval.
func TestRFC9568_6_4_2_Backup_450_UntilActive(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain)).start()
	l.g.Step(moment(t, "1s"), 0, heard3("192.0.2.20", 150, 10*time.Millisecond))
	l.g.Step(moment(t, "1.04s"), All, Tick{})
	if v := l.g.View(0); v.State != Master || v.Interval != time.Second {
		t.Errorf("%v with the interval %v, want MASTER, 1s", v.State, v.Interval)
	}
}

// (470): with Preempt_Mode a lower priority is discarded: the timer runs on.
func TestRFC9568_6_4_2_Backup_470_Discards(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain)).start()
	l.one("1s", heard3("192.0.2.20", 99, 4*time.Second), `
		detail: (A) master set to 192.0.2.20
		log: (A) received lower priority (99) advert from 192.0.2.20 - discarding
		wake 3.609375s`)
	l.one("3.5s", heard3("192.0.2.20", 99, 4*time.Second), `
		log: (A) received lower priority (99) advert from 192.0.2.20 - discarding
		wake 3.609375s`)
	l.tick("3.609375s", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 100: preempting 192.0.2.20: priority 99, ours 100
		wake 4.609375s`)
}

// (445) again: without Preempt_Mode any priority is accepted.
func TestRFC9568_6_4_2_Backup_445_NoPreempt(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain, noPreempt)).start()
	l.one("1s", heard3("192.0.2.20", 1, time.Second), `
		detail: (A) master set to 192.0.2.20
		wake 4.609375s`)
	l.tick("4.609375s", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 100: no advert from 192.0.2.20 (priority 1) for 3.609375s
		wake 5.609375s`)
}

// An interval of 0 teaches nothing: nobody could wait three times that.
func TestRFC9568_6_4_2_Backup_450_IntervalZero(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain)).start()
	l.one("1s", heard3("192.0.2.20", 150, 0), `
		detail: (A) master set to 192.0.2.20
		wake 4.609375s`)
}

// (450) again: a router that advertises beside a better one is about to give way,
// and its advert may arrive after that Master's. The wait for the Master does not
// become shorter by it, nor does the interval.
func TestRFC9568_6_4_2_Backup_450_Passing(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain)).start()
	l.one("1s", heard3("192.0.2.20", 150, time.Second), `
		detail: (A) master set to 192.0.2.20
		wake 4.609375s`)
	l.one("1.1s", heard3("192.0.2.30", 120, 100*time.Millisecond), `
		detail: (A) master changed from 192.0.2.20 to 192.0.2.30
		wake 4.609375s`)
	l.one("1.2s", heard3("192.0.2.20", 150, time.Second), `
		detail: (A) master changed from 192.0.2.30 to 192.0.2.20
		wake 4.809375s`)
	// Its interval is longer: who knows which of the two it will be.
	l.one("1.3s", heard3("192.0.2.30", 120, 2*time.Second), `
		detail: (A) master changed from 192.0.2.20 to 192.0.2.30
		detail: (A) advertisement interval updated from 1000ms to 2000ms by master
		wake 8.51875s`)
}

// The Master itself may become worse and advertise more often.
func TestRFC9568_6_4_2_Backup_450_Lowered(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain)).start()
	l.g.Step(moment(t, "1s"), 0, heard3("192.0.2.20", 150, time.Second))
	l.one("1.1s", heard3("192.0.2.20", 120, 100*time.Millisecond), `
		detail: (A) advertisement interval updated from 1000ms to 100ms by master
		wake 1.460937s`)
}

// It is Master, after all, when it advertises again.
func TestRFC9568_6_4_2_Backup_450_Stays(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain)).start()
	l.g.Step(moment(t, "1s"), 0, heard3("192.0.2.20", 150, time.Second))
	l.g.Step(moment(t, "1.1s"), 0, heard3("192.0.2.30", 120, 100*time.Millisecond))
	l.one("1.2s", heard3("192.0.2.30", 120, 100*time.Millisecond), `
		detail: (A) advertisement interval updated from 1000ms to 100ms by master
		wake 1.560937s`)
}

// After the goodbye of a better one it is Master from its first advert on, and so
// is one of the same priority.
func TestRFC9568_6_4_2_Backup_450_Successor(t *testing.T) {
	for name, first := range map[string]*AdvertReceived{
		"goodbye": heard3("192.0.2.20", 0, time.Second), "same priority": heard3("192.0.2.20", 120, time.Second),
	} {
		l := newLab(t, "", v3("A", 100, plain)).start()
		l.g.Step(moment(t, "1s"), 0, heard3("192.0.2.20", 150, time.Second))
		l.g.Step(moment(t, "1.1s"), 0, first)
		l.g.Step(moment(t, "1.2s"), 0, heard3("192.0.2.30", 120, 100*time.Millisecond))
		if wake, _ := l.g.Wake(); !wake.Equal(moment(t, "1.560937s")) {
			t.Errorf("%s: takes over at %v", name, wake)
		}
	}
}

// RFC 9568 section 6.4.3, (680): the advert timer fires.
func TestRFC9568_6_4_3_Active_680_Timer(t *testing.T) {
	l := newLab(t, "", v3("A", 255, plain, startMaster, every(250*time.Millisecond))).start()
	l.tick("250ms", `
		send 255 from 192.0.2.10
		wake 500ms`)
	l.tick("510ms", `
		send 255 from 192.0.2.10
		wake 760ms`) // late: the next is a whole interval later
	l.tick("760ms", `
		send 255 from 192.0.2.10
		wake 1.01s`)
	l.tick("1.5s", `
		send 255 from 192.0.2.10
		wake 1.75s`) // very late: no burst
	l.tick("1.75s", `
		send 255 from 192.0.2.10
		wake 2s`)
}

// (655): Shutdown sends priority 0 first.
func TestRFC9568_6_4_3_Active_655_Shutdown(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain)).lead()
	l.all("9s", Stop{As: Stopped}, `
		send 0 from 192.0.2.10
		detail: (A) sent 0 priority
		remove addresses
		MASTER to STOP at 100: stop
		wake never`)
	l.tick("99s", `
		wake never`)
}

func TestRFC9568_6_4_2_Backup_345_Shutdown(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain)).start()
	l.all("1s", Stop{As: Stopped}, `
		BACKUP to STOP at 100: stop
		wake never`)
}

// (705): priority 0 is answered at once.
func TestRFC9568_6_4_3_Active_705_PriorityZero(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain)).lead()
	l.one("4s", heard3("192.0.2.20", 0, time.Second), `
		detail: (A) Master received priority 0 message
		send 100 from 192.0.2.10
		wake 5s`)
}

// (725) to (765): a higher priority, or the same from a higher address, makes us
// Backup that waits for the new router's interval.
func TestRFC9568_6_4_3_Active_725_HigherPriority(t *testing.T) {
	l := newLab(t, "", v3("A", 100)).lead()
	l.one("4s", heard3("192.0.2.5", 101, 2*time.Second), `
		log: (A) Master received advert from 192.0.2.5 with higher priority 101, ours 100
		detail: (A) master set to 192.0.2.5
		detail: (A) advertisement interval updated from 1000ms to 2000ms by master
		log: (A) Entering BACKUP STATE
		remove addresses
		MASTER to BACKUP at 100: advert from 192.0.2.5 with priority 101, ours 100
		wake 11.21875s`)
	l.tick("11.21875s", `
		detail: (A) Receive advertisement timeout
		detail: (A) changing advert interval from 2000ms to locally configured 1000ms
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		announce 5 master
		BACKUP to MASTER at 100: no advert from 192.0.2.5 (priority 101) for 7.21875s
		wake 12.21875s`)
}

func TestRFC9568_6_4_3_Active_735_HigherAddress(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain)).lead()
	l.one("4s", heard3("192.0.2.11", 100, time.Second), `
		log: (A) Master received advert from 192.0.2.11 with same priority 100 but higher IP address than ours
		detail: (A) master set to 192.0.2.11
		log: (A) Entering BACKUP STATE
		remove addresses
		MASTER to BACKUP at 100: advert from 192.0.2.11 with our priority 100 and a higher address than 192.0.2.10
		wake 7.609375s`)
}

// 192.0.2.9 is lower than 192.0.2.10 as a number, though not as text.
func TestRFC9568_6_4_3_Active_735_AddressIsANumber(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain)).lead()
	l.one("4s", heard3("192.0.2.9", 100, time.Second), `
		log: (A) Received advert from 192.0.2.9 with lower priority 100, ours 100, forcing new election
		send 100 from 192.0.2.10
		lower heard 192.0.2.9
		wake 5s`)
}

func TestRFC9568_6_4_3_Active_735_HigherAddressIPv6(t *testing.T) {
	ipv6 := func(s *Spec) { s.IPv6 = true }
	l := newLab(t, "", v3("A", 100, plain, ipv6)).lead()
	l.one("4s", heard3("fe80::9%eth0", 100, time.Second), `
		log: (A) Received advert from fe80::9 with lower priority 100, ours 100, forcing new election
		send 100 from fe80::10
		lower heard fe80::9
		wake 5s`)
	l.one("4.1s", heard3("fe80::10%eth0", 100, time.Second), `
		log: (A) WARNING - equal priority advert received from remote host with our IP address.
		wake 5s`)
	l.one("4.2s", heard3("fe80::a0%eth0", 100, time.Second), `
		log: (A) Master received advert from fe80::a0 with same priority 100 but higher IP address than ours
		detail: (A) master set to fe80::a0
		log: (A) Entering BACKUP STATE
		remove addresses
		MASTER to BACKUP at 100: advert from fe80::a0 with our priority 100 and a higher address than fe80::10
		wake 7.809375s`)
}

// (770): a lower priority is answered at once, so that its sender gives up.
func TestRFC9568_6_4_3_Active_770_LowerPriority(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain)).lead()
	l.one("4s", heard3("192.0.2.20", 99, 3*time.Second), `
		log: (A) Received advert from 192.0.2.20 with lower priority 99, ours 100, forcing new election
		send 100 from 192.0.2.10
		lower heard 192.0.2.20
		wake 5s`)
	l.one("4.5s", heard3("192.0.2.20", 1, 3*time.Second), `
		log: (A) Received advert from 192.0.2.20 with lower priority 1, ours 100, forcing new election
		send 100 from 192.0.2.10
		lower heard 192.0.2.20
		wake 5.5s`)
	if v := l.g.View(0); v.Interval != time.Second {
		t.Errorf("a discarded advert has taught the interval %v", v.Interval)
	}
}

// RFC 9568 section 5.2.4: 0 is only ever sent, never configured, and a router
// that is neither Backup nor Active hears nothing at all.
func TestRFC9568_6_4_1_HearsNothing(t *testing.T) {
	adverts := []Event{
		heard3("192.0.2.20", 0, time.Second), heard3("192.0.2.20", 255, time.Second),
		AdvertRejected{From: addr("192.0.2.20"), Reject: advert.Reject{Reason: advert.ReasonTTL, Got: 1, Want: 255}},
	}
	l := newLab(t, "", v3("A", 100, plain))
	for _, ev := range adverts {
		l.quiet(0, ev)
	}
	l.start()
	l.one("1s", LinkChanged{Up: false, Name: "eth0"}, `
		log: (A) Entering FAULT STATE
		BACKUP to FAULT at 100: interface eth0 down
		wake never`)
	for _, ev := range adverts {
		if got := l.render(l.g.Step(epoch.Add(2*time.Second), 0, ev)); got != "wake never" {
			t.Errorf("in FAULT: %s", got)
		}
	}
	if got := l.g.View(0).Stats; got != (Stats{}) {
		t.Errorf("counted %+v", got)
	}
}
