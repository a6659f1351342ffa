package dbus

import (
	"slices"
	"strconv"
	"strings"

	godbus "github.com/godbus/dbus/v5"
)

// Interfaces, with the prefix of all object paths.
const (
	ServiceName   = "org.keepalived.Vrrp1" // by default
	vrrpInterface = "org.keepalived.Vrrp1.Vrrp"
	instInterface = "org.keepalived.Vrrp1.Instance"
	rootPath      = "/org/keepalived/Vrrp1"

	propInterface = "org.freedesktop.DBus.Properties"
	introspection = "org.freedesktop.DBus.Introspectable"
)

// State is the state of an instance, with its number on the bus.
type State uint32

// States.
const (
	Init    State = 0
	Backup  State = 1
	Master  State = 2
	Fault   State = 3
	Deleted State = 97
	Stop    State = 98
)

var stateNames = map[State]string{
	Init: "Init", Backup: "Backup", Master: "Master", Fault: "Fault", Deleted: "Deleted", Stop: "Stop",
}

func (s State) String() string { return stateNames[s] }

// Instance is a vrrp_instance.
type Instance struct {
	Name string
	Key
	// State returns the state at this moment; from any goroutine, without waiting.
	State func() State
	// Announce announces the addresses once, if they are held. It may wait for
	// that a little.
	Announce func()
}

// Key is what makes the path of an instance.
type Key struct {
	Interface string // as configured; "": none
	VRID      uint8
	IPv6      bool
}

// Commands are what may be asked of the daemon. None of them waits for long.
type Commands struct {
	PrintData  func()
	PrintStats func(clearAfter bool)
	Reload     func()
}

// element makes a word fit for a path: what it may not hold becomes a line.
func element(s string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, s)
}

// paths names objects.
type paths struct {
	root        string
	noInterface string // stands for the interface of an instance without one
}

func (p paths) daemon() godbus.ObjectPath { return godbus.ObjectPath(p.root + "/Vrrp") }

func (p paths) instance(k Key) godbus.ObjectPath {
	iface, family := k.Interface, "IPv4"
	if iface == "" {
		iface = p.noInterface
	}
	if k.IPv6 {
		family = "IPv6"
	}
	return godbus.ObjectPath(p.root + "/Instance/" + element(iface) + "/" + strconv.Itoa(int(k.VRID)) + "/" + family)
}

// tree holds the objects, and all places above them. It does not change.
type tree map[godbus.ObjectPath]*object

// object is a place of the tree.
type object struct {
	children []string
	own      string // its interface beside the standard ones; "": only a place above others
	methods  map[string]method
	props    map[string]func() any // properties of its interface
}

// newTree makes the tree. Of instances that would have the same path the first
// has it.
func newTree(p paths, daemon *object, instances []Instance, made func(Instance) *object) tree {
	t := tree{"/": {}}
	t.add(p.daemon(), daemon)
	for _, i := range instances {
		if path := p.instance(i.Key); t[path] == nil {
			t.add(path, made(i))
		}
	}
	for _, o := range t {
		o.complete()
	}
	return t
}

func (t tree) add(path godbus.ObjectPath, o *object) {
	t[path] = o
	for s := string(path); s != "/"; {
		i := strings.LastIndexByte(s, '/')
		name, above := s[i+1:], s[:max(i, 1)]
		parent := t[godbus.ObjectPath(above)]
		if parent == nil {
			parent = &object{}
			t[godbus.ObjectPath(above)] = parent
		}
		if !slices.Contains(parent.children, name) {
			parent.children = append(parent.children, name)
		}
		s = above
	}
}

// handler finds the objects of a service for the library.
type handler struct{ s *Service }

func (h handler) LookupObject(path godbus.ObjectPath) (godbus.ServerObject, bool) {
	o := (*h.s.tree.Load())[path]
	if o == nil {
		o = &object{} // has no methods: the caller is told that there is none
	}
	return o, true
}

// LookupInterface never fails: an unknown interface has no methods. A caller need
// not name one.
func (o *object) LookupInterface(name string) (godbus.Interface, bool) { return part{o, name}, true }

// part is an interface of an object.
type part struct {
	o    *object
	name string
}

func (p part) LookupMethod(name string) (godbus.Method, bool) {
	if p.name != "" {
		m, ok := p.o.methods[p.name+"."+name]
		return m, ok
	}
	for _, of := range []string{p.o.own, propInterface, introspection} {
		if m, ok := p.o.methods[of+"."+name]; ok {
			return m, true
		}
	}
	return nil, false
}

// method is a method of an object; in and out are values of the types of its
// arguments and results.
type method struct {
	in, out []any
	call    func(args []any) ([]any, error)
}

func (m method) Call(args ...any) ([]any, error) { return m.call(args) }
func (m method) NumArguments() int               { return len(m.in) }
func (m method) NumReturns() int                 { return len(m.out) }
func (m method) ArgumentValue(i int) any         { return m.in[i] }
func (m method) ReturnValue(i int) any           { return m.out[i] }
