package kernel

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// drivers answer as a test says, without a kernel.
type drivers struct {
	mu  sync.Mutex
	say map[string]any // "LINK METHOD": a bool or an error
}

func (d *drivers) set(what string, v any) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.say[what] = v
}

func (d *drivers) Carrier(link string, how LinkMethod) (bool, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch v := d.say[fmt.Sprint(link, " ", how)].(type) {
	case bool:
		return v, nil
	case error:
		return false, v
	}
	return false, errors.New("not supported")
}

func TestPoller(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := &drivers{say: map[string]any{
			"a MII": true, "a ETHTOOL": false, // the first that answers is taken
			"b ETHTOOL": true, "b IOCTL": true,
			"c IOCTL": true,
			"d IOCTL": true, "e ETHTOOL": true, "e IOCTL": true,
			"f MII": ErrNoLink, "f ETHTOOL": ErrNoLink, "f IOCTL": ErrNoLink,
		}}
		var got []string
		say := func(format string, args ...any) { got = append(got, fmt.Sprintf(format, args...)) }
		p := NewPoller([]Linkbeat{
			{Link: "a"},
			{Link: "b", Preferred: MII},
			{Link: "c"},
			{Link: "d", DriverOnly: true},
			{Link: "e", Preferred: Ioctl},
			{Link: "f"},
		}, PollerOptions{
			Probe: d, Log: func(text string) { say("%s", text) },
			Carrier: func(link string, up bool) { say("%s %v", link, up) },
		})
		go p.Run(t.Context())
		expect := func(want ...string) {
			t.Helper()
			synctest.Wait()
			if !slices.Equal(got, want) {
				t.Errorf("%q, want %q", got, want)
			}
			got = nil
		}
		<-p.Ready()
		expect("a true", "(b): Configured linkbeat type MII not supported, using ETHTOOL", "b true", "c true", "e true")
		if got, want := fmt.Sprint(p.Methods()), "map[a:MII b:ETHTOOL c:IOCTL e:IOCTL]"; got != want {
			t.Errorf("methods %s, want %s", got, want)
		}
		d.set("a MII", false)
		d.set("f MII", errors.New("not supported"))
		d.set("f ETHTOOL", true)
		time.Sleep(time.Second)
		expect("a false", "f true")
		time.Sleep(time.Second)
		expect()
		// Away, and back with another driver.
		for _, how := range linkMethods {
			d.set(fmt.Sprint("b ", how), ErrNoLink)
		}
		time.Sleep(time.Second)
		expect("b false")
		time.Sleep(time.Second)
		expect()
		d.set("b MII", true)
		time.Sleep(time.Second)
		expect("b true")
	})
}

// Real drivers: veth answers to ethtool, and every link has flags.
func TestCarrierProbe(t *testing.T) {
	nettest.Require(t)
	ns := nettest.NewT(t, "probe")
	if err := ns.Handle().LinkAdd(&netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}, PeerName: "far"}); err != nil {
		t.Fatal(err)
	}
	set := func(name string, up bool) {
		t.Helper()
		l, err := ns.Handle().LinkByName(name)
		if err == nil && up {
			err = ns.Handle().LinkSetUp(l)
		} else if err == nil {
			err = ns.Handle().LinkSetDown(l)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	var p *CarrierProbe
	if err := ns.Do(func() (err error) { p, err = OpenCarrierProbe(); return err }); err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	want := func(up bool) {
		t.Helper()
		for _, how := range []LinkMethod{Ethtool, Ioctl} {
			nettest.WaitFor(t, patience, func() bool {
				got, err := p.Carrier("eth0", how)
				return err == nil && got == up
			}, fmt.Sprintf("%s to say %v", how, up))
		}
	}
	want(false)
	set("eth0", true)
	want(false) // the other end is down
	set("far", true)
	want(true)
	set("eth0", false)
	want(false)
	if _, err := p.Carrier("eth0", MII); err == nil || errors.Is(err, ErrNoLink) {
		t.Errorf("a veth answers to MII: %v", err)
	}
	if _, err := p.Carrier("eth9", Ethtool); !errors.Is(err, ErrNoLink) {
		t.Errorf("no interface: %v", err)
	}
}
