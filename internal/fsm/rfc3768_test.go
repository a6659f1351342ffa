package fsm

import (
	"testing"
	"time"
)

// RFC 3768 section 6.1: the skew of version 2 does not depend on the interval,
// and section 5.3.7: the interval is not learned.
func TestRFC3768_6_1_Intervals(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain, every(5*time.Second)))
	l.all("0s", Start{}, `
		log: (A) Entering BACKUP STATE (init)
		INIT to BACKUP at 100: start
		wake 15.609375s`)
	ev := heard("192.0.2.20", 150)
	ev.Advert.Interval = time.Second
	l.one("1s", ev, `
		detail: (A) master set to 192.0.2.20
		wake 16.609375s`)
	l.one("2s", heard("192.0.2.20", 0), `
		detail: (A) Backup received priority 0 advertisement
		wake 2.609375s`)
	l.tick("2.609375s", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 100: 192.0.2.20 gave up mastership (priority 0)
		wake 7.609375s`)
	l.tick("7.609375s", `
		send 100 from 192.0.2.10
		wake 12.609375s`)
}

// RFC 3768 section 6.4: the same machine as version 3 otherwise.
func TestRFC3768_6_4(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain)).lead()
	l.one("4s", heard("192.0.2.20", 99), `
		log: (A) Received advert from 192.0.2.20 with lower priority 99, ours 100, forcing new election
		send 100 from 192.0.2.10
		lower heard 192.0.2.20
		wake 5s`)
	l.one("4.1s", heard("192.0.2.20", 0), `
		detail: (A) Master received priority 0 message
		send 100 from 192.0.2.10
		wake 5.1s`)
	l.one("4.2s", heard("192.0.2.9", 100), `
		log: (A) Received advert from 192.0.2.9 with lower priority 100, ours 100, forcing new election
		send 100 from 192.0.2.10
		lower heard 192.0.2.9
		wake 5.2s`)
	l.one("4.3s", heard("192.0.2.20", 100), `
		log: (A) Master received advert from 192.0.2.20 with same priority 100 but higher IP address than ours
		detail: (A) master set to 192.0.2.20
		log: (A) Entering BACKUP STATE
		remove addresses
		MASTER to BACKUP at 100: advert from 192.0.2.20 with our priority 100 and a higher address than 192.0.2.10
		wake 7.909375s`)
	l.one("5s", heard("192.0.2.20", 99), `
		log: (A) received lower priority (99) advert from 192.0.2.20 - discarding
		wake 7.909375s`)
	l.one("6s", heard("192.0.2.20", 100), `
		wake 9.609375s`)
	l.tick("9.609375s", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 100: no advert from 192.0.2.20 (priority 100) for 3.609375s
		wake 10.609375s`)
}
