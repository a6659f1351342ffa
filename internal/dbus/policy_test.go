package dbus

import (
	"os"
	"strings"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/dbus/dbustest"
)

// TestPolicy has a bus read the policy that is shipped: root may do everything.
func TestPolicy(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("needs root: the policy lets nobody else own the name")
	}
	text, err := os.ReadFile("../../configs/dbus/org.keepalived.Vrrp1.conf")
	if err != nil {
		t.Fatal(err)
	}
	_, policy, _ := strings.Cut(string(text), "<busconfig>")
	policy, _, _ = strings.Cut(policy, "</busconfig>")
	bus := dbustest.Start(t, policy)
	f := &fake{}
	f.start(t, bus.Address, Settings{}).Instances([]Instance{f.instance("A", key4)})
	c := bus.Connect()
	online(t, c, ServiceName)
	if err := c.Object(ServiceName, daemonPath).Call(vrrpInterface+".PrintData", 0).Err; err != nil {
		t.Error(err)
	}
	// Without the permission to own it the name is out of reach.
	bus = dbustest.Start(t, strings.Replace(policy, `<allow own="org.keepalived.Vrrp1"/>`, "", 1))
	if _, err := bus.Connect().RequestName(ServiceName, 0); errorName(err) != "AccessDenied" {
		t.Errorf("the name was had without permission: %v", err)
	}
}
