package advert

import (
	"fmt"
	"net/netip"
)

// Reason names the check that a packet failed. The zero Reason is none.
type Reason uint8

// Reasons, in the order in which the checks are made.
const (
	ReasonNone       Reason = iota
	ReasonTooShort          // shorter than the headers: it has no VRID and belongs to no instance
	ReasonUnwantedAH        // authentication header, and we do not use it
	ReasonMissingAH         // no authentication header, and we use it
	ReasonLength            // not the length that follows from the count field
	ReasonTTL               // multicast from beyond the link
	ReasonVersion           // another VRRP version

	ReasonHMACMissing   // no trailer, and there must be one
	ReasonHMACSource    // trailer: unicast from somebody who is not a peer
	ReasonHMACMalformed // trailer of another form
	ReasonHMACStale     // trailer: the clocks differ by more than they may, or it is old
	ReasonHMACKey       // trailer: we have no key of that number
	ReasonHMAC          // trailer made with another key or for another advert
	ReasonHMACReplay    // trailer: that or a later one of the sender was seen before

	ReasonAuthUnknown // v2: an authentication type that does not exist
	ReasonAuthType    // v2: another authentication type than ours
	ReasonPassword    // v2: another password than ours
	ReasonAH          // v2: authentication header made with another password or for another packet
	ReasonAHSPI       // v2: authentication header with another SPI than its source
	ReasonAHSequence  // v2: authentication header whose number was seen before
	ReasonInterval    // v2: another interval than ours
	ReasonType        // not an advertisement
	ReasonTotalLength // the IP header tells another length than what came
	ReasonChecksum    // wrong checksum
	ReasonCast        // multicast to a unicast instance or the reverse
	ReasonOwner       // we own the addresses and ignore all others
	ReasonSource      // unicast from somebody who is not a peer
	ReasonPeerTTL     // unicast with a TTL outside the range for the peer

	// Reasons is the number of values of Reason.
	Reasons = int(ReasonPeerTTL) + 1
)

var reasonNames = [Reasons]string{
	"none", "too-short", "unwanted-ah", "missing-ah", "length", "ttl", "version",
	"hmac-missing", "hmac-source", "hmac-malformed", "hmac-stale", "hmac-key", "hmac", "hmac-replay",
	"auth-unknown", "auth-type", "password", "ah", "ah-spi", "ah-sequence", "interval", "type", "total-length", "checksum", "cast", "owner",
	"source", "peer-ttl",
}

// String returns a short name that is safe in file formats and metric labels.
func (r Reason) String() string {
	if int(r) < Reasons {
		return reasonNames[r]
	}
	return fmt.Sprintf("reason-%d", uint8(r))
}

// ParseReason is the inverse of String.
func ParseReason(s string) (Reason, bool) {
	for i, name := range reasonNames {
		if name == s {
			return Reason(i), true
		}
	}
	return ReasonNone, false
}

// Counter is a line of the statistics file that counts rejected packets.
type Counter uint8

// Counters. CounterInterval belongs to no Reason: keepalived drops version 2
// adverts of another interval without counting them, and so its statistics
// file always shows 0 there.
const (
	CounterNone Counter = iota
	CounterLength
	CounterTTL
	CounterType
	CounterInterval
	CounterAddressList
	CounterAuthType
	CounterAuthMismatch
	CounterAuthFailure
	CounterHMACMissing
	CounterHMACMalformed
	CounterHMACKey
	CounterHMAC
	CounterHMACStale
	CounterHMACReplay

	// Counters is the number of values of Counter.
	Counters = int(CounterHMACReplay) + 1
)

var counterNames = [Counters]string{
	"", "Length", "TTL", "Invalid Type", "Advertisement Interval", "Address List",
	"Invalid Type", "Type Mismatch", "Failure",
	"Missing", "Malformed", "Unknown Key", "Invalid HMAC", "Stale", "Replay",
}

// String returns the words of the statistics file. "Invalid Type" stands there
// twice, the second time, for CounterAuthType, below "Authentication Errors"; those
// of the trailer stand below "Authentication Extension Errors".
func (c Counter) String() string { return counterNames[c] }

