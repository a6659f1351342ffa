package interop_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// Node numbers of a pair and their priorities.
const (
	high, low = 1, 2

	highPriority, lowPriority = 200, 100
)

// patience bounds each wait. Version 2 needs 3.6 s for an election.
const patience = 20 * time.Second

// pair is two daemons on one segment.
type pair struct {
	t     *testing.T
	proto interop.Protocol
	lan   *nettest.LAN
	cap   *nettest.Capture
	began time.Time

	all []*interop.Daemon // all that were started, for their logs

	program [3]string          // by node number
	conf    [3]interop.Conf    // by node number
	dirs    [3]string          // by node number
	daemon  [3]*interop.Daemon // by node number, nil when it does not run
}

// lineup says which program runs on which node.
type lineup struct{ name, high, low string }

// lineups are the pairs that the suite tries.
func lineups() []lineup {
	return []lineup{
		{"ours+keepalived", ours, interop.Keepalived},
		{"keepalived+ours", interop.Keepalived, ours},
		{"ours+ours", ours, ours},
	}
}

// newPair prepares two nodes and starts nothing. Edit changes the configuration
// of each node.
func newPair(t *testing.T, proto interop.Protocol, who lineup, edit func(*interop.Conf)) *pair {
	t.Helper()
	return newPairOf(t, 2, proto, who, edit)
}

// newPairOf is newPair on a segment with further nodes.
func newPairOf(t *testing.T, nodes int, proto interop.Protocol, who lineup, edit func(*interop.Conf)) *pair {
	t.Helper()
	inputs()
	if who.high == interop.Keepalived || who.low == interop.Keepalived {
		needKeepalived(t)
	}
	p := &pair{t: t, proto: proto, lan: nettest.NewLANT(t, nodes, nettest.Options{})}
	p.began = time.Now()
	p.cap = p.lan.CaptureT(t)
	p.program = [3]string{high: who.high, low: who.low}
	for node, priority := range map[int]int{high: highPriority, low: lowPriority} {
		p.dirs[node] = t.TempDir()
		p.conf[node] = interop.Conf{Protocol: proto, LAN: p.lan, Node: node, Priority: priority}
		if edit != nil {
			edit(&p.conf[node])
		}
	}
	t.Cleanup(p.explain)
	return p
}

// explain prints both logs of a failed test.
func (p *pair) explain() {
	if !p.t.Failed() {
		return
	}
	for _, d := range p.all {
		p.t.Logf("log of %s:\n%s", d.Node.Name(), d.Log())
	}
	p.t.Logf("the machine was up to %v late during the test", machine.worst(p.began))
	p.t.Logf("captured:\n%s", summary(p.cap.Adverts(), 60))
}

// summary prints the last adverts, one a line.
func summary(adverts []nettest.Advert, last int) string {
	out := ""
	var before time.Time
	for _, a := range adverts[max(0, len(adverts)-last):] {
		gap := time.Duration(0)
		if !before.IsZero() {
			gap = a.Time.Sub(before)
		}
		before = a.Time
		out += fmt.Sprintf("%s +%-12v %v > %v prio %d\n", a.Time.UTC().Format("15:04:05.000000"), gap, a.Src, a.Dst, a.Priority)
	}
	return out
}

// start starts the daemon of a node.
func (p *pair) start(node int) {
	p.t.Helper()
	d, err := interop.Start(p.lan.Node(node), p.program[node], p.dirs[node], p.conf[node].String())
	if err != nil {
		p.t.Fatal(err)
	}
	p.daemon[node] = d
	p.all = append(p.all, d)
}

// stop ends the daemon of a node as an operator would.
func (p *pair) stop(node int) {
	p.t.Helper()
	if err := p.daemon[node].Stop(); err != nil {
		p.t.Fatal(err)
	}
}

// crash kills the daemon of a node and the machine with it.
func (p *pair) crash(node int) {
	p.t.Helper()
	if err := p.daemon[node].Crash(); err != nil {
		p.t.Fatal(err)
	}
	if err := p.lan.Cut(node); err != nil {
		p.t.Fatal(err)
	}
}

// revive brings a crashed machine back without its daemon: it starts with the
// addresses that it had, which the daemon has to deal with.
func (p *pair) revive(node int) {
	p.t.Helper()
	if err := p.lan.Join(node); err != nil {
		p.t.Fatal(err)
	}
}

// state returns what the daemon of a node says that it is.
func (p *pair) state(node int) string { return p.daemon[node].State(interop.Instance) }

// awaitMaster waits until the node, and only it, holds all addresses and says
// that it is MASTER, and the other, if it runs, that it is not.
func (p *pair) awaitMaster(node int) {
	p.t.Helper()
	other := high + low - node
	settled := func() bool {
		if p.state(node) != "MASTER" {
			return false
		}
		for _, vip := range p.proto.VIPs() {
			if !slices.Equal(p.lan.Holders(vip.Addr()), []int{node}) {
				return false
			}
		}
		return p.daemon[other] == nil || !p.running(other) || p.state(other) != "MASTER"
	}
	nettest.WaitFor(p.t, patience, settled, fmt.Sprintf("node %d to be the only master", node))
}

// running reports whether the daemon of a node runs.
func (p *pair) running(node int) bool {
	select {
	case <-p.daemon[node].Done():
		return false
	default:
		return true
	}
}

// from returns the captured adverts of a node since a moment. They are known by
// their source address: virtual MACs are the same on both nodes.
func (p *pair) from(node int, since time.Time) []nettest.Advert {
	var out []nettest.Advert
	for _, a := range p.cap.Adverts() {
		own := a.Src == p.lan.Prefix4(node).Addr() || a.Src == p.lan.LinkLocal(node)
		if own && !a.Time.Before(since) {
			out = append(out, a)
		}
	}
	return out
}

// awaitAdverts waits for n further adverts of a node and returns them.
func (p *pair) awaitAdverts(node, n int) []nettest.Advert {
	p.t.Helper()
	since := time.Now()
	nettest.WaitFor(p.t, patience, func() bool { return len(p.from(node, since)) >= n },
		fmt.Sprintf("%d adverts of node %d", n, node))
	return p.from(node, since)
}

// handover returns the time from the last advert of one node before the first
// of the other, to that, since a moment, and the two adverts.
func (p *pair) handover(from, to int, since time.Time) (gap time.Duration, last, first nettest.Advert) {
	p.t.Helper()
	nettest.WaitFor(p.t, patience, func() bool { return len(p.from(to, since)) > 0 },
		fmt.Sprintf("adverts of node %d", to))
	first = p.from(to, since)[0]
	for _, a := range p.from(from, time.Time{}) {
		if a.Time.Before(first.Time) {
			last = a
		}
	}
	if last.Time.IsZero() {
		p.t.Fatalf("node %d never sent", from)
	}
	return first.Time.Sub(last.Time), last, first
}
