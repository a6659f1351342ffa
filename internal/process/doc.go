// Package process makes the daemon a well-behaved process: it locks the pid
// files, goes to the background and talks to the service manager.
//
// What is guaranteed:
//
//   - A pid file is held by a lock on the open file (F_OFD_SETLK), as keepalived
//     2.4 does, so the two never run side by side on one pid file, and a file
//     left by a crash is never in the way.
//   - Whoever starts the daemon in the background gets its exit status: [Detach]
//     returns only when the daemon runs or has failed.
//   - A daemon of a network namespace has it in every thread, from its first on:
//     [EnterNetNS] executes the program anew.
//   - Telling the service manager never waits for it.
//
// Pid files and detaching belong to the goroutine that starts the program; the
// calls to the service manager may come from any goroutine.
package process
