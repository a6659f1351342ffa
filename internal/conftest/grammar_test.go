package conftest

import "strings"

// The language, block by block: one keyword a line, followed by what may stand
// after it. "T" is a value of type T (values_test.go), "T?" one that may be
// left out, "T*" one or more, "=W" the word W, "{L}" a block with one line of kind L a line,
// "{{B}}" a block of keywords. "!" marks what always, or nearly so, is complained about, and
// so hides other complaints. Not in here is what keepalived learned after
// 2.2.7, what depends on how it was built, and what changes the machine.

// keywordBlocks are the blocks of keywords.
var keywordBlocks = parseBlocks(map[string]string{
	"global_defs": `
process_names
process_name label
vrrp_process_name label
bfd_process_name label
checker_process_name label
lvs_process_name label
router_id word
notification_email_from mail
notification_email {mail}
smtp_server ip port?
smtp_helo_name word
smtp_connect_timeout uint(1,4294)
smtp_alert bool?
smtp_alert_vrrp bool?
smtp_alert_checker bool?
checker_log_all_failures bool?
no_checker_emails bool?
rs_init_notifies bool?
startup_script cmd
shutdown_script cmd
startup_script_timeout uint(1,1000)
shutdown_script_timeout uint(1,1000)
max_auto_priority int(-1,99)?
min_auto_priority_delay uint(1,10000000)
dynamic_interfaces enum(allow_if_changes)?
no_email_faults
default_interface if
disable_local_igmp
lvs_timeouts enum(tcp) uint(1,1000)
lvs_flush
!lvs_flush_on_stop enum(VS)?
!lvs_flush_onstop enum(VS)?
lvs_sync_daemon if instance? =id uint(0,255)
vrrp_mcast_group4 mc4
vrrp_mcast_group6 mc6
vrrp_garp_master_delay uint(0,4294)
vrrp_garp_master_repeat uint(1,4294967295)
vrrp_garp_master_refresh uint(0,4294967295)
vrrp_garp_master_refresh_repeat uint(1,4294967295)
vrrp_garp_lower_prio_delay uint(0,4294)
vrrp_garp_lower_prio_repeat uint(0,2147483647)
vrrp_down_timer_adverts uint(1,100)
vrrp_garp_interval dec(0.000001,4294.967295,6)
vrrp_gna_interval dec(0.000001,4294.967295,6)
vrrp_min_garp bool?
vrrp_garp_extra_if enum(all)? uint(1,86400)
!vrrp_vmac_garp_intvl enum(all)? uint(1,86400)
vrrp_lower_prio_no_advert bool?
vrrp_higher_prio_send_advert bool?
vrrp_version enum(2,3)
nftables label?
nftables_priority int(-2147483648,2147483647)
nftables_ifindex
nftables_counters
nftables_ipvs label?
nftables_ipvs_priority int(-2147483648,2147483647)
nftables_ipvs_start_fwmark uint(1,4294967295)
vrrp_check_unicast_src
vrrp_skip_check_adv_addr
vrrp_strict
vrrp_priority int(-20,19)
checker_priority int(-20,19)
bfd_priority int(-20,19)
vrrp_no_swap
checker_no_swap
bfd_no_swap
vrrp_rt_priority uint(1,99)
checker_rt_priority uint(1,99)
bfd_rt_priority uint(1,99)
vrrp_cpu_affinity uint(0,1)*
checker_cpu_affinity uint(0,1)*
bfd_cpu_affinity uint(0,1)*
vrrp_rlimit_rttime uint(1,4294967295)
checker_rlimit_rttime uint(1,4294967295)
bfd_rlimit_rttime uint(1,4294967295)
vrrp_rlimit_rtime uint(1,4294967295)
checker_rlimit_rtime uint(1,4294967295)
bfd_rlimit_rtime uint(1,4294967295)
notify_fifo path
vrrp_notify_fifo path
lvs_notify_fifo path
notify_fifo_script cmd
vrrp_notify_fifo_script cmd
lvs_notify_fifo_script cmd
vrrp_notify_priority_changes bool?
fifo_write_vrrp_states_on_reload
!snmp_socket word
enable_traps
enable_snmp_vrrp
enable_snmp_keepalived
enable_snmp_checker
enable_dbus
dbus_service_name word
script_user user
enable_script_security
vrrp_netlink_cmd_rcv_bufs uint(0,4294967295)
vrrp_netlink_monitor_rcv_bufs uint(0,4294967295)
lvs_netlink_cmd_rcv_bufs uint(0,4294967295)
process_monitor_rcv_bufs uint(0,4294967295)
vrrp_netlink_cmd_rcv_bufs_force bool?
vrrp_netlink_monitor_rcv_bufs_force bool?
process_monitor_rcv_bufs_force bool?
lvs_netlink_cmd_rcv_bufs_force bool?
lvs_netlink_monitor_rcv_bufs uint(0,4294967295)
lvs_netlink_monitor_rcv_bufs_force bool?
vrrp_rx_bufs_policy enum(MTU,ADVERT,advert,4096)*
vrrp_rx_bufs_multiplier uint(1,4294967295)
vrrp_startup_delay dec(0.001,4294.967295,6)
log_unknown_vrids
vmac_prefix label
vmac_addr_prefix label
umask enum(022,0x1f,IRUSR,IRUSR|IWUSR,0777)
random_seed uint(0,4294967295)
reload_check_config path?
reload_time_file path
reload_repeat
reload_file path?
include_check enum(read,match,wildcard_match,brace_match)?
data_use_instance bool?
tmp_config_directory dir
`,
	"vrrp_script": `
script cmd
interval uint(1,4294)
timeout uint(1,4294)
weight int(-253,253) enum(reverse)?
rise uint(1,2147483647)
fall uint(1,2147483647)
user user
init_fail
`,
	"vrrp_track_process": `
process word word?
param_match enum(initial,partial)?
weight int(-254,254) enum(reverse)?
quorum uint(1,65535)
quorum_max uint(0,65535)
delay dec(0.000001,3600,6)
terminate_delay dec(0.000001,3600,6)
fork_delay dec(0.000001,3600,6)
full_command
`,
	"track_file": `
file path
weight int(-254,254) enum(reverse)?
init_file int(-254,254)? enum(overwrite)?
`,
	"bfd_instance": `
neighbor_ip ip
neighbour_ip ip
source_ip ip
min_rx dec(1,4294967,3)
min_tx dec(1,4294967,3)
idle_tx dec(1000,4294967,3)
multiplier uint(1,255)
passive
ttl uint(1,255)
hoplimit uint(1,255)
max_hops int(-1,255)
weight int(-253,253) enum(reverse)?
vrrp
checker
`,
	"garp_group": `
garp_interval dec(0,4294.967295,6)
gna_interval dec(0,4294.967295,6)
interface if
interfaces {if}
`,
	"track_group": `
group {instance}
`,
	"vrrp_sync_group": `
group {instance}
!track_interface {trackif}
track_script {trackscript}
track_file {trackfile}
track_bfd {trackbfd}
track_process {trackprocess}
notify_master cmd
notify_backup cmd
notify_fault cmd
notify_stop cmd
notify cmd
smtp_alert bool?
notify_priority_changes bool?
sync_group_tracking_weight
!global_tracking
`,
	"authentication": `
auth_type enum(PASS,AH)
auth_pass pass
`,
	"vrrp_instance": `
state enum(MASTER,BACKUP)
interface if
!vrf if
virtual_router_id uint(1,255)
priority uint(1,255)
version enum(2,3)
!advert_int dec(0.01,255,6)
advert_int enum(1,1.5,0.5,40.95,40.96,0.015,255,0.01)
!native_ipv6
virtual_ipaddress {vip}
virtual_ipaddress_excluded {evip}
virtual_routes {route}
virtual_routes {typed}
virtual_rules {rule}
promote_secondaries
track_interface {trackif}
track_script {trackscript}
track_file {trackfile}
track_bfd {trackbfd}
track_process {trackprocess}
dont_track_primary
track_src_ip
mcast_src_ip ip
unicast_src_ip ip
!mcast_dst_ip mcast
unicast_peer {peer}
!unicast_fault_no_peer
check_unicast_src
unicast_ttl uint(0,255)
old_unicast_checksum enum(never)?
use_vmac vmacname? mac?
use_vmac_addr
!vmac_xmit_base
!use_ipvlan vmacname? enum(bridge,private,vepa)?
garp_master_delay uint(0,4294)
garp_master_repeat uint(1,4294967295)
garp_master_refresh uint(0,4294967295)
garp_master_refresh_repeat uint(1,4294967295)
garp_lower_prio_delay uint(0,4294)
garp_lower_prio_repeat uint(0,2147483647)
garp_extra_if enum(all)? uint(0,86400)
!vmac_garp_intvl enum(all)? uint(0,86400)
lower_prio_no_advert bool?
higher_prio_send_advert bool?
down_timer_adverts uint(1,100)
nopreempt
preempt
preempt_delay dec(0,1000,6)
accept
no_accept
skip_check_adv_addr bool?
strict_mode bool?
kernel_rx_buf_size uint(0,4294967295)
debug uint(0,4)
smtp_alert bool?
notify_priority_changes bool?
notify_master cmd
notify_backup cmd
notify_fault cmd
notify_stop cmd
notify_master_rx_lower_pri cmd
notify cmd
notify_deleted
!linkbeat_use_polling
!lvs_sync_daemon_interface if
authentication {{authentication}}
`,
})

