package dump

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

func (p *printer) socket(s *Socket) {
	p.two(1, "fd_in ", s.FDIn, " fd_out = ", s.FDOut)
	p.put(3, "Interface = ", s.Interface)
	p.put(3, "Family = ", pick(s.IPv6, "IPv6", "IPv4"))
	p.put(3, "Protocol = ", pick(s.AH, "AH", "VRRP"))
	p.put(3, "Type = ", pick(s.Unicast, "Unicast", "Multicast"))
	p.when(s.Unicast, 3, "Address = %s", address(s.Address))
	p.num(3, "Rx buf size = ", int64(s.ReceiveBuffer))
	p.put(3, "VRRP instances")
	for _, v := range s.Instances {
		p.begin(5, v.Name)
		p.b = strconv.AppendInt(append(p.b, " vrid "...), int64(v.VRID), 10)
		p.end()
	}
}

func (p *printer) group(g *Group) {
	p.put(1, "VRRP Sync Group = ", g.Name, ", ", g.State.String())
	p.two(3, "Num member fault ", g.Faults, ", num member init ", g.Inits)
	p.put(3, "VRRP member instances :")
	for _, name := range g.Members {
		p.put(5, name)
	}
	p.when(g.TrackingWeight, 3, "sync group tracking weight set")
	p.put(3, "Using smtp notification = ", yesNo(g.SMTPAlert))
	if g.PriorityChanges != nil {
		p.put(3, "Notify priority changes = ", yesNo(*g.PriorityChanges))
	}
	p.instanceTracked(&g.Tracked, "Tracked process")
	p.notify("Backup", g.Notify.Backup)
	p.notify("Master", g.Notify.Master)
	p.notify("Fault", g.Notify.Fault)
	p.notify("Stop", g.Notify.Stop)
	p.notify("Generic", g.Notify.Any)
}

func (p *printer) trackGroup(g *TrackGroup) {
	p.put(1, "Static Track Group = ", g.Name)
	p.put(3, "VRRP member instances :")
	for _, name := range g.Members {
		p.put(5, name)
	}
}

func (p *printer) script(s *Script) {
	p.put(1, "VRRP Script = ", s.Name)
	p.put(3, "Command = ", s.Command.String())
	p.when(s.Command.moved(), 3, "Path = %s", s.Command.Path)
	p.put(3, "Interval = ", millis(s.Interval), " sec")
	p.put(3, "Timeout = ", millis(s.Timeout), " sec")
	p.put(3, "Weight = ", weight(s.Weight, s.Reverse))
	p.num(3, "Rise = ", int64(s.Rise))
	p.num(3, "Fall = ", int64(s.Fall))
	p.num(3, "Result = ", int64(s.Result))
	p.put(3, "Insecure = ", yesNo(s.Insecure))
	p.put(3, "Init state = ", or(s.Init, "unknown"))
	p.put(3, "Status = ", pick(s.Good, "GOOD", "BAD"))
	p.line(3, "Script uid:gid = %d:%d", s.Command.UID, s.Command.GID)
	p.put(3, "VRRP instances :")
	p.trackedBy("Tracking instances", s.TrackedBy)
	p.put(3, "State = ", or(s.State, "idle"))
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
	p.put(3, title, " :")
	p.trackLines(",", list)
}

func (p *printer) file(f *TrackFile) {
	p.put(1, "Track file = ", f.Name)
	p.put(3, "File = ", f.Path)
	p.num(3, "Status = ", int64(f.Status))
	p.put(3, "Weight = ", weight(f.Weight, f.Reverse))
	p.trackedBy("Tracking instances", f.TrackedBy)
}

