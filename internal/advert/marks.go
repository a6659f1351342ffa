package advert

import (
	"net/netip"
	"time"
)

// Sequence is the number by which adverts with a trailer are ordered: seconds
// since 1970 modulo 2^32, 16 bits of fraction, 16 bits of counter. The zero
// Sequence stands for none.
type Sequence uint64

// SequenceAt is the Sequence of a moment, with counter 0.
func SequenceAt(t time.Time) Sequence {
	return Sequence(uint32(t.Unix()))<<32 | Sequence(t.Nanosecond()<<16/1e9)<<16
}

func (s Sequence) seconds() uint32 { return uint32(s >> 32) }

// after compares as serial numbers do (RFC 1982 section 3.2), so that the year
// 2106 is a moment like any other.
func (s Sequence) after(o Sequence) bool { return int64(s-o) > 0 }

// Mark is the highest Sequence accepted of a sender.
type Mark struct {
	From netip.Addr
	High Sequence
}

// minSenders is of how many senders an instance remembers the highest Sequence,
// if it has not more peers than that. Only who has a key gets a place.
const minSenders = 16

// Marks is what makes old adverts worthless: the numbers that an instance has
// seen and sent. It is a value of whoever checks and sends; the zero Marks has
// seen nothing.
type Marks struct {
	// AH is the highest sequence number of an authentication header seen or
	// sent: there is one counter for both directions, so that whoever takes
	// over goes on where the other has stopped.
	AH uint32
	// Sent is the Sequence of the last trailer sent.
	Sent Sequence
	// Seen are the senders of trailers, the one heard last in front.
	Seen []Mark
}

// NextAH is the sequence number for the next authentication header. Receivers
// refuse what comes after the highest number, as RFC 2402 section 3.3.2 wants.
func (m *Marks) NextAH() uint32 {
	if m.AH+1 != 0 {
		m.AH++
	}
	return m.AH
}

// NextSequence is the Sequence for the next trailer: that of the clock, or the one
// after the last if the clock stands still or was set back. A clock that was
// set back by more than the window is believed all the same when receivers go by
// the time, since none of them would believe the old one.
func (m *Marks) NextSequence(h *HMAC, now time.Time) Sequence {
	clock := SequenceAt(now)
	lead := m.Sent - clock
	switch {
	case m.Sent == 0, clock.after(m.Sent), !h.Monotonic && lead > h.window()<<32:
		m.Sent = clock
	default:
		m.Sent++
	}
	return m.Sent
}

// accept enters s as the newest Sequence of the sender, or tells that it is
// not new. A mark that has itself left the window has no meaning any more.
func (m *Marks) accept(e *Expect, from netip.Addr, s Sequence, now uint32) bool {
	for i := range m.Seen {
		if m.Seen[i].From != from {
			continue
		}
		high := m.Seen[i].High
		stale := !e.HMAC.Monotonic && distance(now, high.seconds()) > int64(e.HMAC.window())
		if !stale && !s.after(high) {
			return false
		}
		copy(m.Seen[1:], m.Seen[:i])
		m.Seen[0] = Mark{from, s}
		return true
	}
	if len(m.Seen) < max(minSenders, len(e.Peers)) {
		m.Seen = append(m.Seen, Mark{})
	}
	copy(m.Seen[1:], m.Seen)
	m.Seen[0] = Mark{from, s}
	return true
}

// distance is how many seconds lie between two times modulo 2^32.
func distance(a, b uint32) int64 { return max(skew(a, b), -skew(a, b)) }

// skew is by how many seconds a is later than b.
func skew(a, b uint32) int64 { return int64(int32(a - b)) }
