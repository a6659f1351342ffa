package dump

import "time"

// owner is the priority of the router that owns the addresses.
const owner = 255

func (p *printer) instance(v *Instance) {
	p.line(1, "VRRP Instance = %s", v.Name)
	p.line(3, "VRRP Version = %d", v.Version)
	p.when(v.Group != "", 3, "Sync group = %s", v.Group)
	p.when(v.IPv6, 3, "Using Native IPv6")
	p.instanceState(v)
	p.instanceFaults(v)
	if p.transient {
		p.line(3, "Last transition = %s", moment(v.LastTransition))
		if v.ReadTimeout.IsZero() {
			p.line(3, "Read timeout = DISABLED")
		} else {
			p.line(3, "Read timeout = %s", moment(v.ReadTimeout))
		}
		p.line(3, "Master down timer = %d usecs", v.MasterDown.Microseconds())
	}
	p.instanceInterface(v)
	p.instanceAnnounce(v)
	p.instancePriority(v)
	p.instanceAuth(v)
	p.line(3, "Virtual IP (%d):", len(v.Addresses))
	for i := range v.Addresses {
		p.line(5, "%s", &v.Addresses[i])
	}
	p.when(len(v.Excluded) > 0, 3, "Virtual IP Excluded :")
	for i := range v.Excluded {
		p.line(5, "%s", &v.Excluded[i])
	}
	p.instanceUnicast(v)
	if v.HasSockets {
		p.line(3, "fd_in %d, fd_out %d", v.FDIn, v.FDOut)
	} else {
		p.line(3, "No sockets allocated")
	}
	p.items("Virtual Routes", v.Routes)
	p.items("Virtual Rules", v.Rules)
	p.instanceTracked(&v.Tracked, "Tracked processes")
	p.line(3, "Using smtp notification = %s", yesNo(v.SMTPAlert))
	if v.NotifyDelete {
		p.line(3, "Notify deleted = Deleted")
	} else {
		p.line(3, "Notify deleted = Fault")
	}
	p.notify("Backup", v.Notify.Backup)
	p.notify("Master", v.Notify.Master)
	p.notify("Fault", v.Notify.Fault)
	p.notify("Stop", v.Notify.Stop)
	p.notify("Deleted", v.Notify.Deleted)
	p.notify("Generic", v.Notify.Any)
	p.notify("Master rx lower pri", v.Notify.RxLowerPri)
	p.line(3, "Notify priority changes = %t", v.PriorityChanges)
}

// items prints a list under a title within an instance, if there is anything in
// it.
func (p *printer) items(title string, list []string) {
	p.when(len(list) > 0, 3, "%s :", title)
	for _, text := range list {
		p.line(5, "%s", text)
	}
}

func (p *printer) instanceState(v *Instance) {
	if p.transient {
		p.line(3, "State = %s", v.State)
	}
	if p.transient && v.State == Backup {
		p.line(3, "Master router = %s", addressOrZero(v))
		p.line(3, "Master priority = %d", v.MasterPriority)
		p.when(v.Version == 3, 3, "Master advert interval = %d milli-sec", v.MasterInterval.Milliseconds())
	}
	if p.transient && v.State == Master && v.Priority == owner {
		// keepalived looks for rogue masters with a timer of its own.
		p.line(3, "Rogue master counter = 0")
		p.line(3, "Roger timer thread = (nil)")
	}
	if !v.Unicast && !v.UnicastFallback && !v.UnicastFault {
		p.line(3, "Flags: none")
	} else {
		p.line(3, "Flags:")
		p.when(v.Unicast, 5, "Using unicast")
		p.when(v.UnicastFallback, 5, "Unicast config option specified but using multicast")
		p.when(v.UnicastFault, 5, "If unicast go to fault state if no peers")
	}
	p.line(3, "Wantstate = %s", v.Wants)
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
	p.line(3, "Number of config faults = %d", v.ConfigFaults)
	if !p.transient {
		return
	}
	p.line(3, "Number of tracker faults = %d", v.TrackerFaults)
	if v.InterfaceFaults == 0 {
		p.line(3, "Flags of interface faults - (none)")
	} else {
		p.line(3, "Flags of interface faults:")
		for i, name := range interfaceFaultNames {
			p.when(v.InterfaceFaults&(1<<i) != 0, 5, "%s", name)
		}
	}
	p.line(3, "Number of track scripts init = %d", v.ScriptsInit)
}

func (p *printer) instanceInterface(v *Instance) {
	p.virtual(v)
	p.when(v.VRF != "", 3, "VRF = %s", v.VRF)
	p.when(v.DontTrackPrimary, 3, "VRRP interface tracking disabled")
	p.when(v.SkipCheckAdvAddr, 3, "Skip checking advert IP addresses")
	p.when(v.NoVirtualIPAddress, 3, "Suppress no VIPs warning")
	p.when(v.Strict, 3, "Enforcing strict VRRP compliance")
	from := ""
	if v.SourceConfigured {
		from = " (from configuration)"
	}
	p.line(3, "Using src_ip = %s%s", address(v.Source), from)
	switch {
	case v.Unicast:
	case v.IPv6:
		p.line(3, "Multicast address %s, ifindex %d", address(v.Multicast), v.MulticastIndex)
	default:
		p.line(3, "Multicast address %s", address(v.Multicast))
	}
}

