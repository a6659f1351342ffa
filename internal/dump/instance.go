package dump

import "time"

// owner is the priority of the router that owns the addresses.
const owner = 255

func (p *printer) instance(v *Instance) {
	p.put(1, "VRRP Instance = ", v.Name)
	p.num(3, "VRRP Version = ", int64(v.Version))
	if v.Group != "" {
		p.put(3, "Sync group = ", v.Group)
	}
	p.when(v.IPv6, 3, "Using Native IPv6")
	p.instanceState(v)
	p.instanceFaults(v)
	if p.transient {
		p.moment(3, "Last transition = ", v.LastTransition)
		if v.ReadTimeout.IsZero() {
			p.put(3, "Read timeout = DISABLED")
		} else {
			p.moment(3, "Read timeout = ", v.ReadTimeout)
		}
		p.unit(3, "Master down timer = ", v.MasterDown.Microseconds(), " usecs")
	}
	p.instanceInterface(v)
	p.instanceAnnounce(v)
	p.instancePriority(v)
	p.instanceAuth(v)
	p.unit(3, "Virtual IP (", int64(len(v.Addresses)), "):")
	for i := range v.Addresses {
		p.address(5, &v.Addresses[i])
	}
	p.when(len(v.Excluded) > 0, 3, "Virtual IP Excluded :")
	for i := range v.Excluded {
		p.address(5, &v.Excluded[i])
	}
	p.instanceUnicast(v)
	if v.HasSockets {
		p.two(3, "fd_in ", v.FDIn, ", fd_out ", v.FDOut)
	} else {
		p.put(3, "No sockets allocated")
	}
	p.items("Virtual Routes", v.Routes)
	p.items("Virtual Rules", v.Rules)
	p.instanceTracked(&v.Tracked, "Tracked processes")
	p.put(3, "Using smtp notification = ", yesNo(v.SMTPAlert))
	if v.NotifyDelete {
		p.put(3, "Notify deleted = Deleted")
	} else {
		p.put(3, "Notify deleted = Fault")
	}
	p.notify("Backup", v.Notify.Backup)
	p.notify("Master", v.Notify.Master)
	p.notify("Fault", v.Notify.Fault)
	p.notify("Stop", v.Notify.Stop)
	p.notify("Deleted", v.Notify.Deleted)
	p.notify("Generic", v.Notify.Any)
	p.notify("Master rx lower pri", v.Notify.RxLowerPri)
	p.truth(3, "Notify priority changes = ", v.PriorityChanges)
}

// items prints a list under a title within an instance, if there is anything in
// it.
func (p *printer) items(title string, list []string) {
	if len(list) > 0 {
		p.put(3, title, " :")
	}
	for _, text := range list {
		p.put(5, text)
	}
}

func (p *printer) instanceState(v *Instance) {
	if p.transient {
		p.put(3, "State = ", v.State.String())
	}
	if p.transient && v.State == Backup {
		p.put(3, "Master router = ", addressOrZero(v))
		p.num(3, "Master priority = ", int64(v.MasterPriority))
		if v.Version == 3 {
			p.unit(3, "Master advert interval = ", v.MasterInterval.Milliseconds(), " milli-sec")
		}
	}
	if p.transient && v.State == Master && v.Priority == owner {
		// keepalived looks for rogue masters with a timer of its own.
		p.put(3, "Rogue master counter = 0")
		p.put(3, "Roger timer thread = (nil)")
	}
	if !v.Unicast && !v.UnicastFallback && !v.UnicastFault {
		p.put(3, "Flags: none")
	} else {
		p.put(3, "Flags:")
		p.when(v.Unicast, 5, "Using unicast")
		p.when(v.UnicastFallback, 5, "Unicast config option specified but using multicast")
		p.when(v.UnicastFault, 5, "If unicast go to fault state if no peers")
	}
	p.put(3, "Wantstate = ", v.Wants.String())
}

