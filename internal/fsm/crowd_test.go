package fsm

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

// Priority 0 of somebody who is not the Master ends nothing.
func TestCrowd_GoodbyeOfAnother(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain)).start()
	l.one("1s", heard3("192.0.2.20", 150, time.Second), `
		detail: (A) master set to 192.0.2.20
		wake 4.609375s`)
	l.one("2s", heard3("192.0.2.30", 0, time.Second), `
		detail: (A) priority 0 from 192.0.2.30, which is not the master - ignored
		wake 4.609375s`)
	l.one("2s", heard3("192.0.2.20", 0, time.Second), `
		detail: (A) Backup received priority 0 advertisement
		wake 2.609375s`)
}

// With two that advertise, the goodbye of the one that was obeyed counts too.
func TestCrowd_GoodbyeOfTheObeyed(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain)).start()
	l.one("1s", heard3("192.0.2.20", 150, time.Second), `
		detail: (A) master set to 192.0.2.20
		wake 4.609375s`)
	l.one("1.5s", heard3("192.0.2.30", 10, time.Second), `
		detail: (A) master changed from 192.0.2.20 to 192.0.2.30
		log: (A) received lower priority (10) advert from 192.0.2.30 - discarding
		wake 4.609375s`)
	l.one("2s", heard3("192.0.2.20", 0, time.Second), `
		detail: (A) master changed from 192.0.2.30 to 192.0.2.20
		detail: (A) Backup received priority 0 advertisement
		wake 2.609375s`)
}

// keepalived believes everybody.
func TestCrowd_GoodbyeStrictCompat(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain, strict)).start()
	l.one("1s", heard3("192.0.2.20", 150, time.Second), `
		detail: (A) master set to 192.0.2.20
		wake 4.609375s`)
	l.one("2s", heard3("192.0.2.30", 0, time.Second), `
		detail: (A) master changed from 192.0.2.20 to 192.0.2.30
		detail: (A) Backup received priority 0 advertisement
		wake 2.609375s`)
}

// Who says goodbye again and again does not go: the wait is what it was.
func TestCrowd_EndlessGoodbyes(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain)).start()
	l.one("1s", heard3("192.0.2.20", 150, time.Second), `
		detail: (A) master set to 192.0.2.20
		wake 4.609375s`)
	for range goodbyesMax {
		l.one("2s", heard3("192.0.2.20", 0, time.Second), `
			detail: (A) Backup received priority 0 advertisement
			wake 2.609375s`)
	}
	l.one("2s", heard3("192.0.2.20", 0, time.Second), `
		log: (A) more adverts of priority 0 from 192.0.2.20 than a router sends that stops - ignored
		wake 4.609375s`)
	for range 1000 {
		l.one("2s", heard3("192.0.2.20", 0, time.Second), `
			wake 4.609375s`)
	}
	// The master is there, and may stop later.
	l.one("2.1s", heard3("192.0.2.20", 150, time.Second), `
		wake 5.709375s`)
	l.one("3s", heard3("192.0.2.20", 0, time.Second), `
		detail: (A) Backup received priority 0 advertisement
		wake 3.609375s`)
}

// A Master answers a few adverts in an interval, however many come, and its
// regular ones leave on time.
func TestCrowd_Answers(t *testing.T) {
	for _, priority := range []uint8{0, 50} {
		t.Run(fmt.Sprint(priority), func(t *testing.T) {
			l := newLab(t, "", v3("A", 100, plain)).lead()
			begun := moment(t, "5s")
			sent, lines := 0, 0
			for i := range 10_000 { // for a second
				for _, o := range l.g.Step(begun.Add(time.Duration(i)*100*time.Microsecond), 0, heard3("192.0.2.5", priority, time.Second)) {
					switch o.Action.(type) {
					case *SendAdvert:
						sent++
					case Log:
						lines++
					}
				}
			}
			if sent != answersMax || lines != answersMax {
				t.Errorf("%d adverts and %d lines, want %d", sent, lines, answersMax)
			}
		})
	}
}

// Lines about adverts are bounded, and the next one tells how many were left out.
func TestCrowd_Lines(t *testing.T) {
	l := newLab(t, "", v3("A", 200, plain)).start()
	lines, last := 0, ""
	for i := range 100_000 { // for ten seconds, faster than any takeover
		for _, o := range l.g.Step(moment(t, "1s").Add(time.Duration(i)*10*time.Microsecond), 0, heard3("192.0.2.5", 50, time.Second)) {
			if g, ok := o.Action.(Log); ok {
				lines, last = lines+1, g.Text
			}
		}
	}
	if limit := linesMax + 2 + int(time.Second/linePause); lines > limit || lines < linesMax {
		t.Errorf("%d lines, want %d to %d", lines, linesMax, limit)
	}
	if !strings.Contains(last, "more lines about adverts left out)") {
		t.Errorf("the last line is %q", last)
	}
}

