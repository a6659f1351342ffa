package fsm

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/advert"
)

// epoch is when every test begins; times in the tests are counted from it.
var epoch = time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)

// lab runs a group through a list of times and events and compares the actions,
// written one a line and followed by the next wake, with what is wanted.
type lab struct {
	t *testing.T
	g *Group
}

// newLab returns a group whose interfaces are up and have the addresses
// 192.0.2.10, 192.0.2.11 and so on, or fe80::10 and so on for IPv6.
func newLab(t *testing.T, group string, specs ...*Spec) *lab {
	t.Helper()
	l := &lab{t: t, g: NewGroup(group, specs...)}
	l.facts()
	return l
}

func (l *lab) facts() {
	l.t.Helper()
	for i, m := range l.g.instances {
		l.quiet(ID(i), LinkChanged{Up: true, Name: linkOf(i)})
		l.quiet(ID(i), SourceChanged{Addr: sourceOf(m.spec, i)})
	}
}

func linkOf(i int) string { return fmt.Sprintf("eth%d", i) }

func sourceOf(s *Spec, i int) netip.Addr {
	if s.IPv6 {
		return addr(fmt.Sprintf("fe80::%d", 10+i))
	}
	return addr(fmt.Sprintf("192.0.2.%d", 10+i))
}

// quiet is an event before the start: it must have no consequence yet.
func (l *lab) quiet(id ID, ev Event) {
	l.t.Helper()
	if got := l.render(l.g.Step(epoch, id, ev)); got != "wake never" {
		l.t.Fatalf("%T before the start: got %q, want nothing", ev, got)
	}
}

// one is an event for the first instance, all one for the whole group.
func (l *lab) one(at string, ev Event, want string) { l.t.Helper(); l.step(at, 0, ev, want) }
func (l *lab) all(at string, ev Event, want string) { l.t.Helper(); l.step(at, All, ev, want) }
func (l *lab) tick(at, want string)                 { l.t.Helper(); l.step(at, All, Tick{}, want) }

func (l *lab) step(at string, id ID, ev Event, want string) {
	l.t.Helper()
	got := l.render(l.g.Step(moment(l.t, at), id, ev))
	if diff := cmp.Diff(lines(want), lines(got)); diff != "" {
		l.t.Fatalf("%s, %T: wanted (-) and got (+):\n%s", at, ev, diff)
	}
}

// start starts the group at 0 s and does not look at what follows.
func (l *lab) start() *lab {
	l.g.Step(epoch, All, Start{})
	return l
}

// lead starts the group and lets every instance become Master; it returns with
// the statistics cleared.
func (l *lab) lead() *lab {
	l.t.Helper()
	l.start()
	for i := 0; l.g.State() != Master; i++ {
		at, ok := l.g.Wake()
		if !ok || i > 10 {
			l.t.Fatal("the group does not become Master")
		}
		l.g.Step(at, All, Tick{})
	}
	l.g.ClearStats()
	return l
}

// until lets the group tick whenever it wants to, up to a time, and does not look
// at what follows.
func (l *lab) until(at string) {
	l.t.Helper()
	for {
		w, ok := l.g.Wake()
		if !ok || !w.Before(moment(l.t, at)) {
			return
		}
		l.g.Step(w, All, Tick{})
	}
}

func (l *lab) render(outs []Out) string {
	var all []string
	for _, o := range outs {
		all = append(all, l.name(o.ID)+action(o.Action))
	}
	at, ok := l.g.Wake()
	if ok {
		return strings.Join(append(all, "wake "+at.Sub(epoch).String()), "\n")
	}
	return strings.Join(append(all, "wake never"), "\n")
}

func (l *lab) name(id ID) string {
	if len(l.g.instances) == 1 {
		return ""
	}
	return l.g.instances[id].spec.Name + " "
}

func action(a Action) string {
	switch a := a.(type) {
	case *SendAdvert:
		return fmt.Sprintf("send %d from %s", a.Priority, a.Source)
	case AddAddresses:
		return "add addresses"
	case RemoveAddresses:
		return "remove addresses"
	case Announce:
		return fmt.Sprintf("announce %d %s", a.Rounds, a.Why)
	case AnnounceSource:
		return fmt.Sprintf("announce source %s", a.Addr)
	case StateChanged:
		return fmt.Sprintf("%s to %s at %d: %s", a.From, a.To, a.Priority, a.Cause)
	case GroupChanged:
		return fmt.Sprintf("group %s to %s", a.From, a.To)
	case PriorityChanged:
		return fmt.Sprintf("priority %d to %d: %s", a.From, a.To, a.Cause)
	case LowerPriorityHeard:
		return fmt.Sprintf("lower heard %s", a.From)
	case Log:
		if a.Detail {
			return "detail: " + a.Text
		}
		return "log: " + a.Text
	}
	panic(fmt.Sprintf("unknown action %T", a))
}

// lines splits a text and drops the indentation and the empty lines.
func lines(s string) []string {
	var all []string
	for line := range strings.Lines(s) {
		if line = strings.TrimSpace(line); line != "" {
			all = append(all, line)
		}
	}
	return all
}

func moment(t *testing.T, at string) time.Time {
	t.Helper()
	d, err := time.ParseDuration(at)
	if err != nil {
		t.Fatal(err)
	}
	return epoch.Add(d)
}

func addr(s string) netip.Addr { return netip.MustParseAddr(s) }

// heard is an advert in the version that the specification of v2 has.
func heard(from string, priority uint8) *AdvertReceived {
	return &AdvertReceived{Advert: advert.Advert{Src: addr(from), Version: 2, VRID: 51, Priority: priority, Interval: time.Second}}
}

// heard3 is a version 3 advert with an interval.
func heard3(from string, priority uint8, every time.Duration) *AdvertReceived {
	ev := heard(from, priority)
	ev.Advert.Version, ev.Advert.Interval = 3, every
	return ev
}

// v2 is a version 2 instance with every default of keepalived.
func v2(name string, priority uint8, change ...func(*Spec)) *Spec {
	s := &Spec{
		Name: name, Version: 2, VRID: 51, Addresses: 2, Priority: priority,
		AdvertInterval: time.Second, DownTimerAdverts: 3,
		GARP: GARP{Repeat: 5, Delay: 5 * time.Second, RefreshRepeat: 1, LowerRepeat: 5, LowerDelay: 5 * time.Second},
	}
	for _, f := range change {
		f(s)
	}
	return s
}

func v3(name string, priority uint8, change ...func(*Spec)) *Spec {
	return v2(name, priority, append([]func(*Spec){func(s *Spec) { s.Version = 3 }}, change...)...)
}

// plain takes away the announcements that a test is not about.
func plain(s *Spec) { s.GARP = GARP{} }

func every(d time.Duration) func(*Spec)        { return func(s *Spec) { s.AdvertInterval = d } }
func tracks(t ...Tracker) func(*Spec)          { return func(s *Spec) { s.Trackers = append(s.Trackers, t...) } }
func noPreempt(s *Spec)                        { s.NoPreempt = true }
func startMaster(s *Spec)                      { s.StartMaster = true }
func strict(s *Spec)                           { s.StrictCompat = true }
func preemptAfter(d time.Duration) func(*Spec) { return func(s *Spec) { s.PreemptDelay = d } }
