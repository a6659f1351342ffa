package nettest

import (
	"os"
	"sync"
	"testing"

	"github.com/vishvananda/netlink"
)

// RequireEnv is the environment variable that turns the skip of [Require] into
// a failure, for places where the tests must run.
const RequireEnv = "HOLDFAST_REQUIRE_NETNS"

// Available finds out once whether a namespace with a virtual cable can be made, and
// returns what is in the way.
var Available = sync.OnceValue(func() error {
	ns, err := New("probe")
	if err != nil {
		return err
	}
	defer ns.Close()
	return ns.Handle().LinkAdd(&netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: "a"},
		PeerName:  "b",
	})
})

// Require skips the test, with the reason, where network namespaces cannot be
// made. With HOLDFAST_REQUIRE_NETNS=1 in the environment the test fails instead.
func Require(tb testing.TB) {
	tb.Helper()
	err := Available()
	if err == nil {
		return
	}
	if os.Getenv(RequireEnv) == "1" {
		tb.Fatalf("network namespaces are required by %s: %v", RequireEnv, err)
	}
	tb.Skipf("needs network namespaces, run as root or with unshare -Ur: %v", err)
}