// linesOf are the lines of the blocks of values: what stands first, then the
// options, of which any number follows in any order.
var linesOf = parseLines(map[string]string{
	"mail":         `mail`,
	"if":           `if`,
	"instance":     `instance`,
	"linkbeat":     `if enum(MII,ETHTOOL,IOCTL)?`,
	"delays":       `if dec(0,255,6) dec(0,255,6)?`,
	"trackif":      `trackable | weight int(-253,253) enum(reverse)?`,
	"trackscript":  `script | weight int(-253,253) enum(reverse,noreverse)?`,
	"trackfile":    `file | weight int(-254,254) enum(reverse,noreverse)?`,
	"trackprocess": `process | weight int(-254,254) enum(reverse,noreverse)?`,
	"trackbfd":     `bfd | weight int(-253,253) enum(reverse,noreverse)?`,
	"peer":         `ip | min_ttl uint(0,100) | max_ttl uint(100,255)`,
	"vip":          `cidr | dev if | =scope scope | !=brd brd | !broadcast brd | =label label | !peer ip | home | -nodad | !mngtmpaddr | !noprefixroute | autojoin | no_track | preferred_lft lft | use_vmac`,
	"evip":         `cidr | dev if | =scope scope | !=brd brd | =label label | no_track | preferred_lft lft | use_vmac | !broadcast brd | !peer ip | home | -nodad | !mngtmpaddr | !noprefixroute | autojoin`,
	"address":      `cidr dev if | =scope scope | !=brd brd | !broadcast brd | =label label | !peer ip | home | -nodad | !noprefixroute | no_track | preferred_lft lft | track_group group | !mngtmpaddr | autojoin`,
	"route": `dest dev if | src ip | via ip | =table table | metric uint(0,4294967295) | priority uint(0,4294967295) | =scope scope | tos uint(0,255) |
protocol uint(0,255) | mtu uint(0,4294967295) | mtu lock uint(0,4294967295) | advmss uint(0,4294967295) | cwnd uint(0,4294967295) |
window uint(0,4294967295) | initcwnd uint(0,4294967295) | hoplimit uint(0,255) | rtt rtt | rto_min rtt | realms uint(0,255) | features enum(ecn) |
quickack enum(0,1) | fastopen_no_cookie enum(0,1) | congctl word | !pref enum(low,medium,high) | !expires uint(0,4294967295) | ttl-propagate enum(enabled,disabled) |
onlink | as to ip | add | append | prepend | !or ip | no_track | !gw ip | !from ip6 | !vrf if | preference uint(0,4294967295) | !oif if | dsfield uint(0,255) |
encap mpls uint(0,1000) | encap ip id uint(0,100) dst ip4 | ssthresh uint(0,4294967295) | reordering uint(0,4294967295) | rttvar rtt | initrwnd uint(0,4294967295) |
advmss lock uint(0,4294967295) | cwnd lock uint(0,4294967295) | rtt lock rtt | rto_min lock rtt | congctl lock word | via inet ip | via inet6 ip | !inet dest | !inet6 dest |
!encap ip6 id uint(0,100) dst ip6 | !encap ila enum(1:2:3:4) | encap ip id uint(0,100) dst ip4 src ip4 tos uint(0,255) ttl uint(0,255) flags uint(0,100) |
encap mpls enum(1/2,7)`,
	"typed":       `enum(unicast,local,broadcast,brd,anycast,multicast,throw,unreachable,prohibit,blackhole,xresolve,nat,7,1) dest dev if | =table table | no_track | !to dest`,
	"grouped":     `dest dev if track_group group | =table table | via ip | no_track`,
	"groupedrule": `enum(from,to) dest =table table priority uint(0,4294967295) enum(iif,oif,dev) if track_group group | no_track | not`,
	"nexthops":    `dest no_track | nexthop via ip dev if weight uint(1,256) | nexthop via ip onlink | nexthop dev if | nexthop via inet ip weight uint(1,256) onlink | nexthop via ip realms uint(0,255) | nexthop via inet6 ip | nexthop via ip encap ip id uint(0,100) dst ip4 dev if`,
	"rule": `enum(from,to) dest =table table priority uint(0,4294967295) | !from dest | !to dest | !lookup table | not | tos uint(0,255) | fwmark mark | realms uint(0,255) |
suppress_prefixlength uint(0,2147483647) | sup_pl uint(0,128) | suppress_ifgroup uint(0,100) | dev if | iif if | !oif if | tunnel-id uint(0,18446744073709551615) | uidrange span |
l3mdev | !protocol uint(0,255) | ipproto enum(tcp,udp,6,17,255) | sport span | dport span | !blackhole | !prohibit | !unreachable | !type blackhole | !nop | !goto uint(1,4294967295) | no_track |
!preference uint(0,4294967295) | !order uint(0,4294967295) | sup_group uint(0,100) | dsfield uint(0,255) | !inet dest | !inet6 dest | !type enum(unicast,nat,throw) | !iif if`,
})

