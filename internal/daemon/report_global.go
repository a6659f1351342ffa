package daemon

import (
	"cmp"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/holdfast-ha/holdfast/internal/config"
	"github.com/holdfast-ha/holdfast/internal/dump"
	"github.com/holdfast-ha/holdfast/internal/process"
)

func globalOf(cfg *config.Config, umask int, reloadAt time.Time) dump.Global {
	c := &cfg.Global
	m := &c.More
	g := dump.Global{
		Namespace: m.NetNS, NamespaceIPVS: m.NetNSIPVS, InstanceName: c.InstanceName,
		ParentProcess: m.ParentProcess.Name, VRRPProcess: m.VRRPProcess.Name,
		RouterID: c.RouterID, SymlinkPaths: m.SymlinkPaths,
		CheckReload: m.ReloadCheckConfig, ReloadTimeFile: m.ReloadTimeFile, ReloadRepeat: m.ReloadRepeat, ReloadAt: reloadAt,
		ConfigSaveDir: m.ConfigSaveDir, DataUseInstance: m.DataUseInstance,
		Startup: commandText(m.Startup.Command), StartupTimeout: m.Startup.Timeout,
		Shutdown: commandText(m.Finish.Command), ShutdownTimeout: m.Finish.Timeout,
		Dynamic: c.DynamicInterfaces, AllowIfChanges: c.AllowIfChanges, DefaultInterface: c.DefaultInterface,
		DisableLocalIGMP: m.DisableLocalIGMP, V3ChecksumAsV2: m.V3ChecksumAsV2,
		FIFOStatesOnReload: m.FIFOStatesOnReload, PriorityChanges: m.PriorityChanges,
		Group4: c.McastGroup4, Group6: c.McastGroup6, GARP: garpOf(&c.GARP), DownTimerAdverts: c.DownTimerAdverts,
		GARPExtra: m.GARPExtra, GARPExtraAll: m.GARPExtraAll,
		LowerPrioNoAdvert: m.LowerPrioNoAdvert, HigherPrioSendAdvert: m.HigherPrioSendAdvert,
		GARPInterval: m.GARPInterval, GNAInterval: m.GNAInterval, Version: c.Version,
		CheckUnicastSrc: m.CheckUnicastSrc, SkipCheckAdvAddr: m.SkipCheckAdvAddr, Strict: c.Strict,
		MaxAutoPriority: m.MaxAutoPriority, MinAutoPriorityDelay: m.MinAutoPriorityDelay,
		Process: processOf(&m.VRRPProcess), ScriptSecurity: c.ScriptSecurity,
		CmdRcvBufs: m.ReceiveBuffers.Command, CmdRcvForce: m.ReceiveBuffers.CommandForce,
		MonitorRcvBufs: m.ReceiveBuffers.Monitor, MonitorRcvForce: m.ReceiveBuffers.MonitorForce,
		ProcMonRcvBufs: m.ProcessMonitorRcvBufs, ProcMonRcvForce: m.ProcessMonitorRcvForce,
		RxBufsMultiples: int(m.ReceiveBuffers.Multiplier), Umask: umask, StartupDelay: c.StartupDelay,
		LogUnknownVRIDs: c.LogUnknownVRIDs, OwnerIgnoreAdverts: m.OwnerIgnoreAdverts,
		VMACPrefix: vmacPrefix(m.VMACPrefix), VMACAddrPrefix: vmacPrefix(m.VMACAddrPrefix),
		JSONVersion: m.JSONVersion,
		IPRouteUsr:  m.IPRouteUsrDir, IPRouteEtc: m.IPRouteEtcDir,
		StateDumpFile: m.StateDumpFile, StatsDumpFile: m.StatsDumpFile, JSONDumpFile: m.JSONDumpFile,
	}
	switch m.ReceiveBuffers.Policy {
	case config.PolicyMTU:
		g.RxBufsPolicy = "MTU"
	case config.PolicyAdvert:
		g.RxBufsPolicy = "ADVERT"
	case config.PolicySize:
		g.RxBufsSize = int(m.ReceiveBuffers.Size)
	}
	g.DBus, g.DBusService = m.DBus.Enabled, m.DBus.Service
	user := scriptUser(cfg)
	g.ScriptUID, g.ScriptGID = user.UID, user.GID
	g.NotifyFIFO, g.VRRPFIFO = fifoOf(&m.NotifyFIFO), fifoOf(&m.VRRPFIFO)
	g.Mail = mailOf(&m.Mail)
	if m.ReloadFileSet {
		g.ReloadFile = cmp.Or(m.ReloadFile, process.DefaultPaths(c.UsePidDir, c.InstanceName).Reload)
	}
	return g
}

// scriptUser is whom scripts run as that name nobody. Where the configuration
// does not say it, those of its scripts know that name nobody.
func scriptUser(cfg *config.Config) config.User {
	if u := cfg.Global.ScriptUser; u != nil {
		return *u
	}
	for _, c := range commands(cfg) {
		if c != nil && !c.UserSet {
			return c.User
		}
	}
	return config.User{UID: uint32(os.Geteuid()), GID: uint32(os.Getegid())}
}

// commands lists the scripts of the configuration; some are nil.
func commands(cfg *config.Config) []*config.Command {
	m := &cfg.Global.More
	all := []*config.Command{m.Startup.Command, m.Finish.Command, m.NotifyFIFO.Script, m.VRRPFIFO.Script}
	add := func(n *config.Notify) {
		all = append(all, n.Master, n.Backup, n.Fault, n.Stop, n.Deleted, n.MasterRxLowerPri, n.Any)
	}
	for _, s := range cfg.Scripts {
		all = append(all, &s.Command)
	}
	for _, g := range cfg.Groups {
		add(&g.Notify)
	}
	for _, i := range cfg.Instances {
		add(&i.Notify)
	}
	return all
}

// mailOf leaves out how to talk to a mail server where there is none.
func mailOf(m *config.Mail) dump.Mail {
	x := dump.Mail{From: m.From, To: m.To, Alert: m.Alert, AlertVRRP: m.AlertVRRP, NoFaultMail: m.NoFaults, Helo: m.Helo}
	if m.Server != "" {
		x.Server, x.Port, x.Timeout = m.Server, m.Port, m.ConnectTimeout
		if x.Helo == "" {
			x.Helo = config.System().NodeName()
		}
	}
	return x
}

func fifoOf(f *config.FIFO) *dump.FIFO {
	if f.Path == "" {
		return nil
	}
	x := &dump.FIFO{Name: f.Path, UID: f.User.UID, GID: f.User.GID, Script: commandText(f.Script)}
	if x.Script != nil { // it is told which pipe to read
		x.Script.Argv = append(slices.Clone(x.Script.Argv), f.Path)
	}
	return x
}

// vmacPrefix is the prefix of the names of virtual interfaces, if it is not the
// usual one.
func vmacPrefix(s string) string {
	if s == "vrrp" {
		return ""
	}
	return s
}

// rttime is how long, by default, a process in real time may run without
// waiting for anything.
const rttime = 10 * time.Millisecond

func processOf(s *config.ProcessSettings) dump.ProcessSettings {
	var cpus []string
	for _, n := range s.CPUs {
		cpus = append(cpus, strconv.Itoa(n))
	}
	return dump.ProcessSettings{
		Priority: s.Priority, NoSwap: s.NoSwap, Realtime: s.RealtimePriority,
		CPUAffinity: strings.Join(cpus, " "), RealtimeLimit: cmp.Or(s.RealtimeLimit, rttime),
	}
}
