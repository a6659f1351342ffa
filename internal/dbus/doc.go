// Package dbus shows VRRP instances on the system bus: an object for the daemon and
// one for each instance, with keepalived's names, methods, properties and signals.
//
// Guarantees:
//
//   - The methods of [Service] never wait for the bus, except Stop, which is
//     given a limit. What is to be told waits in a queue of a fixed size, of which
//     the oldest is dropped for one too many.
//   - A goroutine of the service connects and sends. A bus that does not answer,
//     hangs or ends is tried again after a second, then after twice as long each
//     time, up to 15 seconds; whoever listens to the new bus is told of the start
//     and of all states. The log hears of it once, and once more when the bus is
//     there again.
//   - Properties are answered from what the service was told, without asking the
//     daemon. Methods call [Commands] one at a time, on goroutines of the library;
//     callers beyond a fixed number are refused.
//   - Nothing can be changed through properties.
package dbus
