package process

import "syscall"

// Signals whose numbers depend on what the C library keeps for itself.
const (
	StatsClearSignal = syscall.Signal(63) // SIGRTMAX-1
	JSONSignal       = syscall.Signal(36) // SIGRTMIN+2
	// UpgradeSignal is ours: keepalived and the Go runtime have no use for it. That
	// it means nothing to terminals keeps it apart from SIGWINCH, the only other
	// signal that would do no harm to a daemon that does not know it.
	UpgradeSignal = syscall.Signal(37) // SIGRTMIN+3
)

// SignalNumber gives the number of the signal that asks a running daemon for a
// function, by the names that --signum knows.
func SignalNumber(function string) (int, bool) {
	switch function {
	case "RELOAD":
		return 1, true // SIGHUP
	case "DATA":
		return 10, true // SIGUSR1
	case "STATS":
		return 12, true // SIGUSR2
	case "STOP":
		return 15, true // SIGTERM
	case "JSON":
		return int(JSONSignal), true
	case "STATS_CLEAR":
		return int(StatsClearSignal), true
	case "UPGRADE":
		return int(UpgradeSignal), true
	}
	return 0, false
}
