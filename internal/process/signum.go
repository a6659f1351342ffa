package process

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
		return 36, true // SIGRTMIN+2
	case "STATS_CLEAR":
		return 63, true // SIGRTMAX-1
	}
	return 0, false
}
