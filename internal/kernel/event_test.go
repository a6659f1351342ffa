package kernel

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// newLink makes a link that is up and has the addresses.
func newLink(index int, name string, addrs ...string) *Link {
	l := &Link{Index: index, Name: name, MTU: 1500, HWType: 1, HardwareAddr: net.HardwareAddr{2, 0, 0, 0, 0, byte(index)}}
	l.setFlags(flagUp | flagRunning | flagMulticast)
	for _, a := range addrs {
		l.Addrs = append(l.Addrs, AddrState{Prefix: netip.MustParsePrefix(a), Flags: FlagPermanent})
	}
	return l
}

// down returns the link without carrier.
func (l *Link) down() *Link {
	c := *l
	c.setFlags(flagUp | flagMulticast)
	return &c
}

func text(events []Event) string {
	var b strings.Builder
	for _, ev := range events {
		fmt.Fprintln(&b, ev)
	}
	return b.String()
}

func TestDiff(t *testing.T) {
	tentative := newLink(2, "eth0", "fe80::1/64")
	tentative.Addrs[0].Flags = FlagTentative
	younger := newLink(2, "eth0", "fe80::1/64")
	younger.Addrs[0].ValidLft = 10
	tests := []struct {
		name     string
		from, to []*Link
		want     string
	}{
		{
			name: "nothing",
			from: []*Link{newLink(2, "eth0", "192.0.2.1/24")},
			to:   []*Link{newLink(2, "eth0", "192.0.2.1/24")},
		},
		{
			name: "lifetimes are nothing",
			from: []*Link{newLink(2, "eth0", "fe80::1/64")},
			to:   []*Link{younger},
		},
		{
			name: "order of addresses is nothing",
			from: []*Link{newLink(2, "eth0", "192.0.2.1/24", "192.0.2.2/24")},
			to:   []*Link{newLink(2, "eth0", "192.0.2.2/24", "192.0.2.1/24")},
		},
		{
			name: "all new",
			to:   []*Link{newLink(1, "lo"), newLink(2, "eth0", "192.0.2.1/24", "fe80::1/64")},
			want: `
link added 1 lo flags 0x1041 mtu 1500 mac 02:00:00:00:00:01
link added 2 eth0 flags 0x1041 mtu 1500 mac 02:00:00:00:00:02
address added eth0 192.0.2.1/24
address added eth0 fe80::1/64
`,
		},
		{
			name: "all gone",
			from: []*Link{newLink(1, "lo"), newLink(2, "eth0", "192.0.2.1/24", "fe80::1/64")},
			want: `
link gone 1 lo flags 0x1041 mtu 1500 mac 02:00:00:00:00:01
address removed eth0 192.0.2.1/24
address removed eth0 fe80::1/64
link gone 2 eth0 flags 0x1041 mtu 1500 mac 02:00:00:00:00:02
`,
		},
		{
			name: "carrier lost, addresses changed",
			from: []*Link{newLink(2, "eth0", "192.0.2.1/24", "192.0.2.2/24")},
			to:   []*Link{newLink(2, "eth0", "192.0.2.2/24", "192.0.2.3/24").down()},
			want: `
address removed eth0 192.0.2.1/24
link changed 2 eth0 flags 0x1041 mtu 1500 mac 02:00:00:00:00:02 -> 2 eth0 flags 0x1001 mtu 1500 mac 02:00:00:00:00:02
address added eth0 192.0.2.3/24
`,
		},
		{
			name: "detection is over",
			from: []*Link{tentative},
			to:   []*Link{newLink(2, "eth0", "fe80::1/64")},
			want: "address changed eth0 fe80::1/64 tentative -> fe80::1/64\n",
		},
		{
			name: "another prefix length is another IPv4 address",
			from: []*Link{newLink(2, "eth0", "192.0.2.1/24", "2001:db8::1/64")},
			to:   []*Link{newLink(2, "eth0", "192.0.2.1/25", "2001:db8::1/80")},
			want: `
address removed eth0 192.0.2.1/24
address added eth0 192.0.2.1/25
address changed eth0 2001:db8::1/64 -> 2001:db8::1/80
`,
		},
		{
			name: "renamed",
			from: []*Link{newLink(2, "eth0", "192.0.2.1/24"), newLink(3, "eth1")},
			to:   []*Link{newLink(2, "wan0", "192.0.2.1/24"), newLink(3, "eth1")},
			want: `
address removed eth0 192.0.2.1/24
link gone 2 eth0 flags 0x1041 mtu 1500 mac 02:00:00:00:00:02
link added 2 wan0 flags 0x1041 mtu 1500 mac 02:00:00:00:00:02
address added wan0 192.0.2.1/24
`,
		},
		{
			name: "names swapped",
			from: []*Link{newLink(2, "eth0"), newLink(3, "eth1")},
			to:   []*Link{newLink(2, "eth1"), newLink(3, "eth0")},
			want: `
link gone 2 eth0 flags 0x1041 mtu 1500 mac 02:00:00:00:00:02
link gone 3 eth1 flags 0x1041 mtu 1500 mac 02:00:00:00:00:03
link added 2 eth1 flags 0x1041 mtu 1500 mac 02:00:00:00:00:02
link added 3 eth0 flags 0x1041 mtu 1500 mac 02:00:00:00:00:03
`,
		},
		{
			name: "same name, new index",
			from: []*Link{newLink(2, "eth0", "192.0.2.1/24"), newLink(3, "eth1")},
			to:   []*Link{newLink(3, "eth1"), newLink(7, "eth0", "192.0.2.1/24")},
			want: `
address removed eth0 192.0.2.1/24
link gone 2 eth0 flags 0x1041 mtu 1500 mac 02:00:00:00:00:02
link added 7 eth0 flags 0x1041 mtu 1500 mac 02:00:00:00:00:07
address added eth0 192.0.2.1/24
`,
		},
		{
			name: "address moved",
			from: []*Link{newLink(2, "eth0"), newLink(3, "eth1", "192.0.2.1/24")},
			to:   []*Link{newLink(2, "eth0", "192.0.2.1/24"), newLink(3, "eth1")},
			want: `
address removed eth1 192.0.2.1/24
address added eth0 192.0.2.1/24
`,
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got := text(Diff(&Picture{Links: tt.from}, &Picture{Links: tt.to}))
			if diff := cmp.Diff(strings.TrimPrefix(tt.want, "\n"), got); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
		})
	}
}

