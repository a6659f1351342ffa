// Package sched says how the daemon runs: its priority, its processors, whether
// its memory may be swapped out, and its name.
//
// Linux keeps most of that for each thread, and the Go runtime starts threads as
// it likes. What is guaranteed:
//
//   - [Apply] returns when every thread of the process runs as wanted. A thread
//     inherits what its creator has, so from then on every new one does too.
//   - Children run as the daemon was started: the thread that forks is as plain
//     as that from [Plain] until the function that it returns is called.
//   - Nothing is touched that was never asked for: what a service manager has
//     set stays.
//   - What cannot be set, for want of a privilege as a rule, is an error, and
//     everything else is set all the same.
//
// All functions are safe for concurrent use and wait for nothing but the kernel.
package sched
