package fsm

import (
	"fmt"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

func refused(from string, r advert.Reason, got, want int) AdvertRejected {
	return AdvertRejected{From: addr(from), Reject: advert.Reject{Reason: r, Got: got, Want: want}}
}

func noted(from string, priority uint8, n advert.Note) *AdvertReceived {
	ev := heard(from, priority)
	ev.Advert.Notes, ev.Count, ev.Missing = n, 3, addr("192.0.2.101")
	return ev
}

// Section 3.7: a line for each kind of complaint, and not again for a minute;
// and a rejected advert moves no timer, neither of a Backup nor of a Master.
func TestSheet_3_7_RejectedOnce(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain)).start()
	l.one("1s", refused("192.0.2.20", advert.ReasonTTL, 254, 255), `
		log: (A) invalid TTL/HL from 192.0.2.20. Received 254 and expect 255
		wake 3.609375s`)
	l.one("2s", refused("192.0.2.20", advert.ReasonTTL, 1, 255), `
		wake 3.609375s`)
	l.one("2s", refused("192.0.2.20", advert.ReasonVersion, 3, 2), `
		log: (A) wrong VRRP version from 192.0.2.20. Received 3 and expect 2
		wake 3.609375s`)
	l.one("2s", refused("192.0.2.21", advert.ReasonTTL, 254, 255), `
		log: (A) invalid TTL/HL from 192.0.2.21. Received 254 and expect 255
		wake 3.609375s`)
	l.lead()
	l.one("4s", refused("192.0.2.20", advert.ReasonTTL, 254, 255), `
		log: (A) invalid TTL/HL from 192.0.2.20. Received 254 and expect 255
		wake 4.609375s`)
	l.tick("4.609375s", `
		send 100 from 192.0.2.10
		wake 5.609375s`)
	for range 100 {
		if outs := l.g.Step(moment(t, "4.7s"), 0, refused("192.0.2.20", advert.ReasonTTL, 254, 255)); len(outs) != 0 {
			t.Fatalf("a rejected advert has the consequence %v", outs)
		}
	}
	l.one("63s", refused("192.0.2.20", advert.ReasonTTL, 254, 255), `
		wake 5.609375s`)
	l.one("64s", refused("192.0.2.20", advert.ReasonTTL, 253, 255), `
		log: (A) invalid TTL/HL from 192.0.2.20. Received 253 and expect 255 (101 more of them)
		wake 5.609375s`)
	l.one("64s", refused("192.0.2.20", advert.ReasonTTL, 252, 255), `
		wake 5.609375s`)
	l.one("124s", refused("192.0.2.20", advert.ReasonTTL, 251, 255), `
		log: (A) invalid TTL/HL from 192.0.2.20. Received 251 and expect 255 (1 more of them)
		wake 5.609375s`)
	if got := l.g.View(0).Stats.Rejected[advert.ReasonTTL]; got != 105 {
		t.Errorf("counted %d, want 105", got)
	}
}

// The flags are reset on entering and leaving MASTER, and by an accepted advert
// from a new source.
func TestSheet_3_7_Reset(t *testing.T) {
	bad := refused("192.0.2.20", advert.ReasonChecksum, 2, 2)
	l := newLab(t, "", v2("A", 100, plain)).start()
	said := func(at string, want bool) {
		t.Helper()
		if got := len(l.g.Step(moment(t, at), 0, bad)) > 0; got != want {
			t.Errorf("%s: complained %v, want %v", at, got, want)
		}
	}
	said("1s", true)
	l.g.Step(moment(t, "2s"), 0, heard("192.0.2.30", 150))
	said("2.1s", true) // a new source
	l.g.Step(moment(t, "3s"), 0, heard("192.0.2.30", 150))
	said("3.1s", false) // the same
	l.g.Step(moment(t, "6.7s"), All, Tick{})
	said("7s", true) // MASTER
	l.g.Step(moment(t, "7.5s"), 0, heard("192.0.2.30", 50))
	said("7.6s", false) // the same
	l.g.Step(moment(t, "7.7s"), 0, heard("192.0.2.31", 50))
	said("7.8s", true) // a new one
	l.g.Step(moment(t, "8s"), 0, heard("192.0.2.31", 150))
	said("8.1s", true) // BACKUP
}