func TestPictureLookup(t *testing.T) {
	p := &Picture{Links: []*Link{newLink(1, "lo"), newLink(4, "eth0"), newLink(9, "eth1")}}
	for _, l := range p.Links {
		if got := p.Link(l.Index); got != l {
			t.Errorf("Link(%d) = %v", l.Index, got)
		}
		if got := p.LinkByName(l.Name); got != l {
			t.Errorf("LinkByName(%s) = %v", l.Name, got)
		}
	}
	for _, index := range []int{0, 2, 10} {
		if got := p.Link(index); got != nil {
			t.Errorf("Link(%d) = %v, want none", index, got)
		}
	}
	if got := p.LinkByName("eth2"); got != nil {
		t.Errorf("LinkByName(eth2) = %v, want none", got)
	}
}

// A listing must not change which address was reported first.
func TestReplaceKeepsOrder(t *testing.T) {
	s := &state{pic: &Picture{Links: []*Link{newLink(2, "eth0", "192.0.2.3/24", "192.0.2.1/24", "192.0.2.2/24")}}}
	events := s.replace(&Picture{Links: []*Link{newLink(2, "eth0", "192.0.2.9/24", "192.0.2.1/24", "192.0.2.3/24", "192.0.2.4/24")}})
	want := newLink(2, "eth0", "192.0.2.3/24", "192.0.2.1/24", "192.0.2.9/24", "192.0.2.4/24").Addrs
	if diff := cmp.Diff(want, s.pic.Links[0].Addrs, addrCmp); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	wantEvents := "address removed eth0 192.0.2.2/24\naddress added eth0 192.0.2.9/24\naddress added eth0 192.0.2.4/24\n"
	if diff := cmp.Diff(wantEvents, text(events)); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}

func TestStateIgnoresWhatIsNotNew(t *testing.T) {
	s := &state{pic: &Picture{}}
	s.link(newLink(2, "eth0"))
	s.addr(2, AddrState{Prefix: netip.MustParsePrefix("192.0.2.1/24")})
	before := s.pic
	for name, events := range map[string][]Event{
		"same link":               s.link(newLink(2, "eth0")),
		"same address":            s.addr(2, AddrState{Prefix: netip.MustParsePrefix("192.0.2.1/24")}),
		"address on unknown link": s.addr(3, AddrState{Prefix: netip.MustParsePrefix("192.0.2.1/24")}),
		"unknown link gone":       s.linkGone(3),
		"unknown address gone":    s.addrGone(2, AddrState{Prefix: netip.MustParsePrefix("192.0.2.1/25")}),
		"gone from unknown link":  s.addrGone(3, AddrState{Prefix: netip.MustParsePrefix("192.0.2.1/24")}),
	} {
		if len(events) > 0 {
			t.Errorf("%s: events %v", name, events)
		}
	}
	if s.pic != before {
		t.Error("the picture was replaced")
	}
}

// follower builds a picture from events alone and checks what they promise.
type follower struct {
	links map[int]*Link
	names map[string]int
}

