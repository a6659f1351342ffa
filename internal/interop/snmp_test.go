package interop_test

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/holdfast-ha/holdfast/internal/interop"
	"github.com/holdfast-ha/holdfast/internal/nettest"
	"github.com/holdfast-ha/holdfast/internal/snmp/snmptest"
)

const snmpConf = `
global_defs {
	router_id R1
	notification_email {
		a@example.org
		b@example.org
	}
	notification_email_from me@example.org
	smtp_server 127.0.0.1 2525
	smtp_connect_timeout 7
	enable_traps
	enable_script_security
	script_user root
}
static_ipaddress {
	192.0.2.200/24 dev eth0
}
static_routes {
	198.51.100.0/24 via 192.0.2.9 dev eth0 metric 7
}
static_rules {
	from 198.51.100.9 table 104 priority 504
}
vrrp_script good {
	script "` + script + ` word"
	interval 1
	timeout 1
	rise 2
	fall 3
	weight 4
}
vrrp_script bad {
	script /usr/bin/false
	interval 1
	timeout 1
	fall 2
}
vrrp_script slow {
	script "/usr/bin/sleep 100"
	interval 200
	timeout 150
	weight -7 reverse
}
track_file version {
	file /etc/debian_version
	weight 2
}
vrrp_track_process absent {
	process nobody-is-called-like-this -x -y
	param_match initial
	weight 3
	delay 2
}
bfd_instance b1 {
	neighbor_ip 192.0.2.77
	source_ip 192.0.2.1
	weight 3
	vrrp
}
bfd_instance b2 {
	neighbor_ip 192.0.2.78
	source_ip 192.0.2.1
	weight -4 reverse
	vrrp
}
vrrp_sync_group G1 {
	group {
		VI_4
		VI_6
	}
	track_bfd {
		b2 weight 8
	}
	track_script {
		good
	}
	track_interface {
		lo weight 5
	}
	sync_group_tracking_weight
	notify_master "` + script + ` gm"
	notify_backup "` + script + ` gb"
	notify_fault "` + script + ` gf"
	notify_stop "` + script + ` gs"
	notify "` + script + ` ga"
	smtp_alert
}
vrrp_instance VI_2 {
	interface eth0
	version 2
	virtual_router_id 50
	priority 150
	authentication {
		auth_type PASS
		auth_pass ` + interop.Password + `
	}
	virtual_ipaddress {
		192.0.2.110/24 brd 192.0.2.255 label eth0:vip
		192.0.2.111
	}
	virtual_ipaddress_excluded {
		192.0.2.112/32 dev eth0
	}
	notify_master "` + script + ` im"
	notify_backup "` + script + ` ib"
	notify_fault "` + script + ` if"
	notify_stop "` + script + ` is"
	notify "` + script + ` ia"
	notify_deleted "` + script + ` id"
	notify_master_rx_lower_pri "` + script + ` il"
	track_interface {
		lo weight -3 reverse
	}
	track_script {
		good weight 6
		slow
	}
	track_file {
		version
	}
	track_process {
		absent
	}
	track_bfd {
		b1
		b2 weight -5
	}
}
vrrp_instance VI_4 {
	interface eth0
	version 3
	virtual_router_id 51
	priority 120
	advert_int 0.2
	preempt_delay 3
	garp_master_delay 0
	virtual_ipaddress {
		192.0.2.100/24 scope site
	}
	virtual_routes {
		203.0.113.0/24 via 192.0.2.9 dev eth0 table 99
		203.0.114.0/24 dev eth0 scope link tos 16 mtu lock 1402 rtt 200ms initcwnd 19 realms 3/4
		blackhole 203.0.116.0/24
		203.0.120.0/24 nexthop via 192.0.2.9 dev eth0 weight 3 nexthop via 192.0.2.10 dev eth0 onlink weight 4
		203.0.121.0/24 dev eth0 features ecn quickack 1 congctl cubic
	}
	virtual_rules {
		from 192.0.2.5/32 to 198.51.100.7/32 table 102 priority 502
		not to 192.0.2.6 unreachable priority 503
		iif eth0 fwmark 7/15 table 106 priority 506
		from 192.0.2.10 table 108 priority 513 suppress_prefixlength 8 suppress_ifgroup 2 realms 3/4
		from 192.0.2.12 uidrange 5-9 goto 600 priority 516
	}
}
vrrp_instance VI_6 {
	interface eth0
	version 3
	virtual_router_id 52
	priority 120
	advert_int 0.2
	nopreempt
	no_accept
	virtual_ipaddress {
		fe80::100/64
		2001:db8::100/64
	}
}
vrrp_instance VI_F {
	interface eth0
	version 3
	virtual_router_id 53
	state MASTER
	virtual_ipaddress {
		192.0.2.120
	}
	track_script {
		bad
	}
}
vrrp_instance VI_U {
	interface eth0
	version 3
	virtual_router_id 54
	unicast_src_ip 192.0.2.1
	unicast_peer {
		192.0.2.77
	}
	virtual_ipaddress {
		192.0.2.130
	}
}
`

// ofMIBs are the roots that are compared.
var ofMIBs = []string{".1.3.6.1.4.1.9586.100.5", ".1.3.6.1.2.1.68", ".1.3.6.1.2.1.207"}

