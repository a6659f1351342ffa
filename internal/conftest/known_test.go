package conftest

import (
	"regexp"

	"github.com/holdfast-ha/holdfast/internal/config"
)

// knownDisagreements are differences that no release of keepalived explains
// and that are not mended yet; why says what is expected of us.
var knownDisagreements = []exception{
	{
		name: "peer of a full prefix", why: "a prefix of full length beside a peer is no prefix",
		ours:    regexp.MustCompile(`Cannot specify address prefix when specifying peer address`),
		example: instanceWith("virtual_ipaddress {\n192.0.2.77/32 peer 192.0.2.78\n}"),
	},
	{
		name: "repetition of nothing", why: "~SEQ without text gives empty lines",
		ours:    regexp.MustCompile(`Repetition of nothing`),
		example: "~SEQ(i, 2)\n",
	},
	{
		name: "repeated definition", why: "what ~SEQ gives may be a definition or a condition",
		text:    regexp.MustCompile(`~SEQx?\([^)]*\) [@$]`),
		example: "~SEQ(i, 1, 3) $Q${i}=1\n",
	},
	{
		name: "suffix of a BFD address", why: "what follows / or - is cut off, as from a unicast address",
		ours:    regexp.MustCompile(`BFD instance .* malformed (neighbor|source) address [^ ,]*[/-]`),
		example: "bfd_instance b {\nneighbor_ip 192.0.2.1/24x\n}\n",
	},
	{
		name: "any after an address", why: "a rule with an address and then all, any or default is a mix of families",
		theirs:  regexp.MustCompile(`rule specification has mixed IPv4 and IPv6`),
		example: "static_rules {\nfrom 10.0.0.1 to any table 1 priority 5\n}\n",
	},
	{
		name: "processor twice", why: "a processor may be named twice",
		ours:    regexp.MustCompile(`Duplicate cpu_id`),
		example: "global_defs {\nvrrp_cpu_affinity 1 0 1\n}\n",
	},
	{
		name: "family of default", why: "a route to default may be IPv6, so what is for IPv6 alone is allowed",
		ours:    regexp.MustCompile(`^(expires|pref) is only valid for IPv6`),
		example: "static_routes {\ndefault dev eth0 pref medium\n}\n",
	},
	{
		name: "large tunnel-id", why: "64 bits are allowed",
		ours:    regexp.MustCompile(`outside unsigned integer range|Invalid rule tunnel-id [0-9]{19}`),
		example: "static_rules {\nfrom 10.0.0.1 table 1 priority 5 tunnel-id 18446744073709551615\n}\n",
	},
	{
		name: "unknown IP protocol", why: "2.2.7 refuses numbers that stand for no protocol it knows",
		theirs:  regexp.MustCompile(`Invalid ipproto [0-9]+`),
		example: "static_rules {\nfrom 10.0.0.1 table 1 priority 5 ipproto 255\n}\n",
	},
	{
		name: "numbers for LVS", why: "numbers for LVS alone are checked, too",
		theirs:  regexp.MustCompile(`lvs_netlink_cmd_rcv_bufs size|nftables chain priority|outside (unsigned )?integer range`),
		example: "global_defs {\nnftables_ipvs_priority 2147483648\n}\n",
	},
	{
		name: "global scope of IPv6", why: "scope 0 or global is no scope",
		ours:    regexp.MustCompile(`Cannot specify scope for IPv6`),
		example: "static_ipaddress {\n2001:db8::1/64 dev eth0 scope global\n}\n",
	},
	{
		name: "interval 0 of garp_group", why: "0 counts as given",
		ours:    regexp.MustCompile(`does not have any delay set`),
		example: "garp_group {\ngarp_interval 0\ninterface eth0\n}\n",
	},
	{
		name: "long interval of garp_group", why: "2.2.7 allows up to 2147.483647 s",
		theirs:  regexp.MustCompile(`outside range \[0.000000, 2147.483647\]|garp_group g[an][rn]?[pa]_interval .* invalid|does not have any delay set`),
		example: "garp_group {\ngna_interval 4294.967295\ninterface eth0\n}\n",
	},
	{
		name: "track_file without name", why: "a missing name is reported, and reading goes on",
		said:    regexp.MustCompile(`track file file name missing`),
		when:    func(_, ours int) bool { return ours == config.ExitMissing },
		example: "track_file t {\nfile\n}\n",
	},
	{
		name: "user of a FIFO", why: "a FIFO needs the default user, too",
		theirs:  regexp.MustCompile(`Unable to set default user keepalived_script`),
		example: "global_defs {\nenable_script_security\nvrrp_notify_fifo %DIR%/fifo\n}\n",
	},
	{
		name: "unicast_fault_no_peer", why: "it is a unicast keyword",
		theirs:  regexp.MustCompile(`unicast with use_(vmac|ipvlan) requires vmac_xmit_base`),
		example: instanceWith("use_vmac\nunicast_fault_no_peer\nvirtual_ipaddress {\n192.0.2.77\n}"),
	},
	{
		name: "long MAC address", why: "2.2.7 does not look beyond the sixth octet",
		ours:    regexp.MustCompile(`VMAC invalid MAC address (\S+:){6}`),
		example: instanceWith("use_vmac v0 02:00:00:00:00:00:01\nvirtual_ipaddress {\n192.0.2.77\n}"),
	},
	{
		name: "peer with both suffixes", why: "the part from the first - on is cut off, then the address is read",
		theirs:  regexp.MustCompile(`malformed (unicast peer|src) address ?\[[^]]+/.*-`),
		example: instanceWith("unicast_peer {\n192.0.2.1/-1\n192.0.2.2\n}\nvirtual_ipaddress {\n192.0.2.77\n}"),
	},
	{
		name: "route of a number", why: "a number alone is the type of a route without destination: an argument is missing",
		said:    regexp.MustCompile("missing a parameter after keyword `[0-9]*` at"),
		example: "static_routes {\n80\n}\n",
	},
	{
		name: "empty name of a track_file", why: "an empty name is a name",
		ours:    regexp.MustCompile(`No file set for track_file`),
		example: "track_file t {\nfile \"\"\n}\n",
	},
	{
		name: "max_hops -1", why: "2.2.7 compares it with ttl as 255",
		theirs:  regexp.MustCompile(`max_hops exceeds ttl/hoplimit`),
		example: "bfd_instance b {\nneighbor_ip 192.0.2.1\nmax_hops -1\nttl 5\n}\n",
	},
	{
		name: "priority without number", why: "a missing priority of a process is reported, and reading goes on",
		said:    regexp.MustCompile(`No \w+ process priority specified`),
		when:    func(_, ours int) bool { return ours == config.ExitMissing },
		example: "global_defs {\nbfd_priority\n}\n",
	},
	{
		name: "words after umask", why: "a second word without | is reported",
		theirs:  regexp.MustCompile(`Extra parameter\(s\) to umask option`),
		example: "global_defs {\numask 1 2\n}\n",
	},
	{
		name: "settings for LVS", why: "what is for LVS alone is checked, too",
		said:    regexp.MustCompile(`lvs_|smtp_alert_checker|checker_log_all_failures|no_checker_emails|rs_init_notifies|checker process real-time`),
		when:    func(theirs, ours int) bool { return theirs == config.ExitErrors && ours == config.ExitOK },
		example: "global_defs {\nlvs_notify_fifo\n}\n",
	},
	{
		name: "script timeout without number", why: "a missing timeout is reported, and reading goes on",
		said:    regexp.MustCompile(`(startup|shutdown)_script_timeout requires value`),
		when:    func(_, ours int) bool { return ours == config.ExitMissing },
		example: "global_defs {\nshutdown_script_timeout\n}\n",
	},
	{
		name: "file test with a blank", why: "2.2.7 takes it for a program",
		text:    regexp.MustCompile(`script\s+"<\s+/`),
		example: "vrrp_script c {\nscript \"< /etc/hostname\"\n}\n" + instanceWith("virtual_ipaddress {\n192.0.2.77\n}"),
	},
	{
		name: "negative table", why: "2.2.7 takes the number modulo 2^32: a defect that is not to be copied",
		ours:    regexp.MustCompile(`Routing table (-[0-9]+|[0-9]{10,}) not found`),
		example: "static_rules {\nfrom all table -1 priority 78\n}\n",
	},
	{
		name: "interfaces that have a garp_group", why: "the message of 2.2.7 asks for a word that is not there: a defect that is not to be copied",
		text:    regexp.MustCompile(`(?s)garp_group.*\binterfaces\b`),
		when:    func(theirs, _ int) bool { return theirs == config.ExitMissing },
		example: "garp_group {\ngarp_interval 1\ninterface eth0\ninterfaces {\neth0\n}\n}\n",
	},
	{
		name: "later quote", why: "2.2.7 keeps a command if the quote without partner comes later than its first word",
		text:    regexp.MustCompile(`(?m)(script|notify\w*)\s[^"\n]*("[^"\n]*"[^"\n]*)*"[^"\n]*$`),
		when:    func(theirs, ours int) bool { return theirs == config.ExitSecurity && ours == config.ExitErrors },
		example: "vrrp_script c {\nscript \"true \"haproxy\"\n}\n" + instanceWith("virtual_ipaddress {\n192.0.2.77\n}"),
	},
	{
		name: "range of three", why: "what follows the second number of a range is not looked at",
		ours:    regexp.MustCompile(`invalid (sport|dport) range [0-9]+-[0-9]+-`),
		example: "static_rules {\nfrom 10.0.0.1 table 1 priority 5 sport 1-2-3\n}\n",
	},
	{
		name: "no priority of IPVS chains", why: "an argument is missing",
		said:    regexp.MustCompile("starting `nftables_ipvs_\\w+` is missing"),
		example: "global_defs {\nnftables_ipvs_priority\n}\n",
	},
	{
		name: "empty names", why: "2.2.7 takes an empty word for a name",
		ours:    regexp.MustCompile(`reload_time_file invalid|nftables table name '' is empty|process name not specified`),
		example: "vrrp_track_process p {\nprocess \"\"\n}\n",
	},
	{
		name: "empty init_file", why: "an empty word is no number here",
		theirs:  regexp.MustCompile(`(?i)track.file init option|init_file`),
		example: "track_file t {\nfile /etc/hostname\ninit_file \"\"\n}\n",
	},
	{
		name: "rest of a BFD instance", why: "after a malformed neighbour the rest of the block is left out",
		said:    regexp.MustCompile(`malformed neighbor address`),
		when:    func(_, ours int) bool { return ours == config.ExitMissing },
		example: "bfd_instance b {\nneighbor_ip no-such\nmin_rx\n}\n",
	},
	{
		name: "brace as a value", why: "an opening brace in a block of values is a value",
		said:    regexp.MustCompile(`interface \{ specified`),
		when:    func(theirs, ours int) bool { return theirs == config.ExitErrors && ours == config.ExitSecurity },
		example: "vrrp_script c {\nscript /usr/bin/true\n}\ngarp_group {\ngarp_interval 1\ninterfaces { { }\n}\n" + instanceWith("virtual_ipaddress {\n192.0.2.77\n}"),
	},
}
