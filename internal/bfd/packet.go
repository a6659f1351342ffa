package bfd

import (
	"encoding/binary"
	"time"
)

// Ports that packets are sent to (RFC 5881 section 4, RFC 5883 section 5).
const (
	Port         = 3784
	PortMultihop = 4784
)

// State is the state of a session (RFC 5880 section 4.1).
type State uint8

// States, as on the wire.
const (
	AdminDown State = iota
	Down
	Init
	Up
)

var stateNames = [...]string{"AdminDown", "Down", "Init", "Up"}

func (s State) String() string { return stateNames[s&3] }

// Diag tells why a session last left Up (RFC 5880 section 4.1).
type Diag uint8

// Reasons.
const (
	DiagNone Diag = iota
	DiagExpired
	DiagEchoFailed
	DiagNeighborDown
	DiagForwardingReset
	DiagPathDown
	DiagConcatenatedDown
	DiagAdminDown
	DiagReverseConcatenatedDown
)

var diagNames = [...]string{
	"no diagnostic", "control detection time expired", "echo function failed", "neighbor signaled session down",
	"forwarding plane reset", "path down", "concatenated path down", "administratively down", "reverse concatenated path down",
}

func (d Diag) String() string {
	if int(d) < len(diagNames) {
		return diagNames[d]
	}
	return "unknown diagnostic"
}

// Packet is a control packet without authentication (RFC 5880 section 4.1).
// Times have a resolution of one microsecond on the wire.
type Packet struct {
	Diag       Diag
	State      State
	Poll       bool
	Final      bool
	Demand     bool
	Multiplier uint8

	My, Your uint32 // discriminators

	DesiredTx      time.Duration // the sender wants to send no faster
	RequiredRx     time.Duration // and to receive no faster; 0: nothing at all
	RequiredEchoRx time.Duration
}

// Length of a packet without authentication.
const Length = 24

// Bits of the second byte.
const (
	bitMultipoint = 1 << iota
	bitDemand
	bitAuth
	bitIndependent
	bitFinal
	bitPoll
)

const version = 1

// maxDiag is the highest diagnostic that keepalived takes.
const maxDiag = DiagReverseConcatenatedDown

// AppendTo appends the packet as it goes over the wire.
func (p *Packet) AppendTo(b []byte) []byte {
	flags := byte(p.State) << 6
	for _, f := range []struct {
		on  bool
		bit byte
	}{{p.Poll, bitPoll}, {p.Final, bitFinal}, {p.Demand, bitDemand}} {
		if f.on {
			flags |= f.bit
		}
	}
	b = append(b, version<<5|byte(p.Diag), flags, p.Multiplier, Length)
	b = binary.BigEndian.AppendUint32(b, p.My)
	b = binary.BigEndian.AppendUint32(b, p.Your)
	for _, d := range []time.Duration{p.DesiredTx, p.RequiredRx, p.RequiredEchoRx} {
		b = binary.BigEndian.AppendUint32(b, micros(d))
	}
	return b
}

// micros is a time as the wire has it, within what fits.
func micros(d time.Duration) uint32 {
	return uint32(min(max(d/time.Microsecond, 0), 1<<32-1))
}

// Reject is why a packet is not taken; it is an error.
type Reject uint8

// Reasons to drop a packet, in the order of the checks (RFC 5880 section 6.8.6).
const (
	Short      Reject = iota + 1
	BadLength         // the length field is not the length of the packet
	BadVersion        // not 1
	ZeroMultiplier
	Multipoint        // must be zero
	ZeroDiscriminator // of the sender
	NoDiscriminator   // of ours, from a neighbour that is past Down
	PollAndFinal      // both
	BadDiag           // not known
	Authenticated     // we have no keys
)

var rejectNames = [...]string{
	"", "short packet", "length field does not match", "wrong version", "detect multiplier is 0", "multipoint bit set",
	"my discriminator is 0", "your discriminator is 0", "poll and final both set", "invalid diagnostic", "authentication is not served",
}

// Error says what is wrong.
func (r Reject) Error() string { return rejectNames[r] }

// Decode reads a packet that came as the payload of a datagram.
func Decode(b []byte) (Packet, error) {
	if len(b) < Length {
		return Packet{}, Short
	}
	p := Packet{
		Diag: Diag(b[0] & 0x1f), State: State(b[1] >> 6), Multiplier: b[2],
		Poll: b[1]&bitPoll != 0, Final: b[1]&bitFinal != 0, Demand: b[1]&bitDemand != 0,
		My: binary.BigEndian.Uint32(b[4:]), Your: binary.BigEndian.Uint32(b[8:]),
		DesiredTx: interval(b[12:]), RequiredRx: interval(b[16:]), RequiredEchoRx: interval(b[20:]),
	}
	for _, c := range []struct {
		bad bool
		why Reject
	}{
		{int(b[3]) != len(b), BadLength},
		{b[0]>>5 != version, BadVersion},
		{p.Multiplier == 0, ZeroMultiplier},
		{b[1]&bitMultipoint != 0, Multipoint},
		{p.My == 0, ZeroDiscriminator},
		{p.Your == 0 && p.State > Down, NoDiscriminator},
		{p.Poll && p.Final, PollAndFinal},
		{p.Diag > maxDiag, BadDiag},
		{b[1]&bitAuth != 0, Authenticated},
	} {
		if c.bad {
			return Packet{}, c.why
		}
	}
	return p, nil
}

func interval(b []byte) time.Duration {
	return time.Duration(binary.BigEndian.Uint32(b)) * time.Microsecond
}
