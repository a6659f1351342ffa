package fsm

import (
	"fmt"
	"testing"
	"time"
)

// Section 4.7: what one tracker does in each of its states.
func TestSheet_4_7_Contributions(t *testing.T) {
	const fault = 1000
	for _, c := range []struct {
		kind    TrackKind
		weight  int
		reverse bool
		// what is added when unknown, good and bad; fault: FAULT
		unknown, good, bad int
	}{
		{TrackProcess, 0, false, 0, 0, fault},
		{TrackProcess, 0, true, 0, fault, 0},
		{TrackProcess, 20, false, 0, 20, 0},
		{TrackProcess, 20, true, 0, -20, 0},
		{TrackProcess, -20, false, 0, 0, -20},
		{TrackProcess, -20, true, 0, 0, 20},
		{TrackInterface, 0, false, 0, 0, fault},
		{TrackInterface, -253, false, 0, 0, -253},
		{TrackScript, 253, false, 0, 253, 0},
		{TrackScript, -2, true, 0, 0, 2},
		{TrackBFD, 0, true, 0, fault, 0},
		{TrackBFD, 5, false, 0, 5, 0},
	} {
		t.Run(fmt.Sprintf("%s weight %d reverse %v", c.kind, c.weight, c.reverse), func(t *testing.T) {
			l := newLab(t, "", v2("A", 100, tracks(Tracker{Kind: c.kind, Name: "x", Weight: c.weight, Reverse: c.reverse}))).start()
			for v, want := range map[Verdict]int{Unknown: c.unknown, Good: c.good, Bad: c.bad} {
				l.g.Step(epoch, 0, TrackChanged{Verdict: v})
				got := l.g.View(0)
				if want == fault {
					if got.State != Fault {
						t.Errorf("%s: state %v, want FAULT", v, got.State)
					}
					continue
				}
				if got.State != Backup || got.Total != 100+want || int(got.Priority) != min(max(100+want, 1), 254) {
					t.Errorf("%s: state %v, total %d, priority %d, want BACKUP and %+d", v, got.State, got.Total, got.Priority, want)
				}
			}
		})
	}
}

func TestSheet_4_7_Files(t *testing.T) {
	const fault = 1000
	for _, c := range []struct {
		weight  int
		reverse bool
		value   int
		want    int
	}{
		{0, false, 0, 0},
		{0, false, 1, fault},
		{0, false, -1, fault},
		{0, true, 0, fault},
		{0, true, 5, 0},
		{1, false, 10, 10},
		{1, true, 10, -10},
		{-1, false, 10, -10},
		{-1, true, 10, 10},
		{2, false, -50, -100},
		{1, false, 253, 253},
		{1, false, 254, 253},
		{10, false, 26, 253},
		{1, false, -253, -253},
		{1, false, -254, fault},
		{1, true, 254, fault},
		{254, false, -1, fault},
		{254, false, 1, 253},
		{-254, false, 2147483647, fault},
		{254, false, 2147483647, 253},
		{254, false, -2147483648, fault},
	} {
		t.Run(fmt.Sprintf("weight %d reverse %v value %d", c.weight, c.reverse, c.value), func(t *testing.T) {
			l := newLab(t, "", v2("A", 100, tracks(Tracker{Kind: TrackFile, Name: "f", Weight: c.weight, Reverse: c.reverse})))
			l.quiet(0, TrackChanged{Value: c.value})
			l.start()
			got := l.g.View(0)
			if c.want == fault {
				if got.State != Fault || got.Priority != 100 {
					t.Errorf("state %v, priority %d, want FAULT, 100", got.State, got.Priority)
				}
				return
			}
			if got.State != Backup || got.Total != 100+c.want {
				t.Errorf("state %v, total %d, want BACKUP and %+d", got.State, got.Total, c.want)
			}
		})
	}
}

// A file that comes to mean FAULT leaves the priority as it was.
func TestSheet_4_7_FileFault(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain, tracks(Tracker{Kind: TrackFile, Name: "f", Weight: 1}))).start()
	l.one("1s", TrackChanged{Value: -10, Why: "file f is -10"}, `
		log: (A) Changing effective priority from 100 to 90
		priority 100 to 90: file f is -10
		wake 3.648437s`)
	l.one("2s", TrackChanged{Value: -300, Why: "file f is -300"}, `
		detail: (A): tracked file f now FAULT state
		log: (A) Entering FAULT STATE
		BACKUP to FAULT at 90: file f is -300
		wake never`)
	l.one("3s", TrackChanged{Value: 10, Why: "file f is 10"}, `
		detail: (A): tracked file f leaving FAULT state
		log: (A) Changing effective priority from 90 to 110
		priority 90 to 110: file f is 10
		detail: (A) Setting effective priority to 110
		log: (A) Entering BACKUP STATE
		FAULT to BACKUP at 110: file f is 10
		wake 6.570312s`)
}

