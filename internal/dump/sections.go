package dump

import (
	"fmt"
	"net/netip"
	"strings"
	"time"
)

func (p *printer) socket(s *Socket) {
	p.line(1, "fd_in %d fd_out = %d", s.FDIn, s.FDOut)
	p.line(3, "Interface = %s", s.Interface)
	p.line(3, "Family = %s", pick(s.IPv6, "IPv6", "IPv4"))
	p.line(3, "Protocol = %s", pick(s.AH, "AH", "VRRP"))
	p.line(3, "Type = %s", pick(s.Unicast, "Unicast", "Multicast"))
	p.when(s.Unicast, 3, "Address = %s", address(s.Address))
	p.line(3, "Rx buf size = %d", s.ReceiveBuffer)
	p.line(3, "VRRP instances")
	for _, v := range s.Instances {
		p.line(5, "%s vrid %d", v.Name, v.VRID)
	}
}

func (p *printer) group(g *Group) {
	p.line(1, "VRRP Sync Group = %s, %s", g.Name, g.State)
	p.line(3, "Num member fault %d, num member init %d", g.Faults, g.Inits)
	p.line(3, "VRRP member instances :")
	for _, name := range g.Members {
		p.line(5, "%s", name)
	}
	p.when(g.TrackingWeight, 3, "sync group tracking weight set")
	p.line(3, "Using smtp notification = %s", yesNo(g.SMTPAlert))
	if g.PriorityChanges != nil {
		p.line(3, "Notify priority changes = %s", yesNo(*g.PriorityChanges))
	}
	p.instanceTracked(&g.Tracked, "Tracked process")
	p.notify("Backup", g.Notify.Backup)
	p.notify("Master", g.Notify.Master)
	p.notify("Fault", g.Notify.Fault)
	p.notify("Stop", g.Notify.Stop)
	p.notify("Generic", g.Notify.Any)
}

func (p *printer) trackGroup(g *TrackGroup) {
	p.line(1, "Static Track Group = %s", g.Name)
	p.line(3, "VRRP member instances :")
	for _, name := range g.Members {
		p.line(5, "%s", name)
	}
}

func (p *printer) script(s *Script) {
	p.line(1, "VRRP Script = %s", s.Name)
	p.line(3, "Command = %s", &s.Command)
	p.when(s.Command.moved(), 3, "Path = %s", s.Command.Path)
	p.line(3, "Interval = %s sec", millis(s.Interval))
	p.line(3, "Timeout = %s sec", millis(s.Timeout))
	p.line(3, "Weight = %s", weight(s.Weight, s.Reverse))
	p.line(3, "Rise = %d", s.Rise)
	p.line(3, "Fall = %d", s.Fall)
	p.line(3, "Result = %d", s.Result)
	p.line(3, "Insecure = %s", yesNo(s.Insecure))
	p.line(3, "Init state = %s", or(s.Init, "unknown"))
	p.line(3, "Status = %s", pick(s.Good, "GOOD", "BAD"))
	p.line(3, "Script uid:gid = %d:%d", s.Command.UID, s.Command.GID)
	p.line(3, "VRRP instances :")
	p.trackedBy("Tracking instances", s.TrackedBy)
	p.line(3, "State = %s", or(s.State, "idle"))
}

// millis prints seconds, with three digits after the point where they are needed.
func millis(d time.Duration) string {
	if ms := d.Milliseconds() % 1000; ms != 0 {
		return fmt.Sprintf("%d.%03d", seconds(d), ms)
	}
	return fmt.Sprint(seconds(d))
}

// trackedBy prints those who track something; the title stands there even when
// they are none.
func (p *printer) trackedBy(title string, list []Track) {
	p.line(3, "%s :", title)
	for i := range list {
		p.line(5, "%s", list[i].text(","))
	}
}

func (p *printer) file(f *TrackFile) {
	p.line(1, "Track file = %s", f.Name)
	p.line(3, "File = %s", f.Path)
	p.line(3, "Status = %d", f.Status)
	p.line(3, "Weight = %s", weight(f.Weight, f.Reverse))
	p.trackedBy("Tracking instances", f.TrackedBy)
}

func (p *printer) process(v *Process) {
	p.line(1, "VRRP Track process = %s", v.Name)
	p.line(3, "Process = %s", v.Process)
	p.when(len(v.Params) > 0, 3, "Parameters = %s", strings.Join(v.Params, " "))
	switch v.ParamMatch {
	case "":
	case "exact":
		p.line(3, "Param match")
	default:
		p.line(3, "Param match = %s", v.ParamMatch)
	}
	p.line(3, "Min processes = %d", v.Min)
	p.when(v.Max > 0, 3, "Max processes = %d", v.Max)
	p.line(3, "Current processes = %d", v.Current)
	p.line(3, "Have quorum = %t", v.HaveQuorum)
	p.line(3, "Weight = %s", weight(v.Weight, v.Reverse))
	p.line(3, "Terminate delay = %fs", v.TerminateDelay.Seconds())
	p.line(3, "Fork delay = %fs", v.ForkDelay.Seconds())
	p.when(p.transient, 3, "Fork delay timer %srunning", not(v.ForkTimer))
	p.when(p.transient, 3, "Terminate delay timer %srunning", not(v.TerminateTimer))
	p.line(3, "Full command = %t", v.FullCommand)
	p.trackedBy("Tracking instances", v.TrackedBy)
}

