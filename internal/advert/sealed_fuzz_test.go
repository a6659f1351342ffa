package advert

import (
	"bytes"
	"testing"
	"time"
)

// Nothing that was not signed is accepted, in whatever mode, and what is not
// accepted leaves no mark.
func FuzzHMAC(f *testing.F) {
	for i, v := range hmacVectors {
		p, _ := v.sealed(f)
		f.Add(p.Payload, uint8(i), uint8(0), int64(0))
		f.Add(p.Payload, uint8(i), uint8(5), int64(6))
	}
	f.Fuzz(func(t *testing.T, payload []byte, which, how uint8, late int64) {
		v := &hmacVectors[int(which)%len(hmacVectors)]
		known, e := v.sealed(t)
		e.HMAC.Mode, e.HMAC.Monotonic = Mode(how%3), how&4 != 0
		p := *known
		p.Payload = payload
		p.IPTotal = 20 + len(payload)
		p.At = known.At.Add(time.Duration(late%1000) * time.Second)
		whole := bytes.Clone(payload)
		m := &Marks{}
		_, r := e.CheckSealed(&p, NewSealer(e), m)
		if !bytes.Equal(payload, whole) {
			t.Fatal("the packet was written to")
		}
		signed := len(m.Seen) > 0
		if !r.OK() && r.Text(p.Src) == "" {
			t.Fatalf("%+v has no text", r)
		}
		if signed && !isVector(t, payload) {
			t.Fatalf("forged: % x", payload)
		}
		if b := p.pdu(); r.OK() && !signed && (e.HMAC.Mode == Enforce || len(b) == pduLen(e.Version, e.IPv6, int(b[3]))+TrailerLen) {
			t.Fatalf("accepted without being signed: % x", payload)
		}
	})
}

// isVector tells whether somebody with the key has made the payload. The
// checksum is the only part that the HMAC does not cover.
func isVector(t *testing.T, payload []byte) bool {
	for i := range hmacVectors {
		known, _ := hmacVectors[i].sealed(t)
		k := known.Payload
		if len(payload) == len(k) && bytes.Equal(payload[:6], k[:6]) && bytes.Equal(payload[8:], k[8:]) {
			return true
		}
	}
	return false
}

func TestSealedAllocations(t *testing.T) {
	ah, v3 := &ahVectors[0].expect, v3Expect(nil)
	p := wirePacket(wireHex(t, ahVectors[0].packet), time.Time{})
	x := newSender(v3)
	q := x.send(epoch, nil)
	sa, sh := NewSealer(ah), NewSealer(v3)
	marks := &Marks{Seen: make([]Mark, 0, minSenders)}
	buf := make([]byte, 0, 1500)
	msgAH, msgV3 := message(p, ah), message(q, v3)
	for _, test := range []struct {
		name string
		f    func()
	}{
		{"seal AH", func() {
			buf = msgAH.AppendTo(buf[:AHLen])
			sa.SealAH(buf, IPv4{Src: msgAH.Src, Dst: msgAH.Dst, ID: 1, TTL: TTL}, 1)
		}},
		{"check AH", func() { marks.AH = 0; ah.CheckSealed(p, sa, marks) }},
		{"append trailer", func() {
			buf = msgV3.AppendTo(buf[:0])
			buf = sh.AppendTrailer(buf, buf, msgV3.Src, marks.NextSequence(v3.HMAC, epoch))
		}},
		{"check trailer", func() { marks.Seen = marks.Seen[:0]; v3.CheckSealed(q, sh, marks) }},
		{"replay", func() { v3.CheckSealed(q, sh, marks) }},
	} {
		if n := testing.AllocsPerRun(100, test.f); n != 0 {
			t.Errorf("%s: %v allocations, want none", test.name, n)
		}
	}
}

// The cost of each kind of authentication, beside that of PASS.
func BenchmarkAuthentication(b *testing.B) {
	pass := v2Pass()
	pp, pe := pass.packet(), pass.expect()
	ah, v3 := &ahVectors[0].expect, v3Expect(nil)
	pa, ph := wirePacket(wireHex(b, ahVectors[0].packet), time.Time{}), newSender(v3).send(epoch, nil)
	sa, sh, m := NewSealer(ah), NewSealer(v3), &Marks{Seen: make([]Mark, 0, minSenders)}
	buf := make([]byte, 0, 1500)
	msgAH, msgV3 := message(pa, ah), message(ph, v3)
	for _, bench := range []struct {
		name string
		f    func()
	}{
		{"send/pass", func() { buf = pass.AppendTo(buf[:0]) }},
		{"send/ah", func() {
			buf = msgAH.AppendTo(buf[:AHLen])
			sa.SealAH(buf, IPv4{Src: msgAH.Src, Dst: msgAH.Dst, ID: 1, TTL: TTL}, 1)
		}},
		{"send/hmac", func() {
			buf = msgV3.AppendTo(buf[:0])
			buf = sh.AppendTrailer(buf, buf, msgV3.Src, 1)
		}},
		{"check/pass", func() { pe.Check(pp) }},
		{"check/ah", func() { m.AH = 0; ah.CheckSealed(pa, sa, m) }},
		{"check/hmac", func() { m.Seen = m.Seen[:0]; v3.CheckSealed(ph, sh, m) }},
	} {
		b.Run(bench.name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				bench.f()
			}
		})
	}
}
