package kernel

import "fmt"

// Event is a change of links or addresses: one of [LinkAdded], [LinkChanged],
// [LinkGone], [AddressAdded], [AddressChanged], [AddressRemoved]. Of routes and
// rules there is only [Disturbed], for those of a [Watch]. [Reread] says that
// notifications were lost.
//
// Every event carries the whole link as it is after the change, so handling an
// event that a picture already contained does no harm. An address is always
// added after its link and removed before it, also when the link is renamed.
type Event interface {
	fmt.Stringer
	event()
}

// LinkAdded says that there is a new link, or an old one under a new name.
type LinkAdded struct{ Link *Link }

// LinkChanged says that something other than name or addresses of a link has
// changed.
type LinkChanged struct{ Old, New *Link }

// LinkGone says that a link was removed, or has another name now. Link is its
// last state.
type LinkGone struct{ Link *Link }

// AddressAdded says that a link has a new address. It may be tentative; an
// AddressChanged follows when it becomes usable.
type AddressAdded struct {
	Link *Link
	Addr AddrState
}

// AddressChanged says that flags, label or other properties of an address have
// changed, but not the address. Lifetimes that run down are no reason for it.
type AddressChanged struct {
	Link     *Link
	Old, New AddrState
	By       Requester
}

// AddressRemoved says that an address is gone, whoever removed it.
type AddressRemoved struct {
	Link *Link
	Addr AddrState
	By   Requester
}

// Disturbed says that somebody else has added or replaced a route or rule in a
// place of the [Watch], or that anybody has removed one: what one owner removes
// another may hold too. It also stands for the removal of an address that was too
// new for an AddressAdded.
type Disturbed struct {
	Spot    Spot
	Report  Report
	Removed bool
	By      Requester
}

// Reread says that notifications were lost and links and addresses have been
// read again. Their differences follow; what became of routes and rules meanwhile
// is not known.
type Reread struct{}

func (LinkAdded) event()      {}
func (LinkChanged) event()    {}
func (LinkGone) event()       {}
func (AddressAdded) event()   {}
func (AddressChanged) event() {}
func (AddressRemoved) event() {}
func (Disturbed) event()      {}
func (Reread) event()         {}

func (e LinkAdded) String() string { return "link added " + describe(e.Link) }
func (e LinkGone) String() string  { return "link gone " + describe(e.Link) }

func (e LinkChanged) String() string {
	return "link changed " + describe(e.Old) + " -> " + describe(e.New)
}

func (e AddressAdded) String() string {
	return fmt.Sprintf("address added %s %v", e.Link.Name, e.Addr)
}

func (e AddressChanged) String() string {
	return fmt.Sprintf("address changed %s %v -> %v", e.Link.Name, e.Old, e.New)
}

func (e AddressRemoved) String() string {
	return fmt.Sprintf("address removed %s %v", e.Link.Name, e.Addr)
}

func (e Disturbed) String() string {
	what := "set"
	if e.Removed {
		what = "removed"
	}
	return fmt.Sprintf("%v %s %v", e.Spot.Kind, what, e.Report)
}

func (Reread) String() string { return "notifications lost" }

func describe(l *Link) string {
	return fmt.Sprintf("%d %s flags 0x%x mtu %d mac %v", l.Index, l.Name, l.Flags, l.MTU, l.HardwareAddr)
}

// Diff returns the events that lead from one picture to another. What is gone
// comes before what is new, so that a name or an address that moved is never
// in two places; both in the order of link indexes.
//
// The same index with another name is a link gone and another one added, as is
// the same name with another index.
func Diff(from, to *Picture) []Event {
	var gone, came []Event
	i, j := 0, 0
	for i < len(from.Links) || j < len(to.Links) {
		var before, after *Link
		switch {
		case j == len(to.Links) || i < len(from.Links) && from.Links[i].Index < to.Links[j].Index:
			before = from.Links[i]
			i++
		case i == len(from.Links) || from.Links[i].Index > to.Links[j].Index:
			after = to.Links[j]
			j++
		default:
			before, after = from.Links[i], to.Links[j]
			i++
			j++
		}
		g, c := diffLink(before, after)
		gone = append(gone, g...)
		came = append(came, c...)
	}
	return append(gone, came...)
}

// diffLink compares two states of the link with one index; nil is no link. It
// returns what is gone and what is new or changed.
func diffLink(before, after *Link) (gone, came []Event) {
	if before != nil && (after == nil || after.Name != before.Name) {
		for _, a := range before.Addrs {
			gone = append(gone, AddressRemoved{Link: before, Addr: a})
		}
		gone = append(gone, LinkGone{Link: before})
		before = nil
	}
	if after == nil {
		return gone, nil
	}
	var had map[identity]AddrState
	if before == nil {
		came = append(came, LinkAdded{Link: after})
	} else {
		if !before.same(after) {
			came = append(came, LinkChanged{Old: before, New: after})
		}
		had = make(map[identity]AddrState, len(before.Addrs))
		for _, a := range before.Addrs {
			had[a.identity()] = a
		}
		have := make(map[identity]bool, len(after.Addrs))
		for _, a := range after.Addrs {
			have[a.identity()] = true
		}
		for _, a := range before.Addrs {
			if !have[a.identity()] {
				gone = append(gone, AddressRemoved{Link: after, Addr: a})
			}
		}
	}
	for _, a := range after.Addrs {
		old, ok := had[a.identity()]
		switch {
		case !ok:
			came = append(came, AddressAdded{Link: after, Addr: a})
		case !old.sameReport(a):
			came = append(came, AddressChanged{Link: after, Old: old, New: a})
		}
	}
	return gone, came
}
