package config

import (
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/holdfast-ha/holdfast/internal/syntax"
)

// complete runs the checks that need the whole configuration, in
// keepalived's order. For keepalived the first that makes the configuration
// impossible to run ends them.
func (l *loader) complete() {
	if l.draft.missingLink {
		l.late(syntax.BadInterface, syntax.Refuse, Pos{}, "Non-existent interface specified in configuration")
		if !l.goOn() {
			return
		}
	}
	l.checkScripts()
	for _, d := range l.draft.instances {
		if d.broken = !l.checkMinimum(d); d.broken && !l.goOn() {
			return
		}
	}
	l.joinGroups()
	for _, d := range l.draft.instances {
		if d.broken {
			continue
		}
		if d.broken = !l.completeInstance(d); d.broken && !l.goOn() {
			return
		}
	}
	if !l.checkVRIDs() && !l.goOn() {
		return
	}
	l.checkVMACs()
	for _, d := range l.draft.instances {
		if d.TrackSrcIP && !d.SourceIP.IsValid() {
			d.TrackSrcIP = false
		}
	}
	l.checkTrackGroups()
	l.checkGroupTracking()
	l.finish()
}

// goOn says whether there are more checks after one that keepalived stops at.
// What they find has no influence on the status.
func (l *loader) goOn() bool {
	l.beyond = true
	return !l.opt.StrictCompat
}

// checkMinimum refuses an instance without VRID or interface.
func (l *loader) checkMinimum(d *instanceDraft) bool {
	switch {
	case d.VRID == 0:
		l.refuse(d.at("virtual_router_id"), "(%s) the virtual router id must be set", d.Name)
	case d.Interface == "" && l.beyond && l.draft.missingLink:
		// Its interface does not exist, which has been said.
	case d.Interface == "" && !d.unicastKeyword:
		l.refuse(d.at("interface", "use_vmac", "use_ipvlan"), "(%s) Unknown interface!", d.Name)
	case d.Interface == "" && (d.UseVMAC || d.More.IPVLAN):
		l.refuse(d.at("interface", "use_vmac", "use_ipvlan"), "(%s) Unknown interface!", d.Name)
	default:
		return true
	}
	return false
}

// completeInstance settles everything an instance left open; false when it
// cannot be run.
func (l *loader) completeInstance(d *instanceDraft) bool {
	d.Strict = l.cfg.Global.Strict
	if d.strict != nil {
		d.Strict = *d.strict
	}
	l.settleVersion(d)
	l.settleState(d)
	l.settleAuth(d)
	if !l.settleUnicast(d) || !l.settleInterface(d) || !l.settleAddresses(d) {
		return false
	}
	l.settlePreemption(d)
	l.settleStrict(d)
	l.settleVirtualInterface(d)
	l.settleAdvertInt(d)
	l.settleTracking(d)
	return true
}

func (l *loader) settleVersion(d *instanceDraft) {
	d.IPv6 = d.family == family6
	switch {
	case d.IPv6 && d.Version == 2 && d.Strict:
		l.general(d.at("version"), "(%s) cannot use IPv6 with VRRP version 2; setting version 3", d.Name)
		d.Version = 3
	case d.Version != 0:
	case d.IPv6:
		d.Version = 3
	default:
		d.Version = l.cfg.Global.Version
	}
}

func (l *loader) settleState(d *instanceDraft) {
	if !d.prioritySet {
		d.Priority = 100
		if d.StateMaster {
			d.Priority = 255
		}
	}
	d.More.Owner = d.Priority == 255
	if !d.stateSet {
		d.StateMaster = d.More.Owner
	}
	if d.Strict && d.StateMaster != d.More.Owner {
		l.general(d.at("state", "priority"), "(%s) State MASTER must match being address owner", d.Name)
		d.StateMaster = d.More.Owner
	}
}

func (l *loader) settleAuth(d *instanceDraft) {
	off := func(format string, args ...any) {
		l.general(d.at("auth_type"), "(%s) "+format, append([]any{d.Name}, args...)...)
		d.Auth = AuthNone
	}
	switch {
	case d.Auth == AuthNone:
	case d.Strict:
		off("Strict mode does not support authentication. Ignoring.")
	case d.Version == 3:
		off("VRRP version 3 does not support authentication. Ignoring.")
	case d.AuthPass == "":
		off("Authentication specified but no password given. Ignoring")
	case d.IPv6 && d.Auth == AuthAH:
		off("Cannot use AH authentication with IPv6. ignoring")
	case d.Auth == AuthAH && d.StateMaster && !d.More.Owner:
		l.general(d.at("auth_type"), "(%s) Initial state master is incompatible with AH authentication - clearing", d.Name)
		d.StateMaster = false
	}
	if d.Auth == AuthNone {
		d.AuthPass = ""
	}
	if d.More.HMAC != nil {
		if d.Auth != AuthNone {
			off("auth_hmac replaces authentication. Ignoring authentication.")
			d.AuthPass = ""
		}
		l.settleHMAC(d)
	}
}

// longestWindow bounds what is made of a long interval between adverts.
const longestWindow = 300 * time.Second

