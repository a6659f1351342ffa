package conformance

const (
	withVMAC = "kept with `use_vmac`; without it an address is reached at the MAC of its interface, as with keepalived: " +
		"announcements tell the network who has it"
	backupVMAC = "the interface with the virtual MAC stays up while Backup, as with keepalived: it hears the adverts. Switches " +
		"send nothing else there, since the Active Router speaks from that MAC"
	withNoAccept = "kept with `no_accept` or strict mode; by default it accepts, as with keepalived: that is what a service on a virtual address needs"
	noForwarding = "Holdfast moves addresses; the kernel forwards, by its own rules"
	noRA         = "Holdfast sends no router advertisements; a daemon that does can be started and stopped by a notify script"
	management   = "the log, the statistics file, the JSON dump and SNMP tell it"
)

// held: addresses are on the interface if and only if the instance is Active,
// so the kernel answers and accepts for them then and only then.
var held = []string{"fsm.TestPropertiesOfAnyOrder", "sim.TestWorlds", "interop.TestFailover"}

var rfc9568 = []clause{
	// 5.1
	{"5.1.1.1", "", "is", "over IPv4 the source is the primary address of the interface", kept, []string{"kernel.TestPickSource", "netio.TestSendVectors", "sim.TestWorlds"}, ""},
	{"5.1.1.2", "", "is", "over IPv4 the destination is 224.0.0.18", kept, []string{"netio.TestSendVectors", "netio.TestReceive"}, "`vrrp_mcast_group4` and unicast peers may change it"},
	{"5.1.1.2", "", "MUST NOT", "routers do not forward what is sent there", left, nil, "the group is link-local: no kernel forwards it"},
	{"5.1.1.3", "", "MUST", "send with TTL 255", kept, []string{"netio.TestSendTTL/IPv4 multicast", "netio.TestSendTTL/IPv4 unicast"}, "`unicast_ttl` may change it"},
	{"5.1.1.3", "", "MUST", "discard what comes with another TTL", differs, []string{"advert.TestCheckRows/row 3: TTL", "advert.TestCheckRows/row 3: any TTL for unicast", "interop.TestBadInput/ttl"}, "kept for multicast; unicast, which the RFC does not know, may come through routers, unless `min_ttl` and `max_ttl` of the peer say otherwise"},
	{"5.1.1.4", "", "is", "the protocol number is 112", kept, []string{"netio.TestSendVectors", "netio.TestReceiveNothingElse"}, ""},
	{"5.1.2.1", "", "is", "over IPv6 the source is the link-local address of the interface", kept, []string{"kernel.TestPickSource", "netio.TestSendVectors"}, "unicast peers may be reached from another one"},
	{"5.1.2.2", "", "is", "over IPv6 the destination is ff02::12", kept, []string{"netio.TestSendVectors", "netio.TestReceive"}, "`vrrp_mcast_group6` and unicast peers may change it"},
	{"5.1.2.2", "", "MUST NOT", "routers do not forward what is sent there", left, nil, "the scope of the group is the link: no kernel forwards it"},
	{"5.1.2.3", "", "MUST", "send with hop limit 255", differs, []string{"netio.TestSendTTL/IPv6 multicast", "netio.TestSendTTL/IPv6 unicast"}, "kept for multicast; unicast over IPv6 goes with the hop limit of the interface unless `unicast_ttl` is given, as with keepalived"},
	{"5.1.2.3", "", "MUST", "discard what comes with another hop limit", differs, []string{"advert.TestCheckRows/row 3: hop limit"}, "kept for multicast; unicast as over IPv4"},
	{"5.1.2.4", "", "is", "the next header is 112", kept, []string{"netio.TestSendVectors", "netio.TestReceiveNothingElse"}, ""},
	// 5.2
	{"5.2.1", "", "is", "the version is 3", kept, []string{"advert.TestVectors/v3", "advert.TestCheckRows/row 4: version 2 to a version 3 router"}, ""},
	{"5.2.2", "", "is", "the only type is 1", kept, []string{"advert.TestVectors/v3"}, ""},
	{"5.2.2", "", "MUST", "discard packets of a type that is not known", kept, []string{"advert.TestCheckRows/row 10: type", "interop.TestBadInput/type"}, ""},
	{"5.2.3", "", "is", "the virtual router is told by a number from 1 to 255", kept, []string{"config.TestGolden/instance.txtar/vrid", "netio.TestFilterSets"}, ""},
	{"5.2.4", "", "is", "a higher number is a higher priority", kept, []string{"fsm.TestRFC9568_6_4_3_Active_725_HigherPriority", "sim.TestWorlds"}, ""},
	{"5.2.4", "", "MUST", "the owner of the addresses has priority 255", left, []string{"config.TestGolden/instance.txtar/priority-255", "fsm.TestSheet_4_7_OwnerNeverChanges"}, "the administrator says who owns them; whoever has 255 keeps it whatever its trackers find"},
	{"5.2.4", "", "MUST", "all others have 1 to 254", kept, []string{"config.TestGolden/instance.txtar/priority", "fsm.TestSheet_4_7_Clamp", "sim.TestWorlds"}, ""},
	{"5.2.4", "", "is", "the default is 100", kept, []string{"config.TestGolden/instance.txtar/defaults"}, ""},
	{"5.2.4", "", "is", "0 says that the Active Router gives up", kept, []string{"fsm.TestRFC9568_6_4_3_Active_655_Shutdown", "fsm.TestRFC9568_6_4_2_Backup_430_PriorityZero"}, ""},
	{"5.2.5", "", "is", "the count is that of the addresses, at least 1", kept, []string{"advert.TestVectors/v3", "advert.TestAppendToLimits/more addresses than the count field holds"}, ""},
	{"5.2.6", "", "MUST", "the reserved bits are sent as 0", kept, []string{"advert.TestAppendToLimits/interval too long", "advert.TestVectors/v3"}, ""},
	{"5.2.6", "", "MUST", "and are ignored when received", kept, []string{"advert.TestCheckNotes/row 12: reserved bits are ignored"}, ""},
	{"5.2.7", "", "is", "the interval is told in centiseconds, with 12 bits", kept, []string{"advert.TestAppendToLimits/longest interval", "advert.TestCheckFields"}, ""},
	{"5.2.7", "", "is", "the default is 100, a second", kept, []string{"config.TestGolden/instance.txtar/defaults"}, ""},
	{"5.2.8", "", "is", "the checksum is that of the whole message, with the field as 0, and of a pseudo-header", kept, []string{"advert.TestVectors/v3", "advert.TestVectors/v3-ipv6", "advert.TestVectorsFlippedBits"}, "`v3_checksum_as_v2` leaves the pseudo-header of IPv4 out, for routers that do"},
	{"5.2.9", "", "is", "the addresses follow, all of one family", kept, []string{"advert.TestVectors/v3", "advert.TestVectors/v3-ipv6", "advert.TestAppendToLimits/addresses of the other family"}, ""},
	{"5.2.9", "", "MUST", "the first address over IPv6 is link-local", differs, []string{"config.TestGolden/network.txtar/ipv6-first-vip"}, "the configuration test complains, as keepalived's, and the instance runs: a list that begins otherwise is sent as it is written"},
	// 6.1
	{"6.1", "", "is", "the interval is what its virtual router advertises, whatever it hears", kept, []string{"fsm.TestRFC9568_6_4_3_Active_680_Timer", "fsm.TestRFC9568_6_4_2_Backup_445_Accepts"}, ""},
	{"6.1", "", "is", "Active_Adver_Interval begins as the own interval and is learned", kept, []string{"fsm.TestRFC9568_6_4_1_Initialize_150_Other", "fsm.TestRFC9568_6_4_2_Backup_445_Accepts", "fsm.TestSheet_9_2_Backup"}, ""},
	{"6.1", "", "is", "Skew_Time is ((256 - Priority) * Active_Adver_Interval) / 256", kept, []string{"fsm.TestTimers", "fsm.TestTimersExact", "sim.TestWorlds"}, ""},
	{"6.1", "", "is", "Active_Down_Interval is three intervals and Skew_Time", differs, []string{"fsm.TestTimers", "fsm.TestTimersExact", "sim.TestWorlds"}, "`down_timer_adverts` may make it another number than three"},
	{"6.1", "", "is", "Preempt_Mode is true by default; the owner preempts whatever it says", kept, []string{"fsm.TestRFC9568_6_4_2_Backup_470_Discards", "config.TestGolden/instance.txtar/priority-255"}, ""},
	{"6.1", "", "is", "Accept_Mode is false by default", differs, []string{"holdfast.TestNoAccept"}, withNoAccept},
	{"6.1", "", "MUST NOT", "without Accept_Mode neighbour discovery for the addresses is not dropped", kept, []string{"firewall.TestNoAccept"}, ""},
	// 6.4.1
	{"6.4.1", "100-105", "is", "the owner does not wait when it starts", differs, []string{"fsm.TestRFC9568_6_4_1_Initialize_105_Owner", "fsm.TestSheet_4_2_OwnerWithStateBackup", "fsm.TestSheet_4_5_OwnerLeavesFault"}, "kept with `state MASTER`, which is what priority 255 implies; with `state BACKUP` written, and after FAULT, the owner waits as others do, as with keepalived"},
	{"6.4.1", "110", "is", "it sends an advertisement", kept, []string{"fsm.TestRFC9568_6_4_1_Initialize_105_Owner"}, ""},
	{"6.4.1", "115-120", "is", "and a gratuitous ARP request for each IPv4 address", kept, []string{"fsm.TestRFC9568_6_4_1_Initialize_105_Owner", "netio.TestGratuitousARP", "netio.TestAnnounce"}, "from the MAC of the interface"},
	{"6.4.1", "125-135", "is", "or an unsolicited neighbour advertisement with R, not S, O set, the target and its link-layer address", differs, []string{"netio.TestUnsolicitedNA/router", "netio.TestUnsolicitedNA/host", "netio.TestAnnounceRouterFlag"}, "R is set if the interface forwards: a host that claims to be a router becomes somebody's default route"},
	{"6.4.1", "140-145", "is", "sets the Adver_Timer and is Active", kept, []string{"fsm.TestRFC9568_6_4_1_Initialize_105_Owner"}, ""},
	{"6.4.1", "150-165", "is", "everybody else waits the Active_Down_Interval of its own interval as Backup", kept, []string{"fsm.TestRFC9568_6_4_1_Initialize_150_Other", "fsm.TestTimersOfInstances", "sim.TestWorlds"}, ""},
	{"6.4.1", "170-175", "is", "before it has started a router does nothing about what it hears", kept, []string{"fsm.TestRFC9568_6_4_1_HearsNothing"}, ""},
	// 6.4.2
	{"6.4.2", "300-310", "MUST NOT", "a Backup does not answer ARP for the IPv4 addresses", kept, held, "it does not have them: the kernel answers for what is on an interface"},
	{"6.4.2", "315-320", "MUST NOT", "nor neighbour solicitations for the IPv6 addresses", kept, held, "likewise"},
	{"6.4.2", "325-330", "MUST NOT", "nor sends router advertisements for the virtual router", left, nil, noRA},
	{"6.4.2", "335", "MUST", "it discards packets to the virtual MAC", differs, nil, backupVMAC},
	{"6.4.2", "340", "MUST NOT", "it does not accept packets to the addresses", kept, held, "it does not have them"},
	{"6.4.2", "345-360", "is", "shutdown cancels the timer and ends in Initialize; nothing is sent", kept, []string{"fsm.TestRFC9568_6_4_2_Backup_345_Shutdown", "fsm.TestSheet_2_5_Stop"}, ""},
	{"6.4.2", "365-370", "is", "when the Active_Down_Timer fires it sends an advertisement", kept, []string{"fsm.TestRFC9568_6_4_2_Backup_365_Timer", "fsm.TestTimersOfInstances", "sim.TestWorlds", "interop.TestFailover"}, "in a sync group only when the whole group may"},
	{"6.4.2", "375-380", "is", "and a gratuitous ARP request for each IPv4 address", kept, []string{"fsm.TestSheet_5_1_Blocks", "sim.TestWorlds", "interop.TestAnnouncements", "netio.TestAnnounceMovesNeighbours"}, "from the MAC of the interface"},
	{"6.4.2", "385-400", "is", "or joins the solicited-node group and sends an unsolicited neighbour advertisement for each IPv6 address", kept, []string{"interop.TestAnnouncements", "netio.TestUnsolicitedNA", "netio.TestAnnounceMovesNeighbours"}, "the kernel joins the group with the address"},
	{"6.4.2", "405-415", "is", "sets the Adver_Timer to its own interval and is Active", kept, []string{"fsm.TestRFC9568_6_4_2_Backup_450_UntilActive", "sim.TestWorlds"}, ""},
	{"6.4.2", "420-440", "is", "an advertisement of priority 0 sets the timer to Skew_Time", differs, []string{"fsm.TestRFC9568_6_4_2_Backup_430_PriorityZero", "fsm.TestRFC9568_6_4_2_Backup_430_PriorityZero_NoPreempt", "fsm.TestRFC9568_6_4_2_Backup_430_SkewOfLearnedInterval", "fsm.TestCrowd_GoodbyeOfAnother", "fsm.TestCrowd_EndlessGoodbyes", "sim.TestWorlds"}, "of the Master only, and four times at most: who stops is silent then, and somebody who says it again and again or is not the Master is not believed, except with `--strict-compat`"},
	{"6.4.2", "445", "is", "without Preempt_Mode any, else one of the same or a higher priority is accepted", kept, []string{"fsm.TestRFC9568_6_4_2_Backup_445_Accepts", "fsm.TestRFC9568_6_4_2_Backup_445_NoPreempt", "sim.TestWorlds", "interop.TestNopreempt"}, "`preempt_delay` accepts lower ones for a while"},
	{"6.4.2", "450-460", "is", "it teaches the interval, from which the wait is reckoned anew and begins again", differs, []string{"fsm.TestRFC9568_6_4_2_Backup_445_Accepts", "fsm.TestRFC9568_6_4_2_Backup_450_Passing", "fsm.TestRFC9568_6_4_2_Backup_450_Lowered", "fsm.TestRFC9568_6_4_2_Backup_450_Stays", "fsm.TestRFC9568_6_4_2_Backup_450_Successor", "trace.TestTraces/learned-interval", "sim.TestWorlds"}, "the first advert of another router than the Active one, with a lower priority than that, makes neither shorter: it is about to give way, and a Backup that believed it would take over beside an Active Router with a longer interval; an interval of 0 teaches nothing (`fsm.TestRFC9568_6_4_2_Backup_450_IntervalZero`)"},
	{"6.4.2", "465-485", "is", "any other is discarded: the timer runs on", kept, []string{"fsm.TestRFC9568_6_4_2_Backup_470_Discards", "sim.TestWorlds"}, ""},
	// 6.4.3
	{"6.4.3", "600-610", "MUST", "the Active Router answers ARP for the IPv4 addresses", kept, held, "the kernel does, for what is on an interface"},
	{"6.4.3", "615-625", "MUST", "is a member of the solicited-node groups and answers neighbour solicitations", kept, held, "the kernel does"},
	{"6.4.3", "630", "MUST", "sends router advertisements for the virtual router", unserved, nil, noRA},
	{"6.4.3", "635-640", "MUST NOT", "without Accept_Mode neighbour discovery is not dropped", kept, []string{"firewall.TestNoAccept"}, ""},
	{"6.4.3", "645", "MUST", "forwards packets that come to the virtual MAC", differs, []string{"holdfast.TestVMACServes"}, withVMAC},
	{"6.4.3", "650", "MUST", "accepts packets to the addresses if it owns them or has Accept_Mode", kept, held, ""},
	{"6.4.3", "650", "MUST NOT", "and not otherwise", differs, []string{"holdfast.TestNoAccept", "holdfast.TestVMACAcceptReloads"}, withNoAccept},
	{"6.4.3", "655-675", "is", "shutdown cancels the timer, sends priority 0 and ends in Initialize", kept, []string{"fsm.TestRFC9568_6_4_3_Active_655_Shutdown", "fsm.TestSheet_2_5_Stop", "holdfast.TestStopReleasesAtOnce", "sim.TestWorlds"}, "before the addresses go, so that the next router begins its wait at once"},
	{"6.4.3", "680-695", "is", "when the Adver_Timer fires it sends an advertisement and begins the interval again", kept, []string{"fsm.TestRFC9568_6_4_3_Active_680_Timer", "sim.TestWorlds"}, ""},
	{"6.4.3", "700-720", "is", "priority 0 is answered at once and the interval begins again", differs, []string{"fsm.TestRFC9568_6_4_3_Active_705_PriorityZero", "fsm.TestCrowd_Answers", "sim.TestWorlds"}, "sixteen times in an interval: what comes more often is a flood, and the regular adverts answer it"},
	{"6.4.3", "725-730", "is", "a higher priority makes it a Backup", kept, []string{"fsm.TestRFC9568_6_4_3_Active_725_HigherPriority", "sim.TestWorlds"}, "`higher_prio_send_advert` sends once more before that"},
	{"6.4.3", "735", "is", "so does the same priority from a higher address, compared as an unsigned number", kept, []string{"fsm.TestRFC9568_6_4_3_Active_735_HigherAddress", "fsm.TestRFC9568_6_4_3_Active_735_AddressIsANumber", "fsm.TestRFC9568_6_4_3_Active_735_HigherAddressIPv6", "sim.TestWorlds"}, ""},
	{"6.4.3", "740-765", "is", "it cancels the Adver_Timer, learns the interval and waits the Active_Down_Interval of that", kept, []string{"fsm.TestRFC9568_6_4_3_Active_725_HigherPriority", "trace.TestTraces/yield-learns-interval", "sim.TestWorlds"}, ""},
	{"6.4.3", "770-785", "is", "anything less is discarded and answered at once, to tell its sender and the switches who is here", differs, []string{"fsm.TestRFC9568_6_4_3_Active_770_LowerPriority", "sim.TestWorlds"}, "kept unless `lower_prio_no_advert` is given"},
	// 7.1
	{"7.1", "", "MUST", "verify that TTL or hop limit is 255", differs, []string{"advert.TestCheckRows/row 3: TTL", "advert.TestCheckRows/row 3: hop limit", "interop.TestBadInput/ttl"}, "kept for multicast: see 5.1.1.3"},
	{"7.1", "", "MUST", "verify that the version is 3", kept, []string{"advert.TestCheckRows/row 4: version 2 to a version 3 router", "interop.TestBadInput/version"}, ""},
	{"7.1", "", "MUST", "verify that the type is 1", kept, []string{"advert.TestCheckRows/row 10: type", "interop.TestBadInput/type"}, ""},
	{"7.1", "", "MUST", "verify that the packet is complete", kept, []string{"advert.TestCheckRows/row 0: too short", "advert.TestCheckRows/row 2: too long", "interop.TestBadInput/truncated", "interop.TestBadInput/count"}, "padding of a short frame is let pass (row 2: padding), as by keepalived"},
	{"7.1", "", "MUST", "verify the checksum", differs, []string{"advert.TestCheckRows/row 13: checksum of version 3", "netio.TestReceiveChecksumIPv6", "interop.TestBadInput/checksum"}, "kept, over IPv6 by the kernel; `v3_checksum_as_v2` takes any sum over IPv4, as with keepalived, since the other side's may be either"},
	{"7.1", "", "MUST", "verify that the VRID is one of the interface's", kept, []string{"netio.TestFilter/another's", "netio.TestFilterSets", "interop.TestBadInput/vrid"}, ""},
	{"7.1", "", "MUST", "verify that the local router does not own the addresses", differs, []string{"advert.TestCheckRows/row 15: owner", "fsm.TestSheet_4_4_TwoOwners_LowerGivesWay", "fsm.TestSheet_4_4_TwoOwners_HigherReduces"}, "kept with `owner_ignore_adverts`; otherwise, as with keepalived, an owner listens to another owner, because two are worse than the wrong one"},
	{"7.1", "", "MUST", "discard what fails one of these; nothing else comes of it", kept, []string{"fsm.TestPropertiesOfAnyOrder", "sim.TestWorlds", "interop.TestBadInput", "trace.TestTraces/rejected"}, ""},
	{"7.1", "", "SHOULD", "log it", kept, []string{"fsm.TestSheet_3_7_RejectedOnce", "fsm.TestSheet_3_7_Flood"}, "once for each kind and sender, then once a minute with a count"},
	{"7.1", "", "MAY", "indicate it to network management", kept, []string{"fsm.TestSheet_3_7_Counters", "interop.TestBadInput"}, management},
	{"7.1", "", "MAY", "verify that count and addresses are those configured", kept, []string{"advert.TestCheckNotes/row 16: one address more", "advert.TestCheckNotes/row 17: one other", "advert.TestCheckNotes/row 17: another order"}, ""},
	{"7.1", "", "SHOULD", "log when they are not", kept, []string{"fsm.TestSheet_3_7_Notes"}, "once for each sender; `skip_check_adv_addr` leaves it out while the Master is the same"},
	{"7.1", "", "MAY", "indicate that to network management", kept, []string{"fsm.TestSheet_3_7_Notes"}, management},
	{"7.1", "", "MAY", "verify that the interval is that configured, and log when it is not", kept, []string{"advert.TestCheckNotes/row 12: another interval", "fsm.TestSheet_3_7_Notes"}, ""},
	// 7.2
	{"7.2", "", "MUST", "fill in the fields from the state of the virtual router", kept, []string{"advert.TestRoundTrip", "sim.TestWorlds"}, ""},
	{"7.2", "", "MUST", "compute the checksum", kept, []string{"advert.TestVectors/v3", "advert.TestVectors/v3-ipv6", "interop.TestFailover"}, "over IPv6 the kernel does it again"},
	{"7.2", "", "MUST", "send from the virtual MAC", differs, []string{"interop.TestVMACFailover"}, withVMAC},
	{"7.2", "", "MUST", "set the source to the primary address, or the link-local one", kept, []string{"netio.TestSendVectors", "fsm.TestSheet_4_4_SourceChanges", "sim.TestWorlds"}, ""},
	{"7.2", "", "MUST", "set the protocol to VRRP", kept, []string{"netio.TestSendVectors"}, ""},
	{"7.2", "", "MUST", "send to the group", kept, []string{"netio.TestSendVectors", "netio.TestSendNotByGateway"}, "or to unicast peers"},
	// 7.3, 7.4
	{"7.3", "", "is", "the virtual MAC is 00-00-5E-00-01-VRID, over IPv6 00-00-5E-00-02-VRID", differs, []string{"daemon.TestLayout", "interop.TestVMACBothFamilies"}, withVMAC},
	{"7.4", "", "MUST NOT", "the virtual MAC does not go into interface identifiers", kept, []string{"kernel.TestStackReal", "kernel.TestStackEvents"}, "the link-local address is that of the interface below"},
	{"7.4", "", "SHOULD", "the link-local address of a virtual router is made of its MAC and its VRID", left, nil, "virtual addresses are those that the administrator writes"},
	// 8
	{"8.1.1", "", "is", "ICMP redirects go from the address that the host sent to", left, nil, noForwarding},
	{"8.1.2", "", "MUST", "ARP requests for the addresses are answered with the virtual MAC", differs, []string{"holdfast.TestVMACServes"}, withVMAC},
	{"8.1.2", "", "MUST NOT", "and not with that of the interface", differs, []string{"holdfast.TestVMACServes", "netio.TestAnnounceMovesNeighbours", "interop.TestAnnouncements"}, withVMAC},
	{"8.1.2", "", "SHOULD NOT", "a router that starts sends no ARP with its own MAC for the addresses", kept, []string{"fsm.TestSheet_5_1_NotWhileBackup", "holdfast.TestStartRemovesWhatACrashLeft", "sim.TestWorlds"}, "nothing is announced before it is Active, and addresses that a crash has left are removed"},
	{"8.1.2", "", "SHOULD", "and announces the addresses when it has become Active", kept, []string{"fsm.TestSheet_5_1_Blocks", "interop.TestAnnouncements", "sim.TestWorlds"}, ""},
	{"8.1.3", "", "MUST", "proxy ARP tells the virtual MAC", left, nil, noForwarding},
	{"8.2.1", "", "is", "ICMPv6 redirects go from the address that the host sent to", left, nil, noForwarding},
	{"8.2.2", "", "MUST", "neighbour solicitations for the addresses are answered with the virtual MAC", differs, []string{"holdfast.TestVMACServes"}, withVMAC},
	{"8.2.2", "", "MUST NOT", "and not with that of the interface", differs, []string{"holdfast.TestVMACServes", "netio.TestAnnounceMovesNeighbours"}, withVMAC},
	{"8.2.2", "", "SHOULD NOT", "a router that starts sends no neighbour discovery with its own MAC for the addresses", kept, []string{"fsm.TestSheet_5_1_NotWhileBackup", "holdfast.TestStartRemovesWhatACrashLeft"}, "as in 8.1.2"},
	{"8.2.2", "", "SHOULD", "and announces the addresses when it has become Active", kept, []string{"fsm.TestSheet_5_1_Blocks", "interop.TestAnnouncements"}, "duplicate address detection is off for them, as with keepalived"},
	{"8.2.3", "", "MUST NOT", "a Backup sends no router advertisements for the virtual router", left, nil, noRA},
	{"8.2.3", "", "MUST", "owner and others of a virtual router send the same router advertisements", left, nil, noRA},
	{"8.2.4", "", "SHOULD", "unsolicited neighbour advertisements of other routers are accepted, also for the own addresses", left, nil, "the kernel keeps the neighbours"},
	{"8.3.1", "", "SHOULD NOT", "a router that is not the owner does not forward packets to the addresses", left, held, "it has them, so the kernel takes them for itself"},
	{"8.3.2", "", "SHOULD", "priorities are far enough apart that one Backup is first", left, []string{"sim.TestWorlds"}, "the administrator chooses them; equal ones are settled by address"},
	{"8.4", "", "MAY", "a router of version 3 speaks version 2 as well", differs, []string{"sim.TestTwoVersions", "advert.TestCheckRows/row 4: version 2 to a version 3 router", "advert.TestCheckRows/row 4: version 3 to a version 2 router"}, "an instance speaks one version, as with keepalived; a reload changes it, and until all have been changed each version has an Active Router of its own"},
}
