// Package kernel is the edge to the kernel's network state: it watches links
// and addresses and sets addresses.
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
// # Changing
//
// A [Handle] is one netlink socket for requests, which any number of goroutines
// may use; each request is answered before the next one is sent. A [Holder]
// owns the addresses of one VRRP instance: it takes the whole list that is
// wanted, works out the difference to what it set before, removes before it
// adds, and does both in list order. A Holder belongs to one goroutine.
//
// Sockets belong to the network namespace of the thread that calls [Open] or
// Monitor.Run.
//
// The package knows neither the configuration nor the protocol, and logs
// nothing itself.
package kernel
