package config

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// bfdDraft is a bfd_instance while it is read.
type bfdDraft struct {
	*BFD
	badNeighbor bool
}

// maxBFDMillis is the longest interval of a session.
const maxBFDMillis = 4294967

var bfdKeywords = &table[*bfdDraft]{name: "bfd_instance", rows: []keyword[*bfdDraft]{
	{
		name: "neighbor_ip", aliases: []string{"neighbour_ip"}, args: "ADDRESS", doc: "The other end.", example: "neighbor_ip 192.0.2.11",
		set: func(l *loader, b *bfdDraft, a *syntax.Args) {
			w, ok := a.Need()
			if !ok {
				return
			}
			if b.Neighbor, ok = bareAddress(w); !ok {
				b.badNeighbor = true
				a.Report(syntax.General, "Configuration error: BFD instance %s has malformed neighbor address %s, ignoring instance", b.Name, w)
				l.cur.SkipRest()
				l.blockEnded = true
			}
		},
	},
	{
		name: "source_ip", args: "ADDRESS", doc: "Our end.", example: "source_ip 192.0.2.10",
		set: func(_ *loader, b *bfdDraft, a *syntax.Args) {
			w, ok := a.Need()
			if !ok {
				return
			}
			ip, ok := bareAddress(w)
			if !ok {
				a.Report(syntax.General, "Configuration error: BFD instance %s has malformed source address %s, ignoring", b.Name, w)
				return
			}
			b.Source = ip
		},
	},
	{
		name: "min_rx", args: "MILLISECONDS", doc: "Shortest interval to receive at, 10 by default.", example: "min_rx 10",
		set: bfdTime(1, func(b *bfdDraft) *time.Duration { return &b.MinRx }),
	},
	{
		name: "min_tx", args: "MILLISECONDS", doc: "Shortest interval to send at, 10 by default.", example: "min_tx 10",
		set: bfdTime(1, func(b *bfdDraft) *time.Duration { return &b.MinTx }),
	},
	{
		name: "idle_tx", args: "MILLISECONDS", doc: "Interval to send at while the session is down, 1000 by default.", example: "idle_tx 1000",
		set: bfdTime(1000, func(b *bfdDraft) *time.Duration { return &b.IdleTx }),
	},
	{
		name: "multiplier", args: "1..255", doc: "Missed packets after which the session is down, 5 by default.", example: "multiplier 5",
		set: func(l *loader, b *bfdDraft, a *syntax.Args) {
			if v, ok := l.uint(a, rule{low: 1, high: 255, strict: true, bad: bfdBad(b, "multiplier", "1-255")}); ok {
				b.Multiplier = int(v)
			}
		},
	},
	{
		name: "passive", doc: "Wait for the other end to start.", example: "passive",
		set: func(_ *loader, b *bfdDraft, _ *syntax.Args) { b.Passive = true },
	},
	{
		name: "ttl", aliases: []string{"hoplimit"}, args: "1..255", doc: "TTL of the packets; 255 for IPv4 and 64 for IPv6 by default.", example: "ttl 255",
		set: func(l *loader, b *bfdDraft, a *syntax.Args) {
			if v, ok := l.uint(a, rule{low: 1, high: 255, strict: true, bad: bfdBad(b, "ttl/hoplimit", "1-255")}); ok {
				b.TTL, b.TTLSet = int(v), true
			}
		},
	},
	{
		name: "max_hops", args: "-1..255", doc: "Hops a packet may have come over; -1: any number.", example: "max_hops 0",
		set: func(l *loader, b *bfdDraft, a *syntax.Args) {
			if v, ok := l.int(a, rule{low: -1, high: 255, strict: true, bad: bfdBad(b, "max_hops", "-1-255")}); ok {
				b.MaxHops = int(v)
			}
		},
	},
	{
		name: "multihop", args: "[BOOL]", since: "2.2.8", doc: "The other end is more than one hop away.", example: "multihop true",
		set: func(l *loader, b *bfdDraft, a *syntax.Args) {
			if v, ok := l.boolean(a, "Configuration error: BFD instance "+b.Name+" multihop value %s is not valid, ignoring"); ok {
				b.Multihop = v
			}
		},
	},
	{
		name: "weight", args: "-253..253 [reverse]", doc: "Priority to add while up or take away while down; 0: down is a fault.", example: "weight -20",
		set: func(l *loader, b *bfdDraft, a *syntax.Args) {
			v, ok := l.int(a, rule{low: -253, high: 253, strict: true, bad: bfdBad(b, "weight", "-253-253")})
			if !ok {
				return
			}
			b.Weight = int(v)
			switch w, more := a.Next(); {
			case !more:
			case w == "reverse":
				b.Reverse = true
			default:
				a.Report(syntax.General, "Configuration error: BFD instance %s unknown weight option %s", b.Name, w)
			}
		},
	},
	{
		name: "vrrp", doc: "Only instances track the session.", example: "vrrp",
		set: func(_ *loader, b *bfdDraft, _ *syntax.Args) { b.ForVRRP = true },
	},
	{
		name: "checker", doc: "Only virtual servers track the session.", example: "checker",
		set: func(_ *loader, b *bfdDraft, _ *syntax.Args) { b.ForCheckers = true },
	},
}}

