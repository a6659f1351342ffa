package dump

import (
	"cmp"
	"fmt"
	"net/netip"
	"time"
)

// Global holds global_defs and the top-level settings.
type Global struct {
	Namespace     string
	NamespaceIPVS string
	InstanceName  string
	ParentProcess string // its name; "": the usual one
	VRRPProcess   string
	RouterID      string
	SymlinkPaths  bool // use_symlink_paths

	Mail Mail

	CheckReload      string // reload_check_config: where its messages go; "": no check
	ReloadTimeFile   string
	ReloadRepeat     bool
	ReloadAt         time.Time // zero: no reload is scheduled
	ReloadFile       string
	ConfigSaveDir    string
	DataUseInstance  bool
	Startup          *Command
	StartupTimeout   time.Duration
	Shutdown         *Command
	ShutdownTimeout  time.Duration
	Dynamic          bool // dynamic_interfaces
	AllowIfChanges   bool
	DefaultInterface string

	DisableLocalIGMP bool
	V3ChecksumAsV2   bool

	NotifyFIFO         *FIFO
	VRRPFIFO           *FIFO
	FIFOStatesOnReload bool
	PriorityChanges    bool

	Group4, Group6       netip.Addr
	GARP                 GARP
	DownTimerAdverts     int
	GARPExtra            time.Duration
	GARPExtraAll         bool
	LowerPrioNoAdvert    bool
	HigherPrioSendAdvert bool
	GARPInterval         time.Duration
	GNAInterval          time.Duration
	Version              int
	CheckUnicastSrc      bool
	SkipCheckAdvAddr     bool
	Strict               bool

	MaxAutoPriority      int // -1: disabled; 0: unset
	MinAutoPriorityDelay time.Duration
	Process              ProcessSettings

	SNMP        SNMP
	DBus        bool
	DBusService string // dbus_service_name

	ScriptSecurity     bool
	ScriptUID          uint32
	ScriptGID          uint32
	CmdRcvBufs         uint32
	CmdRcvForce        bool
	MonitorRcvBufs     uint32
	MonitorRcvForce    bool
	ProcMonRcvBufs     uint32
	ProcMonRcvForce    bool
	RxBufsPolicy       string // MTU or ADVERT; "": see RxBufsSize
	RxBufsSize         int    // 0: not configured
	RxBufsMultiples    int
	Umask              int
	StartupDelay       time.Duration
	LogUnknownVRIDs    bool
	OwnerIgnoreAdverts bool
	VMACPrefix         string
	VMACAddrPrefix     string
	JSONVersion        int
	IPRouteUsr         string
	IPRouteEtc         string
	StateDumpFile      string
	StatsDumpFile      string
	JSONDumpFile       string
}

// Mail says how state changes are mailed.
type Mail struct {
	Server      string
	Port        uint16
	Helo        string
	Timeout     time.Duration
	From        string
	To          []string
	Alert       *bool // nil: unset
	AlertVRRP   *bool
	NoFaultMail bool // no_email_faults
}

// SNMP tells which MIBs there are.
type SNMP struct {
	VRRP, RFCv2, RFCv3, Traps bool
	Socket                    string // "": the usual one
}

// FIFO is a pipe that state changes are written to.
type FIFO struct {
	Name     string
	UID, GID uint32
	Script   *Command
}

// ProcessSettings say how the process is scheduled.
type ProcessSettings struct {
	Priority      int
	NoSwap        bool
	Realtime      int
	CPUAffinity   string
	RealtimeLimit time.Duration

	CurrentRealtime int           // 0: none
	CurrentLimit    time.Duration // 0: none
}

func (p *printer) global(g *Global, parent bool) {
	p.head("Global definitions")
	p.globalIdentity(g)
	p.globalMail(&g.Mail)
	p.globalReload(g)
	p.line(1, "Dynamic interfaces = %t", g.Dynamic)
	p.when(g.Dynamic, 1, "Allow interface changes = %t", g.AllowIfChanges)
	p.when(g.Mail.NoFaultMail, 1, "Send emails for fault transitions = off")
	p.when(!parent, 1, "Default interface = %s", g.DefaultInterface)
	p.line(1, "Disable local IGMP = %s", yesNo(g.DisableLocalIGMP))
	p.line(1, "Use VRRPv2 checksum for VRRPv3 IPv4 = %s", yesNo(g.V3ChecksumAsV2))
	p.fifo("Global", g.NotifyFIFO)
	p.fifo("VRRP", g.VRRPFIFO)
	p.line(1, "FIFO write vrrp states on reload = %t", g.FIFOStatesOnReload)
	p.line(1, "VRRP notify priority changes = %t", g.PriorityChanges)
	p.globalProtocol(g)
	p.globalProcess(g)
	p.globalRest(g)
}