func (p *printer) process(v *Process) {
	p.put(1, "VRRP Track process = ", v.Name)
	p.put(3, "Process = ", v.Process)
	p.when(len(v.Params) > 0, 3, "Parameters = %s", strings.Join(v.Params, " "))
	switch v.ParamMatch {
	case "":
	case "exact":
		p.put(3, "Param match")
	default:
		p.put(3, "Param match = ", v.ParamMatch)
	}
	p.num(3, "Min processes = ", int64(v.Min))
	p.when(v.Max > 0, 3, "Max processes = %d", v.Max)
	p.num(3, "Current processes = ", int64(v.Current))
	p.truth(3, "Have quorum = ", v.HaveQuorum)
	p.put(3, "Weight = ", weight(v.Weight, v.Reverse))
	p.line(3, "Terminate delay = %fs", v.TerminateDelay.Seconds())
	p.line(3, "Fork delay = %fs", v.ForkDelay.Seconds())
	p.when(p.transient, 3, "Fork delay timer %srunning", not(v.ForkTimer))
	p.when(p.transient, 3, "Terminate delay timer %srunning", not(v.TerminateTimer))
	p.truth(3, "Full command = ", v.FullCommand)
	p.trackedBy("Tracking instances", v.TrackedBy)
}

func (p *printer) bfd(b *BFD) {
	p.put(1, "VRRP Track BFD = ", b.Name)
	p.put(3, "Weight = ", weight(b.Weight, b.Reverse))
	p.put(3, "Bfd is ", pick(b.Up, "up", "down"))
	p.put(3, "Tracking VRRP instances :")
	p.trackedBy("Tracking instances", b.TrackedBy)
}

func (p *printer) iface(i *Interface) {
	p.put(1, "Name = ", i.Name)
	gone := ""
	if i.Index == 0 {
		gone = " (deleted)"
	}
	p.line(3, "index = %d%s", i.Index, gone)
	p.ifaceAddresses("IPv4", i.IPv4)
	p.ifaceAddresses("IPv6", i.IPv6)
	if len(i.MAC) > 0 {
		p.put(3, "MAC = ", mac(i.MAC))
		p.put(3, "MAC broadcast = ", mac(i.Broadcast))
	}
	p.put(3, "State = ", i.flags())
	p.put(3, "Seen up = ", pick(i.SeenUp, "1", "0"))
	p.truth(3, "Delayed state change running = ", i.DelayRunning)
	p.unit(3, "Up debounce timer = ", i.UpDelay.Microseconds(), "us")
	p.unit(3, "Down debounce timer = ", i.DownDelay.Microseconds(), "us")
	p.num(3, "Group = ", int64(i.Group))
	if v := i.Virtual; v != nil {
		state := pick(v.BaseUp, "UP", "not UP") + pick(v.BaseRunning, ", RUNNING", ", not RUNNING")
		p.line(3, "%s type %s, underlying interface = %s, state = %s", pick(v.IPVLAN, "IPVLAN", "VMAC"), v.Mode, v.Base, state)
		p.when(v.Ours, 3, "I/f created by keepalived")
	}
	p.num(3, "MTU = ", int64(i.MTU))
	p.put(3, "HW Type = ", hardware(i.HardwareType))
	p.put(3, "NIC ", linkbeat(i.Linkbeat))
	p.when(i.GARPInterval > 0, 3, "Gratuitous ARP interval %dms", i.GARPInterval.Milliseconds())
	p.num(3, "Reset ARP config counter ", int64(i.ARPResets))
	p.num(3, "Original arp_ignore ", int64(i.ArpIgnore))
	p.num(3, "Original arp_filter ", int64(i.ArpFilter))
	if i.RPFilter != nil {
		p.num(3, "rp_filter ", int64(*i.RPFilter))
	}
	p.num(3, "Original promote_secondaries ", int64(i.PromoteSecondaries))
	p.num(3, "Reset promote_secondaries counter ", int64(i.PromoteResets))
	if len(i.TrackedBy) > 0 {
		p.trackedBy("Tracking VRRP instances", i.TrackedBy)
	}
}

// ifaceAddresses prints the first address of a family and then the others.
func (p *printer) ifaceAddresses(family string, list []netip.Addr) {
	if len(list) == 0 {
		p.put(3, family, " address = (none)")
		return
	}
	p.addr(3, family+" address = ", list[0])
	p.when(len(list) > 1, 3, "Additional %s addresses :", family)
	for _, a := range list[1:] {
		p.addr(5, "", a)
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
