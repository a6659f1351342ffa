package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	godbus "github.com/godbus/dbus/v5"

	"github.com/holdfast-ha/holdfast/internal/dbus/dbustest"
	"github.com/holdfast-ha/holdfast/internal/nettest"
	"github.com/holdfast-ha/holdfast/internal/snmp/snmptest"
)

// On the bus the daemon has the same name and the same objects afterwards, says how
// things are as it does whenever it comes to a bus, and tells what happens.
func TestUpgradeOnTheBus(t *testing.T) {
	nettest.Require(t)
	bus := dbustest.Start(t, "")
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	conf := onBus + fast("VI_1", 51, 100, "", vip) + homeless
	n := upgradable(t, newNode(t, lan.Node(1), conf))
	n.env = []string{"DBUS_SYSTEM_BUS_ADDRESS=" + bus.Address}
	n.start()
	n.waitAddr(vip, true)
	conn := bus.Connect()
	seen := func(path string) string {
		var all map[string]godbus.Variant
		err := conn.Object("org.keepalived.Vrrp1", godbus.ObjectPath(path)).
			Call("org.freedesktop.DBus.Properties.GetAll", 0, "org.keepalived.Vrrp1.Instance").Store(&all)
		var tree string
		if err == nil {
			err = conn.Object("org.keepalived.Vrrp1", "/org/keepalived/Vrrp1/Instance").
				Call("org.freedesktop.DBus.Introspectable.Introspect", 0).Store(&tree)
		}
		return fmt.Sprint(all, tree, err)
	}
	n.waitLog("Acquired DBus bus")
	one, none := seen(busOne), seen(busNone)
	if !strings.Contains(one, "VI_1") || !strings.Contains(none, "VI_N") {
		t.Fatalf("on the bus: %s, %s", one, none)
	}
	pid, capture, begun, ears := n.proc.PID(), lan.CaptureT(t), time.Now(), bus.Listen()
	for i := range 2 {
		n.replaceBySelf()
		n.upgrade()
		ears.Await("/org/keepalived/Vrrp1/Vrrp VrrpStarted")
		ears.Await(busOne + " VrrpStatusChange 2")
		ears.Await(busNone + " VrrpStatusChange 1")
		n.waitLogs("Acquired DBus bus org.keepalived.Vrrp1", i+2)
		if now := seen(busOne); now != one {
			t.Errorf("before: %s\nafter: %s", one, now)
		}
		if now := seen(busNone); now != none {
			t.Errorf("before: %s\nafter: %s", none, now)
		}
	}
	unmoved(t, n, pid, capture, begun, 51)
	n.stop()
	ears.Await(busOne + " VrrpStatusChange 98")
	ears.Await("/org/keepalived/Vrrp1/Vrrp VrrpStopped")
}

