package interop_test

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mdlayher/packet"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

const (
	// flood is the number of packets of each kind of bad input.
	flood = 10_000
	// handful is how many lines a kind of bad input from one sender may add to
	// a log. Garbage is wrong in up to eight ways.
	handful = 10
	// stranger is the node that sends them.
	stranger = 3
)

// forgery is an advert by which the stranger could take the addresses: it
// differs from a good one in what a kind of bad input changes.
type forgery struct {
	ttl  byte
	pdu  []byte
	flip bool       // spoil the checksum
	src  netip.Addr // the stranger's if not set
	tail []byte     // behind the PDU, beyond the checksum
}

// badKind is a kind of bad input.
type badKind struct {
	name    string
	only    func(interop.Protocol) bool // nil: all
	counter string                      // in the statistics file; nothing where it has none
	change  func(f *forgery, p interop.Protocol, r *rand.Rand)
}

func isV2(p interop.Protocol) bool   { return p.Version == 2 }
func isIPv4(p interop.Protocol) bool { return !p.IPv6 }

var badKinds = []badKind{
	{name: "garbage", change: func(f *forgery, _ interop.Protocol, r *rand.Rand) {
		f.pdu = noise(r, r.IntN(200))
		if len(f.pdu) > 1 && r.IntN(2) == 0 {
			f.pdu[1] = interop.VRID
		}
	}},
	{name: "truncated", counter: "Packet Errors/Length", change: func(f *forgery, _ interop.Protocol, r *rand.Rand) {
		least := 8 // what is shorter has no instance to be counted for
		if r.IntN(4) == 0 {
			least = 0
		}
		f.pdu = f.pdu[:least+r.IntN(len(f.pdu)-least)]
	}},
	// Up to 46 bytes of IP packet may be padding, and 28 bytes more a trailer.
	{name: "oversized", counter: "Packet Errors/Length", change: func(f *forgery, _ interop.Protocol, r *rand.Rand) {
		f.pdu = append(f.pdu, noise(r, 29+r.IntN(1000))...)
	}},
	{name: "count", counter: "Packet Errors/Length", change: func(f *forgery, _ interop.Protocol, r *rand.Rand) {
		f.pdu[3] = byte(100 + r.IntN(156))
	}},
	{name: "ttl", counter: "Packet Errors/TTL", change: func(f *forgery, _ interop.Protocol, r *rand.Rand) {
		f.ttl = byte(1 + r.IntN(254))
	}},
	{name: "type", counter: "Packet Errors/Invalid Type", change: func(f *forgery, p interop.Protocol, r *rand.Rand) {
		f.pdu[0] = byte(p.Version<<4 + 2 + r.IntN(14))
	}},
	{name: "version", change: func(f *forgery, p interop.Protocol, _ *rand.Rand) {
		f.pdu[0] = byte((5-p.Version)<<4 + 1)
	}},
	{name: "checksum", only: isIPv4, change: func(f *forgery, _ interop.Protocol, _ *rand.Rand) {
		f.flip = true
	}},
	// Over IPv6 the kernel checks, and the daemon never sees them.
	{name: "checksum", only: func(p interop.Protocol) bool { return p.IPv6 }, change: func(f *forgery, _ interop.Protocol, _ *rand.Rand) {
		f.flip = true
	}},
	{name: "authtype", only: isV2, counter: "Authentication Errors/Type Mismatch", change: func(f *forgery, _ interop.Protocol, _ *rand.Rand) {
		f.pdu[4] = 0
	}},
	{name: "password", only: isV2, counter: "Authentication Errors/Failure", change: func(f *forgery, _ interop.Protocol, r *rand.Rand) {
		copy(f.pdu[len(f.pdu)-8:], noise(r, 8))
	}},
	{name: "vrid", change: func(f *forgery, _ interop.Protocol, r *rand.Rand) {
		f.pdu[1] = byte(interop.VRID + 1 + r.IntN(204))
	}},
}

// TestBadInput checks that bad packets, however many, neither move a MASTER or
// a BACKUP nor delay its adverts nor fill its log, and that they are counted.
// It is not parallel, as it would disturb the tests that measure.
func TestBadInput(t *testing.T) {
	for _, proto := range interop.Protocols {
		if proto.Unicast || proto.AH || proto.Name == "v2" {
			continue // the stranger is no peer, has no secret; v2pass can do all that v2 can
		}
		t.Run(proto.Name, func(t *testing.T) {
			b := newBadInput(t, proto)
			for _, kind := range badKinds {
				if kind.only == nil || kind.only(proto) {
					t.Run(kind.name, func(t *testing.T) { b.try(t, kind) })
				}
			}
			b.control()
		})
	}
}

type badInput struct {
	*pair
	out *packet.Conn
}

func newBadInput(t *testing.T, proto interop.Protocol) *badInput {
	t.Helper()
	return newBadInputOf(t, proto, lineup{"ours+ours", ours, ours})
}