func (p *printer) bfd(b *BFD) {
	p.line(1, "VRRP Track BFD = %s", b.Name)
	p.line(3, "Weight = %s", weight(b.Weight, b.Reverse))
	p.line(3, "Bfd is %s", pick(b.Up, "up", "down"))
	p.line(3, "Tracking VRRP instances :")
	p.trackedBy("Tracking instances", b.TrackedBy)
}

func (p *printer) iface(i *Interface) {
	p.line(1, "Name = %s", i.Name)
	gone := ""
	if i.Index == 0 {
		gone = " (deleted)"
	}
	p.line(3, "index = %d%s", i.Index, gone)
	p.ifaceAddresses("IPv4", i.IPv4)
	p.ifaceAddresses("IPv6", i.IPv6)
	if len(i.MAC) > 0 {
		p.line(3, "MAC = %s", mac(i.MAC))
		p.line(3, "MAC broadcast = %s", mac(i.Broadcast))
	}
	p.line(3, "State = %s", i.flags())
	p.line(3, "Seen up = %s", pick(i.SeenUp, "1", "0"))
	p.line(3, "Delayed state change running = %t", i.DelayRunning)
	p.line(3, "Up debounce timer = %dus", i.UpDelay.Microseconds())
	p.line(3, "Down debounce timer = %dus", i.DownDelay.Microseconds())
	p.line(3, "Group = %d", i.Group)
	if v := i.Virtual; v != nil {
		state := pick(v.BaseUp, "UP", "not UP") + pick(v.BaseRunning, ", RUNNING", ", not RUNNING")
		p.line(3, "%s type %s, underlying interface = %s, state = %s", pick(v.IPVLAN, "IPVLAN", "VMAC"), v.Mode, v.Base, state)
		p.when(v.Ours, 3, "I/f created by keepalived")
	}
	p.line(3, "MTU = %d", i.MTU)
	p.line(3, "HW Type = %s", hardware(i.HardwareType))
	p.line(3, "NIC %s", linkbeat(i.Linkbeat))
	p.when(i.GARPInterval > 0, 3, "Gratuitous ARP interval %dms", i.GARPInterval.Milliseconds())
	p.line(3, "Reset ARP config counter %d", i.ARPResets)
	p.line(3, "Original arp_ignore %d", i.ArpIgnore)
	p.line(3, "Original arp_filter %d", i.ArpFilter)
	if i.RPFilter != nil {
		p.line(3, "rp_filter %d", *i.RPFilter)
	}
	p.line(3, "Original promote_secondaries %d", i.PromoteSecondaries)
	p.line(3, "Reset promote_secondaries counter %d", i.PromoteResets)
	if len(i.TrackedBy) > 0 {
		p.trackedBy("Tracking VRRP instances", i.TrackedBy)
	}
}

// ifaceAddresses prints the first address of a family and then the others.
func (p *printer) ifaceAddresses(family string, list []netip.Addr) {
	if len(list) == 0 {
		p.line(3, "%s address = (none)", family)
		return
	}
	p.line(3, "%s address = %s", family, address(list[0]))
	p.when(len(list) > 1, 3, "Additional %s addresses :", family)
	for _, a := range list[1:] {
		p.line(5, "%s", address(a))
	}
}

func (i *Interface) flags() string {
	s := not(i.Up) + "UP, " + not(i.Running) + "RUNNING"
	for _, f := range []struct {
		set  bool
		text string
	}{
		{!i.BroadcastCapable, "no broadcast"},
		{i.Loopback, "loopback"},
		{i.PointToPoint, "point to point"},
		{i.NoARP, "no arp"},
		{!i.Multicast, "no multicast"},
		{i.MasterDown, "master down"},
	} {
		if f.set {
			s += ", " + f.text
		}
	}
	return s
}

// linkbeat says how the state of a link becomes known.
func linkbeat(how string) string {
	switch how {
	case "":
		return "netlink status update"
	case "IOCTL":
		return "ioctl refresh polling"
	case "ETHTOOL":
		return "support ETHTOOL GLINK interface"
	}
	return "support " + how + " interface"
}

// hardware names the ARP hardware types that matter.
func hardware(t int) string {
	switch t {
	case 1:
		return "ETHERNET"
	case 772:
		return "LOOPBACK"
	}
	return fmt.Sprintf("UNKNOWN (%d)", t)
}

func not(is bool) string { return pick(is, "", "not ") }

func pick(cond bool, yes, no string) string {
	if cond {
		return yes
	}
	return no
}
