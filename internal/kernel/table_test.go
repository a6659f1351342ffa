package kernel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// fakeTable is a kernel's tables in memory.
type fakeTable struct {
	links    map[string][]AddrState
	routes   []Route
	rules    []Rule
	promote  bool             // promote_secondaries
	fail     map[string]error // "add 192.0.2.1/24 dev eth0": what it fails with
	list     error            // what listing fails with
	requests []string
}

var _ Table = (*fakeTable)(nil)

func newFakeTable(links ...string) *fakeTable {
	f := &fakeTable{links: make(map[string][]AddrState), fail: make(map[string]error)}
	for _, l := range links {
		f.links[l] = nil
	}
	return f
}

func (f *fakeTable) Change(ctx context.Context, op Op, o Object) (bool, Report, error) {
	if err := ctx.Err(); err != nil {
		return false, nil, err
	}
	request := fmt.Sprintf("%v %v", op, o)
	f.requests = append(f.requests, request)
	if err := f.fail[request]; err != nil && !errors.Is(err, ErrUnanswered) {
		return false, nil, err
	}
	done, now, err := false, Report(nil), error(nil)
	switch o := o.(type) {
	case Address:
		done, err = f.changeAddress(op, o)
	case Route:
		done, now, err = f.changeRoute(op, o)
	case Rule:
		done, now = f.changeRule(op, o)
	}
	if err == nil {
		err = f.fail[request]
	}
	return done, now, err
}

func (f *fakeTable) changeAddress(op Op, a Address) (bool, error) {
	list, ok := f.links[a.Link]
	if !ok {
		if op == OpDelete {
			return false, nil
		}
		return false, errors.New("no such device")
	}
	i := slices.IndexFunc(list, a.Is)
	switch {
	case i >= 0 && op == OpReplace:
		// Only lifetimes and flags are replaced.
		now := newState(a, nil)
		list[i].Flags = now.Flags | list[i].Flags&FlagSecondary
		list[i].PreferredLft, list[i].ValidLft = now.PreferredLft, now.ValidLft
	case (i < 0) == (op == OpDelete):
		return false, nil
	case op == OpDelete:
		f.links[a.Link] = f.without(list, i)
		f.dropRoutes(a)
	default:
		f.links[a.Link] = append(list, newState(a, list))
	}
	return true, nil
}

// dropRoutes does to the routes from an address what the kernel does.
func (f *fakeTable) dropRoutes(a Address) {
	f.routes = slices.DeleteFunc(f.routes, func(r Route) bool { return r.Source == a.Prefix.Addr() && !r.IPv6 })
	for i := range f.routes {
		if f.routes[i].Source == a.Prefix.Addr() {
			f.routes[i].Source = netip.Addr{}
		}
	}
}

// changeRoute knows routes of one way over a link.
func (f *fakeTable) changeRoute(op Op, r Route) (bool, Report, error) {
	rival := func(k Route) bool {
		return k.IPv6 == r.IPv6 && k.Table == r.Table && k.Dest == r.Dest && k.TOS == r.TOS && k.metric() == r.metric()
	}
	same := func(k Route) bool { return rival(k) && k.Via == r.Via && k.Link == r.Link }
	i := slices.IndexFunc(f.routes, same)
	if op == OpDelete {
		if i < 0 || f.routes[i].Protocol != r.Protocol {
			return false, nil, nil
		}
		f.routes = slices.Delete(f.routes, i, i+1)
		return true, nil, nil
	}
	if _, ok := f.links[r.Link]; r.Link != "" && !ok {
		return false, nil, errors.New("no such device")
	}
	first := slices.IndexFunc(f.routes, rival)
	if i >= 0 || first >= 0 && r.Mode == RouteAdd {
		return false, nil, nil
	}
	if first < 0 || r.Mode == RouteAppend {
		first = len(f.routes)
	}
	r.Metric, r.Mode, r.NoTrack = r.metric(), 0, false
	f.routes = slices.Insert(f.routes, first, r)
	return true, r, nil
}

func (f *fakeTable) changeRule(op Op, r Rule) (bool, Report) {
	r.NoTrack = false
	i := slices.Index(f.rules, r)
	switch {
	case (i < 0) == (op == OpDelete):
		return false, nil
	case op == OpDelete:
		f.rules = slices.Delete(f.rules, i, i+1)
		return true, nil
	}
	f.rules = append(f.rules, r)
	return true, r
}

