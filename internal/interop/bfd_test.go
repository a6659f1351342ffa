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
		t.Run("keepalived/"+family, func(t *testing.T) {
			t.Parallel()
			inputs()
			lan := nettest.NewLANT(t, 2, nettest.Options{})
			theirs, us := bfdEnd(t, lan, 1, interop.Keepalived, ipv6), bfdEnd(t, lan, 2, ours, ipv6)
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
			lan := nettest.NewLANT(t, 2, nettest.Options{})
			dir, peer := frrBFD(t, lan, ipv6)
			us := bfdEnd(t, lan, 2, ours, ipv6)
			flap(t, lan, us)
			// FRR says that it takes the session down: no failure.
			vtysh(t, lan.Node(1), dir, "configure terminal", "bfd", peer, "shutdown")
			nettest.WaitFor(t, patience, func() bool { return strings.Contains(us.Log(), "the neighbour is administratively down") }, "the neighbour's farewell")
			if n := us.LogLines(sessionDown); n != 1 {
				t.Errorf("%d times down, want once", n)
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

// frrBFD starts FRR's bfdd on the first of two nodes, with a session to the other one,
// and returns the directory of its sockets and how its commands call the session.
func frrBFD(t *testing.T, lan *nettest.LAN, ipv6 bool) (dir, peer string) {
	t.Helper()
	dir = frrHome(t)
	frrStart(t, lan.Node(1), dir, "zebra", "zserv.api", "")
	to, from := lan.Prefix4(2).Addr(), lan.Prefix4(1).Addr()
	if ipv6 {
		to, from = lan.Prefix6(2).Addr(), lan.Prefix6(1).Addr()
	}
	peer = fmt.Sprintf("peer %v local-address %v interface %s", to, from, lan.Iface())
	conf := "bfd\n " + peer + "\n  detect-multiplier 3\n  receive-interval 50\n  transmit-interval 50\n  no shutdown\n"
	frrStart(t, lan.Node(1), dir, "bfdd", "bfdd.vty", conf, "--bfdctl", filepath.Join(dir, "bfdd.sock"))
	return dir, peer
}

// vtysh gives FRR's daemons commands, and returns what they answer.
func vtysh(t *testing.T, node *nettest.NS, dir string, commands ...string) string {
	t.Helper()
	var said strings.Builder
	cmd := exec.Command("vtysh", "--vty_socket", dir)
	cmd.Stdout = &said
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
	return said.String()
}

// flap waits for the session, cuts the wire without a carrier being lost until all
// have noticed, and mends it.
func flap(t *testing.T, lan *nettest.LAN, daemons ...*interop.Daemon) {
	t.Helper()
	wait := func(text string, before []int) {
		t.Helper()
		for i, d := range daemons {
			nettest.WaitFor(t, patience, func() bool { return d.LogLines(text) > before[i] }, fmt.Sprintf("%q, after %d times", text, before[i]))
		}
	}
	count := func(text string) (n []int) {
		for _, d := range daemons {
			n = append(n, d.LogLines(text))
		}
		return n
	}
	wait(sessionUp, make([]int, len(daemons)))
	ups, downs := count(sessionUp), count(sessionDown)
	if err := lan.Loss(1, 100); err != nil {
		t.Fatal(err)
	}
	wait(sessionDown, downs)
	if err := lan.Loss(1, 0); err != nil {
		t.Fatal(err)
	}
	wait(sessionUp, ups)
}
