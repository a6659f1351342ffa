package interop_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// both picks one form of each version for what does not depend on the form.
func both() []interop.Protocol {
	return slices.DeleteFunc(slices.Clone(interop.Protocols), func(p interop.Protocol) bool {
		return p.Name != "v2pass" && p.Name != "v3"
	})
}

// TestNopreempt checks that a node of higher priority leaves the master alone,
// but takes over at once when that stops, and then stays.
func TestNopreempt(t *testing.T) {
	for _, proto := range both() {
		for _, who := range lineups() {
			t.Run(proto.Name+"/"+who.name, func(t *testing.T) {
				t.Parallel()
				p := newPair(t, proto, who, func(c *interop.Conf) { c.Inside = "\tnopreempt\n" })
				p.start(low)
				p.awaitMaster(low)
				p.start(high)
				nettest.WaitFor(t, patience, func() bool { return p.state(high) == "BACKUP" }, "node 1 to be backup")
				// Twice the longest time after which it could preempt.
				n := 1 + int(2*p.proto.DownTime(highPriority)/p.proto.Interval)
				since := time.Now()
				p.awaitAdverts(low, n)
				if n := len(p.from(high, since)); n != 0 || p.state(high) != "BACKUP" {
					t.Errorf("the node of higher priority sent %d adverts and is %s", n, p.state(high))
				}

				since = time.Now()
				p.stop(low)
				gap, last, _ := p.handover(low, high, since)
				if want := p.proto.Skew(highPriority); gap < want-early || last.Priority != 0 {
					t.Errorf("takeover %v after priority %d, want %v after 0", gap, last.Priority, want)
				}
				p.awaitMaster(high)
				p.start(low)
				p.awaitAdverts(high, n)
				p.awaitMaster(high)
			})
		}
	}
}

// TestTrackedScript checks that a failing script takes priority away, that the
// other node then takes over, and that recovery brings the master back.
func TestTrackedScript(t *testing.T) {
	needScripts(t)
	test := needTool(t, "test")
	for _, proto := range both() {
		for _, who := range lineups() {
			t.Run(proto.Name+"/"+who.name, func(t *testing.T) {
				t.Parallel()
				healthy := filepath.Join(t.TempDir(), "healthy")
				p := newPair(t, proto, who, func(c *interop.Conf) {
					if c.Node != high {
						return
					}
					c.Before = fmt.Sprintf("vrrp_script chk {\n\tscript \"%s -e %s\"\n\tinterval 1\n\tweight -150\n\tfall 1\n\trise 1\n}\n", test, healthy)
					c.Inside = "\ttrack_script {\n\t\tchk\n\t}\n"
				})
				write := func() {
					if err := os.WriteFile(healthy, nil, 0o644); err != nil {
						t.Fatal(err)
					}
				}
				write()
				p.start(high)
				p.start(low)
				p.awaitMaster(high)

				if err := os.Remove(healthy); err != nil {
					t.Fatal(err)
				}
				p.awaitMaster(low)
				if got := p.from(high, time.Time{}); got[len(got)-1].Priority != highPriority-150 {
					t.Errorf("the last advert had priority %d, want %d", got[len(got)-1].Priority, highPriority-150)
				}
				if n := p.daemon[high].LogLines("Changing effective priority from 200 to 50"); n != 1 {
					t.Errorf("the change of priority was logged %d times, want once", n)
				}

				write()
				p.awaitMaster(high)
				if got := p.awaitAdverts(high, 1)[0].Priority; got != highPriority {
					t.Errorf("priority %d after recovery, want %d", got, highPriority)
				}
			})
		}
	}
}

// TestScriptFault checks that a script without weight takes the node out of
// service: it says goodbye and goes to FAULT, and comes back as BACKUP.
func TestScriptFault(t *testing.T) {
	needScripts(t)
	test := needTool(t, "test")
	for _, who := range lineups() {
		t.Run(who.name, func(t *testing.T) {
			t.Parallel()
			healthy := filepath.Join(t.TempDir(), "healthy")
			p := newPair(t, interop.Protocols[3], who, func(c *interop.Conf) {
				if c.Node != high {
					return
				}
				c.Before = fmt.Sprintf("vrrp_script chk {\n\tscript \"%s -e %s\"\n\tinterval 1\n\tfall 1\n\trise 1\n}\n", test, healthy)
				c.Inside = "\ttrack_script {\n\t\tchk\n\t}\n"
			})
			p.start(high)
			p.start(low)
			p.awaitMaster(low)
			if p.daemon[high].LogLines("Entering MASTER STATE") != 0 {
				t.Error("a node whose script never succeeded was master")
			}
			if err := os.WriteFile(healthy, nil, 0o644); err != nil {
				t.Fatal(err)
			}
			p.awaitMaster(high)

			since := time.Now()
			if err := os.Remove(healthy); err != nil {
				t.Fatal(err)
			}
			p.awaitMaster(low)
			gap, last, _ := p.handover(high, low, since)
			if want := p.proto.Skew(lowPriority); gap < want-early || last.Priority != 0 {
				t.Errorf("takeover %v after priority %d, want %v after 0", gap, last.Priority, want)
			}
			if got := p.state(high); got != "FAULT" {
				t.Errorf("the node is %s, want FAULT", got)
			}
		})
	}
}
