package netio

import (
	"net/netip"
	"os"
	"strings"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// TestJoin asks the kernel whether the groups are joined.
func TestJoin(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	err := lan.Node(1).Do(func() error {
		eth, err := lan.Node(1).Handle().LinkByName("eth0")
		if err != nil {
			return err
		}
		for _, g := range []struct{ file, group, hex string }{
			{"igmp", "224.0.0.18", "120000E0"}, {"igmp6", "ff02::12", "ff020000000000000000000000000012"},
		} {
			has := func() bool {
				text, _ := os.ReadFile("/proc/thread-self/net/" + g.file)
				return strings.Contains(string(text), g.hex)
			}
			m, err := Join(eth.Attrs().Index, netip.MustParseAddr(g.group))
			if err != nil {
				return err
			}
			if !has() {
				t.Errorf("%s is not joined", g.group)
			}
			if m.Leave(); has() {
				t.Errorf("%s is still joined", g.group)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}
