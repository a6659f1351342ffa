package interop_test

import (
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// TestReload checks that a reload without change leaves a master alone, and
// that a backup whose priority is raised above the master's takes over without
// a time without master, and gives back when it is lowered again.
func TestReload(t *testing.T) {
	for _, proto := range both() {
		for _, who := range lineups() {
			t.Run(proto.Name+"/"+who.name, func(t *testing.T) {
				t.Parallel()
				p := newPair(t, proto, who, nil)
				p.start(high)
				p.start(low)
				p.awaitMaster(high)
				p.reloadUnchanged()

				since := time.Now()
				p.reload(low, highPriority+50)
				p.awaitMaster(low)
				if gap, last, _ := p.handover(high, low, since); gap > proto.Interval+late+machine.worst(since) || last.Priority == 0 {
					t.Errorf("no adverts for %v after priority %d, want at most %v", gap, last.Priority, proto.Interval)
				}
				since = time.Now()
				p.reload(low, lowPriority)
				p.awaitMaster(high)
				if gap, last, _ := p.handover(low, high, since); gap > proto.Interval+late+machine.worst(since) || last.Priority == 0 {
					t.Errorf("no adverts for %v after priority %d, want at most %v", gap, last.Priority, proto.Interval)
				}
			})
		}
	}
}

// reload gives the daemon of a node another priority.
func (p *pair) reload(node, priority int) {
	p.t.Helper()
	p.conf[node].Priority = priority
	file := filepath.Join(p.dirs[node], "keepalived.conf")
	if err := os.WriteFile(file, []byte(p.conf[node].String()), 0o644); err != nil {
		p.t.Fatal(err)
	}
	if err := p.daemon[node].Signal(syscall.SIGHUP); err != nil {
		p.t.Fatal(err)
	}
}

// reloadUnchanged reloads the master and checks that nobody can tell.
func (p *pair) reloadUnchanged() {
	p.t.Helper()
	removed := p.watchRemovals(high)
	since := time.Now()
	before := p.daemon[high].LogLines("Entering ")
	p.reload(high, highPriority)
	nettest.WaitFor(p.t, patience, func() bool { return p.daemon[high].LogLines("Reload complete") > 0 }, "the reload")
	got := p.awaitAdverts(high, 5)
	if n := removed(); n != 0 {
		p.t.Errorf("the reload removed addresses %d times", n)
	}
	if gap := longest(p.from(high, since)); gap > p.proto.Interval+late+machine.worst(since) {
		p.t.Errorf("the master was silent for %v during its reload", gap)
	}
	for _, a := range got {
		if a.Priority != highPriority {
			p.t.Errorf("an advert with priority %d after the reload", a.Priority)
		}
	}
	if n := p.daemon[high].LogLines("Entering ") - before; n > 0 {
		p.t.Errorf("the reload logged %d transitions", n)
	}
	if n := len(p.from(low, since)); n != 0 {
		p.t.Errorf("the backup sent %d adverts during the master's reload", n)
	}
}

// watchRemovals counts the addresses that are removed on a node until the
// result is called.
func (p *pair) watchRemovals(node int) func() int {
	p.t.Helper()
	updates, done := make(chan netlink.AddrUpdate, 64), make(chan struct{})
	err := p.lan.Node(node).Do(func() error {
		return netlink.AddrSubscribe(updates, done)
	})
	if err != nil {
		p.t.Fatal(err)
	}
	count := make(chan int)
	go func() {
		n := 0
		for u := range updates {
			if !u.NewAddr {
				n++
			}
		}
		count <- n
	}()
	return func() int {
		close(done)
		return <-count
	}
}