// Counter tells where the statistics file counts packets rejected for r;
// CounterNone: nowhere.
func (r Reason) Counter() Counter {
	switch r {
	case ReasonLength, ReasonTotalLength:
		return CounterLength
	case ReasonTTL, ReasonPeerTTL:
		return CounterTTL
	case ReasonType:
		return CounterType
	case ReasonCast:
		return CounterAddressList
	case ReasonAuthUnknown:
		return CounterAuthType
	case ReasonAuthType, ReasonUnwantedAH, ReasonMissingAH:
		return CounterAuthMismatch
	case ReasonPassword, ReasonAH, ReasonAHSPI, ReasonAHSequence:
		return CounterAuthFailure
	}
	return r.trailerCounter()
}

func (r Reason) trailerCounter() Counter {
	switch r {
	case ReasonHMACMissing:
		return CounterHMACMissing
	case ReasonHMACMalformed:
		return CounterHMACMalformed
	case ReasonHMACKey:
		return CounterHMACKey
	case ReasonHMAC:
		return CounterHMAC
	case ReasonHMACStale:
		return CounterHMACStale
	case ReasonHMACReplay:
		return CounterHMACReplay
	}
	return CounterNone
}

// Reject tells which check a packet failed and with which numbers. It can be
// compared. The zero Reject is that of an accepted packet.
type Reject struct {
	Reason Reason
	// Got and Want are what the packet had and what was expected, in the unit
	// of the check: bytes, seconds for ReasonInterval, 1 for unicast and 0 for
	// multicast for ReasonCast, the version for ReasonChecksum and the family
	// (4 or 6) as Want for ReasonTooShort. Got is the number of the key for
	// ReasonHMACKey. For ReasonHMACStale it is by how many seconds our clock is
	// ahead of the advert, and Want the window.
	Got, Want int
	// Max: for ReasonPeerTTL the range is Want to Max; for ReasonHMACStale 1
	// tells that it was signed with one of our keys; for ReasonChecksum and
	// ReasonLength it is a Hint.
	Max int
}

// OK tells that the packet was accepted.
func (r Reject) OK() bool { return r.Reason == ReasonNone }

// FromRouter tells whether a packet that failed comes, by what is wrong with it,
// from a router for the same addresses that is set up otherwise, and not from
// beyond the link or out of a damaged packet.
func (r Reject) FromRouter() bool {
	switch r.Reason {
	case ReasonUnwantedAH, ReasonMissingAH, ReasonVersion, ReasonInterval, ReasonCast, ReasonSource,
		ReasonAuthType, ReasonPassword, ReasonAH, ReasonHMACMissing, ReasonHMACSource, ReasonHMACKey, ReasonHMAC, ReasonHMACStale:
		return true
	}
	return r.Hint() != HintNone
}

// Received tells whether a packet with this outcome counts as received: it has
// passed the checks of the advert itself, and only its sender may be wrong.
func (r Reject) Received() bool {
	return r.OK() || r.Reason == ReasonSource || r.Reason == ReasonPeerTTL
}

// Text returns the line to be logged for a packet from src, in keepalived's
// words, without the name of the instance in front, and with a hint if there is
// one; empty for an accepted one.
func (r Reject) Text(src netip.Addr) string {
	text := r.text(src)
	if h := r.Hint(); h != HintNone {
		text += " - " + h.String()
	}
	return text
}

