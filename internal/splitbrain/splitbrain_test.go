package splitbrain

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"
)

var (
	begin = time.Unix(1_000_000, 0)
	peer  = netip.MustParseAddr("192.0.2.2")
	vip   = netip.MustParseAddr("192.0.2.100")
)

// lab looks once a second.
type lab struct {
	d   Detector
	now time.Time
	got []string
}

// second is one look; what is new is noted with its second.
func (l *lab) second(o Observation) {
	if o.Interval == 0 {
		o.Interval = time.Second
	}
	if l.now.IsZero() {
		l.now = begin
	}
	for _, n := range l.d.Look(l.now, &o) {
		word := "begins"
		switch {
		case n.Ended:
			word = "ends"
		case n.Reminder:
			word = "goes on"
		}
		l.got = append(l.got, fmt.Sprintf("%v %v %s: %s", l.now.Sub(begin), n.Kind, word, n.Evidence))
	}
	l.now = l.now.Add(time.Second)
}

func (l *lab) seconds(n int, o Observation) {
	for range n {
		at := o
		at.Claims = slices.Clone(o.Claims)
		l.second(at)
	}
}

func (l *lab) want(t *testing.T, lines ...string) {
	t.Helper()
	if !slices.Equal(l.got, lines) {
		t.Errorf("got\n%q\nwant\n%q", l.got, lines)
	}
}

var (
	quiet = Observation{Master: true}
	rival = Observation{Master: true, Advert: Advert{From: peer, Priority: 100, Count: 10}}
	taken = Observation{Master: true, Claims: []Claim{{Addr: vip, MAC: "02:00:00:00:00:02", Link: "eth0", Asked: true}}}
)

func TestSecondMaster(t *testing.T) {
	l := &lab{}
	l.seconds(5, quiet)
	l.seconds(6, rival)
	l.seconds(10, quiet)
	l.want(t,
		"8s second master begins: 40 adverts in 3s from others, the last from 192.0.2.2 with priority 100",
		"16s second master ends: nothing of it for 6s; it lasted 8s")
}

// An election is over after an advert or two.
func TestElectionIsNoSuspicion(t *testing.T) {
	l := &lab{}
	l.seconds(2, rival)
	l.seconds(100, quiet)
	l.seconds(2, rival)
	l.seconds(100, quiet)
	l.want(t)
}

// Whoever yields has no second master any more.
func TestYielding(t *testing.T) {
	l := &lab{}
	l.seconds(4, rival)
	l.seconds(3, Observation{Advert: rival.Advert})
	l.seconds(3, rival)
	l.want(t,
		"3s second master begins: 40 adverts in 3s from others, the last from 192.0.2.2 with priority 100",
		"4s second master ends: not MASTER any more; it lasted 1s")
}

// A peer whose adverts are not understood is a master all the same.
func TestRejectedPeer(t *testing.T) {
	l := &lab{}
	l.seconds(4, Observation{Master: true, Advert: Advert{From: peer, Rejected: "received an invalid passwd from 192.0.2.2!", Count: 1}})
	l.want(t, "3s second master begins: 4 packets in 3s from others that advertise too, the last from 192.0.2.2 and not accepted: received an invalid passwd from 192.0.2.2!")
}

// With a slow interval, three adverts in a row and no fewer.
func TestSlowInterval(t *testing.T) {
	l := &lab{}
	slow := quiet
	slow.Interval = 10 * time.Second
	for range 4 {
		one := slow
		one.Advert = Advert{From: peer, Priority: 100, Count: 1}
		l.second(one)
		l.seconds(9, slow)
	}
	l.seconds(40, slow)
	l.want(t,
		"30s second master begins: 4 adverts in 30s from others, the last from 192.0.2.2 with priority 100",
		"1m1s second master ends: nothing of it for 31s; it lasted 31s")
}

func TestAddressTaken(t *testing.T) {
	l := &lab{}
	l.seconds(10, quiet)
	l.second(taken)
	if a, ok := l.d.Claimed(); !ok || a != vip {
		t.Errorf("to be asked again: %v %v", a, ok)
	}
	l.second(quiet)
	l.second(taken)
	l.seconds(60, quiet)
	if a, ok := l.d.Claimed(); ok {
		t.Errorf("still to be asked again: %v", a)
	}
	l.want(t,
		"12s address taken begins: 192.0.2.100 is held here, and 02:00:00:00:00:02 on eth0 answers for it, 2 times in 2s",
		"48s address taken ends: nothing of it for 36s; it lasted 36s")
}

// What a hand-over leaves behind: the other still announces for a moment.
func TestHandOverIsNoSuspicion(t *testing.T) {
	l := &lab{}
	l.seconds(3, taken)
	l.seconds(60, quiet)
	l.second(taken) // once is not often enough
	l.seconds(60, quiet)
	l.want(t)
}

func TestReminder(t *testing.T) {
	l := &lab{}
	l.seconds(610, rival)
	if len(l.got) != 2 || l.got[1] != "10m3s second master goes on: 6040 adverts in 10m3s from others, the last from 192.0.2.2 with priority 100, suspected for 10m0s" {
		t.Errorf("got %q", l.got)
	}
}

func TestAskEvery(t *testing.T) {
	for interval, want := range map[time.Duration]time.Duration{
		100 * time.Millisecond: 5 * time.Second, time.Second: 10 * time.Second, 40 * time.Second: time.Minute,
	} {
		if got := AskEvery(interval); got != want {
			t.Errorf("every %v: %v, want %v", interval, got, want)
		}
	}
}
