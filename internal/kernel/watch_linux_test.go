package kernel

import (
	"fmt"
	"os/exec"
	"strings"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// command runs a program in the namespace and returns its process id and output.
func command(t *testing.T, ns *nettest.NS, line string) (int, string) {
	t.Helper()
	words := strings.Fields(line)
	if _, err := exec.LookPath(words[0]); err != nil {
		t.Skipf("needs %s: %v", words[0], err)
	}
	var out strings.Builder
	c := exec.Command(words[0], words[1:]...)
	c.Stdout, c.Stderr = &out, &out
	p, err := ns.Start(c)
	must(t, err)
	if <-p.Done(); p.Wait() != nil {
		t.Fatalf("%s: %v\n%s", line, p.Wait(), &out)
	}
	return p.PID(), out.String()
}

// Of routes and rules only those are told of that are watched, and only what
// somebody else does.
func TestMonitorWatch(t *testing.T) {
	ns, h := newSpace(t, "eth0")
	stranger := openHandle(t, ns)
	w := watch(t, ns, MonitorOptions{Own: h.Port()})
	ours := []Object{
		eth0("192.0.2.10/24"), route("10.0.0.0/8", "192.0.2.1"), rule(100, "192.0.2.0/24", 200), rule(101, "2001:db8::/32", 200),
		route("10.1.0.0/16", "192.0.2.1", func(r *Route) { r.NoTrack = true }),
	}
	must(t, w.Watch(NewWatch(ours)))
	if _, err := NewHolder(h).Apply(t.Context(), ours); err != nil {
		t.Fatal(err)
	}
	pid, _ := command(t, ns, "ip route replace 10.0.0.0/8 via 192.0.2.1 dev eth0 proto 18 mtu 1300")
	w.expect(t, `route set 10\.0\.0\.0/8 via 192\.0\.2\.1 dev eth0 mtu 1300`)
	w.mu.Lock()
	by := w.events[w.seen-1].(Disturbed).By
	w.mu.Unlock()
	if by.PID != pid || by.Own || by.Program != "ip" && by.Program != "" {
		t.Errorf("done by %+v, want process %d", by, pid)
	}
	change(t, stranger, OpDelete, ours[1])
	w.expect(t, `route removed 10\.0\.0\.0/8 .*`)
	change(t, stranger, OpDelete, ours[4])
	change(t, stranger, OpAdd, route("10.2.0.0/16", "192.0.2.1"))
	change(t, stranger, OpDelete, ours[2])
	w.expect(t, `rule removed 100: from 192\.0\.2\.0/24 lookup 200`)
	change(t, stranger, OpDelete, ours[3])
	w.expect(t, `rule removed inet6 101: from 2001:db8::/32 lookup 200`)
	change(t, h, OpAdd, ours[3])
	change(t, stranger, OpAdd, rule(100, "198.51.100.0/24", 7))
	w.expect(t, `rule set 100: from 198\.51\.100\.0/24 lookup 7`)
	w.none(t, `.*10\.[12]\.0\.0.*`)
	w.none(t, `rule set inet6 101.*`)

	// No longer.
	must(t, w.Watch(NewWatch(nil)))
	change(t, stranger, OpDelete, ours[3])
	change(t, stranger, OpAdd, eth0("203.0.113.1/24"))
	w.expect(t, "address added eth0 203.*")
	if got := strings.Count(w.since(0), "rule removed inet6 101"); got != 1 {
		t.Errorf("told of %d removals, want 1", got)
	}
}

// Who removes an address is told, when the kernel tells it.
func TestMonitorTellsWho(t *testing.T) {
	ns, h := newSpace(t, "eth0")
	w := watch(t, ns, MonitorOptions{Own: h.Port()})
	last := func() Requester {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.events[w.seen-1].(AddressRemoved).By
	}
	change(t, h, OpAdd, eth0("192.0.2.10/24"))
	change(t, h, OpDelete, eth0("192.0.2.10/24"))
	w.expect(t, "address removed eth0 192.0.2.10/24")
	if by := last(); !by.Own {
		t.Errorf("removed by %+v, want ourselves", by)
	}
	change(t, h, OpAdd, eth0("192.0.2.10/24"))
	pid, _ := command(t, ns, "ip addr del 192.0.2.10/24 dev eth0")
	w.expect(t, "address removed eth0 192.0.2.10/24")
	if by := last(); by.PID != pid || !strings.Contains(by.String(), fmt.Sprint("process ", pid)) {
		t.Errorf("removed by %v, want process %d", by, pid)
	}
	change(t, h, OpAdd, eth0("2001:db8::10/64"))
	w.expect(t, "address added eth0 2001:db8::10/64")
	command(t, ns, "ip addr del 2001:db8::10/64 dev eth0")
	w.expect(t, "address removed eth0 2001:db8::10/64")
	if by := last(); by.String() != "" {
		t.Errorf("removed by %v, of which the kernel says nothing", by)
	}
}

// The kernel tells of a new IPv6 address a little later, and of its removal at once.
func TestMonitorRemovedBeforeHeardOf(t *testing.T) {
	ns, h := newSpace(t, "eth0")
	w := watch(t, ns, MonitorOptions{Own: h.Port()})
	a := eth0("2001:db8::10/64")
	must(t, w.Watch(NewWatch([]Object{a})))
	for range 20 {
		before := len(strings.Split(w.since(0), "removed"))
		change(t, h, OpAdd, a)
		change(t, h, OpDelete, a)
		nettest.WaitFor(t, patience, func() bool { return len(strings.Split(w.since(0), "removed")) > before }, "a removal")
	}
}

func TestRequester(t *testing.T) {
	for _, tt := range []struct {
		r    Requester
		want string
	}{
		{Requester{}, ""},
		{Requester{Port: 7, PID: 7, Program: "ip"}, "ip (process 7)"},
		{Requester{Port: 7, PID: 7}, "process 7, which has ended"},
		{Requester{Port: 1 << 31}, "the program with netlink port 2147483648"},
	} {
		if got := tt.r.String(); got != tt.want {
			t.Errorf("%+v: %q, want %q", tt.r, got, tt.want)
		}
	}
	if got := requester(1<<31 + 5); got.PID != 0 {
		t.Errorf("a socket that is not the first of its process is taken for process %d", got.PID)
	}
}
