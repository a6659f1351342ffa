# Completion of Holdfast's command line for bash.
# Written by go test ./cmd/holdfast -update from the tables of the program.

_holdfast_words='
	BOOL LENGTH NUMBER SSL accept active_key add address advert_int advmss anti_replay append as auth_hmac
	auth_pass auth_type authentication autojoin bad-interface bfd_cpu_affinity bfd_instance bfd_no_swap
	bfd_priority bfd_process_name bfd_rlimit_rtime bfd_rlimit_rttime bfd_rt_priority blackhole brd bridge
	broadcast check_unicast_src checker checker_cpu_affinity checker_log_all_failures checker_no_swap
	checker_priority checker_process_name checker_rlimit_rtime checker_rlimit_rttime checker_rt_priority
	child_wait_time conditions config_save_dir congctl cwnd data_use_instance dbus_no_interface_name
	dbus_service_name debug default_interface definitions delay deprecated dev disable_local_igmp
	dont_track_primary down_timer_adverts dport dsfield dynamic_interfaces enable_dbus enable_script_security
	enable_snmp_checker enable_snmp_keepalived enable_snmp_rfc enable_snmp_rfcv2 enable_snmp_rfcv3
	enable_snmp_vrrp enable_traps encap expires extra-close-brace fall fastopen_no_cookie fatal features
	fifo_write_vrrp_states_on_reload file file-not-found files fork_delay from full_command fwmark garp_extra_if
	garp_group garp_interval garp_lower_prio_delay garp_lower_prio_repeat garp_master_delay garp_master_refresh
	garp_master_refresh_repeat garp_master_repeat general global_defs global_tracking gna_interval goto group gw
	higher_prio_send_advert home hoplimit idle_tx iif include include_check includea includeb includem includer
	includew inet inet6 init_fail init_file initcwnd initrwnd instance interface interface_up_down_delays
	interfaces interval invalid-number ipproto iproute_etc_dir iproute_usr_dir json_dump_file json_version
	kernel_rx_buf_size key l3mdev label linkbeat_interfaces linkbeat_use_polling log log_unknown_vrids lookup
	lower_prio_no_advert lvs_flush lvs_flush_on_stop lvs_flush_onstop lvs_netlink_cmd_rcv_bufs
	lvs_netlink_cmd_rcv_bufs_force lvs_netlink_monitor_rcv_bufs lvs_netlink_monitor_rcv_bufs_force lvs_notify_fifo
	lvs_notify_fifo_script lvs_process_name lvs_sync_daemon lvs_sync_daemon_interface lvs_timeouts
	max_auto_priority max_hops max_ttl mcast_dst_ip mcast_src_ip metric min_auto_priority_delay min_rx min_ttl
	min_tx missing-close-brace missing-open-brace missing-parameter mngtmpaddr mode mtu multihop multiple-files
	multiplier name namespace_with_ipsets native_ipv6 neighbor_ip neighbour_ip net_namespace net_namespace_ipvs
	netlink_notify_msg nexthop nftables nftables_counters nftables_ifindex nftables_ipvs nftables_ipvs_priority
	nftables_ipvs_start_fwmark nftables_priority no_accept no_checker_emails no_email_faults no_track
	no_virtual_ipaddress nop nopreempt noprefixroute noreverse not note notification_email notification_email_from
	notify notify_backup notify_deleted notify_fault notify_fifo notify_fifo_script notify_master
	notify_master_rx_lower_pri notify_priority_changes notify_stop oif old_unicast_checksum onlink or order
	owner_ignore_adverts param_match passive peer preempt preempt_delay pref preference preferred_lft prepend
	priority private process process_monitor_rcv_bufs process_monitor_rcv_bufs_force process_name process_names
	prohibit promote_secondaries protocol quickack quorum quorum_max random_seed realms reload_check_config
	reload_file reload_repeat reload_time_file reordering repetition reverse rise route router_id rs_init_notifies
	rto_min rtt rttvar rule scope script script-security script_user shutdown_script shutdown_script_timeout
	skip_check_adv_addr smtp_alert smtp_alert_checker smtp_alert_vrrp smtp_connect_timeout smtp_helo_name
	smtp_server snmp_rs_stats_update_interval snmp_socket snmp_vs_stats_update_interval source_ip sport src
	ssthresh startup_script startup_script_timeout state state_dump_file static_ipaddress static_routes
	static_rules stats_dump_file strict_mode sup_group sup_pl suppress_ifgroup suppress_prefixlength
	sync_group_tracking_weight table terminate_delay thread_timer_expired time_window timeout timer_expired_backup
	tmp_config_directory to top-level tos track track_bfd track_file track_group track_interface track_process
	track_script track_src_ip ttl ttl-propagate tunnel-id type uidrange umask unexpected-open-brace
	unicast_fault_no_peer unicast_peer unicast_src_ip unicast_ttl unknown-keyword unmatched-quote unreachable
	use_ipvlan use_pid_dir use_symlink_paths use_vmac use_vmac_addr user v3_checksum_as_v2 vepa version via
	virtual_ipaddress virtual_ipaddress_excluded virtual_router_id virtual_routes virtual_rules virtual_server
	virtual_server_group vmac vmac_addr_prefix vmac_garp_intvl vmac_prefix vmac_xmit_base vrf vrrp
	vrrp_check_unicast_src vrrp_cpu_affinity vrrp_delay_after_boot vrrp_down_timer_adverts vrrp_garp_extra_if
	vrrp_garp_interval vrrp_garp_lower_prio_delay vrrp_garp_lower_prio_repeat vrrp_garp_master_delay
	vrrp_garp_master_refresh vrrp_garp_master_refresh_repeat vrrp_garp_master_repeat vrrp_gna_interval
	vrrp_higher_prio_send_advert vrrp_instance vrrp_ipsets vrrp_iptables vrrp_lower_prio_no_advert
	vrrp_mcast_group4 vrrp_mcast_group6 vrrp_min_garp vrrp_netlink_cmd_rcv_bufs vrrp_netlink_cmd_rcv_bufs_force
	vrrp_netlink_monitor_rcv_bufs vrrp_netlink_monitor_rcv_bufs_force vrrp_no_swap vrrp_notify_fifo
	vrrp_notify_fifo_script vrrp_notify_priority_changes vrrp_owner_ignore_adverts vrrp_priority vrrp_process_name
	vrrp_rlimit_rtime vrrp_rlimit_rttime vrrp_rt_priority vrrp_rx_bufs_multiplier vrrp_rx_bufs_policy vrrp_script
	vrrp_skip_check_adv_addr vrrp_startup_delay vrrp_strict vrrp_sync_group vrrp_track_file vrrp_track_process
	vrrp_version vrrp_vmac_garp_intvl warning weight window'