func (r Reject) text(src netip.Addr) string {
	from := src.WithZone("")
	switch r.Reason {
	case ReasonTooShort:
		return fmt.Sprintf("IPv%d VRRP packet too short - %d bytes", r.Want, r.Got)
	case ReasonUnwantedAH:
		return fmt.Sprintf("Received AH header but auth type not AH from %s", from)
	case ReasonMissingAH:
		return fmt.Sprintf("No AH header but auth type is AH from %s", from)
	case ReasonLength:
		word := "long"
		if r.Got < r.Want {
			word = "short"
		}
		return fmt.Sprintf("vrrp packet from %s too %s, length %d and expect %d", from, word, r.Got, r.Want)
	case ReasonTTL:
		return fmt.Sprintf("invalid TTL/HL from %s. Received %d and expect %d", from, r.Got, r.Want)
	case ReasonVersion:
		return fmt.Sprintf("wrong VRRP version from %s. Received %d and expect %d", from, r.Got, r.Want)
	case ReasonHMACMissing, ReasonHMACMalformed, ReasonHMACKey, ReasonHMAC, ReasonHMACStale, ReasonHMACReplay:
		return r.trailerText(from)
	case ReasonAuthUnknown:
		return fmt.Sprintf("Invalid auth type from %s: %d", from, r.Got)
	case ReasonAuthType:
		return fmt.Sprintf("received a %d auth from %s, expecting %d!", r.Got, from, r.Want)
	case ReasonPassword:
		return fmt.Sprintf("received an invalid passwd from %s!", from)
	case ReasonAH:
		return "IPSEC-AH : invalid IPSEC HMAC-MD5 value. Due to fields mutation or bad password !"
	case ReasonAHSPI:
		return fmt.Sprintf("IPSEC-AH : the SPI %08x is not the address of the sender %s", r.Got, from)
	case ReasonAHSequence:
		return fmt.Sprintf("IPSEC-AH : sequence number %d already processed. Packet dropped. Local(%d)", r.Got, r.Want)
	case ReasonInterval:
		return fmt.Sprintf("advertisement interval mismatch with %s mine=%d sec rcv'd=%d sec", from, r.Want, r.Got)
	case ReasonType:
		return fmt.Sprintf("Invalid packet type from %s. %d and expect %d", from, r.Got, r.Want)
	case ReasonTotalLength:
		return fmt.Sprintf("ip_tot_len mismatch against received length from %s. %d and received %d", from, r.Want, r.Got)
	case ReasonChecksum:
		return fmt.Sprintf("Invalid VRRPv%d checksum from %s", r.Want, from)
	case ReasonCast:
		return fmt.Sprintf("Expected %sicast packet but received %sicast packet from %s", cast(r.Want), cast(r.Got), from)
	case ReasonOwner:
		return fmt.Sprintf("Dropping packet(s) from %s since we are address owner", from)
	case ReasonSource, ReasonHMACSource:
		return fmt.Sprintf("unicast source address %s not a unicast peer", from)
	case ReasonPeerTTL:
		return fmt.Sprintf("TTL/HL %d from %s not in range [%d, %d]", r.Got, from, r.Want, r.Max)
	}
	return ""
}

// trailerText is Text for what may be wrong with the trailer.
func (r Reject) trailerText(from netip.Addr) string {
	switch r.Reason {
	case ReasonHMACMissing:
		return fmt.Sprintf("missing authentication trailer from %s", from)
	case ReasonHMACMalformed:
		return fmt.Sprintf("malformed authentication trailer from %s", from)
	case ReasonHMACKey:
		return fmt.Sprintf("unknown authentication key id %d from %s", r.Got, from)
	case ReasonHMAC:
		return fmt.Sprintf("invalid authentication HMAC from %s", from)
	case ReasonHMACReplay:
		return fmt.Sprintf("replayed authentication trailer from %s", from)
	}
	text := fmt.Sprintf("stale authentication trailer from %s, clock skew %d sec exceeds window %d sec", from, r.Got, r.Want)
	switch {
	case r.Max == 0: // anybody could have made it
	case r.Got < 0:
		text += fmt.Sprintf(" - the key is right: the peer's clock differs by %d s, it is ahead of ours; set the clocks (NTP)", -r.Got)
	default:
		text += fmt.Sprintf(" - the key is right: the peer's clock differs by %d s, it is behind ours, or an old advert is being repeated; set the clocks (NTP)", r.Got)
	}
	return text
}

func cast(unicast int) string {
	if unicast != 0 {
		return "un"
	}
	return "mult"
}
