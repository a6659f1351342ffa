package dbus

import (
	"errors"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	godbus "github.com/godbus/dbus/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/dbus/dbustest"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

// fake is a daemon that remembers what it is asked for.
type fake struct {
	mu    sync.Mutex
	asked []string
	log   []string
	state atomic.Uint32
}

func (f *fake) ask(what string) func() {
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.asked = append(f.asked, what)
	}
}

func (f *fake) commands() Commands {
	return Commands{
		PrintData: f.ask("data"), Reload: f.ask("reload"),
		PrintStats: func(clearAfter bool) {
			if clearAfter {
				f.ask("stats, clear")()
			} else {
				f.ask("stats")()
			}
		},
	}
}

func (f *fake) instance(name string, k Key) Instance {
	return Instance{Name: name, Key: k, State: func() State { return State(f.state.Load()) }, Announce: f.ask("announce " + name)}
}

func (f *fake) start(t *testing.T, address string, set Settings) *Service {
	t.Setenv("DBUS_SYSTEM_BUS_ADDRESS", address)
	s := Start(set, f.commands(), func(format string, _ ...any) {
		f.mu.Lock()
		defer f.mu.Unlock()
		f.log = append(f.log, format)
	}, nil)
	t.Cleanup(func() {
		select {
		case <-s.ending:
		default:
			s.Stop(time.Second)
		}
	})
	return s
}

var (
	key4 = Key{Interface: "eth0.5", VRID: 51}
	key6 = Key{VRID: 52, IPv6: true}
)

const (
	daemonPath = "/org/keepalived/Vrrp1/Vrrp"
	path4      = "/org/keepalived/Vrrp1/Instance/eth0_5/51/IPv4"
	path6      = "/org/keepalived/Vrrp1/Instance/none/52/IPv6"
)

// TestSignals follows the life of two instances on a bus, one of which a reload
// removes and the other renames.
func TestSignals(t *testing.T) {
	bus := dbustest.Start(t, "")
	ears := bus.Listen()
	f := &fake{}
	s := f.start(t, bus.Address, Settings{})
	s.Instances([]Instance{f.instance("A", key4), f.instance("B", key6)})
	s.Changed(key4, Backup)
	s.Changed(key6, Backup)
	ears.Await(path4 + " VrrpStatusChange 1")
	ears.Await(path6 + " VrrpStatusChange 1")
	s.Changed(key4, Master)
	s.Changed(key4, Master) // is no change
	s.Changed(key6, Fault)
	s.Instances([]Instance{f.instance("A2", key4)})
	s.Changed(key6, Fault) // gone: it is told, although it was its state before
	s.Reloaded()
	s.Changed(key4, Stop)
	if !s.Stop(5 * time.Second) {
		t.Error("the service did not end in time")
	}
	ears.Await(daemonPath + " VrrpStopped")
	want := []string{
		daemonPath + " VrrpStarted",
		path4 + " VrrpStatusChange 1", path6 + " VrrpStatusChange 1",
		path4 + " VrrpStatusChange 2", path6 + " VrrpStatusChange 3", path6 + " VrrpStatusChange 3",
		daemonPath + " VrrpReloaded",
		path4 + " VrrpStatusChange 98", daemonPath + " VrrpStopped",
	}
	if d := cmp.Diff(want, ears.Heard); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// online waits until the service has its name.
func online(t *testing.T, c *godbus.Conn, name string) {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); ; {
		var there bool
		err := c.BusObject().Call("org.freedesktop.DBus.NameHasOwner", 0, name).Store(&there)
		if there {
			return
		}
		if err != nil || time.Now().After(end) {
			t.Fatalf("%s is not on the bus (%v)", name, err)
		}
	}
}

func errorName(err error) string {
	var e godbus.Error
	if errors.As(err, &e) {
		return strings.TrimPrefix(e.Name, "org.freedesktop.DBus.Error.")
	}
	return ""
}

