package dump

import (
	"encoding/json"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// What programs that others have published look for in the files, in our words: the
// lines, keys and types without which they show nothing, or something wrong.
//
//   - mehdy/keepalived-exporter, internal/collector/parser.go and collector.go: all
//     three files.
//   - gen2brain/keepalived_exporter: keepalived.json, with whole numbers for nearly
//     everything.
//   - vyos/vyos-1x, python/vyos/ifconfig/vrrp.py: keepalived.json.
//   - Vyatta::VRRP::OPMode of AT&T's Vyatta: keepalived.data and .stats.
//   - Roxy-WI: one line of keepalived.stats, taken apart by awk.
//   - an agent of virtual routers: one line of keepalived.data, by grep and awk.
//   - mayrstefan/checkmk-extensions, keepalived_vrrp: the first line of keepalived.json.
//   - stefgo/keepalived-status-monitor, client/src/services/parsers: all three files.
//   - a collector for node_exporter's text files: keepalived.json, of either version.
//
// TestConsumers of internal/interop runs such programs beside both daemons.

// consumed are the snapshots whose files are looked at: that of an ordinary machine,
// and one with all that is rare, and with what keepalived does not have.
func consumed() map[string]*Data {
	rare := rare()
	rare.Past = true
	rare.Instances[0].Stats.Restored, rare.Instances[0].Stats.SplitBrain = 2, 3
	rare.Instances[0].Journal = []Entry{{At: at(1795223441, 0), Kind: "state", From: "BACKUP", To: "MASTER", Cause: "State = MASTER"}}
	rare.Timers = []Timers{{Name: "V4", Fired: 3}}
	return map[string]*Data{"captured": captured(), "rare": rare, "crowd": crowd(3 * few)}
}

var (
	stateWords  = []string{"INIT", "BACKUP", "MASTER", "FAULT"}
	scriptWords = []string{"idle", "running", "requested termination", "forcing termination"}
)

// block is what stands below a head: properties behind three blanks, and below each
// the items behind five.
type block struct {
	properties map[string]string
	items      map[string][]string
}

// blocks reads the data file as an exporter does: a head behind one blank, which
// begins with the words; anything that is less indented ends it.
func blocks(text, words string) map[string]*block {
	all := map[string]*block{}
	var b *block
	var last string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		name, isHead := strings.CutPrefix(line, " "+words+" = ")
		switch {
		case isHead:
			b = &block{properties: map[string]string{}, items: map[string][]string{}}
			all[name] = b
		case b != nil && strings.HasPrefix(line, "     "):
			b.items[last] = append(b.items[last], strings.TrimSpace(line))
		case b != nil && strings.HasPrefix(line, "   "):
			key, value, ok := strings.Cut(line, "=")
			if !ok {
				key, value, _ = strings.Cut(line, ":")
			}
			last = strings.TrimSpace(key)
			if _, twice := b.properties[last]; !twice {
				b.properties[last] = strings.TrimSpace(value)
			}
		default:
			b = nil
		}
	}
	return all
}

func whole(t *testing.T, what, s string) int {
	t.Helper()
	n, err := strconv.Atoi(s)
	if err != nil {
		t.Errorf("%s is no whole number: %q", what, s)
	}
	return n
}

// TestExporterReadsData: keepalived-exporter, and Vyatta's names for the same lines.
func TestExporterReadsData(t *testing.T) {
	virtual := regexp.MustCompile(`^Virtual IP \((\d+)\)$`)
	for name, d := range consumed() {
		text := string(d.Text(true))
		found := blocks(text, "VRRP Instance")
		for i := range d.Instances {
			v := &d.Instances[i]
			b := found[v.Name]
			if b == nil {
				t.Errorf("%s: no instance %s", name, v.Name)
				continue
			}
			p := b.properties
			if p["State"] != v.State.String() || !slices.Contains(stateWords, p["Wantstate"]) {
				t.Errorf("%s: %s has the states %q and %q", name, v.Name, p["State"], p["Wantstate"])
			}
			if p["Interface"] == "" || whole(t, "the VRID", p["Virtual Router ID"]) != int(v.VRID) {
				t.Errorf("%s: %s is on %q as %q", name, v.Name, p["Interface"], p["Virtual Router ID"])
			}
			whole(t, "the delay of announcements", p["Gratuitous ARP delay"])
			since, _, _ := strings.Cut(p["Last transition"], ".")
			whole(t, "the last transition", since)
			whole(t, "the effective priority", p["Effective priority"])
			for key := range p {
				if m := virtual.FindStringSubmatch(key); m != nil {
					checkVIPs(t, name+": "+v.Name, whole(t, "the number of addresses", m[1]), b.items[key])
				}
			}
		}
		for group, b := range blocks(text, "VRRP Sync Group") {
			if name, state, ok := strings.Cut(group, ", "); !ok || name == "" || !slices.Contains(stateWords, state) || b == nil {
				t.Errorf("%s: a group is %q", name, group)
			}
		}
		for script, b := range blocks(text, "VRRP Script") {
			if s := b.properties["Status"]; s != "GOOD" && s != "BAD" || !slices.Contains(scriptWords, b.properties["State"]) {
				t.Errorf("%s: script %s is %q and %q", name, script, s, b.properties["State"])
			}
		}
	}
}

