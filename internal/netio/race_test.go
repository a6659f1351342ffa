//go:build race

package netio

// raceEnabled: the race detector makes pools forget on purpose.
const raceEnabled = true