// addressOrZero is the Master's address, or that of nobody.
func addressOrZero(v *Instance) string {
	switch {
	case v.Master.IsValid():
		return address(v.Master)
	case v.IPv6:
		return "::"
	default:
		return "0.0.0.0"
	}
}

func (p *printer) instanceFaults(v *Instance) {
	p.num(3, "Number of config faults = ", int64(v.ConfigFaults))
	if !p.transient {
		return
	}
	p.num(3, "Number of tracker faults = ", int64(v.TrackerFaults))
	if v.InterfaceFaults == 0 {
		p.put(3, "Flags of interface faults - (none)")
	} else {
		p.put(3, "Flags of interface faults:")
		for _, name := range v.InterfaceFaults.Names() {
			p.put(5, "", name)
		}
	}
	p.num(3, "Number of track scripts init = ", int64(v.ScriptsInit))
}

func (p *printer) instanceInterface(v *Instance) {
	p.virtual(v)
	if v.VRF != "" {
		p.put(3, "VRF = ", v.VRF)
	}
	p.when(v.DontTrackPrimary, 3, "VRRP interface tracking disabled")
	p.when(v.SkipCheckAdvAddr, 3, "Skip checking advert IP addresses")
	p.when(v.NoVirtualIPAddress, 3, "Suppress no VIPs warning")
	p.when(v.Strict, 3, "Enforcing strict VRRP compliance")
	p.begin(3, "Using src_ip = ")
	p.b = append(appendAddress(p.b, v.Source), pick(v.SourceConfigured, " (from configuration)", "")...)
	p.end()
	switch {
	case v.Unicast:
	case v.IPv6:
		p.line(3, "Multicast address %s, ifindex %d", address(v.Multicast), v.MulticastIndex)
	default:
		p.addr(3, "Multicast address ", v.Multicast)
	}
}

// virtual prints which interface the instance uses, and what of it is virtual.
func (p *printer) virtual(v *Instance) {
	x := v.Virtual
	if x != nil {
		p.line(3, "Use %s, i/f name %s, is_up = %t, xmit_base = %t", pick(x.IPVLAN, "IPVLAN", "VMAC"), x.Name, x.Up, x.TransmitBase)
		p.when(x.MAC != nil, 5, "MAC = %s%s", mac(x.MAC), pick(x.MACWithVRID, " (using VRID)", ""))
		if x.Group != nil {
			p.num(5, "Interface group ", int64(*x.Group))
		}
	}
	p.when(v.VirtualAddresses, 3, "Use VMAC for VIPs on other interfaces")
	if x == nil {
		p.put(3, "Interface = ", or(v.Interface, "not configured"))
		return
	}
	p.line(3, "Interface = %s, %s on %s%s", x.Name, pick(x.IPVLAN, "ipvlan", "vmac"), v.Interface, pick(x.TransmitBase, ", xmit base i/f", ""))
}

func (p *printer) instanceAnnounce(v *Instance) {
	p.num(3, "Gratuitous ARP delay = ", seconds(v.GARP.Delay))
	p.num(3, "Gratuitous ARP repeat = ", int64(v.GARP.Repeat))
	p.num(3, "Gratuitous ARP refresh = ", seconds(v.GARP.Refresh))
	p.num(3, "Gratuitous ARP refresh repeat = ", int64(v.GARP.RefreshRepeat))
	p.num(3, "Gratuitous ARP lower priority delay = ", seconds(v.GARP.LowerDelay))
	p.num(3, "Gratuitous ARP lower priority repeat = ", int64(v.GARP.LowerRepeat))
	p.num(3, "Down timer adverts = ", int64(v.DownTimerAdverts))
	p.when(v.GARPExtra > 0, 3, "Gratuitous ARP for each secondary %s = %d", extraKind(v.GARPExtraAll), seconds(v.GARPExtra))
	p.truth(3, "Send advert after receive lower priority advert = ", !v.LowerPrioNoAdvert)
	p.truth(3, "Send advert after receive higher priority advert = ", v.HigherPrioSendAdvert)
	if v.Priority == owner {
		p.truth(3, "Address owner ignores received adverts = ", v.OwnerIgnoreAdverts)
	}
}