func (f *follower) take(t interface{ Fatalf(string, ...any) }, ev Event) {
	switch ev := ev.(type) {
	case LinkAdded:
		if f.links[ev.Link.Index] != nil || f.names[ev.Link.Name] != 0 {
			t.Fatalf("%v: index or name are taken", ev)
		}
		f.links[ev.Link.Index] = ev.Link.with(nil)
		f.names[ev.Link.Name] = ev.Link.Index
	case LinkChanged:
		old := f.links[ev.New.Index]
		if old == nil || old.Name != ev.New.Name || !old.same(ev.Old) || old.same(ev.New) {
			t.Fatalf("%v: not a change of the link as it was", ev)
		}
		f.links[ev.New.Index] = ev.New.with(old.Addrs)
	case LinkGone:
		old := f.links[ev.Link.Index]
		if old == nil || len(old.Addrs) > 0 {
			t.Fatalf("%v: unknown or with addresses", ev)
		}
		delete(f.links, ev.Link.Index)
		delete(f.names, ev.Link.Name)
	case AddressAdded:
		l := f.links[ev.Link.Index]
		if l == nil || l.find(ev.Addr.identity()) >= 0 {
			t.Fatalf("%v: no link or known", ev)
		}
		f.links[l.Index] = l.with(append(slices.Clone(l.Addrs), ev.Addr))
	case AddressChanged:
		l := f.links[ev.Link.Index]
		i := l.find(ev.New.identity())
		if i < 0 || !l.Addrs[i].sameReport(ev.Old) {
			t.Fatalf("%v: unknown or otherwise", ev)
		}
		addrs := slices.Clone(l.Addrs)
		addrs[i] = ev.New
		f.links[l.Index] = l.with(addrs)
	case AddressRemoved:
		l := f.links[ev.Link.Index]
		i := l.find(ev.Addr.identity())
		if i < 0 {
			t.Fatalf("%v: unknown", ev)
		}
		f.links[l.Index] = l.with(slices.Delete(slices.Clone(l.Addrs), i, i+1))
	}
}

// show renders a picture for comparison, lifetimes left out.
func show(links []*Link) string {
	var b strings.Builder
	for _, l := range links {
		fmt.Fprintln(&b, describe(l))
		for _, a := range l.Addrs {
			fmt.Fprintln(&b, " ", a, a.Label)
		}
	}
	return b.String()
}

func (f *follower) show() string {
	var links []*Link
	for _, l := range f.links {
		links = append(links, l)
	}
	slices.SortFunc(links, func(a, b *Link) int { return a.Index - b.Index })
	return show(links)
}

// Whatever the kernel reports, in single messages or in listings after lost
// ones: who follows the events has the picture, and pictures handed out before
// stay as they were.
func TestEventsTellThePicture(t *testing.T) {
	index := rapid.IntRange(1, 4)
	name := rapid.SampledFrom([]string{"eth0", "eth1", "wan0"})
	addr := rapid.Custom(func(t *rapid.T) AddrState {
		return AddrState{
			Prefix: netip.MustParsePrefix(rapid.SampledFrom([]string{
				"192.0.2.1/24", "192.0.2.1/25", "192.0.2.2/24", "fe80::1/64", "fe80::2/64",
			}).Draw(t, "prefix")),
			Flags:    rapid.SampledFrom([]AddrFlags{FlagPermanent, FlagTentative}).Draw(t, "flags"),
			ValidLft: rapid.SampledFrom([]uint32{Forever, 10}).Draw(t, "valid"),
		}
	})
	link := func(t *rapid.T, p *Picture) *Link {
		l := newLink(index.Draw(t, "index"), name.Draw(t, "name"))
		if rapid.Bool().Draw(t, "down") {
			l = l.down()
		}
		// The kernel never has a name twice.
		if other := p.LinkByName(l.Name); other != nil && other.Index != l.Index {
			t.Skip("name is taken")
		}
		return l
	}
	rapid.Check(t, func(t *rapid.T) {
		s := &state{pic: &Picture{}}
		f := &follower{links: map[int]*Link{}, names: map[string]int{}}
		type old struct {
			pic  *Picture
			text string
		}
		var past []old
		step := func(events []Event) {
			for _, ev := range events {
				f.take(t, ev)
			}
			if diff := cmp.Diff(show(s.pic.Links), f.show()); diff != "" {
				t.Fatalf("after %v (-picture +events):\n%s", events, diff)
			}
			past = append(past, old{s.pic, show(s.pic.Links)})
			for i, o := range past {
				if got := show(o.pic.Links); got != o.text {
					t.Fatalf("picture %d of %d was changed: %s, was %s", i, len(past), got, o.text)
				}
			}
		}
		t.Repeat(map[string]func(*rapid.T){
			"link":     func(t *rapid.T) { step(s.link(link(t, s.pic))) },
			"linkGone": func(t *rapid.T) { step(s.linkGone(index.Draw(t, "index"))) },
			"addr":     func(t *rapid.T) { step(s.addr(index.Draw(t, "index"), addr.Draw(t, "addr"))) },
			"addrGone": func(t *rapid.T) { step(s.addrGone(index.Draw(t, "index"), addr.Draw(t, "addr"))) },
			"listing": func(t *rapid.T) {
				next := &state{pic: &Picture{}}
				for range rapid.IntRange(0, 3).Draw(t, "links") {
					l := newLink(index.Draw(t, "index"), name.Draw(t, "name"))
					if next.pic.LinkByName(l.Name) == nil {
						next.link(l)
					}
				}
				for range rapid.IntRange(0, 5).Draw(t, "addrs") {
					next.addr(index.Draw(t, "index"), addr.Draw(t, "addr"))
				}
				step(s.replace(next.pic))
			},
		})
	})
}
