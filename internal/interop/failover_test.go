package interop_test

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// Margins of a measured time. Too early is always a fault: someone else's
// advert was not waited for. Late may be the machine, so it gets a second try.
const (
	early = time.Millisecond
	late  = 200 * time.Millisecond
)

// TestFailover takes a pair through its life: election, crash of the master,
// its return, orderly stop, return, a pulled cable, and its return.
func TestFailover(t *testing.T) {
	for _, proto := range interop.Protocols {
		for _, who := range lineups() {
			t.Run(proto.Name+"/"+who.name, func(t *testing.T) {
				t.Parallel()
				newPair(t, proto, who, nil).life()
			})
		}
	}
}

func (p *pair) life() {
	p.start(high)
	p.start(low)
	p.awaitMaster(high)
	p.checkSteady()

	p.twice("takeover after a crash", p.proto.DownTime(lowPriority), func() time.Duration {
		since := time.Now()
		p.crash(high)
		p.awaitFirst(low, since)
		gap, _, _ := p.handover(high, low, since)
		p.returns()
		return gap
	})
	p.twice("takeover after a stop", p.proto.Skew(lowPriority), func() time.Duration {
		since := time.Now()
		p.stop(high)
		gap, last, _ := p.handover(high, low, since)
		if last.Priority != 0 {
			p.t.Errorf("the last advert had priority %d, want 0", last.Priority)
		}
		p.awaitMaster(low)
		p.checkStopped(high)
		p.start(high)
		p.awaitMaster(high)
		return gap
	})
	p.cable()
	p.stop(low)
	p.stop(high)
	p.checkWire()
}

// twice checks a measured time and measures again if it was late.
func (p *pair) twice(what string, want time.Duration, measure func() time.Duration) {
	p.t.Helper()
	for try := 1; ; try++ {
		since := time.Now()
		got := measure()
		slow := machine.worst(since)
		p.t.Logf("%s: %v, %v beyond the protocol's %v; the machine was up to %v late", what, got, got-want, want, slow)
		switch {
		case got < want-early:
			p.t.Fatalf("%s: %v, which is %v too early", what, got, want-got)
		case got <= want+late+slow:
			return
		case try == 2:
			p.t.Fatalf("%s: %v, which is %v too late", what, got, got-want)
		}
	}
}

// awaitFirst waits for the node's first advert since a moment.
func (p *pair) awaitFirst(node int, since time.Time) {
	p.t.Helper()
	nettest.WaitFor(p.t, patience, func() bool { return len(p.from(node, since)) > 0 },
		fmt.Sprintf("adverts of node %d", node))
}

// returns brings the crashed node back, which still has the addresses of the
// time before, and checks that it gets them in the end.
func (p *pair) returns() {
	p.t.Helper()
	p.awaitLone(low)
	p.revive(high)
	p.start(high)
	p.awaitMaster(high)
}

// awaitLone waits until the node is master while the other cannot be asked.
func (p *pair) awaitLone(node int) {
	p.t.Helper()
	nettest.WaitFor(p.t, patience, func() bool {
		for _, vip := range p.proto.VIPs() {
			if !p.lan.Node(node).HasAddr(vip.Addr()) {
				return false
			}
		}
		return p.state(node) == "MASTER"
	}, fmt.Sprintf("node %d to be master", node))
}

// checkSteady checks that only the master sends, at its interval, with what is
// configured, and that nobody changes state.
func (p *pair) checkSteady() {
	p.t.Helper()
	since := time.Now()
	got := p.awaitAdverts(high, 4)
	slow := machine.worst(since)
	if slow > p.proto.Interval {
		// Too late for any daemon; what is wrong here is wrong then as well.
		p.awaitMaster(high)
		since = time.Now()
		got = p.awaitAdverts(high, 4)
		slow = machine.worst(since)
	}
	if n := len(p.from(low, since)); n != 0 {
		p.t.Errorf("the backup sent %d adverts", n)
	}
	for i, a := range got {
		if a.Priority != highPriority || a.VRID != interop.VRID || int(a.Version) != p.proto.Version || a.Interval != p.proto.Interval {
			p.t.Errorf("advert: priority %d, VRID %d, version %d, interval %v", a.Priority, a.VRID, a.Version, a.Interval)
		}
		if i == 0 {
			continue
		}
		// An advert that was late makes the next one look early.
		if gap := a.Time.Sub(got[i-1].Time); gap < p.proto.Interval-late-slow || gap > p.proto.Interval+late+slow {
			p.t.Errorf("advert %v after the one before, want %v; the machine was up to %v late", gap, p.proto.Interval, slow)
		}
	}
	for node, want := range map[int]string{high: "MASTER", low: "BACKUP"} {
		if got := p.state(node); got != want {
			p.t.Errorf("node %d is %s, want %s", node, got, want)
		}
	}
}

