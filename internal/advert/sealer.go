package advert

import (
	"crypto/hmac"
	"crypto/md5" // #nosec G501 -- the AH of VRRPv2 is HMAC-MD5-96 (RFC 2403)
	"crypto/sha256"
	"encoding/binary"
	"hash"
	"net/netip"
)

// Sealer computes what proves that an advert comes from somebody who knows the
// secret: the check value of an authentication header or the trailer. It
// keeps the states of its hashes, so that sealing and checking allocate nothing,
// and is therefore of use to one goroutine at a time. The zero Sealer is
// not of use.
type Sealer struct {
	h    *HMAC
	md5  hash.Hash      // of AH
	keys [256]hash.Hash // by number; nil: there is no such key

	// Memory for what goes into the hashes and comes out of them.
	head [24]byte
	sum  [sha256.Size]byte
}

// NewSealer returns the Sealer for an instance; nil if neither AH nor the
// trailer is expected.
func NewSealer(e *Expect) *Sealer {
	switch {
	case e.HMAC != nil:
		s := &Sealer{h: e.HMAC}
		for _, k := range e.HMAC.Keys {
			s.keys[k.ID] = hmac.New(sha256.New, []byte(k.Value))
		}
		return s
	case e.Auth == AuthAH:
		return &Sealer{md5: hmac.New(md5.New, e.Password[:])}
	}
	return nil
}

func (s *Sealer) key(id uint8) hash.Hash { return s.keys[id] }

// AppendTrailer appends to b the trailer for a PDU, the bytes that
// [Message.AppendTo] has made of a message from src. The trailer is the same for
// each destination.
func (s *Sealer) AppendTrailer(b, pdu []byte, src netip.Addr, seq Sequence) []byte {
	b = append(b, trailerType, s.h.Active, 0, 0)
	b = binary.BigEndian.AppendUint64(b, uint64(seq))
	mac := s.authenticator(s.keys[s.h.Active], src, pdu, b[len(b)-macAt:])
	return append(b, mac...)
}

// signed tells, in constant time, whether the trailer is that of the PDU.
func (s *Sealer) signed(src netip.Addr, pdu, trailer []byte) bool {
	key := s.key(trailer[1])
	return key != nil && hmac.Equal(s.authenticator(key, src, pdu, trailer[:macAt]), trailer[macAt:])
}

// authenticator is the HMAC over a block that tells family, version, VRID and
// source, the PDU with the checksum field read as zero, and the trailer with its
// own field read so. It is valid until the next use of the Sealer.
func (s *Sealer) authenticator(key hash.Hash, src netip.Addr, pdu, trailer []byte) []byte {
	block := s.head[:20]
	clear(block)
	block[0], block[1], block[2] = 4, pdu[0]>>4, pdu[1]
	switch {
	case is6(src):
		block[0] = 6
		a := src.As16()
		copy(block[4:], a[:])
	case src.IsValid():
		a := src.As4()
		copy(block[4:], a[:])
	}
	key.Reset()
	key.Write(block)
	key.Write(pdu[:6])
	clear(block)
	key.Write(block[:2])
	key.Write(pdu[headerLen:])
	key.Write(trailer[:macAt])
	key.Write(block[:TrailerLen-macAt])
	return key.Sum(s.sum[:0])[:TrailerLen-macAt]
}
