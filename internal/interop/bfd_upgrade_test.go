package interop_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
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
			upgradeOften(t, us)
			if n := theirs.LogLines(sessionDown); n != before {
				t.Errorf("%d times down for keepalived, %d before", n, before)
			}
			flapOnce(t, lan, us)
		})
		t.Run("FRR/"+family, func(t *testing.T) {
			t.Parallel()
			inputs()
			dir := frrHome(t)
			lan := nettest.NewLANT(t, 2, nettest.Options{})
			frrStart(t, lan.Node(1), dir, "zebra", "zserv.api", "")
			peer, local := lan.Prefix4(2).Addr(), lan.Prefix4(1).Addr()
			if ipv6 {
				peer, local = lan.Prefix6(2).Addr(), lan.Prefix6(1).Addr()
			}
			conf := fmt.Sprintf("bfd\n peer %v local-address %v interface %s\n  detect-multiplier 3\n  receive-interval 50\n  transmit-interval 50\n  no shutdown\n", peer, local, lan.Iface())
			frrStart(t, lan.Node(1), dir, "bfdd", "bfdd.vty", conf, "--bfdctl", filepath.Join(dir, "bfdd.sock"))
			us := bfdEnd(t, lan, 2, ours, ipv6)
			nettest.WaitFor(t, patience, func() bool { return us.LogLines(sessionUp) > 0 }, "the session to be up")
			downs := func() string {
				for line := range strings.Lines(vtyshSays(t, lan.Node(1), dir, "show bfd peers counters")) {
					if strings.Contains(line, "Session down") {
						return strings.TrimSpace(line)
					}
				}
				t.Fatal("FRR does not tell of the session")
				return ""
			}
			before := downs()
			upgradeOften(t, us)
			if now := downs(); now != before {
				t.Errorf("to FRR: %s, before: %s", now, before)
			}
			flapOnce(t, lan, us)
			if now := downs(); now == before {
				t.Errorf("to FRR: %s, as before it went down", now)
			}
		})
	}
}

// bfdEnd is a daemon with a session to the other one of two nodes.
func bfdEnd(t *testing.T, lan *nettest.LAN, node int, program string, ipv6 bool) *interop.Daemon {
	t.Helper()
	c := interop.Conf{Protocol: interop.Protocols[3], LAN: lan, Node: node, Priority: 100 * node}
	c.Before = session(lan, node, 3-node, ipv6, "")
	c.Inside = "\ttrack_bfd {\n\t\tb weight 10\n\t}\n"
	d, err := interop.Start(lan.Node(node), program, t.TempDir(), c.String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of %s:\n%s", program, d.Log())
		}
	})
	return d
}

// upgradeOften replaces the program, and waits for three detection times each time.
func upgradeOften(t *testing.T, us *interop.Daemon) {
	t.Helper()
	before := us.LogLines(sessionDown)
	for i := range 5 {
		if err := us.Signal(process.UpgradeSignal); err != nil {
			t.Fatal(err)
		}
		nettest.WaitFor(t, patience, func() bool { return us.LogLines("Upgrade: going on as") == i+1 }, "the upgrade")
		after := time.Now()
		nettest.WaitFor(t, patience, func() bool { return time.Since(after) > 450*time.Millisecond }, "what the peer makes of it")
	}
	if n := us.LogLines(sessionDown); n != before {
		t.Errorf("%d times down, %d before", n, before)
	}
}

// flapOnce cuts the wire until our end has noticed.
func flapOnce(t *testing.T, lan *nettest.LAN, us *interop.Daemon) {
	t.Helper()
	up, down := us.LogLines(sessionUp), us.LogLines(sessionDown)
	if err := lan.Loss(1, 100); err != nil {
		t.Fatal(err)
	}
	nettest.WaitFor(t, patience, func() bool { return us.LogLines(sessionDown) > down }, "the session to be down")
	if err := lan.Loss(1, 0); err != nil {
		t.Fatal(err)
	}
	nettest.WaitFor(t, patience, func() bool { return us.LogLines(sessionUp) > up }, "the session to be up again")
}

// vtyshSays is what FRR's daemons answer to a command.
func vtyshSays(t *testing.T, node *nettest.NS, dir, command string) string {
	t.Helper()
	var said strings.Builder
	cmd := exec.Command("vtysh", "--vty_socket", dir, "-c", command)
	cmd.Stdout = &said
	p, err := node.Start(cmd)
	if err == nil {
		err = p.Wait()
	}
	if err != nil {
		t.Fatalf("vtysh: %v", err)
	}
	return said.String()
}
