package sim

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/fsm"
)

// Plan is a world and what is going to happen in it. It is not changed by a
// run.
type Plan struct {
	Seed    uint64
	LANs    int  // networks; each router has an instance on each of them
	Sync    bool // there are sync groups, or will be
	Gentle  bool // one disturbance at a time, and no noise: the strictest checks apply
	Unicast bool
	Auth    bool // version 2 with a password
	Routers []Router
	Delay   time.Duration // the longest that a packet takes without noise
	Late    time.Duration // the most that a timer fires late
	Slowest time.Duration // the longest interval that a reload brings
	Steps   []Step        // in the order of time
	End     time.Duration
}

// Router is one machine.
type Router struct {
	Name    string
	Specs   []*fsm.Spec  // for each network
	Sources []netip.Addr // for each network
	Clock   time.Duration
	Sync    bool // its instances begin as a sync group
}

// Noise is what a network does to packets.
type Noise struct {
	Loss, Duplicate, Corrupt float64       // probabilities
	Delay                    time.Duration // the longest extra delay; packets may overtake each other
}

// Kind is what happens in a step.
type Kind uint8

// Kinds of steps.
const (
	Start      Kind = iota // power on
	Crash                  // power off
	Stop                   // the daemon is stopped in good order
	LinkDown               // the cable is pulled
	LinkUp                 // and plugged again
	Partition              // a network falls apart, or comes together again
	OneWay                 // a router no longer hears some others, who may hear it
	SourceLost             // the interface loses the address that adverts come from
	SourceBack             // and gets it again
	Track                  // a tracked script changes its mind
	Pause                  // the machine does not run the daemon for a while
	Suspend                // the machine itself stands still, and its clock with it
	SetClock               // somebody sets the machine's wall clock
	Reload                 // a new configuration for a router
	LoseAddr               // somebody removes an address
	Stray                  // a packet of nobody's is seen by all
	SetNoise               // the networks change how they treat packets
	Calm                   // nothing happens any more: from here on all has to settle
)

var kindNames = [...]string{
	"start", "crash", "stop", "link-down", "link-up", "partition", "one-way", "source-lost", "source-back", "track", "pause", "suspend",
	"set-clock", "reload", "lose-address", "stray", "noise", "calm",
}

// Everywhere as the LAN of a Partition is every network.
const Everywhere = -1

func (k Kind) String() string { return kindNames[k] }

// Step is something that happens to the world.
type Step struct {
	At      time.Duration
	Kind    Kind
	Router  int
	LAN     int
	For     time.Duration // Pause, Suspend; SetClock: by how much; Start: a start delay
	Tracker int
	Verdict fsm.Verdict
	Parts   []int       // Partition: the part that each router is in; OneWay: not 0 for those that are not heard
	Specs   []*fsm.Spec // Reload: for each network
	Sync    bool        // Reload: they are to be a sync group
	Noise   Noise
	Packet  Packet
}

// Packet is a packet that no router has sent: as an accident or an attacker
// would make it. What is zero is as it should be.
type Packet struct {
	Priority uint8
	Hurry    bool  // version 3: an interval of nothing
	VRID     uint8 // added to the right one
	Version  uint8 // added to the right one
	TTL      int   // taken from the right one
	Cut      int   // bytes missing at the end
	Password bool  // a wrong one, if there is any
	Count    bool  // more addresses than ours
}

func (s *Step) describe(p *Plan) string {
	who := ""
	if s.Router < len(p.Routers) {
		who = p.Routers[s.Router].Name
	}
	switch s.Kind {
	case Start:
		if s.For > 0 {
			return fmt.Sprintf("%s starts, with a start delay of %v", who, s.For)
		}
		return who + " starts"
	case Crash:
		return who + " crashes"
	case Stop:
		return who + " is stopped"
	case LinkDown, LinkUp:
		return fmt.Sprintf("%s %s on %s", who, s.Kind, lanName(s.LAN))
	case Partition:
		if s.LAN == Everywhere {
			return "networks fall into " + partsText(p, s.Parts)
		}
		return lanName(s.LAN) + " falls into " + partsText(p, s.Parts)
	case OneWay:
		if deaf := namesWhere(p, s.Parts, 1); deaf != "" {
			return fmt.Sprintf("%s on %s does not hear %s", who, lanName(s.LAN), deaf)
		}
		return fmt.Sprintf("%s on %s hears everybody again", who, lanName(s.LAN))
	case SourceLost, SourceBack:
		return fmt.Sprintf("%s %s on %s", who, s.Kind, lanName(s.LAN))
	case Track:
		t := p.Routers[s.Router].Specs[s.LAN].Trackers[s.Tracker]
		return fmt.Sprintf("%s on %s: script %s is %s", who, lanName(s.LAN), t.Name, s.Verdict)
	case Pause:
		return fmt.Sprintf("%s does not run for %v", who, s.For)
	case Suspend:
		return fmt.Sprintf("%s is suspended for %v", who, s.For)
	case SetClock:
		return fmt.Sprintf("the wall clock of %s is set by %v", who, s.For)
	case Reload:
		group := ""
		if s.Sync {
			group = ", a sync group"
		}
		return fmt.Sprintf("%s is reloaded: %s%s", who, specText(s.Specs[0]), group)
	case LoseAddr:
		return fmt.Sprintf("%s on %s loses an address", who, lanName(s.LAN))
	case Stray:
		return fmt.Sprintf("a stray packet on %s: %+v", lanName(s.LAN), s.Packet)
	case SetNoise:
		n := s.Noise
		if n == (Noise{}) {
			return "networks are quiet"
		}
		return fmt.Sprintf("networks lose %.0f%%, double %.0f%%, corrupt %.0f%%, delay by up to %v", n.Loss*100, n.Duplicate*100, n.Corrupt*100, n.Delay)
	}
	return "calm"
}