// arg is one thing after a keyword.
type arg struct {
	kind     string   // a type, or a word if there is no type of that name
	params   []string // of the type
	optional bool
	many     bool
	lines    string // a block of values
	block    string // a block of keywords
}

// entry is a keyword with what follows it.
type entry struct {
	name string
	args []arg
	rare bool
}

func parseBlocks(src map[string]string) map[string][]entry {
	out := map[string][]entry{}
	for block, text := range src {
		for line := range strings.Lines(strings.TrimSpace(text)) {
			words := strings.Fields(line)
			name, rare := strings.CutPrefix(words[0], "!")
			out[block] = append(out[block], entry{name, parseArgs(words[1:]), rare})
		}
	}
	return out
}

func parseArgs(words []string) []arg {
	var list []arg
	for _, w := range words {
		var a arg
		if name, ok := strings.CutPrefix(w, "{{"); ok {
			a.block = strings.TrimSuffix(name, "}}")
		} else if name, ok := strings.CutPrefix(w, "{"); ok {
			a.lines = strings.TrimSuffix(name, "}")
		} else {
			w, a.optional = strings.CutSuffix(w, "?")
			w, a.many = strings.CutSuffix(w, "*")
			kind, params, ok := strings.Cut(w, "(")
			a.kind = kind
			if ok {
				a.params = strings.Split(strings.TrimSuffix(params, ")"), ",")
			}
		}
		list = append(list, a)
	}
	return list
}

// valueLine is the form of a line in a block of values.
type valueLine struct {
	head    []arg
	options []option
}

// option is a word in a line with what follows it.
type option struct {
	args []arg
	rare bool
}

func parseLines(src map[string]string) map[string]valueLine {
	out := map[string]valueLine{}
	for name, text := range src {
		parts := strings.Split(text, "|")
		v := valueLine{head: parseArgs(strings.Fields(parts[0]))}
		for _, p := range parts[1:] {
			p, rare := strings.CutPrefix(strings.TrimSpace(p), "!")
			v.options = append(v.options, option{parseArgs(strings.Fields(p)), rare})
		}
		out[name] = v
	}
	return out
}
