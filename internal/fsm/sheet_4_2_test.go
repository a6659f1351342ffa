package fsm

import (
	"testing"
	"time"
)

// Section 4.2: state MASTER means nothing without priority 255, and priority
// 255 nothing without state MASTER.
func TestSheet_4_2_StateMasterAlone(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain, startMaster))
	l.all("0s", Start{}, `
		log: (A) Entering BACKUP STATE (init)
		INIT to BACKUP at 100: start
		wake 3.609375s`)
}

func TestSheet_4_2_OwnerWithStateBackup(t *testing.T) {
	l := newLab(t, "", v2("A", 255, plain))
	l.all("0s", Start{}, `
		log: (A) Entering BACKUP STATE (init)
		INIT to BACKUP at 255: start
		wake 3.003906s`)
	l.tick("3.003906s", `
		detail: (A) Receive advertisement timeout
		send 255 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 255: no advert heard for 3.003906s
		wake 4.003906s`)
}

// An instance whose script has not reported is held and hears nothing.
func TestSheet_4_2_Held_Success(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain, tracks(Tracker{Kind: TrackScript, Name: "chk"})))
	l.all("0s", Start{}, `
		wake never`)
	l.one("0.5s", heard("192.0.2.20", 200), `
		wake never`)
	if v := l.g.View(0); !v.Held || v.State != Init || v.Stats.AdvertsReceived != 0 {
		t.Errorf("held: got %v, %v, %d adverts received", v.Held, v.State, v.Stats.AdvertsReceived)
	}
	l.one("2s", TrackChanged{Verdict: Good, Why: "script chk succeeded"}, `
		log: (A) Entering BACKUP STATE
		INIT to BACKUP at 100: script chk succeeded
		wake 5.609375s`)
	l.tick("5.609375s", `
		detail: (A) Receive advertisement timeout
		send 100 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		BACKUP to MASTER at 100: no advert heard for 3.609375s
		wake 6.609375s`)
}

func TestSheet_4_2_Held_Failure(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain, tracks(Tracker{Kind: TrackScript, Name: "chk"})))
	l.all("0s", Start{}, `
		wake never`)
	l.one("2s", TrackChanged{Verdict: Bad, Why: "script chk failed (status 1)"}, `
		log: (A) Entering FAULT STATE
		INIT to FAULT at 100: script chk failed (status 1)
		wake never`)
	l.one("4s", TrackChanged{Verdict: Good, Why: "script chk succeeded"}, `
		log: (A) Entering BACKUP STATE
		FAULT to BACKUP at 100: script chk succeeded
		wake 7.609375s`)
}

// Only a script of weight 0 holds, and it is the last of them that lets go.
func TestSheet_4_2_Held_ByEachScript(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain, tracks(
		Tracker{Kind: TrackScript, Name: "one"}, Tracker{Kind: TrackScript, Name: "two"},
		Tracker{Kind: TrackScript, Name: "weighted", Weight: 10}, Tracker{Kind: TrackProcess, Name: "p"})))
	l.all("0s", Start{}, `
		wake never`)
	l.one("1s", TrackChanged{Index: 1, Verdict: Good, Why: "script two succeeded"}, `
		wake never`)
	l.one("2s", TrackChanged{Index: 2, Verdict: Good, Why: "script weighted succeeded"}, `
		log: (A) Changing effective priority from 100 to 110
		priority 100 to 110: script weighted succeeded
		wake never`)
	l.one("3s", TrackChanged{Index: 0, Verdict: Good, Why: "script one succeeded"}, `
		log: (A) Entering BACKUP STATE
		INIT to BACKUP at 110: script one succeeded
		wake 6.570312s`)
}

func TestSheet_4_2_Held_Owner(t *testing.T) {
	l := newLab(t, "", v2("A", 255, plain, startMaster, tracks(Tracker{Kind: TrackScript, Name: "chk"})))
	l.all("0s", Start{}, `
		wake never`)
	l.one("2s", TrackChanged{Verdict: Good, Why: "script chk succeeded"}, `
		detail: (A) Receive advertisement timeout
		send 255 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		INIT to MASTER at 255: address owner
		wake 3s`)
}