// settleHMAC completes auth_hmac. Without a key to sign with the instance is not
// to run: keepalived goes on without any authentication.
func (l *loader) settleHMAC(d *instanceDraft) {
	h := d.More.HMAC
	if h.ActiveKey == 0 || !slices.ContainsFunc(h.Keys, func(k HMACKey) bool { return k.ID == h.ActiveKey }) {
		l.general(d.at("auth_hmac"), "(%s) auth_hmac active_key %d is not defined - entering fault state", d.Name, h.ActiveKey)
		d.Faults = append(d.Faults, fmt.Sprintf("auth_hmac has no usable key %d, which active_key names", h.ActiveKey))
		d.More.NoKey = true
		d.More.HMAC = nil
		return
	}
	if d.Strict && h.Mode != HMACEnforce {
		l.general(d.at("auth_hmac"), "(%s) auth_hmac mode must be enforce in strict mode - setting it", d.Name)
		h.Mode = HMACEnforce
	}
	if h.TimeWindow == 0 {
		h.TimeWindow = min(max(5*time.Second, 3*d.AdvertInt.Truncate(time.Second)), longestWindow)
	}
}

func (l *loader) settleUnicast(d *instanceDraft) bool {
	d.Unicast = len(d.Peers) > 0
	if d.unicastKeyword && !d.Unicast {
		if d.faultNoPeer {
			l.logged(d.at("unicast_fault_no_peer"), "(%s) no unicast peers - entering fault state", d.Name)
			d.Faults = append(d.Faults, "no unicast peers")
			d.Unicast = true
		} else {
			l.late(syntax.Deprecated, syntax.Report, d.at("unicast_peer", "unicast_src_ip", "check_unicast_src", "old_unicast_checksum"), "(%s) A unicast keyword has been specified without any unicast peers. "+
				"Defaulting to multicast. This usage is deprecated - please update your configuration.", d.Name)
		}
	}
	if d.Interface == "" && !d.Unicast && d.SourceIP.IsValid() {
		// keepalived tries, with no interface to send from.
		l.logged(d.at("unicast_fault_no_peer"), "(%s) no interface and no unicast peers - entering fault state", d.Name)
		d.Faults = append(d.Faults, "neither interface nor unicast peers")
	}
	link := l.machine.link(d.Interface)
	switch {
	case d.Strict && d.Unicast && link != nil && link.Multicast:
		l.refuse(d.at("unicast_peer"), "(%s) Strict mode does not support unicast peers on an interface capable of multicast", d.Name)
		return false
	case d.Interface == "" && !d.SourceIP.IsValid():
		l.refuse(d.at("unicast_peer", "unicast_src_ip", "check_unicast_src", "old_unicast_checksum"), "(%s): Unicast instances must have unicast_src_ip or interface", d.Name)
		return false
	case d.Interface == "" && d.IPv6 && d.SourceIP.IsLinkLocalUnicast():
		l.refuse(d.at("unicast_src_ip", "mcast_src_ip"), "(%s): An IPv6 unicast instance without interface cannot have a link-local source address", d.Name)
		return false
	}
	return true
}

func (l *loader) settleInterface(d *instanceDraft) bool {
	if d.Strict && len(d.More.VMACMAC) > 0 {
		l.general(d.at("use_vmac"), "(%s): cannot specify MAC address with strict mode - clearing", d.Name)
		d.More.VMACMAC = nil
	}
	link := l.machine.link(d.Interface)
	if link != nil {
		if (d.UseVMAC || d.More.IPVLAN || d.More.VMACAddr) && !link.Ethernet {
			l.general(d.at("interface"), "(%s): VMAC/ipvlan interfaces are only supported on Ethernet - %s is not", d.Name, d.Interface)
			d.Faults = append(d.Faults, "a virtual interface needs Ethernet")
			d.UseVMAC, d.More.IPVLAN, d.More.VMACAddr, d.VMACXmitBase = false, false, false, false
		}
		if !link.Multicast && !d.Unicast {
			l.general(d.at("interface"), "(%s) interface %s does not support multicast, specify unicast peers - disabling", d.Name, d.Interface)
			d.Faults = append(d.Faults, "interface "+d.Interface+" does not do multicast")
		}
		if link.NoARP && l.opt.Detail {
			l.general(d.at("interface"), "(%s) disabling gratuitous ARP on %s, which does not do ARP", d.Name, d.Interface)
		}
	}
	if d.IPv6 && !d.Unicast && len(d.Addresses) > 0 && !d.Addresses[0].Prefix.Addr().IsLinkLocalUnicast() {
		code := syntax.Log
		if d.Strict {
			code = syntax.General
		}
		l.late(code, syntax.Report, d.Addresses[0].Pos, "(%s) the first IPv6 VIP address must be link local", d.Name)
	}
	if d.More.VRF != "" && (d.Interface != "" || !d.Unicast) {
		l.general(d.at("vrf"), "(%s) VRF is only for unicast instances without interface - ignoring it", d.Name)
		d.More.VRF = ""
	}
	if d.Group.IsValid() && d.Unicast {
		l.general(d.at("mcast_dst_ip"), "(%s) multicast destination specified with unicast - ignoring", d.Name)
		d.Group = netip.Addr{}
	}
	return true
}

