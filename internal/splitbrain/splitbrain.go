// Package splitbrain tells from what a Master sees of its segment whether there
// may be another one. It is pure: what was seen and the time are arguments.
//
// A [Detector] belongs to one instance and one goroutine. It only suspects: what
// it is told may be forged, and nothing in the protocol may depend on it. It
// remembers a fixed amount, whatever it is told.
package splitbrain

import (
	"fmt"
	"net/netip"
	"time"
)

// Kind is a reason to suspect.
type Kind uint8

// Kinds.
const (
	SecondMaster Kind = iota // another router goes on advertising while we are Master
	AddressTaken             // another machine says that it has an address of ours

	// Kinds is the number of values of Kind.
	Kinds = int(AddressTaken) + 1
)

var kindNames = [Kinds]string{"second master", "address taken"}

func (k Kind) String() string { return kindNames[k] }

// Advert is what came from another router since the last look.
type Advert struct {
	From     netip.Addr // of the last one; the zero Addr: nothing came
	Priority uint8      // of the last one that was accepted
	Rejected string     // why the last one was, in words; empty: it was accepted
	Count    uint64
	Last     time.Time
}

// Claim is somebody saying that an address is at a hardware address.
type Claim struct {
	Addr  netip.Addr
	MAC   string // as it is to be printed
	Link  string // where it was heard
	Asked bool   // in answer to a probe
	At    time.Time
}

// Observation is what a look finds.
type Observation struct {
	Master   bool
	Interval time.Duration // of our own adverts
	Advert   Advert
	Claims   []Claim
}

// News is that a suspicion begins, goes on or ends.
type News struct {
	Kind     Kind
	Ended    bool
	Reminder bool   // it was told before
	Evidence string // in words
}

// The other router gets this long for giving way; a Master that was is still
// there for a moment after a hand-over.
const (
	persist  = 3 * time.Second
	remind   = 10 * time.Minute
	calmDown = 5 * time.Second
)

// Detector suspects for one instance. The zero Detector has seen nothing.
type Detector struct {
	since  time.Time // when it became Master; zero: it is not
	master state
	claim  state
	last   Claim
	advert Advert
}

// state is that of one kind.
type state struct {
	first, last time.Time // of what was seen without a break; zero: nothing
	count       uint64
	raised      time.Time // zero: it is not
	told        time.Time
}

// Look takes what was seen since the last look and returns what is new.
func (d *Detector) Look(now time.Time, o *Observation) []News {
	var news []News
	if !o.Master {
		for kind, s := range []*state{&d.master, &d.claim} {
			news = s.end(news, Kind(kind), now, "not MASTER any more")
		}
		*d = Detector{}
		return news
	}
	if d.since.IsZero() {
		d.since = now
	}
	slow := 3 * o.Interval
	if o.Advert.Count > 0 {
		d.advert = o.Advert
		d.master.see(now, o.Advert.Count)
	}
	news = d.master.judge(news, SecondMaster, now, max(persist, slow), max(calmDown, slow), d.masterWords)
	for _, c := range o.Claims {
		if now.Sub(d.since) > max(persist, 2*o.Interval) { // who was Master before may take that long
			d.last = c
			d.claim.see(now, 1)
		}
	}
	return d.claim.judge(news, AddressTaken, now, time.Second, AskEvery(o.Interval)*7/2, d.claimWords)
}

// AskEvery is the time between two probes for the addresses of an instance; the
// first claim is followed by another one after [AskAgain].
func AskEvery(interval time.Duration) time.Duration {
	return min(max(10*interval, 5*time.Second), time.Minute)
}

// AskAgain is the time between two probes while somebody answers them.
const AskAgain = 2 * time.Second

// Claimed tells which address is to be asked for again, since somebody claims
// it.
func (d *Detector) Claimed() (netip.Addr, bool) { return d.last.Addr, !d.claim.first.IsZero() }

func (s *state) see(now time.Time, count uint64) {
	if s.first.IsZero() {
		s.first = now
	}
	s.last = now
	s.count += count
}

// judge raises what has been seen for long enough, and ends what has not been
// seen for a while. What is seen once and not again within that is forgotten.
func (s *state) judge(news []News, kind Kind, now time.Time, long, calm time.Duration, words func() string) []News {
	switch {
	case s.first.IsZero():
	case now.Sub(s.last) > calm:
		news = s.end(news, kind, now, "nothing of it for "+round(now.Sub(s.last)))
		*s = state{}
	case s.raised.IsZero() && s.last.Sub(s.first) >= long:
		s.raised, s.told = now, now
		news = append(news, News{Kind: kind, Evidence: words()})
	case !s.raised.IsZero() && now.Sub(s.told) >= remind:
		s.told = now
		news = append(news, News{Kind: kind, Reminder: true, Evidence: words() + ", suspected for " + round(now.Sub(s.raised))})
	}
	return news
}

func (s *state) end(news []News, kind Kind, now time.Time, why string) []News {
	if s.raised.IsZero() {
		return news
	}
	return append(news, News{Kind: kind, Ended: true, Evidence: fmt.Sprintf("%s; it lasted %s", why, round(now.Sub(s.raised)))})
}

func (d *Detector) masterWords() string {
	while := round(d.master.last.Sub(d.master.first))
	if d.advert.Rejected != "" {
		return fmt.Sprintf("%d packets in %s from others that advertise too, the last from %s and not accepted: %s",
			d.master.count, while, d.advert.From, d.advert.Rejected)
	}
	return fmt.Sprintf("%d adverts in %s from others, the last from %s with priority %d",
		d.master.count, while, d.advert.From, d.advert.Priority)
}

func (d *Detector) claimWords() string {
	how := "announces it"
	if d.last.Asked {
		how = "answers for it"
	}
	return fmt.Sprintf("%s is held here, and %s on %s %s, %d times in %s", d.last.Addr, d.last.MAC, d.last.Link, how,
		d.claim.count, round(d.claim.last.Sub(d.claim.first)))
}

func round(d time.Duration) string { return d.Round(100 * time.Millisecond).String() }