// However many senders are invented, the log does not grow with them, and
// every packet is counted.
func TestSheet_3_7_Flood(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain)).start()
	lines := 0
	for i := range 60000 { // 20 a second
		from := fmt.Sprintf("198.51.100.%d", i%250)
		now := epoch.Add(time.Duration(i) * 50 * time.Millisecond)
		lines += len(l.g.Step(now, 0, refused(from, advert.ReasonTTL, 254, 255)))
	}
	if lines > 9*51 || lines < 9*40 {
		t.Errorf("%d lines in 50 minutes, want about 9 a minute", lines)
	}
	if got := l.g.View(0).Stats.Rejected[advert.ReasonTTL]; got != 60000 {
		t.Errorf("counted %d, want 60000", got)
	}
}

// A place for complaints is free again after a minute.
func TestSheet_3_7_PlaceFree(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain)).start()
	said := func(at string, last int) bool {
		return len(l.g.Step(moment(t, at), 0, refused(fmt.Sprintf("192.0.2.%d", last), advert.ReasonTTL, 254, 255))) > 0
	}
	for i := range 8 {
		if !said("1s", 20+i) {
			t.Errorf("%d is not complained about", 20+i)
		}
	}
	if !said("1s", 30) {
		t.Error("the first of many is not complained about for all of them")
	}
	if said("1s", 31) || said("60.999999s", 30) {
		t.Error("a tenth within the minute is complained about")
	}
	if !said("61s", 30) || !said("61s", 31) {
		t.Error("a ninth and a tenth after the minute are not complained about")
	}
	if said("61s", 30) || !said("61s", 27) {
		t.Error("the others have not kept their places")
	}
}

// Packets of which only the sender is wrong count as received as well.
func TestSheet_3_7_Counters(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain)).start()
	for r := advert.ReasonTooShort; int(r) < advert.Reasons; r++ {
		l.g.Step(moment(t, "1s"), 0, refused("192.0.2.20", r, 1, 2))
	}
	for r := advert.Reasons; r < 256; r++ { // no such reasons: no crash
		l.g.Step(moment(t, "1s"), 0, refused("192.0.2.20", advert.Reason(r), 1, 2))
	}
	l.g.Step(moment(t, "2s"), 0, heard("192.0.2.20", 150))
	l.g.Step(moment(t, "3s"), 0, heard("192.0.2.20", 0))
	got := l.g.View(0).Stats
	want := Stats{AdvertsReceived: 4, ZeroReceived: 1}
	for r := advert.ReasonTooShort; int(r) < advert.Reasons; r++ {
		want.Rejected[r] = 1
	}
	if got != want {
		t.Errorf("counted %+v, want %+v", got, want)
	}
	l.g.ClearStats()
	if got := l.g.View(0).Stats; got != (Stats{}) {
		t.Errorf("cleared, and still %+v", got)
	}
}

// Oddities of adverts that are accepted.
func TestSheet_3_7_Notes(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain)).start()
	l.one("1s", noted("192.0.2.20", 150, advert.NoteCount), `
		log: (A) expected 2 VIPs but received 3
		detail: (A) master set to 192.0.2.20
		wake 4.609375s`)
	l.one("1.1s", noted("192.0.2.20", 150, advert.NoteCount|advert.NoteAddresses), `
		log: (A) ip address associated with VRID 51 not present in advert from 192.0.2.20: 192.0.2.101
		wake 4.709375s`)
	l.one("1.2s", noted("192.0.2.20", 150, advert.NoteCount|advert.NoteAddresses), `
		wake 4.809375s`)
	l.one("1.3s", noted("192.0.2.21", 150, advert.NoteAddresses), `
		log: (A) ip address associated with VRID 51 not present in advert from 192.0.2.21: 192.0.2.101
		detail: (A) master changed from 192.0.2.20 to 192.0.2.21
		wake 4.909375s`)
	ev := noted("192.0.2.21", 150, advert.NoteInterval|advert.NoteOldChecksum|advert.NoteClock)
	ev.Advert.Ahead, ev.Advert.Window = -4, 5
	ev.Advert.Version, ev.Advert.Interval = 3, 2500*time.Millisecond
	l.one("1.4s", ev, `
		log: (A) advertisement interval mismatch ours = 100 centi-sec rcv'd=250 centi-sec
		log: (A) Setting unicast VRRPv3 checksum to old version
		log: (A) authentication clock skew -4 sec from 192.0.2.21 approaching window 5 sec
		wake 5.009375s`)
	l.one("1.5s", ev, `
		wake 5.109375s`)
	if got := l.g.View(0).Stats; got.AddressList != 4 || got.AdvertsReceived != 6 {
		t.Errorf("counted %d address lists in %d adverts, want 4 in 6", got.AddressList, got.AdvertsReceived)
	}
}