// What keepalived does not notice is said once, and changes nothing.
func TestCrowd_Strange(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain)).start()
	l.one("1s", strange("192.0.2.20"), `
		log: (A) 192.0.2.20 advertises VRID 51 with none of our addresses: two virtual routers have the same VRID on this network
		log: (A) advert from 192.0.2.20, which is not a unicast peer, counts as well, since check_unicast_src is not set
		detail: (A) master set to 192.0.2.20
		wake 4.609375s`)
	l.one("2s", strange("192.0.2.20"), `
		wake 5.609375s`)
	l = newLab(t, "", v3("A", 100, plain, strict)).start()
	l.one("1s", strange("192.0.2.20"), `
		detail: (A) master set to 192.0.2.20
		wake 4.609375s`)
}

func strange(from string) *AdvertReceived {
	ev := heard3(from, 150, time.Second)
	ev.Advert.Notes = advert.NoteForeign | advert.NoteStranger
	return ev
}

// Senders that take turns do not make complaints start afresh each time.
func TestCrowd_Turns(t *testing.T) {
	l := newLab(t, "", v3("A", 200, plain)).lead()
	lines := 0
	for i := range 10_000 { // for a second
		at := moment(t, "5s").Add(time.Duration(i) * 100 * time.Microsecond)
		l.g.Step(at, 0, heard3(fmt.Sprintf("192.0.2.%d", 3+i%2), 50, time.Second))
		lines += len(l.g.Step(at, 0, refused("192.0.2.5", advert.ReasonTTL, 254, 255)))
	}
	if lines > 2*afreshMax {
		t.Errorf("%d lines", lines)
	}
}

// Where invented senders have taken every place, another kind is still said, and
// how many there were is said a minute later.
func TestCrowd_Kinds(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain)).start()
	var lines []string
	for i := range 1000 {
		for _, at := range []string{"1s", "62s"} {
			if at == "62s" && i < 999 {
				continue
			}
			for _, r := range []advert.Reason{advert.ReasonTTL, advert.ReasonVersion} {
				for _, o := range l.g.Step(moment(t, at), 0, refused(fmt.Sprintf("198.51.%d.%d", 1+i/250, i%250), r, 3, 2)) {
					if g, ok := o.Action.(Log); ok {
						lines = append(lines, g.Text)
					}
				}
			}
		}
	}
	if len(lines) < 10 || len(lines) > 14 {
		t.Errorf("%d lines: %q", len(lines), lines)
	}
	if said := strings.Join(lines, "\n"); !strings.Contains(said, "more of the kind, from several senders)") && !strings.Contains(said, "wrong VRRP version from") {
		t.Errorf("said:\n%s", said)
	}
}

// A Backup that could not hear all that came listens for one more advert, but not
// for ever.
func TestCrowd_Overrun(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain)).start()
	l.one("1s", heard3("192.0.2.20", 150, time.Second), `
		detail: (A) master set to 192.0.2.20
		wake 4.609375s`)
	l.one("2s", Overrun{}, `
		wake 4.609375s`)
	for _, at := range []string{"4.609375s", "6.21875s", "7.828125s"} {
		l.one(at, Overrun{}, `
			wake `+at)
		next := map[string]string{"4.609375s": "6.21875s", "6.21875s": "7.828125s", "7.828125s": "9.4375s"}[at]
		l.tick(at, `
			log: (A) more packets came than could be heard - listening for one more advert before taking over
			wake `+next)
	}
	l.one("9.4375s", Overrun{}, `
		wake 9.4375s`)
	l.g.Step(moment(t, "9.4375s"), All, Tick{})
	if l.g.State() != Master {
		t.Errorf("%v after as many waits as adverts may be missed", l.g.State())
	}
}

func TestCrowd_OverrunStrictCompat(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain, strict)).start()
	l.one("3.609375s", Overrun{}, `
		wake 3.609375s`)
	l.g.Step(moment(t, "3.609375s"), All, Tick{})
	if l.g.State() != Master {
		t.Errorf("%v, want MASTER", l.g.State())
	}
}
