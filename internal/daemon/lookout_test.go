package daemon

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/fsm"
	"github.com/holdfast-ha/holdfast/internal/journal"
	"github.com/holdfast-ha/holdfast/internal/kernel"
	"github.com/holdfast-ha/holdfast/internal/netio"
	"github.com/holdfast-ha/holdfast/internal/splitbrain"
)

// A unicast Master that never hears a peer says so once, and only then.
func TestAlone(t *testing.T) {
	var said bytes.Buffer
	l := &lookout{log: &logger{slog.New(slog.NewTextHandler(&said, nil))}}
	peers := []netip.Addr{netip.MustParseAddr("192.0.2.2"), netip.MustParseAddr("192.0.2.3")}
	set := &settings{cfg: &config.Instance{Name: "VI", Unicast: true}, dests: peers}
	m, w, now := &member{}, &watched{}, time.Now()
	w.master = now
	look := func(after time.Duration, want int) {
		t.Helper()
		l.sayAlone(now.Add(after), m, set, w)
		if n := strings.Count(said.String(), "no advert of any unicast peer (192.0.2.2, 192.0.2.3)"); n != want {
			t.Errorf("said %d times after %v, want %d:\n%s", n, after, want, &said)
		}
	}
	look(aloneAfter-1, 0)
	look(aloneAfter, 1)
	look(time.Hour, 1)

	w.alone = false
	m.sightings.heard.Store(true)
	look(time.Hour, 1)
	m.sightings.heard.Store(false)
	set.cfg.Unicast = false
	look(time.Hour, 1)
}

func TestPeersText(t *testing.T) {
	var peers []netip.Addr
	for i := range 5 {
		peers = append(peers, netip.AddrFrom4([4]byte{192, 0, 2, byte(i)}))
	}
	if got, want := peersText(peers), "192.0.2.0, 192.0.2.1 and 3 more"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// What is claimed by another interface of this host is no claim, and how many
// different claims are kept is bounded.
func TestClaimsOfOurs(t *testing.T) {
	own, other := [6]byte{2, 0, 0, 0, 0, 1}, [6]byte{2, 0, 0, 0, 0, 2}
	addr := netip.MustParseAddr("192.0.2.100")
	w := &witness{link: "eth0"}
	l := &lookout{witnesses: map[vantage]*witness{{link: "eth0"}: w}}
	links := &kernel.Picture{Links: []*kernel.Link{{Name: "eth1", HardwareAddr: net.HardwareAddr(own[:])}}}
	w.note(netio.Claim{Addr: addr, MAC: own})
	w.note(netio.Claim{Addr: addr, MAC: other, Asked: true})
	w.note(netio.Claim{Addr: addr, MAC: other, Asked: true})
	got := l.claims(links)
	if len(got) != 1 || got[0].MAC != "02:00:00:00:00:02" || !got[0].Asked || got[0].Link != "eth0" {
		t.Errorf("claims %+v", got)
	}
	for i := range 1000 {
		w.note(netio.Claim{Addr: addr, MAC: [6]byte{4, 0, 0, 0, byte(i >> 8), byte(i)}})
	}
	if n := len(l.claims(links)); n != witnessBox {
		t.Errorf("%d claims kept, want %d", n, witnessBox)
	}
}

// The FIFO hears of the first reason and of the end of the last, and the
// statistics count that once.
func TestNoteRival(t *testing.T) {
	r := newTestRunner(t)
	m := r.members[0]
	var topics []topic
	r.hands = newHands(func(j job) { topics = append(topics, j.notify.topic) })
	note := func(k splitbrain.Kind, ended bool) {
		r.noteRival(time.Now(), m, splitbrain.News{Kind: k, Ended: ended, Evidence: "e"})
	}
	note(splitbrain.SecondMaster, false)
	note(splitbrain.AddressTaken, false)
	note(splitbrain.SecondMaster, true)
	note(splitbrain.AddressTaken, true)
	for _, j := range r.hands.jobs.take() {
		r.hands.do(j)
	}
	if len(topics) != 2 || topics[0] != ofSuspicion || topics[1] != ofSuspicionEnd {
		t.Errorf("told %v", topics)
	}
	if n := m.suspected.Load(); n != 1 {
		t.Errorf("counted %d", n)
	}
	n := 0
	for _, e := range m.journal.Entries() {
		if e.Kind == journal.Suspicion {
			n++
		}
	}
	if n != 4 {
		t.Errorf("%d entries of the journal, want 4", n)
	}
}

// A packet that is not accepted shows why.
func TestSightingsWords(t *testing.T) {
	m := &member{}
	m.published.Store(uint32(fsm.Master))
	from := netip.MustParseAddr("192.0.2.2")
	m.sightings.note(m, from, 0, advert.Reject{Reason: advert.ReasonPassword}, time.Now())
	if got := m.sightings.take(); got.From != from || got.Rejected != "received an invalid passwd from 192.0.2.2!" {
		t.Errorf("%+v", got)
	}
}
