package main

import (
	"bytes"
	"encoding/binary"
	"flag"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/mdlayher/packet"

	"github.com/holdfast-ha/holdfast/internal/advert"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

var forgerFor = flag.Duration("forger.for", 4*time.Second, "how long the forger tries")

const (
	hmacKey  = "0123456789abcdef0123456789abcdef"
	hmacVRID = 51
)

// hmacBlock is auth_hmac with that key and further lines.
func hmacBlock(lines ...string) string {
	return "auth_hmac {\n key 1 " + hmacKey + "\n active_key 1\n " + strings.Join(lines, "\n ") + "\n }"
}

// forger is a node of the segment that hears and can send whatever it likes.
type forger struct {
	t   *testing.T
	lan *nettest.LAN
	cap *nettest.Capture
	no  int // its node number
	out *packet.Conn
	r   *rand.Rand
}

func newForger(t *testing.T, lan *nettest.LAN, no int) *forger {
	t.Helper()
	f := &forger{t: t, lan: lan, cap: lan.CaptureT(t), no: no, r: rand.New(rand.NewPCG(7, 51))}
	err := lan.Node(no).Do(func() error {
		ifi, err := net.InterfaceByName("eth0")
		if err != nil {
			return err
		}
		f.out, err = packet.Listen(ifi, packet.Raw, 0, nil)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.out.Close() })
	return f
}

// ipPacket is an IPv4 packet for the group, or for dst if that is valid.
type ipPacket struct {
	src   netip.Addr
	dst   netip.Addr
	ttl   uint8
	proto uint8
	id    uint16
	body  []byte
}

func (f *forger) send(p ipPacket) {
	f.t.Helper()
	mac := net.HardwareAddr{0x01, 0, 0x5e, 0, 0, 0x12}
	if !p.dst.IsValid() {
		p.dst = advert.GroupIPv4
	}
	frame := append(append([]byte(nil), mac...), f.lan.MAC(f.no)...)
	frame = append(frame, 0x08, 0, 0x45, 0xc0)
	frame = binary.BigEndian.AppendUint16(frame, uint16(20+len(p.body)))
	frame = binary.BigEndian.AppendUint16(frame, p.id)
	frame = append(frame, 0, 0, p.ttl, p.proto, 0, 0)
	frame = append(append(frame, p.src.AsSlice()...), p.dst.AsSlice()...)
	binary.BigEndian.PutUint16(frame[14+10:], ^onesSum(frame[14:34]))
	if _, err := f.out.WriteTo(append(frame, p.body...), &packet.Addr{HardwareAddr: mac}); err != nil {
		f.t.Fatal(err)
	}
}

func onesSum(b []byte) uint16 {
	sum := uint32(0)
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return uint16(sum)
}

// repair sets the checksum of the PDU in front of the trailer.
func repair(p ipPacket, length int) {
	pdu := p.body[:min(length, len(p.body))]
	if len(pdu) < 8 {
		return
	}
	pdu[6], pdu[7] = 0, 0
	pseudo := append(append([]byte(nil), p.src.AsSlice()...), advert.GroupIPv4.AsSlice()...)
	pseudo = binary.BigEndian.AppendUint16(append(pseudo, 0, 112), uint16(len(pdu)))
	binary.BigEndian.PutUint16(pdu[6:], ^onesSum(append(pseudo, pdu...)))
}

// heard gives a random or the newest advert that the daemons have sent.
func (f *forger) heard(newest bool) (ipPacket, bool) {
	var from []nettest.Advert
	for _, a := range f.cap.Adverts() {
		if !bytes.Equal(a.SrcMAC, f.lan.MAC(f.no)) {
			from = append(from, a)
		}
	}
	if len(from) == 0 {
		return ipPacket{}, false
	}
	a := from[len(from)-1]
	if !newest {
		a = from[f.r.IntN(len(from))]
	}
	return ipPacket{src: a.Src, ttl: 255, proto: 112, id: 1, body: bytes.Clone(a.PDU)}, true
}

const pduLength = 12 // of an advert with one address

// tricks is everything that can be done without the key. Each changes a
// recorded packet.
var tricks = map[string]func(f *forger, p *ipPacket){
	"replay":   func(*forger, *ipPacket) {},
	"owner":    func(_ *forger, p *ipPacket) { p.body[2] = 255; repair(*p, pduLength) },
	"goodbye":  func(_ *forger, p *ipPacket) { p.body[2] = 0; repair(*p, pduLength) },
	"bare":     func(_ *forger, p *ipPacket) { p.body[2] = 255; p.body = p.body[:pduLength]; repair(*p, pduLength) },
	"cut":      func(f *forger, p *ipPacket) { p.body = p.body[:f.r.IntN(len(p.body))] },
	"long":     func(f *forger, p *ipPacket) { p.body = append(p.body, make([]byte, 1+f.r.IntN(60))...) },
	"vrid":     func(f *forger, p *ipPacket) { p.body[1] = uint8(f.r.IntN(256)); repair(*p, pduLength) },
	"count":    func(_ *forger, p *ipPacket) { p.body[2] = 255; p.body[3] = 8; repair(*p, len(p.body)) },
	"no-count": func(_ *forger, p *ipPacket) { p.body[2] = 255; p.body[3] = 0; repair(*p, 8) },
	"now": func(_ *forger, p *ipPacket) {
		p.body[2] = 255
		binary.BigEndian.PutUint32(p.body[pduLength+4:], uint32(time.Now().Unix()))
		repair(*p, pduLength)
	},
	"later":    func(f *forger, p *ipPacket) { p.body[pduLength+8+f.r.IntN(4)] = 0xff },
	"key":      func(f *forger, p *ipPacket) { p.body[2] = 255; p.body[pduLength+1] = uint8(f.r.IntN(256)) },
	"type":     func(f *forger, p *ipPacket) { p.body[2] = 255; p.body[pduLength] = uint8(f.r.IntN(256)) },
	"reserved": func(f *forger, p *ipPacket) { p.body[2] = 255; p.body[pduLength+2+f.r.IntN(2)]++ },
	"no-mac":   func(_ *forger, p *ipPacket) { p.body[2] = 255; clear(p.body[pduLength+12:]); repair(*p, pduLength) },
	"bit": func(f *forger, p *ipPacket) {
		p.body[f.r.IntN(len(p.body))] ^= 1 << f.r.IntN(8)
		repair(*p, pduLength)
	},
	"source":  func(f *forger, p *ipPacket) { p.src = f.lan.Prefix4(f.no).Addr(); repair(*p, pduLength) },
	"swap":    func(f *forger, p *ipPacket) { p.src = f.lan.Prefix4(1 + f.r.IntN(2)).Addr(); repair(*p, pduLength) },
	"ttl":     func(f *forger, p *ipPacket) { p.ttl = uint8(f.r.IntN(255)) },
	"version": func(_ *forger, p *ipPacket) { p.body[0] = 0x21; p.body[2] = 255; repair(*p, pduLength) },
	"kind":    func(f *forger, p *ipPacket) { p.body[0] = 0x30 + uint8(f.r.IntN(16)); repair(*p, pduLength) },
	"sums":    func(f *forger, p *ipPacket) { p.body[6+f.r.IntN(2)]++ },
	"time":    func(f *forger, p *ipPacket) { p.body[4] = uint8(f.r.IntN(16)); repair(*p, pduLength) },
	"address": func(f *forger, p *ipPacket) { p.body[11]++; repair(*p, pduLength) },
	"ah": func(_ *forger, p *ipPacket) {
		p.proto = 51
		p.body = append(make([]byte, 24), p.body...)
		p.body[0] = 112
	},
	"unicast": func(f *forger, p *ipPacket) { p.dst = f.lan.Prefix4(1 + f.r.IntN(2)).Addr() },
	"own-key": func(f *forger, p *ipPacket) {
		*p = signed(p.src, 255, time.Now(), "fedcba9876543210fedcba9876543210")
	},
	"noise": func(f *forger, p *ipPacket) {
		for i := range p.body[2:] {
			p.body[2+i] = uint8(f.r.IntN(256))
		}
	},
}

// signed is an advert for one address as somebody with the key makes it.
func signed(src netip.Addr, priority uint8, at time.Time, key string) ipPacket {
	e := &advert.Expect{HMAC: &advert.HMAC{Keys: []advert.NumberedKey{{ID: 1, Value: advert.Key(key)}}, Active: 1, Window: 5 * time.Second}}
	msg := advert.Message{
		Version: 3, VRID: hmacVRID, Priority: priority, Interval: 100 * time.Millisecond, Src: src, Dst: advert.GroupIPv4,
		Addresses: []netip.Addr{netip.MustParseAddr(vip)},
	}
	b := msg.AppendTo(nil)
	return ipPacket{src: src, ttl: 255, proto: 112, id: 1, body: advert.NewSealer(e).AppendTrailer(b, b, src, advert.SequenceAt(at))}
}

// TestForger lets somebody who has the segment and not the key try all of it
// against a pair: nobody changes state, and no advert of the master is missed.
func TestForger(t *testing.T) {
	nettest.Require(t)
	for _, replay := range []string{"time", "monotonic"} {
		t.Run(replay, func(t *testing.T) {
			lan := nettest.NewLANT(t, 3, nettest.Options{})
			more := hmacBlock("anti_replay " + replay)
			a := newNode(t, lan.Node(1), fast("VI_1", hmacVRID, 200, more, vip), "-D").start()
			b := newNode(t, lan.Node(2), fast("VI_1", hmacVRID, 100, more, vip), "-D").start()
			a.waitAddr(vip, true)
			b.waitLog("Entering BACKUP STATE")
			f := newForger(t, lan, 3)
			nettest.WaitFor(t, 5*time.Second, func() bool { return len(f.cap.Adverts()) > 5 }, "adverts to be recorded")

			before := a.out.count(" STATE") + b.out.count(" STATE")
			sent := f.tryAll(*forgerFor)
			if n := a.out.count(" STATE") + b.out.count(" STATE") - before; n != 0 {
				t.Errorf("%d changes of state", n)
			}
			if !lan.Node(1).HasAddr(netip.MustParseAddr(vip)) || lan.Node(2).HasAddr(netip.MustParseAddr(vip)) {
				t.Error("the address has moved")
			}
			if n := strings.Count(a.out.String()+b.out.String(), "\n"); n > 300 {
				t.Errorf("%d lines of log for %d forgeries", n, sent)
			}
			t.Logf("%d forgeries of %d kinds in %v", sent, len(tricks), *forgerFor)

			// With the key the same message is believed: else all of this would
			// prove nothing.
			f.send(signed(lan.Prefix4(3).Addr(), 255, time.Now(), hmacKey))
			a.waitLog("Master received advert from 192.0.2.3 with higher priority 255, ours 200")
		})
	}
}

// tryAll sends a forgery of each kind in turn, a thousand a second.
func (f *forger) tryAll(limit time.Duration) (sent int) {
	var names []string
	for name := range tricks {
		names = append(names, name)
	}
	end := time.NewTimer(limit)
	defer end.Stop()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	var p ipPacket
	for {
		select {
		case <-end.C:
			return sent
		case <-tick.C:
		}
		if sent%50 == 0 { // looking through the capture takes its time
			p, _ = f.heard(sent%100 == 0)
		}
		q := p
		q.body = bytes.Clone(p.body)
		tricks[names[sent%len(names)]](f, &q)
		f.send(q)
		sent++
	}
}