func (p *printer) instancePriority(v *Instance) {
	p.num(3, "Virtual Router ID = ", int64(v.VRID))
	p.num(3, "Priority = ", int64(v.Priority))
	if p.transient {
		p.num(3, "Effective priority = ", int64(v.EffectivePriority))
		p.num(3, "Total priority = ", int64(v.TotalPriority))
	}
	if v.NoPreempt {
		p.num(3, "Highest other priority = ", int64(v.HighestOther))
	}
	if v.Version == 3 {
		p.unit(3, "Advert interval = ", v.AdvertInterval.Milliseconds(), " milli-sec")
	} else {
		p.unit(3, "Advert interval = ", int64(v.AdvertInterval/time.Second), " sec")
	}
	p.begin(3, "Last advert sent = ")
	p.b = appendInstant(p.b, v.LastAdvert)
	p.end()
	p.put(3, "Accept = ", enabled(v.Accept))
	p.put(3, "Preempt = ", enabled(!v.NoPreempt))
	if v.PreemptDelay > 0 {
		p.put(3, "Preempt delay = ", shortest(v.PreemptDelay), " secs")
	}
	p.put(3, "Promote_secondaries = ", enabled(v.PromoteSecondaries))
}

func (p *printer) instanceAuth(v *Instance) {
	switch {
	case v.Auth == AuthAH:
		p.put(3, "Authentication type = IPSEC_AH")
	case v.Auth == AuthPass:
		p.put(3, "Authentication type = SIMPLE_PASSWORD")
		p.put(3, "Password = ********")
	case v.Version == 2:
		p.put(3, "Authentication type = none")
	}
	if x := v.Extension; x != nil {
		p.put(3, "Authentication extension = HMAC-SHA256-128")
		p.line(5, "Keys = %d, active key id = %d", x.Keys, x.Active)
		p.put(5, "Mode = ", x.Mode)
		if x.Window > 0 {
			p.unit(5, "Anti replay = time, window = ", int64(x.Window/time.Second), " sec")
		} else {
			p.put(5, "Anti replay = monotonic")
		}
	}
	if v.Version == 3 && !v.IPv6 {
		p.put(3, "VRRPv3 uses VRRPv2 checksum = ", enabled(v.V3ChecksumAsV2))
	}
	if v.ReceiveBuffer > 0 {
		p.num(3, "Kernel rx buffer size = ", int64(v.ReceiveBuffer))
	}
	if v.Debug > 0 {
		p.num(3, "Debug level = ", int64(v.Debug))
	}
}

func (p *printer) instanceUnicast(v *Instance) {
	if !v.Unicast {
		return
	}
	if v.UnicastTTL >= 0 {
		p.num(3, "Unicast TTL = ", int64(v.UnicastTTL))
	}
	p.put(3, "Check unicast src : ", yesNo(v.CheckUnicastSrc))
	p.put(3, "Unicast Peer :")
	for _, peer := range v.Peers {
		p.line(5, "%s min_ttl %d max_ttl %d", peer.Addr, peer.MinTTL, peer.MaxTTL)
	}
	p.put(3, "Unicast checksum compatibility = ", or(v.ChecksumCompat, "no"))
}

func (p *printer) instanceTracked(t *Tracked, processes string) {
	p.tracks("Tracked interfaces", "", t.Interfaces)
	p.tracks("Tracked scripts", "", t.Scripts)
	p.tracks("Tracked files", ",", t.Files)
	p.tracks(processes, ",", t.Processes)
	p.tracks("Tracked BFDs", ":", t.BFDs)
}
