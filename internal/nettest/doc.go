// Package nettest builds small networks out of Linux network namespaces for
// tests and demonstrations: nodes on one Ethernet segment, cables to pull,
// frames to lose, processes to run and a capture to judge them by.
//
// It needs CAP_SYS_ADMIN and CAP_NET_ADMIN over the namespaces it makes, which
// is to be root or root inside a user namespace (unshare -Ur), and no program:
// everything is done by netlink.
//
// Guarantees:
//
//   - A namespace is held by a file descriptor of this process, never by a name
//     in /run/netns, so nothing is left behind however the process ends.
//   - No operating system thread goes back to the Go scheduler in a namespace
//     in which it did not start. A thread that cannot be restored is ended.
//   - A process started by [NS.Start] is killed with its process group when its
//     namespace is closed, and by the kernel when this process dies. Close then
//     kills whatever else still lives in the namespace.
//   - All methods are safe for concurrent use, except Close, which must be the
//     last call.
package nettest