func newBadInputOf(t *testing.T, proto interop.Protocol, who lineup) *badInput {
	t.Helper()
	b := &badInput{pair: newPairOf(t, 3, proto, who, func(c *interop.Conf) {
		// No later announcements among the lines that are counted.
		c.Inside = "\tgarp_master_delay 0\n\tgarp_lower_prio_delay 0\n"
	})}
	err := b.lan.Node(stranger).Do(func() error {
		ifi, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		b.out, err = packet.Listen(ifi, packet.Raw, 0, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { b.out.Close() })
	b.start(high)
	b.start(low)
	b.awaitMaster(high)
	b.awaitAdverts(high, 2) // and with them the log lines of the start
	return b
}

// try sends the packets of one kind and compares before and after. On a busy
// machine the receivers do not follow, and the kernel drops the master's adverts
// with the bad ones: so what is wrong once must be wrong twice, and once more if
// the machine was late.
func (b *badInput) try(t *testing.T, kind badKind) {
	var faults []string
	for attempt := 1; attempt <= 3; attempt++ {
		since := time.Now()
		faults = b.attempt(t, kind)
		slow := machine.worst(since)
		if len(faults) == 0 || testingKeepalived() || attempt > 1 && slow < b.proto.Interval/5 {
			break
		}
		t.Logf("attempt %d, the machine was %v late: %q", attempt, slow, faults)
		p := *b.pair
		p.t = t
		p.awaitMaster(high)
	}
	for _, f := range faults {
		// keepalived's master restarts its advert timer at each bad packet and
		// so falls silent, and its backup takes over: known, and let pass.
		if testingKeepalived() {
			t.Log(f)
		} else {
			t.Error(f)
		}
	}
}

// attempt returns what is wrong after a flood.
func (b *badInput) attempt(t *testing.T, kind badKind) (faults []string) {
	t.Helper()
	fault := func(format string, args ...any) { faults = append(faults, fmt.Sprintf(format, args...)) }
	type view struct {
		states, lines int
		stats         map[string]int
	}
	look := func(node int) view {
		d := b.daemon[node]
		return view{d.LogLines("Entering "), d.LogLines(""), readStats(t, d)}
	}
	before := [3]view{high: look(high), low: look(low)}
	since := time.Now()
	b.flood(t, kind)
	nettest.WaitFor(t, patience, func() bool { return len(b.from(high, time.Now().Add(-b.proto.Interval))) > 0 },
		"an advert after the flood")

	for _, node := range []int{high, low} {
		after := look(node)
		grown := func(counter string) int { return after.stats[counter] - before[node].stats[counter] }
		if n := after.states - before[node].states; n != 0 {
			fault("node %d changed state %d times", node, n)
		}
		// One line is the daemon's answer to the request for statistics.
		if n := after.lines - before[node].lines - 1; n > handful {
			fault("node %d logged %d lines, want at most %d", node, n, handful)
		}
		// The backup hears the master, and its count may be one behind.
		heard := 0
		if node == low {
			heard = len(b.from(high, since)) + 1
		}
		if n := grown("Advertisements/Received"); n > heard {
			fault("node %d counts %d adverts as received, want at most %d", node, n, heard)
		}
		// The kernel drops a part when the machine is busy and the socket full.
		if n := grown(kind.counter); kind.counter != "" && (n > flood || n < flood/4) {
			fault("node %d: %s went up by %d, want up to %d", node, kind.counter, n, flood)
		}
	}
	if n := len(b.from(low, since)); n != 0 {
		fault("the backup sent %d adverts", n)
	}
	if gap := longest(b.from(high, since)); gap > b.proto.Interval+late+machine.worst(since) {
		fault("the master was silent for %v, want %v", gap, b.proto.Interval)
	}
	return faults
}

// flood sends the packets, 15 a millisecond: a rate that the receivers can
// follow, so that the counters can be checked.
func (b *badInput) flood(t *testing.T, kind badKind) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, uint64(len(kind.name))))
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for i := range flood {
		if i%15 == 0 {
			<-tick.C
		}
		f := forgery{ttl: 255, pdu: goodPDU(b.proto)}
		kind.change(&f, b.proto, r)
		b.send(t, f)
	}
}

// control sends one forgery without fault: if the master did not yield to it,
// the bad ones would prove nothing.
func (b *badInput) control() {
	b.awaitMaster(high)
	b.send(b.t, forgery{ttl: 255, pdu: goodPDU(b.proto)})
	nettest.WaitFor(b.t, patience, func() bool { return b.state(high) == "BACKUP" }, "the master to yield to a good advert")
}

