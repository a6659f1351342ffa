// Package control is the Unix socket over which a running daemon is asked how it
// does and told what to do, with both its ends: [Listen] for the daemon, [Ask] for
// the operator's tool.
//
// A connection is one question: a line of JSON that says what is wanted, then
// lines of JSON back, the last of which says that it is the last. Everybody on the
// machine may ask for the status; what is more than that is for root and the
// daemon's own user, as the kernel names them (SO_PEERCRED).
//
// Guarantees of the server:
//
//   - Each connection has a goroutine of its own, and a bounded number of them is
//     served: of other users few, so that they cannot shut out root.
//   - Nobody waits for a client: who does not read or write for [Patience] is cut
//     off.
//   - The socket appears whole, in place of one that an ended daemon has left, and
//     never in place of anything else.
package control
