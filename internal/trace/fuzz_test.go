package trace

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// genLine draws any line.
func genLine(t *rapid.T) Line {
	l := Line{At: time.Duration(rapid.Int64().Draw(t, "at")), ID: fsm.ID(rapid.IntRange(-1, 65535).Draw(t, "id"))}
	text := rapid.String()
	addr := rapid.Custom(func(t *rapid.T) netip.Addr {
		b := rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "bytes")
		switch rapid.IntRange(0, 3).Draw(t, "family") {
		case 0:
			return netip.Addr{}
		case 1:
			return netip.AddrFrom4([4]byte(b))
		case 2:
			return netip.AddrFrom16([16]byte(b)).WithZone(rapid.StringN(0, 5, -1).Draw(t, "zone"))
		}
		return netip.AddrFrom16([16]byte(b))
	})
	state := rapid.Custom(func(t *rapid.T) fsm.State { return fsm.State(rapid.IntRange(0, int(fsm.Deleted)).Draw(t, "state")) })
	duration := rapid.Custom(func(t *rapid.T) time.Duration { return time.Duration(rapid.Int64().Draw(t, "duration")) })
	spec := func() *fsm.Spec {
		s := &fsm.Spec{
			Name: text.Draw(t, "name"), Version: rapid.Byte().Draw(t, "version"), IPv6: rapid.Bool().Draw(t, "IPv6"),
			AdvertInterval: duration.Draw(t, "interval"), ConfigFault: text.Draw(t, "fault"), StrictCompat: rapid.Bool().Draw(t, "strict"),
		}
		for range rapid.IntRange(0, 3).Draw(t, "trackers") {
			s.Trackers = append(s.Trackers, fsm.Tracker{
				Kind: fsm.TrackKind(rapid.IntRange(0, int(fsm.TrackStatic)).Draw(t, "kind")), Name: text.Draw(t, "tracker"),
				Weight: rapid.Int().Draw(t, "weight"), Reverse: rapid.Bool().Draw(t, "reverse"),
			})
		}
		return s
	}
	switch rapid.IntRange(0, 12).Draw(t, "kind of line") {
	case 0:
		l.Event = fsm.Start{Delay: duration.Draw(t, "delay")}
	case 1:
		l.Event = fsm.Stop{Keep: rapid.Bool().Draw(t, "keep"), As: state.Draw(t, "as")}
	case 2:
		l.Event = &fsm.AdvertReceived{Advert: advert.Advert{
			Src: addr.Draw(t, "source"), Version: rapid.Byte().Draw(t, "version"), VRID: rapid.Byte().Draw(t, "vrid"),
			Priority: rapid.Byte().Draw(t, "priority"), Interval: duration.Draw(t, "interval"), Notes: advert.Note(rapid.Byte().Draw(t, "notes")),
		}, Missing: addr.Draw(t, "missing"), Count: rapid.Int().Draw(t, "count")}
	case 3:
		l.Event = fsm.AdvertRejected{From: addr.Draw(t, "from"), Reject: advert.Reject{
			Reason: advert.Reason(rapid.IntRange(0, advert.Reasons-1).Draw(t, "reason")), Got: rapid.Int().Draw(t, "got"),
		}}
	case 4:
		l.Event = fsm.LinkChanged{Up: rapid.Bool().Draw(t, "up"), Name: text.Draw(t, "name")}
	case 5:
		l.Event = fsm.TrackChanged{Index: rapid.Int().Draw(t, "index"), Verdict: fsm.Verdict(rapid.IntRange(0, 2).Draw(t, "verdict")), Why: text.Draw(t, "why")}
	case 6:
		l.Event = fsm.Reconfigured{Spec: spec(), AddressesAdded: rapid.Bool().Draw(t, "added")}
	case 7:
		l.Event = fsm.AddressLost{What: fsm.Held(rapid.IntRange(0, int(fsm.HeldRule)).Draw(t, "what")), More: rapid.Int().Draw(t, "more"), Unset: rapid.Bool().Draw(t, "unset"), Addr: text.Draw(t, "addr"), Link: text.Draw(t, "link"), Why: text.Draw(t, "why")}
	case 8:
		l.Action = &fsm.SendAdvert{Priority: rapid.Byte().Draw(t, "priority"), Source: addr.Draw(t, "source")}
	case 9:
		l.Action = fsm.StateChanged{From: state.Draw(t, "from"), To: state.Draw(t, "to"), Priority: rapid.Byte().Draw(t, "priority"), Cause: text.Draw(t, "cause"), Reason: fsm.MasterReason(rapid.IntRange(0, int(fsm.ReasonNoResponse)).Draw(t, "reason"))}
	case 10:
		l.Action = fsm.Log{Detail: rapid.Bool().Draw(t, "detail"), Text: text.Draw(t, "text")}
	case 11:
		l.Action = fsm.PriorityChanged{From: rapid.Byte().Draw(t, "from"), To: rapid.Byte().Draw(t, "to"), Cause: text.Draw(t, "cause")}
	case 12:
		l.Wake = &Wake{Set: true, At: time.Duration(rapid.Int64().Draw(t, "wake"))}
	}
	return l
}

func TestLineRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		l := genLine(t)
		got, err := ParseLine(l.String())
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(l, got, equateAddr); diff != "" {
			t.Fatalf("%s (-want +got):\n%s", l, diff)
		}
	})
}

func FuzzParseLine(f *testing.F) {
	for _, l := range lines {
		f.Add(l.text)
	}
	f.Fuzz(func(t *testing.T, s string) {
		l, err := ParseLine(s)
		if err != nil {
			return
		}
		printed := l.String()
		again, err := ParseLine(printed)
		if err != nil {
			t.Fatalf("printed as %q: %v", printed, err)
		}
		if diff := cmp.Diff(l, again, equateAddr); diff != "" {
			t.Fatalf("%q (-want +got):\n%s", printed, diff)
		}
		if s := again.String(); s != printed {
			t.Fatalf("printed as %q, then as %q", printed, s)
		}
	})
}

// Whatever can be parsed can be replayed: neither may panic, and a recording
// of the replay is a trace that replays without a difference.
func FuzzReplay(f *testing.F) {
	f.Add(header + "   0.000000 0 < link name=eth0 state=up\n   0.000000 0 < source addr=192.0.2.1\n   0.000000 * < start\n   4.000000 * < tick\n")
	f.Add("holdfast-trace 1 group=G\ninstance name=a version=2 priority=255 start-master interval=1s\ninstance name=b priority=1\n" +
		"   0.000000 * < source addr=192.0.2.1\n   0.000000 * < start delay=1s\n   1.000000 * < tick\n" +
		"   1.500000 1 < advert from=192.0.2.9 priority=200 interval=1s\n   2.000000 * < stop as=STOP\n   3.000000 * < start\n")
	f.Fuzz(func(t *testing.T, text string) {
		tr, err := Parse(text)
		if err != nil {
			return
		}
		if len(tr.Lines) > 200 {
			t.Skip("long enough")
		}
		_ = Replay(tr)
		var out strings.Builder
		g := fsm.NewGroup(tr.Group, tr.Specs...)
		r := NewRecorder(&out, tr.Group, tr.Specs...)
		for _, l := range tr.Lines {
			if l.Event != nil {
				r.Step(g, epoch.Add(l.At), l.ID, l.Event)
			}
		}
		if out.Len() == 0 {
			return
		}
		again, err := Parse(out.String())
		if err != nil {
			t.Fatalf("%v in the recording\n%s", err, out.String())
		}
		if err := Replay(again); err != nil {
			t.Fatalf("%v in the recording\n%s", err, out.String())
		}
	})
}
