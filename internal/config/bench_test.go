package config

import (
	"fmt"
	"strings"
	"testing"
)

// BenchmarkLoad reads a thousand instances.
func BenchmarkLoad(b *testing.B) {
	var text strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&text, "vrrp_instance VI_%d {\n interface eth%d\n virtual_router_id %d\n mcast_dst_ip 224.0.1.%d\n virtual_ipaddress {\n 10.0.%d.%d/24\n }\n}\n",
			i, i%2, i%255+1, i/255+1, i/250, i%250+1)
	}
	f := newFakeHost()
	f.content["f.conf"] = text.String()
	h := f.host()
	for b.Loop() {
		if _, diags := Load("f.conf", Options{Host: h}); len(diags) > 0 {
			b.Fatal(diags[0])
		}
	}
}
