package nettest

import (
	"context"
	"encoding/binary"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/packet"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// quiet is long enough for a frame to cross the segment, had it been let.
const quiet = 50 * time.Millisecond

// wire is a segment of three nodes on which anyone can talk to anyone.
type wire struct {
	*LAN
	t *testing.T
}

func newWire(t *testing.T) *wire { return &wire{NewLANT(t, 3, Options{}), t} }

// hears reports whether a datagram gets from one node to another.
func (w *wire) hears(from, to int) bool {
	w.t.Helper()
	return w.count(from, to, 1) == 1
}

// count sends n datagrams and returns how many arrive. Neighbours are set by
// hand, so that a lost ARP answer does not count.
func (w *wire) count(from, to, n int) int {
	w.t.Helper()
	eth, err := w.Node(from).Handle().LinkByName("eth0")
	if err != nil {
		w.t.Fatal(err)
	}
	err = w.Node(from).Handle().NeighSet(&netlink.Neigh{
		LinkIndex: eth.Attrs().Index, State: netlink.NUD_PERMANENT,
		IP: w.Prefix4(to).Addr().AsSlice(), HardwareAddr: w.MAC(to),
	})
	if err != nil {
		w.t.Fatal(err)
	}
	dst := netip.AddrPortFrom(w.Prefix4(to).Addr(), 9000).String()
	src := netip.AddrPortFrom(w.Prefix4(from).Addr(), 0).String()
	sock := udp(w.t, w.Node(to), dst)
	defer sock.Close()
	if err := sock.SetReadBuffer(1 << 20); err != nil {
		w.t.Fatal(err)
	}
	for range n {
		send(w.t, w.Node(from), src, dst, "x")
	}
	got := 0
	for got < n && heard(sock, quiet) {
		got++
	}
	return got
}

// want checks who hears whom, written as "from>to" for what is not heard.
func (w *wire) want(step string, broken ...string) {
	w.t.Helper()
	for from := 1; from <= 3; from++ {
		for to := 1; to <= 3; to++ {
			if from == to {
				continue
			}
			pair := string(rune('0'+from)) + ">" + string(rune('0'+to))
			want := true
			for _, b := range broken {
				want = want && b != pair
			}
			if got := w.hears(from, to); got != want {
				w.t.Errorf("%s: %s heard: %v, want %v", step, pair, got, want)
			}
		}
	}
}

func (w *wire) do(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	w.want("healthy")
	w.do(w.Deaf(1))
	w.want("deaf", "2>1", "3>1")
	w.do(w.Mute(1))
	w.want("mute", "1>2", "1>3")
	w.do(w.Loss(1, 0))
	w.want("no loss")
	w.do(w.Split(1, 2))
	w.want("split", "1>2", "2>1")
	w.do(w.Heal())
	w.want("healed")
	if err := w.Cut(4); err == nil {
		t.Error("a node that does not exist was cut")
	}
}

func TestCutTakesTheCarrier(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	running := func() bool {
		l, err := w.Node(1).Handle().LinkByName("eth0")
		w.do(err)
		return l.Attrs().RawFlags&unix.IFF_LOWER_UP != 0
	}
	if !running() {
		t.Fatal("no carrier at first")
	}
	w.do(w.Cut(1))
	WaitFor(t, patience, func() bool { return !running() }, "carrier to go")
	w.want("cut", "1>2", "2>1", "1>3", "3>1")
	w.do(w.LAN.Join(1))
	WaitFor(t, patience, running, "carrier to come")
	w.want("joined")
}

func TestLossIsRandom(t *testing.T) {
	t.Parallel()
	w := newWire(t)
	w.do(w.Loss(1, 30))
	// 30 % of 1000 is 300 with a standard deviation of 14.5; 6 of those is
	// one failure in 10^9.
	const n = 1000
	for _, pair := range [][2]int{{1, 2}, {2, 1}} {
		if got := w.count(pair[0], pair[1], n); got < 700-87 || got > 700+87 {
			t.Errorf("%d>%d: %d of %d arrived, want about 700", pair[0], pair[1], got, n)
		}
	}
}

// frames makes minimal frames of the given protocols, from node 1 to all.
func frames(l *LAN) map[string][]byte {
	eth := func(etherType uint16, body ...byte) []byte {
		b := append([]byte{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}, l.MAC(1)...)
		b = binary.BigEndian.AppendUint16(b, etherType)
		return append(append(b, body...), make([]byte, 60)...)
	}
	ip4 := func(proto byte) []byte { return eth(etherIPv4, 0x45, 0, 0, 80, 0, 0, 0, 0, 255, proto) }
	ip6 := func(next byte) []byte { return eth(etherIPv6, 0x60, 0, 0, 0, 0, 40, next, 255) }
	return map[string][]byte{
		"arp": eth(etherARP), "vrrp": ip4(protoVRRP), "ah": ip4(protoAH), "igmp": ip4(protoIGMP),
		"vrrp6": ip6(protoVRRP), "icmp6": ip6(protoICMPv6), "mld": ip6(protoHopByHop),
		"udp": ip4(17), "udp6": ip6(17), "other": eth(0x88cc),
	}
}

// inject sends a frame as it is from node 1.
func inject(t *testing.T, l *LAN, frame []byte) {
	t.Helper()
	err := l.Node(1).Do(func() error {
		ifi, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		c, err := packet.Listen(ifi, packet.Raw, 0, nil)
		if err != nil {
			return err
		}
		defer c.Close()
		_, err = c.WriteTo(frame, &packet.Addr{HardwareAddr: frame[:6]})
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestMuteVRRP(t *testing.T) {
	t.Parallel()
	l := NewLANT(t, 2, Options{NoIPv6: true})
	c := l.CaptureT(t)
	for _, muted := range []bool{true, false} {
		if muted {
			if err := l.MuteVRRP(1); err != nil {
				t.Fatal(err)
			}
		} else if err := l.Loss(1, 0); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"vrrp", "ah", "vrrp6", "icmp6", "arp"} {
			before := len(c.Packets())
			inject(t, l, frames(l)[name])
			want := !muted || name == "icmp6" || name == "arp"
			got := Poll(quiet, func() bool { return len(c.Packets()) > before })
			if got != want {
				t.Errorf("muted %v: %s forwarded: %v, want %v", muted, name, got, want)
			}
		}
	}
}

func TestCapture(t *testing.T) {
	t.Parallel()
	l := NewLANT(t, 2, Options{NoIPv6: true})
	c := l.CaptureT(t)
	for name, frame := range frames(l) {
		before := len(c.Packets())
		start := time.Now()
		inject(t, l, frame)
		want := name != "udp" && name != "udp6" && name != "other"
		if got := Poll(quiet, func() bool { return len(c.Packets()) > before }); got != want {
			t.Errorf("%s captured: %v, want %v", name, got, want)
			continue
		}
		if !want {
			continue
		}
		p := c.Packets()[before]
		if string(p.Data) != string(frame) {
			t.Errorf("%s: captured % x, want % x", name, p.Data, frame)
		}
		if late := p.Time.Sub(start); late < -time.Millisecond || late > patience {
			t.Errorf("%s: stamped %v after it was sent", name, late)
		}
	}
	if err := c.Err(); err != nil {
		t.Error(err)
	}
}

func TestWritePcap(t *testing.T) {
	t.Parallel()
	l := NewLANT(t, 2, Options{NoIPv6: true})
	c := l.CaptureT(t)
	inject(t, l, frames(l)["arp"])
	inject(t, l, frames(l)["vrrp"])
	WaitFor(t, patience, func() bool { return len(c.Packets()) == 2 }, "two frames")
	file := filepath.Join(t.TempDir(), "x.pcap")
	if err := c.WritePcap(file); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if want := 24 + 2*16 + len(c.Packets()[0].Data) + len(c.Packets()[1].Data); len(data) != want {
		t.Errorf("file of %d bytes, want %d", len(data), want)
	}
	tshark, err := exec.LookPath("tshark")
	if err != nil {
		t.Skip("tshark is not installed; the file was not read back")
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	cmd := exec.CommandContext(ctx, tshark, "-r", file, "-T", "fields", "-e", "frame.time_epoch", "-e", "eth.type")
	out, err := cmd.Output()
	if err != nil {
		t.Fatal(err)
	}
	got := strings.Fields(string(out))
	if len(got) != 4 || got[1] != "0x0806" || got[3] != "0x0800" {
		t.Fatalf("tshark read %q", out)
	}
	want := c.Packets()[0].Time
	if got, want := strings.Replace(got[0], ".", "", 1), strconv.FormatInt(want.UnixNano(), 10); got != want {
		t.Errorf("tshark read the time %s, want %s", got, want)
	}
}

func TestPoll(t *testing.T) {
	calls := 0
	if !Poll(patience, func() bool { calls++; return calls == 3 }) || calls != 3 {
		t.Errorf("cond was asked %d times, want 3", calls)
	}
	if Poll(0, func() bool { return false }) {
		t.Error("a condition that is never true came true")
	}
}
