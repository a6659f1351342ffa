package findings

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/config"
)

// TestPlaces: what the checks at the end find points at the word that is to
// be changed, and not at the head of the block.
func TestPlaces(t *testing.T) {
	const text = `global_defs {
    vrrp_strict
}
vrrp_sync_group G {
    group { A NOBODY }
}
vrrp_script chk {
    script "/usr/bin/pgrep -x haproxy"
}
vrrp_instance A {
    state MASTER
    interface eth0
    virtual_router_id 5
    advert_int 1.5
    preempt_delay 5
    authentication {
        auth_type PASS
        auth_pass secret12
    }
    mcast_dst_ip 224.0.0.9
    lower_prio_no_advert false
    virtual_ipaddress { 192.0.2.1 }
}
vrrp_instance B {
    interface eth0
    virtual_router_id 0
}
vrrp_instance C {
    interface eth0
    virtual_router_id 7
    virtual_ipaddress {
        192.0.2.2
`
	main := filepath.Join(t.TempDir(), "keepalived.conf")
	if err := os.WriteFile(main, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	opt := config.Options{Test: true, Seed: 1}
	opt.Host = (&Description{}).Host(main, opt)
	cfg, diags := config.Load(main, opt)
	r := New(diags, main, cfg.Files, opt.Host.ReadFile)
	for text, word := range map[string]string{
		"Virtual router NOBODY specified in sync group G doesn't exist - ignoring":         "NOBODY",
		"SECURITY VIOLATION - scripts are being executed but script_security not enabled.": `"/usr/bin/pgrep -x haproxy"`,
		"(A) VRRPv2 advertisement interval 1.500000s must be an integer. rounding":         "1.5",
		"(A) Warning - preempt delay will not work with initial state MASTER - clearing":   "5",
		"(A) Strict mode does not support authentication. Ignoring.":                       "PASS",
		"(A) Strict mode requires no lower priority advert. resetting":                     "false",
		"(B) the virtual router id must be set":                                            "0",
		"There are 2 missing '}'s or extra '{'s":                                           "{",
		"Sync group G has only 1 virtual router(s) - this probably isn't what you want":    "vrrp_sync_group",
	} {
		found := false
		for i := range r.Findings {
			f := &r.Findings[i]
			if f.Text != text {
				continue
			}
			found = true
			if got := string(f.line[f.from:f.to]); got != word {
				t.Errorf("%q points at %q, want %q", text, got, word)
			}
		}
		if !found {
			t.Errorf("%q is not found", text)
		}
	}
	if t.Failed() {
		for i := range r.Findings {
			f := &r.Findings[i]
			t.Logf("%d:%d %q %s", f.Pos.Line, f.Pos.Col, f.line[f.from:f.to], f.Text)
		}
	}
}
