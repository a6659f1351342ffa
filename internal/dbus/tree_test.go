package dbus

import (
	"encoding/xml"
	"testing"

	godbus "github.com/godbus/dbus/v5"
	lib "github.com/godbus/dbus/v5/introspect"
)

// below returns the names below an object.
func below(o godbus.BusObject) ([]string, error) {
	var text string
	if err := o.Call(introspection+".Introspect", 0).Store(&text); err != nil {
		return nil, err
	}
	var n lib.Node
	if err := xml.Unmarshal([]byte(text), &n); err != nil {
		return nil, err
	}
	var names []string
	for _, c := range n.Children {
		names = append(names, c.Name)
	}
	return names, nil
}

func TestPaths(t *testing.T) {
	for _, c := range []struct {
		set  Settings
		key  Key
		want godbus.ObjectPath
	}{
		{Settings{}, Key{Interface: "eth0", VRID: 1}, "/org/keepalived/Vrrp1/Instance/eth0/1/IPv4"},
		{Settings{}, Key{Interface: "br-lan.7@x", VRID: 255, IPv6: true}, "/org/keepalived/Vrrp1/Instance/br_lan_7_x/255/IPv6"},
		{Settings{}, Key{VRID: 7}, "/org/keepalived/Vrrp1/Instance/none/7/IPv4"},
		{Settings{NoInterface: "ünbound"}, Key{VRID: 7}, "/org/keepalived/Vrrp1/Instance/_nbound/7/IPv4"},
		{Settings{Namespace: "ns"}, Key{VRID: 7}, "/org/keepalived/Vrrp1/ns/Instance/none/7/IPv4"},
		{Settings{Namespace: "ns", Instance: "two"}, Key{VRID: 7}, "/org/keepalived/Vrrp1/ns/two/Instance/none/7/IPv4"},
	} {
		got := c.set.paths().instance(c.key)
		if got != c.want || !got.IsValid() {
			t.Errorf("%+v %+v: %s, want %s", c.set, c.key, got, c.want)
		}
	}
}

func TestTransport(t *testing.T) {
	for address, want := range map[string]string{
		"unix:path=/run/a%20b":             "unix /run/a b",
		"unix:abstract=/tmp/x,guid=0123":   "unix @/tmp/x",
		"tcp:host=::1,port=12,family=ipv6": "tcp [::1]:12",
		"unix:path=%zz":                    " ",
		"launchd:env=X":                    " ",
		"":                                 " ",
	} {
		network, where, err := transport(address)
		if got := network + " " + where; got != want || (err != nil) != (want == " ") {
			t.Errorf("%q: %q, %v, want %q", address, got, err, want)
		}
	}
}
