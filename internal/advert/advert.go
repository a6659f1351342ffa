// Package advert is the VRRP codec: bytes to values and back, and nothing else.
//
// It is pure: no clock, no sockets, no locks, no logging. A [Packet] that an
// instance may not act on comes back as a [Reject], a small value that names
// the check that failed, so that every rejected packet can be counted by kind,
// recorded and replayed. The order of the checks is part of the interface:
// operators compare our counters with those of other implementations.
//
// Wire formats: RFC 3768 (version 2), RFC 9568 and RFC 5798 (version 3).
package advert

import (
	"net/netip"
	"time"
)

// IP protocol numbers that carry adverts.
const (
	ProtoVRRP = 112 // RFC 9568 section 5.1.1.4
	ProtoAH   = 51  // RFC 4302, the "AH" authentication of VRRPv2
)

// Multicast groups and the only TTL or hop limit a multicast advert may have.
var (
	GroupIPv4 = netip.AddrFrom4([4]byte{224, 0, 0, 18}) // RFC 9568 section 5.1.1.2
	GroupIPv6 = netip.MustParseAddr("ff02::12")         // RFC 9568 section 5.1.2.2
)

// TTL is the TTL or hop limit of adverts (RFC 9568 sections 5.1.1.3 and 5.1.2.3).
const TTL = 255

// AuthType is the authentication type field of VRRPv2 (RFC 2338 section 5.3.6).
type AuthType uint8

// Authentication types.
const (
	AuthNone AuthType = 0
	AuthPass AuthType = 1
	AuthAH   AuthType = 2
)

// Packet is one received packet with what the socket told about it.
type Packet struct {
	Src, Dst netip.Addr
	TTL      int    // TTL or hop limit; -1 when the socket did not tell
	Proto    int    // ProtoVRRP or ProtoAH
	IPHeader int    // length of the IPv4 header in bytes; 40 for IPv6
	IPTotal  int    // IPv4 total length field; 0 for IPv6
	ID       uint16 // IPv4 identification, which AH covers; 0 for IPv6
	Payload  []byte // what follows the IP header

	// At is when the packet arrived, as far as the kernel could tell: what
	// follows from it is reckoned from then and not from when we got to it.
	At time.Time
}

// Advert is the content of an accepted advert.
type Advert struct {
	Src      netip.Addr
	Version  uint8
	VRID     uint8
	Priority uint8         // 0: the sender stops being Active (RFC 9568 section 5.2.4)
	Interval time.Duration // the sender's advertisement interval
	Notes    Note          // oddities that do not reject the advert

	// With NoteClock: by how many seconds our clock is ahead of the sender's
	// and by how many it may be.
	Ahead, Window int
}

// Note is a set of oddities of an advert that is accepted all the same.
type Note uint8

// Notes.
const (
	NoteCount       Note = 1 << iota // another number of addresses than ours
	NoteAddresses                    // other addresses than ours
	NoteInterval                     // v3: another interval than ours
	NoteOldChecksum                  // v3 unicast: checksum made with the multicast group
	NoteClock                        // trailer: the clocks differ by more than half of what they may
	NoteForeign                      // none of the addresses is ours: another virtual router with the same VRID
	NoteStranger                     // unicast from somebody who is not a peer, which nothing forbids
)

// Peer is a configured unicast peer and the TTLs it may be heard with.
type Peer struct {
	Addr           netip.Addr
	MinTTL, MaxTTL uint8 // 0, 255: any
	CheckTTL       bool
}

// Expect is what one instance expects of the adverts it hears. It is never
// changed once in use; a reload makes a new one.
type Expect struct {
	Version      uint8
	VRID         uint8
	IPv6         bool
	Unicast      bool
	Auth         AuthType
	Password     Password
	HMAC         *HMAC // the authentication trailer; nil: there is none
	Interval     time.Duration
	Addresses    []netip.Addr // the advertised addresses, in configuration order
	Peers        []Peer
	CheckSource  bool // a unicast source must be one of Peers
	OwnerIgnores bool // address owner that ignores adverts
	ChecksumAsV2 bool // v3 over IPv4: sums without pseudo header, not enforced when receiving
	OldUnicast   bool // v3 unicast over IPv4: pseudo header with the multicast group is expected
	// OldUnicastNever refuses that checksum. With neither it is accepted too,
	// and NoteOldChecksum tells that it was used.
	OldUnicastNever bool
	Group           netip.Addr // the multicast group of the old checksum; invalid: GroupIPv4
}

// Message is an advert to be sent.
type Message struct {
	Version      uint8
	VRID         uint8
	Priority     uint8
	Interval     time.Duration // v2: whole seconds; v3: multiples of 10 ms
	Auth         AuthType
	Password     Password
	Src, Dst     netip.Addr   // covered by the v3 checksum; Src gives the family
	Addresses    []netip.Addr // all of one family
	ChecksumAsV2 bool
}
