// Package bfd is Bidirectional Forwarding Detection, as far as a router that
// tracks its neighbours needs it: asynchronous mode without echo and without
// authentication (RFC 5880), over one hop (RFC 5881) or several (RFC 5883).
//
// [Packet] is the codec and [Session] the protocol, both pure: a session takes
// the time and what happened and returns what is to be sent and said. It reads
// no clock; its randomness is handed in. One goroutine owns a session.
//
// Guarantees of a session:
//   - It never sends faster than the other end is willing to hear, nor than it
//     was told to, except for the answer to a Poll and for a packet that tells of
//     a change of state.
//   - Up turns to Down no later than one detection time after the last packet,
//     if the caller ticks in time, and not before.
//   - Changed reports form a chain, from Down at the start.
//   - After a Tick at some time, Wake is later than that time.
package bfd
