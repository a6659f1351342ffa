package main

import (
	"fmt"
	"net"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// TestNoAccept asks for a service under a virtual address from the other node:
// a Master that does not own it drops the packets while no_accept is set, through
// reloads in both directions, and leaves nothing behind, be it stopped or killed.
func TestNoAccept(t *testing.T) {
	nettest.Require(t)
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("needs Debian's nftables, see scripts/setup")
	}
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	serve(t, lan.Node(1))
	asks := func(addr string, answered bool) {
		t.Helper()
		nettest.WaitFor(t, 10*time.Second, func() bool { return (dial(lan.Node(2), addr) == nil) == answered },
			fmt.Sprintf("%s answers: %v", addr, answered))
	}
	strict := fast("VI_1", 51, 100, "no_accept", "192.0.2.100/24", "192.0.2.101/24")
	open := strings.Replace(strict, "no_accept", "accept", 1)
	n := newNode(t, lan.Node(1), strict).start()
	n.waitAddr(vip, true)
	asks("192.0.2.1", true)
	asks(vip, false)
	asks("192.0.2.101", false)
	if rules := ruleset(t, lan.Node(1)); !strings.Contains(rules, "elements = { 192.0.2.100, 192.0.2.101 }") {
		t.Errorf("rules:\n%s", rules)
	}
	n.reload(open)
	asks(vip, true)
	n.reload(strict)
	asks(vip, false)
	if n.out.count("Entering MASTER STATE") != 1 {
		t.Error("a reload cost the state")
	}
	n.signal(syscall.SIGKILL)
	<-n.proc.Done()
	if rules := ruleset(t, lan.Node(1)); rules == "" {
		t.Error("a killed daemon has cleaned up")
	}
	n = newNode(t, lan.Node(1), strict).start()
	n.waitLog("left there by an earlier run")
	n.waitLog("Entering MASTER STATE")
	asks(vip, false)
	n.stop()
	if rules := ruleset(t, lan.Node(1)); rules != "" {
		t.Errorf("left behind:\n%s", rules)
	}

	// An owner accepts whatever is configured.
	n = newNode(t, lan.Node(1), strings.Replace(strict, "priority 100", "priority 255", 1)).start()
	n.waitAddr(vip, true)
	asks(vip, true)
	n.stop()
}

const servicePort = 8080

// serve answers on all addresses of a node until the test ends.
func serve(t *testing.T, ns *nettest.NS) {
	t.Helper()
	var l net.Listener
	err := ns.Do(func() (err error) {
		l, err = net.Listen("tcp4", fmt.Sprintf(":%d", servicePort))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
}

// dial asks for the service from a node.
func dial(ns *nettest.NS, addr string) error {
	return ns.Do(func() error {
		c, err := net.DialTimeout("tcp4", net.JoinHostPort(addr, fmt.Sprint(servicePort)), 300*time.Millisecond)
		if err != nil {
			return err
		}
		return c.Close()
	})
}

// ruleset is what nft lists in a namespace.
func ruleset(t *testing.T, ns *nettest.NS) string {
	t.Helper()
	var out strings.Builder
	c := exec.Command("nft", "list", "ruleset")
	c.Stdout, c.Stderr = &out, &out
	p, err := ns.Start(c)
	if err == nil {
		err = p.Wait()
	}
	if err != nil {
		t.Fatalf("nft: %v\n%s", err, &out)
	}
	return out.String()
}
