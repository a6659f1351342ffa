package fsm

import (
	"testing"
	"time"
)

// Why instances become Master, whatever they and their group are called: the words of
// a cause hold names.
func TestMasterReason(t *testing.T) {
	twice := func(ev Event) []Event { return []Event{ev, ev} }
	for name, c := range map[string]struct {
		priority uint8
		events   []Event
		want     MasterReason
	}{
		"nobody there":    {priority: 100, want: ReasonNoResponse},
		"nobody any more": {priority: 100, events: twice(heard("192.0.2.9", 150)), want: ReasonNoResponse},
		"session lost":    {priority: 100, events: []Event{heard("192.0.2.9", 150), PeerSilent{addr("192.0.2.9"), "owner preempting: it gave up"}}, want: ReasonNoResponse},
		"gave up":         {priority: 100, events: []Event{heard("192.0.2.9", 150), heard("192.0.2.9", 0)}, want: ReasonPriority},
		"lower priority":  {priority: 100, events: twice(heard("192.0.2.9", 50)), want: ReasonPreempted},
		"address owner":   {priority: Owner, want: ReasonPriority},
	} {
		for _, group := range []string{"", "owner preempting"} {
			specs := []*Spec{v2("gave up", c.priority, startMaster)}
			if group != "" {
				specs = append(specs, v2("owner", c.priority, startMaster, func(s *Spec) { s.VRID = 52 }))
			}
			g := newLab(t, group, specs...).g
			got := map[ID]MasterReason{}
			step := func(at time.Time, id ID, ev Event) {
				for _, o := range g.Step(at, id, ev) {
					if a, ok := o.Action.(StateChanged); ok && a.To == Master {
						got[o.ID] = a.Reason
					}
				}
			}
			step(epoch, All, Start{})
			at := epoch
			for _, ev := range c.events {
				at = at.Add(100 * time.Millisecond)
				for id := range specs {
					step(at, ID(id), ev)
				}
			}
			for range 20 {
				if wake, ok := g.Wake(); ok && wake.After(at) {
					at = wake
				}
				step(at, All, Tick{})
			}
			if len(got) != len(specs) {
				t.Errorf("%s, group %q: %d of %d are Master", name, group, len(got), len(specs))
			}
			for id, reason := range got {
				if reason != c.want {
					t.Errorf("%s, group %q: %v of instance %d, want %v", name, group, reason, id, c.want)
				}
			}
		}
	}
}
