package interop_test

import (
	"bytes"
	"encoding/binary"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

var (
	floodFor  = flag.Duration("flood.for", 1200*time.Millisecond, "how long each flood of TestFlood lasts")
	floodRate = flag.Int("flood.rate", 100_000, "packets a second of TestFlood")
	floodBoth = flag.Bool("flood.compare", false, "have TestFlood and TestSlowPoison flood keepalived as well")
)

// floodFrames is how many different frames of a kind there are.
const floodFrames = 2048

// Limits of what a flood may cost a daemon.
const (
	floodLog    = 1 << 20  // bytes of log
	floodMemory = 24 << 20 // bytes
)

// floodPair is a pair that is flooded.
type floodPair struct {
	name   string
	proto  interop.Protocol
	inside string // lines of the instance
	ours   bool   // keepalived 2.2 cannot run it
}

const floodKey = "0123456789abcdef0123456789abcdef"

var (
	floodPlain = floodPair{name: "v3", proto: protocol("v3")}
	floodPass  = floodPair{name: "v2pass", proto: protocol("v2pass")}
	floodHMAC  = floodPair{
		name: "hmac", proto: protocol("v3"), ours: true,
		inside: "\tauth_hmac {\n\t\tkey 1 " + floodKey + "\n\t\tactive_key 1\n\t}\n",
	}
)

func protocol(name string) interop.Protocol {
	for _, p := range interop.Protocols {
		if p.Name == name {
			return p
		}
	}
	panic("no protocol " + name)
}

// floodKind is a kind of forgery. The source is somebody of the segment, or of
// elsewhere, or the master itself.
type floodKind struct {
	name   string
	pair   *floodPair
	change func(b *badInput, f *forgery, r *rand.Rand)
	master bool // all of them from the master's address
}

var floodKinds = []floodKind{
	{name: "unknown VRID", pair: &floodPlain, change: func(_ *badInput, f *forgery, r *rand.Rand) { f.pdu[1] = byte(interop.VRID + 1 + r.IntN(204)) }},
	{name: "bad checksum", pair: &floodPlain, change: func(_ *badInput, f *forgery, _ *rand.Rand) { f.flip = true }},
	{name: "wrong TTL", pair: &floodPlain, change: func(_ *badInput, f *forgery, r *rand.Rand) { f.ttl = byte(1 + r.IntN(254)) }},
	{name: "truncated", pair: &floodPlain, change: func(_ *badInput, f *forgery, r *rand.Rand) { f.pdu = f.pdu[:r.IntN(len(f.pdu))] }},
	{name: "priority 0", pair: &floodPlain, change: func(_ *badInput, f *forgery, _ *rand.Rand) { f.pdu[2] = 0 }},
	{name: "master's goodbye", pair: &floodPlain, change: func(_ *badInput, f *forgery, _ *rand.Rand) { f.pdu[2] = 0 }, master: true},
	{name: "random bytes", pair: &floodPlain, change: func(_ *badInput, f *forgery, r *rand.Rand) {
		f.pdu = noise(r, 1+r.IntN(200))
		if len(f.pdu) > 1 && r.IntN(2) == 0 {
			f.pdu[0], f.pdu[1] = 0x31, interop.VRID
		}
	}},
	{name: "wrong password", pair: &floodPass, change: func(_ *badInput, f *forgery, r *rand.Rand) { copy(f.pdu[len(f.pdu)-8:], noise(r, 8)) }},
	{name: "255 badly signed", pair: &floodHMAC, change: func(_ *badInput, f *forgery, r *rand.Rand) {
		f.tail = append([]byte{1, 1, 0, 0}, binary.BigEndian.AppendUint32(nil, uint32(time.Now().Unix()))...)
		f.tail = append(f.tail, noise(r, 20)...)
	}},
	{name: "replayed", pair: &floodHMAC},
}

// TestFlood floods a pair with forgeries of each kind in turn: no change of
// state, no advert of the master late by more than one interval, bounded memory
// and log. With -flood.compare keepalived's figures stand beside ours.
func TestFlood(t *testing.T) {
	var table []string
	for _, who := range []lineup{{"holdfast", ours, ours}, {"keepalived", interop.Keepalived, interop.Keepalived}} {
		if who.name == "keepalived" && !*floodBoth {
			continue
		}
		for _, pair := range []*floodPair{&floodPlain, &floodPass, &floodHMAC} {
			if pair.ours && who.name == "keepalived" {
				continue
			}
			t.Run(who.name+"/"+pair.name, func(t *testing.T) {
				b := newFloodPair(t, pair, who)
				for _, kind := range floodKinds {
					if kind.pair == pair {
						t.Run(kind.name, func(t *testing.T) { table = append(table, b.suffer(t, who, kind)) })
					}
				}
			})
		}
	}
	t.Logf("\n%-11s %-17s %9s %7s %12s %11s %12s %10s %9s\n%s", "daemon", "kind", "packets/s", "changes", "longest gap", "of interval", "machine late", "log bytes", "memory",
		strings.Join(table, "\n"))
}

func newFloodPair(t *testing.T, pair *floodPair, who lineup) *badInput {
	t.Helper()
	b := &badInput{pair: newPairOf(t, 3, pair.proto, who, func(c *interop.Conf) {
		c.Inside = "\tgarp_master_delay 0\n\tgarp_lower_prio_delay 0\n" + pair.inside
	})}
	b.cap.Close()
	var err error
	if b.cap, err = b.lan.CaptureFrom(high, low); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.cap.Close)
	b.start(high)
	b.start(low)
	b.awaitMaster(high)
	b.awaitAdverts(high, 3)
	return b
}

