# Completion of Holdfast's command line for fish.
# Written by go test ./cmd/holdfast -update from the tables of the program.

set -l words_of_configuration BOOL LENGTH NUMBER SSL accept active_key add address advert_int advmss anti_replay append as auth_hmac \
	auth_pass auth_type authentication autojoin bad-interface bfd_cpu_affinity bfd_instance bfd_no_swap \
	bfd_priority bfd_process_name bfd_rlimit_rtime bfd_rlimit_rttime bfd_rt_priority blackhole brd bridge \
	broadcast check_unicast_src checker checker_cpu_affinity checker_log_all_failures checker_no_swap \
	checker_priority checker_process_name checker_rlimit_rtime checker_rlimit_rttime checker_rt_priority \
	child_wait_time conditions config_save_dir congctl cwnd data_use_instance dbus_no_interface_name \
	dbus_service_name debug default_interface definitions delay deprecated dev disable_local_igmp \
	dont_track_primary down_timer_adverts dport dsfield dynamic_interfaces enable_dbus enable_script_security \
	enable_snmp_checker enable_snmp_keepalived enable_snmp_rfc enable_snmp_rfcv2 enable_snmp_rfcv3 \
	enable_snmp_vrrp enable_traps encap expires extra-close-brace fall fastopen_no_cookie fatal features \
	fifo_write_vrrp_states_on_reload file file-not-found files fork_delay from full_command fwmark garp_extra_if \
	garp_group garp_interval garp_lower_prio_delay garp_lower_prio_repeat garp_master_delay garp_master_refresh \
	garp_master_refresh_repeat garp_master_repeat general global_defs global_tracking gna_interval goto group gw \
	higher_prio_send_advert home hoplimit idle_tx iif include include_check includea includeb includem includer \
	includew inet inet6 init_fail init_file initcwnd initrwnd instance interface interface_up_down_delays \
	interfaces interval invalid-number ipproto iproute_etc_dir iproute_usr_dir json_dump_file json_version \
	kernel_rx_buf_size key l3mdev label linkbeat_interfaces linkbeat_use_polling log log_unknown_vrids lookup \
	lower_prio_no_advert lvs_flush lvs_flush_on_stop lvs_flush_onstop lvs_netlink_cmd_rcv_bufs \
	lvs_netlink_cmd_rcv_bufs_force lvs_netlink_monitor_rcv_bufs lvs_netlink_monitor_rcv_bufs_force lvs_notify_fifo \
	lvs_notify_fifo_script lvs_process_name lvs_sync_daemon lvs_sync_daemon_interface lvs_timeouts \
	max_auto_priority max_hops max_ttl mcast_dst_ip mcast_src_ip metric min_auto_priority_delay min_rx min_ttl \
	min_tx missing-close-brace missing-open-brace missing-parameter mngtmpaddr mode mtu multihop multiple-files \
	multiplier name namespace_with_ipsets native_ipv6 neighbor_ip neighbour_ip net_namespace net_namespace_ipvs \
	netlink_notify_msg nexthop nftables nftables_counters nftables_ifindex nftables_ipvs nftables_ipvs_priority \
	nftables_ipvs_start_fwmark nftables_priority no_accept no_checker_emails no_email_faults no_track \
	no_virtual_ipaddress nop nopreempt noprefixroute noreverse not note notification_email notification_email_from \
	notify notify_backup notify_deleted notify_fault notify_fifo notify_fifo_script notify_master \
	notify_master_rx_lower_pri notify_priority_changes notify_stop oif old_unicast_checksum onlink or order \
	owner_ignore_adverts param_match passive peer preempt preempt_delay pref preference preferred_lft prepend \
	priority private process process_monitor_rcv_bufs process_monitor_rcv_bufs_force process_name process_names \
	prohibit promote_secondaries protocol quickack quorum quorum_max random_seed realms reload_check_config \
	reload_file reload_repeat reload_time_file reordering repetition reverse rise route router_id rs_init_notifies \
	rto_min rtt rttvar rule scope script script-security script_user shutdown_script shutdown_script_timeout \
	skip_check_adv_addr smtp_alert smtp_alert_checker smtp_alert_vrrp smtp_connect_timeout smtp_helo_name \
	smtp_server snmp_rs_stats_update_interval snmp_socket snmp_vs_stats_update_interval source_ip sport src \
	ssthresh startup_script startup_script_timeout state state_dump_file static_ipaddress static_routes \
	static_rules stats_dump_file strict_mode sup_group sup_pl suppress_ifgroup suppress_prefixlength \
	sync_group_tracking_weight table terminate_delay thread_timer_expired time_window timeout timer_expired_backup \
	tmp_config_directory to top-level tos track track_bfd track_file track_group track_interface track_process \
	track_script track_src_ip ttl ttl-propagate tunnel-id type uidrange umask unexpected-open-brace \
	unicast_fault_no_peer unicast_peer unicast_src_ip unicast_ttl unknown-keyword unmatched-quote unreachable \
	use_ipvlan use_pid_dir use_symlink_paths use_vmac use_vmac_addr user v3_checksum_as_v2 vepa version via \
	virtual_ipaddress virtual_ipaddress_excluded virtual_router_id virtual_routes virtual_rules virtual_server \
	virtual_server_group vmac vmac_addr_prefix vmac_garp_intvl vmac_prefix vmac_xmit_base vrf vrrp \
	vrrp_check_unicast_src vrrp_cpu_affinity vrrp_delay_after_boot vrrp_down_timer_adverts vrrp_garp_extra_if \
	vrrp_garp_interval vrrp_garp_lower_prio_delay vrrp_garp_lower_prio_repeat vrrp_garp_master_delay \
	vrrp_garp_master_refresh vrrp_garp_master_refresh_repeat vrrp_garp_master_repeat vrrp_gna_interval \
	vrrp_higher_prio_send_advert vrrp_instance vrrp_ipsets vrrp_iptables vrrp_lower_prio_no_advert \
	vrrp_mcast_group4 vrrp_mcast_group6 vrrp_min_garp vrrp_netlink_cmd_rcv_bufs vrrp_netlink_cmd_rcv_bufs_force \
	vrrp_netlink_monitor_rcv_bufs vrrp_netlink_monitor_rcv_bufs_force vrrp_no_swap vrrp_notify_fifo \
	vrrp_notify_fifo_script vrrp_notify_priority_changes vrrp_owner_ignore_adverts vrrp_priority vrrp_process_name \
	vrrp_rlimit_rtime vrrp_rlimit_rttime vrrp_rt_priority vrrp_rx_bufs_multiplier vrrp_rx_bufs_policy vrrp_script \
	vrrp_skip_check_adv_addr vrrp_startup_delay vrrp_strict vrrp_sync_group vrrp_track_file vrrp_track_process \
	vrrp_version vrrp_vmac_garp_intvl warning weight window

