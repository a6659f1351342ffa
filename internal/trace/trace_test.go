package trace

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/fsm"
)

var equateAddr = cmpopts.EquateComparable(netip.Addr{})

// lines is one line of every kind, with every field.
var lines = []struct {
	text string
	line Line
}{
	{`   0.000000 * < start delay=5s`, Line{ID: fsm.All, Event: fsm.Start{Delay: 5 * time.Second}}},
	{`   1.500000 0 < stop keep as=STOP`, Line{At: 1500 * time.Millisecond, Event: fsm.Stop{Keep: true, As: fsm.Stopped}}},
	{`   0.000000 * < stop as=INIT`, Line{ID: fsm.All, Event: fsm.Stop{}}},
	{`   3.609375 * < tick`, Line{At: 3609375 * time.Microsecond, ID: fsm.All, Event: fsm.Tick{}}},
	{
		`   0.000001 1 < advert from=192.0.2.2 version=3 vrid=51 priority=150 interval=1s count=2 ` +
			`notes=count,addresses,interval,old-checksum,clock ahead=4 window=5 missing=192.0.2.100`,
		Line{At: time.Microsecond, ID: 1, Event: &fsm.AdvertReceived{
			Advert: advert.Advert{
				Src: netip.MustParseAddr("192.0.2.2"), Version: 3, VRID: 51, Priority: 150, Interval: time.Second,
				Notes: advert.NoteCount | advert.NoteAddresses | advert.NoteInterval | advert.NoteOldChecksum | advert.NoteClock,
				Ahead: 4, Window: 5,
			},
			Count: 2, Missing: netip.MustParseAddr("192.0.2.100"),
		}},
	},
	{`   0.000000 0 < advert from=fe80::1 version=3 vrid=1 priority=0 interval=10ms`, Line{Event: &fsm.AdvertReceived{
		Advert: advert.Advert{Src: netip.MustParseAddr("fe80::1"), Version: 3, VRID: 1, Interval: 10 * time.Millisecond},
	}}},
	{`   0.000000 0 < reject from=192.0.2.2 reason=peer-ttl got=3 want=250 max=254`, Line{Event: fsm.AdvertRejected{
		From:   netip.MustParseAddr("192.0.2.2"),
		Reject: advert.Reject{Reason: advert.ReasonPeerTTL, Got: 3, Want: 250, Max: 254},
	}}},
	{`   0.000000 0 < link name=eth0 state=up`, Line{Event: fsm.LinkChanged{Name: "eth0", Up: true}}},
	{`   0.000000 0 < link name=eth0 state=down`, Line{Event: fsm.LinkChanged{Name: "eth0"}}},
	{`   0.000000 0 < source addr=192.0.2.1`, Line{Event: fsm.SourceChanged{Addr: netip.MustParseAddr("192.0.2.1")}}},
	{`   0.000000 0 < overrun`, Line{Event: fsm.Overrun{}}},
	{`   0.000000 0 < source`, Line{Event: fsm.SourceChanged{}}},
	{
		`   0.000000 0 < track index=2 verdict=bad value=-3 why="script chk failed (exited with status 1)"`,
		Line{Event: fsm.TrackChanged{Index: 2, Verdict: fsm.Bad, Value: -3, Why: "script chk failed (exited with status 1)"}},
	},
	{`   0.000000 0 < track index=0 verdict=unknown`, Line{Event: fsm.TrackChanged{}}},
	{
		`   0.000000 0 < silent addr=192.0.2.1 why="BFD session b is down"`,
		Line{Event: fsm.PeerSilent{Addr: netip.MustParseAddr("192.0.2.1"), Why: "BFD session b is down"}},
	},
	{
		`   0.000000 0 < lost addr=192.0.2.100/24 link=eth0 why="removed by \"ip\""`,
		Line{Event: fsm.AddressLost{Addr: "192.0.2.100/24", Link: "eth0", Why: `removed by "ip"`}},
	},
	{
		`   0.000000 0 < lost what=rule addr="100: from all lookup 5" link=eth0 why="was removed" more=2 unset`,
		Line{Event: fsm.AddressLost{What: fsm.HeldRule, Addr: "100: from all lookup 5", Link: "eth0", Why: "was removed", More: 2, Unset: true}},
	},
	{
		`   0.000000 0 < reconfigure addresses-added name="VI 1" version=2 vrid=7 ipv6 unicast addresses=2 priority=255 start-master ` +
			`interval=2s down-adverts=4 nopreempt preempt-delay=1m0s lower-prio-no-advert higher-prio-send-advert ` +
			`skip-address-check dont-track-primary late-priority=150 garp-repeat=5 garp-delay=5s garp-refresh=1h0m0s garp-refresh-repeat=1 ` +
			`garp-lower-repeat=3 garp-lower-delay=2s garp-extra=1m0s tracker=script:-20:reverse:chk tracker="file:0:normal:a: b" ` +
			`config-fault="duplicate VRID" strict-compat`,
		Line{Event: fsm.Reconfigured{AddressesAdded: true, Spec: &fsm.Spec{
			Name: "VI 1", Version: 2, VRID: 7, IPv6: true, Unicast: true, Addresses: 2, Priority: 255, StartMaster: true,
			AdvertInterval: 2 * time.Second, DownTimerAdverts: 4, NoPreempt: true, PreemptDelay: time.Minute,
			LowerPrioNoAdvert: true, HigherPrioSendAdvert: true, SkipAddressCheck: true, DontTrackPrimary: true, LatePriority: 150,
			GARP: fsm.GARP{
				Repeat: 5, Delay: 5 * time.Second, Refresh: time.Hour, RefreshRepeat: 1, LowerRepeat: 3, LowerDelay: 2 * time.Second, Extra: time.Minute,
			},
			Trackers: []fsm.Tracker{
				{Kind: fsm.TrackScript, Name: "chk", Weight: -20, Reverse: true},
				{Kind: fsm.TrackFile, Name: "a: b"},
			},
			ConfigFault: "duplicate VRID", StrictCompat: true,
		}}},
	},
	{
		`   0.000000 0 > send priority=100 source=192.0.2.1`,
		Line{Action: &fsm.SendAdvert{Priority: 100, Source: netip.MustParseAddr("192.0.2.1")}},
	},
	{`   0.000000 0 > send priority=0`, Line{Action: &fsm.SendAdvert{}}},
	{`   0.000000 0 > add-addresses`, Line{Action: fsm.AddAddresses{}}},
	{`   0.000000 0 > remove-addresses`, Line{Action: fsm.RemoveAddresses{}}},
	{`   0.000000 0 > announce rounds=5 why=lower-priority`, Line{Action: fsm.Announce{Rounds: 5, Why: fsm.AnnounceLower}}},
	{
		`   0.000000 0 > announce-source addr=192.0.2.1`,
		Line{Action: fsm.AnnounceSource{Addr: netip.MustParseAddr("192.0.2.1")}},
	},
	{
		`   0.000000 0 > state from=MASTER to=FAULT priority=100 cause="interface eth0 down"`,
		Line{Action: fsm.StateChanged{From: fsm.Master, To: fsm.Fault, Priority: 100, Cause: "interface eth0 down"}},
	},
	{
		`   0.000000 0 > state from=BACKUP to=MASTER priority=100 cause="preempting 192.0.2.2" reason=preempted`,
		Line{Action: fsm.StateChanged{
			From: fsm.Backup, To: fsm.Master, Priority: 100, Cause: "preempting 192.0.2.2", Reason: fsm.ReasonPreempted,
		}},
	},
	{`   0.000000 0 > group from=BACKUP to=MASTER`, Line{Action: fsm.GroupChanged{From: fsm.Backup, To: fsm.Master}}},
	{
		`   0.000000 0 > priority from=100 to=80 cause="script chk failed"`,
		Line{Action: fsm.PriorityChanged{From: 100, To: 80, Cause: "script chk failed"}},
	},
	{
		`   0.000000 0 > lower-priority from=192.0.2.2`,
		Line{Action: fsm.LowerPriorityHeard{From: netip.MustParseAddr("192.0.2.2")}},
	},
	{`   0.000000 0 > log detail text="(VI_1) sent 0 priority"`, Line{Action: fsm.Log{Detail: true, Text: "(VI_1) sent 0 priority"}}},
	{`   0.000000 0 > log text="one\ntwo\xff"`, Line{Action: fsm.Log{Text: "one\ntwo\xff"}}},
	{`   0.000000 * = wake at=3.609375`, Line{ID: fsm.All, Wake: &Wake{Set: true, At: 3609375 * time.Microsecond}}},
	{`   0.000000 * = wake`, Line{ID: fsm.All, Wake: &Wake{}}},
	{`  -0.000001 0 < tick`, Line{At: -time.Microsecond, Event: fsm.Tick{}}},
	{`   0.000000 * < delayed left=2.5s`, Line{ID: fsm.All, Event: fsm.Delayed{Left: 2500 * time.Millisecond}}},
	{`   0.000000 * < slept for=1m30s`, Line{ID: fsm.All, Event: fsm.Slept{For: 90 * time.Second}}},
	{`0.000000001 0 < tick`, Line{At: 1, Event: fsm.Tick{}}},
	{`86400.000000 12 < tick`, Line{At: 24 * time.Hour, ID: 12, Event: fsm.Tick{}}},
}