// bfdBad words the message about a value of a session.
func bfdBad(b *bfdDraft, what, limits string) string {
	return "Configuration error: BFD instance " + b.Name + " " + what + " value %s not valid (must be in range [" + limits + "]), ignoring"
}

func bfdTime(low int64, field func(*bfdDraft) *time.Duration) func(*loader, *bfdDraft, *syntax.Args) {
	return func(l *loader, b *bfdDraft, a *syntax.Args) {
		w, ok := a.Need()
		if !ok {
			return
		}
		n := syntax.ParseDecimal(w, 3, low*1000, maxBFDMillis*1000)
		if n.Problem != "" {
			a.Report(syntax.InvalidNumber, "%s", n.Problem)
			if !n.Usable || strings.HasPrefix(n.Problem, "invalid") {
				l.badValue(a, bfdBad(b, a.Keyword(), fmt.Sprintf("%d-%d", low, maxBFDMillis)), w)
				return
			}
		}
		*field(b) = time.Duration(n.Value) * time.Microsecond
		if n.Value > 10000*1000 {
			a.Report(syntax.Log, "BFD instance %s %s value %s is larger than max sensible (10000)", b.Name, a.Keyword(), w)
		}
	}
}

// maxBFDName is the longest name of a session.
const maxBFDName = 31

// readBFD reads a bfd_instance.
func readBFD(l *loader, cfg *Config, a *syntax.Args) {
	name, ok := a.Next()
	switch {
	case !ok:
		a.Report(syntax.General, "bfd_instance must have a name - skipping")
		l.cur.SkipBlock()
		return
	case len(name) > maxBFDName:
		a.Report(syntax.General, "Configuration error: BFD instance %s name too long (maximum length is %d characters) - ignoring", name, maxBFDName)
		l.cur.SkipBlock()
		return
	case l.draft.bfdByName[name] != nil:
		a.Report(syntax.General, "Configuration error: BFD instance %s already configured - ignoring", name)
		l.cur.SkipBlock()
		return
	}
	b := &bfdDraft{BFD: &BFD{
		Name: name, Pos: a.Line.Pos, MinRx: 10 * time.Millisecond, MinTx: 10 * time.Millisecond,
		IdleTx: time.Second, Multiplier: 5,
	}}
	parseOne(l, bfdKeywords, b)
	if !b.ForVRRP && !b.ForCheckers {
		b.ForVRRP, b.ForCheckers = true, true
	}
	// Instances may refer to a session that turns out to be unusable.
	l.draft.bfds = append(l.draft.bfds, b.BFD)
	l.draft.bfdByName[name] = b.BFD
	if l.endBFD(b) {
		l.draft.bfdByPath[[2]netip.Addr{b.Neighbor, b.Source}] = b.BFD
		cfg.BFDs = append(cfg.BFDs, b.BFD)
	}
}

// endBFD checks what the closing brace completes.
func (l *loader) endBFD(b *bfdDraft) bool {
	switch {
	case b.badNeighbor:
		return false
	case !b.Neighbor.IsValid():
		l.here(syntax.General, "Configuration error: BFD instance %s has no neighbor address set, disabling instance", b.Name)
		return false
	case b.Source.IsValid() && b.Source.Is4() != b.Neighbor.Is4():
		l.here(syntax.General, "Configuration error: BFD instance %s source address %s and neighbor address %s are not of the same family, disabling instance", b.Name, b.Source, b.Neighbor)
		return false
	}
	if other := l.draft.bfdByPath[[2]netip.Addr{b.Neighbor, b.Source}]; other != nil {
		l.here(syntax.General, "Configuration error: BFD instance %s has the addresses of instance %s, ignoring instance", b.Name, other.Name)
		return false
	}
	if b.TTL == 0 {
		b.TTL = defaultTTL(b.Neighbor)
	}
	if b.MaxHops > b.TTL {
		l.here(syntax.General, "BFD instance %s: max_hops exceeds ttl/hoplimit - setting to ttl/hoplimit", b.Name)
		b.MaxHops = b.TTL
	}
	return true
}

func defaultTTL(ip netip.Addr) int {
	if ip.Is6() {
		return 64
	}
	return 255
}
