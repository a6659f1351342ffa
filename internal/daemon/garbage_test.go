package daemon

import (
	"runtime/debug"
	"testing"
)

// The heap has room until the last of those that need it is done.
func TestRoomy(t *testing.T) {
	was := debug.SetGCPercent(-1)
	defer debug.SetGCPercent(was)
	KeepSmall()
	percent := func() int {
		p := debug.SetGCPercent(-1)
		debug.SetGCPercent(p)
		return p
	}
	one, other := roomy(), roomy()
	one()
	if got := percent(); got != roomyHeap {
		t.Errorf("while one of two still needs it: %d", got)
	}
	other()
	if got := percent(); got != smallHeap {
		t.Errorf("afterwards: %d", got)
	}
}