// The sum is kept within 1 to 254, whatever is tracked.
func TestSheet_4_7_Clamp(t *testing.T) {
	two := func(w int) *Spec {
		return v2("A", 100, plain, tracks(Tracker{Kind: TrackProcess, Name: "p", Weight: w}, Tracker{Kind: TrackProcess, Name: "q", Weight: w}))
	}
	l := newLab(t, "", two(100)).start()
	l.one("1s", TrackChanged{Index: 0, Verdict: Good, Why: "p"}, `
		log: (A) Changing effective priority from 100 to 200
		priority 100 to 200: p
		wake 3.21875s`)
	l.one("1s", TrackChanged{Index: 1, Verdict: Good, Why: "q"}, `
		log: (A) Changing effective priority from 200 to 254
		priority 200 to 254: q
		wake 3.007812s`)
	if got := l.g.View(0).Total; got != 300 {
		t.Errorf("total %d, want 300", got)
	}
	l = newLab(t, "", two(-100)).start()
	l.one("1s", TrackChanged{Index: 0, Verdict: Bad, Why: "p"}, `
		log: (A) Changing effective priority from 100 to 1
		priority 100 to 1: p
		wake 3.996093s`)
	l.one("1s", TrackChanged{Index: 1, Verdict: Bad, Why: "q"}, `
		wake 3.996093s`)
}

func TestSheet_4_7_OwnerNeverChanges(t *testing.T) {
	l := newLab(t, "", v2("A", 255, plain, tracks(Tracker{Kind: TrackProcess, Name: "p", Weight: -100}))).start()
	l.one("1s", TrackChanged{Verdict: Bad, Why: "p"}, `
		wake 3.003906s`)
}

// While Backup, what is left of the wait changes with the skew and no more.
func TestSheet_4_7_MovesTheDeadline(t *testing.T) {
	l := newLab(t, "", v3("A", 100, plain, tracks(Tracker{Kind: TrackProcess, Name: "p", Weight: 50}))).start()
	l.one("1s", heard3("192.0.2.20", 200, 2*time.Second), `
		detail: (A) master set to 192.0.2.20
		detail: (A) advertisement interval updated from 1000ms to 2000ms by master
		wake 8.21875s`)
	l.one("2s", TrackChanged{Verdict: Good, Why: "process p: quorum gained"}, `
		log: (A) Changing effective priority from 100 to 150
		priority 100 to 150: process p: quorum gained
		wake 7.828125s`)
	l.one("3s", TrackChanged{Verdict: Bad, Why: "process p: quorum lost"}, `
		log: (A) Changing effective priority from 150 to 100
		priority 150 to 100: process p: quorum lost
		wake 8.21875s`)
	l.one("4s", heard3("192.0.2.20", 0, 2*time.Second), `
		detail: (A) Backup received priority 0 advertisement
		wake 5.21875s`)
	l.one("4s", TrackChanged{Verdict: Good, Why: "process p: quorum gained"}, `
		log: (A) Changing effective priority from 100 to 150
		priority 100 to 150: process p: quorum gained
		wake 4.828125s`)
	l.tick("4.828125s", `
		detail: (A) Receive advertisement timeout
		detail: (A) changing advert interval from 2000ms to locally configured 1000ms
		send 150 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 150: 192.0.2.20 gave up mastership (priority 0)
		wake 5.828125s`)
}

// While Master, the next advert has it, in its own time.
func TestSheet_4_7_NextAdvert(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain, tracks(Tracker{Kind: TrackProcess, Name: "p", Weight: 50}))).lead()
	l.one("4s", TrackChanged{Verdict: Good, Why: "process p: quorum gained"}, `
		log: (A) Changing effective priority from 100 to 150
		priority 100 to 150: process p: quorum gained
		wake 4.609375s`)
	l.tick("4.609375s", `
		send 150 from 192.0.2.10
		wake 5.609375s`)
	l.one("5s", heard("192.0.2.20", 140), `
		log: (A) Received advert from 192.0.2.20 with lower priority 140, ours 150, forcing new election
		send 150 from 192.0.2.10
		lower heard 192.0.2.20
		wake 6s`)
}

// An event for a tracker that a reload has taken away is not worth a crash.
func TestSheet_4_7_NoSuchTracker(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain)).start()
	l.one("1s", TrackChanged{Index: 0, Verdict: Bad}, `
		wake 3.609375s`)
	l.one("1s", TrackChanged{Index: -1, Verdict: Bad}, `
		wake 3.609375s`)
}
