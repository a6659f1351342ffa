package dbus

import (
	"encoding/xml"
	"fmt"
	"slices"

	godbus "github.com/godbus/dbus/v5"
	"github.com/godbus/dbus/v5/introspect"
)

// complete adds the methods of the standard interfaces. A place above others can
// only be looked at.
func (o *object) complete() {
	slices.Sort(o.children)
	if o.methods == nil {
		o.methods = map[string]method{}
	}
	description := o.describe()
	o.methods[introspection+".Introspect"] = method{out: []any{""}, call: func([]any) ([]any, error) { return []any{description}, nil }}
	if o.own == "" {
		return
	}
	o.methods[propInterface+".Get"] = method{
		in: []any{"", ""}, out: []any{godbus.Variant{}},
		call: func(args []any) ([]any, error) {
			prop, err := o.property(text(args[0]), text(args[1]))
			if err != nil {
				return nil, err
			}
			return []any{godbus.MakeVariant(prop())}, nil
		},
	}
	o.methods[propInterface+".GetAll"] = method{
		in: []any{""}, out: []any{map[string]godbus.Variant{}},
		call: func(args []any) ([]any, error) {
			if err := o.offers(text(args[0])); err != nil {
				return nil, err
			}
			all := map[string]godbus.Variant{}
			for name, prop := range o.props {
				all[name] = godbus.MakeVariant(prop())
			}
			return []any{all}, nil
		},
	}
	o.methods[propInterface+".Set"] = method{
		in: []any{"", "", godbus.Variant{}},
		call: func(args []any) ([]any, error) {
			if _, err := o.property(text(args[0]), text(args[1])); err != nil {
				return nil, err
			}
			return nil, invalid("Property %q is not writable", text(args[1]))
		},
	}
}

// text is an argument of the type string, as the library hands it over.
func text(arg any) string { return *arg.(*string) }

func invalid(format string, args ...any) error {
	return godbus.NewError("org.freedesktop.DBus.Error.InvalidArgs", []any{fmt.Sprintf(format, args...)})
}

// offers tells whether the object has an interface with properties of that name.
func (o *object) offers(iface string) error {
	if iface != o.own || len(o.props) == 0 {
		return invalid("No such interface %q", iface)
	}
	return nil
}

func (o *object) property(iface, name string) (func() any, error) {
	if err := o.offers(iface); err != nil {
		return nil, err
	}
	prop := o.props[name]
	if prop == nil {
		return nil, invalid("No such property %q", name)
	}
	return prop, nil
}

// properties is the standard interface; the library's own description of it has
// other names for the arguments.
var properties = introspect.Interface{
	Name: propInterface,
	Methods: []introspect.Method{
		{Name: "Get", Args: []introspect.Arg{
			{Name: "interface_name", Type: "s", Direction: "in"},
			{Name: "property_name", Type: "s", Direction: "in"},
			{Name: "value", Type: "v", Direction: "out"},
		}},
		{Name: "GetAll", Args: []introspect.Arg{
			{Name: "interface_name", Type: "s", Direction: "in"},
			{Name: "properties", Type: "a{sv}", Direction: "out"},
		}},
		{Name: "Set", Args: []introspect.Arg{
			{Name: "interface_name", Type: "s", Direction: "in"},
			{Name: "property_name", Type: "s", Direction: "in"},
			{Name: "value", Type: "v", Direction: "in"},
		}},
	},
	Signals: []introspect.Signal{{Name: "PropertiesChanged", Args: []introspect.Arg{
		{Name: "interface_name", Type: "s"},
		{Name: "changed_properties", Type: "a{sv}"},
		{Name: "invalidated_properties", Type: "as"},
	}}},
}

var introspectable = introspect.Interface{
	Name:    introspection,
	Methods: []introspect.Method{{Name: "Introspect", Args: []introspect.Arg{{Name: "xml_data", Type: "s", Direction: "out"}}}},
}

// peer is served by the library itself.
var peer = introspect.Interface{
	Name: "org.freedesktop.DBus.Peer",
	Methods: []introspect.Method{
		{Name: "Ping"},
		{Name: "GetMachineId", Args: []introspect.Arg{{Name: "machine_uuid", Type: "s", Direction: "out"}}},
	},
}

// described are the interfaces of ours.
var described = map[string]introspect.Interface{
	vrrpInterface: {
		Name:    vrrpInterface,
		Methods: []introspect.Method{{Name: "PrintData"}, {Name: "PrintStats"}, {Name: "PrintStatsClear"}, {Name: "ReloadConfig"}},
		Signals: []introspect.Signal{{Name: "VrrpStarted"}, {Name: "VrrpReloaded"}, {Name: "VrrpStopped"}},
	},
	instInterface: {
		Name:    instInterface,
		Methods: []introspect.Method{{Name: "SendGarp"}},
		Signals: []introspect.Signal{{Name: "VrrpStatusChange", Args: []introspect.Arg{{Name: "status", Type: "u"}}}},
		Properties: []introspect.Property{
			{Name: "Name", Type: "(s)", Access: "read"},
			{Name: "State", Type: "(us)", Access: "read"},
		},
	},
}

// describe returns the description of the object. The one that the library can
// make names the standard interfaces twice.
func (o *object) describe() string {
	text, err := xml.MarshalIndent(o.node(), "", "  ")
	if err != nil {
		panic(err) // there is nothing in it that could not be written
	}
	return introspect.IntrospectDeclarationString + string(text) + "\n"
}

func (o *object) node() *introspect.Node {
	n := &introspect.Node{}
	for _, name := range o.children {
		n.Children = append(n.Children, introspect.Node{Name: name})
	}
	if o.own != "" {
		n.Interfaces = []introspect.Interface{properties, introspectable, peer, described[o.own]}
	}
	return n
}
