package main

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/holdfast-ha/holdfast/internal/nettest"
	"github.com/holdfast-ha/holdfast/internal/snmp/snmptest"
)

const (
	vrrpMIB   = ".1.3.6.1.4.1.9586.100.5.2"
	vrrpv3MIB = ".1.3.6.1.2.1.207"
)

// Reloads turn the MIBs on and off, and change what instances there are, without
// any of them noticing.
func TestSNMPComesAndGoes(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	master := snmptest.Start(t, lan.Node(1))
	with := func(words string) string {
		return "global_defs {\n snmp_socket " + master.Socket + "\n" + words + "\n}\n"
	}
	one, two := fast("VI_1", 51, 100, "", vip), fast("VI_2", 52, 100, "", "192.0.2.101")
	n := newNode(t, lan.Node(1), one+homeless)
	n.start()
	n.waitAddr(vip, true)
	names := func(want string) {
		t.Helper()
		nettest.WaitFor(t, 15*time.Second, func() bool {
			return strings.Join(master.Walk(vrrpMIB+".3.1.2"), ",") == want
		}, "the names "+want)
	}
	name := func(i, of string) string { return vrrpMIB + ".3.1.2." + i + ` = STRING: "` + of + `"` }
	if len(master.Walk(vrrpMIB)) > 0 {
		t.Error("there is a MIB that was not asked for")
	}
	n.reload(with("enable_snmp_vrrp") + one + homeless + two)
	names(name("1", "VI_1") + "," + name("2", "VI_N") + "," + name("3", "VI_2"))
	n.waitAddr("192.0.2.101", true)
	if got := master.Get(vrrpMIB + ".3.1.4.1"); !strings.HasSuffix(got, "INTEGER: 2") {
		t.Errorf("the state is %s", got)
	}
	n.reload(with("enable_snmp_vrrp\n enable_traps") + one)
	names(name("1", "VI_1"))
	n.reload(with("enable_snmp_rfcv3\n enable_traps") + one)
	nettest.WaitFor(t, 15*time.Second, func() bool { return len(master.Walk(vrrpv3MIB)) > 0 }, "the other MIB")
	names("")
	n.reload(one)
	nettest.WaitFor(t, 15*time.Second, func() bool { return len(master.Walk(vrrpv3MIB)) == 0 }, "no MIB")
	if n.out.count("(VI_1) Entering") != 2 { // BACKUP and MASTER at the start
		t.Errorf("the instance has changed its state")
	}
	n.stop()
}

// A master agent that hangs delays neither an instance nor a reload nor the end, and
// hears of what it missed when it is started again.
func TestMasterAgentHangs(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	master := snmptest.Start(t, lan.Node(1))
	globals := "global_defs {\n enable_traps\n}\n"
	one := fast("VI_1", 51, 100, "", vip)
	n := newNode(t, lan.Node(1), globals+one, "-x", "-A", master.Socket)
	n.start()
	master.AwaitTrap(`"VI_1"	` + vrrpMIB + ".3.1.4 = 2")
	master.Signal(syscall.SIGSTOP)
	begun := time.Now()
	n.reload(globals + one + fast("VI_2", 52, 100, "", "192.0.2.101"))
	n.waitAddr("192.0.2.101", true)
	if took := time.Since(begun); took > 3*time.Second {
		t.Errorf("a reload and an election took %v", took)
	}
	master.Kill()
	master.Run()
	n.waitLog("the master agent is there again")
	if got := master.Get(vrrpMIB + ".3.1.2.2"); !strings.HasSuffix(got, `"VI_2"`) {
		t.Errorf("the name is %s", got)
	}
	n.reload(globals + one)
	master.AwaitTrap(`"VI_2"	` + vrrpMIB + ".3.1.4 = 3") // as it is told of one that is gone
	master.Signal(syscall.SIGSTOP)
	if took, code := n.stop(); took > 2*time.Second || code != 0 {
		t.Errorf("ended after %v with status %d", took, code)
	}
	n.waitAddr(vip, false)
}

// Packets that are not authentic are told of, once a second at most.
func TestAuthFailureIsTold(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 2, nettest.Options{})
	master := snmptest.Start(t, lan.Node(1))
	conf := func(priority int, password string) string {
		return strings.ReplaceAll(strings.ReplaceAll(fast("VI_1", 51, priority,
			"authentication {\n auth_type PASS\n auth_pass "+password+"\n }", vip), "version 3", "version 2"), "advert_int 0.1", "advert_int 1")
	}
	n := newNode(t, lan.Node(1), "global_defs {\n enable_traps\n}\n"+conf(100, "right"), "-x", "-A", master.Socket)
	n.start()
	n.waitAddr(vip, true)
	other := newNode(t, lan.Node(2), conf(150, "wrong"))
	other.start()
	master.AwaitTrap(".1.3.6.1.2.1.68.0.2	.1.3.6.1.2.1.68.1.5.0 = 192.0.2.2	.1.3.6.1.2.1.68.1.6.0 = 3")
	other.stop()
	n.stop()
}

// What is set lasts until the next reload, and is applied at once.
func TestSetting(t *testing.T) {
	nettest.Require(t)
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	master := snmptest.Start(t, lan.Node(1))
	conf := fast("VI_1", 51, 100, "", vip)
	n := newNode(t, lan.Node(1), conf, "-x", "-A", master.Socket)
	n.start()
	n.waitAddr(vip, true)
	is := func(column, want string) {
		t.Helper()
		nettest.WaitFor(t, 15*time.Second, func() bool { return strings.HasSuffix(master.Get(vrrpMIB+".3.1."+column+".1"), ": "+want) },
			"column "+column+" to be "+want)
	}
	is("8", "100")
	for _, x := range []struct{ column, value, says string }{
		{"7", "150", ": 150"},
		{"13", "2", ": 2"},
		{"27", "2", ": 2"},
		{"7", "300", "wrongValue"},
		{"8", "7", "notWritable"},
	} {
		if got := master.Set(vrrpMIB+".3.1."+x.column+".1", x.value); !strings.Contains(got, x.says) {
			t.Errorf("setting column %s to %s: %s", x.column, x.value, got)
		}
	}
	is("7", "150")
	is("8", "150")
	is("13", "2")
	is("27", "2")
	n.waitLog("(VI_1) base priority changed from 100 to 150 via SNMP.")
	n.reload(conf)
	is("7", "100")
	is("13", "1")
	is("27", "1")
	if n.out.count("(VI_1) Entering") != 2 { // BACKUP and MASTER at the start
		t.Errorf("the instance has changed its state")
	}
	n.stop()
}