// virtual prints which interface the instance uses, and what of it is virtual.
func (p *printer) virtual(v *Instance) {
	x := v.Virtual
	if x != nil {
		p.line(3, "Use %s, i/f name %s, is_up = %t, xmit_base = %t", pick(x.IPVLAN, "IPVLAN", "VMAC"), x.Name, x.Up, x.TransmitBase)
		p.when(x.MAC != nil, 5, "MAC = %s%s", mac(x.MAC), pick(x.MACWithVRID, " (using VRID)", ""))
		if x.Group != nil {
			p.line(5, "Interface group %d", *x.Group)
		}
	}
	p.when(v.VirtualAddresses, 3, "Use VMAC for VIPs on other interfaces")
	if x == nil {
		p.line(3, "Interface = %s", or(v.Interface, "not configured"))
		return
	}
	p.line(3, "Interface = %s, %s on %s%s", x.Name, pick(x.IPVLAN, "ipvlan", "vmac"), v.Interface, pick(x.TransmitBase, ", xmit base i/f", ""))
}

func (p *printer) instanceAnnounce(v *Instance) {
	p.line(3, "Gratuitous ARP delay = %d", seconds(v.GARP.Delay))
	p.line(3, "Gratuitous ARP repeat = %d", v.GARP.Repeat)
	p.line(3, "Gratuitous ARP refresh = %d", seconds(v.GARP.Refresh))
	p.line(3, "Gratuitous ARP refresh repeat = %d", v.GARP.RefreshRepeat)
	p.line(3, "Gratuitous ARP lower priority delay = %d", seconds(v.GARP.LowerDelay))
	p.line(3, "Gratuitous ARP lower priority repeat = %d", v.GARP.LowerRepeat)
	p.line(3, "Down timer adverts = %d", v.DownTimerAdverts)
	p.when(v.GARPExtra > 0, 3, "Gratuitous ARP for each secondary %s = %d", extraKind(v.GARPExtraAll), seconds(v.GARPExtra))
	p.line(3, "Send advert after receive lower priority advert = %t", !v.LowerPrioNoAdvert)
	p.line(3, "Send advert after receive higher priority advert = %t", v.HigherPrioSendAdvert)
	p.when(v.Priority == owner, 3, "Address owner ignores received adverts = %t", v.OwnerIgnoreAdverts)
}

func (p *printer) instancePriority(v *Instance) {
	p.line(3, "Virtual Router ID = %d", v.VRID)
	p.line(3, "Priority = %d", v.Priority)
	p.when(p.transient, 3, "Effective priority = %d", v.EffectivePriority)
	p.when(p.transient, 3, "Total priority = %d", v.TotalPriority)
	p.when(v.NoPreempt, 3, "Highest other priority = %d", v.HighestOther)
	if v.Version == 3 {
		p.line(3, "Advert interval = %d milli-sec", v.AdvertInterval.Milliseconds())
	} else {
		p.line(3, "Advert interval = %d sec", v.AdvertInterval/time.Second)
	}
	p.line(3, "Last advert sent = %s", instant(v.LastAdvert))
	p.line(3, "Accept = %s", enabled(v.Accept))
	p.line(3, "Preempt = %s", enabled(!v.NoPreempt))
	p.when(v.PreemptDelay > 0, 3, "Preempt delay = %s secs", shortest(v.PreemptDelay))
	p.line(3, "Promote_secondaries = %s", enabled(v.PromoteSecondaries))
}

func (p *printer) instanceAuth(v *Instance) {
	switch {
	case v.Auth == AuthAH:
		p.line(3, "Authentication type = IPSEC_AH")
	case v.Auth == AuthPass:
		p.line(3, "Authentication type = SIMPLE_PASSWORD")
		p.line(3, "Password = ********")
	case v.Version == 2:
		p.line(3, "Authentication type = none")
	}
	if x := v.Extension; x != nil {
		p.line(3, "Authentication extension = HMAC-SHA256-128")
		p.line(5, "Keys = %d, active key id = %d", x.Keys, x.Active)
		p.line(5, "Mode = %s", x.Mode)
		if x.Window > 0 {
			p.line(5, "Anti replay = time, window = %d sec", x.Window/time.Second)
		} else {
			p.line(5, "Anti replay = monotonic")
		}
	}
	p.when(v.Version == 3 && !v.IPv6, 3, "VRRPv3 uses VRRPv2 checksum = %s", enabled(v.V3ChecksumAsV2))
	p.when(v.ReceiveBuffer > 0, 3, "Kernel rx buffer size = %d", v.ReceiveBuffer)
	p.when(v.Debug > 0, 3, "Debug level = %d", v.Debug)
}

func (p *printer) instanceUnicast(v *Instance) {
	if !v.Unicast {
		return
	}
	p.when(v.UnicastTTL >= 0, 3, "Unicast TTL = %d", v.UnicastTTL)
	p.line(3, "Check unicast src : %s", yesNo(v.CheckUnicastSrc))
	p.line(3, "Unicast Peer :")
	for _, peer := range v.Peers {
		p.line(5, "%s min_ttl %d max_ttl %d", peer.Addr, peer.MinTTL, peer.MaxTTL)
	}
	p.line(3, "Unicast checksum compatibility = %s", or(v.ChecksumCompat, "no"))
}

func (p *printer) instanceTracked(t *Tracked, processes string) {
	p.tracks("Tracked interfaces", "", t.Interfaces)
	p.tracks("Tracked scripts", "", t.Scripts)
	p.tracks("Tracked files", ",", t.Files)
	p.tracks(processes, ",", t.Processes)
	p.tracks("Tracked BFDs", ":", t.BFDs)
}