// suffer floods and judges, and gives a line for the table. A shared machine may
// have been too slow once.
func (b *badInput) suffer(t *testing.T, who lineup, kind floodKind) (row string) {
	t.Helper()
	var faults []string
	for attempt := 1; attempt <= 3; attempt++ {
		p, since := *b.pair, time.Now()
		p.t = t
		p.awaitMaster(high)
		row, faults = b.endure(t, who, kind)
		if slow := machine.worst(since); attempt == 2 && slow < b.proto.Interval/5 {
			break // wrong twice, and no fault of the machine
		}
		if len(faults) == 0 || who.name == "keepalived" {
			break
		}
		t.Logf("attempt %d: %q", attempt, faults)
	}
	for _, f := range faults {
		if who.name == "keepalived" {
			t.Log(f)
		} else {
			t.Error(f)
		}
	}
	t.Log(row)
	return row
}

// endure floods once.
func (b *badInput) endure(t *testing.T, who lineup, kind floodKind) (row string, faults []string) {
	t.Helper()
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	frames := b.forgeries(kind)
	var logs, states [3]int
	var memory [3]int64
	for _, n := range []int{high, low} {
		logs[n], states[n], memory[n] = len(b.daemon[n].Log()), b.daemon[n].LogLines("Entering "), b.pss(t, n)
	}
	since := time.Now()
	sent, err := b.lan.Flood(stranger, frames, *floodRate, *floodFor)
	if err != nil {
		t.Fatal(err)
	}
	took := time.Since(since)
	late := machine.worst(since)
	nettest.WaitFor(t, patience, func() bool { return len(b.from(high, time.Now().Add(-2*b.proto.Interval))) > 0 }, "an advert after the flood")

	// From the advert before the flood on, since it began between two.
	gap := longest(b.from(high, since.Add(-b.proto.Interval-b.proto.Interval/2)))
	changes, bytes, grown := 0, 0, int64(0)
	for _, n := range []int{high, low} {
		changes += b.daemon[n].LogLines("Entering ") - states[n]
		bytes = max(bytes, len(b.daemon[n].Log())-logs[n])
		grown = max(grown, b.pss(t, n)-memory[n])
	}
	if changes != 0 {
		fault("%d changes of state", changes)
	}
	if n := len(b.from(low, since)); n != 0 {
		fault("the backup sent %d adverts", n)
	}
	if gap > 2*b.proto.Interval+late {
		fault("the master was silent for %v, want %v and at most as much again (the machine was %v late)", gap, b.proto.Interval, late)
	}
	if bytes > floodLog {
		fault("%d bytes of log", bytes)
	}
	if grown > floodMemory {
		fault("memory grew by %d bytes", grown)
	}
	return fmt.Sprintf("%-11s %-17s %9.0f %7d %12v %11.2f %12v %10d %8.1fM", who.name, kind.name, float64(sent)/took.Seconds(), changes,
		gap.Round(time.Millisecond/10), gap.Seconds()/b.proto.Interval.Seconds(), late.Round(time.Millisecond/10), bytes, float64(grown)/(1<<20)), faults
}