// notCompared are the objects that are not compared, each for a reason.
var notCompared = regexp.MustCompile(`^(` + strings.Join([]string{
	`\.1\.3\.6\.1\.4\.1\.9586\.100\.5\.1\.1\.0 `,                // the version
	`\.1\.3\.6\.1\.4\.1\.9586\.100\.5\.(1\.12|2\.3\.1\.36)\.`,   // of 2.4
	`\.1\.3\.6\.1\.4\.1\.9586\.100\.5\.2\.6\.1\.11\.`,           // 2.2.7 has it right for the first instance only
	`\.1\.3\.6\.1\.4\.1\.9586\.100\.5\.2\.1[79]\.1\.3\.`,        // 2.2.7 has the weight of the session, and does not use that
	`\.1\.3\.6\.1\.2\.1\.68\.1\.3\.1\.7\.`,                      // 2.2.7 does not know that we are the Master
	`\.1\.3\.6\.1\.2\.1\.68\.1\.3\.1\.13\.`,                     // times
	`\.1\.3\.6\.1\.2\.1\.207\.1\.1\.1\.1\.12\.`,                 // the same
	`\.1\.3\.6\.1\.2\.1\.(68\.1\.3\.1\.2|207\.1\.1\.1\.1\.5)\.`, // a MAC that differs from network to network
}, "|") + `)`)

// snmpStory runs a program until all is settled, and returns what a master agent
// shows of it, and the notifications of its whole life.
func snmpStory(t *testing.T, program string) (walk, traps []string) {
	t.Helper()
	lan := nettest.NewLANT(t, 1, nettest.Options{})
	master := snmptest.Start(t, lan.Node(1))
	d, err := interop.Start(lan.Node(1), program, t.TempDir(), snmpConf, "-x", "-A", master.Socket)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log of %s:\n%s", program, d.Log())
		}
	})
	for _, name := range []string{"VI_2", "VI_4", "VI_6", "VI_U"} {
		nettest.WaitFor(t, patience, func() bool { return d.State(name) == "MASTER" }, name+" to be MASTER")
	}
	states := ofMIBs[0] + ".2.3.1.4"
	nettest.WaitFor(t, patience, func() bool {
		text := strings.Join(master.Walk(states), " ")
		return strings.Count(text, "INTEGER: 2") == 4 && strings.Count(text, "INTEGER: 3") == 1
	}, "the states by SNMP")
	for _, root := range ofMIBs {
		walk = append(walk, master.Walk(root)...)
	}
	if err := d.Stop(); err != nil {
		t.Errorf("%s: %v", program, err)
	}
	master.AwaitTrap(`"G1"	` + ofMIBs[0] + ".2.1.1.3 = 5")
	return slices.DeleteFunc(walk, notCompared.MatchString), master.Traps()
}

// TestSNMP compares every object and every notification with those of keepalived for
// the same configuration in the same states.
func TestSNMP(t *testing.T) {
	needKeepalived(t)
	t.Parallel()
	want, wantTraps := snmpStory(t, interop.Keepalived)
	got, gotTraps := snmpStory(t, ours)
	if d := gocmp.Diff(want, got); d != "" {
		t.Errorf("objects (-keepalived +ours):\n%s", d)
	}
	if d := gocmp.Diff(ofEach(wantTraps), ofEach(gotTraps)); d != "" {
		t.Errorf("notifications (-keepalived +ours):\n%s", d)
	}
}

// TestSNMPOfBFD: so keepalived shows a session that is up, beside one that is not.
func TestSNMPOfBFD(t *testing.T) {
	needKeepalived(t)
	t.Parallel()
	inputs()
	story := func(program string) []string {
		lan := nettest.NewLANT(t, 2, nettest.Options{})
		master := snmptest.Start(t, lan.Node(1))
		const dead = "bfd_instance dead {\n\tneighbor_ip 192.0.2.77\n\tsource_ip 192.0.2.1\n}\n"
		instance := func(id int, more string) string {
			return fmt.Sprintf("vrrp_instance V {\n\tinterface eth0\n\tvirtual_router_id %d\n\tvirtual_ipaddress {\n\t\t192.0.2.1%02d\n\t}\n%s}\n", id, id, more)
		}
		conf := session(lan, 1, 2, false, "") + dead + instance(1, "\ttrack_bfd {\n\t\tb weight 1\n\t\tdead weight 1\n\t}\n")
		d, err := interop.Start(lan.Node(1), program, t.TempDir(), conf, "-x", "-A", master.Socket)
		if err != nil {
			t.Fatal(err)
		}
		peer, err := interop.Start(lan.Node(2), ours, t.TempDir(), session(lan, 2, 1, false, "")+instance(2, ""))
		if err != nil {
			t.Fatal(err)
		}
		table := ofMIBs[0] + ".2.18"
		nettest.WaitFor(t, patience, func() bool { return strings.Contains(strings.Join(master.Walk(table), " "), ".3.1 = INTEGER: 1") }, "the session to be up")
		walk := master.Walk(table)
		for _, x := range []*interop.Daemon{d, peer} {
			if err := x.Stop(); err != nil {
				t.Error(err)
			}
		}
		return walk
	}
	if d := gocmp.Diff(story(interop.Keepalived), story(ours)); d != "" {
		t.Errorf("(-keepalived +ours):\n%s", d)
	}
}

// ofEach sorts notifications by whom they are about, those about one instance in the
// order in which they came: instances have their own pace.
func ofEach(traps []string) []string {
	about := func(trap string) string {
		for _, name := range []string{"G1", "VI_2", "VI_4", "VI_6", "VI_F", "VI_U"} {
			if strings.Contains(trap, `"`+name+`"`) {
				return name
			}
		}
		_, rest, _ := strings.Cut(trap, "\t")
		name, _, _ := strings.Cut(rest, " = ")
		return name
	}
	traps = slices.Clone(traps)
	slices.SortStableFunc(traps, func(a, b string) int { return cmp.Compare(about(a), about(b)) })
	return traps
}
