package config

import (
	"strings"
	"testing"
)

// TestStrictCompat tests the differences that docs/compatibility.md marks, as
// far as they are those of reading a configuration: what the default says, and
// that strict mode does what keepalived does. The rest of them are the
// daemon's and tested there.
func TestStrictCompat(t *testing.T) {
	const usable = "vrrp_instance V {\ninterface eth0\nvirtual_router_id 1\nvirtual_ipaddress {\n192.0.2.1\n}\n}\n"
	for _, tt := range []struct {
		name, text     string
		status, strict int
		// Words that only one of the two reports has.
		says, saysStrict string
	}{
		{"unknown block leaks", "vrrp_instance W {\ninterface eth0\nvirtual_router_id 2\nvirtual_ipaddress {\n192.0.2.2\n}\nfoo {\nbar\n}\npriority 7\n}\n", ExitErrors, ExitErrors, "The block is left out.", "Unknown keyword 'priority'"},
		{"missing main file", "", ExitFatal, ExitOK, "", ""},
		{"executable main file", "(executable)\n" + usable, ExitOK, ExitOK, "is executable", "is not a regular non-executable file"},
		{"missing argument", usable + "vrrp_instance W {\ninterface\nnonsense\n}\n", ExitMissing, ExitMissing, "Unknown keyword 'nonsense'", ""},
		{"network namespace", "net_namespace absent\n" + usable + "nonsense\n", ExitErrors, ExitOK, "Interfaces are looked up", ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			f := newFakeHost()
			if tt.text != "" {
				f.content["f.conf"] = tt.text
			}
			var reports [2]string
			for i, want := range []int{tt.status, tt.strict} {
				_, diags := Load("f.conf", Options{Test: true, StrictCompat: i == 1, Host: f.host(), Seed: 1})
				var b strings.Builder
				if err := diags.Write(&b); err != nil {
					t.Fatal(err)
				}
				if reports[i] = b.String(); diags.ExitStatus() != want {
					t.Errorf("strict %v: status %d, want %d:\n%s", i == 1, diags.ExitStatus(), want, &b)
				}
			}
			for i, words := range []string{tt.says, tt.saysStrict} {
				if words != "" && (!strings.Contains(reports[i], words) || strings.Contains(reports[1-i], words)) {
					t.Errorf("%q is not in this report alone (strict %v):\n%s--\n%s", words, i == 1, reports[0], reports[1])
				}
			}
		})
	}
}