// goodPDU is an advert of the stranger as address owner, without checksum.
func goodPDU(p interop.Protocol) []byte {
	pdu := []byte{byte(p.Version<<4 + 1), interop.VRID, 255, byte(len(p.VIPs())), 0, 0, 0, 0}
	if p.Version == 2 {
		pdu[4], pdu[5] = 1, byte(p.Interval/time.Second)
	} else {
		binary.BigEndian.PutUint16(pdu[4:], uint16(p.Interval/(10*time.Millisecond)))
	}
	for _, vip := range p.VIPs() {
		pdu = append(pdu, vip.Addr().AsSlice()...)
	}
	if p.Version == 2 {
		pdu = append(pdu, (interop.Password + "\x00\x00\x00\x00\x00\x00\x00\x00")[:8]...)
	}
	return pdu
}

// groupMAC is where adverts go.
func (b *badInput) groupMAC() net.HardwareAddr {
	if b.proto.IPv6 {
		return net.HardwareAddr{0x33, 0x33, 0, 0, 0, 0x12}
	}
	return net.HardwareAddr{0x01, 0, 0x5e, 0, 0, 0x12}
}

// send sends a forgery to the group.
func (b *badInput) send(t *testing.T, f forgery) {
	t.Helper()
	if _, err := b.out.WriteTo(b.frame(f), &packet.Addr{HardwareAddr: b.groupMAC()}); err != nil {
		t.Fatal(err)
	}
}

// frame puts headers and checksums on a forgery.
func (b *badInput) frame(f forgery) []byte {
	src, dst := b.lan.Prefix4(stranger).Addr(), netip.MustParseAddr("224.0.0.18")
	if b.proto.IPv6 {
		src, dst = b.lan.LinkLocal(stranger), netip.MustParseAddr("ff02::12")
	}
	if f.src.IsValid() {
		src = f.src
	}
	if len(f.pdu) >= 8 {
		var pseudo []byte
		if b.proto.Version == 3 {
			pseudo = append(append(pseudo, src.AsSlice()...), dst.AsSlice()...)
			pseudo = append(pseudo, 0, 112)
			pseudo = binary.BigEndian.AppendUint16(pseudo, uint16(len(f.pdu)))
		}
		f.pdu[6], f.pdu[7] = 0, 0
		sum := internetSum(append(pseudo, f.pdu...))
		if f.flip {
			sum ^= 0x0101
		}
		binary.BigEndian.PutUint16(f.pdu[6:], sum)
	}
	body := append(f.pdu, f.tail...)
	frame := append(append([]byte(nil), b.groupMAC()...), b.lan.MAC(stranger)...)
	if b.proto.IPv6 {
		frame = append(frame, 0x86, 0xdd, 0x6c, 0, 0, 0)
		frame = binary.BigEndian.AppendUint16(frame, uint16(len(body)))
		frame = append(frame, 112, f.ttl)
		frame = append(append(frame, src.AsSlice()...), dst.AsSlice()...)
	} else {
		frame = append(frame, 0x08, 0, 0x45, 0xc0)
		frame = binary.BigEndian.AppendUint16(frame, uint16(20+len(body)))
		frame = append(frame, 0, 1, 0, 0, f.ttl, 112, 0, 0)
		frame = append(append(frame, src.AsSlice()...), dst.AsSlice()...)
		binary.BigEndian.PutUint16(frame[14+10:], internetSum(frame[14:34]))
	}
	return append(frame, body...)
}

// internetSum is the Internet checksum (RFC 1071).
func internetSum(b []byte) uint16 {
	sum := uint32(0)
	for i := 0; i+1 < len(b); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(b[i:]))
	}
	if len(b)%2 == 1 {
		sum += uint32(b[len(b)-1]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// noise is n random bytes.
func noise(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

// longest returns the longest time between two of the adverts.
func longest(adverts []nettest.Advert) time.Duration {
	gap := time.Duration(0)
	for i := 1; i < len(adverts); i++ {
		gap = max(gap, adverts[i].Time.Sub(adverts[i-1].Time))
	}
	return gap
}

// readStats asks a daemon for its statistics and returns those of its instance
// as "section/name".
func readStats(t *testing.T, d *interop.Daemon) map[string]int {
	t.Helper()
	file := filepath.Join(d.Dir, "keepalived.stats")
	if err := os.Remove(file); err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	if err := d.Signal(syscall.SIGUSR2); err != nil {
		t.Fatal(err)
	}
	var text []byte
	nettest.WaitFor(t, patience, func() bool {
		var err error
		text, err = os.ReadFile(file)
		return err == nil && len(text) > 0
	}, "statistics")
	stats, section := map[string]int{}, ""
	for line := range strings.Lines(string(text)) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), ":")
		if value = strings.TrimSpace(value); value == "" {
			section = name
			continue
		}
		if n, err := strconv.Atoi(value); err == nil {
			key := name
			if strings.HasPrefix(line, "    ") {
				key = section + "/" + name
			}
			stats[key] = n
		}
	}
	if len(stats) == 0 {
		t.Fatalf("no statistics in:\n%s", text)
	}
	return stats
}