// skip_check_adv_addr: a Master that has not changed is not compared again,
// while Backup; the number of addresses is.
func TestSheet_3_7_SkipCheckAdvAddr(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain, func(s *Spec) { s.SkipAddressCheck = true })).start()
	l.one("1s", noted("192.0.2.20", 150, advert.NoteAddresses), `
		log: (A) ip address associated with VRID 51 not present in advert from 192.0.2.20: 192.0.2.101
		detail: (A) master set to 192.0.2.20
		wake 4.609375s`)
	l.one("1.1s", noted("192.0.2.20", 150, advert.NoteAddresses), `
		wake 4.709375s`)
	l.one("1.2s", noted("192.0.2.20", 150, advert.NoteAddresses|advert.NoteCount), `
		log: (A) expected 2 VIPs but received 3
		wake 4.809375s`)
	if got := l.g.View(0).Stats.AddressList; got != 2 {
		t.Errorf("counted %d, want 2", got)
	}
	l.tick("4.809375s", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 100: no advert from 192.0.2.20 (priority 150) for 3.609375s
		wake 5.809375s`)
	l.one("5s", noted("192.0.2.20", 50, advert.NoteAddresses), `
		log: (A) ip address associated with VRID 51 not present in advert from 192.0.2.20: 192.0.2.101
		log: (A) Received advert from 192.0.2.20 with lower priority 50, ours 100, forcing new election
		send 100 from 192.0.2.10
		lower heard 192.0.2.20
		wake 6s`)
	l.one("5.1s", noted("192.0.2.20", 50, advert.NoteAddresses), `
		log: (A) Received advert from 192.0.2.20 with lower priority 50, ours 100, forcing new election
		send 100 from 192.0.2.10
		lower heard 192.0.2.20
		wake 6.1s`)
	if got := l.g.View(0).Stats.AddressList; got != 4 {
		t.Errorf("counted %d, want 4", got)
	}
}

// The zone that a socket adds to a link-local address is not for the log.
func TestSheet_3_7_Zone(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain, func(s *Spec) { s.IPv6 = true })).start()
	ev := heard3("fe80::20%eth0", 150, time.Second)
	ev.Advert.Notes, ev.Missing = advert.NoteAddresses, addr("2001:db8::1")
	l.one("1s", ev, `
		log: (A) ip address associated with VRID 51 not present in advert from fe80::20: 2001:db8::1
		detail: (A) master set to fe80::20
		wake 4.609375s`)
	l.one("1.1s", ev, `
		wake 4.709375s`)
}

func TestViewBeforeStart(t *testing.T) {
	l := newLab(t, "G", v2("A", 90, tracks(Tracker{Kind: TrackProcess, Name: "p", Weight: 10})))
	l.quiet(0, TrackChanged{Verdict: Good})
	v := l.g.View(0)
	if l.g.State() != Init || v.State != Init || v.Held || v.Priority != 90 || v.Total != 90 || v.Interval != time.Second {
		t.Errorf("group %v, %+v", l.g.State(), v)
	}
}

func TestView(t *testing.T) {
	l := newLab(t, "G", v2("A", 100), v2("B", 120)).start()
	if l.g.Name() != "G" || l.g.Len() != 2 || l.g.State() != Backup {
		t.Errorf("group %q of %d, %v", l.g.Name(), l.g.Len(), l.g.State())
	}
	v := l.g.View(1)
	if v.Spec.Name != "B" || v.State != Backup || v.Since != epoch || v.Cause != "start" || v.Priority != 120 || v.Total != 120 ||
		v.MasterDown != 3531250*time.Microsecond || v.Deadline != epoch.Add(v.MasterDown) || v.Source != addr("192.0.2.11") ||
		v.Wants || v.LinkDown || v.NoSource || v.Held || v.Faults != nil {
		t.Errorf("got %+v", v)
	}
	l.lead()
	if v := l.g.View(1); !v.Wants || v.State != Master {
		t.Errorf("as Master: %+v", v)
	}
}

func TestStrings(t *testing.T) {
	var got string
	for s := Init; s <= Deleted; s++ {
		got += s.String() + " "
	}
	for k := TrackInterface; k <= TrackStatic; k++ {
		got += k.String() + " "
	}
	for v := Unknown; v <= Bad; v++ {
		got += v.String() + " "
	}
	for w := AnnounceMaster; w <= AnnounceRestored; w++ {
		got += w.String() + " "
	}
	want := "INIT BACKUP MASTER FAULT STOP DELETED interface script process file bfd static unknown good bad master delayed refresh lower-priority restored "
	if got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