// newState is how the kernel reports an address that was added to the list.
func newState(a Address, list []AddrState) AddrState {
	s := AddrState{
		Prefix: a.Prefix, Broadcast: a.Broadcast, Scope: a.Scope, Proto: Protocol,
		Flags: FlagPermanent, PreferredLft: Forever, ValidLft: Forever,
	}
	if a.Peer.IsValid() {
		s.Prefix, s.Peer = netip.PrefixFrom(a.Prefix.Addr(), a.Prefix.Addr().BitLen()), a.Peer
	}
	if a.NoPrefixRoute {
		s.Flags |= FlagNoPrefixRoute
	}
	if a.Prefix.Addr().Is4() {
		s.Label = a.Label
		if s.Label == "" {
			s.Label = a.Link
		}
		if slices.ContainsFunc(list, func(o AddrState) bool { return o.identity().net == a.identity().net }) {
			s.Flags |= FlagSecondary
		}
		return s
	}
	s.PreferredLft = a.PreferredLft
	if !a.DAD {
		s.Flags |= FlagNoDAD
	}
	if a.PreferredLft == 0 {
		s.Flags |= FlagDeprecated
	}
	return s
}

// without deletes the i-th address and does to its secondaries what the kernel
// does.
func (f *fakeTable) without(list []AddrState, i int) []AddrState {
	gone := list[i]
	list = slices.Delete(slices.Clone(list), i, i+1)
	network := gone.identity().net
	if !network.IsValid() || gone.Flags&FlagSecondary != 0 {
		return list
	}
	secondary := func(s AddrState) bool { return s.identity().net == network }
	if !f.promote {
		return slices.DeleteFunc(list, secondary)
	}
	if next := slices.IndexFunc(list, secondary); next >= 0 {
		list[next].Flags &^= FlagSecondary
	}
	return list
}

func (f *fakeTable) List(ctx context.Context, s Shelf) ([]Report, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.requests = append(f.requests, fmt.Sprint("list ", s))
	var list []Report
	switch s.Kind {
	case KindAddress:
		for _, a := range f.links[s.Link] {
			list = append(list, a)
		}
	case KindRoute:
		for _, r := range f.routes {
			if r.IPv6 == s.IPv6 && r.Protocol == s.Protocol {
				list = append(list, r)
			}
		}
	case KindRule:
		for _, r := range f.rules {
			if r.IPv6 == s.IPv6 && r.Protocol == s.Protocol {
				list = append(list, r)
			}
		}
	}
	return list, f.list
}

func (f *fakeTable) render() string { return render(f.links) + renderOthers(f.routes, f.rules) }

// renderOthers returns routes, in their order, and rules as text.
func renderOthers(routes []Route, rules []Rule) string {
	var b strings.Builder
	for _, r := range routes {
		fmt.Fprintf(&b, "route %v\n", r)
	}
	var lines []string
	for _, r := range rules {
		lines = append(lines, fmt.Sprintf("rule %v\n", r))
	}
	slices.Sort(lines)
	return b.String() + strings.Join(lines, "")
}

// render returns tables of addresses as sorted text, a line each.
func render(links map[string][]AddrState) string {
	var lines []string
	for name, list := range links {
		for _, s := range list {
			lines = append(lines, name+" "+renderState(s)+"\n")
		}
	}
	slices.Sort(lines)
	return strings.Join(lines, "")
}

func renderState(s AddrState) string {
	var b strings.Builder
	b.WriteString(s.String())
	if s.Broadcast.IsValid() {
		fmt.Fprintf(&b, " brd %v", s.Broadcast)
	}
	if s.Scope != 0 {
		fmt.Fprintf(&b, " scope %d", s.Scope)
	}
	if s.Label != "" {
		b.WriteString(" label " + s.Label)
	}
	for _, f := range []struct {
		flag AddrFlags
		name string
	}{
		{FlagSecondary, "secondary"},
		{FlagNoDAD, "nodad"},
		{FlagHomeAddress, "home"},
		{FlagDeprecated, "deprecated"},
		{FlagManageTemp, "mngtmpaddr"},
		{FlagNoPrefixRoute, "noprefixroute"},
		{FlagMCAutoJoin, "autojoin"},
	} {
		if s.Flags&f.flag != 0 {
			b.WriteString(" " + f.name)
		}
	}
	if s.PreferredLft != Forever {
		fmt.Fprintf(&b, " preferred %d", s.PreferredLft)
	}
	if s.ValidLft != Forever {
		fmt.Fprintf(&b, " valid %d", s.ValidLft)
	}
	if s.Proto != 0 {
		fmt.Fprintf(&b, " proto %d", s.Proto)
	}
	return b.String()
}

// renderResult returns a result as text, a line for each change.
func renderResult(r Result) string {
	var b strings.Builder
	part := func(mark string, list []Object) {
		for _, a := range list {
			fmt.Fprintf(&b, "%s %v\n", mark, a)
		}
	}
	part("removed", r.Removed)
	part("added", r.Added)
	part("adopted", r.Adopted)
	part("restored", r.Restored)
	for _, f := range r.Failed {
		fmt.Fprintf(&b, "failed to %v\n", f)
	}
	return b.String()
}