func (b *badInput) pss(t *testing.T, node int) int64 {
	t.Helper()
	n, err := b.daemon[node].PSS()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// forgeries makes the frames of a flood.
func (b *badInput) forgeries(kind floodKind) [][]byte {
	if kind.change == nil {
		return b.recorded()
	}
	r := rand.New(rand.NewPCG(2, uint64(len(kind.name))))
	var frames [][]byte
	for i := range floodFrames {
		f := forgery{ttl: 255, pdu: goodPDU(b.proto), src: b.lan.Prefix4(high).Addr()}
		switch { // the master's own address, the stranger's, and invented ones
		case kind.master || i%4 == 0:
		case i%4 == 1:
			f.src = b.lan.Prefix4(stranger).Addr()
		default:
			f.src = netip.AddrFrom4([4]byte{192, 0, byte(r.IntN(256)), byte(4 + r.IntN(200))})
		}
		kind.change(b, &f, r)
		frames = append(frames, b.frame(f))
	}
	return frames
}

// recorded are the adverts that the master has sent, from the stranger's port.
func (b *badInput) recorded() [][]byte {
	var frames [][]byte
	for _, p := range b.cap.Packets() {
		if _, ok := p.Advert(); ok {
			f := bytes.Clone(p.Data)
			copy(f[6:12], b.lan.MAC(stranger))
			frames = append(frames, f)
		}
	}
	return frames
}

var slowFor = flag.Duration("slow.for", 4*time.Second, "how long each stream of TestSlowPoison lasts")

// slowKinds are packets that have to be rejected.
var slowKinds = []badKind{
	{name: "checksum", change: func(f *forgery, _ interop.Protocol, _ *rand.Rand) { f.flip = true }},
	{name: "short", change: func(f *forgery, _ interop.Protocol, _ *rand.Rand) { f.pdu = f.pdu[:10] }},
	{name: "type", change: func(f *forgery, p interop.Protocol, _ *rand.Rand) { f.pdu[0] = byte(p.Version<<4 + 2) }},
	{name: "ttl", change: func(f *forgery, _ interop.Protocol, _ *rand.Rand) { f.ttl = 254 }},
	{name: "authentication", only: isV2, change: func(f *forgery, _ interop.Protocol, r *rand.Rand) { copy(f.pdu[len(f.pdu)-8:], noise(r, 8)) }},
	{name: "version", change: func(f *forgery, p interop.Protocol, _ *rand.Rand) { f.pdu[0] = byte((5-p.Version)<<4 + 1) }},
}

// TestSlowPoison sends a pair three packets a second that have to be rejected,
// of each kind in turn: every advert of the master leaves on time. keepalived
// puts off its next advert with each of them.
func TestSlowPoison(t *testing.T) {
	slow := protocol("v3")
	slow.Interval = time.Second
	for _, who := range []lineup{{"holdfast", ours, ours}, {"keepalived", interop.Keepalived, interop.Keepalived}} {
		if who.name == "keepalived" && !*floodBoth {
			continue
		}
		for _, proto := range []interop.Protocol{slow, protocol("v2pass")} {
			for _, kind := range slowKinds {
				if (kind.only != nil) != (proto.Version == 2) { // one version is enough
					continue
				}
				t.Run(who.name+"/"+kind.name, func(t *testing.T) {
					t.Parallel()
					b := newBadInputOf(t, proto, who)
					since := time.Now()
					sent, states := b.poison(t, kind), b.daemon[low].LogLines("Entering MASTER")
					gap := longest(b.from(high, since.Add(-proto.Interval-proto.Interval/2)))
					t.Logf("%-10s %-14s %3d packets in %v: %d adverts of the master, the longest gap %v, %d takeovers",
						who.name, kind.name, sent, *slowFor, len(b.from(high, since)), gap.Round(time.Millisecond), states)
					if who.name == "keepalived" {
						return
					}
					if states != 0 {
						t.Errorf("%d takeovers", states)
					}
					if gap == 0 || gap > proto.Interval+late+machine.worst(since) {
						t.Errorf("the master was silent for %v, want %v", gap, proto.Interval)
					}
				})
			}
		}
	}
}

// poison sends three packets a second.
func (b *badInput) poison(t *testing.T, kind badKind) (sent int) {
	t.Helper()
	r := rand.New(rand.NewPCG(3, uint64(len(kind.name))))
	tick := time.NewTicker(time.Second / 3)
	defer tick.Stop()
	end := time.NewTimer(*slowFor)
	defer end.Stop()
	for {
		f := forgery{ttl: 255, pdu: goodPDU(b.proto)}
		kind.change(&f, b.proto, r)
		b.send(t, f)
		sent++
		select {
		case <-tick.C:
		case <-end.C:
			return sent
		}
	}
}
