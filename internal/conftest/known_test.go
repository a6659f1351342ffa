package conftest

import (
	"regexp"

	"github.com/holdfast-ha/holdfast/internal/config"
)

// knownDisagreements are differences that no release of keepalived explains
// and that are not mended yet; why says what is expected of us.
var knownDisagreements = []exception{
	{
		name: "unknown IP protocol", why: "2.2.7 refuses numbers that stand for no protocol it knows",
		theirs:  regexp.MustCompile(`Invalid ipproto [0-9]+`),
		example: "static_rules {\nfrom 10.0.0.1 table 1 priority 5 ipproto 255\n}\n",
	},
	{
		name: "long interval of garp_group", why: "2.2.7 allows up to 2147.483647 s",
		theirs:  regexp.MustCompile(`outside range \[0.000000, 2147.483647\]|garp_group g[an][rn]?[pa]_interval .* invalid|does not have any delay set`),
		example: "garp_group {\ngna_interval 4294.967295\ninterface eth0\n}\n",
	},
	{
		name: "long MAC address", why: "2.2.7 does not look beyond the sixth octet",
		ours:    regexp.MustCompile(`VMAC invalid MAC address (\S+:){6}`),
		example: instanceWith("use_vmac v0 02:00:00:00:00:00:01\nvirtual_ipaddress {\n192.0.2.77\n}"),
	},
	{
		name: "empty name of a track_file", why: "an empty name is a name",
		ours:    regexp.MustCompile(`No file set for track_file`),
		theirs:  regexp.MustCompile(`File already set for track file`),
		example: "track_file t {\nfile \"\"\n}\n",
	},
	{
		name: "max_hops -1", why: "2.2.7 compares it with ttl as 255",
		theirs:  regexp.MustCompile(`max_hops exceeds ttl/hoplimit`),
		example: "bfd_instance b {\nneighbor_ip 192.0.2.1\nmax_hops -1\nttl 5\n}\n",
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
		name: "empty names", why: "2.2.7 takes an empty word for a name",
		ours:    regexp.MustCompile(`reload_time_file invalid|nftables table name '' is empty|process name not specified|track process \S+ not found`),
		example: "vrrp_track_process p {\nprocess \"\"\n}\n",
	},
	{
		name: "text after a random number", why: "2.2.7 leaves the brace of ${_RANDOM MIN} where text follows: a defect that is not to be copied",
		text:    regexp.MustCompile(`\$\{_RANDOM [0-9 ]+\}[ \t]*[^ \t\n]`),
		example: "vrrp_instance VI1\n${_RANDOM 5 5} 255\nnotify_master /usr/bin/true\n",
	},
	{
		name: "quoted brace", why: "2.2.7 takes a brace in quotes for a brace if it is the last word of a line",
		text:    regexp.MustCompile(`(?m)"[{}]"[ \t]*$`),
		example: "global_defs \"{\"\nrouter_id 5\n\"}\"\n",
	},
	{
		name: "block without name and brace", why: "2.2.7 applies the lines of a block without a name and without an opening brace to the block before it",
		said:    regexp.MustCompile(`vrrp_(instance|sync_group) must have a name`),
		when:    func(theirs, _ int) bool { return theirs == config.ExitMissing },
		example: "vrrp_instance\nauthentication\nauth_pass\n",
	},
	{
		name: "lines outside for the health checker", why: "2.2.7's health checker takes a track_file line of an instance without an opening brace for a block of its own",
		said:    regexp.MustCompile("starting `track_file` is missing a parameter"),
		when:    func(theirs, _ int) bool { return theirs == config.ExitMissing },
		example: "vrrp_instance VI1\nvirtual_routes\ntrack_file\n",
	},
	{
		name: "words after vrrp_rx_bufs_policy", why: "2.2.7 looks at the first word again for each: a defect that is not to be copied",
		text:    regexp.MustCompile(`vrrp_rx_bufs_policy\s+[0-9]+\s+\S`),
		when:    func(theirs, ours int) bool { return theirs == config.ExitOK && ours == config.ExitErrors },
		example: "global_defs {\nvrrp_rx_bufs_policy 4096 notify_fifo\n}\n",
	},
	{
		name: "block in a BFD instance without neighbour", why: "the VRRP process of 2.2.7 does not see that the address is malformed and reads on, so that a block inside ends the instance",
		text:    regexp.MustCompile(`(?s)bfd_instance.*neighbou?r_ip [^\n]*\n[^}]*\{`),
		said:    regexp.MustCompile(`Unexpected '\{'`),
		when:    func(theirs, _ int) bool { return theirs == config.ExitMissing },
		example: "bfd_instance b {\nneighbor_ip x\nfoo {\n}\nvrrp_instance VI1 {\ninterface\n}\n",
	},
	{
		name: "large number of suppress_ifgroup", why: "2.2.7 takes numbers of more than 32 bits for others: a defect that is not to be copied",
		ours:    regexp.MustCompile(`suppress_\w+ [0-9]{10,} is invalid`),
		example: "static_rules {\nfrom 2001:db8::7 table 1 priority 42 suppress_ifgroup 4294967296\n}\n",
	},
	{
		name: "second net_namespace_ipvs", why: "the message of 2.2.7 asks for a word that is not there: a defect that is not to be copied",
		said:    regexp.MustCompile("after keyword `net_namespace_ipvs`"),
		when:    func(theirs, _ int) bool { return theirs == config.ExitMissing },
		example: "net_namespace_ipvs\nnet_namespace_ipvs\n",
	},
	{
		name: "BFD instance inside an open block", why: "only the BFD process of 2.2.7 asks for the arguments in a BFD instance, and it counts the braces of what stands before",
		ours:    regexp.MustCompile("starting `(neighbou?r_ip|source_ip|min_[rt]x|idle_tx|multiplier|ttl|hoplimit|max_hops|weight)` is missing a parameter"),
		example: "vrrp_script c {\nbfd_instance {\n}\nbfd_instance b {\nneighbor_ip\n}\n",
	},
}