// In SNMP every row says the same afterwards, but for what counts, and notifications
// arrive.
func TestUpgradeInSNMP(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	master := snmptest.Start(t, lan.Node(1))
	conf := func(priority int) string {
		return "global_defs {\n enable_traps\n}\n" + fast("VI_1", 51, priority, "", vip) +
			strings.Replace(slowly(fast("VI_2", 52, priority, "", "192.0.2.102")), "version 3", "version 2", 1)
	}
	n := upgradable(t, newNode(t, lan.Node(1), conf(100), "-x", "-A", master.Socket)).start()
	n.waitAddr(vip, true)
	n.waitAddr("192.0.2.102", true)
	// What goes on by itself is left out: counts and times, and the state's own next to them.
	walk := func() string {
		var b strings.Builder
		for _, root := range []string{".1.3.6.1.4.1.9586.100.5.1", vrrpMIB, ".1.3.6.1.2.1.68", vrrpv3MIB} {
			for _, line := range master.Walk(root) {
				if !strings.Contains(line, "Counter") && !strings.Contains(line, "Timeticks") {
					b.WriteString(line + "\n")
				}
			}
		}
		return b.String()
	}
	count := func(oid string) (count int) {
		_, text, _ := strings.Cut(master.Get(oid), ": ")
		_, _ = fmt.Sscanf(strings.TrimPrefix(text, "("), "%d", &count)
		return count
	}
	index := lan.Node(1).Handle()
	link, err := index.LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	v3 := fmt.Sprintf(".%d.51.1", link.Attrs().Index)
	upTime := vrrpv3MIB + ".1.1.1.1.12" + v3
	nettest.WaitFor(t, 15*time.Second, func() bool {
		return strings.HasSuffix(master.Get(vrrpv3MIB+".1.1.1.1.6"+v3), "INTEGER: 3") && count(upTime) > 0 && strings.Contains(walk(), `"VI_2"`)
	}, "the rows")
	time2 := func() int { return count(fmt.Sprintf(".1.3.6.1.2.1.68.1.3.1.13.%d.52", link.Attrs().Index)) }
	before, was, was2 := walk(), count(upTime), time2()
	pid, capture, begun := n.proc.PID(), lan.CaptureT(t), time.Now()
	for i := range 2 {
		n.replaceBySelf()
		traps := len(master.Traps())
		n.upgrade()
		n.waitLogs("Starting SNMP subagent", i+2)
		nettest.WaitFor(t, 15*time.Second, func() bool { return walk() == before }, "the same rows\n"+before)
		if now := count(upTime); now < was {
			t.Errorf("up for %d hundredths of a second, and %d before", now, was)
		}
		if now := time2(); now < was2-10 || now > was2+10 {
			t.Errorf("began at %d, and at %d before", now, was2)
		}
		if now := master.Traps(); len(now) != traps {
			t.Errorf("told again: %q", now[traps:])
		}
	}
	unmoved(t, n, pid, capture, begun, 51)
	told := len(master.Traps())
	other := newNode(t, lan.Node(2), conf(200)).start()
	other.waitAddr(vip, true)
	nettest.WaitFor(t, 15*time.Second, func() bool {
		return strings.Contains(strings.Join(master.Traps()[told:], "\n"), `"VI_1"	`+vrrpMIB+".3.1.4 = 1")
	}, "a notification")
	other.stop()
	nettest.WaitFor(t, 15*time.Second, func() bool {
		return strings.Contains(strings.Join(master.Traps()[told:], "\n"), `"VI_1"	`+vrrpMIB+".3.1.4 = 2")
	}, "another one")
	n.stop()
}

// What was set by SNMP is set afterwards too.
func TestUpgradeKeepsWhatWasSet(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	master := snmptest.Start(t, lan.Node(1))
	conf := fast("VI_1", 51, 150, "", vip)
	n := upgradable(t, newNode(t, lan.Node(1), conf, "-x", "-A", master.Socket)).start()
	n.waitAddr(vip, true)
	for _, x := range [][2]string{{"7", "240"}, {"13", "2"}, {"27", "2"}} {
		if got := master.Set(vrrpMIB+".3.1."+x[0]+".1", x[1]); !strings.HasSuffix(strings.TrimSpace(got), ": "+x[1]) {
			t.Fatal(got)
		}
	}
	other := newNode(t, lan.Node(2), fast("VI_1", 51, 200, "", vip)).start()
	other.waitLog("Entering BACKUP STATE")
	pid, capture, begun := n.proc.PID(), lan.CaptureT(t), time.Now()
	is := func(column, want string) {
		t.Helper()
		nettest.WaitFor(t, 15*time.Second, func() bool { return strings.HasSuffix(master.Get(vrrpMIB+".3.1."+column+".1"), ": "+want) },
			"column "+column+" to be "+want)
	}
	for i := range 2 {
		n.replaceBySelf()
		n.upgrade()
		n.waitLogs("Starting SNMP subagent", i+2)
		is("7", "240")
		is("8", "240")
		is("13", "2")
		is("27", "2")
	}
	unmoved(t, n, pid, capture, begun, 51)
	n.reload(conf) // what is set lasts until then
	is("7", "150")
	is("13", "1")
	other.waitAddr(vip, true)
	n.stop()
}
