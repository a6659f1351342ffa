package kernel

import "fmt"

// Object is something that the kernel can be made to hold: an [Address], a
// [Route] or a [Rule].
type Object interface {
	fmt.Stringer
	// Guarded tells whether it is to be put back when somebody takes it away.
	Guarded() bool
	// Kind tells which of the three it is.
	Kind() Kind
	// key is comparable. Two with the same key are the same wanted object.
	key() any
	// place is comparable. Of two objects in one place, the kernel takes the
	// second for the first.
	place() any
	// shelf is the listing in which the kernel shows it.
	shelf() Shelf
	// compare judges what the kernel shows. What it showed when the object was
	// set is nil if that is not known.
	compare(now, set Report) likeness
}

// Report is an object as the kernel shows it: an [AddrState], a [Route] or a
// [Rule].
type Report interface {
	fmt.Stringer
	report()
}

// Kind is a kind of objects. They are set in this order and removed in the
// opposite one: a route may need an address, a rule a route.
type Kind uint8

// Kinds of objects.
const (
	KindAddress Kind = iota
	KindRoute
	KindRule
)

// String returns the name of the kind.
func (k Kind) String() string { return [...]string{"address", "route", "rule"}[k] }

// Shelf is a part of the kernel's tables that is listed at a time: the addresses
// of a link, or all routes or rules of a family with the same mark.
type Shelf struct {
	Kind     Kind
	Link     string // of addresses
	IPv6     bool   // of routes and rules
	Protocol uint8  // of routes and rules: who made them
}

// String returns the words for messages.
func (s Shelf) String() string {
	family := "IPv4"
	if s.IPv6 {
		family = "IPv6"
	}
	switch s.Kind {
	case KindRoute:
		return family + " routes"
	case KindRule:
		return family + " rules"
	}
	return "addresses of " + s.Link
}

// likeness is how far something that the kernel shows is what is wanted.
type likeness uint8

const (
	another likeness = iota // has nothing to do with it
	altered                 // takes its place, and is not what it was
	alike
)

// Same reports whether two lists have the same objects in the same order.
func Same(a, b []Object) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].key() != b[i].key() || a[i].Guarded() != b[i].Guarded() {
			return false
		}
	}
	return true
}

// Without returns those objects of a that b has not.
func Without(a, b []Object) []Object { return pick(a, b, false) }

// Common returns those objects of a that b has too.
func Common(a, b []Object) []Object { return pick(a, b, true) }

func pick(a, b []Object, in bool) []Object {
	has := make(map[any]bool, len(b))
	for _, o := range b {
		has[o.key()] = true
	}
	var out []Object
	for _, o := range a {
		if has[o.key()] == in {
			out = append(out, o)
		}
	}
	return out
}