func TestLines(t *testing.T) {
	for _, test := range lines {
		if got := test.line.String(); got != test.text {
			t.Errorf("printed\n got %s\nwant %s", got, test.text)
		}
		got, err := ParseLine(test.text)
		if err != nil {
			t.Error(err)
			continue
		}
		if diff := cmp.Diff(test.line, got, equateAddr); diff != "" {
			t.Errorf("%s: parsed (-want +got):\n%s", test.text, diff)
		}
	}
}

// For each kind of event and action the table above has a line in which no
// field is zero: a field that is new in package fsm cannot be forgotten here.
func TestLinesAreComplete(t *testing.T) {
	complete := map[string]bool{}
	for _, test := range lines {
		var v any = test.line.Action
		if test.line.Event != nil {
			v = test.line.Event
		}
		if v != nil {
			name := fmt.Sprintf("%T", v)
			complete[name] = complete[name] || allSet(reflect.ValueOf(v))
		}
	}
	for name, ok := range complete {
		if !ok {
			t.Errorf("%s: no line sets every field", name)
		}
	}
	if len(complete) != 24 {
		t.Errorf("%d kinds of events and actions, want all 24", len(complete))
	}
}

// allSet tells whether no exported field is zero, however deep. Of the trackers
// of a specification, each field has to be set in one of them.
func allSet(v reflect.Value) bool {
	switch {
	case v.Kind() == reflect.Pointer:
		return allSet(v.Elem())
	case v.Type() == reflect.TypeFor[netip.Addr]():
		return !v.IsZero()
	case v.Kind() == reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() && !allSet(v.Field(i)) {
				return false
			}
		}
		return true
	case v.Kind() == reflect.Slice:
		for i := range v.Len() {
			if allSet(v.Index(i)) {
				return true
			}
		}
		return false
	}
	return !v.IsZero()
}

