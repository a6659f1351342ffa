package interop_test

import (
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
	"github.com/holdfast-ha/holdfast/internal/process"
)

// TestBFDPeersSeeNoUpgrade replaces our program several times. A session of 50 ms, three
// times, with another implementation goes on meanwhile; and its end is noticed later.
func TestBFDPeersSeeNoUpgrade(t *testing.T) {
	needKeepalived(t)
	for _, ipv6 := range []bool{false, true} {
		family := map[bool]string{false: "IPv4", true: "IPv6"}[ipv6]
		t.Run("keepalived/"+family, func(t *testing.T) {
			t.Parallel()
			inputs()
			lan := nettest.NewLANT(t, 2, nettest.Options{})
			theirs, us := bfdEnd(t, lan, 1, interop.Keepalived, ipv6), bfdEnd(t, lan, 2, ours, ipv6)
			nettest.WaitFor(t, patience, func() bool { return theirs.LogLines(sessionUp) > 0 && us.LogLines(sessionUp) > 0 }, "the session to be up")
			before := theirs.LogLines(sessionDown)
			upgradeOften(t, lan, us)
			if n := theirs.LogLines(sessionDown); n != before {
				t.Errorf("%d times down for keepalived, %d before", n, before)
			}
			flap(t, lan, us)
		})
		t.Run("FRR/"+family, func(t *testing.T) {
			t.Parallel()
			inputs()
			lan := nettest.NewLANT(t, 2, nettest.Options{})
			dir, _ := frrBFD(t, lan, ipv6)
			us := bfdEnd(t, lan, 2, ours, ipv6)
			nettest.WaitFor(t, patience, func() bool { return us.LogLines(sessionUp) > 0 }, "the session to be up")
			downs := func() string {
				for line := range strings.Lines(vtysh(t, lan.Node(1), dir, "show bfd peers counters")) {
					if strings.Contains(line, "Session down") {
						return strings.TrimSpace(line)
					}
				}
				t.Fatal("FRR does not tell of the session")
				return ""
			}
			before := downs()
			upgradeOften(t, lan, us)
			if now := downs(); now != before {
				t.Errorf("to FRR: %s, before: %s", now, before)
			}
			flap(t, lan, us)
			if now := downs(); now == before {
				t.Errorf("to FRR: %s, as before it went down", now)
			}
		})
	}
}

// upgradeOften replaces the program on the second node. After each time so many adverts
// leave as are due in three detection times: what the peer makes of it, it has made.
func upgradeOften(t *testing.T, lan *nettest.LAN, us *interop.Daemon) {
	t.Helper()
	before, capture := us.LogLines(sessionDown), lan.CaptureT(t)
	for i := range 5 {
		if err := us.Signal(process.UpgradeSignal); err != nil {
			t.Fatal(err)
		}
		nettest.WaitFor(t, patience, func() bool { return us.LogLines("Upgrade: going on as") == i+1 }, "the upgrade")
		after := time.Now()
		nettest.WaitFor(t, patience, func() bool {
			left := 0
			for _, a := range capture.Adverts() {
				if a.Time.After(after) && a.Src == lan.Prefix4(2).Addr() {
					left++
				}
			}
			return left >= 5
		}, "five adverts")
	}
	if n := us.LogLines(sessionDown); n != before {
		t.Errorf("%d times down, %d before", n, before)
	}
}
