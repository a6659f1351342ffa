package config

import (
	"net"
	"net/netip"
	"strconv"
	"strings"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

var instanceNetwork = []keyword[*instanceDraft]{
	{
		name: "virtual_ipaddress", args: "{ ADDRESS[/LENGTH] [OPTION...] ... }", shape: values, doc: "Addresses the master holds and adverts carry.", example: "virtual_ipaddress { 192.0.2.100/24 dev eth0 }",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			if v, ok := l.address(a, addressVirtual); ok {
				l.addVIP(d, a, v)
			}
		},
	},
	{
		name: "virtual_ipaddress_excluded", args: "{ ADDRESS[/LENGTH] [OPTION...] ... }", shape: values, doc: "Addresses the master holds and adverts do not carry.", example: "virtual_ipaddress_excluded { 2001:db8::100/64 }",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			if v, ok := l.address(a, addressVirtual); ok {
				l.addExcluded(d, a, v)
			}
		},
	},
	{
		name: "no_virtual_ipaddress", since: "2.2.8", doc: "The instance has no addresses.", example: "no_virtual_ipaddress",
		set: func(_ *loader, d *instanceDraft, _ *syntax.Args) { d.NoVirtualIPAddress = true },
	},
	{
		name: "virtual_routes", args: "{ ROUTE... }", shape: values, doc: "Routes the master adds.", example: "virtual_routes { default via 192.0.2.1 dev eth0 }",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			if r, ok := l.route(a, false); ok {
				d.More.Routes = append(d.More.Routes, r)
			}
		},
	},
	{
		name: "virtual_rules", args: "{ RULE... }", shape: values, doc: "Routing rules the master adds.", example: "virtual_rules { from 192.0.2.0/24 table 100 priority 500 }",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			if r, ok := l.rule(a, false); ok {
				d.More.Rules = append(d.More.Rules, r)
			}
		},
	},
	{
		name: "promote_secondaries", doc: "Keep the other addresses of a network when its first one goes.", example: "promote_secondaries",
		set: func(_ *loader, d *instanceDraft, _ *syntax.Args) { d.PromoteSecondaries = true },
	},
	{
		name: "mcast_src_ip", args: "ADDRESS", doc: "Source address of the adverts.", example: "mcast_src_ip 192.0.2.10",
		set: setSource,
	},
	{
		name: "unicast_src_ip", args: "ADDRESS", doc: "Source address of adverts to peers.", example: "unicast_src_ip 192.0.2.10",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			setSource(l, d, a)
			d.unicastKeyword = true
		},
	},
	{
		name: "mcast_dst_ip", args: "ADDRESS", doc: "Group the adverts go to.", example: "mcast_dst_ip 224.0.0.18",
		set: setDestination,
	},
	{
		name: "unicast_peer", args: "{ ADDRESS [min_ttl N] [max_ttl N] ... }", shape: values, doc: "Send adverts to these addresses in place of the group.", example: "unicast_peer { 192.0.2.11 }",
		begin: func(l *loader, d *instanceDraft, a *syntax.Args) bool {
			l.noMore(a)
			d.unicastKeyword = true
			return true
		},
		set: addPeer,
	},
	{
		name: "unicast_fault_no_peer", doc: "Without a valid peer the instance is in fault state.", example: "unicast_fault_no_peer",
		set: func(_ *loader, d *instanceDraft, _ *syntax.Args) { d.faultNoPeer, d.unicastKeyword = true, true },
	},
	{
		name: "check_unicast_src", doc: "Take adverts only from the peers.", example: "check_unicast_src",
		set: func(_ *loader, d *instanceDraft, _ *syntax.Args) {
			d.CheckUnicastSrc, d.unicastKeyword = true, true
		},
	},
	{
		name: "unicast_ttl", args: "0..255", doc: "TTL of adverts to peers, 255 by default.", example: "unicast_ttl 255",
		set: func(l *loader, d *instanceDraft, a *syntax.Args) {
			if v, ok := l.uint(a, rule{low: 0, high: 255, strict: true, bad: "(" + d.Name + "): TTL '%s' not valid - must be between 0 & 255"}); ok {
				d.UnicastTTL = int(v)
			}
		},
	},
	{
		name: "old_unicast_checksum", args: "[never]", doc: "Version 3 checksum to peers as keepalived 1.3 made it.", example: "old_unicast_checksum never",
		set: func(_ *loader, d *instanceDraft, a *syntax.Args) {
			d.unicastKeyword = true
			switch w, ok := a.Next(); {
			case !ok:
				d.OldUnicastChecksum = true
			case w == "never":
				d.OldUnicastChecksum = false
			default:
				a.Report(syntax.General, "(%s) Unknown old_unicast_chksum mode %s - ignoring", d.Name, w)
			}
		},
	},
	{
		name: "v3_checksum_as_v2", args: "[BOOL]", since: "2.2.8", doc: "Version 3 checksum over IPv4 without pseudo header.", example: "v3_checksum_as_v2 true",
		set: instanceBool("invalid v3_checksum_as_v2 %s specified", func(d *instanceDraft, v bool) { d.V3ChecksumAsV2 = v }),
	},
	{
		name: "skip_check_adv_addr", args: "[BOOL]", doc: "Check the addresses of an advert only when the master changes.", example: "skip_check_adv_addr true",
		// Any boolean, false too, switches it on in keepalived.
		set: instanceBool("invalid skip_check_adv_addr %s specified", func(d *instanceDraft, _ bool) { d.SkipCheckAdvAddr = true }),
	},
	{
		name: "kernel_rx_buf_size", args: "BYTES", doc: "Receive buffer of the instance's socket.", example: "kernel_rx_buf_size 65536",
		set: func(_ *loader, d *instanceDraft, a *syntax.Args) {
			w := a.Peek()
			if a.Left() == 1 {
				a.Next()
				n := syntax.ParseUint(w, 10, 0, 1<<32-1)
				if n.Problem == "" {
					d.More.KernelRxBuf = uint32(n.Value)
					return
				}
				a.Report(syntax.InvalidNumber, "%s", n.Problem)
			}
			a.Report(syntax.General, "(%s) invalid kernel_rx_buf_size specified", d.Name)
		},
	},
	{
		name: "use_vmac", args: "[name] [NAME] [MAC] [netlink_notify_msg] [group GROUP]", doc: "Use the virtual MAC address.", example: "use_vmac vrrp.51",
		set: setVMAC,
	},
	{
		name: "use_vmac_addr", doc: "Use virtual MAC addresses for addresses on other interfaces.", example: "use_vmac_addr",
		set: func(_ *loader, d *instanceDraft, _ *syntax.Args) { d.More.VMACAddr = true },
	},
	{
		name: "vmac_xmit_base", doc: "Send adverts from the interface below the VMAC.", example: "vmac_xmit_base",
		set: func(_ *loader, d *instanceDraft, _ *syntax.Args) { d.VMACXmitBase = true },
	},
	{
		name: "use_ipvlan", args: "[name] [NAME] [ADDRESS[/LENGTH]] [bridge|private|vepa] [group GROUP]", doc: "Use an ipvlan interface.", example: "use_ipvlan",
		set: setIPVLAN,
	},
	{
		name: "lvs_sync_daemon_interface", args: "INTERFACE", status: ignored, doc: "Deprecated; for virtual servers.", example: "lvs_sync_daemon_interface eth0",
		set: func(_ *loader, d *instanceDraft, a *syntax.Args) {
			if _, ok := a.Need(); ok {
				a.Report(syntax.General, "(%s) Specifying lvs_sync_daemon_interface against a vrrp is deprecated.", d.Name)
				a.Report(syntax.General, "Please use global lvs_sync_daemon")
			}
		},
	},
	{
		name: "linkbeat_use_polling", doc: "Deprecated; use linkbeat_interfaces.", example: "linkbeat_use_polling",
		set: func(_ *loader, d *instanceDraft, a *syntax.Args) {
			d.More.LinkbeatPolling = true
			a.Report(syntax.General, "(%s) 'linkbeat_use_polling' in vrrp instance deprecated - use linkbeat_interfaces block", d.Name)
		},
	},
}

