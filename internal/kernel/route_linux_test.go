package kernel

import (
	"testing"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

func TestHolderRoutesReal(t *testing.T) {
	nettest.Require(t)
	for _, tt := range routeTests {
		t.Run(tt.name, func(t *testing.T) {
			_, h := newSpace(t, "eth0", "eth1")
			runSteps(t, h, func() string { return showReal(t, h, "eth0", "eth1") }, tt.steps)
		})
	}
}

func TestHolderTheftReal(t *testing.T) {
	nettest.Require(t)
	for _, tt := range theftTests {
		t.Run(tt.name, func(t *testing.T) {
			_, h := newSpace(t, "eth0")
			runTheft(t, h, func() string { return showReal(t, h, "eth0") }, tt.wanted, tt.theft, tt.lost, tt.result, tt.table)
		})
	}
}
