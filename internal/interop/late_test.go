package interop_test

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// lateProtocols are the ones in which daemons are stopped.
func lateProtocols() []interop.Protocol {
	return slices.DeleteFunc(slices.Clone(interop.Protocols), func(p interop.Protocol) bool {
		return p.Name != "v2" && p.Name != "v3"
	})
}

// freeze stops every process of a node, as a hypervisor or a busy machine would;
// thaw lets them run again.
func (p *pair) freeze(node int) { p.signalAll(node, syscall.SIGSTOP) }
func (p *pair) thaw(node int)   { p.signalAll(node, syscall.SIGCONT) }

func (p *pair) signalAll(node int, sig syscall.Signal) {
	p.t.Helper()
	for _, pid := range p.lan.Node(node).PIDs() {
		if err := syscall.Kill(pid, sig); err != nil {
			p.t.Fatal(err)
		}
	}
}

// wait lets time pass, in which daemons do what they do.
func (p *pair) wait(d time.Duration) {
	end := time.Now().Add(d)
	nettest.WaitFor(p.t, d+patience, func() bool { return time.Now().After(end) }, "time to pass")
}

// holders lists the nodes that hold all addresses.
func (p *pair) holders() []int {
	var nodes []int
	for _, node := range []int{high, low} {
		if p.lan.Node(node).HasAddr(p.proto.VIPs()[0].Addr()) {
			nodes = append(nodes, node)
		}
	}
	return nodes
}

// TestLateBackup stops the backup for longer than it would wait for its master.
// Nobody may notice: it sends nothing and takes no address.
func TestLateBackup(t *testing.T) {
	for _, proto := range lateProtocols() {
		for _, who := range lineups() {
			t.Run(proto.Name+"/"+who.name, func(t *testing.T) {
				t.Parallel()
				p := newPair(t, proto, who, nil)
				p.start(high)
				p.start(low)
				p.awaitMaster(high)
				p.awaitAdverts(high, 2)
				since := time.Now()
				for range 3 {
					p.freeze(low)
					p.wait(proto.DownTime(lowPriority) + time.Duration(rand.Int64N(int64(2*proto.Interval))))
					p.thaw(low)
					p.awaitAdverts(high, 4)
				}
				sent := p.from(low, since)
				t.Logf("%s as backup, stopped three times for about %v: %d adverts of its own", who.low, proto.DownTime(lowPriority), len(sent))
				if who.low == ours && len(sent) > 0 {
					// On a busy machine the master itself may be silent.
					if gap, _, _ := p.handover(high, low, since); gap < proto.DownTime(lowPriority)-early {
						t.Errorf("the backup takes over %v after an advert of the master", gap)
					}
				}
				p.awaitMaster(high)
				p.stop(low)
				p.stop(high)
			})
		}
	}
}

// TestLateMaster stops the master until the backup has taken over. When it runs
// again it yields: no advert, no announcement, its addresses gone; and then wins
// the next election like any other.
func TestLateMaster(t *testing.T) {
	who := append(lineups(), lineup{"keepalived+keepalived", interop.Keepalived, interop.Keepalived})
	for _, proto := range lateProtocols() {
		for _, nopreempt := range []bool{false, true} {
			for _, who := range who {
				if proto.Version == 2 && (who.high != ours || who.low == ours && nopreempt) {
					continue // it says nothing that version 3 does not, and takes long
				}
				name := proto.Name + "/" + who.name
				if nopreempt {
					name += "/nopreempt"
				}
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					newPair(t, proto, who, func(c *interop.Conf) {
						if nopreempt {
							c.Inside = "\tnopreempt\n"
						}
					}).lateMaster(nopreempt, who.high)
				})
			}
		}
	}
}

func (p *pair) lateMaster(nopreempt bool, program string) {
	p.start(high)
	p.awaitMaster(high)
	p.start(low)
	p.awaitAdverts(high, 4)
	p.freeze(high)
	since := time.Now()
	p.awaitFirst(low, since)
	p.awaitAdverts(low, 5)
	back := time.Now()
	p.thaw(high)

	winner := high
	if nopreempt && program == ours { // keepalived takes it back all the same
		winner = low
	}
	p.wait(p.proto.DownTime(highPriority) * 5 / 4)
	p.awaitMaster(winner)
	wait := "never"
	if first := p.from(high, back); len(first) > 0 {
		wait = first[0].Time.Sub(back).String()
		if program == ours && first[0].Time.Sub(back) < p.proto.DownTime(highPriority)-early {
			p.t.Errorf("it advertises %s after it runs again, before an election is over", wait)
		}
	}
	if program == ours && nopreempt && wait != "never" {
		p.t.Errorf("it has fought for an election that it must not win")
	}
	both, burst := 0, 0
	for _, a := range p.from(high, back) {
		both = max(both, len(p.from(low, a.Time)))
		if n := len(p.from(high, a.Time.Add(-p.proto.Interval/2))) - len(p.from(high, a.Time.Add(1))); n > burst {
			burst = n
		}
	}
	p.t.Logf("%s as a master that was away: first advert after %s, %d of them within half an interval, and %d of the other after that; MASTER in the end: node %d; %s",
		program, wait, burst, both, winner, lateLines(p.daemon[high]))
	if program == ours && (both > 1 || burst > 1) {
		p.t.Errorf("both advertise: %d at a time, and %d of the other after that", burst, both)
	}
	if got := p.holders(); !slices.Equal(got, []int{winner}) {
		p.t.Errorf("the address is held by %v, want %d", got, winner)
	}
	p.stop(low)
	p.stop(high)
}

// lateLines counts what a daemon has to say about it.
func lateLines(d *interop.Daemon) string {
	return fmt.Sprintf("%d times MASTER, %d times lower priority heard, %d timers late, %d times taken over meanwhile",
		d.LogLines("Entering MASTER"), d.LogLines("with lower priority"), d.LogLines("thread timer expired"), d.LogLines("took over meanwhile"))
}