// A fault that comes and goes meanwhile does not let go.
func TestSheet_4_2_Held_LinkDownAndUp(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain, tracks(Tracker{Kind: TrackScript, Name: "chk"})))
	l.all("0s", Start{}, `
		wake never`)
	l.one("1s", LinkChanged{Name: "eth0"}, `
		log: (A) Entering FAULT STATE
		INIT to FAULT at 100: interface eth0 down
		wake never`)
	l.one("2s", LinkChanged{Up: true, Name: "eth0"}, `
		wake never`)
	l.one("3s", TrackChanged{Verdict: Good, Why: "script chk succeeded"}, `
		log: (A) Entering BACKUP STATE
		FAULT to BACKUP at 100: script chk succeeded
		wake 6.609375s`)
}

// vrrp_startup_delay: nothing is heard or sent, and timers run from its end.
func TestSheet_4_2_StartupDelay(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain))
	l.all("0s", Start{Delay: 10 * time.Second}, `
		log: (A) Entering BACKUP STATE (init)
		INIT to BACKUP at 100: start
		wake 10s`)
	l.one("1s", heard("192.0.2.20", 200), `
		wake 10s`)
	l.one("9.9s", heard("192.0.2.20", 0), `
		wake 10s`)
	l.tick("10s", `
		log: Delayed start completed
		wake 13.609375s`)
	l.one("11s", heard("192.0.2.20", 0), `
		detail: (A) master set to 192.0.2.20
		detail: (A) Backup received priority 0 advertisement
		wake 11.609375s`)
}

// A reload makes what is left of the delay longer or shorter.
func TestSheet_4_2_StartupDelay_Changed(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain))
	l.all("0s", Start{Delay: 10 * time.Second}, `
		log: (A) Entering BACKUP STATE (init)
		INIT to BACKUP at 100: start
		wake 10s`)
	l.all("1s", Delayed{Left: 4 * time.Second}, `
		wake 5s`)
	l.one("4s", heard("192.0.2.20", 0), `
		wake 5s`)
	l.all("4s", Delayed{Left: 2 * time.Second}, `
		wake 6s`)
	l.all("5s", Delayed{Left: -time.Second}, `
		wake 8.609375s`)
	l.all("6s", Delayed{Left: time.Minute}, `
		wake 8.609375s`)

	l = newLab(t, "", v2("A", 255, plain, startMaster))
	l.all("0s", Start{Delay: 10 * time.Second}, `
		wake 10s`)
	l.all("1s", Delayed{}, `
		detail: (A) Receive advertisement timeout
		send 255 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		INIT to MASTER at 255: address owner
		wake 2s`)
}

func TestSheet_4_2_StartupDelay_Owner(t *testing.T) {
	l := newLab(t, "", v2("A", 255, plain, startMaster))
	l.all("0s", Start{Delay: 10 * time.Second}, `
		wake 10s`)
	// Between the end of the delay and its Tick it must not hear either.
	l.one("10s", heard("192.0.2.20", 255), `
		wake 10s`)
	l.tick("10s", `
		log: Delayed start completed
		detail: (A) Receive advertisement timeout
		send 255 from 192.0.2.10
		log: (A) Entering MASTER STATE
		add addresses
		INIT to MASTER at 255: address owner
		wake 11s`)
}

// Whatever happens during the delay, no timer ends before it has passed.
func TestSheet_4_2_StartupDelay_Faults(t *testing.T) {
	l := newLab(t, "", v2("A", 100, plain, tracks(Tracker{Kind: TrackScript, Name: "chk"})))
	l.all("0s", Start{Delay: 10 * time.Second}, `
		wake 10s`)
	l.one("1s", TrackChanged{Verdict: Good, Why: "script chk succeeded"}, `
		log: (A) Entering BACKUP STATE
		INIT to BACKUP at 100: script chk succeeded
		wake 10s`)
	l.one("2s", LinkChanged{Name: "eth0"}, `
		log: (A) Entering FAULT STATE
		BACKUP to FAULT at 100: interface eth0 down
		wake 10s`)
	l.one("3s", LinkChanged{Up: true, Name: "eth0"}, `
		log: (A) Entering BACKUP STATE
		FAULT to BACKUP at 100: interface eth0 up
		wake 10s`)
	l.one("4s", Reconfigured{Spec: v2("A", 200, plain)}, `
		log: (A) Changing effective priority from 100 to 200
		priority 100 to 200: configuration changed
		wake 10s`)
	if got, want := l.g.View(0).Deadline, moment(t, "13.21875s"); got != want {
		t.Errorf("takes over at %v, want %v", got, want)
	}
	l.all("5s", Stop{As: Stopped}, `
		BACKUP to STOP at 200: stop
		wake never`)
	l.tick("20s", `
		wake never`)
}