func (p *printer) globalIdentity(g *Global) {
	p.line(1, "Network namespace = %s", or(g.Namespace, "(default)"))
	p.line(1, "Network namespace ipvs = %s", or(g.NamespaceIPVS, "(main namespace)"))
	p.when(g.InstanceName != "", 1, "Instance name = %s", g.InstanceName)
	p.when(g.ParentProcess != "", 1, "Parent process name = %s", g.ParentProcess)
	p.when(g.VRRPProcess != "", 1, "VRRP process name = %s", g.VRRPProcess)
	if g.SymlinkPaths {
		p.line(1, "Keep symlinks in script paths")
	} else {
		p.line(1, "Replace symlinks in script paths")
	}
	p.line(1, "Router ID = %s", g.RouterID)
}

func (p *printer) globalMail(m *Mail) {
	if m.Server != "" {
		p.line(1, "Smtp server = %s", m.Server)
		p.line(1, "Smtp server port = %d", m.Port)
	}
	p.when(m.Helo != "", 1, "Smtp HELO name = %s", m.Helo)
	p.when(m.Timeout > 0, 1, "Smtp server connection timeout = %d", seconds(m.Timeout))
	p.when(m.From != "", 1, "Email notification from = %s", m.From)
	p.when(len(m.To) > 0, 1, "Email notification to:")
	for _, to := range m.To {
		p.line(3, "%s", to)
	}
	p.line(1, "Default smtp_alert = %s", unsetOnOff(m.Alert))
	p.line(1, "Default smtp_alert_vrrp = %s", unsetOnOff(m.AlertVRRP))
}

func (p *printer) globalReload(g *Global) {
	if g.CheckReload != "" {
		p.line(1, "Test config before reload, log to %s", g.CheckReload)
	} else {
		p.line(1, "No test config before reload")
	}
	if g.ReloadTimeFile != "" {
		repeat := ""
		if g.ReloadRepeat {
			repeat = " (repeat)"
		}
		p.line(1, "Reload time file = %s%s", g.ReloadTimeFile, repeat)
		if g.ReloadAt.IsZero() {
			p.line(1, "No reload scheduled")
		} else {
			p.line(1, "Reload scheduled for %s", g.ReloadAt.Format(time.DateTime))
		}
	}
	p.when(g.ReloadFile != "", 1, "Reload_file = %s", g.ReloadFile)
	p.line(1, "keep script symlinks = %t", g.SymlinkPaths)
	p.when(g.ConfigSaveDir != "", 1, "config save directory = %s", g.ConfigSaveDir)
	p.when(g.DataUseInstance, 1, "Use instance name in data dumps")
	if g.Startup != nil {
		p.line(1, "Startup script = %s, timeout %d", g.Startup.withUser(), seconds(g.StartupTimeout))
	}
	if g.Shutdown != nil {
		p.line(1, "Shutdown script = %s, timeout %d", g.Shutdown.withUser(), seconds(g.ShutdownTimeout))
	}
}

func (p *printer) fifo(kind string, f *FIFO) {
	if f == nil {
		return
	}
	p.line(1, "%s notify fifo = %s, uid:gid %d:%d", kind, f.Name, f.UID, f.GID)
	if f.Script != nil {
		p.line(1, "%s notify fifo script = %s", kind, f.Script.withUser())
	}
}

func (p *printer) globalProtocol(g *Global) {
	p.line(1, "VRRP IPv4 mcast group = %s", g.Group4)
	p.line(1, "VRRP IPv6 mcast group = %s", g.Group6)
	p.line(1, "Gratuitous ARP delay = %d", seconds(g.GARP.Delay))
	p.line(1, "Gratuitous ARP repeat = %d", g.GARP.Repeat)
	p.line(1, "Gratuitous ARP refresh timer = %d", seconds(g.GARP.Refresh))
	p.line(1, "Gratuitous ARP refresh repeat = %d", g.GARP.RefreshRepeat)
	p.line(1, "Gratuitous ARP lower priority delay = %d", seconds(g.GARP.LowerDelay))
	p.line(1, "Gratuitous ARP lower priority repeat = %d", g.GARP.LowerRepeat)
	p.line(1, "Num adverts before down = %d", g.DownTimerAdverts)
	p.line(1, "Gratuitous ARP for each secondary %s = %ds", extraKind(g.GARPExtraAll), seconds(g.GARPExtra))
	p.line(1, "Send advert after receive lower priority advert = %t", !g.LowerPrioNoAdvert)
	p.line(1, "Send advert after receive higher priority advert = %t", g.HigherPrioSendAdvert)
	p.line(1, "Gratuitous ARP interval = %f", g.GARPInterval.Seconds())
	p.line(1, "Gratuitous NA interval = %f", g.GNAInterval.Seconds())
	p.line(1, "VRRP default protocol version = %d", g.Version)
	p.line(1, "VRRP check unicast_src = %t", g.CheckUnicastSrc)
	p.line(1, "VRRP skip check advert addresses = %t", g.SkipCheckAdvAddr)
	p.line(1, "VRRP strict mode = %t", g.Strict)
}

