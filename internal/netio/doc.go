// Package netio is the packet edge of the daemon: the sockets that carry
// adverts, and the frames that announce addresses. It knows no instances, no
// configuration and no protocol state.
//
// A [Conn] is one pair of raw sockets, one to receive and one to send, shared
// by all instances with the same [Spec]. One socket per instance would make
// the kernel's work quadratic: it offers every advert to every socket that
// could match. An [Announcer] sends gratuitous ARP and unsolicited neighbour
// advertisements on any interface.
//
// Guarantees:
//
//   - Nothing in this package waits for a peer, a neighbour or a full queue.
//     Send and Announce return an error instead.
//   - A Conn is opened deaf: it hears nothing until [Conn.SetVRIDs]. What is
//     in its queue then was filtered in the kernel.
//   - The handler given to [Conn.Run] is called on Run's goroutine, the one
//     given to [Conn.Drain] on its caller's; never two handlers of one Conn at
//     the same time, and in the order of arrival. Packets handed to a handler
//     are views into a reused buffer and end with the call.
//   - DrainIdle waits for nobody. When Drain returns, every packet that was waiting when it was called has
//     been through a handler, unless its limit was reached.
//   - A handler must not block and must not call Run or Drain of its Conn.
//   - All methods of a Conn and of an Announcer are safe for concurrent use.
//   - Sockets belong to the network namespace of the thread that opens them.
//
// It needs Linux 4.15.
//
// A socket outlives its interface but is of no use without it. When an
// interface is gone ([ErrNoInterface]) or was made anew with another index,
// close the Conn and open another one; an Announcer does so by itself.
package netio