// checkVIPs: as many lines as there are addresses, each "ADDRESS dev INTERFACE ...".
func checkVIPs(t *testing.T, what string, n int, lines []string) {
	t.Helper()
	if len(lines) != n {
		t.Errorf("%s: %d addresses, %d lines", what, n, len(lines))
	}
	for _, line := range lines {
		if words := strings.Split(line, " "); len(words) < 3 || !slices.Contains(words, "dev") {
			t.Errorf("%s: an address is %q", what, line)
		}
	}
}

// TestAgentReadsState: the state of the first instance is the only line with the word
// among the six lines below the head of the instances.
func TestAgentReadsState(t *testing.T) {
	for name, d := range consumed() {
		_, below, _ := strings.Cut(string(d.Text(true)), "VRRP Topology >------\n")
		var states []string
		for _, line := range strings.SplitN(below, "\n", 7)[:6] {
			if strings.Contains(line, "State") {
				states = append(states, strings.TrimSpace(strings.Split(line, "=")[1]))
			}
		}
		if len(states) != 1 || states[0] != d.Instances[0].State.String() {
			t.Errorf("%s: the states are %q", name, states)
		}
	}
}

// TestExporterReadsStats: every line is a head, a section or a counter, and the
// counters have the names and sections that are looked for.
func TestExporterReadsStats(t *testing.T) {
	want := []string{
		"Advertisements/Received", "Advertisements/Sent", "/Became master", "/Released master",
		"Packet Errors/Length", "Packet Errors/TTL", "Packet Errors/Invalid Type", "Packet Errors/Advertisement Interval", "Packet Errors/Address List",
		"Authentication Errors/Invalid Type", "Authentication Errors/Type Mismatch", "Authentication Errors/Failure",
		"Priority Zero/Received", "Priority Zero/Sent",
	}
	for name, d := range consumed() {
		found := map[string]map[string]bool{}
		var instance, section string
		for line := range strings.Lines(string(StatsText(d.Instances))) {
			line = strings.TrimSuffix(line, "\n")
			key, value, _ := strings.Cut(strings.TrimSpace(line), ":")
			switch {
			case strings.HasPrefix(line, "VRRP Instance: "):
				instance, section = strings.TrimSpace(value), ""
				found[instance] = map[string]bool{}
			case strings.HasPrefix(line, "  ") && strings.HasSuffix(line, ":"):
				section = key
			case strings.HasPrefix(line, "    ") || strings.HasPrefix(line, "  "):
				if !strings.HasPrefix(line, "    ") {
					section = ""
				}
				whole(t, key, strings.TrimSpace(value))
				found[instance][section+"/"+key] = true
				if key == "Became master" { // Roxy-WI: awk '{print $3}'
					whole(t, "the third word", strings.Fields(line)[2])
				}
			default:
				t.Errorf("%s: a line is %q", name, line)
			}
		}
		for i := range d.Instances {
			for _, w := range want {
				if !found[d.Instances[i].Name][w] {
					t.Errorf("%s: %s has no counter %s", name, d.Instances[i].Name, w)
				}
			}
		}
	}
}

// consumedJSON has the types that the exporters have: a whole number there refuses
// one with a point.
type consumedJSON struct {
	Data struct {
		IName          string   `json:"iname"`
		Intf           *string  `json:"ifp_ifname"`
		VMAC           *string  `json:"vmac_ifname"`
		State          *int     `json:"state"`
		WantState      *int     `json:"wantstate"`
		LastTransition *float64 `json:"last_transition"`
		VRID           *int     `json:"vrid"`
		VIPs           []string `json:"vips"`
		Excluded       []string `json:"evips"`
		Base           *int     `json:"base_priority"`
		Effective      *int     `json:"effective_priority"`
		VIPSet         *bool    `json:"vipset"`
		NoPreempt      *bool    `json:"nopreempt"`
		Version        *int     `json:"version"`
		Interval       *float64 `json:"adver_int"`
		GARPDelay      *int     `json:"garp_delay"`
		GARPRefresh    *int     `json:"garp_refresh"`
		DontTrack      *int     `json:"dont_track_primary"`
		Strict         *int     `json:"strict_mode"`
		Accept         *int     `json:"accept"`
		PreemptDelay   *int     `json:"preempt_delay"`
		Promote        *bool    `json:"promote_secondaries"`
		Mail           *bool    `json:"smtp_alert"`
		AuthType       *int     `json:"auth_type"`
	} `json:"data"`
	Stats map[string]int `json:"stats"`
}