func (p *printer) globalProcess(g *Global) {
	if g.MaxAutoPriority < 0 {
		p.line(1, "Max auto priority = Disabled")
	} else {
		p.line(1, "Max auto priority = %d", g.MaxAutoPriority)
	}
	p.line(1, "Min auto priority delay = %d usecs", g.MinAutoPriorityDelay.Microseconds())
	p.line(1, "VRRP process priority = %d", g.Process.Priority)
	p.line(1, "VRRP don't swap = %t", g.Process.NoSwap)
	p.line(1, "VRRP realtime priority = %d", g.Process.Realtime)
	p.when(g.Process.CPUAffinity != "", 1, "VRRP CPU Affinity = %s", g.Process.CPUAffinity)
	p.line(1, "VRRP realtime limit = %d", g.Process.RealtimeLimit.Microseconds())
}

// monitoring prints who may look from outside.
func (p *printer) monitoring(g *Global) {
	for _, x := range []struct {
		what string
		on   bool
	}{
		{"SNMP vrrp", g.SNMP.VRRP},
		{"SNMP checker", false},
		{"SNMP RFCv2", g.SNMP.RFCv2},
		{"SNMP RFCv3", g.SNMP.RFCv3},
		{"SNMP traps", g.SNMP.Traps},
	} {
		p.line(1, "%s %s", x.what, ableText(x.on))
	}
	p.line(1, "SNMP socket = %s", cmp.Or(g.SNMP.Socket, "default (unix:/var/agentx/master)"))
	p.line(1, "DBus %s", ableText(g.DBus))
	p.line(1, "DBus service name = %s", g.DBusService)
}

func ableText(yes bool) string {
	if yes {
		return "enabled"
	}
	return "disabled"
}

func (p *printer) globalRest(g *Global) {
	p.monitoring(g)
	if g.ScriptSecurity {
		p.line(1, "Script security enabled")
	} else {
		p.line(1, "Script security disabled")
	}
	p.line(1, "Default script uid:gid %d:%d", g.ScriptUID, g.ScriptGID)
	p.buffers("vrrp_netlink_cmd_rcv_bufs", g.CmdRcvBufs, g.CmdRcvForce)
	p.buffers("vrrp_netlink_monitor_rcv_bufs", g.MonitorRcvBufs, g.MonitorRcvForce)
	p.buffers("process_monitor_rcv_bufs", g.ProcMonRcvBufs, g.ProcMonRcvForce)
	switch {
	case g.RxBufsPolicy != "":
		p.line(1, "rx_bufs_policy = %s", g.RxBufsPolicy)
	case g.RxBufsSize > 0:
		p.line(1, "rx_bufs_size = %d", g.RxBufsSize)
	}
	p.line(1, "rx_bufs_multiples = %d", g.RxBufsMultiples)
	p.line(1, "umask = 0%o", g.Umask)
	p.when(g.StartupDelay > 0, 1, "vrrp_startup_delay = %s", shortest(g.StartupDelay))
	p.when(g.LogUnknownVRIDs, 1, "log_unknown_vrids")
	p.when(g.OwnerIgnoreAdverts, 1, "vrrp_owner_ignore_adverts")
	p.when(g.VMACPrefix != "", 1, "VMAC prefix = %s", g.VMACPrefix)
	p.when(g.VMACAddrPrefix != "", 1, "VMAC address prefix = %s", g.VMACAddrPrefix)
	p.when(p.transient && g.Process.CurrentRealtime > 0, 1, "current realtime priority = %d", g.Process.CurrentRealtime)
	p.when(p.transient && g.Process.CurrentLimit > 0, 1, "current realtime time limit = %d", g.Process.CurrentLimit.Microseconds())
	p.line(1, "json_version %d", max(g.JSONVersion, 1))
	p.when(g.IPRouteUsr != "", 1, "iproute usr directory %s", g.IPRouteUsr)
	p.when(g.IPRouteEtc != "", 1, "iproute etc directory %s", g.IPRouteEtc)
	p.when(g.StateDumpFile != "", 1, "state dump file %s", g.StateDumpFile)
	p.when(g.StatsDumpFile != "", 1, "stats dump file %s", g.StatsDumpFile)
	p.when(g.JSONDumpFile != "", 1, "json dump file %s", g.JSONDumpFile)
}

func (p *printer) buffers(name string, size uint32, force bool) {
	p.line(1, "%s = %d", name, size)
	n := 0
	if force {
		n = 1
	}
	p.line(1, "%s_force = %d", name, n)
}

func unsetOnOff(b *bool) string {
	switch {
	case b == nil:
		return "unset"
	case *b:
		return "on"
	default:
		return "off"
	}
}

func extraKind(all bool) string {
	if all {
		return "i/f"
	}
	return "VMAC"
}

func (c *Command) withUser() string { return fmt.Sprintf("%s, uid:gid %d:%d", c, c.UID, c.GID) }
