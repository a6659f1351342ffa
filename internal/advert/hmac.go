package advert

import (
	"encoding/binary"
	"net/netip"
	"time"
)

// TrailerLen is the length in bytes of the authentication trailer.
const TrailerLen = 28

// Places in the trailer: type, number of the key, two reserved bytes, Sequence
// and the authenticator.
const (
	trailerType = 1 // HMAC-SHA-256, the first 128 bits of it
	sequenceAt  = 4
	macAt       = 12
)

// Mode says which adverts carry the trailer and which must.
type Mode uint8

// Modes. Whatever the mode, a trailer that is there has to be right.
const (
	Enforce     Mode = iota // ours do, and those of others must
	Permissive              // ours do, those of others may
	ReceiveOnly             // ours do not, those of others may
)

// HMAC is the authentication trailer as an instance is to use it.
type HMAC struct {
	Keys      []NumberedKey
	Active    uint8 // the number of the key to sign with, which is one of Keys
	Mode      Mode
	Monotonic bool          // any Sequence above the last one is new, whatever its time
	Window    time.Duration // whole seconds by which clocks may differ; not if Monotonic
}

// NumberedKey is a key and the number that stands for it in the trailer.
type NumberedKey struct {
	ID    uint8
	Value Key
}

// Signs tells whether adverts are to be sent with a trailer.
func (h *HMAC) Signs() bool { return h.Mode != ReceiveOnly }

func (h *HMAC) window() Sequence { return Sequence(h.Window / time.Second) }

// authenticate checks the trailer, or what it means that there is none. The
// order is keepalived's. The skew is by how many seconds our clock is ahead of the
// sender's, if it is worth a word.
func (e *Expect) authenticate(p *Packet, pdu []byte, s *Sealer, m *Marks) (ahead int, r Reject) {
	h := e.HMAC
	n := pduLen(e.Version, e.IPv6, int(pdu[3]))
	if len(pdu) != n+TrailerLen {
		if h.Mode == Enforce {
			return 0, Reject{Reason: ReasonHMACMissing}
		}
		return 0, Reject{}
	}
	from := p.Src.WithZone("")
	if e.Unicast && e.peer(from) == nil {
		return 0, Reject{Reason: ReasonHMACSource}
	}
	t := pdu[n:]
	if t[0] != trailerType || t[2] != 0 || t[3] != 0 {
		return 0, Reject{Reason: ReasonHMACMalformed}
	}
	seq := Sequence(binary.BigEndian.Uint64(t[sequenceAt:]))
	now := uint32(p.At.Unix())
	if late := skew(now, seq.seconds()); !h.Monotonic && distance(now, seq.seconds()) > int64(h.window()) {
		// Whether it is signed does not matter to the outcome, but to what is
		// said of it: nobody without a key can make a clock look wrong.
		signed := s != nil && s.signed(from, pdu[:n], t)
		return 0, Reject{Reason: ReasonHMACStale, Got: int(late), Want: int(h.window()), Max: flag(signed)}
	} else if 2*distance(now, seq.seconds()) > int64(h.window()) && !h.Monotonic {
		ahead = int(late)
	}
	switch {
	case s == nil || m == nil:
		return 0, Reject{Reason: ReasonHMAC}
	case s.key(t[1]) == nil:
		return 0, Reject{Reason: ReasonHMACKey, Got: int(t[1])}
	case !s.signed(from, pdu[:n], t):
		return 0, Reject{Reason: ReasonHMAC}
	case !m.accept(e, from, seq, now):
		return 0, Reject{Reason: ReasonHMACReplay}
	}
	return ahead, Reject{}
}

// peer finds a configured peer by its address, which has no zone.
func (e *Expect) peer(a netip.Addr) *Peer {
	for i := range e.Peers {
		if e.Peers[i].Addr.WithZone("") == a {
			return &e.Peers[i]
		}
	}
	return nil
}
