package config

import (
	"cmp"
	"fmt"
	"strings"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// opening is what stands before a keyword of a block, closing what makes the
// whole complete.
var blockTexts = map[string]struct{ opening, closing string }{
	"":                   {"", ""},
	"global_defs":        {"global_defs {\n", "}\n"},
	"vrrp_script":        {"vrrp_script s {\n", "script \"</etc/keepalived/ok.sh\"\n}\n"},
	"vrrp_track_process": {"vrrp_track_process p {\n", "process x\n}\n"},
	"track_file":         {"track_file f {\n", "file /run/f\n}\n"},
	"bfd_instance":       {"bfd_instance b {\n", "neighbor_ip 192.0.2.9\n}\n"},
	"vrrp_sync_group":    {"vrrp_sync_group G {\n", "group { A B }\n}\n"},
	"track_group":        {"track_group T {\n", "}\n"},
	"garp_group":         {"garp_group {\n", "garp_interval 0.1\n}\n"},
	"vrrp_instance":      {"vrrp_instance VI_1 {\n", "interface eth0\nvirtual_router_id 5\nvirtual_ipaddress { 192.0.2.77 }\n}\n"},
	"authentication":     {"vrrp_instance VI_1 {\nauthentication {\n", "auth_type PASS\nauth_pass x\n}\ninterface eth0\nvirtual_router_id 5\nvirtual_ipaddress { 192.0.2.77 }\n}\n"},
	"auth_hmac":          {"vrrp_instance VI_1 {\nauth_hmac {\n", "key 1 0123456789abcdef0123456789abcdef\nactive_key 1\n}\ninterface eth0\nvirtual_router_id 5\nvirtual_ipaddress { 192.0.2.77 }\n}\n"},
}

// What the examples refer to.
const (
	exampleBefore = `vrrp_script chk_haproxy { script "</etc/keepalived/ok.sh" }
vrrp_track_process chk_nginx { process nginx }
track_file maintenance { file /run/maintenance }
bfd_instance peer1 { neighbor_ip 192.0.2.12 }
`
	exampleAfter = `vrrp_instance A {
interface eth1
virtual_router_id 7
virtual_ipaddress { 192.0.2.78 }
}
vrrp_instance B {
interface eth1
virtual_router_id 8
virtual_ipaddress { 192.0.2.79 }
}
`
)

// TestKeywordExamples reads the example of every keyword: the documentation
// is made from them.
func TestKeywordExamples(t *testing.T) {
	count := 0
	var visit func(list []Keyword)
	visit = func(list []Keyword) {
		for _, k := range list {
			count++
			t.Run(strings.TrimPrefix(k.Block+"/"+k.Name, "/"), func(t *testing.T) {
				checkKeyword(t, k)
			})
			visit(k.Keywords)
		}
	}
	visit(Keywords())
	if count < 250 {
		t.Errorf("got %d keywords, want the whole language", count)
	}
}

func checkKeyword(t *testing.T, k Keyword) {
	t.Helper()
	checkWords(t, k)
	if first, _, _ := strings.Cut(k.Example, " "); first != k.Name {
		t.Errorf("example %q does not start with the keyword", k.Example)
	}
	if len(k.Keywords) > 0 || k.Opens && strings.HasSuffix(k.Example, "{") {
		return // its keywords have examples of their own
	}
	block, ok := blockTexts[k.Block]
	if !ok {
		t.Fatalf("no text to put a keyword of %s into", k.Block)
	}
	opening, closing := block.opening, block.closing
	if k.Block == "vrrp_instance" {
		opening += exampleContext[k.Name]
		closing = cmp.Or(exampleInstance[k.Name], closing)
	}
	// What the example itself gives must not be there twice.
	for line := range strings.Lines(closing) {
		if strings.HasPrefix(line, k.Name+" ") {
			closing = strings.Replace(closing, line, "", 1)
		}
	}
	if k.Name == "group" && k.Block == "track_group" {
		opening = "track_group T {\n"
	}
	f := goldenHost()
	for _, p := range []string{"/usr/local/bin/notify.sh", "/usr/local/bin/reader.sh", "/usr/local/bin/up.sh", "/usr/local/bin/down.sh", "/usr/bin/pgrep"} {
		f.script(p, 0o755)
	}
	f.users["keepalived_script"] = User{Name: "keepalived_script", UID: 500, GID: 500}
	f.dirs("/var/lib/keepalived")
	text := exampleBefore + opening + strings.ReplaceAll(k.Example, "VI_1 VI_2", "A B") + "\n" + closing + exampleAfter
	f.content["f.conf"] = text
	_, diags := Load("f.conf", Options{Test: true, Host: f.host()})
	for _, d := range diags {
		if d.Code > syntax.Log && !tolerated(k, d) {
			t.Errorf("%s: %s\n%s", d.Code, d, number(text))
		}
	}
}

// exampleContext is what an example needs beside itself.
var exampleContext = map[string]string{
	"vmac_xmit_base":       "use_vmac\n",
	"unicast_ttl":          "unicast_peer { 192.0.2.11 }\n",
	"unicast_src_ip":       "unicast_peer { 192.0.2.11 }\n",
	"check_unicast_src":    "unicast_peer { 192.0.2.11 }\n",
	"old_unicast_checksum": "unicast_peer { 192.0.2.11 }\n",
	"timer_expired_backup": "nopreempt\n",
	"owner_ignore_adverts": "priority 255\n",
}

// exampleInstance is the rest of an instance for examples that no other one suits.
var exampleInstance = map[string]string{
	"native_ipv6": "interface eth0\nvirtual_router_id 5\nvirtual_ipaddress { fe80::7 }\n}\n",
	"use_ipvlan":  "interface eth0\nvirtual_router_id 5\nvirtual_ipaddress { fe80::7 }\n}\n",
	"vrf":         "virtual_router_id 5\nunicast_src_ip 192.0.2.10\nunicast_peer { 192.0.2.11 }\nvirtual_ipaddress { 192.0.2.77 dev eth0 }\n}\n",
}

// tolerated are diagnostics that an example cannot avoid.
func tolerated(k Keyword, d Diagnostic) bool {
	return d.Code == syntax.Security || k.Instead != ""
}

func number(text string) string {
	var b strings.Builder
	for i, line := range strings.Split(text, "\n") {
		fmt.Fprintf(&b, "%3d %s\n", i+1, line)
	}
	return b.String()
}

func TestNearest(t *testing.T) {
	known := topNames()
	for _, tt := range []struct{ word, want string }{
		{"vrrp_instanc", "vrrp_instance"},
		{"vrrp_sync_gruop", "vrrp_sync_group"},
		{"global_def", "global_defs"},
		{"VRRP-Instance", "vrrp_instance"},
		{"xyz", ""},
		{"", ""},
	} {
		if got := nearest(tt.word, known); got != tt.want {
			t.Errorf("nearest(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
	for _, tt := range []struct{ word, want string }{
		{"virtual_ip_address", "virtual_ipaddress"},
		{"virtual_ip_address_excluded", "virtual_ipaddress_excluded"},
		{"prioirty", "priority"},
		{"virtual_routerid", "virtual_router_id"},
	} {
		if got := nearest(tt.word, instanceKeywords().names()); got != tt.want {
			t.Errorf("nearest(%q) = %q, want %q", tt.word, got, tt.want)
		}
	}
}
