package conftest

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/holdfast-ha/holdfast/internal/config"
)

// notWritten are the keywords that the generator leaves out, with the reason.
// Those that came after 2.2.7 go without saying.
var notWritten = map[string]string{
	"global_defs/enable_snmp_rfc":   "whether it is known depends on the build",
	"global_defs/enable_snmp_rfcv2": "the same",
	"global_defs/enable_snmp_rfcv3": "the same",
	"global_defs/vrrp_iptables":     "the same",
	"global_defs/vrrp_ipsets":       "the same",
	"global_defs/config_save_dir":   "it changes the machine",
	"/net_namespace":                "the reference gives up where it cannot enter the namespace",
}

// TestCoverage lists the keywords that are never generated.
func TestCoverage(t *testing.T) {
	written := topWritten()
	for block, list := range keywordBlocks {
		for _, e := range list {
			written[block+"/"+e.name] = true
		}
	}
	left := maps.Clone(notWritten)
	var visit func([]config.Keyword)
	visit = func(list []config.Keyword) {
		for _, k := range list {
			for _, name := range slices.Concat([]string{k.Name}, k.Aliases) {
				id := k.Block + "/" + name
				_, excused := left[id]
				delete(left, id)
				switch {
				case written[id] && excused:
					t.Errorf("%s is generated: it needs no excuse", id)
				case !written[id] && !excused && k.Since == "":
					t.Errorf("%s is never generated", id)
				}
			}
			visit(k.Keywords)
		}
	}
	visit(config.Keywords())
	for id := range left {
		t.Errorf("%s is excused, and no keyword", id)
	}
}

// topWritten are the words that start lines outside of blocks in some
// thousand configurations.
func topWritten() map[string]bool {
	words := map[string]bool{}
	for seed := range uint64(3000) {
		for line := range strings.Lines(generate(seed)[mainFile]) {
			if fields := strings.Fields(line); len(fields) > 0 && strings.HasPrefix(line, fields[0]) {
				words["/"+fields[0]] = true
			}
		}
	}
	return words
}
