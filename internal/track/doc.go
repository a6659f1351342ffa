// Package track watches what an instance depends on outside of VRRP: scripts
// that are run again and again, processes that have to be there, and numbers in
// files. Each tracker gives a verdict, good or bad, or for a file its number, and
// says so when it changes.
//
// Guarantees:
//
//   - A verdict is delivered from the goroutine of the tracker's Run, in the
//     order in which it came about, and never after Run has returned. The
//     functions given for verdicts and log lines must not block.
//   - There is no verdict before the first result.
//   - A script never runs twice at the same time.
//   - When Run returns, the script's child and its process group are gone
//     (unless not even SIGKILL ends them).
//
// The package knows neither the protocol nor the configuration; the daemon
// translates.
package track
