package main

import (
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/dbus/dbustest"
	"github.com/holdfast-ha/holdfast/internal/nettest"
)

const (
	onBus    = "global_defs {\n enable_dbus\n}\n"
	otherBus = "global_defs {\n enable_dbus\n dbus_service_name org.example.Router\n}\n"
	homeless = "vrrp_instance VI_N {\n virtual_router_id 9\n unicast_src_ip 192.0.2.1\n unicast_peer {\n 192.0.2.2\n }\n virtual_ipaddress {\n 192.0.2.109 dev eth0\n }\n}\n"

	busOne  = "/org/keepalived/Vrrp1/Instance/eth0/51/IPv4"
	busNone = "/org/keepalived/Vrrp1/Instance/none/9/IPv4"
)

// Reloads turn the bus on, give it another name and turn it off, with an instance
// that has no interface: nothing of it is noticed by the addresses.
func TestBusComesAndGoes(t *testing.T) {
	nettest.Require(t)
	bus := dbustest.Start(t, "")
	ears := bus.Listen()
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	one := fast("VI_1", 51, 100, "", vip)
	n := newNode(t, lan.Node(1), one+homeless)
	n.env = []string{"DBUS_SYSTEM_BUS_ADDRESS=" + bus.Address}
	n.start()
	n.waitAddr(vip, true)

	n.reload(onBus + one + homeless)
	ears.Await(busOne + " VrrpStatusChange 2")
	ears.Await(busNone + " VrrpStatusChange 1")
	n.waitLog("Acquired DBus bus org.keepalived.Vrrp1")
	name, err := bus.Connect().Object("org.keepalived.Vrrp1", busOne).GetProperty("org.keepalived.Vrrp1.Instance.Name")
	if err != nil || name.Value().([]any)[0] != "VI_1" {
		t.Errorf("the name is %v (%v)", name, err)
	}
	n.reload(onBus + one) // takes the one without interface
	ears.Await(busNone + " VrrpStatusChange 3")
	ears.Await("/org/keepalived/Vrrp1/Vrrp VrrpReloaded")
	n.reload(otherBus + one)
	ears.Await("/org/keepalived/Vrrp1/Vrrp VrrpStopped")
	n.waitLog("Acquired DBus bus org.example.Router")
	ears.Heard = nil
	n.reload(one)
	ears.Await("/org/keepalived/Vrrp1/Vrrp VrrpStopped")
	n.reload(onBus + one)
	ears.Await(busOne + " VrrpStatusChange 2")
	if n.out.count("(VI_1) Entering") != 2 { // BACKUP and MASTER at the start
		t.Errorf("the instance has changed its state")
	}
	n.stop()
	ears.Await(busOne + " VrrpStatusChange 98")
	ears.Await("/org/keepalived/Vrrp1/Vrrp VrrpStopped")
}

// A bus that stands still, and then is gone, delays neither a reload nor the end.
func TestBusHangs(t *testing.T) {
	nettest.Require(t)
	bus := dbustest.Start(t, "")
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	one := fast("VI_1", 51, 100, "", vip)
	n := newNode(t, lan.Node(1), onBus+one)
	n.env = []string{"DBUS_SYSTEM_BUS_ADDRESS=" + bus.Address}
	n.start()
	n.waitAddr(vip, true)
	n.waitLog("Acquired DBus bus org.keepalived.Vrrp1")
	bus.Signal(syscall.SIGSTOP)
	begun := time.Now()
	n.reload(onBus + fast("VI_1", 51, 100, "", vip, "192.0.2.101"))
	n.waitAddr("192.0.2.101", true)
	n.reload(otherBus + one) // the old service cannot say goodbye
	n.waitAddr("192.0.2.101", false)
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("two reloads took %v", took)
	}
	bus.Kill()
	n.waitLog("trying again until it works")
	if took, code := n.stop(); took > 2*time.Second || code != 0 {
		t.Errorf("ended after %v with status %d", took, code)
	}
	n.waitAddr(vip, false)
}