func lanName(l int) string { return fmt.Sprintf("lan%d", l) }

// partsText lists the parts of a network: {r1 r3} {r2}.
func partsText(p *Plan, parts []int) string {
	var list []string
	for part := range parts {
		if names := namesWhere(p, parts, part); names != "" {
			list = append(list, "{"+names+"}")
		}
	}
	return strings.Join(list, " ")
}

// namesWhere lists the routers that have a number.
func namesWhere(p *Plan, numbers []int, want int) string {
	var names []string
	for r, n := range numbers {
		if n == want {
			names = append(names, p.Routers[r].Name)
		}
	}
	return strings.Join(names, " ")
}

func specText(s *fsm.Spec) string {
	words := []string{fmt.Sprintf("version %d, priority %d, interval %v, down after %d, %d addresses",
		s.Version, s.Priority, s.AdvertInterval, s.DownTimerAdverts, s.Addresses)}
	if s.StartMaster {
		words = append(words, "state MASTER")
	}
	if s.NoPreempt {
		words = append(words, "nopreempt")
	}
	if s.PreemptDelay > 0 {
		words = append(words, fmt.Sprintf("preempt delay %v", s.PreemptDelay))
	}
	if s.LowerPrioNoAdvert {
		words = append(words, "lower_prio_no_advert")
	}
	if s.HigherPrioSendAdvert {
		words = append(words, "higher_prio_send_advert")
	}
	if s.StrictCompat {
		words = append(words, "lost addresses as keepalived")
	}
	for _, t := range s.Trackers {
		words = append(words, fmt.Sprintf("script %s weight %d", t.Name, t.Weight))
	}
	return strings.Join(words, ", ")
}

// String describes the world for a reader.
func (p *Plan) String() string {
	var b strings.Builder
	style, group := "stormy", "independent instances"
	if p.Gentle {
		style = "gentle"
	}
	if p.Sync {
		group = "sync groups"
	}
	s := p.Routers[0].Specs[0]
	family, cast := "IPv4", "multicast"
	if s.IPv6 {
		family = "IPv6"
	}
	if p.Unicast {
		cast = "unicast"
	}
	fmt.Fprintf(&b, "world %d: %s, %s, %s, %d networks, %s, packets take up to %v, timers are up to %v late\n",
		p.Seed, style, family, cast, p.LANs, group, p.Delay, p.Late)
	for _, r := range p.Routers {
		if r.Sync {
			fmt.Fprintf(&b, "  %s begins with a sync group\n", r.Name)
		}
		for l, s := range r.Specs {
			fmt.Fprintf(&b, "  %s on %s: %v, %s\n", r.Name, lanName(l), r.Sources[l], specText(s))
		}
	}
	for i := range p.Steps {
		fmt.Fprintf(&b, "  %12.6f  %s\n", p.Steps[i].At.Seconds(), p.Steps[i].describe(p))
	}
	fmt.Fprintf(&b, "  %12.6f  end\n", p.End.Seconds())
	return b.String()
}

// expect is what the instance of a router expects of adverts.
func (p *Plan) expect(r, l int, s *fsm.Spec) *advert.Expect {
	e := &advert.Expect{
		Version: s.Version, VRID: s.VRID, IPv6: s.IPv6, Unicast: p.Unicast, Interval: s.AdvertInterval, Addresses: p.addresses(l, s.Addresses),
	}
	if p.Auth && s.Version == 2 {
		e.Auth, e.Password = advert.AuthPass, password
	}
	if p.Unicast {
		e.CheckSource = true
		for o := range p.Routers {
			if o != r {
				e.Peers = append(e.Peers, advert.Peer{Addr: p.Routers[o].Sources[l], MaxTTL: 255})
			}
		}
	}
	return e
}

var password = [8]byte{'s', 'e', 's', 'a', 'm', 'e'}

// addresses are the first n virtual addresses of a network.
func (p *Plan) addresses(l, n int) []netip.Addr {
	var list []netip.Addr
	for i := range n {
		switch {
		case !p.Routers[0].Specs[0].IPv6:
			list = append(list, netip.AddrFrom4([4]byte{198, 51, byte(100 + l), byte(100 + i)}))
		case i == 0:
			list = append(list, netip.MustParseAddr("fe80::100"))
		default:
			list = append(list, netip.MustParseAddr(fmt.Sprintf("2001:db8:%d::%d", l, 100+i)))
		}
	}
	return list
}

// longestInterval is the longest advertisement interval there ever is.
func (p *Plan) longestInterval() time.Duration {
	d := p.Slowest
	for _, s := range p.allSpecs() {
		d = max(d, s.AdvertInterval)
	}
	return d
}

func (p *Plan) longestPreemptDelay() time.Duration {
	var d time.Duration
	for _, s := range p.allSpecs() {
		d = max(d, s.PreemptDelay)
	}
	return d
}

// allSpecs are the specifications of all instances, those of reloads included.
func (p *Plan) allSpecs() []*fsm.Spec {
	var all []*fsm.Spec
	for _, r := range p.Routers {
		all = append(all, r.Specs...)
	}
	for _, s := range p.Steps {
		all = append(all, s.Specs...)
	}
	return all
}