func TestObjects(t *testing.T) {
	bus := dbustest.Start(t, "")
	f := &fake{}
	f.state.Store(uint32(Master))
	s := f.start(t, bus.Address, Settings{Name: "org.example.Router", NoInterface: "no-where", Namespace: "blue", Instance: "a.1"})
	s.Instances([]Instance{f.instance("A", key4), f.instance("B", key6), f.instance("double", key4)})
	c := bus.Connect()
	online(t, c, "org.example.Router")
	const root = "/org/keepalived/Vrrp1/blue/a_1"
	a := c.Object("org.example.Router", root+"/Instance/eth0_5/51/IPv4")
	daemon := c.Object("org.example.Router", root+"/Vrrp")

	for prop, want := range map[string]any{"Name": []any{"A"}, "State": []any{uint32(2), "Master"}} {
		got, err := a.GetProperty(instInterface + "." + prop)
		if d := cmp.Diff(want, got.Value()); err != nil || d != "" {
			t.Errorf("%s: %v (-want +got):\n%s", prop, err, d)
		}
	}
	var all map[string]godbus.Variant
	if err := a.Call(propInterface+".GetAll", 0, instInterface).Store(&all); err != nil || len(all) != 2 {
		t.Errorf("GetAll: %v, %v", all, err)
	}
	for _, m := range []string{"PrintData", "PrintStats", "PrintStatsClear", "ReloadConfig"} {
		if err := daemon.Call(vrrpInterface+"."+m, 0).Err; err != nil {
			t.Errorf("%s: %v", m, err)
		}
	}
	if err := a.Call("SendGarp", 0).Err; err != nil { // without the name of the interface
		t.Errorf("SendGarp: %v", err)
	}
	f.mu.Lock()
	asked := slices.Clone(f.asked)
	f.mu.Unlock()
	if want := []string{"data", "stats", "stats, clear", "reload", "announce A"}; !slices.Equal(asked, want) {
		t.Errorf("asked %q, want %q", asked, want)
	}
	for _, x := range []struct {
		what string
		on   godbus.BusObject
		name string
		args []any
		want string
	}{
		{"unknown method", a, instInterface + ".Foo", nil, "UnknownMethod"},
		{"method of another interface", a, vrrpInterface + ".PrintData", nil, "UnknownMethod"},
		{"unknown object", c.Object("org.example.Router", root+"/Instance/eth0_5/99/IPv4"), instInterface + ".SendGarp", nil, "UnknownMethod"},
		{"place above", c.Object("org.example.Router", root+"/Instance"), propInterface + ".GetAll", []any{""}, "UnknownMethod"},
		{"argument", a, instInterface + ".SendGarp", []any{"x"}, "InvalidArgs"},
		{"unknown property", a, propInterface + ".Get", []any{instInterface, "Foo"}, "InvalidArgs"},
		{"interface without properties", daemon, propInterface + ".GetAll", []any{vrrpInterface}, "InvalidArgs"},
		{"setting", a, propInterface + ".Set", []any{instInterface, "Name", godbus.MakeVariant("x")}, "InvalidArgs"},
	} {
		if got := errorName(x.on.Call(x.name, 0, x.args...).Err); got != x.want {
			t.Errorf("%s: %q, want %q", x.what, got, x.want)
		}
	}
	if err := daemon.Call("org.freedesktop.DBus.Peer.Ping", 0).Err; err != nil {
		t.Errorf("Ping: %v", err)
	}
	for path, want := range map[string]string{"/": "org", root: "Instance Vrrp", root + "/Instance": "eth0_5 no_where"} {
		node, err := below(c.Object("org.example.Router", godbus.ObjectPath(path)))
		if got := strings.Join(node, " "); err != nil || got != want {
			t.Errorf("below %s: %q (%v), want %q", path, got, err, want)
		}
	}
}

// TestBusEnds: whoever listens to the next bus hears of everything.
func TestBusEnds(t *testing.T) {
	bus := dbustest.Start(t, "")
	f := &fake{}
	s := f.start(t, bus.Address, Settings{})
	s.Instances([]Instance{f.instance("A", key4)})
	online(t, bus.Connect(), ServiceName)
	bus.Kill()
	s.Changed(key4, Master) // while nobody hears it
	bus.Run()
	ears := bus.Listen()
	ears.Await(path4 + " VrrpStatusChange 2")
	if !slices.Contains(ears.Heard, daemonPath+" VrrpStarted") {
		t.Errorf("heard %q", ears.Heard)
	}
}

// TestNameTaken: the next turn is ours.
func TestNameTaken(t *testing.T) {
	bus := dbustest.Start(t, "")
	other := bus.Connect()
	if _, err := other.RequestName(ServiceName, 0); err != nil {
		t.Fatal(err)
	}
	f := &fake{}
	s := f.start(t, bus.Address, Settings{})
	s.Instances([]Instance{f.instance("A", key4)})
	ears := bus.Listen()
	s.Changed(key4, Master)
	ears.Await(path4 + " VrrpStatusChange 2")
	if err := other.Close(); err != nil {
		t.Fatal(err)
	}
	online(t, bus.Connect(), ServiceName)
}

// TestSilentBus: one that takes our call and says nothing delays nobody.
func TestSilentBus(t *testing.T) {
	path := filepath.Join(t.TempDir(), "bus")
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	f := &fake{}
	s := f.start(t, "unix:path="+path, Settings{})
	c, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	begun := time.Now()
	for range 2 * queueSize {
		s.Changed(key4, Master)
		s.Reloaded()
	}
	s.Stop(100 * time.Millisecond)
	if took := time.Since(begun); took > 2*time.Second {
		t.Errorf("took %v", took)
	}
}

// TestQueueIsBounded: what does not fit is left out, the oldest first.
func TestQueueIsBounded(t *testing.T) {
	s := &Service{wake: make(chan struct{}, 1), online: true, log: func(string, ...any) {}}
	for i := range queueSize + 3 {
		s.push(signal{body: []any{i}})
	}
	q := s.take()
	if len(q) != queueSize || q[0].body[0] != 3 {
		t.Errorf("%d signals, the first %v", len(q), q[0].body)
	}
}

// TestBusStandsStill: when it takes no more of what is sent, the service gives it up
// and looks for it again.
func TestBusStandsStill(t *testing.T) {
	bus := dbustest.Start(t, "")
	f := &fake{}
	s := f.start(t, bus.Address, Settings{})
	s.Instances([]Instance{f.instance("A", key4)})
	online(t, bus.Connect(), ServiceName)
	bus.Signal(syscall.SIGSTOP)
	defer bus.Signal(syscall.SIGCONT)
	said := func() bool {
		f.mu.Lock()
		defer f.mu.Unlock()
		return slices.ContainsFunc(f.log, func(line string) bool { return strings.Contains(line, "trying again") })
	}
	nettest.WaitFor(t, 4*ioTimeout, func() bool {
		for range 10 {
			s.Reloaded()
		}
		return said()
	}, "the service giving up a bus that takes nothing")
}