// TestExportersReadJSON: an array, or with json_version 2 an object with one.
func TestExportersReadJSON(t *testing.T) {
	counters := []string{
		"advert_rcvd", "advert_sent", "become_master", "release_master", "packet_len_err", "advert_interval_err", "ip_ttl_err",
		"invalid_type_rcvd", "addr_list_err", "invalid_authtype", "authtype_mismatch", "auth_failure", "pri_zero_rcvd", "pri_zero_sent",
	}
	for name, d := range consumed() {
		var list []consumedJSON
		if err := json.Unmarshal(d.JSON(1), &list); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		var second struct {
			VRRP []consumedJSON `json:"vrrp"`
		}
		if err := json.Unmarshal(d.JSON(2), &second); err != nil || len(second.VRRP) != len(list) {
			t.Errorf("%s: version 2: %v, %d instances", name, err, len(second.VRRP))
		}
		for i, x := range list {
			v := &d.Instances[i]
			p := &x.Data
			if p.IName != v.Name || p.State == nil || *p.State != int(v.State) || p.VRID == nil || *p.VRID != int(v.VRID) {
				t.Errorf("%s: %s is %+v", name, v.Name, p)
			}
			if p.WantState == nil || p.LastTransition == nil || p.Base == nil || p.Effective == nil || p.VIPSet == nil || p.NoPreempt == nil ||
				p.Version == nil || p.Interval == nil || p.GARPDelay == nil || p.VMAC == nil || p.Accept == nil || p.AuthType == nil {
				t.Errorf("%s: %s lacks a key: %+v", name, v.Name, p)
			}
			if p.Intf == nil && v.Interface != "" || len(p.VIPs) != len(v.Addresses) || len(p.Excluded) != len(v.Excluded) {
				t.Errorf("%s: %s has the interface %v and the addresses %q, %q", name, v.Name, p.Intf, p.VIPs, p.Excluded)
			}
			for _, c := range counters {
				if _, there := x.Stats[c]; !there {
					t.Errorf("%s: %s has no counter %s", name, v.Name, c)
				}
			}
		}
	}
}

// TestAgentTakesOneLine: Checkmk's section is the first line of the file, and makes a
// metric of every counter, which has to be a number.
func TestAgentTakesOneLine(t *testing.T) {
	for name, d := range consumed() {
		for _, version := range []int{1, 2} {
			if text := strings.TrimSuffix(string(d.JSON(version)), "\n"); strings.Contains(text, "\n") {
				t.Errorf("%s: version %d has several lines", name, version)
			}
		}
		var list []struct {
			Stats map[string]any `json:"stats"`
		}
		if err := json.Unmarshal(d.JSON(1), &list); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		for _, x := range list {
			for key, value := range x.Stats {
				if _, ok := value.(float64); !ok {
					t.Errorf("%s: %s is %v", name, key, value)
				}
			}
		}
	}
}

// TestMonitorReadsData: an interval with its unit, and the members of a group one on a
// line, which is the only kind of line with one word below a group but for what it
// tracks.
func TestMonitorReadsData(t *testing.T) {
	units := map[string]time.Duration{"sec": time.Second, "milli-sec": time.Millisecond}
	for name, d := range consumed() {
		text := string(d.Text(true))
		instances, groups := blocks(text, "VRRP Instance"), blocks(text, "VRRP Sync Group")
		for i := range d.Instances {
			v := &d.Instances[i]
			number, unit, _ := strings.Cut(instances[v.Name].properties["Advert interval"], " ")
			if got := time.Duration(whole(t, "the interval", number)) * units[unit]; got != v.AdvertInterval {
				t.Errorf("%s: the interval of %s is %s %s, want %v", name, v.Name, number, unit, v.AdvertInterval)
			}
		}
		for _, g := range d.Groups {
			if got := groups[g.Name+", "+g.State.String()].items["VRRP member instances"]; !slices.Equal(got, g.Members) {
				t.Errorf("%s: the members of %s are %q, want %q", name, g.Name, got, g.Members)
			}
		}
	}
}
