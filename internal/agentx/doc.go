// Package agentx is the part of the Agent Extensibility protocol (RFC 2741) that a
// sub-agent needs: what the master agent and it say to each other, and a session.
//
// [PDU], its encoding and decoding are pure: they touch nothing and keep nothing.
// Decoding takes any bytes, allocates no more than a small multiple of their
// number, and what it accepts it encodes again to a message that means the same.
//
// [Agent] holds a session with the master. Its guarantees:
//
//   - No method waits for the master, except Stop, which is given a limit. Traps
//     wait in a queue of a fixed size, of which the oldest is dropped for one too
//     many.
//   - A master that is not there, hangs or ends is tried again after a second, then
//     after twice as long each time, up to 15 seconds. The log hears of it once, and
//     once more when it is there again.
//   - Requests are answered one after the other by a goroutine of the agent, which
//     asks a [Source] and does nothing else.
//   - Traps of the time before a session are lost, as are those of the time between
//     two sessions, but for the last few.
package agentx
