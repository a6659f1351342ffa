package kernel

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// fakeTable is a kernel's table of addresses in memory.
type fakeTable struct {
	links    map[string][]AddrState
	promote  bool             // promote_secondaries
	fail     map[string]error // "add 192.0.2.1/24 dev eth0": what it fails with
	list     error            // what listing fails with
	requests []string
}

var _ AddressTable = (*fakeTable)(nil)

func newFakeTable(links ...string) *fakeTable {
	f := &fakeTable{links: make(map[string][]AddrState), fail: make(map[string]error)}
	for _, l := range links {
		f.links[l] = nil
	}
	return f
}

func (f *fakeTable) ChangeAddress(ctx context.Context, op Op, a Address) (bool, error) {
	if err := ctx.Err(); err != nil {
		return false, err
	}
	request := fmt.Sprintf("%v %v", op, a)
	f.requests = append(f.requests, request)
	if err := f.fail[request]; err != nil && !errors.Is(err, ErrUnanswered) {
		return false, err
	}
	list, ok := f.links[a.Link]
	if !ok {
		if op == OpDelete {
			return false, nil
		}
		return false, errors.New("no such device")
	}
	i := slices.IndexFunc(list, a.Is)
	if (i < 0) == (op == OpDelete) {
		return false, f.fail[request]
	}
	if op == OpAdd {
		f.links[a.Link] = append(list, newState(a, list))
		return true, f.fail[request]
	}
	f.links[a.Link] = f.without(list, i)
	return true, f.fail[request]
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

func (f *fakeTable) ListAddresses(ctx context.Context, link string) ([]AddrState, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	f.requests = append(f.requests, "list "+link)
	return f.links[link], f.list
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
	part := func(mark string, list []Address) {
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