_holdfast_options='
	--use-file -f --config-id -i --all-config -e --config-test -t --dont-fork -n --vrrp -P --pid -p --vrrp_pid -r
	--umask -u --namespace -s --ignore-sigint --all --core-dump -m --core-dump-pattern -M --dont-release-vrrp -V
	--address-monitoring -a --snmp -x --snmp-agent-socket -A --log-detail -D --dump-conf -d --log-console -l
	--no-syslog -G --log-facility -S --version -v --help -h --signum --strict-compat --log-script-output
	--least-privilege --rehearse --record --config-test-format --config-test-host --config-test-host-dump
	--config-diff --explain --release-vips -X --no_bfd -B --dont-release-ipvs -I --dont-respawn -R --checkers_pid
	-c --bfd_pid -b --check -C --log-file -g --genhash -T'

_holdfast() {
	local cur=${COMP_WORDS[COMP_CWORD]} prev=
	COMPREPLY=()
	((COMP_CWORD > 0)) && prev=${COMP_WORDS[COMP_CWORD - 1]}
	# bash takes the = of --option=value for a word.
	if [[ $cur == '=' ]]; then
		cur= prev+='='
	elif [[ $prev == '=' ]] && ((COMP_CWORD > 1)); then
		prev=${COMP_WORDS[COMP_CWORD - 2]}'='
	elif [[ $cur == --*=* ]]; then
		prev=${cur%%=*}'=' cur=${cur#*=}
	fi
	case $prev in
	--config-id=|--config-id|-i|--umask=|--umask|-u|--core-dump-pattern=|--record=|--record|--config-diff=|--config-diff)
		return
		;;
	--use-file=|--use-file|-f|--config-test=|--pid=|--pid|-p|--vrrp_pid=|--vrrp_pid|-r|--snmp-agent-socket=|--snmp-agent-socket|-A|--config-test-host=|--config-test-host|--checkers_pid=|--checkers_pid|-c|--bfd_pid=|--bfd_pid|-b|--log-file=)
		compopt -o filenames
		mapfile -t COMPREPLY < <(compgen -f -- "$cur")
		return
		;;
	--namespace=|--namespace|-s)
		mapfile -t COMPREPLY < <(compgen -W "$(ls /run/netns 2>/dev/null)" -- "$cur")
		return
		;;
	--explain=|--explain)
		mapfile -t COMPREPLY < <(compgen -W "$_holdfast_words" -- "$cur")
		return
		;;
	--log-facility=|--log-facility|-S)
		mapfile -t COMPREPLY < <(compgen -W "0 1 2 3 4 5 6 7 local0 local1 local2 local3 local4 local5 local6 local7 user daemon" -- "$cur")
		return
		;;
	--signum=|--signum)
		mapfile -t COMPREPLY < <(compgen -W "RELOAD STOP DATA STATS STATS_CLEAR JSON UPGRADE" -- "$cur")
		return
		;;
	--config-test-format=|--config-test-format)
		mapfile -t COMPREPLY < <(compgen -W "text pretty json sarif" -- "$cur")
		return
		;;
	esac
	[[ $cur == -* ]] && mapfile -t COMPREPLY < <(compgen -W "$_holdfast_options" -- "$cur")
}

complete -F _holdfast holdfast keepalived hapee-vrrp