for program in holdfast keepalived hapee-vrrp
	complete -c $program -f
	complete -c $program -s f -l use-file -r -F -d 'read FILE (/etc/keepalived/keepalived.conf)'
	complete -c $program -s i -l config-id -r -d 'use the lines that begin with @ID (default: the host\'s name up to the first dot)'
	complete -c $program -s e -l all-config -d 'a missing include file is an error'
	complete -c $program -s t -l config-test -F -d 'check the configuration, tell what is wrong on standard error or in FILE, and end with status 0 (good), 4, 5 or 6 (insecure script)'
	complete -c $program -s n -l dont-fork -d 'stay in the foreground'
	complete -c $program -s P -l vrrp -d 'only VRRP (always so)'
	complete -c $program -s p -l pid -r -F -d 'pid file (/run/keepalived.pid)'
	complete -c $program -s r -l vrrp_pid -r -F -d 'second pid file (/run/vrrp.pid)'
	complete -c $program -s u -l umask -r -d 'for dump files, octal with a leading 0 (0177)'
	complete -c $program -s s -l namespace -r -f -a '(ls /run/netns 2>/dev/null)' -d 'run in the network namespace NAME'
	complete -c $program -l ignore-sigint -d 'do not end on SIGINT (Ctrl-C)'
	complete -c $program -l all -d 'run even when nothing is configured'
	complete -c $program -s m -l core-dump -d 'leave a core dump when a defect ends it'
	complete -c $program -s M -l core-dump-pattern -d 'the same, and have the kernel name core dumps of all processes PATTERN (core) until the end'
	complete -c $program -s V -l dont-release-vrrp -d 'keep addresses and send nothing when stopping'
	complete -c $program -s a -l address-monitoring -d 'log every change of an address on this machine'
	complete -c $program -s x -l snmp -d 'serve all MIBs, by a master agent'
	complete -c $program -s A -l snmp-agent-socket -r -F -d 'where the master agent listens'
	complete -c $program -s D -l log-detail -d 'say more; given twice, say still more'
	complete -c $program -s d -l dump-conf -d 'log what the configuration means'
	complete -c $program -s l -l log-console -d 'with -n, log to standard error too'
	complete -c $program -s G -l no-syslog -d 'do not log to syslog'
	complete -c $program -s S -l log-facility -r -f -a '0 1 2 3 4 5 6 7 local0 local1 local2 local3 local4 local5 local6 local7 user daemon' -d '0-7, local0-local7, user or daemon (daemon)'
	complete -c $program -s v -l version -d 'print the version'
	complete -c $program -s h -l help -d 'print this'
	complete -c $program -l signum -r -f -a 'RELOAD STOP DATA STATS STATS_CLEAR JSON UPGRADE' -d 'print the number of the signal that asks a running daemon to RELOAD, STOP, UPGRADE, or write DATA, STATS, STATS_CLEAR or JSON'
	complete -c $program -l strict-compat -d 'do as keepalived does wherever that is safe, also where Holdfast knows a better way'
	complete -c $program -l log-script-output -d 'log the end of what a failing script prints'
	complete -c $program -l least-privilege -d 'keep only the capabilities that the configuration needs, for good; a reload that needs more is refused'
	complete -c $program -l rehearse -d 'try whether this program could take the place of the daemon that starts it, and change nothing'
	complete -c $program -l record -r -d 'write all that happens to FILE, to be replayed in a test: no passwords, at most 64 MiB'
	complete -c $program -l config-test-format -r -f -a 'text pretty json sarif' -d 'with -t: text, pretty, json or sarif'
	complete -c $program -l config-test-host -r -F -d 'with -t: the host is as FILE describes; with "none", all that is named is there'
	complete -c $program -l config-test-host-dump -d 'describe this machine for --config-test-host'
	complete -c $program -l config-diff -r -d 'with a second file: tell what a reload from OLD to that would change, and end with status 0 (nothing), 1 (something) or 2 (cannot be run)'
	complete -c $program -l explain -f -a "$words_of_configuration" -d 'tell of a keyword or block of the configuration; without KEYWORD list the blocks'
	complete -c $program -s X -l release-vips -d 'virtual addresses are removed at the start'
	complete -c $program -s B -l no_bfd -d 'there is no BFD process'
	complete -c $program -s I -l dont-release-ipvs -d 'there are no virtual servers'
	complete -c $program -s R -l dont-respawn -d 'there is no child process to start again'
	complete -c $program -s c -l checkers_pid -r -F -d 'there is no health checker'
	complete -c $program -s b -l bfd_pid -r -F -d 'there is no BFD process'
	complete -c $program -s C -l check -d 'health checking alone: use keepalived -C'
	complete -c $program -s g -l log-file -F -d 'logging to a file'
	complete -c $program -s T -l genhash -d 'the genhash tool'
end
