package advert

import (
	"net/netip"
	"strings"
	"testing"
)

// A peer that is set up otherwise is told from a damaged packet.
func TestHints(t *testing.T) {
	plainSum := func(p *Packet, _ *Expect) {
		p.Payload[6], p.Payload[7] = 0, 0
		sum := fold(sumBytes(0, p.Payload))
		p.Payload[6], p.Payload[7] = byte(sum>>8), byte(sum)
	}
	pseudoSum := func(to netip.Addr) func(*Packet, *Expect) {
		return func(p *Packet, _ *Expect) {
			p.Payload[6], p.Payload[7] = 0, 0
			sum := fold(sumPseudo(sumBytes(0, p.Payload), p.Src, to, len(p.Payload)))
			p.Payload[6], p.Payload[7] = byte(sum>>8), byte(sum)
		}
	}
	trailer := func(kind byte) func(*Packet, *Expect) {
		return func(p *Packet, _ *Expect) {
			p.Payload = append(p.Payload, make([]byte, TrailerLen)...)
			p.Payload[len(p.Payload)-TrailerLen] = kind
			p.IPTotal += TrailerLen
		}
	}
	for _, test := range []struct {
		name   string
		from   Message
		change func(*Packet, *Expect)
		reason Reason
		want   Hint
		says   string
	}{
		{"sum without pseudo header", v3Mcast(), plainSum, ReasonChecksum, HintPlainSum, "set v3_checksum_as_v2"},
		{"the same by unicast", v3Unicast(), plainSum, ReasonChecksum, HintPlainSum, "set v3_checksum_as_v2"},
		{"wrong sum", v3Mcast(), func(p *Packet, _ *Expect) { p.Payload[7]++ }, ReasonChecksum, HintNone, ""},
		{"old unicast sum, refused", v3Unicast(), both(pseudoSum(GroupIPv4), func(_ *Packet, e *Expect) { e.OldUnicastNever = true }), ReasonChecksum, HintOldSum, "old unicast checksum"},
		{"v2 with the sum of v3", v2Pass(), pseudoSum(GroupIPv4), ReasonChecksum, HintPseudoSum, "as in version 3"},
		{"trailer that nobody expects", v3Mcast(), trailer(1), ReasonLength, HintTrailer, "auth_hmac is missing here"},
		{"something else of that length", v3Mcast(), trailer(2), ReasonLength, HintNone, ""},
		{"v2 without its authentication field", v2Pass(), func(p *Packet, _ *Expect) {
			p.Payload = p.Payload[:len(p.Payload)-authLen]
			p.IPTotal -= authLen
		}, ReasonLength, HintNoAuthField, "leaves out the authentication field"},
		{"too short", v3Mcast(), func(p *Packet, _ *Expect) { p.Payload = p.Payload[:len(p.Payload)-1] }, ReasonLength, HintNone, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			p, e := test.from.packet(), test.from.expect()
			test.change(p, e)
			_, r := e.Check(p)
			if r.Reason != test.reason || r.Hint() != test.want {
				t.Fatalf("%+v with hint %v, want reason %v with hint %v", r, r.Hint(), test.reason, test.want)
			}
			text := r.Text(p.Src)
			if _, hint, said := strings.Cut(text, " - "); said != (test.want != HintNone) || !strings.Contains(hint, test.says) {
				t.Errorf("says %q", text)
			}
			if test.want != HintNone && !r.FromRouter() {
				t.Error("is not taken for another router")
			}
		})
	}
}