// bareAddress reads an address, leaving out a range end or else a length
// behind it.
func bareAddress(w string) (netip.Addr, bool) {
	bare, _, cut := strings.Cut(w, "-")
	if !cut {
		bare, _, _ = strings.Cut(w, "/")
	}
	return address(bare)
}

func setSource(_ *loader, d *instanceDraft, a *syntax.Args) {
	w, ok := a.Need()
	if !ok {
		return
	}
	ip, ok := bareAddress(w)
	switch {
	case !ok:
		a.Report(syntax.General, "Configuration error: VRRP instance[%s] malformed src address[%s]. Skipping...", d.Name, w)
	case !d.joins(ip):
		a.Report(syntax.General, "Configuration error: VRRP instance[%s] and src address[%s] MUST be of the same family !!! Skipping...", d.Name, w)
	default:
		d.SourceIP = ip
	}
}

func setDestination(_ *loader, d *instanceDraft, a *syntax.Args) {
	w, ok := a.Need()
	if !ok {
		return
	}
	ip, ok := address(w)
	switch {
	case !ok:
		a.Report(syntax.General, "(%s) malformed mcast dest address %s. Skipping...", d.Name, w)
	case !d.joins(ip):
		a.Report(syntax.General, "(%s) mcast dest address %s MUST match VRRP instance family. Skipping...", d.Name, w)
	case ip.Is4() && !ip.IsMulticast(), ip.Is6() && !ip.IsLinkLocalMulticast():
		a.Report(syntax.General, "(%s) mcast_dst_ip %s not multicast. Skipping...", d.Name, w)
	default:
		d.Group = ip
	}
}