func TestParseLineErrors(t *testing.T) {
	tests := []struct{ line, want string }{
		{``, `time "": want seconds with 6 decimals`},
		{`1 0 < tick`, `time "1": want seconds with 6 decimals`},
		{`1.0 0 < tick`, `time "1.0": want seconds with 6 decimals`},
		{`1.000000000 0 < tick`, `want seconds with 6 decimals`},
		{`01.000000 0 < tick`, `want "1.000000"`},
		{`x.000000 0 < tick`, `time "x.000000"`},
		{`0.000000 x < tick`, `instance "x": want a number or *`},
		{`0.000000 -1 < tick`, `instance "-1": want a number or *`},
		{`0.000000 01 < tick`, `instance "01": want a number or *`},
		{`0.000000 0 ? tick`, `direction "?": want one of < > =`},
		{`0.000000 0 < tack`, `field tack: unknown word`},
		{`0.000000 0 > tick`, `field tick: unknown word`},
		{`0.000000 0 = tick`, `unknown word "tick"`},
		{`0.000000 0 = wake at=1`, `time "1"`},
		{`0.000000 0 < tick fast`, `field fast: unknown here, or given twice`},
		{`0.000000 0 < start delay=5s delay=5s`, `field delay: unknown here, or given twice`},
		{`0.000000 0 < start delay=5`, `field delay: time: missing unit`},
		{`0.000000 0 < start =5`, `field without name at "=5"`},
		{`0.000000 0 < link name="eth0`, `field name: quotation mark without end`},
		{`0.000000 0 < link name="eth0"up`, `field name: no space after the value`},
		{`0.000000 0 < link state=sideways`, `field state: "sideways" is neither up nor down`},
		{`0.000000 0 < source addr=eth0`, `field addr: ParseAddr("eth0")`},
		{`0.000000 0 < advert priority=256`, `field priority: 256 is not between 0 and 255`},
		{`0.000000 0 < advert vrid=-1`, `field vrid: -1 is not between 0 and 255`},
		{`0.000000 0 < advert vrid=x`, `field vrid: strconv.Atoi`},
		{`0.000000 0 < advert notes=count,x`, `field notes: no such note: "x"`},
		{`0.000000 0 < reject reason=whim`, `field reason: no such value: whim`},
		{`0.000000 0 < reconfigure tracker=script`, `field tracker: "script": want KIND:WEIGHT:normal:NAME`},
		{`0.000000 0 < reconfigure tracker=moon:0:normal:x`, `field tracker: "moon": no such kind of tracker`},
	}
	for _, test := range tests {
		l, err := ParseLine(test.line)
		if err == nil {
			t.Errorf("%q was read as %+v", test.line, l)
			continue
		}
		if !strings.Contains(err.Error(), test.want) {
			t.Errorf("%q: error %q does not say %q", test.line, err, test.want)
		}
	}
}

