// Package kernel is the edge to the kernel's network state: it watches links
// and addresses, and sets addresses, routes and rules.
//
// # Watching
//
// A [Monitor] follows links and addresses on one netlink socket and keeps a
// whole [Picture] of them. It calls its event function on the goroutine of
// Run, one event after the other, in the order in which the kernel made the
// changes. The picture that holds the change is published before the event is
// handed over, and a picture is never changed afterwards. When the kernel had
// to drop notifications, the monitor reads everything again and hands over the
// differences as if each had been seen.
//
// Of routes and rules it keeps no picture: a router may have a million. It tells
// when somebody touched one in the places of a [Watch], by whom as far as
// the kernel says, and when it does not know because notifications were lost.
//
// # Changing
//
// A [Handle] is one netlink socket for requests, which any number of goroutines
// may use; each request is answered before the next one is sent. A [Holder]
// owns what one VRRP instance holds, [Address], [Route] and [Rule] alike: it takes
// the whole list that is wanted, works out the difference to what it set before,
// and removes before it adds. Addresses come before routes and routes before
// rules when they are added, and the other way round when they are removed. A
// Holder notices what others take away or change when it is asked to look. It
// belongs to one goroutine.
//
// Sockets belong to the network namespace of the thread that calls [Open] or
// Monitor.Run.
//
// The package knows neither the configuration nor the protocol, and logs
// nothing itself.
package kernel