// checkStopped checks that a stopped daemon left nothing behind.
func (p *pair) checkStopped(node int) {
	p.t.Helper()
	for _, file := range []string{p.daemon[node].PIDFile(), p.daemon[node].VRRPPIDFile()} {
		if _, err := os.Stat(file); err == nil {
			p.t.Errorf("node %d left %s", node, filepath.Base(file))
		}
	}
	if pids := p.lan.Node(node).PIDs(); len(pids) != 0 {
		p.t.Errorf("node %d left processes %v", node, pids)
	}
}

// cable pulls the master's cable and plugs it in again.
func (p *pair) cable() {
	p.t.Helper()
	since := time.Now()
	if err := p.lan.Cut(high); err != nil {
		p.t.Fatal(err)
	}
	p.awaitMaster(low)
	if got := p.state(high); got != "FAULT" {
		p.t.Errorf("the node without cable is %s, want FAULT", got)
	}
	gap, _, _ := p.handover(high, low, since)
	if want := p.proto.DownTime(lowPriority); gap < want-early {
		p.t.Errorf("takeover after the cable was pulled: %v, which is %v too early", gap, want-gap)
	}
	if err := p.lan.Join(high); err != nil {
		p.t.Fatal(err)
	}
	p.awaitMaster(high)
}

// checkWire has tshark look at every advert of the test: checksums, lifetime,
// type of service and destinations.
func (p *pair) checkWire() {
	p.t.Helper()
	file := filepath.Join(p.t.TempDir(), "test.pcap")
	if err := p.cap.WritePcap(file); err != nil {
		p.t.Fatal(err)
	}
	if out := tshark(p.t, file, wrong(p.proto)); out != "" {
		p.t.Errorf("tshark finds fault with:\n%s", out)
	}
	// A filter that never matches would find no fault.
	if out := tshark(p.t, file, "vrrp && !("+wrong(p.proto)+")"); strings.Count(out, "\n") != len(p.cap.Adverts()) {
		p.t.Errorf("tshark finds %d adverts in order, the capture has %d", strings.Count(out, "\n"), len(p.cap.Adverts()))
	}
}

// wrong is a display filter for adverts that are not as they must be.
func wrong(proto interop.Protocol) string {
	faults := []string{"vrrp.checksum.status != 1", "_ws.malformed", "!(vrrp.version == " + fmt.Sprint(proto.Version) + ")"}
	switch {
	case proto.IPv6:
		faults = append(faults, "ipv6.hlim != 255", "ipv6.tclass != 0xc0",
			"ipv6.dst != ff02::12", "eth.dst != 33:33:00:00:00:12")
	case proto.Unicast:
		faults = append(faults, "ip.checksum.status != 1", "ip.ttl != 255", "ip.dsfield != 0xc0",
			"!(ip.dst == 192.0.2.1 && eth.dst == 02:00:00:00:00:01 || ip.dst == 192.0.2.2 && eth.dst == 02:00:00:00:00:02)")
	default:
		faults = append(faults, "ip.checksum.status != 1", "ip.ttl != 255", "ip.dsfield != 0xc0",
			"ip.dst != 224.0.0.18", "eth.dst != 01:00:5e:00:00:12")
	}
	switch {
	case proto.Pass:
		faults = append(faults, "vrrp.auth_type != 1", `!(vrrp.auth_string == "`+interop.Password+`")`)
	case proto.AH:
		faults = append(faults, "vrrp.auth_type != 2", "!ah", "ip.proto != 51", "ah.length != 4", "ah.next_header != 112",
			"ah.sequence == 0", "!(ah.spi == 0xc0000201 && ip.src == 192.0.2.1 || ah.spi == 0xc0000202 && ip.src == 192.0.2.2)")
	case proto.Version == 2:
		faults = append(faults, "vrrp.auth_type != 0")
	}
	return "vrrp && (" + strings.Join(faults, " || ") + ")"
}

// tshark returns a line for each frame that the display filter matches.
func tshark(t *testing.T, file, filter string, fields ...string) string {
	t.Helper()
	path := needTool(t, "tshark")
	args := []string{"-r", file, "-o", "ip.check_checksum:TRUE", "-Y", filter}
	if len(fields) > 0 {
		args = append(args, "-T", "fields")
		for _, f := range fields {
			args = append(args, "-e", f)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("tshark: %v\n%s", err, stderr.String())
	}
	return string(out)
}
