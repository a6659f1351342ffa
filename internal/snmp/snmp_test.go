package snmp

import (
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/holdfast-ha/holdfast/internal/agentx"
	"github.com/holdfast-ha/holdfast/internal/dump"
)

// sample is a router with an instance of each version.
func sample() *Snapshot {
	now := time.Unix(1000, 0)
	vip := func(s string) []dump.Address {
		return []dump.Address{{Prefix: netip.MustParsePrefix(s), Interface: "eth0"}}
	}
	return &Snapshot{
		Version: "a router", Taken: now, UpTime: time.Minute, ChecksumErrors: 1<<32 + 5,
		Data: &dump.Data{
			Global:     dump.Global{RouterID: "R1"},
			Interfaces: []dump.Interface{{Name: "eth0", Index: 3, MAC: []byte{2, 0, 0, 0, 0, 1}}},
			Groups:     []dump.Group{{Name: "G", State: dump.Fault, Members: []string{"A", "B"}}},
			Instances: []dump.Instance{
				{
					Name: "A", Version: 2, VRID: 51, State: dump.Master, Interface: "eth0", Source: netip.MustParseAddr("192.0.2.1"),
					AdvertInterval: 2 * time.Second, Addresses: vip("192.0.2.100/24"), Multicast: netip.MustParseAddr("224.0.0.18"),
					Stats: dump.Stats{BecameMaster: 7},
				},
				{
					Name: "B", Version: 3, VRID: 51, IPv6: true, State: dump.Fault, Interface: "gone", Unicast: true,
					AdvertInterval: 30 * time.Millisecond, Addresses: vip("fe80::100/64"), NoPreempt: true,
				},
			},
		},
		More: []More{{Began: now.Add(-20 * time.Second), Reason: NoResponse}, {}},
	}
}

func show(v *agentx.View) map[string]agentx.Value {
	all := map[string]agentx.Value{}
	for _, b := range v.Objects() {
		all[b.Name.String()] = b.Value
	}
	return all
}

func TestObjects(t *testing.T) {
	v := build(sample(), &Settings{VRRP: true, RFCv2: true, RFCv3: true})
	all := show(v)
	const kp, v2, v3 = ".1.3.6.1.4.1.9586.100.5", ".1.3.6.1.2.1.68", ".1.3.6.1.2.1.207"
	for name, want := range map[string]agentx.Value{
		kp + ".1.2.0":                    agentx.Text("R1"),
		kp + ".2.1.1.3.1":                agentx.Int(3),
		kp + ".2.2.1.2.1.2":              agentx.Text("B"),
		kp + ".2.3.1.12.1":               agentx.Gauge(2),
		kp + ".2.3.1.12.2":               agentx.Gauge(3),
		kp + ".2.3.1.27.1":               agentx.Int(0),
		kp + ".2.6.1.7.1.1":              agentx.Int(3),
		kp + ".2.6.1.7.2.1":              agentx.Int(3),
		v2 + ".1.3.1.3.3.51":             agentx.Int(3),
		v2 + ".1.3.1.7.3.51":             agentx.IPv4(netip.MustParseAddr("192.0.2.1")),
		v2 + ".1.3.1.13.3.51":            agentx.Ticks(4000), // the daemon was 40 s old then
		v2 + ".1.4.1.2.3.51.192.0.2.100": agentx.Int(1),
		v2 + ".2.1.0":                    agentx.Count(5), // goes round at 2^32
		v2 + ".2.4.1.1.3.51":             agentx.Count(7),
		v3 + ".1.1.1.1.6.0.51.2":         agentx.Int(1), // the interface is not there
		v3 + ".1.1.1.1.12.3.51.1":        agentx.Ticks(2000),
		v3 + ".1.1.1.1.10.0.51.2":        agentx.Int(2),
		v3 + ".1.2.1.0":                  agentx.BigCount(1<<32 + 5),
		v3 + ".1.2.5.1.2.3.51.1":         agentx.Int(3),
		v3 + ".1.2.5.1.13.0.51.2":        agentx.Gauge(30),
	} {
		got, ok := all[name]
		if !ok || got.Syntax != want.Syntax || got.Number != want.Number || string(got.Bytes) != string(want.Bytes) {
			t.Errorf("%s: %+v (%t), want %+v", name, got, ok, want)
		}
	}
	for _, absent := range []string{v2 + ".1.3.1.3.0.51", v2 + ".1.3.1.10.3.51", kp + ".2.3.1.34.2", kp + ".2.3.1.18.1"} {
		if _, there := all[absent]; there {
			t.Errorf("%s is there", absent)
		}
	}
	if !slices.IsSortedFunc(v.Objects(), func(a, b agentx.Varbind) int { return a.Name.Compare(b.Name) }) {
		t.Error("the objects are not in order")
	}
	if got := v.Get(agentx.ParseOID(kp + ".2.3.1.2.9")).Syntax; got != agentx.NoSuchInstance {
		t.Errorf("an instance that is not there: %d", got)
	}
}

// TestOnlyWhatIsEnabled: the others are not there.
func TestOnlyWhatIsEnabled(t *testing.T) {
	for _, c := range []struct {
		set  Settings
		root string
	}{
		{Settings{VRRP: true}, ".1.3.6.1.4.1.9586.100.5."}, {Settings{RFCv2: true}, ".1.3.6.1.2.1.68."}, {Settings{RFCv3: true}, ".1.3.6.1.2.1.207."},
	} {
		all := show(build(sample(), &c.set))
		for name := range all {
			if !strings.HasPrefix(name, c.root) {
				t.Errorf("%s is there with %+v", name, c.set)
			}
		}
		if len(all) == 0 {
			t.Errorf("there is nothing with %+v", c.set)
		}
	}
}

// TestView: the daemon is asked once a second at most, and again after a change; one
// that does not answer is shown as it was.
func TestView(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, slow := atomic.Int32{}, atomic.Bool{}
		release := make(chan struct{})
		s := &Service{set: Settings{VRRP: true}, view: agentx.NewView(nil, nil), daemon: Daemon{Snapshot: func() *Snapshot {
			asked.Add(1)
			if slow.Load() {
				<-release
				return nil
			}
			return sample()
		}}}
		want := func(n int32) {
			t.Helper()
			if len(s.View().Objects()) == 0 || asked.Load() != n {
				t.Errorf("asked %d times, want %d", asked.Load(), n)
			}
		}
		want(1)
		want(1)
		s.Changed()
		want(2)
		want(2)
		time.Sleep(oldest)
		want(3)
		slow.Store(true)
		s.Changed()
		begun := time.Now()
		want(4)
		want(4) // somebody is asking already
		if took := time.Since(begun); took != askTime {
			t.Errorf("waited %v, want %v", took, askTime)
		}
		slow.Store(false)
		close(release)
		synctest.Wait()
		s.Changed()
		want(5)
	})
}

// BenchmarkBuild is what an agent needs for a router with as many instances as one
// interface can have.
func BenchmarkBuild(b *testing.B) {
	x := sample()
	one, more := x.Instances[0], x.More[0]
	x.Instances, x.More = nil, nil
	for i := range 255 {
		one.VRID = uint8(i + 1)
		x.Instances, x.More = append(x.Instances, one), append(x.More, more)
	}
	b.ReportAllocs()
	for b.Loop() {
		build(x, &Settings{VRRP: true, RFCv2: true, RFCv3: true})
	}
}
