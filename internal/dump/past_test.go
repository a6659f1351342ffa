package dump

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The end of keepalived.data, unless keepalived's form is asked for.
func TestPast(t *testing.T) {
	at := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	d := &Data{
		Instances: []Instance{{Name: "VI_1", Journal: []Entry{
			{At: at, Last: at, Kind: "state", From: "INIT", To: "BACKUP", Cause: "start", Count: 1},
			{At: at, Last: at.Add(time.Second), Kind: "rejected", From: "192.0.2.9", To: "ttl", Cause: "invalid TTL/HL from 192.0.2.9. Received 1 and expect 255", Count: 7},
			{At: at, Last: at, Kind: "priority", From: "101", To: "97", Cause: "script a = b failed (exit 1)", Count: 1},
		}}, {Name: "VI_2"}},
		Timers: []Timers{{
			Name: "VI_1", Fired: 10, Latest: 12 * time.Microsecond, Longest: 1500 * time.Millisecond,
			Over: []TimersOver{{time.Millisecond, 2}, {time.Second, 1}},
		}},
	}
	if strings.Contains(string(d.Text(true)), "Holdfast") {
		t.Error("it was not asked for")
	}
	d.Past = true
	if strings.Contains(string(d.Text(false)), "Holdfast") {
		t.Error("it is no configuration")
	}
	text := string(d.Text(true))
	got := text[strings.Index(text, "------< Holdfast"):]
	want := `------< Holdfast: what happened and why >------
 VI_1
   2026-03-01 12:00:00.000000 state INIT -> BACKUP: start
   2026-03-01 12:00:00.000000 rejected 7 until 2026-03-01 12:00:01.000000: invalid TTL/HL from 192.0.2.9. Received 1 and expect 255
   2026-03-01 12:00:00.000000 priority 101 -> 97: script a b failed (exit 1)
 VI_2
------< Holdfast: how late timers were >------
 VI_1: 10 fired, the last 0.000012 s late, the latest 1.500000 s, more than 1ms: 2, more than 1s: 1
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if strings.Contains(got, " = ") {
		t.Error("a line looks like one of keepalived's")
	}
}