// peerOptions are the options behind an address of unicast_peer.
var peerOptions = map[string]func(*Peer) *uint8{
	"min_ttl": func(p *Peer) *uint8 { return &p.MinTTL },
	"max_ttl": func(p *Peer) *uint8 { return &p.MaxTTL },
}

func addPeer(l *loader, d *instanceDraft, a *syntax.Args) {
	w, _ := a.Next()
	ip, ok := bareAddress(w)
	switch {
	case !ok:
		a.Report(syntax.General, "Configuration error: VRRP instance[%s] malformed unicast peer address[%s]. Skipping...", d.Name, w)
		return
	case !d.joins(ip):
		a.Report(syntax.General, "Configuration error: VRRP instance[%s] and unicast peer address[%s] MUST be of the same family !!! Skipping...", d.Name, w)
		return
	}
	peer := Peer{Addr: ip, MaxTTL: 255}
	for option, ok := a.Next(); ok; option, ok = a.Next() {
		field, known := peerOptions[option]
		if !known {
			a.Report(syntax.General, "(%s) unicast peer %s unknown option '%s' - ignoring", d.Name, w, option)
			continue
		}
		if a.Left() == 0 {
			a.Report(syntax.General, "(%s) %s is missing a value", d.Name, option)
			break
		}
		if v, ok := l.uint(a, rule{low: 0, high: 255, strict: true, bad: "(" + d.Name + ") unicast peer " + w + " " + option + " '%s' not valid - must be between 0 & 255"}); ok {
			*field(&peer), peer.CheckTTL = uint8(v), true
		}
	}
	if peer.MinTTL > peer.MaxTTL {
		a.Report(syntax.General, "(%s) min_ttl %d > max_ttl %d - all packets will be discarded", d.Name, peer.MinTTL, peer.MaxTTL)
	}
	if d.peers[ip] {
		a.Report(syntax.General, "(%s) duplicate unicast peer %s - ignoring", d.Name, w)
		return
	}
	d.peers[ip] = true
	d.Peers = append(d.Peers, peer)
}

func setVMAC(l *loader, d *instanceDraft, a *syntax.Args) {
	d.UseVMAC = true
	for w, ok := a.Next(); ok; w, ok = a.Next() {
		switch {
		case w == "netlink_notify_msg":
			d.More.VMACNetlinkNotify = true
		case w == "group":
			if group, ok := l.linkGroup(a, d.Name); ok {
				d.More.VMACGroup = &group
			}
		case w == "name":
			if w, ok = a.Need(); !ok {
				return
			}
			l.vmacName(a, d, w, &d.VMACName)
		case strings.Contains(w, ":"):
			setMAC(a, d, w)
		default:
			l.vmacName(a, d, w, &d.VMACName)
		}
	}
}

// linkGroup reads the group of an interface, a number or a name.
func (l *loader) linkGroup(a *syntax.Args, instance string) (uint32, bool) {
	w, ok := a.Need()
	if !ok {
		return 0, false
	}
	n, ok := l.namedNumber(w, groupNames, 1<<32-1)
	if !ok {
		a.Report(syntax.General, "(%s) unknown interface group '%s' - ignoring", instance, w)
	}
	return uint32(n), ok
}

