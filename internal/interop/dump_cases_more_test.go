package interop_test

import (
	"fmt"

	"github.com/holdfast-ha/holdfast/internal/interop"
)

var dumpsOfMore = []dumpCase{
	{
		name: "buffers", states: map[string]string{"VI_1": "MASTER", "VI_2": "MASTER", "VI_A": "MASTER", "VI_U": "MASTER", "VI_6": "MASTER"},
		conf: fmt.Sprintf(dumpGlobals, 3) + `
global_defs {
	vrrp_rx_bufs_policy ADVERT
	vrrp_rx_bufs_multiplier 5
}
vrrp_instance VI_1 {
	interface eth0
	virtual_router_id 51
	virtual_ipaddress {
		192.0.2.100
	}
	kernel_rx_buf_size 7777
}
vrrp_instance VI_2 {
	interface eth0
	version 2
	virtual_router_id 52
	virtual_ipaddress {
		192.0.2.101
		192.0.2.102
	}
}
vrrp_instance VI_A {
	interface eth0
	version 2
	virtual_router_id 53
	authentication {
		auth_type AH
		auth_pass ` + interop.Password + `
	}
	virtual_ipaddress {
		192.0.2.103
	}
}
vrrp_instance VI_U {
	interface eth0
	virtual_router_id 54
	unicast_src_ip 192.0.2.1
	unicast_peer {
		192.0.2.2
	}
	virtual_ipaddress {
		192.0.2.104
	}
}
vrrp_instance VI_6 {
	interface eth0
	virtual_router_id 55
	virtual_ipaddress {
		fe80::100/64
		2001:db8::100/64
	}
}
`,
	},
	{
		name: "buffers by MTU", states: map[string]string{"VI_1": "MASTER", "VI_2": "MASTER"},
		conf: fmt.Sprintf(dumpGlobals, 3) + `
global_defs {
	vrrp_rx_bufs_policy mtu
}
vrrp_instance VI_1 {
	interface eth0
	virtual_router_id 51
	virtual_ipaddress {
		192.0.2.100
	}
}
vrrp_instance VI_2 {
	interface eth0
	virtual_router_id 52
	virtual_ipaddress {
		192.0.2.101
	}
}
`,
	},
	{
		name: "routes", states: map[string]string{"VI_1": "MASTER", "VI_6": "MASTER"},
		conf: fmt.Sprintf(dumpGlobals, 3) + `
track_group TG {
	group {
		VI_1
	}
}
static_ipaddress {
	192.0.2.200/24 dev eth0 scope link
	2001:db8::200/64 dev eth0
}
static_routes {
	198.51.100.0/24 via 192.0.2.2 dev eth0 track_group TG
	2001:db8:1::/64 via 2001:db8::2 dev eth0 metric 30 no_track
}
static_rules {
	from 192.0.2.200 table 100 priority 1000 no_track
	iif eth0 to 2001:db8:7::/64 table 101 priority 1001 no_track
}
vrrp_instance VI_1 {
	interface eth0
	virtual_router_id 51
	advert_int 0.1
	virtual_ipaddress {
		192.0.2.100/24
	}
	virtual_routes {
		198.51.100.0/25 via 192.0.2.3 dev eth0 metric 12 table 77 tos 0x10 no_track
		src 192.0.2.100 203.0.113.0/24 via 192.0.2.3 dev eth0 mtu 1400 window 20000
		blackhole 203.0.113.128/25 metric 3 no_track
		0.0.0.0/1 no_track nexthop via 192.0.2.4 dev eth0 weight 2 nexthop via 192.0.2.5 dev eth0 weight 1
	}
	virtual_rules {
		from 192.0.2.100 table 77 priority 200
		to 198.51.100.0/24 fwmark 5/7 table 77 priority 201 no_track
	}
}
vrrp_instance VI_6 {
	interface eth0
	virtual_router_id 51
	advert_int 0.1
	virtual_ipaddress {
		fe80::100/64
		2001:db8::100/64
	}
	virtual_routes {
		2001:db8:2::/64 via 2001:db8::3 dev eth0 metric 20
	}
	virtual_rules {
		from 2001:db8::100 table 78 priority 300
	}
}
`,
	},
	{
		name: "unicast IPv6", states: map[string]string{"VI_6": "MASTER", "VI_4": "MASTER"},
		conf: fmt.Sprintf(dumpGlobals, 3) + `
vrrp_sync_group G6 {
	group {
		VI_6
		VI_4
	}
	notify_backup "` + script + ` 'to backup'"
	notify_fault ` + script + `
	notify_stop ` + script + `
	notify ` + script + `
	notify_priority_changes
}
vrrp_instance VI_6 {
	interface eth0
	state MASTER
	virtual_router_id 52
	advert_int 0.1
	nopreempt
	unicast_peer {
		2001:db8::2
	}
	virtual_ipaddress {
		2001:db8::100/64
	}
	virtual_ipaddress_excluded {
		2001:db8::101/64
	}
	track_src_ip
	notify_master_rx_lower_pri ` + script + `
	notify_priority_changes
}
vrrp_instance VI_4 {
	interface eth0
	virtual_router_id 52
	advert_int 0.1
	old_unicast_checksum
	unicast_src_ip 192.0.2.1
	unicast_peer {
		192.0.2.2
	}
	virtual_ipaddress {
		192.0.2.100
	}
	dont_track_primary
	higher_prio_send_advert
}
`,
	},
	{
		name: "bfd", states: map[string]string{"VI_1": "FAULT", "VI_2": "MASTER"},
		conf: fmt.Sprintf(dumpGlobals, 3) + `
bfd_instance one {
	neighbor_ip 192.0.2.2
	source_ip 192.0.2.1
	min_rx 60
	min_tx 70
	idle_tx 1000
	multiplier 4
	weight 7
}
bfd_instance two {
	neighbor_ip 2001:db8::2
	passive
}
vrrp_sync_group G1 {
	group {
		VI_2
	}
	track_bfd {
		two weight 3
	}
	sync_group_tracking_weight
}
vrrp_instance VI_1 {
	interface eth0
	virtual_router_id 51
	virtual_ipaddress {
		192.0.2.100
	}
	track_bfd {
		two
	}
}
vrrp_instance VI_2 {
	interface eth0
	virtual_router_id 52
	advert_int 0.1
	virtual_ipaddress {
		192.0.2.101
	}
	track_bfd {
		one weight -4 reverse
	}
}
`,
	},
	{
		name: "backup", states: map[string]string{"VI_1": "BACKUP"},
		conf: fmt.Sprintf(dumpGlobals, 2) + `
vrrp_instance VI_1 {
	interface eth0
	virtual_router_id 51
	priority 90
	virtual_ipaddress {
		192.0.2.100
	}
}
`,
		master: `
vrrp_instance VI_1 {
	interface eth0
	virtual_router_id 51
	priority 255
	state MASTER
	virtual_ipaddress {
		192.0.2.100
	}
}
`,
	},
}
