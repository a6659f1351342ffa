package daemon

import (
	"fmt"
	"strings"
	"testing"
)

// What was said of an encapsulation is shown, also a 0, and nothing else.
func TestSNMPEncap(t *testing.T) {
	for words, want := range map[string]string{
		"":                                   "none",
		"mpls 0x10/17":                       "1 16/17",
		"ip id 4294967298 dst 192.0.2.1":     "2  id 4294967298 dst 192.0.2.1",
		"ip id 0 tos 0 ttl 0 flags 0":        "2  id 0 tos 0 ttl 0 flags 0",
		"ip6 dst 2001:db8::1 tc 3":           "4  dst 2001:db8::1 tos 3",
		"ip6 id 1 src 2001:db8::1 id 7":      "4  id 7 src 2001:db8::1",
		"ip6 id 1 hoplimit 4 flags 0x1234":   "4  id 1 ttl 4 flags 4660",
		"ila ffff:2:0:8004":                  "3  locator 18446462607322808324",
		"ip id 1 dst 192.0.2.1 src 10.0.0.1": "2  id 1 dst 192.0.2.1 src 10.0.0.1",
	} {
		got := "none"
		if x := snmpEncap(strings.Fields(words)); x != nil {
			got = fmt.Sprintf("%d %s", x.Kind, x.Labels)
			add := func(there bool, name string, value any) {
				if there {
					got += fmt.Sprintf(" %s %v", name, value)
				}
			}
			add(x.ID != nil, "id", value(x.ID))
			add(x.Dst.IsValid(), "dst", x.Dst)
			add(x.Src.IsValid(), "src", x.Src)
			add(x.TOS != nil, "tos", value(x.TOS))
			add(x.TTL != nil, "ttl", value(x.TTL))
			add(x.Flags != nil, "flags", value(x.Flags))
			add(x.Locator != nil, "locator", value(x.Locator))
		}
		if got != want {
			t.Errorf("%q: %q, want %q", words, got, want)
		}
	}
}
