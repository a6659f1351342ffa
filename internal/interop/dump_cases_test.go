package interop_test

import (
	"fmt"
	"slices"

	"github.com/holdfast-ha/holdfast/internal/interop"
)

// script is one whose path leads through no symbolic link.
const script = "/usr/bin/true"

const dumpGlobals = `
global_defs {
	router_id R1
	vrrp_version %d
	enable_script_security
	script_user root
}
`

var dumpCases = slices.Concat(dumpsOfInstances, dumpsOfMore)

var dumpsOfInstances = []dumpCase{
	{
		name: "v2", states: map[string]string{"VI_1": "MASTER"},
		conf: fmt.Sprintf(dumpGlobals, 2) + `
vrrp_instance VI_1 {
	state MASTER
	interface eth0
	virtual_router_id 51
	priority 150
	advert_int 1
	authentication {
		auth_type PASS
		auth_pass ` + interop.Password + `
	}
	virtual_ipaddress {
		192.0.2.100/24 brd 192.0.2.255 label eth0:vip
		192.0.2.101
	}
	virtual_ipaddress_excluded {
		2001:db8::100/64 preferred_lft 0
		198.51.100.100/24 scope link
	}
	notify_master "` + script + ` 'to master'"
	notify_backup "` + script + `" nobody nogroup
	notify ` + script + `
	garp_master_refresh 60
	debug 2
}
`,
	},
	{
		name: "v3unicast", states: map[string]string{"VI_1": "MASTER"},
		conf: fmt.Sprintf(dumpGlobals, 3) + `
static_ipaddress {
	192.0.2.200/24 dev eth0
}
vrrp_instance VI_1 {
	interface eth0
	virtual_router_id 51
	advert_int 0.1
	unicast_src_ip 192.0.2.1
	unicast_ttl 64
	check_unicast_src
	unicast_peer {
		192.0.2.2
		192.0.2.3 min_ttl 60 max_ttl 64
	}
	skip_check_adv_addr
	track_interface {
		lo weight 10
	}
	virtual_ipaddress {
		192.0.2.100
	}
	notify_deleted
	notify_stop ` + script + `
	preempt_delay 2
	no_accept
}
`,
	},
	{
		name: "group", states: map[string]string{"VI_6": "MASTER", "VI_4": "MASTER", "VI_F": "FAULT", "VI_W": "FAULT"},
		conf: fmt.Sprintf(dumpGlobals, 3) + `
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
}
vrrp_track_process absent {
	process nobody-is-called-like-this -x
	param_match initial
	weight 3
	delay 2
}
vrrp_sync_group G1 {
	group {
		VI_4
		VI_6
	}
	track_script {
		good
	}
	sync_group_tracking_weight
	notify_master "` + script + ` group"
	smtp_alert
}
vrrp_instance VI_6 {
	interface eth0
	virtual_router_id 52
	advert_int 0.1
	virtual_ipaddress {
		fe80::100/64
		2001:db8::100/64
	}
	track_process {
		absent weight 5 reverse
	}
}
vrrp_instance VI_F {
	interface eth0
	virtual_router_id 53
	virtual_ipaddress {
		192.0.2.102
	}
	track_script {
		bad
		good weight -2
	}
}
vrrp_instance VI_4 {
	interface eth0
	virtual_router_id 51
	priority 200
	advert_int 0.1
	virtual_ipaddress {
		192.0.2.100
	}
}
vrrp_instance VI_W {
	interface eth0
	virtual_router_id 54
	virtual_ipaddress {
		192.0.2.103
	}
	track_script {
		slow
	}
}
`,
	},
	{
		name: "tracked", states: map[string]string{"VI_1": "MASTER", "VI_F": "FAULT"},
		conf: fmt.Sprintf(dumpGlobals, 3) + `
global_defs {
	dynamic_interfaces
}
interface_up_down_delays {
	eth0 3 0.05
	lo 1.5
}
linkbeat_interfaces {
	eth0 ETHTOOL
}
track_file version {
	file /etc/debian_version
	weight 2
}
track_file absent {
	file /etc/there-is-no-such-file
	weight 0 reverse
}
vrrp_sync_group G1 {
	group {
		VI_1
	}
	track_file {
		version weight 3
	}
	sync_group_tracking_weight
}
vrrp_instance VI_1 {
	interface eth0
	virtual_router_id 51
	advert_int 0.1
	virtual_ipaddress {
		192.0.2.100
	}
	track_file {
		absent weight -5
	}
}
vrrp_instance VI_F {
	interface eth0
	virtual_router_id 52
	advert_int 0.1
	virtual_ipaddress {
		192.0.2.101
	}
	track_interface {
		eth8 weight 7 reverse
	}
	track_file {
		version weight -1 reverse
		absent
	}
}
`,
	},
	{
		name: "vmac", states: map[string]string{"VI_1": "MASTER", "VI_2": "MASTER", "VI_6": "MASTER", "VI_X": "MASTER"},
		conf: fmt.Sprintf(dumpGlobals, 3) + `
vrrp_instance VI_1 {
	interface eth0
	virtual_router_id 51
	advert_int 0.1
	use_vmac
	virtual_ipaddress {
		192.0.2.100/24
	}
}
vrrp_instance VI_2 {
	interface eth0
	virtual_router_id 52
	advert_int 0.1
	virtual_ipaddress {
		192.0.2.102/24 use_vmac
		192.0.2.103/24
	}
}
vrrp_instance VI_6 {
	interface eth0
	virtual_router_id 51
	advert_int 0.1
	use_vmac six 02:11:22:33:44:55
	virtual_ipaddress {
		fe80::100/64
		2001:db8::100/64
	}
}
vrrp_instance VI_X {
	interface eth0
	virtual_router_id 54
	advert_int 0.1
	use_vmac exit 02:11:22:33:44
	use_vmac_addr
	vmac_xmit_base
	virtual_ipaddress {
		192.0.2.104/24
	}
}
`,
	},
}
