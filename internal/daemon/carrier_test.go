package daemon

import (
	"errors"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-ha/holdfast/internal/kernel"
)

// Flags of a link that is up, and of one that has lost its carrier.
const (
	linkRuns   = 0x11043
	linkSilent = 0x1003
)

// lineLog keeps the lines of a log.
type lineLog struct {
	mu    sync.Mutex
	lines []string
}

func (l *lineLog) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	_, text, _ := strings.Cut(string(b), "msg=")
	l.lines = append(l.lines, strings.Trim(text, "\"\n"))
	return len(b), nil
}

// take returns the lines about links since the last call.
func (l *lineLog) take() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	lines := slices.DeleteFunc(l.lines, func(s string) bool { return strings.HasPrefix(s, "(A)") })
	l.lines = nil
	return lines
}

// linkLab is a daemon without a kernel whose links a test moves.
type linkLab struct {
	*Daemon
	t   *testing.T
	log *lineLog
}

func newLinkLab(t *testing.T, conf string) *linkLab {
	l := &linkLab{Daemon: standIn(t, conf), t: t, log: &lineLog{}}
	l.Daemon.log = &logger{slog.New(slog.NewTextHandler(l.log, &slog.HandlerOptions{Level: slog.LevelDebug}))}
	l.monitor = kernel.NewMonitor(kernel.MonitorOptions{})
	l.static = newStatics(l.Daemon)
	l.links["eth0"] = testLink("eth0", 2, linkRuns)
	l.links["eth1"] = testLink("eth1", 3, linkRuns)
	l.delayCarriers(l.cfg)
	l.rewire()
	return l
}

// flags reports new flags of a link.
func (l *linkLab) flags(name string, flags uint32) {
	old := l.links[name]
	l.kernelEvent(kernel.LinkChanged{Old: old, New: testLink(name, old.Index, flags)})
}

// after lets time pass.
func (l *linkLab) after(d time.Duration) {
	time.Sleep(d)
	synctest.Wait()
	l.catchUp()
}

// want checks the state that counts and the lines that were logged.
func (l *linkLab) want(name string, up bool, lines ...string) {
	l.t.Helper()
	if got := l.linkUp(name); got != up {
		l.t.Errorf("%s is up: %v, want %v", name, got, up)
	}
	if got := l.log.take(); !slices.Equal(got, lines) {
		l.t.Errorf("log %q, want %q", got, lines)
	}
}

// The instance's own interface is away, so that no socket is opened.
const debounceConf = `
global_defs {
	dynamic_interfaces
}
interface_up_down_delays {
	eth0 1.5 0.5
	eth1 1.5
}
vrrp_instance A {
	interface eth9
	virtual_router_id 1
	virtual_ipaddress {
		192.0.2.101
	}
	track_interface {
		eth0
		eth1
	}
}
`

func TestDebounce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLinkLab(t, debounceConf)
		const adding = "eth0: Adding flags change from 0x11043 to 0x1003 delay by 1500000"
		// A short loss does not count.
		l.flags("eth0", linkSilent)
		l.want("eth0", true, adding)
		l.after(time.Second)
		l.flags("eth0", linkRuns)
		l.want("eth0", true, "Delay timer for eth0 cancelled")
		l.after(time.Hour)
		l.want("eth0", true)
		// One that lasts does, from its beginning on.
		l.flags("eth0", linkSilent)
		l.after(time.Second)
		l.flags("eth0", linkSilent|0x100) // another change on the way
		l.after(499 * time.Millisecond)
		l.want("eth0", true, adding)
		l.after(time.Millisecond)
		l.want("eth0", false, "Netlink reports eth0 down")
		// The same on the way up.
		l.flags("eth0", linkRuns)
		l.after(499 * time.Millisecond)
		l.want("eth0", false, "eth0: Adding flags change from 0x1103 to 0x11043 delay by 500000")
		l.after(time.Millisecond)
		l.want("eth0", true, "Netlink reports eth0 up")
		// Without a delay for it, up counts at once.
		l.flags("eth1", linkSilent)
		l.after(1500 * time.Millisecond)
		l.want("eth1", false, "eth1: Adding flags change from 0x11043 to 0x1003 delay by 1500000", "Netlink reports eth1 down")
		l.flags("eth1", linkRuns)
		l.want("eth1", true, "Netlink reports eth1 up")
	})
}

// A link that is deleted is gone at once, and one that has not been up yet is
// not held back.
func TestDebounceLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLinkLab(t, debounceConf)
		l.flags("eth0", linkSilent)
		l.log.take()
		l.kernelEvent(kernel.LinkGone{Link: l.links["eth0"]})
		l.want("eth0", false, "Netlink reports eth0 down", "Interface eth0 deleted")
		l.after(time.Hour)
		l.want("eth0", false)
		l.kernelEvent(kernel.LinkAdded{Link: testLink("eth0", 9, linkSilent)})
		l.want("eth0", false, "Interface eth0 added")
		l.flags("eth0", linkRuns)
		l.want("eth0", true, "Netlink reports eth0 up")
		l.flags("eth0", linkSilent) // it has been up now
		l.want("eth0", true, "eth0: Adding flags change from 0x11043 to 0x1003 delay by 1500000")
		// A reload that takes the delay away does not wait for it.
		l.delayCarriers(loadText(t, strings.Replace(debounceConf, "eth0 1.5 0.5", "", 1)))
		l.want("eth0", false, "Netlink reports eth0 down")
	})
}

// fakeProbe answers for drivers.
type fakeProbe struct {
	mu sync.Mutex
	up map[string]bool // "LINK METHOD"; missing: the driver does not answer so
}

func (p *fakeProbe) set(what string, up bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.up[what] = up
}

func (p *fakeProbe) Close() {}

func (p *fakeProbe) Carrier(link string, how kernel.LinkMethod) (bool, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	up, ok := p.up[fmt.Sprint(link, " ", how)]
	if !ok {
		return false, errors.New("not supported")
	}
	return up, nil
}

// The driver's word counts, not what the kernel reports.
func TestLinkbeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		conf := debounceConf + "linkbeat_interfaces {\n eth1 MII\n eth7\n}\n"
		l := newLinkLab(t, conf)
		probe := &fakeProbe{up: map[string]bool{"eth1 ETHTOOL": false, "eth0 ETHTOOL": false}}
		l.openProbe = func() (prober, error) { return probe, nil }
		l.pollCarriers(l.cfg)
		defer l.stopPolling()
		l.after(0)
		l.want("eth1", false, "Turning off linkbeat for eth7 since not used for tracking", "Using MII-BMSR/ETHTOOL NIC polling thread(s)...",
			"(eth1): Configured linkbeat type MII not supported, using ETHTOOL", "Linkbeat reports eth1 down")
		l.flags("eth1", linkSilent)
		l.flags("eth1", linkRuns)
		l.want("eth1", false)
		probe.set("eth1 ETHTOOL", true)
		l.after(999 * time.Millisecond)
		l.want("eth1", false)
		l.after(time.Millisecond)
		l.want("eth1", true, "Linkbeat reports eth1 up")
		l.flags("eth1", linkSilent)
		l.want("eth1", true)
		// eth0 is not polled.
		l.want("eth0", true)
		// A reload that ends the polling goes back to what the kernel says.
		l.pollCarriers(loadText(t, debounceConf))
		l.want("eth1", false, "Netlink reports eth1 down")
	})
}
