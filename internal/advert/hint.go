package advert

import "encoding/binary"

// Hint names a setting of the peer's by which a packet that was rejected would
// be right: it is set up otherwise, and not damaged or forged.
type Hint uint8

// Hints.
const (
	HintNone        Hint = iota
	HintPlainSum         // v3: the checksum is right without the pseudo header
	HintPseudoSum        // v2: the checksum is right with a pseudo header
	HintOldSum           // v3 unicast: the checksum is right with the multicast group, which old_unicast_checksum never refuses
	HintTrailer          // the length is right with an authentication trailer
	HintNoAuthField      // v2: the length is right without the authentication field
)

var hintTexts = [...]string{
	"",
	"the peer computes the v3 checksum without the pseudo header: set v3_checksum_as_v2 here, or take it away there",
	"the peer computes the checksum of version 2 with a pseudo header, as in version 3",
	"the peer computes the old unicast checksum: take \"never\" from old_unicast_checksum here, or the keyword away there",
	"the peer signs its adverts: auth_hmac is missing here",
	"the peer leaves out the authentication field of version 2",
}

// String returns what is to be said to an operator; nothing for HintNone.
func (h Hint) String() string {
	if int(h) < len(hintTexts) {
		return hintTexts[h]
	}
	return ""
}

// Hint tells what the peer may have set otherwise.
func (r Reject) Hint() Hint {
	if (r.Reason == ReasonChecksum || r.Reason == ReasonLength) && r.Max > 0 && r.Max < len(hintTexts) {
		return Hint(r.Max)
	}
	return HintNone
}

// hintSum finds out by which other rule a checksum over IPv4 would be right.
func (e *Expect) hintSum(p *Packet, b []byte) Hint {
	n := pduLen(e.Version, false, int(b[3]))
	sum := sumBytes(0, b[:n])
	if e.Version == 2 {
		if fold(sumPseudo(sum, p.Src, p.Dst, n)) == 0 {
			return HintPseudoSum
		}
		return HintNone
	}
	group := e.Group
	if !group.IsValid() {
		group = GroupIPv4
	}
	switch {
	case fold(sum) == 0:
		return HintPlainSum
	case e.Unicast && fold(sumPseudo(sum, p.Src, group, n)) == 0:
		return HintOldSum
	}
	return HintNone
}

// hintLength finds out by which other rule the length of a packet would be
// right; surplus is what it has too much, negative if it has too little.
func (e *Expect) hintLength(b []byte, surplus int) Hint {
	switch {
	case e.HMAC == nil && surplus == TrailerLen:
		if t := b[len(b)-TrailerLen:]; t[0] == trailerType && binary.BigEndian.Uint16(t[2:]) == 0 {
			return HintTrailer
		}
	case b[0]>>4 == 2 && !e.IPv6 && surplus == -authLen:
		return HintNoAuthField
	}
	return HintNone
}

// common tells whether a packet lists any of our addresses.
func (e *Expect) common(b []byte) bool {
	n := addrLen(e.IPv6)
	for list := e.addresses(b); len(list) >= n; list = list[n:] {
		for _, a := range e.Addresses {
			if a16 := a.As16(); string(a16[16-n:]) == string(list[:n]) {
				return true
			}
		}
	}
	return false
}