// An owner that fails before the delay is over was never Backup.
func TestSheet_4_2_StartupDelay_OwnerFails(t *testing.T) {
	l := newLab(t, "", v2("A", 255, plain, startMaster))
	l.all("0s", Start{Delay: 10 * time.Second}, `
		wake 10s`)
	l.one("1s", LinkChanged{Name: "eth0"}, `
		log: (A) Entering FAULT STATE
		INIT to FAULT at 255: interface eth0 down
		wake 10s`)
	l.one("2s", LinkChanged{Up: true, Name: "eth0"}, `
		log: (A) Entering BACKUP STATE
		FAULT to BACKUP at 255: interface eth0 up
		wake 10s`)
	l.tick("10s", `
		log: Delayed start completed
		wake 13.003906s`)
}

// Section 4.5: at the start every reason is logged.
func TestSheet_4_5_FaultAtStart(t *testing.T) {
	s := v2("A", 100, plain, tracks(
		Tracker{Kind: TrackInterface, Name: "eth8"}, Tracker{Kind: TrackInterface, Name: "eth9", Reverse: true},
		Tracker{Kind: TrackScript, Name: "chk"}, Tracker{Kind: TrackFile, Name: "f"},
		Tracker{Kind: TrackProcess, Name: "p"}, Tracker{Kind: TrackBFD, Name: "b"},
		Tracker{Kind: TrackProcess, Name: "weighted", Weight: -10}))
	s.ConfigFault = "authentication AH is not served"
	l := &lab{t: t, g: NewGroup("", s)}
	l.quiet(0, LinkChanged{Name: "eth0"})
	for i, k := range s.Trackers {
		verdict := Bad
		if k.Reverse {
			verdict = Good
		}
		l.quiet(0, TrackChanged{Index: i, Verdict: verdict, Value: 7})
	}
	l.all("0s", Start{}, `
		log: (A) Changing effective priority from 100 to 90
		priority 100 to 90: process weighted is bad
		log: (A) entering FAULT state (authentication AH is not served)
		log: (A): entering FAULT state (interface eth0 down)
		log: (A): entering FAULT state (interface eth8 down)
		log: (A): entering FAULT state (interface eth9 up)
		log: (A) entering FAULT state (no IPv4 address for interface)
		log: (A): entering FAULT state due to script chk
		log: (A): entering FAULT state (tracked file f has status 7)
		log: (A) entering FAULT state (tracked process p quorum not achieved)
		log: (A) entering FAULT state (bfd b is bad)
		log: (A) entering FAULT state
		INIT to FAULT at 90: authentication AH is not served
		wake never`)
	if got, want := len(l.g.View(0).Faults), 6; got != want {
		t.Errorf("%d faults in the view, want %d", got, want)
	}
	// All of them have to go.
	r := *s
	r.ConfigFault = ""
	l.one("1s", Reconfigured{Spec: &r}, `
		wake never`)
	l.one("1s", LinkChanged{Up: true, Name: "eth0"}, `
		wake never`)
	l.one("2s", SourceChanged{Addr: addr("192.0.2.10")}, `
		wake never`)
	for i, k := range s.Trackers[:5] {
		verdict := Good
		if k.Reverse {
			verdict = Bad
		}
		if got := l.render(l.g.Step(epoch.Add(3*time.Second), 0, TrackChanged{Index: i, Verdict: verdict})); got != "wake never" {
			// The file's end as a fault is detail.
			if k.Kind != TrackFile {
				t.Errorf("tracker %d: %s", i, got)
			}
		}
	}
	l.one("4s", TrackChanged{Index: 5, Verdict: Good, Why: "BFD session b is up"}, `
		log: (A) Entering BACKUP STATE
		FAULT to BACKUP at 90: BFD session b is up
		wake 7.648437s`)
}