func setMAC(a *syntax.Args, d *instanceDraft, w string) {
	octets := strings.Split(strings.TrimSuffix(w, ":"), ":")
	mac := make(net.HardwareAddr, 0, 6)
	for _, o := range octets {
		v, err := strconv.ParseUint(o, 16, 8)
		if err != nil || len(o) > 2 {
			a.Report(syntax.General, "VMAC invalid MAC address %s - ignored", w)
			return
		}
		mac = append(mac, byte(v))
	}
	switch {
	case len(d.More.VMACMAC) > 0:
		a.Report(syntax.General, "(%s) VMAC MAC address already specified - ignoring %s", d.Name, w)
	case len(mac) != 6 && len(mac) != 5, len(mac) == 6 && strings.HasSuffix(w, ":"):
		a.Report(syntax.General, "VMAC invalid MAC address %s - ignored", w)
	case mac[0]&1 != 0:
		a.Report(syntax.General, "VMAC MAC address is multicast %s - ignoring", w)
	case mac[0] == 0 && mac[1] == 0 && mac[2] == 0x5e && mac[3] == 0 && (mac[4] == 1 || mac[4] == 2):
		a.Report(syntax.General, "VMAC MAC address not allowed to be RFC5798 address (%s) - ignoring", w)
	default:
		d.More.VMACMAC = mac
	}
}

// vmacName takes the name of a VMAC or ipvlan interface.
func (l *loader) vmacName(a *syntax.Args, d *instanceDraft, w string, field *string) {
	link := l.machine.link(w)
	kind := "VMAC"
	if field == &d.More.IPVLANName {
		kind = "IPVLAN"
	}
	switch {
	case *field != "":
		a.Report(syntax.General, "(%s) %s interface name already specified - ignoring %s", d.Name, kind, w)
		return
	case w == "" || len(w) > maxInterfaceName || w == "." || w == ".." || strings.ContainsAny(w, "/: \t"):
		a.Report(syntax.General, "VMAC interface name '%s' too long or invalid characters - ignoring", w)
		return
	case link != nil && (link.Kind != "macvlan" || !link.Private) && link.Kind != "ipvlan":
		a.Report(syntax.General, "(%s) interface %s already exists and is not a private macvlan; ignoring vmac if_name", d.Name, w)
		return
	}
	if other := l.draft.virtual[w]; other != nil && other != d {
		a.Report(syntax.General, "(%s) VRRP instance %s is already using %s - ignoring name", d.Name, other.Name, w)
		return
	}
	l.draft.virtual[w] = d
	*field = w
}

func setIPVLAN(l *loader, d *instanceDraft, a *syntax.Args) {
	m := &d.More
	if m.IPVLAN {
		a.Report(syntax.General, "(%s) use_ipvlan already specified - ignoring", d.Name)
		return
	}
	m.IPVLAN = true
	modeSet := false
	for w, ok := a.Next(); ok; w, ok = a.Next() {
		ip, isAddress := address(strings.SplitN(w, "/", 2)[0])
		switch {
		case w == "bridge" || w == "private" || w == "vepa":
			if modeSet {
				a.Report(syntax.General, "(%s) ipvlan type already specified - ignoring %s", d.Name, w)
				continue
			}
			m.IPVLANMode, modeSet = w, true
		case w == "group":
			if group, ok := l.linkGroup(a, d.Name); ok {
				m.IPVLANGroup = &group
			}
		case w == "name":
			if w, ok = a.Need(); !ok {
				return
			}
			l.vmacName(a, d, w, &m.IPVLANName)
		case isAddress && m.IPVLANAddr.IsValid():
			a.Report(syntax.General, "(%s) ipvlan address already specified - ignoring %s", d.Name, w)
		case isAddress && !d.joins(ip):
			a.Report(syntax.General, "(%s) ipvlan address %s must match the family of the instance - ignoring", d.Name, w)
		case isAddress:
			if p, ok := l.prefix(a, w); ok {
				m.IPVLANAddr, d.SourceIP = p, ip
			}
		default:
			l.vmacName(a, d, w, &m.IPVLANName)
		}
	}
}
