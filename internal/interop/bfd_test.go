package interop_test

import (
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// session is a bfd_instance between two nodes: 50 ms, three times.
func session(lan *nettest.LAN, from, to int, ipv6 bool, more string) string {
	address := func(i int) netip.Addr {
		if ipv6 {
			return lan.Prefix6(i).Addr()
		}
		return lan.Prefix4(i).Addr()
	}
	return fmt.Sprintf("bfd_instance b {\n\tneighbor_ip %v\n\tsource_ip %v\n\tmin_rx 50\n\tmin_tx 50\n\tmultiplier 3\n%s}\n",
		address(to), address(from), more)
}

const (
	sessionUp   = "Tracked BFD instance b is UP"
	sessionDown = "Tracked BFD instance b is DOWN"
)

// TestBFDTakeover cuts the wire of a Master without its interface noticing. The
// Backup has a BFD session with it, and does not wait for adverts.
func TestBFDTakeover(t *testing.T) {
	needKeepalived(t)
	for _, proto := range []interop.Protocol{interop.Protocols[0], interop.Protocols[3]} {
		for _, who := range []lineup{{"ours+ours", ours, ours}, {"keepalived+ours", interop.Keepalived, ours}} {
			t.Run(proto.Name+"/"+who.name, func(t *testing.T) {
				t.Parallel()
				slow := proto
				slow.Interval = time.Second
				p := newPair(t, slow, who, func(c *interop.Conf) {
					c.Before = session(c.LAN, c.Node, high+low-c.Node, false, "")
					c.Inside = "\ttrack_bfd {\n\t\tb weight -10\n\t}\n"
				})
				p.start(high)
				p.start(low)
				p.awaitMaster(high)
				for _, node := range []int{high, low} {
					nettest.WaitFor(t, patience, func() bool { return p.daemon[node].LogLines(sessionUp) == p.daemon[node].LogLines(sessionDown)+1 }, "the session to be up")
				}
				p.awaitAdverts(high, 1)
				since := time.Now()
				if err := p.lan.Loss(high, 100); err != nil {
					t.Fatal(err)
				}
				cut := time.Now()
				nettest.WaitFor(t, patience, func() bool { return len(p.from(low, since)) > 0 }, "the takeover")
				took := p.from(low, since)[0].Time.Sub(cut)
				t.Logf("takeover %v after the cut; VRRP alone: %v", took, slow.DownTime(lowPriority-10))
				if took > 200*time.Millisecond+machine.worst(since) {
					t.Errorf("takeover %v after the cut, want less than 200 ms", took)
				}
				if p.daemon[low].LogLines("BFD session b is down: nothing heard for") == 0 {
					t.Error("the log does not say why")
				}
				if err := p.lan.Loss(high, 0); err != nil {
					t.Fatal(err)
				}
				p.awaitMaster(high)
			})
		}
	}
}

// TestBFDPeers has sessions with other implementations, over both families:
// up, down by silence, up again; and what is said at the end.
func TestBFDPeers(t *testing.T) {
	needKeepalived(t)
	for _, ipv6 := range []bool{false, true} {
		family := map[bool]string{false: "IPv4", true: "IPv6"}[ipv6]
		start := func(t *testing.T, lan *nettest.LAN, node int, program string) *interop.Daemon {
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
		t.Run("keepalived/"+family, func(t *testing.T) {
			t.Parallel()
			inputs()
			lan := nettest.NewLANT(t, 2, nettest.Options{})
			theirs, us := start(t, lan, 1, interop.Keepalived), start(t, lan, 2, ours)
			flap(t, lan, us, theirs)
			if err := us.Stop(); err != nil {
				t.Fatal(err)
			}
			if n := theirs.LogLines(sessionDown); n > 1 {
				t.Errorf("our end was taken for a failure: %d times down", n)
			}
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
			us := start(t, lan, 2, ours)
			flap(t, lan, us)
			// FRR says that it takes the session down: no failure.
			vtysh(t, lan.Node(1), dir, "configure terminal", "bfd", fmt.Sprintf("peer %v local-address %v interface %s", peer, local, lan.Iface()), "shutdown")
			nettest.WaitFor(t, patience, func() bool { return strings.Contains(us.Log(), "the neighbour is administratively down") }, "the neighbour's farewell")
			if n := us.LogLines(sessionDown); n != 1 {
				t.Errorf("%d times down, want once", n)
			}
		})
	}
}

// vtysh gives FRR's daemons commands.
func vtysh(t *testing.T, node *nettest.NS, dir string, commands ...string) {
	t.Helper()
	cmd := exec.Command("vtysh", "--vty_socket", dir)
	for _, c := range commands {
		cmd.Args = append(cmd.Args, "-c", c)
	}
	p, err := node.Start(cmd)
	if err == nil {
		err = p.Wait()
	}
	if err != nil {
		t.Fatalf("vtysh: %v", err)
	}
}

// flap waits for the session, cuts the wire without a carrier being lost, and
// mends it.
func flap(t *testing.T, lan *nettest.LAN, daemons ...*interop.Daemon) {
	t.Helper()
	wait := func(text string, times int) {
		t.Helper()
		for _, d := range daemons {
			nettest.WaitFor(t, patience, func() bool { return d.LogLines(text) >= times }, fmt.Sprintf("%q, %d times", text, times))
		}
	}
	wait(sessionUp, 1)
	if err := lan.Loss(1, 100); err != nil {
		t.Fatal(err)
	}
	wait(sessionDown, 1)
	if err := lan.Loss(1, 0); err != nil {
		t.Fatal(err)
	}
	wait(sessionUp, 2)
}
