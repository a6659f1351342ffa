package daemon

import (
	"net/netip"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// Rejected packets that come too fast are counted and not handed on.
func TestGate(t *testing.T) {
	r := newTestRunner(t)
	at := time.Now()
	p := &advert.Packet{Src: netip.MustParseAddr("192.0.2.3"), At: at}
	j := advert.Reject{Reason: advert.ReasonTTL}
	const many = 10_000
	for range many {
		r.offerRefusal(0, p, j)
	}
	m := r.members[0]
	if n := len(r.refused); n != gateWidth {
		t.Errorf("%d on their way, want %d", n, gateWidth)
	}
	if n := m.overflow[advert.ReasonTTL].Load(); n != many-gateWidth {
		t.Errorf("%d counted beside the state machine, want %d", n, many-gateWidth)
	}
	p.At = at.Add(gateTime)
	r.offerRefusal(0, p, j)
	if n := len(r.refused); n != gateWidth+1 {
		t.Errorf("%d on their way after a while, want %d", n, gateWidth+1)
	}
}

// However many say that they go, whoever stays is heard.
func TestGoodbyesCrowdNobodyOut(t *testing.T) {
	r := newTestRunner(t)
	offer := func(priority uint8, times int) {
		for range times {
			r.offerAdvert(heard{ev: fsm.AdvertReceived{Advert: advert.Advert{Priority: priority}}})
		}
	}
	offer(0, 1000)
	offer(200, 1)
	offer(0, 1000)
	for {
		select {
		case h := <-r.adverts:
			if h.ev.Advert.Priority == 200 {
				return
			}
		default:
			t.Fatal("it is lost")
		}
	}
}

// A flood begins once, and again after it has been over.
func TestFlooding(t *testing.T) {
	var f flooding
	now, began := time.Now(), 0
	second := func(packets int) {
		for range packets {
			if f.note(now) {
				began++
			}
		}
		now = now.Add(time.Second)
	}
	second(floodLimit - 1)
	second(floodLimit - 1)
	if began != 0 || f.isOn() {
		t.Errorf("%d floods of what can be borne", began)
	}
	second(3 * floodLimit)
	if began != 1 || !f.isOn() {
		t.Errorf("%d floods, want one", began)
	}
	f.over()
	if f.isOn() {
		t.Error("still a flood")
	}
	second(3 * floodLimit)
	if began != 2 {
		t.Errorf("%d floods, want two", began)
	}
}

// What counts as another master.
func TestSightings(t *testing.T) {
	from := netip.MustParseAddr("192.0.2.2")
	m := &member{}
	note := func(priority uint8, reason advert.Reason) uint64 {
		m.sightings.note(m, from, priority, advert.Reject{Reason: reason}, time.Now())
		return m.sightings.take().Count
	}
	if note(100, advert.ReasonNone) != 0 {
		t.Error("counts while not MASTER")
	}
	m.published.Store(uint32(fsm.Master))
	for _, test := range []struct {
		what     string
		priority uint8
		reason   advert.Reason
		want     uint64
	}{
		{"an advert", 100, advert.ReasonNone, 1},
		{"a goodbye", 0, advert.ReasonNone, 0},
		{"another password", 0, advert.ReasonPassword, 1},
		{"another key", 0, advert.ReasonHMAC, 1},
		{"a clock", 0, advert.ReasonHMACStale, 1},
		{"a replay", 0, advert.ReasonHMACReplay, 0},
		{"from beyond the link", 0, advert.ReasonTTL, 0},
		{"damage", 0, advert.ReasonChecksum, 0},
	} {
		if got := note(test.priority, test.reason); got != test.want {
			t.Errorf("%s counts %d, want %d", test.what, got, test.want)
		}
	}
}
