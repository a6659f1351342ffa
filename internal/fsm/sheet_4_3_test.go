package fsm

import (
	"testing"
	"time"
)

// Section 4.3: the timer of a Backup that discards adverts is not shortened: it
// takes over when the time that was left has passed.
func TestSheet_4_3_PreemptsAfterTheTimeLeft(t *testing.T) {
	l := newLab(t, "", v2("A", 150, plain)).start()
	l.one("1s", heard("192.0.2.20", 160), `
		detail: (A) master set to 192.0.2.20
		wake 4.414062s`)
	l.one("2s", heard("192.0.2.20", 100), `
		log: (A) received lower priority (100) advert from 192.0.2.20 - discarding
		wake 4.414062s`)
	l.one("3s", heard("192.0.2.20", 100), `
		log: (A) received lower priority (100) advert from 192.0.2.20 - discarding
		wake 4.414062s`)
	l.tick("4.414062s", `
		detail: (A) Receive advertisement timeout
		send 150 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 150: preempting 192.0.2.20: priority 100, ours 150
		wake 5.414062s`)
}

// preempt_delay 4 s against a Master that is alive: the take over comes 4 s
// plus the time that is left then.
func TestSheet_4_3_PreemptDelay(t *testing.T) {
	l := newLab(t, "", v2("A", 200, plain, preemptAfter(4250*time.Millisecond))).start()
	l.one("1s", heard("192.0.2.20", 100), `
		detail: (A) master set to 192.0.2.20
		detail: (A) start preempt delay (4.250000)
		wake 4.21875s`)
	l.one("2s", heard("192.0.2.20", 100), `
		wake 5.21875s`)
	l.one("5.249999s", heard("192.0.2.20", 100), `
		wake 8.468749s`)
	l.one("5.25s", heard("192.0.2.20", 100), `
		log: (A) received lower priority (100) advert from 192.0.2.20 - discarding
		wake 8.468749s`)
	l.one("6.25s", heard("192.0.2.20", 100), `
		log: (A) received lower priority (100) advert from 192.0.2.20 - discarding
		wake 8.468749s`)
	l.tick("8.468749s", `
		detail: (A) Receive advertisement timeout
		send 200 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 200: preempting 192.0.2.20: priority 100, ours 200
		wake 9.468749s`)
}

func TestSheet_4_3_PreemptDelay_Cancelled(t *testing.T) {
	l := newLab(t, "", v2("A", 200, plain, preemptAfter(4*time.Second))).start()
	l.one("1s", heard("192.0.2.20", 100), `
		detail: (A) master set to 192.0.2.20
		detail: (A) start preempt delay (4.000000)
		wake 4.21875s`)
	l.one("2s", heard("192.0.2.30", 200), `
		detail: (A) master changed from 192.0.2.20 to 192.0.2.30
		detail: (A) stop preempt delay
		wake 5.21875s`)
	l.one("3s", heard("192.0.2.30", 210), `
		wake 6.21875s`)
	// It is counted from the beginning again.
	l.one("4s", heard("192.0.2.20", 100), `
		detail: (A) master changed from 192.0.2.30 to 192.0.2.20
		detail: (A) start preempt delay (4.000000)
		wake 7.21875s`)
	l.one("7.9s", heard("192.0.2.20", 100), `
		wake 11.11875s`)
	l.one("8s", heard("192.0.2.20", 100), `
		log: (A) received lower priority (100) advert from 192.0.2.20 - discarding
		wake 11.11875s`)
}

// It has no effect when nobody is heard, and a Master that dies while it runs
// is replaced in the usual time.
func TestSheet_4_3_PreemptDelay_Silence(t *testing.T) {
	l := newLab(t, "", v2("A", 200, plain, preemptAfter(time.Minute))).start()
	l.tick("3.21875s", `
		detail: (A) Receive advertisement timeout
		send 200 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 200: no advert heard for 3.21875s
		wake 4.21875s`)
	l = newLab(t, "", v2("A", 200, plain, preemptAfter(time.Minute))).start()
	l.one("1s", heard("192.0.2.20", 100), `
		detail: (A) master set to 192.0.2.20
		detail: (A) start preempt delay (60.000000)
		wake 4.21875s`)
	l.tick("4.21875s", `
		detail: (A) Receive advertisement timeout
		send 200 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 200: no advert from 192.0.2.20 (priority 100) for 3.21875s
		wake 5.21875s`)
}

// It is reset on entering BACKUP and on leaving FAULT.
func TestSheet_4_3_PreemptDelay_Reset(t *testing.T) {
	l := newLab(t, "", v2("A", 200, plain, preemptAfter(4*time.Second))).start()
	l.one("1s", heard("192.0.2.20", 100), `
		detail: (A) master set to 192.0.2.20
		detail: (A) start preempt delay (4.000000)
		wake 4.21875s`)
	l.one("2s", LinkChanged{Name: "eth0"}, `
		log: (A) Entering FAULT STATE
		BACKUP to FAULT at 200: interface eth0 down
		wake never`)
	l.one("3s", LinkChanged{Up: true, Name: "eth0"}, `
		log: (A) Entering BACKUP STATE
		FAULT to BACKUP at 200: interface eth0 up
		wake 6.21875s`)
	l.one("4s", heard("192.0.2.20", 100), `
		detail: (A) master set to 192.0.2.20
		detail: (A) start preempt delay (4.000000)
		wake 7.21875s`)
	l.one("7.9s", heard("192.0.2.20", 100), `
		wake 11.11875s`)
	l.one("8s", heard("192.0.2.20", 100), `
		log: (A) received lower priority (100) advert from 192.0.2.20 - discarding
		wake 11.11875s`)
}

// With nopreempt it says nothing.
func TestSheet_4_3_PreemptDelay_NoPreempt(t *testing.T) {
	l := newLab(t, "", v2("A", 200, plain, noPreempt, preemptAfter(4*time.Second))).start()
	l.one("1s", heard("192.0.2.20", 100), `
		detail: (A) master set to 192.0.2.20
		wake 4.21875s`)
	l.one("9s", heard("192.0.2.20", 100), `
		wake 12.21875s`)
}

// The highest priority of anybody else is remembered for the dump.
func TestSheet_4_3_WhoIsMaster(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain)).start()
	l.g.Step(epoch.Add(time.Second), 0, heard("192.0.2.20", 170))
	l.g.Step(epoch.Add(2*time.Second), 0, heard("192.0.2.30", 160))
	v := l.g.View(0)
	if v.Master != addr("192.0.2.30") || v.MasterPriority != 160 || v.Highest != 170 {
		t.Errorf("master %v, its priority %d, highest %d; want 192.0.2.30, 160, 170", v.Master, v.MasterPriority, v.Highest)
	}
	l.g.Step(epoch.Add(6*time.Second), All, Tick{})
	if v := l.g.View(0); v.Master.IsValid() || v.MasterPriority != 0 {
		t.Errorf("as Master ourselves: master %v, its priority %d", v.Master, v.MasterPriority)
	}
}
