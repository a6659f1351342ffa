package fsm

import (
	"testing"
	"time"
)

// Section 5.1: a block at once, one after garp_master_delay, and with
// garp_master_refresh one more at the delay plus the refresh and so on.
func TestSheet_5_1_Blocks(t *testing.T) {
	l := newLab(t, "", v2("A", 100, every(100*time.Second), func(s *Spec) {
		s.GARP = GARP{Repeat: 3, Delay: 5 * time.Second, Refresh: 7 * time.Second, RefreshRepeat: 2}
	})).start()
	l.tick("300.609375s", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		announce 3 master
		BACKUP to MASTER at 100: no advert heard for 5m0.609375s
		wake 5m5.609375s`)
	l.tick("305.609375s", `
		announce 3 delayed
		wake 5m12.609375s`)
	l.tick("312.609375s", `
		announce 2 refresh
		wake 5m19.609375s`)
	l.tick("319.609375s", `
		announce 2 refresh
		wake 5m26.609375s`)
	l.tick("400.609375s", `
		send 100 from 192.0.2.10
		announce 2 refresh
		wake 6m47.609375s`) // late for everything: once is enough
}

func TestSheet_5_1_NoDelay(t *testing.T) {
	l := newLab(t, "", v2("A", 100, every(100*time.Second), func(s *Spec) {
		s.GARP = GARP{Repeat: 3, Refresh: 7 * time.Second, RefreshRepeat: 2}
	})).start()
	l.tick("300.609375s", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		announce 3 master
		BACKUP to MASTER at 100: no advert heard for 5m0.609375s
		wake 5m7.609375s`)
	l.tick("307.609375s", `
		announce 2 refresh
		wake 5m14.609375s`)
}

// With garp_extra_if, one more at the delay plus the interval and so on.
func TestSheet_5_1_Extra(t *testing.T) {
	extra := func(every time.Duration) func(*Spec) {
		return func(s *Spec) { s.GARP = GARP{Delay: 5 * time.Second, Extra: every} }
	}
	l := newLab(t, "", v2("A", 100, every(100*time.Second), extra(7*time.Second))).start()
	l.tick("300.609375s", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 100: no advert heard for 5m0.609375s
		wake 5m12.609375s`)
	l.tick("312.609375s", `
		announce 1 extra
		wake 5m19.609375s`)
	l.one("313s", Reconfigured{Spec: v2("A", 100, every(100*time.Second), extra(0))}, `
		send 100 from 192.0.2.10
		add addresses
		wake 6m53s`)
}

func TestSheet_5_1_NoRounds(t *testing.T) {
	l := newLab(t, "", v2("A", 100, func(s *Spec) { s.GARP = GARP{Delay: 5 * time.Second} })).start()
	l.tick("3.609375s", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 100: no advert heard for 3.609375s
		wake 4.609375s`)
}

// Nothing is announced after leaving MASTER, and a new term begins anew.
func TestSheet_5_1_NotWhileBackup(t *testing.T) {
	l := newLab(t, "", v2("A", 100, func(s *Spec) { s.GARP.Refresh = time.Second })).lead()
	l.one("4s", heard("192.0.2.20", 50), `
		log: (A) Received advert from 192.0.2.20 with lower priority 50, ours 100, forcing new election
		send 100 from 192.0.2.10
		announce 5 lower-priority
		lower heard 192.0.2.20
		wake 5s`)
	l.one("5s", heard("192.0.2.20", 200), `
		log: (A) Master received advert from 192.0.2.20 with higher priority 200, ours 100
		detail: (A) master set to 192.0.2.20
		log: (A) Entering BACKUP STATE
		remove addresses
		MASTER to BACKUP at 100: advert from 192.0.2.20 with priority 200, ours 100
		wake 8.609375s`)
	l.tick("8s", `
		wake 8.609375s`)
	l.tick("8.609375s", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		announce 5 master
		BACKUP to MASTER at 100: no advert from 192.0.2.20 (priority 200) for 3.609375s
		wake 9.609375s`)
	l.tick("9s", `
		wake 9.609375s`)
}