const header = "holdfast-trace 1\ninstance name=a version=3 priority=100 interval=1s down-adverts=3 tracker=script:0:normal:x\n"

func TestParseErrors(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"empty", "", `line 0: a trace begins with "holdfast-trace 1"`},
		{"only comments", "# nothing\n\n", `line 2: a trace begins with "holdfast-trace 1"`},
		{"another version", "holdfast-trace 2\n", `line 1: a trace begins with "holdfast-trace 1"`},
		{"header with an unknown field", "holdfast-trace 1 colour=red\n", "line 1: field colour"},
		{"no instance", "holdfast-trace 1\n   0.000000 * < tick\n", "line 2: no instance"},
		{"nothing but the first line", "holdfast-trace 1\n", "line 1: no instance"},
		{"two instances and no group", header + "instance name=b\n", "line 3: several instances, but no name"},
		{"instance with an unknown field", "holdfast-trace 1\ninstance colour=red\n", "line 2: field colour"},
		{"instance after the first event", header + "   0.000000 * < tick\ninstance name=b\n", "line 4: trace line"},
		{"an action first", header + "   0.000000 0 > add-addresses\n", "line 3: an action before the first event"},
		{"no such instance", header + "   0.000000 1 < tick\n", "line 3: there is no instance 1"},
		{"no such tracker", header + "   0.000000 0 < track index=1 verdict=bad\n", "line 3: instance 0 has no tracker 1"},
		{"no such tracker in any", header + "   0.000000 * < track index=1 verdict=bad\n", "line 3: instance 0 has no tracker 1"},
		{
			"no such tracker any more",
			header + "   0.000000 0 < track index=0 verdict=bad\n   0.000000 0 < reconfigure name=a\n   0.000000 0 < track index=0 verdict=bad\n",
			"line 5: instance 0 has no tracker 0",
		},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			_, err := Parse(test.text)
			if err == nil || !strings.HasPrefix(err.Error(), test.want) {
				t.Errorf("error %v, want %q...", err, test.want)
			}
		})
	}
}

