// Package system is for tests of what an operator installs: machines with systemd
// as process 1, in namespaces, on a network of internal/nettest.
//
// A [Node] boots a Debian that it only reads (scripts/rootfs makes it): what is
// written goes to memory and is gone with the node. It needs root, a mounted
// cgroup v2 and the programs nsenter and env.
//
// Guarantees:
//
//   - All processes of a node are in its process id namespace, whose first process
//     dies with this process: nothing of it outlives the test.
//   - Its control group is removed by [Node.Close]; one left behind by a test that
//     was killed is empty, and the next boot removes it.
//   - A test binary that boots nodes calls [Main] first: it is the program that
//     becomes systemd.
package system