// defaultMTU is assumed where an interface is not there.
const defaultMTU = 1500

// maxAddresses is how many addresses fit an advert without fragmenting it.
func (l *loader) maxAddresses(d *instanceDraft) int {
	mtu := defaultMTU
	if link := l.machine.link(d.Interface); link != nil && link.MTU > 0 {
		mtu = link.MTU
	}
	header, size := 14+20+8, 4
	if d.IPv6 {
		header, size = 14+40+8, 16
	} else if d.Version == 2 {
		header += 8
		if d.Auth == AuthAH {
			header += 24
		}
	}
	if d.More.HMAC != nil && d.More.HMAC.Mode != HMACReceiveOnly {
		header += 28
	}
	return max(0, min(255, (mtu-header)/size))
}

func (l *loader) settleAddresses(d *instanceDraft) bool {
	if limit := l.maxAddresses(d); len(d.Addresses) > limit {
		l.general(d.Addresses[limit].Pos, "(%s) Number of VIPs (%d) exceeds maximum/space available in packet (max %d addresses) - excess moved to eVIPs",
			d.Name, len(d.Addresses), limit)
		d.Excluded = append(slices.Clone(d.Addresses[limit:]), d.Excluded...)
		d.Addresses = d.Addresses[:limit]
	}
	for _, list := range []*[]Address{&d.Addresses, &d.Excluded} {
		kept := (*list)[:0]
		for _, v := range *list {
			if v.UseVMAC && d.hasVMAC(v) {
				l.general(v.Pos, "(%s) use_vmac specified for VIP/eVIP %s and vrrp instance", d.Name, v.Prefix.Addr())
			}
			switch {
			case v.DevSet:
			case d.Interface == "":
				l.general(v.Pos, "(%s) address %s has no dev and the instance no interface - removing", d.Name, v.Prefix.Addr())
				continue
			default:
				v.Dev = d.Interface
			}
			kept = append(kept, v)
		}
		*list = kept
	}
	if d.Strict && d.NoVirtualIPAddress {
		l.late(syntax.Warning, syntax.Report, d.at("no_virtual_ipaddress"), "(%s) no_virtual_ipaddress is not allowed in strict mode - ignoring it", d.Name)
		d.NoVirtualIPAddress = false
	}
	if len(d.Addresses) > 0 || d.NoVirtualIPAddress {
		return true
	}
	if d.Version == 3 || d.Strict {
		l.refuse(d.at("virtual_ipaddress"), "(%s) No VIP specified; at least one is required", d.Name)
		return false
	}
	l.late(syntax.Warning, syntax.Report, d.at("virtual_ipaddress"), "(%s) No VIP specified; at least one is sensible", d.Name)
	return true
}

// hasVMAC says whether an address is on a VMAC without asking for it: on the
// instance's own, which is for its interface and family, or by use_vmac_addr
// on one for the rest.
func (d *instanceDraft) hasVMAC(v Address) bool {
	own := (!v.DevSet || v.Dev == d.Interface) && v.Prefix.Addr().Is6() == d.IPv6
	if own {
		return d.UseVMAC
	}
	return d.More.VMACAddr
}

// finish fills in what other parts are known for only now.
func (l *loader) finish() {
	g := &l.cfg.Global
	for _, d := range l.draft.instances {
		if !d.Group.IsValid() {
			d.Group = g.McastGroup4
			if d.IPv6 {
				d.Group = g.McastGroup6
			}
		}
		d.SMTPAlert = mailed(g, d.smtpAlert)
		switch {
		case d.prioChanges != nil:
			d.More.PriorityChanges = *d.prioChanges
		case d.groupDraft != nil && d.groupDraft.prioChanges != nil:
			d.More.PriorityChanges = *d.groupDraft.prioChanges
		default:
			d.More.PriorityChanges = g.More.PriorityChanges
		}
	}
	for _, x := range l.draft.groups {
		x.SMTPAlert = mailed(g, x.smtpAlert)
		x.PriorityChanges = x.prioChanges != nil && *x.prioChanges
	}
	if !l.opt.Test {
		l.dropUnusedScripts()
	}
}

// dropUnusedScripts leaves out scripts that nothing tracks. A configuration
// test says nothing about them.
func (l *loader) dropUnusedScripts() {
	used := map[string]bool{}
	for _, d := range l.draft.instances {
		for _, t := range d.TrackScripts {
			used[t.Name] = true
		}
	}
	for _, g := range l.draft.groups {
		for _, t := range g.TrackScripts {
			used[t.Name] = true
		}
	}
	l.cfg.Scripts = slices.DeleteFunc(l.cfg.Scripts, func(s *Script) bool {
		if !used[s.Name] {
			l.general(s.Pos, "Warning - script %s is not used", s.Name)
		}
		return !used[s.Name]
	})
}

// mailed says whether state changes are mailed.
func mailed(g *Global, own *bool) bool {
	for _, v := range []*bool{own, g.More.Mail.AlertVRRP, g.More.Mail.Alert} {
		if v != nil {
			return *v
		}
	}
	return false
}
