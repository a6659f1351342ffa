package interop_test

import (
	"encoding/xml"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	godbus "github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/introspect"
	"github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/dbus/dbustest"
	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

const busConf = `
global_defs {
	router_id R1
	vrrp_version 3
	enable_dbus
}
vrrp_instance VI_4 {
	interface eth0
	virtual_router_id 51
	priority 150
	advert_int 0.1
	virtual_ipaddress {
		192.0.2.100
	}
}
`

const busConf6 = `
vrrp_instance VI_6 {
	interface eth0
	virtual_router_id 52
	advert_int 0.1
	virtual_ipaddress {
		fe80::100/64
	}
}
`

const (
	busName   = "org.keepalived.Vrrp1"
	busRoot   = "/org/keepalived/Vrrp1"
	busDaemon = busRoot + "/Vrrp"
	bus4      = busRoot + "/Instance/eth0/51/IPv4"
	bus6      = busRoot + "/Instance/eth0/52/IPv6"
)

// onBus starts a daemon that finds the bus.
func onBus(t *testing.T, bus *dbustest.Bus, program string) *interop.Daemon {
	t.Helper()
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	dir := t.TempDir()
	wrapper := filepath.Join(dir, "daemon")
	text := fmt.Sprintf("#!/bin/sh\nDBUS_SYSTEM_BUS_ADDRESS=%s exec %s \"$@\"\n", bus.Address, program)
	if err := nettest.WriteProgram(wrapper, []byte(text)); err != nil {
		t.Fatal(err)
	}
	d, err := interop.Start(lan.Node(1), wrapper, dir, busConf+busConf6)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of %s:\n%s", program, d.Log())
		}
	})
	return d
}

// busStory runs a program through a start, all that can be asked, a reload without
// one of its instances and a stop, and returns what is seen of it on the bus.
func busStory(t *testing.T, program string) map[string]any {
	t.Helper()
	bus := dbustest.Start(t, "")
	ears := bus.Listen()
	d := onBus(t, bus, program)
	ears.Await(bus4 + " VrrpStatusChange 2")
	if !slices.Contains(ears.Heard, bus6+" VrrpStatusChange 2") {
		ears.Await(bus6 + " VrrpStatusChange 2")
	}
	seen := map[string]any{"start": sortedStates(ears.Heard)}
	c := bus.Connect()
	describe(t, c, "/", seen)
	for _, call := range []struct {
		path, method string
		args         []any
	}{
		{bus4, "org.freedesktop.DBus.Properties.GetAll", []any{busName + ".Instance"}},
		{bus6, "org.freedesktop.DBus.Properties.Get", []any{busName + ".Instance", "Name"}},
		{bus6, "org.freedesktop.DBus.Properties.Get", []any{busName + ".Instance", "State"}},
		{bus6, "org.freedesktop.DBus.Properties.Get", []any{busName + ".Instance", "Nothing"}},
		{bus6, "org.freedesktop.DBus.Properties.Get", []any{"org.example", "Name"}},
		{bus6, "org.freedesktop.DBus.Properties.Set", []any{busName + ".Instance", "Name", godbus.MakeVariant("x")}},
		{bus6, "org.freedesktop.DBus.Peer.Ping", nil},
		{bus4, busName + ".Instance.SendGarp", nil},
		{bus4, busName + ".Instance.SendGarp", []any{"x"}},
		{bus4, busName + ".Instance.Nothing", nil},
		{bus4 + "x", busName + ".Instance.SendGarp", nil},
		{busDaemon, busName + ".Vrrp.PrintData", nil},
		{busDaemon, busName + ".Vrrp.PrintStats", nil},
		{busDaemon, busName + ".Vrrp.PrintStatsClear", nil},
	} {
		result := c.Object(busName, godbus.ObjectPath(call.path)).Call(call.method, 0, call.args...)
		answer := fmt.Sprint(result.Body)
		if e, ok := result.Err.(godbus.Error); ok {
			answer = e.Name
		}
		seen[fmt.Sprint(call)] = answer
	}
	for _, file := range []string{"keepalived.data", "keepalived.stats"} {
		info, err := os.Stat(filepath.Join(d.Dir, file))
		if err != nil {
			t.Fatal(err)
		}
		seen[file] = info.Mode().String()
	}
	seen["announced"] = d.LogLines("Sending garps on VI_4 on DBus request")

	before := len(ears.Heard)
	conf := strings.ReplaceAll(busConf, "VI_4", "VI_new")
	if err := os.WriteFile(filepath.Join(d.Dir, "keepalived.conf"), []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	c.Object(busName, busDaemon).Call(busName+".Vrrp.ReloadConfig", 0)
	ears.Await(busDaemon + " VrrpReloaded")
	seen["reload"] = ears.Heard[before:]
	name, err := c.Object(busName, bus4).GetProperty(busName + ".Instance.Name")
	seen["renamed"] = fmt.Sprint(name, err)
	_, err = c.Object(busName, bus6).GetProperty(busName + ".Instance.Name")
	seen["gone"] = fmt.Sprint(err != nil)

	before = len(ears.Heard)
	if err := d.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	ears.Await(busDaemon + " VrrpStopped")
	seen["stop"] = ears.Heard[before:]
	return seen
}

// sortedStates is what was heard, each thing once: keepalived tells some states
// twice, and has instances in no particular order.
func sortedStates(heard []string) []string {
	heard = slices.Clone(heard)
	slices.Sort(heard)
	return slices.Compact(heard)
}

// describe adds the descriptions of an object and of all below it.
func describe(t *testing.T, c *godbus.Conn, path godbus.ObjectPath, seen map[string]any) {
	t.Helper()
	var text string
	if err := c.Object(busName, path).Call("org.freedesktop.DBus.Introspectable.Introspect", 0).Store(&text); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	var n introspect.Node
	if err := xml.Unmarshal([]byte(text), &n); err != nil {
		t.Fatalf("%s: %v", path, err)
	}
	children := map[string]bool{}
	for _, child := range n.Children {
		children[child.Name] = true
		describe(t, c, godbus.ObjectPath(strings.TrimSuffix(string(path), "/")+"/"+child.Name), seen)
	}
	seen["below "+string(path)] = slices.Sorted(maps.Keys(children))
	for _, i := range n.Interfaces {
		for k := range i.Properties {
			if p := &i.Properties[k]; p.Name == "Name" {
				p.Type = "(s)" // keepalived 2.2.7 says s, but means this
			}
		}
		seen["interface of "+string(path)+": "+i.Name] = i
	}
}

// TestDBus compares what is seen on a bus of keepalived and of ours: objects and
// their descriptions, properties, answers, errors, files, signals and their order.
func TestDBus(t *testing.T) {
	needKeepalived(t)
	t.Parallel()
	want, got := busStory(t, interop.Keepalived), busStory(t, ours)
	// The part of keepalived that speaks on the bus is sometimes quicker than its
	// instances, and tells of the state before their first one.
	want["start"] = slices.DeleteFunc(want["start"].([]string), func(s string) bool { return strings.HasSuffix(s, " VrrpStatusChange 0") })
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-keepalived +ours):\n%s", d)
	}
}
