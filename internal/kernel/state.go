package kernel

import "slices"

// state is the monitor's picture and how single messages change it. Each method
// returns the events that the change amounts to; a message that tells nothing
// new returns none.
type state struct{ pic *Picture }

// link takes in a report of a link without its addresses.
func (s *state) link(l *Link) []Event {
	old := s.pic.Link(l.Index)
	if old != nil {
		l = l.with(old.Addrs)
		if l.same(old) {
			return nil
		}
	}
	s.pic = s.pic.set(l)
	if old != nil && old.Name == l.Name {
		return []Event{LinkChanged{Old: old, New: l}}
	}
	gone, came := diffLink(old, l)
	return append(gone, came...)
}

// linkGone takes in the removal of a link.
func (s *state) linkGone(index int) []Event {
	old := s.pic.Link(index)
	if old == nil {
		return nil
	}
	s.pic = s.pic.remove(index)
	gone, _ := diffLink(old, nil)
	return gone
}

// addr takes in a report of an address. One on an unknown link is ignored: the
// kernel reports a link before its addresses.
func (s *state) addr(index int, a AddrState) []Event {
	old := s.pic.Link(index)
	if old == nil {
		return nil
	}
	i := old.find(a.identity())
	if i < 0 {
		// The array may be shared with older pictures: they end before the
		// place that is written, and only the newest picture is extended.
		l := old.with(append(old.Addrs, a))
		s.pic = s.pic.set(l)
		return []Event{AddressAdded{Link: l, Addr: a}}
	}
	was := old.Addrs[i]
	if was == a {
		return nil
	}
	addrs := slices.Clone(old.Addrs)
	addrs[i] = a
	l := old.with(addrs)
	s.pic = s.pic.set(l)
	if was.sameReport(a) {
		return nil
	}
	return []Event{AddressChanged{Link: l, Old: was, New: a}}
}

// addrGone takes in the removal of an address.
func (s *state) addrGone(index int, a AddrState) []Event {
	old := s.pic.Link(index)
	if old == nil {
		return nil
	}
	i := old.find(a.identity())
	if i < 0 {
		return nil
	}
	was := old.Addrs[i]
	l := old.with(slices.Delete(slices.Clone(old.Addrs), i, i+1))
	s.pic = s.pic.set(l)
	return []Event{AddressRemoved{Link: l, Addr: was}}
}

// replace takes in a complete new picture. Addresses that were known before
// keep their order and come before new ones: which address was reported first
// decides about the source of adverts, and a listing has another order.
func (s *state) replace(p *Picture) []Event {
	for i, l := range p.Links {
		if old := s.pic.Link(l.Index); old != nil && old.Name == l.Name {
			p.Links[i] = l.with(keepOrder(old.Addrs, l.Addrs))
		}
	}
	events := Diff(s.pic, p)
	s.pic = p
	return events
}

// keepOrder returns the addresses of list, those that are in old first and in
// the order of old.
func keepOrder(old, list []AddrState) []AddrState {
	place := make(map[identity]int, len(old))
	for i, a := range old {
		place[a.identity()] = i
	}
	rank := func(a AddrState) int {
		if i, ok := place[a.identity()]; ok {
			return i
		}
		return len(old)
	}
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b AddrState) int { return rank(a) - rank(b) })
	return out
}