// What a replay says has to show at a glance what has changed.
func TestReplayDifference(t *testing.T) {
	text := header + `
   0.000000 0 < link name=eth0 state=up
   0.000000 0 < source addr=192.0.2.1
   0.000000 0 < track index=0 verdict=good
   0.000000 * < start
   0.000000 0 > log text="(a) Entering BACKUP STATE (init)"
   0.000000 0 > state from=INIT to=MASTER priority=100 cause=start
   0.000000 0 > add-addresses
   0.000000 * = wake at=3.609375
`
	tr, err := Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	err = Replay(tr)
	var d *Difference
	if !errors.As(err, &d) || d.Line != 7 {
		t.Fatalf("error %v, want a difference in line 7", err)
	}
	want := `line 7: 0.000000 * < start
     0.000000 0 > log text="(a) Entering BACKUP STATE (init)"
-    0.000000 0 > state from=INIT to=MASTER priority=100 cause=start
-    0.000000 0 > add-addresses
+    0.000000 0 > state from=INIT to=BACKUP priority=100 cause=start
     0.000000 * = wake at=3.609375`
	if diff := cmp.Diff(want, err.Error()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A recording is exactly what a replay wants to see, even of times that are no
// whole microseconds.
func TestRecordThenReplay(t *testing.T) {
	spec := &fsm.Spec{Name: "a", Version: 3, VRID: 1, Priority: 100, AdvertInterval: time.Second, DownTimerAdverts: 3}
	var out strings.Builder
	g := fsm.NewGroup("", spec)
	r := NewRecorder(&out, "", spec)
	now := time.Date(2026, 2, 3, 4, 5, 6, 789, time.UTC)
	r.Step(g, now, 0, fsm.LinkChanged{Name: "eth0", Up: true})
	r.Step(g, now.Add(17), 0, fsm.SourceChanged{Addr: netip.MustParseAddr("192.0.2.1")})
	r.Step(g, now.Add(12345), fsm.All, fsm.Start{})
	heard := fsm.AdvertReceived{Advert: advert.Advert{Src: netip.MustParseAddr("192.0.2.2"), Version: 3, VRID: 1, Priority: 200, Interval: time.Second}}
	r.Step(g, now.Add(2*time.Second), fsm.All, fsm.Tick{})
	r.Step(g, now.Add(time.Second+1), 0, &heard) // it had to wait
	heard = fsm.AdvertReceived{}                 // the place is used again
	for range 8 {
		at, ok := g.Wake()
		if !ok {
			t.Fatal("no deadline")
		}
		r.Step(g, at.Add(99), fsm.All, fsm.Tick{})
	}
	if r.Err() != nil {
		t.Fatal(r.Err())
	}
	tr, err := Parse(out.String())
	if err != nil {
		t.Fatal(err)
	}
	if err := Replay(tr); err != nil {
		t.Errorf("replay of a recording: %v", err)
	}
	if diff := cmp.Diff(out.String(), tr.String()); diff != "" {
		t.Errorf("printed again (-want +got):\n%s", diff)
	}
	if g.State() != fsm.Master {
		t.Errorf("state %v, want MASTER: nothing much was recorded", g.State())
	}
}

type fullDisk struct{ writes int }

func (d *fullDisk) Write(p []byte) (int, error) {
	d.writes++
	return 0, errors.New("no space left on device")
}

func TestRecorderGivesUp(t *testing.T) {
	spec := &fsm.Spec{Name: "a", Version: 3, VRID: 1, Priority: 100, AdvertInterval: time.Second, DownTimerAdverts: 3}
	disk := &fullDisk{}
	g := fsm.NewGroup("", spec)
	r := NewRecorder(disk, "", spec)
	now := time.Unix(0, 0)
	r.Step(g, now, 0, fsm.LinkChanged{Name: "eth0", Up: true})
	r.Step(g, now, 0, fsm.SourceChanged{Addr: netip.MustParseAddr("192.0.2.1")})
	if outs := r.Step(g, now, fsm.All, fsm.Start{}); len(outs) == 0 {
		t.Error("the group did nothing")
	}
	if disk.writes != 1 || r.Err() == nil {
		t.Errorf("%d writes, error %v; want one failed write", disk.writes, r.Err())
	}
}
