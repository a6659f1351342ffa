package kernel

import (
	"net/netip"
	"testing"
)

func TestPickSource(t *testing.T) {
	addrs := func(list ...string) (out []AddrState) {
		for _, s := range list {
			flags := FlagPermanent
			switch s[len(s)-1] {
			case 't':
				flags |= FlagTentative
				s = s[:len(s)-1]
			case 'f':
				flags |= FlagDADFailed | FlagTentative
				s = s[:len(s)-1]
			}
			out = append(out, AddrState{Prefix: netip.MustParsePrefix(s), Flags: flags})
		}
		return out
	}
	tests := []struct {
		name    string
		addrs   []AddrState
		ipv6    bool
		vips    []string
		current string
		want    string // empty: none
	}{
		{name: "first", addrs: addrs("192.0.2.1/24", "192.0.2.2/24"), want: "192.0.2.1"},
		{name: "none", want: ""},
		{name: "no address of the family", addrs: addrs("2001:db8::1/64", "fe80::1/64"), want: ""},
		{name: "first is virtual", addrs: addrs("192.0.2.1/24", "192.0.2.2/24"), vips: []string{"192.0.2.1"}, want: "192.0.2.2"},
		{name: "all virtual", addrs: addrs("192.0.2.1/24"), vips: []string{"192.0.2.1"}, want: ""},
		{
			name: "current stays", addrs: addrs("192.0.2.1/24", "192.0.2.2/24", "192.0.2.3/24"),
			current: "192.0.2.2", want: "192.0.2.2",
		},
		{
			name: "current has gone", addrs: addrs("192.0.2.1/24", "192.0.2.2/24", "192.0.2.9/32"),
			vips: []string{"192.0.2.9"}, current: "192.0.2.8", want: "192.0.2.2",
		},
		{
			name: "current is virtual now", addrs: addrs("192.0.2.1/24", "192.0.2.2/24"),
			vips: []string{"192.0.2.1"}, current: "192.0.2.1", want: "192.0.2.2",
		},
		{name: "last has gone", addrs: addrs("fe80::1/64"), current: "192.0.2.1", want: ""},
		{
			name: "IPv6 takes link-local", ipv6: true,
			addrs: addrs("192.0.2.1/24", "2001:db8::1/64", "fe80::1/64", "fe80::2/64"), want: "fe80::1",
		},
		{name: "IPv6 without link-local", ipv6: true, addrs: addrs("192.0.2.1/24", "2001:db8::1/64"), want: ""},
		{name: "IPv6 tentative", ipv6: true, addrs: addrs("fe80::1/64t", "fe80::2/64f", "fe80::3/64"), want: "fe80::3"},
		{name: "IPv6 current found duplicate", ipv6: true, addrs: addrs("fe80::1/64f"), current: "fe80::1", want: ""},
		{
			name: "IPv6 current has gone", ipv6: true,
			addrs: addrs("fe80::1/64", "fe80::2/64", "2001:db8::1/64"), current: "fe80::9", want: "fe80::2",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			vip := func(a netip.Addr) bool {
				for _, v := range tt.vips {
					if netip.MustParseAddr(v) == a {
						return true
					}
				}
				return false
			}
			var current, want netip.Addr
			if tt.current != "" {
				current = netip.MustParseAddr(tt.current)
			}
			if tt.want != "" {
				want = netip.MustParseAddr(tt.want)
			}
			if got := PickSource(Link{Addrs: tt.addrs}, tt.ipv6, vip, current); got != want {
				t.Errorf("PickSource = %v, want %v", got, want)
			}
		})
	}
	if got, want := PickSource(Link{Addrs: addrs("192.0.2.1/24")}, false, nil, netip.Addr{}), netip.MustParseAddr("192.0.2.1"); got != want {
		t.Errorf("PickSource without exclusion = %v, want %v", got, want)
	}
}
